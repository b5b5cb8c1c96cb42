//! Runs a recording through brokers of its own, and finds the place where they do otherwise.
//!
//! Shards are given their records as these stand in the file; what one shard sends another is taken from the replay, not
//! from the recording. A replay ends with its first fault: from there on it would only tell of the consequences.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::codec::{Malformed, read_number};
use super::input::{Begin, Input};
use crate::broker::Broker;
use crate::broker::handoff::Moved;
use crate::broker::inspect::SessionView;
use crate::event::Event;
use crate::id::ShardId;
use crate::outbox::Outbox;
use crate::peer::PeerBatch;
use crate::time::Instant;

/// Why a replay cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A record is not what the format says.
    Malformed(Malformed),
    /// The configuration of the recording cannot be used, and why.
    Config(String),
    /// A shard's first record does not say what it was made with, or a later one does.
    Begin,
    /// A batch is handled that the other shard has not sent, or another than it sent.
    Peer {
        /// The other shard.
        from: ShardId,
    },
    /// A connection is taken over that the other shard has not handed over.
    Handoff {
        /// The other shard.
        from: ShardId,
    },
    /// More bytes were written than the replay has put out.
    Sent,
    /// The outputs differ, here for the first time.
    Output {
        /// The hash of all outputs of the shard in the recording.
        recorded: u64,
        /// The hash in the replay.
        replayed: u64,
    },
    /// The shard's records end in the middle of one.
    CutOff,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::Config(error) => write!(f, "the recorded configuration cannot be used: {error}"),
            Self::Begin => f.write_str("the first record of a shard, and no other, says what it was made with"),
            Self::Peer { from } => write!(f, "a batch is handled that shard {} has not sent", from.0),
            Self::Handoff { from } => write!(f, "a connection is taken over that shard {} has not handed over", from.0),
            Self::Sent => f.write_str("more bytes were written than the replay has put out"),
            Self::Output { recorded, replayed } => {
                write!(f, "the outputs differ: recorded {recorded:016x}, replayed {replayed:016x}")
            }
            Self::CutOff => f.write_str("the last record is cut off"),
        }
    }
}

/// A fault and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayError {
    /// The shard.
    pub shard: ShardId,
    /// Its record, counted from 1.
    pub record: u64,
    /// The time of the record, since the recording began.
    pub at: Duration,
    /// What is wrong.
    pub fault: Fault,
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shard, record, at, fault } = self;
        write!(f, "shard {}, record {record}, at {:.6} s: {fault}", shard.0, at.as_secs_f64())
    }
}

impl core::error::Error for ReplayError {}

/// One shard of a replay.
pub struct ReplayedShard {
    begin: Begin,
    broker: Broker,
    now: Instant,
    origin: Instant,
    /// Compared hashes.
    compared: u64,
    ended: bool,
}

impl ReplayedShard {
    /// What it was made with.
    pub fn begin(&self) -> &Begin {
        &self.begin
    }

    /// The broker as it is now.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// The time of its last record, since the recording began.
    pub fn elapsed(&self) -> Duration {
        self.now.saturating_since(self.origin)
    }

    /// The hash of all its outputs so far.
    pub fn output_hash(&self) -> u64 {
        self.broker.output_hash().unwrap_or(0)
    }

    /// How often the hash was compared with the recording.
    pub fn compared(&self) -> u64 {
        self.compared
    }

    /// Whether its broker went down in order.
    pub fn ended(&self) -> bool {
        self.ended
    }
}

/// The records of one shard on their way in.
#[derive(Default)]
struct Stream {
    pending: Vec<u8>,
    records: u64,
    now: Instant,
    stopped: bool,
    shard: Option<ReplayedShard>,
}

/// What is under way between shards, and the outbox that all use.
#[derive(Default)]
struct Between {
    batches: BTreeMap<(ShardId, ShardId), VecDeque<PeerBatch>>,
    moved: BTreeMap<(ShardId, u64), Box<Moved>>,
    outbox: Outbox,
    /// When the first shard began, and when to stop.
    origin: Option<Instant>,
    until: Option<Duration>,
}

impl Between {
    fn since_origin(&self, now: Instant) -> Duration {
        now.saturating_since(self.origin.unwrap_or(now))
    }
}

/// A recording on its way through the core.
#[derive(Default)]
pub struct Replay {
    streams: BTreeMap<ShardId, Stream>,
    between: Between,
}

impl Replay {
    /// A replay of everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// A replay of the inputs up to this time since the recording began; what comes later is skipped.
    #[must_use]
    pub fn until(mut self, until: Duration) -> Self {
        self.between.until = Some(until);
        self
    }

    /// Runs the next records of a shard, as they stand in a block of a [file](super::file). Events are told as they happen,
    /// with the time, since the recording began, of the drain that brought them.
    ///
    /// # Errors
    /// The first fault. The replay stands where it was found and is of no further use but to look at.
    pub fn feed(
        &mut self,
        shard: ShardId,
        records: &[u8],
        each: &mut dyn FnMut(ShardId, Duration, &Event),
    ) -> Result<(), ReplayError> {
        let stream = self.streams.entry(shard).or_default();
        let mut pending = core::mem::take(&mut stream.pending);
        pending.extend_from_slice(records);
        let mut rest = pending.as_slice();
        while !stream.stopped {
            let done = match split_record(&mut rest) {
                Ok(None) => break,
                Ok(Some(record)) => stream.record(shard, record, &mut self.between, each),
                Err(malformed) => Err(Fault::Malformed(malformed)),
            };
            if let Err(fault) = done {
                let at = self.between.since_origin(stream.now);
                return Err(ReplayError { shard, record: stream.records, at, fault });
            }
        }
        if !stream.stopped {
            let used = pending.len() - rest.len();
            pending.drain(..used);
            stream.pending = pending;
        }
        Ok(())
    }

    /// No more records come.
    ///
    /// # Errors
    /// [`Fault::CutOff`] when a shard's last record is not all there.
    pub fn finish(&self) -> Result<(), ReplayError> {
        match self.streams.iter().find(|(_, stream)| !stream.pending.is_empty()) {
            Some((&shard, stream)) => {
                let (record, at) = (stream.records + 1, self.between.since_origin(stream.now));
                Err(ReplayError { shard, record, at, fault: Fault::CutOff })
            }
            None => Ok(()),
        }
    }

    /// The shards, by their numbers.
    pub fn shards(&self) -> impl Iterator<Item = (ShardId, &ReplayedShard)> {
        self.streams.iter().filter_map(|(&id, stream)| Some((id, stream.shard.as_ref()?)))
    }

    /// The session of a client as it is now, and the shard that has it.
    pub fn inspect(&self, client_id: &str) -> Option<(ShardId, SessionView)> {
        self.shards().find_map(|(id, shard)| Some((id, shard.broker.inspect(client_id)?)))
    }
}

/// The first record of several, if it is all there.
fn split_record<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Malformed> {
    let Some((size, head)) = read_number(rest)? else { return Ok(None) };
    let size = usize::try_from(size).map_err(|_| Malformed("a length that memory can have"))?;
    let Some((record, after)) = rest[head..].split_at_checked(size) else { return Ok(None) };
    *rest = after;
    Ok(Some(record))
}

impl Stream {
    fn record(
        &mut self,
        id: ShardId,
        record: &[u8],
        between: &mut Between,
        each: &mut dyn FnMut(ShardId, Duration, &Event),
    ) -> Result<(), Fault> {
        self.records += 1;
        let (since, size) =
            read_number(record).map_err(Fault::Malformed)?.ok_or(Fault::Malformed(Malformed("a time")))?;
        let now = Instant::from_micros(self.now.as_micros().saturating_add(since));
        if self.shard.is_some() && between.until.is_some_and(|until| until < between.since_origin(now)) {
            self.stopped = true;
            return Ok(());
        }
        self.now = now;
        match (Input::decode(&record[size..]).map_err(Fault::Malformed)?, &mut self.shard) {
            (Input::Begin(begin), None) if begin.shard == id => {
                let origin = *between.origin.get_or_insert(now);
                self.shard = Some(ReplayedShard::new(*begin, now, origin)?);
            }
            (Input::Begin(_), _) | (_, None) => return Err(Fault::Begin),
            (input, Some(shard)) => {
                shard.now = now;
                match shard.apply(id, input, between, each) {
                    // The other shard was ahead of this one and has stopped before it sent.
                    Err(Fault::Peer { .. } | Fault::Handoff { .. }) if between.until.is_some() => self.stopped = true,
                    done => done?,
                }
            }
        }
        Ok(())
    }
}

impl ReplayedShard {
    fn new(begin: Begin, now: Instant, origin: Instant) -> Result<Self, Fault> {
        if let Some(error) = begin.config.validate().first() {
            return Err(Fault::Config(alloc::format!("{error}")));
        }
        if begin.shard.0 >= begin.config.shards {
            return Err(Fault::Begin);
        }
        let broker = Broker::new(begin.config.clone(), begin.shard, begin.seed, now).recording(Some(begin.options));
        Ok(Self { begin, broker, now, origin, compared: 0, ended: false })
    }

    fn apply(
        &mut self,
        id: ShardId,
        input: Input<'_>,
        between: &mut Between,
        each: &mut dyn FnMut(ShardId, Duration, &Event),
    ) -> Result<(), Fault> {
        let (now, broker) = (self.now, &mut self.broker);
        match input {
            Input::Begin(_) => return Err(Fault::Begin),
            Input::Accept { listener, peer } => {
                let _name = broker.handle_accept(now, listener, peer);
            }
            Input::Handoff { from, number } => {
                let moved = between.moved.remove(&(from, number)).ok_or(Fault::Handoff { from })?;
                let _name = broker.handle_handoff(now, moved);
            }
            Input::Receive { conn, bytes } => broker.handle_receive(now, conn, bytes),
            Input::Sent { conn, count } => {
                let waits: usize = broker.tx_slices(conn).map(<[u8]>::len).sum();
                let count = usize::try_from(count).ok().filter(|&count| count <= waits).ok_or(Fault::Sent)?;
                broker.handle_sent(now, conn, count);
            }
            Input::HalfClosed { conn } => {
                broker.handle_half_closed(now, conn);
            }
            Input::Closed { conn, cause } => broker.handle_closed(now, conn, cause),
            Input::Peer { from, number, handled } => {
                let mut batch = between.batches.get_mut(&(from, id)).and_then(VecDeque::pop_front);
                let batch = batch.as_mut().ok_or(Fault::Peer { from })?;
                if (batch.number, batch.handled) != (number, handled) {
                    return Err(Fault::Peer { from });
                }
                broker.handle_peer(now, from, batch);
            }
            Input::Stored { upto } => broker.handle_stored(now, upto),
            Input::StoreFailed => broker.handle_store_failed(now),
            Input::Auth { request, outcome } => broker.handle_auth(now, request, outcome),
            Input::Timeout => broker.handle_timeout(now),
            Input::Run { budget } => {
                let _progress = broker.run(now, budget);
            }
            Input::Disconnect { conn } => broker.disconnect(now, conn),
            Input::Shutdown => broker.shutdown(now),
            Input::Drain { hash } => {
                broker.drain(&mut between.outbox);
                between.carry(id, now, each);
                self.compare(hash)?;
            }
            Input::End { hash } => {
                self.compare(hash)?;
                self.ended = true;
            }
        }
        // The replay's own record is not wanted, only its hash.
        self.broker.drain_record(|_| true);
        Ok(())
    }

    fn compare(&mut self, recorded: u64) -> Result<(), Fault> {
        let replayed = self.output_hash();
        if recorded != replayed {
            return Err(Fault::Output { recorded, replayed });
        }
        self.compared += 1;
        Ok(())
    }
}

impl Between {
    /// Takes what was drained: for other shards, and for whoever watches.
    fn carry(&mut self, from: ShardId, now: Instant, each: &mut dyn FnMut(ShardId, Duration, &Event)) {
        for (to, batch) in self.outbox.peers.drain(..) {
            self.batches.entry((from, to)).or_default().push_back(batch);
        }
        for handoff in self.outbox.handoff.drain(..) {
            self.moved.insert((from, handoff.moved.number), handoff.moved);
        }
        let at = self.since_origin(now);
        self.outbox.events.iter().for_each(|event| each(from, at, event));
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
