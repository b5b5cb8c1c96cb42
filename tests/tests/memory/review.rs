//! What reading found, each with a test of its own.

use std::time::Duration;

use weirmq_core::{Config, ShardId};
use weirmq_tests::memory::Net;
use weirmq_tests::wire::*;
use weirmq_tests::{Client, Received, Talk, World};

use crate::{net, sharded};

sharded! {
    /// Every SUBSCRIBE is sent what is retained, when they come faster than that is sent, too (MQTT-3.8.4-4).
    fn each_of_many_subscribes_gets_what_is_retained(shards) {
        let mut n = net(shards, Config::default());
        let publisher = n.connect(connect("publisher"));
        for topic in ["r/1", "r/2", "r/3"] {
            n.published(publisher, publish(topic, topic).qos(1).retain());
        }
        let client = n.connect(connect("client").v5());
        let asked: Vec<u8> =
            (1..=4).flat_map(|id| subscribe(id, [("r/#", 1)]).identifier(id.into()).to_wire(Version::V5)).collect();
        n.send(client, asked);
        let mut topics = Vec::new();
        loop {
            match n.read(client) {
                Received::Packet(Packet::Publish(publish)) => {
                    assert!(publish.retain);
                    n.send(client, puback(publish.id.expect("QoS 1")));
                    let [Property::SubscriptionIdentifier(VarInt(id))] = publish.properties[..] else { panic!("{publish:?}") };
                    topics.push((publish.topic, id));
                }
                Received::Packet(packet) => assert!(matches!(packet, Packet::SubAck(_)), "{packet:?}"),
                Received::Nothing => break,
                other => panic!("{other:?}"),
            }
        }
        let wanted = (1..=4_u32).flat_map(|id| ["r/1", "r/2", "r/3"].map(|topic| (topic.to_string(), id)));
        assert!(topics.iter().cloned().eq(wanted), "{topics:?}");
    }
}

sharded! {
    /// 3.x knows no Receive Maximum: a client may have more QoS 2 messages open than that, and comes back with them.
    fn an_old_client_may_have_many_messages_open(shards) {
        let mut config = Config::default();
        config.mqtt.receive_maximum = 3;
        let mut n = net(shards, config);
        let mut client = n.connect(connect("old").clean(false));
        let open = || (1..=10).map(|id| publish("t", id.to_string()).qos(2).id(id));
        for message in open() {
            n.send(client, message);
        }
        n.settle();
        for _ in 0..2 {
            n.reset(client);
            client = n.reconnect(connect("old").clean(false), true);
            for message in open() {
                n.send(client, message.dup());
            }
            for id in 1..=10 {
                n.expect_acknowledged(client, pubrec(id));
            }
        }
        for id in 1..=10 {
            n.send(client, pubrel(id));
            n.expect(client, pubcomp(id));
        }
    }
}

sharded! {
    /// A 5.0 client's send quota is whole on each connection (MQTT 5.0, 4.9), whatever it left open on an earlier one.
    fn receive_maximum_begins_anew_with_each_connection(shards) {
        let mut config = Config::default();
        config.mqtt.receive_maximum = 2;
        let mut n = net(shards, config);
        let session = || connect("new").v5().clean(false).session_expiry(100);
        let mut client = n.connect(session());
        for round in 0..3 {
            for id in [1, 2] {
                n.send(client, publish("t", "x").qos(2).id(2 * round + id));
                n.expect_acknowledged(client, pubrec(2 * round + id));
            }
            n.reset(client);
            client = n.reconnect(session(), true);
        }
        for id in 7..=8 {
            n.send(client, publish("t", "x").qos(2).id(id));
            n.expect_acknowledged(client, pubrec(id));
        }
        n.send(client, publish("t", "x").qos(2).id(9));
        n.expect_disconnect(client, 0x93);
    }
}

/// A client of this name that is at home in this shard.
pub(crate) fn named(n: &mut Net, name: &str, home: u16, with: impl Fn(Connect) -> Connect) -> (String, Client) {
    for number in 0.. {
        let name = format!("{name}{number}");
        let client = n.connect(with(connect(&name).v5()));
        if n.shard_of(client) == Some(ShardId(home)) {
            return (name, client);
        }
        n.send(client, disconnect().property(Property::SessionExpiryInterval(0)));
        n.expect_closed(client);
    }
    unreachable!("every shard is the home of some name")
}

pub(crate) fn kept(connect: Connect) -> Connect {
    connect.clean(false).session_expiry(100)
}

/// Everything that comes, taken; as topics and payloads.
fn take_all(n: &mut Net, client: Client) -> Vec<(String, Vec<u8>)> {
    let mut got = Vec::new();
    loop {
        match n.read(client) {
            Received::Packet(Packet::Publish(publish)) => {
                if let Some(id) = publish.id {
                    n.send(client, puback(id));
                }
                got.push((publish.topic, publish.payload));
            }
            Received::Packet(Packet::SubAck(_)) => {}
            Received::Nothing => return got,
            other => panic!("{other:?}"),
        }
    }
}

sharded! {
    /// A message that one session has to have twice, for two Shared Subscriptions, is taken as a whole, though its queue has
    /// room for one.
    fn a_message_for_two_groups_finds_its_place(shards) {
        let mut config = Config::default();
        config.limits.queue_messages_max = 1;
        let mut n = net(shards, config);
        let (name, client) = named(&mut n, "worker", shards - 1, kept);
        n.subscribed(client, [("$share/a/t", 1), ("$share/b/t", 1)]);
        n.reset(client);
        let (_, publisher) = named(&mut n, "publisher", 0, |connect| connect);
        n.published(publisher, publish("t", "x").qos(1).id(1));
        n.send(publisher, publish("t", "y").qos(1).id(2));
        n.expect_like(publisher, puback(2).with_code(0x97));
        let client = n.reconnect(kept(connect(&name).v5()), true);
        assert_eq!(take_all(&mut n, client), [("t".to_string(), b"x".to_vec()), ("t".to_string(), b"x".to_vec())]);
        assert_eq!(n.stats().dropped_queue_full, 0);
    }
}

/// The members of a group that are at home with the publisher are full: the message goes to one elsewhere.
#[test]
fn a_group_is_served_elsewhere_when_it_is_full_here() {
    let mut config = Config::default();
    config.limits.queue_messages_max = 1;
    let mut n = net(2, config);
    let (_, here) = named(&mut n, "here", 0, kept);
    n.subscribed(here, [("$share/g/t", 1), ("fill", 1)]);
    let (name, there) = named(&mut n, "there", 1, kept);
    n.subscribed(there, [("$share/g/t", 1)]);
    n.reset(here);
    n.reset(there);
    let (_, publisher) = named(&mut n, "publisher", 0, |connect| connect);
    n.published(publisher, publish("fill", "x").qos(1).id(1));
    n.published(publisher, publish("t", "y").qos(1).id(2));
    assert_eq!(n.stats().dropped_queue_full, 0);
    let there = n.reconnect(kept(connect(&name).v5()), true);
    assert_eq!(take_all(&mut n, there), [("t".to_string(), b"y".to_vec())]);
}

/// A member that comes back is connected for the shard of the publisher too, and takes its turn.
#[test]
fn a_member_that_comes_back_takes_its_turn_elsewhere() {
    let mut n = net(2, Config::default());
    let (name, away) = named(&mut n, "away", 1, kept);
    n.subscribed(away, [("$share/g/t", 1)]);
    let (_, stays) = named(&mut n, "stays", 0, kept);
    n.subscribed(stays, [("$share/g/t", 1)]);
    n.reset(away);
    let (_, publisher) = named(&mut n, "publisher", 0, |connect| connect);
    n.published(publisher, publish("t", "while it is away").qos(1).id(1));
    assert_eq!(n.recv_publish(stays).payload, b"while it is away");
    // Nothing waits for it, and it is sent nothing that could make up for a shard that was not told.
    let away = n.reconnect(kept(connect(&name).v5()), true);
    for id in 2..=5 {
        n.published(publisher, publish("t", id.to_string()).qos(1).id(id));
    }
    assert_eq!([take_all(&mut n, away).len(), take_all(&mut n, stays).len()], [2, 2]);
}

/// Another shard refuses a QoS 2 message when its publisher has gone: it is as if it had never come, and comes again.
#[test]
fn what_was_refused_when_its_publisher_had_gone_comes_again() {
    let mut config = Config::default();
    config.limits.queue_messages_max = 1;
    let mut n = net(2, config);
    let (reader_name, reader) = named(&mut n, "reader", 1, kept);
    n.subscribed(reader, [("t", 2)]);
    n.reset(reader);
    let (name, publisher) = named(&mut n, "publisher", 0, kept);
    n.published(publisher, publish("t", "fills").qos(1).id(1));
    n.hold_peers(true);
    n.send(publisher, publish("t", "comes again").qos(2).id(2));
    n.settle();
    n.reset(publisher);
    n.settle();
    n.hold_peers(false);
    n.settle();
    let reader = n.reconnect(kept(connect(&reader_name).v5()), true);
    assert_eq!(take_all(&mut n, reader), [("t".to_string(), b"fills".to_vec())]);
    let publisher = n.reconnect(kept(connect(&name).v5()), true);
    n.send(publisher, publish("t", "comes again").qos(2).id(2).dup());
    n.expect_acknowledged(publisher, pubrec(2));
    let received = n.recv_publish(reader);
    assert_eq!((received.qos, &received.payload[..]), (2, &b"comes again"[..]));
}

/// What a new subscriber in each shard is sent of `#`, in order.
fn retained(n: &mut Net, shards: u16) -> Vec<Vec<(String, Vec<u8>)>> {
    (0..shards)
        .map(|shard| {
            let (_, client) = named(n, "subscriber", shard, |connect| connect);
            n.send(client, subscribe(1, [("#", 1)]));
            let got = take_all(n, client);
            n.send(client, disconnect());
            got
        })
        .collect()
}

/// Shards whose retained stores are full keep the same messages: what the publisher's shard took, all have.
#[test]
fn full_shards_retain_the_same() {
    let mut config = Config::default();
    config.limits.retained_messages_max = 1;
    let mut n = net(2, config);
    let (_, one) = named(&mut n, "one", 0, |connect| connect);
    let (_, two) = named(&mut n, "two", 1, |connect| connect);
    n.hold_peers(true);
    n.send(one, publish("x", "1").qos(1).id(1).retain());
    n.send(two, publish("y", "1").qos(1).id(1).retain());
    n.settle();
    n.hold_peers(false);
    n.expect_acknowledged(one, puback(1));
    n.expect_acknowledged(two, puback(1));
    let both =
        |x: &str, y: &str| vec![("x".to_string(), x.as_bytes().to_vec()), ("y".to_string(), y.as_bytes().to_vec())];
    assert_eq!(retained(&mut n, 2), [both("1", "1"), both("1", "1")]);
    n.published(two, publish("x", "2").qos(1).id(2).retain());
    n.send(one, publish("z", "1").qos(1).id(2).retain());
    n.expect_like(one, puback(2).with_code(0x97));
    assert_eq!(retained(&mut n, 2), [both("2", "1"), both("2", "1")]);
}

sharded! {
    /// A message of QoS 0 that cannot be retained is published; the older one is not the latest any more and goes, in every
    /// shard (3.3.1.3). One that is refused was not published.
    fn what_has_no_room_does_not_leave_an_older_one_behind(shards) {
        let mut config = Config::default();
        config.limits.retained_bytes_max = 100;
        let mut n = net(shards, config);
        let (_, publisher) = named(&mut n, "publisher", 0, |connect| connect);
        n.published(publisher, publish("x", "old").qos(1).id(1).retain());
        n.send(publisher, publish("x", vec![b'x'; 200]).qos(1).id(2).retain());
        n.expect_like(publisher, puback(2).with_code(0x97));
        let old = vec![("x".to_string(), b"old".to_vec())];
        assert_eq!(retained(&mut n, shards), vec![old; shards.into()]);
        n.send(publisher, publish("x", vec![b'x'; 200]).retain());
        n.expect_nothing(publisher);
        assert_eq!(retained(&mut n, shards), vec![vec![]; shards.into()]);
        assert_eq!(n.stats().retained_messages, 0);
    }
}

sharded! {
    /// A 3.x client whose own queue has no room for what it publishes is closed unacknowledged, but not before it could
    /// acknowledge what fills the queue: it comes back with the message and is heard in the end.
    fn a_client_with_a_full_queue_of_its_own_gets_out_of_it(shards) {
        let mut config = Config::default();
        config.limits.queue_messages_max = 1;
        config.mqtt.inflight_max = 1;
        let mut n = net(shards, config);
        let session = || connect("old").clean(false);
        let mut client = n.connect(session());
        n.subscribed(client, [("t", 1)]);
        for id in 1..=2 {
            n.send(client, publish("t", id.to_string()).qos(1).id(id));
            n.expect_among(client, &puback(id));
        }
        let (mut connections, mut got) = (0, Vec::new());
        let last = publish("t", "3").qos(1).id(3);
        n.send(client, last.clone());
        let acknowledged = loop {
            match n.read(client) {
                Received::Packet(Packet::Publish(publish)) => {
                    n.send(client, puback(publish.id.expect("QoS 1")));
                    got.push(publish.payload);
                }
                Received::Packet(Packet::PubAck(ack)) => break ack.id,
                Received::Packet(packet) => assert_eq!(packet, connack(true, 0).into()),
                Received::Closed => {
                    connections += 1;
                    assert!(connections < 5, "it goes on for ever: {got:?}");
                    // It does not wait for anything before it sends again.
                    client = n.open();
                    let hasty = [session().to_wire(Version::V311), last.clone().dup().to_wire(Version::V311)];
                    n.send(client, hasty.concat());
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!((acknowledged, connections), (3, 1));
    }
}

sharded! {
    /// The client that takes nothing is not waited for for ever.
    fn a_client_that_does_not_empty_its_queue_is_closed(shards) {
        let mut config = Config::default();
        config.limits.queue_messages_max = 1;
        config.mqtt.inflight_max = 1;
        let mut n = net(shards, config);
        let client = n.connect(connect("old").clean(false));
        n.subscribed(client, [("t", 1)]);
        for id in 1..=2 {
            n.send(client, publish("t", id.to_string()).qos(1).id(id));
            n.expect_among(client, &puback(id));
        }
        n.send(client, publish("t", "3").qos(1).id(3));
        n.recv_publish(client);
        n.advance(Duration::from_millis(1_999));
        assert_eq!(n.read(client), Received::Nothing);
        n.advance(Duration::from_millis(1));
        n.expect_closed(client);
    }
}

sharded! {
    /// A client that closes its side after a DISCONNECT is heard to the end: what it sent before is published, and its will
    /// is not, however many turns that takes.
    fn what_was_sent_before_the_end_of_file_is_handled(shards) {
        let mut config = Config::default();
        config.limits.packets_per_turn = 1;
        let mut n = net(shards, config);
        let subscriber = n.connect(connect("subscriber"));
        n.subscribed(subscriber, [("#", 0)]);
        let hasty = n.open();
        let mut all = connect("hasty").will("will", b"will", 0).to_wire(Version::V311);
        for number in 0..20_u8 {
            all.extend(publish("t", [number]).to_wire(Version::V311));
        }
        all.extend(disconnect().to_wire(Version::V311));
        n.send(hasty, all);
        n.hang_up(hasty);
        for number in 0..20_u8 {
            n.take(subscriber, "t", [number]);
        }
        n.expect_nothing(subscriber);
    }
}

sharded! {
    /// A client that has closed its side alone is still sent what it waits for.
    fn an_answer_reaches_a_client_that_has_closed_its_side(shards) {
        for shard in 0..shards {
            let mut n = net(shards, Config::default());
            let (_, subscriber) = named(&mut n, "subscriber", shard, |connect| connect);
            n.subscribed(subscriber, [("t", 1)]);
            let (_, publisher) = named(&mut n, "publisher", 0, |connect| connect);
            n.hold_peers(true);
            n.send(publisher, publish("t", "x").qos(1).id(1));
            n.settle();
            n.hang_up(publisher);
            n.settle();
            n.hold_peers(false);
            n.expect_acknowledged(publisher, puback(1));
            n.expect_closed(publisher);
            n.take(subscriber, "t", "x");
        }
    }
}
