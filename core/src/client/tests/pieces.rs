//! How the server's bytes are cut makes no difference.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::packet::generate::{ack, packet, publish, version};
use crate::packet::{Packet, PacketType, PropertySet};

/// What a server might send after CONNACK, and now and then what it may not.
fn server_packets(version: Version) -> impl Strategy<Value = Vec<Packet<'static>>> {
    let likely = prop_oneof![
        4 => publish(version).prop_map(Packet::Publish),
        1 => ack(version, PacketType::PubAck, PropertySet::PubAck).prop_map(Packet::PubAck),
        1 => ack(version, PacketType::PubRec, PropertySet::PubRec).prop_map(Packet::PubRec),
        1 => ack(version, PacketType::PubRel, PropertySet::PubRel).prop_map(Packet::PubRel),
        1 => ack(version, PacketType::PubComp, PropertySet::PubComp).prop_map(Packet::PubComp),
        1 => Just(Packet::PingResp),
    ];
    vec(prop_oneof![9 => likely, 1 => packet(version)], 0..8)
}

/// Events and output of a client with some messages under way that gets `bytes` in these pieces.
fn run(version: Version, bytes: &[u8], pieces: &[usize]) -> (Vec<ClientEvent>, Vec<u8>) {
    let config = ClientConfig { topic_alias_maximum: u16::MAX, receive_maximum: 4, ..config(version) };
    let mut harness = Harness::connected(config);
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce] {
        harness.publish("t", qos).expect("room");
    }
    let mut rest = bytes;
    for size in pieces.iter().cycle() {
        let (piece, after) = rest.split_at((*size).min(rest.len()));
        harness.feed(piece);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    (harness.events(), harness.sent())
}

proptest! {
    #[test]
    fn pieces_make_no_difference(
        (version, packets) in version().prop_flat_map(|version| (Just(version), server_packets(version))),
        pieces in vec(1usize..24, 1..6),
    ) {
        let mut bytes = Vec::new();
        for packet in &packets {
            packet.encode(version, &mut bytes);
        }
        prop_assert_eq!(run(version, &bytes, &pieces), run(version, &bytes, &[usize::MAX]));
    }

    #[test]
    fn any_bytes_are_survived(version in version(), bytes in vec(any::<u8>(), 0..300), pieces in vec(1usize..24, 1..6)) {
        run(version, &bytes, &pieces);
    }
}
