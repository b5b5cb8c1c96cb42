//! How records lie in a file: a header, then blocks, each with a checksum.
//!
//! The header is `WEIRREC\n`, the version of the format (u16), 6 bytes zero, and the wall clock at the beginning in
//! microseconds since 1970 (u64). A block is the shard (u16), its kind (u16), the number of bytes that follow (u32), the
//! CRC-32 of those eight bytes and of the bytes that follow (u32), and the bytes. All numbers have the lowest byte first.
//! The blocks of one shard, put together, are its records back to back; a record may go on in the shard's next block.
//! Blocks stand in an order in which no shard handles what another has not yet sent. The last block is an
//! [end](BlockKind::End), without which the file was cut off.

use alloc::vec::Vec;
use core::fmt;

use super::FORMAT_VERSION;
use crate::id::ShardId;

/// What every recording begins with.
const MAGIC: [u8; 8] = *b"WEIRREC\n";
/// Bytes of the header of a file.
pub const HEADER_BYTES: usize = 24;
/// Bytes of a block in front of its own.
pub const BLOCK_HEAD_BYTES: usize = 12;
/// Most bytes of one block. What is longer takes several.
pub const BLOCK_BYTES_MAX: usize = 1024 * 1024;

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// Records of a shard.
    Records(ShardId),
    /// Nothing follows.
    End(Ending),
}

/// Why a recording ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The broker went down.
    Complete,
    /// The file came to its bound; the broker went on.
    Full,
}

/// One block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Records, for [`BlockKind::Records`].
    pub bytes: Vec<u8>,
}

/// A file that is no recording, or not all of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileError {
    /// It does not begin as a recording does.
    NotARecording,
    /// It has another version of the format.
    Version(u16),
    /// It ends in the middle of a block, or without an [end](BlockKind::End). What is before that was read.
    Truncated {
        /// Where the last whole block ends, in bytes from the beginning of the file.
        offset: u64,
    },
    /// A block is not what was written.
    Corrupt {
        /// Where the block begins, in bytes from the beginning of the file.
        offset: u64,
    },
    /// Something follows the [end](BlockKind::End).
    AfterEnd {
        /// Where, in bytes from the beginning of the file.
        offset: u64,
    },
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotARecording => f.write_str("this is no recording of weirmq"),
            Self::Version(version) => {
                write!(f, "the recording has version {version} of the format, and this program reads {FORMAT_VERSION}")
            }
            Self::Truncated { offset } => {
                write!(f, "the recording is cut off: no whole block and no end follow byte {offset}")
            }
            Self::Corrupt { offset } => {
                write!(f, "the recording is damaged: the block at byte {offset} is not as written")
            }
            Self::AfterEnd { offset } => write!(f, "the recording ends at byte {offset}, and more follows"),
        }
    }
}

impl core::error::Error for FileError {}

/// Appends the header of a file; `started_us` is the wall clock in microseconds since 1970.
pub fn write_header(started_us: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    out.extend_from_slice(&[0; 6]);
    out.extend_from_slice(&started_us.to_le_bytes());
}

/// Appends blocks with these records of a shard.
pub fn write_records(shard: ShardId, records: &[u8], out: &mut Vec<u8>) {
    records.chunks(BLOCK_BYTES_MAX).for_each(|chunk| write_block(shard.0, 0, chunk, out));
}

/// Appends the last block.
pub fn write_end(ending: Ending, out: &mut Vec<u8>) {
    let kind = match ending {
        Ending::Complete => 1,
        Ending::Full => 2,
    };
    write_block(0, kind, &[], out);
}

/// Bytes that [`write_records`] appends for this many bytes of records.
pub const fn records_size(bytes: usize) -> usize {
    bytes + bytes.div_ceil(BLOCK_BYTES_MAX) * BLOCK_HEAD_BYTES
}

fn write_block(shard: u16, kind: u16, bytes: &[u8], out: &mut Vec<u8>) {
    let mut head = [0; BLOCK_HEAD_BYTES];
    head[..2].copy_from_slice(&shard.to_le_bytes());
    head[2..4].copy_from_slice(&kind.to_le_bytes());
    head[4..8].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
    let sum = checksum(&head[..8], bytes);
    head[8..].copy_from_slice(&sum.to_le_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(bytes);
}

fn checksum(head: &[u8], bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(bytes);
    hasher.finalize()
}

/// Reads a file that is handed in piece by piece. It holds one block and one piece at most.
#[derive(Debug, Default)]
pub struct FileReader {
    pending: Vec<u8>,
    /// What of `pending` was read.
    read: usize,
    /// Where `pending` begins in the file.
    offset: u64,
    started_us: Option<u64>,
    ended: Option<Ending>,
}

impl FileReader {
    /// A reader at the beginning of a file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands in the next bytes of the file.
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.drain(..self.read);
        self.offset += self.read as u64;
        self.read = 0;
        self.pending.extend_from_slice(bytes);
    }

    /// The wall clock at the beginning, in microseconds since 1970; `None` before the header was read.
    pub fn started_us(&self) -> Option<u64> {
        self.started_us
    }

    /// The next block; `Ok(None)` when more bytes are needed.
    ///
    /// # Errors
    /// All but [`FileError::Truncated`].
    pub fn next_block(&mut self) -> Result<Option<Block>, FileError> {
        if self.started_us.is_none() && !self.header()? {
            return Ok(None);
        }
        let offset = self.offset + self.read as u64;
        let rest = &self.pending[self.read..];
        if self.ended.is_some() {
            return if rest.is_empty() { Ok(None) } else { Err(FileError::AfterEnd { offset }) };
        }
        let Some((head, rest)) = rest.split_first_chunk::<BLOCK_HEAD_BYTES>() else { return Ok(None) };
        let [s0, s1, k0, k1, l0, l1, l2, l3, c0, c1, c2, c3] = *head;
        let size = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if size > BLOCK_BYTES_MAX {
            return Err(FileError::Corrupt { offset });
        }
        let Some(bytes) = rest.get(..size) else { return Ok(None) };
        let shard = ShardId(u16::from_le_bytes([s0, s1]));
        let kind = match u16::from_le_bytes([k0, k1]) {
            0 => BlockKind::Records(shard),
            1 => BlockKind::End(Ending::Complete),
            2 => BlockKind::End(Ending::Full),
            _ => return Err(FileError::Corrupt { offset }),
        };
        if checksum(&head[..8], bytes) != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Err(FileError::Corrupt { offset });
        }
        if let BlockKind::End(ending) = kind {
            self.ended = Some(ending);
        }
        self.read += BLOCK_HEAD_BYTES + size;
        Ok(Some(Block { kind, bytes: bytes.to_vec() }))
    }

    /// Whether the header is there.
    fn header(&mut self) -> Result<bool, FileError> {
        let known = self.pending.len().min(MAGIC.len());
        if self.pending[..known] != MAGIC[..known] {
            return Err(FileError::NotARecording);
        }
        let Some(header) = self.pending.first_chunk::<HEADER_BYTES>() else { return Ok(false) };
        let version = u16::from_le_bytes([header[8], header[9]]);
        if version != FORMAT_VERSION {
            return Err(FileError::Version(version));
        }
        let [.., a, b, c, d, e, f, g, h] = *header;
        self.started_us = Some(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
        self.read = HEADER_BYTES;
        Ok(true)
    }

    /// The file has no more bytes: how it ended.
    ///
    /// # Errors
    /// [`FileError::Truncated`], or [`FileError::NotARecording`] for a file shorter than a header.
    pub fn finish(&self) -> Result<Ending, FileError> {
        if self.started_us.is_none() {
            return Err(FileError::NotARecording);
        }
        self.ended.ok_or(FileError::Truncated { offset: self.offset + self.read as u64 })
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
