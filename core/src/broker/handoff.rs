//! Moving a connection to the shard that owns its session.

use alloc::vec::Vec;

use crate::id::{ListenerId, PeerAddr, ShardId};
use crate::time::Instant;

/// What the new shard has to know of a connection: a runtime carries it there unread, see
/// [`Handoff`](crate::Handoff).
#[derive(Debug)]
pub struct Moved {
    /// The shard that it comes from, and its place among all that this one handed over, from 1.
    pub(crate) from: ShardId,
    pub(crate) number: u64,
    pub(crate) listener: ListenerId,
    pub(crate) peer: PeerAddr,
    pub(crate) accepted: Instant,
    /// Everything that was received and not handled: the CONNECT in front is read again where it is answered.
    pub(crate) received: Vec<u8>,
}
