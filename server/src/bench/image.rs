//! PUBLISH packets encoded once: to send one is to copy it and to patch what differs.

use weirmq_core::packet::{PacketId, Properties, Publish, QoS, Version};

use super::scan::{STAMP_BYTES, Stamp};

/// Digits of a number in a topic.
const DIGITS: usize = 7;
/// How many of them its group shows.
const GROUP_DIGITS: usize = 4;

/// The topic of a number below 10,000,000: its group, a thousand numbers each, and itself.
pub(crate) fn numbered_topic(prefix: &str, number: usize) -> String {
    format!("{prefix}/{:04}/{number:07}/v", number / 1_000)
}

/// A PUBLISH to be sent many times.
pub(crate) struct Image {
    bytes: Vec<u8>,
    packet_id_at: Option<usize>,
    /// Where the group and the number stand, if the topic has one.
    numbers_at: Option<(usize, usize)>,
    payload_at: usize,
}

impl Image {
    /// Encodes a message for one topic.
    pub(crate) fn new(version: Version, qos: QoS, retain: bool, topic: &str, payload_bytes: usize) -> Self {
        let payload = vec![b'.'; payload_bytes.max(STAMP_BYTES)];
        let publish = Publish {
            dup: false,
            qos,
            retain,
            topic,
            packet_id: if qos == QoS::AtMostOnce { None } else { PacketId::new(1) },
            properties: Properties::EMPTY,
            payload: &payload,
        };
        let mut bytes = Vec::new();
        publish.encode(version, &mut bytes);
        let payload_at = bytes.len() - payload.len();
        let properties_bytes = usize::from(version == Version::V5);
        let packet_id_at = (qos != QoS::AtMostOnce).then(|| payload_at - properties_bytes - 2);
        Self { bytes, packet_id_at, numbers_at: None, payload_at }
    }

    /// Encodes a message for [`numbered_topic`]s.
    pub(crate) fn numbered(version: Version, qos: QoS, retain: bool, prefix: &str, payload_bytes: usize) -> Self {
        let topic = numbered_topic(prefix, 0);
        let mut image = Self::new(version, qos, retain, &topic, payload_bytes);
        let after_topic = image.packet_id_at.unwrap_or(image.payload_at - usize::from(version == Version::V5));
        let group_at = after_topic - topic.len() + prefix.len() + 1;
        image.numbers_at = Some((group_at, group_at + GROUP_DIGITS + 1));
        image
    }

    /// Its length.
    pub(crate) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends it. `number` is for the topic and `packet_id` for QoS 1 and 2; each is ignored where there is none.
    #[inline]
    pub(crate) fn append(&self, packet_id: u16, number: usize, stamp: Stamp, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let packet = &mut out[start..];
        if let Some(at) = self.packet_id_at {
            packet[at..at + 2].copy_from_slice(&packet_id.to_be_bytes());
        }
        if let Some((group_at, number_at)) = self.numbers_at {
            let mut rest = number;
            for digit in packet[number_at..number_at + DIGITS].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
            packet.copy_within(number_at..number_at + GROUP_DIGITS, group_at);
        }
        stamp.write(&mut packet[self.payload_at..]);
    }
}

#[cfg(test)]
mod tests {
    use weirmq_core::packet::split;

    use super::*;

    #[test]
    fn what_is_patched_is_read_back() {
        for version in [Version::V3_1_1, Version::V5] {
            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
                let image = Image::numbered(version, qos, true, "pre", 200);
                let mut out = vec![9; 3];
                let stamp = Stamp { publisher: 1, sequence: 2, sent_ns: 3 };
                image.append(0x0304, 1_234_567, stamp, &mut out);
                let frame = split(&out[3..], Some(version), 1_000).expect("valid").expect("whole");
                assert_eq!(frame.size, out.len() - 3);
                let publish = Publish::decode(version, frame.flags, frame.body).expect("a PUBLISH");
                assert_eq!(publish.topic, numbered_topic("pre", 1_234_567));
                assert_eq!(publish.packet_id.map(PacketId::get), (qos != QoS::AtMostOnce).then_some(0x0304));
                assert_eq!((publish.payload.len(), publish.retain), (200, true));
                let mut payload = [b'.'; 200];
                stamp.write(&mut payload);
                assert_eq!(publish.payload, payload);
            }
        }
    }
}
