//! What outlives a connection: wills, sessions, unfinished messages (MQTT 5.0, 3.1.2, 3.1.4, 4.1, 4.4).

use weirmq_core::Config;

use crate::wire::*;
use crate::{Client, Start, Talk, World};

fn witness(w: &mut dyn World) -> Client {
    let witness = w.connect(connect("witness").v5());
    w.subscribed(witness, [("will/#", 2)]);
    witness
}

/// The will goes out when the connection breaks, in each version and at each QoS (MQTT-3.1.2-8).
pub fn publishes_the_will_of_a_broken_connection(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = witness(&mut *w);
    for (version, qos) in [(Version::V31, 0), (Version::V311, 1), (Version::V5, 2)] {
        let client = w.connect(connect("mortal").version(version).will("will/x", b"gone", qos));
        w.reset(client);
        let got = w.take(witness, "will/x", "gone");
        assert_eq!((got.qos, got.retain), (qos, false));
        let client = w.connect(connect("mortal").version(version).will("will/y", b"hung up", qos));
        w.hang_up(client);
        w.take(witness, "will/y", "hung up");
    }
}

/// A will with Will Retain 1 stays as a retained message (MQTT-3.1.2-15).
pub fn publishes_a_retained_will(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = witness(&mut *w);
    let client = w.connect(connect("mortal").will("will/kept", b"gone", 1).will_retain());
    w.reset(client);
    w.take(witness, "will/kept", "gone");
    let late = w.connect(connect("late"));
    w.subscribed(late, [("will/kept", 1)]);
    assert!(w.take(late, "will/kept", "gone").retain);
}

/// DISCONNECT deletes the will (MQTT-3.1.2-10, MQTT-3.14.4-3).
pub fn forgets_the_will_of_a_disconnected_client(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = witness(&mut *w);
    for version in [Version::V31, Version::V311, Version::V5] {
        let client = w.connect(connect("polite").version(version).will("will/x", b"never", 1));
        w.send(client, disconnect());
        w.expect_closed(client);
    }
    let client = w.connect(connect("mortal").will("will/y", b"gone", 1));
    w.reset(client);
    w.take(witness, "will/y", "gone");
    w.expect_nothing(witness);
}

/// DISCONNECT with 0x04 publishes it all the same (3.14.2.1).
pub fn disconnect_0x04_publishes_the_will(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = witness(&mut *w);
    let client = w.connect(connect("mortal").v5().will("will/x", b"wanted", 1));
    w.send(client, disconnect().code(4));
    w.take(witness, "will/x", "wanted");
    w.expect_closed(client);
}

fn over_a_reconnect(start: Start<'_>, persistent: &Connect) {
    let mut w = start(Config::default());
    let client = w.reconnect(persistent.clone(), false);
    w.subscribed(client, [("q/#", 2)]);
    w.send(client, disconnect());
    w.expect_closed(client);
    let publisher = w.connect(connect("publisher"));
    // Before the others: once they are acknowledged it has come wherever it goes.
    w.published(publisher, publish("q/x", "qos 0 is not kept"));
    for n in 1..=20_u16 {
        w.published(publisher, publish("q/x", n.to_string()).qos(1 + n as u8 % 2).id(n));
    }
    let client = w.reconnect(persistent.clone(), true);
    for n in 1..=20_u16 {
        let got = w.take(client, "q/x", n.to_string());
        assert_eq!((got.qos, got.dup), (1 + n as u8 % 2, false));
    }
    w.expect_nothing(client);
    w.published(publisher, publish("q/y", "live").qos(1));
    w.take(client, "q/y", "live");
}

/// A 5.0 session with an expiry is there again, with its subscriptions and what came in between (MQTT-3.1.2-5).
pub fn keeps_a_session_over_a_reconnect(start: Start<'_>) {
    over_a_reconnect(start, &connect("persistent").v5().clean(false).session_expiry(3600));
}

/// A 3.1.1 session with CleanSession 0 is there again (MQTT-3.1.2-4, MQTT-3.1.2-5 of 3.1.1).
pub fn keeps_a_3_1_1_session_over_a_reconnect(start: Start<'_>) {
    over_a_reconnect(start, &connect("persistent").clean(false));
}

/// What was sent and not acknowledged comes again with DUP, its identifier and in order (MQTT-4.4.0-1).
pub fn sends_unacknowledged_messages_again(start: Start<'_>) {
    let mut w = start(Config::default());
    let persistent = connect("persistent").v5().clean(false).session_expiry(3600);
    let client = w.connect(persistent.clone());
    w.subscribed(client, [("t", 1)]);
    let publisher = w.connect(connect("publisher"));
    for n in 1..=3_u16 {
        w.published(publisher, publish("t", n.to_string()).qos(1).id(n));
    }
    let first: Vec<_> = (0..3).map(|_| w.recv_publish(client)).collect();
    w.send(client, puback(first[0].id.expect("QoS 1")));
    w.expect_nothing(client);
    w.reset(client);
    let client = w.reconnect(persistent, true);
    for sent in &first[1..] {
        let again = w.recv_publish(client);
        assert_eq!(again, Publish { dup: true, ..sent.clone() });
        w.send(client, puback(again.id.expect("QoS 1")));
    }
    w.expect_nothing(client);
}

/// QoS 2 goes on after PUBREC with PUBREL, not with the PUBLISH (MQTT-4.3.3-6).
pub fn finishes_qos_2_over_a_reconnect(start: Start<'_>) {
    let mut w = start(Config::default());
    let persistent = connect("persistent").clean(false);
    let client = w.connect(persistent.clone());
    w.subscribed(client, [("t", 2)]);
    let publisher = w.connect(connect("publisher"));
    w.published(publisher, publish("t", "once").qos(2));
    let id = w.recv_publish(client).id.expect("QoS 2");
    w.send(client, pubrec(id));
    w.expect(client, pubrel(id));
    w.reset(client);
    let client = w.reconnect(persistent, true);
    w.expect(client, pubrel(id));
    w.send(client, pubcomp(id));
    w.expect_nothing(client);
}

/// A PUBLISH of QoS 2 sent again before PUBREL is acknowledged again and delivered once (MQTT-4.3.3-10).
pub fn does_not_deliver_qos_2_twice(start: Start<'_>) {
    let mut w = start(Config::default());
    let subscriber = w.connect(connect("subscriber"));
    w.subscribed(subscriber, [("t", 0)]);
    let persistent = connect("publisher").clean(false);
    let publisher = w.connect(persistent.clone());
    w.send(publisher, publish("t", "once").qos(2).id(5));
    w.expect(publisher, pubrec(5));
    w.send(publisher, publish("t", "once").qos(2).id(5).dup());
    w.expect(publisher, pubrec(5));
    w.reset(publisher);
    let publisher = w.reconnect(persistent, true);
    w.send(publisher, publish("t", "once").qos(2).id(5).dup());
    w.expect(publisher, pubrec(5));
    w.send(publisher, pubrel(5));
    w.expect(publisher, pubcomp(5));
    w.published(publisher, publish("t", "twice").qos(2).id(5));
    w.take(subscriber, "t", "once");
    w.take(subscriber, "t", "twice");
    w.expect_nothing(subscriber);
}

/// Clean Start 1 ends the session that was there (MQTT-3.1.2-4).
pub fn clean_start_ends_the_session(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(connect("changing").clean(false));
    w.subscribed(client, [("t", 1)]);
    w.send(client, disconnect());
    w.expect_closed(client);
    let client = w.reconnect(connect("changing").clean(true), false);
    let publisher = w.connect(connect("publisher"));
    w.published(publisher, publish("t", "unheard").qos(1));
    w.expect_nothing(client);
    w.send(client, disconnect());
    w.expect_closed(client);
    w.reconnect(connect("changing").clean(false), false);
}

/// A second connection with the same identifier takes the session over; the first is told 0x8E (MQTT-3.1.4-3).
pub fn takes_a_session_over(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = witness(&mut *w);
    let persistent = connect("twin").v5().clean(false).session_expiry(60);
    let first = w.connect(persistent.clone().will("will/twin", b"first", 1));
    w.subscribed(first, [("t", 1)]);
    let second = w.reconnect(persistent, true);
    w.expect_disconnect(first, 0x8E);
    w.take(witness, "will/twin", "first");
    let publisher = w.connect(connect("publisher"));
    w.published(publisher, publish("t", "to the second").qos(1));
    w.take(second, "t", "to the second");
    w.expect_nothing(second);
}

/// A 3.1.1 client that is taken over is closed (MQTT-3.1.4-2 of 3.1.1).
pub fn takes_a_3_1_1_session_over(start: Start<'_>) {
    let mut w = start(Config::default());
    let first = w.connect(connect("twin").clean(false));
    let second = w.reconnect(connect("twin").clean(false), true);
    w.expect_closed(first);
    w.expect_nothing(second);
}
