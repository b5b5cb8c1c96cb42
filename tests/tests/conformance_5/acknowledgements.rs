//! PUBACK, PUBREC, PUBREL and PUBCOMP (3.4 to 3.7).

use crate::support::*;

/// Table 3-4 and Table 3-5.
const PUBLISH_CODES: [u8; 9] = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];

fn config() -> Config {
    let mut config = Config::default();
    config.mqtt.topic_levels_max = 3;
    config.limits.retained_messages_max = 1;
    config
}

/// What makes this broker answer each in its way: taken over, forbidden, too many levels, no room.
fn publishes(qos: u8) -> [(Publish, u8); 4] {
    [
        (publish("t", "x").qos(qos).retain(), 0x00),
        (publish("$SYS/x", "x").qos(qos), 0x87),
        (publish("a/b/c/d", "x").qos(qos), 0x90),
        (publish("u", "x").qos(qos).retain(), 0x97),
    ]
}

/// A client that takes 16 bytes in one packet: the CONNACK and no byte more.
fn small(w: &mut dyn World, client_id: &str) -> Client {
    w.connect(v5(client_id).property(Property::MaximumPacketSize(16)))
}

/// Publishes what is refused in several ways to a broker, from a small client; hands the answers over.
fn answers(start: Start<'_>, qos: u8) -> Vec<(Packet, u8)> {
    let mut w = start(config());
    let client = small(&mut *w, "client");
    publishes(qos)
        .into_iter()
        .zip(1..)
        .map(|((message, code), id)| {
            w.send(client, message.id(id));
            let answer = w.recv(client);
            assert!(answer.to_wire(Version::V5).len() <= 16, "{answer:?}");
            (answer, code)
        })
        .collect()
}

fn ack_of(packet: &Packet) -> &Ack {
    match packet {
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => ack,
        other => panic!("{other:?} is no acknowledgement"),
    }
}

/// Sends this acknowledgement with every code that is not in its table for something that is open: refused.
fn refuses_codes(start: Start<'_>, allowed: &[u8], packet: fn(u16) -> Packet, qos: u8, received: bool) {
    for code in (0..=0xFF).filter(|code| !allowed.contains(code)) {
        let mut w = start(Config::default());
        let (subscriber, publisher) = pair(&mut *w, "t");
        w.published(publisher, publish("t", "x").qos(qos));
        let id = id_of(&w.recv_publish(subscriber));
        if received {
            w.send(subscriber, pubrec(id));
            w.expect(subscriber, pubrel(id));
        }
        w.send(subscriber, packet(id).with_code(code));
        disconnected(&mut *w, subscriber, MALFORMED_OR_PROTOCOL);
    }
}

/// PUBACK has a code of Table 3-4, on both sides.
fn mqtt_5_3_4_2_1(start: Start<'_>) {
    for (answer, code) in answers(start, 1) {
        let Packet::PubAck(ack) = answer else { panic!("{answer:?}") };
        assert!(PUBLISH_CODES.contains(&ack.code));
        assert!(ack.code == code || (code, ack.code) == (0x00, 0x10), "{ack:?} in place of {code:#04x}");
    }
    refuses_codes(start, &PUBLISH_CODES, puback, 1, false);
}

/// Every code of the table is understood in a client's PUBACK.
fn mqtt_5_3_4_2_1_from_clients(start: Start<'_>) {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, "t");
    for code in PUBLISH_CODES {
        w.published(publisher, publish("t", [code]).qos(1));
        let id = id_of(&w.recv_publish(subscriber));
        w.send(subscriber, puback(id).with_code(code));
        w.expect_nothing(subscriber);
    }
}

/// A Reason String that does not fit is left out of PUBACK.
fn mqtt_5_3_4_2_2(start: Start<'_>) {
    for (answer, _) in answers(start, 1) {
        assert!(!ack_of(&answer).properties.iter().any(|property| matches!(property, Property::ReasonString(_))));
    }
}

/// And User Properties.
fn mqtt_5_3_4_2_3(start: Start<'_>) {
    for (answer, _) in answers(start, 1) {
        assert_eq!(user_properties(&ack_of(&answer).properties), []);
    }
}

/// PUBREC has a code of Table 3-5, on both sides.
fn mqtt_5_3_5_2_1(start: Start<'_>) {
    for (answer, code) in answers(start, 2) {
        let Packet::PubRec(ack) = answer else { panic!("{answer:?}") };
        assert!(PUBLISH_CODES.contains(&ack.code));
        assert!(ack.code == code || (code, ack.code) == (0x00, 0x10), "{ack:?} in place of {code:#04x}");
    }
    refuses_codes(start, &PUBLISH_CODES, pubrec, 2, false);
}

/// Every code of the table is understood in a client's PUBREC: below 0x80 PUBREL follows, from there on nothing.
fn mqtt_5_3_5_2_1_from_clients(start: Start<'_>) {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, "t");
    for code in PUBLISH_CODES {
        w.published(publisher, publish("t", [code]).qos(2));
        let id = id_of(&w.recv_publish(subscriber));
        w.send(subscriber, pubrec(id).with_code(code));
        if code < 0x80 {
            w.expect(subscriber, pubrel(id));
            w.send(subscriber, pubcomp(id));
        }
        w.expect_nothing(subscriber);
    }
}

/// A Reason String that does not fit is left out of PUBREC.
fn mqtt_5_3_5_2_2(start: Start<'_>) {
    for (answer, _) in answers(start, 2) {
        assert!(!ack_of(&answer).properties.iter().any(|property| matches!(property, Property::ReasonString(_))));
    }
}

/// And User Properties.
fn mqtt_5_3_5_2_3(start: Start<'_>) {
    for (answer, _) in answers(start, 2) {
        assert_eq!(user_properties(&ack_of(&answer).properties), []);
    }
}

/// PUBREL with other flags than 0010 is malformed.
fn mqtt_5_3_6_1_1(start: Start<'_>) {
    for flags in (0..16).filter(|flags| *flags != 2) {
        let mut w = start(Config::default());
        let client = w.connect(v5("client"));
        w.send(client, publish("t", "x").qos(2));
        w.expect_acknowledged(client, pubrec(1));
        w.send(client, [0x60 | flags, 2, 0, 1]);
        disconnected(&mut *w, client, &[0x81]);
    }
}

/// The PUBREL of a small client's exchange, and of one that is not known.
fn releases(start: Start<'_>) -> [Packet; 2] {
    let mut w = start(Config::default());
    let client = small(&mut *w, "client");
    w.subscribed(client, [("t", 2)]);
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t", "x").qos(2));
    let id = id_of(&w.recv_publish(client));
    w.send(client, pubrec(id));
    let known = w.recv(client);
    w.send(client, pubrec(id + 1));
    let unknown = w.recv(client);
    assert_eq!([&known, &unknown].map(|packet| ack_of(packet).id), [id, id + 1]);
    [known, unknown]
}

/// PUBREL has a code of Table 3-6, on both sides.
fn mqtt_5_3_6_2_1(start: Start<'_>) {
    let [known, unknown] = releases(start);
    assert_eq!((ack_of(&known).code, ack_of(&unknown).code), (0x00, 0x92));
    assert!(matches!((known, unknown), (Packet::PubRel(_), Packet::PubRel(_))));
    for code in (0..=0xFF).filter(|code| ![0x00, 0x92].contains(code)) {
        breach(start, pubrel(1).with_code(code), MALFORMED_OR_PROTOCOL);
    }
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    w.send(client, publish("t", "x").qos(2));
    w.expect_acknowledged(client, pubrec(1));
    w.send(client, pubrel(1).with_code(0x92));
    w.expect(client, pubcomp(1));
}

/// A Reason String that does not fit is left out of PUBREL.
fn mqtt_5_3_6_2_2(start: Start<'_>) {
    for packet in releases(start) {
        assert!(packet.to_wire(Version::V5).len() <= 16);
        assert!(!ack_of(&packet).properties.iter().any(|property| matches!(property, Property::ReasonString(_))));
    }
}

/// And User Properties.
fn mqtt_5_3_6_2_3(start: Start<'_>) {
    for packet in releases(start) {
        assert!(packet.to_wire(Version::V5).len() <= 16);
        assert_eq!(user_properties(&ack_of(&packet).properties), []);
    }
}

/// The PUBCOMP of a small client's exchange, and of one that is not known.
fn completions(start: Start<'_>) -> [Packet; 2] {
    let mut w = start(Config::default());
    let client = small(&mut *w, "client");
    w.send(client, publish("t", "x").qos(2).id(7));
    w.expect_acknowledged(client, pubrec(7));
    w.send(client, pubrel(7));
    let known = w.recv(client);
    w.send(client, pubrel(7));
    let unknown = w.recv(client);
    assert_eq!([&known, &unknown].map(|packet| ack_of(packet).id), [7, 7]);
    [known, unknown]
}

/// PUBCOMP has a code of Table 3-7, on both sides.
fn mqtt_5_3_7_2_1(start: Start<'_>) {
    let [known, unknown] = completions(start);
    assert_eq!(ack_of(&known).code, 0x00);
    assert!([0x00, 0x92].contains(&ack_of(&unknown).code));
    assert!(matches!((known, unknown), (Packet::PubComp(_), Packet::PubComp(_))));
    refuses_codes(start, &[0x00, 0x92], pubcomp, 2, true);
}

/// 0x92 ends the exchange like 0x00.
fn mqtt_5_3_7_2_1_from_clients(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(lasting("client").receive_maximum(1));
    w.subscribed(client, [("t", 2)]);
    let publisher = w.connect(v5("publisher"));
    for code in [0x92, 0x00, 0x92] {
        w.published(publisher, publish("t", "x").qos(2));
        let id = id_of(&w.recv_publish(client));
        w.send(client, pubrec(id));
        w.expect(client, pubrel(id));
        w.send(client, pubcomp(id).with_code(code));
    }
    w.expect_nothing(client);
    leave(&mut *w, client);
    let client = w.reconnect(lasting("client"), true);
    w.expect_nothing(client);
}

/// A Reason String that does not fit is left out of PUBCOMP.
fn mqtt_5_3_7_2_2(start: Start<'_>) {
    for packet in completions(start) {
        assert!(packet.to_wire(Version::V5).len() <= 16);
        assert!(!ack_of(&packet).properties.iter().any(|property| matches!(property, Property::ReasonString(_))));
    }
}

/// And User Properties.
fn mqtt_5_3_7_2_3(start: Start<'_>) {
    for packet in completions(start) {
        assert!(packet.to_wire(Version::V5).len() <= 16);
        assert_eq!(user_properties(&ack_of(&packet).properties), []);
    }
}

in_each_world! {
    mqtt_5_3_4_2_1
    mqtt_5_3_4_2_1_from_clients
    mqtt_5_3_4_2_2
    mqtt_5_3_4_2_3
    mqtt_5_3_5_2_1
    mqtt_5_3_5_2_1_from_clients
    mqtt_5_3_5_2_2
    mqtt_5_3_5_2_3
    mqtt_5_3_6_1_1
    mqtt_5_3_6_2_1
    mqtt_5_3_6_2_2
    mqtt_5_3_6_2_3
    mqtt_5_3_7_2_1
    mqtt_5_3_7_2_1_from_clients
    mqtt_5_3_7_2_2
    mqtt_5_3_7_2_3
}
