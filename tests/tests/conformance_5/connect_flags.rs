//! CONNECT up to its flags (3.1.0, 3.1.2.1 to 3.1.2.9).

use crate::support::*;

/// Whatever comes before CONNECT ends the connection, without a word.
fn mqtt_5_3_1_0_1(start: Start<'_>) {
    let packets = [
        publish("t", "x").to_wire(Version::V5),
        publish("t", "x").qos(1).to_wire(Version::V5),
        puback(1).to_wire(Version::V5),
        subscribe(1, [("t", 0)]).to_wire(Version::V5),
        unsubscribe(1, ["t"]).to_wire(Version::V5),
        ping().to_wire(Version::V5),
        disconnect().to_wire(Version::V5),
        auth(0x18).to_wire(Version::V5),
        connack(false, 0).to_wire(Version::V5),
    ];
    let mut w = start(Config::default());
    for bytes in packets {
        let client = open(&mut *w);
        w.send(client, join([&bytes, &v5("late").to_wire(Version::V5)]));
        w.expect_closed(client);
    }
}

/// A second CONNECT is a Protocol Error, equal to the first or not.
fn mqtt_5_3_1_0_2(start: Start<'_>) {
    for again in [v5("rogue"), v5("other"), connect("rogue")] {
        let mut w = start(Config::default());
        let client = w.connect(v5("rogue"));
        w.write(client, &again.to_wire(Version::V5));
        disconnected(&mut *w, client, &[0x82]);
    }
}

/// Also when both come in one write.
fn mqtt_5_3_1_0_2_at_once(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = open(&mut *w);
    let twice = join([&v5("rogue").to_wire(Version::V5), &v5("rogue").to_wire(Version::V5)]);
    w.send(client, twice);
    let Packet::ConnAck(first) = w.recv(client) else { panic!("no CONNACK") };
    assert_eq!(first.code, 0);
    disconnected(&mut *w, client, &[0x82]);
}

/// Another protocol name: CONNACK 0x84 or nothing, and the close.
fn mqtt_5_3_1_2_1(start: Start<'_>) {
    let mut w = start(Config::default());
    for name in [&b"mqtt"[..], b"MQTX", b"MQT", b"MQTTT", b"", b"MQISDP", b"HTTP"] {
        let client = open(&mut *w);
        w.send(client, raw::connect(name, 5, 2, Some(&[]), &string("rogue")));
        match w.read(client) {
            Received::Closed => {}
            Received::Packet(packet) => {
                let Packet::ConnAck(connack) = packet else { panic!("{name:?}: {packet:?}") };
                assert_eq!((connack.code, connack.session_present), (0x84, false), "{name:?}");
                w.expect_closed(client);
            }
            other => panic!("{name:?} is not refused: {other:?}"),
        }
    }
}

/// Another protocol version: CONNACK 0x84, and the close.
fn mqtt_5_3_1_2_2(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in [6, 7, 0x7F, 0x85, 0xFF] {
        refused(&mut *w, raw::connect(b"MQTT", version, 2, Some(&[]), &string("rogue")), &[0x84]);
    }
}

/// A version that the deployment switched off is refused in its own form.
fn mqtt_5_3_1_2_2_switched_off(start: Start<'_>) {
    use weirmq_core::packet::Version::{V3_1_1, V5};
    let mut config = Config::default();
    config.mqtt.versions = vec![V3_1_1];
    let mut w = start(config);
    refused(&mut *w, v5("new"), &[0x84]);
    w.connect(connect("old"));
    let mut config = Config::default();
    config.mqtt.versions = vec![V5];
    let mut w = start(config);
    let (client, connack) = w.try_connect(connect("old"));
    assert_eq!(connack.code, 1);
    w.expect_closed(client);
    w.connect(v5("new"));
}

/// Bit 0 of the Connect Flags is 0.
fn mqtt_5_3_1_2_3(start: Start<'_>) {
    let mut w = start(Config::default());
    refused(&mut *w, raw_connect(0x01, &[], &string("rogue")), &[0x81]);
    refused(&mut *w, raw_connect(0x03, &[], &string("rogue")), &[0x81]);
    let late = w.connect(lasting("rogue"));
    w.expect_nothing(late);
}

/// Clean Start 1 drops subscriptions, queued and unacknowledged messages.
fn mqtt_5_3_1_2_4(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(lasting("client"));
    w.subscribed(client, [("t", 2)]);
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t", "in flight").qos(1));
    w.recv_publish(client);
    leave(&mut *w, client);
    w.published(publisher, publish("t", "queued").qos(1));
    let client = w.reconnect(lasting("client").clean(true), false);
    w.expect_nothing(client);
    w.published(publisher, publish("t", "later").qos(1));
    w.expect_nothing(client);
}

/// And the identifiers of QoS 2 messages that the client had not released.
fn mqtt_5_3_1_2_4_forgets_incoming(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = w.connect(v5("witness"));
    w.subscribed(witness, [("t", 0)]);
    let client = w.connect(lasting("client"));
    w.send(client, publish("t", "first").qos(2));
    w.expect(client, pubrec(1));
    w.take(witness, "t", "first");
    leave(&mut *w, client);
    let client = w.reconnect(lasting("client").clean(true), false);
    w.published(client, publish("t", "second").qos(2));
    w.take(witness, "t", "second");
}

/// Clean Start 0 goes on with the session: subscriptions, queue, unfinished exchanges.
fn mqtt_5_3_1_2_5(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(lasting("client"));
    w.subscribed(client, [("t", 2)]);
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t", "in flight").qos(1));
    let first = w.recv_publish(client);
    leave(&mut *w, client);
    w.published(publisher, publish("t", "queued").qos(1));
    let client = w.reconnect(lasting("client"), true);
    assert_eq!(w.take(client, "t", "in flight").id, first.id);
    w.take(client, "t", "queued");
    w.published(publisher, publish("t", "live").qos(1));
    w.take(client, "t", "live");
    w.expect_nothing(client);
}

/// Clean Start 0 without a session makes one.
fn mqtt_5_3_1_2_6(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.reconnect(lasting("client"), false);
    w.subscribed(client, [("t", 1)]);
    leave(&mut *w, client);
    let client = w.reconnect(lasting("client"), true);
    w.expect_nothing(client);
    w.reconnect(lasting("Client"), false);
}

/// The will is published as the CONNECT had it.
fn mqtt_5_3_1_2_7(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = w.connect(v5("witness"));
    w.subscribed(witness, [("last/words", 2)]);
    let list = [
        Property::PayloadFormatIndicator(1),
        Property::ContentType("text".into()),
        Property::ResponseTopic("answer".into()),
        Property::CorrelationData(vec![1, 0, 2]),
        Property::user("name", "value"),
    ];
    let mut mortal = v5("mortal").will("last/words", b"gone", 2);
    for property in &list {
        mortal = mortal.will_property(property.clone());
    }
    let client = w.connect(mortal);
    w.reset(client);
    let got = w.take(witness, "last/words", "gone");
    assert_eq!((got.qos, got.retain, got.dup), (2, false, false));
    assert_eq!(got.properties, list);
}

/// A connection that breaks off publishes the will, a DISCONNECT with 0x00 does not, any other does.
fn mqtt_5_3_1_2_8(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = w.connect(v5("witness"));
    w.subscribed(witness, [("will", 1)]);
    let mortal = || v5("mortal").will("will", b"gone", 1);
    let client = w.connect(mortal());
    w.reset(client);
    w.take(witness, "will", "gone");
    let client = w.connect(mortal());
    w.hang_up(client);
    w.take(witness, "will", "gone");
    let client = w.connect(mortal());
    w.write(client, &[0x00, 0x00]);
    disconnected(&mut *w, client, &[0x81]);
    w.take(witness, "will", "gone");
    let client = w.connect(mortal());
    leave(&mut *w, client);
    w.expect_nothing(witness);
}

/// With a Will Delay Interval: after it, or with the session if that ends first, or not at all when the client is back.
fn mqtt_5_3_1_2_8_delayed(shards: u16) {
    for (delay_s, expiry_s, due_s) in [(5, 60, 5), (60, 5, 5), (5, 5, 5), (5, 0, 0), (0, 60, 0)] {
        let mut n = net(shards, Config::default());
        let witness = n.connect(v5("witness"));
        n.subscribed(witness, [("will", 1)]);
        let mortal = v5("mortal").session_expiry(expiry_s).will("will", b"gone", 1);
        let client = n.connect(mortal.will_property(Property::WillDelayInterval(delay_s)));
        n.reset(client);
        if due_s > 0 {
            n.advance(secs(due_s) - MICROSECOND);
            n.expect_nothing(witness);
            n.advance(MICROSECOND);
        }
        n.take(witness, "will", "gone");
        n.advance(secs(1_000));
        n.expect_nothing(witness);
    }
}

/// Will Flag 1 without the fields of a will is malformed.
fn mqtt_5_3_1_2_9(start: Start<'_>) {
    let mut w = start(Config::default());
    let id = string("rogue");
    for rest in [&[][..], &[0], &join([&[0], &string("t")]), &join([&[0], &string("t"), &[0]])] {
        refused(&mut *w, raw_connect(0x06, &[], &join([&id, rest])), &[0x81]);
    }
    // And the fields without the flag.
    let will = join([&id, &[0], &string("t"), &string("x")]);
    refused(&mut *w, raw_connect(0x02, &[], &will), &[0x81]);
}

/// Once published, a will is gone, whatever happens to the session after.
fn mqtt_5_3_1_2_10(shards: u16) {
    let mut n = net(shards, Config::default());
    let witness = n.connect(v5("witness"));
    n.subscribed(witness, [("will", 1)]);
    let client = n.connect(lasting("mortal").will("will", b"gone", 1));
    n.reset(client);
    n.take(witness, "will", "gone");
    let client = n.reconnect(lasting("mortal"), true);
    n.reset(client);
    n.expect_nothing(witness);
    n.advance(secs(10_000));
    n.expect_nothing(witness);
}

/// A DISCONNECT with 0x00 takes it out of the session for good.
fn mqtt_5_3_1_2_10_after_disconnect(shards: u16) {
    let mut n = net(shards, Config::default());
    let witness = n.connect(v5("witness"));
    n.subscribed(witness, [("will", 1)]);
    let mortal = lasting("mortal").will("will", b"gone", 1).will_property(Property::WillDelayInterval(5));
    let client = n.connect(mortal);
    leave(&mut n, client);
    n.advance(secs(100));
    let client = n.reconnect(lasting("mortal"), true);
    n.reset(client);
    n.advance(secs(10_000));
    n.expect_nothing(witness);
}

/// Will QoS without a will.
fn mqtt_5_3_1_2_11(start: Start<'_>) {
    let mut w = start(Config::default());
    for qos in 1..4 {
        refused(&mut *w, raw_connect(0x02 | qos << 3, &[], &string("rogue")), MALFORMED_OR_PROTOCOL);
    }
}

/// Will QoS 0, 1 and 2 are what the will is published at, 3 is malformed.
fn mqtt_5_3_1_2_12(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = w.connect(v5("witness"));
    w.subscribed(witness, [("will", 2)]);
    for qos in 0..3 {
        let client = w.connect(v5("mortal").will("will", b"gone", qos));
        w.reset(client);
        assert_eq!(w.take(witness, "will", "gone").qos, qos);
    }
    let will = join([&string("rogue"), &[0], &string("will"), &string("gone")]);
    refused(&mut *w, raw_connect(0x1E, &[], &will), &[0x81]);
    w.expect_nothing(witness);
}

/// Will Retain without a will.
fn mqtt_5_3_1_2_13(start: Start<'_>) {
    let mut w = start(Config::default());
    refused(&mut *w, raw_connect(0x22, &[], &string("rogue")), MALFORMED_OR_PROTOCOL);
}

/// Will Retain 0: not stored, and what is retained stays.
fn mqtt_5_3_1_2_14(start: Start<'_>) {
    let mut w = start(Config::default());
    let (witness, publisher) = pair(&mut *w, "#");
    w.published(publisher, publish("old", "kept").qos(1).retain());
    w.take(witness, "old", "kept");
    for topic in ["old", "new"] {
        let client = w.connect(v5("mortal").will(topic, b"gone", 1));
        w.reset(client);
        assert!(!w.take(witness, topic, "gone").retain);
    }
    let late = w.connect(v5("late"));
    w.subscribed(late, [("#", 1)]);
    w.take(late, "old", "kept");
    w.expect_nothing(late);
}

/// Will Retain 1: stored, in place of what was.
fn mqtt_5_3_1_2_15(start: Start<'_>) {
    let mut w = start(Config::default());
    let (witness, publisher) = pair(&mut *w, "t");
    w.published(publisher, publish("t", "before").qos(1).retain());
    w.take(witness, "t", "before");
    let client = w.connect(v5("mortal").will("t", b"gone", 1).will_retain());
    w.reset(client);
    assert!(!w.take(witness, "t", "gone").retain, "Retain As Published is 0");
    let late = w.connect(v5("late"));
    w.subscribed(late, [("t", 1)]);
    assert!(w.take(late, "t", "gone").retain);
    w.expect_nothing(late);
}

/// A user name without its flag.
fn mqtt_5_3_1_2_16(start: Start<'_>) {
    let mut w = start(Config::default());
    refused(&mut *w, raw_connect(0x02, &[], &join([&string("rogue"), &string("ann")])), &[0x81]);
}

/// The flag without a user name.
fn mqtt_5_3_1_2_17(start: Start<'_>) {
    let mut w = start(Config::default());
    refused(&mut *w, raw_connect(0x82, &[], &string("rogue")), &[0x81]);
    w.connect(v5("rogue").user_name(""));
}

/// A password without its flag.
fn mqtt_5_3_1_2_18(start: Start<'_>) {
    let mut w = start(Config::default());
    let both = join([&string("rogue"), &string("ann"), &string("secret")]);
    refused(&mut *w, raw_connect(0x82, &[], &both), &[0x81]);
}

/// The flag without a password; a password without a user name is taken.
fn mqtt_5_3_1_2_19(start: Start<'_>) {
    let mut w = start(Config::default());
    refused(&mut *w, raw_connect(0xC2, &[], &join([&string("rogue"), &string("ann")])), &[0x81]);
    refused(&mut *w, raw_connect(0x42, &[], &string("rogue")), &[0x81]);
    let client = w.connect(v5("alone").password(b"\0secret"));
    w.expect_nothing(client);
}

in_each_world! {
    mqtt_5_3_1_0_1
    mqtt_5_3_1_0_2
    mqtt_5_3_1_0_2_at_once
    mqtt_5_3_1_2_1
    mqtt_5_3_1_2_2
    mqtt_5_3_1_2_2_switched_off
    mqtt_5_3_1_2_3
    mqtt_5_3_1_2_4
    mqtt_5_3_1_2_4_forgets_incoming
    mqtt_5_3_1_2_5
    mqtt_5_3_1_2_6
    mqtt_5_3_1_2_7
    mqtt_5_3_1_2_8
    mqtt_5_3_1_2_9
    mqtt_5_3_1_2_11
    mqtt_5_3_1_2_12
    mqtt_5_3_1_2_13
    mqtt_5_3_1_2_14
    mqtt_5_3_1_2_15
    mqtt_5_3_1_2_16
    mqtt_5_3_1_2_17
    mqtt_5_3_1_2_18
    mqtt_5_3_1_2_19
}

in_memory! {
    mqtt_5_3_1_2_8_delayed
    mqtt_5_3_1_2_10
    mqtt_5_3_1_2_10_after_disconnect
}
