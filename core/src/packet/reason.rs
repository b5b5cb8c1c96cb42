//! Reason Codes (MQTT 5.0, 2.4), and how the return codes of 3.1 and 3.1.1 map to them.
//!
//! One type serves every packet, because the specification gives each value one meaning; which packet may carry which
//! code is [`ReasonCode::allowed_in`]. The choice of a code is not made here: a breach has one by
//! [`Violation::reason_code`](super::Violation::reason_code), and the broker picks the others.

use core::fmt;

use super::PacketType;

/// The bit that stands for a packet type in a set of them.
const fn bit(packet_type: PacketType) -> u16 {
    1 << (packet_type as u8)
}

macro_rules! reason_codes {
    ($($variant:ident = $value:literal, $name:literal, [$($packet:ident),+];)+) => {
        /// A Reason Code (MQTT 5.0, 2.4): below 0x80 the operation succeeded, from 0x80 on it failed.
        ///
        /// The value 0x00 has three names: `Success`, [`ReasonCode::NormalDisconnection`] in DISCONNECT and
        /// [`ReasonCode::GrantedQoS0`] in SUBACK.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum ReasonCode {
            $(#[doc = concat!($name, " (", stringify!($value), ").")] $variant = $value,)+
        }

        impl ReasonCode {
            /// Every code once, in the order of the values.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code of a byte; `None` for a value that MQTT 5.0 does not define.
            pub const fn from_u8(value: u8) -> Option<Self> {
                match value {
                    $($value => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The name that table 2-6 of MQTT 5.0 gives it; for 0x00 it is "Success".
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The packet types that may carry it, as bits.
            const fn packets(self) -> u16 {
                match self {
                    $(Self::$variant => $(bit(PacketType::$packet))|+,)+
                }
            }
        }
    };
}

reason_codes! {
    Success = 0x00, "Success", [ConnAck, PubAck, PubRec, PubRel, PubComp, SubAck, UnsubAck, Disconnect, Auth];
    GrantedQoS1 = 0x01, "Granted QoS 1", [SubAck];
    GrantedQoS2 = 0x02, "Granted QoS 2", [SubAck];
    DisconnectWithWill = 0x04, "Disconnect with Will Message", [Disconnect];
    NoMatchingSubscribers = 0x10, "No matching subscribers", [PubAck, PubRec];
    NoSubscriptionExisted = 0x11, "No subscription existed", [UnsubAck];
    ContinueAuthentication = 0x18, "Continue authentication", [Auth];
    ReAuthenticate = 0x19, "Re-authenticate", [Auth];
    UnspecifiedError = 0x80, "Unspecified error", [ConnAck, PubAck, PubRec, SubAck, UnsubAck, Disconnect];
    MalformedPacket = 0x81, "Malformed Packet", [ConnAck, Disconnect];
    ProtocolError = 0x82, "Protocol Error", [ConnAck, Disconnect];
    ImplementationSpecificError = 0x83, "Implementation specific error", [ConnAck, PubAck, PubRec, SubAck, UnsubAck, Disconnect];
    UnsupportedProtocolVersion = 0x84, "Unsupported Protocol Version", [ConnAck];
    ClientIdentifierNotValid = 0x85, "Client Identifier not valid", [ConnAck];
    BadUserNameOrPassword = 0x86, "Bad User Name or Password", [ConnAck];
    NotAuthorized = 0x87, "Not authorized", [ConnAck, PubAck, PubRec, SubAck, UnsubAck, Disconnect];
    ServerUnavailable = 0x88, "Server unavailable", [ConnAck];
    ServerBusy = 0x89, "Server busy", [ConnAck, Disconnect];
    Banned = 0x8A, "Banned", [ConnAck];
    ServerShuttingDown = 0x8B, "Server shutting down", [Disconnect];
    BadAuthenticationMethod = 0x8C, "Bad authentication method", [ConnAck, Disconnect];
    KeepAliveTimeout = 0x8D, "Keep Alive timeout", [Disconnect];
    SessionTakenOver = 0x8E, "Session taken over", [Disconnect];
    TopicFilterInvalid = 0x8F, "Topic Filter invalid", [SubAck, UnsubAck, Disconnect];
    TopicNameInvalid = 0x90, "Topic Name invalid", [ConnAck, PubAck, PubRec, Disconnect];
    PacketIdentifierInUse = 0x91, "Packet Identifier in use", [PubAck, PubRec, SubAck, UnsubAck];
    PacketIdentifierNotFound = 0x92, "Packet Identifier not found", [PubRel, PubComp];
    ReceiveMaximumExceeded = 0x93, "Receive Maximum exceeded", [Disconnect];
    TopicAliasInvalid = 0x94, "Topic Alias invalid", [Disconnect];
    PacketTooLarge = 0x95, "Packet too large", [ConnAck, Disconnect];
    MessageRateTooHigh = 0x96, "Message rate too high", [Disconnect];
    QuotaExceeded = 0x97, "Quota exceeded", [ConnAck, PubAck, PubRec, SubAck, Disconnect];
    AdministrativeAction = 0x98, "Administrative action", [Disconnect];
    PayloadFormatInvalid = 0x99, "Payload format invalid", [ConnAck, PubAck, PubRec, Disconnect];
    RetainNotSupported = 0x9A, "Retain not supported", [ConnAck, Disconnect];
    QoSNotSupported = 0x9B, "QoS not supported", [ConnAck, Disconnect];
    UseAnotherServer = 0x9C, "Use another server", [ConnAck, Disconnect];
    ServerMoved = 0x9D, "Server moved", [ConnAck, Disconnect];
    SharedSubscriptionsNotSupported = 0x9E, "Shared Subscriptions not supported", [SubAck, Disconnect];
    ConnectionRateExceeded = 0x9F, "Connection rate exceeded", [ConnAck, Disconnect];
    MaximumConnectTime = 0xA0, "Maximum connect time", [Disconnect];
    SubscriptionIdentifiersNotSupported = 0xA1, "Subscription Identifiers not supported", [SubAck, Disconnect];
    WildcardSubscriptionsNotSupported = 0xA2, "Wildcard Subscriptions not supported", [SubAck, Disconnect];
}

#[allow(non_upper_case_globals, reason = "they stand for variants of an enum that has each value once")]
impl ReasonCode {
    /// Normal disconnection (0x00 in DISCONNECT): the only code of a client's DISCONNECT that deletes the will.
    pub const NormalDisconnection: Self = Self::Success;
    /// Granted QoS 0 (0x00 in SUBACK).
    pub const GrantedQoS0: Self = Self::Success;
}

impl ReasonCode {
    /// The byte on the wire.
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// Whether it says that the operation failed: 0x80 and above.
    pub const fn is_failure(self) -> bool {
        self as u8 >= 0x80
    }

    /// Whether packets of this type may carry it (MQTT 5.0, table 2-6). Packet types without a Reason Code carry none.
    ///
    /// 0x8C in DISCONNECT counts as allowed: table 2-6 has it, table 3-10 has not.
    pub const fn allowed_in(self, packet_type: PacketType) -> bool {
        self.packets() & bit(packet_type) != 0
    }

    /// Whether a client may send it in DISCONNECT (MQTT 5.0, table 3-10). 0x8C and 0x9B count as allowed: 3.3.4 has
    /// clients send 0x9B, and no table speaks against 0x8C.
    pub const fn allowed_in_client_disconnect(self) -> bool {
        match self {
            Self::Success
            | Self::DisconnectWithWill
            | Self::UnspecifiedError
            | Self::MalformedPacket
            | Self::ProtocolError
            | Self::ImplementationSpecificError
            | Self::BadAuthenticationMethod
            | Self::TopicNameInvalid
            | Self::ReceiveMaximumExceeded
            | Self::TopicAliasInvalid
            | Self::PacketTooLarge
            | Self::MessageRateTooHigh
            | Self::QuotaExceeded
            | Self::AdministrativeAction
            | Self::PayloadFormatInvalid
            | Self::QoSNotSupported => true,
            Self::GrantedQoS1
            | Self::GrantedQoS2
            | Self::NoMatchingSubscribers
            | Self::NoSubscriptionExisted
            | Self::ContinueAuthentication
            | Self::ReAuthenticate
            | Self::UnsupportedProtocolVersion
            | Self::ClientIdentifierNotValid
            | Self::BadUserNameOrPassword
            | Self::NotAuthorized
            | Self::ServerUnavailable
            | Self::ServerBusy
            | Self::Banned
            | Self::ServerShuttingDown
            | Self::KeepAliveTimeout
            | Self::SessionTakenOver
            | Self::TopicFilterInvalid
            | Self::PacketIdentifierInUse
            | Self::PacketIdentifierNotFound
            | Self::RetainNotSupported
            | Self::UseAnotherServer
            | Self::ServerMoved
            | Self::SharedSubscriptionsNotSupported
            | Self::ConnectionRateExceeded
            | Self::MaximumConnectTime
            | Self::SubscriptionIdentifiersNotSupported
            | Self::WildcardSubscriptionsNotSupported => false,
        }
    }

    /// The return code of a 3.1 or 3.1.1 CONNACK that says the same (MQTT 3.1.1, table 3.1); 0 for `Success`.
    ///
    /// `None` when no return code fits: the server then closes without CONNACK (3.1.1, MQTT-3.2.2-6).
    pub const fn connect_return_code(self) -> Option<u8> {
        Some(match self {
            Self::Success => 0,
            Self::UnsupportedProtocolVersion => 1,
            Self::ClientIdentifierNotValid => 2,
            Self::ServerUnavailable
            | Self::ServerBusy
            | Self::ServerShuttingDown
            | Self::QuotaExceeded
            | Self::ConnectionRateExceeded
            | Self::UseAnotherServer
            | Self::ServerMoved => 3,
            Self::BadUserNameOrPassword => 4,
            Self::NotAuthorized | Self::Banned => 5,
            Self::GrantedQoS1
            | Self::GrantedQoS2
            | Self::DisconnectWithWill
            | Self::NoMatchingSubscribers
            | Self::NoSubscriptionExisted
            | Self::ContinueAuthentication
            | Self::ReAuthenticate
            | Self::UnspecifiedError
            | Self::MalformedPacket
            | Self::ProtocolError
            | Self::ImplementationSpecificError
            | Self::BadAuthenticationMethod
            | Self::KeepAliveTimeout
            | Self::SessionTakenOver
            | Self::TopicFilterInvalid
            | Self::TopicNameInvalid
            | Self::PacketIdentifierInUse
            | Self::PacketIdentifierNotFound
            | Self::ReceiveMaximumExceeded
            | Self::TopicAliasInvalid
            | Self::PacketTooLarge
            | Self::MessageRateTooHigh
            | Self::AdministrativeAction
            | Self::PayloadFormatInvalid
            | Self::RetainNotSupported
            | Self::QoSNotSupported
            | Self::SharedSubscriptionsNotSupported
            | Self::MaximumConnectTime
            | Self::SubscriptionIdentifiersNotSupported
            | Self::WildcardSubscriptionsNotSupported => return None,
        })
    }

    /// The code that says the same as the return code of a 3.1 or 3.1.1 CONNACK; `None` for the reserved ones.
    pub const fn from_connect_return_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Success,
            1 => Self::UnsupportedProtocolVersion,
            2 => Self::ClientIdentifierNotValid,
            3 => Self::ServerUnavailable,
            4 => Self::BadUserNameOrPassword,
            5 => Self::NotAuthorized,
            _ => return None,
        })
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:02X} {}", self.as_u8(), self.name())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::string::ToString;

    #[test]
    fn values_and_bytes_agree() {
        assert_eq!(ReasonCode::ALL.len(), 43, "45 rows of table 2-6, three of them 0x00");
        for value in 0..=u8::MAX {
            if let Some(code) = ReasonCode::from_u8(value) {
                assert_eq!(code.as_u8(), value);
                assert!(ReasonCode::ALL.contains(&code));
                assert_eq!(code.is_failure(), value >= 0x80);
            }
        }
        assert_eq!(ReasonCode::NotAuthorized.to_string(), "0x87 Not authorized");
        assert_eq!(ReasonCode::NormalDisconnection, ReasonCode::GrantedQoS0);
    }

    #[test]
    fn packets_of_a_code() {
        assert!(ReasonCode::NoMatchingSubscribers.allowed_in(PacketType::PubAck));
        assert!(ReasonCode::NoMatchingSubscribers.allowed_in(PacketType::PubRec));
        assert!(!ReasonCode::NoMatchingSubscribers.allowed_in(PacketType::PubRel));
        assert!(ReasonCode::Success.allowed_in(PacketType::Disconnect));
        assert!(ReasonCode::Success.allowed_in(PacketType::SubAck));
        assert!(!ReasonCode::Success.allowed_in(PacketType::Publish));
        assert!(ReasonCode::BadAuthenticationMethod.allowed_in(PacketType::Disconnect));
        assert!(!ReasonCode::SessionTakenOver.allowed_in(PacketType::ConnAck));
    }

    #[test]
    fn return_codes_of_3_1_1() {
        for code in 0..=5 {
            let reason = ReasonCode::from_connect_return_code(code).expect("defined");
            assert_eq!(reason.connect_return_code(), Some(code));
            assert!(reason.allowed_in(PacketType::ConnAck));
        }
        assert_eq!(ReasonCode::from_connect_return_code(6), None);
        assert_eq!(ReasonCode::QuotaExceeded.connect_return_code(), Some(3));
        assert_eq!(ReasonCode::Banned.connect_return_code(), Some(5));
        assert_eq!(ReasonCode::MalformedPacket.connect_return_code(), None);
    }
}
