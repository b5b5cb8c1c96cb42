//! The bytes of a message, and who holds them.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Deref;

/// Who holds the bytes of a new message.
#[derive(Clone, Debug, Default)]
pub(crate) enum Owner {
    /// This shard alone.
    #[default]
    Own,
    /// This shard, and all others will.
    Everyone,
}

/// The bytes of a message that several shards hold, and what is where among them.
#[derive(Clone, Debug)]
pub(crate) struct SharedBody {
    pub(super) bytes: Arc<[u8]>,
    pub(super) topic_len: u16,
    pub(super) gap: u8,
    pub(super) properties_len: u32,
}

impl SharedBody {
    fn properties_at(&self) -> usize {
        usize::from(self.topic_len) + usize::from(self.gap)
    }

    pub(crate) fn properties(&self) -> &[u8] {
        let start = self.properties_at();
        &self.bytes[start..start + self.properties_len as usize]
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.bytes[self.properties_at() + self.properties_len as usize..]
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// The bytes of a message.
#[derive(Debug)]
pub(super) enum Body {
    /// In a buffer that is used again.
    Own(Vec<u8>),
    Shared(Arc<[u8]>),
}

impl Default for Body {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl Deref for Body {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}
