//! CONNACK (MQTT 5.0, 3.2; MQTT 3.1.1, 3.2).

use alloc::vec::Vec;

use super::frame::{whole_size, write_header};
use super::reader::Reader;
use super::{PacketType, Properties, PropertySet, ReasonCode, Version, Violation};

/// A CONNACK packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnAck<'a> {
    /// Session Present; false with every failure (MQTT-3.2.2-6). 3.1 has no such flag, there it is always false.
    pub session_present: bool,
    /// The Reason Code; in 3.x a return code says the same, see [`ReasonCode::connect_return_code`].
    pub code: ReasonCode,
    /// The properties; none in 3.x.
    pub properties: Properties<'a>,
}

impl<'a> ConnAck<'a> {
    /// Reads the body of a CONNACK.
    ///
    /// # Errors
    ///
    /// [`Violation::ReservedConnAckFlag`], [`Violation::SessionPresentWithFailure`],
    /// [`Violation::ReasonCodeNotAllowed`] for a code outside table 3-1, and whatever is wrong with the fields.
    pub fn decode(version: Version, body: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new(body);
        let flags = reader.u8()?;
        let code = reader.u8()?;
        let (session_present, code) = match version {
            Version::V3_1 => (false, ReasonCode::from_connect_return_code(code)),
            Version::V3_1_1 => (flags == 1, ReasonCode::from_connect_return_code(code)),
            Version::V5 => (flags == 1, ReasonCode::from_u8(code).filter(|code| code.allowed_in(PacketType::ConnAck))),
        };
        if flags > 1 && version != Version::V3_1 {
            return Err(Violation::ReservedConnAckFlag);
        }
        let code = code.ok_or(Violation::ReasonCodeNotAllowed)?;
        if session_present && code != ReasonCode::Success {
            return Err(Violation::SessionPresentWithFailure);
        }
        let properties = Properties::read_for(version, &mut reader, PropertySet::ConnAck)?;
        reader.finish()?;
        Ok(Self { session_present, code, properties })
    }

    /// Appends the packet. In 3.x a code without a return code appends nothing: the server then closes without CONNACK
    /// (3.1.1, MQTT-3.2.2-6).
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        let code = match version {
            Version::V5 => Some(self.code.as_u8()),
            Version::V3_1 | Version::V3_1_1 => self.code.connect_return_code(),
        };
        let Some(code) = code else { return };
        if !write_header(PacketType::ConnAck.first_byte(), self.remaining(version), out) {
            return;
        }
        out.push(u8::from(self.session_present && version != Version::V3_1));
        out.push(code);
        self.properties.write_for(version, out);
    }

    /// The size of the whole packet in bytes.
    pub const fn encoded_size(&self, version: Version) -> usize {
        whole_size(self.remaining(version))
    }

    const fn remaining(&self, version: Version) -> usize {
        2 + self.properties.encoded_size_for(version)
    }
}
