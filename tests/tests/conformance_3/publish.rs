//! PUBLISH: DUP, QoS, topic name, answers, overlapping subscriptions (MQTT 3.1.1, 3.3 but 3.3.1.3; 3.6.1).

use weirmq_core::Config;
use weirmq_tests::wire::*;
use weirmq_tests::{Start, Talk};

use crate::common::*;

crate::cases! {
    mqtt_3_3_3_1_1 mqtt_3_3_3_1_2 mqtt_3_3_3_1_2_to_the_broker mqtt_3_3_3_1_3 mqtt_3_3_3_1_4
    mqtt_3_3_3_2_1 mqtt_3_3_3_2_1_to_the_broker mqtt_3_3_3_2_2 mqtt_3_3_3_2_3
    mqtt_3_3_3_4_1 mqtt_3_3_3_4_1_nothing_at_qos_0 mqtt_3_3_3_5_1 mqtt_3_3_3_5_1_after_one_is_gone
    mqtt_3_3_3_5_2 mqtt_3_3_6_1_1
}

/// What is sent again has DUP 1 and is otherwise the same, however often.
fn mqtt_3_3_3_1_1(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        let session = connect("client").version(version).clean(false);
        let client = w.connect(session.clone());
        w.subscribed(client, [("t", 2)]);
        for qos in [1, 2] {
            publishes(&mut *w, publish("t", [qos; 200]).qos(qos));
        }
        let first = [w.recv_publish(client), w.recv_publish(client)];
        assert!(first.iter().all(|publish| !publish.dup));
        let mut client = client;
        for _ in 0..3 {
            w.reset(client);
            client = w.connect(session.clone());
            for publish in &first {
                w.expect(client, Publish { dup: true, ..publish.clone() });
            }
            w.expect_nothing(client);
        }
        let client = w.connect(connect("client"));
        leave(&mut *w, client);
    }
}

/// What is sent at QoS 0 has DUP 0, whatever DUP and QoS it came with.
fn mqtt_3_3_3_1_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let low = subscriber(&mut *w, "low", [("t", 0)]);
    for qos in [1, 2] {
        publishes(&mut *w, publish("t", "x").qos(qos).dup());
        expect_bytes(&mut *w, low, b"\x30\x04\x00\x01tx");
    }
}

/// A PUBLISH with QoS 0 and DUP 1 is refused: it closes the connection and goes to nobody.
fn mqtt_3_3_3_1_2_to_the_broker(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("t", 0)]);
    closes(&mut *w, publish("t", "x").dup());
    closes(&mut *w, publish("t", "x").dup().retain());
    w.expect_nothing(witness);
}

/// DUP on the way out does not depend on DUP on the way in.
fn mqtt_3_3_3_1_3(start: Start<'_>) {
    let mut w = start(Config::default());
    away(&mut *w, "away", [("t", 2)]);
    let here = subscriber(&mut *w, "here", [("t", 2)]);
    for qos in [1, 2] {
        publishes(&mut *w, publish("t", "x").qos(qos).dup().retain());
        let got = w.take(here, "t", "x");
        assert_eq!((got.qos, got.dup), (qos, false));
        let late = subscriber(&mut *w, "late", [("t", 2)]);
        assert!(!w.take(late, "t", "x").dup);
    }
    let back = w.reconnect(connect("away").clean(false), true);
    for _ in 0..2 {
        assert!(!w.take(back, "t", "x").dup);
    }
}

/// QoS 3 closes the connection, with DUP and RETAIN or without, and goes to nobody.
fn mqtt_3_3_3_1_4(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("t", 2)]);
    for first in [0x36, 0x37, 0x3E, 0x3F] {
        for version in OLD {
            closes_of(&mut *w, version, raw::frame(first, b"\x00\x01t\x00\x01x"));
        }
    }
    w.expect_nothing(witness);
    let late = subscriber(&mut *w, "late", [("t", 2)]);
    w.expect_nothing(late);
}

/// The topic name comes first and is as it was published, byte for byte.
fn mqtt_3_3_3_2_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = subscriber(&mut *w, "client", [("#", 0)]);
    for topic in ["t", "/", "//", "a b", "\u{E9}/\u{2A6D4}", "UPPER/lower", " ", "a/"] {
        publishes(&mut *w, publish(topic, "x").qos(1));
        let bytes = raw::frame(0x30, raw::join([&raw::string(topic), b"x"]));
        expect_bytes(&mut *w, client, &bytes);
    }
}

/// A PUBLISH in which the topic is cut, missing or no UTF-8 closes the connection.
fn mqtt_3_3_3_2_1_to_the_broker(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("#", 0)]);
    for body in [&b""[..], b"\x00", b"\x00\x02t", b"\xFF\xFFt"] {
        closes(&mut *w, raw::frame(0x30, body));
        closes(&mut *w, raw::frame(0x31, body));
    }
    for topic in ILL_FORMED {
        closes(&mut *w, raw_publish(topic));
    }
    w.expect_nothing(witness);
}

/// A topic name with a wildcard closes the connection and goes to nobody.
fn mqtt_3_3_3_2_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("#", 0)]);
    for topic in ["#", "+", "a/#", "a/+", "+/a", "a/+/b", "a#", "a+b", "/#", "#/a"] {
        for qos in 0..=2 {
            closes(&mut *w, publish(topic, "x").qos(qos));
        }
    }
    w.expect_nothing(witness);
    let late = subscriber(&mut *w, "late", [("#", 0)]);
    w.expect_nothing(late);
}

/// What comes matches the filter that was asked for, and what matches comes.
fn mqtt_3_3_3_2_3(start: Start<'_>) {
    let mut w = start(Config::default());
    let topics = ["a", "b", "a/b", "a/c", "a/b/c", "/a", "a/"];
    let filters: [(&str, &[&str]); 8] = [
        ("a", &["a"]),
        ("a/+", &["a/b", "a/c", "a/"]),
        ("a/#", &["a", "a/b", "a/c", "a/b/c", "a/"]),
        ("+", &["a", "b"]),
        ("+/b", &["a/b"]),
        ("+/+", &["a/b", "a/c", "/a", "a/"]),
        ("a/+/c", &["a/b/c"]),
        ("/+", &["/a"]),
    ];
    let clients = filters.map(|(filter, _)| subscriber(&mut *w, filter, [(filter, 0)]));
    for topic in topics {
        publishes(&mut *w, publish(topic, topic).qos(1));
    }
    for (client, (_, matching)) in clients.into_iter().zip(filters) {
        for topic in matching {
            w.take(client, topic, topic);
        }
        w.expect_nothing(client);
    }
}

/// QoS 1 is answered by PUBACK and QoS 2 by PUBREC, whether anybody is there to get the message or not.
fn mqtt_3_3_3_4_1(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        for subscribers in 0..=1 {
            if subscribers == 1 {
                subscriber(&mut *w, "subscriber", [("t", 2)]);
            }
            let client = w.connect(connect("client").version(version));
            w.send(client, publish("t", "x").qos(1).id(3));
            expect_bytes(&mut *w, client, &[0x40, 2, 0, 3]);
            w.send(client, publish("t", "x").qos(2).id(4));
            expect_bytes(&mut *w, client, &[0x50, 2, 0, 4]);
            w.send(client, publish("t", "").qos(1).id(5).retain());
            expect_bytes(&mut *w, client, &[0x40, 2, 0, 5]);
            w.expect_nothing(client);
        }
        let last = w.connect(connect("subscriber"));
        leave(&mut *w, last);
    }
}

/// QoS 0 is not answered.
fn mqtt_3_3_3_4_1_nothing_at_qos_0(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(connect("client"));
    for retain in [false, true] {
        let publish = publish("t", "x");
        w.send(client, if retain { publish.retain() } else { publish });
        w.expect_nothing(client);
    }
}

/// With subscriptions that overlap the highest QoS counts, in whatever order they were made.
fn mqtt_3_3_3_5_1(start: Start<'_>) {
    let mut w = start(Config::default());
    for (number, order) in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]].into_iter().enumerate() {
        let filters = ["a/b", "a/+", "#"];
        let client = w.connect(connect(&format!("client{number}")));
        w.subscribed(client, [(filters[0], order[0]), (filters[1], order[1]), (filters[2], order[2])]);
        publishes(&mut *w, publish("a/b", "x").qos(2));
        let mut came = Vec::new();
        w.send(client, ping());
        loop {
            match w.recv(client) {
                Packet::Publish(publish) => came.push(publish.qos),
                Packet::PingResp => break,
                other => panic!("{other:?}"),
            }
        }
        // One copy, or one for each subscription at its own QoS: both are allowed, this broker sends one.
        assert_eq!(came.iter().max(), Some(&2), "{order:?}");
        assert_eq!(came, [2], "{order:?}");
        leave(&mut *w, client);
    }
}

/// The QoS is that of the subscriptions that are there when the message comes.
fn mqtt_3_3_3_5_1_after_one_is_gone(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = subscriber(&mut *w, "client", [("a", 0), ("+", 1), ("#", 2)]);
    for (gone, qos) in [("", 2), ("#", 1), ("+", 0)] {
        if !gone.is_empty() {
            w.send(client, unsubscribe(1, [gone]));
            w.expect(client, unsuback(1, []));
        }
        publishes(&mut *w, publish("a", "x").qos(2));
        assert_eq!(w.take(client, "a", "x").qos, qos);
        w.expect_nothing(client);
    }
}

/// A PUBLISH that the client may not make, here to a topic of the broker's own: acknowledged as usual, and without effect.
fn mqtt_3_3_3_5_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("$SYS/#", 2)]);
    let client = w.connect(connect("client"));
    w.send(client, publish("$SYS/x", "0").retain());
    w.send(client, publish("$SYS/x", "1").qos(1).id(5).retain());
    w.expect(client, puback(5));
    for _ in 0..2 {
        w.send(client, publish("$SYS/x", "2").qos(2).id(6));
        w.expect(client, pubrec(6));
    }
    w.send(client, pubrel(6));
    w.expect(client, pubcomp(6));
    w.published(client, publish("t", "x").qos(1));
    w.expect_nothing(witness);
    let late = subscriber(&mut *w, "late", [("$SYS/#", 2)]);
    w.expect_nothing(late);
}

/// PUBREL with other flags than 0010 closes the connection, and the exchange is not finished by it.
fn mqtt_3_3_6_1_1(start: Start<'_>) {
    let mut w = start(Config::default());
    for flags in (0..16).filter(|flags| *flags != 2) {
        let client = w.connect(connect("client").clean(false));
        w.send(client, publish("t", "x").qos(2).id(3));
        w.expect(client, pubrec(3));
        w.send(client, [0x60 | flags, 2, 0, 3]);
        w.expect_closed(client);
        let client = w.reconnect(connect("client").clean(false), true);
        w.send(client, [0x62, 2, 0, 3]);
        expect_bytes(&mut *w, client, &[0x70, 2, 0, 3]);
        leave(&mut *w, client);
    }
}
