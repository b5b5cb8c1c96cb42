//! What a session keeps, and for how long (MQTT 3.1.1, 3.1.2.4 and 4.1).

use weirmq_core::Config;
use weirmq_tests::wire::*;
use weirmq_tests::{Start, Talk};

use crate::common::*;

crate::cases! {
    mqtt_3_3_1_2_4 mqtt_3_3_1_2_4_nothing_lasts_longer_than_it_is_told mqtt_3_3_1_2_5
    mqtt_3_3_1_2_6_drops_subscriptions mqtt_3_3_1_2_6_drops_what_waits mqtt_3_3_1_2_6_drops_what_is_unfinished
    mqtt_3_3_1_2_6_ends_with_its_connection mqtt_3_3_1_2_7
    mqtt_3_4_1_0_1 mqtt_3_4_1_0_2
}

/// CleanSession 0: a session that is there goes on, however its last connection ended; one that is not is made.
fn mqtt_3_3_1_2_4(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        let name = format!("{version:?}");
        // MQTT 3.1 has no Session Present.
        let (session, present) = (connect(&name).version(version).clean(false), version == Version::V311);
        let client = w.reconnect(session.clone(), false);
        w.subscribed(client, [("s/+", 1)]);
        leave(&mut *w, client);
        let client = w.reconnect(session.clone(), present);
        publishes(&mut *w, publish("s/a", "after DISCONNECT").qos(1));
        w.take(client, "s/a", "after DISCONNECT");
        w.expect_nothing(client);
        w.reset(client);
        let client = w.reconnect(session.clone(), present);
        publishes(&mut *w, publish("s/a", "after a reset").qos(1));
        w.take(client, "s/a", "after a reset");
        w.expect_nothing(client);
        let over = w.reconnect(session, present);
        w.expect_closed(client);
        publishes(&mut *w, publish("s/a", "after a takeover").qos(1));
        w.take(over, "s/a", "after a takeover");
        w.send(over, unsubscribe(1, ["s/+"]));
        w.expect(over, unsuback(1, []));
    }
}

/// What was unsubscribed stays so, and what was acknowledged does not come again.
fn mqtt_3_3_1_2_4_nothing_lasts_longer_than_it_is_told(start: Start<'_>) {
    let mut w = start(Config::default());
    let session = || connect("client").clean(false);
    let client = w.connect(session());
    w.subscribed(client, [("a", 1), ("b", 2)]);
    publishes(&mut *w, publish("a", "1").qos(1));
    publishes(&mut *w, publish("b", "2").qos(2));
    w.take(client, "a", "1");
    w.take(client, "b", "2");
    w.send(client, unsubscribe(1, ["a"]));
    w.expect(client, unsuback(1, []));
    leave(&mut *w, client);
    publishes(&mut *w, publish("a", "3").qos(1));
    let client = w.reconnect(session(), true);
    w.expect_nothing(client);
}

/// QoS 1 and 2 messages that come while the client is away wait for it, in order, at the right QoS and unchanged.
fn mqtt_3_3_1_2_5(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        let session = connect("client").version(version).clean(false);
        let client = w.connect(session.clone());
        w.subscribed(client, [("one", 1), ("two", 2), ("zero", 0)]);
        leave(&mut *w, client);
        for (topic, qos) in [("one", 1), ("two", 2), ("two", 1), ("one", 2)] {
            publishes(&mut *w, publish(topic, [qos; 300]).qos(qos));
        }
        publishes(&mut *w, publish("none", "x").qos(1));
        let client = w.connect(session);
        for (topic, published, granted) in [("one", 1, 1), ("two", 2, 2), ("two", 1, 1), ("one", 2, 1)] {
            let got = w.take(client, topic, [published; 300]);
            assert_eq!((got.qos, got.dup, got.retain), (granted, false, false));
        }
        w.expect_nothing(client);
        leave(&mut *w, client);
        let client = w.reconnect(connect("client"), false);
        leave(&mut *w, client);
    }
}

/// CleanSession 1 drops the subscriptions of an earlier session.
fn mqtt_3_3_1_2_6_drops_subscriptions(start: Start<'_>) {
    let mut w = start(Config::default());
    away(&mut *w, "client", [("t", 1), ("u/#", 2)]);
    let client = w.reconnect(connect("client"), false);
    publishes(&mut *w, publish("t", "x").qos(1));
    publishes(&mut *w, publish("u/v", "x").qos(2));
    w.expect_nothing(client);
    leave(&mut *w, client);
    let client = w.reconnect(connect("client").clean(false), false);
    publishes(&mut *w, publish("t", "x").qos(1));
    w.expect_nothing(client);
}

/// CleanSession 1 drops the messages that wait.
fn mqtt_3_3_1_2_6_drops_what_waits(start: Start<'_>) {
    let mut w = start(Config::default());
    away(&mut *w, "client", [("t", 1)]);
    publishes(&mut *w, publish("t", "waits").qos(1));
    let client = w.reconnect(connect("client"), false);
    w.expect_nothing(client);
    w.subscribed(client, [("t", 1)]);
    w.expect_nothing(client);
    leave(&mut *w, client);
    let client = w.reconnect(connect("client").clean(false), false);
    w.expect_nothing(client);
}

/// CleanSession 1 drops the exchanges that are not finished, in both directions.
fn mqtt_3_3_1_2_6_drops_what_is_unfinished(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("out", 0)]);
    let client = w.connect(connect("client").clean(false));
    w.subscribed(client, [("in", 2)]);
    publishes(&mut *w, publish("in", "unfinished").qos(1));
    publishes(&mut *w, publish("in", "unfinished").qos(2));
    w.recv_publish(client);
    w.recv_publish(client);
    w.send(client, publish("out", "first").qos(2).id(3));
    w.expect(client, pubrec(3));
    w.reset(client);
    let client = w.reconnect(connect("client"), false);
    w.expect_nothing(client);
    // The identifier is new: this is another message, and no repetition.
    w.send(client, publish("out", "second").qos(2).id(3));
    w.expect(client, pubrec(3));
    w.take(witness, "out", "first");
    w.take(witness, "out", "second");
}

/// The session of a CleanSession 1 connection ends with it, however that ends.
fn mqtt_3_3_1_2_6_ends_with_its_connection(start: Start<'_>) {
    let mut w = start(Config::default());
    for end in 0..3 {
        let client = w.reconnect(connect("client"), false);
        w.subscribed(client, [("t", 1)]);
        publishes(&mut *w, publish("t", "unacknowledged").qos(1));
        w.recv_publish(client);
        match end {
            0 => leave(&mut *w, client),
            1 => w.reset(client),
            _ => {}
        }
        let next = w.reconnect(connect("client").clean(false), false);
        publishes(&mut *w, publish("t", "x").qos(1));
        w.expect_nothing(next);
        leave(&mut *w, next);
    }
}

/// Retained messages stay when the session that published them ends, and when a subscriber's ends.
fn mqtt_3_3_1_2_7(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(connect("publisher"));
    w.published(publisher, publish("kept", "x").qos(1).retain());
    leave(&mut *w, publisher);
    let publisher = w.reconnect(connect("publisher"), false);
    leave(&mut *w, publisher);
    for _ in 0..2 {
        let client = subscriber(&mut *w, "client", [("kept", 1)]);
        assert!(w.take(client, "kept", "x").retain);
        leave(&mut *w, client);
    }
}

/// The session has everything that section 4.1 lists: subscriptions, messages of both QoS that wait or are half way, and
/// QoS 2 messages from the client that are half way.
fn mqtt_3_4_1_0_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let session = || connect("client").clean(false);
    let client = w.connect(session());
    w.subscribed(client, [("in", 2)]);
    for (qos, text) in [(1, "one"), (2, "two"), (2, "released")] {
        publishes(&mut *w, publish("in", text).qos(qos));
    }
    let sent: Vec<Publish> = (0..3).map(|_| w.recv_publish(client)).collect();
    w.send(client, pubrec(sent[2].id.expect("QoS 2")));
    w.expect(client, pubrel(sent[2].id.expect("QoS 2")));
    w.send(client, publish("out", "half way").qos(2).id(77));
    w.expect(client, pubrec(77));
    w.reset(client);
    publishes(&mut *w, publish("in", "waits").qos(1));
    let witness = subscriber(&mut *w, "witness", [("out", 0)]);
    let client = w.reconnect(session(), true);
    w.expect(client, pubrel(sent[2].id.expect("QoS 2")));
    for publish in &sent[..2] {
        w.expect(client, Publish { dup: true, ..publish.clone() });
    }
    w.take(client, "in", "waits");
    w.send(client, publish("out", "half way").qos(2).id(77).dup());
    w.expect(client, pubrec(77));
    w.expect_nothing(witness);
}

/// A session lasts as long as its connection, whatever others do meanwhile.
fn mqtt_3_4_1_0_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let clients = [subscriber(&mut *w, "clean", [("t", 1)]), w.connect(connect("kept").clean(false))];
    w.subscribed(clients[1], [("t", 1)]);
    for n in 0..50 {
        let other = w.connect(connect(&format!("other{n}")));
        w.subscribed(other, [("t", 1)]);
        w.reset(other);
    }
    publishes(&mut *w, publish("t", "x").qos(1));
    for client in clients {
        w.take(client, "t", "x");
        w.expect_nothing(client);
    }
}
