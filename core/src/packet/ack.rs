//! PUBACK, PUBREC, PUBREL and PUBCOMP (MQTT 5.0, 3.4 to 3.7), which differ only in their type and their codes.

use alloc::vec::Vec;

use super::frame::{whole_size, write_header};
use super::reader::Reader;
use super::{PacketId, PacketType, Properties, PropertySet, ReasonCode, Version, Violation};

/// A PUBACK, PUBREC, PUBREL or PUBCOMP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    /// The Packet Identifier of the PUBLISH that it belongs to.
    pub packet_id: PacketId,
    /// The Reason Code; 3.x has none, which reads as success.
    pub code: ReasonCode,
    /// The properties; none in 3.x.
    pub properties: Properties<'a>,
}

impl<'a> Ack<'a> {
    /// An acknowledgement without properties.
    pub const fn new(packet_id: PacketId, code: ReasonCode) -> Self {
        Self { packet_id, code, properties: Properties::EMPTY }
    }

    /// Reads the body of an acknowledgement of this type. The short forms count: no code is success, no Property Length
    /// is no property (3.4.2).
    ///
    /// # Errors
    ///
    /// [`Violation::ZeroPacketId`], [`Violation::ReasonCodeNotAllowed`] for a code that the type does not have, and
    /// whatever is wrong with the fields; [`Violation::UnexpectedPacket`] for a `packet_type` that is none of the four.
    #[inline]
    pub fn decode(packet_type: PacketType, version: Version, body: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new(body);
        let mut ack = Self::new(reader.packet_id()?, ReasonCode::Success);
        if version == Version::V5 && !reader.is_empty() {
            ack.code = ReasonCode::from_u8(reader.u8()?)
                .filter(|code| code.allowed_in(packet_type))
                .ok_or(Violation::ReasonCodeNotAllowed)?;
            if !reader.is_empty() {
                ack.properties = Properties::read(&mut reader, place(packet_type)?)?;
            }
        }
        reader.finish()?;
        Ok(ack)
    }

    /// Appends the packet, in its shortest form.
    #[inline]
    pub fn encode(&self, packet_type: PacketType, version: Version, out: &mut Vec<u8>) {
        let remaining = self.remaining(version);
        if !write_header(packet_type.first_byte(), remaining, out) {
            return;
        }
        out.extend_from_slice(&self.packet_id.get().to_be_bytes());
        if remaining > 2 {
            out.push(self.code.as_u8());
        }
        if remaining > 3 {
            self.properties.write(out);
        }
    }

    /// The size of the whole packet in bytes.
    #[inline]
    pub const fn encoded_size(&self, version: Version) -> usize {
        whole_size(self.remaining(version))
    }

    const fn remaining(&self, version: Version) -> usize {
        match version {
            Version::V3_1 | Version::V3_1_1 => 2,
            Version::V5 if !self.properties.is_empty() => 3 + self.properties.encoded_size(),
            Version::V5 if self.code.as_u8() != 0 => 3,
            Version::V5 => 2,
        }
    }
}

/// Where the properties of an acknowledgement stand.
const fn place(packet_type: PacketType) -> Result<PropertySet, Violation> {
    match packet_type {
        PacketType::PubAck => Ok(PropertySet::PubAck),
        PacketType::PubRec => Ok(PropertySet::PubRec),
        PacketType::PubRel => Ok(PropertySet::PubRel),
        PacketType::PubComp => Ok(PropertySet::PubComp),
        PacketType::Connect
        | PacketType::ConnAck
        | PacketType::Publish
        | PacketType::Subscribe
        | PacketType::SubAck
        | PacketType::Unsubscribe
        | PacketType::UnsubAck
        | PacketType::PingReq
        | PacketType::PingResp
        | PacketType::Disconnect
        | PacketType::Auth => Err(Violation::UnexpectedPacket),
    }
}
