//! Data representation and the parts that packets share (1.5, 2.1, 2.2).

use crate::support::*;

const EDGES: [&str; 5] = ["\u{FEFF}x", "\u{2A6D4}", "\u{D7FF}", "\u{E000}", "a\u{FEFF}"];

/// Strings that are no UTF-8 are refused wherever a topic or filter stands.
fn mqtt_5_1_5_4_1_in_topics(start: Start<'_>) {
    for bad in NOT_UTF8 {
        breach(start, frame(0x30, join([&string(bad), &[0], b"x"])), &[0x81]);
        breach(start, frame(0x82, join([&[0, 1, 0], &string(bad), &[0]])), &[0x81]);
        breach(start, frame(0xA2, join([&[0, 1, 0], &string(bad)])), &[0x81]);
    }
}

/// Strings that are no UTF-8 are refused in CONNECT and in the strings of properties.
fn mqtt_5_1_5_4_1_in_connect_and_properties(start: Start<'_>) {
    for bad in NOT_UTF8 {
        let text = string(bad);
        let mut w = start(Config::default());
        refused(&mut *w, raw_connect(0x02, &[], &text), &[0x81]);
        refused(&mut *w, raw_connect(0x82, &[], &join([&string("rogue"), &text])), &[0x81]);
        refused(&mut *w, raw_connect(0x06, &[], &join([&string("r"), &[0], &text, &string("x")])), &[0x81]);
        for property in [0x03, 0x08] {
            let list = join([&[property], &text]);
            breach(start, frame(0x30, join([&string("t"), &properties(list), b"x"])), &[0x81]);
        }
    }
}

/// What is well-formed is taken, to the edges of the surrogates and beyond the basic plane, and arrives unchanged.
fn mqtt_5_1_5_4_1_takes_what_is_well_formed(start: Start<'_>) {
    for text in EDGES {
        forwarded(start, publish(text, "x").qos(1));
    }
}

/// U+0000 is refused in every kind of string.
fn mqtt_5_1_5_4_2(start: Start<'_>) {
    breach(start, frame(0x30, join([&string("a\0b"), &[0], b"x"])), &[0x81]);
    breach(start, frame(0x82, join([&[0, 1, 0], &string("\0"), &[0]])), &[0x81]);
    breach(start, frame(0xA2, join([&[0, 1, 0], &string("a\0")])), &[0x81]);
    let content_type = join([&[0x03], &string("text\0")]);
    breach(start, frame(0x30, join([&string("t"), &properties(content_type), b"x"])), &[0x81]);
    let mut w = start(Config::default());
    refused(&mut *w, raw_connect(0x02, &[], &string("ro\0gue")), &[0x81]);
    refused(&mut *w, raw_connect(0x82, &[], &join([&string("rogue"), &string("\0")])), &[0x81]);
}

/// Bytes that are no string may be 0: payload and Correlation Data.
fn mqtt_5_1_5_4_2_leaves_binary_data_alone(start: Start<'_>) {
    let data = Property::CorrelationData(vec![0, 0xFF, 0]);
    let got = forwarded(start, publish("t", [0, 0xC0, 0x80]).qos(1).property(data.clone()));
    assert_eq!(got.properties, [data]);
}

/// EF BB BF stays where it is and counts in a comparison.
fn mqtt_5_1_5_4_3(start: Start<'_>) {
    let mut w = start(Config::default());
    let (with, publisher) = pair(&mut *w, "\u{FEFF}t");
    let without = w.connect(v5("without"));
    w.subscribed(without, [("t", 2)]);
    let property = Property::user("\u{FEFF}name", "\u{FEFF}");
    w.published(publisher, publish("\u{FEFF}t", "1").qos(1).property(property.clone()));
    assert_eq!(w.take(with, "\u{FEFF}t", "1").properties, [property]);
    w.published(publisher, publish("t", "2").qos(1));
    w.take(without, "t", "2");
    w.expect_nothing(with);
    w.expect_nothing(without);
}

/// The broker writes each length in the fewest bytes: the decoder of the tests takes no others, at both sides of the
/// steps from one to two, three and four bytes.
fn mqtt_5_1_5_5_1_written(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.packet_bytes_max = 4 << 20;
    let mut w = start(config);
    let (subscriber, publisher) = pair(&mut *w, "t");
    for step in [128_usize, 16_384, 2_097_152] {
        for remaining in step - 2..step + 2 {
            let payload = vec![b'x'; remaining - 6];
            w.published(publisher, publish("t", &payload).qos(1));
            let got = w.take(subscriber, "t", &payload);
            assert_eq!(got.properties, []);
        }
    }
}

/// Property Length and Subscription Identifier at the same steps.
fn mqtt_5_1_5_5_1_written_in_properties(start: Start<'_>) {
    for size in [126_usize, 127, 128, 129, 16_383, 16_384] {
        let property = Property::user("", &"x".repeat(size - 5));
        assert_eq!(forwarded(start, publish("t", "x").qos(1).property(property.clone())).properties, [property]);
    }
    let mut w = start(Config::default());
    let subscriber = w.connect(v5("subscriber"));
    let publisher = w.connect(v5("publisher"));
    for identifier in [1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455] {
        w.send(subscriber, subscribe(1, [("t", 1)]).identifier(identifier));
        w.expect(subscriber, suback(1, [1]));
        w.published(publisher, publish("t", "x").qos(1));
        assert_eq!(identifiers(&w.take(subscriber, "t", "x")), [identifier]);
    }
}

/// Longer forms than need be are refused: Remaining Length, Property Length, Subscription Identifier, also in CONNECT.
fn mqtt_5_1_5_5_1_read(start: Start<'_>) {
    breach(start, [0xC0, 0x80, 0x00], &[0x81]);
    breach(start, [0x30, 0x85, 0x00, 0, 1, b't', 0, b'x'], &[0x81]);
    breach(start, frame(0x30, [0, 1, b't', 0x80, 0x00, b'x']), &[0x81]);
    breach(start, frame(0x82, [0, 1, 3, 0x0B, 0x81, 0x00, 0, 1, b't', 0]), &[0x81]);
    let mut w = start(Config::default());
    let body = join([&string("MQTT"), &[5, 2, 0, 0, 0], &string("rogue")]);
    let client = open(&mut *w);
    w.send(client, join([&[0x10, body.len() as u8 | 0x80, 0x00], &body]));
    refused_at(&mut *w, client, &[0x81]);
    let list = join([&string("MQTT"), &[5, 2, 0, 0, 0x80, 0x00], &string("rogue")]);
    refused(&mut *w, frame(0x10, list), &[0x81]);
}

/// Both halves of a string pair are strings.
fn mqtt_5_1_5_7_1(start: Start<'_>) {
    let with = |name: &[u8], value: &[u8]| {
        let list = join([&[0x26], &string(name), &string(value)]);
        frame(0x30, join([&string("t"), &properties(list), b"x"]))
    };
    for bad in NOT_UTF8.into_iter().chain([&b"\0"[..]]) {
        breach(start, with(bad, b"value"), &[0x81]);
        breach(start, with(b"name", bad), &[0x81]);
    }
    let mut w = start(Config::default());
    let list = join([&[0x26], &string([0xC0, 0x80]), &string("value")]);
    refused(&mut *w, raw_connect(0x02, &list, &string("rogue")), &[0x81]);
    let pair = Property::user("\u{2A6D4}", "");
    assert_eq!(forwarded(start, publish("t", "x").qos(1).property(pair.clone())).properties, [pair]);
}

/// Wrong reserved flags in every packet type that a connected client may send.
fn mqtt_5_2_1_3_1(start: Start<'_>) {
    let packets = [
        puback(1).to_wire(Version::V5),
        pubrec(1).to_wire(Version::V5),
        pubrel(1).to_wire(Version::V5),
        pubcomp(1).to_wire(Version::V5),
        subscribe(1, [("t", 0)]).to_wire(Version::V5),
        unsubscribe(1, ["t"]).to_wire(Version::V5),
        ping().to_wire(Version::V5),
        disconnect().to_wire(Version::V5),
    ];
    for mut bytes in packets {
        let right = bytes[0] & 0x0F;
        for flags in (0..16).filter(|flags| *flags != right) {
            bytes[0] = bytes[0] & 0xF0 | flags;
            breach(start, bytes.clone(), &[0x81]);
        }
    }
}

/// Wrong reserved flags in CONNECT end the connection.
fn mqtt_5_2_1_3_1_in_connect(start: Start<'_>) {
    let mut w = start(Config::default());
    for flags in 1..16 {
        let mut bytes = v5("rogue").to_wire(Version::V5);
        bytes[0] |= flags;
        let client = open(&mut *w);
        w.send(client, bytes);
        w.expect_closed(client);
    }
}

/// At QoS 0 the payload begins right behind the properties, on the way in and on the way out.
fn mqtt_5_2_2_1_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let subscriber = w.connect(v5("subscriber"));
    w.subscribed(subscriber, [("t", 0)]);
    let publisher = w.connect(v5("publisher"));
    w.send(publisher, frame(0x30, [0, 1, b't', 0, 0xAB, 0xCD]));
    w.published(publisher, publish("t", "at 1").qos(1));
    for payload in [&[0xAB, 0xCD][..], b"at 1"] {
        let got = w.recv_publish(subscriber);
        assert_eq!((got.qos, got.id, &got.payload[..]), (0, None, payload));
    }
}

/// Packet Identifier 0 is none.
fn mqtt_5_2_2_1_3(start: Start<'_>) {
    breach(start, frame(0x32, join([&string("t"), &[0, 0, 0], b"x"])), MALFORMED_OR_PROTOCOL);
    breach(start, frame(0x34, join([&string("t"), &[0, 0, 0], b"x"])), MALFORMED_OR_PROTOCOL);
    breach(start, subscribe(0, [("t", 0)]), MALFORMED_OR_PROTOCOL);
    breach(start, unsubscribe(0, ["t"]), MALFORMED_OR_PROTOCOL);
}

/// The broker's identifiers are never 0 and never in use, all the way round, with a hundred messages always open.
fn mqtt_5_2_2_1_4(start: Start<'_>) {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, "t");
    let mut open = std::collections::VecDeque::new();
    for n in 0..66_000_u32 {
        w.published(publisher, publish("t", n.to_be_bytes()).qos(1));
        let id = id_of(&w.recv_publish(subscriber));
        assert!(id != 0 && !open.contains(&id), "{id} is given again");
        open.push_back(id);
        if open.len() == 100 {
            w.send(subscriber, puback(open.pop_front().expect("there are 100")));
        }
    }
}

/// Open at the same time, all different.
fn mqtt_5_2_2_1_4_at_once(start: Start<'_>) {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, "t");
    let mut ids = Vec::new();
    for n in 0..100_u8 {
        w.published(publisher, publish("t", [n]).qos(1 + n % 2));
        ids.push(id_of(&w.recv_publish(subscriber)));
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 100);
    assert!(!ids.contains(&0));
}

/// Acknowledgements name the identifier of what they acknowledge.
fn mqtt_5_2_2_1_5(start: Start<'_>) {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, "t");
    for id in [1, 0x00FF, 0xABCD, 0xFFFF] {
        w.send(publisher, publish("t", "1").qos(1).id(id));
        w.expect(publisher, puback(id));
        w.send(publisher, publish("t", "2").qos(2).id(id));
        w.expect(publisher, pubrec(id));
        w.send(publisher, pubrel(id));
        w.expect(publisher, pubcomp(id));
        w.take(subscriber, "t", "1");
        let got = w.recv_publish(subscriber);
        w.send(subscriber, pubrec(id_of(&got)));
        w.expect(subscriber, pubrel(id_of(&got)));
        w.send(subscriber, pubcomp(id_of(&got)));
    }
}

/// SUBACK and UNSUBACK name the identifier of their request.
fn mqtt_5_2_2_1_6(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    for id in [1, 0x0100, 0xFFFF, 2] {
        w.send(client, subscribe(id, [("t", 0)]));
        w.expect(client, suback(id, [0]));
        w.send(client, unsubscribe(id, ["t"]));
        w.expect(client, unsuback(id, [0]));
    }
}

/// Without properties there is a Property Length of 0, and nothing is added to a message on its way.
fn mqtt_5_2_2_2_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    w.send(client, frame(0x82, [0, 7, 0, 0, 1, b't', 1]));
    w.expect(client, suback(7, [1]));
    w.send(client, frame(0xA2, [0, 8, 0, 0, 1, b'u']));
    w.expect(client, unsuback(8, [0x11]));
    assert_eq!(forwarded(start, publish("t", "x").qos(1)).properties, []);
}

/// A packet that needs a Property Length and has none is malformed.
fn mqtt_5_2_2_2_1_missing(start: Start<'_>) {
    breach(start, frame(0x30, string("t")), &[0x81]);
    breach(start, frame(0x82, [0, 1]), &[0x81]);
    breach(start, frame(0xA2, [0, 1]), &[0x81]);
    let mut w = start(Config::default());
    refused(&mut *w, frame(0x10, join([&string("MQTT"), &[5, 2, 0, 0]])), &[0x81]);
}

in_each_world! {
    mqtt_5_1_5_4_1_in_topics
    mqtt_5_1_5_4_1_in_connect_and_properties
    mqtt_5_1_5_4_1_takes_what_is_well_formed
    mqtt_5_1_5_4_2
    mqtt_5_1_5_4_2_leaves_binary_data_alone
    mqtt_5_1_5_4_3
    mqtt_5_1_5_5_1_written
    mqtt_5_1_5_5_1_written_in_properties
    mqtt_5_1_5_5_1_read
    mqtt_5_1_5_7_1
    mqtt_5_2_1_3_1
    mqtt_5_2_1_3_1_in_connect
    mqtt_5_2_2_1_2
    mqtt_5_2_2_1_3
    mqtt_5_2_2_1_4
    mqtt_5_2_2_1_4_at_once
    mqtt_5_2_2_1_5
    mqtt_5_2_2_1_6
    mqtt_5_2_2_2_1
    mqtt_5_2_2_2_1_missing
}
