//! An Application Message on its way to another shard.

use core::num::{NonZeroU32, NonZeroU64};
use core::ops::Range;

use bytes::Bytes;

use super::PeerBatch;
use crate::packet::QoS;
use crate::time::Instant;
use crate::topic::{Elsewhere, FilterId};

/// An Application Message: what every one has. The other shard's core has to fetch each line of it, so what few have lies
/// [beside](PeerBeside) it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerPublish {
    /// Names it in a refusal; 0 when nobody waits for it.
    pub(crate) ticket: u64,
    pub(crate) content: PeerContent,
    /// The filters that it is for.
    pub(crate) filters: PeerFilters,
    pub(crate) beside: Option<BesideAt>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// Whether its publisher is told that it was taken over.
    pub(crate) answered: bool,
    /// Whether the receiver's ordinary subscriptions are to be served.
    pub(crate) subscriptions: bool,
}

/// Where in a batch topic, properties and payload of a message are: in this order, and in the packet that brought them, if
/// that may go on as it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PeerContent {
    start: u32,
    payload: u32,
    end: u32,
    topic_bytes: u16,
    /// Bytes in front of the topic, and between topic and properties.
    topic_at: u8,
    gap: u8,
    packet: Option<PeerPacket>,
    /// Bytes of further packets, which differ from it in nothing but their payloads and go with it.
    behind: u16,
    run: PeerRun,
}

/// What the sender knows of packets that go together, so that the receiver need not look at each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PeerRun {
    /// How many they are; 0 when there is one.
    pub(crate) packets: u16,
    /// Bytes of the largest payload.
    pub(crate) largest: u16,
}

/// A packet, and those that go with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerPackets<'a> {
    pub(crate) bytes: &'a [u8],
    /// Bytes of the first one.
    pub(crate) first: usize,
    pub(crate) kind: PeerPacket,
    pub(crate) run: PeerRun,
}

/// That a message lies in its packet, which ends where the payload does; those that go with it follow there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerPacket {
    /// One of MQTT 3.x.
    V3,
    /// One of MQTT 5.0.
    V5,
}

/// Where in a batch the filters of a message are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeerFilters {
    start: u32,
    count: u32,
}

impl PeerFilters {
    /// The receiver has to look for them.
    pub(crate) const UNKNOWN: Self = Self { start: 0, count: u32::MAX };
}

/// Where in a batch it is what a message has that few have: the place, counted from 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BesideAt(NonZeroU32);

/// What few messages have.
#[derive(Debug)]
pub(crate) struct PeerBeside {
    /// What is not copied to the batch.
    pub(crate) held: Option<PeerHeld>,
    /// Pairs of group name and filter, each with a length in front, that the receiver has to choose a member for.
    pub(crate) shares: Range<u32>,
    /// The retained stamp, when the receiver has to keep it and is not told by [`PeerHeld::Kept`].
    pub(crate) retained: Option<NonZeroU64>,
    /// How many shards have passed it on.
    pub(crate) hops: u16,
    /// When it expires, by the clock that all shards share, since it may lie in an inbox; [`Instant::MAX`] is never.
    pub(crate) expires: Instant,
}

impl PeerBeside {
    /// Whether the receiver has to retain the message.
    pub(crate) fn is_to_retain(&self) -> bool {
        self.retained.is_some() || matches!(self.held, Some(PeerHeld::Kept(_)))
    }
}

/// What shards share of a message.
#[derive(Debug)]
pub(crate) enum PeerHeld {
    /// The payload, which every other shard has that it goes to.
    Payload(Bytes),
    /// All of it, which every shard keeps: the place in the batch's `retains`.
    Kept(u32),
}

impl PeerContent {
    /// Where the Packet Identifier is in the packet, if it has one: behind the topic.
    pub(crate) fn behind_topic(&self) -> u32 {
        u32::from(self.topic_at) + u32::from(self.topic_bytes)
    }
}

impl PeerBatch {
    /// Appends what a message is made of, one behind the other.
    #[inline(always)]
    pub(crate) fn push_content(&mut self, topic: &[u8], properties: &[u8], payload: &[u8]) -> PeerContent {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(topic);
        self.bytes.extend_from_slice(properties);
        let payload_at = self.bytes.len() as u32;
        self.bytes.extend_from_slice(payload);
        let (end, topic_bytes) = (self.bytes.len() as u32, topic.len() as u16);
        PeerContent { start, payload: payload_at, end, topic_bytes, ..PeerContent::default() }
    }

    /// Appends whole packets, of which the first has a topic of so many bytes there, and ends in properties and payload.
    #[inline(always)]
    pub(crate) fn push_packets(
        &mut self,
        packets: PeerPackets<'_>,
        (topic_at, topic_bytes): (usize, usize),
        properties_bytes: usize,
        payload_bytes: usize,
    ) -> PeerContent {
        let PeerPackets { bytes, first, kind, run } = packets;
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        let payload = first - payload_bytes;
        PeerContent {
            start,
            payload: start + payload as u32,
            end: start + first as u32,
            topic_bytes: topic_bytes as u16,
            topic_at: topic_at as u8,
            gap: (payload - properties_bytes - topic_bytes - topic_at) as u8,
            packet: Some(kind),
            behind: (bytes.len() - first) as u16,
            run,
        }
    }

    /// The packets, if it came in some that go on.
    #[inline]
    pub(crate) fn packets(&self, content: &PeerContent) -> Option<PeerPackets<'_>> {
        let (start, end) = (content.start as usize, content.end as usize);
        let bytes = &self.bytes[start..end + usize::from(content.behind)];
        Some(PeerPackets { bytes, first: end - start, kind: content.packet?, run: content.run })
    }

    #[inline]
    pub(crate) fn topic(&self, content: &PeerContent) -> &[u8] {
        let start = content.start as usize + usize::from(content.topic_at);
        &self.bytes[start..start + usize::from(content.topic_bytes)]
    }

    #[inline]
    pub(crate) fn properties(&self, content: &PeerContent) -> &[u8] {
        let start = (content.start + content.behind_topic() + u32::from(content.gap)) as usize;
        &self.bytes[start..content.payload as usize]
    }

    #[inline]
    pub(crate) fn payload(&self, content: &PeerContent) -> &[u8] {
        &self.bytes[content.payload as usize..content.end as usize]
    }

    /// Appends the filters that a message is for, as [`Router::elsewhere`](crate::topic::Router::elsewhere) answers them, or
    /// none. `heard` is the number of the last batch from the receiver whose interest is known here.
    #[inline]
    pub(crate) fn push_filters(&mut self, found: &[Elsewhere], heard: u64) -> PeerFilters {
        let first = found.first().map(|place| place.filter());
        // Who has filters that are not told apart has one place.
        if first == Some(None) {
            return PeerFilters::UNKNOWN;
        }
        self.heard.get_or_insert(heard);
        // Messages that come together are often for the same.
        let is_repeated = found.len() == 1 && self.filters.last() == first.flatten().as_ref();
        if !is_repeated {
            self.filters.extend(found.iter().filter_map(|place| place.filter()));
        }
        PeerFilters { start: (self.filters.len() - found.len()) as u32, count: found.len() as u32 }
    }

    /// The filters that a message is for, if the sender knew them.
    #[inline]
    pub(crate) fn filters(&self, filters: PeerFilters) -> Option<&[FilterId]> {
        let PeerFilters { start, count } = filters;
        (filters != PeerFilters::UNKNOWN).then(|| &self.filters[start as usize..(start + count) as usize])
    }

    /// All filters from this place on, when a message's are behind it.
    #[inline]
    pub(crate) fn filters_from(&self, filters: PeerFilters, place: usize) -> Option<&[FilterId]> {
        let reaches = filters.start as usize >= place && filters.count > 0;
        if reaches { self.filters.get(place..) } else { None }
    }

    pub(crate) fn push_beside(&mut self, beside: PeerBeside) -> Option<BesideAt> {
        if let Some(PeerHeld::Payload(payload)) = &beside.held {
            self.shared_bytes += payload.len();
        }
        self.other_bytes += size_of::<PeerBeside>();
        self.beside.push(beside);
        NonZeroU32::new(self.beside.len() as u32).map(BesideAt)
    }

    #[inline]
    pub(crate) fn beside(&self, at: Option<BesideAt>) -> Option<&PeerBeside> {
        at.map(|BesideAt(place)| &self.beside[place.get() as usize - 1])
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
        let mut rest = &self.bytes[range.start as usize..range.end as usize];
        core::iter::from_fn(move || Some((next_text(&mut rest)?, next_text(&mut rest)?)))
    }
}

fn next_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (text, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = after;
    core::str::from_utf8(text).ok()
}
