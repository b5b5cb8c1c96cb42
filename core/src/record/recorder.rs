//! What a broker that records keeps: records that nobody has taken yet, and the hash of its outputs.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::RecordOptions;
use super::codec::put_number;
use super::hash::OutputHash;
use super::input::{Begin, Input, encode_receive};
use super::redact::Redactor;
use crate::access::AuthOutcome;
use crate::config::Config;
use crate::id::{ConnId, ShardId};
use crate::outbox::Outbox;
use crate::time::Instant;

/// Records that are worth handing out although they led to no effect.
const HANDED_OUT_BYTES: usize = 64 * 1024;
/// Records from which on a runtime should drain before it reads on.
const PRESSING_BYTES: usize = 1024 * 1024;

/// Notes the inputs of one broker.
pub(crate) struct Recorder {
    options: RecordOptions,
    /// The time of the last record.
    last: Instant,
    records: Vec<u8>,
    scratch: Vec<u8>,
    hash: OutputHash,
    /// Both directions of each connection, by its index.
    lanes: Vec<Lane>,
    /// Whether a drain was recorded since records were taken.
    due: bool,
}

struct Lane {
    generation: u32,
    incoming: Redactor,
    outgoing: Redactor,
}

impl Lane {
    fn new(options: RecordOptions, generation: u32) -> Self {
        let redactor = |incoming| Redactor::new(options.redact_payloads, incoming);
        Self { generation, incoming: redactor(true), outgoing: redactor(false) }
    }
}

fn lane(lanes: &mut Vec<Lane>, options: RecordOptions, conn: ConnId) -> &mut Lane {
    while lanes.len() <= conn.index() {
        lanes.push(Lane::new(options, 0));
    }
    let lane = &mut lanes[conn.index()];
    if lane.generation != conn.generation() {
        *lane = Lane::new(options, conn.generation());
    }
    lane
}

/// Keeps how long it was, and nothing else.
fn redacted(data: &Option<Vec<u8>>) -> Option<Vec<u8>> {
    data.as_ref().map(|data| alloc::vec![b'*'; data.len()])
}

impl Recorder {
    pub(crate) fn new(
        options: RecordOptions,
        config: &Config,
        shard: ShardId,
        seed: [u8; 32],
        now: Instant,
    ) -> Box<Self> {
        let mut recorder = Box::new(Self {
            options,
            last: Instant::ZERO,
            records: Vec::new(),
            scratch: Vec::new(),
            hash: OutputHash::new(!options.redact_payloads),
            lanes: Vec::new(),
            due: false,
        });
        let software = String::from(env!("CARGO_PKG_VERSION"));
        let begin = Begin { software, options, config: config.clone(), shard, seed };
        recorder.input(now, &Input::Begin(Box::new(begin)));
        recorder
    }

    /// Notes an input that has no secrets.
    #[cold]
    pub(crate) fn input(&mut self, now: Instant, input: &Input<'_>) {
        self.begin_record(now);
        input.encode(&mut self.scratch);
        put_number(self.scratch.len() as u64, &mut self.records);
        self.records.extend_from_slice(&self.scratch);
    }

    /// Time and length come first. Time does not go backwards.
    fn begin_record(&mut self, now: Instant) {
        self.scratch.clear();
        put_number(now.as_micros().saturating_sub(self.last.as_micros()), &mut self.scratch);
        self.last = self.last.max(now);
    }

    #[cold]
    pub(crate) fn receive(&mut self, now: Instant, conn: ConnId, bytes: &[u8]) {
        self.begin_record(now);
        encode_receive(conn, &mut self.scratch);
        put_number((self.scratch.len() + bytes.len()) as u64, &mut self.records);
        self.records.extend_from_slice(&self.scratch);
        let lane = lane(&mut self.lanes, self.options, conn);
        lane.incoming.feed(bytes, |kept| self.records.extend_from_slice(kept));
    }

    /// A connection was handed over with bytes that it had received; the other shard has recorded them.
    pub(crate) fn adopt(&mut self, conn: ConnId, received: &[u8]) {
        lane(&mut self.lanes, self.options, conn).incoming.feed(received, |_| {});
    }

    #[cold]
    pub(crate) fn auth(&mut self, now: Instant, request: crate::AuthId, outcome: &AuthOutcome) {
        let outcome = match outcome {
            AuthOutcome::Accept { data } => AuthOutcome::Accept { data: redacted(data) },
            AuthOutcome::Continue { data } => AuthOutcome::Continue { data: redacted(data) },
            AuthOutcome::Refuse(code) => AuthOutcome::Refuse(*code),
        };
        self.input(now, &Input::Auth { request, outcome });
    }

    /// Notes that bytes were written, and what they were in the hash.
    #[cold]
    pub(crate) fn sent<'a>(
        &mut self,
        now: Instant,
        conn: ConnId,
        count: usize,
        slices: impl Iterator<Item = &'a [u8]>,
    ) {
        self.input(now, &Input::Sent { conn, count: count as u64 });
        let Lane { incoming, outgoing, .. } = lane(&mut self.lanes, self.options, conn);
        outgoing.set_version(incoming.version());
        self.hash.sent(conn);
        let mut left = count;
        for slice in slices {
            let written = &slice[..slice.len().min(left)];
            outgoing.feed(written, |kept| self.hash.bytes(kept));
            left -= written.len();
        }
    }

    #[cold]
    pub(crate) fn drain(&mut self, now: Instant, outbox: &Outbox) {
        self.hash.outbox(outbox);
        self.due = true;
        self.input(now, &Input::Drain { hash: self.hash.value() });
    }

    pub(crate) fn end(&mut self, now: Instant) {
        self.input(now, &Input::End { hash: self.hash.value() });
    }

    /// The hash of all outputs so far.
    pub(crate) const fn hash(&self) -> u64 {
        self.hash.value()
    }

    /// Whether records should be taken.
    pub(crate) fn is_due(&self) -> bool {
        self.due || self.records.len() >= HANDED_OUT_BYTES
    }

    /// Whether they should be taken before anything else happens.
    pub(crate) fn is_pressing(&self) -> bool {
        self.records.len() >= PRESSING_BYTES
    }

    /// Hands the records out and keeps their memory, unless it is much.
    pub(crate) fn take(&mut self, sink: impl FnOnce(&[u8]) -> bool) -> bool {
        self.due = false;
        let goes_on = self.records.is_empty() || sink(&self.records);
        if self.records.capacity() > 2 * PRESSING_BYTES {
            self.records = Vec::new();
        }
        self.records.clear();
        goes_on
    }
}
