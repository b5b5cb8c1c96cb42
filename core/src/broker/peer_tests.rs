extern crate std;

use std::format;
use std::string::String;
use std::vec::Vec;

use super::*;
use crate::config::Config;
use crate::id::{ConnId, ListenerId, PeerAddr};
use crate::outbox::Outbox;
use crate::packet::{
    Connect, Packet, PacketId, Properties, Publish, QoS, Subscribe, SubscribeBuffer, SubscriptionOptions, Version,
    split,
};
use crate::topic::{Elsewhere, FilterId};

const NOW: Instant = Instant::from_secs(1_000);
const V3: Version = Version::V3_1_1;
const OTHER: ShardId = ShardId(0);

/// The second of two shards with a client that subscribes to these filters.
fn shard(filters: &[&str]) -> (Broker, ConnId) {
    let (mut broker, conn) = with_client(ShardId(1));
    let mut wanted = SubscribeBuffer::new();
    filters.iter().for_each(|filter| wanted.push(filter, SubscriptionOptions::with_qos(QoS::AtMostOnce)));
    let mut bytes = Vec::new();
    Subscribe::new(PacketId::MIN, Properties::EMPTY, &wanted).encode(V3, &mut bytes);
    broker.handle_receive(NOW, conn, &bytes);
    topics(&mut broker, conn);
    (broker, conn)
}

/// One of two shards, and a client.
fn with_client(shard: ShardId) -> (Broker, ConnId) {
    let mut broker = Broker::new(Config { shards: 2, ..Config::default() }, shard, [7; 32], NOW);
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
    (broker, conn.expect("one name of many belongs to each shard"))
}

/// Publishes with RETAIN 1.
fn retain(broker: &mut Broker, conn: ConnId, topic: &str, payload: &[u8]) {
    let publish = Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: true,
        topic,
        packet_id: None,
        properties: Properties::EMPTY,
        payload,
    };
    let mut bytes = Vec::new();
    publish.encode(V3, &mut bytes);
    broker.handle_receive(NOW, conn, &bytes);
}

/// Two shards retain a message of a topic at the same time: the one with the higher stamp stays, and the other one is delivered
/// all the same.
#[test]
fn an_older_one_that_comes_later_is_delivered_and_not_retained() {
    let (mut other, far) = with_client(OTHER);
    let (mut broker, conn) = shard(&["r"]);
    retain(&mut broker, conn, "before", b"x");
    retain(&mut broker, conn, "r", b"newer");
    assert_eq!(topics(&mut broker, conn), ["r"]);
    retain(&mut other, far, "r", b"older");
    let mut outbox = Outbox::new();
    other.drain(&mut outbox);
    let [(ShardId(1), batch)] = &mut outbox.peers[..] else { panic!("{:?}", outbox.peers) };
    broker.handle_peer(NOW, OTHER, batch);
    assert_eq!(topics(&mut broker, conn), ["r"]);
    let entry = broker.retained.store.get("r").expect("it is retained");
    assert_eq!(entry.stamp(), (2, 1));
    assert_eq!(broker.clients.messages.len(), 2, "what was only delivered has gone");
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
