//! What the server allows, aliases and sizes.

use super::*;
use crate::packet::{Property, PropertyBuffer, ReasonCode, SubscriptionOptions, Violation};
use Version::{V3_1_1, V5};

fn connected_with(config: ClientConfig, properties: &[Property<'_>]) -> Harness {
    let properties = PropertyBuffer::from_iter(properties.iter().copied());
    let mut connack = Vec::new();
    let session_present = false;
    crate::packet::ConnAck { session_present, code: ReasonCode::Success, properties: properties.as_properties() }
        .encode(V5, &mut connack);
    let mut harness = Harness::new(config);
    harness.connect(&connack);
    harness
}

#[test]
fn what_is_not_available_is_not_sent() {
    let mut harness = connected_with(
        config(V5),
        &[
            Property::MaximumQoS(QoS::AtMostOnce),
            Property::RetainAvailable(false),
            Property::WildcardSubscriptionAvailable(false),
            Property::SubscriptionIdentifierAvailable(false),
            Property::SharedSubscriptionAvailable(false),
        ],
    );
    let not = |code| Err(ClientError::NotSupported(code));
    assert_eq!(harness.publish("t", QoS::AtLeastOnce), not(ReasonCode::QoSNotSupported));
    let retained = PublishRequest { topic: "t", retain: true, ..Default::default() };
    assert_eq!(
        harness.client.publish(harness.now, &retained),
        Err(ClientError::NotSupported(ReasonCode::RetainNotSupported))
    );
    let not = |code| Err(ClientError::NotSupported(code));
    assert_eq!(harness.subscribe("a/+"), not(ReasonCode::WildcardSubscriptionsNotSupported));
    assert_eq!(harness.subscribe("$share/g/a"), not(ReasonCode::SharedSubscriptionsNotSupported));
    let identifier = PropertyBuffer::from_iter([Property::SubscriptionIdentifier(1)]);
    let filters = [SubscribeRequest { filter: "a", options: SubscriptionOptions::default() }];
    assert_eq!(
        harness.client.subscribe(harness.now, &filters, identifier.as_properties()),
        not(ReasonCode::SubscriptionIdentifiersNotSupported)
    );
    assert_eq!(harness.sent(), b"");
    harness.close();
    harness.publish("t", QoS::AtLeastOnce).expect("the next server may take it");
    harness.connect(b"\x20\x05\0\0\x02\x24\0");
    let error = ClientError::NotSupported(ReasonCode::QoSNotSupported);
    assert!(matches!(harness.events()[..], [ClientEvent::PublishFailed { error: got, .. }] if got == error));
}

#[test]
fn what_no_client_may_send() {
    let mut harness = Harness::connected(config(V5));
    for topic in ["", "a/+", "#", "a\0", &"x".repeat(65_536)] {
        assert_eq!(harness.publish(topic, QoS::AtMostOnce), Err(ClientError::TopicNameInvalid));
    }
    for filter in ["", "a\0", &"x".repeat(65_536)] {
        assert_eq!(harness.subscribe(filter), Err(ClientError::TopicFilterInvalid));
        let unsubscribed = harness.client.unsubscribe(harness.now, &[filter], Properties::EMPTY);
        assert_eq!(unsubscribed, Err(ClientError::TopicFilterInvalid));
    }
    assert_eq!(harness.client.subscribe(harness.now, &[], Properties::EMPTY), Err(ClientError::TopicFilterInvalid));
    for property in [Property::TopicAlias(1), Property::SubscriptionIdentifier(1), Property::ReasonString("x")] {
        let properties = PropertyBuffer::from_iter([property]);
        let request = PublishRequest { topic: "t", properties: properties.as_properties(), ..Default::default() };
        let error = ClientError::Properties(Violation::PropertyNotAllowed);
        assert_eq!(harness.client.publish(harness.now, &request), Err(error));
    }
    let options = SubscriptionOptions { no_local: true, ..Default::default() };
    let filters = [SubscribeRequest { filter: "$share/g/t", options }];
    assert!(harness.client.subscribe(harness.now, &filters, Properties::EMPTY).is_err(), "MQTT-3.8.3-4");
    assert_eq!(harness.sent(), b"");
}

#[test]
fn the_maximum_packet_size_of_the_server() {
    let mut harness = connected_with(persistent(V5), &[Property::MaximumPacketSize(10)]);
    let mut publish = |payload: &[u8], qos| {
        harness.client.publish(harness.now, &PublishRequest { topic: "t", payload, qos, ..Default::default() })
    };
    assert!(publish(b"12345", QoS::AtMostOnce).is_err());
    assert!(publish(b"1234", QoS::AtMostOnce).is_ok());
    assert!(publish(b"123", QoS::AtLeastOnce).is_err(), "the identifier counts too");
    assert!(publish(b"12", QoS::AtLeastOnce).is_ok());
    assert_eq!(harness.subscribe("long/filter"), Err(ClientError::PacketTooLarge));
    harness.close();
    harness.connect(b"\x20\x08\0\0\x05\x27\0\0\0\x09");
    assert!(matches!(harness.events()[..], [ClientEvent::PublishFailed { error: ClientError::PacketTooLarge, .. }]));
    assert_eq!(harness.client.inflight() + harness.client.queued(), 0);
}

#[test]
fn the_own_maximum_packet_size() {
    let small = ClientConfig { maximum_packet_size: 8, ..config(V5) };
    let mut harness = Harness::connected(small);
    harness.feed(b"\x30\x06\0\x01t\0xx");
    assert!(harness.client.is_connected());
    harness.feed(b"\x30\x07");
    assert_eq!(harness.sent(), b"\xe0\x01\x95", "before the packet has come");
}

#[test]
fn aliases_that_the_server_sets() {
    let mut harness = Harness::connected(ClientConfig { topic_alias_maximum: 2, ..config(V5) });
    harness.feed(b"\x30\x07\0\x01a\x03\x23\0\x02\x30\x06\0\0\x03\x23\0\x02\x30\x07\0\x01b\x03\x23\0\x02");
    harness.feed(b"\x30\x06\0\0\x03\x23\0\x02");
    let topics: Vec<_> = harness
        .events()
        .into_iter()
        .map(|event| if let ClientEvent::Message(message) = event { message.topic } else { panic!("{event:?}") })
        .collect();
    assert_eq!(topics, ["a".into(), "a".into(), "b".into(), "b".into()] as [alloc::boxed::Box<str>; 4]);
    harness.feed(b"\x30\x06\0\0\x03\x23\0\x01");
    assert_eq!(harness.sent(), b"\xe0\x01\x82", "never set");
    let mut harness = Harness::connected(ClientConfig { topic_alias_maximum: 2, ..config(V5) });
    harness.feed(b"\x30\x07\0\x01a\x03\x23\0\x03");
    assert_eq!(harness.sent(), b"\xe0\x01\x94", "too high");
}

#[test]
fn aliases_that_the_client_sets() {
    let using = ClientConfig { topic_aliases_used_max: 9, ..persistent(V5) };
    let mut harness = connected_with(using, &[Property::TopicAliasMaximum(1)]);
    harness.publish("a", QoS::AtMostOnce).expect("connected");
    harness.publish("a", QoS::AtLeastOnce).expect("connected");
    harness.publish("b", QoS::AtMostOnce).expect("connected");
    assert_eq!(harness.sent(), b"\x30\x08\0\x01a\x03\x23\0\x01p\x32\x09\0\0\0\x01\x03\x23\0\x01p\x30\x05\0\x01b\0p");
    harness.close();
    harness.connect(CONNACK_5_PRESENT);
    assert_eq!(harness.sent(), b"\x3a\x07\0\x01a\0\x01\0p", "aliases end with the connection");
}

#[test]
fn reading_stops_where_nobody_takes() {
    let mut harness = Harness::connected(config(V3_1_1));
    for _ in 0..255 {
        harness.feed(b"\x30\x03\0\x01t");
    }
    assert!(harness.client.wants_read());
    harness.feed(b"\x30\x03\0\x01t");
    assert!(!harness.client.wants_read());
    harness.client.poll_event();
    assert!(harness.client.wants_read());
    let mut harness = Harness::connected(ClientConfig { tx_bytes_max: 8, ..config(V3_1_1) });
    for packet_id in 1..4 {
        harness.feed(&[0x32, 0x05, 0, 1, b't', 0, packet_id]);
    }
    assert!(!harness.client.wants_read(), "acknowledgements are not written");
    harness.sent();
    assert!(harness.client.wants_read());
}
