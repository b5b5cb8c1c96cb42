//! Variable Byte Integers (MQTT 5.0, 1.5.5; MQTT 3.1.1, 2.2.3): seven bits in a byte, the lowest first, four bytes at most.

use alloc::vec::Vec;

use super::Violation;

/// The largest value that four bytes hold.
pub const VARINT_MAX: u32 = 268_435_455;

/// Reads the integer at the front of `bytes`: its value and how many bytes it takes. `None` when it is not all there.
///
/// # Errors
///
/// [`Violation::MalformedVarInt`] at a fourth byte that says that more follow, without waiting for the fifth;
/// [`Violation::NotShortestVarInt`] when `shortest` is asked for and fewer bytes would do (MQTT-1.5.5-1). 3.1 and 3.1.1
/// do not forbid longer forms, and there they are accepted.
#[inline]
pub fn read_varint(bytes: &[u8], shortest: bool) -> Result<Option<(u32, usize)>, Violation> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            if shortest && byte == 0 && index > 0 {
                return Err(Violation::NotShortestVarInt);
            }
            return Ok(Some((value, index + 1)));
        }
    }
    if bytes.len() >= 4 { Err(Violation::MalformedVarInt) } else { Ok(None) }
}

/// Appends `value` in its shortest form. A value above [`VARINT_MAX`] cannot be expressed and is written as the maximum.
#[inline]
pub fn write_varint(value: u32, out: &mut Vec<u8>) {
    let mut rest = value.min(VARINT_MAX);
    while rest >= 0x80 {
        out.push(rest as u8 & 0x7f | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// How many bytes [`write_varint`] appends for `value`: 1 to 4.
#[inline]
pub const fn varint_len(value: u32) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        0x20_0000..=u32::MAX => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of 1.5.5, and the samples beside it.
    const SAMPLES: &[(u32, &[u8])] = &[
        (0, &[0x00]),
        (64, &[0x40]),
        (127, &[0x7f]),
        (128, &[0x80, 0x01]),
        (321, &[0xc1, 0x02]),
        (16_383, &[0xff, 0x7f]),
        (16_384, &[0x80, 0x80, 0x01]),
        (2_097_151, &[0xff, 0xff, 0x7f]),
        (2_097_152, &[0x80, 0x80, 0x80, 0x01]),
        (200_000_000, &[0x80, 0x84, 0xaf, 0x5f]),
        (268_435_455, &[0xff, 0xff, 0xff, 0x7f]),
    ];

    #[test]
    fn samples_both_ways() {
        for &(value, bytes) in SAMPLES {
            let mut out = Vec::new();
            write_varint(value, &mut out);
            assert_eq!(out, bytes);
            assert_eq!(varint_len(value), bytes.len());
            out.push(0xff);
            assert_eq!(read_varint(&out, true), Ok(Some((value, bytes.len()))));
            for cut in 0..bytes.len() {
                assert_eq!(read_varint(&bytes[..cut], true), Ok(None));
            }
        }
    }

    #[test]
    fn a_fourth_byte_decides() {
        assert_eq!(read_varint(&[0xff, 0xff, 0xff, 0xff], false), Err(Violation::MalformedVarInt));
        assert_eq!(read_varint(&[0x80, 0x80, 0x80, 0x80, 0x01], true), Err(Violation::MalformedVarInt));
        assert_eq!(read_varint(&[0xff, 0xff, 0xff], true), Ok(None));
    }

    #[test]
    fn longer_forms_only_where_they_are_not_forbidden() {
        for bytes in [&[0x80, 0x00][..], &[0xff, 0x80, 0x00], &[0x80, 0x80, 0x80, 0x00]] {
            assert_eq!(read_varint(bytes, true), Err(Violation::NotShortestVarInt));
            assert_eq!(read_varint(bytes, false), Ok(Some((u32::from(bytes[0] & 0x7f), bytes.len()))));
        }
    }

    #[test]
    fn above_the_maximum_is_held() {
        let mut out = Vec::new();
        write_varint(u32::MAX, &mut out);
        assert_eq!(out, [0xff, 0xff, 0xff, 0x7f]);
    }
}
