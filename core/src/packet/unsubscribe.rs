//! UNSUBSCRIBE and UNSUBACK (MQTT 5.0, 3.10 and 3.11; MQTT 3.1.1, 3.10 and 3.11).

use alloc::vec::Vec;

use super::frame::{whole_size, write_header};
use super::reader::Reader;
use super::string::write_string;
use super::{PacketId, PacketType, Properties, PropertySet, ReasonCode, Version, Violation};

/// An UNSUBSCRIBE packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// The Packet Identifier.
    pub packet_id: PacketId,
    /// The properties; none in 3.x.
    pub properties: Properties<'a>,
    /// The filters.
    filters: UnsubscribeFilters<'a>,
}

impl<'a> Unsubscribe<'a> {
    /// An UNSUBSCRIBE for filters, of which there must be one at least (MQTT-3.10.3-2).
    pub fn new(packet_id: PacketId, properties: Properties<'a>, filters: &'a UnsubscribeBuffer) -> Self {
        Self { packet_id, properties, filters: filters.as_filters() }
    }

    /// Reads the body of an UNSUBSCRIBE.
    ///
    /// # Errors
    ///
    /// [`Violation::ZeroPacketId`], [`Violation::NoFilters`] (MQTT-3.10.3-2), and whatever is wrong with the fields.
    pub fn decode(version: Version, body: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        let properties = Properties::read_for(version, &mut reader, PropertySet::Unsubscribe)?;
        let filters = UnsubscribeFilters { reader };
        if reader.is_empty() {
            return Err(Violation::NoFilters);
        }
        while !reader.is_empty() {
            reader.string()?;
        }
        Ok(Self { packet_id, properties, filters })
    }

    /// The Topic Filters in their order, one at least; not checked but for their encoding.
    pub fn filters(&self) -> UnsubscribeFilters<'a> {
        self.filters
    }

    /// Appends the packet.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        if !write_header(PacketType::Unsubscribe.first_byte(), self.remaining(version), out) {
            return;
        }
        out.extend_from_slice(&self.packet_id.get().to_be_bytes());
        self.properties.write_for(version, out);
        out.extend_from_slice(self.filters.reader.rest());
    }

    /// The size of the whole packet in bytes.
    pub const fn encoded_size(&self, version: Version) -> usize {
        whole_size(self.remaining(version))
    }

    const fn remaining(&self, version: Version) -> usize {
        2 + self.properties.encoded_size_for(version) + self.filters.reader.rest().len()
    }
}

/// The filters of an [`Unsubscribe`], in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsubscribeFilters<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for UnsubscribeFilters<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        // The payload was checked when it was read, or was made by a buffer: the only error is its end.
        self.reader.string().ok()
    }
}

/// The filters of an UNSUBSCRIBE to be sent, in one re-usable allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnsubscribeBuffer {
    bytes: Vec<u8>,
}

impl UnsubscribeBuffer {
    /// No filter yet.
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Appends a filter; one of more than 65,535 bytes is cut as [`write_string`] says.
    pub fn push(&mut self, filter: &str) {
        write_string(filter, &mut self.bytes);
    }

    /// Whether there is no filter.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Forgets the filters and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The size in bytes that the filters take in a packet.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The filters so far.
    pub fn as_filters(&self) -> UnsubscribeFilters<'_> {
        UnsubscribeFilters { reader: Reader::new(&self.bytes) }
    }
}

/// An UNSUBACK packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsubAck<'a> {
    /// The Packet Identifier of the UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// The properties; none in 3.x.
    pub properties: Properties<'a>,
    /// One Reason Code for each filter, as bytes; none in 3.x.
    pub codes: &'a [u8],
}

impl<'a> UnsubAck<'a> {
    /// Reads the body of an UNSUBACK.
    ///
    /// # Errors
    ///
    /// [`Violation::ZeroPacketId`], [`Violation::ReasonCodeNotAllowed`] for a code outside table 3-9 (MQTT-3.11.3-2),
    /// in 5.0 [`Violation::AcknowledgementCount`] without any code, and whatever is wrong with the fields.
    pub fn decode(version: Version, body: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        if version != Version::V5 {
            reader.finish()?;
            return Ok(Self { packet_id, properties: Properties::EMPTY, codes: &[] });
        }
        let properties = Properties::read(&mut reader, PropertySet::UnsubAck)?;
        let codes = reader.rest();
        if codes.is_empty() {
            return Err(Violation::AcknowledgementCount);
        }
        let allowed = |&code: &u8| ReasonCode::from_u8(code).is_some_and(|code| code.allowed_in(PacketType::UnsubAck));
        if !codes.iter().all(allowed) {
            return Err(Violation::ReasonCodeNotAllowed);
        }
        Ok(Self { packet_id, properties, codes })
    }

    /// Appends the packet; in 3.x without codes.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        if !write_header(PacketType::UnsubAck.first_byte(), self.remaining(version), out) {
            return;
        }
        out.extend_from_slice(&self.packet_id.get().to_be_bytes());
        self.properties.write_for(version, out);
        match version {
            Version::V5 => out.extend_from_slice(self.codes),
            Version::V3_1 | Version::V3_1_1 => {}
        }
    }

    /// The size of the whole packet in bytes.
    pub const fn encoded_size(&self, version: Version) -> usize {
        whole_size(self.remaining(version))
    }

    const fn remaining(&self, version: Version) -> usize {
        match version {
            Version::V5 => 2 + self.properties.encoded_size() + self.codes.len(),
            Version::V3_1 | Version::V3_1_1 => 2,
        }
    }
}
