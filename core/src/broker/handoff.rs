//! Moving a connection to the shard that owns its session.

use alloc::vec::Vec;

use crate::id::{ListenerId, PeerAddr};
use crate::time::Instant;

/// What the new shard has to know of a connection: a runtime carries it there unread, see
/// [`Handoff`](crate::Handoff).
#[derive(Debug)]
pub struct Moved {
    pub(crate) listener: ListenerId,
    pub(crate) peer: PeerAddr,
    pub(crate) accepted: Instant,
    /// Everything that was received and not handled: the CONNECT in front is read again where it is answered.
    pub(crate) received: Vec<u8>,
}
