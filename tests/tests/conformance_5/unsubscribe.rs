//! UNSUBSCRIBE and UNSUBACK (3.10, 3.11).

use crate::support::*;

/// UNSUBSCRIBE with other flags than 0010 is malformed.
fn mqtt_5_3_10_1_1(start: Start<'_>) {
    for flags in (0..16).filter(|flags| *flags != 2) {
        breach(start, frame(0xA0 | flags, [0, 1, 0, 0, 1, b't']), &[0x81]);
    }
}

/// Filters are strings, all of them: one that is not refuses the packet, and nothing of it is done.
fn mqtt_5_3_10_3_1(start: Start<'_>) {
    for bad in NOT_UTF8.into_iter().chain([&b"a\0"[..]]) {
        let mut w = start(Config::default());
        let client = w.connect(lasting("client"));
        w.subscribed(client, [("good", 1)]);
        w.send(client, frame(0xA2, join([&[0, 1, 0], &string("good"), &string(bad)])));
        disconnected(&mut *w, client, &[0x81]);
        let client = w.reconnect(lasting("client"), true);
        let publisher = w.connect(v5("publisher"));
        w.published(publisher, publish("good", "x").qos(1));
        w.take(client, "good", "x");
    }
}

/// An UNSUBSCRIBE without a filter is a Protocol Error.
fn mqtt_5_3_10_3_2(start: Start<'_>) {
    breach(start, frame(0xA2, [0, 1, 0]), &[0x82]);
    breach(start, frame(0xA2, join([&[0, 1], &properties(join([&[0x26], &string("a"), &string("b")]))])), &[0x82]);
}

/// The filter is compared character by character: what it matches as a pattern is not ended.
fn mqtt_5_3_10_4_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    let filters = ["a/b", "a/+", "a/#", "A/b", "a/b/", "/a/b"];
    for filter in filters {
        w.subscribed(client, [(filter, 1)]);
    }
    let publisher = w.connect(v5("publisher"));
    w.send(client, unsubscribe(1, ["#", "+/+", "a/b/#", "a", "$share/g/a/b"]));
    w.expect(client, unsuback(1, [0x11; 5]));
    w.send(client, unsubscribe(2, ["a/+", "a/#"]));
    w.expect(client, unsuback(2, [0, 0]));
    for (topic, left) in [("a/b", true), ("a/c", false), ("A/b", true), ("a/b/", true), ("/a/b", true), ("a", false)] {
        w.published(publisher, publish(topic, topic).qos(1));
        if left {
            w.take(client, topic, topic);
        }
        w.expect_nothing(client);
    }
}

/// Only the client's own subscription ends.
fn mqtt_5_3_10_4_1_of_one_client(start: Start<'_>) {
    let mut w = start(Config::default());
    let (other, publisher) = pair(&mut *w, "t");
    let client = w.connect(v5("client"));
    w.subscribed(client, [("t", 1)]);
    w.send(client, unsubscribe(1, ["t"]));
    w.expect(client, unsuback(1, [0]));
    w.published(publisher, publish("t", "x").qos(1));
    w.take(other, "t", "x");
    w.expect_nothing(client);
}

/// From then on nothing is added for the filter, connected or not.
fn mqtt_5_3_10_4_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(lasting("client"));
    let publisher = w.connect(v5("publisher"));
    w.subscribed(client, [("t", 2), ("u", 2)]);
    w.send(client, unsubscribe(1, ["t"]));
    w.expect(client, unsuback(1, [0]));
    for qos in 0..3 {
        w.published(publisher, publish("t", "x").qos(qos));
    }
    w.expect_nothing(client);
    leave(&mut *w, client);
    for qos in 1..3 {
        w.published(publisher, publish("t", "x").qos(qos));
    }
    let client = w.reconnect(lasting("client"), true);
    w.expect_nothing(client);
    w.published(publisher, publish("u", "x").qos(1));
    w.take(client, "u", "x");
}

/// What had begun is finished, over a reconnect too.
fn mqtt_5_3_10_4_3(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(lasting("client"));
    w.subscribed(client, [("t", 2)]);
    let publisher = w.connect(v5("publisher"));
    for qos in [1, 2, 2] {
        w.published(publisher, publish("t", "x").qos(qos));
    }
    let begun = [(); 3].map(|()| w.recv_publish(client));
    w.send(client, pubrec(id_of(&begun[2])));
    w.expect(client, pubrel(id_of(&begun[2])));
    w.send(client, unsubscribe(1, ["t"]));
    w.expect(client, unsuback(1, [0]));
    w.reset(client);
    let client = w.reconnect(lasting("client"), true);
    let [one, two, _] = &begun;
    w.expect(client, pubrel(id_of(&begun[2])));
    w.expect(client, Publish { dup: true, ..one.clone() });
    w.expect(client, Publish { dup: true, ..two.clone() });
    w.send(client, puback(id_of(one)));
    w.send(client, pubrec(id_of(two)));
    w.expect(client, pubrel(id_of(two)));
    w.send(client, pubcomp(id_of(two)));
    w.send(client, pubcomp(id_of(&begun[2])));
    w.expect_nothing(client);
}

/// An UNSUBSCRIBE has its UNSUBACK, one.
fn mqtt_5_3_10_4_4(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    w.subscribed(client, [("t", 0)]);
    for filter in ["t", "t", "#", "a/#/b", "", "$share/g/t", "$share/g"] {
        w.send(client, unsubscribe(9, [filter]));
        let Packet::UnsubAck(unsuback) = w.recv(client) else { panic!("no UNSUBACK for {filter}") };
        assert_eq!((unsuback.id, unsuback.codes.len()), (9, 1), "{filter}");
    }
    w.expect_nothing(client);
}

/// With the identifier of its request, also when there was nothing to end.
fn mqtt_5_3_10_4_5(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    for id in [1, 0x00FF, 0xFF00, 0xFFFF] {
        w.send(client, unsubscribe(id, ["nothing"]));
    }
    for id in [1, 0x00FF, 0xFF00, 0xFFFF] {
        w.expect(client, unsuback(id, [0x11]));
    }
}

/// Several filters are as good as several packets: the second of two equal ones finds nothing.
fn mqtt_5_3_10_4_6(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    w.subscribed(client, [("a", 1), ("b", 1), ("c", 1)]);
    w.send(client, unsubscribe(1, ["a", "a", "c"]));
    w.expect(client, unsuback(1, [0, 0x11, 0]));
    let publisher = w.connect(v5("publisher"));
    for topic in ["a", "b", "c"] {
        w.published(publisher, publish(topic, topic).qos(1));
    }
    w.take(client, "b", "b");
    w.expect_nothing(client);
}

/// UNSUBACK for all kinds of filters to a client that takes 16 bytes.
fn small_unsubacks(start: Start<'_>) -> Vec<UnsubAck> {
    let mut w = start(Config::default());
    let client = w.connect(v5("client").property(Property::MaximumPacketSize(16)));
    w.subscribed(client, [("t", 0)]);
    ["t", "t", "a/#/b", "$share/g"]
        .into_iter()
        .map(|filter| {
            w.send(client, unsubscribe(1, [filter]));
            let Packet::UnsubAck(unsuback) = w.recv(client) else { panic!("no UNSUBACK for {filter}") };
            assert!(unsuback.to_wire(Version::V5).len() <= 16, "{unsuback:?}");
            unsuback
        })
        .collect()
}

/// A Reason String that does not fit is left out of UNSUBACK.
fn mqtt_5_3_11_2_1(start: Start<'_>) {
    for unsuback in small_unsubacks(start) {
        assert!(!unsuback.properties.iter().any(|property| matches!(property, Property::ReasonString(_))));
    }
}

/// And User Properties.
fn mqtt_5_3_11_2_2(start: Start<'_>) {
    for unsuback in small_unsubacks(start) {
        assert_eq!(user_properties(&unsuback.properties), []);
    }
}

/// Codes in the order of the filters.
fn mqtt_5_3_11_3_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    w.subscribed(client, [("a", 1), ("b", 1), ("$share/g/c", 1)]);
    w.send(client, unsubscribe(1, ["x", "b", "a/#/b", "$share/g/c", "c", "a"]));
    w.expect(client, unsuback(1, [0x11, 0, 0x8F, 0, 0x11, 0]));
}

/// A code of Table 3-9 for each filter.
fn mqtt_5_3_11_3_2(start: Start<'_>) {
    let codes: Vec<u8> = small_unsubacks(start).into_iter().flat_map(|unsuback| unsuback.codes).collect();
    assert_eq!(codes.len(), 4);
    assert!(codes.iter().all(|code| [0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91].contains(code)), "{codes:02X?}");
    assert_eq!(codes[..2], [0x00, 0x11]);
}

in_each_world! {
    mqtt_5_3_10_1_1
    mqtt_5_3_10_3_1
    mqtt_5_3_10_3_2
    mqtt_5_3_10_4_1
    mqtt_5_3_10_4_1_of_one_client
    mqtt_5_3_10_4_2
    mqtt_5_3_10_4_3
    mqtt_5_3_10_4_4
    mqtt_5_3_10_4_5
    mqtt_5_3_10_4_6
    mqtt_5_3_11_2_1
    mqtt_5_3_11_2_2
    mqtt_5_3_11_3_1
    mqtt_5_3_11_3_2
}
