//! CONNECT: when it comes, and its protocol name, level and flags (MQTT 3.1.1, 3.1, 3.1.2.1 to 3.1.2.3, 3.1.2.8, 3.1.2.9).

use weirmq_core::Config;
use weirmq_core::packet::Version as CoreVersion;
use weirmq_tests::wire::*;
use weirmq_tests::{Start, Talk};

use crate::common::*;

crate::cases! {
    mqtt_3_3_1_0_1 mqtt_3_3_1_0_2 mqtt_3_3_1_0_2_has_no_effect
    mqtt_3_3_1_2_1 mqtt_3_3_1_2_1_mqisdp_is_3_1 mqtt_3_3_1_2_2 mqtt_3_3_1_2_2_a_version_that_is_not_let_in
    mqtt_3_3_1_2_3
    mqtt_3_3_1_2_18 mqtt_3_3_1_2_19 mqtt_3_3_1_2_19_in_3_1 mqtt_3_3_1_2_20 mqtt_3_3_1_2_21 mqtt_3_3_1_2_22
}

/// Whatever comes before CONNECT closes the connection unanswered, and the CONNECT after it is not read.
fn mqtt_3_3_1_0_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("t", 0)]);
    let v311 = Version::V311;
    for first in [
        publish("t", "x").to_wire(v311),
        publish("t", "x").qos(1).to_wire(v311),
        puback(1).to_wire(v311),
        pubrec(1).to_wire(v311),
        pubrel(1).to_wire(v311),
        pubcomp(1).to_wire(v311),
        subscribe(1, [("t", 0)]).to_wire(v311),
        unsubscribe(1, ["t"]).to_wire(v311),
        ping().to_wire(v311),
        disconnect().to_wire(v311),
        connack(false, 0).to_wire(v311),
    ] {
        turns_away(&mut *w, [first, connect("rogue").to_wire(v311)].concat());
    }
    w.expect_nothing(witness);
    lets_in(&mut *w, connect("honest"));
}

/// A second CONNECT drops the client, an identical one too.
fn mqtt_3_3_1_0_2(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        closes_of(&mut *w, version, connect("rogue").version(version).to_wire(version));
        closes_of(&mut *w, version, connect("another").version(version).to_wire(version));
        let both = connect("rogue").version(version).to_wire(version).repeat(2);
        let client = w.open();
        w.set_version(client, version);
        w.send(client, both);
        w.expect(client, connack(false, 0));
        w.expect_closed(client);
    }
}

/// The second CONNECT itself does nothing: it takes no session over, and the will is that of the first.
fn mqtt_3_3_1_0_2_has_no_effect(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("will/#", 1)]);
    let bystander = w.connect(connect("bystander"));
    let client = w.connect(connect("rogue").will("will/first", b"1", 0));
    w.send(client, connect("bystander").will("will/second", b"2", 0));
    w.expect_closed(client);
    w.take(witness, "will/first", "1");
    w.expect_nothing(witness);
    w.expect_nothing(bystander);
}

/// Another protocol name is not served as MQTT 3.1.1: the broker closes, and the CONNECT has no effect.
fn mqtt_3_3_1_2_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("will", 1)]);
    let payload = raw::join([&raw::string("rogue"), &raw::string("will"), &raw::string("x")]);
    for name in [&b"MQTX"[..], b"mqtt", b"MQT", b"MQTTT", b"", b"MQTt", b"\xFF\xFF\xFF\xFF", b"HTTP"] {
        turns_away(&mut *w, raw::connect(name, 4, 0x06, None, &payload));
    }
    w.expect_nothing(witness);
    lets_in(&mut *w, raw::connect(b"MQTT", 4, 0x06, None, &payload));
}

/// The name and level of MQTT 3.1 belong together, and so do those of 3.1.1.
fn mqtt_3_3_1_2_1_mqisdp_is_3_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let id = raw::string("client");
    lets_in(&mut *w, raw::connect(b"MQIsdp", 3, 2, None, &id));
    refuses(&mut *w, raw::connect(b"MQIsdp", 4, 2, None, &id), [0x20, 2, 0, 1]);
    turns_away(&mut *w, raw::connect(b"MQIsdq", 3, 2, None, &id));
    turns_away(&mut *w, raw::connect(b"MQISDP", 3, 2, None, &id));
}

/// A level that the broker does not speak: CONNACK 0x01, whatever else is in the packet, and a close. (Levels above 5 are
/// answered in the form of 5.0.)
fn mqtt_3_3_1_2_2(start: Start<'_>) {
    let mut w = start(Config::default());
    for level in 0..=3 {
        refuses(&mut *w, raw::connect(b"MQTT", level, 2, None, &raw::string("client")), [0x20, 2, 0, 1]);
        refuses(&mut *w, raw::connect(b"MQTT", level, 0xFF, None, b"whatever"), [0x20, 2, 0, 1]);
    }
}

/// A version that this deployment does not let in is one that it does not speak.
fn mqtt_3_3_1_2_2_a_version_that_is_not_let_in(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.versions = vec![CoreVersion::V3_1_1];
    let mut w = start(config);
    refuses(&mut *w, connect("client").v31(), [0x20, 2, 0, 1]);
    lets_in(&mut *w, connect("client"));
    let mut config = Config::default();
    config.mqtt.versions = vec![CoreVersion::V3_1, CoreVersion::V5];
    let mut w = start(config);
    refuses(&mut *w, connect("client"), [0x20, 2, 0, 1]);
    lets_in(&mut *w, connect("client").v31());
}

/// Bit 0 of the flags drops the client, with every combination of the others that would be good.
fn mqtt_3_3_1_2_3(start: Start<'_>) {
    let mut w = start(Config::default());
    let id = raw::string("rogue");
    let (text, field) = (raw::string("x"), raw::string("t"));
    for (flags, payload) in [
        (0x00, id.clone()),
        (0x02, id.clone()),
        (0x2E, raw::join([&id, &field, &text])),
        (0x82, raw::join([&id, &field])),
        (0xC2, raw::join([&id, &field, &text])),
    ] {
        turns_away(&mut *w, raw_connect(flags | 1, &payload));
        let client = lets_in(&mut *w, raw_connect(flags, &payload));
        leave(&mut *w, client);
        let client = w.connect(connect("rogue"));
        leave(&mut *w, client);
    }
}

/// Without User Name Flag nothing stands where a user name would.
fn mqtt_3_3_1_2_18(start: Start<'_>) {
    let mut w = start(Config::default());
    let payload = raw::join([&raw::string("client"), &raw::string("ann")]);
    turns_away(&mut *w, raw_connect(0x02, &payload));
    lets_in(&mut *w, raw_connect(0x82, &payload));
}

/// With User Name Flag there is a user name.
fn mqtt_3_3_1_2_19(start: Start<'_>) {
    let mut w = start(Config::default());
    let id = raw::string("client");
    turns_away(&mut *w, raw_connect(0x82, &id));
    turns_away(&mut *w, raw_connect(0x82, raw::join([&id, &[0]])));
    turns_away(&mut *w, raw_connect(0x82, raw::join([&id, &[0, 3], b"an"])));
    lets_in(&mut *w, raw_connect(0x82, raw::join([&id, &[0, 0]])));
}

/// In MQTT 3.1 the Remaining Length takes precedence over the flag: a user name or password that is not there at all is
/// none (3.1, "User name and password flags"), and one that is cut is still an error.
fn mqtt_3_3_1_2_19_in_3_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let id = raw::string("client");
    let connect = |flags, payload: &[u8]| raw::connect(b"MQIsdp", 3, flags, None, payload);
    lets_in(&mut *w, connect(0x82, &id));
    lets_in(&mut *w, connect(0xC2, &raw::join([&id, &raw::string("ann")])));
    turns_away(&mut *w, connect(0x82, &raw::join([&id, &[0, 3], b"an"])));
    turns_away(&mut *w, connect(0x06, &id));
}

/// Without Password Flag nothing stands where a password would.
fn mqtt_3_3_1_2_20(start: Start<'_>) {
    let mut w = start(Config::default());
    let payload = raw::join([&raw::string("client"), &raw::string("ann"), &raw::string("secret")]);
    turns_away(&mut *w, raw_connect(0x82, &payload));
    lets_in(&mut *w, raw_connect(0xC2, &payload));
}

/// With Password Flag there is a password; it is binary data and no string.
fn mqtt_3_3_1_2_21(start: Start<'_>) {
    let mut w = start(Config::default());
    let (id, user) = (raw::string("client"), raw::string("ann"));
    turns_away(&mut *w, raw_connect(0xC2, raw::join([&id, &user])));
    turns_away(&mut *w, raw_connect(0xC2, raw::join([&id, &user, &[0, 2, b'x']])));
    lets_in(&mut *w, raw_connect(0xC2, raw::join([&id, &user, &[0, 0]])));
    lets_in(&mut *w, raw_connect(0xC2, raw::join([&id, &user, &raw::string([0, 0xFF, 0xC0])])));
}

/// A password without a user name drops the client.
fn mqtt_3_3_1_2_22(start: Start<'_>) {
    let mut w = start(Config::default());
    let id = raw::string("client");
    turns_away(&mut *w, raw_connect(0x42, raw::join([&id, &raw::string("secret")])));
    turns_away(&mut *w, raw_connect(0x42, raw::join([&id, &raw::string("ann"), &raw::string("secret")])));
    lets_in(&mut *w, raw_connect(0xC2, raw::join([&id, &raw::string("ann"), &raw::string("secret")])));
}
