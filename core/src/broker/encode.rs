//! PUBLISH towards a subscriber: one layout for each class of receivers, encoded once and copied.

use alloc::vec::Vec;

use super::run::{Bounds, Extent, Run, is_alike};
use crate::connection::OutgoingAlias;
use crate::packet::varint::{varint_len, write_varint};
use crate::packet::{PacketId, Publish, QoS};
use crate::peer::{PeerBatch, PeerContent, PeerPacket, PeerPackets};

/// What an Application Message is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content<'a> {
    pub(super) topic: &'a [u8],
    /// The properties that are forwarded, in wire form.
    pub(super) properties: &'a [u8],
    pub(super) payload: &'a [u8],
    /// What is left of its Message Expiry Interval.
    pub(super) expiry_s: Option<u32>,
}

/// What is particular to one delivery.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) v5: bool,
    pub(super) qos: u8,
    pub(super) retain: bool,
    pub(super) dup: bool,
    pub(super) packet_id: Option<PacketId>,
    pub(super) alias: OutgoingAlias,
    pub(super) identifiers: &'a [u32],
}

impl Head<'_> {
    /// QoS 0 with nothing that is particular.
    pub(super) fn plain(v5: bool) -> Self {
        Self { v5, qos: 0, retain: false, dup: false, packet_id: None, alias: OutgoingAlias::None, identifiers: &[] }
    }

    fn first_byte(&self) -> u8 {
        0x30 | u8::from(self.dup) << 3 | self.qos << 1 | u8::from(self.retain)
    }

    fn topic<'t>(&self, content: &Content<'t>) -> &'t [u8] {
        match self.alias {
            OutgoingAlias::Use(_) => &[],
            OutgoingAlias::None | OutgoingAlias::Define(_) => content.topic,
        }
    }

    fn properties_size(&self, content: &Content<'_>) -> usize {
        let alias = match self.alias {
            OutgoingAlias::None => 0,
            OutgoingAlias::Define(_) | OutgoingAlias::Use(_) => 3,
        };
        let expiry = if content.expiry_s.is_some() { 5 } else { 0 };
        let identifiers: usize = self.identifiers.iter().map(|&identifier| 1 + varint_len(identifier)).sum();
        content.properties.len() + alias + expiry + identifiers
    }

    fn remaining_length(&self, content: &Content<'_>) -> usize {
        let mut size = 2 + self.topic(content).len() + content.payload.len();
        if self.packet_id.is_some() {
            size += 2;
        }
        if self.v5 {
            let properties = self.properties_size(content);
            size += varint_len(properties as u32) + properties;
        }
        size
    }

    /// Bytes of the whole packet.
    pub(super) fn packet_size(&self, content: &Content<'_>) -> usize {
        let remaining = self.remaining_length(content);
        1 + varint_len(remaining as u32) + remaining
    }

    /// Appends everything in front of the payload.
    pub(super) fn encode(&self, content: &Content<'_>, out: &mut Vec<u8>) {
        out.push(self.first_byte());
        write_varint(self.remaining_length(content) as u32, out);
        let topic = self.topic(content);
        out.extend_from_slice(&(topic.len() as u16).to_be_bytes());
        out.extend_from_slice(topic);
        if let Some(packet_id) = self.packet_id {
            out.extend_from_slice(&packet_id.get().to_be_bytes());
        }
        if !self.v5 {
            return;
        }
        write_varint(self.properties_size(content) as u32, out);
        if let Some(expiry_s) = content.expiry_s {
            out.push(0x02);
            out.extend_from_slice(&expiry_s.to_be_bytes());
        }
        for &identifier in self.identifiers {
            out.push(0x0B);
            write_varint(identifier, out);
        }
        if let OutgoingAlias::Define(alias) | OutgoingAlias::Use(alias) = self.alias {
            out.push(0x23);
            out.extend_from_slice(&alias.get().to_be_bytes());
        }
        out.extend_from_slice(content.properties);
    }
}

/// A PUBLISH as it was received. Most go on as they came: only flags and Packet Identifier are others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received<'a> {
    /// The packet and what came behind it.
    rest: &'a [u8],
    size: u32,
    /// Where the Packet Identifier is; 0 at QoS 0, which has none.
    packet_id_at: u32,
    /// What of the rest goes with it.
    run: Extent,
    v5: bool,
}

impl<'a> Received<'a> {
    /// The packet, the first `size` bytes of `rest`, has its Remaining Length in the shortest form, a topic and no alias, and no
    /// property that is not forwarded.
    pub(super) fn new(rest: &'a [u8], size: usize, v5: bool, publish: &Publish<'_>) -> Self {
        let properties = if v5 { publish.properties.encoded_size() } else { 0 };
        let packet_id_at = match publish.packet_id {
            Some(_) => (size - publish.payload.len() - properties - 2) as u32,
            None => 0,
        };
        Self { rest, size: size as u32, packet_id_at, run: Extent::default(), v5 }
    }

    /// The packet and those that go with it.
    fn bytes(&self) -> &'a [u8] {
        &self.rest[..self.size().max(self.run.bytes())]
    }

    fn packet(&self) -> &'a [u8] {
        &self.rest[..self.size()]
    }

    /// The same in a batch for another shard, with what lies where in it.
    #[inline(always)]
    pub(super) fn push(&self, content: &Content<'_>, batch: &mut PeerBatch) -> PeerContent {
        let size = self.size();
        let (topic, properties, payload) = (content.topic.len(), content.properties.len(), content.payload.len());
        let topic_end = match self.packet_id_at {
            0 if self.v5 => size - payload - properties - varint_len(properties as u32),
            0 => size - payload,
            at => at as usize,
        };
        let kind = if self.v5 { PeerPacket::V5 } else { PeerPacket::V3 };
        let packets = PeerPackets { bytes: self.bytes(), first: size, kind, run: self.run.known() };
        batch.push_packets(packets, (topic_end - topic, topic), properties, payload)
    }

    /// As [`push`](Self::push) left it in a batch, if it did, with the same QoS.
    pub(super) fn in_batch(batch: &'a PeerBatch, content: &PeerContent, qos: QoS) -> Option<Self> {
        let PeerPackets { bytes, first, kind, run } = batch.packets(content)?;
        let packet_id_at = if qos == QoS::AtMostOnce { 0 } else { content.behind_topic() };
        let run = Extent::of_known(run, bytes, first - batch.payload(content).len());
        Some(Self { rest: bytes, size: first as u32, packet_id_at, run, v5: kind == PeerPacket::V5 })
    }

    #[inline]
    pub(super) fn is_run(&self) -> bool {
        self.run.is_run()
    }

    /// What it is the first packet of.
    #[inline]
    pub(super) fn run(&self) -> Option<Run<'a>> {
        self.run.of(self.rest)
    }

    /// Looks for packets behind it that go with it.
    pub(super) fn extend(&mut self, payload: usize, bounds: Bounds) {
        self.run = Extent::find(self.rest, self.size(), payload, bounds);
    }

    /// Whether it is at QoS 0 and what came behind it is like it. Its payload is of so many bytes.
    #[inline]
    pub(super) fn may_extend(&self, payload: usize) -> bool {
        self.packet_id_at == 0 && self.rest.len() > self.size() && is_alike(self.rest, self.size(), payload)
    }

    /// One packet of the run.
    pub(super) fn single(&self, packet: &'a [u8]) -> Self {
        Self { rest: packet, size: packet.len() as u32, run: Extent::default(), ..*self }
    }

    /// Whether a packet with this head, which has no alias and no identifiers, is the same but for flags and Packet Identifier.
    pub(super) fn is_like(&self, head: &Head<'_>) -> bool {
        self.v5 == head.v5 && (self.packet_id_at > 0) == head.packet_id.is_some()
    }

    /// From the topic of so many bytes to the end, and how many bytes there are neither topic, properties nor payload, which
    /// are `content_bytes`. `None` at QoS 0.
    pub(super) fn joined(&self, topic_bytes: usize, content_bytes: usize) -> Option<(&'a [u8], u8)> {
        let topic_at = (self.packet_id_at as usize).checked_sub(topic_bytes)?;
        let joined = &self.packet()[topic_at..];
        Some((joined, (joined.len() - content_bytes) as u8))
    }

    /// Bytes of the whole packet.
    pub(super) fn size(&self) -> usize {
        self.size as usize
    }

    /// Appends the packet with this head.
    pub(super) fn append(&self, head: &Head<'_>, out: &mut Vec<u8>) {
        append_patched(self.packet(), self.packet_id_at as usize, head, out);
    }
}

/// Appends a packet, with the flags and the Packet Identifier of this head.
#[inline(always)]
fn append_patched(packet: &[u8], packet_id_at: usize, head: &Head<'_>, out: &mut Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(packet);
    let copy = &mut out[at..];
    copy[0] = head.first_byte();
    if let Some(packet_id) = head.packet_id {
        copy[packet_id_at..packet_id_at + 2].copy_from_slice(&packet_id.get().to_be_bytes());
    }
}

/// The packets of one fan-out: one for each class, payload included, made when the class first occurs. A delivery copies
/// the image and patches flags and Packet Identifier.
#[derive(Debug, Default)]
pub(super) struct Images {
    images: [Image; 4],
}

#[derive(Debug, Default)]
struct Image {
    bytes: Vec<u8>,
    packet_id_at: usize,
}

impl Images {
    /// A new fan-out begins.
    pub(super) fn clear(&mut self) {
        for image in &mut self.images {
            image.bytes.clear();
        }
    }

    /// Appends the packet for this head, which has no alias and no identifiers.
    pub(super) fn append(&mut self, head: &Head<'_>, content: &Content<'_>, out: &mut Vec<u8>) {
        let image = &mut self.images[usize::from(head.v5) << 1 | usize::from(head.packet_id.is_some())];
        if image.bytes.is_empty() {
            head.encode(content, &mut image.bytes);
            let length = varint_len(head.remaining_length(content) as u32);
            image.packet_id_at = 1 + length + 2 + content.topic.len();
            image.bytes.extend_from_slice(content.payload);
        }
        append_patched(&image.bytes, image.packet_id_at, head, out);
    }

    /// The packets of a run for this head, one behind the other.
    pub(super) fn of_run(&mut self, head: &Head<'_>, content: &Content<'_>, run: &Run<'_>) -> &[u8] {
        let image = &mut self.images[usize::from(head.v5) << 1 | usize::from(head.packet_id.is_some())];
        if image.bytes.is_empty() {
            for (_, payload) in run.packets() {
                head.encode(&Content { payload, ..*content }, &mut image.bytes);
                image.bytes.extend_from_slice(payload);
            }
        }
        &image.bytes
    }

    pub(super) fn size(&self, head: &Head<'_>) -> Option<usize> {
        let image = &self.images[usize::from(head.v5) << 1 | usize::from(head.packet_id.is_some())];
        (!image.bytes.is_empty()).then_some(image.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Version, generate, split};
    use proptest::prelude::*;

    fn publish() -> impl Strategy<Value = (Version, Publish<'static>)> {
        generate::version().prop_flat_map(|version| (Just(version), generate::publish(version)))
    }

    proptest! {
        #[test]
        fn a_packet_that_goes_on_as_it_came_is_what_would_be_encoded(
            (version, publish) in publish(),
            id in 1..=u16::MAX,
            dup: bool,
            retain: bool,
        ) {
            let (v5, mut packet) = (version == Version::V5, Vec::new());
            publish.encode(version, &mut packet);
            let (topic, payload) = (publish.topic.as_bytes(), publish.payload);
            let properties = if v5 { publish.properties.as_bytes() } else { &[] };
            prop_assume!(!topic.is_empty());
            let content = Content { topic, properties, payload, expiry_s: None };
            let packet_id = publish.packet_id.and(PacketId::new(id));
            let qos = publish.qos as u8;
            let head = Head { v5, qos, retain, dup, packet_id, alias: OutgoingAlias::None, identifiers: &[] };
            let received = Received::new(&packet, packet.len(), v5, &publish);
            let mut batch = PeerBatch::default();
            batch.push_content(b"before", b"", b"");
            let there = received.push(&content, &mut batch);
            batch.push_content(b"behind", b"", b"");
            let received = Received::in_batch(&batch, &there, publish.qos).expect("it is a packet");
            prop_assert_eq!((batch.topic(&there), batch.payload(&there)), (topic, content.payload));
            prop_assert_eq!(batch.properties(&there), properties);
            let other = Head { v5: !v5, ..head };
            prop_assert!(received.is_like(&head) && !received.is_like(&other));
            let (mut copied, mut encoded) = (Vec::new(), Vec::new());
            received.append(&head, &mut copied);
            head.encode(&content, &mut encoded);
            encoded.extend_from_slice(payload);
            prop_assert_eq!(copied, encoded);

            let joined = received.joined(topic.len(), topic.len() + properties.len() + payload.len());
            prop_assert_eq!(joined.is_some(), packet_id.is_some());
            if let Some((joined, gap)) = joined {
                prop_assert!(joined.starts_with(topic));
                let rest = [properties, payload].concat();
                prop_assert_eq!(&joined[topic.len() + usize::from(gap)..], rest);
            }
        }

        #[test]
        fn a_known_topic_is_read_as_one_that_is_checked((version, publish) in publish()) {
            let mut packet = Vec::new();
            publish.encode(version, &mut packet);
            let frame = split(&packet, Some(version), usize::MAX).expect("it is valid").expect("it is whole");
            prop_assert!(Publish::has_topic(frame.body, publish.topic));
            prop_assert!(!Publish::has_topic(frame.body, "another/topic/than/all"));
            prop_assert_eq!(
                Publish::decode_known(version, frame.flags, frame.body, publish.topic),
                Publish::decode(version, frame.flags, frame.body)
            );
        }
    }
}
