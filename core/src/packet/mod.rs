//! MQTT Control Packets of 3.1, 3.1.1 and 5.0: checked views into received bytes, and bytes out.
//!
//! [`split`] finds where a packet ends, [`Packet::decode`] or a packet's own `decode` checks everything that can be
//! checked in the packet alone, and after that every accessor is infallible. The structures borrow: nothing is copied or
//! allocated by reading. The same structures are encoded.
//!
//! There is no state here, and neither side's rules: packets of both directions are read, and who may send which, what an
//! alias or an identifier stands for, and whether a filter is well formed is decided elsewhere.
//!
//! What the wire cannot express is defined rather than refused: a string above 65,535 bytes is cut when it is written, and
//! a packet above the largest Remaining Length is not written at all.

mod ack;
mod any;
mod auth;
mod basic;
mod connack;
mod connect;
mod disconnect;
mod frame;
#[cfg(test)]
pub(crate) mod generate;
mod ping;
mod properties;
mod property;
mod publish;
mod reader;
mod reason;
pub mod string;
mod subscribe;
#[cfg(test)]
mod tests;
mod unsubscribe;
pub mod varint;
mod violation;

pub use ack::Ack;
pub use any::Packet;
pub use auth::Auth;
pub use basic::{PacketId, QoS, Version};
pub use connack::ConnAck;
pub use connect::{Connect, Will};
pub use disconnect::Disconnect;
pub use frame::{Frame, PacketType, peek_size, split};
pub use ping::{PING_SIZE, check_ping, encode_ping_req, encode_ping_resp};
pub use properties::{Properties, PropertyBuffer, PropertyIter};
pub(crate) use property::id as property_id;
pub use property::{Property, PropertySet};
pub use publish::Publish;
pub use reason::ReasonCode;
pub use subscribe::{
    RetainHandling, SubAck, Subscribe, SubscribeBuffer, SubscribeFilter, SubscribeFilters, SubscriptionOptions,
};
pub use unsubscribe::{UnsubAck, Unsubscribe, UnsubscribeBuffer, UnsubscribeFilters};
pub use violation::Violation;
