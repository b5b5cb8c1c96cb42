//! Any packet, for callers that do not know what comes next.

use alloc::vec::Vec;

use super::ping::{PING_SIZE, check_ping, encode_ping_req, encode_ping_resp};
use super::{
    Ack, Auth, ConnAck, Connect, Disconnect, Frame, PacketType, Publish, SubAck, Subscribe, UnsubAck, Unsubscribe,
    Version, Violation,
};

/// A packet of any type, of either direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// CONNECT.
    Connect(Connect<'a>),
    /// CONNACK.
    ConnAck(ConnAck<'a>),
    /// PUBLISH.
    Publish(Publish<'a>),
    /// PUBACK.
    PubAck(Ack<'a>),
    /// PUBREC.
    PubRec(Ack<'a>),
    /// PUBREL.
    PubRel(Ack<'a>),
    /// PUBCOMP.
    PubComp(Ack<'a>),
    /// SUBSCRIBE.
    Subscribe(Subscribe<'a>),
    /// SUBACK.
    SubAck(SubAck<'a>),
    /// UNSUBSCRIBE.
    Unsubscribe(Unsubscribe<'a>),
    /// UNSUBACK.
    UnsubAck(UnsubAck<'a>),
    /// PINGREQ.
    PingReq,
    /// PINGRESP.
    PingResp,
    /// DISCONNECT.
    Disconnect(Disconnect<'a>),
    /// AUTH.
    Auth(Auth<'a>),
}

impl<'a> Packet<'a> {
    /// Reads what [`split`](super::split) has found. `version` is that of the connection; a CONNECT names its own.
    ///
    /// # Errors
    ///
    /// Those of the packet's own `decode`, and [`Violation::NotShortestVarInt`] for a 5.0 CONNECT, whose Remaining
    /// Length could not be held to its version before (MQTT-1.5.5-1).
    #[inline]
    pub fn decode(version: Version, frame: &Frame<'a>) -> Result<Self, Violation> {
        let body = frame.body;
        Ok(match frame.packet_type {
            PacketType::Connect => Self::Connect(decode_connect(frame)?),
            PacketType::ConnAck => Self::ConnAck(ConnAck::decode(version, body)?),
            PacketType::Publish => Self::Publish(Publish::decode(version, frame.flags, body)?),
            PacketType::PubAck => Self::PubAck(Ack::decode(frame.packet_type, version, body)?),
            PacketType::PubRec => Self::PubRec(Ack::decode(frame.packet_type, version, body)?),
            PacketType::PubRel => Self::PubRel(Ack::decode(frame.packet_type, version, body)?),
            PacketType::PubComp => Self::PubComp(Ack::decode(frame.packet_type, version, body)?),
            PacketType::Subscribe => Self::Subscribe(Subscribe::decode(version, body)?),
            PacketType::SubAck => Self::SubAck(SubAck::decode(version, body)?),
            PacketType::Unsubscribe => Self::Unsubscribe(Unsubscribe::decode(version, body)?),
            PacketType::UnsubAck => Self::UnsubAck(UnsubAck::decode(version, body)?),
            PacketType::PingReq => check_ping(body).map(|()| Self::PingReq)?,
            PacketType::PingResp => check_ping(body).map(|()| Self::PingResp)?,
            PacketType::Disconnect => Self::Disconnect(Disconnect::decode(version, body)?),
            PacketType::Auth if version == Version::V5 => Self::Auth(Auth::decode(body)?),
            PacketType::Auth => return Err(Violation::PacketType15),
        })
    }

    /// Appends the packet. A CONNECT goes out in its own version, an AUTH as in 5.0. What cannot be expressed appends
    /// nothing: a packet above 268,435,460 bytes, and a 3.x CONNACK with a code that has no return code.
    #[inline]
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        match self {
            Self::Connect(packet) => packet.encode(out),
            Self::ConnAck(packet) => packet.encode(version, out),
            Self::Publish(packet) => packet.encode(version, out),
            Self::PubAck(packet) => packet.encode(PacketType::PubAck, version, out),
            Self::PubRec(packet) => packet.encode(PacketType::PubRec, version, out),
            Self::PubRel(packet) => packet.encode(PacketType::PubRel, version, out),
            Self::PubComp(packet) => packet.encode(PacketType::PubComp, version, out),
            Self::Subscribe(packet) => packet.encode(version, out),
            Self::SubAck(packet) => packet.encode(version, out),
            Self::Unsubscribe(packet) => packet.encode(version, out),
            Self::UnsubAck(packet) => packet.encode(version, out),
            Self::PingReq => encode_ping_req(out),
            Self::PingResp => encode_ping_resp(out),
            Self::Disconnect(packet) => packet.encode(version, out),
            Self::Auth(packet) => packet.encode(out),
        }
    }

    /// The size of the whole packet in bytes.
    pub fn encoded_size(&self, version: Version) -> usize {
        match self {
            Self::Connect(packet) => packet.encoded_size(),
            Self::ConnAck(packet) => packet.encoded_size(version),
            Self::Publish(packet) => packet.encoded_size(version),
            Self::PubAck(packet) | Self::PubRec(packet) | Self::PubRel(packet) | Self::PubComp(packet) => {
                packet.encoded_size(version)
            }
            Self::Subscribe(packet) => packet.encoded_size(version),
            Self::SubAck(packet) => packet.encoded_size(version),
            Self::Unsubscribe(packet) => packet.encoded_size(version),
            Self::UnsubAck(packet) => packet.encoded_size(version),
            Self::PingReq | Self::PingResp => PING_SIZE,
            Self::Disconnect(packet) => packet.encoded_size(version),
            Self::Auth(packet) => packet.encoded_size(),
        }
    }

    /// Its type.
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::ConnAck(_) => PacketType::ConnAck,
            Self::Publish(_) => PacketType::Publish,
            Self::PubAck(_) => PacketType::PubAck,
            Self::PubRec(_) => PacketType::PubRec,
            Self::PubRel(_) => PacketType::PubRel,
            Self::PubComp(_) => PacketType::PubComp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::SubAck(_) => PacketType::SubAck,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::UnsubAck(_) => PacketType::UnsubAck,
            Self::PingReq => PacketType::PingReq,
            Self::PingResp => PacketType::PingResp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }
}

/// Reads a CONNECT, whose fixed header came before its version was known.
fn decode_connect<'a>(frame: &Frame<'a>) -> Result<Connect<'a>, Violation> {
    let connect = Connect::decode(frame.body)?;
    if connect.version == Version::V5 && !frame.is_shortest() {
        return Err(Violation::NotShortestVarInt);
    }
    Ok(connect)
}
