//! What a broker sends, taken apart as far as a load generator must know it: no allocation, no copy, no strings.
//!
//! Packets are read where they lie. That their bytes come in pieces is the business of [`net`](super::net).

use weirmq_core::packet::{PacketType, Version, split};

/// The checked part at the front of a payload, in bytes: publisher, sequence number, time.
pub(crate) const STAMP_BYTES: usize = 16;

/// What a payload says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Who published it.
    pub(crate) publisher: u32,
    /// Its number among those of the publisher, from 0.
    pub(crate) sequence: u32,
    /// When it was sent, in ns since the start of the program.
    pub(crate) sent_ns: u64,
}

impl Stamp {
    /// Writes it to the front of a payload, which is large enough.
    pub(crate) fn write(self, payload: &mut [u8]) {
        payload[0..4].copy_from_slice(&self.publisher.to_le_bytes());
        payload[4..8].copy_from_slice(&self.sequence.to_le_bytes());
        payload[8..16].copy_from_slice(&self.sent_ns.to_le_bytes());
    }

    fn read(payload: &[u8]) -> Option<Self> {
        let (publisher, rest) = payload.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let (sent_ns, _) = rest.split_first_chunk()?;
        Some(Self {
            publisher: u32::from_le_bytes(*publisher),
            sequence: u32::from_le_bytes(*sequence),
            sent_ns: u64::from_le_bytes(*sent_ns),
        })
    }
}

/// A packet from the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// CONNACK with its reason or return code.
    ConnAck(u8),
    /// PUBLISH; the Packet Identifier is there for QoS 1 and 2.
    Publish { qos: u8, packet_id: Option<[u8; 2]>, stamp: Stamp },
    /// PUBACK, PUBREC, PUBREL or PUBCOMP, with its reason code.
    Ack { packet_type: PacketType, packet_id: [u8; 2], code: u8 },
    /// SUBACK with its codes.
    SubAck(&'a [u8]),
    /// PINGRESP.
    Ping,
    /// DISCONNECT, with its reason code.
    Disconnect(u8),
}

/// The packet at the front, and its size; `Ok(None)` when more bytes are needed.
///
/// # Errors
/// What is wrong with it.
#[inline]
pub(crate) fn scan(bytes: &[u8], version: Version) -> Result<Option<(Heard<'_>, usize)>, String> {
    let frame =
        split(bytes, Some(version), usize::MAX).map_err(|error| format!("the broker sent a bad packet: {error:?}"))?;
    let Some(frame) = frame else { return Ok(None) };
    let heard = match frame.packet_type {
        PacketType::Publish => publish(frame.flags, frame.body, version),
        PacketType::PubAck | PacketType::PubRec | PacketType::PubRel | PacketType::PubComp => {
            frame.body.first_chunk().map(|&packet_id| Heard::Ack {
                packet_type: frame.packet_type,
                packet_id,
                code: frame.body.get(2).copied().unwrap_or(0),
            })
        }
        PacketType::ConnAck => frame.body.get(1).map(|&code| Heard::ConnAck(code)),
        PacketType::SubAck => after_properties(frame.body.get(2..), version).map(Heard::SubAck),
        PacketType::PingResp => Some(Heard::Ping),
        PacketType::Disconnect => Some(Heard::Disconnect(frame.body.first().copied().unwrap_or(0))),
        PacketType::Connect
        | PacketType::Subscribe
        | PacketType::Unsubscribe
        | PacketType::UnsubAck
        | PacketType::PingReq
        | PacketType::Auth => None,
    };
    match heard {
        Some(heard) => Ok(Some((heard, frame.size))),
        None => Err(format!("the broker sent a {:?} that makes no sense here", frame.packet_type)),
    }
}

#[inline]
fn publish(flags: u8, body: &[u8], version: Version) -> Option<Heard<'_>> {
    let (topic_bytes, rest) = body.split_first_chunk()?;
    let rest = rest.get(usize::from(u16::from_be_bytes(*topic_bytes))..)?;
    let qos = flags >> 1 & 3;
    let (packet_id, rest) = match qos {
        0 => (None, rest),
        _ => rest.split_first_chunk().map(|(&packet_id, rest)| (Some(packet_id), rest))?,
    };
    let payload = after_properties(Some(rest), version)?;
    Stamp::read(payload).map(|stamp| Heard::Publish { qos, packet_id, stamp })
}

/// What follows the properties; 3.x has none.
#[inline]
fn after_properties(bytes: Option<&[u8]>, version: Version) -> Option<&[u8]> {
    let bytes = bytes?;
    if version != Version::V5 {
        return Some(bytes);
    }
    let (length, size) = weirmq_core::packet::varint::read_varint(bytes, false).ok()??;
    bytes.get(size + length as usize..)
}

#[cfg(test)]
mod tests {
    use weirmq_core::packet::{PacketId, Properties, Property, PropertyBuffer, Publish, QoS};

    use super::*;

    const STAMP: Stamp = Stamp { publisher: 7, sequence: 1 << 20, sent_ns: 1 << 40 };

    fn image(version: Version, qos: QoS) -> Vec<u8> {
        let mut payload = [0xee; 40];
        STAMP.write(&mut payload);
        let properties: PropertyBuffer = [Property::TopicAlias(3)].into_iter().collect();
        let publish = Publish {
            dup: false,
            qos,
            retain: false,
            topic: "a/b",
            packet_id: if qos == QoS::AtMostOnce { None } else { PacketId::new(0x0102) },
            properties: if version == Version::V5 { properties.as_properties() } else { Properties::EMPTY },
            payload: &payload,
        };
        let mut bytes = Vec::new();
        publish.encode(version, &mut bytes);
        bytes
    }

    #[test]
    fn a_publish_is_read_when_it_is_whole() {
        for version in [Version::V3_1_1, Version::V5] {
            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
                let bytes = image(version, qos);
                let packet_id = (qos != QoS::AtMostOnce).then_some([1, 2]);
                let heard = Heard::Publish { qos: qos as u8, packet_id, stamp: STAMP };
                assert_eq!(scan(&bytes, version), Ok(Some((heard, bytes.len()))));
                for cut in 0..bytes.len() {
                    assert_eq!(scan(&bytes[..cut], version), Ok(None), "{cut}");
                }
            }
        }
    }

    #[test]
    fn a_payload_without_a_stamp_is_an_error() {
        assert!(scan(b"\x30\x06\x00\x01tabc", Version::V3_1_1).is_err());
        assert!(scan(b"\x30\x03\x00\x09t", Version::V3_1_1).is_err());
    }

    #[test]
    fn acknowledgements_with_and_without_codes() {
        let ack = |code| Heard::Ack { packet_type: PacketType::PubAck, packet_id: [0, 9], code };
        assert_eq!(scan(b"\x40\x02\x00\x09", Version::V3_1_1), Ok(Some((ack(0), 4))));
        assert_eq!(scan(b"\x40\x03\x00\x09\x97", Version::V5), Ok(Some((ack(0x97), 5))));
        assert_eq!(scan(b"\x90\x05\x00\x01\x00\x01\x80", Version::V5), Ok(Some((Heard::SubAck(&[1, 0x80]), 7))));
        assert_eq!(scan(b"\x90\x03\x00\x01\x02", Version::V3_1_1), Ok(Some((Heard::SubAck(&[2]), 5))));
        assert!(scan(b"\x40\x01\x00", Version::V3_1_1).is_err());
    }
}
