//! How connections begin, are kept and end.

use alloc::vec;

use super::*;
use crate::packet::{ReasonCode, Violation};
use Version::{V3_1, V3_1_1, V5};

#[test]
fn connect_goes_out_in_each_version() {
    for (version, bytes) in [
        (V3_1, &b"\x10\x0f\0\x06MQIsdp\x03\x02\0\x3c\0\x01c"[..]),
        (V3_1_1, b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c"),
        (V5, b"\x10\x16\0\x04MQTT\x05\x02\0\x3c\x08\x21\0\x40\x27\x01\0\0\0\0\x01c"),
    ] {
        let mut harness = Harness::new(config(version));
        harness.client.connect(harness.now).expect("idle");
        assert_eq!(harness.sent(), bytes, "{version}");
        assert_eq!(harness.client.connect(harness.now), Err(ClientError::AlreadyConnected));
    }
}

#[test]
fn a_refusal_closes() {
    let mut harness = Harness::new(config(V3_1_1));
    harness.client.connect(harness.now).expect("idle");
    harness.feed(b"\x20\x02\0\x05");
    assert!(harness.client.wants_close());
    let events = harness.events();
    assert!(matches!(events[..], [ClientEvent::Refused { code: ReasonCode::NotAuthorized, .. }]), "{events:?}");
    assert_eq!(harness.close(), []);
    harness.connect(CONNACK_3);
}

#[test]
fn no_connack_in_time() {
    let mut harness = Harness::new(config(V5));
    harness.client.connect(harness.now).expect("idle");
    assert_eq!(harness.client.poll_timeout(), Some(Instant::from_secs(11)));
    harness.pass(9_999);
    assert!(!harness.client.wants_close());
    harness.pass(1);
    assert!(harness.client.wants_close());
    assert_eq!(harness.client.tx(), b"", "a server that does not answer is not written to");
    assert_eq!(harness.events(), [ClientEvent::Disconnected { reason: DisconnectReason::ConnectTimeout }]);
    assert_eq!(harness.client.poll_timeout(), None);
}

#[test]
fn keep_alive_pings_and_gives_up() {
    let mut harness = Harness::connected(ClientConfig { keep_alive_s: 20, ..config(V3_1_1) });
    assert_eq!(harness.client.poll_timeout(), Some(Instant::from_secs(16)));
    harness.pass(15_000);
    assert_eq!(harness.sent(), b"\xc0\0");
    harness.feed(b"\xd0\0");
    assert_eq!(harness.client.poll_timeout(), Some(Instant::from_secs(31)));
    harness.pass(10_000);
    harness.publish("t", QoS::AtMostOnce).expect("connected");
    assert_eq!(harness.client.poll_timeout(), Some(Instant::from_secs(41)), "any packet keeps alive");
    harness.sent();
    harness.pass(15_000);
    assert_eq!(harness.sent(), b"\xc0\0");
    harness.pass(10_000);
    assert_eq!(harness.events(), [ClientEvent::Disconnected { reason: DisconnectReason::PingTimeout }]);
    assert!(harness.client.wants_close());
    assert_eq!(harness.close(), []);
}

#[test]
fn the_server_sets_the_keep_alive() {
    let mut harness = Harness::new(config(V5));
    harness.connect(b"\x20\x06\0\0\x03\x13\0\x04");
    assert_eq!(harness.client.poll_timeout(), Some(Instant::from_secs(4)));
    let mut harness = Harness::new(config(V5));
    harness.connect(b"\x20\x06\0\0\x03\x13\0\0");
    assert_eq!(harness.client.poll_timeout(), None);
}

#[test]
fn a_breach_is_told_to_a_5_0_server_alone() {
    let qos_3 = b"\x36\x06\0\x01a\0\x01\0";
    let mut harness = Harness::connected(config(V5));
    harness.feed(qos_3);
    assert_eq!(harness.sent(), b"\xe0\x01\x81");
    assert!(harness.client.wants_close());
    let reason = DisconnectReason::Violation(Violation::QoS3);
    assert_eq!(harness.events(), [ClientEvent::Disconnected { reason: reason.clone() }]);
    harness.feed(b"\xd0\0garbage");
    assert_eq!(harness.close(), []);
    let mut harness = Harness::connected(config(V3_1_1));
    harness.feed(qos_3);
    assert_eq!(harness.sent(), b"");
    assert_eq!(harness.events(), [ClientEvent::Disconnected { reason }]);
}

#[test]
fn packets_that_no_server_sends_then() {
    for (version, connect, packet) in [
        (V5, false, &b"\x30\x04\0\x01a\0"[..]),
        (V5, false, b"\xe0\0"),
        (V3_1_1, false, b"\xd0\0"),
        (V5, true, b"\xc0\0"),
        (V5, true, CONNACK_5),
        (V5, true, b"\x82\x07\0\x01\0\0\x01a\0"),
        (V3_1_1, true, b"\xe0\0"),
        (V3_1_1, true, b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c"),
    ] {
        let mut harness = if connect { Harness::connected(config(version)) } else { Harness::new(config(version)) };
        if !connect {
            harness.client.connect(harness.now).expect("idle");
        }
        harness.feed(packet);
        let reason = DisconnectReason::Violation(Violation::UnexpectedPacket);
        assert_eq!(harness.events(), [ClientEvent::Disconnected { reason }], "{packet:x?}");
    }
}

#[test]
fn the_server_disconnects() {
    let mut harness = Harness::connected(config(V5));
    harness.feed(b"\xe0\x01\x8e\x30\x04\0\x01a\0");
    let events = harness.events();
    let [ClientEvent::Disconnected { reason: DisconnectReason::Server { code, .. } }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(*code, ReasonCode::SessionTakenOver);
    assert!(harness.client.wants_close());
    let mut harness = Harness::connected(config(V5));
    harness.feed(b"\xe0\x07\0\x05\x11\0\0\0\x01");
    let reason = DisconnectReason::Violation(Violation::SessionExpiryFromServer);
    assert_eq!(harness.events(), [ClientEvent::Disconnected { reason }]);
}

#[test]
fn the_application_disconnects() {
    let mut harness = Harness::connected(persistent(V5));
    harness.client.disconnect(harness.now, ReasonCode::DisconnectWithWill, Some(7)).expect("connected");
    assert_eq!(harness.client.tx(), b"\xe0\x07\x04\x05\x11\0\0\0\x07");
    assert!(harness.client.wants_close());
    assert_eq!(harness.events(), [ClientEvent::Disconnected { reason: DisconnectReason::Requested }]);
    assert_eq!(harness.close(), []);
    let mut harness = Harness::connected(config(V5));
    let now = harness.now;
    let code = ReasonCode::NormalDisconnection;
    assert_eq!(harness.client.disconnect(now, code, Some(7)), Err(ClientError::SessionExpiryFromZero));
    let code = ReasonCode::SessionTakenOver;
    assert_eq!(harness.client.disconnect(now, code, None), Err(ClientError::ReasonCodeNotAllowed(code)));
    assert_eq!(harness.sent(), b"", "a refused command sends nothing");
    harness.client.disconnect(now, ReasonCode::NormalDisconnection, None).expect("connected");
    assert_eq!(harness.sent(), b"\xe0\0");
    assert_eq!(harness.client.disconnect(now, ReasonCode::NormalDisconnection, None), Err(ClientError::NotConnected));
}

#[test]
fn a_lost_connection_is_told_once() {
    let mut harness = Harness::connected(config(V3_1_1));
    let packet_id = harness.subscribe("a").expect("connected");
    let unanswered = ClientEvent::Unanswered { packet_id };
    assert_eq!(harness.close(), [ClientEvent::Disconnected { reason: DisconnectReason::Closed }, unanswered]);
    assert_eq!(harness.close(), []);
}

#[test]
fn clean_start_is_for_where_no_session_is_left() {
    let flags = |harness: &mut Harness| {
        harness.client.connect(harness.now).expect("idle");
        harness.sent()[9]
    };
    let mut harness = Harness::new(ClientConfig { session_expiry_s: 9, ..config(V5) });
    assert_eq!(flags(&mut harness), 2);
    harness.feed(CONNACK_5);
    harness.close();
    assert_eq!(flags(&mut harness), 0, "the session is kept");
    harness.feed(CONNACK_5_PRESENT);
    harness.client.disconnect(harness.now, ReasonCode::Success, Some(0)).expect("connected");
    harness.close();
    assert_eq!(flags(&mut harness), 2, "the session was ended");
    let mut harness = Harness::new(config(V3_1_1));
    for _ in 0..2 {
        assert_eq!(flags(&mut harness), 2);
        harness.feed(CONNACK_3);
        harness.close();
    }
}

#[test]
fn a_session_that_cannot_be() {
    let mut harness = Harness::new(config(V5));
    harness.client.connect(harness.now).expect("idle");
    harness.feed(CONNACK_5_PRESENT);
    let reason = DisconnectReason::Violation(Violation::SessionPresentUnexpected);
    assert_eq!(harness.events(), [ClientEvent::Disconnected { reason }]);
}

#[test]
fn an_assigned_identifier_is_used_again() {
    let mut harness = Harness::new(ClientConfig { session_expiry_s: 9, ..ClientConfig::new(V5, "") });
    harness.connect(b"\x20\x08\0\0\x05\x12\0\x02xy");
    assert_eq!(harness.client.client_id(), "xy");
    harness.close();
    harness.client.connect(harness.now).expect("idle");
    assert!(harness.sent().ends_with(b"\0\x02xy"));
}

#[test]
fn enhanced_authentication() {
    let method = ClientConfig { authentication_method: Some("m".into()), ..config(V5) };
    let mut harness = Harness::new(method.clone());
    harness.client.connect(harness.now).expect("idle");
    harness.sent();
    harness.feed(b"\xf0\x06\x18\x04\x15\0\x01m");
    let events = harness.events();
    assert!(matches!(events[..], [ClientEvent::Auth { code: ReasonCode::ContinueAuthentication, .. }]), "{events:?}");
    harness.client.auth(harness.now, ReasonCode::ContinueAuthentication, Some(b"d")).expect("asked for");
    assert_eq!(harness.sent(), b"\xf0\x0a\x18\x08\x15\0\x01m\x16\0\x01d");
    harness.feed(b"\x20\x07\0\0\x04\x15\0\x01m");
    assert!(matches!(harness.events()[..], [ClientEvent::Connected { .. }]));
    let now = harness.now;
    let go_on = ReasonCode::ContinueAuthentication;
    assert_eq!(harness.client.auth(now, go_on, None), Err(ClientError::AuthNotExpected));
    harness.client.auth(now, ReasonCode::ReAuthenticate, None).expect("connected");
    assert_eq!(harness.sent(), b"\xf0\x06\x19\x04\x15\0\x01m");
    harness.feed(b"\xf0\x06\x00\x04\x15\0\x01m");
    assert!(matches!(harness.events()[..], [ClientEvent::Auth { code: ReasonCode::Success, .. }]));
    harness.feed(b"\xf0\x06\x00\x04\x15\0\x01m");
    let reason = DisconnectReason::Violation(Violation::AuthUnexpected);
    assert_eq!(harness.events(), [ClientEvent::Disconnected { reason }], "nothing was going on");

    for (config, packet, violation) in [
        (method.clone(), &b"\xf0\x06\x18\x04\x15\0\x01n"[..], Violation::AuthMethodDiffers),
        (method, CONNACK_5, Violation::AuthMethodDiffers),
        (config(V5), b"\xf0\x06\x18\x04\x15\0\x01m", Violation::AuthWithoutMethod),
        (config(V5), b"\x20\x07\0\0\x04\x15\0\x01m", Violation::AuthWithoutMethod),
    ] {
        let mut harness = Harness::new(config);
        harness.client.connect(harness.now).expect("idle");
        harness.feed(packet);
        let reason = DisconnectReason::Violation(violation);
        assert_eq!(harness.events(), [ClientEvent::Disconnected { reason }]);
    }
}

#[test]
fn requests_and_their_answers() {
    let mut harness = Harness::connected(config(V3_1_1));
    let packet_id = harness.subscribe("a/#").expect("connected");
    assert_eq!(harness.sent(), b"\x82\x08\0\x01\0\x03a/#\0");
    harness.feed(b"\x90\x03\0\x01\0");
    let codes = vec![ReasonCode::Success];
    let properties = Default::default();
    assert_eq!(harness.events(), [ClientEvent::Subscribed { packet_id, codes, properties }]);
    let now = harness.now;
    let packet_id = harness.client.unsubscribe(now, &["a/#", "b"], Properties::EMPTY).expect("connected");
    assert_eq!(harness.sent(), b"\xa2\x0a\0\x02\0\x03a/#\0\x01b");
    harness.feed(b"\xb0\x02\0\x02");
    let codes = vec![ReasonCode::Success; 2];
    let properties = Default::default();
    assert_eq!(harness.events(), [ClientEvent::Unsubscribed { packet_id, codes, properties }]);
    harness.subscribe("c").expect("connected");
    harness.feed(b"\x90\x04\0\x03\0\0");
    let reason = DisconnectReason::Violation(Violation::AcknowledgementCount);
    assert_eq!(harness.events(), [ClientEvent::Disconnected { reason }]);
}

#[test]
fn configurations_that_cannot_be() {
    let refused = |config: ClientConfig| Client::new(config).expect_err("refused");
    let wrong = |config| matches!(refused(config), ClientError::Config(_));
    assert!(wrong(ClientConfig { receive_maximum: 0, ..config(V5) }));
    assert!(wrong(ClientConfig { maximum_packet_size: 0, ..config(V5) }));
    assert!(wrong(ClientConfig { password: Some((*b"p").into()), ..config(V3_1_1) }));
    assert!(wrong(ClientConfig { clean_start: false, ..ClientConfig::new(V3_1_1, "") }));
    assert!(wrong(ClientConfig::new(V3_1, "")));
    assert!(wrong(ClientConfig::new(V5, "a\0b")));
    assert!(wrong(ClientConfig { authentication_data: Some((*b"p").into()), ..config(V5) }));
    assert!(wrong(ClientConfig { authentication_method: Some("m".into()), ..config(V3_1_1) }));
    let will = ClientWill {
        topic: "a/#".into(),
        payload: Default::default(),
        qos: QoS::AtMostOnce,
        retain: false,
        properties: Default::default(),
    };
    assert_eq!(refused(ClientConfig { will: Some(will), ..config(V5) }), ClientError::TopicNameInvalid);
}
