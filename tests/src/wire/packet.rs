//! The control packets as plain data.

use super::property::Property;

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.
    V31,
    /// MQTT 3.1.1.
    V311,
    /// MQTT 5.0.
    V5,
}

/// Any control packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Packet {
    Connect(Connect),
    ConnAck(ConnAck),
    Publish(Publish),
    PubAck(Ack),
    PubRec(Ack),
    PubRel(Ack),
    PubComp(Ack),
    Subscribe(Subscribe),
    SubAck(SubAck),
    Unsubscribe(Unsubscribe),
    UnsubAck(UnsubAck),
    PingReq,
    PingResp,
    Disconnect(Disconnect),
    Auth(Auth),
}

/// CONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The version it names.
    pub version: Version,
    /// Clean Start; before 5.0 CleanSession.
    pub clean: bool,
    /// Keep Alive in seconds.
    pub keep_alive_s: u16,
    /// The Client Identifier.
    pub client_id: String,
    /// The will.
    pub will: Option<Will>,
    /// The user name.
    pub user_name: Option<String>,
    /// The password.
    pub password: Option<Vec<u8>>,
    /// Its properties (5.0).
    pub properties: Vec<Property>,
}

/// The will of a CONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Will Topic.
    pub topic: String,
    /// Will Payload.
    pub payload: Vec<u8>,
    /// Will QoS.
    pub qos: u8,
    /// Will Retain.
    pub retain: bool,
    /// Will Properties (5.0).
    pub properties: Vec<Property>,
}

/// CONNACK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnAck {
    /// Session Present.
    pub session_present: bool,
    /// The Reason Code, before 5.0 the return code.
    pub code: u8,
    /// Its properties (5.0).
    pub properties: Vec<Property>,
}

/// PUBLISH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// DUP.
    pub dup: bool,
    /// The two QoS bits.
    pub qos: u8,
    /// RETAIN.
    pub retain: bool,
    /// Topic Name.
    pub topic: String,
    /// Packet Identifier, with QoS 1 and 2.
    pub id: Option<u16>,
    /// Its properties (5.0).
    pub properties: Vec<Property>,
    /// The Application Message.
    pub payload: Vec<u8>,
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Packet Identifier.
    pub id: u16,
    /// Reason Code (5.0; else 0).
    pub code: u8,
    /// Its properties (5.0).
    pub properties: Vec<Property>,
}

/// SUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// Packet Identifier.
    pub id: u16,
    /// Its properties (5.0).
    pub properties: Vec<Property>,
    /// The filters.
    pub filters: Vec<Filter>,
}

/// One Topic Filter of a SUBSCRIBE with its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The Topic Filter.
    pub filter: String,
    /// The options byte: before 5.0 the QoS alone.
    pub options: u8,
}

/// SUBACK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubAck {
    /// Packet Identifier.
    pub id: u16,
    /// Its properties (5.0).
    pub properties: Vec<Property>,
    /// One code for each filter.
    pub codes: Vec<u8>,
}

/// UNSUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Packet Identifier.
    pub id: u16,
    /// Its properties (5.0).
    pub properties: Vec<Property>,
    /// The filters.
    pub filters: Vec<String>,
}

/// UNSUBACK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsubAck {
    /// Packet Identifier.
    pub id: u16,
    /// Its properties (5.0).
    pub properties: Vec<Property>,
    /// One code for each filter (5.0; else none).
    pub codes: Vec<u8>,
}

/// DISCONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnect {
    /// Reason Code (5.0; else 0).
    pub code: u8,
    /// Its properties (5.0).
    pub properties: Vec<Property>,
}

/// AUTH (5.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// Reason Code.
    pub code: u8,
    /// Its properties.
    pub properties: Vec<Property>,
}

macro_rules! into_packet {
    ($($name:ident),*) => { $(
        impl From<$name> for Packet {
            fn from(packet: $name) -> Self { Self::$name(packet) }
        }
    )* };
}

into_packet!(Connect, ConnAck, Publish, Subscribe, SubAck, Unsubscribe, UnsubAck, Disconnect, Auth);

impl Packet {
    /// The same packet with its properties taken out, for comparisons in which they do not matter.
    pub fn without_properties(mut self) -> Self {
        match &mut self {
            Self::Connect(it) => it.properties.clear(),
            Self::ConnAck(it) => it.properties.clear(),
            Self::Publish(it) => it.properties.clear(),
            Self::PubAck(it) | Self::PubRec(it) | Self::PubRel(it) | Self::PubComp(it) => it.properties.clear(),
            Self::Subscribe(it) => it.properties.clear(),
            Self::SubAck(it) => it.properties.clear(),
            Self::Unsubscribe(it) => it.properties.clear(),
            Self::UnsubAck(it) => it.properties.clear(),
            Self::PingReq | Self::PingResp => {}
            Self::Disconnect(it) => it.properties.clear(),
            Self::Auth(it) => it.properties.clear(),
        }
        self
    }
}
