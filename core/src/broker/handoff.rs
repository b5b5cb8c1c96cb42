//! Moving a connection to the shard that owns its session.

use crate::id::{ListenerId, PeerAddr};
use crate::time::Instant;
use alloc::vec::Vec;

/// What the new shard has to know of a connection.
#[derive(Debug)]
pub struct Moved {
    pub(crate) listener: ListenerId,
    pub(crate) peer: PeerAddr,
    pub(crate) accepted: Instant,
    /// Everything that was received: the CONNECT is parsed again where it is answered.
    pub(crate) received: Vec<u8>,
}
