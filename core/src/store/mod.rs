//! What must survive a crash, as operations with positions, and the gate that holds acknowledgements until then.
//!
//! The core never waits for a disk. It emits [`Operation`]s in order, and whoever stores them answers one number: stored up
//! to here. An acknowledgement whose position is not yet stored waits in the gate.

pub(crate) mod gate;
mod operation;

use alloc::vec::Vec;

pub use operation::{Operation, StoredMessage};

use crate::id::LogPosition;

/// Operations in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreBatch {
    /// The operations. The last of them has the position [`upto`](Self::upto), the one before one less.
    pub operations: Vec<Operation>,
    /// The position to report by [`Broker::handle_stored`](crate::Broker::handle_stored) once all of them are stored.
    pub upto: LogPosition,
}

impl StoreBatch {
    /// Whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Forgets the operations and keeps the memory.
    pub fn clear(&mut self) {
        self.operations.clear();
    }
}
