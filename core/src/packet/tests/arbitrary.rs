//! What holds for every packet and for every run of bytes.

use alloc::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::generate::{packet, property, version};
use super::super::{Frame, Packet, PacketType, PropertyBuffer, Version, Violation, peek_size, split};
use super::{UNLIMITED, frame};

/// A version and some packets of it.
fn packets(count: core::ops::Range<usize>) -> impl Strategy<Value = (Version, Vec<Packet<'static>>)> {
    version().prop_flat_map(move |version| (Just(version), vec(packet(version), count.clone())))
}

fn encoded(version: Version, packet: &Packet<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    packet.encode(version, &mut out);
    out
}

/// What a reader that gets `bytes` in pieces makes of them: the sizes of the packets, and the breach that stopped it.
fn split_in_pieces(version: Version, bytes: &[u8], pieces: &[usize]) -> (Vec<usize>, Option<Violation>) {
    let mut sizes = Vec::new();
    let mut buffer = Vec::new();
    let mut rest = bytes;
    for index in 0.. {
        let piece = pieces[index % pieces.len()].min(rest.len());
        buffer.extend_from_slice(&rest[..piece]);
        rest = &rest[piece..];
        loop {
            match split(&buffer, Some(version), UNLIMITED) {
                Err(violation) => return (sizes, Some(violation)),
                Ok(None) => break,
                Ok(Some(frame)) => {
                    let size = frame.size;
                    sizes.push(size);
                    buffer.drain(..size);
                }
            }
        }
        if rest.is_empty() {
            break;
        }
    }
    (sizes, None)
}

proptest! {
    #[test]
    fn round_trip((version, packets) in packets(1..4)) {
        for packet in packets {
            let bytes = encoded(version, &packet);
            prop_assert_eq!(bytes.len(), packet.encoded_size(version));
            prop_assert_eq!(peek_size(&bytes), Some(bytes.len()));
            let frame = frame(version, &bytes);
            prop_assert_eq!(frame.size, bytes.len());
            prop_assert_eq!(frame.packet_type, packet.packet_type());
            prop_assert!(frame.is_shortest());
            prop_assert_eq!(Packet::decode(version, &frame), Ok(packet));
        }
    }

    #[test]
    fn a_cut_packet_is_never_whole((version, packets) in packets(1..2)) {
        let bytes = encoded(version, &packets[0]);
        for cut in 0..bytes.len() {
            prop_assert_eq!(split(&bytes[..cut], Some(version), UNLIMITED), Ok(None));
        }
        let whole = frame(version, &bytes);
        for cut in 0..whole.body.len() {
            let frame = Frame { body: &whole.body[..cut], ..whole };
            let result = Packet::decode(version, &frame);
            // These end where their Remaining Length says, so a shorter one can be whole as well.
            let open_ended = match whole.packet_type {
                PacketType::Publish | PacketType::Subscribe | PacketType::Unsubscribe
                | PacketType::SubAck | PacketType::UnsubAck
                | PacketType::PubAck | PacketType::PubRec | PacketType::PubRel | PacketType::PubComp
                | PacketType::Disconnect => true,
                // In 3.1 a user name or password that is not there at all is none.
                PacketType::Connect => version == Version::V3_1,
                PacketType::ConnAck | PacketType::PingReq | PacketType::PingResp | PacketType::Auth => false,
            };
            prop_assert!(open_ended || result.is_err(), "{:?} of {} bytes", whole.packet_type, cut);
        }
    }

    #[test]
    fn a_longer_packet_has_trailing_bytes((version, packets) in packets(1..2), more in 0u8..) {
        let bytes = encoded(version, &packets[0]);
        let whole = frame(version, &bytes);
        let mut body = whole.body.to_vec();
        body.push(more);
        let result = Packet::decode(version, &Frame { body: &body, ..whole });
        match whole.packet_type {
            PacketType::Connect | PacketType::ConnAck => prop_assert_eq!(result, Err(Violation::TrailingBytes)),
            PacketType::PingReq | PacketType::PingResp => prop_assert_eq!(result, Err(Violation::PayloadAfterPing)),
            // Payload, further codes or filters, or the parts that a short form leaves out.
            PacketType::Publish | PacketType::Subscribe | PacketType::Unsubscribe | PacketType::SubAck
            | PacketType::UnsubAck | PacketType::PubAck | PacketType::PubRec | PacketType::PubRel
            | PacketType::PubComp | PacketType::Disconnect | PacketType::Auth => {}
        }
    }

    #[test]
    fn any_bytes_are_survived(version in version(), bytes in vec(any::<u8>(), 0..200), body in vec(any::<u8>(), 0..64)) {
        let _ = peek_size(&bytes);
        for version in [None, Some(version)] {
            if let Ok(Some(frame)) = split(&bytes, version, 150) {
                prop_assert!(frame.size <= bytes.len() && frame.size <= 150);
            }
        }
        for bits in 1..=15 {
            let packet_type = PacketType::from_bits(bits).expect("a type");
            let flags = packet_type.fixed_flags().unwrap_or(bytes.first().map_or(0, |byte| byte & 0x0f));
            let frame = Frame { packet_type, flags, body: &body, size: body.len() + 2 };
            let _ = Packet::decode(version, &frame);
        }
    }

    /// A changed byte makes a breach or another packet, which then is as stable as any.
    #[test]
    fn what_is_read_can_be_written(
        (version, packets) in packets(1..2),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
    ) {
        let mut bytes = encoded(version, &packets[0]);
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        let Ok(Some(frame)) = split(&bytes, Some(version), UNLIMITED) else { return Ok(()) };
        let Ok(packet) = Packet::decode(version, &frame) else { return Ok(()) };
        let version = if let Packet::Connect(connect) = packet { connect.version } else { version };
        let again = encoded(version, &packet);
        prop_assert!(again.len() <= frame.size);
        let reread = super::decode(version, &again);
        prop_assert_eq!(&reread, &Ok(packet));
        prop_assert_eq!(encoded(version, &reread.expect("just compared")), again);
    }

    #[test]
    fn pieces_make_no_difference(
        (version, packets) in packets(1..5),
        pieces in vec(1usize..20, 1..5),
        junk in vec(any::<u8>(), 0..6),
    ) {
        let mut bytes: Vec<u8> = packets.iter().flat_map(|packet| encoded(version, packet)).collect();
        bytes.extend_from_slice(&junk);
        let whole = split_in_pieces(version, &bytes, &[usize::MAX]);
        prop_assert!(whole.0.len() >= packets.len());
        prop_assert_eq!(split_in_pieces(version, &bytes, &pieces), whole);
    }
    /// A list knows which kinds of properties it has, however it was put together, and is not walked for others.
    #[test]
    fn a_list_knows_its_kinds(list in vec(property(), 0..12), kept in any::<prop::sample::Index>()) {
        let kept = kept.index(list.len() + 1);
        let mut buffer = PropertyBuffer::from_iter(list[..kept].iter().copied());
        let size = buffer.len();
        buffer.extend(PropertyBuffer::from_iter(list[kept..].iter().copied()).as_properties());
        prop_assert_eq!(&buffer, &PropertyBuffer::from_iter(list.iter().copied()));
        buffer.truncate(size);
        let properties = buffer.as_properties();
        for identifier in 0..64 {
            let has = list[..kept].iter().any(|property| property.identifier() == identifier);
            prop_assert_eq!(properties.has_any(&[identifier]), has);
        }
    }
}
