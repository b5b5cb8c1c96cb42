//! One shard of a broker: a single-threaded machine.

pub(crate) mod handoff;

use crate::access::AuthOutcome;
use crate::config::Config;
use crate::id::{AuthId, ConnId, ListenerId, LogPosition, PeerAddr, ShardId};
use crate::outbox::Outbox;
use crate::peer::PeerBatch;
use crate::stats::Stats;
use crate::time::Instant;
use alloc::boxed::Box;
use handoff::Moved;

/// Why a transport connection is gone, as the runtime saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCause {
    /// The peer closed its side: end of file.
    PeerClosed,
    /// A read or write failed.
    Error,
    /// The runtime carried out a [`Close`](crate::Close).
    Done,
}

/// How much deferred work one [`Broker::run`] may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Connections whose waiting input is served, each by at most one turn's share.
    pub connections: usize,
    /// Retained messages that are looked at for new subscriptions.
    pub retained: usize,
}

/// Whether deferred work is left after [`Broker::run`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing waits.
    Idle,
    /// More work waits: come back without sleeping.
    More,
}

/// Why [`Broker::poll_timeout`] names its instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeReason {
    /// Effects wait to be drained.
    Outbox,
    /// Deferred work waits for [`Broker::run`].
    Work,
    /// A timer is due: [`Broker::handle_timeout`].
    Timer,
}

/// One shard of an MQTT broker.
#[derive(Debug)]
pub struct Broker {
    config: Config,
    stats: Stats,
}

#[allow(unused_variables)]
impl Broker {
    /// A broker with nothing in it. `seed` decides everything that would be random.
    ///
    /// # Panics
    /// When [`Config::validate`] finds something, or `shard` is not below `config.shards`.
    pub fn new(config: Config, shard: ShardId, seed: [u8; 32], now: Instant) -> Self {
        Self { config, stats: Stats::default() }
    }
    /// What it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }
    /// Its counters.
    pub fn stats(&self) -> Stats {
        self.stats
    }
    /// A transport connection was accepted. `None`: a limit is reached, close it.
    pub fn handle_accept(&mut self, now: Instant, listener: ListenerId, peer: PeerAddr) -> Option<ConnId> {
        None
    }
    /// A connection that another shard handed over. `None`: a limit is reached, close it.
    pub fn handle_handoff(&mut self, now: Instant, moved: Box<Moved>) -> Option<ConnId> {
        None
    }
    /// Bytes arrived.
    pub fn handle_receive(&mut self, now: Instant, conn: ConnId, bytes: &[u8]) {}
    /// The first `count` bytes of [`tx_slices`](Self::tx_slices) were written.
    pub fn handle_sent(&mut self, now: Instant, conn: ConnId, count: usize) {}
    /// A transport connection is gone. The runtime says so once for each `ConnId`, whoever closed first.
    pub fn handle_closed(&mut self, now: Instant, conn: ConnId, cause: CloseCause) {}
    /// A batch from another shard; it is emptied.
    pub fn handle_peer(&mut self, now: Instant, from: ShardId, batch: &mut PeerBatch) {}
    /// The store has everything up to this position.
    pub fn handle_stored(&mut self, now: Instant, upto: LogPosition) {}
    /// The store cannot store any more.
    pub fn handle_store_failed(&mut self, now: Instant) {}
    /// The deployment's authentication answered.
    pub fn handle_auth(&mut self, now: Instant, request: AuthId, outcome: AuthOutcome) {}
    /// Time passed: fires what is due.
    pub fn handle_timeout(&mut self, now: Instant) {}
    /// Goes down: no further CONNECT is accepted, 5.0 clients are sent DISCONNECT 0x8B, every connection is closed.
    pub fn shutdown(&mut self, now: Instant) {}
    /// Does deferred work.
    pub fn run(&mut self, now: Instant, budget: Budget) -> Progress {
        Progress::Idle
    }
    /// Whether so much output has gathered that a runtime should drain and flush before it reads on.
    pub fn wants_flush(&self) -> bool {
        false
    }
    /// Takes the effects. `outbox` is cleared first.
    pub fn drain(&mut self, outbox: &mut Outbox) {
        outbox.clear();
    }
    /// The bytes to write to a connection, in order. Empty for an unknown connection.
    pub fn tx_slices(&self, conn: ConnId) -> impl Iterator<Item = &[u8]> {
        core::iter::empty()
    }
    /// Whether the connection should be read.
    pub fn wants_read(&self, conn: ConnId) -> bool {
        false
    }
    /// When the next input is due without anything happening; `now` or earlier while work waits.
    pub fn poll_timeout(&self) -> Option<(Instant, WakeReason)> {
        None
    }
    /// Connections that the broker knows, those that are closing too.
    pub fn connections(&self) -> usize {
        0
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { connections: 64, retained: 4_096 }
    }
}
