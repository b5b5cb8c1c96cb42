//! Arbitrary valid packets for property tests, here and in the rest of the crate.
//!
//! Packets borrow, so what they borrow is leaked: a test run is short. Sizes stay small, because long fields add nothing
//! but time; the limits have tests of their own.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, PacketId, PacketType, Properties, Property, PropertyBuffer,
    PropertySet, Publish, QoS, ReasonCode, RetainHandling, SubAck, Subscribe, SubscribeBuffer, SubscriptionOptions,
    UnsubAck, Unsubscribe, UnsubscribeBuffer, Version, Will,
};

/// Any version.
pub(crate) fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V3_1), Just(Version::V3_1_1), Just(Version::V5)]
}

/// Any QoS.
pub(crate) fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![Just(QoS::AtMostOnce), Just(QoS::AtLeastOnce), Just(QoS::ExactlyOnce)]
}

/// Any packet identifier.
pub(crate) fn packet_id() -> impl Strategy<Value = PacketId> {
    (1u16..).prop_map(|id| PacketId::new(id).expect("not zero"))
}

/// A UTF-8 string without U+0000.
pub(crate) fn string() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => "[^\0]{0,12}", 1 => "[a-z\u{feff}\u{10ffff}]{100,300}"].prop_map(leak_string)
}

/// Bytes of any kind.
pub(crate) fn binary() -> impl Strategy<Value = &'static [u8]> {
    prop_oneof![4 => vec(any::<u8>(), 0..16), 1 => vec(any::<u8>(), 100..400)].prop_map(leak_bytes)
}

/// A topic name: not empty, no wildcard.
pub(crate) fn topic_name() -> impl Strategy<Value = &'static str> {
    prop_oneof!["[a-c/$]{1,8}", "[^\0+#]{1,12}"].prop_map(leak_string)
}

/// A valid filter without `$share`.
pub(crate) fn topic_filter() -> impl Strategy<Value = &'static str> {
    (vec(prop_oneof![3 => "[a-c]{0,2}", 1 => Just(String::from("+"))], 1..5), any::<bool>()).prop_map(
        |(mut levels, hash)| {
            if hash || levels.iter().all(String::is_empty) {
                levels.push(String::from("#"));
            }
            leak_string(levels.join("/"))
        },
    )
}

fn leak_string(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

fn leak_bytes(bytes: Vec<u8>) -> &'static [u8] {
    Box::leak(bytes.into_boxed_slice())
}

/// Any property, with a value that it may have.
pub(crate) fn property() -> impl Strategy<Value = Property<'static>> {
    prop_oneof![
        any::<bool>().prop_map(Property::PayloadFormatIndicator),
        any::<u32>().prop_map(Property::MessageExpiryInterval),
        string().prop_map(Property::ContentType),
        topic_name().prop_map(Property::ResponseTopic),
        binary().prop_map(Property::CorrelationData),
        (1u32..=268_435_455).prop_map(Property::SubscriptionIdentifier),
        any::<u32>().prop_map(Property::SessionExpiryInterval),
        string().prop_map(Property::AssignedClientIdentifier),
        any::<u16>().prop_map(Property::ServerKeepAlive),
        string().prop_map(Property::AuthenticationMethod),
        binary().prop_map(Property::AuthenticationData),
        any::<bool>().prop_map(Property::RequestProblemInformation),
        any::<u32>().prop_map(Property::WillDelayInterval),
        any::<bool>().prop_map(Property::RequestResponseInformation),
        string().prop_map(Property::ResponseInformation),
        string().prop_map(Property::ServerReference),
        string().prop_map(Property::ReasonString),
        (1u16..).prop_map(Property::ReceiveMaximum),
        any::<u16>().prop_map(Property::TopicAliasMaximum),
        (1u16..).prop_map(Property::TopicAlias),
        prop_oneof![Just(QoS::AtMostOnce), Just(QoS::AtLeastOnce)].prop_map(Property::MaximumQoS),
        any::<bool>().prop_map(Property::RetainAvailable),
        (string(), string()).prop_map(|(name, value)| Property::UserProperty(name, value)),
        (1u32..).prop_map(Property::MaximumPacketSize),
        any::<bool>().prop_map(Property::WildcardSubscriptionAvailable),
        any::<bool>().prop_map(Property::SubscriptionIdentifierAvailable),
        any::<bool>().prop_map(Property::SharedSubscriptionAvailable),
    ]
}

/// A valid property list for `place`; the empty one in 3.x.
pub(crate) fn properties(version: Version, place: PropertySet) -> impl Strategy<Value = Properties<'static>> {
    vec(property(), if version == Version::V5 { 0..24 } else { 0..1 }).prop_map(move |candidates| {
        if version != Version::V5 {
            return Properties::EMPTY;
        }
        let mut taken: Vec<Property<'static>> = Vec::new();
        if place == PropertySet::Auth {
            taken.push(Property::AuthenticationMethod("SCRAM-SHA-1"));
        }
        for property in candidates {
            let repeated = taken.iter().any(|other| other.identifier() == property.identifier());
            let headless = matches!(property, Property::AuthenticationData(_))
                && !taken.iter().any(|other| matches!(other, Property::AuthenticationMethod(_)));
            if property.allowed_in(place) && (!repeated || property.repeatable_in(place)) && !headless {
                taken.push(property);
            }
        }
        Box::leak(Box::new(PropertyBuffer::from_iter(taken))).as_properties()
    })
}

/// A code that packets of this type may carry; only success where the version has no codes.
pub(crate) fn code(version: Version, packet_type: PacketType) -> impl Strategy<Value = ReasonCode> {
    let codes: Vec<ReasonCode> = ReasonCode::ALL
        .iter()
        .copied()
        .filter(|&code| match (version, packet_type) {
            (Version::V5, _) => code.allowed_in(packet_type),
            (_, PacketType::ConnAck) => (0..=5).any(|byte| ReasonCode::from_connect_return_code(byte) == Some(code)),
            (_, PacketType::SubAck) => code.as_u8() <= 2 || code == ReasonCode::UnspecifiedError,
            _ => code == ReasonCode::Success,
        })
        .collect();
    proptest::sample::select(codes)
}

/// Any CONNECT of a version.
pub(crate) fn connect(version: Version) -> impl Strategy<Value = Connect<'static>> {
    let will = (qos(), any::<bool>(), properties(version, PropertySet::Will), topic_name(), binary())
        .prop_map(|(qos, retain, properties, topic, payload)| Will { qos, retain, properties, topic, payload });
    (
        any::<bool>(),
        any::<u16>(),
        properties(version, PropertySet::Connect),
        string(),
        proptest::option::of(will),
        proptest::option::of(string()),
        proptest::option::of(binary()),
    )
        .prop_map(move |(clean_start, keep_alive_s, properties, client_id, will, user_name, password)| {
            let password = password.filter(|_| version == Version::V5 || user_name.is_some());
            Connect { version, clean_start, keep_alive_s, properties, client_id, will, user_name, password }
        })
}

/// Any CONNACK of a version.
pub(crate) fn connack(version: Version) -> impl Strategy<Value = ConnAck<'static>> {
    (any::<bool>(), code(version, PacketType::ConnAck), properties(version, PropertySet::ConnAck)).prop_map(
        move |(session_present, code, properties)| {
            let session_present = session_present && code == ReasonCode::Success && version != Version::V3_1;
            ConnAck { session_present, code, properties }
        },
    )
}

/// Any PUBLISH of a version; an empty topic where there is an alias.
pub(crate) fn publish(version: Version) -> impl Strategy<Value = Publish<'static>> {
    (
        any::<bool>(),
        qos(),
        any::<bool>(),
        topic_name(),
        any::<bool>(),
        packet_id(),
        properties(version, PropertySet::Publish),
        binary(),
    )
        .prop_map(|(dup, qos, retain, topic, by_alias, packet_id, properties, payload)| Publish {
            dup: dup && qos != QoS::AtMostOnce,
            qos,
            retain,
            topic: if by_alias && properties.topic_alias().is_some() { "" } else { topic },
            packet_id: Some(packet_id).filter(|_| qos != QoS::AtMostOnce),
            properties,
            payload,
        })
}

/// Any acknowledgement of a type and version.
pub(crate) fn ack(
    version: Version,
    packet_type: PacketType,
    place: PropertySet,
) -> impl Strategy<Value = Ack<'static>> {
    (packet_id(), code(version, packet_type), properties(version, place))
        .prop_map(|(packet_id, code, properties)| Ack { packet_id, code, properties })
}

/// Any Subscription Options of a version.
pub(crate) fn options(version: Version) -> impl Strategy<Value = SubscriptionOptions> {
    let handling = prop_oneof![
        Just(RetainHandling::SendAtSubscribe),
        Just(RetainHandling::SendIfNew),
        Just(RetainHandling::DoNotSend)
    ];
    (qos(), any::<bool>(), any::<bool>(), handling).prop_map(
        move |(qos, no_local, retain_as_published, retain_handling)| match version {
            Version::V5 => SubscriptionOptions { qos, no_local, retain_as_published, retain_handling },
            Version::V3_1 | Version::V3_1_1 => SubscriptionOptions::with_qos(qos),
        },
    )
}

/// Any SUBSCRIBE of a version.
pub(crate) fn subscribe(version: Version) -> impl Strategy<Value = Subscribe<'static>> {
    (packet_id(), properties(version, PropertySet::Subscribe), vec((topic_filter(), options(version)), 1..6)).prop_map(
        |(packet_id, properties, filters)| {
            let mut buffer = SubscribeBuffer::new();
            for (filter, options) in filters {
                buffer.push(filter, options);
            }
            Subscribe::new(packet_id, properties, Box::leak(Box::new(buffer)))
        },
    )
}

/// Any SUBACK of a version.
pub(crate) fn suback(version: Version) -> impl Strategy<Value = SubAck<'static>> {
    (
        packet_id(),
        properties(version, PropertySet::SubAck),
        vec(code(version, PacketType::SubAck).prop_map(ReasonCode::as_u8), 1..6),
    )
        .prop_map(|(packet_id, properties, codes)| SubAck { packet_id, properties, codes: leak_bytes(codes) })
}

/// Any UNSUBSCRIBE of a version.
pub(crate) fn unsubscribe(version: Version) -> impl Strategy<Value = Unsubscribe<'static>> {
    (packet_id(), properties(version, PropertySet::Unsubscribe), vec(topic_filter(), 1..6)).prop_map(
        |(packet_id, properties, filters)| {
            let mut buffer = UnsubscribeBuffer::new();
            for filter in filters {
                buffer.push(filter);
            }
            Unsubscribe::new(packet_id, properties, Box::leak(Box::new(buffer)))
        },
    )
}

/// Any UNSUBACK of a version.
pub(crate) fn unsuback(version: Version) -> impl Strategy<Value = UnsubAck<'static>> {
    (
        packet_id(),
        properties(version, PropertySet::UnsubAck),
        vec(code(Version::V5, PacketType::UnsubAck).prop_map(ReasonCode::as_u8), 1..6),
    )
        .prop_map(move |(packet_id, properties, codes)| {
            let codes = if version == Version::V5 { leak_bytes(codes) } else { &[] };
            UnsubAck { packet_id, properties, codes }
        })
}

/// Any DISCONNECT of a version.
pub(crate) fn disconnect(version: Version) -> impl Strategy<Value = Disconnect<'static>> {
    (code(version, PacketType::Disconnect), properties(version, PropertySet::Disconnect))
        .prop_map(|(code, properties)| Disconnect { code, properties })
}

/// Any AUTH.
pub(crate) fn auth() -> impl Strategy<Value = Auth<'static>> {
    (code(Version::V5, PacketType::Auth), properties(Version::V5, PropertySet::Auth))
        .prop_map(|(code, properties)| Auth { code, properties })
}

/// Any packet of a version, of both directions.
pub(crate) fn packet(version: Version) -> impl Strategy<Value = Packet<'static>> {
    let acks = prop_oneof![
        ack(version, PacketType::PubAck, PropertySet::PubAck).prop_map(Packet::PubAck),
        ack(version, PacketType::PubRec, PropertySet::PubRec).prop_map(Packet::PubRec),
        ack(version, PacketType::PubRel, PropertySet::PubRel).prop_map(Packet::PubRel),
        ack(version, PacketType::PubComp, PropertySet::PubComp).prop_map(Packet::PubComp),
    ];
    let others = prop_oneof![
        Just(Packet::PingReq),
        Just(Packet::PingResp),
        disconnect(version).prop_map(Packet::Disconnect),
        auth().prop_map(move |auth| if version == Version::V5 { Packet::Auth(auth) } else { Packet::PingReq }),
    ];
    prop_oneof![
        2 => connect(version).prop_map(Packet::Connect),
        1 => connack(version).prop_map(Packet::ConnAck),
        4 => publish(version).prop_map(Packet::Publish),
        2 => acks,
        2 => subscribe(version).prop_map(Packet::Subscribe),
        1 => suback(version).prop_map(Packet::SubAck),
        1 => unsubscribe(version).prop_map(Packet::Unsubscribe),
        1 => unsuback(version).prop_map(Packet::UnsubAck),
        2 => others,
    ]
}
