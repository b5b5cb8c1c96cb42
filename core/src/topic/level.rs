//! The text of one topic level, stored so that common levels need no allocation.
//!
//! Most levels are shorter than a device serial number, and a tree of a million filters has millions of levels.

use alloc::boxed::Box;

/// Bytes that fit without an allocation. With the length and the variant they fill three words.
const INLINE_BYTES: usize = 22;

/// One level of a topic filter.
pub(super) enum LevelText {
    /// Short: the bytes are here.
    Inline { len: u8, bytes: [u8; INLINE_BYTES] },
    /// Long: the bytes are elsewhere.
    Heap(Box<str>),
}

impl LevelText {
    pub(super) fn new(level: &str) -> Self {
        if level.len() > INLINE_BYTES {
            return Self::Heap(level.into());
        }
        let mut bytes = [0; INLINE_BYTES];
        bytes[..level.len()].copy_from_slice(level.as_bytes());
        Self::Inline { len: level.len() as u8, bytes }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Self::Heap(text) => text.as_bytes(),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Inline { len, bytes } => {
                core::str::from_utf8(&bytes[..usize::from(*len)]).expect("the bytes were copied from a str")
            }
            Self::Heap(text) => text,
        }
    }

    /// Bytes allocated beside the value itself.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Inline { .. } => 0,
            Self::Heap(text) => text.len(),
        }
    }
}

impl Default for LevelText {
    fn default() -> Self {
        Self::Inline { len: 0, bytes: [0; INLINE_BYTES] }
    }
}

const _: () = assert!(size_of::<LevelText>() <= 24);

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn text_survives_around_the_inline_bound() {
        for len in [0, 1, 21, 22, 23, 65_535] {
            let text = "x".repeat(len);
            let level = LevelText::new(&text);
            assert_eq!(level.as_str(), text);
            assert_eq!(level.as_bytes(), text.as_bytes());
            assert_eq!(level.heap_bytes(), if len > 22 { len } else { 0 });
        }
        assert_eq!(LevelText::new("ééééééééééé").as_str(), "ééééééééééé");
    }
}
