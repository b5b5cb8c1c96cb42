//! The packets that the work is done with, and the work of reading and writing them.

use std::hint::black_box;

use weirmq_core::packet::{
    Ack, Connect, Packet, PacketId, PacketType, Properties, Property, PropertyBuffer, Publish, QoS, ReasonCode,
    Subscribe, SubscribeBuffer, SubscriptionOptions, Unsubscribe, UnsubscribeBuffer, Version, split,
};

use crate::{ClientOptions, PAYLOAD, Work};

/// The topic of a usual sensor: 27 to 31 bytes.
pub fn topic(number: usize) -> String {
    format!("site/{}/line/{number}/temperature", number % 100)
}

/// Bytes that tell places apart.
pub fn payload(size: usize) -> Vec<u8> {
    (0..size).map(|at| at as u8 ^ (at >> 8) as u8).collect()
}

/// CONNECT with Clean Start, without Keep Alive and will.
pub fn connect(client_id: &str, options: ClientOptions) -> Vec<u8> {
    let aliases = Property::TopicAliasMaximum(options.topic_alias_maximum);
    let properties: PropertyBuffer = Some(aliases).filter(|_| options.topic_alias_maximum > 0).into_iter().collect();
    let connect = Connect {
        version: options.version,
        clean_start: true,
        keep_alive_s: 0,
        properties: properties.as_properties(),
        client_id,
        will: None,
        user_name: None,
        password: None,
    };
    let mut bytes = Vec::new();
    connect.encode(&mut bytes);
    bytes
}

/// SUBSCRIBE to one filter.
pub fn subscribe(version: Version, filter: &str, qos: QoS) -> Vec<u8> {
    subscribe_all(version, [filter], qos)
}

/// SUBSCRIBE to several filters.
pub(crate) fn subscribe_all<'f>(version: Version, all: impl IntoIterator<Item = &'f str>, qos: QoS) -> Vec<u8> {
    let mut filters = SubscribeBuffer::new();
    all.into_iter().for_each(|filter| filters.push(filter, SubscriptionOptions::with_qos(qos)));
    let mut bytes = Vec::new();
    Subscribe::new(PacketId::MIN, Properties::EMPTY, &filters).encode(version, &mut bytes);
    bytes
}

/// UNSUBSCRIBE from several filters.
pub(crate) fn unsubscribe_all<'f>(version: Version, all: impl IntoIterator<Item = &'f str>) -> Vec<u8> {
    let mut filters = UnsubscribeBuffer::new();
    all.into_iter().for_each(|filter| filters.push(filter));
    let mut bytes = Vec::new();
    Unsubscribe::new(PacketId::MIN, Properties::EMPTY, &filters).encode(version, &mut bytes);
    bytes
}

/// A publisher's messages: Packet Identifiers from 1 up.
pub fn publishes(version: Version, topic: &str, qos: QoS, count: usize, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 1..=count {
        publish(topic, qos, number, Properties::EMPTY, payload).encode(version, &mut bytes);
    }
    bytes
}

/// The same in 5.0 by a Topic Alias: the first message defines it, the others have it in place of the topic.
pub(crate) fn publishes_by_alias(topic: &str, qos: QoS, count: usize, payload: &[u8]) -> Vec<u8> {
    let alias: PropertyBuffer = [Property::TopicAlias(1)].into_iter().collect();
    let mut bytes = Vec::new();
    for number in 1..=count {
        let topic = if number == 1 { topic } else { "" };
        publish(topic, qos, number, alias.as_properties(), payload).encode(Version::V5, &mut bytes);
    }
    bytes
}

fn publish<'a>(topic: &'a str, qos: QoS, id: usize, properties: Properties<'a>, payload: &'a [u8]) -> Publish<'a> {
    let packet_id = PacketId::new(id as u16).filter(|_| qos > QoS::AtMostOnce);
    Publish { dup: false, qos, retain: false, topic, packet_id, properties, payload }
}

/// Messages with RETAIN 1, one for each topic.
pub(crate) fn retained(topics: impl Iterator<Item = String>, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for topic in topics {
        let publish = Publish { retain: true, ..publish(&topic, QoS::AtMostOnce, 0, Properties::EMPTY, payload) };
        publish.encode(Version::V3_1_1, &mut bytes);
    }
    bytes
}

/// One packet of each kind that is read and written.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// No properties, as most have none.
    Publish(QoS),
    /// Content Type, an expiry interval and a User Property.
    PublishProperties(QoS),
    PubAck,
    Connect,
    Subscribe,
}

impl Kind {
    fn bytes(self, version: Version) -> Vec<u8> {
        let topic = topic(17);
        match self {
            Self::Publish(qos) => publishes(version, &topic, qos, 1, &payload(PAYLOAD)),
            Self::PublishProperties(qos) => {
                let properties: PropertyBuffer = [
                    Property::MessageExpiryInterval(3_600),
                    Property::ContentType("application/json"),
                    Property::UserProperty("unit", "celsius"),
                ]
                .into_iter()
                .collect();
                let mut bytes = Vec::new();
                publish(&topic, qos, 1, properties.as_properties(), &payload(PAYLOAD)).encode(version, &mut bytes);
                bytes
            }
            Self::PubAck => {
                let mut bytes = Vec::new();
                Ack::new(PacketId::MIN, ReasonCode::Success).encode(PacketType::PubAck, version, &mut bytes);
                bytes
            }
            Self::Connect => {
                let options = ClientOptions { topic_alias_maximum: 16, ..ClientOptions::new(version, QoS::AtMostOnce) };
                connect("sensor-0017-temperature", options)
            }
            Self::Subscribe => subscribe(version, "site/+/line/17/#", QoS::AtLeastOnce),
        }
    }
}

/// Packets of one piece of bytes.
const PACKETS: usize = 256;

/// Splits packets off and reads them.
pub(crate) fn decode(version: Version, kind: Kind) -> Work {
    let bytes = kind.bytes(version).repeat(PACKETS);
    Work::new(PACKETS, move |around| {
        around(&mut || {
            let mut rest = black_box(&bytes[..]);
            while let Some(frame) = split(rest, Some(version), usize::MAX).expect("a valid packet") {
                black_box(Packet::decode(version, &frame).expect("a valid packet"));
                rest = &rest[frame.size..];
            }
            assert!(rest.is_empty(), "everything was read");
        });
    })
}

/// Writes packets.
pub(crate) fn encode(version: Version, kind: Kind) -> Work {
    let bytes = kind.bytes(version);
    let mut out = Vec::new();
    Work::new(PACKETS, move |around| {
        let frame = split(&bytes, Some(version), usize::MAX).expect("a valid packet").expect("a whole packet");
        let packet = Packet::decode(version, &frame).expect("a valid packet");
        out.clear();
        around(&mut || (0..PACKETS).for_each(|_| black_box(&packet).encode(version, black_box(&mut out))));
        assert!(out.len() == PACKETS * bytes.len() && out.starts_with(&bytes), "what was read was written");
    })
}
