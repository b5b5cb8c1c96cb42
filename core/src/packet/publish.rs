//! PUBLISH (MQTT 5.0, 3.3; MQTT 3.1.1, 3.3): the packet that there is most of, so one pass and no copy.

use alloc::vec::Vec;

use super::frame::{whole_size, write_header};
use super::reader::Reader;
use super::string::{check_topic_name, string_len, write_string};
use super::{PacketId, PacketType, Properties, PropertySet, QoS, Version, Violation};

const DUP: u8 = 0b1000;
const QOS_SHIFT: u8 = 1;
const RETAIN: u8 = 0b0001;

/// A PUBLISH packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// DUP: this may be a re-delivery; never at QoS 0 (MQTT-3.3.1-2).
    pub dup: bool,
    /// The QoS.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    /// The Topic Name, without wildcards; in 5.0 it may be empty beside a Topic Alias.
    pub topic: &'a str,
    /// The Packet Identifier: there exactly when the QoS is not 0 (MQTT-2.2.1-2).
    pub packet_id: Option<PacketId>,
    /// The properties; none in 3.x.
    pub properties: Properties<'a>,
    /// The Application Message.
    pub payload: &'a [u8],
}

const _: () = assert!(size_of::<Publish<'_>>() <= 64, "it is passed down by reference, and filled for every message");

impl<'a> Publish<'a> {
    /// Reads the flags and the body of a PUBLISH.
    ///
    /// # Errors
    ///
    /// [`Violation::QoS3`], [`Violation::DupAtQoS0`], [`Violation::EmptyTopic`] without a Topic Alias,
    /// [`Violation::WildcardInTopicName`], [`Violation::ZeroPacketId`], and whatever is wrong with the fields. Whether
    /// an alias has a mapping and who may send a Subscription Identifier is not checked here.
    #[inline]
    pub fn decode(version: Version, flags: u8, body: &'a [u8]) -> Result<Self, Violation> {
        Self::decode_with(version, flags, body, check_topic_name)
    }

    /// Whether this is the body of a PUBLISH to `topic`.
    #[inline]
    pub(crate) fn has_topic(body: &[u8], topic: &str) -> bool {
        let mut reader = Reader::new(body);
        reader.binary().is_ok_and(|name| name == topic.as_bytes())
    }

    /// Like [`decode`](Self::decode), for a body that [has this topic](Self::has_topic), which was checked before.
    #[inline]
    pub(crate) fn decode_known(version: Version, flags: u8, body: &'a [u8], topic: &'a str) -> Result<Self, Violation> {
        Self::decode_with(version, flags, body, |name| {
            debug_assert_eq!(name, topic.as_bytes());
            Ok(topic)
        })
    }

    #[inline]
    fn decode_with(
        version: Version,
        flags: u8,
        body: &'a [u8],
        topic_name: impl FnOnce(&'a [u8]) -> Result<&'a str, Violation>,
    ) -> Result<Self, Violation> {
        let qos = QoS::from_bits(flags >> QOS_SHIFT & 0b11).ok_or(Violation::QoS3)?;
        let dup = flags & DUP != 0;
        if dup && qos == QoS::AtMostOnce {
            return Err(Violation::DupAtQoS0);
        }
        let mut reader = Reader::new(body);
        let topic = topic_name(reader.binary()?)?;
        let packet_id = if qos == QoS::AtMostOnce { None } else { Some(reader.packet_id()?) };
        // Not moved through a result where there is none: that costs more than all the rest.
        let properties = match version {
            Version::V5 => Properties::read(&mut reader, PropertySet::Publish)?,
            Version::V3_1 | Version::V3_1_1 => Properties::EMPTY,
        };
        if topic.is_empty() && properties.topic_alias().is_none() {
            return Err(Violation::EmptyTopic);
        }
        let payload = reader.rest();
        Ok(Self { dup, qos, retain: flags & RETAIN != 0, topic, packet_id, properties, payload })
    }

    /// The bytes of the Topic Name at the front of the body of a PUBLISH (MQTT 5.0, 3.3.2.1). Nothing is checked but that
    /// they are all there.
    pub(crate) fn peek_topic(body: &[u8]) -> Option<&[u8]> {
        let (length, rest) = body.split_first_chunk()?;
        rest.get(..usize::from(u16::from_be_bytes(*length)))
    }

    /// Appends the packet.
    #[inline]
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        if self.encode_head(version, out) {
            out.extend_from_slice(self.payload);
        }
    }

    /// Appends the packet up to its payload, which is counted but not copied. `false`, with nothing appended, when no
    /// packet can be that large.
    ///
    /// The Packet Identifier goes out exactly when the QoS is not 0; a missing one is a fault of the caller.
    #[inline]
    pub fn encode_head(&self, version: Version, out: &mut Vec<u8>) -> bool {
        debug_assert_eq!(self.packet_id.is_some(), self.qos != QoS::AtMostOnce, "a packet id belongs to QoS 1 and 2");
        let flags =
            if self.dup { DUP } else { 0 } | (self.qos as u8) << QOS_SHIFT | if self.retain { RETAIN } else { 0 };
        if !write_header(PacketType::Publish.first_byte() | flags, self.remaining(version), out) {
            return false;
        }
        write_string(self.topic, out);
        if self.qos != QoS::AtMostOnce {
            out.extend_from_slice(&self.packet_id.map_or(0, PacketId::get).to_be_bytes());
        }
        self.properties.write_for(version, out);
        true
    }

    /// The size of the whole packet in bytes.
    #[inline]
    pub fn encoded_size(&self, version: Version) -> usize {
        whole_size(self.remaining(version))
    }

    #[inline]
    fn remaining(&self, version: Version) -> usize {
        string_len(self.topic)
            + if self.qos == QoS::AtMostOnce { 0 } else { 2 }
            + self.properties.encoded_size_for(version)
            + self.payload.len()
    }
}
