//! Numbers and texts of records: what every field is made of.
//!
//! A number is a varint: seven bits in a byte, the lowest first, up to ten bytes. Bytes and texts stand behind their length.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

/// A record that is not what the format says: what was expected and not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed record: expected {}", self.0)
    }
}

impl core::error::Error for Malformed {}

pub(super) fn put_number(value: u64, out: &mut Vec<u8>) {
    let mut rest = value;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_number(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

pub(super) fn put_bool(value: bool, out: &mut Vec<u8>) {
    out.push(u8::from(value));
}

/// In microseconds; what is beyond them is cut off.
pub(super) fn put_duration(value: Duration, out: &mut Vec<u8>) {
    put_number(u64::try_from(value.as_micros()).unwrap_or(u64::MAX), out);
}

/// 0, or 1 and the value.
pub(super) fn put_option<T>(value: Option<T>, out: &mut Vec<u8>, put: impl FnOnce(T, &mut Vec<u8>)) {
    put_bool(value.is_some(), out);
    if let Some(value) = value {
        put(value, out);
    }
}

/// The number at the front of `bytes` and how many bytes it takes; `None` when it is not all there.
pub(super) fn read_number(bytes: &[u8]) -> Result<Option<(u64, usize)>, Malformed> {
    let mut value = 0_u64;
    for (index, &byte) in bytes.iter().take(10).enumerate() {
        let bits = u64::from(byte & 0x7f);
        if index == 9 && byte > 1 {
            return Err(Malformed("a number of 64 bits"));
        }
        value |= bits << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((value, index + 1)));
        }
    }
    Ok(None)
}

/// What is left of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (&first, rest) = self.0.split_first().ok_or(Malformed("a byte"))?;
        self.0 = rest;
        Ok(first)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (&array, rest) = self.0.split_first_chunk().ok_or(Malformed("more bytes"))?;
        self.0 = rest;
        Ok(array)
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        let (value, size) = read_number(self.0)?.ok_or(Malformed("a number"))?;
        self.0 = &self.0[size..];
        Ok(value)
    }

    /// A number that fits a smaller type.
    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Malformed> {
        T::try_from(self.number()?).map_err(|_| Malformed("a smaller number"))
    }

    pub(super) fn bool(&mut self) -> Result<bool, Malformed> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed("0 or 1")),
        }
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let size = self.small()?;
        let (bytes, rest) = self.0.split_at_checked(size).ok_or(Malformed("more bytes"))?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        core::str::from_utf8(self.bytes()?).map_err(|_| Malformed("UTF-8"))
    }

    pub(super) fn duration(&mut self) -> Result<Duration, Malformed> {
        self.number().map(Duration::from_micros)
    }

    pub(super) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        if self.bool()? { read(self).map(Some) } else { Ok(None) }
    }

    pub(super) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.number()?;
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(read(self)?);
        }
        Ok(list)
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }

    pub(super) fn finish(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed("the end of the record")) }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back_and_no_bytes_panic(value: u64, noise: Vec<u8>) {
            let mut out = Vec::new();
            put_number(value, &mut out);
            let size = out.len();
            prop_assert!((0..size).all(|cut| read_number(&out[..cut]) == Ok(None)));
            out.extend_from_slice(&noise);
            prop_assert_eq!(read_number(&out), Ok(Some((value, size))));
            let _either = read_number(&noise);
        }
    }

    #[test]
    fn a_number_of_more_than_64_bits_is_refused() {
        assert!(read_number(&[0xff; 10]).is_err());
    }
}
