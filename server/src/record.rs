//! `weirmq serve --record FILE`: the records of all shards in one file, which ends where it is told to.
//!
//! A broker does not fail because its recording does: when the file is full or cannot be written, recording stops and the
//! log says so. What the bytes mean is `weirmq_core::record`'s.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::{error, info, warn};
use weirmq_core::ShardId;
use weirmq_core::record::RecordOptions;
use weirmq_core::record::file::{
    BLOCK_HEAD_BYTES, Ending, HEADER_BYTES, records_size, write_end, write_header, write_records,
};

/// Least bytes of a recording: less has no room for what a shard begins with.
pub(crate) const BYTES_MIN: u64 = 64 * 1024;

/// What is recorded, and where to.
#[derive(Clone, Debug)]
pub(crate) struct RecordTo {
    /// The file, which must not exist.
    pub(crate) path: PathBuf,
    pub(crate) options: RecordOptions,
    /// The size at which recording stops.
    pub(crate) bytes_max: u64,
}

/// A file that shards write their records to.
#[derive(Debug)]
pub(crate) struct Recording {
    path: PathBuf,
    bytes_max: u64,
    /// `None` once it has ended.
    open: Mutex<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    file: BufWriter<File>,
    bytes: u64,
    buffer: Vec<u8>,
}

impl Recording {
    /// Creates the file, for its owner alone to read.
    ///
    /// # Errors
    /// Those of the operating system, naming the file; one that exists is not overwritten.
    pub(crate) fn create(path: &Path, bytes_max: u64) -> io::Result<Self> {
        let create = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            let mut header = Vec::new();
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            write_header(u64::try_from(since.as_micros()).unwrap_or(u64::MAX), &mut header);
            file.write_all(&header).map(|()| file)
        };
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("cannot record to {}: {error}", path.display()));
        let open =
            Open { file: BufWriter::new(create().map_err(named)?), bytes: HEADER_BYTES as u64, buffer: Vec::new() };
        info!(event = "recording_started", path = %path.display(), bytes_max);
        Ok(Self { path: path.to_owned(), bytes_max, open: Mutex::new(Some(open)) })
    }

    /// Appends records of a shard, unless they do not fit. Whether more are wanted.
    pub(crate) fn write(&self, shard: ShardId, records: &[u8]) -> bool {
        let mut guard = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = &mut *guard else { return false };
        let size = (records_size(records.len()) + BLOCK_HEAD_BYTES) as u64;
        if open.bytes + size > self.bytes_max {
            warn!(event = "recording_full", path = %self.path.display(), bytes = open.bytes, "recording has stopped");
            self.end(guard.take(), Ending::Full);
            return false;
        }
        open.buffer.clear();
        write_records(shard, records, &mut open.buffer);
        open.bytes += open.buffer.len() as u64;
        if let Err(error) = open.file.write_all(&open.buffer) {
            self.failed(&error);
            *guard = None;
            return false;
        }
        true
    }

    /// Nothing was recorded: the file goes.
    pub(crate) fn discard(&self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        // If it stays, the next start says so.
        drop(fs::remove_file(&self.path));
    }

    /// The broker is down: ends the file, if it has not ended.
    pub(crate) fn finish(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.end(open, Ending::Complete);
    }

    fn end(&self, open: Option<Open>, ending: Ending) {
        let Some(mut open) = open else { return };
        open.buffer.clear();
        write_end(ending, &mut open.buffer);
        let bytes = open.bytes + open.buffer.len() as u64;
        match open.file.write_all(&open.buffer).and_then(|()| open.file.flush()) {
            Ok(()) => info!(event = "recording_ended", path = %self.path.display(), bytes),
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&self, error: &io::Error) {
        let error = &*error.to_string();
        error!(event = "recording_failed", path = %self.path.display(), error, "recording has stopped");
    }
}
