//! Data types, fixed header, Packet Identifiers (MQTT 3.1.1, chapters 1.5 and 2).

use weirmq_core::Config;
use weirmq_tests::wire::*;
use weirmq_tests::{Start, Talk};

use crate::common::*;

crate::cases! {
    mqtt_3_1_5_3_1 mqtt_3_1_5_3_1_well_formed_text_passes mqtt_3_1_5_3_2 mqtt_3_1_5_3_3
    mqtt_3_2_2_2_1 mqtt_3_2_2_2_1_publish mqtt_3_2_2_2_2 mqtt_3_2_2_2_2_connect mqtt_3_2_2_2_2_dup_in_3_1
    mqtt_3_2_3_1_1 mqtt_3_2_3_1_1_largest mqtt_3_2_3_1_2 mqtt_3_2_3_1_4 mqtt_3_2_3_1_4_over_a_reconnect
    mqtt_3_2_3_1_5 mqtt_3_2_3_1_6 mqtt_3_2_3_1_7
}

/// The packets with this in each string field, one field each. The first four are CONNECT packets.
fn in_every_string(text: &[u8]) -> Vec<Vec<u8>> {
    let (id, text_field, message) = (raw::string("rogue"), raw::string(text), raw::string("x"));
    vec![
        raw_connect(0x02, &text_field),
        raw_connect(0x06, raw::join([&id, &text_field, &message])),
        raw_connect(0x82, raw::join([&id, &text_field])),
        raw_connect(0xC2, raw::join([&id, &text_field, &message])),
        raw_publish(text),
        raw_subscribe(text),
        raw_unsubscribe(text),
    ]
}

fn closes_on_every_string(start: Start<'_>, text: &[u8]) {
    let mut w = start(Config::default());
    for (index, bytes) in in_every_string(text).iter().enumerate() {
        if index < 4 { turns_away(&mut *w, bytes) } else { closes(&mut *w, bytes) }
    }
}

/// Ill-formed UTF-8 in any string of any packet closes the connection.
fn mqtt_3_1_5_3_1(start: Start<'_>) {
    for text in ILL_FORMED {
        closes_on_every_string(start, text);
        closes_on_every_string(start, &raw::join([b"good/", text, b"/good"]));
    }
}

/// What is near to ill-formed, but well-formed, passes unchanged.
fn mqtt_3_1_5_3_1_well_formed_text_passes(start: Start<'_>) {
    let mut w = start(Config::default());
    for text in ["\u{2A6D4}", "\u{D7FF}", "\u{E000}", "\u{7FF}\u{800}", "\u{FFFD}\u{10000}", " ", "\u{E9}t\u{E9}"] {
        let client = subscriber(&mut *w, text, [(text, 0)]);
        w.send(client, publish(text, "x").qos(1));
        w.expect_among(client, &puback(1));
        w.expect(client, publish(text, "x"));
    }
}

/// U+0000 in any string of any packet closes the connection.
fn mqtt_3_1_5_3_2(start: Start<'_>) {
    for text in [&b"\0"[..], b"a\0", b"\0a", b"a\0b"] {
        closes_on_every_string(start, text);
    }
}

/// EF BB BF is a character like any other, at the start too: in topics, filters and Client Identifiers.
fn mqtt_3_1_5_3_3(start: Start<'_>) {
    let mut w = start(Config::default());
    let marked = subscriber(&mut *w, "\u{FEFF}name", [("\u{FEFF}a", 0)]);
    let plain = subscriber(&mut *w, "name", [("a", 0)]);
    publishes(&mut *w, publish("\u{FEFF}a", "marked"));
    publishes(&mut *w, publish("a", "plain"));
    expect_bytes(&mut *w, marked, b"\x30\x0C\x00\x04\xEF\xBB\xBFamarked");
    w.expect_nothing(marked);
    expect_bytes(&mut *w, plain, b"\x30\x08\x00\x01aplain");
    w.expect_nothing(plain);
}

/// Every packet of the broker but PUBLISH has the flags of Table 2.2: whole packets, byte for byte.
fn mqtt_3_2_2_2_1(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        let client = w.open();
        w.send(client, connect("client").version(version));
        expect_bytes(&mut *w, client, &[0x20, 2, 0, 0]);
        w.send(client, subscribe(0x0102, [("t", 2)]));
        expect_bytes(&mut *w, client, &[0x90, 3, 1, 2, 2]);
        w.send(client, publish("other", "x").qos(1).id(0x0304));
        expect_bytes(&mut *w, client, &[0x40, 2, 3, 4]);
        w.send(client, publish("other", "x").qos(2).id(0x0506));
        expect_bytes(&mut *w, client, &[0x50, 2, 5, 6]);
        w.send(client, pubrel(0x0506));
        expect_bytes(&mut *w, client, &[0x70, 2, 5, 6]);
        publishes(&mut *w, publish("t", "x").qos(2));
        let id = w.recv_publish(client).id.expect("QoS 2");
        w.send(client, pubrec(id));
        expect_bytes(&mut *w, client, &raw::join([&[0x62, 2], &id.to_be_bytes()]));
        w.send(client, pubcomp(id));
        w.send(client, unsubscribe(0x0708, ["t"]));
        expect_bytes(&mut *w, client, &[0xB0, 2, 7, 8]);
        w.send(client, ping());
        expect_bytes(&mut *w, client, &[0xD0, 0]);
        leave(&mut *w, client);
    }
}

/// The flags of PUBLISH say DUP, QoS and RETAIN, and nothing else.
fn mqtt_3_2_2_2_1_publish(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = subscriber(&mut *w, "client", [("t", 2)]);
    publishes(&mut *w, publish("t", "x"));
    expect_bytes(&mut *w, client, b"\x30\x04\x00\x01tx");
    publishes(&mut *w, publish("t", "x").qos(1).retain());
    let id = w.recv_publish(client).id.expect("QoS 1").to_be_bytes();
    w.send(client, raw::join([&[0x40, 2], &id]));
    let late = w.connect(connect("late"));
    w.send(late, subscribe(1, [("t", 1)]));
    w.expect(late, suback(1, [1]));
    let kept = w.recv_publish(late);
    assert_eq!(kept.to_wire(Version::V311)[0], 0x33);
}

/// Wrong flags in any packet of a client close the connection: each of the fifteen wrong values.
fn mqtt_3_2_2_2_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let right: [(u8, u8, Vec<u8>); 8] = [
        (0x40, 0, vec![0, 1]),
        (0x50, 0, vec![0, 1]),
        (0x60, 2, vec![0, 1]),
        (0x70, 0, vec![0, 1]),
        (0x80, 2, b"\x00\x01\x00\x01t\x00".to_vec()),
        (0xA0, 2, b"\x00\x01\x00\x01t".to_vec()),
        (0xC0, 0, vec![]),
        (0xE0, 0, vec![]),
    ];
    for (kind, wanted, body) in right {
        for flags in (0..16).filter(|flags| *flags != wanted) {
            closes(&mut *w, raw::frame(kind | flags, &body));
        }
        if kind != 0xE0 && kind != 0x50 {
            let client = w.connect(connect("honest"));
            w.send(client, raw::frame(kind | wanted, &body));
            w.send(client, ping());
            w.expect_among(client, &pong());
        }
    }
}

/// Wrong flags in CONNECT: closed without CONNACK.
fn mqtt_3_2_2_2_2_connect(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        for flags in 1..16 {
            let mut bytes = connect("rogue").version(version).to_wire(version);
            bytes[0] |= flags;
            turns_away(&mut *w, bytes);
        }
    }
}

/// MQTT 3.1 lets PUBREL, SUBSCRIBE and UNSUBSCRIBE be repeated with DUP; 3.1.1 does not.
fn mqtt_3_2_2_2_2_dup_in_3_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let again = [
        (raw::frame(0x8A, b"\x00\x01\x00\x01t\x00"), Packet::from(suback(1, [0]))),
        (raw::frame(0xAA, b"\x00\x01\x00\x01t"), unsuback(1, []).into()),
        (raw::frame(0x6A, b"\x00\x01"), pubcomp(1)),
    ];
    for (bytes, answer) in again {
        let client = w.connect(connect("old").v31());
        w.send(client, &bytes);
        w.expect(client, answer);
        closes_of(&mut *w, Version::V311, bytes);
    }
}

/// Packet Identifier 0 where there must be one closes the connection.
fn mqtt_3_2_3_1_1(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        closes_of(&mut *w, version, publish("t", "x").qos(1).id(0));
        closes_of(&mut *w, version, publish("t", "x").qos(2).id(0));
        closes_of(&mut *w, version, subscribe(0, [("t", 0)]));
        closes_of(&mut *w, version, unsubscribe(0, ["t"]));
        closes_of(&mut *w, version, raw::frame(0x32, raw::string("t")));
        closes_of(&mut *w, version, raw::frame(0x32, raw::join([&raw::string("t"), &[1]])));
    }
}

/// All others are taken, the largest too, and those of the broker are none of them 0.
fn mqtt_3_2_3_1_1_largest(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = subscriber(&mut *w, "client", [("t", 1)]);
    for id in [1, 255, 256, 0x7FFF, 0x8000, u16::MAX] {
        w.send(client, publish("t", "x").qos(1).id(id));
        w.expect_among(client, &puback(id));
        let got = w.take(client, "t", "x");
        assert!(got.id.is_some_and(|id| id > 0));
    }
}

/// A client that uses an identifier that is in use repeats itself: the second message is not taken for a new one.
fn mqtt_3_2_3_1_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("t", 0)]);
    let client = w.connect(connect("client"));
    w.send(client, publish("t", "first").qos(2).id(7));
    w.expect(client, pubrec(7));
    w.send(client, publish("t", "second").qos(2).id(7));
    w.expect(client, pubrec(7));
    w.send(client, publish("t", "third").qos(2).id(8));
    w.expect(client, pubrec(8));
    w.take(witness, "t", "first");
    w.take(witness, "t", "third");
    w.expect_nothing(witness);
}

/// The broker gives no identifier that is in use, over all 65,535 of them and back to the first, and never 0. One message
/// in a hundred is left unacknowledged until the next hundred has come.
fn mqtt_3_2_3_1_4(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = subscriber(&mut *w, "client", [("t", 1)]);
    let publisher = w.connect(connect("publisher"));
    const BATCH: u16 = 100;
    let all: Vec<u8> = (1..=BATCH).flat_map(|id| publish("t", "x").qos(1).id(id).to_wire(Version::V311)).collect();
    let mut held = None;
    for _ in 0..=u16::MAX / BATCH {
        w.send(publisher, &all);
        let mut used = Vec::from_iter(held);
        for id in 1..=BATCH {
            w.expect(publisher, puback(id));
            used.push(w.recv_publish(client).id.expect("QoS 1"));
        }
        held = used.pop();
        let mut acks: Vec<u8> = used.iter().flat_map(|id| puback(*id).to_wire(Version::V311)).collect();
        acks.extend([0xC0, 0]);
        w.send(client, acks);
        w.expect(client, pong());
        used.extend(held);
        let count = used.len();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used.len(), count, "all of them were unacknowledged at the same time");
        assert!(used[0] > 0);
    }
}

/// What was not acknowledged comes again under its identifier, which nothing new gets meanwhile.
fn mqtt_3_2_3_1_4_over_a_reconnect(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(connect("client").clean(false));
    w.subscribed(client, [("t", 2)]);
    for qos in [1, 2] {
        publishes(&mut *w, publish("t", "old").qos(qos));
    }
    let old = [w.recv_publish(client), w.recv_publish(client)];
    w.reset(client);
    publishes(&mut *w, publish("t", "new").qos(1));
    let client = w.reconnect(connect("client").clean(false), true);
    for sent in &old {
        let again = w.recv_publish(client);
        assert_eq!(again, Publish { dup: true, ..sent.clone() });
    }
    let new = w.take(client, "t", "new");
    assert!(old.iter().all(|old| old.id != new.id));
}

/// A QoS 0 PUBLISH has no Packet Identifier: what follows the topic is the payload, in both directions.
fn mqtt_3_2_3_1_5(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = subscriber(&mut *w, "client", [("t", 2)]);
    let bytes = b"\x30\x07\x00\x01t\x00\x05hi";
    let publisher = w.connect(connect("publisher"));
    w.send(publisher, bytes);
    w.expect_nothing(publisher);
    expect_bytes(&mut *w, client, bytes);
    let low = subscriber(&mut *w, "low", [("t", 0)]);
    w.published(publisher, publish("t", "hi").qos(2).id(5));
    expect_bytes(&mut *w, low, b"\x30\x05\x00\x01thi");
}

/// PUBACK, PUBREC, PUBREL and PUBCOMP repeat the identifier of their PUBLISH, with many exchanges at once.
fn mqtt_3_2_3_1_6(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(connect("client"));
    let ids = [9, 0x0100, 1, 0xFF00, u16::MAX, 2];
    for id in ids {
        w.send(client, publish("t", "x").qos(if id % 2 == 0 { 2 } else { 1 }).id(id));
    }
    for id in ids {
        w.expect(client, if id % 2 == 0 { pubrec(id) } else { puback(id) });
    }
    for id in [2, 0xFF00, 0x0100] {
        w.send(client, pubrel(id));
        w.expect(client, pubcomp(id));
    }
    let subscriber = subscriber(&mut *w, "subscriber", [("s", 2)]);
    for n in 0..3_u8 {
        w.published(client, publish("s", [n]).qos(2));
    }
    let ids: Vec<u16> = (0..3).map(|_| w.recv_publish(subscriber).id.expect("QoS 2")).collect();
    for index in [1, 0, 2] {
        w.send(subscriber, pubrec(ids[index]));
        w.expect(subscriber, pubrel(ids[index]));
    }
}

/// SUBACK and UNSUBACK repeat the identifier of what they answer.
fn mqtt_3_2_3_1_7(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(connect("client"));
    for id in [1, 0x00FF, 0x0100, u16::MAX] {
        w.send(client, subscribe(id, [("t", 1)]));
        w.send(client, unsubscribe(id.wrapping_mul(3), ["t"]));
        w.expect(client, suback(id, [1]));
        w.expect(client, unsuback(id.wrapping_mul(3), []));
    }
}
