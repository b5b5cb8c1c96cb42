//! What a SUBSCRIBE leads to, and SUBACK (3.8.4, 3.9).

use crate::support::*;

/// A SUBSCRIBE has its SUBACK, whatever it asks for.
fn mqtt_5_3_8_4_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    for filter in ["t", "t", "#", "a/#/b", "$share/g/t", "$share/g", "$SYS/#", ""] {
        w.send(client, subscribe(1, [(filter, 1)]));
        let Packet::SubAck(suback) = w.recv(client) else { panic!("no SUBACK for {filter}") };
        assert_eq!((suback.id, suback.codes.len()), (1, 1), "{filter}");
    }
    w.expect_nothing(client);
}

/// SUBACK has the identifier of its SUBSCRIBE, also when several are under way.
fn mqtt_5_3_8_4_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    let ids = [5, 1, 0xFFFF, 0x0100, 0x00FF];
    for (n, id) in ids.into_iter().enumerate() {
        w.send(client, subscribe(id, [(&*format!("t/{n}"), n as u8 % 3)]));
    }
    for (n, id) in ids.into_iter().enumerate() {
        w.expect(client, suback(id, [n as u8 % 3]));
    }
}

/// The same filter again replaces the subscription: one copy, by the new options; one UNSUBSCRIBE ends it.
fn mqtt_5_3_8_4_3(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    let publisher = w.connect(v5("publisher"));
    for (id, qos) in [(1, 0), (2, 2), (3, 1)] {
        w.send(client, subscribe(id, [("a/+", qos)]).identifier(u32::from(id)));
        w.expect(client, suback(id, [qos]));
        w.published(publisher, publish("a/b", "x").qos(2));
        let got = w.take(client, "a/b", "x");
        assert_eq!((got.qos, identifiers(&got)), (qos, vec![u32::from(id)]));
        w.expect_nothing(client);
    }
    w.subscribed(client, [("a/+", 1)]);
    w.published(publisher, publish("a/b", "y").qos(2));
    assert_eq!(w.take(client, "a/b", "y").properties, []);
    w.send(client, unsubscribe(4, ["a/+"]));
    w.expect(client, unsuback(4, [0]));
    w.published(publisher, publish("a/b", "z").qos(2));
    w.expect_nothing(client);
}

/// Only the very same filter is replaced, and only in the same session.
fn mqtt_5_3_8_4_3_by_the_very_filter(start: Start<'_>) {
    let mut w = start(Config::default());
    let (other, publisher) = pair(&mut *w, "a/b");
    let client = w.connect(v5("client"));
    w.send(client, subscribe(1, [("a/b", 1)]).identifier(1));
    w.expect(client, suback(1, [1]));
    w.send(client, subscribe(2, [("a/+", 1)]).identifier(2));
    w.expect(client, suback(2, [1]));
    w.published(publisher, publish("a/b", "x").qos(2));
    assert_eq!(identifiers(&w.take(client, "a/b", "x")), [1, 2]);
    assert_eq!(w.take(other, "a/b", "x").qos, 2);
}

/// A replacement brings the retained messages again (Retain Handling 0) and loses nothing that is published meanwhile.
fn mqtt_5_3_8_4_4(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t/kept", "kept").qos(1).retain());
    let client = w.connect(lasting("client"));
    w.subscribed(client, [("t/#", 1)]);
    w.take(client, "t/kept", "kept");
    for n in 0..20_u8 {
        w.send(publisher, publish("t/live", [n]).qos(1));
        w.send(client, subscribe(1 + u16::from(n), [("t/#", 1 + n % 2)]));
        w.expect_acknowledged(publisher, puback(1));
    }
    // The broker may put searches for the same filter together that are under way at the same time: what is retained
    // comes after the last of them at the latest.
    let (mut live, mut kept, mut last) = (Vec::new(), 0, 0);
    let mut kept_after_the_last = false;
    while live.len() < 20 || !kept_after_the_last {
        match w.recv(client) {
            Packet::SubAck(suback) => last = suback.id,
            Packet::Publish(publish) => {
                if publish.topic == "t/live" {
                    live.push(publish.payload[0]);
                } else {
                    assert!(publish.retain);
                    kept += 1;
                    kept_after_the_last |= last == 20;
                }
                w.send(client, if publish.qos == 1 { puback(id_of(&publish)) } else { pubrec(id_of(&publish)) });
            }
            Packet::PubRel(ack) => w.send(client, pubcomp(ack.id)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(live, (0..20).collect::<Vec<u8>>());
    assert!(kept <= 20, "one for each SUBSCRIBE at the most");
}

/// When each SUBSCRIBE waits for what the one before brought, each brings it.
fn mqtt_5_3_8_4_4_one_by_one(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t/kept", "kept").qos(1).retain());
    let client = w.connect(lasting("client"));
    for id in 1..=5 {
        w.send(client, subscribe(id, [("t/#", 1)]));
        w.expect(client, suback(id, [1]));
        w.take(client, "t/kept", "kept");
        w.expect_nothing(client);
    }
}

/// What waits for the session when its subscription is replaced is delivered.
fn mqtt_5_3_8_4_4_queued(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client").receive_maximum(1));
    w.subscribed(client, [("t", 1)]);
    let publisher = w.connect(v5("publisher"));
    for payload in ["1", "2", "3"] {
        w.published(publisher, publish("t", payload).qos(1));
    }
    let first = w.recv_publish(client);
    w.send(client, subscribe(1, [("t", 0)]));
    w.expect(client, suback(1, [0]));
    w.send(client, puback(id_of(&first)));
    w.take(client, "t", "2");
    w.take(client, "t", "3");
}

/// Several filters in one packet are as good as several packets: options each, retained messages each, one SUBACK.
fn mqtt_5_3_8_4_5(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("a", "kept").qos(2).retain());
    let client = w.connect(v5("client"));
    // The last of two equal filters holds; the third wants no retained message.
    w.send(client, subscribe(1, [("a", 0), ("a", 2), ("+", 0x21), ("b", 1)]));
    w.expect(client, suback(1, [0, 2, 1, 1]));
    for qos in [0, 2] {
        assert_eq!(w.take(client, "a", "kept").qos, qos);
    }
    w.expect_nothing(client);
    w.published(publisher, publish("b", "x").qos(2));
    assert_eq!(w.take(client, "b", "x").qos, 1);
    w.published(publisher, publish("a", "y").qos(2));
    assert_eq!(w.take(client, "a", "y").qos, 2);
    w.expect_nothing(client);
}

/// One code for each filter.
fn mqtt_5_3_8_4_6(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    for count in [1, 2, 100, 300] {
        let filters = (0..count).map(|n| Filter { filter: format!("t/{n}"), options: (n % 3) as u8 }).collect();
        w.send(client, Subscribe { id: 7, properties: Vec::new(), filters });
        let codes = (0..count).map(|n| (n % 3) as u8).collect();
        w.expect(client, SubAck { id: 7, properties: Vec::new(), codes });
    }
}

/// The QoS that was granted is the one that is delivered at; a refused filter brings nothing.
fn mqtt_5_3_8_4_7(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.wildcard_subscription_available = false;
    let mut w = start(config);
    let client = w.connect(v5("client"));
    w.send(client, subscribe(1, [("a", 0), ("b", 1), ("c", 2), ("#", 2), ("d/#/e", 1)]));
    let Packet::SubAck(suback) = w.recv(client) else { panic!("no SUBACK") };
    assert_eq!(suback.codes[..4], [0, 1, 2, 0xA2]);
    assert_eq!(suback.codes[4], 0x8F);
    let publisher = w.connect(v5("publisher"));
    for (topic, qos) in [("a", 0), ("b", 1), ("c", 2)] {
        w.published(publisher, publish(topic, "x").qos(2));
        assert_eq!(w.take(client, topic, "x").qos, qos);
    }
    w.published(publisher, publish("e", "x").qos(2));
    w.expect_nothing(client);
}

/// The lower of the two QoS, in all nine pairs.
fn mqtt_5_3_8_4_8(start: Start<'_>) {
    for granted in 0..3 {
        for qos in 0..3 {
            let mut w = start(Config::default());
            let client = w.connect(v5("client"));
            w.subscribed(client, [("t", granted)]);
            let publisher = w.connect(v5("publisher"));
            w.published(publisher, publish("t", "x").qos(qos));
            w.published(publisher, publish("t", "y").qos(2));
            assert_eq!(w.take(client, "t", "x").qos, qos.min(granted));
            assert_eq!(w.take(client, "t", "y").qos, granted);
        }
    }
}

/// Also of what is retained and of what waited.
fn mqtt_5_3_8_4_8_retained_and_queued(start: Start<'_>) {
    for granted in 1..3 {
        for qos in 1..3 {
            let mut w = start(Config::default());
            let publisher = w.connect(v5("publisher"));
            w.published(publisher, publish("t", "kept").qos(qos).retain());
            let client = w.connect(lasting("client"));
            w.subscribed(client, [("t", granted)]);
            assert_eq!(w.take(client, "t", "kept").qos, qos.min(granted));
            leave(&mut *w, client);
            w.published(publisher, publish("t", "queued").qos(qos));
            let client = w.reconnect(lasting("client"), true);
            assert_eq!(w.take(client, "t", "queued").qos, qos.min(granted));
        }
    }
}

/// Table 3-8.
const SUBACK_CODES: [u8; 12] = [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2];

/// SUBACK for good and bad filters to a client that takes 16 bytes.
fn small_subacks(start: Start<'_>) -> Vec<SubAck> {
    let mut config = Config::default();
    config.mqtt.shared_subscription_available = false;
    config.mqtt.wildcard_subscription_available = false;
    config.limits.subscriptions_max = 2;
    let mut w = start(config);
    let client = w.connect(v5("client").property(Property::MaximumPacketSize(22)));
    ["a", "b", "c", "#", "a/#/b", "$share/g/t", "$share/g"]
        .into_iter()
        .map(|filter| {
            w.send(client, subscribe(1, [(filter, 2)]));
            let Packet::SubAck(suback) = w.recv(client) else { panic!("no SUBACK for {filter}") };
            assert!(suback.to_wire(Version::V5).len() <= 22, "{suback:?}");
            suback
        })
        .collect()
}

/// A Reason String that does not fit is left out of SUBACK.
fn mqtt_5_3_9_2_1(start: Start<'_>) {
    for suback in small_subacks(start) {
        assert!(!suback.properties.iter().any(|property| matches!(property, Property::ReasonString(_))));
    }
}

/// And User Properties.
fn mqtt_5_3_9_2_2(start: Start<'_>) {
    for suback in small_subacks(start) {
        assert_eq!(user_properties(&suback.properties), []);
    }
}

/// Codes in the order of the filters.
fn mqtt_5_3_9_3_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    w.send(client, subscribe(1, [("z", 2), ("a/#/b", 0), ("a", 0), ("$share//x", 2), ("m", 1), ("b", 2)]));
    w.expect(client, suback(1, [2, 0x8F, 0, 0x8F, 1, 2]));
}

/// Only codes of Table 3-8, each where it belongs.
fn mqtt_5_3_9_3_2(start: Start<'_>) {
    let codes: Vec<u8> = small_subacks(start).into_iter().flat_map(|suback| suback.codes).collect();
    assert!(codes.iter().all(|code| SUBACK_CODES.contains(code)), "{codes:02X?}");
    assert_eq!(codes, [2, 2, 0x97, 0xA2, 0x8F, 0x9E, 0x8F], "{codes:02X?}");
}

in_each_world! {
    mqtt_5_3_8_4_1
    mqtt_5_3_8_4_2
    mqtt_5_3_8_4_3
    mqtt_5_3_8_4_3_by_the_very_filter
    mqtt_5_3_8_4_4
    mqtt_5_3_8_4_4_one_by_one
    mqtt_5_3_8_4_4_queued
    mqtt_5_3_8_4_5
    mqtt_5_3_8_4_6
    mqtt_5_3_8_4_7
    mqtt_5_3_8_4_8
    mqtt_5_3_8_4_8_retained_and_queued
    mqtt_5_3_9_2_1
    mqtt_5_3_9_2_2
    mqtt_5_3_9_3_1
    mqtt_5_3_9_3_2
}
