//! What is wrong in packets after a good CONNECT, for 3.1.1 and 5.0 alike where both forbid it.

use super::{Answer, Bad};
use crate::wire::raw::{frame, join, properties, string};
use crate::wire::{Property, ToWire, Version, connect, disconnect, publish, subscribe};

/// Codes of a fault for which the specification names no code.
const MALFORMED_OR_PROTOCOL: &[u8] = &[0x81, 0x82];

/// The same fault in both versions; `bytes` is told whether properties belong into it.
fn both(name: &'static str, codes: &'static [u8], bytes: impl Fn(&[u8]) -> Vec<u8>) -> [Bad; 2] {
    let bad = |version, bytes, answer| Bad { name, version, connected: true, bytes, answer };
    [bad(Version::V311, bytes(&[]), Answer::Close), bad(Version::V5, bytes(&[0]), Answer::Disconnect(codes))]
}

fn only_5(name: &'static str, codes: &'static [u8], bytes: Vec<u8>) -> Bad {
    Bad { name, version: Version::V5, connected: true, bytes, answer: Answer::Disconnect(codes) }
}

fn only_3(name: &'static str, bytes: Vec<u8>) -> Bad {
    Bad { name, version: Version::V311, connected: true, bytes, answer: Answer::Close }
}

pub(super) fn table() -> Vec<Bad> {
    let mut table = fixed_headers();
    table.extend(publishes());
    table.extend(publish_properties());
    table.extend(acknowledgements());
    table.extend(subscriptions());
    table.extend(the_rest());
    table
}

fn fixed_headers() -> Vec<Bad> {
    let mut table = Vec::new();
    table.extend(both("packet type 0", &[0x81], |_| vec![0x00, 0]));
    table.extend(both("Remaining Length of five bytes", &[0x81], |_| vec![0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]));
    table.extend(both("packet larger than the maximum", &[0x95], |_| vec![0x30, 0x80, 0x80, 0x80, 0x08]));
    table.extend(both("second CONNECT", &[0x82], |list| {
        let version = if list.is_empty() { Version::V311 } else { Version::V5 };
        connect("rogue").version(version).to_wire(version)
    }));
    table.extend(both("CONNACK from a client", &[0x82], |list| frame(0x20, join([&[0, 0], list]))));
    table.extend(both("SUBACK from a client", &[0x82], |list| frame(0x90, join([&[0, 1], list, &[0]]))));
    table.extend(both("UNSUBACK from a client", &[0x82], |list| frame(0xB0, join([&[0, 1], list]))));
    table.extend(both("PINGRESP from a client", &[0x82], |_| vec![0xD0, 0]));
    table.extend(both("PINGREQ with flags", &[0x81], |_| vec![0xC1, 0]));
    table.extend(both("PINGREQ with a body", &[0x81], |_| vec![0xC0, 1, 0]));
    table.extend(both("SUBSCRIBE with flags 0000", &[0x81], |list| {
        frame(0x80, join([&[0, 1], list, &string("t"), &[0]]))
    }));
    table.extend(both("UNSUBSCRIBE with flags 0000", &[0x81], |list| frame(0xA0, join([&[0, 1], list, &string("t")]))));
    table.extend(both("PUBREL with flags 0000", &[0x81], |_| frame(0x60, [0, 1])));
    table.extend(both("PUBACK with flags 0010", &[0x81], |_| frame(0x42, [0, 1])));
    table.extend(both("DISCONNECT with flags 0001", &[0x81], |_| vec![0xE1, 0]));
    table
}

fn publishes() -> Vec<Bad> {
    let with = |first: u8, topic: &'static [u8]| {
        move |list: &[u8]| {
            let id: &[u8] = if first & 0x06 == 0 { &[] } else { &[0, 1] };
            frame(first, join([&string(topic), id, list, b"x"]))
        }
    };
    let mut table = Vec::new();
    table.extend(both("QoS 3", &[0x81], with(0x36, b"t")));
    table.extend(both("DUP with QoS 0", &[0x81], with(0x38, b"t")));
    table.extend(both("topic with #", &[0x90], with(0x30, b"a/#")));
    table.extend(both("topic with +", &[0x90], with(0x32, b"a/+/b")));
    table.extend(both("topic with U+0000", &[0x81], with(0x30, b"a\0b")));
    table.extend(both("topic that is not UTF-8", &[0x81], with(0x30, &[0xC0, 0x80])));
    table.extend(both("topic with a surrogate", &[0x81], with(0x30, &[0xED, 0xA0, 0x80])));
    table.extend(both("topic beyond U+10FFFF", &[0x81], with(0x30, &[0xF4, 0x90, 0x80, 0x80])));
    table.extend(both("empty topic", &[0x82], with(0x30, b"")));
    table.extend(both("topic longer than the packet", &[0x81], |_| frame(0x30, [0, 9, b't'])));
    table.extend(both("empty PUBLISH", &[0x81], |_| vec![0x30, 0]));
    table.extend(both("no Packet Identifier with QoS 1", &[0x81], |_| frame(0x32, string("t"))));
    table.extend(both("Packet Identifier 0", MALFORMED_OR_PROTOCOL, |list| {
        frame(0x32, join([&string("t"), &[0, 0], list, b"x"]))
    }));
    table
}

fn publish_properties() -> Vec<Bad> {
    let with = |list: &[u8]| frame(0x30, join([&string("t"), &properties(list), b"x"]));
    let alias = |topic, alias| publish(topic, "x").property(Property::TopicAlias(alias)).to_wire(Version::V5);
    vec![
        only_5("PUBLISH: unknown property", &[0x81], with(&[0x7E, 0])),
        only_5("PUBLISH: property of CONNECT", &[0x81], with(&[0x21, 0, 1])),
        only_5("PUBLISH: property cut short", &[0x81], with(&[0x02, 0])),
        only_5("PUBLISH: property list longer than the packet", &[0x81], frame(0x30, [0, 1, b't', 100, 1, 0])),
        only_5("PUBLISH: property length of five bytes", &[0x81], frame(0x30, [0, 1, b't', 255, 255, 255, 255, 1])),
        only_5("PUBLISH: property length longer than need be", &[0x81], frame(0x30, [0, 1, b't', 0x80, 0x00])),
        only_5("PUBLISH: no property length", &[0x81], frame(0x30, string("t"))),
        only_5("PUBLISH: Payload Format Indicator 2", MALFORMED_OR_PROTOCOL, with(&[0x01, 2])),
        only_5("PUBLISH: Content Type twice", &[0x82], with(&[0x03, 0, 1, b'a', 0x03, 0, 1, b'b'])),
        only_5("PUBLISH: Topic Alias twice", &[0x82], with(&[0x23, 0, 1, 0x23, 0, 1])),
        only_5("PUBLISH: Response Topic with a wildcard", &[0x82, 0x90], with(&[0x08, 0, 1, b'#'])),
        only_5("PUBLISH: Subscription Identifier from a client", &[0x82], with(&[0x0B, 1])),
        only_5("PUBLISH: User Property with U+0000", &[0x81], with(&[0x26, 0, 1, 0, 0, 1, b'x'])),
        only_5("PUBLISH: Topic Alias 0", &[0x94], alias("t", 0)),
        only_5("PUBLISH: Topic Alias above the maximum", &[0x94], alias("t", 33)),
        only_5("PUBLISH: Topic Alias unknown", &[0x82], alias("", 1)),
    ]
}

fn acknowledgements() -> Vec<Bad> {
    let mut table = Vec::new();
    for (name, first) in
        [("empty PUBACK", 0x40), ("empty PUBREC", 0x50), ("empty PUBREL", 0x62), ("empty PUBCOMP", 0x70)]
    {
        table.extend(both(name, &[0x81], |_| vec![first, 0]));
    }
    table.extend(both("PUBACK of one byte", &[0x81], |_| frame(0x40, [1])));
    table.extend(both("PUBACK of identifier 0", MALFORMED_OR_PROTOCOL, |_| frame(0x40, [0, 0])));
    table.extend(both("PUBREL of identifier 0", MALFORMED_OR_PROTOCOL, |_| frame(0x62, [0, 0])));
    table.push(only_3("PUBACK with a Reason Code", frame(0x40, [0, 1, 0])));
    table.push(only_5("PUBACK with an unknown Reason Code", MALFORMED_OR_PROTOCOL, frame(0x40, [0, 1, 0x55])));
    table.push(only_5("PUBREL with a code of PUBACK", MALFORMED_OR_PROTOCOL, frame(0x62, [0, 1, 0x97])));
    table.push(only_5("PUBACK with a property of CONNECT", &[0x81], frame(0x40, [0, 1, 0, 3, 0x21, 0, 1])));
    table
}

fn subscriptions() -> Vec<Bad> {
    let options = |options: u8| move |list: &[u8]| frame(0x82, join([&[0, 1], list, &string("t"), &[options]]));
    let mut table = Vec::new();
    table.extend(both("SUBSCRIBE without a filter", &[0x82], |list| frame(0x82, join([&[0, 1], list]))));
    table.extend(both("UNSUBSCRIBE without a filter", &[0x82], |list| frame(0xA2, join([&[0, 1], list]))));
    table.extend(both("SUBSCRIBE with QoS 3", MALFORMED_OR_PROTOCOL, options(3)));
    table.extend(both("SUBSCRIBE with reserved bits", &[0x81], options(0xC0)));
    table.push(only_3("SUBSCRIBE with No Local in 3.1.1", options(0x04)(&[])));
    table.push(only_5("SUBSCRIBE with Retain Handling 3", &[0x82], options(0x30)(&[0])));
    table.extend(both("SUBSCRIBE of identifier 0", MALFORMED_OR_PROTOCOL, |list| {
        frame(0x82, join([&[0, 0], list, &string("t"), &[0]]))
    }));
    table.extend(both("SUBSCRIBE without options", &[0x81], |list| frame(0x82, join([&[0, 1], list, &string("t")]))));
    table.extend(both("filter that is not UTF-8", &[0x81], |list| {
        frame(0x82, join([&[0, 1], list, &string([0xFF]), &[0]]))
    }));
    table.extend(both("empty UNSUBSCRIBE", &[0x81], |_| vec![0xA2, 0]));
    let id = |identifier| subscribe(1, [("t", 0)]).identifier(identifier).to_wire(Version::V5);
    table.push(only_5("Subscription Identifier 0", &[0x82], id(0)));
    let twice = subscribe(1, [("t", 0)]).identifier(1).identifier(2).to_wire(Version::V5);
    table.push(only_5("Subscription Identifier twice", &[0x82], twice));
    let local = subscribe(1, [("$share/g/t", 0)]).no_local().to_wire(Version::V5);
    table.push(only_5("No Local on a shared subscription", &[0x82], local));
    table
}

fn the_rest() -> Vec<Bad> {
    let expiry = disconnect().property(Property::SessionExpiryInterval(10)).to_wire(Version::V5);
    vec![
        only_3("AUTH in 3.1.1", vec![0xF0, 0]),
        only_5("AUTH without a method", &[0x82], vec![0xF0, 0]),
        only_5("AUTH with flags", &[0x81], vec![0xF1, 0]),
        only_5("DISCONNECT with a Session Expiry after none", &[0x82], expiry),
        only_5("DISCONNECT with a code of PUBACK", MALFORMED_OR_PROTOCOL, frame(0xE0, [0x10])),
    ]
}
