//! A recording in memory, and its replay: every run that is recorded is one that can be had again.

use std::sync::{Arc, Mutex, PoisonError};

use weirmq_core::record::file::{BlockKind, Ending, FileReader, write_end, write_header, write_records};
use weirmq_core::record::{RecordSink, Replay};
use weirmq_core::{Event, ShardId};

/// The file of a recording, written by all shards.
#[derive(Clone, Debug)]
pub struct Recording(Arc<Mutex<Vec<u8>>>);

impl Default for Recording {
    fn default() -> Self {
        let mut file = Vec::new();
        write_header(1_700_000_000_000_000, &mut file);
        Self(Arc::new(Mutex::new(file)))
    }
}

impl Recording {
    /// A recording without a record.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a broker writes its records to.
    pub fn sink(&self) -> RecordSink {
        let recording = self.clone();
        Box::new(move |shard, records| {
            recording.add(shard, records);
            true
        })
    }

    /// Appends records of a shard.
    pub fn add(&self, shard: ShardId, records: &[u8]) {
        write_records(shard, records, &mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The file, with its end.
    pub fn file(&self) -> Vec<u8> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        write_end(Ending::Complete, &mut file);
        file
    }

    /// The records of one shard so far, each behind the µs since the last one;
    /// [`Input::decode`](weirmq_core::record::Input::decode) reads it.
    ///
    /// # Panics
    /// When the file is not what its format says.
    pub fn inputs(&self, shard: ShardId) -> Vec<(u64, Vec<u8>)> {
        let mut reader = FileReader::new();
        reader.push(&self.file());
        let mut bytes = Vec::new();
        while let Some(block) = reader.next_block().expect("a sound file") {
            if block.kind == BlockKind::Records(shard) {
                bytes.extend(block.bytes);
            }
        }
        let mut rest = bytes.as_slice();
        let mut inputs = Vec::new();
        while !rest.is_empty() {
            let length = number(&mut rest) as usize;
            let Some((mut record, after)) = rest.split_at_checked(length) else { break };
            let since = number(&mut record);
            inputs.push((since, record.to_vec()));
            rest = after;
        }
        inputs
    }

    /// Replays it and answers with its events.
    ///
    /// # Panics
    /// When a replayed shard does anything else than the recorded one did, or the recording has no end.
    pub fn verify(&self, shards: u16) -> Vec<(ShardId, Event)> {
        let mut events = Vec::new();
        let replay = replay(&self.file(), &mut events).expect("the replay does what was recorded");
        assert_eq!(replay.shards().count(), usize::from(shards), "every shard is recorded");
        for (id, shard) in replay.shards() {
            assert!(shard.ended(), "{id:?} has no end");
            assert!(shard.compared() > 0);
        }
        events
    }
}

/// Takes a number from the front: seven bits in a byte, the lowest first.
fn number(bytes: &mut &[u8]) -> u64 {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0).expect("a number has an end") + 1;
    let (number, rest) = bytes.split_at(length);
    *bytes = rest;
    number.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7F))
}

/// Reads and replays a file in pieces.
///
/// # Errors
/// What is wrong with the file, or where the replay does otherwise.
pub fn replay(file: &[u8], events: &mut Vec<(ShardId, Event)>) -> Result<Replay, String> {
    let mut reader = FileReader::new();
    let mut replay = Replay::new();
    for piece in file.chunks(4_099) {
        reader.push(piece);
        while let Some(block) = reader.next_block().map_err(|error| error.to_string())? {
            if let BlockKind::Records(shard) = block.kind {
                let mut each = |shard, _, event: &Event| events.push((shard, event.clone()));
                replay.feed(shard, &block.bytes, &mut each).map_err(|error| error.to_string())?;
            }
        }
    }
    reader.finish().map_err(|error| error.to_string())?;
    replay.finish().map_err(|error| error.to_string())?;
    Ok(replay)
}
