//! The fixed header (MQTT 5.0, 2.1): where a packet ends and of what type it is, before anything else is looked at.

use alloc::vec::Vec;

use super::varint::{VARINT_MAX, read_varint, varint_len, write_varint};
use super::{Version, Violation};

/// The type of a packet (MQTT 5.0, 2.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PacketType {
    /// CONNECT, from the client.
    Connect = 1,
    /// CONNACK, from the server.
    ConnAck = 2,
    /// PUBLISH, both ways.
    Publish = 3,
    /// PUBACK, both ways.
    PubAck = 4,
    /// PUBREC, both ways.
    PubRec = 5,
    /// PUBREL, both ways.
    PubRel = 6,
    /// PUBCOMP, both ways.
    PubComp = 7,
    /// SUBSCRIBE, from the client.
    Subscribe = 8,
    /// SUBACK, from the server.
    SubAck = 9,
    /// UNSUBSCRIBE, from the client.
    Unsubscribe = 10,
    /// UNSUBACK, from the server.
    UnsubAck = 11,
    /// PINGREQ, from the client.
    PingReq = 12,
    /// PINGRESP, from the server.
    PingResp = 13,
    /// DISCONNECT, from the client, in 5.0 both ways.
    Disconnect = 14,
    /// AUTH, both ways, only in 5.0.
    Auth = 15,
}

impl PacketType {
    /// The type of the four bits; `None` for 0 and for more than four bits.
    #[inline]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            1 => Self::Connect,
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5 => Self::PubRec,
            6 => Self::PubRel,
            7 => Self::PubComp,
            8 => Self::Subscribe,
            9 => Self::SubAck,
            10 => Self::Unsubscribe,
            11 => Self::UnsubAck,
            12 => Self::PingReq,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }

    /// The flags that table 2-2 of MQTT 5.0 fixes for this type; `None` for PUBLISH, whose flags have meanings.
    #[inline]
    pub const fn fixed_flags(self) -> Option<u8> {
        match self {
            Self::Publish => None,
            Self::PubRel | Self::Subscribe | Self::Unsubscribe => Some(0b0010),
            Self::Connect
            | Self::ConnAck
            | Self::PubAck
            | Self::PubRec
            | Self::PubComp
            | Self::SubAck
            | Self::UnsubAck
            | Self::PingReq
            | Self::PingResp
            | Self::Disconnect
            | Self::Auth => Some(0),
        }
    }

    /// The first byte of a packet of this type, PUBLISH flags zero.
    #[inline]
    pub(super) const fn first_byte(self) -> u8 {
        let flags = match self.fixed_flags() {
            Some(flags) => flags,
            None => 0,
        };
        (self as u8) << 4 | flags
    }
}

/// One whole packet where it lies: the fixed header taken apart, the rest not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The packet type.
    pub packet_type: PacketType,
    /// The low four bits of the first byte. They are checked, but for those of PUBLISH.
    pub flags: u8,
    /// What follows the fixed header.
    pub body: &'a [u8],
    /// The size of the whole packet in bytes, fixed header included (MQTT 5.0, 2.1.4).
    pub size: usize,
}

impl Frame<'_> {
    /// Whether the Remaining Length is in its shortest form. [`split`] checks it where it knows the version; a 5.0 CONNECT
    /// comes before that (MQTT-1.5.5-1).
    #[inline]
    pub const fn is_shortest(&self) -> bool {
        self.size == whole_size(self.body.len())
    }
}

/// Splits the first packet off. `Ok(None)`: more bytes are needed.
///
/// `version` is that of the connection, `None` before CONNECT; `size_max` is the largest packet to accept, in bytes,
/// fixed header included.
///
/// # Errors
///
/// As soon as the bytes at hand prove a breach, and before the body has come: a forbidden type
/// ([`Violation::PacketType0`], [`Violation::PacketType15`]), wrong [flags](Violation::UnexpectedFlags), a Remaining
/// Length of more than four bytes ([`Violation::MalformedVarInt`]) or, in 5.0, of more than it needs
/// ([`Violation::NotShortestVarInt`]), and a packet above `size_max` ([`Violation::PacketTooLarge`]).
#[inline]
pub fn split(bytes: &[u8], version: Option<Version>, size_max: usize) -> Result<Option<Frame<'_>>, Violation> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
    let (packet_type, flags) = split_first_byte(first, version)?;
    let Some((length, length_size)) = read_varint(rest, version == Some(Version::V5))? else { return Ok(None) };
    let body_start = 1 + length_size;
    let size = body_start + length as usize;
    if size > size_max {
        return Err(Violation::PacketTooLarge);
    }
    Ok(bytes.get(body_start..size).map(|body| Frame { packet_type, flags, body, size }))
}

/// The size in bytes of the whole packet at the front of `bytes`, once its Remaining Length is all there and valid. The
/// first byte is not checked.
#[inline]
pub fn peek_size(bytes: &[u8]) -> Option<usize> {
    let (length, length_size) = read_varint(bytes.get(1..)?, false).ok()??;
    Some(1 + length_size + length as usize)
}

/// Type and flags of the first byte of a packet.
#[inline]
fn split_first_byte(first: u8, version: Option<Version>) -> Result<(PacketType, u8), Violation> {
    let packet_type = PacketType::from_bits(first >> 4).ok_or(Violation::PacketType0)?;
    if packet_type == PacketType::Auth && matches!(version, Some(Version::V3_1 | Version::V3_1_1)) {
        return Err(Violation::PacketType15);
    }
    let flags = first & 0x0f;
    match packet_type.fixed_flags() {
        None => {}
        Some(fixed) if flags == fixed => {}
        // MQTT 3.1 lets PUBREL, SUBSCRIBE and UNSUBSCRIBE, which it sends at QoS 1, be repeated with DUP.
        Some(fixed) if version == Some(Version::V3_1) && fixed != 0 && flags == fixed | 0b1000 => {}
        Some(_) => return Err(Violation::UnexpectedFlags),
    }
    Ok((packet_type, flags))
}

/// The size of a packet whose Remaining Length is `remaining`, fixed header included.
#[inline]
pub(super) const fn whole_size(remaining: usize) -> usize {
    let length = if remaining > VARINT_MAX as usize { VARINT_MAX } else { remaining as u32 };
    1 + varint_len(length) + remaining
}

/// Appends a fixed header and makes room for the rest. `false`, with nothing appended, when no packet can be that large.
#[inline]
pub(super) fn write_header(first: u8, remaining: usize, out: &mut Vec<u8>) -> bool {
    let Some(length) = u32::try_from(remaining).ok().filter(|&length| length <= VARINT_MAX) else { return false };
    out.reserve(whole_size(remaining));
    out.push(first);
    write_varint(length, out);
    true
}
