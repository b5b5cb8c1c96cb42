//! One property (MQTT 5.0, 2.2.2.2): its identifier, its type, where it may stand and which values it may have.

use alloc::vec::Vec;

use super::reader::Reader;
use super::string::{write_binary, write_string};
use super::varint::write_varint;
use super::{QoS, Violation};

/// The place of a property list: a packet type, or the will in CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PropertySet {
    /// CONNECT (3.1.2.11).
    Connect,
    /// The Will Properties in the payload of CONNECT (3.1.3.2).
    Will,
    /// CONNACK (3.2.2.3).
    ConnAck,
    /// PUBLISH (3.3.2.3), in both directions: the Subscription Identifier that only servers send is let through.
    Publish,
    /// PUBACK (3.4.2.2).
    PubAck,
    /// PUBREC (3.5.2.2).
    PubRec,
    /// PUBREL (3.6.2.2).
    PubRel,
    /// PUBCOMP (3.7.2.2).
    PubComp,
    /// SUBSCRIBE (3.8.2.1).
    Subscribe,
    /// SUBACK (3.9.2.1).
    SubAck,
    /// UNSUBSCRIBE (3.10.2.1).
    Unsubscribe,
    /// UNSUBACK (3.11.2.1).
    UnsubAck,
    /// DISCONNECT (3.14.2.2), in both directions.
    Disconnect,
    /// AUTH (3.15.2.2).
    Auth,
}

impl PropertySet {
    /// Every place.
    pub const ALL: [Self; 14] = [
        Self::Connect,
        Self::Will,
        Self::ConnAck,
        Self::Publish,
        Self::PubAck,
        Self::PubRec,
        Self::PubRel,
        Self::PubComp,
        Self::Subscribe,
        Self::SubAck,
        Self::Unsubscribe,
        Self::UnsubAck,
        Self::Disconnect,
        Self::Auth,
    ];

    /// The place as one bit of a set.
    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// Places as bits, for the table in [`places`].
const fn set(places: &[PropertySet]) -> u16 {
    let mut bits = 0;
    let mut index = 0;
    while index < places.len() {
        bits |= places[index].bit();
        index += 1;
    }
    bits
}

/// Where the property with this identifier may stand (table 2-4); 0 for an identifier that is not defined.
const fn places(identifier: u8) -> u16 {
    use PropertySet as P;
    const MESSAGE: u16 = set(&[P::Publish, P::Will]);
    const CONNACK: u16 = set(&[P::ConnAck]);
    match identifier {
        id::PAYLOAD_FORMAT_INDICATOR
        | id::MESSAGE_EXPIRY_INTERVAL
        | id::CONTENT_TYPE
        | id::RESPONSE_TOPIC
        | id::CORRELATION_DATA => MESSAGE,
        id::SUBSCRIPTION_IDENTIFIER => const { set(&[P::Publish, P::Subscribe]) },
        id::SESSION_EXPIRY_INTERVAL => const { set(&[P::Connect, P::ConnAck, P::Disconnect]) },
        id::AUTHENTICATION_METHOD | id::AUTHENTICATION_DATA => const { set(&[P::Connect, P::ConnAck, P::Auth]) },
        id::REQUEST_PROBLEM_INFORMATION | id::REQUEST_RESPONSE_INFORMATION => const { set(&[P::Connect]) },
        id::WILL_DELAY_INTERVAL => const { set(&[P::Will]) },
        id::SERVER_REFERENCE => const { set(&[P::ConnAck, P::Disconnect]) },
        id::REASON_STRING => {
            const {
                set(&[
                    P::ConnAck,
                    P::PubAck,
                    P::PubRec,
                    P::PubRel,
                    P::PubComp,
                    P::SubAck,
                    P::UnsubAck,
                    P::Disconnect,
                    P::Auth,
                ])
            }
        }
        id::RECEIVE_MAXIMUM | id::TOPIC_ALIAS_MAXIMUM | id::MAXIMUM_PACKET_SIZE => {
            const { set(&[P::Connect, P::ConnAck]) }
        }
        id::TOPIC_ALIAS => const { set(&[P::Publish]) },
        id::USER_PROPERTY => const { set(&PropertySet::ALL) },
        id::ASSIGNED_CLIENT_IDENTIFIER
        | id::SERVER_KEEP_ALIVE
        | id::RESPONSE_INFORMATION
        | id::MAXIMUM_QOS
        | id::RETAIN_AVAILABLE
        | id::WILDCARD_SUBSCRIPTION_AVAILABLE
        | id::SUBSCRIPTION_IDENTIFIER_AVAILABLE
        | id::SHARED_SUBSCRIPTION_AVAILABLE => CONNACK,
        _ => 0,
    }
}

/// The identifiers (table 2-4). All are below 128 and so take one byte as Variable Byte Integers.
pub(crate) mod id {
    pub(crate) const PAYLOAD_FORMAT_INDICATOR: u8 = 0x01;
    pub(crate) const MESSAGE_EXPIRY_INTERVAL: u8 = 0x02;
    pub(crate) const CONTENT_TYPE: u8 = 0x03;
    pub(crate) const RESPONSE_TOPIC: u8 = 0x08;
    pub(crate) const CORRELATION_DATA: u8 = 0x09;
    pub(crate) const SUBSCRIPTION_IDENTIFIER: u8 = 0x0b;
    pub(crate) const SESSION_EXPIRY_INTERVAL: u8 = 0x11;
    pub(crate) const ASSIGNED_CLIENT_IDENTIFIER: u8 = 0x12;
    pub(crate) const SERVER_KEEP_ALIVE: u8 = 0x13;
    pub(crate) const AUTHENTICATION_METHOD: u8 = 0x15;
    pub(crate) const AUTHENTICATION_DATA: u8 = 0x16;
    pub(crate) const REQUEST_PROBLEM_INFORMATION: u8 = 0x17;
    pub(crate) const WILL_DELAY_INTERVAL: u8 = 0x18;
    pub(crate) const REQUEST_RESPONSE_INFORMATION: u8 = 0x19;
    pub(crate) const RESPONSE_INFORMATION: u8 = 0x1a;
    pub(crate) const SERVER_REFERENCE: u8 = 0x1c;
    pub(crate) const REASON_STRING: u8 = 0x1f;
    pub(crate) const RECEIVE_MAXIMUM: u8 = 0x21;
    pub(crate) const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
    pub(crate) const TOPIC_ALIAS: u8 = 0x23;
    pub(crate) const MAXIMUM_QOS: u8 = 0x24;
    pub(crate) const RETAIN_AVAILABLE: u8 = 0x25;
    pub(crate) const USER_PROPERTY: u8 = 0x26;
    pub(crate) const MAXIMUM_PACKET_SIZE: u8 = 0x27;
    pub(crate) const WILDCARD_SUBSCRIPTION_AVAILABLE: u8 = 0x28;
    pub(crate) const SUBSCRIPTION_IDENTIFIER_AVAILABLE: u8 = 0x29;
    pub(crate) const SHARED_SUBSCRIPTION_AVAILABLE: u8 = 0x2a;
}

/// One property with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Property<'a> {
    /// Payload Format Indicator: whether the payload is UTF-8.
    PayloadFormatIndicator(bool),
    /// Message Expiry Interval, in seconds.
    MessageExpiryInterval(u32),
    /// Content Type.
    ContentType(&'a str),
    /// Response Topic: a topic name without wildcards, not empty.
    ResponseTopic(&'a str),
    /// Correlation Data.
    CorrelationData(&'a [u8]),
    /// Subscription Identifier, 1..=268,435,455.
    SubscriptionIdentifier(u32),
    /// Session Expiry Interval, in seconds; 0xFFFF_FFFF is never.
    SessionExpiryInterval(u32),
    /// Assigned Client Identifier.
    AssignedClientIdentifier(&'a str),
    /// Server Keep Alive, in seconds.
    ServerKeepAlive(u16),
    /// Authentication Method.
    AuthenticationMethod(&'a str),
    /// Authentication Data.
    AuthenticationData(&'a [u8]),
    /// Request Problem Information.
    RequestProblemInformation(bool),
    /// Will Delay Interval, in seconds.
    WillDelayInterval(u32),
    /// Request Response Information.
    RequestResponseInformation(bool),
    /// Response Information.
    ResponseInformation(&'a str),
    /// Server Reference.
    ServerReference(&'a str),
    /// Reason String.
    ReasonString(&'a str),
    /// Receive Maximum, not 0.
    ReceiveMaximum(u16),
    /// Topic Alias Maximum.
    TopicAliasMaximum(u16),
    /// Topic Alias, not 0.
    TopicAlias(u16),
    /// Maximum QoS: QoS 0 or 1. Leaving it out means 2.
    MaximumQoS(QoS),
    /// Retain Available.
    RetainAvailable(bool),
    /// User Property: name and value.
    UserProperty(&'a str, &'a str),
    /// Maximum Packet Size in bytes, not 0.
    MaximumPacketSize(u32),
    /// Wildcard Subscription Available.
    WildcardSubscriptionAvailable(bool),
    /// Subscription Identifier Available.
    SubscriptionIdentifierAvailable(bool),
    /// Shared Subscription Available.
    SharedSubscriptionAvailable(bool),
}

impl<'a> Property<'a> {
    /// The Property Identifier (table 2-4).
    pub const fn identifier(&self) -> u8 {
        match self {
            Self::PayloadFormatIndicator(_) => id::PAYLOAD_FORMAT_INDICATOR,
            Self::MessageExpiryInterval(_) => id::MESSAGE_EXPIRY_INTERVAL,
            Self::ContentType(_) => id::CONTENT_TYPE,
            Self::ResponseTopic(_) => id::RESPONSE_TOPIC,
            Self::CorrelationData(_) => id::CORRELATION_DATA,
            Self::SubscriptionIdentifier(_) => id::SUBSCRIPTION_IDENTIFIER,
            Self::SessionExpiryInterval(_) => id::SESSION_EXPIRY_INTERVAL,
            Self::AssignedClientIdentifier(_) => id::ASSIGNED_CLIENT_IDENTIFIER,
            Self::ServerKeepAlive(_) => id::SERVER_KEEP_ALIVE,
            Self::AuthenticationMethod(_) => id::AUTHENTICATION_METHOD,
            Self::AuthenticationData(_) => id::AUTHENTICATION_DATA,
            Self::RequestProblemInformation(_) => id::REQUEST_PROBLEM_INFORMATION,
            Self::WillDelayInterval(_) => id::WILL_DELAY_INTERVAL,
            Self::RequestResponseInformation(_) => id::REQUEST_RESPONSE_INFORMATION,
            Self::ResponseInformation(_) => id::RESPONSE_INFORMATION,
            Self::ServerReference(_) => id::SERVER_REFERENCE,
            Self::ReasonString(_) => id::REASON_STRING,
            Self::ReceiveMaximum(_) => id::RECEIVE_MAXIMUM,
            Self::TopicAliasMaximum(_) => id::TOPIC_ALIAS_MAXIMUM,
            Self::TopicAlias(_) => id::TOPIC_ALIAS,
            Self::MaximumQoS(_) => id::MAXIMUM_QOS,
            Self::RetainAvailable(_) => id::RETAIN_AVAILABLE,
            Self::UserProperty(..) => id::USER_PROPERTY,
            Self::MaximumPacketSize(_) => id::MAXIMUM_PACKET_SIZE,
            Self::WildcardSubscriptionAvailable(_) => id::WILDCARD_SUBSCRIPTION_AVAILABLE,
            Self::SubscriptionIdentifierAvailable(_) => id::SUBSCRIPTION_IDENTIFIER_AVAILABLE,
            Self::SharedSubscriptionAvailable(_) => id::SHARED_SUBSCRIPTION_AVAILABLE,
        }
    }

    /// Whether it may stand at this place (table 2-4).
    pub const fn allowed_in(&self, place: PropertySet) -> bool {
        places(self.identifier()) & place.bit() != 0
    }

    /// Whether it may come more than once at this place: the User Property everywhere, the Subscription Identifier in
    /// PUBLISH.
    pub const fn repeatable_in(&self, place: PropertySet) -> bool {
        match self.identifier() {
            id::USER_PROPERTY => true,
            id::SUBSCRIPTION_IDENTIFIER => matches!(place, PropertySet::Publish),
            _ => false,
        }
    }

    /// Reads the property at the front, wherever it stands, and checks its value.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Violation> {
        Ok(match reader.u8()? {
            id::PAYLOAD_FORMAT_INDICATOR => Self::PayloadFormatIndicator(flag(reader)?),
            id::MESSAGE_EXPIRY_INTERVAL => Self::MessageExpiryInterval(reader.u32()?),
            id::CONTENT_TYPE => Self::ContentType(reader.string()?),
            id::RESPONSE_TOPIC => Self::ResponseTopic(response_topic(reader)?),
            id::CORRELATION_DATA => Self::CorrelationData(reader.binary()?),
            id::SUBSCRIPTION_IDENTIFIER => {
                Self::SubscriptionIdentifier(nonzero(reader.varint()?, Violation::SubscriptionIdentifierZero)?)
            }
            id::SESSION_EXPIRY_INTERVAL => Self::SessionExpiryInterval(reader.u32()?),
            id::ASSIGNED_CLIENT_IDENTIFIER => Self::AssignedClientIdentifier(reader.string()?),
            id::SERVER_KEEP_ALIVE => Self::ServerKeepAlive(reader.u16()?),
            id::AUTHENTICATION_METHOD => Self::AuthenticationMethod(reader.string()?),
            id::AUTHENTICATION_DATA => Self::AuthenticationData(reader.binary()?),
            id::REQUEST_PROBLEM_INFORMATION => Self::RequestProblemInformation(flag(reader)?),
            id::WILL_DELAY_INTERVAL => Self::WillDelayInterval(reader.u32()?),
            id::REQUEST_RESPONSE_INFORMATION => Self::RequestResponseInformation(flag(reader)?),
            id::RESPONSE_INFORMATION => Self::ResponseInformation(reader.string()?),
            id::SERVER_REFERENCE => Self::ServerReference(reader.string()?),
            id::REASON_STRING => Self::ReasonString(reader.string()?),
            id::RECEIVE_MAXIMUM => Self::ReceiveMaximum(nonzero(reader.u16()?, Violation::ReceiveMaximumZero)?),
            id::TOPIC_ALIAS_MAXIMUM => Self::TopicAliasMaximum(reader.u16()?),
            id::TOPIC_ALIAS => Self::TopicAlias(nonzero(reader.u16()?, Violation::TopicAliasZero)?),
            id::MAXIMUM_QOS => Self::MaximumQoS(if flag(reader)? { QoS::AtLeastOnce } else { QoS::AtMostOnce }),
            id::RETAIN_AVAILABLE => Self::RetainAvailable(flag(reader)?),
            id::USER_PROPERTY => {
                let (name, value) = reader.string_pair()?;
                Self::UserProperty(name, value)
            }
            id::MAXIMUM_PACKET_SIZE => {
                Self::MaximumPacketSize(nonzero(reader.u32()?, Violation::MaximumPacketSizeZero)?)
            }
            id::WILDCARD_SUBSCRIPTION_AVAILABLE => Self::WildcardSubscriptionAvailable(flag(reader)?),
            id::SUBSCRIPTION_IDENTIFIER_AVAILABLE => Self::SubscriptionIdentifierAvailable(flag(reader)?),
            id::SHARED_SUBSCRIPTION_AVAILABLE => Self::SharedSubscriptionAvailable(flag(reader)?),
            _ => return Err(Violation::UnknownProperty),
        })
    }

    /// Appends the property. Values beyond their range are held at its ends, as [`write_string`] and [`write_varint`] say.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.identifier());
        match *self {
            Self::PayloadFormatIndicator(value)
            | Self::RequestProblemInformation(value)
            | Self::RequestResponseInformation(value)
            | Self::RetainAvailable(value)
            | Self::WildcardSubscriptionAvailable(value)
            | Self::SubscriptionIdentifierAvailable(value)
            | Self::SharedSubscriptionAvailable(value) => out.push(u8::from(value)),
            Self::MaximumQoS(qos) => out.push(u8::from(qos != QoS::AtMostOnce)),
            Self::ServerKeepAlive(value)
            | Self::ReceiveMaximum(value)
            | Self::TopicAliasMaximum(value)
            | Self::TopicAlias(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::MessageExpiryInterval(value)
            | Self::SessionExpiryInterval(value)
            | Self::WillDelayInterval(value)
            | Self::MaximumPacketSize(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::SubscriptionIdentifier(value) => write_varint(value, out),
            Self::ContentType(text)
            | Self::ResponseTopic(text)
            | Self::AssignedClientIdentifier(text)
            | Self::AuthenticationMethod(text)
            | Self::ResponseInformation(text)
            | Self::ServerReference(text)
            | Self::ReasonString(text) => write_string(text, out),
            Self::CorrelationData(bytes) | Self::AuthenticationData(bytes) => write_binary(bytes, out),
            Self::UserProperty(name, value) => {
                write_string(name, out);
                write_string(value, out);
            }
        }
    }
}

/// A byte that is 0 or 1.
fn flag(reader: &mut Reader<'_>) -> Result<bool, Violation> {
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Violation::PropertyValue),
    }
}

/// A value that is not its type's zero.
fn nonzero<T: Default + PartialEq>(value: T, violation: Violation) -> Result<T, Violation> {
    if value == T::default() { Err(violation) } else { Ok(value) }
}

/// A Response Topic, which is a whole topic name (3.3.2.3.5).
fn response_topic<'a>(reader: &mut Reader<'a>) -> Result<&'a str, Violation> {
    match reader.topic_name() {
        Ok("") => Err(Violation::EmptyTopic),
        Err(Violation::WildcardInTopicName) => Err(Violation::ResponseTopicWildcard),
        result => result,
    }
}
