//! Flow control and errors (4.9, 4.13).

use crate::support::*;
use weirmq_tests::malformed::{Answer, table};

/// Publishes `count` messages of this QoS, and reads what has come without acknowledging it.
fn flood(w: &mut dyn World, client: Client, publisher: Client, count: u8, qos: u8) -> Vec<Publish> {
    for n in 0..count {
        w.published(publisher, publish("t", [n]).qos(qos));
    }
    arrived(w, client)
}

/// Reads what has come, up to a PINGRESP, acknowledging nothing.
fn arrived(w: &mut dyn World, client: Client) -> Vec<Publish> {
    w.send(client, ping());
    let mut messages = Vec::new();
    loop {
        match w.recv(client) {
            Packet::Publish(publish) => messages.push(publish),
            Packet::PingResp => return messages,
            other => panic!("{other:?}"),
        }
    }
}

/// The quota begins above 0 and at no more than the client's Receive Maximum, on every connection.
fn mqtt_5_4_9_0_1(start: Start<'_>) {
    for maximum in [1, 2, 7] {
        let mut w = start(Config::default());
        let mut client = w.connect(lasting("client").receive_maximum(maximum));
        w.subscribed(client, [("t", 2)]);
        let publisher = w.connect(v5("publisher"));
        let first = flood(&mut *w, client, publisher, 10, 2);
        assert_eq!(first.len(), usize::from(maximum));
        // Another connection, another maximum.
        w.reset(client);
        client = w.reconnect(lasting("client").receive_maximum(3), true);
        assert_eq!(arrived(&mut *w, client).len(), 3);
    }
}

/// Without a Receive Maximum it is the broker's own.
fn mqtt_5_4_9_0_1_by_default(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.inflight_max = 5;
    for client in [v5("client"), v5("client").receive_maximum(u16::MAX), v5("client").receive_maximum(6)] {
        let mut w = start(config.clone());
        let client = w.connect(client);
        w.subscribed(client, [("t", 2)]);
        let publisher = w.connect(v5("publisher"));
        assert_eq!(flood(&mut *w, client, publisher, 20, 1).len(), 5);
    }
}

/// Each message of QoS 1 or 2 uses one unit, and at 0 no further one is sent.
fn mqtt_5_4_9_0_2(start: Start<'_>) {
    for qos in 1..3 {
        let mut w = start(Config::default());
        let client = w.connect(v5("client").receive_maximum(4));
        w.subscribed(client, [("t", 2)]);
        let publisher = w.connect(v5("publisher"));
        let first = flood(&mut *w, client, publisher, 10, qos);
        assert_eq!(first.len(), 4);
        assert_eq!(arrived(&mut *w, client), []);
        for released in 1..=3 {
            let done = &first[released - 1];
            if qos == 1 {
                w.send(client, puback(id_of(done)));
            } else {
                w.send(client, pubrec(id_of(done)));
                w.expect(client, pubrel(id_of(done)));
                assert_eq!(arrived(&mut *w, client), [], "PUBREC is no end");
                w.send(client, pubcomp(id_of(done)));
            }
            let next = arrived(&mut *w, client);
            assert_eq!(next.iter().map(|message| message.payload[0]).collect::<Vec<u8>>(), [3 + released as u8]);
        }
    }
}

/// At 0 everything else is read and answered.
fn mqtt_5_4_9_0_3(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client").receive_maximum(1));
    w.subscribed(client, [("t", 2), ("zero", 0)]);
    let publisher = w.connect(v5("publisher"));
    assert_eq!(flood(&mut *w, client, publisher, 3, 2).len(), 1);
    w.send(client, ping());
    w.expect(client, pong());
    w.send(client, publish("u", "x").qos(1).id(1));
    w.expect_acknowledged(client, puback(1));
    w.published(client, publish("u", "x").qos(2).id(2));
    w.send(client, subscribe(3, [("v", 1)]));
    w.expect(client, suback(3, [1]));
    w.send(client, unsubscribe(4, ["v"]));
    w.expect(client, unsuback(4, [0]));
    w.published(publisher, publish("zero", "x").qos(1));
    w.take(client, "zero", "x");
    w.send(client, pubrec(0x7FFF));
    w.expect(client, pubrel(0x7FFF).with_code(0x92));
}

/// U5-63: PUBACK, PUBCOMP and a refusing PUBREC give a unit back.
fn u5_63(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client").receive_maximum(1));
    w.subscribed(client, [("t", 2)]);
    let publisher = w.connect(v5("publisher"));
    for n in 0..8 {
        w.published(publisher, publish("t", [n]).qos(1 + n % 2));
    }
    for n in 0..8 {
        let got = w.recv_publish(client);
        assert_eq!(got.payload, [n]);
        w.expect_nothing(client);
        let id = id_of(&got);
        match n {
            0 | 4 => w.send(client, puback(id)),
            2 | 6 => w.send(client, puback(id).with_code(0x80)),
            1 | 5 => w.send(client, pubrec(id).with_code(0x80)),
            _ => {
                w.send(client, pubrec(id));
                w.expect(client, pubrel(id));
                w.expect_nothing(client);
                w.send(client, pubcomp(id));
            }
        }
    }
    w.expect_nothing(client);
}

/// U5-63: never above its start value: answers that settle nothing give nothing.
fn u5_63_never_above_its_start(start: Start<'_>) {
    let mut w = start(Config::default());
    let mut client = w.connect(lasting("client").receive_maximum(2));
    w.subscribed(client, [("t", 2)]);
    let publisher = w.connect(v5("publisher"));
    let first = flood(&mut *w, client, publisher, 10, 2);
    assert_eq!(first.len(), 2);
    for message in &first {
        w.send(client, pubrec(id_of(message)));
        w.expect(client, pubrel(id_of(message)));
    }
    w.reset(client);
    // Two PUBREL are sent again without a unit, so two messages have room beside them.
    client = w.reconnect(lasting("client").receive_maximum(2), true);
    let mut seen = Vec::new();
    for _ in 0..4 {
        match w.recv(client) {
            Packet::PubRel(ack) => w.send(client, pubcomp(ack.id)),
            Packet::Publish(publish) => seen.push(publish),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen.len(), 2);
    // Their PUBCOMP, and answers to what is not known, gave nothing.
    for id in [0x7001, 0x7002, 0x7003] {
        w.send(client, puback(id));
        w.send(client, pubcomp(id));
    }
    assert_eq!(arrived(&mut *w, client), []);
}

/// U5-63: a new connection begins with the whole quota.
fn u5_63_begins_anew(start: Start<'_>) {
    let mut w = start(Config::default());
    let mut client = w.connect(lasting("client").receive_maximum(3));
    w.subscribed(client, [("t", 1)]);
    let publisher = w.connect(v5("publisher"));
    let first = flood(&mut *w, client, publisher, 10, 1);
    w.send(client, puback(id_of(&first[0])));
    assert_eq!(arrived(&mut *w, client).len(), 1);
    for _ in 0..3 {
        w.reset(client);
        client = w.reconnect(lasting("client").receive_maximum(3), true);
        let again = arrived(&mut *w, client);
        assert_eq!(again.iter().map(|message| message.payload[0]).collect::<Vec<u8>>(), [1, 2, 3]);
    }
}

/// Every breach of the table ends in a close, with the code that it is listed with.
fn mqtt_5_4_13_1_1(start: Start<'_>) {
    let mut w = start(Config::default());
    for bad in table().into_iter().filter(|bad| bad.connected && bad.version == Version::V5) {
        let client = w.connect(v5("rogue"));
        w.send(client, &bad.bytes);
        match bad.answer {
            Answer::Disconnect(codes) => drop(disconnected(&mut *w, client, codes)),
            Answer::Close => w.expect_closed(client),
            Answer::ConnAck(_) => panic!("{}: a second CONNACK", bad.name),
        }
    }
}

/// A decision for a code of 0x80 or above ends the connection, also when the packet could not be sent.
fn mqtt_5_4_13_2_1(start: Start<'_>) {
    breach(start, publish("t", "x").property(Property::TopicAlias(99)), &[0x94]);
    let mut config = Config::default();
    config.mqtt.maximum_qos = QoS::AtMostOnce;
    let mut w = start(config);
    refused(&mut *w, v5("client").will("t", b"x", 1), &[0x9B]);
    // Too small for any CONNACK.
    let client = w.open();
    w.send(client, v5("client").will("t", b"x", 1).property(Property::MaximumPacketSize(4)));
    w.expect_closed(client);
    let older = w.connect(v5("client"));
    w.connect(v5("client"));
    disconnected(&mut *w, older, &[0x8E]);
}

/// A client that reads nothing is closed all the same.
fn mqtt_5_4_13_2_1_unread(shards: u16) {
    let mut n = net(shards, Config::default());
    let client = n.connect(v5("client"));
    n.stop_reading(client);
    n.never_close(client);
    n.send(client, [0x00, 0x00]);
    n.advance(secs(10));
    assert!(n.is_closed(client));
    assert_eq!(n.stats().sessions, 0);
}

/// U5-65: what one client does wrong does nothing to others, to messages or to sessions.
fn u5_65(start: Start<'_>) {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, "t");
    let session = w.connect(lasting("session"));
    w.subscribed(session, [("t", 1)]);
    leave(&mut *w, session);
    w.published(publisher, publish("t", "kept").qos(1).retain());
    let mut count = 0;
    for bad in table().into_iter().filter(|bad| bad.version == Version::V5) {
        let rogue = if bad.connected { w.connect(v5("rogue")) } else { open(&mut *w) };
        w.send(rogue, join([&bad.bytes, &publish("t", "never").qos(1).retain().to_wire(Version::V5)]));
        while let Received::Packet(_) = w.read(rogue) {}
        count += 1;
        if count % 10 == 0 {
            w.published(publisher, publish("t", "live").qos(1));
        }
    }
    w.take(subscriber, "t", "kept");
    for _ in 0..count / 10 {
        w.take(subscriber, "t", "live");
    }
    w.expect_nothing(subscriber);
    let late = w.connect(v5("late"));
    w.subscribed(late, [("t", 1)]);
    w.take(late, "t", "kept");
    let session = w.reconnect(lasting("session"), true);
    w.take(session, "t", "kept");
}

in_each_world! {
    mqtt_5_4_9_0_1
    mqtt_5_4_9_0_1_by_default
    mqtt_5_4_9_0_2
    mqtt_5_4_9_0_3
    u5_63
    u5_63_never_above_its_start
    u5_63_begins_anew
    mqtt_5_4_13_1_1
    mqtt_5_4_13_2_1
    u5_65
}

in_memory! {
    mqtt_5_4_13_2_1_unread
}
