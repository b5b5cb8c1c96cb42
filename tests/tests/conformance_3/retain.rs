//! RETAIN and retained messages (MQTT 3.1.1, 3.3.1.3).

use weirmq_core::Config;
use weirmq_tests::wire::*;
use weirmq_tests::{Start, Talk, World};

use crate::common::*;

crate::cases! {
    mqtt_3_3_3_1_5 mqtt_3_3_3_1_6 mqtt_3_3_3_1_6_the_last_one mqtt_3_3_3_1_7 mqtt_3_3_3_1_8 mqtt_3_3_3_1_9
    mqtt_3_3_3_1_9_while_away mqtt_3_3_3_1_10 mqtt_3_3_3_1_10_at_each_qos mqtt_3_3_3_1_11 mqtt_3_3_3_1_12
}

/// What a new subscriber with this filter and QoS 2 gets, in order of topics.
#[track_caller]
fn kept(w: &mut dyn World, filter: &str) -> Vec<Publish> {
    let late = w.connect(connect("late"));
    w.subscribed(late, [(filter, 2)]);
    w.send(late, ping());
    let mut kept = Vec::new();
    loop {
        match w.recv(late) {
            Packet::Publish(publish) => kept.push(Publish { id: None, ..publish }),
            Packet::PingResp => break,
            other => panic!("{other:?}"),
        }
    }
    leave(w, late);
    kept.sort_by(|a, b| a.topic.cmp(&b.topic));
    kept
}

/// A retained message: what comes to a new subscriber with QoS 2.
fn message(topic: &str, payload: impl AsRef<[u8]>, qos: u8) -> Publish {
    Publish { qos, retain: true, ..publish(topic, payload) }
}

/// RETAIN 1: message and QoS are stored, and come to whoever subscribes later, more than once.
fn mqtt_3_3_3_1_5(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        for qos in 0..=2 {
            let publisher = w.connect(connect("publisher").version(version));
            w.published(publisher, publish("a/b", [qos; 300]).qos(qos).retain());
            leave(&mut *w, publisher);
            for filter in ["a/b", "a/+", "#", "a/b/#"] {
                assert_eq!(kept(&mut *w, filter), [message("a/b", [qos; 300], qos)], "{filter}");
            }
            assert_eq!(kept(&mut *w, "a/c"), []);
            assert_eq!(kept(&mut *w, "a"), []);
        }
    }
}

/// A new subscription is sent one message of each topic that matches, at the lower of both QoS.
fn mqtt_3_3_3_1_6(start: Start<'_>) {
    let mut w = start(Config::default());
    for (topic, qos) in [("a", 0), ("a/b", 1), ("a/b/c", 2), ("b", 1)] {
        publishes(&mut *w, publish(topic, topic).qos(qos).retain());
    }
    let wanted = [message("a", "a", 0), message("a/b", "a/b", 1), message("a/b/c", "a/b/c", 2)];
    assert_eq!(kept(&mut *w, "a/#"), wanted);
    let low = subscriber(&mut *w, "low", [("a/b/c", 1)]);
    assert_eq!(w.take(low, "a/b/c", "a/b/c").qos, 1);
    let lowest = subscriber(&mut *w, "lowest", [("a/b/c", 0)]);
    assert_eq!(w.take(lowest, "a/b/c", "a/b/c").qos, 0);
    w.expect_nothing(lowest);
}

/// Of each topic it is the last one.
fn mqtt_3_3_3_1_6_the_last_one(start: Start<'_>) {
    let mut w = start(Config::default());
    for n in 0..10_u8 {
        publishes(&mut *w, publish("a", [n]).qos(1 + n % 2).retain());
        publishes(&mut *w, publish("b", [100 + n]).qos(2 - n % 2).retain());
    }
    assert_eq!(kept(&mut *w, "+"), [message("a", [9], 2), message("b", [109], 1)]);
}

/// A QoS 0 message with RETAIN 1 drops what was retained, and takes its place.
fn mqtt_3_3_3_1_7(start: Start<'_>) {
    let mut w = start(Config::default());
    for qos in 0..=2 {
        publishes(&mut *w, publish("a", "old").qos(qos).retain());
        publishes(&mut *w, publish("a", "new").retain());
        assert_eq!(kept(&mut *w, "a"), [message("a", "new", 0)]);
    }
}

/// What comes because of a new subscription has RETAIN 1: after SUBACK, byte for byte.
fn mqtt_3_3_3_1_8(start: Start<'_>) {
    let mut w = start(Config::default());
    publishes(&mut *w, publish("a", "x").qos(1).retain());
    for version in OLD {
        let client = w.connect(connect("client").version(version));
        w.subscribed(client, [("a", 0)]);
        expect_bytes(&mut *w, client, b"\x31\x04\x00\x01ax");
        w.expect_nothing(client);
    }
}

/// What comes because of a subscription that was there has RETAIN 0, whatever the publisher said.
fn mqtt_3_3_3_1_9(start: Start<'_>) {
    let mut w = start(Config::default());
    let clients =
        [("exact", "a"), ("one", "+"), ("all", "#")].map(|(name, filter)| subscriber(&mut *w, name, [(filter, 2)]));
    for qos in 0..=2 {
        publishes(&mut *w, publish("a", [qos]).qos(qos).retain());
        for client in clients {
            let got = w.take(client, "a", [qos]);
            assert_eq!((got.qos, got.retain), (qos, false));
        }
    }
}

/// That its client was away makes a subscription no new one.
fn mqtt_3_3_3_1_9_while_away(start: Start<'_>) {
    let mut w = start(Config::default());
    away(&mut *w, "client", [("a", 1)]);
    publishes(&mut *w, publish("a", "x").qos(1).retain());
    let client = w.reconnect(connect("client").clean(false), true);
    assert!(!w.take(client, "a", "x").retain);
    w.expect_nothing(client);
}

/// RETAIN 1 without a payload: delivered like any other, and what was retained is gone; nothing else is.
fn mqtt_3_3_3_1_10(start: Start<'_>) {
    let mut w = start(Config::default());
    for topic in ["a", "a/b", "b"] {
        publishes(&mut *w, publish(topic, topic).qos(1).retain());
    }
    let here = subscriber(&mut *w, "here", [("a", 1)]);
    assert!(w.take(here, "a", "a").retain);
    publishes(&mut *w, publish("a", "").qos(1).retain());
    let got = w.take(here, "a", "");
    assert_eq!((got.qos, got.retain), (1, false));
    assert_eq!(kept(&mut *w, "a"), []);
    assert_eq!(kept(&mut *w, "#"), [message("a/b", "a/b", 1), message("b", "b", 1)]);
}

/// At each QoS, and a topic can be used again.
fn mqtt_3_3_3_1_10_at_each_qos(start: Start<'_>) {
    let mut w = start(Config::default());
    for qos in 0..=2 {
        for of in 0..=2 {
            publishes(&mut *w, publish("a", "x").qos(of).retain());
            assert_eq!(kept(&mut *w, "+").len(), 1);
            publishes(&mut *w, publish("a", "").qos(qos).retain());
            assert_eq!(kept(&mut *w, "+"), []);
        }
    }
}

/// A message without payload is never stored.
fn mqtt_3_3_3_1_11(start: Start<'_>) {
    let mut w = start(Config::default());
    for qos in 0..=2 {
        publishes(&mut *w, publish("new", "").qos(qos).retain());
        assert_eq!(kept(&mut *w, "#"), []);
    }
    let mortal = w.connect(connect("mortal").will("will", b"", 1).will_retain());
    w.reset(mortal);
    assert_eq!(kept(&mut *w, "#"), []);
}

/// RETAIN 0 stores nothing, and leaves what is stored; without a payload too.
fn mqtt_3_3_3_1_12(start: Start<'_>) {
    let mut w = start(Config::default());
    publishes(&mut *w, publish("a", "kept").qos(2).retain());
    for qos in 0..=2 {
        for payload in ["passing", ""] {
            publishes(&mut *w, publish("a", payload).qos(qos));
            publishes(&mut *w, publish("b", payload).qos(qos));
        }
    }
    assert_eq!(kept(&mut *w, "#"), [message("a", "kept", 2)]);
}
