//! What must survive a crash, as operations with positions.

/// Operations in order, and the position of the last.
#[derive(Debug, Default)]
pub struct StoreBatch {
    /// The position of the last operation in this batch: report it by [`Broker::handle_stored`](crate::Broker::handle_stored).
    pub upto: crate::id::LogPosition,
}
impl StoreBatch {
    /// Whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        true
    }
    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {}
}
