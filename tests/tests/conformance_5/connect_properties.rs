//! Keep Alive and the properties of CONNECT (3.1.2.10, 3.1.2.11).

use crate::support::*;

/// One and a half times the Keep Alive of silence, no less and no more, then 0x8D, the close, and the will.
fn mqtt_5_3_1_2_22(shards: u16) {
    for keep_alive_s in [1, 3, 10, 65_535] {
        let mut n = net(shards, Config::default());
        let witness = n.connect(v5("witness"));
        n.subscribed(witness, [("will", 1)]);
        let client = n.connect(v5("mortal").keep_alive(keep_alive_s).will("will", b"gone", 1));
        let limit = Duration::from_millis(u64::from(keep_alive_s) * 1_500);
        n.advance(limit - MICROSECOND);
        n.expect_nothing(client);
        n.advance(limit - MICROSECOND);
        assert!(!n.is_closed(client));
        n.expect_nothing(witness);
        n.advance(MICROSECOND);
        disconnected(&mut n, client, &[0x8D]);
        n.take(witness, "will", "gone");
    }
}

/// Every packet of the client counts, not those that it is sent; 0 is no limit.
fn mqtt_5_3_1_2_22_counts_packets_of_the_client(shards: u16) {
    let mut n = net(shards, Config::default());
    let (silent, endless) = (n.connect(v5("silent").keep_alive(10)), n.connect(v5("endless")));
    let talker = n.connect(v5("talker").keep_alive(10));
    n.subscribed(silent, [("t", 0)]);
    for step in 1..=10_u64 {
        n.advance(secs(14));
        n.send(talker, publish("t", "x"));
        assert_eq!(n.is_closed(silent), step > 1, "after {} s", step * 14);
    }
    n.expect_nothing(talker);
    n.expect_nothing(endless);
}

/// The session outlives the connection for its interval, to the end of time with 0xFFFFFFFF.
fn mqtt_5_3_1_2_23(shards: u16) {
    for (expiry_s, wait_s) in [(1, 0), (100, 99), (u32::MAX, 10_000_000)] {
        let mut n = net(shards, Config::default());
        let client = || v5("client").clean(false).session_expiry(expiry_s);
        let first = n.connect(client());
        n.subscribed(first, [("t", 1)]);
        n.reset(first);
        n.advance(secs(wait_s));
        let publisher = n.connect(v5("publisher"));
        n.published(publisher, publish("t", "x").qos(1));
        let second = n.reconnect(client(), true);
        n.take(second, "t", "x");
    }
}

/// Clean Start 1 with an interval makes a session that lasts.
fn mqtt_5_3_1_2_23_after_clean_start(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(lasting("client").clean(true));
    w.subscribed(client, [("t", 1)]);
    w.reset(client);
    w.reconnect(lasting("client"), true);
}

/// A message of exactly the Maximum Packet Size is sent, one byte more is not: 2 bytes of header, 4 of topic and
/// identifier, 1 of Property Length.
fn mqtt_5_3_1_2_24(start: Start<'_>) {
    for qos in 0..3 {
        let mut w = start(Config::default());
        let client = w.connect(v5("client").property(Property::MaximumPacketSize(100)));
        w.subscribed(client, [("t", qos)]);
        let publisher = w.connect(v5("publisher"));
        let head = if qos == 0 { 6 } else { 8 };
        for size in [101, 100, 99, 1_000, 50] {
            w.published(publisher, publish("t", vec![b'x'; size - head]).qos(2));
        }
        for size in [100, 99, 50] {
            let got = w.take(client, "t", vec![b'x'; size - head]);
            assert_eq!(got.to_wire(Version::V5).len(), size);
        }
        w.expect_nothing(client);
    }
}

/// With properties, Subscription Identifiers and what waited in the queue it is the same.
fn mqtt_5_3_1_2_24_counts_everything(start: Start<'_>) {
    let mut w = start(Config::default());
    let small = || lasting("client").property(Property::MaximumPacketSize(100));
    let client = w.connect(small());
    w.send(client, subscribe(1, [("t", 1)]).identifier(200));
    w.expect(client, suback(1, [1]));
    let publisher = w.connect(v5("publisher"));
    // 2 + 3 + 2 + 1 of fields, 3 of identifier, 5 of expiry, 5 + n of User Property.
    let message = |size: usize| {
        let property = Property::user("", &"v".repeat(size - 21));
        publish("t", "").qos(1).property(Property::MessageExpiryInterval(500)).property(property)
    };
    for connected in [true, false] {
        if !connected {
            leave(&mut *w, client);
        }
        for size in [101, 100, 102, 99] {
            w.published(publisher, message(size));
        }
        let client = if connected { client } else { w.reconnect(small(), true) };
        for size in [100, 99] {
            let got = w.take(client, "t", "");
            assert_eq!((got.to_wire(Version::V5).len(), identifiers(&got)), (size, vec![200]));
        }
        w.expect_nothing(client);
    }
}

/// And when one message goes to many, each client has its own limit.
fn mqtt_5_3_1_2_24_for_each_of_many(start: Start<'_>) {
    for qos in 0..3 {
        let mut w = start(Config::default());
        let clients = [100, 99, 101, 1_000].map(|limit| {
            let connect = v5(&format!("client {limit}")).property(Property::MaximumPacketSize(limit));
            let client = w.connect(connect);
            w.subscribed(client, [("t", qos)]);
            (client, limit)
        });
        let publisher = w.connect(v5("publisher"));
        let payload = vec![b'x'; 100 - if qos == 0 { 6 } else { 8 }];
        w.published(publisher, publish("t", &payload).qos(2));
        for (client, limit) in clients {
            if limit >= 100 {
                w.take(client, "t", &payload);
            }
            w.expect_nothing(client);
        }
    }
}

/// A client that takes less than the broker has to say gets no CONNACK that is too large: it is refused, or closed.
fn mqtt_5_3_1_2_24_connack(start: Start<'_>) {
    for size in 1..=20 {
        let mut w = start(Config::default());
        let client = w.open();
        w.send(client, v5("client").property(Property::MaximumPacketSize(size)));
        match w.read(client) {
            Received::Closed => {}
            Received::Packet(packet) => {
                assert!(packet.to_wire(Version::V5).len() <= size as usize, "{size}: {packet:?}");
                let Packet::ConnAck(connack) = packet else { panic!("{size}: {packet:?}") };
                match connack.code {
                    0 => w.expect_nothing(client),
                    _ => w.expect_closed(client),
                }
            }
            other => panic!("{size}: {other:?}"),
        }
    }
}

/// What was too large is settled: it takes no room in the Receive Maximum and does not come back.
fn mqtt_5_3_1_2_25(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(lasting("client").property(Property::MaximumPacketSize(60)).receive_maximum(1));
    w.subscribed(client, [("t", 2)]);
    let publisher = w.connect(v5("publisher"));
    let large = vec![b'x'; 100];
    for qos in [1, 2, 1] {
        w.published(publisher, publish("t", &large).qos(qos));
    }
    w.published(publisher, publish("t", "small").qos(2));
    w.take(client, "t", "small");
    w.published(publisher, publish("t", &large).qos(1));
    leave(&mut *w, client);
    let client = w.reconnect(lasting("client"), true);
    w.expect_nothing(client);
}

/// Other subscribers get what is too large for one.
fn mqtt_5_3_1_2_25_only_for_that_client(start: Start<'_>) {
    let mut w = start(Config::default());
    let (large, publisher) = pair(&mut *w, "t");
    let small = w.connect(v5("small").property(Property::MaximumPacketSize(60)));
    w.subscribed(small, [("t", 1)]);
    w.published(publisher, publish("t", [0; 100]).qos(1));
    w.take(large, "t", [0; 100]);
    w.expect_nothing(small);
}

/// Publishes to `topics` topics, twice each, and reads them at a client with this Topic Alias Maximum. The aliases.
fn aliases(start: Start<'_>, maximum: Option<u16>, topics: u16) -> Vec<u16> {
    let mut w = start(Config::default());
    let client = v5("client");
    let client = w.connect(match maximum {
        Some(maximum) => client.property(Property::TopicAliasMaximum(maximum)),
        None => client,
    });
    w.subscribed(client, [("#", 1)]);
    let publisher = w.connect(v5("publisher"));
    let (mut seen, mut names) = (Vec::new(), std::collections::BTreeMap::new());
    for n in (0..topics).chain(0..topics) {
        let topic = format!("topic/{n}");
        w.published(publisher, publish(&topic, "x").qos(1));
        let got = w.recv_publish(client);
        w.send(client, puback(id_of(&got)));
        if let Some(alias) = alias_of(&got) {
            seen.push(alias);
            if !got.topic.is_empty() {
                names.insert(alias, got.topic.clone());
            }
            assert_eq!(names.get(&alias), Some(&topic), "what alias {alias} stands for");
        } else {
            assert_eq!(got.topic, topic);
        }
    }
    seen
}

/// No alias is above the client's Topic Alias Maximum, each means the topic that it was sent with.
fn mqtt_5_3_1_2_26(start: Start<'_>) {
    for maximum in [1, 2, 5, u16::MAX] {
        let seen = aliases(start, Some(maximum), 20);
        assert!(!seen.is_empty(), "this broker uses aliases");
        assert!(seen.iter().all(|alias| (1..=maximum).contains(alias)), "{maximum}: {seen:?}");
    }
}

/// Without a Topic Alias Maximum, or with 0, no alias comes.
fn mqtt_5_3_1_2_27(start: Start<'_>) {
    assert_eq!(aliases(start, None, 5), []);
    assert_eq!(aliases(start, Some(0), 5), []);
}

/// Response Information comes only when it was asked for.
fn mqtt_5_3_1_2_28(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.response_information = Some("answers/".into());
    let mut w = start(config);
    let has = |connack: &ConnAck| connack.properties.contains(&Property::ResponseInformation("answers/".into()));
    let (_, plain) = w.try_connect(v5("plain"));
    let (_, zero) = w.try_connect(v5("zero").property(Property::RequestResponseInformation(0)));
    let (_, one) = w.try_connect(v5("one").property(Property::RequestResponseInformation(1)));
    assert_eq!([has(&plain), has(&zero), has(&one)], [false, false, true]);
    assert!(
        ![plain, zero]
            .iter()
            .flat_map(|connack| &connack.properties)
            .any(|property| { matches!(property, Property::ResponseInformation(_)) })
    );
}

/// With Request Problem Information 0, acknowledgements of all kinds, good and bad, have no text.
fn mqtt_5_3_1_2_29(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client").property(Property::RequestProblemInformation(0)));
    let packets: [Packet; 9] = [
        publish("t", "x").qos(1).into(),
        publish("$denied", "x").qos(1).into(),
        publish("t", "x").qos(2).into(),
        publish("$denied", "x").qos(2).id(2).into(),
        pubrel(1),
        pubrel(99),
        pubrec(98),
        subscribe(3, [("a", 0), ("a/#/b", 0), ("$share/g", 0)]).into(),
        unsubscribe(4, ["a", "nothing", "a/#/b"]).into(),
    ];
    for packet in packets {
        w.send(client, &packet);
        let answer = w.recv(client);
        assert_eq!(answer, answer.clone().without_properties(), "in answer to {packet:?}");
    }
    w.expect_nothing(client);
}

in_each_world! {
    mqtt_5_3_1_2_23_after_clean_start
    mqtt_5_3_1_2_24
    mqtt_5_3_1_2_24_counts_everything
    mqtt_5_3_1_2_24_for_each_of_many
    mqtt_5_3_1_2_24_connack
    mqtt_5_3_1_2_25
    mqtt_5_3_1_2_25_only_for_that_client
    mqtt_5_3_1_2_26
    mqtt_5_3_1_2_27
    mqtt_5_3_1_2_28
    mqtt_5_3_1_2_29
}

in_memory! {
    mqtt_5_3_1_2_22
    mqtt_5_3_1_2_22_counts_packets_of_the_client
    mqtt_5_3_1_2_23
}
