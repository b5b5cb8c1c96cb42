//! What is on its way from shard to shard while things change on both sides.

use weirmq_core::{Config, ShardId};
use weirmq_tests::memory::Net;
use weirmq_tests::wire::*;
use weirmq_tests::{Client, Received, Talk, World};

use crate::net;
use crate::review::{kept, named};

/// The payloads that have come on a topic at QoS 1 or 0.
fn payloads(n: &mut Net, client: Client) -> Vec<String> {
    let mut all = Vec::new();
    while let Received::Packet(packet) = n.read(client) {
        let Packet::Publish(publish) = packet else { continue };
        if let Some(id) = publish.id {
            n.send(client, puback(id));
        }
        all.push(String::from_utf8(publish.payload).expect("all are text"));
    }
    all.sort();
    all
}

/// The member of a group that a message was sent for leaves meanwhile: another shard that has one gets the message.
#[test]
fn a_message_for_a_member_that_has_left_goes_on() {
    let mut n = net(3, Config::default());
    let (_, leaves) = named(&mut n, "leaves", 1, |connect| connect);
    n.subscribed(leaves, [("$share/g/t", 1)]);
    let (_, stays) = named(&mut n, "stays", 2, |connect| connect);
    n.subscribed(stays, [("$share/g/t", 1)]);
    let (_, publisher) = named(&mut n, "publisher", 0, |connect| connect);
    n.hold_peers(true);
    for id in 1..=4 {
        n.send(publisher, publish("t", id.to_string()).qos(1).id(id));
    }
    n.settle();
    n.send(leaves, unsubscribe(2, ["$share/g/t"]));
    n.settle();
    n.hold_peers(false);
    n.settle();
    assert_eq!(payloads(&mut n, leaves), [""; 0]);
    assert_eq!(payloads(&mut n, stays), ["1", "2", "3", "4"]);
    assert_eq!(n.stats().dropped_no_member, 0);
    // When nobody is left, that is known.
    n.hold_peers(true);
    n.send(publisher, publish("t", "5").qos(1).id(5));
    n.settle();
    n.send(stays, unsubscribe(2, ["$share/g/t"]));
    n.settle();
    n.hold_peers(false);
    n.settle();
    assert_eq!(payloads(&mut n, stays), [""; 0]);
    assert_eq!(n.stats().dropped_no_member, 1);
}

/// A member that has gone away is not chosen by another shard while a connected one is elsewhere.
#[test]
fn a_member_that_goes_away_is_not_chosen_elsewhere() {
    let mut n = net(3, Config::default());
    let (name, away) = named(&mut n, "away", 1, kept);
    n.subscribed(away, [("$share/g/t", 1)]);
    let (_, stays) = named(&mut n, "stays", 2, |connect| connect);
    n.subscribed(stays, [("$share/g/t", 1)]);
    n.reset(away);
    n.settle();
    let (_, publisher) = named(&mut n, "publisher", 0, |connect| connect);
    for id in 1..=4 {
        n.published(publisher, publish("t", id.to_string()).qos(1).id(id));
    }
    assert_eq!(payloads(&mut n, stays), ["1", "2", "3", "4"]);
    let away = n.reconnect(kept(connect(&name).v5()), true);
    assert_eq!(payloads(&mut n, away), [""; 0]);
}

/// What is retained for a topic, for a subscriber in each of two shards.
fn retained(n: &mut Net, topic: &str) -> [Vec<String>; 2] {
    [0, 1].map(|shard| {
        let (_, client) = named(n, "reader", shard, |connect| connect);
        n.send(client, subscribe(1, [(topic, 0)]));
        let got = payloads(n, client);
        n.send(client, disconnect());
        got
    })
}

/// A removal is newer than a message that was published before it and comes later, but only for its own topic.
#[test]
fn a_removal_outlives_the_messages_that_were_before_it() {
    let mut n = net(2, Config::default());
    let (_, newer) = named(&mut n, "newer", 0, |connect| connect);
    let (_, older) = named(&mut n, "older", 1, |connect| connect);
    n.hold_peers(true);
    n.send(older, publish("removed", "older").retain());
    n.send(older, publish("other", "older").retain());
    for payload in ["1", "2", "3", ""] {
        n.send(newer, publish("removed", payload).retain());
    }
    n.settle();
    n.hold_peers(false);
    n.settle();
    assert_eq!(retained(&mut n, "removed"), [[""; 0], [""; 0]]);
    assert_eq!(retained(&mut n, "other"), [["older"], ["older"]]);
}

/// Publishers wait when another shard does not take what is for it, at QoS 0 too: what is on its way is bounded. Shards share the bound.
#[test]
fn what_is_on_its_way_to_a_shard_is_bounded() {
    const MESSAGE: usize = 64 * 1024;
    for (shards, bytes_max, bound) in [(2, 4, 4), (3, 4, 2), (3, 1, 1)].map(|(n, a, b)| (n, a << 20, b << 20)) {
        let mut config = Config::default();
        config.limits.peer_bytes_max = bytes_max;
        let mut n = net(shards, config);
        let (_, subscriber) = named(&mut n, "subscriber", 1, |connect| connect);
        n.subscribed(subscriber, [("t", 0)]);
        let (_, publisher) = named(&mut n, "publisher", 0, |connect| connect);
        n.hold_peers(true);
        for _ in 0..200 {
            n.send(publisher, publish("t", vec![0; MESSAGE]));
            n.settle();
        }
        let taken = n.stats_of(ShardId(0)).publishes_received as usize * MESSAGE;
        assert!((bound..bound + 2 * MESSAGE).contains(&taken), "{taken} bytes, {bound} are the bound");
        n.hold_peers(false);
        let mut received = 0;
        while let Received::Packet(Packet::Publish(publish)) = n.read(subscriber) {
            assert_eq!(publish.payload.len(), MESSAGE);
            received += 1;
        }
        // What has no room in the output is dropped, as it is at QoS 0.
        assert_eq!(received + n.stats().dropped_output_full, 200, "what waited has come");
    }
}

/// Among many filters a shard looks ahead at the topics of a batch: who gets what, and in which order, stays the same.
#[test]
fn a_batch_of_new_topics_finds_its_subscribers() {
    const FILTERS: usize = 70_000;
    let mut n = net(2, Config::default());
    let (_, subscriber) = named(&mut n, "subscriber", 1, |connect| connect);
    for start in (0..FILTERS).step_by(1_000) {
        let name = |number| Filter { filter: format!("t/{number}"), options: 0 };
        let filters = (start..start + 1_000).map(name).collect();
        n.send(subscriber, Subscribe { filters, ..subscribe(1, []) });
        assert!(matches!(n.recv(subscriber), Packet::SubAck(_)));
    }
    let (_, publisher) = named(&mut n, "publisher", 0, |connect| connect);
    let topics: Vec<usize> = (0..300).map(|number| number * 7_919 % (FILTERS + 10_000)).collect();
    let packets = topics.iter().map(|topic| publish(&format!("t/{topic}"), topic.to_string()).to_wire(Version::V5));
    n.send(publisher, packets.collect::<Vec<_>>().concat());
    for topic in topics.iter().filter(|topic| **topic < FILTERS) {
        let got = n.recv_publish(subscriber);
        assert_eq!((got.topic, got.payload), (format!("t/{topic}"), topic.to_string().into_bytes()));
    }
    n.expect_nothing(subscriber);
}
