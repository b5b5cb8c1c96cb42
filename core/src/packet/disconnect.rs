//! DISCONNECT (MQTT 5.0, 3.14; MQTT 3.1.1, 3.14).

use alloc::vec::Vec;

use super::frame::{whole_size, write_header};
use super::reader::Reader;
use super::{PacketType, Properties, PropertySet, ReasonCode, Version, Violation};

/// A DISCONNECT packet. In 3.x only clients send it, and without a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// The Reason Code; in 3.x always [`ReasonCode::NormalDisconnection`].
    pub code: ReasonCode,
    /// The properties; none in 3.x.
    pub properties: Properties<'a>,
}

impl<'a> Disconnect<'a> {
    /// A DISCONNECT without properties.
    pub const fn new(code: ReasonCode) -> Self {
        Self { code, properties: Properties::EMPTY }
    }

    /// Reads the body of a DISCONNECT. The short forms count: no code is normal disconnection, no Property Length is no
    /// property (3.14.2).
    ///
    /// # Errors
    ///
    /// [`Violation::ReasonCodeNotAllowed`] for a code that no DISCONNECT has (MQTT-3.14.2-1), and whatever is wrong
    /// with the fields. Which side may send a code or a property is not checked here.
    pub fn decode(version: Version, body: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new(body);
        let mut disconnect = Self::new(ReasonCode::NormalDisconnection);
        if version == Version::V5 && !reader.is_empty() {
            disconnect.code = ReasonCode::from_u8(reader.u8()?)
                .filter(|code| code.allowed_in(PacketType::Disconnect))
                .ok_or(Violation::ReasonCodeNotAllowed)?;
            if !reader.is_empty() {
                disconnect.properties = Properties::read(&mut reader, PropertySet::Disconnect)?;
            }
        }
        reader.finish()?;
        Ok(disconnect)
    }

    /// Appends the packet, in its shortest form.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        let remaining = self.remaining(version);
        if !write_header(PacketType::Disconnect.first_byte(), remaining, out) {
            return;
        }
        if remaining > 0 {
            out.push(self.code.as_u8());
        }
        if remaining > 1 {
            self.properties.write(out);
        }
    }

    /// The size of the whole packet in bytes.
    pub const fn encoded_size(&self, version: Version) -> usize {
        whole_size(self.remaining(version))
    }

    const fn remaining(&self, version: Version) -> usize {
        match version {
            Version::V3_1 | Version::V3_1_1 => 0,
            Version::V5 if !self.properties.is_empty() => 1 + self.properties.encoded_size(),
            Version::V5 if self.code.as_u8() != 0 => 1,
            Version::V5 => 0,
        }
    }
}
