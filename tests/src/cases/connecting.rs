//! CONNECT, CONNACK, PINGREQ (MQTT 5.0, 3.1, 3.2, 3.12).

use weirmq_core::Config;

use crate::wire::*;
use crate::{Start, Talk};

fn connects(start: Start<'_>, version: Version) {
    let mut w = start(Config::default());
    let (client, connack) = w.try_connect(connect("someone").version(version));
    assert_eq!((connack.code, connack.session_present), (0, false));
    w.expect_nothing(client);
    w.send(client, disconnect());
    w.expect_closed(client);
}

/// A 3.1 client is let in and out.
pub fn connects_with_3_1(start: Start<'_>) {
    connects(start, Version::V31);
}

/// A 3.1.1 client is let in and out.
pub fn connects_with_3_1_1(start: Start<'_>) {
    connects(start, Version::V311);
}

/// A 5.0 client is let in and out.
pub fn connects_with_5_0(start: Start<'_>) {
    connects(start, Version::V5);
}

/// PINGREQ is answered, each (MQTT-3.12.4-1).
pub fn answers_ping(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(connect("someone"));
    for _ in 0..3 {
        w.send(client, ping());
    }
    for _ in 0..3 {
        w.expect(client, pong());
    }
}

/// An empty Client Identifier is replaced: two such clients are two, and a 5.0 client is told its name (MQTT-3.1.3-6).
pub fn assigns_a_client_identifier(start: Start<'_>) {
    let mut w = start(Config::default());
    let mut names = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..3 {
        let (client, connack) = w.try_connect(connect("").v5());
        let name = connack.properties.iter().find_map(|property| match property {
            Property::AssignedClientIdentifier(name) => Some(name.clone()),
            _ => None,
        });
        names.push(name.expect("an Assigned Client Identifier"));
        clients.push(client);
    }
    clients.push(w.connect(connect("")));
    clients.push(w.connect(connect("")));
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 3, "assigned identifiers differ: {names:?}");
    for client in clients {
        w.expect_nothing(client);
    }
}

/// 3.1.1: no identifier and CleanSession 0 is refused by 0x02 (MQTT-3.1.3-8).
pub fn refuses_an_empty_identifier_with_a_session(start: Start<'_>) {
    let mut w = start(Config::default());
    let (client, connack) = w.try_connect(connect("").clean(false));
    assert_eq!(connack, connack_refused(2));
    w.expect_closed(client);
}

/// 3.1 has no empty identifiers at all: 0x02.
pub fn refuses_an_empty_identifier_in_3_1(start: Start<'_>) {
    let mut w = start(Config::default());
    for clean in [true, false] {
        let (client, connack) = w.try_connect(connect("").v31().clean(clean));
        assert_eq!(connack, connack_refused(2));
        w.expect_closed(client);
    }
}

/// 3.1 does not use the lowest of the Connect Flags, so any value of it is taken.
pub fn ignores_the_unused_connect_flag_of_3_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.open();
    w.set_version(client, Version::V31);
    w.send(client, raw::connect(b"MQIsdp", 3, 0b0000_0011, None, &raw::string("x")));
    w.expect(client, connack(false, 0));
}

/// A client that takes no packet as large as its CONNACK is closed without a word (MQTT-3.1.2-24, MQTT-3.2.0-1), one that
/// takes none as large as its SUBACK by 0x95.
pub fn closes_what_cannot_be_answered(start: Start<'_>) {
    let mut w = start(Config::default());
    for size in [1, 2, 4] {
        let client = w.open();
        w.set_version(client, Version::V5);
        w.send(client, connect("tiny").v5().property(Property::MaximumPacketSize(size)).to_wire(Version::V5));
        w.expect_closed(client);
    }
    let client = w.connect(connect("small").v5().property(Property::MaximumPacketSize(64)));
    let filters: [(&str, u8); 64] = [("t", 0); 64];
    w.send(client, subscribe(1, filters));
    w.expect_like(client, disconnect().code(0x95));
    w.expect_closed(client);
}

fn connack_refused(code: u8) -> ConnAck {
    connack(false, code)
}

/// An unknown level is refused: one below 4 by 0x01, one above 5 by 0x84 (MQTT-3.1.2-2 of 3.1.1 and of 5.0).
pub fn refuses_an_unknown_protocol_level(start: Start<'_>) {
    let mut w = start(Config::default());
    for (level, version, code) in [(0, Version::V311, 1), (2, Version::V311, 1), (6, Version::V5, 0x84)] {
        let client = w.open();
        w.set_version(client, version);
        w.send(client, raw::connect(b"MQTT", level, 2, Some(&[]), &raw::string("x")));
        w.expect_like(client, connack_refused(code));
        w.expect_closed(client);
    }
    for level in [0, 2, 4, 5, 6, 255] {
        let client = w.open();
        w.set_version(client, Version::V31);
        w.send(client, raw::connect(b"MQIsdp", level, 2, None, &raw::string("x")));
        w.expect(client, connack_refused(1));
        w.expect_closed(client);
    }
}

/// What was pipelined behind a CONNECT that is refused has no effect.
pub fn packets_behind_a_refused_connect_are_not_executed(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = w.connect(connect("witness"));
    w.subscribed(witness, [("#", 0)]);
    let client = w.open();
    let bytes = [
        connect("").clean(false).to_wire(Version::V311),
        publish("a", "never").to_wire(Version::V311),
        publish("a", "never").qos(1).retain().to_wire(Version::V311),
    ];
    w.send(client, bytes.concat());
    w.expect(client, connack_refused(2));
    w.expect_closed(client);
    let publisher = w.connect(connect("publisher"));
    w.published(publisher, publish("a", "after").qos(1));
    w.take(witness, "a", "after");
    let late = w.connect(connect("late"));
    w.subscribed(late, [("#", 0)]);
    w.expect_nothing(late);
}
