//! What a peer did wrong, one variant for each kind of breach.
//!
//! A violation is blamed on the other side, never on this program: it names the statement that was broken and maps to
//! the Reason Code that tells the peer. What happens then (CONNACK, DISCONNECT, a plain close) is decided by the broker
//! and the client. Breaches that depend on the state of a connection are listed here too, so that there is one list.

use core::fmt;

use super::{ReasonCode, Version};

macro_rules! violations {
    ($($variant:ident, $code:ident, $v5:literal, $v3:literal, $text:literal;)+) => {
        /// A breach of the specification by the peer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Violation {
            $(#[doc = concat!($text, " (5.0: ", $v5, "; 3.1.1: ", $v3, ").")] $variant,)+
        }

        impl Violation {
            /// Every violation once.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The Reason Code that tells a 5.0 peer about it, in CONNACK or DISCONNECT.
            pub const fn reason_code(self) -> ReasonCode {
                match self {
                    $(Self::$variant => ReasonCode::$code,)+
                }
            }

            /// The statement that was broken (`MQTT-3.3.1-4`), or its section (`MQTT 5.0 3.3.4`) where no number exists.
            /// For 3.1 it is that of 3.1.1.
            pub const fn statement(self, version: Version) -> &'static str {
                match version {
                    Version::V5 => match self {
                        $(Self::$variant => $v5,)+
                    },
                    Version::V3_1 | Version::V3_1_1 => match self {
                        $(Self::$variant => $v3,)+
                    },
                }
            }

            /// What was wrong, in words.
            pub const fn description(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

violations! {
    // Fixed header (2.1).
    PacketType0, MalformedPacket, "MQTT 5.0 2.1.2", "MQTT 3.1.1 2.2.1", "Packet type 0 is forbidden";
    PacketType15, MalformedPacket, "MQTT 5.0 2.1.2", "MQTT 3.1.1 2.2.1", "Packet type 15 does not exist before MQTT 5.0";
    UnexpectedFlags, MalformedPacket, "MQTT-2.1.3-1", "MQTT-2.2.2-2", "Reserved flags of the fixed header have a wrong value";
    PacketTooLarge, PacketTooLarge, "MQTT-3.2.2-15", "MQTT-4.8.0-2", "Packet is larger than the receiver accepts";
    // Data types (1.5).
    MalformedVarInt, MalformedPacket, "MQTT 5.0 1.5.5", "MQTT 3.1.1 2.2.3", "Variable Byte Integer goes on past its fourth byte";
    NotShortestVarInt, MalformedPacket, "MQTT-1.5.5-1", "MQTT 3.1.1 2.2.3", "Variable Byte Integer is longer than its value needs";
    NotUtf8, MalformedPacket, "MQTT-1.5.4-1", "MQTT-1.5.3-1", "String is not well-formed UTF-8";
    NulInString, MalformedPacket, "MQTT-1.5.4-2", "MQTT-1.5.3-2", "String contains U+0000";
    TruncatedField, MalformedPacket, "MQTT 5.0 2.1.4", "MQTT 3.1.1 2.2.3", "Packet ends inside a field";
    TrailingBytes, MalformedPacket, "MQTT 5.0 2.1.4", "MQTT 3.1.1 2.2.3", "Packet goes on after its last field";
    PayloadAfterPing, MalformedPacket, "MQTT 5.0 3.12.1", "MQTT 3.1.1 3.12.1", "PINGREQ or PINGRESP has a Remaining Length other than 0";
    ZeroPacketId, ProtocolError, "MQTT-2.2.1-3", "MQTT-2.3.1-1", "Packet Identifier is 0";
    // Properties (2.2.2).
    UnknownProperty, MalformedPacket, "MQTT 5.0 2.2.2.2", "MQTT 5.0 2.2.2.2", "Property identifier is not defined";
    PropertyNotAllowed, MalformedPacket, "MQTT 5.0 2.2.2.2", "MQTT 5.0 2.2.2.2", "Property is not allowed in this packet";
    DuplicateProperty, ProtocolError, "MQTT 5.0 2.2.2.2", "MQTT 5.0 2.2.2.2", "Property that may come once comes twice";
    PropertyValue, ProtocolError, "MQTT 5.0 2.2.2.2", "MQTT 5.0 2.2.2.2", "Property has a value that is not allowed";
    ReceiveMaximumZero, ProtocolError, "MQTT 5.0 3.1.2.11.3", "MQTT 5.0 3.1.2.11.3", "Receive Maximum is 0";
    MaximumPacketSizeZero, ProtocolError, "MQTT 5.0 3.1.2.11.4", "MQTT 5.0 3.1.2.11.4", "Maximum Packet Size is 0";
    SubscriptionIdentifierZero, ProtocolError, "MQTT 5.0 3.8.2.1.2", "MQTT 5.0 3.8.2.1.2", "Subscription Identifier is 0";
    TopicAliasZero, TopicAliasInvalid, "MQTT-3.3.2-8", "MQTT 5.0 3.3.2.3.4", "Topic Alias is 0";
    ResponseTopicWildcard, ProtocolError, "MQTT-3.3.2-14", "MQTT 5.0 3.3.2.3.5", "Response Topic contains a wildcard";
    AuthDataWithoutMethod, ProtocolError, "MQTT 5.0 3.1.2.11.10", "MQTT 5.0 3.1.2.11.10", "Authentication Data without Authentication Method";
    // CONNECT (3.1).
    NotConnect, ProtocolError, "MQTT-3.1.0-1", "MQTT-3.1.0-1", "First packet is not a CONNECT";
    SecondConnect, ProtocolError, "MQTT-3.1.0-2", "MQTT-3.1.0-2", "Second CONNECT on one connection";
    ProtocolName, UnsupportedProtocolVersion, "MQTT-3.1.2-1", "MQTT-3.1.2-1", "Protocol name is not MQTT (3.1: MQIsdp)";
    ProtocolVersion, UnsupportedProtocolVersion, "MQTT-3.1.2-2", "MQTT-3.1.2-2", "Protocol version is not supported";
    ReservedConnectFlag, MalformedPacket, "MQTT-3.1.2-3", "MQTT-3.1.2-3", "Reserved Connect Flag is set";
    WillQoSWithoutWill, MalformedPacket, "MQTT-3.1.2-11", "MQTT-3.1.2-13", "Will QoS without a will";
    WillRetainWithoutWill, MalformedPacket, "MQTT-3.1.2-13", "MQTT-3.1.2-15", "Will Retain without a will";
    WillQoS3, MalformedPacket, "MQTT-3.1.2-12", "MQTT-3.1.2-14", "Will QoS is 3";
    PasswordWithoutUserName, MalformedPacket, "MQTT 5.0 3.1.2.9", "MQTT-3.1.2-22", "Password without user name";
    // CONNACK (3.2), seen by clients.
    UnexpectedPacket, ProtocolError, "MQTT 5.0 2.1.2", "MQTT-4.8.0-1", "Packet of a type that this side does not take now";
    ReservedConnAckFlag, MalformedPacket, "MQTT-3.2.2-1", "MQTT 3.1.1 3.2.2.1", "Reserved Connect Acknowledge Flag is set";
    SessionPresentWithFailure, ProtocolError, "MQTT-3.2.2-6", "MQTT-3.2.2-4", "Session Present in a CONNACK that refuses";
    SessionPresentUnexpected, ProtocolError, "MQTT-3.2.2-4", "MQTT-3.2.2-1", "Session Present although there can be no session";
    // PUBLISH (3.3).
    QoS3, MalformedPacket, "MQTT-3.3.1-4", "MQTT-3.3.1-4", "QoS is 3";
    DupAtQoS0, MalformedPacket, "MQTT-3.3.1-2", "MQTT-3.3.1-2", "DUP is set at QoS 0";
    EmptyTopic, ProtocolError, "MQTT-4.7.3-1", "MQTT-4.7.3-1", "Topic Name is empty";
    WildcardInTopicName, TopicNameInvalid, "MQTT-3.3.2-2", "MQTT-3.3.2-2", "Topic Name contains a wildcard";
    TopicAliasTooHigh, TopicAliasInvalid, "MQTT-3.3.2-9", "MQTT 5.0 3.3.2.3.4", "Topic Alias is above the Topic Alias Maximum";
    TopicAliasUnknown, ProtocolError, "MQTT 5.0 3.3.4", "MQTT 5.0 3.3.4", "Topic Alias has no mapping and the Topic Name is empty";
    SubscriptionIdentifierFromClient, ProtocolError, "MQTT-3.3.4-6", "MQTT-3.3.4-6", "Subscription Identifier in a client's PUBLISH";
    ReceiveMaximumExceeded, ReceiveMaximumExceeded, "MQTT-3.3.4-7", "MQTT 5.0 3.3.4", "More unacknowledged PUBLISH packets than the Receive Maximum";
    QoSNotAvailable, QoSNotSupported, "MQTT-3.2.2-11", "MQTT 5.0 3.2.2.3.4", "QoS is above the Maximum QoS";
    RetainNotAvailable, RetainNotSupported, "MQTT-3.2.2-14", "MQTT 5.0 3.2.2.3.5", "RETAIN although it is not available";
    PayloadFormat, PayloadFormatInvalid, "MQTT 5.0 3.3.2.3.2", "MQTT 5.0 3.3.2.3.2", "Payload is not the UTF-8 that its Payload Format Indicator claims";
    // Acknowledgements (3.4 to 3.7, 3.9, 3.11).
    ReasonCodeNotAllowed, ProtocolError, "MQTT 5.0 2.4", "MQTT 3.1.1 3.9.3", "Reason Code is not allowed in this packet";
    AcknowledgementType, ProtocolError, "MQTT-2.2.1-5", "MQTT-2.3.1-6", "Acknowledgement does not belong to the QoS or state of its message";
    AcknowledgementCount, ProtocolError, "MQTT-3.8.4-6", "MQTT-3.8.4-5", "SUBACK or UNSUBACK has not one code for each filter";
    // SUBSCRIBE and UNSUBSCRIBE (3.8, 3.10).
    NoFilters, ProtocolError, "MQTT-3.8.3-2", "MQTT-3.8.3-3", "SUBSCRIBE or UNSUBSCRIBE without a filter";
    InvalidFilter, TopicFilterInvalid, "MQTT 5.0 4.7.1", "MQTT 3.1.1 4.7.1", "Topic Filter is not valid";
    ReservedSubscriptionBits, MalformedPacket, "MQTT-3.8.3-5", "MQTT-3.8.3-4", "Reserved bits of the Subscription Options are set";
    SubscriptionQoS3, ProtocolError, "MQTT 5.0 3.8.3.1", "MQTT-3.8.3-4", "Maximum QoS of a subscription is 3";
    RetainHandling3, ProtocolError, "MQTT 5.0 3.8.3.1", "MQTT 5.0 3.8.3.1", "Retain Handling is 3";
    NoLocalOnShared, ProtocolError, "MQTT-3.8.3-4", "MQTT-3.8.3-4", "No Local on a shared subscription";
    WildcardsNotAvailable, WildcardSubscriptionsNotSupported, "MQTT 5.0 3.2.2.3.11", "MQTT 5.0 3.2.2.3.11", "Wildcard subscription although they are not available";
    SubscriptionIdentifiersNotAvailable, SubscriptionIdentifiersNotSupported, "MQTT 5.0 3.2.2.3.12", "MQTT 5.0 3.2.2.3.12", "Subscription Identifier although they are not available";
    SharedNotAvailable, SharedSubscriptionsNotSupported, "MQTT 5.0 3.2.2.3.13", "MQTT 5.0 3.2.2.3.13", "Shared subscription although they are not available";
    // DISCONNECT and AUTH (3.14, 3.15).
    SessionExpiryFromZero, ProtocolError, "MQTT 5.0 3.14.2.2.2", "MQTT 5.0 3.14.2.2.2", "DISCONNECT sets a Session Expiry Interval that was 0 in CONNECT";
    SessionExpiryFromServer, ProtocolError, "MQTT-3.14.2-2", "MQTT 5.0 3.14.2.2.2", "Session Expiry Interval in a server's DISCONNECT";
    AuthMethodMissing, ProtocolError, "MQTT 5.0 3.15.2.2.2", "MQTT 5.0 3.15.2.2.2", "AUTH without Authentication Method";
    AuthWithoutMethod, ProtocolError, "MQTT-4.12.0-7", "MQTT 5.0 4.12", "AUTH although CONNECT named no Authentication Method";
    AuthMethodDiffers, ProtocolError, "MQTT-4.12.0-5", "MQTT 5.0 4.12", "Authentication Method is not that of CONNECT";
    AuthUnexpected, ProtocolError, "MQTT 5.0 4.12", "MQTT 5.0 4.12", "AUTH that the exchange does not call for";
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.description(), self.statement(Version::V5))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::PacketType;
    use super::*;
    use std::string::ToString;

    #[test]
    fn every_violation_can_be_told() {
        for &violation in Violation::ALL {
            let code = violation.reason_code();
            assert!(code.is_failure(), "{violation:?}");
            assert!(code.allowed_in(PacketType::Disconnect) || code.allowed_in(PacketType::ConnAck), "{violation:?}");
            for version in [Version::V3_1, Version::V3_1_1, Version::V5] {
                assert!(violation.statement(version).starts_with("MQTT"), "{violation:?}");
            }
        }
    }

    #[test]
    fn prints_the_statement() {
        assert_eq!(Violation::QoS3.to_string(), "QoS is 3 (MQTT-3.3.1-4)");
        assert_eq!(Violation::NotUtf8.statement(Version::V3_1), "MQTT-1.5.3-1");
    }
}
