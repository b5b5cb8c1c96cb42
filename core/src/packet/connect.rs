//! CONNECT (MQTT 5.0, 3.1; MQTT 3.1.1, 3.1), the only packet that names its own version.

use alloc::vec::Vec;

use super::frame::{whole_size, write_header};
use super::reader::Reader;
use super::string::{binary_len, string_len, write_binary, write_string};
use super::{PacketType, Properties, PropertySet, QoS, Version, Violation};

const USER_NAME: u8 = 0b1000_0000;
const PASSWORD: u8 = 0b0100_0000;
const WILL_RETAIN: u8 = 0b0010_0000;
const WILL_QOS_SHIFT: u8 = 3;
const WILL: u8 = 0b0000_0100;
const CLEAN_START: u8 = 0b0000_0010;
const RESERVED: u8 = 0b0000_0001;

/// A CONNECT packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The protocol that this connection speaks.
    pub version: Version,
    /// Clean Start (3.x: CleanSession).
    pub clean_start: bool,
    /// Keep Alive in seconds; 0 turns it off (3.1.2.10).
    pub keep_alive_s: u16,
    /// The properties; none in 3.x.
    pub properties: Properties<'a>,
    /// The Client Identifier; it may be empty. 3.1 and 3.1.1 rules about that are the broker's.
    pub client_id: &'a str,
    /// The will.
    pub will: Option<Will<'a>>,
    /// The user name.
    pub user_name: Option<&'a str>,
    /// The password; in 3.x only with a user name (3.1.1, MQTT-3.1.2-22).
    pub password: Option<&'a [u8]>,
}

/// The will of a CONNECT packet (MQTT 5.0, 3.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Will<'a> {
    /// Will QoS.
    pub qos: QoS,
    /// Will Retain.
    pub retain: bool,
    /// The Will Properties; none in 3.x.
    pub properties: Properties<'a>,
    /// The Will Topic: a topic name, not empty and without wildcards.
    pub topic: &'a str,
    /// The Will Payload.
    pub payload: &'a [u8],
}

impl<'a> Connect<'a> {
    /// The version that the packet names, if it is one of those known; also for a packet that goes wrong later. With it a
    /// fault can be answered in the right form.
    pub fn peek_version(body: &[u8]) -> Option<Version> {
        version(&mut Reader::new(body)).ok()
    }

    /// The Maximum Packet Size that the packet names, also for a packet that goes wrong behind its properties. `None` when
    /// it cannot be read; without the property it is `u32::MAX`. With it a fault can be answered in a size that the client
    /// takes (MQTT-3.1.2-24).
    pub fn peek_maximum_packet_size(body: &[u8]) -> Option<u32> {
        let mut reader = Reader::new(body);
        let version = version(&mut reader).ok()?;
        reader.u8().ok()?;
        reader.u16().ok()?;
        let properties = Properties::read_for(version, &mut reader, PropertySet::Connect).ok()?;
        Some(properties.maximum_packet_size().unwrap_or(u32::MAX))
    }

    /// The version in whose form a client can be told that it names none of those known (MQTT-3.1.2-2): 3.1 for the name of
    /// 3.1, 5.0 for a level of 5 or above, which is the closest to what its client may understand, else 3.1.1.
    pub fn nearest_version(body: &[u8]) -> Version {
        let mut reader = Reader::new(body);
        match (reader.binary(), reader.u8()) {
            (Ok(b"MQIsdp"), _) => Version::V3_1,
            (Ok(_), Ok(level)) if level >= Version::V5 as u8 => Version::V5,
            (Ok(_) | Err(_), _) => Version::V3_1_1,
        }
    }

    /// Reads the body of a CONNECT.
    ///
    /// # Errors
    ///
    /// [`Violation::ProtocolName`] and [`Violation::ProtocolVersion`] for what is not 3.1, 3.1.1 or 5.0, and whatever is
    /// wrong with the flags (3.1.2.3), the properties or the fields.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new(body);
        let version = version(&mut reader)?;
        let flags = reader.u8()?;
        let will_qos = check_flags(flags, version)?;
        let keep_alive_s = reader.u16()?;
        let properties = Properties::read_for(version, &mut reader, PropertySet::Connect)?;
        let client_id = reader.string()?;
        let will = match flags & WILL {
            0 => None,
            _ => Some(Will::read(version, will_qos, flags & WILL_RETAIN != 0, &mut reader)?),
        };
        // In MQTT 3.1 the Remaining Length takes precedence over the flags: what is not there at all is none.
        let has = |flag: u8, reader: &Reader<'_>| flags & flag != 0 && !(version == Version::V3_1 && reader.is_empty());
        let user_name = if has(USER_NAME, &reader) { Some(reader.string()?) } else { None };
        let password = if has(PASSWORD, &reader) { Some(reader.binary()?) } else { None };
        reader.finish()?;
        let clean_start = flags & CLEAN_START != 0;
        Ok(Self { version, clean_start, keep_alive_s, properties, client_id, will, user_name, password })
    }

    /// Appends the packet, for [`Connect::version`].
    pub fn encode(&self, out: &mut Vec<u8>) {
        if !write_header(PacketType::Connect.first_byte(), self.remaining(), out) {
            return;
        }
        write_string(protocol_name(self.version), out);
        out.push(self.version as u8);
        out.push(self.flags());
        out.extend_from_slice(&self.keep_alive_s.to_be_bytes());
        self.properties.write_for(self.version, out);
        write_string(self.client_id, out);
        if let Some(will) = &self.will {
            will.properties.write_for(self.version, out);
            write_string(will.topic, out);
            write_binary(will.payload, out);
        }
        if let Some(user_name) = self.user_name {
            write_string(user_name, out);
        }
        if let Some(password) = self.password {
            write_binary(password, out);
        }
    }

    /// The size of the whole packet in bytes.
    pub fn encoded_size(&self) -> usize {
        whole_size(self.remaining())
    }

    fn remaining(&self) -> usize {
        string_len(protocol_name(self.version))
            + 4
            + self.properties.encoded_size_for(self.version)
            + string_len(self.client_id)
            + self.will.as_ref().map_or(0, |will| {
                string_len(will.topic) + binary_len(will.payload) + will.properties.encoded_size_for(self.version)
            })
            + self.user_name.map_or(0, string_len)
            + self.password.map_or(0, binary_len)
    }

    fn flags(&self) -> u8 {
        let will = self
            .will
            .as_ref()
            .map_or(0, |will| WILL | (will.qos as u8) << WILL_QOS_SHIFT | if will.retain { WILL_RETAIN } else { 0 });
        will | if self.clean_start { CLEAN_START } else { 0 }
            | if self.user_name.is_some() { USER_NAME } else { 0 }
            | if self.password.is_some() { PASSWORD } else { 0 }
    }
}

impl<'a> Will<'a> {
    /// Reads the will's part of the payload.
    fn read(version: Version, qos: QoS, retain: bool, reader: &mut Reader<'a>) -> Result<Self, Violation> {
        let properties = Properties::read_for(version, reader, PropertySet::Will)?;
        let topic = reader.topic_name()?;
        if topic.is_empty() {
            return Err(Violation::EmptyTopic);
        }
        let payload = reader.binary()?;
        Ok(Self { qos, retain, properties, topic, payload })
    }
}

/// Reads protocol name and version (3.1.2.1 and 3.1.2.2).
fn version(reader: &mut Reader<'_>) -> Result<Version, Violation> {
    let name = reader.binary()?;
    let level = reader.u8()?;
    match (name, level) {
        (b"MQTT", 5) => Ok(Version::V5),
        (b"MQTT", 4) => Ok(Version::V3_1_1),
        (b"MQIsdp", 3) => Ok(Version::V3_1),
        (b"MQTT" | b"MQIsdp", _) => Err(Violation::ProtocolVersion),
        _ => Err(Violation::ProtocolName),
    }
}

/// The protocol name of a version.
const fn protocol_name(version: Version) -> &'static str {
    match version {
        Version::V3_1 => "MQIsdp",
        Version::V3_1_1 | Version::V5 => "MQTT",
    }
}

/// Checks the Connect Flags (3.1.2.3 to 3.1.2.9) and gives the Will QoS.
fn check_flags(flags: u8, version: Version) -> Result<QoS, Violation> {
    // MQTT 3.1 does not use the bit and asks for no value of it.
    if flags & RESERVED != 0 && version != Version::V3_1 {
        return Err(Violation::ReservedConnectFlag);
    }
    let will_qos = QoS::from_bits(flags >> WILL_QOS_SHIFT & 0b11).ok_or(Violation::WillQoS3)?;
    if flags & WILL == 0 {
        if will_qos != QoS::AtMostOnce {
            return Err(Violation::WillQoSWithoutWill);
        }
        if flags & WILL_RETAIN != 0 {
            return Err(Violation::WillRetainWithoutWill);
        }
    }
    if version != Version::V5 && flags & (PASSWORD | USER_NAME) == PASSWORD {
        return Err(Violation::PasswordWithoutUserName);
    }
    Ok(will_qos)
}
