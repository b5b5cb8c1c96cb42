//! SUBSCRIBE and SUBACK (MQTT 5.0, 3.8 and 3.9; MQTT 3.1.1, 3.8 and 3.9).
//!
//! Only the encoding of filters is checked. Where wildcards may stand and what `$share` means is the business of
//! [`topic`](crate::topic), because a refusal of one filter need not end the connection.

use alloc::vec::Vec;

use super::frame::{whole_size, write_header};
use super::reader::Reader;
use super::string::write_string;
use super::{PacketId, PacketType, Properties, PropertySet, QoS, ReasonCode, Version, Violation};

/// When retained messages are sent for a subscription (MQTT 5.0, 3.8.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RetainHandling {
    /// At every SUBSCRIBE (MQTT-3.3.1-9), as in 3.x.
    #[default]
    SendAtSubscribe = 0,
    /// Only when the subscription did not exist (MQTT-3.3.1-10).
    SendIfNew = 1,
    /// Never (MQTT-3.3.1-11).
    DoNotSend = 2,
}

/// Subscription Options (MQTT 5.0, 3.8.3.1); 3.x has only the QoS and the defaults of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionOptions {
    /// The maximum QoS at which messages are sent.
    pub qos: QoS,
    /// No Local: nothing that the client itself published (MQTT-3.8.3-3).
    pub no_local: bool,
    /// Retain As Published: RETAIN as the publisher set it (MQTT-3.3.1-13).
    pub retain_as_published: bool,
    /// Retain Handling.
    pub retain_handling: RetainHandling,
}

impl SubscriptionOptions {
    /// The options of a 3.x subscription.
    pub const fn with_qos(qos: QoS) -> Self {
        Self { qos, no_local: false, retain_as_published: false, retain_handling: RetainHandling::SendAtSubscribe }
    }

    /// The options of a byte.
    ///
    /// # Errors
    ///
    /// [`Violation::ReservedSubscriptionBits`] (MQTT-3.8.3-5), [`Violation::SubscriptionQoS3`],
    /// [`Violation::RetainHandling3`].
    pub const fn from_byte(version: Version, byte: u8) -> Result<Self, Violation> {
        let reserved = match version {
            Version::V5 => 0b1100_0000,
            Version::V3_1_1 => 0b1111_1100,
            // MQTT 3.1 does not use the upper bits and does not ask for zeros.
            Version::V3_1 => 0,
        };
        if byte & reserved != 0 {
            return Err(Violation::ReservedSubscriptionBits);
        }
        let Some(qos) = QoS::from_bits(byte & 0b11) else { return Err(Violation::SubscriptionQoS3) };
        match version {
            Version::V3_1 | Version::V3_1_1 => return Ok(Self::with_qos(qos)),
            Version::V5 => {}
        }
        let retain_handling = match byte >> 4 & 0b11 {
            0 => RetainHandling::SendAtSubscribe,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::DoNotSend,
            _ => return Err(Violation::RetainHandling3),
        };
        let no_local = byte & 0b0100 != 0;
        let retain_as_published = byte & 0b1000 != 0;
        Ok(Self { qos, no_local, retain_as_published, retain_handling })
    }

    /// The byte of the options in 5.0. In 3.x it is the QoS alone.
    pub const fn to_byte(self, version: Version) -> u8 {
        match version {
            Version::V3_1 | Version::V3_1_1 => self.qos as u8,
            Version::V5 => {
                self.qos as u8
                    | (self.no_local as u8) << 2
                    | (self.retain_as_published as u8) << 3
                    | (self.retain_handling as u8) << 4
            }
        }
    }
}

/// One subscription of a SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscribeFilter<'a> {
    /// The Topic Filter as it came, `$share/…` included; not checked but for its encoding, and perhaps empty.
    pub filter: &'a str,
    /// Its options.
    pub options: SubscriptionOptions,
}

/// A SUBSCRIBE packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// The Packet Identifier.
    pub packet_id: PacketId,
    /// The properties; none in 3.x.
    pub properties: Properties<'a>,
    /// The filters and their options.
    filters: SubscribeFilters<'a>,
}

impl<'a> Subscribe<'a> {
    /// A SUBSCRIBE for filters, of which there must be one at least (MQTT-3.8.3-2).
    pub fn new(packet_id: PacketId, properties: Properties<'a>, filters: &'a SubscribeBuffer) -> Self {
        Self { packet_id, properties, filters: filters.as_filters() }
    }

    /// Reads the body of a SUBSCRIBE.
    ///
    /// # Errors
    ///
    /// [`Violation::ZeroPacketId`], [`Violation::NoFilters`] (MQTT-3.8.3-2), what
    /// [`SubscriptionOptions::from_byte`] refuses, and whatever is wrong with the fields.
    pub fn decode(version: Version, body: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        let properties = Properties::read_for(version, &mut reader, PropertySet::Subscribe)?;
        let filters = SubscribeFilters { reader, version };
        if reader.is_empty() {
            return Err(Violation::NoFilters);
        }
        while !reader.is_empty() {
            SubscribeFilter::read(version, &mut reader)?;
        }
        Ok(Self { packet_id, properties, filters })
    }

    /// The filters in their order, one at least.
    pub fn filters(&self) -> SubscribeFilters<'a> {
        self.filters
    }

    /// Appends the packet.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        if !write_header(PacketType::Subscribe.first_byte(), self.remaining(version), out) {
            return;
        }
        out.extend_from_slice(&self.packet_id.get().to_be_bytes());
        self.properties.write_for(version, out);
        for SubscribeFilter { filter, options } in self.filters() {
            write_string(filter, out);
            out.push(options.to_byte(version));
        }
    }

    /// The size of the whole packet in bytes.
    pub const fn encoded_size(&self, version: Version) -> usize {
        whole_size(self.remaining(version))
    }

    const fn remaining(&self, version: Version) -> usize {
        2 + self.properties.encoded_size_for(version) + self.filters.reader.rest().len()
    }
}

impl<'a> SubscribeFilter<'a> {
    fn read(version: Version, reader: &mut Reader<'a>) -> Result<Self, Violation> {
        let filter = reader.string()?;
        let options = SubscriptionOptions::from_byte(version, reader.u8()?)?;
        Ok(Self { filter, options })
    }
}

/// The filters of a [`Subscribe`], in their order. Two are equal when the filters are, however they are encoded.
#[derive(Clone, Copy, Debug)]
pub struct SubscribeFilters<'a> {
    reader: Reader<'a>,
    version: Version,
}

impl PartialEq for SubscribeFilters<'_> {
    fn eq(&self, other: &Self) -> bool {
        Iterator::eq(*self, *other)
    }
}

impl Eq for SubscribeFilters<'_> {}

impl<'a> Iterator for SubscribeFilters<'a> {
    type Item = SubscribeFilter<'a>;

    fn next(&mut self) -> Option<SubscribeFilter<'a>> {
        // The payload was checked when it was read, or was made by a buffer: the only error is its end.
        SubscribeFilter::read(self.version, &mut self.reader).ok()
    }
}

/// The filters of a SUBSCRIBE to be sent, in one re-usable allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscribeBuffer {
    bytes: Vec<u8>,
}

impl SubscribeBuffer {
    /// No filter yet.
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Appends a filter; one of more than 65,535 bytes is cut as [`write_string`] says.
    pub fn push(&mut self, filter: &str, options: SubscriptionOptions) {
        write_string(filter, &mut self.bytes);
        self.bytes.push(options.to_byte(Version::V5));
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
    pub fn as_filters(&self) -> SubscribeFilters<'_> {
        SubscribeFilters { reader: Reader::new(&self.bytes), version: Version::V5 }
    }
}

/// A SUBACK packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubAck<'a> {
    /// The Packet Identifier of the SUBSCRIBE.
    pub packet_id: PacketId,
    /// The properties; none in 3.x.
    pub properties: Properties<'a>,
    /// One Reason Code for each filter, as bytes; in 3.x a failure is 0x80.
    pub codes: &'a [u8],
}

impl<'a> SubAck<'a> {
    /// Reads the body of a SUBACK.
    ///
    /// # Errors
    ///
    /// [`Violation::ZeroPacketId`], [`Violation::ReasonCodeNotAllowed`] for a code outside table 3-8 (MQTT-3.9.3-2),
    /// [`Violation::AcknowledgementCount`] without any code, and whatever is wrong with the fields.
    pub fn decode(version: Version, body: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        let properties = Properties::read_for(version, &mut reader, PropertySet::SubAck)?;
        let codes = reader.rest();
        if codes.is_empty() {
            return Err(Violation::AcknowledgementCount);
        }
        let allowed = |&code: &u8| match version {
            Version::V3_1 | Version::V3_1_1 => matches!(code, 0..=2 | 0x80),
            Version::V5 => ReasonCode::from_u8(code).is_some_and(|code| code.allowed_in(PacketType::SubAck)),
        };
        if !codes.iter().all(allowed) {
            return Err(Violation::ReasonCodeNotAllowed);
        }
        Ok(Self { packet_id, properties, codes })
    }

    /// Appends the packet. In 3.x every failure becomes 0x80, the only one that there is.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        if !write_header(PacketType::SubAck.first_byte(), self.remaining(version), out) {
            return;
        }
        out.extend_from_slice(&self.packet_id.get().to_be_bytes());
        self.properties.write_for(version, out);
        match version {
            Version::V5 => out.extend_from_slice(self.codes),
            Version::V3_1 | Version::V3_1_1 => out.extend(self.codes.iter().map(|&code| code.min(0x80))),
        }
    }

    /// The size of the whole packet in bytes.
    pub const fn encoded_size(&self, version: Version) -> usize {
        whole_size(self.remaining(version))
    }

    const fn remaining(&self, version: Version) -> usize {
        2 + self.properties.encoded_size_for(version) + self.codes.len()
    }
}
