//! Why a command of the application was not carried out.

use core::fmt;

use crate::packet::{ReasonCode, Violation};

/// A command that was refused before anything was sent. The client is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientError {
    /// A [`ClientConfig`](super::ClientConfig) that no client can have, and why.
    Config(&'static str),
    /// There is a Network Connection already.
    AlreadyConnected,
    /// CONNACK has not come, or the connection is ending.
    NotConnected,
    /// The queue, the table of requests or the output is full: try again after the next acknowledgement or
    /// [`Client::handle_sent`](super::Client::handle_sent).
    Full,
    /// The packet is larger than the server accepts (MQTT-3.2.2-15).
    PacketTooLarge,
    /// The topic name is empty, too long, or contains a wildcard or U+0000.
    TopicNameInvalid,
    /// A filter is empty, too long or contains U+0000; or there is no filter.
    TopicFilterInvalid,
    /// Properties that this packet may not have, from this side.
    Properties(Violation),
    /// What the server has said not to support, with the code that it would answer.
    NotSupported(ReasonCode),
    /// The Reason Code may not be sent in this packet by a client.
    ReasonCodeNotAllowed(ReasonCode),
    /// No received message with this packet identifier waits for an acknowledgement.
    PacketIdentifierNotFound,
    /// A Session Expiry Interval on DISCONNECT after 0 on CONNECT (5.0, 3.14.2.2.2).
    SessionExpiryFromZero,
    /// AUTH without an Authentication Method in the configuration, or when none is due (MQTT-4.12.0-7).
    AuthNotExpected,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(why) => write!(f, "invalid configuration: {why}"),
            Self::AlreadyConnected => f.write_str("there is a connection already"),
            Self::NotConnected => f.write_str("not connected"),
            Self::Full => f.write_str("too much is waiting to be sent or acknowledged"),
            Self::PacketTooLarge => f.write_str("packet is larger than the server accepts"),
            Self::TopicNameInvalid => f.write_str("invalid topic name"),
            Self::TopicFilterInvalid => f.write_str("invalid topic filter"),
            Self::Properties(violation) => write!(f, "invalid properties: {violation}"),
            Self::NotSupported(code) => write!(f, "not supported by the server ({code})"),
            Self::ReasonCodeNotAllowed(code) => write!(f, "a client may not send this code here ({code})"),
            Self::PacketIdentifierNotFound => f.write_str("no message with this packet identifier to acknowledge"),
            Self::SessionExpiryFromZero => f.write_str("a session that ends with its connection cannot be prolonged"),
            Self::AuthNotExpected => f.write_str("no authentication exchange to go on with"),
        }
    }
}

impl core::error::Error for ClientError {}
