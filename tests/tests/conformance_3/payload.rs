//! The payload of CONNECT: Client Identifier, will, user name, password (MQTT 3.1.1, 3.1.3).

use std::cell::RefCell;
use std::rc::Rc;

use weirmq_core::config::Authentication;
use weirmq_core::{AuthOutcome, Config};
use weirmq_tests::wire::*;
use weirmq_tests::{Start, Talk, World};

use crate::InMemory;
use crate::common::*;

crate::cases! {
    mqtt_3_3_1_3_2 mqtt_3_3_1_3_3 mqtt_3_3_1_3_4 mqtt_3_3_1_3_5 mqtt_3_3_1_3_5_in_3_1
    mqtt_3_3_1_3_6 mqtt_3_3_1_3_6_not_in_3_1 mqtt_3_3_1_3_7 mqtt_3_3_1_3_8 mqtt_3_3_1_3_9
    mqtt_3_3_1_3_10 mqtt_3_3_1_3_11
}

crate::in_memory! { mqtt_3_3_1_3_1 }

/// The fields are read in the order client identifier, will topic, will message, user name, password.
fn mqtt_3_3_1_3_1(net: InMemory<'_>) {
    let authentication = Authentication::External { methods: vec![] };
    let mut n = net(Config { authentication, ..Config::default() });
    let asked = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&asked);
    n.authenticate(move |request| {
        let request = (request.client_id.to_string(), request.user_name.clone(), request.password.clone());
        log.borrow_mut().push(request);
        Some(AuthOutcome::Accept { data: None })
    });
    let witness = subscriber(&mut n, "witness", [("#", 1)]);
    let fields = ["1st", "2nd", "3rd", "4th", "5th"].map(raw::string);
    let client = lets_in(&mut n, raw_connect(0xC6, fields.concat()));
    let heard = asked.borrow().last().cloned();
    assert_eq!(heard, Some(("1st".into(), Some("4th".into()), Some(Box::from(*b"5th")))));
    n.reset(client);
    n.take(witness, "2nd", "3rd");
    // Without a will, user name and password come right after the identifier.
    lets_in(&mut n, raw_connect(0xC2, [&fields[0][..], &fields[3], &fields[4]].concat()));
    let heard = asked.borrow().last().cloned();
    assert_eq!(heard, Some(("1st".into(), Some("4th".into()), Some(Box::from(*b"5th")))));
}

/// The Client Identifier is the key: it is compared byte by byte, and nothing else counts.
fn mqtt_3_3_1_3_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let names = ["name", "Name", "name ", " name", "nam", "namee", "na\u{0301}me", "n\u{E1}me", "/name"];
    for name in names {
        away(&mut *w, name, [(name, 1)]);
    }
    for name in names {
        publishes(&mut *w, publish(name, name).qos(1));
    }
    for name in names {
        let client = w.reconnect(connect(name).clean(false).user_name("somebody"), true);
        w.take(client, name, name);
        w.expect_nothing(client);
    }
}

/// Without a Client Identifier field a CONNECT is malformed.
fn mqtt_3_3_1_3_3(start: Start<'_>) {
    let mut w = start(Config::default());
    turns_away(&mut *w, raw_connect(0x02, []));
    turns_away(&mut *w, raw_connect(0x02, [0]));
    turns_away(&mut *w, raw_connect(0x02, [0, 3, b'a', b'b']));
    lets_in(&mut *w, raw_connect(0x02, [0, 3, b'a', b'b', b'c']));
}

/// A Client Identifier that is not UTF-8 closes the connection.
fn mqtt_3_3_1_3_4(start: Start<'_>) {
    let mut w = start(Config::default());
    for text in ILL_FORMED.into_iter().chain([&b"a\0"[..]]) {
        for flags in [0x00, 0x02] {
            turns_away(&mut *w, raw_connect(flags, raw::string(text)));
        }
    }
    lets_in(&mut *w, raw_connect(0x02, raw::string("\u{E9}")));
}

const LETTERS: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn accepts_letters(start: Start<'_>, version: Version) {
    let mut w = start(Config::default());
    for length in 1..=23 {
        for clean in [true, false] {
            let client = w.connect(connect(&LETTERS[length..2 * length]).version(version).clean(clean));
            w.expect_nothing(client);
        }
    }
    for letter in LETTERS.chars() {
        let client = w.connect(connect(&letter.to_string().repeat(23)).version(version));
        w.expect_nothing(client);
    }
}

/// 1 to 23 letters and digits are always a good Client Identifier: each length, each letter.
fn mqtt_3_3_1_3_5(start: Start<'_>) {
    accepts_letters(start, Version::V311);
    let mut config = Config::default();
    config.mqtt.client_id_bytes_max = 23;
    let mut w = start(config);
    w.connect(connect(&LETTERS[..23]));
}

/// In MQTT 3.1 too.
fn mqtt_3_3_1_3_5_in_3_1(start: Start<'_>) {
    accepts_letters(start, Version::V31);
}

/// Clients without an identifier are let in, are different clients, and are served like any other.
fn mqtt_3_3_1_3_6(start: Start<'_>) {
    let mut w = start(Config::default());
    let clients: Vec<_> = (0..6).map(|_| w.connect(connect(""))).collect();
    for (n, client) in clients.iter().enumerate() {
        w.subscribed(*client, [(&n.to_string(), 1)]);
    }
    for (n, client) in clients.iter().enumerate() {
        publishes(&mut *w, publish(&n.to_string(), "x").qos(1));
        w.take(*client, &n.to_string(), "x");
    }
    for client in clients {
        w.expect_nothing(client);
    }
}

/// In MQTT 3.1 the Client Identifier has at least one character: without it the client is refused by 0x02.
fn mqtt_3_3_1_3_6_not_in_3_1(start: Start<'_>) {
    let mut w = start(Config::default());
    for clean in [true, false] {
        refuses(&mut *w, connect("").v31().clean(clean), [0x20, 2, 0, 2]);
    }
    lets_in(&mut *w, connect("x").v31());
}

/// Without an identifier CleanSession is 1: a client that breaks this gets no session.
fn mqtt_3_3_1_3_7(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("will", 1)]);
    refuses(&mut *w, connect("").clean(false).will("will", b"x", 1), [0x20, 2, 0, 2]);
    w.expect_nothing(witness);
    lets_in(&mut *w, connect("").clean(true));
}

/// No identifier and CleanSession 0: CONNACK 0x02, byte for byte, and a close.
fn mqtt_3_3_1_3_8(start: Start<'_>) {
    let mut w = start(Config::default());
    refuses(&mut *w, raw_connect(0x00, [0, 0]), [0x20, 2, 0, 2]);
    let all = raw::join([&[0, 0], &raw::string("will"), &raw::string("x"), &raw::string("u"), &raw::string("p")]);
    refuses(&mut *w, raw_connect(0xEC, all), [0x20, 2, 0, 2]);
}

/// An identifier that the broker does not take, here because it is too long for it: CONNACK 0x02 and a close.
fn mqtt_3_3_1_3_9(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.client_id_bytes_max = 23;
    let mut w = start(config);
    for version in OLD {
        for length in [24, 25, 62] {
            for clean in [true, false] {
                let connect = connect(&LETTERS[..length]).version(version).clean(clean);
                refuses(&mut *w, connect, [0x20, 2, 0, 2]);
            }
        }
        lets_in(&mut *w, connect(&LETTERS[..23]).version(version));
    }
}

/// A Will Topic that is not UTF-8 closes the connection; a Will Message may be any bytes.
fn mqtt_3_3_1_3_10(start: Start<'_>) {
    let mut w = start(Config::default());
    let id = raw::string("client");
    for text in ILL_FORMED.into_iter().chain([&b"a\0"[..]]) {
        turns_away(&mut *w, raw_connect(0x06, raw::join([&id, &raw::string(text), &raw::string("x")])));
        let client = lets_in(&mut *w, raw_connect(0x06, raw::join([&id, &raw::string("t"), &raw::string(text)])));
        leave(&mut *w, client);
    }
}

/// A user name that is not UTF-8 closes the connection; a password may be any bytes.
fn mqtt_3_3_1_3_11(start: Start<'_>) {
    let mut w = start(Config::default());
    let (id, name) = (raw::string("client"), raw::string("ann"));
    for text in ILL_FORMED.into_iter().chain([&b"a\0"[..]]) {
        turns_away(&mut *w, raw_connect(0x82, raw::join([&id, &raw::string(text)])));
        turns_away(&mut *w, raw_connect(0xC2, raw::join([&id, &raw::string(text), &raw::string("secret")])));
        let client = lets_in(&mut *w, raw_connect(0xC2, raw::join([&id, &name, &raw::string(text)])));
        leave(&mut *w, client);
    }
}
