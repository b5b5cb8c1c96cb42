//! What a client tells its application, as owned data.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{ClientError, PublishToken};
use crate::packet::{PacketId, PropertyBuffer, QoS, ReasonCode, Violation};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// The server accepted the CONNECT. What it allows is [`Client::server_limits`](super::Client::server_limits).
    Connected {
        /// Session Present; false in 3.1, which cannot tell.
        session_present: bool,
        /// The properties of CONNACK.
        properties: PropertyBuffer,
    },
    /// The server refused the CONNECT; the connection is to be closed.
    Refused {
        /// Why; in 3.x made from the return code.
        code: ReasonCode,
        /// The properties of CONNACK.
        properties: PropertyBuffer,
    },
    /// A message came.
    Message(Message),
    /// The server settled a message at QoS 1 or 2: it took it over, or refused it with a code of 0x80 or above.
    Acknowledged {
        /// Which [`publish`](super::Client::publish).
        token: PublishToken,
        /// The identifier that it was sent with.
        packet_id: PacketId,
        /// The code of PUBACK, PUBREC or PUBCOMP.
        code: ReasonCode,
    },
    /// A message at QoS 1 or 2 left the queue unsent, because this connection does not take it.
    PublishFailed {
        /// Which [`publish`](super::Client::publish).
        token: PublishToken,
        /// Why.
        error: ClientError,
    },
    /// A SUBSCRIBE was answered.
    Subscribed {
        /// The identifier of the SUBSCRIBE.
        packet_id: PacketId,
        /// A code for each filter.
        codes: Vec<ReasonCode>,
        /// The properties of SUBACK.
        properties: PropertyBuffer,
    },
    /// An UNSUBSCRIBE was answered.
    Unsubscribed {
        /// The identifier of the UNSUBSCRIBE.
        packet_id: PacketId,
        /// A code for each filter; in 3.x, which has no codes, all success.
        codes: Vec<ReasonCode>,
        /// The properties of UNSUBACK.
        properties: PropertyBuffer,
    },
    /// The connection ended before a SUBSCRIBE or UNSUBSCRIBE was answered. It is not sent again.
    Unanswered {
        /// The identifier of the request.
        packet_id: PacketId,
    },
    /// The server sent AUTH: with 0x18 it asks for the next [`auth`](super::Client::auth), with 0x00 a
    /// re-authentication has succeeded.
    Auth {
        /// The code.
        code: ReasonCode,
        /// Its properties, Authentication Data among them.
        properties: PropertyBuffer,
    },
    /// The connection ended or is to be closed. Comes once for each connection that was neither refused nor ended before.
    Disconnected {
        /// Why.
        reason: DisconnectReason,
    },
}

/// A received Application Message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The topic name, aliases resolved.
    pub topic: Box<str>,
    /// The payload.
    pub payload: Box<[u8]>,
    /// The QoS.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    /// DUP.
    pub dup: bool,
    /// The packet identifier at QoS 1 and 2, for [`Client::acknowledge`](super::Client::acknowledge).
    pub packet_id: Option<PacketId>,
    /// The properties as they came, a Topic Alias included.
    pub properties: PropertyBuffer,
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisconnectReason {
    /// [`Client::disconnect`](super::Client::disconnect) was called.
    Requested,
    /// The server sent DISCONNECT, only 5.0.
    Server {
        /// Its code.
        code: ReasonCode,
        /// Its properties.
        properties: PropertyBuffer,
    },
    /// The transport ended.
    Closed,
    /// The server broke the protocol.
    Violation(Violation),
    /// No CONNACK came in time.
    ConnectTimeout,
    /// No PINGRESP came in time.
    PingTimeout,
}
