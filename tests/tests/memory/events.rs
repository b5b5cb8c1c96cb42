//! What is told of connections and sessions: each event once, in order, with who and why. Logs are made of nothing else.

use std::time::Duration;

use weirmq_core::config::Authentication;
use weirmq_core::packet::ReasonCode;
use weirmq_core::{AuthOutcome, Config, Event};
use weirmq_tests::memory::Net;
use weirmq_tests::wire::*;
use weirmq_tests::{Talk, World};

use crate::{net, sharded};

/// The events since the last time, without the names of connections.
fn told(n: &mut Net) -> Vec<String> {
    let text = |event| match event {
        Event::Accepted { .. } => String::from("accepted"),
        Event::HandedOff { to, .. } => format!("handed to {}", to.0),
        Event::Connected { client_id, user_name, version, clean_start, session_present, keep_alive_s, .. } => format!(
            "{client_id} connected: {user_name:?} {version:?} clean {clean_start} present {session_present} {keep_alive_s} s"
        ),
        Event::Refused { client_id, reason, .. } => format!("refused {client_id:?}: {reason:?}"),
        Event::Disconnected { client_id, reason, session_kept, .. } => {
            format!("{client_id} disconnected: {reason:?}, kept {session_kept}")
        }
        Event::SessionEnded { client_id, reason } => format!("{client_id} ended: {reason:?}"),
        Event::Subscribed { client_id, filter, code, .. } => format!("{client_id} subscribed {filter}: {code:?}"),
        Event::Unsubscribed { client_id, filter, code, .. } => format!("{client_id} unsubscribed {filter}: {code:?}"),
        Event::WillPublished { client_id } => format!("will of {client_id}"),
        Event::StoreFailed => String::from("the store failed"),
    };
    n.events().into_iter().map(|(_, event)| text(event)).collect()
}

#[test]
fn of_a_session_from_its_beginning_to_its_end() {
    let mut n = net(1, Config::default());
    let client = n.connect(connect("one").v5().session_expiry(5).keep_alive(10).user_name("ann").will("w", b"bye", 0));
    n.send(client, subscribe(1, [("a", 1), ("#/b", 1)]));
    n.expect(client, suback(1, [1, 0x8F]));
    n.send(client, unsubscribe(2, ["a", "b"]));
    n.expect(client, unsuback(2, [0, 0x11]));
    n.reset(client);
    assert_eq!(
        told(&mut n),
        [
            "accepted",
            "one connected: Some(\"ann\") V5 clean true present false 10 s",
            "one subscribed a: GrantedQoS1",
            "one subscribed #/b: TopicFilterInvalid",
            "one unsubscribed a: Success",
            "one unsubscribed b: NoSubscriptionExisted",
            "one disconnected: TransportError, kept true",
            "will of one",
        ]
    );
    let again = n.connect(connect("one").v5().clean(false).session_expiry(5));
    n.send(again, disconnect());
    n.expect_closed(again);
    n.advance(Duration::from_secs(5));
    assert_eq!(
        told(&mut n),
        [
            "accepted",
            "one connected: None V5 clean false present true 0 s",
            "one disconnected: ClientDisconnect(Success), kept true",
            "one ended: Expired",
        ]
    );
}

#[test]
fn of_takeovers_and_clean_starts() {
    let mut n = net(1, Config::default());
    n.connect(connect("one").v5().session_expiry(5));
    n.connect(connect("one"));
    let connected = |version: &str, present| format!("one connected: None {version} clean true present {present} 0 s");
    assert_eq!(
        told(&mut n),
        [
            "accepted",
            &connected("V5", false),
            "accepted",
            "one disconnected: TakenOver, kept true",
            "one ended: CleanStart",
            &connected("V3_1_1", false),
        ]
    );
    let third = n.connect(connect("one"));
    n.hang_up(third);
    assert_eq!(
        told(&mut n),
        [
            "accepted",
            "one disconnected: TakenOver, kept false",
            "one ended: Disconnected",
            &connected("V3_1_1", false),
            "one disconnected: PeerClosed, kept false",
            "one ended: Disconnected",
        ]
    );
}

#[test]
fn of_ends_for_every_reason() {
    type Act = fn(&mut Net);
    let cases: [(Act, &str); 5] = [
        (|n| n.advance(Duration::from_secs(15)), "one disconnected: KeepAliveTimeout, kept false"),
        (|n| n.shutdown(), "one disconnected: ServerShutdown, kept false"),
        (|n| n.disconnect(weirmq_tests::Client(0)), "one disconnected: Administrative, kept false"),
        (|n| n.write(weirmq_tests::Client(0), &[0xC1, 0]), "one disconnected: Violation(UnexpectedFlags), kept false"),
        (
            |n| n.send(weirmq_tests::Client(0), disconnect().code(4)),
            "one disconnected: ClientDisconnect(DisconnectWithWill), kept false",
        ),
    ];
    for (act, expected) in cases {
        let mut n = net(1, Config::default());
        n.connect(connect("one").v5().keep_alive(10));
        told(&mut n);
        act(&mut n);
        assert_eq!(told(&mut n), [expected, "one ended: Disconnected"]);
    }
}

#[test]
fn of_those_who_are_refused() {
    let authentication = Authentication::External { methods: Vec::new() };
    let mut n = net(1, Config { authentication, ..Config::default() });
    n.authenticate(|request| {
        Some(match &*request.client_id {
            "bad" => AuthOutcome::Refuse(ReasonCode::BadUserNameOrPassword),
            "unanswered" => return None,
            _ => AuthOutcome::Accept { data: None },
        })
    });
    n.try_connect(connect("bad").v5().user_name("ann"));
    assert_eq!(told(&mut n), ["accepted", "refused Some(\"bad\"): Refused(BadUserNameOrPassword)"]);
    n.try_connect(connect("").v5().property(Property::AuthenticationMethod("x".into())));
    assert_eq!(told(&mut n), ["accepted", "refused None: Refused(BadAuthenticationMethod)"]);
    let client = n.open();
    n.send(client, connect("unanswered").user_name("ann"));
    assert!(!n.is_closed(client));
    n.advance(Config::default().limits.auth_timeout);
    assert_eq!(told(&mut n), ["accepted", "refused Some(\"unanswered\"): Refused(ServerUnavailable)"]);
    let client = n.open();
    n.write(client, &[0xC0, 0]);
    n.expect_closed(client);
    assert_eq!(told(&mut n), ["accepted", "refused None: Violation(NotConnect)"]);
    let client = n.open();
    n.advance(Config::default().mqtt.connect_timeout);
    n.expect_closed(client);
    assert_eq!(told(&mut n), ["accepted", "refused None: ConnectTimeout"]);
    let client = n.open();
    n.reset(client);
    assert_eq!(told(&mut n), ["accepted", "refused None: TransportError"]);
}

/// Who is handed over is told of by both shards, and accepted under its new name.
#[test]
fn of_shards() {
    let mut n = net(2, Config::default());
    for number in 0..8 {
        let name = format!("client{number}");
        let client = n.connect(connect(&name));
        let home = n.shard_of(client).expect("it is somewhere");
        let connected = format!("{name} connected: None V3_1_1 clean true present false 0 s");
        let told = told(&mut n);
        if usize::from(home.0) == number % 2 {
            assert_eq!(told, ["accepted", &connected]);
        } else {
            assert_eq!(told, ["accepted", &format!("handed to {}", home.0), "accepted", &connected]);
        }
    }
}

sharded! {
    /// DISCONNECT and CONNACK say in words what was wrong, where the client has room for it (MQTT-3.14.2-3, MQTT-3.2.2-19).
    fn the_client_is_told_what_it_did(shards) {
        for (room, is_told) in [(200, true), (30, false)] {
            let mut n = net(shards, Config::default());
            let size = || Property::MaximumPacketSize(room);
            let client = n.connect(connect("one").v5().property(size()));
            n.write(client, &[0xC1, 0]);
            let Packet::Disconnect(last) = n.recv(client) else { panic!("no DISCONNECT") };
            assert_eq!((last.code, has_reason(&last.properties)), (0x81, is_told));
            n.expect_closed(client);
            // Its will has QoS 3.
            let client = n.open();
            let mut bytes = connect("two").v5().will("w", b"", 2).property(size()).to_wire(Version::V5);
            bytes[9] |= 0b0001_1000;
            n.set_version(client, Version::V5);
            n.write(client, &bytes);
            let Packet::ConnAck(answer) = n.recv(client) else { panic!("no CONNACK") };
            assert_eq!((answer.code, has_reason(&answer.properties)), (0x81, is_told));
            n.expect_closed(client);
        }
    }
}

fn has_reason(properties: &[Property]) -> bool {
    properties.iter().any(|property| matches!(property, Property::ReasonString(text) if text.len() > 10))
}

/// A 3.x client whose message is refused is closed, and it is told for want of which room; a failed store is told once.
#[test]
fn of_room_that_is_wanting() {
    let mut config = Config::default();
    config.limits.queue_messages_max = 1;
    config.limits.retained_messages_max = 1;
    let mut n = net(1, config);
    let away = n.connect(connect("away").clean(false));
    n.subscribed(away, [("q", 1)]);
    n.reset(away);
    for (topic, retain, limit) in [("q", false, "Queue"), ("r", true, "Retained")] {
        let client = n.connect(connect("one"));
        for number in 0..2 {
            let message = publish(&format!("{topic}{}", if retain { number.to_string() } else { String::new() }), "x");
            n.send(client, if retain { message.retain() } else { message }.qos(1).id(1 + number));
        }
        n.settle();
        let told = told(&mut n);
        let last = format!("one disconnected: LimitReached({limit}), kept false");
        assert!(told.contains(&last), "{told:?}");
    }
    n.fail_stores();
    n.fail_stores();
    assert_eq!(told(&mut n), ["the store failed"]);
}
