//! AUTH and enhanced authentication (3.15, 4.12, MQTT-3.1.2-30).

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::*;
use weirmq_core::AuthOutcome;

fn method() -> Property {
    Property::AuthenticationMethod("TEST".into())
}

fn data(data: &[u8]) -> Property {
    Property::AuthenticationData(data.to_vec())
}

/// An AUTH of the method with this code and data.
fn step(code: u8, text: &[u8]) -> Auth {
    auth(code).property(method()).property(data(text))
}

/// A deployment that knows TEST: it asks `who?`, lets `me` in, and lets in who names no method.
fn asking(shards: u16) -> Net {
    let authentication = Authentication::External { methods: vec!["TEST".into()] };
    let mut n = net(shards, Config { authentication, ..Config::default() });
    n.authenticate(|request| {
        let Some(exchange) = &request.exchange else { return Some(AuthOutcome::Accept { data: None }) };
        Some(match exchange.data.as_deref() {
            Some(b"hello") => AuthOutcome::Continue { data: Some(b"who?".to_vec()) },
            Some(b"me") => AuthOutcome::Accept { data: Some(b"welcome".to_vec()) },
            Some(b"late") => return None,
            _ => AuthOutcome::Refuse(ReasonCode::NotAuthorized),
        })
    });
    n
}

fn hello() -> Connect {
    v5("client").property(method()).property(data(b"hello"))
}

/// A client that is let in after two steps.
#[track_caller]
fn authenticated(n: &mut Net, connect: Connect) -> (Client, ConnAck) {
    let client = open(n);
    n.send(client, connect);
    n.expect(client, step(0x18, b"who?"));
    n.send(client, step(0x18, b"me"));
    let Packet::ConnAck(connack) = n.recv(client) else { panic!("no CONNACK") };
    assert_eq!(connack.code, 0);
    (client, connack)
}

/// Between CONNECT and CONNACK only AUTH and DISCONNECT may come: anything else refuses, and is not acted on.
fn mqtt_5_3_1_2_30(shards: u16) {
    let packets: [Packet; 5] =
        [publish("t", "never").qos(1).into(), subscribe(1, [("#", 0)]).into(), ping(), hello().into(), puback(1)];
    for packet in packets {
        let mut n = asking(shards);
        let witness = n.connect(v5("witness"));
        n.subscribed(witness, [("#", 1)]);
        let client = open(&mut n);
        n.send(client, hello());
        n.expect(client, step(0x18, b"who?"));
        n.send(client, packet);
        refused_at(&mut n, client, &[0x82]);
        n.expect_nothing(witness);
    }
}

/// DISCONNECT may.
fn mqtt_5_3_1_2_30_disconnect(shards: u16) {
    let mut n = asking(shards);
    let client = open(&mut n);
    n.send(client, hello());
    n.expect(client, step(0x18, b"who?"));
    leave(&mut n, client);
}

/// AUTH with flags is malformed.
fn mqtt_5_3_15_1_1(shards: u16) {
    for flags in 1..16 {
        let mut n = asking(shards);
        let (client, _) = authenticated(&mut n, hello());
        let mut bytes = step(0x19, b"hello").to_wire(Version::V5);
        bytes[0] |= flags;
        n.send(client, bytes);
        disconnected(&mut n, client, &[0x81]);
    }
}

/// The server's AUTH has 0x18 or 0x00, a client's 0x18 or 0x19; every other code is an error.
fn mqtt_5_3_15_2_1(shards: u16) {
    for code in (0..=0xFF).filter(|code| ![0x18, 0x19].contains(code)) {
        let mut n = asking(shards);
        let (client, _) = authenticated(&mut n, hello());
        n.send(client, step(code, b"hello"));
        disconnected(&mut n, client, MALFORMED_OR_PROTOCOL);
    }
    let mut n = asking(shards);
    let (client, _) = authenticated(&mut n, hello());
    n.send(client, step(0x19, b"hello"));
    n.expect(client, step(0x18, b"who?"));
    n.send(client, step(0x18, b"me"));
    n.expect(client, step(0x00, b"welcome"));
}

/// AUTH of the broker to a client that takes little: it fits, and has no text.
fn small_auths(shards: u16) -> Vec<Auth> {
    let mut n = asking(shards);
    let mut all = Vec::new();
    let client = open(&mut n);
    n.send(client, hello().property(Property::MaximumPacketSize(40)));
    let mut steps = vec![step(0x18, b"me"), step(0x19, b"hello"), step(0x18, b"me")].into_iter();
    loop {
        match n.recv(client) {
            Packet::Auth(auth) => all.push(auth),
            Packet::ConnAck(connack) => assert_eq!(connack.code, 0),
            other => panic!("{other:?}"),
        }
        match steps.next() {
            Some(step) => n.send(client, step),
            None => break,
        }
    }
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|auth| auth.to_wire(Version::V5).len() <= 40));
    all
}

/// A Reason String that does not fit is left out of AUTH.
fn mqtt_5_3_15_2_2(shards: u16) {
    for auth in small_auths(shards) {
        assert!(!auth.properties.iter().any(|property| matches!(property, Property::ReasonString(_))));
    }
}

/// And User Properties.
fn mqtt_5_3_15_2_3(shards: u16) {
    for auth in small_auths(shards) {
        assert_eq!(user_properties(&auth.properties), []);
    }
}

/// A method that is not known is refused by 0x8C, with authentication or without.
fn mqtt_5_4_12_0_1(shards: u16) {
    let unknown = || v5("client").property(Property::AuthenticationMethod("OTHER".into()));
    let mut n = asking(shards);
    refused(&mut n, unknown(), &[0x8C]);
    refused(&mut n, unknown().property(data(b"me")), &[0x8C]);
    refused(&mut n, v5("client").property(Property::AuthenticationMethod("test".into())), &[0x8C]);
    refused(&mut net(shards, Config::default()), unknown(), &[0x8C]);
}

/// What asks for more is AUTH 0x18, as often as it takes.
fn mqtt_5_4_12_0_2(shards: u16) {
    let mut n = asking(shards);
    let client = open(&mut n);
    n.send(client, hello());
    for _ in 0..5 {
        n.expect(client, step(0x18, b"who?"));
        n.send(client, step(0x18, b"hello"));
    }
    n.expect(client, step(0x18, b"who?"));
    n.send(client, step(0x18, b"me"));
    n.expect_like(client, connack(false, 0));
}

/// The client's answer is AUTH 0x18: with 0x19 or 0x00 it is refused, before and after it is connected.
fn mqtt_5_4_12_0_3(shards: u16) {
    for code in [0x00, 0x19] {
        let mut n = asking(shards);
        let client = open(&mut n);
        n.send(client, hello());
        n.expect(client, step(0x18, b"who?"));
        n.send(client, step(code, b"me"));
        refused_at(&mut n, client, &[0x82]);
    }
}

/// 0x18 without a question is no answer.
fn mqtt_5_4_12_0_3_without_a_question(shards: u16) {
    let mut n = asking(shards);
    let (client, _) = authenticated(&mut n, hello());
    n.send(client, step(0x18, b"me"));
    disconnected(&mut n, client, &[0x82]);
}

/// A refusal at any step: CONNACK with the code, and the close; nothing of the client is left.
fn mqtt_5_4_12_0_4(shards: u16) {
    let mut n = asking(shards);
    refused(&mut n, v5("client").property(method()).property(data(b"you")), &[0x87]);
    refused(&mut n, v5("client").property(method()), &[0x87]);
    for steps in 1..4 {
        let client = open(&mut n);
        n.send(client, hello());
        for _ in 1..steps {
            n.expect(client, step(0x18, b"who?"));
            n.send(client, step(0x18, b"hello"));
        }
        n.expect(client, step(0x18, b"who?"));
        n.send(client, step(0x18, b"you"));
        refused_at(&mut n, client, &[0x87]);
    }
    assert_eq!(n.stats().sessions, 0);
}

/// A challenge that the client leaves open ends after its time.
fn mqtt_5_4_12_0_4_in_time(shards: u16) {
    let mut n = asking(shards);
    let client = open(&mut n);
    n.send(client, hello());
    n.expect(client, step(0x18, b"who?"));
    n.advance(secs(10));
    assert!(n.is_closed(client));
    assert_eq!(n.stats().sessions, 0);
}

/// AUTH and CONNACK name the method of the CONNECT, once, byte by byte.
fn mqtt_5_4_12_0_5(shards: u16) {
    let mut n = asking(shards);
    let (client, connack) = authenticated(&mut n, hello());
    assert_eq!(connack.properties.iter().filter(|property| **property == method()).count(), 1, "{connack:?}");
    assert!(connack.properties.contains(&data(b"welcome")));
    n.send(client, step(0x19, b"me"));
    n.expect(client, step(0x00, b"welcome"));
    let client = open(&mut n);
    n.send(client, v5("other").property(method()).property(data(b"me")));
    let Packet::ConnAck(connack) = n.recv(client) else { panic!("no CONNACK") };
    assert!(connack.properties.contains(&method()));
}

/// The deployment is asked step by step, and told which is the first.
fn mqtt_5_4_12_0_5_in_the_question(shards: u16) {
    let mut n = asking(shards);
    n.authenticate(|_| None);
    let client = open(&mut n);
    n.send(client, hello());
    for first in [true, false] {
        let (shard, request) = n.asked().expect("a question");
        let exchange = request.exchange.expect("an exchange");
        assert_eq!((&*exchange.method, exchange.first, exchange.re_authenticate), ("TEST", first, false));
        assert_eq!(exchange.data.as_deref(), Some(if first { &b"hello"[..] } else { b"me" }));
        assert_eq!(&*request.client_id, "client");
        n.answer(shard, request.id, AuthOutcome::Continue { data: Some(b"who?".to_vec()) });
        n.expect(client, step(0x18, b"who?"));
        n.send(client, step(0x18, b"me"));
    }
}

/// Another method in the client's AUTH is an error.
fn mqtt_5_4_12_0_5_of_the_client(shards: u16) {
    let other = |code| auth(code).property(Property::AuthenticationMethod("OTHER".into())).property(data(b"me"));
    let mut n = asking(shards);
    let client = open(&mut n);
    n.send(client, hello());
    n.expect(client, step(0x18, b"who?"));
    n.send(client, other(0x18));
    refused_at(&mut n, client, &[0x82]);
    let (client, _) = authenticated(&mut n, hello());
    n.send(client, other(0x19));
    disconnected(&mut n, client, &[0x82]);
}

/// Who named no method is sent none: no AUTH, nothing in CONNACK, even if the deployment has data for it.
fn mqtt_5_4_12_0_6(shards: u16) {
    for outcome in [AuthOutcome::Accept { data: Some(b"data".to_vec()) }, AuthOutcome::Continue { data: None }] {
        let mut n = asking(shards);
        n.authenticate(move |_| Some(outcome.clone()));
        let client = open(&mut n);
        n.send(client, v5("client").user_name("ann").password(b"secret"));
        let Packet::ConnAck(connack) = n.recv(client) else { panic!("no CONNACK") };
        let about = |property: &Property| {
            matches!(property, Property::AuthenticationMethod(_) | Property::AuthenticationData(_))
        };
        assert!(!connack.properties.iter().any(about), "{connack:?}");
    }
}

/// Who named no method sends no AUTH.
fn mqtt_5_4_12_0_7(start: Start<'_>) {
    for code in [0x00, 0x18, 0x19] {
        breach(start, step(code, b"me"), &[0x82]);
    }
}

/// Re-authentication: AUTH 0x19 with the method of the CONNECT is put to the deployment as such and ends in AUTH 0x00;
/// the connection goes on.
fn mqtt_5_4_12_1_1(shards: u16) {
    let mut n = asking(shards);
    let (client, _) = authenticated(&mut n, hello());
    let seen = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&seen);
    n.authenticate(move |request| {
        let exchange = request.exchange.as_ref().expect("an exchange");
        log.borrow_mut().push((exchange.first, exchange.re_authenticate, request.client_id.to_string()));
        let more = exchange.data.as_deref() == Some(b"hello");
        Some(if more { AuthOutcome::Continue { data: None } } else { AuthOutcome::Accept { data: None } })
    });
    n.send(client, step(0x19, b"hello"));
    n.expect(client, auth(0x18).property(method()));
    n.send(client, step(0x18, b"again"));
    n.expect(client, auth(0x00).property(method()));
    n.expect_nothing(client);
    let who = || "client".to_string();
    assert_eq!(*seen.borrow(), [(true, true, who()), (false, true, who())]);
}

/// Without the method of the CONNECT it is an error.
fn mqtt_5_4_12_1_1_with_its_method(shards: u16) {
    let other = auth(0x19).property(Property::AuthenticationMethod("OTHER".into()));
    for bytes in [frame(0xF0, [0x19, 0]), other.to_wire(Version::V5)] {
        let mut n = asking(shards);
        let (client, _) = authenticated(&mut n, hello());
        n.send(client, bytes);
        disconnected(&mut n, client, &[0x82]);
    }
}

/// A failed re-authentication is told by DISCONNECT, and closes: the will is published, the session is kept.
fn mqtt_5_4_12_1_2(shards: u16) {
    let mut n = asking(shards);
    let witness = n.connect(v5("witness"));
    n.subscribed(witness, [("will", 1)]);
    let connect = lasting("client").property(method()).property(data(b"hello")).will("will", b"gone", 1);
    let (client, _) = authenticated(&mut n, connect.clone());
    n.send(client, step(0x19, b"you"));
    disconnected(&mut n, client, &[0x87]);
    n.take(witness, "will", "gone");
    let (client, connack) = authenticated(&mut n, connect);
    assert!(connack.session_present);
    n.send(client, step(0x19, b"hello"));
    n.expect(client, step(0x18, b"who?"));
    n.send(client, step(0x18, b"you"));
    disconnected(&mut n, client, &[0x87]);
}

/// U5-54: AUTH of a client that named no method, or another one.
fn u5_54(shards: u16) {
    let mut n = asking(shards);
    let client = n.connect(v5("plain"));
    n.send(client, step(0x19, b"me"));
    disconnected(&mut n, client, &[0x82]);
    let (client, _) = authenticated(&mut n, hello());
    n.send(client, auth(0x19).property(Property::AuthenticationMethod("TEST2".into())));
    disconnected(&mut n, client, &[0x82]);
}

/// U5-55: AUTH without a method, or with two.
fn u5_55(shards: u16) {
    let without = auth(0x19).property(data(b"me")).to_wire(Version::V5);
    let twice = step(0x19, b"me").property(method()).to_wire(Version::V5);
    for bytes in [frame(0xF0, [0x19, 0]), without, twice] {
        let mut n = asking(shards);
        let (client, _) = authenticated(&mut n, hello());
        n.send(client, bytes);
        disconnected(&mut n, client, &[0x82]);
    }
    let mut n = asking(shards);
    let client = open(&mut n);
    n.send(client, hello());
    n.expect(client, step(0x18, b"who?"));
    n.send(client, frame(0xF0, [0x18, 0]));
    refused_at(&mut n, client, &[0x82]);
}

/// U5-64: while a client is authenticated again, everything else flows on.
fn u5_64(shards: u16) {
    let mut n = asking(shards);
    let publisher = n.connect(v5("publisher"));
    let (client, _) = authenticated(&mut n, hello());
    n.subscribed(client, [("t", 1)]);
    n.send(client, step(0x19, b"late"));
    n.published(publisher, publish("t", "1").qos(1));
    n.take(client, "t", "1");
    n.published(client, publish("u", "x").qos(2));
    n.expect_nothing(client);
    let (shard, request) = n.asked().expect("a question");
    n.answer(shard, request.id, AuthOutcome::Continue { data: Some(b"who?".to_vec()) });
    n.expect(client, step(0x18, b"who?"));
    n.published(client, publish("u", "y").qos(1));
    n.send(client, subscribe(2, [("v", 1)]));
    n.expect(client, suback(2, [1]));
    n.send(client, step(0x18, b"me"));
    n.expect(client, step(0x00, b"welcome"));
    n.published(publisher, publish("t", "2").qos(1));
    n.take(client, "t", "2");
}

in_each_world! {
    mqtt_5_4_12_0_7
}

in_memory! {
    mqtt_5_3_1_2_30
    mqtt_5_3_1_2_30_disconnect
    mqtt_5_3_15_1_1
    mqtt_5_3_15_2_1
    mqtt_5_3_15_2_2
    mqtt_5_3_15_2_3
    mqtt_5_4_12_0_1
    mqtt_5_4_12_0_2
    mqtt_5_4_12_0_3
    mqtt_5_4_12_0_3_without_a_question
    mqtt_5_4_12_0_4
    mqtt_5_4_12_0_4_in_time
    mqtt_5_4_12_0_5
    mqtt_5_4_12_0_5_in_the_question
    mqtt_5_4_12_0_5_of_the_client
    mqtt_5_4_12_0_6
    mqtt_5_4_12_1_1
    mqtt_5_4_12_1_1_with_its_method
    mqtt_5_4_12_1_2
    u5_54
    u5_55
    u5_64
}
