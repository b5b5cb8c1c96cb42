//! QoS 1 and 2 in both directions, and what a session keeps.

use super::*;
use crate::packet::{ReasonCode, Violation};
use Version::{V3_1, V3_1_1, V5};

fn acknowledged(token: Option<PublishToken>, packet_id: u16, code: ReasonCode) -> ClientEvent {
    ClientEvent::Acknowledged { token: token.expect("above QoS 0"), packet_id: id(packet_id), code }
}

fn topics(events: &[ClientEvent]) -> Vec<&str> {
    let mut topics = Vec::new();
    for event in events {
        if let ClientEvent::Message(message) = event {
            topics.push(&*message.topic);
        }
    }
    topics
}

#[test]
fn messages_go_out() {
    let mut harness = Harness::connected(config(V3_1_1));
    assert_eq!(harness.publish("t", QoS::AtMostOnce), Ok(None));
    assert_eq!(harness.sent(), b"\x30\x04\0\x01tp");
    let first = harness.publish("t", QoS::AtLeastOnce).expect("room");
    assert_eq!(harness.sent(), b"\x32\x06\0\x01t\0\x01p");
    let second = harness.publish("t", QoS::ExactlyOnce).expect("room");
    assert_eq!(harness.sent(), b"\x34\x06\0\x01t\0\x02p");
    harness.feed(b"\x50\x02\0\x02");
    assert_eq!(harness.sent(), b"\x62\x02\0\x02");
    harness.feed(b"\x70\x02\0\x02\x40\x02\0\x01");
    let success = ReasonCode::Success;
    assert_eq!(harness.events(), [acknowledged(second, 2, success), acknowledged(first, 1, success)]);
    assert_eq!(harness.client.inflight(), 0);
}

#[test]
fn a_failure_settles_a_message() {
    let mut harness = Harness::connected(config(V5));
    let first = harness.publish("t", QoS::AtLeastOnce).expect("room");
    let second = harness.publish("t", QoS::ExactlyOnce).expect("room");
    harness.sent();
    harness.feed(b"\x40\x03\0\x01\x97\x50\x03\0\x02\x87");
    assert_eq!(
        harness.events(),
        [acknowledged(first, 1, ReasonCode::QuotaExceeded), acknowledged(second, 2, ReasonCode::NotAuthorized)]
    );
    assert_eq!(harness.sent(), b"", "no PUBREL after a failure");
}

#[test]
fn acknowledgements_of_the_wrong_kind() {
    for (qos, packet) in [
        (QoS::AtLeastOnce, &b"\x50\x02\0\x01"[..]),
        (QoS::AtLeastOnce, b"\x70\x02\0\x01"),
        (QoS::ExactlyOnce, b"\x40\x02\0\x01"),
        (QoS::ExactlyOnce, b"\x70\x02\0\x01"),
        (QoS::ExactlyOnce, b"\x50\x02\0\x01\x40\x02\0\x01"),
        (QoS::AtLeastOnce, b"\x90\x04\0\x01\0\0"),
    ] {
        let mut harness = Harness::connected(config(V5));
        harness.publish("t", qos).expect("room");
        harness.feed(packet);
        let reason = DisconnectReason::Violation(Violation::AcknowledgementType);
        assert_eq!(harness.events(), [ClientEvent::Disconnected { reason }], "{packet:x?}");
    }
    let mut harness = Harness::connected(config(V5));
    harness.feed(b"\x40\x02\0\x09\x70\x02\0\x09\x50\x02\0\x09");
    assert_eq!(harness.events(), [], "left over from another session");
    assert_eq!(harness.sent(), b"\x62\x03\0\x09\x92");
}

#[test]
fn a_resumed_session_sends_again_in_order() {
    for (version, connack) in [(V5, CONNACK_5_PRESENT), (V3_1_1, CONNACK_3_PRESENT), (V3_1, CONNACK_3)] {
        let mut harness = Harness::connected(persistent(version));
        for (topic, qos) in
            [("a", QoS::ExactlyOnce), ("b", QoS::AtLeastOnce), ("c", QoS::ExactlyOnce), ("d", QoS::ExactlyOnce)]
        {
            harness.publish(topic, qos).expect("room");
        }
        harness.feed(b"\x50\x02\0\x03\x50\x02\0\x01");
        harness.close();
        harness.publish("e", QoS::AtLeastOnce).expect("room without a connection");
        assert_eq!(harness.publish("f", QoS::AtMostOnce), Err(ClientError::NotConnected));
        harness.connect(connack);
        let expected = if version == V5 {
            &b"\x62\x02\0\x03\x62\x02\0\x01\x3a\x07\0\x01b\0\x02\0p\x3c\x07\0\x01d\0\x04\0p\x32\x07\0\x01e\0\x05\0p"[..]
        } else {
            b"\x62\x02\0\x03\x62\x02\0\x01\x3a\x06\0\x01b\0\x02p\x3c\x06\0\x01d\0\x04p\x32\x06\0\x01e\0\x05p"
        };
        assert_eq!(harness.sent(), expected, "{version}");
    }
}

#[test]
fn without_the_session_messages_are_new() {
    let mut harness = Harness::connected(persistent(V3_1_1));
    harness.publish("a", QoS::ExactlyOnce).expect("room");
    let taken_over = harness.publish("b", QoS::ExactlyOnce).expect("room");
    harness.publish("c", QoS::AtLeastOnce).expect("room");
    harness.feed(b"\x50\x02\0\x02");
    harness.close();
    harness.connect(CONNACK_3);
    assert_eq!(harness.events(), [acknowledged(taken_over, 2, ReasonCode::Success)]);
    assert_eq!(harness.sent(), b"\x34\x06\0\x01a\0\x04p\x32\x06\0\x01c\0\x05p", "no DUP, new identifiers");
}

#[test]
fn the_receive_maximum_holds_back() {
    let mut harness = Harness::new(persistent(V5));
    harness.connect(b"\x20\x06\0\0\x03\x21\0\x02");
    for topic in ["a", "b", "c", "d"] {
        harness.publish(topic, QoS::AtLeastOnce).expect("room");
    }
    assert_eq!(harness.sent(), b"\x32\x07\0\x01a\0\x01\0p\x32\x07\0\x01b\0\x02\0p");
    assert_eq!((harness.client.inflight(), harness.client.queued()), (2, 2));
    harness.feed(b"\x40\x02\0\x02");
    assert_eq!(harness.sent(), b"\x32\x07\0\x01c\0\x03\0p");
    harness.close();
    harness.connect(b"\x20\x06\x01\0\x03\x21\0\x01");
    assert_eq!(harness.sent(), b"\x3a\x07\0\x01a\0\x01\0p", "a lower maximum holds back what was sent before");
    harness.feed(b"\x40\x02\0\x01");
    assert_eq!(harness.sent(), b"\x3a\x07\0\x01c\0\x03\0p");
    harness.feed(b"\x40\x02\0\x03");
    assert_eq!(harness.sent(), b"\x32\x07\0\x01d\0\x04\0p");
}

#[test]
fn full_is_full() {
    let mut harness = Harness::connected(ClientConfig { queue_messages_max: 3, ..config(V3_1_1) });
    for _ in 0..INFLIGHT_MAX + 3 {
        harness.publish("t", QoS::AtLeastOnce).expect("room");
    }
    assert_eq!(harness.publish("t", QoS::AtLeastOnce), Err(ClientError::Full));
    assert_eq!((harness.client.inflight(), harness.client.queued()), (INFLIGHT_MAX, 3));
    harness.feed(b"\x40\x02\0\x05");
    assert_eq!((harness.client.inflight(), harness.client.queued()), (INFLIGHT_MAX, 2));
    harness.publish("t", QoS::AtLeastOnce).expect("room");
    let mut harness = Harness::connected(config(V3_1_1));
    for _ in 0..REQUESTS_MAX {
        harness.subscribe("t").expect("room");
    }
    assert_eq!(harness.subscribe("t"), Err(ClientError::Full));
    let mut harness = Harness::connected(ClientConfig { tx_bytes_max: 10, ..config(V3_1_1) });
    harness.publish("t", QoS::AtMostOnce).expect("room");
    assert_eq!(harness.publish("t", QoS::AtMostOnce), Err(ClientError::Full));
    assert_eq!(harness.subscribe("t"), Err(ClientError::Full));
    harness.publish("t", QoS::AtLeastOnce).expect("room");
    harness.publish("t", QoS::AtLeastOnce).expect("room in the queue");
    assert_eq!((harness.client.inflight(), harness.client.queued()), (1, 1));
    assert_eq!(harness.sent().len(), 6 + 8);
    assert_eq!(harness.sent(), b"\x32\x06\0\x01t\0\x03p", "room in the output lets the next out");
    assert_eq!(harness.subscribe("t"), Ok(id(4)), "the refused request holds no place");
}

#[test]
fn messages_come_in() {
    let mut harness = Harness::connected(persistent(V5));
    harness.feed(b"\x31\x05\0\x01a\0x\x32\x07\0\x01b\0\x01\0x\x34\x07\0\x01c\0\x02\0x");
    assert_eq!(harness.sent(), b"\x40\x02\0\x01\x50\x02\0\x02");
    let events = harness.events();
    assert_eq!(topics(&events), ["a", "b", "c"]);
    let ClientEvent::Message(message) = &events[0] else { panic!("{events:?}") };
    assert!(message.retain && !message.dup && &*message.payload == b"x");
    harness.feed(b"\x3c\x07\0\x01c\0\x02\0x");
    assert_eq!(harness.events(), [], "exactly once");
    assert_eq!(harness.sent(), b"\x50\x02\0\x02");
    harness.close();
    harness.connect(CONNACK_5_PRESENT);
    harness.feed(b"\x3c\x07\0\x01c\0\x02\0x\x62\x02\0\x02\x62\x02\0\x02");
    assert_eq!(harness.events(), [], "exactly once over connections");
    assert_eq!(harness.sent(), b"\x50\x02\0\x02\x70\x02\0\x02\x70\x03\0\x02\x92");
    harness.feed(b"\x34\x07\0\x01d\0\x02\0x");
    assert_eq!(topics(&harness.events()), ["d"], "the identifier is free again");
    harness.close();
    harness.connect(CONNACK_5);
    harness.feed(b"\x34\x07\0\x01e\0\x02\0x");
    assert_eq!(topics(&harness.events()), ["e"], "a new session knows no identifier");
}

#[test]
fn acknowledging_by_hand_keeps_the_order() {
    let by_hand = ClientConfig { automatic_acknowledgement: false, receive_maximum: 3, ..persistent(V5) };
    let mut harness = Harness::connected(by_hand);
    harness.feed(b"\x32\x06\0\x01a\0\x01\0\x34\x06\0\x01b\0\x02\0\x32\x06\0\x01c\0\x03\0");
    assert_eq!(topics(&harness.events()), ["a", "b", "c"]);
    let now = harness.now;
    harness.client.acknowledge(now, id(3), ReasonCode::Success).expect("waits");
    harness.client.acknowledge(now, id(2), ReasonCode::QuotaExceeded).expect("waits");
    assert_eq!(harness.sent(), b"");
    let unknown = Err(ClientError::PacketIdentifierNotFound);
    assert_eq!(harness.client.acknowledge(now, id(2), ReasonCode::Success), unknown);
    let wrong = ReasonCode::GrantedQoS1;
    assert_eq!(harness.client.acknowledge(now, id(1), wrong), Err(ClientError::ReasonCodeNotAllowed(wrong)));
    harness.client.acknowledge(now, id(1), ReasonCode::Success).expect("waits");
    assert_eq!(harness.sent(), b"\x40\x02\0\x01\x50\x03\0\x02\x97\x40\x02\0\x03");
    harness.feed(b"\x34\x06\0\x01d\0\x02\0\x3c\x06\0\x01d\0\x02\0");
    assert_eq!(topics(&harness.events()), ["d"], "a refused identifier is new, a repeat is not");
    harness.close();
    assert_eq!(harness.client.acknowledge(now, id(2), ReasonCode::Success), unknown);
    harness.connect(CONNACK_5_PRESENT);
    harness.feed(b"\x3c\x06\0\x01d\0\x02\0");
    assert_eq!(topics(&harness.events()), ["d"], "what was not acknowledged comes again");
    harness.feed(b"\x62\x02\0\x02");
    let reason = DisconnectReason::Violation(Violation::AcknowledgementType);
    assert_eq!(harness.events(), [ClientEvent::Disconnected { reason }], "PUBREL before PUBREC");
}

#[test]
fn the_own_receive_maximum_is_enforced() {
    let two = ClientConfig { automatic_acknowledgement: false, receive_maximum: 2, ..config(V5) };
    let mut harness = Harness::connected(two.clone());
    harness.feed(b"\x32\x06\0\x01a\0\x01\0\x32\x06\0\x01b\0\x02\0");
    harness.feed(b"\x32\x06\0\x01c\0\x03\0");
    assert_eq!(harness.sent(), b"\xe0\x01\x93");
    let mut harness = Harness::connected(ClientConfig { automatic_acknowledgement: true, ..two });
    harness.feed(b"\x34\x06\0\x01a\0\x01\0\x34\x06\0\x01b\0\x02\0");
    harness.sent();
    harness.feed(b"\x62\x02\0\x01\x34\x06\0\x01c\0\x03\0");
    assert!(harness.client.is_connected());
    harness.feed(b"\x34\x06\0\x01d\0\x04\0");
    assert!(harness.client.wants_close(), "PUBREC does not free a place, PUBCOMP does");
}

#[test]
fn a_resumed_session_leaves_the_receive_maximum_whole() {
    let mut harness = Harness::connected(ClientConfig { receive_maximum: 1, ..persistent(V5) });
    harness.feed(b"\x34\x06\0\x01a\0\x01\0");
    harness.close();
    harness.connect(CONNACK_5_PRESENT);
    harness.feed(b"\x34\x06\0\x01b\0\x02\0");
    assert!(harness.client.is_connected(), "the PUBLISH of an earlier connection takes no place");
    harness.feed(b"\x62\x02\0\x01\x34\x06\0\x01c\0\x03\0");
    assert!(harness.client.wants_close(), "and its PUBCOMP frees none");
}
