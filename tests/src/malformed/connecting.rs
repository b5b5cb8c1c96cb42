//! What is wrong in, or in place of, a CONNECT.

use super::{Answer, Bad};
use crate::wire::raw::{connect, frame, join, properties, string};
use crate::wire::{ToWire, Version, connect as good, publish};

fn bad(name: &'static str, version: Version, bytes: Vec<u8>, answer: Answer) -> Bad {
    Bad { name, version, connected: false, bytes, answer }
}

/// A 5.0 CONNECT with these properties.
fn with(list: &[u8]) -> Vec<u8> {
    connect(b"MQTT", 5, 0x02, Some(list), &string("rogue"))
}

/// A 5.0 CONNECT with these flags and this payload.
fn flags(flags: u8, payload: &[u8]) -> Vec<u8> {
    connect(b"MQTT", 5, flags, Some(&[]), payload)
}

pub(super) fn table() -> Vec<Bad> {
    let mut table = first_packets();
    table.extend(of_3_1_1());
    table.extend(of_5_0());
    table.extend(properties_of_5_0());
    table
}

/// Before a version is known nothing is answered.
fn first_packets() -> Vec<Bad> {
    use Answer::Close;
    use Version::{V5, V311};
    vec![
        bad("PUBLISH before CONNECT", V311, publish("t", "x").to_wire(V311), Close),
        bad("PINGREQ before CONNECT", V5, vec![0xC0, 0], Close),
        bad("AUTH before CONNECT", V5, vec![0xF0, 0], Close),
        bad("packet type 0", V311, vec![0x00, 0], Close),
        bad("Remaining Length of five bytes", V311, vec![0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], Close),
        bad("CONNECT larger than connect_bytes_max", V311, vec![0x10, 0xFF, 0xFF, 0x7F, 0, 4], Close),
        bad("CONNECT with flags in the fixed header", V311, with_first(0x11), Close),
        bad("protocol name cut short", V311, frame(0x10, [0, 4, b'M', b'Q']), Close),
        bad("empty CONNECT", V311, vec![0x10, 0], Close),
        bad("HTTP", V311, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), Close),
        bad("TLS hello", V311, vec![0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3], Close),
    ]
}

fn with_first(first: u8) -> Vec<u8> {
    let mut bytes = good("rogue").to_wire(Version::V311);
    bytes[0] = first;
    bytes
}

fn of_3_1_1() -> Vec<Bad> {
    use Answer::{Close, ConnAck};
    use Version::V311;
    let v3 = |flags, payload: &[u8]| connect(b"MQTT", 4, flags, None, payload);
    vec![
        bad("reserved connect flag", V311, v3(0x03, &string("rogue")), Close),
        bad("Will QoS 3", V311, v3(0x1E, &join([&string("rogue"), &string("t"), &string("x")])), Close),
        bad("Will QoS without a will", V311, v3(0x0A, &string("rogue")), Close),
        bad("Will Retain without a will", V311, v3(0x22, &string("rogue")), Close),
        bad("password without user name", V311, v3(0x42, &join([&string("rogue"), &string("p")])), Close),
        bad("Client Identifier that is not UTF-8", V311, v3(0x02, &string([0xC0, 0x80])), Close),
        bad("Client Identifier with U+0000", V311, v3(0x02, &string("ro\0gue")), Close),
        bad("bytes after the payload", V311, v3(0x02, &join([&string("rogue"), b"more"])), Close),
        bad("payload cut short", V311, v3(0x02, &[0, 5, b'r']), Close),
        bad("will missing", V311, v3(0x06, &string("rogue")), Close),
        bad("level 0", V311, connect(b"MQTT", 0, 2, None, &string("rogue")), ConnAck(1)),
        bad("no identifier with CleanSession 0", V311, v3(0x00, &string("")), ConnAck(2)),
    ]
}

fn of_5_0() -> Vec<Bad> {
    use Answer::ConnAck;
    use Version::V5;
    let will = |list: &[u8], topic: &[u8]| join([&string("rogue"), &properties(list), &string(topic), &string("x")]);
    vec![
        bad("5.0: reserved connect flag", V5, flags(0x03, &string("rogue")), ConnAck(0x81)),
        bad("5.0: Will QoS 3", V5, flags(0x1E, &will(&[], b"t")), ConnAck(0x81)),
        bad("5.0: Will QoS without a will", V5, flags(0x0A, &string("rogue")), ConnAck(0x81)),
        bad("5.0: identifier that is not UTF-8", V5, flags(0x02, &string([0xED, 0xA0, 0x80])), ConnAck(0x81)),
        bad("level 6", V5, connect(b"MQTT", 6, 2, Some(&[]), &string("rogue")), ConnAck(0x84)),
        bad("5.0: payload cut short", V5, flags(0x02, &[0, 9, b'r']), ConnAck(0x81)),
        bad("5.0: bytes after the payload", V5, flags(0x02, &join([&string("rogue"), b"more"])), ConnAck(0x81)),
        bad("5.0: will topic with a wildcard", V5, flags(0x06, &will(&[], b"a/#")), ConnAck(0x90)),
        bad("5.0: property of PUBLISH in the will", V5, flags(0x06, &will(&[0x23, 0, 1], b"t")), ConnAck(0x81)),
        bad(
            "5.0: Will Delay Interval twice",
            V5,
            flags(0x06, &will(&[0x18, 0, 0, 0, 1, 0x18, 0, 0, 0, 1], b"t")),
            ConnAck(0x82),
        ),
    ]
}

fn properties_of_5_0() -> Vec<Bad> {
    use Answer::ConnAck;
    use Version::V5;
    vec![
        bad("CONNECT: unknown property", V5, with(&[0x7E, 0]), ConnAck(0x81)),
        bad("CONNECT: property of CONNACK", V5, with(&[0x24, 1]), ConnAck(0x81)),
        bad("CONNECT: property cut short", V5, with(&[0x11, 0, 0]), ConnAck(0x81)),
        bad("CONNECT: Session Expiry twice", V5, with(&[0x11, 0, 0, 0, 1, 0x11, 0, 0, 0, 1]), ConnAck(0x82)),
        bad("CONNECT: Receive Maximum 0", V5, with(&[0x21, 0, 0]), ConnAck(0x82)),
        bad("CONNECT: Maximum Packet Size 0", V5, with(&[0x27, 0, 0, 0, 0]), ConnAck(0x82)),
        bad("CONNECT: Request Problem Information 2", V5, with(&[0x17, 2]), ConnAck(0x82)),
        bad("CONNECT: Request Response Information 2", V5, with(&[0x19, 2]), ConnAck(0x82)),
        bad("CONNECT: Authentication Data alone", V5, with(&[0x16, 0, 1, 1]), ConnAck(0x82)),
        bad("CONNECT: unknown Authentication Method", V5, with(&[0x15, 0, 1, b'x']), ConnAck(0x8C)),
    ]
}
