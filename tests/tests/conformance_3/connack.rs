//! What the broker does with a CONNECT, and what CONNACK says (MQTT 3.1.1, 3.1.4 and 3.2).

use weirmq_core::config::Authentication;
use weirmq_core::packet::ReasonCode;
use weirmq_core::{AuthOutcome, Config};
use weirmq_tests::wire::*;
use weirmq_tests::{Received, Start, Talk, World};

use crate::InMemory;
use crate::common::*;

crate::cases! {
    mqtt_3_3_1_4_1 mqtt_3_3_1_4_1_has_no_effect mqtt_3_3_1_4_2 mqtt_3_3_1_4_2_across_versions
    mqtt_3_3_1_4_3 mqtt_3_3_1_4_4 mqtt_3_3_1_4_5
    mqtt_3_3_2_0_1 mqtt_3_3_2_2_1 mqtt_3_3_2_2_2 mqtt_3_3_2_2_2_not_in_3_1 mqtt_3_3_2_2_3
    mqtt_3_3_2_2_5 mqtt_3_3_2_2_6
}

crate::in_memory! { mqtt_3_3_1_4_5_after_the_answer mqtt_3_3_2_0_1_while_undecided mqtt_3_3_2_2_4 mqtt_3_3_2_2_5_each_code }

/// Malformed CONNECT packets: closed, and no CONNACK.
fn mqtt_3_3_1_4_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let id = raw::string("rogue");
    let good = connect("rogue").to_wire(Version::V311);
    for bytes in [
        vec![0x10, 0],
        raw::frame(0x10, [0, 4]),
        raw::frame(0x10, b"\x00\x04MQTT"),
        raw::frame(0x10, b"\x00\x04MQTT\x04"),
        raw::frame(0x10, b"\x00\x04MQTT\x04\x02"),
        raw::frame(0x10, b"\x00\x04MQTT\x04\x02\x00"),
        raw::frame(0x10, b"\x00\x04MQTT\x04\x02\x00\x0A"),
        raw::frame(0x10, b"\x00\x09MQTT\x04\x02\x00\x0A"),
        raw_connect(0x02, raw::join([&id, &[0]])),
        raw_connect(0x02, raw::join([&id, &raw::string("more")])),
        raw_connect(0x02, [0xFF, 0xFF, b'x']),
        raw_connect(0x03, &id),
        raw_connect(0x1A, &id),
        raw_connect(0x42, raw::join([&id, &id])),
        [&[0x11], &good[1..]].concat(),
        vec![0x10, 0xFF, 0xFF, 0xFF, 0xFF],
    ] {
        turns_away(&mut *w, bytes);
    }
    lets_in(&mut *w, good);
}

/// Nor any effect: nobody is taken over, no session ends, no will goes out.
fn mqtt_3_3_1_4_1_has_no_effect(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("will", 1)]);
    let client = w.connect(connect("client").clean(false));
    let fields = raw::join([&raw::string("client"), &raw::string("will"), &raw::string("x")]);
    turns_away(&mut *w, raw_connect(0x07, &fields));
    turns_away(&mut *w, raw_connect(0x06, raw::join([&fields, b"more"])));
    w.expect_nothing(client);
    w.expect_nothing(witness);
    leave(&mut *w, client);
    turns_away(&mut *w, raw_connect(0x07, &fields));
    w.reconnect(connect("client").clean(false), true);
}

/// The same identifier again: the older connection is closed, every time, and the newest serves on.
fn mqtt_3_3_1_4_2(start: Start<'_>) {
    let mut w = start(Config::default());
    for (first, then) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut client = w.connect(connect("client").clean(first));
        for _ in 0..3 {
            let next = w.connect(connect("client").clean(then));
            w.expect_closed(client);
            w.expect_nothing(next);
            client = next;
        }
        leave(&mut *w, client);
    }
}

/// Whichever versions the two speak.
fn mqtt_3_3_1_4_2_across_versions(start: Start<'_>) {
    let mut w = start(Config::default());
    for older in OLD {
        for newer in [Version::V31, Version::V311, Version::V5] {
            let first = w.connect(connect("client").version(older));
            let second = w.connect(connect("client").version(newer));
            w.expect_closed(first);
            w.expect_nothing(second);
            leave(&mut *w, second);
        }
    }
}

/// CleanSession is carried out at each CONNECT: every order of two connections, and what the third finds.
fn mqtt_3_3_1_4_3(start: Start<'_>) {
    let mut w = start(Config::default());
    for (number, (first, second)) in
        [(true, true), (true, false), (false, true), (false, false)].into_iter().enumerate()
    {
        let name = format!("client{number}");
        let client = w.reconnect(connect(&name).clean(first), false);
        w.subscribed(client, [("t", 1)]);
        leave(&mut *w, client);
        let kept = !first && !second;
        let client = w.reconnect(connect(&name).clean(second), kept);
        publishes(&mut *w, publish("t", "x").qos(1));
        if kept {
            w.take(client, "t", "x");
        }
        w.expect_nothing(client);
        leave(&mut *w, client);
        let client = w.reconnect(connect(&name).clean(false), !second);
        leave(&mut *w, client);
    }
}

/// A good CONNECT is answered by CONNACK 0x00, byte for byte.
fn mqtt_3_3_1_4_4(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        for connect in [
            connect("client"),
            connect("client").keep_alive(u16::MAX),
            connect("client").clean(false),
            connect("client").clean(true).user_name("ann").password(b"x"),
            connect("client").will("t", b"x", 2).will_retain(),
            connect("client").will("t", &[7; 20_000], 0).user_name(&"u".repeat(20_000)),
        ] {
            let client = w.open();
            w.send(client, connect.version(version));
            expect_bytes(&mut *w, client, &[0x20, 2, 0, 0]);
            leave(&mut *w, client);
            let client = w.connect(weirmq_tests::wire::connect("client"));
            leave(&mut *w, client);
        }
    }
}

/// What the packets behind a refused CONNECT would have done, and are not seen to do.
fn behind(refused: Connect) -> Vec<u8> {
    let v311 = Version::V311;
    [
        refused.to_wire(v311),
        publish("t", "never").to_wire(v311),
        publish("t", "never").qos(1).retain().to_wire(v311),
        subscribe(1, [("#", 0)]).to_wire(v311),
        ping().to_wire(v311),
    ]
    .concat()
}

/// Behind a CONNECT that is refused nothing is acted on, though it came in the same write.
fn mqtt_3_3_1_4_5(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("#", 0)]);
    refuses(&mut *w, behind(connect("").clean(false)), [0x20, 2, 0, 2]);
    let version_2 = raw::connect(b"MQTT", 2, 2, None, &raw::string("x"));
    let rest = behind(connect(""))[connect("").to_wire(Version::V311).len()..].to_vec();
    refuses(&mut *w, [version_2, rest].concat(), [0x20, 2, 0, 1]);
    w.expect_nothing(witness);
    let late = subscriber(&mut *w, "late", [("#", 0)]);
    w.expect_nothing(late);
}

/// Nor when the refusal takes its time.
fn mqtt_3_3_1_4_5_after_the_answer(net: InMemory<'_>) {
    let authentication = Authentication::External { methods: vec![] };
    let mut n = net(Config { authentication, ..Config::default() });
    let witness = subscriber(&mut n, "witness", [("#", 0)]);
    n.authenticate(|_| None);
    let client = n.open();
    n.send(client, behind(connect("client")));
    assert_eq!(n.read(client), Received::Nothing);
    let (shard, request) = n.asked().expect("a question");
    n.send(client, publish("t", "never either"));
    n.answer(shard, request.id, AuthOutcome::Refuse(ReasonCode::NotAuthorized));
    expect_bytes(&mut n, client, &[0x20, 2, 0, 5]);
    n.expect_closed(client);
    n.authenticate(|_| Some(AuthOutcome::Accept { data: None }));
    n.expect_nothing(witness);
    let late = subscriber(&mut n, "late", [("#", 0)]);
    n.expect_nothing(late);
}

/// CONNACK comes first, before all that a session is owed and before the answers to what was sent with the CONNECT.
fn mqtt_3_3_2_0_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let session = || connect("client").clean(false);
    let client = w.connect(session());
    w.subscribed(client, [("t", 2)]);
    publishes(&mut *w, publish("t", "unfinished").qos(2));
    w.recv_publish(client);
    w.reset(client);
    publishes(&mut *w, publish("t", "waits").qos(1));
    let client = w.open();
    let hasty = [session().to_wire(Version::V311), ping().to_wire(Version::V311)].concat();
    w.send(client, hasty);
    w.expect(client, connack(true, 0));
    w.expect_among(client, &pong());
    w.take(client, "t", "unfinished");
    w.take(client, "t", "waits");
}

/// And nothing comes while it is not decided whether the client is let in.
fn mqtt_3_3_2_0_1_while_undecided(net: InMemory<'_>) {
    let authentication = Authentication::External { methods: vec![] };
    let mut n = net(Config { authentication, ..Config::default() });
    let publisher = n.connect(connect("publisher"));
    away(&mut n, "client", [("t", 1)]);
    n.authenticate(|_| None);
    let client = n.open();
    n.send(client, [connect("client").clean(false).to_wire(Version::V311), vec![0xC0, 0]].concat());
    n.published(publisher, publish("t", "x").qos(1));
    assert_eq!(n.read(client), Received::Nothing);
    let (shard, request) = n.asked().expect("a question");
    n.answer(shard, request.id, AuthOutcome::Accept { data: None });
    n.expect(client, connack(true, 0));
    n.expect_among(client, &pong());
    n.take(client, "t", "x");
}

/// CleanSession 1: Session Present is 0, though there was a session.
fn mqtt_3_3_2_2_1(start: Start<'_>) {
    let mut w = start(Config::default());
    away(&mut *w, "client", [("t", 1)]);
    let client = w.open();
    w.send(client, connect("client").clean(true));
    expect_bytes(&mut *w, client, &[0x20, 2, 0, 0]);
    let other = w.connect(connect("other").clean(false));
    let next = w.reconnect(connect("other").clean(true), false);
    w.expect_closed(other);
    w.expect_nothing(next);
}

/// CleanSession 0 and a session that is there: Session Present is 1, byte for byte.
fn mqtt_3_3_2_2_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(connect("client").clean(false));
    leave(&mut *w, client);
    let client = w.open();
    w.send(client, connect("client").clean(false));
    expect_bytes(&mut *w, client, &[0x20, 2, 1, 0]);
    let next = w.reconnect(connect("client").clean(false), true);
    w.expect_closed(client);
    w.reset(next);
    w.reconnect(connect("client").clean(false), true);
}

/// MQTT 3.1 has no Session Present: the byte is 0, and the session is there all the same.
fn mqtt_3_3_2_2_2_not_in_3_1(start: Start<'_>) {
    let mut w = start(Config::default());
    away(&mut *w, "client", [("t", 1)]);
    publishes(&mut *w, publish("t", "x").qos(1));
    let client = w.open();
    w.send(client, connect("client").v31().clean(false));
    expect_bytes(&mut *w, client, &[0x20, 2, 0, 0]);
    w.take(client, "t", "x");
}

/// CleanSession 0 and no session: Session Present is 0.
fn mqtt_3_3_2_2_3(start: Start<'_>) {
    let mut w = start(Config::default());
    away(&mut *w, "another", [("t", 1)]);
    let client = w.connect(connect("client").clean(true));
    leave(&mut *w, client);
    let client = w.open();
    w.send(client, connect("client").clean(false));
    expect_bytes(&mut *w, client, &[0x20, 2, 0, 0]);
}

/// A refusal says Session Present 0, though there is a session; and the session stays.
fn mqtt_3_3_2_2_4(net: InMemory<'_>) {
    let authentication = Authentication::External { methods: vec![] };
    let mut n = net(Config { authentication, ..Config::default() });
    away(&mut n, "client", [("t", 1)]);
    n.authenticate(|_| Some(AuthOutcome::Refuse(ReasonCode::BadUserNameOrPassword)));
    refuses(&mut n, connect("client").clean(false), [0x20, 2, 0, 4]);
    refuses(&mut n, connect("client").clean(true), [0x20, 2, 0, 4]);
    n.authenticate(|_| Some(AuthOutcome::Accept { data: None }));
    n.reconnect(connect("client").clean(false), true);
}

/// After a return code that is not zero the connection closes.
fn mqtt_3_3_2_2_5(start: Start<'_>) {
    let mut config = Config::default();
    config.listeners[0].allow_anonymous = false;
    let mut w = start(config);
    for version in OLD {
        refuses(&mut *w, connect("client").version(version), [0x20, 2, 0, 5]);
        refuses(&mut *w, connect(&"x".repeat(2_000)).version(version), [0x20, 2, 0, 2]);
    }
    refuses(&mut *w, raw::connect(b"MQTT", 1, 2, None, &raw::string("client")), [0x20, 2, 0, 1]);
}

/// Each of the five codes.
fn mqtt_3_3_2_2_5_each_code(net: InMemory<'_>) {
    let authentication = Authentication::External { methods: vec![] };
    let mut n = net(Config { authentication, ..Config::default() });
    for (code, number) in [
        (ReasonCode::UnsupportedProtocolVersion, 1),
        (ReasonCode::ClientIdentifierNotValid, 2),
        (ReasonCode::ServerUnavailable, 3),
        (ReasonCode::BadUserNameOrPassword, 4),
        (ReasonCode::NotAuthorized, 5),
    ] {
        n.authenticate(move |_| Some(AuthOutcome::Refuse(code)));
        refuses(&mut n, connect("client"), [0x20, 2, 0, number]);
    }
}

/// A refusal for which there is no return code, here of a will that the broker does not take: closed without CONNACK.
fn mqtt_3_3_2_2_6(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.maximum_qos = weirmq_core::packet::QoS::AtLeastOnce;
    config.mqtt.retain_available = false;
    let mut w = start(config);
    for version in OLD {
        turns_away(&mut *w, connect("client").version(version).will("$SYS/x", b"x", 0));
        turns_away(&mut *w, connect("client").version(version).will("t", b"x", 2));
        turns_away(&mut *w, connect("client").version(version).will("t", b"x", 0).will_retain());
        let client = lets_in(&mut *w, connect("client").version(version).will("t", b"x", 1));
        leave(&mut *w, client);
    }
}
