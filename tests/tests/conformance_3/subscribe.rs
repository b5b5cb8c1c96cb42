//! SUBSCRIBE and SUBACK (MQTT 3.1.1, 3.8 and 3.9).

use weirmq_core::Config;
use weirmq_core::packet::QoS;
use weirmq_tests::wire::*;
use weirmq_tests::{Start, Talk};

use crate::common::*;

crate::cases! {
    mqtt_3_3_8_1_1 mqtt_3_3_8_3_1 mqtt_3_3_8_3_2 mqtt_3_3_8_3_3 mqtt_3_3_8_3_4 mqtt_3_3_8_3_4_not_in_3_1
    mqtt_3_3_8_3_4_malformed_at_the_end
    mqtt_3_3_8_4_1 mqtt_3_3_8_4_2 mqtt_3_3_8_4_3_replaces mqtt_3_3_8_4_3_retained_again
    mqtt_3_3_8_4_3_loses_nothing mqtt_3_3_8_4_4 mqtt_3_3_8_4_4_retained mqtt_3_3_8_4_5 mqtt_3_3_8_4_5_lower_than_asked
    mqtt_3_3_8_4_6 mqtt_3_3_8_4_6_while_away mqtt_3_3_9_3_1 mqtt_3_3_9_3_2
}

/// SUBSCRIBE with other flags than 0010 closes the connection, and subscribes to nothing.
fn mqtt_3_3_8_1_1(start: Start<'_>) {
    let mut w = start(Config::default());
    for flags in (0..16).filter(|flags| *flags != 2) {
        let client = w.connect(connect("client").clean(false));
        w.send(client, raw::frame(0x80 | flags, b"\x00\x01\x00\x01t\x01"));
        w.expect_closed(client);
    }
    publishes(&mut *w, publish("t", "x").qos(1));
    let client = w.reconnect(connect("client").clean(false), true);
    w.expect_nothing(client);
    w.send(client, raw::frame(0x82, b"\x00\x01\x00\x01t\x01"));
    expect_bytes(&mut *w, client, &[0x90, 3, 0, 1, 1]);
}

/// A filter that is not UTF-8 closes the connection, wherever it stands among good ones, and none is subscribed to.
fn mqtt_3_3_8_3_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let good = raw::join([&raw::string("t"), &[1]]);
    for text in ILL_FORMED {
        let bad = raw::join([&raw::string(text), &[1]]);
        for filters in [&bad[..], &raw::join([&good, &bad]), &raw::join([&bad, &good])] {
            let client = w.connect(connect("client").clean(false));
            w.send(client, raw::frame(0x82, raw::join([&[0, 1], filters])));
            w.expect_closed(client);
        }
    }
    publishes(&mut *w, publish("t", "x").qos(1));
    let client = w.reconnect(connect("client").clean(false), true);
    w.expect_nothing(client);
}

/// Where wildcards are not supported, each filter with one is refused, and the others are not.
fn mqtt_3_3_8_3_2(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.wildcard_subscription_available = false;
    let mut w = start(config);
    let client = w.connect(connect("client"));
    w.send(client, subscribe(1, [("#", 0), ("a", 1), ("a/+", 2), ("+/b", 1), ("a/b/#", 0), ("a/b", 2)]));
    w.expect(client, suback(1, [0x80, 1, 0x80, 0x80, 0x80, 2]));
    publishes(&mut *w, publish("a/c", "x").qos(1));
    publishes(&mut *w, publish("a/b/c", "x").qos(1));
    w.expect_nothing(client);
    publishes(&mut *w, publish("a/b", "x").qos(1));
    w.take(client, "a/b", "x");
}

/// A SUBSCRIBE without a filter closes the connection.
fn mqtt_3_3_8_3_3(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        closes_of(&mut *w, version, raw::frame(0x82, [0, 1]));
        closes_of(&mut *w, version, raw::frame(0x82, []));
        closes_of(&mut *w, version, raw::frame(0x82, [0, 1, 0]));
        closes_of(&mut *w, version, raw::frame(0x82, b"\x00\x01\x00\x01t"));
    }
}

/// Any reserved bit in the QoS byte, and QoS 3, close the connection.
fn mqtt_3_3_8_3_4(start: Start<'_>) {
    let mut w = start(Config::default());
    for options in 3..=u8::MAX {
        closes(&mut *w, subscribe(1, [("t", options)]));
    }
    subscriber(&mut *w, "honest", [("t", 0), ("u", 1), ("v", 2)]);
}

/// MQTT 3.1 does not use the upper six bits; QoS 3 is an error there too.
fn mqtt_3_3_8_3_4_not_in_3_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(connect("old").v31());
    w.send(client, subscribe(1, [("t", 0xFD), ("u", 0x80), ("v", 0x06)]));
    w.expect(client, suback(1, [1, 0, 2]));
    closes_of(&mut *w, Version::V31, subscribe(1, [("t", 3)]));
}

/// The whole packet is malformed: the filters before the bad one are not subscribed to.
fn mqtt_3_3_8_3_4_malformed_at_the_end(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(connect("client").clean(false));
    w.send(client, subscribe(1, [("t", 1), ("u", 1), ("v", 3)]));
    w.expect_closed(client);
    publishes(&mut *w, publish("t", "x").qos(1));
    let client = w.reconnect(connect("client").clean(false), true);
    w.expect_nothing(client);
}

/// Each SUBSCRIBE is answered by a SUBACK, the same one again too.
fn mqtt_3_3_8_4_1(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        let client = w.connect(connect("client").version(version));
        for _ in 0..3 {
            w.send(client, subscribe(7, [("t", 1)]));
            expect_bytes(&mut *w, client, &[0x90, 3, 0, 7, 1]);
        }
        w.expect_nothing(client);
    }
}

/// SUBACK has the identifier of its SUBSCRIBE, with many of them at once.
fn mqtt_3_3_8_4_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(connect("client"));
    let ids = [0x0102, 1, u16::MAX, 0x0201, 256];
    let all: Vec<u8> = ids.into_iter().flat_map(|id| subscribe(id, [("t", 2)]).to_wire(Version::V311)).collect();
    w.send(client, all);
    for id in ids {
        w.expect(client, suback(id, [2]));
    }
}

/// A second subscription to the same filter takes the place of the first: one copy, at the new QoS.
fn mqtt_3_3_8_4_3_replaces(start: Start<'_>) {
    let mut w = start(Config::default());
    for filter in ["t", "+", "t/#"] {
        let client = w.connect(connect("client"));
        for qos in [1, 2, 0, 2] {
            w.subscribed(client, [(filter, qos)]);
            publishes(&mut *w, publish("t", "x").qos(2));
            assert_eq!(w.take(client, "t", "x").qos, qos);
            w.expect_nothing(client);
        }
        w.send(client, unsubscribe(1, [filter]));
        w.expect(client, unsuback(1, []));
        publishes(&mut *w, publish("t", "x").qos(2));
        w.expect_nothing(client);
    }
}

/// Retained messages come again each time, with RETAIN 1.
fn mqtt_3_3_8_4_3_retained_again(start: Start<'_>) {
    let mut w = start(Config::default());
    publishes(&mut *w, publish("t", "kept").qos(2).retain());
    let client = w.connect(connect("client").clean(false));
    for qos in [0, 2, 1, 1] {
        w.subscribed(client, [("t/#", qos)]);
        let got = w.take(client, "t", "kept");
        assert_eq!((got.qos, got.retain, got.dup), (qos, true, false));
        w.expect_nothing(client);
    }
    leave(&mut *w, client);
    let client = w.reconnect(connect("client").clean(false), true);
    w.subscribed(client, [("t/#", 1)]);
    w.take(client, "t", "kept");
}

/// While a subscription is replaced no message gets lost, and none comes twice.
fn mqtt_3_3_8_4_3_loses_nothing(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = subscriber(&mut *w, "client", [("t", 1)]);
    let publisher = w.connect(connect("publisher"));
    for n in 0..100_u16 {
        w.send(client, subscribe(1 + n, [("t", 1 + (n % 2) as u8)]));
        w.send(publisher, publish("t", n.to_string()).qos(1).id(1 + n));
    }
    for n in 0..100 {
        w.expect(publisher, puback(1 + n));
    }
    let (mut came, mut subacks) = (Vec::new(), 0);
    while came.len() < 100 || subacks < 100 {
        match w.recv(client) {
            Packet::SubAck(_) => subacks += 1,
            Packet::Publish(got) => {
                w.send(client, puback(got.id.expect("QoS 1 or 2")));
                came.push(String::from_utf8(got.payload).expect("a number"));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(came.into_iter().eq((0..100).map(|n| n.to_string())));
    w.expect_nothing(client);
}

/// Several filters in one packet are as good as several packets; the same filter twice replaces itself.
fn mqtt_3_3_8_4_4(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(connect("client"));
    w.send(client, subscribe(9, [("a", 0), ("b/+", 1), ("c/#", 2), ("a", 2)]));
    expect_bytes(&mut *w, client, &[0x90, 6, 0, 9, 0, 1, 2, 2]);
    for (topic, qos) in [("a", 2), ("b/x", 1), ("c", 2)] {
        publishes(&mut *w, publish(topic, "x").qos(2));
        assert_eq!(w.take(client, topic, "x").qos, qos);
    }
    w.expect_nothing(client);
}

/// Retained messages of all of them come, after one SUBACK.
fn mqtt_3_3_8_4_4_retained(start: Start<'_>) {
    let mut w = start(Config::default());
    for topic in ["a", "b", "c"] {
        publishes(&mut *w, publish(topic, topic).qos(1).retain());
    }
    let client = w.connect(connect("client"));
    w.send(client, subscribe(9, [("a", 1), ("none", 1), ("c", 0), ("b", 1)]));
    w.expect(client, suback(9, [1, 1, 0, 1]));
    let mut came: Vec<String> = (0..3).map(|_| w.recv_publish(client).topic).collect();
    came.sort();
    assert_eq!(came, ["a", "b", "c"]);
    w.expect_nothing(client);
}

/// One code for each filter, the granted QoS or 0x80.
fn mqtt_3_3_8_4_5(start: Start<'_>) {
    let mut config = Config::default();
    config.limits.subscriptions_max = 2;
    let mut w = start(config);
    let client = w.connect(connect("client"));
    w.send(client, subscribe(9, [("a", 2), ("b", 0), ("c", 1), ("a", 1), ("d", 0)]));
    expect_bytes(&mut *w, client, &[0x90, 7, 0, 9, 2, 0, 0x80, 1, 0x80]);
    publishes(&mut *w, publish("c", "x").qos(1));
    publishes(&mut *w, publish("d", "x").qos(1));
    w.expect_nothing(client);
}

/// What is granted may be lower than what was asked for, and is what is delivered.
fn mqtt_3_3_8_4_5_lower_than_asked(start: Start<'_>) {
    for (maximum, granted) in [(QoS::AtMostOnce, [0, 0, 0]), (QoS::AtLeastOnce, [0, 1, 1])] {
        let mut config = Config::default();
        config.mqtt.maximum_qos = maximum;
        let mut w = start(config);
        let client = w.connect(connect("client"));
        w.send(client, subscribe(1, [("a", 0), ("b", 1), ("c", 2)]));
        w.expect(client, suback(1, granted));
        publishes(&mut *w, publish("c", "x").qos(granted[2]));
        assert_eq!(w.take(client, "c", "x").qos, granted[2]);
    }
}

/// A message comes at the lower of the QoS it was published with and the QoS that was granted: all nine cases.
fn mqtt_3_3_8_4_6(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        for granted in 0..=2 {
            let client = w.connect(connect("client").version(version));
            w.subscribed(client, [("t", granted)]);
            for published in 0..=2_u8 {
                publishes(&mut *w, publish("t", [published]).qos(published));
                let got = w.take(client, "t", [published]);
                assert_eq!(got.qos, published.min(granted));
                w.expect_nothing(client);
            }
        }
    }
}

/// Also for a client that is away; only what then is of QoS 0 need not wait.
fn mqtt_3_3_8_4_6_while_away(start: Start<'_>) {
    let mut w = start(Config::default());
    away(&mut *w, "client", [("one", 1), ("two", 2)]);
    for published in 1..=2_u8 {
        publishes(&mut *w, publish("one", [published]).qos(published));
        publishes(&mut *w, publish("two", [published]).qos(published));
    }
    let client = w.reconnect(connect("client").clean(false), true);
    for published in 1..=2_u8 {
        assert_eq!(w.take(client, "one", [published]).qos, 1);
        assert_eq!(w.take(client, "two", [published]).qos, published);
    }
}

/// The codes of SUBACK are in the order of the filters.
fn mqtt_3_3_9_3_1(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.wildcard_subscription_available = false;
    let mut w = start(config);
    let client = w.connect(connect("client"));
    w.send(client, subscribe(1, [("z", 2), ("#", 1), ("y", 0), ("x", 1), ("+", 2), ("a", 2), ("m", 0)]));
    expect_bytes(&mut *w, client, &[0x90, 9, 0, 1, 2, 0x80, 0, 1, 0x80, 2, 0]);
}

/// Whatever the reason of a refusal, its code is 0x80; 5.0 has others.
fn mqtt_3_3_9_3_2(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.wildcard_subscription_available = false;
    config.mqtt.shared_subscription_available = false;
    config.mqtt.topic_levels_max = 4;
    config.limits.subscriptions_max = 1;
    let mut w = start(config);
    let client = w.connect(connect("client"));
    w.send(client, subscribe(1, [("a/b/c/d/e", 0), ("#", 0), ("$share/g/t", 0), ("t", 2), ("u", 0), ("t", 0)]));
    w.expect(client, suback(1, [0x80, 0x80, 0x80, 2, 0x80, 0]));
}
