//! SUBSCRIBE and its options (3.8.1 to 3.8.3).

use crate::support::*;

/// SUBSCRIBE with other flags than 0010 is malformed.
fn mqtt_5_3_8_1_1(start: Start<'_>) {
    for flags in (0..16).filter(|flags| *flags != 2) {
        breach(start, frame(0x80 | flags, [0, 1, 0, 0, 1, b't', 0]), &[0x81]);
    }
}

/// Filters are strings, all of them: one that is not refuses the packet, and nothing of it is done.
fn mqtt_5_3_8_3_1(start: Start<'_>) {
    for bad in NOT_UTF8.into_iter().chain([&b"a\0"[..]]) {
        let mut w = start(Config::default());
        let client = w.connect(lasting("client"));
        w.send(client, frame(0x82, join([&[0, 1, 0], &string("good"), &[1], &string(bad), &[1]])));
        disconnected(&mut *w, client, &[0x81]);
        let client = w.reconnect(lasting("client"), true);
        let publisher = w.connect(v5("publisher"));
        w.published(publisher, publish("good", "x").qos(1));
        w.expect_nothing(client);
    }
}

/// A SUBSCRIBE without a filter is a Protocol Error.
fn mqtt_5_3_8_3_2(start: Start<'_>) {
    breach(start, frame(0x82, [0, 1, 0]), &[0x82]);
    breach(start, frame(0x82, [0, 1, 2, 0x0B, 1]), &[0x82]);
}

/// No Local: not to the client that published, at any QoS, but to all others.
fn mqtt_5_3_8_3_3(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    w.send(client, subscribe(1, [("t/#", 2)]).no_local());
    w.expect(client, suback(1, [2]));
    let other = w.connect(v5("other"));
    w.send(other, subscribe(1, [("t/#", 2)]).no_local());
    w.expect(other, suback(1, [2]));
    for qos in 0..3 {
        w.published(client, publish("t/x", [qos]).qos(qos));
        w.published(other, publish("t/y", [qos]).qos(qos));
    }
    for qos in 0..3 {
        w.take(other, "t/x", [qos]);
        w.take(client, "t/y", [qos]);
    }
    w.expect_nothing(client);
    w.expect_nothing(other);
}

/// It is the identifier that counts: what the session published on an earlier connection stays away, and an ordinary
/// subscription of the same client gets its own.
fn mqtt_5_3_8_3_3_is_about_the_identifier(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(lasting("client"));
    w.send(client, subscribe(1, [("spared", 1)]).no_local());
    w.expect(client, suback(1, [1]));
    w.subscribed(client, [("own", 1)]);
    leave(&mut *w, client);
    let client = w.reconnect(lasting("client"), true);
    w.published(client, publish("spared", "x").qos(1));
    w.expect_nothing(client);
    w.send(client, publish("own", "x").qos(1).id(9));
    w.expect_among(client, &puback(9));
    w.take(client, "own", "x");
    w.expect_nothing(client);
}

/// Of overlapping subscriptions each has its own No Local: what one keeps away another may bring, once.
fn mqtt_5_3_8_3_3_of_overlapping_subscriptions(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(v5("publisher"));
    let client = w.connect(v5("client"));
    w.send(client, subscribe(1, [("a/#", 1), ("+/b", 1), ("c/#", 1)]).no_local().identifier(1));
    w.expect(client, suback(1, [1, 1, 1]));
    w.send(client, subscribe(2, [("c/+", 1)]).identifier(2));
    w.expect(client, suback(2, [1]));
    w.send(client, publish("a/b", "own").qos(1).id(9));
    w.expect_acknowledged(client, puback(9));
    w.expect_nothing(client);
    w.send(client, publish("c/d", "own").qos(1).id(9));
    w.expect_among(client, &puback(9));
    assert_eq!(identifiers(&w.take(client, "c/d", "own")), [2]);
    w.expect_nothing(client);
    w.published(publisher, publish("a/b", "other's").qos(1));
    assert_eq!(identifiers(&w.take(client, "a/b", "other's")), [1, 1]);
    w.published(publisher, publish("c/d", "other's").qos(1));
    assert_eq!(identifiers(&w.take(client, "c/d", "other's")), [1, 2]);
}

/// The will of a session counts as its publisher's.
fn mqtt_5_3_8_3_3_of_a_will(start: Start<'_>) {
    let mut w = start(Config::default());
    let mortal = || lasting("mortal").will("will", b"gone", 1);
    let client = w.connect(mortal());
    w.send(client, subscribe(1, [("will", 1)]).no_local());
    w.expect(client, suback(1, [1]));
    let witness = w.connect(v5("witness"));
    w.subscribed(witness, [("will", 1)]);
    w.reset(client);
    w.take(witness, "will", "gone");
    let client = w.reconnect(lasting("mortal"), true);
    w.expect_nothing(client);
}

/// No Local on a shared subscription is a Protocol Error.
fn mqtt_5_3_8_3_4(start: Start<'_>) {
    breach(start, subscribe(1, [("$share/g/t", 1)]).no_local(), &[0x82]);
    let mut w = start(Config::default());
    let client = w.connect(lasting("client"));
    w.send(client, subscribe(1, [("good", 0x01), ("$share/g/t", 0x05)]));
    disconnected(&mut *w, client, &[0x82]);
}

/// Bits 6 and 7 of the options are reserved.
fn mqtt_5_3_8_3_5(start: Start<'_>) {
    for options in [0x40, 0x80, 0xC0, 0x41, 0x82] {
        breach(start, subscribe(1, [("t", options)]), &[0x81]);
        breach(start, subscribe(1, [("t", 1), ("u", options)]), &[0x81]);
    }
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    for options in 0..0x30_u8 {
        if options & 3 != 3 {
            w.send(client, subscribe(1, [("t", options)]));
            w.expect(client, suback(1, [options & 3]));
        }
    }
}

in_each_world! {
    mqtt_5_3_8_1_1
    mqtt_5_3_8_3_1
    mqtt_5_3_8_3_2
    mqtt_5_3_8_3_3
    mqtt_5_3_8_3_3_is_about_the_identifier
    mqtt_5_3_8_3_3_of_overlapping_subscriptions
    mqtt_5_3_8_3_3_of_a_will
    mqtt_5_3_8_3_4
    mqtt_5_3_8_3_5
}
