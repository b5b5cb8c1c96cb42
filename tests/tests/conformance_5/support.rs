//! What the cases of all chapters say.

pub(crate) use std::time::Duration;
pub(crate) use weirmq_core::Config;
pub(crate) use weirmq_core::config::Authentication;
pub(crate) use weirmq_core::packet::{QoS, ReasonCode};
pub(crate) use weirmq_tests::memory::Net;
pub(crate) use weirmq_tests::wire::raw::{frame, join, properties, string};
pub(crate) use weirmq_tests::wire::*;
pub(crate) use weirmq_tests::{Client, Received, Start, Talk, World};

pub(crate) use crate::{in_each_world, in_memory, net};

/// The shortest time that virtual time knows.
pub(crate) const MICROSECOND: Duration = Duration::from_micros(1);

/// A fault that the specification calls an error without naming the code.
pub(crate) const MALFORMED_OR_PROTOCOL: &[u8] = &[0x81, 0x82];

/// Byte sequences that are no UTF-8, or that are U+0000 to the eye: overlong, surrogates, beyond the end, cut.
pub(crate) const NOT_UTF8: [&[u8]; 12] = [
    &[0xC0, 0x80],
    &[0xC1, 0xBF],
    &[0xE0, 0x80, 0x80],
    &[0xED, 0xA0, 0x80],
    &[0xED, 0xBF, 0xBF],
    &[0xF0, 0x80, 0x80, 0x80],
    &[0xF4, 0x90, 0x80, 0x80],
    &[0xF5, 0x80, 0x80, 0x80],
    &[0xFF],
    &[0x80],
    &[0xE2, 0x82],
    &[b'a', 0xC3],
];

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A 5.0 client with Clean Start 1, whose session ends with its connection.
pub(crate) fn v5(client_id: &str) -> Connect {
    connect(client_id).v5()
}

/// A 5.0 client with Clean Start 0, whose session lasts an hour.
pub(crate) fn lasting(client_id: &str) -> Connect {
    v5(client_id).clean(false).session_expiry(3_600)
}

/// The Packet Identifier of a QoS 1 or 2 message.
#[track_caller]
pub(crate) fn id_of(publish: &Publish) -> u16 {
    publish.id.expect("a Packet Identifier")
}

/// A raw 5.0 CONNECT: `list` are its properties, `payload` begins with the Client Identifier.
pub(crate) fn raw_connect(flags: u8, list: &[u8], payload: &[u8]) -> Vec<u8> {
    raw::connect(b"MQTT", 5, flags, Some(list), payload)
}

/// Opens a connection that speaks 5.0 and sends nothing yet.
pub(crate) fn open(w: &mut dyn World) -> Client {
    let client = w.open();
    w.set_version(client, Version::V5);
    client
}

/// Sends this first on a new connection; it is refused by a CONNACK with one of these codes, and closed. The CONNACK.
#[track_caller]
pub(crate) fn refused(w: &mut dyn World, first: impl ToWire, codes: &[u8]) -> ConnAck {
    let client = open(w);
    w.send(client, first);
    refused_at(w, client, codes)
}

/// The connection is refused by a CONNACK with one of these codes, and closed. The CONNACK.
#[track_caller]
pub(crate) fn refused_at(w: &mut dyn World, client: Client, codes: &[u8]) -> ConnAck {
    let packet = w.recv(client);
    let Packet::ConnAck(connack) = packet else { panic!("{client:?} gets {packet:?} in place of a CONNACK") };
    assert!(codes.contains(&connack.code), "{connack:02X?} in place of one with {codes:02X?}");
    assert!(!connack.session_present, "MQTT-3.2.2-6: {connack:?}");
    w.expect_closed(client);
    connack
}

/// The client is sent a DISCONNECT with one of these codes, and closed. The DISCONNECT.
#[track_caller]
pub(crate) fn disconnected(w: &mut dyn World, client: Client, codes: &[u8]) -> Disconnect {
    let packet = w.recv(client);
    let Packet::Disconnect(disconnect) = packet else { panic!("{client:?} gets {packet:?} in place of a DISCONNECT") };
    assert!(codes.contains(&disconnect.code), "{disconnect:02X?} in place of one with {codes:02X?}");
    w.expect_closed(client);
    disconnect
}

/// A connected client sends what it must not, is sent a DISCONNECT with one of these codes and is closed.
#[track_caller]
pub(crate) fn breach(start: Start<'_>, what: impl ToWire, codes: &[u8]) -> Disconnect {
    breach_with(start, Config::default(), what, codes)
}

/// The same against a broker of this configuration.
#[track_caller]
pub(crate) fn breach_with(start: Start<'_>, config: Config, what: impl ToWire, codes: &[u8]) -> Disconnect {
    let mut w = start(config);
    let client = w.connect(v5("rogue"));
    w.send(client, what);
    disconnected(&mut *w, client, codes)
}

/// A subscriber to `filter` at QoS 2 and a publisher.
#[track_caller]
pub(crate) fn pair(w: &mut dyn World, filter: &str) -> (Client, Client) {
    let subscriber = w.connect(v5("subscriber"));
    w.subscribed(subscriber, [(filter, 2)]);
    (subscriber, w.connect(v5("publisher")))
}

/// The client says DISCONNECT and is closed.
#[track_caller]
pub(crate) fn leave(w: &mut dyn World, client: Client) {
    w.send(client, disconnect());
    w.expect_closed(client);
}

/// What a publish leads to at a subscriber of the same topic, and the QoS 1 message that follows it, taken.
#[track_caller]
pub(crate) fn forwarded(start: Start<'_>, message: Publish) -> Publish {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, &message.topic);
    let (topic, payload) = (message.topic.clone(), message.payload.clone());
    w.published(publisher, message);
    let got = w.take(subscriber, &topic, payload);
    w.expect_nothing(subscriber);
    got
}

/// Which of the wanted properties came, in order.
pub(crate) fn user_properties(list: &[Property]) -> Vec<Property> {
    list.iter().filter(|property| matches!(property, Property::UserProperty(_))).cloned().collect()
}

/// The Subscription Identifiers of a message, sorted.
pub(crate) fn identifiers(publish: &Publish) -> Vec<u32> {
    let of = |property: &Property| match property {
        Property::SubscriptionIdentifier(VarInt(identifier)) => Some(*identifier),
        _ => None,
    };
    let mut identifiers: Vec<u32> = publish.properties.iter().filter_map(of).collect();
    identifiers.sort_unstable();
    identifiers
}

/// The Topic Alias of a message.
pub(crate) fn alias_of(publish: &Publish) -> Option<u16> {
    publish.properties.iter().find_map(|property| match property {
        Property::TopicAlias(alias) => Some(*alias),
        _ => None,
    })
}

/// The remaining Message Expiry Interval of a message.
pub(crate) fn expiry_of(publish: &Publish) -> Option<u32> {
    publish.properties.iter().find_map(|property| match property {
        Property::MessageExpiryInterval(seconds) => Some(*seconds),
        _ => None,
    })
}
