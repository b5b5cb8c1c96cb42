//! Packets in one piece do what the same packets do one by one.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;
use side::{Between, FILTERS, NOW, Side, TOPICS, case, plain, side};

use super::*;
use crate::packet::{Properties, Publish, QoS, Version};
use crate::{LogPosition, Outbox, ShardId};

mod side;

proptest! {
    #[test]
    fn in_one_piece_as_one_by_one(case in case()) {
        let (mut one_by_one, mut whole) = (Side::new(&case), Side::new(&case));
        for (bursts, between) in &case.pieces {
            let packets = case.packets(bursts);
            for (side, pieces) in [(&mut one_by_one, packets.clone()), (&mut whole, vec![packets.concat()])] {
                for piece in pieces {
                    side.publish(&piece);
                }
                side.settle();
                for (client, (receiver, &between)) in case.receivers.iter().zip(between).enumerate() {
                    side.between(client, receiver, between);
                }
            }
        }
        prop_assert_eq!(one_by_one.seen(), whole.seen());
    }
}

fn publishes(topic: &str, payloads: &[usize]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for &payload in payloads {
        let payload = vec![7; payload];
        let publish = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic,
            packet_id: None,
            properties: Properties::EMPTY,
            payload: &payload,
        };
        publish.encode(Version::V3_1_1, &mut bytes);
    }
    bytes
}

/// How many packets make a run, and of how many bytes.
fn found(bytes: &[u8], bounds: Bounds) -> (u32, usize) {
    let (at, first) = measure(bytes).expect("a first packet");
    let topic = usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    let extent = Extent::find(bytes, first, first - at - 2 - topic, bounds);
    if let Some(run) = extent.of(bytes) {
        let again = Extent::of_known(extent.known(), run.bytes, at + 2 + topic);
        assert_eq!(format!("{extent:?}"), format!("{again:?}"), "another shard knows the same");
        assert_eq!(run.packets().map(|(packet, _)| packet).collect::<Vec<_>>().concat(), run.bytes);
    }
    (extent.packets, extent.bytes())
}

const WIDE: Bounds = Bounds { packets_max: 1_000, packet_bytes_max: 1 << 20, fan_out: false };

#[test]
fn a_run_ends_where_a_packet_differs() {
    let run = publishes("t", &[0, 1, 200, 130]);
    assert_eq!(found(&run, WIDE), (4, run.len()));
    let other = publishes("u", &[3]);
    let longer = publishes("tt", &[3]);
    let [mut retained, mut dup, mut qos1] = [0; 3].map(|_| publishes("t", &[3]));
    (retained[0], dup[0], qos1[0]) = (0x31, 0x38, 0x32);
    let mut long = publishes("t", &[3]);
    long[1] |= 0x80;
    long.insert(2, 0);
    let cut = &publishes("t", &[3])[..5];
    let short = [0x30, 2, 0, 1];
    let lengths = [0x30, 0xFF, 0xFF, 0xFF, 0xFF];
    for next in [&other[..], &longer, &retained, &dup, &qos1, &long, cut, &short, &[0x30], &lengths] {
        assert_eq!(found(&[&run, next].concat(), WIDE), (4, run.len()), "{next:?}");
        assert_eq!(found(&[&publishes("t", &[1]), next].concat(), WIDE), (0, 0), "{next:?}");
        if next.len() > cut.len() {
            // Nor does it go on behind that.
            assert_eq!(found(&[&run, next, &run].concat(), WIDE), (4, run.len()), "{next:?}");
        }
    }
}

#[test]
fn a_run_ends_at_its_bounds() {
    let bytes = publishes("t", &[10; 20]);
    let size = bytes.len() / 20;
    for packets_max in 2..=20 {
        let bounds = Bounds { packets_max, ..WIDE };
        assert_eq!(found(&bytes, bounds), (packets_max, packets_max as usize * size));
    }
    assert_eq!(found(&bytes, Bounds { packets_max: 1, ..WIDE }), (0, 0));
    // The first packet that is larger than one may be is a violation.
    let bytes = publishes("t", &[10, 10, 11, 10]);
    assert_eq!(found(&bytes, Bounds { packet_bytes_max: size, ..WIDE }), (2, 2 * size));
    assert_eq!(found(&bytes, Bounds { packet_bytes_max: size + 1, ..WIDE }).0, 4);
    // What a fan-out shares is not copied.
    let bytes = publishes("t", &[10, 1_023, 1_024, 10]);
    assert_eq!(found(&bytes, Bounds { fan_out: true, ..WIDE }).0, 2);
    assert_eq!(found(&bytes, WIDE).0, 4);
    let bytes = publishes("t", &[1_024, 10, 10]);
    assert_eq!(found(&bytes, Bounds { fan_out: true, ..WIDE }), (0, 0));
    // 16 packets of 1,018 bytes, 96 more, and whatever comes then.
    let bytes = publishes("t", &vec![1_018 - 6; 100]);
    assert_eq!(found(&bytes, WIDE), (16, 16 * 1_018));
    let bytes = publishes("t", &[8 * 1_024 - 6, 8 * 1_024 - 6, 0]);
    assert_eq!(found(&bytes, WIDE), (2, RUN_BYTES_MAX));
    let bytes = publishes("t", &[8 * 1_024 - 6, 8 * 1_024 - 5, 0]);
    assert_eq!(found(&bytes, WIDE), (0, 0));
}

/// In a run a turn ends where it would without.
#[test]
fn a_run_keeps_to_the_share_of_a_turn() {
    let bytes = publishes(TOPICS[0], &[10; 100]);
    for packets_per_turn in [1, 2, 3, 99, 100, 101] {
        let mut world = side(|case| case.packets_per_turn = packets_per_turn, vec![plain(0, FILTERS[0])]);
        assert_eq!(world.publish(&bytes), u64::from(packets_per_turn.min(100)));
    }
    for (receivers, deliveries_per_turn, handled) in [(1, 7, 7), (3, 1, 1), (3, 7, 3), (3, 9, 3), (3, 10, 4)] {
        let receivers = vec![plain(0, FILTERS[0]); receivers];
        let mut world = side(|case| case.deliveries_per_turn = deliveries_per_turn, receivers);
        assert_eq!(world.publish(&bytes), handled);
    }
    // Two filters and 30 subscriptions are 32 steps.
    let receivers = [vec![plain(0, FILTERS[0]); 16], vec![plain(0, FILTERS[1]); 14]].concat();
    let mut world = side(|case| case.deliveries_per_turn = 61, receivers);
    assert_eq!(world.publish(&bytes), 2);
    // Three filters and 15 subscriptions are 18 steps, which are two deliveries beside those to five clients.
    for (deliveries_per_turn, handled) in [(7, 1), (20, 3), (22, 4)] {
        const OVERLAPPING: &[&str] = &["run/#", "run/of/one", "run/of/+"];
        let receivers = vec![plain(0, OVERLAPPING); 5];
        let mut world = side(|case| case.deliveries_per_turn = deliveries_per_turn, receivers);
        // Its runs may end earlier: then the packets behind are the next one.
        assert_eq!(world.publish(&bytes), handled);
    }
}

/// Nothing is sent before CONNACK (MQTT-3.2.0-1), which waits for the store.
#[test]
fn who_waits_for_connack_is_sent_no_run() {
    let receiver = plain(0, FILTERS[0]);
    let mut world = side(|case| case.durable = true, vec![receiver.clone()]);
    world.shards[0].handle_stored(NOW, LogPosition(u64::MAX));
    world.settle();
    world.between(0, &receiver, Between::Return);
    world.got[0].clear();
    world.publish(&publishes(TOPICS[0], &[10; 4]));
    assert_eq!(world.shards[0].stats().dropped_offline_qos0, 4);
    world.read(0);
    assert!(world.got[0].is_empty());
}

/// A run crosses to another shard as one message, and is one there.
#[test]
fn a_run_crosses_as_one_message() {
    let mut world = side(|case| case.shards = 2, vec![plain(0, FILTERS[0]), plain(1, FILTERS[0])]);
    let bytes = publishes(TOPICS[0], &[10, 0, 200, 10]);
    world.publish(&bytes);
    let mut outbox = Outbox::new();
    world.shards[0].drain(&mut outbox);
    let [(ShardId(1), batch)] = &mut outbox.peers[..] else { panic!("{:?}", outbox.peers) };
    assert_eq!((batch.messages.len(), batch.bytes.len()), (1, bytes.len()));
    world.shards[1].handle_peer(NOW, ShardId(0), batch);
    world.settle();
    world.got[1].clear();
    world.read(1);
    assert_eq!(world.got[1], bytes);
    assert_eq!(world.shards[1].stats().publishes_sent, 4);
}

/// A payload that several receivers share is not copied to each because it came in a run, here or in another shard.
#[test]
fn what_is_shared_without_runs_is_shared() {
    for shards in [1, 2] {
        let receivers = vec![plain(shards - 1, FILTERS[0]); 3];
        let mut world = side(|case| case.shards = shards, receivers);
        world.publish(&publishes(TOPICS[0], &[2_000; 4]));
        world.settle();
        assert_eq!(world.shards[usize::from(shards) - 1].stats().messages_held, 4);
        (0..4).for_each(|client| world.read(client));
        assert_eq!(world.shards[usize::from(shards) - 1].stats().messages_held, 0);
        world.publish(&publishes(TOPICS[0], &[10; 4]));
        world.settle();
        assert_eq!(world.shards[usize::from(shards) - 1].stats().messages_held, 0);
    }
}
