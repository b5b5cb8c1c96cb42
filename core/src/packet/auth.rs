//! AUTH (MQTT 5.0, 3.15), which exists only in 5.0.

use alloc::vec::Vec;

use super::frame::{whole_size, write_header};
use super::reader::Reader;
use super::{PacketType, Properties, PropertySet, ReasonCode, Violation};

/// An AUTH packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<'a> {
    /// The Reason Code: success, continue or re-authenticate.
    pub code: ReasonCode,
    /// The properties, an Authentication Method among them.
    pub properties: Properties<'a>,
}

impl<'a> Auth<'a> {
    /// Reads the body of an AUTH.
    ///
    /// # Errors
    ///
    /// [`Violation::AuthMethodMissing`] (3.15.2.2.2), also for the empty body that 3.15.2.1 speaks of;
    /// [`Violation::ReasonCodeNotAllowed`] for a code outside table 3-11 (MQTT-3.15.2-1); and whatever is wrong with
    /// the fields.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        if body.is_empty() {
            return Err(Violation::AuthMethodMissing);
        }
        let mut reader = Reader::new(body);
        let code = ReasonCode::from_u8(reader.u8()?)
            .filter(|code| code.allowed_in(PacketType::Auth))
            .ok_or(Violation::ReasonCodeNotAllowed)?;
        let properties = Properties::read(&mut reader, PropertySet::Auth)?;
        reader.finish()?;
        if properties.authentication_method().is_none() {
            return Err(Violation::AuthMethodMissing);
        }
        Ok(Self { code, properties })
    }

    /// Appends the packet.
    pub fn encode(&self, out: &mut Vec<u8>) {
        if !write_header(PacketType::Auth.first_byte(), self.remaining(), out) {
            return;
        }
        out.push(self.code.as_u8());
        self.properties.write(out);
    }

    /// The size of the whole packet in bytes.
    pub const fn encoded_size(&self) -> usize {
        whole_size(self.remaining())
    }

    const fn remaining(&self) -> usize {
        1 + self.properties.encoded_size()
    }
}
