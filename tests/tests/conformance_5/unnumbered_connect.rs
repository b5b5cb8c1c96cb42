//! Rows of `mqtt-5.0-unnumbered.tsv` about CONNECT and CONNACK (3.1, 3.2).

use crate::support::*;

/// Refused by a CONNACK with one of these codes.
fn with_properties(start: Start<'_>, list: &[u8], codes: &[u8]) {
    let mut w = start(Config::default());
    refused(&mut *w, raw_connect(0x02, list, &string("rogue")), codes);
    let clean = raw_connect(0x02, &[], &string("rogue"));
    let client = open(&mut *w);
    w.send(client, clean);
    w.expect_like(client, connack(false, 0));
}

/// Reserved connect flag.
fn u5_08(start: Start<'_>) {
    let mut w = start(Config::default());
    for flags in [0x01, 0x03] {
        refused(&mut *w, raw_connect(flags, &[], &string("rogue")), &[0x81]);
    }
}

/// Will QoS 3.
fn u5_09(start: Start<'_>) {
    let mut w = start(Config::default());
    let will = join([&string("rogue"), &[0], &string("t"), &string("x")]);
    for flags in [0x1C, 0x1E, 0x3E] {
        refused(&mut *w, raw_connect(flags, &[], &will), &[0x81]);
    }
}

/// A once-only property twice, with equal values and with others.
fn u5_10(start: Start<'_>) {
    let once: [(&[u8], &[u8]); 8] = [
        (&[0x11, 0, 0, 0, 1], &[0x11, 0, 0, 0, 2]),
        (&[0x21, 0, 1], &[0x21, 0, 2]),
        (&[0x27, 0, 0, 1, 0], &[0x27, 0, 0, 2, 0]),
        (&[0x22, 0, 1], &[0x22, 0, 2]),
        (&[0x19, 0], &[0x19, 1]),
        (&[0x17, 1], &[0x17, 0]),
        (&[0x15, 0, 1, b'x'], &[0x15, 0, 1, b'y']),
        (&[0x15, 0, 1, b'x', 0x16, 0, 0], &[0x16, 0, 0]),
    ];
    for (first, second) in once {
        with_properties(start, &join([first, second]), &[0x82]);
        with_properties(start, &join([first, &[0x26, 0, 0, 0, 0], second]), &[0x82]);
    }
    for property in [0x11, 0x21, 0x27, 0x22, 0x19, 0x17] {
        let one = once.iter().map(|(first, _)| *first).find(|first| first[0] == property).expect("it is listed");
        with_properties(start, &join([one, one]), &[0x82]);
    }
}

/// User Property may come as often as it likes.
fn u5_10_not_user_property(start: Start<'_>) {
    let mut w = start(Config::default());
    let pair = || Property::user("a", "b");
    w.connect(v5("client").property(pair()).property(pair()).property(pair()));
}

/// Receive Maximum 0.
fn u5_11(start: Start<'_>) {
    with_properties(start, &[0x21, 0, 0], &[0x82]);
}

/// Maximum Packet Size 0.
fn u5_12(start: Start<'_>) {
    with_properties(start, &[0x27, 0, 0, 0, 0], &[0x82]);
}

/// Request Response Information is 0 or 1.
fn u5_13(start: Start<'_>) {
    for value in [2, 3, 0x80, 0xFF] {
        with_properties(start, &[0x19, value], &[0x82]);
    }
    let mut w = start(Config::default());
    for value in [0, 1] {
        w.connect(v5("client").property(Property::RequestResponseInformation(value)));
    }
}

/// Request Problem Information is 0 or 1.
fn u5_14(start: Start<'_>) {
    for value in [2, 3, 0x80, 0xFF] {
        with_properties(start, &[0x17, value], &[0x82]);
    }
    let mut w = start(Config::default());
    for value in [0, 1] {
        w.connect(v5("client").property(Property::RequestProblemInformation(value)));
    }
}

/// Authentication Data without a method.
fn u5_15(start: Start<'_>) {
    with_properties(start, &[0x16, 0, 0], &[0x82]);
    with_properties(start, &[0x16, 0, 2, 1, 2], &[0x82]);
}

/// A once-only will property twice.
fn u5_16(start: Start<'_>) {
    let once: [&[u8]; 6] = [
        &[0x18, 0, 0, 0, 1],
        &[0x01, 1],
        &[0x02, 0, 0, 0, 1],
        &[0x03, 0, 1, b'a'],
        &[0x08, 0, 1, b'a'],
        &[0x09, 0, 1, b'a'],
    ];
    let mut w = start(Config::default());
    let with = |list: &[u8]| {
        let will = join([&string("rogue"), &properties(list), &string("t"), &string("x")]);
        raw_connect(0x06, &[], &will)
    };
    for property in once {
        refused(&mut *w, with(&join([property, property])), &[0x82]);
        let client = open(&mut *w);
        w.send(client, with(property));
        w.expect_like(client, connack(false, 0));
        leave(&mut *w, client);
    }
}

/// A will payload that is not what its Payload Format Indicator says: refused by 0x99, or published as it is.
fn u5_17(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = w.connect(v5("witness"));
    w.subscribed(witness, [("will", 1)]);
    let will = v5("rogue").will("will", &[0xC0, 0x80], 1).will_property(Property::PayloadFormatIndicator(1));
    let (client, connack) = w.try_connect(will);
    if connack.code == 0 {
        w.reset(client);
        let got = w.take(witness, "will", [0xC0, 0x80]);
        assert_eq!(got.properties, [Property::PayloadFormatIndicator(1)]);
    } else {
        assert_eq!(connack.code, 0x99);
        w.expect_closed(client);
    }
}

fn delayed(client_id: &str) -> Connect {
    lasting(client_id).will("will", b"gone", 1).will_property(Property::WillDelayInterval(100))
}

/// The end of the session ends the wait for the will: by its interval.
fn u5_18(shards: u16) {
    let mut n = net(shards, Config::default());
    let witness = n.connect(v5("witness"));
    n.subscribed(witness, [("will", 1)]);
    let client = n.connect(delayed("mortal").session_expiry_s(10));
    n.reset(client);
    n.advance(secs(10) - MICROSECOND);
    n.expect_nothing(witness);
    n.advance(MICROSECOND);
    n.take(witness, "will", "gone");
    n.advance(secs(1_000));
    n.expect_nothing(witness);
}

trait Expiry {
    fn session_expiry_s(self, seconds: u32) -> Self;
}

impl Expiry for Connect {
    /// Replaces the Session Expiry Interval.
    fn session_expiry_s(mut self, seconds: u32) -> Self {
        self.properties.retain(|property| !matches!(property, Property::SessionExpiryInterval(_)));
        self.session_expiry(seconds)
    }
}

/// By Clean Start 1 after the connection broke, and by a takeover with Clean Start 1.
fn u5_18_by_clean_start(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = w.connect(v5("witness"));
    w.subscribed(witness, [("will", 1)]);
    let client = w.connect(delayed("mortal"));
    w.reset(client);
    w.expect_nothing(witness);
    let client = w.reconnect(delayed("mortal").clean(true), false);
    w.take(witness, "will", "gone");
    w.expect_nothing(witness);
    w.reconnect(v5("mortal"), false);
    disconnected(&mut *w, client, &[0x8E]);
    w.take(witness, "will", "gone");
    w.expect_nothing(witness);
}

/// Who sends no CONNECT, or half of one, is closed in reasonable time.
fn u5_19(shards: u16) {
    let mut n = net(shards, Config::default());
    let (silent, half) = (open(&mut n), open(&mut n));
    n.send(half, &v5("half").to_wire(Version::V5)[..10]);
    n.advance(secs(8) - MICROSECOND);
    assert!(!n.is_closed(silent) && !n.is_closed(half));
    n.advance(MICROSECOND);
    n.expect_closed(silent);
    n.expect_closed(half);
}

/// A takeover publishes the will of the older connection when it has no delay, or when Clean Start is 1.
fn u5_20(start: Start<'_>) {
    for (clean, delay_s, published) in [(false, 0, true), (true, 0, true), (true, 100, true), (false, 100, false)] {
        let mut w = start(Config::default());
        let witness = w.connect(v5("witness"));
        w.subscribed(witness, [("will", 1)]);
        let will = lasting("mortal").will("will", b"gone", 1).will_property(Property::WillDelayInterval(delay_s));
        let older = w.connect(will);
        w.connect(lasting("mortal").clean(clean));
        disconnected(&mut *w, older, &[0x8E]);
        if published {
            w.take(witness, "will", "gone");
        }
        w.expect_nothing(witness);
    }
}

fn told_expiry(connack: &ConnAck) -> Option<u32> {
    connack.properties.iter().find_map(|property| match property {
        Property::SessionExpiryInterval(seconds) => Some(*seconds),
        _ => None,
    })
}

/// A session that is granted less time than it asked for is told so, and lasts that long.
fn u5_21(shards: u16) {
    let mut config = Config::default();
    config.mqtt.session_expiry_max_s = 50;
    for (asked, told) in
        [(None, None), (Some(0), None), (Some(50), None), (Some(51), Some(50)), (Some(u32::MAX), Some(50))]
    {
        let mut n = net(shards, config.clone());
        let connect = v5("client").clean(false);
        let connect = match asked {
            Some(seconds) => connect.session_expiry(seconds),
            None => connect,
        };
        let (client, connack) = n.try_connect(connect.clone());
        assert_eq!(told_expiry(&connack), told, "{asked:?}");
        n.reset(client);
        if told.is_some() {
            n.advance(secs(50) - MICROSECOND);
            let client = n.reconnect(connect.clone(), true);
            n.reset(client);
            n.advance(secs(50));
            n.reconnect(connect, false);
        }
    }
}

in_each_world! {
    u5_08
    u5_09
    u5_10
    u5_10_not_user_property
    u5_11
    u5_12
    u5_13
    u5_14
    u5_15
    u5_16
    u5_17
    u5_18_by_clean_start
    u5_20
}

in_memory! {
    u5_18
    u5_19
    u5_21
}
