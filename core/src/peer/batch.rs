//! A batch of messages from one shard to another.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::publish::{PeerBeside, PeerPublish};
use super::retain::PeerRetain;
use crate::topic::{FilterId, InterestChange};

/// Messages from one shard to another, in order.
///
/// It is `Send` and needs no look inside: a runtime carries it from an outbox to
/// [`Broker::handle_peer`](crate::Broker::handle_peer) of the shard that it is for, in order and without loss. At most
/// [`PeerBatch::UNDER_WAY_MAX`] batches are under way from one shard to another at any time.
#[derive(Debug, Default)]
pub struct PeerBatch {
    /// Counts the batches with messages from 1; a batch that only acknowledges has 0.
    pub(crate) number: u64,
    /// The number of the last batch of the other direction that was handled and is safe.
    pub(crate) handled: u64,
    /// The number of the last batch of the other direction whose interest the sender had heard when it put in the first
    /// message that says which filters it is for.
    pub(crate) heard: Option<u64>,
    /// Filters of the receiver that messages are for, by their numbers there.
    pub(crate) filters: Vec<FilterId>,
    /// Filters that the sender has its first local subscriber for, or has none any more.
    pub(crate) interest: Vec<InterestChange>,
    pub(crate) messages: Vec<PeerMessage>,
    /// What the messages point into.
    pub(crate) bytes: Vec<u8>,
    pub(crate) beside: Vec<PeerBeside>,
    /// What is to be retained, until it is.
    pub(crate) retains: Vec<Option<PeerRetain>>,
    pub(crate) members: Vec<PeerMembers>,
    /// Emptied batches, for their memory.
    pub(crate) spare: Vec<PeerBatch>,
    /// Bytes of what shards share: payloads, and what is to be retained.
    pub(crate) shared_bytes: usize,
    /// Bytes of what else few messages have, and of members.
    pub(crate) other_bytes: usize,
    /// The sender's store failed: nothing of what it was sent and has not yet acknowledged is stored.
    pub(crate) store_failed: bool,
    /// Somebody waits until it is acknowledged: a publisher, or whoever fills the way to the other shard.
    pub(crate) prompt: bool,
    /// It has something for a client of the other shard, which should not have to wait until that shard wakes by itself.
    pub(crate) urgent: bool,
    /// It acknowledges such a batch.
    pub(crate) awaited: bool,
    /// The sender has a queue that is half full: it is to be asked whether it has room.
    pub(crate) crowded: bool,
}

/// One message. It has come as far as it goes: a shard delivers it to its own clients and passes it to no other shard,
/// except a shared message whose members have all left, which may move on as often as there are shards.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PeerMessage {
    /// How many members of a shared group the sender has: the place in the batch's `members`.
    Members(u32),
    /// An Application Message.
    Publish(PeerPublish),
    /// One that is to be retained, and that no subscriber there is known to wait for: the place in the batch's `retains`.
    Retain(u32),
    /// A message with this ticket was not taken over, because a session's queue was full.
    Refused { ticket: u64 },
    /// A message with this ticket was taken over, and cannot be stored.
    Unstored { ticket: u64 },
}

const _: () = assert!(size_of::<PeerMessage>() <= 48, "a message to another shard beside its bytes");

/// How many members of a shared group a shard has.
#[derive(Debug)]
pub(crate) struct PeerMembers {
    pub(crate) filter: Box<str>,
    pub(crate) share: Box<str>,
    pub(crate) connected: u32,
    pub(crate) total: u32,
}

impl PeerBatch {
    /// The most batches under way from one shard to another: a ring of this size never overflows.
    pub const UNDER_WAY_MAX: usize = 64;

    /// Batches with messages that may be under way. The rest is for batches that only acknowledge.
    pub(crate) const WITH_MESSAGES_MAX: u64 = 16;

    pub(crate) fn clear(&mut self) {
        self.number = 0;
        self.handled = 0;
        self.heard = None;
        self.filters.clear();
        self.interest.clear();
        self.messages.clear();
        self.bytes.clear();
        self.beside.clear();
        self.retains.clear();
        self.members.clear();
        self.spare.clear();
        self.store_failed = false;
        (self.shared_bytes, self.other_bytes) = (0, 0);
        self.prompt = false;
        self.urgent = false;
        self.awaited = false;
        self.crowded = false;
    }

    /// Whether the shard that it is for should be woken for it. What that shard only has to know before it handles the next
    /// input, such as the interest of another shard or a message that is only to be retained, may lie in its inbox until it
    /// wakes for another reason; so may an acknowledgement that nobody waits for.
    pub fn wakes(&self) -> bool {
        self.urgent || self.prompt || self.awaited
    }

    /// Whether it says nothing, but for what it acknowledges.
    pub(crate) fn is_empty(&self) -> bool {
        self.interest.is_empty() && self.messages.is_empty() && !self.store_failed
    }

    /// Appends what the other shard has to know before it handles its next input.
    pub(crate) fn push(&mut self, message: PeerMessage) {
        self.messages.push(message);
    }

    /// Appends how many members of a shared group the sender has.
    pub(crate) fn push_members(&mut self, members: PeerMembers) {
        self.push(PeerMessage::Members(self.members.len() as u32));
        self.other_bytes += size_of::<PeerMembers>() + members.filter.len() + members.share.len();
        self.members.push(members);
    }

    /// Payloads from this size on are shared between shards; below, copying costs less.
    pub(crate) const SHARED_BYTES_MIN: usize = 16 * 1024;

    /// Bytes of the messages, shared payloads included. It is asked for each PUBLISH.
    #[inline]
    pub(crate) fn size(&self) -> usize {
        let lists = self.messages.len() * size_of::<PeerMessage>() + self.interest.len() * size_of::<InterestChange>();
        self.output_bytes() + lists + self.other_bytes + self.filters.len() * size_of::<FilterId>()
    }

    /// Bytes that may become output of one connection.
    #[inline]
    pub(crate) fn output_bytes(&self) -> usize {
        self.bytes.len() + self.shared_bytes
    }

    /// Bytes that its lists keep when it is used again.
    pub(crate) fn capacity_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.messages.capacity() * size_of::<PeerMessage>()
            + self.beside.capacity() * size_of::<PeerBeside>()
            + self.retains.capacity() * size_of::<PeerRetain>()
            + self.members.capacity() * size_of::<PeerMembers>()
            + self.filters.capacity() * size_of::<FilterId>()
            + self.interest.capacity() * size_of::<InterestChange>()
            + self.spare.capacity() * size_of::<PeerBatch>()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::format;

    use bytes::Bytes;

    use super::*;
    use crate::id::LogPosition;
    use crate::message::{Messages, NewMessage, Owner};
    use crate::packet::QoS;
    use crate::peer::{PeerBeside, PeerFilters, PeerHeld, PeerPublish};
    use crate::time::Instant;
    use crate::topic::{Elsewhere, Router, Subscription};

    fn to_retain(topic: &str) -> PeerRetain {
        let mut messages = Messages::new();
        let id = messages.insert(NewMessage {
            topic,
            properties: &[],
            payload: &[],
            joined: None,
            shared: None,
            owner: Owner::Everyone,
            qos: QoS::AtMostOnce,
            retain: true,
            expires: None,
            position: LogPosition(0),
        });
        let body = messages.shared_body(id).expect("it is for everyone");
        let (qos, expires) = (QoS::AtMostOnce, Instant::MAX);
        PeerRetain { topic: topic.into(), body, hash: 0, qos, answered: false, stamp: 1, expires }
    }

    /// What was said in it once is not said again: it may go to another shard, and the other way.
    #[test]
    fn a_batch_that_is_used_again_is_as_a_new_one() {
        let mut router = Router::new(16, 1);
        let (filter, _) = router.subscribe("a", Subscription::default());
        let mut batch = PeerBatch {
            number: 1,
            handled: 2,
            store_failed: true,
            prompt: true,
            awaited: true,
            ..PeerBatch::default()
        };
        batch.interest.push(InterestChange::new(router.print("a", filter), true));
        batch.push_members(PeerMembers { filter: "a".into(), share: "g".into(), connected: 1, total: 2 });
        let filters = batch.push_filters(&[Elsewhere::new(1, Some(filter))], 7);
        assert_ne!(filters, PeerFilters::UNKNOWN);
        let expires = Instant::MAX;
        let held = Some(PeerHeld::Payload(Bytes::from_static(b"x")));
        let beside = batch.push_beside(PeerBeside { held, shares: 0..0, retained: None, hops: 1, expires });
        let content = batch.push_content(b"a", b"", b"x");
        let (qos, retain, answered, subscriptions) = (QoS::AtMostOnce, false, false, true);
        let publish = PeerPublish { ticket: 1, content, filters, beside, qos, retain, answered, subscriptions };
        batch.urgent = true;
        batch.push(PeerMessage::Publish(publish));
        let place = batch.push_retain(to_retain("a"));
        batch.push(PeerMessage::Retain(place));
        batch.spare.push(PeerBatch::default());
        assert!(batch.size() > 0 && batch.shared_bytes > 0 && !batch.is_empty() && batch.wakes());
        batch.clear();
        assert_eq!(format!("{batch:?}"), format!("{:?}", PeerBatch::default()));
        assert_eq!(batch.size(), 0);
    }
}
