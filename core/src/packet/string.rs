//! UTF-8 Encoded Strings and Binary Data (MQTT 5.0, 1.5.4 and 1.5.6): two bytes of length, then at most 65,535 bytes.
//!
//! Control characters and Unicode non-characters, which "should not" occur, are accepted everywhere. Nothing is
//! normalised, and U+FEFF is a character like any other (MQTT-1.5.4-3).

use alloc::vec::Vec;

use super::Violation;

/// The most bytes that a string or binary field holds.
pub const FIELD_SIZE_MAX: usize = u16::MAX as usize;

/// The string that `bytes` are.
///
/// # Errors
///
/// [`Violation::NotUtf8`] (MQTT-1.5.4-1), [`Violation::NulInString`] (MQTT-1.5.4-2).
#[inline]
pub fn check_string(bytes: &[u8]) -> Result<&str, Violation> {
    if memchr::memchr(0, bytes).is_some() {
        return Err(Violation::NulInString);
    }
    core::str::from_utf8(bytes).map_err(|_| Violation::NotUtf8)
}

/// The Topic Name that `bytes` are, which may still be empty.
///
/// # Errors
///
/// Those of [`check_string`], and [`Violation::WildcardInTopicName`] (MQTT-3.3.2-2).
#[inline]
pub fn check_topic_name(bytes: &[u8]) -> Result<&str, Violation> {
    let name = core::str::from_utf8(bytes).map_err(|_| Violation::NotUtf8)?;
    if bytes.len() <= SHORT_NAME_BYTES && !bytes.iter().fold(false, |found, byte| found | is_special(*byte)) {
        return Ok(name);
    }
    match memchr::memchr3(0, b'+', b'#', bytes) {
        None => Ok(name),
        Some(_) if memchr::memchr(0, bytes).is_some() => Err(Violation::NulInString),
        Some(_) => Err(Violation::WildcardInTopicName),
    }
}

/// Up to here a plain loop without a branch costs less than the set-up of a search.
const SHORT_NAME_BYTES: usize = 64;

/// Whether a byte has no place in a Topic Name.
#[inline]
const fn is_special(byte: u8) -> bool {
    byte == 0 || byte == b'+' || byte == b'#'
}

/// Appends a string with its length. One of more than 65,535 bytes cannot be expressed: it is cut at the last character
/// that fits, so that what follows stays readable.
#[inline]
pub fn write_string(value: &str, out: &mut Vec<u8>) {
    write_binary(fitting(value).as_bytes(), out);
}

/// Appends bytes with their length; those beyond 65,535 are left out.
#[inline]
pub fn write_binary(value: &[u8], out: &mut Vec<u8>) {
    let length = value.len().min(FIELD_SIZE_MAX);
    out.extend_from_slice(&(length as u16).to_be_bytes());
    out.extend_from_slice(&value[..length]);
}

/// How many bytes [`write_string`] appends.
#[inline]
pub fn string_len(value: &str) -> usize {
    2 + fitting(value).len()
}

/// How many bytes [`write_binary`] appends.
#[inline]
pub const fn binary_len(value: &[u8]) -> usize {
    if value.len() <= FIELD_SIZE_MAX { 2 + value.len() } else { 2 + FIELD_SIZE_MAX }
}

/// As much of a string as a field holds.
#[inline]
fn fitting(value: &str) -> &str {
    let mut size = value.len().min(FIELD_SIZE_MAX);
    while !value.is_char_boundary(size) {
        size -= 1;
    }
    &value[..size]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ill_formed_utf8_is_refused() {
        for bytes in [
            &[0xc0, 0x80][..],
            &[0xc1, 0xbf],
            &[0xe0, 0x80, 0x80],
            &[0xed, 0xa0, 0x80],
            &[0xed, 0xbf, 0xbf],
            &[0xf0, 0x80, 0x80, 0x80],
            &[0xf4, 0x90, 0x80, 0x80],
            &[0xf5, 0x80, 0x80, 0x80],
            &[0xff],
            &[0x80],
            &[0xe2, 0x82],
        ] {
            assert_eq!(check_string(bytes), Err(Violation::NotUtf8), "{bytes:x?}");
            assert_eq!(check_topic_name(bytes), Err(Violation::NotUtf8), "{bytes:x?}");
        }
        assert_eq!(check_string(&[0]), Err(Violation::NulInString));
        assert_eq!(check_topic_name(b"a+\0"), Err(Violation::NulInString));
    }

    #[test]
    fn odd_but_well_formed_characters_are_kept() {
        for text in ["\u{feff}", "\u{2a6d4}", "\u{d7ff}", "\u{e000}", "\u{10ffff}", "\u{1}", "\u{feff}a"] {
            assert_eq!(check_string(text.as_bytes()), Ok(text));
            assert_eq!(check_topic_name(text.as_bytes()), Ok(text));
        }
    }

    #[test]
    fn wildcards_have_no_place_in_a_name() {
        assert_eq!(check_topic_name(b"a/+"), Err(Violation::WildcardInTopicName));
        assert_eq!(check_topic_name(b"#"), Err(Violation::WildcardInTopicName));
        assert_eq!(check_string(b"a/+/#"), Ok("a/+/#"));
    }

    #[test]
    fn too_long_a_value_is_cut_at_a_character() {
        let long = "\u{20ac}".repeat(21_846);
        let mut out = Vec::new();
        write_string(&long, &mut out);
        assert_eq!(out.len(), string_len(&long));
        assert_eq!(out.len(), 2 + 65_535);
        let long = alloc::format!("a{long}");
        out.clear();
        write_string(&long, &mut out);
        assert_eq!(out.len(), 2 + 65_533);
        assert!(check_string(&out[2..]).is_ok());
        out.clear();
        write_binary(&[7; 70_000], &mut out);
        assert_eq!(out.len(), binary_len(&[7; 70_000]));
        assert_eq!(&out[..2], [0xff, 0xff]);
    }
}
