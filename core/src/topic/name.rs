//! Topic names: what a PUBLISH or a will may be addressed to (MQTT 5.0, 4.7).
//!
//! These are rules on strings that are already known to be well-formed UTF-8 of at most 65,535 bytes; the packet parser
//! has seen to that.

/// The longest topic name or filter, in bytes: what a two byte length can say (MQTT-4.7.3-3).
pub const BYTES_MAX: usize = 65_535;

/// Whether a client may publish to `topic`: 1..=65,535 bytes (MQTT-4.7.3-1, MQTT-4.7.3-3), without `+` and `#`
/// (MQTT-4.7.0-1) and U+0000 (MQTT-4.7.3-2), and of at most `levels_max` levels, which is this broker's own bound.
pub fn is_valid_name(topic: &str, levels_max: u16) -> bool {
    let bytes = topic.as_bytes();
    !bytes.is_empty()
        && bytes.len() <= BYTES_MAX
        && memchr::memchr3(b'+', b'#', 0, bytes).is_none()
        && level_count(topic) <= u32::from(levels_max)
}

/// The levels of a topic name or filter, which `/` separates. They may be empty: `/` has two.
pub fn levels(topic: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(topic);
    core::iter::from_fn(move || {
        let text = rest?;
        // Levels are short: a search that is made for long texts would cost more to begin than to do.
        let Some(end) = text.bytes().position(|byte| byte == b'/') else { return rest.take() };
        rest = Some(&text[end + 1..]);
        Some(&text[..end])
    })
}

/// How many levels a topic name or filter has: one more than it has separators.
pub fn level_count(topic: &str) -> u32 {
    memchr::memchr_iter(b'/', topic.as_bytes()).count() as u32 + 1
}

/// Whether `topic` begins with `$`: such names are hidden from filters that begin with a wildcard (MQTT-4.7.2-1).
pub fn is_dollar(topic: &str) -> bool {
    topic.as_bytes().first() == Some(&b'$')
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn valid_names() {
        for topic in ["a", "/", "//", "/finance", "a b/c", "$SYS/x", "ACCOUNTS", "é/\u{FEFF}", "a/"] {
            assert!(is_valid_name(topic, 8), "{topic}");
        }
        assert!(is_valid_name(&"x".repeat(65_535), 1));
        assert!(is_valid_name(&"/".repeat(65_534), 65_535));
    }

    #[test]
    fn invalid_names() {
        for topic in ["", "+", "#", "a/+", "a/#", "sport+", "a\0b", "\0"] {
            assert!(!is_valid_name(topic, 8), "{topic}");
        }
        assert!(!is_valid_name(&"x".repeat(65_536), 1));
    }

    #[test]
    fn levels_are_bounded() {
        assert!(is_valid_name("a/b/c", 3));
        assert!(!is_valid_name("a/b/c/", 3));
        assert_eq!(level_count("/"), 2);
        assert!(levels("/a//").eq(["", "a", "", ""]));
    }

    #[test]
    fn dollar_counts_at_the_start_only() {
        assert!(is_dollar("$SYS") && is_dollar("$"));
        assert!(!is_dollar("a/$SYS") && !is_dollar(""));
    }
}
