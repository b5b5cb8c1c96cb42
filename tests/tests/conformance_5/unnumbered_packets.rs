//! Rows of `mqtt-5.0-unnumbered.tsv` about PUBLISH, acknowledgements, SUBSCRIBE, UNSUBSCRIBE and PINGREQ (3.3 to 3.12).

use crate::support::*;

fn config(change: impl FnOnce(&mut weirmq_core::config::Mqtt)) -> Config {
    let mut config = Config::default();
    change(&mut config.mqtt);
    config
}

/// PUBLISH above the Maximum QoS.
fn u5_22(start: Start<'_>) {
    for (maximum, qos) in [(QoS::AtMostOnce, 1), (QoS::AtMostOnce, 2), (QoS::AtLeastOnce, 2)] {
        breach_with(start, config(|mqtt| mqtt.maximum_qos = maximum), publish("t", "x").qos(qos), &[0x9B]);
    }
}

/// RETAIN 1 where it is not available, and nothing is retained.
fn u5_23(start: Start<'_>) {
    let without = || config(|mqtt| mqtt.retain_available = false);
    breach_with(start, without(), publish("t", "x").qos(1).retain(), &[0x9A]);
    breach_with(start, without(), publish("t", "").retain(), &[0x9A]);
}

/// A packet of any kind above the Maximum Packet Size, decided by its length.
fn u5_24(start: Start<'_>) {
    let small = || {
        config(|mqtt| {
            mqtt.packet_bytes_max = 1_024;
            mqtt.connect_bytes_max = 1_024;
        })
    };
    // 1,022 bytes behind three of header are one too many.
    for first in [0x30, 0x32, 0x40, 0x62, 0x82, 0xA2, 0xE0, 0xF0] {
        breach_with(start, small(), [first, 0xFE, 0x07], &[0x95]);
    }
    let mut w = start(small());
    let client = w.connect(v5("client"));
    w.send(client, [0x30, 0xFD, 0x07]);
    w.send(client, frame(0x30, join([&string("t"), &[0], &[b'x'; 1_017]]))[3..].to_vec());
    w.expect_nothing(client);
}

/// A wildcard where there are none: SUBACK 0xA2 for that filter alone.
fn u5_25(start: Start<'_>) {
    let mut w = start(config(|mqtt| mqtt.wildcard_subscription_available = false));
    let (client, connack) = w.try_connect(v5("client"));
    assert!(connack.properties.contains(&Property::WildcardSubscriptionAvailable(0)), "{connack:?}");
    w.send(client, subscribe(1, [("a/+", 1), ("a/b", 1), ("#", 0), ("$share/g/+", 2)]));
    w.expect_like(client, suback(1, [0xA2, 1, 0xA2, 0xA2]));
    let publisher = w.connect(v5("publisher"));
    for topic in ["a/c", "a/b", "a"] {
        w.published(publisher, publish(topic, "x").qos(1));
    }
    w.take(client, "a/b", "x");
    w.expect_nothing(client);
}

/// A Subscription Identifier where there are none.
fn u5_26(start: Start<'_>) {
    let without = || config(|mqtt| mqtt.subscription_identifier_available = false);
    breach_with(start, without(), subscribe(1, [("t", 0)]).identifier(1), &[0xA1]);
    let mut w = start(without());
    let (client, connack) = w.try_connect(v5("client"));
    assert!(connack.properties.contains(&Property::SubscriptionIdentifierAvailable(0)), "{connack:?}");
    w.subscribed(client, [("t", 1)]);
}

/// A shared filter where there are none: SUBACK 0x9E for that filter, or DISCONNECT 0x9E.
fn u5_27(start: Start<'_>) {
    let mut w = start(config(|mqtt| mqtt.shared_subscription_available = false));
    let (client, connack) = w.try_connect(v5("client"));
    assert!(connack.properties.contains(&Property::SharedSubscriptionAvailable(0)), "{connack:?}");
    w.send(client, subscribe(1, [("$share/g/t", 1), ("u", 1)]));
    w.expect_like(client, suback(1, [0x9E, 1]));
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t", "x").qos(1));
    w.expect_nothing(client);
}

/// QoS 3.
fn u5_28(start: Start<'_>) {
    for first in [0x36, 0x37, 0x3E] {
        breach(start, frame(first, [0, 1, b't', 0, 1, 0]), &[0x81]);
    }
}

/// An expired retained message is gone.
fn u5_29(shards: u16) {
    let mut n = net(shards, Config::default());
    let publisher = n.connect(v5("publisher"));
    let message = publish("t", "x").qos(1).retain().property(Property::MessageExpiryInterval(10));
    n.published(publisher, message);
    n.published(publisher, publish("u", "endless").qos(1).retain());
    n.advance(secs(10) - MICROSECOND);
    let early = n.connect(v5("early"));
    n.subscribed(early, [("t", 1)]);
    n.take(early, "t", "x");
    n.advance(MICROSECOND);
    let late = n.connect(v5("late"));
    n.subscribed(late, [("#", 1)]);
    n.take(late, "u", "endless");
    n.expect_nothing(late);
    n.send(early, subscribe(1, [("t", 1)]));
    n.expect(early, suback(1, [1]));
    n.expect_nothing(early);
}

/// What is sent because of a subscription has RETAIN 1.
fn u5_30(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t", "x").qos(2).retain());
    let client = w.connect(v5("client"));
    for options in [0x00, 0x01, 0x02, 0x08, 0x09, 0x0A] {
        w.send(client, subscribe(1, [("t", options)]));
        w.expect(client, suback(1, [options & 3]));
        let got = w.take(client, "t", "x");
        assert_eq!((got.retain, got.qos, got.dup), (true, options & 3, false));
    }
}

/// An empty topic name without an alias.
fn u5_31(start: Start<'_>) {
    for qos in 0..3 {
        breach(start, publish("", "x").qos(qos), &[0x82]);
    }
}

/// A once-only PUBLISH property twice.
fn u5_32(start: Start<'_>) {
    let once: [&[u8]; 6] =
        [&[0x23, 0, 1], &[0x08, 0, 1, b'a'], &[0x09, 0, 1, b'a'], &[0x03, 0, 1, b'a'], &[0x01, 1], &[0x02, 0, 0, 0, 1]];
    for property in once {
        let twice = properties(join([property, property]));
        breach(start, frame(0x30, join([&string("t"), &twice, b"x"])), &[0x82]);
    }
}

/// A payload that is not what its Payload Format Indicator says: refused by 0x99, or forwarded as it is.
fn u5_33(start: Start<'_>) {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, "t");
    let message = publish("t", [0xC0, 0x80]).qos(1).property(Property::PayloadFormatIndicator(1));
    w.send(publisher, message.clone());
    let Packet::PubAck(ack) = w.recv(publisher) else { panic!("no PUBACK") };
    if ack.code == 0 {
        assert_eq!(w.take(subscriber, "t", [0xC0, 0x80]).properties, message.properties);
    } else {
        assert_eq!(ack.code, 0x99);
    }
    w.expect_nothing(subscriber);
}

/// Topic Alias 0, or above the maximum.
fn u5_34(start: Start<'_>) {
    for alias in [0, 33, 0x0101, u16::MAX] {
        for topic in ["t", ""] {
            breach(start, publish(topic, "x").property(Property::TopicAlias(alias)), &[0x94]);
        }
    }
}

/// An alias that stands for nothing.
fn u5_35(start: Start<'_>) {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, "#");
    w.published(publisher, publish("t", "x").qos(1).property(Property::TopicAlias(2)));
    w.take(subscriber, "t", "x");
    for alias in [1, 3, 32] {
        breach(start, publish("", "x").property(Property::TopicAlias(alias)), &[0x82]);
    }
    w.send(publisher, publish("", "x").qos(1).property(Property::TopicAlias(1)));
    disconnected(&mut *w, publisher, &[0x82]);
    w.expect_nothing(subscriber);
}

/// A topic with an alias that stands for another one gets it.
fn u5_36(start: Start<'_>) {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, "#");
    for (topic, alias, means) in [
        ("a", 1, "a"),
        ("b", 2, "b"),
        ("", 1, "a"),
        ("c", 1, "c"),
        ("", 1, "c"),
        ("", 2, "b"),
        ("a", 2, "a"),
        ("", 2, "a"),
    ] {
        w.published(publisher, publish(topic, "x").qos(1).property(Property::TopicAlias(alias)));
        w.take(subscriber, means, "x");
    }
}

/// More open messages than the Receive Maximum: what was taken before stays taken.
fn u5_37(start: Start<'_>) {
    let mut w = start(config(|mqtt| mqtt.receive_maximum = 2));
    let (subscriber, publisher) = pair(&mut *w, "t");
    for id in 1..=2 {
        w.send(publisher, publish("t", [id as u8]).qos(2).id(id));
        w.expect(publisher, pubrec(id));
    }
    w.send(publisher, publish("t", [3]).qos(2).id(3));
    disconnected(&mut *w, publisher, &[0x93]);
    w.take(subscriber, "t", [1]);
    w.take(subscriber, "t", [2]);
    w.expect_nothing(subscriber);
}

/// Acknowledgements of 2 and of 3 bytes.
fn u5_39(start: Start<'_>) {
    for tail in [&[][..], &[0], &[0, 0]] {
        let ack = |first: u8, id: u16| frame(first, join([&id.to_be_bytes(), tail]));
        let mut w = start(Config::default());
        let client = w.connect(v5("client").receive_maximum(1));
        w.subscribed(client, [("t", 2)]);
        let publisher = w.connect(v5("publisher"));
        for qos in [1, 2, 1] {
            w.published(publisher, publish("t", "x").qos(qos));
        }
        let got = w.recv_publish(client);
        w.send(client, ack(0x40, id_of(&got)));
        let got = w.recv_publish(client);
        w.send(client, ack(0x50, id_of(&got)));
        w.expect(client, pubrel(id_of(&got)));
        w.send(client, ack(0x70, id_of(&got)));
        w.take(client, "t", "x");
        w.send(client, publish("u", "x").qos(2).id(9));
        w.expect_acknowledged(client, pubrec(9));
        w.send(client, ack(0x62, 9));
        w.expect(client, pubcomp(9));
    }
}

/// PUBREC for what the broker does not know: PUBREL 0x92.
fn u5_40(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    for id in [1, 0x1234, 0xFFFF] {
        w.send(client, pubrec(id));
        w.expect(client, pubrel(id).with_code(0x92));
    }
    w.expect_nothing(client);
}

/// PUBREL for what the broker does not know: PUBCOMP 0x92, or 0x00.
fn u5_41(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    for id in [1, 0x1234, 0xFFFF] {
        w.send(client, pubrel(id));
        let answer = w.recv(client);
        assert!([pubcomp(id), pubcomp(id).with_code(0x92)].contains(&answer), "{answer:?}");
    }
}

/// An identifier that is in use by a QoS 2 message: the other packet is answered, by 0x91 or not, and the message goes on.
fn u5_42(start: Start<'_>) {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, "t");
    w.send(publisher, publish("t", "two").qos(2).id(5));
    w.expect(publisher, pubrec(5));
    w.send(publisher, publish("t", "one").qos(1).id(5));
    let answer = w.recv(publisher);
    assert!([puback(5), puback(5).with_code(0x91)].contains(&answer), "{answer:?}");
    w.send(publisher, subscribe(5, [("u", 1)]));
    let Packet::SubAck(suback) = w.recv(publisher) else { panic!("no SUBACK") };
    assert!(suback.id == 5 && [1, 0x91].contains(&suback.codes[0]), "{suback:?}");
    w.send(publisher, unsubscribe(5, ["u"]));
    let Packet::UnsubAck(unsuback) = w.recv(publisher) else { panic!("no UNSUBACK") };
    assert!(unsuback.id == 5 && [0, 0x91].contains(&unsuback.codes[0]), "{unsuback:?}");
    w.send(publisher, pubrel(5));
    w.expect(publisher, pubcomp(5));
    w.take(subscriber, "t", "two");
    if answer == puback(5) {
        w.take(subscriber, "t", "one");
    }
    w.expect_nothing(subscriber);
}

/// Subscription Identifier 0, or two of them.
fn u5_43(start: Start<'_>) {
    breach(start, subscribe(1, [("t", 0)]).identifier(0), &[0x82]);
    breach(start, subscribe(1, [("t", 0)]).identifier(1).identifier(2), &[0x82]);
    breach(start, subscribe(1, [("t", 0)]).identifier(1).identifier(1), &[0x82]);
}

/// SUBSCRIBE without payload.
fn u5_44(start: Start<'_>) {
    breach(start, frame(0x82, [0, 1, 0]), &[0x82]);
}

/// Maximum QoS 3 in the options.
fn u5_45(start: Start<'_>) {
    for options in [0x03, 0x07, 0x0B, 0x13, 0x23] {
        breach(start, subscribe(1, [("t", options)]), &[0x82]);
    }
}

/// Retain Handling 3.
fn u5_46(start: Start<'_>) {
    for options in [0x30, 0x31, 0x32, 0x3C] {
        breach(start, subscribe(1, [("t", options)]), &[0x82]);
    }
}

/// A new Subscription Identifier: never again the old one after it.
fn u5_48(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client").receive_maximum(2));
    w.send(client, subscribe(1, [("t", 1)]).identifier(1));
    w.expect(client, suback(1, [1]));
    let publisher = w.connect(v5("publisher"));
    for n in 0..10 {
        w.published(publisher, publish("t", [n]).qos(1));
    }
    w.send(client, subscribe(2, [("t", 1)]).identifier(2));
    w.expect_among(client, &suback(2, [1]).into());
    for n in 10..20 {
        w.published(publisher, publish("t", [n]).qos(1));
    }
    let seen: Vec<u32> = (0..20).flat_map(|n| identifiers(&w.take(client, "t", [n]))).collect();
    assert_eq!(seen.len(), 20);
    assert!(seen.is_sorted(), "{seen:?}");
    assert_eq!(seen.last(), Some(&2));
}

/// UNSUBSCRIBE without payload.
fn u5_49(start: Start<'_>) {
    breach(start, frame(0xA2, [0, 1, 0]), &[0x82]);
}

/// PINGREQ with a body.
fn u5_50(start: Start<'_>) {
    breach(start, [0xC0, 1, 0], &[0x81]);
    breach(start, [0xC0, 2, 0, 0], &[0x81]);
}

in_each_world! {
    u5_22
    u5_23
    u5_24
    u5_25
    u5_26
    u5_27
    u5_28
    u5_30
    u5_31
    u5_32
    u5_33
    u5_34
    u5_35
    u5_36
    u5_37
    u5_39
    u5_40
    u5_41
    u5_42
    u5_43
    u5_44
    u5_45
    u5_46
    u5_48
    u5_49
    u5_50
}

in_memory! {
    u5_29
}
