//! Rows of `mqtt-5.0-unnumbered.tsv` about the form of packets (1.5, 2.1, 2.2).

use crate::support::*;

/// Control characters and non-characters: this broker takes them everywhere, and changes nothing.
fn u5_01(start: Start<'_>) {
    for text in ["\u{1}", "\u{1F}", "\u{7F}", "\u{9F}", "\u{FDD0}", "\u{FFFF}", "\u{10FFFF}"] {
        let mut w = start(Config::default());
        let subscriber = w.connect(v5(text));
        w.subscribed(subscriber, [(text, 1)]);
        let publisher = w.connect(v5("publisher").user_name(text).will(text, b"gone", 1));
        let property = Property::user(text, text);
        w.published(publisher, publish(text, "x").qos(1).property(property.clone()));
        assert_eq!(w.take(subscriber, text, "x").properties, [property]);
        w.reset(publisher);
        w.take(subscriber, text, "gone");
        w.send(subscriber, unsubscribe(1, [text]));
        w.expect(subscriber, unsuback(1, [0]));
    }
}

/// A Variable Byte Integer that goes on past its fourth byte, decided by the fourth.
fn u5_02(start: Start<'_>) {
    breach(start, [0x30, 0xFF, 0xFF, 0xFF, 0xFF], &[0x81]);
    breach(start, [0xC0, 0x80, 0x80, 0x80, 0x80], &[0x81]);
    breach(start, frame(0x30, [0, 1, b't', 0xFF, 0xFF, 0xFF, 0xFF, 0x01]), &[0x81]);
    breach(start, frame(0x82, [0, 1, 6, 0x0B, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0, 1, b't', 0]), &[0x81]);
    let mut w = start(Config::default());
    let client = open(&mut *w);
    w.send(client, [0x10, 0xFF, 0xFF, 0xFF, 0xFF]);
    w.expect_closed(client);
}

/// Packet type 0.
fn u5_03(start: Start<'_>) {
    for flags in 0..16 {
        breach(start, [flags, 0], &[0x81]);
    }
}

/// Packets that only servers send.
fn u5_04(start: Start<'_>) {
    let packets: [Packet; 4] =
        [connack(false, 0).into(), suback(1, [0]).into(), unsuback(1, [0]).into(), Packet::PingResp];
    for packet in packets {
        breach(start, packet, &[0x82]);
    }
}

/// A Remaining Length that cuts the packet short, or leaves bytes over.
fn u5_05(start: Start<'_>) {
    let packets = [
        pubrel(1).to_wire(Version::V5),
        subscribe(1, [("topic", 0)]).to_wire(Version::V5),
        unsubscribe(1, ["topic"]).to_wire(Version::V5),
    ];
    for bytes in packets {
        let mut short = bytes.clone();
        short.pop();
        short[1] -= 1;
        breach(start, short, &[0x81]);
        let mut long = bytes.clone();
        long.push(0);
        long[1] += 1;
        // One more byte of PUBREL is its code.
        if bytes[0] != 0x62 {
            breach(start, long, &[0x81]);
        }
    }
    breach(start, frame(0x62, [0, 1, 0, 0, 7]), &[0x81]);
    breach(start, frame(0x30, [0, 9, b't', 0]), &[0x81]);
    breach(start, frame(0x32, [0, 1, b't', 0]), &[0x81]);
    breach(start, frame(0xE0, [0, 0, 7]), &[0x81]);
    let mut w = start(Config::default());
    refused(&mut *w, raw_connect(0x02, &[], &[0, 9, b'r']), &[0x81]);
    refused(&mut *w, raw_connect(0x02, &[], &join([&string("rogue"), &[7]])), &[0x81]);
}

/// Packet Identifier 0.
fn u5_06(start: Start<'_>) {
    for ack in [puback(0), pubrec(0), pubrel(0), pubcomp(0)] {
        breach(start, ack, MALFORMED_OR_PROTOCOL);
    }
    breach(start, publish("t", "x").qos(1).id(0), MALFORMED_OR_PROTOCOL);
    breach(start, publish("t", "x").qos(2).id(0), MALFORMED_OR_PROTOCOL);
    breach(start, subscribe(0, [("t", 0)]), MALFORMED_OR_PROTOCOL);
    breach(start, unsubscribe(0, ["t"]), MALFORMED_OR_PROTOCOL);
}

/// One sample of every property, by identifier.
const SAMPLES: [&[u8]; 27] = [
    &[0x01, 1],
    &[0x02, 0, 0, 0, 9],
    &[0x03, 0, 1, b'a'],
    &[0x08, 0, 1, b'a'],
    &[0x09, 0, 1, b'a'],
    &[0x0B, 1],
    &[0x11, 0, 0, 0, 0],
    &[0x12, 0, 1, b'a'],
    &[0x13, 0, 9],
    &[0x15, 0, 1, b'a'],
    &[0x16, 0, 1, b'a'],
    &[0x17, 1],
    &[0x18, 0, 0, 0, 9],
    &[0x19, 1],
    &[0x1A, 0, 1, b'a'],
    &[0x1C, 0, 1, b'a'],
    &[0x1F, 0, 1, b'a'],
    &[0x21, 0, 9],
    &[0x22, 0, 9],
    &[0x23, 0, 9],
    &[0x24, 1],
    &[0x25, 1],
    &[0x26, 0, 1, b'a', 0, 1, b'b'],
    &[0x27, 0, 1, 0, 0],
    &[0x28, 1],
    &[0x29, 1],
    &[0x2A, 1],
];

/// Sends each property that does not belong there.
fn misplaced(allowed: &[u8], mut send: impl FnMut(&[u8])) {
    for sample in SAMPLES.into_iter().filter(|sample| !allowed.contains(&sample[0])) {
        send(sample);
    }
    for unknown in [0x00, 0x04, 0x0A, 0x10, 0x14, 0x1B, 0x20, 0x2B, 0x7F] {
        send(&[unknown, 0, 0, 0, 0]);
    }
    send(&[0x80, 0x01]);
}

/// A property that is unknown or does not belong into PUBLISH, SUBSCRIBE, UNSUBSCRIBE, an acknowledgement, DISCONNECT.
fn u5_07(start: Start<'_>) {
    // A Subscription Identifier is known in PUBLISH and has a row of its own.
    misplaced(&[0x01, 0x02, 0x03, 0x08, 0x09, 0x0B, 0x23, 0x26], |list| {
        breach(start, frame(0x30, join([&string("t"), &properties(list), b"x"])), &[0x81]);
    });
    misplaced(&[0x0B, 0x26], |list| {
        breach(start, frame(0x82, join([&[0, 1], &properties(list), &string("t"), &[0]])), &[0x81]);
    });
    misplaced(&[0x26], |list| {
        breach(start, frame(0xA2, join([&[0, 1], &properties(list), &string("t")])), &[0x81]);
    });
    for first in [0x40, 0x50, 0x62, 0x70] {
        misplaced(&[0x1F, 0x26], |list| {
            breach(start, frame(first, join([&[0, 1, 0], &properties(list)])), &[0x81]);
        });
    }
    misplaced(&[0x11, 0x1F, 0x26], |list| {
        breach(start, frame(0xE0, join([&[0], &properties(list)])), &[0x81, 0x82]);
    });
}

/// In CONNECT and in a will.
fn u5_07_in_connect(start: Start<'_>) {
    let mut w = start(Config::default());
    misplaced(&[0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27], |list| {
        refused(&mut *w, raw_connect(0x02, list, &string("rogue")), &[0x81]);
    });
    misplaced(&[0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26], |list| {
        let will = join([&string("rogue"), &properties(list), &string("t"), &string("x")]);
        refused(&mut *w, raw_connect(0x06, &[], &will), &[0x81]);
    });
}

/// A value that is not of its type: cut short, or beyond the list.
fn u5_07_values(start: Start<'_>) {
    for list in [&[0x01][..], &[0x02, 0, 0, 0], &[0x03, 0, 2, b'a'], &[0x09, 0], &[0x23, 1], &[0x26, 0, 1, b'a']] {
        breach(start, frame(0x30, join([&string("t"), &properties(list), b"xxxxxx"])), &[0x81]);
    }
    for list in [&[0x01, 2][..], &[0x01, 0xFF]] {
        breach(start, frame(0x30, join([&string("t"), &properties(list), b"x"])), &[0x81, 0x82]);
    }
    breach(start, frame(0x30, join([&string("t"), &[200], b"x"])), &[0x81]);
}

in_each_world! {
    u5_01
    u5_02
    u5_03
    u5_04
    u5_05
    u5_06
    u5_07
    u5_07_in_connect
    u5_07_values
}
