//! What a broker wants done, as plain data: the runtime drains it once a turn and carries it out.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::access::AuthRequest;
use crate::broker::handoff::Moved;
use crate::event::{CloseReason, Event};
use crate::id::{ConnId, ShardId};
use crate::peer::PeerBatch;
use crate::store::StoreBatch;

/// The effects of the inputs since the last drain. Keep one and hand it to every
/// [`Broker::drain`](crate::Broker::drain): its vectors are swapped with the broker's and re-used.
///
/// The order in which to carry it out: `store`, `peers`, `handoff`, `flush`, `read`, `close`, `auth`, `events`.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Connections that have bytes to write, each once: write [`Broker::tx_slices`](crate::Broker::tx_slices) and report
    /// [`Broker::handle_sent`](crate::Broker::handle_sent).
    pub flush: Vec<ConnId>,
    /// Connections that end.
    pub close: Vec<Close>,
    /// Connections whose read interest may have changed: ask [`Broker::wants_read`](crate::Broker::wants_read).
    pub read: Vec<ConnId>,
    /// Batches for the other shards, those for one shard in their order. They have to be in the inboxes of those shards before a byte of
    /// [`flush`](Self::flush) is written, since what it acknowledges may be in them. For the same reason nothing is written
    /// between handing in what was read and the next drain.
    ///
    /// A shard has one inbox, first in first out, for batches and [`handoff`](Self::handoff)s of all other shards. It hands in
    /// what is there after it has read a socket or a clock and before it tells the broker what it found: bytes, the end of a
    /// connection, the time of a timer, that the server goes down. Answers to [`auth`](Self::auth) come by the same inbox. Then
    /// whatever a client does after it was acknowledged is handled after what that acknowledgement is about, in whichever
    /// shard. A shard that has something in its inbox does not sleep; one that sleeps need not be woken for a batch that does
    /// not [wake](PeerBatch::wakes).
    pub peers: Vec<(ShardId, PeerBatch)>,
    /// What must survive a crash, in order.
    pub store: StoreBatch,
    /// Questions to the deployment's authentication.
    pub auth: Vec<AuthRequest>,
    /// Connections that belong to another shard.
    pub handoff: Vec<Handoff>,
    /// What happened, for logs and tests.
    pub events: Vec<Event>,
}

impl Outbox {
    /// An outbox with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.flush.is_empty()
            && self.close.is_empty()
            && self.read.is_empty()
            && self.peers.is_empty()
            && self.store.is_empty()
            && self.auth.is_empty()
            && self.handoff.is_empty()
            && self.events.is_empty()
    }

    /// Forgets what is in it and keeps the memory.
    pub fn clear(&mut self) {
        self.flush.clear();
        self.close.clear();
        self.read.clear();
        self.peers.clear();
        self.store.clear();
        self.auth.clear();
        self.handoff.clear();
        self.events.clear();
    }
}

/// A connection that ends. The connection stays known until the runtime has answered
/// [`Broker::handle_closed`](crate::Broker::handle_closed).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// Which connection.
    pub conn: ConnId,
    /// Whether its last bytes are waited for.
    pub how: CloseHow,
    /// Why it ends.
    pub reason: CloseReason,
}

/// How a connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseHow {
    /// Write what is left, shut the sending side down, throw away what still arrives until the peer has closed too, then
    /// report [`Broker::handle_closed`](crate::Broker::handle_closed). The core follows up with an abort when that takes
    /// longer than [`Limits::linger_timeout`](crate::config::Limits::linger_timeout).
    Flush,
    /// Close at once, then report [`Broker::handle_closed`](crate::Broker::handle_closed).
    Abort,
}

/// A connection whose session lives on another shard. The broker has already forgotten `conn` when this leaves
/// [`Broker::drain`](crate::Broker::drain): the runtime gives the socket and `moved` to shard `to`, which passes them to
/// [`Broker::handle_handoff`](crate::Broker::handle_handoff).
#[derive(Debug)]
pub struct Handoff {
    /// The connection as it was called here.
    pub conn: ConnId,
    /// The shard that owns the session.
    pub to: ShardId,
    /// What the broker there has to know, unread bytes included.
    pub moved: Box<Moved>,
}
