//! What a PUBLISH leads to (3.3.4).

use crate::support::*;

/// Nothing at QoS 0, PUBACK at 1, PUBREC at 2, and nothing else.
fn mqtt_5_3_3_4_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, "t");
    w.send(publisher, publish("t", "0"));
    w.expect_nothing(publisher);
    w.send(publisher, publish("t", "1").qos(1).id(7));
    w.expect(publisher, puback(7));
    w.expect_nothing(publisher);
    w.send(publisher, publish("t", "2").qos(2).id(8));
    w.expect(publisher, pubrec(8));
    w.expect_nothing(publisher);
    for payload in ["0", "1", "2"] {
        w.take(subscriber, "t", payload);
    }
}

/// Also when nobody listens.
fn mqtt_5_3_3_4_1_without_subscribers(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(v5("publisher"));
    w.send(publisher, publish("t", "0"));
    w.expect_nothing(publisher);
    w.send(publisher, publish("t", "1").qos(1).id(7));
    w.expect_acknowledged(publisher, puback(7));
    w.send(publisher, publish("t", "2").qos(2).id(8));
    w.expect_acknowledged(publisher, pubrec(8));
    w.send(publisher, pubrel(8));
    w.expect(publisher, pubcomp(8));
    w.expect_nothing(publisher);
}

/// Reads messages up to a PINGRESP, acknowledging nothing.
fn all(w: &mut dyn World, client: Client) -> Vec<Publish> {
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

/// Overlapping subscriptions: the highest QoS of them, not above that of the message.
fn mqtt_5_3_3_4_2(start: Start<'_>) {
    for order in
        [[("a/+", 0), ("#", 2), ("a/b", 1)], [("#", 2), ("a/b", 1), ("a/+", 0)], [("a/b", 2), ("#", 0), ("+/b", 1)]]
    {
        for qos in 0..3 {
            let mut w = start(Config::default());
            let client = w.connect(v5("client"));
            w.subscribed(client, order);
            let publisher = w.connect(v5("publisher"));
            w.published(publisher, publish("a/b", "x").qos(qos));
            w.published(publisher, publish("other", "y").qos(1));
            let messages = all(&mut *w, client);
            let best = messages.iter().filter(|message| message.topic == "a/b").map(|message| message.qos).max();
            assert_eq!(best, Some(qos.min(2)), "{messages:?}");
        }
    }
}

/// Subscribes with these identifiers, 0 for none, and publishes to `a/b`. What arrives.
fn overlapping(start: Start<'_>, subscriptions: &[(&str, u32)]) -> Vec<Publish> {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    for &(filter, identifier) in subscriptions {
        let packet = subscribe(1, [(filter, 1)]);
        w.send(client, if identifier > 0 { packet.identifier(identifier) } else { packet });
        w.expect(client, suback(1, [1]));
    }
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("a/b", "x").qos(1));
    all(&mut *w, client)
}

/// The identifiers of the subscriptions that match are sent, those of others are not.
fn mqtt_5_3_3_4_3(start: Start<'_>) {
    let messages = overlapping(start, &[("a/b", 1), ("c", 2), ("a/#", 300)]);
    let mut sent: Vec<u32> = messages.iter().flat_map(identifiers).collect();
    sent.sort_unstable();
    assert_eq!(sent, [1, 300], "{messages:?}");
}

/// Without an identifier none is sent.
fn mqtt_5_3_3_4_3_without(start: Start<'_>) {
    let messages = overlapping(start, &[("a/b", 0), ("c", 2)]);
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].properties, []);
}

/// A single copy names each matching subscription that has an identifier, equal ones as often as the broker likes.
fn mqtt_5_3_3_4_4(start: Start<'_>) {
    let messages = overlapping(start, &[("a/b", 5), ("a/+", 0), ("#", 268_435_455), ("+/+", 77), ("b/#", 9)]);
    assert_eq!(messages.len(), 1, "this broker sends one copy");
    assert_eq!(identifiers(&messages[0]), [5, 77, 268_435_455]);
    let mut same = identifiers(&overlapping(start, &[("a/b", 5), ("#", 5)])[0]);
    same.dedup();
    assert_eq!(same, [5]);
}

/// However many copies there are, each has the identifiers of the subscriptions that it is for, and none is left out.
fn mqtt_5_3_3_4_5(start: Start<'_>) {
    for subscriptions in [&[("a/b", 1), ("a/+", 2), ("#", 3)][..], &[("a/b", 1), ("#", 0)], &[("#", 0), ("a/b", 0)]] {
        let messages = overlapping(start, subscriptions);
        let mut sent: Vec<u32> = messages.iter().flat_map(identifiers).collect();
        sent.sort_unstable();
        let wanted: Vec<u32> = subscriptions.iter().map(|&(_, identifier)| identifier).filter(|&id| id > 0).collect();
        assert_eq!(sent, wanted);
        assert!(messages.len() == 1 || messages.len() == subscriptions.len());
    }
}

/// Identifiers also come with what is retained and with what waited.
fn mqtt_5_3_3_4_3_retained_and_queued(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("a", "kept").qos(1).retain());
    let client = w.connect(lasting("client"));
    w.send(client, subscribe(1, [("+", 1)]).identifier(4_711));
    w.expect(client, suback(1, [1]));
    assert_eq!(identifiers(&w.take(client, "a", "kept")), [4_711]);
    leave(&mut *w, client);
    w.published(publisher, publish("a", "queued").qos(1));
    let client = w.reconnect(lasting("client"), true);
    assert_eq!(identifiers(&w.take(client, "a", "queued")), [4_711]);
}

/// A client sends no Subscription Identifier, and the publisher's would not be handed on.
fn mqtt_5_3_3_4_6(start: Start<'_>) {
    for identifier in [1, 200, 268_435_455] {
        let property = Property::SubscriptionIdentifier(VarInt(identifier));
        breach(start, publish("t", "x").property(property.clone()), &[0x82]);
        breach(start, publish("t", "x").qos(1).property(property), &[0x82]);
    }
}

fn receive_maximum(messages: u16) -> Config {
    let mut config = Config::default();
    config.mqtt.receive_maximum = messages;
    config
}

/// One more open message than the Receive Maximum is answered by 0x93.
fn mqtt_5_3_3_4_7(start: Start<'_>) {
    for maximum in [1, 2, 10] {
        let mut w = start(receive_maximum(maximum));
        let (client, connack) = w.try_connect(v5("client"));
        assert!(connack.properties.contains(&Property::ReceiveMaximum(maximum)), "{connack:?}");
        for id in 1..=maximum {
            w.send(client, publish("t", "x").qos(2).id(id));
            w.expect_acknowledged(client, pubrec(id));
        }
        w.send(client, publish("t", "x").qos(2).id(maximum + 1));
        disconnected(&mut *w, client, &[0x93]);
    }
}

/// What was acknowledged, released or refused is open no more, and a repeat opens nothing.
fn mqtt_5_3_3_4_7_counts_what_is_open(start: Start<'_>) {
    let mut w = start(receive_maximum(2));
    let client = w.connect(v5("client"));
    for n in 0..10 {
        w.published(client, publish("t", "x").qos(1).id(100 + n));
        w.published(client, publish("t", "x").qos(2).id(200 + n));
        w.send(client, publish("$refused", "x").qos(2).id(300 + n));
        w.expect(client, pubrec(300 + n).with_code(0x87));
    }
    for id in [1, 2] {
        w.send(client, publish("t", "x").qos(2).id(id));
        w.expect_acknowledged(client, pubrec(id));
    }
    w.send(client, publish("t", "x").qos(2).id(1).dup());
    w.expect_acknowledged(client, pubrec(1));
    w.send(client, publish("t", "x"));
    w.expect_nothing(client);
    w.send(client, pubrel(1));
    w.expect(client, pubcomp(1));
    w.send(client, publish("t", "x").qos(2).id(3));
    w.expect_acknowledged(client, pubrec(3));
    w.send(client, publish("t", "x").qos(1).id(4));
    disconnected(&mut *w, client, &[0x93]);
}

/// No more messages are open towards a client than its Receive Maximum, of QoS 1 and 2 together.
fn mqtt_5_3_3_4_9(start: Start<'_>) {
    for maximum in [1, 3, 20] {
        let mut w = start(Config::default());
        let client = w.connect(v5("client").receive_maximum(maximum));
        w.subscribed(client, [("t", 2)]);
        let publisher = w.connect(v5("publisher"));
        for n in 0..40 {
            w.published(publisher, publish("t", [n]).qos(1 + n % 2));
        }
        let mut open = std::collections::VecDeque::new();
        for n in 0..40 {
            if open.len() == usize::from(maximum) {
                w.expect_nothing(client);
                let oldest: Publish = open.pop_front().expect("one is open");
                if oldest.qos == 1 {
                    w.send(client, puback(id_of(&oldest)));
                } else {
                    w.send(client, pubrec(id_of(&oldest)));
                    w.expect(client, pubrel(id_of(&oldest)));
                    w.expect_nothing(client);
                    w.send(client, pubcomp(id_of(&oldest)));
                }
            }
            let got = w.recv_publish(client);
            assert_eq!(got.payload, [n]);
            open.push_back(got);
        }
    }
}

/// Messages of QoS 0 are not counted.
fn mqtt_5_3_3_4_9_not_for_qos_0(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client").receive_maximum(1));
    w.subscribed(client, [("one", 1), ("zero", 0)]);
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("one", "x").qos(1));
    let held = w.recv_publish(client);
    for n in 0..10 {
        w.published(publisher, publish("zero", [n]).qos(1));
        w.take(client, "zero", [n]);
    }
    w.send(client, puback(id_of(&held)));
    w.expect_nothing(client);
}

/// A used up Receive Maximum holds nothing back but PUBLISH of QoS 1 and 2.
fn mqtt_5_3_3_4_10(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client").receive_maximum(1));
    w.subscribed(client, [("t", 2)]);
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t", "first").qos(2));
    w.published(publisher, publish("t", "second").qos(1));
    let first = w.recv_publish(client);
    w.expect_nothing(client);
    w.send(client, publish("u", "x").qos(1).id(9));
    w.expect_acknowledged(client, puback(9));
    w.published(client, publish("u", "x").qos(2).id(10));
    w.send(client, subscribe(11, [("v", 2)]));
    w.expect(client, suback(11, [2]));
    w.send(client, unsubscribe(12, ["v"]));
    w.expect(client, unsuback(12, [0]));
    w.send(client, pubrec(id_of(&first)));
    w.expect(client, pubrel(id_of(&first)));
    w.expect_nothing(client);
    w.send(client, pubcomp(id_of(&first)));
    w.take(client, "t", "second");
}

in_each_world! {
    mqtt_5_3_3_4_1
    mqtt_5_3_3_4_1_without_subscribers
    mqtt_5_3_3_4_2
    mqtt_5_3_3_4_3
    mqtt_5_3_3_4_3_without
    mqtt_5_3_3_4_4
    mqtt_5_3_3_4_5
    mqtt_5_3_3_4_3_retained_and_queued
    mqtt_5_3_3_4_6
    mqtt_5_3_3_4_7
    mqtt_5_3_3_4_7_counts_what_is_open
    mqtt_5_3_3_4_9
    mqtt_5_3_3_4_9_not_for_qos_0
    mqtt_5_3_3_4_10
}
