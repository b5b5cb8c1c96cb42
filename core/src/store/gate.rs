//! The gate: acknowledgements that wait until what they acknowledge is safe.
//!
//! Safe means that its operations are stored, and that every other shard that the message was routed to will have taken it over
//! before it handles anything that the acknowledgement could lead to; or has taken it over, where it could refuse it.
//! The gate is one queue, first in first out, so acknowledgements of one connection never overtake each other.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use smallvec::SmallVec;

use crate::id::{ConnId, LogPosition, ShardId};
use crate::packet::{PacketId, PacketType, ReasonCode};
use crate::session::RetainedScan;
use crate::topic::FilterId;

/// Something to send when its time has come.
#[derive(Debug)]
pub(crate) struct Gated {
    pub(crate) conn: ConnId,
    /// Its session, by index and generation, which may outlive the connection.
    pub(crate) session: (u32, u32),
    pub(crate) position: LogPosition,
    /// The batches to other shards that must have left, or have been handled there.
    pub(crate) peers: PeerWaits,
    /// Names the message in a refusal by another shard; 0 names none.
    pub(crate) ticket: u64,
    /// Whether this shard took the message over, when it is PUBACK or PUBREC: one that was refused at once was not routed and
    /// holds no Packet Identifier.
    pub(crate) taken: bool,
    /// Whether what it acknowledges will never be stored.
    pub(crate) unstored: bool,
    pub(crate) reply: Reply,
}

const _: () = assert!(size_of::<Gated>() <= 120, "an acknowledgement that waits");

/// The batches that an acknowledgement waits for.
pub(crate) type PeerWaits = SmallVec<[PeerWait; 1]>;

/// A batch that something waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerWait {
    /// The shard that it is for.
    pub(crate) shard: ShardId,
    pub(crate) until: Until,
    pub(crate) batch: u64,
}

/// How far a batch must have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// It was handed to the runtime. That is enough for what the other shard only has to know: a runtime hands it in before
    /// any input that came later than it (see [`Outbox::peers`](crate::Outbox::peers)).
    Left,
    /// It was handled, and what that led to is stored: the other shard may refuse, or has to store.
    Handled,
}

const _: () = assert!(size_of::<PeerWait>() <= 16, "a batch that is waited for");

/// What is sent.
#[derive(Debug)]
pub(crate) enum Reply {
    /// PUBACK, PUBREC, PUBREL or PUBCOMP.
    Ack { packet_type: PacketType, packet_id: PacketId, code: ReasonCode },
    /// A packet that was encoded already: SUBACK, UNSUBACK or CONNACK; and the retained messages that follow it.
    Bytes(Vec<u8>, Vec<RetainedScan>),
}

impl Reply {
    /// Whether it is PUBACK or PUBREC.
    pub(crate) fn answers_publish(&self) -> bool {
        matches!(self, Self::Ack { packet_type: PacketType::PubAck | PacketType::PubRec, .. })
    }

    pub(crate) fn is_puback(&self) -> bool {
        matches!(self, Self::Ack { packet_type: PacketType::PubAck, .. })
    }
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    waiting: VecDeque<Gated>,
}

impl Gate {
    pub(crate) fn push(&mut self, gated: Gated) {
        self.waiting.push_back(gated);
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The first, if it need not wait any more.
    pub(crate) fn pop_ready(&mut self, stored: LogPosition, is_over: impl Fn(&PeerWait) -> bool) -> Option<Gated> {
        let first = self.waiting.front()?;
        if first.position > stored || !first.peers.iter().all(is_over) {
            return None;
        }
        self.waiting.pop_front()
    }

    /// A filter was unsubscribed while the answer to its SUBSCRIBE waits: its retained messages are not sent any more.
    pub(crate) fn drop_scans(&mut self, conn: ConnId, filter: FilterId) {
        for gated in self.waiting.iter_mut().filter(|gated| gated.conn == conn) {
            if let Reply::Bytes(_, scans) = &mut gated.reply {
                scans.retain(|scan| scan.filter != filter);
            }
        }
    }

    /// Another shard refused the message of this ticket: its acknowledgement becomes a refusal.
    pub(crate) fn refuse(&mut self, ticket: u64, refusal: ReasonCode) {
        for gated in self.waiting.iter_mut().filter(|gated| gated.ticket == ticket) {
            gated.refuse(refusal);
        }
    }

    /// Another shard's store failed, which has made the batches up to `handled` safe: what waits for later ones there is not
    /// stored.
    pub(crate) fn give_up_peer(&mut self, shard: ShardId, handled: u64) {
        let is_lost = |wait: &PeerWait| wait.shard == shard && wait.until == Until::Handled && wait.batch > handled;
        self.waiting.iter_mut().filter(|gated| gated.peers.iter().any(is_lost)).for_each(Gated::give_up);
    }

    /// Another shard took the message of this ticket over and cannot store it.
    pub(crate) fn give_up_ticket(&mut self, ticket: u64) {
        self.waiting.iter_mut().filter(|gated| gated.ticket == ticket).for_each(Gated::give_up);
    }

    /// The store failed: nothing waits for it any more.
    pub(crate) fn give_up(&mut self, stored: LogPosition) {
        self.waiting.iter_mut().filter(|gated| gated.position > stored).for_each(Gated::give_up);
    }

    /// The PUBREC of a session that waits for a message to be safe: a repeated PUBLISH has to wait for the same.
    pub(crate) fn received(&self, session: (u32, u32), id: PacketId) -> Option<&Gated> {
        self.waiting
            .iter()
            .find(|gated| gated.session == session && gated.taken && gated.pubrec().is_some_and(|(of, _)| of == id))
    }
}

impl Gated {
    /// Packet Identifier and Reason Code, if it is a PUBREC.
    pub(crate) fn pubrec(&self) -> Option<(PacketId, ReasonCode)> {
        match self.reply {
            Reply::Ack { packet_type: PacketType::PubRec, packet_id, code } => Some((packet_id, code)),
            Reply::Ack { .. } | Reply::Bytes(..) => None,
        }
    }

    /// It does not wait for the store any more, and says so where it can: by the Reason Code of PUBACK and PUBREC. What says
    /// nothing else than that something is stored is not sent.
    pub(crate) fn give_up(&mut self) {
        self.position = LogPosition(0);
        self.unstored = true;
        if let Reply::Ack { packet_type: PacketType::PubAck | PacketType::PubRec, code, .. } = &mut self.reply
            && !code.is_failure()
        {
            *code = ReasonCode::ImplementationSpecificError;
        }
    }

    fn refuse(&mut self, refusal: ReasonCode) {
        if let Reply::Ack { code, .. } = &mut self.reply {
            *code = refusal;
        }
    }
}
