//! Reads the fields of a packet one after the other, and never past its end.

use super::string::{check_string, check_topic_name};
use super::varint::read_varint;
use super::{PacketId, Violation};

/// What is left of a packet body. Every method takes from the front; all fail with [`Violation::TruncatedField`] when the
/// packet ends first, and leave an unspecified rest then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    #[inline]
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether everything has been read.
    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read.
    #[inline]
    pub(super) const fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// The next `size` bytes.
    #[inline]
    pub(super) fn bytes(&mut self, size: usize) -> Result<&'a [u8], Violation> {
        let (taken, rest) = self.rest.split_at_checked(size).ok_or(Violation::TruncatedField)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A byte.
    #[inline]
    pub(super) fn u8(&mut self) -> Result<u8, Violation> {
        let (&byte, rest) = self.rest.split_first().ok_or(Violation::TruncatedField)?;
        self.rest = rest;
        Ok(byte)
    }

    /// A Two Byte Integer.
    #[inline]
    pub(super) fn u16(&mut self) -> Result<u16, Violation> {
        let (&bytes, rest) = self.rest.split_first_chunk().ok_or(Violation::TruncatedField)?;
        self.rest = rest;
        Ok(u16::from_be_bytes(bytes))
    }

    /// A Four Byte Integer.
    #[inline]
    pub(super) fn u32(&mut self) -> Result<u32, Violation> {
        let (&bytes, rest) = self.rest.split_first_chunk().ok_or(Violation::TruncatedField)?;
        self.rest = rest;
        Ok(u32::from_be_bytes(bytes))
    }

    /// A Variable Byte Integer in its shortest form; only 5.0 has them inside packets.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u32, Violation> {
        let (value, size) = read_varint(self.rest, true)?.ok_or(Violation::TruncatedField)?;
        self.rest = &self.rest[size..];
        Ok(value)
    }

    /// Binary Data.
    #[inline]
    pub(super) fn binary(&mut self) -> Result<&'a [u8], Violation> {
        let size = self.u16()?;
        self.bytes(usize::from(size))
    }

    /// A UTF-8 Encoded String.
    #[inline]
    pub(super) fn string(&mut self) -> Result<&'a str, Violation> {
        check_string(self.binary()?)
    }

    /// A UTF-8 String Pair. What it consists of is looked at when both are there.
    #[inline]
    pub(super) fn string_pair(&mut self) -> Result<(&'a str, &'a str), Violation> {
        let (name, value) = (self.binary()?, self.binary()?);
        Ok((check_string(name)?, check_string(value)?))
    }

    /// A Topic Name: a string without wildcards. It may be empty.
    #[inline]
    pub(super) fn topic_name(&mut self) -> Result<&'a str, Violation> {
        check_topic_name(self.binary()?)
    }

    /// A Packet Identifier.
    #[inline]
    pub(super) fn packet_id(&mut self) -> Result<PacketId, Violation> {
        PacketId::new(self.u16()?).ok_or(Violation::ZeroPacketId)
    }

    /// Checks that nothing is left.
    #[inline]
    pub(super) const fn finish(self) -> Result<(), Violation> {
        if self.rest.is_empty() { Ok(()) } else { Err(Violation::TrailingBytes) }
    }
}
