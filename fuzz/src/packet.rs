//! The packets alone: bytes in, a packet or a violation out, and back.

use weirmq_core::packet::{Frame, Packet, Property, Version, peek_size, split};

const VERSIONS: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5];
/// Large enough that only the bytes themselves decide.
const SIZE_MAX: usize = 268_435_460;

/// Any bytes, read as a stream of packets of each version: reading never panics, a packet takes the bytes that it says,
/// and none that are not there. What the first bytes of a stream prove, more bytes do not change.
pub fn packet_decode(data: &[u8]) {
    for version in VERSIONS {
        let mut rest = data;
        while let Ok(Some(frame)) = split(rest, Some(version), SIZE_MAX) {
            check_frame(rest, version, &frame);
            if let Ok(packet) = Packet::decode(version, &frame) {
                look_at(&packet);
            }
            rest = &rest[frame.size..];
        }
        check_prefixes(rest, version);
    }
    let before = split(data, None, SIZE_MAX);
    if let Ok(Some(frame)) = before {
        assert!(frame.size <= data.len());
    }
}

fn check_frame(rest: &[u8], version: Version, frame: &Frame<'_>) {
    assert!(frame.size >= 2 && frame.size <= rest.len(), "a packet is what was received");
    assert_eq!(peek_size(rest), Some(frame.size));
    assert_eq!(&rest[frame.size - frame.body.len()..frame.size], frame.body);
    assert_eq!(frame.packet_type as u8, rest[0] >> 4);
    assert_eq!(split(&rest[..frame.size], Some(version), frame.size), Ok(Some(*frame)));
    assert!(split(rest, Some(version), frame.size - 1).is_err(), "the bound counts the whole packet");
    assert!(matches!(split(&rest[..frame.size - 1], Some(version), SIZE_MAX), Ok(None)), "one byte is missing");
}

/// A violation that a prefix shows is shown by everything longer.
fn check_prefixes(rest: &[u8], version: Version) {
    let whole = split(rest, Some(version), SIZE_MAX);
    for end in 0..rest.len().min(6) {
        match split(&rest[..end], Some(version), SIZE_MAX) {
            Ok(_) => {}
            Err(violation) => assert_eq!(whole, Err(violation)),
        }
    }
}

/// Uses everything that is read only when it is asked for.
fn look_at(packet: &Packet<'_>) {
    let properties = match packet {
        Packet::Connect(connect) => {
            let will = connect.will.as_ref().map(|will| will.properties);
            will.into_iter().for_each(|properties| assert!(properties.iter().count() <= properties.as_bytes().len()));
            connect.properties
        }
        Packet::ConnAck(packet) => packet.properties,
        Packet::Publish(packet) => {
            assert!(!packet.topic.contains(['+', '#', '\0']));
            packet.properties
        }
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => ack.properties,
        Packet::Subscribe(packet) => {
            assert!(packet.filters().count() > 0);
            packet.properties
        }
        Packet::SubAck(packet) => packet.properties,
        Packet::Unsubscribe(packet) => {
            assert!(packet.filters().count() > 0);
            packet.properties
        }
        Packet::UnsubAck(packet) => packet.properties,
        Packet::Disconnect(packet) => packet.properties,
        Packet::Auth(packet) => packet.properties,
        Packet::PingReq | Packet::PingResp => return,
    };
    assert!(properties.iter().count() <= properties.as_bytes().len());
    let users = properties.iter().filter(|property| matches!(property, Property::UserProperty(..))).count();
    assert_eq!(properties.user_properties().count(), users);
}

/// What can be read can be written: it has the size that was told, and reads as the same packet.
pub fn packet_round_trip(data: &[u8]) {
    for version in VERSIONS {
        let mut rest = data;
        while let Ok(Some(frame)) = split(rest, Some(version), SIZE_MAX) {
            if let Ok(packet) = Packet::decode(version, &frame) {
                write_again(version, &packet);
            }
            rest = &rest[frame.size..];
        }
    }
}

fn write_again(version: Version, packet: &Packet<'_>) {
    let mut out = vec![0xEE];
    packet.encode(version, &mut out);
    assert_eq!(out.remove(0), 0xEE, "a packet is appended");
    assert_eq!(out.len(), packet.encoded_size(version), "{packet:?}");
    // A CONNECT is written in its own version, and may have come on a connection of another.
    let version = match packet {
        Packet::Connect(connect) => connect.version,
        Packet::ConnAck(_)
        | Packet::Publish(_)
        | Packet::PubAck(_)
        | Packet::PubRec(_)
        | Packet::PubRel(_)
        | Packet::PubComp(_)
        | Packet::Subscribe(_)
        | Packet::SubAck(_)
        | Packet::Unsubscribe(_)
        | Packet::UnsubAck(_)
        | Packet::PingReq
        | Packet::PingResp
        | Packet::Disconnect(_)
        | Packet::Auth(_) => version,
    };
    let frame = split(&out, Some(version), SIZE_MAX).expect("what is written is valid").expect("and whole");
    assert_eq!(frame.size, out.len());
    assert!(frame.is_shortest());
    let again = Packet::decode(version, &frame).expect("what was read can be read again");
    assert_eq!(again, *packet);
    let mut twice = Vec::new();
    again.encode(version, &mut twice);
    assert_eq!(twice, out, "writing is stable");
}
