extern crate std;

use std::format;
use std::string::String;
use std::vec::Vec;

use super::*;
use crate::config::Config;
use crate::id::{ConnId, ListenerId, PeerAddr};
use crate::outbox::Outbox;
use crate::packet::{
    Connect, Packet, PacketId, Properties, QoS, Subscribe, SubscribeBuffer, SubscriptionOptions, Version, split,
};
use crate::topic::{Elsewhere, FilterId};

const NOW: Instant = Instant::from_secs(1_000);
const V3: Version = Version::V3_1_1;
const OTHER: ShardId = ShardId(0);

/// The second of two shards with a client that subscribes to these filters.
fn shard(filters: &[&str]) -> (Broker, ConnId) {
    let mut broker = Broker::new(Config { shards: 2, ..Config::default() }, ShardId(1), [7; 32], NOW);
    let conn = (0..64).find_map(|number| {
        let connect = Connect {
            version: V3,
            clean_start: true,
            keep_alive_s: 0,
            properties: Properties::EMPTY,
            client_id: &format!("client-{number}"),
            will: None,
            user_name: None,
            password: None,
        };
        let conn = broker.handle_accept(NOW, ListenerId(0), PeerAddr::Memory).expect("there is room");
        let mut bytes = Vec::new();
        connect.encode(&mut bytes);
        broker.handle_receive(NOW, conn, &bytes);
        (!topics(&mut broker, conn).is_empty()).then_some(conn)
    });
    let conn = conn.expect("one name of many belongs to each shard");
    let mut wanted = SubscribeBuffer::new();
    filters.iter().for_each(|filter| wanted.push(filter, SubscriptionOptions::with_qos(QoS::AtMostOnce)));
    let mut bytes = Vec::new();
    Subscribe::new(PacketId::MIN, Properties::EMPTY, &wanted).encode(V3, &mut bytes);
    broker.handle_receive(NOW, conn, &bytes);
    topics(&mut broker, conn);
    (broker, conn)
}

/// The topics of the messages that a client is sent, and something for each other packet.
fn topics(broker: &mut Broker, conn: ConnId) -> Vec<String> {
    broker.drain(&mut Outbox::new());
    let bytes: Vec<u8> = broker.tx_slices(conn).flatten().copied().collect();
    broker.handle_sent(NOW, conn, bytes.len());
    let (mut rest, mut topics) = (&bytes[..], Vec::new());
    while let Some(frame) = split(rest, Some(V3), usize::MAX).expect("a valid packet") {
        topics.push(match Packet::decode(V3, &frame).expect("a valid packet") {
            Packet::Publish(publish) => String::from(publish.topic),
            other => format!("{:?}", other.packet_type()),
        });
        rest = &rest[frame.size..];
    }
    topics
}

/// Appends a message for the filters of these numbers.
fn push(batch: &mut PeerBatch, topic: &str, filters: &[FilterId], heard: u64) {
    let found: Vec<_> = filters.iter().map(|&filter| Elsewhere::new(1, Some(filter))).collect();
    let filters = batch.push_filters(&found, heard);
    let content = batch.push_content(topic.as_bytes(), &[], b"x");
    batch.push(PeerMessage::Publish(PeerPublish {
        ticket: 0,
        content,
        filters,
        beside: None,
        qos: QoS::AtMostOnce,
        retain: false,
        answered: false,
        subscriptions: true,
    }));
}

/// A number that was never one of a filter, or is not one any more, is nobody's.
#[test]
fn a_number_without_a_filter_gets_nothing() {
    let (mut broker, conn) = shard(&["a/b/c"]);
    let filter = broker.router.find("a/b/c").expect("it is there");
    let mut batch = PeerBatch { number: 1, ..PeerBatch::default() };
    let (above, root) = (broker.router.insert("a/b"), broker.router.insert("gone"));
    broker.router.release(root);
    push(&mut batch, "a/b", &[above, root], 1);
    push(&mut batch, "a/b/c", &[above, root, filter], 1);
    broker.handle_peer(NOW, OTHER, &mut batch);
    assert_eq!(topics(&mut broker, conn), ["a/b/c"]);
    assert_eq!(broker.stats().peer_lookups, 0);
}

/// Who knew less than it was told is not believed, and who has said nothing of it either.
#[test]
fn what_was_found_with_less_than_all_filters_is_looked_for() {
    for (heard, lookups) in [(0, 1), (1, 0), (2, 0)] {
        let (mut broker, conn) = shard(&["a"]);
        let filter = broker.router.find("a").expect("it is there");
        let mut batch = PeerBatch { number: 1, ..PeerBatch::default() };
        push(&mut batch, "a", &[filter], heard);
        // A batch is known by its first message.
        push(&mut batch, "a", &[filter], heard + 1);
        broker.handle_peer(NOW, OTHER, &mut batch);
        assert_eq!(topics(&mut broker, conn), ["a", "a"]);
        assert_eq!(broker.stats().peer_lookups, 2 * lookups, "{heard}");
        assert_eq!(batch.heard, None, "it is used again");
    }
}
