//! One change of state that must survive a crash.

use alloc::boxed::Box;

use crate::id::LogPosition;
use crate::packet::{PacketId, QoS};

/// A change of the durable state: sessions that outlive their connection, what they subscribe to and what they are owed,
/// and retained messages. A message is named by the position of the [`Message`](Operation::Message) that brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A message that others refer to.
    Message(StoredMessage),
    /// Nothing refers to the message any more.
    MessageGone {
        /// The message.
        message: LogPosition,
    },
    /// A session began, or went on with other attributes. It is connected, and has no will but the one that follows.
    SessionConnected {
        /// The Client Identifier.
        client_id: Box<str>,
        /// Who may take it over.
        user_name: Option<Box<str>>,
        /// Session Expiry Interval in seconds; `u32::MAX` is never.
        expiry_s: u32,
    },
    /// Its connection ended: the Session Expiry Interval begins.
    SessionDisconnected {
        /// The Client Identifier.
        client_id: Box<str>,
        /// Session Expiry Interval in seconds, which DISCONNECT may have changed.
        expiry_s: u32,
    },
    /// The session and all its state are gone.
    SessionEnded {
        /// The Client Identifier.
        client_id: Box<str>,
    },
    /// A subscription was made or replaced.
    Subscribed {
        /// The Client Identifier.
        client_id: Box<str>,
        /// The filter, `$share/…` included.
        filter: Box<str>,
        /// The Subscription Options byte (MQTT 5.0, 3.8.3.1).
        options: u8,
        /// Subscription Identifier; 0 is none.
        identifier: u32,
    },
    /// A subscription was removed.
    Unsubscribed {
        /// The Client Identifier.
        client_id: Box<str>,
        /// The filter.
        filter: Box<str>,
    },
    /// A message is owed to a session.
    Queued {
        /// The Client Identifier.
        client_id: Box<str>,
        /// The message.
        message: LogPosition,
        /// The QoS of the delivery.
        qos: QoS,
    },
    /// The oldest owed message that had no Packet Identifier was given one. It is recorded before its PUBLISH leaves.
    Sent {
        /// The Client Identifier.
        client_id: Box<str>,
        /// The message.
        message: LogPosition,
        /// Its Packet Identifier.
        packet_id: PacketId,
    },
    /// A PUBREC came: from now on PUBREL is owed and the message no more.
    Received {
        /// The Client Identifier.
        client_id: Box<str>,
        /// The Packet Identifier.
        packet_id: PacketId,
    },
    /// The exchange is over, or the message was dropped: by expiry, size or refusal.
    Settled {
        /// The Client Identifier.
        client_id: Box<str>,
        /// The Packet Identifier.
        packet_id: PacketId,
    },
    /// A queued message without a Packet Identifier was dropped.
    Dropped {
        /// The Client Identifier.
        client_id: Box<str>,
        /// The message.
        message: LogPosition,
    },
    /// A QoS 2 PUBLISH of the client was taken over: repeats of this identifier are not delivered again.
    Incoming {
        /// The Client Identifier.
        client_id: Box<str>,
        /// The Packet Identifier.
        packet_id: PacketId,
    },
    /// The client released it by PUBREL.
    IncomingReleased {
        /// The Client Identifier.
        client_id: Box<str>,
        /// The Packet Identifier.
        packet_id: PacketId,
    },
    /// The topic's retained message is this one now.
    Retained {
        /// The message.
        message: LogPosition,
    },
    /// The topic has no retained message any more.
    RetainedRemoved {
        /// The topic.
        topic: Box<str>,
    },
    /// The session's will.
    WillSet {
        /// The Client Identifier.
        client_id: Box<str>,
        /// The will as a message.
        will: StoredMessage,
        /// Will Delay Interval in seconds.
        delay_s: u32,
    },
    /// The will was published or deleted.
    WillRemoved {
        /// The Client Identifier.
        client_id: Box<str>,
    },
}

/// An Application Message as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// The topic.
    pub topic: Box<str>,
    /// The properties that are forwarded, in wire form, without Message Expiry Interval.
    pub properties: Box<[u8]>,
    /// The payload.
    pub payload: Box<[u8]>,
    /// The QoS that it was published with.
    pub qos: QoS,
    /// The RETAIN bit that it was published with.
    pub retain: bool,
    /// What is left of its Message Expiry Interval, in seconds.
    pub expiry_s: Option<u32>,
}

impl Operation {
    /// Roughly what it takes in memory, in bytes: what [`Limits::store_bytes_max`](crate::config::Limits) counts.
    pub fn size(&self) -> usize {
        let fixed = size_of::<Self>();
        match self {
            Self::Message(message) => fixed + message.size(),
            Self::WillSet { client_id, will, .. } => fixed + client_id.len() + will.size(),
            Self::Subscribed { client_id, filter, .. } | Self::Unsubscribed { client_id, filter } => {
                fixed + client_id.len() + filter.len()
            }
            Self::RetainedRemoved { topic } => fixed + topic.len(),
            Self::SessionConnected { client_id, .. }
            | Self::SessionDisconnected { client_id, .. }
            | Self::SessionEnded { client_id }
            | Self::Queued { client_id, .. }
            | Self::Sent { client_id, .. }
            | Self::Received { client_id, .. }
            | Self::Settled { client_id, .. }
            | Self::Dropped { client_id, .. }
            | Self::Incoming { client_id, .. }
            | Self::IncomingReleased { client_id, .. }
            | Self::WillRemoved { client_id } => fixed + client_id.len(),
            Self::MessageGone { .. } | Self::Retained { .. } => fixed,
        }
    }
}

impl StoredMessage {
    fn size(&self) -> usize {
        self.topic.len() + self.properties.len() + self.payload.len()
    }
}
