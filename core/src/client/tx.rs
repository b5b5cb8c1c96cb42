//! Bytes on their way to the transport.

use alloc::vec::Vec;

/// Above this many bytes already written the rest is moved to the front.
const COMPACT_BYTES: usize = 64 << 10;

/// Output in the order in which it was made; an idle one keeps its memory for the next packet.
#[derive(Debug, Default)]
pub(super) struct Tx {
    bytes: Vec<u8>,
    written: usize,
}

impl Tx {
    /// What has not been written.
    pub(super) fn pending(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// How many bytes have not been written.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Where to append.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Forgets the first `count` pending bytes, or all that there are.
    pub(super) fn advance(&mut self, count: usize) {
        self.written += count.min(self.len());
        if self.written == self.bytes.len() {
            self.clear();
        } else if self.written > COMPACT_BYTES && self.written > self.len() {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.written = 0;
    }
}
