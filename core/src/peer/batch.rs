//! A batch of messages from one shard to another.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::num::NonZeroU64;
use core::ops::Range;

use bytes::Bytes;

use crate::message::SharedBody;
use crate::packet::QoS;
use crate::time::Instant;
use crate::topic::{Elsewhere, FilterId, FilterPrint};

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
    /// The number of the last batch of the other direction whose interest the sender had heard when it put the first of
    /// `filters` in.
    pub(crate) heard: u64,
    /// Filters of the receiver that messages are for, by their numbers there.
    pub(crate) filters: Vec<FilterId>,
    /// Filters that the sender has its first local subscriber for, or has none any more.
    pub(crate) interest: Vec<Interest>,
    pub(crate) messages: Vec<PeerMessage>,
    /// What the messages' ranges point into.
    pub(crate) bytes: Vec<u8>,
    /// Bytes of messages that are shared.
    pub(crate) shared_bytes: usize,
    /// Somebody waits until it is acknowledged: a publisher, or whoever fills the way to the other shard.
    pub(crate) prompt: bool,
    /// It has something for a client of the other shard, which should not have to wait until that shard wakes by itself.
    pub(crate) urgent: bool,
    /// It acknowledges such a batch.
    pub(crate) awaited: bool,
}

/// The sender has a local subscriber for a filter, or has none any more.
pub(crate) type Interest = (FilterPrint, bool);

/// One message. It has come as far as it goes: a shard delivers it to its own clients and passes it to no other shard,
/// except a shared message whose members have all left, which may move on as often as there are shards.
#[derive(Debug)]
pub(crate) enum PeerMessage {
    /// How many members of a shared group the sender has.
    Members { filter: Box<str>, share: Box<str>, connected: u32, total: u32 },
    /// An Application Message.
    Publish(PeerPublish),
    /// A message with this ticket was not taken over, because a session's queue was full.
    Refused { ticket: u64 },
    /// A message with this ticket was taken over, and cannot be stored.
    Unstored { ticket: u64 },
    /// The sender's store failed: nothing of what it was sent and has not yet acknowledged is stored.
    StoreFailed,
}

const _: () = assert!(size_of::<PeerMessage>() <= 104, "a message to another shard beside its bytes");

/// An Application Message on its way to another shard.
#[derive(Debug)]
pub(crate) struct PeerPublish {
    /// Names it in a refusal; 0 when nobody waits for it.
    pub(crate) ticket: u64,
    /// Whether its publisher is told that it was taken over.
    pub(crate) answered: bool,
    pub(crate) content: PeerContent,
    /// Pairs of group name and filter, each with a length in front, that the receiver has to choose a member for.
    pub(crate) shares: Range<u32>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// Whether the receiver's ordinary subscriptions are to be served.
    pub(crate) subscriptions: bool,
    /// Those that are, if the receiver need not look for them: some of the batch's `filters`.
    pub(crate) filters: PeerFilters,
    /// The retained stamp, when the receiver has to keep it.
    pub(crate) retained: Option<NonZeroU64>,
    /// How many shards have passed it on.
    pub(crate) hops: u16,
    /// When it expires, by the clock that all shards share, since it may lie in an inbox; [`Instant::MAX`] is never.
    pub(crate) expires: Instant,
}

/// A part of a batch's filters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PeerFilters {
    start: u32,
    count: u16,
}

/// Topic, properties and payload of a message on its way to another shard.
#[derive(Debug)]
pub(crate) enum PeerContent {
    /// They lie in the batch.
    Copied { topic: Range<u32>, properties: Range<u32>, payload: Range<u32>, packet: Option<PeerPacket> },
    /// The payload is shared with the sender, and with every other shard that it goes to.
    Payload { topic: Range<u32>, properties: Range<u32>, payload: Bytes },
    /// All of it is: every shard keeps it.
    Kept { topic: Arc<str>, body: SharedBody },
}

/// The packet that a message came in, when it may go on as it is. It ends where the payload does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerPacket {
    pub(crate) start: u32,
    pub(crate) packet_id_at: u32,
    pub(crate) v5: bool,
}

impl PeerBatch {
    /// The most batches under way from one shard to another: a ring of this size never overflows.
    pub const UNDER_WAY_MAX: usize = 64;

    /// Batches with messages that may be under way. The rest is for batches that only acknowledge.
    pub(crate) const WITH_MESSAGES_MAX: u64 = 16;

    pub(crate) fn clear(&mut self) {
        self.number = 0;
        self.handled = 0;
        self.heard = 0;
        self.filters.clear();
        self.interest.clear();
        self.messages.clear();
        self.bytes.clear();
        self.shared_bytes = 0;
        self.prompt = false;
        self.urgent = false;
        self.awaited = false;
    }

    /// Whether the shard that it is for should be woken for it. What that shard only has to know before it handles the next
    /// input, such as the interest of another shard or a message that is only to be retained, may lie in its inbox until it
    /// wakes for another reason; so may an acknowledgement that nobody waits for.
    pub fn wakes(&self) -> bool {
        self.urgent || self.prompt || self.awaited
    }

    /// Whether it says nothing, but for what it acknowledges.
    pub(crate) fn is_empty(&self) -> bool {
        self.interest.is_empty() && self.messages.is_empty()
    }

    /// Appends what the other shard has to know before it handles its next input.
    pub(crate) fn push(&mut self, message: PeerMessage) {
        self.messages.push(message);
    }

    /// Appends what the other shard should handle at once.
    pub(crate) fn push_urgent(&mut self, message: PeerMessage) {
        self.urgent = true;
        self.push(message);
    }

    /// Appends the filters that a message is for. None are if one of them is not known: the receiver has to look itself.
    /// `heard` is the number of the last batch from the receiver whose interest is known here.
    pub(crate) fn push_filters(&mut self, found: &[Elsewhere], heard: u64) -> PeerFilters {
        let (start, count) = (self.filters.len() as u32, found.len() as u16);
        if found.iter().any(|place| place.filter().is_none()) {
            return PeerFilters::default();
        }
        if start == 0 {
            self.heard = heard;
        }
        self.filters.extend(found.iter().filter_map(|place| place.filter()));
        PeerFilters { start, count }
    }

    /// The filters that a message is for, if they are known.
    pub(crate) fn filters(&self, filters: PeerFilters) -> Option<&[FilterId]> {
        let PeerFilters { start, count } = filters;
        (count > 0).then(|| &self.filters[start as usize..start as usize + usize::from(count)])
    }

    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) -> Range<u32> {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len() as u32
    }

    /// Appends what a message is made of. `shared` is the payload again, if it is not to be copied.
    pub(crate) fn push_content(
        &mut self,
        topic: &str,
        properties: &[u8],
        payload: &[u8],
        shared: Option<&Bytes>,
    ) -> PeerContent {
        let (topic, properties) = (self.push_bytes(topic.as_bytes()), self.push_bytes(properties));
        match shared {
            Some(payload) => {
                self.shared_bytes += payload.len();
                PeerContent::Payload { topic, properties, payload: payload.clone() }
            }
            None => PeerContent::Copied { topic, properties, payload: self.push_bytes(payload), packet: None },
        }
    }

    /// Payloads from this size on are shared between shards; below, copying costs less.
    pub(crate) const SHARED_BYTES_MIN: usize = 16 * 1024;

    pub(crate) fn topic_bytes<'a>(&'a self, content: &'a PeerContent) -> &'a [u8] {
        match content {
            PeerContent::Copied { topic, .. } | PeerContent::Payload { topic, .. } => self.slice(topic),
            PeerContent::Kept { topic, .. } => topic.as_bytes(),
        }
    }

    pub(crate) fn properties<'a>(&'a self, content: &'a PeerContent) -> &'a [u8] {
        match content {
            PeerContent::Copied { properties, .. } | PeerContent::Payload { properties, .. } => self.slice(properties),
            PeerContent::Kept { body, .. } => body.properties(),
        }
    }

    pub(crate) fn payload<'a>(&'a self, content: &'a PeerContent) -> &'a [u8] {
        match content {
            PeerContent::Copied { payload, .. } => self.slice(payload),
            PeerContent::Payload { payload, .. } => payload,
            PeerContent::Kept { body, .. } => body.payload(),
        }
    }

    /// Bytes of the messages, shared payloads included.
    pub(crate) fn size(&self) -> usize {
        let lists = self.messages.len() * size_of::<PeerMessage>() + self.interest.len() * size_of::<Interest>();
        self.bytes.len() + self.shared_bytes + lists + self.filters.len() * size_of::<FilterId>()
    }

    pub(crate) fn slice(&self, range: &Range<u32>) -> &[u8] {
        &self.bytes[range.start as usize..range.end as usize]
    }

    /// Appends the name of a share to `bytes`: two strings, each behind its length.
    pub(crate) fn push_share(&mut self, share: &str, filter: &str) {
        for text in [share, filter] {
            self.bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
            self.bytes.extend_from_slice(text.as_bytes());
        }
    }

    /// The shares of a message, as [`push_share`](Self::push_share) wrote them.
    pub(crate) fn shares(&self, range: &Range<u32>) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = self.slice(range);
        core::iter::from_fn(move || Some((next_text(&mut rest)?, next_text(&mut rest)?)))
    }
}

fn next_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (text, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = after;
    core::str::from_utf8(text).ok()
}
