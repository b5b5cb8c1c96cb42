//! What a CONNECT leads to, and what may come before and after its CONNACK (3.1.4, 3.2).

use crate::support::*;
use weirmq_core::AuthOutcome;
use weirmq_tests::malformed::{Answer, table};
use weirmq_tests::memory::StoreMode;

/// Every malformed CONNECT of the table ends the connection, and no session is left of it.
fn mqtt_5_3_1_4_1(start: Start<'_>) {
    let mut w = start(Config::default());
    for bad in table().into_iter().filter(|bad| !bad.connected && bad.version == Version::V5) {
        let client = open(&mut *w);
        w.send(client, &bad.bytes);
        match bad.answer {
            Answer::ConnAck(code) => drop(refused_at(&mut *w, client, &[code])),
            Answer::Close => w.expect_closed(client),
            Answer::Disconnect(_) => panic!("{}: a DISCONNECT before CONNACK", bad.name),
        }
    }
    w.reconnect(lasting("rogue"), false);
}

fn closed_listener() -> Config {
    let mut config = Config::default();
    config.listeners[0].allow_anonymous = false;
    config
}

/// A client that may not come in is told 0x87 and closed.
fn mqtt_5_3_1_4_2(start: Start<'_>) {
    let mut w = start(closed_listener());
    refused(&mut *w, v5("anonymous"), &[0x87]);
    refused(&mut *w, lasting("anonymous"), &[0x87]);
}

fn asking(shards: u16) -> Net {
    let authentication = Authentication::External { methods: Vec::new() };
    net(shards, Config { authentication, ..Config::default() })
}

/// So is one whom the deployment refuses, with the deployment's code.
fn mqtt_5_3_1_4_2_by_the_deployment(shards: u16) {
    for code in [ReasonCode::BadUserNameOrPassword, ReasonCode::NotAuthorized, ReasonCode::Banned] {
        let mut n = asking(shards);
        n.authenticate(move |_| Some(AuthOutcome::Refuse(code)));
        refused(&mut n, v5("client").user_name("ann").password(b"wrong"), &[code.as_u8()]);
        n.authenticate(|_| Some(AuthOutcome::Accept { data: None }));
        n.reconnect(lasting("client"), false);
    }
}

/// The older connection is told 0x8E and closed, the newer one has the session.
fn mqtt_5_3_1_4_3(start: Start<'_>) {
    let mut w = start(Config::default());
    let older = w.connect(lasting("client"));
    w.subscribed(older, [("t", 1)]);
    let newer = w.reconnect(lasting("client"), true);
    disconnected(&mut *w, older, &[0x8E]);
    let newest = w.reconnect(lasting("client"), true);
    disconnected(&mut *w, newer, &[0x8E]);
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t", "x").qos(1));
    w.take(newest, "t", "x");
}

/// A refused CONNECT takes nothing over.
fn mqtt_5_3_1_4_3_not_by_a_refused_client(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(lasting("client"));
    let will = join([&string("client"), &[0], &string("t"), &string("x")]);
    refused(&mut *w, raw_connect(0x1E, &[], &will), &[0x81]);
    refused(&mut *w, v5("client").will("#", b"x", 0), &[0x90, 0x82]);
    w.expect_nothing(client);
}

/// A takeover obeys Clean Start: 0 goes on with the session, 1 begins a new one.
fn mqtt_5_3_1_4_4(start: Start<'_>) {
    for clean in [false, true] {
        let mut w = start(Config::default());
        let older = w.connect(lasting("client"));
        w.subscribed(older, [("t", 1)]);
        let newer = w.reconnect(lasting("client").clean(clean), !clean);
        disconnected(&mut *w, older, &[0x8E]);
        let publisher = w.connect(v5("publisher"));
        w.published(publisher, publish("t", "x").qos(1));
        if !clean {
            w.take(newer, "t", "x");
        }
        w.expect_nothing(newer);
    }
}

/// The CONNACK of an accepted CONNECT: byte 0x00, once.
fn mqtt_5_3_1_4_5(start: Start<'_>) {
    let mut w = start(Config::default());
    for connect in [v5("a"), v5("b").keep_alive(1), lasting("c"), v5("d").will("t", b"x", 2).will_retain()] {
        let client = w.open();
        w.send(client, connect);
        w.expect_like(client, connack(false, 0));
        w.expect_nothing(client);
    }
}

/// Nothing that came behind a refused CONNECT is acted on.
fn mqtt_5_3_1_4_6(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = w.connect(v5("witness"));
    w.subscribed(witness, [("#", 1)]);
    let behind = [
        publish("t", "never").to_wire(Version::V5),
        publish("t", "never").qos(1).retain().to_wire(Version::V5),
        subscribe(1, [("#", 0)]).to_wire(Version::V5),
        ping().to_wire(Version::V5),
        v5("rogue").to_wire(Version::V5),
    ]
    .concat();
    let will = join([&string("rogue"), &[0], &string("t"), &string("never")]);
    refused(&mut *w, join([&raw_connect(0x1E, &[], &will), &behind]), &[0x81]);
    refused(&mut *w, join([&v5("rogue").will("#", b"never", 0).to_wire(Version::V5), &behind]), &[0x90, 0x82]);
    w.expect_nothing(witness);
    let late = w.connect(v5("late"));
    w.subscribed(late, [("#", 0)]);
    w.expect_nothing(late);
    w.reconnect(lasting("rogue"), false);
}

/// Also when the refusal comes late.
fn mqtt_5_3_1_4_6_after_the_deployment(shards: u16) {
    let mut n = asking(shards);
    let witness = n.connect(v5("witness"));
    n.subscribed(witness, [("#", 1)]);
    n.authenticate(|_| None);
    let client = open(&mut n);
    n.send(client, join([&v5("rogue").to_wire(Version::V5), &publish("t", "never").qos(1).to_wire(Version::V5)]));
    let (shard, request) = n.asked().expect("a question");
    n.answer(shard, request.id, AuthOutcome::Refuse(ReasonCode::NotAuthorized));
    refused_at(&mut n, client, &[0x87]);
    n.expect_nothing(witness);
}

/// CONNACK is the first packet, whatever was sent with the CONNECT and whatever waits in the session.
fn mqtt_5_3_2_0_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(lasting("client"));
    w.subscribed(client, [("t", 2)]);
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t", "in flight").qos(1));
    w.recv_publish(client);
    leave(&mut *w, client);
    w.published(publisher, publish("t", "queued").qos(1));
    let client = open(&mut *w);
    let pipelined = [
        lasting("client").to_wire(Version::V5),
        ping().to_wire(Version::V5),
        publish("u", "x").qos(1).to_wire(Version::V5),
        subscribe(1, [("u", 0)]).to_wire(Version::V5),
    ];
    w.send(client, pipelined.concat());
    w.expect_like(client, connack(true, 0));
    w.expect_among(client, &pong());
}

/// While the deployment thinks nothing is sent.
fn mqtt_5_3_2_0_1_while_it_is_decided(shards: u16) {
    let mut n = asking(shards);
    n.authenticate(|_| None);
    let client = open(&mut n);
    n.send(client, join([&v5("client").to_wire(Version::V5), &ping().to_wire(Version::V5)]));
    assert_eq!(n.read(client), Received::Nothing);
    n.advance(secs(1));
    assert_eq!(n.read(client), Received::Nothing);
    let (shard, request) = n.asked().expect("a question");
    n.answer(shard, request.id, AuthOutcome::Accept { data: None });
    n.expect_like(client, connack(false, 0));
    n.expect(client, pong());
}

/// While a session is not yet stored nothing is sent on its connection: CONNACK comes first, then what waited.
fn mqtt_5_3_2_0_1_while_it_is_stored(shards: u16) {
    let mut n = net(shards, Config { durable: true, ..Config::default() });
    let client = n.connect(lasting("client"));
    n.subscribed(client, [("t", 1)]);
    leave(&mut n, client);
    let publisher = n.connect(v5("publisher"));
    n.published(publisher, publish("t", "queued").qos(1));
    n.store(StoreMode::Late);
    let first = open(&mut n);
    n.send(first, join([&lasting("client").to_wire(Version::V5), &ping().to_wire(Version::V5)]));
    n.send(publisher, publish("t", "0"));
    assert_eq!(n.read(first), Received::Nothing);
    // Nor is a DISCONNECT sent before it, when another connection takes over (MQTT-3.14.0-1).
    let second = open(&mut n);
    n.send(second, lasting("client"));
    n.expect_closed(first);
    assert_eq!(n.read(second), Received::Nothing);
    n.store(StoreMode::AtOnce);
    n.stored();
    n.expect_like(second, connack(true, 0));
    n.take(second, "t", "queued");
}

/// One CONNACK for a connection, whatever follows: none in answer to a second CONNECT.
fn mqtt_5_3_2_0_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    w.published(client, publish("t", "x").qos(2));
    w.subscribed(client, [("t", 1)]);
    w.expect_nothing(client);
    w.write(client, &v5("client").to_wire(Version::V5));
    disconnected(&mut *w, client, &[0x82]);
}

in_each_world! {
    mqtt_5_3_1_4_1
    mqtt_5_3_1_4_2
    mqtt_5_3_1_4_3
    mqtt_5_3_1_4_3_not_by_a_refused_client
    mqtt_5_3_1_4_4
    mqtt_5_3_1_4_5
    mqtt_5_3_1_4_6
    mqtt_5_3_2_0_1
    mqtt_5_3_2_0_2
}

in_memory! {
    mqtt_5_3_1_4_2_by_the_deployment
    mqtt_5_3_1_4_6_after_the_deployment
    mqtt_5_3_2_0_1_while_it_is_decided
    mqtt_5_3_2_0_1_while_it_is_stored
}
