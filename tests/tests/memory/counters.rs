//! Every counter counts what its name says, once, and nothing else does. Operators see a broker by nothing else.

use std::time::Duration;

use weirmq_core::Config;
use weirmq_core::config::QueueFull;
use weirmq_tests::memory::Net;
use weirmq_tests::wire::*;
use weirmq_tests::{Client, Talk, World};

use crate::net;

/// What an action changes, in the order of the fields; bytes have a test of their own.
fn change(n: &mut Net, act: impl FnOnce(&mut Net)) -> String {
    let before = n.stats();
    act(n);
    let after = n.stats();
    let changes = before.iter().zip(after.iter()).filter(|((name, before), (_, after))| {
        before != after && !["bytes_received", "bytes_sent", "message_bytes_held"].contains(name)
    });
    let text =
        |((name, before), (_, after)): ((&str, u64), (_, u64))| format!("{name} {:+}", after as i64 - before as i64);
    changes.map(text).collect::<Vec<_>>().join(", ")
}

fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

/// A client that stays a session for 100 s, and what it subscribes to at QoS 2.
fn subscriber(n: &mut Net, filter: &str) -> Client {
    let client = n.connect(connect("subscriber").v5().session_expiry(100));
    n.subscribed(client, [(filter, 2)]);
    client
}

/// What takes the place of reading everything that waits for a client.
fn drain(n: &mut Net, client: Client) {
    while matches!(n.read(client), weirmq_tests::Received::Packet(_)) {}
}

#[test]
fn of_connections_and_sessions() {
    let mut n = net(1, config(|config| config.limits.connections_max = 2));
    let one = || connect("one").v5().clean(false).session_expiry(5);
    assert_eq!(
        change(&mut n, |n| drop(n.try_connect(one()))),
        "connections +1, sessions +1, sessions_connected +1, accepted +1, connects_accepted +1, packets_received +1, \
         packets_sent +1"
    );
    assert_eq!(
        change(&mut n, |n| drop(n.try_connect(one()))),
        "accepted +1, connects_accepted +1, takeovers +1, packets_received +1, packets_sent +2"
    );
    let method = Property::AuthenticationMethod("x".into());
    let refused = connect("two").v5().property(method);
    assert_eq!(
        change(&mut n, |n| drop(n.try_connect(refused))),
        "accepted +1, connects_refused +1, packets_received +1, packets_sent +1"
    );
    let mute = n.open();
    assert_eq!(change(&mut n, |n| _ = n.open()), "accept_refused +1");
    assert_eq!(change(&mut n, |n| n.reset(mute)), "connections -1, connects_refused +1");
    let silent = n.open();
    n.advance(Config::default().mqtt.connect_timeout / 2);
    assert_eq!(
        change(&mut n, |n| n.advance(Config::default().mqtt.connect_timeout)),
        "connections -1, connects_refused +1",
        "{silent:?}"
    );
}

#[test]
fn of_the_end_of_sessions() {
    let mut n = net(1, Config::default());
    let one = n.connect(connect("one").v5().session_expiry(5).keep_alive(10));
    n.subscribed(one, [("t", 1)]);
    let away = change(&mut n, |n| n.advance(Duration::from_secs(16)));
    assert_eq!(away, "connections -1, sessions_connected -1, keep_alive_timeouts +1, packets_sent +1");
    let gone = change(&mut n, |n| n.advance(Duration::from_secs(5)));
    assert_eq!(gone, "sessions -1, subscriptions -1, sessions_expired +1");
    let two = n.connect(connect("two"));
    let broken = change(&mut n, |n| n.send(two, [0x00, 0x00]));
    assert_eq!(broken, "connections -1, sessions -1, sessions_connected -1, violations +1");
    let version = n.open();
    let refused = change(&mut n, |n| n.send(version, raw::connect(b"MQTT", 9, 2, None, b"\0\x01x")));
    assert_eq!(refused, "connections -1, connects_refused +1, violations +1, packets_received +1, packets_sent +1");
}

#[test]
fn of_bytes() {
    let mut n = net(1, Config::default());
    let one = n.connect(connect("one"));
    let before = n.stats();
    n.write(one, &[0xC0, 0x00, 0xC0]);
    n.expect(one, pong());
    let after = n.stats();
    assert_eq!((after.bytes_received - before.bytes_received, after.bytes_sent - before.bytes_sent), (3, 2));
    assert_eq!(after.packets_received - before.packets_received, 1, "half a packet is none");
}

#[test]
fn of_messages_to_one_who_is_there() {
    let mut n = net(1, Config::default());
    let one = subscriber(&mut n, "t");
    let two = n.connect(connect("two").v5());
    let at = |qos: u8| publish("t", "x").qos(qos).id(u16::from(qos));
    assert_eq!(
        change(&mut n, |n| n.send(two, publish("t", "x"))),
        "packets_received +1, packets_sent +1, publishes_received +1, publishes_sent +1"
    );
    assert_eq!(
        change(&mut n, |n| n.send(two, at(1))),
        "messages_held +1, messages_inflight +1, packets_received +1, packets_sent +2, publishes_received +1, \
         publishes_sent +1"
    );
    assert_eq!(
        change(&mut n, |n| n.send(one, puback(1))),
        "messages_held -1, messages_inflight -1, packets_received +1"
    );
    assert_eq!(
        change(&mut n, |n| n.send(two, at(2))),
        "messages_held +1, messages_inflight +1, packets_received +1, packets_sent +2, publishes_received +1, \
         publishes_sent +1"
    );
    assert_eq!(
        change(&mut n, |n| n.send(two, at(2).dup())),
        "packets_received +1, packets_sent +1, publishes_received +1, publishes_duplicate +1"
    );
    assert_eq!(
        change(&mut n, |n| n.send(one, pubrec(2).with_code(0x83))),
        "messages_held -1, messages_inflight -1, packets_received +1, rejected_by_subscriber +1"
    );
    assert_eq!(
        change(&mut n, |n| n.send(two, publish("u", "x").qos(1).id(9))),
        "packets_received +1, packets_sent +1, publishes_received +1, messages_unmatched +1"
    );
    assert_eq!(
        change(&mut n, |n| n.send(two, publish("$SYS/x", "x").qos(1).id(9))),
        "packets_received +1, packets_sent +1, publishes_received +1, publishes_denied +1"
    );
}

#[test]
fn of_messages_to_one_who_is_away() {
    let mut n = net(1, Config::default());
    let one = subscriber(&mut n, "t");
    n.reset(one);
    let two = n.connect(connect("two").v5());
    assert_eq!(
        change(&mut n, |n| n.send(two, publish("t", "x"))),
        "packets_received +1, publishes_received +1, dropped_offline_qos0 +1"
    );
    for (payload, expiry_s) in [("first", 2), ("second", 200)] {
        let expiring = publish("t", payload).qos(1).id(1).property(Property::MessageExpiryInterval(expiry_s));
        assert_eq!(
            change(&mut n, |n| n.send(two, expiring)),
            "messages_held +1, messages_queued +1, packets_received +1, packets_sent +1, publishes_received +1"
        );
    }
    n.advance(Duration::from_secs(3));
    let again = || connect("subscriber").v5().clean(false).session_expiry(100);
    let mut back = None;
    assert_eq!(
        change(&mut n, |n| back = Some(n.reconnect(again(), true))),
        "connections +1, sessions_connected +1, messages_held -1, messages_queued -2, messages_inflight +1, accepted +1, \
         connects_accepted +1, packets_received +1, packets_sent +2, publishes_sent +1, dropped_expired +1"
    );
    n.reset(back.expect("it came back"));
    assert_eq!(
        change(&mut n, |n| _ = n.reconnect(again(), true)),
        "connections +1, sessions_connected +1, accepted +1, connects_accepted +1, packets_received +1, packets_sent +2, \
         publishes_sent +1, retransmitted +1"
    );
    assert_eq!(
        change(&mut n, |n| _ = n.connect(connect("subscriber").v5())),
        "subscriptions -1, messages_held -1, messages_inflight -1, accepted +1, connects_accepted +1, takeovers +1, \
         packets_received +1, packets_sent +2, dropped_session_ended +1"
    );
}

#[test]
fn of_messages_that_are_too_large() {
    let mut n = net(1, Config::default());
    let small = || connect("small").v5().clean(false).session_expiry(100).property(Property::MaximumPacketSize(40));
    let one = n.connect(connect("small").v5().session_expiry(100));
    n.subscribed(one, [("t", 1), ("w/+", 1)]);
    let two = n.connect(connect("two").v5());
    // In flight when the client comes back with less room, queued, and as it comes.
    n.published(two, publish("t", [0; 100]).qos(1).id(1));
    n.reset(one);
    n.send(two, publish("t", [0; 100]).qos(1).id(2));
    drain(&mut n, two);
    assert_eq!(
        change(&mut n, |n| _ = n.reconnect(small(), true)),
        "connections +1, sessions_connected +1, messages_held -2, messages_queued -1, messages_inflight -1, accepted +1, \
         connects_accepted +1, packets_received +1, packets_sent +1, dropped_too_large +2"
    );
    for (qos, sent) in [(0, ""), (1, "packets_sent +1, ")] {
        assert_eq!(
            change(&mut n, |n| n.send(two, publish("t", [0; 100]).qos(qos).id(u16::from(qos)))),
            format!("packets_received +1, {sent}publishes_received +1, dropped_too_large +1")
        );
    }
}

#[test]
fn of_retained_messages() {
    let mut n = net(1, config(|config| config.limits.retained_messages_max = 1));
    let one = n.connect(connect("one").v5());
    let kept = publish("t", "x").retain().property(Property::MessageExpiryInterval(5));
    assert_eq!(
        change(&mut n, |n| n.send(one, kept)),
        "retained_messages +1, messages_held +1, packets_received +1, publishes_received +1, messages_unmatched +1"
    );
    assert_eq!(
        change(&mut n, |n| n.send(one, publish("u", "x").retain().qos(1).id(1))),
        "packets_received +1, packets_sent +1, publishes_received +1, refused_retained_full +1"
    );
    assert_eq!(
        change(&mut n, |n| n.send(one, subscribe(1, [("#", 1)]))),
        "subscriptions +1, packets_received +1, packets_sent +2, publishes_sent +1"
    );
    assert_eq!(
        change(&mut n, |n| n.send(one, unsubscribe(1, ["#"]))),
        "subscriptions -1, packets_received +1, packets_sent +1"
    );
    assert_eq!(
        change(&mut n, |n| n.advance(Duration::from_secs(5))),
        "retained_messages -1, messages_held -1, dropped_expired +1"
    );
}

#[test]
fn of_queues_that_are_full() {
    let queued = "messages_held +1, messages_queued +1, packets_received +1, packets_sent +1, publishes_received +1";
    for (full, expected) in [
        (QueueFull::Refuse, "packets_received +1, packets_sent +1, publishes_received +1, refused_queue_full +1"),
        (QueueFull::DropNewest, "packets_received +1, packets_sent +1, publishes_received +1, dropped_queue_full +1"),
        (QueueFull::DropOldest, "packets_received +1, packets_sent +1, publishes_received +1, dropped_queue_full +1"),
    ] {
        let limits = |config: &mut Config| {
            config.limits.queue_messages_max = 1;
            config.limits.queue_full = full;
        };
        let mut n = net(1, config(limits));
        let one = subscriber(&mut n, "t");
        n.reset(one);
        let two = n.connect(connect("two").v5());
        assert_eq!(change(&mut n, |n| n.send(two, publish("t", "x").qos(1).id(1))), queued);
        assert_eq!(change(&mut n, |n| n.send(two, publish("t", "x").qos(1).id(2))), expected, "{full:?}");
    }
}

#[test]
fn of_shared_subscriptions_whose_members_leave() {
    let mut n = net(1, Config::default());
    let one = subscriber(&mut n, "$share/g/t");
    let two = n.connect(connect("two").v5());
    n.reset(one);
    n.published(two, publish("t", "x").qos(1).id(1));
    assert_eq!(
        change(&mut n, |n| n.advance(Duration::from_secs(100))),
        "sessions -1, subscriptions -1, messages_held -1, messages_queued -1, dropped_no_member +1, sessions_expired +1"
    );
}

#[test]
fn of_wills() {
    let mut n = net(1, Config::default());
    let one = n.connect(connect("one").v5().will("w", b"bye", 0));
    assert_eq!(
        change(&mut n, |n| n.reset(one)),
        "connections -1, sessions -1, sessions_connected -1, messages_unmatched +1, wills_published +1"
    );
}

#[test]
fn of_shards() {
    let mut n = net(2, Config::default());
    // One of the two accepts it, and the hash of its name decides which one keeps it.
    let names = (0..8).map(|number| format!("client{number}"));
    let handed: Vec<_> = names.map(|name| change(&mut n, |n| _ = n.connect(connect(&name)))).collect();
    let here = "connections +1, sessions +1, sessions_connected +1, accepted +1, connects_accepted +1, \
                packets_received +1, packets_sent +1";
    let moved = "connections +1, sessions +1, sessions_connected +1, accepted +1, connects_accepted +1, handoffs +1, \
                 packets_received +1, packets_sent +1";
    assert!(handed.iter().all(|change| change == here || change == moved), "{handed:#?}");
    assert!(handed.iter().any(|change| change == here) && handed.iter().any(|change| change == moved));
    let bytes: usize = (0..8).map(|number| connect(&format!("client{number}")).to_wire(Version::V311).len()).sum();
    assert_eq!(n.stats().bytes_received, bytes as u64, "each byte is received once");
}

/// A QoS 0 message that is too large for its client, and one that would have to wait and has no room.
#[test]
fn of_qos_0_that_does_not_go() {
    let mut n = net(1, config(|config| (config.limits.queue_messages_max, config.limits.queue_qos0) = (3, true)));
    let publisher = n.connect(connect("publisher"));
    let client = n.connect(connect("small").v5().property(Property::MaximumPacketSize(50)));
    n.subscribed(client, [("t", 0)]);
    assert_eq!(
        change(&mut n, |n| n.send(publisher, publish("t", [0; 100]))),
        "packets_received +1, publishes_received +1, dropped_too_large +1"
    );
    let client = n.connect(connect("as small").v5().property(Property::MaximumPacketSize(50)));
    n.subscribed(client, [("t", 0)]);
    assert_eq!(
        change(&mut n, |n| n.send(publisher, publish("t", [0; 100]))),
        "packets_received +1, publishes_received +1, dropped_too_large +2"
    );
    let stuck = || connect("stuck").v5().clean(false).session_expiry(100).receive_maximum(1);
    let client = n.connect(stuck());
    n.subscribed(client, [("s", 1)]);
    n.reset(client);
    for id in 1..=2 {
        n.published(publisher, publish("s", "x").qos(1).id(id));
    }
    n.send(publisher, publish("s", "kept"));
    let client = n.reconnect(stuck(), true);
    assert_eq!(n.recv_publish(client).payload, b"x");
    // It does not overtake the one that waits behind what waits for PUBACK.
    assert_eq!(
        change(&mut n, |n| n.send(publisher, publish("s", "y"))),
        "messages_held +1, messages_queued +1, packets_received +1, publishes_received +1"
    );
    assert_eq!(
        change(&mut n, |n| n.send(publisher, publish("s", "z"))),
        "packets_received +1, publishes_received +1, dropped_queue_full +1"
    );
}

/// PUBACK says whether anybody wanted the message (MQTT 5.0, 3.4.2.1); what is retained has found its place.
#[test]
fn of_messages_that_nobody_wants() {
    let mut n = net(1, Config::default());
    let publisher = n.connect(connect("publisher").v5());
    n.send(publisher, publish("t", "x").qos(1).id(1));
    n.expect_like(publisher, puback(1).with_code(0x10));
    n.send(publisher, publish("t", "x").qos(1).id(2).retain());
    n.expect(publisher, puback(2));
    assert_eq!(n.stats().messages_unmatched, 2);
}

/// A retained message makes room for the one that replaces it.
#[test]
fn of_retained_bytes() {
    let mut n = net(1, config(|config| config.limits.retained_bytes_max = 1024 * 1024));
    let publisher = n.connect(connect("publisher").v5());
    let half = |topic: &str| publish(topic, vec![0; 600 * 1024]).retain().qos(1).id(1);
    for _ in 0..3 {
        n.send(publisher, half("a"));
        n.expect(publisher, puback(1));
    }
    n.send(publisher, half("b"));
    n.expect_like(publisher, puback(1).with_code(0x97));
    assert_eq!((n.stats().retained_messages, n.stats().refused_retained_full), (1, 1));
}

/// Where no more messages may be held, QoS 0 goes on: it is not held.
#[test]
fn of_memory_that_is_full() {
    let mut n = net(1, config(|config| config.limits.message_bytes_max = 1024 * 1024));
    let away = n.connect(connect("away").clean(false));
    n.subscribed(away, [("held", 1)]);
    n.reset(away);
    let publisher = n.connect(connect("publisher"));
    let here = n.connect(connect("here"));
    n.subscribed(here, [("free", 0)]);
    for id in 1..=20 {
        n.send(publisher, publish("held", vec![0; 100 * 1024]).qos(1).id(id));
    }
    n.settle();
    let held = n.stats().publishes_received;
    assert!((10..=11).contains(&held), "{held} of 20 messages fit");
    let other = n.connect(connect("other"));
    n.send(other, publish("free", "x"));
    n.take(here, "free", "x");
}
