//! Wills (MQTT 3.1.1, 3.1.2.5 to 3.1.2.7 and 3.14.4).

use weirmq_core::Config;
use weirmq_tests::wire::*;
use weirmq_tests::{Client, Start, Talk, World};

use crate::common::*;

crate::cases! {
    mqtt_3_3_1_2_8 mqtt_3_3_1_2_8_after_a_violation mqtt_3_3_1_2_8_after_a_takeover
    mqtt_3_3_1_2_9 mqtt_3_3_1_2_9_fields_are_there
    mqtt_3_3_1_2_10_once mqtt_3_3_1_2_10_not_in_a_later_connection mqtt_3_3_1_2_11 mqtt_3_3_1_2_12
    mqtt_3_3_1_2_13 mqtt_3_3_1_2_14 mqtt_3_3_1_2_15 mqtt_3_3_1_2_16 mqtt_3_3_1_2_17
    mqtt_3_3_14_4_3 mqtt_3_3_14_4_3_retained
}

/// A client that sees every will.
fn witness(w: &mut dyn World) -> Client {
    subscriber(w, "witness", [("will/#", 2)])
}

/// The will waits for the end of the connection, and goes out when the client is gone without DISCONNECT.
fn mqtt_3_3_1_2_8(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = witness(&mut *w);
    for version in OLD {
        for clean in [true, false] {
            let mortal = connect("mortal").version(version).clean(clean);
            let client = w.connect(mortal.clone().will("will/a", b"reset", 1));
            w.expect_nothing(client);
            w.expect_nothing(witness);
            w.reset(client);
            w.take(witness, "will/a", "reset");
            let client = w.connect(mortal.will("will/b", b"hung up", 1));
            w.hang_up(client);
            w.take(witness, "will/b", "hung up");
            w.expect_nothing(witness);
        }
    }
}

/// It goes out too when the broker closes because of what the client sent.
fn mqtt_3_3_1_2_8_after_a_violation(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = witness(&mut *w);
    for bad in [&[0xF0, 0][..], &[0xC1, 0], &[0x36, 5, 0, 1, b't', 0, 1], &[0xE1, 0]] {
        let client = w.connect(connect("mortal").will("will/a", b"broken", 0));
        w.send(client, bad.to_vec());
        w.expect_closed(client);
        w.take(witness, "will/a", "broken");
    }
    w.expect_nothing(witness);
}

/// A client that is replaced by another connection did not say DISCONNECT: its will goes out, the new one's stays.
fn mqtt_3_3_1_2_8_after_a_takeover(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = witness(&mut *w);
    for clean in [true, false] {
        let first = w.connect(connect("mortal").clean(clean).will("will/first", b"1", 1));
        let second = w.connect(connect("mortal").clean(clean).will("will/second", b"2", 1));
        w.expect_closed(first);
        w.take(witness, "will/first", "1");
        w.expect_nothing(witness);
        w.reset(second);
        w.take(witness, "will/second", "2");
    }
}

/// Topic and message come from the payload, QoS and RETAIN from the flags: all six combinations.
fn mqtt_3_3_1_2_9(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = witness(&mut *w);
    for qos in 0..=2_u8 {
        for retain in [false, true] {
            let topic = format!("will/{qos}/{retain}");
            let flags = 0x06 | qos << 3 | u8::from(retain) << 5;
            let payload = raw::join([&raw::string("mortal"), &raw::string(&topic), &raw::string([0, 0xFF, qos])]);
            let client = lets_in(&mut *w, raw_connect(flags, payload));
            w.reset(client);
            let got = w.take(witness, &topic, [0, 0xFF, qos]);
            assert_eq!((got.qos, got.retain, got.dup), (qos, false, false));
            let late = w.connect(connect("late"));
            w.subscribed(late, [(&topic, 2)]);
            if retain {
                let kept = w.take(late, &topic, [0, 0xFF, qos]);
                assert_eq!((kept.qos, kept.retain), (qos, true));
            }
            w.expect_nothing(late);
            leave(&mut *w, late);
        }
    }
}

/// With Will Flag a CONNECT without Will Topic or Will Message is malformed; an empty message is one.
fn mqtt_3_3_1_2_9_fields_are_there(start: Start<'_>) {
    let mut w = start(Config::default());
    let (id, topic) = (raw::string("mortal"), raw::string("will/a"));
    turns_away(&mut *w, raw_connect(0x06, &id));
    turns_away(&mut *w, raw_connect(0x06, raw::join([&id, &topic])));
    turns_away(&mut *w, raw_connect(0x06, raw::join([&id, &topic, &[0, 2, b'x']])));
    turns_away(&mut *w, raw_connect(0x06, raw::join([&id, &raw::string(""), &raw::string("x")])));
    let witness = witness(&mut *w);
    let client = lets_in(&mut *w, raw_connect(0x06, raw::join([&id, &topic, &[0, 0]])));
    w.reset(client);
    w.take(witness, "will/a", "");
}

/// A will that was published is gone: it is published once.
fn mqtt_3_3_1_2_10_once(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = witness(&mut *w);
    let client = w.connect(connect("mortal").clean(false).will("will/a", b"once", 1));
    w.reset(client);
    w.take(witness, "will/a", "once");
    let client = w.reconnect(connect("mortal").clean(false), true);
    w.reset(client);
    w.expect_nothing(witness);
    let client = w.reconnect(connect("mortal").clean(true), false);
    w.reset(client);
    w.expect_nothing(witness);
}

/// A will that DISCONNECT deleted does not come back with the session.
fn mqtt_3_3_1_2_10_not_in_a_later_connection(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = witness(&mut *w);
    let client = w.connect(connect("mortal").clean(false).will("will/a", b"deleted", 1));
    leave(&mut *w, client);
    let client = w.reconnect(connect("mortal").clean(false), true);
    w.reset(client);
    w.expect_nothing(witness);
    let client = w.reconnect(connect("mortal").clean(false).will("will/b", b"new", 1), true);
    w.reset(client);
    w.take(witness, "will/b", "new");
    w.expect_nothing(witness);
}

/// Without Will Flag, bits and fields of a will close the connection.
fn mqtt_3_3_1_2_11(start: Start<'_>) {
    let mut w = start(Config::default());
    let id = raw::string("rogue");
    let fields = raw::join([&id, &raw::string("will/a"), &raw::string("x")]);
    for flags in [0x0A, 0x12, 0x22, 0x2A, 0x32] {
        turns_away(&mut *w, raw_connect(flags, &id));
        turns_away(&mut *w, raw_connect(flags, &fields));
    }
    turns_away(&mut *w, raw_connect(0x02, &fields));
    lets_in(&mut *w, raw_connect(0x06, &fields));
}

/// Without Will Flag nothing is published when the connection ends.
fn mqtt_3_3_1_2_12(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("#", 2)]);
    for clean in [true, false] {
        let client = w.connect(connect("plain").clean(clean));
        w.reset(client);
        let client = w.connect(connect("plain").clean(clean));
        w.send(client, [0xF0, 0]);
        w.expect_closed(client);
    }
    w.expect_nothing(witness);
}

/// Will QoS without a will closes the connection: 1, 2 and 3.
fn mqtt_3_3_1_2_13(start: Start<'_>) {
    let mut w = start(Config::default());
    for qos in 1..=3 {
        turns_away(&mut *w, raw_connect(0x02 | qos << 3, raw::string("rogue")));
    }
    lets_in(&mut *w, raw_connect(0x02, raw::string("rogue")));
}

/// Will QoS 3 closes the connection.
fn mqtt_3_3_1_2_14(start: Start<'_>) {
    let mut w = start(Config::default());
    let payload = raw::join([&raw::string("rogue"), &raw::string("will/a"), &raw::string("x")]);
    turns_away(&mut *w, raw_connect(0x1E, &payload));
    turns_away(&mut *w, raw_connect(0x3E, &payload));
    lets_in(&mut *w, raw_connect(0x16, &payload));
}

/// Will Retain without a will closes the connection.
fn mqtt_3_3_1_2_15(start: Start<'_>) {
    let mut w = start(Config::default());
    let id = raw::string("rogue");
    turns_away(&mut *w, raw_connect(0x22, &id));
    lets_in(&mut *w, raw_connect(0x26, raw::join([&id, &raw::string("will/a"), &raw::string("x")])));
}

/// A will with Will Retain 0 is not stored, and leaves what is.
fn mqtt_3_3_1_2_16(start: Start<'_>) {
    let mut w = start(Config::default());
    publishes(&mut *w, publish("will/b", "kept").qos(1).retain());
    for topic in ["will/a", "will/b"] {
        let client = w.connect(connect("mortal").will(topic, b"passing", 1));
        w.reset(client);
    }
    let late = subscriber(&mut *w, "late", [("will/a", 1), ("will/b", 1)]);
    assert!(w.take(late, "will/b", "kept").retain);
    w.expect_nothing(late);
}

/// A will with Will Retain 1 is stored in the place of what was, and an empty one removes it.
fn mqtt_3_3_1_2_17(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = witness(&mut *w);
    publishes(&mut *w, publish("will/a", "old").qos(1).retain());
    w.take(witness, "will/a", "old");
    for (payload, kept) in [("new", Some("new")), ("", None)] {
        let client = w.connect(connect("mortal").will("will/a", payload.as_bytes(), 2).will_retain());
        w.reset(client);
        assert!(!w.take(witness, "will/a", payload).retain);
        let late = w.connect(connect("late"));
        w.subscribed(late, [("will/a", 2)]);
        if let Some(kept) = kept {
            let got = w.take(late, "will/a", kept);
            assert_eq!((got.qos, got.retain), (2, true));
        }
        w.expect_nothing(late);
        leave(&mut *w, late);
    }
}

/// DISCONNECT deletes the will unpublished.
fn mqtt_3_3_14_4_3(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = witness(&mut *w);
    for version in OLD {
        for clean in [true, false] {
            let polite = connect("polite").version(version).clean(clean);
            let client = w.connect(polite.clone().will("will/a", b"never", 1));
            leave(&mut *w, client);
            let client = w.connect(polite.clone().will("will/b", b"never", 1));
            w.send(client, disconnect());
            w.hang_up(client);
            w.expect_closed(client);
            let client = w.connect(polite);
            leave(&mut *w, client);
        }
    }
    w.expect_nothing(witness);
}

/// A retained one is not stored either.
fn mqtt_3_3_14_4_3_retained(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(connect("polite").will("will/a", b"never", 1).will_retain());
    leave(&mut *w, client);
    let witness = witness(&mut *w);
    w.expect_nothing(witness);
}
