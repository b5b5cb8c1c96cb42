//! The flags of PUBLISH (3.3.1).

use crate::support::*;

/// What is sent again has DUP 1, what is sent first has DUP 0.
fn mqtt_5_3_3_1_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(lasting("client"));
    w.subscribed(client, [("t", 2)]);
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t", "1").qos(1));
    w.published(publisher, publish("t", "2").qos(2));
    let first = [w.recv_publish(client), w.recv_publish(client)];
    leave(&mut *w, client);
    w.published(publisher, publish("t", "3").qos(1));
    let client = w.reconnect(lasting("client"), true);
    for sent in first {
        assert!(!sent.dup);
        let again = w.recv_publish(client);
        assert_eq!(again, Publish { dup: true, ..sent });
    }
    let third = w.recv_publish(client);
    assert_eq!((&third.payload[..], third.dup), (&b"3"[..], false));
}

/// DUP at QoS 0 is malformed, and never sent.
fn mqtt_5_3_3_1_2(start: Start<'_>) {
    breach(start, frame(0x38, [0, 1, b't', 0, b'x']), &[0x81]);
    breach(start, frame(0x39, [0, 1, b't', 0, b'x']), &[0x81]);
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    w.subscribed(client, [("t", 0)]);
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t", "x").qos(1).dup());
    let got = w.recv_publish(client);
    assert_eq!((got.qos, got.dup), (0, false));
}

/// The publisher's DUP is not handed on.
fn mqtt_5_3_3_1_3(start: Start<'_>) {
    for qos in 1..3 {
        assert!(!forwarded(start, publish("t", "x").qos(qos).dup()).dup);
    }
}

/// QoS 3 is malformed.
fn mqtt_5_3_3_1_4(start: Start<'_>) {
    for first in [0x36, 0x37, 0x3E, 0x3F] {
        breach(start, frame(first, [0, 1, b't', 0, 1, 0, b'x']), &[0x81]);
    }
}

fn late(w: &mut dyn World, filter: &str) -> Client {
    let late = w.connect(v5("late"));
    w.subscribed(late, [(filter, 2)]);
    late
}

/// RETAIN 1 replaces what is retained, at any QoS, and only there.
fn mqtt_5_3_3_1_5(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("other", "kept").qos(1).retain());
    for qos in [0, 1, 2, 1, 0] {
        w.published(publisher, publish("t", [b'0' + qos]).qos(qos).retain());
        w.published(publisher, publish("u", "").qos(1));
        let late = late(&mut *w, "t");
        let got = w.take(late, "t", [b'0' + qos]);
        assert_eq!((got.retain, got.qos), (true, qos));
        w.expect_nothing(late);
        leave(&mut *w, late);
    }
    let late = late(&mut *w, "other");
    w.take(late, "other", "kept");
}

/// Properties are retained with the message.
fn mqtt_5_3_3_1_5_with_properties(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(v5("publisher"));
    let list = [Property::ContentType("text".into()), Property::user("a", "b"), Property::user("a", "c")];
    w.published(publisher, list.iter().cloned().fold(publish("t", "x").qos(1).retain(), Publish::property));
    let late = late(&mut *w, "#");
    assert_eq!(w.take(late, "t", "x").properties, list);
}

/// An empty payload with RETAIN 1 is forwarded like any other and removes what is retained.
fn mqtt_5_3_3_1_6(start: Start<'_>) {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, "#");
    w.published(publisher, publish("t", "x").qos(1).retain());
    w.published(publisher, publish("u", "stays").qos(1).retain());
    w.take(subscriber, "t", "x");
    w.take(subscriber, "u", "stays");
    w.published(publisher, publish("t", "").qos(1).retain());
    w.take(subscriber, "t", "");
    let late = late(&mut *w, "#");
    w.take(late, "u", "stays");
    w.expect_nothing(late);
}

/// An empty payload is stored nowhere, whether something was retained or not.
fn mqtt_5_3_3_1_7(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(v5("publisher"));
    for qos in 0..3 {
        w.published(publisher, publish("never", "").qos(qos).retain());
    }
    w.published(publisher, publish("once", "x").qos(1).retain());
    w.published(publisher, publish("once", "").qos(1).retain());
    let client = w.connect(v5("mortal").will("will", b"", 1).will_retain());
    w.reset(client);
    let late = late(&mut *w, "#");
    w.expect_nothing(late);
}

/// RETAIN 0 leaves what is retained alone, an empty payload too.
fn mqtt_5_3_3_1_8(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t", "kept").qos(1).retain());
    w.published(publisher, publish("t", "passing").qos(1));
    w.published(publisher, publish("t", "").qos(1));
    w.published(publisher, publish("u", "passing").qos(1));
    let late = late(&mut *w, "#");
    w.take(late, "t", "kept");
    w.expect_nothing(late);
}

/// Subscribes twice with this Retain Handling. Which of the two brought the retained message.
fn retain_handling(start: Start<'_>, handling: u8) -> [bool; 2] {
    let mut w = start(Config::default());
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t/1", "kept").qos(1).retain());
    let client = w.connect(v5("client"));
    [1, 2].map(|id| {
        w.send(client, subscribe(id, [("t/+", 1)]).retain_handling(handling));
        w.expect(client, suback(id, [1]));
        w.send(client, ping());
        match w.recv(client) {
            Packet::PingResp => false,
            Packet::Publish(publish) => {
                assert_eq!((&publish.payload[..], publish.retain), (&b"kept"[..], true));
                w.send(client, puback(id_of(&publish)));
                w.expect(client, pong());
                true
            }
            other => panic!("{other:?}"),
        }
    })
}

/// Retain Handling 0: at every SUBSCRIBE.
fn mqtt_5_3_3_1_9(start: Start<'_>) {
    assert_eq!(retain_handling(start, 0), [true, true]);
}

/// Retain Handling 1: for a new subscription only.
fn mqtt_5_3_3_1_10(start: Start<'_>) {
    assert_eq!(retain_handling(start, 1), [true, false]);
}

/// A subscription of a session that goes on is not new; one that was ended and made again is.
fn mqtt_5_3_3_1_10_over_sessions(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t", "kept").qos(1).retain());
    let client = w.connect(lasting("client"));
    w.subscribed(client, [("t", 1)]);
    w.take(client, "t", "kept");
    leave(&mut *w, client);
    let client = w.reconnect(lasting("client"), true);
    w.send(client, subscribe(1, [("t", 1)]).retain_handling(1));
    w.expect(client, suback(1, [1]));
    w.expect_nothing(client);
    w.send(client, unsubscribe(2, ["t"]));
    w.expect(client, unsuback(2, [0]));
    w.send(client, subscribe(3, [("t", 1)]).retain_handling(1));
    w.expect(client, suback(3, [1]));
    w.take(client, "t", "kept");
}

/// Retain Handling 2: never.
fn mqtt_5_3_3_1_11(start: Start<'_>) {
    assert_eq!(retain_handling(start, 2), [false, false]);
}

/// Retain As Published 0: live messages have RETAIN 0.
fn mqtt_5_3_3_1_12(start: Start<'_>) {
    for qos in 0..3 {
        let mut w = start(Config::default());
        let client = w.connect(v5("client"));
        w.subscribed(client, [("t", qos)]);
        let publisher = w.connect(v5("publisher"));
        for message in [publish("t", "1").retain(), publish("t", "2"), publish("t", "").retain()] {
            let payload = message.payload.clone();
            w.published(publisher, message.qos(2));
            assert!(!w.take(client, "t", payload).retain);
        }
    }
}

/// Retain As Published 1: live messages keep their RETAIN, also those that waited.
fn mqtt_5_3_3_1_13(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(lasting("client"));
    w.send(client, subscribe(1, [("t", 1)]).retain_as_published());
    w.expect(client, suback(1, [1]));
    let publisher = w.connect(v5("publisher"));
    let all = || [publish("t", "1").retain(), publish("t", "2"), publish("t", "").retain(), publish("t", "3").retain()];
    for message in all() {
        let (payload, retain) = (message.payload.clone(), message.retain);
        w.published(publisher, message.qos(1));
        assert_eq!(w.take(client, "t", payload).retain, retain);
    }
    leave(&mut *w, client);
    for message in all() {
        w.published(publisher, message.qos(1));
    }
    let client = w.reconnect(lasting("client"), true);
    for message in all() {
        assert_eq!(w.take(client, "t", &message.payload).retain, message.retain);
    }
}

in_each_world! {
    mqtt_5_3_3_1_1
    mqtt_5_3_3_1_2
    mqtt_5_3_3_1_3
    mqtt_5_3_3_1_4
    mqtt_5_3_3_1_5
    mqtt_5_3_3_1_5_with_properties
    mqtt_5_3_3_1_6
    mqtt_5_3_3_1_7
    mqtt_5_3_3_1_8
    mqtt_5_3_3_1_9
    mqtt_5_3_3_1_10
    mqtt_5_3_3_1_10_over_sessions
    mqtt_5_3_3_1_11
    mqtt_5_3_3_1_12
    mqtt_5_3_3_1_13
}
