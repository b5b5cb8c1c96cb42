//! UNSUBSCRIBE, UNSUBACK, PINGREQ, DISCONNECT (MQTT 3.1.1, 3.10 to 3.14).

use weirmq_core::Config;
use weirmq_tests::wire::*;
use weirmq_tests::{Start, Talk};

use crate::common::*;

crate::cases! {
    mqtt_3_3_10_1_1 mqtt_3_3_10_3_1 mqtt_3_3_10_3_2 mqtt_3_3_10_4_1 mqtt_3_3_10_4_2 mqtt_3_3_10_4_2_others_stay
    mqtt_3_3_10_4_3 mqtt_3_3_10_4_3_over_a_reconnect mqtt_3_3_10_4_4 mqtt_3_3_10_4_5 mqtt_3_3_10_4_6
    mqtt_3_3_12_4_1 mqtt_3_3_14_1_1 mqtt_3_3_14_4_2
}

/// UNSUBSCRIBE with other flags than 0010 closes the connection, and the subscription stays.
fn mqtt_3_3_10_1_1(start: Start<'_>) {
    let mut w = start(Config::default());
    away(&mut *w, "client", [("t", 1)]);
    for flags in (0..16).filter(|flags| *flags != 2) {
        let client = w.reconnect(connect("client").clean(false), true);
        w.send(client, raw::frame(0xA0 | flags, b"\x00\x01\x00\x01t"));
        w.expect_closed(client);
    }
    publishes(&mut *w, publish("t", "x").qos(1));
    let client = w.reconnect(connect("client").clean(false), true);
    w.take(client, "t", "x");
    w.send(client, raw::frame(0xA2, b"\x00\x01\x00\x01t"));
    expect_bytes(&mut *w, client, &[0xB0, 2, 0, 1]);
}

/// A filter that is not UTF-8, or is cut, closes the connection, and no subscription of the packet is deleted.
fn mqtt_3_3_10_3_1(start: Start<'_>) {
    let mut w = start(Config::default());
    away(&mut *w, "client", [("t", 1)]);
    let good = raw::string("t");
    let ill_formed = ILL_FORMED.map(raw::string);
    let cut = [vec![0], vec![0, 1], vec![0, 2, b't'], vec![0xFF, 0xFF]];
    for bad in ill_formed.iter().chain(&cut) {
        let client = w.reconnect(connect("client").clean(false), true);
        w.send(client, raw::frame(0xA2, raw::join([&[0, 1], &good, bad])));
        w.expect_closed(client);
    }
    publishes(&mut *w, publish("t", "x").qos(1));
    let client = w.reconnect(connect("client").clean(false), true);
    w.take(client, "t", "x");
}

/// An UNSUBSCRIBE without a filter closes the connection.
fn mqtt_3_3_10_3_2(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        closes_of(&mut *w, version, raw::frame(0xA2, [0, 1]));
        closes_of(&mut *w, version, raw::frame(0xA2, []));
        closes_of(&mut *w, version, raw::frame(0xA2, [0]));
    }
}

/// Only the very same filter deletes a subscription: not one that covers it, is covered by it, or is written otherwise.
fn mqtt_3_3_10_4_1(start: Start<'_>) {
    let mut w = start(Config::default());
    for (filter, others) in [
        ("a/b", ["a/+", "a/#", "#", "+/b", "A/b", "a/b/", "/a/b", "a"]),
        ("a/+", ["a/b", "a/#", "#", "+/+", "A/+", "a/+/", "/a/+", "a/+/#"]),
        ("a/#", ["a", "a/b", "a/+", "#", "A/#", "a//#", "/a/#", "a/+/#"]),
        ("\u{E9}", ["e\u{301}", "e", "\u{C9}", "+", "#", "\u{E9}/#", "\u{FEFF}\u{E9}", " \u{E9}"]),
    ] {
        let client = w.connect(connect("client"));
        w.subscribed(client, [(filter, 1)]);
        w.send(client, unsubscribe(1, others));
        w.expect(client, unsuback(1, []));
        let topic = filter.replace(['+', '#'], "b");
        publishes(&mut *w, publish(&topic, "x").qos(1));
        w.take(client, &topic, "x");
        w.send(client, unsubscribe(2, [filter]));
        w.expect(client, unsuback(2, []));
        publishes(&mut *w, publish(&topic, "x").qos(1));
        w.expect_nothing(client);
    }
}

/// After UNSUBACK nothing new comes, live, retained or while away.
fn mqtt_3_3_10_4_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(connect("client").clean(false));
    w.subscribed(client, [("t", 2), ("t/#", 1)]);
    w.send(client, unsubscribe(1, ["t", "t/#"]));
    w.expect(client, unsuback(1, []));
    for qos in 0..=2 {
        publishes(&mut *w, publish("t", "x").qos(qos).retain());
    }
    w.expect_nothing(client);
    leave(&mut *w, client);
    publishes(&mut *w, publish("t", "x").qos(1));
    let client = w.reconnect(connect("client").clean(false), true);
    w.expect_nothing(client);
}

/// Subscriptions of other clients to the same filter stay, and so do others of the same client.
fn mqtt_3_3_10_4_2_others_stay(start: Start<'_>) {
    let mut w = start(Config::default());
    let other = subscriber(&mut *w, "other", [("t", 1)]);
    let client = subscriber(&mut *w, "client", [("t", 2), ("+", 1), ("u", 1)]);
    w.send(client, unsubscribe(1, ["t"]));
    w.expect(client, unsuback(1, []));
    publishes(&mut *w, publish("t", "x").qos(2));
    assert_eq!(w.take(client, "t", "x").qos, 1);
    w.expect_nothing(client);
    w.take(other, "t", "x");
}

/// A delivery that has begun goes on to its end.
fn mqtt_3_3_10_4_3(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = subscriber(&mut *w, "client", [("t", 2)]);
    for (qos, payload) in [(1, "one"), (2, "two"), (2, "released")] {
        publishes(&mut *w, publish("t", payload).qos(qos));
    }
    let ids = [(); 3].map(|()| w.recv_publish(client).id.expect("QoS 1 or 2"));
    w.send(client, pubrec(ids[2]));
    w.expect(client, pubrel(ids[2]));
    w.send(client, unsubscribe(1, ["t"]));
    w.expect(client, unsuback(1, []));
    w.send(client, puback(ids[0]));
    w.send(client, pubrec(ids[1]));
    w.expect(client, pubrel(ids[1]));
    w.send(client, pubcomp(ids[1]));
    w.send(client, pubcomp(ids[2]));
    w.expect_nothing(client);
}

/// Over a reconnect too.
fn mqtt_3_3_10_4_3_over_a_reconnect(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(connect("client").clean(false));
    w.subscribed(client, [("t", 2)]);
    for qos in [1, 2, 2] {
        publishes(&mut *w, publish("t", [qos]).qos(qos));
    }
    let sent = [(); 3].map(|()| w.recv_publish(client));
    let released = sent[2].id.expect("QoS 2");
    w.send(client, pubrec(released));
    w.expect(client, pubrel(released));
    w.send(client, unsubscribe(1, ["t"]));
    w.expect(client, unsuback(1, []));
    w.reset(client);
    publishes(&mut *w, publish("t", "not this").qos(1));
    let client = w.reconnect(connect("client").clean(false), true);
    w.expect(client, pubrel(released));
    for publish in &sent[..2] {
        w.expect(client, Publish { dup: true, ..publish.clone() });
    }
    w.expect_nothing(client);
}

/// UNSUBACK with the identifier of the UNSUBSCRIBE, byte for byte.
fn mqtt_3_3_10_4_4(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        let client = w.connect(connect("client").version(version));
        for id in [1_u16, 0x0102, u16::MAX] {
            w.subscribed(client, [("t", 1)]);
            w.send(client, unsubscribe(id, ["t"]));
            expect_bytes(&mut *w, client, &raw::join([&[0xB0, 2], &id.to_be_bytes()]));
        }
        w.expect_nothing(client);
    }
}

/// UNSUBACK comes when there was no subscription.
fn mqtt_3_3_10_4_5(start: Start<'_>) {
    let mut w = start(Config::default());
    let _other = subscriber(&mut *w, "other", [("t", 1)]);
    let client = w.connect(connect("client"));
    for id in 1..=3 {
        w.send(client, unsubscribe(id, ["t", "nothing/#"]));
        expect_bytes(&mut *w, client, &[0xB0, 2, 0, id as u8]);
    }
}

/// Several filters in one packet are as good as several packets, with one UNSUBACK.
fn mqtt_3_3_10_4_6(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = subscriber(&mut *w, "client", [("a", 1), ("b/+", 1), ("c/#", 1), ("d", 1)]);
    w.send(client, unsubscribe(5, ["a", "none", "c/#", "a", "b/+"]));
    expect_bytes(&mut *w, client, &[0xB0, 2, 0, 5]);
    w.expect_nothing(client);
    for topic in ["a", "b/x", "c", "d"] {
        publishes(&mut *w, publish(topic, "x").qos(1));
    }
    w.take(client, "d", "x");
    w.expect_nothing(client);
}

/// PINGREQ is answered by PINGRESP, each, byte for byte.
fn mqtt_3_3_12_4_1(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        let client = w.connect(connect("client").version(version));
        w.send(client, [0xC0, 0].repeat(100));
        for _ in 0..100 {
            expect_bytes(&mut *w, client, &[0xD0, 0]);
        }
        w.send(client, publish("t", "x").qos(1).id(1));
        w.expect(client, puback(1));
    }
}

/// DISCONNECT with flags drops the client, and is no DISCONNECT: the will goes out.
fn mqtt_3_3_14_1_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("will", 1)]);
    for flags in 1..16 {
        let client = w.connect(connect("rogue").will("will", &[flags], 1));
        w.send(client, [0xE0 | flags, 0]);
        w.expect_closed(client);
        w.take(witness, "will", [flags]);
    }
    let client = w.connect(connect("rogue").will("will", b"never", 1));
    w.send(client, [0xE0, 0]);
    w.expect_closed(client);
    w.expect_nothing(witness);
}

/// What comes after DISCONNECT is not acted on, though it came in the same write.
fn mqtt_3_3_14_4_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("#", 0)]);
    let client = w.connect(connect("client").clean(false));
    let v311 = Version::V311;
    let bytes = [
        disconnect().to_wire(v311),
        publish("t", "never").to_wire(v311),
        publish("t", "never").qos(1).retain().to_wire(v311),
        subscribe(1, [("t", 1)]).to_wire(v311),
        ping().to_wire(v311),
        connect("client").clean(true).to_wire(v311),
    ];
    w.send(client, bytes.concat());
    w.expect_closed(client);
    publishes(&mut *w, publish("t", "x").qos(1));
    w.take(witness, "t", "x");
    w.expect_nothing(witness);
    let client = w.reconnect(connect("client").clean(false), true);
    w.expect_nothing(client);
}
