//! What waits to be written to one Network Connection: bytes, and payloads that are shared with other connections.
//!
//! Small packets are copied one behind the other into one buffer, which costs less than an entry of a vectored write. A
//! large payload stays in its message and is only named here. An idle connection owns no buffer.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::message::{MessageId, Messages};

/// Payloads from this size on are shared instead of copied, when several connections are sent them.
const SHARED_BYTES_MIN: usize = 1024;
/// The same for one connection alone: a copy costs less than a record of the message and an entry of a vectored write.
const SHARED_ALONE_BYTES_MIN: usize = 16 * 1024;

/// A buffer of this size grows evenly, by so many bytes, and not to twice its size: what a client that does not read costs is
/// then what waits for it.
const EVEN_BYTES_MIN: usize = 64 * 1024;
const EVEN_BYTES: usize = 40 * 1024;

/// Whether a payload is better shared than copied.
pub(crate) const fn is_shared(payload_bytes: usize, fan_out: bool) -> bool {
    payload_bytes >= if fan_out { SHARED_BYTES_MIN } else { SHARED_ALONE_BYTES_MIN }
}

/// Buffers that were used and wait to be used again.
#[derive(Debug, Default)]
pub(crate) struct BufferPool {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl BufferPool {
    /// The largest buffer kept, and what all that are kept may take: what a storm leaves behind is bounded.
    const BUFFER_BYTES_MAX: usize = 128 * 1024;
    const BYTES_MAX: usize = 16 * 1024 * 1024;

    pub(crate) fn take(&mut self) -> Vec<u8> {
        let buffer = self.buffers.pop().unwrap_or_default();
        self.bytes -= buffer.capacity();
        buffer
    }

    pub(crate) fn put(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if capacity == 0 || capacity > Self::BUFFER_BYTES_MAX || self.bytes + capacity > Self::BYTES_MAX {
            return;
        }
        buffer.clear();
        self.bytes += capacity;
        self.buffers.push(buffer);
    }
}

/// The bytes on their way to one connection.
#[derive(Debug, Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    /// How many of `bytes` were written already.
    written: usize,
    /// Payloads that go out between the bytes, in order.
    shared: VecDeque<Shared>,
    /// How much of the first shared payload was written already.
    shared_written: u32,
    /// How much of what is left was there when it was last drained: a connection that did not take it is written when it does.
    drained: u32,
    /// What all of `shared` still has to write.
    shared_left: usize,
}

const _: () = assert!(size_of::<Output>() <= 80, "every connection has one");

#[derive(Clone, Copy, Debug)]
struct Shared {
    /// The payload goes out before `bytes[at]`.
    at: usize,
    message: MessageId,
    size: usize,
}

const _: () = assert!(size_of::<Shared>() <= 24, "a shared payload in one output");

impl Output {
    /// Bytes that are left to write.
    pub(crate) fn len(&self) -> usize {
        self.copied() + self.shared_left
    }

    /// Those that are its own, and not a shared payload's.
    pub(crate) fn copied(&self) -> usize {
        self.bytes.len() - self.written
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes came since it was last drained.
    #[inline]
    pub(crate) fn fresh(&self) -> usize {
        self.len().saturating_sub(self.drained as usize)
    }

    /// All that is left is named to whoever writes it.
    #[inline]
    pub(crate) fn drain(&mut self) {
        self.drained = self.len() as u32;
    }

    /// The buffer to append packets to.
    #[inline(always)]
    pub(crate) fn buffer(&mut self, pool: &mut BufferPool) -> &mut Vec<u8> {
        let capacity = self.bytes.capacity();
        if capacity == 0 {
            self.bytes = pool.take();
        } else if capacity >= EVEN_BYTES_MIN && capacity - self.bytes.len() < EVEN_BYTES / 2 {
            self.bytes.reserve_exact(EVEN_BYTES);
        }
        &mut self.bytes
    }

    /// Appends a payload by name. The caller has taken a reference to the message for it.
    pub(crate) fn push_shared(&mut self, message: MessageId, size: usize) {
        self.shared.push_back(Shared { at: self.bytes.len(), message, size });
        self.shared_left += size;
    }

    /// The pieces to write, in order.
    pub(crate) fn slices<'a>(&'a self, messages: &'a Messages) -> impl Iterator<Item = &'a [u8]> {
        let mut from = self.written;
        let mut skip = self.shared_written as usize;
        let mut index = 0;
        core::iter::from_fn(move || {
            loop {
                let Some(shared) = self.shared.get(index) else {
                    let rest = &self.bytes[from..];
                    from = self.bytes.len();
                    return (!rest.is_empty()).then_some(rest);
                };
                if shared.at == from {
                    index += 1;
                    let payload = &messages.get(shared.message).payload()[core::mem::take(&mut skip)..];
                    if !payload.is_empty() {
                        return Some(payload);
                    }
                    continue;
                }
                let before = &self.bytes[from..shared.at];
                from = shared.at;
                return Some(before);
            }
        })
    }

    /// The first `count` bytes were written. Messages whose payload is out are handed to `release`.
    pub(crate) fn consume(&mut self, mut count: usize, pool: &mut BufferPool, mut release: impl FnMut(MessageId)) {
        debug_assert!(count <= self.len(), "more was reported written than was there");
        count = count.min(self.len());
        self.drained = self.drained.saturating_sub(count as u32);
        while count > 0 {
            let bytes_end = self.shared.front().map_or(self.bytes.len(), |shared| shared.at);
            let bytes = (bytes_end - self.written).min(count);
            self.written += bytes;
            count -= bytes;
            let Some(shared) = self.shared.front().copied() else { continue };
            let payload = (shared.size - self.shared_written as usize).min(count);
            self.shared_written += payload as u32;
            self.shared_left -= payload;
            count -= payload;
            if self.shared_written as usize == shared.size {
                self.shared.pop_front();
                self.shared_written = 0;
                release(shared.message);
            }
        }
        self.recycle(pool);
    }

    fn recycle(&mut self, pool: &mut BufferPool) {
        if self.is_empty() {
            pool.put(core::mem::take(&mut self.bytes));
            self.written = 0;
            if self.shared.capacity() > 64 {
                self.shared = VecDeque::new();
            }
        } else if self.written >= 4096 && self.written > self.bytes.len() / 2 {
            // The written half is given up, so that a connection that never quite drains does not grow.
            self.bytes.drain(..self.written);
            for shared in &mut self.shared {
                shared.at -= self.written;
            }
            self.written = 0;
        }
    }

    /// Gives everything up.
    pub(crate) fn clear(&mut self, pool: &mut BufferPool, mut release: impl FnMut(MessageId)) {
        for shared in self.shared.drain(..) {
            release(shared.message);
        }
        pool.put(core::mem::take(&mut self.bytes));
        *self = Self::default();
    }
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
