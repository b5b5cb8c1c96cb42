//! Known bytes, put together by hand from the specification's tables.

use alloc::vec;
use alloc::vec::Vec;

use super::super::*;
use super::decode;
use Version::{V3_1, V3_1_1, V5};

fn id(value: u16) -> PacketId {
    PacketId::new(value).expect("not zero")
}

/// `bytes` read as `packet` in each version, and the packet written as `bytes`.
#[track_caller]
fn golden(versions: &[Version], packet: Packet<'_>, bytes: &[u8]) {
    for &version in versions {
        assert_eq!(decode(version, bytes), Ok(packet), "{version}");
        let mut out = vec![0xaa];
        packet.encode(version, &mut out);
        assert_eq!(out[1..], *bytes, "{version}");
        assert_eq!(packet.encoded_size(version), bytes.len());
    }
}

#[test]
fn connect_3_1_1() {
    let smallest = Connect {
        version: V3_1_1,
        clean_start: true,
        keep_alive_s: 60,
        properties: Properties::EMPTY,
        client_id: "",
        will: None,
        user_name: None,
        password: None,
    };
    golden(&[V3_1_1], Packet::Connect(smallest), b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0");
    let will =
        Will { qos: QoS::AtLeastOnce, retain: true, properties: Properties::EMPTY, topic: "w/t", payload: b"gone" };
    let full = Connect {
        clean_start: false,
        keep_alive_s: 0x0102,
        client_id: "c1",
        will: Some(will),
        user_name: Some("u"),
        password: Some(&[0, 255]),
        ..smallest
    };
    let bytes = b"\x10\x20\0\x04MQTT\x04\xec\x01\x02\0\x02c1\0\x03w/t\0\x04gone\0\x01u\0\x02\0\xff";
    golden(&[V3_1_1], Packet::Connect(full), bytes);
}

#[test]
fn connect_3_1() {
    let connect = Connect {
        version: V3_1,
        clean_start: true,
        keep_alive_s: 10,
        properties: Properties::EMPTY,
        client_id: "a",
        will: None,
        user_name: None,
        password: None,
    };
    golden(&[V3_1], Packet::Connect(connect), b"\x10\x0f\0\x06MQIsdp\x03\x02\0\x0a\0\x01a");
}

#[test]
fn connect_5() {
    let smallest = Connect {
        version: V5,
        clean_start: false,
        keep_alive_s: 0,
        properties: Properties::EMPTY,
        client_id: "",
        will: None,
        user_name: None,
        password: None,
    };
    golden(&[V5], Packet::Connect(smallest), b"\x10\x0d\0\x04MQTT\x05\0\0\0\0\0\0");
    let properties = PropertyBuffer::from_iter([
        Property::SessionExpiryInterval(10),
        Property::ReceiveMaximum(20),
        Property::UserProperty("a", "b"),
    ]);
    let will_properties = PropertyBuffer::from_iter([Property::WillDelayInterval(5)]);
    let full = Connect {
        properties: properties.as_properties(),
        client_id: "c",
        will: Some(Will {
            qos: QoS::ExactlyOnce,
            retain: false,
            properties: will_properties.as_properties(),
            topic: "t",
            payload: b"",
        }),
        password: Some(b"p"),
        ..smallest
    };
    let bytes = b"\x10\x2b\0\x04MQTT\x05\x54\0\0\x0f\x11\0\0\0\x0a\x21\0\x14\x26\0\x01a\0\x01b\0\x01c\
        \x05\x18\0\0\0\x05\0\x01t\0\0\0\x01p";
    golden(&[V5], Packet::Connect(full), bytes);
    assert_eq!(full.properties.receive_maximum(), Some(20));
    assert_eq!(full.properties.user_properties().collect::<Vec<_>>(), [("a", "b")]);
}

#[test]
fn connack() {
    let accepted = ConnAck { session_present: false, code: ReasonCode::Success, properties: Properties::EMPTY };
    golden(&[V3_1, V3_1_1], Packet::ConnAck(accepted), b"\x20\x02\0\0");
    golden(&[V5], Packet::ConnAck(accepted), b"\x20\x03\0\0\0");
    let present = ConnAck { session_present: true, ..accepted };
    golden(&[V3_1_1], Packet::ConnAck(present), b"\x20\x02\x01\0");
    let refused = ConnAck { code: ReasonCode::NotAuthorized, ..accepted };
    golden(&[V3_1, V3_1_1], Packet::ConnAck(refused), b"\x20\x02\0\x05");
    golden(&[V5], Packet::ConnAck(refused), b"\x20\x03\0\x87\0");
    let properties = PropertyBuffer::from_iter([
        Property::MaximumQoS(QoS::AtLeastOnce),
        Property::AssignedClientIdentifier("x"),
        Property::ServerKeepAlive(30),
    ]);
    let with = ConnAck { session_present: true, properties: properties.as_properties(), ..accepted };
    golden(&[V5], Packet::ConnAck(with), b"\x20\x0c\x01\0\x09\x24\x01\x12\0\x01x\x13\0\x1e");
    let mut out = Vec::new();
    ConnAck { code: ReasonCode::MalformedPacket, ..accepted }.encode(V3_1_1, &mut out);
    assert!(out.is_empty(), "3.1.1 has no return code for it");
}

#[test]
fn publish() {
    let plain = Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: "a",
        packet_id: None,
        properties: Properties::EMPTY,
        payload: b"",
    };
    golden(&[V3_1, V3_1_1], Packet::Publish(plain), b"\x30\x03\0\x01a");
    golden(&[V5], Packet::Publish(plain), b"\x30\x04\0\x01a\0");
    let again = Publish {
        dup: true,
        qos: QoS::ExactlyOnce,
        retain: true,
        packet_id: Some(id(0x1234)),
        payload: b"\0hi",
        ..plain
    };
    golden(&[V3_1, V3_1_1], Packet::Publish(again), b"\x3d\x08\0\x01a\x12\x34\0hi");
    let properties = PropertyBuffer::from_iter([Property::TopicAlias(3), Property::SubscriptionIdentifier(321)]);
    let by_alias = Publish { topic: "", properties: properties.as_properties(), ..again };
    golden(&[V5], Packet::Publish(by_alias), b"\x3d\x0e\0\0\x12\x34\x06\x23\0\x03\x0b\xc1\x02\0hi");
    assert_eq!(by_alias.properties.subscription_identifiers().collect::<Vec<_>>(), [321]);
}

#[test]
fn acknowledgements() {
    let ack = Ack::new(id(7), ReasonCode::Success);
    let all = [V3_1, V3_1_1, V5];
    golden(&all, Packet::PubAck(ack), b"\x40\x02\0\x07");
    golden(&all, Packet::PubRec(ack), b"\x50\x02\0\x07");
    golden(&all, Packet::PubRel(ack), b"\x62\x02\0\x07");
    golden(&all, Packet::PubComp(ack), b"\x70\x02\0\x07");
    let failed = Ack::new(id(7), ReasonCode::QuotaExceeded);
    golden(&[V5], Packet::PubAck(failed), b"\x40\x03\0\x07\x97");
    let reason = PropertyBuffer::from_iter([Property::ReasonString("no")]);
    let told = Ack { properties: reason.as_properties(), ..failed };
    golden(&[V5], Packet::PubRec(told), b"\x50\x09\0\x07\x97\x05\x1f\0\x02no");
    assert_eq!(decode(V5, b"\x40\x04\0\x07\0\0"), Ok(Packet::PubAck(ack)), "the long form of success");
}

#[test]
fn subscribe_and_suback() {
    let mut filters = SubscribeBuffer::new();
    filters.push("a/+", SubscriptionOptions::with_qos(QoS::AtLeastOnce));
    let subscribe = Subscribe::new(id(1), Properties::EMPTY, &filters);
    golden(&[V3_1, V3_1_1], Packet::Subscribe(subscribe), b"\x82\x08\0\x01\0\x03a/+\x01");
    golden(&[V5], Packet::Subscribe(subscribe), b"\x82\x09\0\x01\0\0\x03a/+\x01");
    filters.clear();
    let options = SubscriptionOptions {
        qos: QoS::ExactlyOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
    };
    filters.push("x", options);
    filters.push("#", SubscriptionOptions::default());
    let properties = PropertyBuffer::from_iter([Property::SubscriptionIdentifier(5)]);
    let subscribe = Subscribe::new(id(2), properties.as_properties(), &filters);
    golden(&[V5], Packet::Subscribe(subscribe), b"\x82\x0d\0\x02\x02\x0b\x05\0\x01x\x2e\0\x01#\0");
    let read: Vec<_> = subscribe.filters().collect();
    assert_eq!(read[0], SubscribeFilter { filter: "x", options });
    assert_eq!(read[1].filter, "#");
    assert_eq!(read.len(), 2);
    let suback = SubAck { packet_id: id(2), properties: Properties::EMPTY, codes: &[0, 1, 2, 0x80] };
    golden(&[V3_1, V3_1_1], Packet::SubAck(suback), b"\x90\x06\0\x02\0\x01\x02\x80");
    golden(&[V5], Packet::SubAck(suback), b"\x90\x07\0\x02\0\0\x01\x02\x80");
    let mut out = Vec::new();
    SubAck { codes: &[1, 0x8f], ..suback }.encode(V3_1_1, &mut out);
    assert_eq!(out, b"\x90\x04\0\x02\x01\x80", "3.1.1 has one failure");
}

#[test]
fn unsubscribe_and_unsuback() {
    let mut filters = UnsubscribeBuffer::new();
    filters.push("a");
    filters.push("b/#");
    let unsubscribe = Unsubscribe::new(id(9), Properties::EMPTY, &filters);
    golden(&[V3_1, V3_1_1], Packet::Unsubscribe(unsubscribe), b"\xa2\x0a\0\x09\0\x01a\0\x03b/#");
    golden(&[V5], Packet::Unsubscribe(unsubscribe), b"\xa2\x0b\0\x09\0\0\x01a\0\x03b/#");
    assert_eq!(unsubscribe.filters().collect::<Vec<_>>(), ["a", "b/#"]);
    let unsuback = UnsubAck { packet_id: id(9), properties: Properties::EMPTY, codes: &[] };
    golden(&[V3_1, V3_1_1], Packet::UnsubAck(unsuback), b"\xb0\x02\0\x09");
    let unsuback = UnsubAck { codes: &[0, 0x11], ..unsuback };
    golden(&[V5], Packet::UnsubAck(unsuback), b"\xb0\x05\0\x09\0\0\x11");
}

#[test]
fn ping_disconnect_auth() {
    let all = [V3_1, V3_1_1, V5];
    golden(&all, Packet::PingReq, b"\xc0\0");
    golden(&all, Packet::PingResp, b"\xd0\0");
    golden(&all, Packet::Disconnect(Disconnect::new(ReasonCode::NormalDisconnection)), b"\xe0\0");
    golden(&[V5], Packet::Disconnect(Disconnect::new(ReasonCode::SessionTakenOver)), b"\xe0\x01\x8e");
    let expiry = PropertyBuffer::from_iter([Property::SessionExpiryInterval(1)]);
    let disconnect = Disconnect { code: ReasonCode::Success, properties: expiry.as_properties() };
    golden(&[V5], Packet::Disconnect(disconnect), b"\xe0\x07\0\x05\x11\0\0\0\x01");
    assert_eq!(decode(V5, b"\xe0\x02\0\0"), Ok(Packet::Disconnect(Disconnect::new(ReasonCode::Success))));
    let method =
        PropertyBuffer::from_iter([Property::AuthenticationMethod("m"), Property::AuthenticationData(&[1, 0])]);
    let auth = Auth { code: ReasonCode::ContinueAuthentication, properties: method.as_properties() };
    golden(&[V5], Packet::Auth(auth), b"\xf0\x0b\x18\x09\x15\0\x01m\x16\0\x02\x01\0");
}

#[test]
fn the_largest_fields_fit() {
    let topic = "t".repeat(65_535);
    let publish = Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: &topic,
        packet_id: None,
        properties: Properties::EMPTY,
        payload: b"x",
    };
    let mut out = Vec::new();
    publish.encode(V5, &mut out);
    assert_eq!(out.len(), 1 + 3 + 2 + 65_535 + 1 + 1);
    assert_eq!(decode(V5, &out), Ok(Packet::Publish(publish)));
}

#[test]
fn accessors_have_the_defaults_of_the_specification() {
    let none = Properties::EMPTY;
    assert!(none.request_problem_information());
    assert!(!none.request_response_information());
    assert!(none.retain_available() && none.wildcard_subscription_available());
    assert!(none.subscription_identifier_available() && none.shared_subscription_available());
    assert_eq!(none.receive_maximum(), None);
    assert_eq!(none.iter().count(), 0);
}
