//! PUBLISH towards a subscriber: one layout for each class of receivers, encoded once and copied.

use alloc::vec::Vec;

use crate::connection::OutgoingAlias;
use crate::packet::varint::{varint_len, write_varint};
use crate::packet::{PacketId, Publish, QoS};
use crate::peer::{PeerBatch, PeerContent, PeerPacket};

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
    packet: &'a [u8],
    v5: bool,
    /// Where the Packet Identifier is; 0 at QoS 0, which has none.
    packet_id_at: u32,
}

impl<'a> Received<'a> {
    /// `packet` has its Remaining Length in the shortest form, a topic and no alias, and no property that is not forwarded.
    pub(super) fn new(packet: &'a [u8], v5: bool, publish: &Publish<'_>) -> Self {
        let properties = if v5 { publish.properties.encoded_size() } else { 0 };
        let packet_id_at = match publish.packet_id {
            Some(_) => (packet.len() - publish.payload.len() - properties - 2) as u32,
            None => 0,
        };
        Self { packet, v5, packet_id_at }
    }

    /// The same in a batch for another shard, with what lies where in it.
    #[inline(always)]
    pub(super) fn push(&self, content: &Content<'_>, batch: &mut PeerBatch) -> PeerContent {
        let (topic, properties, payload) = (content.topic.len(), content.properties.len(), content.payload.len());
        let topic_end = match self.packet_id_at {
            0 if self.v5 => self.packet.len() - payload - properties - varint_len(properties as u32),
            0 => self.packet.len() - payload,
            at => at as usize,
        };
        let kind = if self.v5 { PeerPacket::V5 } else { PeerPacket::V3 };
        batch.push_packet((self.packet, kind), (topic_end - topic, topic), properties, payload)
    }

    /// As [`push`](Self::push) left it in a batch, if it did, with the same QoS.
    pub(super) fn in_batch(batch: &'a PeerBatch, content: &PeerContent, qos: QoS) -> Option<Self> {
        let v5 = content.packet()? == PeerPacket::V5;
        let packet_id_at = if qos == QoS::AtMostOnce { 0 } else { content.behind_topic() };
        Some(Self { packet: batch.whole(content), v5, packet_id_at })
    }

    /// Whether a packet with this head, which has no alias and no identifiers, is the same but for flags and Packet Identifier.
    pub(super) fn is_like(&self, head: &Head<'_>) -> bool {
        self.v5 == head.v5 && (self.packet_id_at > 0) == head.packet_id.is_some()
    }

    /// From the topic of so many bytes to the end, and how many bytes there are neither topic, properties nor payload, which
    /// are `content_bytes`. `None` at QoS 0.
    pub(super) fn joined(&self, topic_bytes: usize, content_bytes: usize) -> Option<(&'a [u8], u8)> {
        let topic_at = (self.packet_id_at as usize).checked_sub(topic_bytes)?;
        let joined = &self.packet[topic_at..];
        Some((joined, (joined.len() - content_bytes) as u8))
    }

    /// Bytes of the whole packet.
    pub(super) fn size(&self) -> usize {
        self.packet.len()
    }

    /// Appends the packet with this head.
    pub(super) fn append(&self, head: &Head<'_>, out: &mut Vec<u8>) {
        append_patched(self.packet, self.packet_id_at as usize, head, out);
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
            let received = Received::new(&packet, v5, &publish);
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
