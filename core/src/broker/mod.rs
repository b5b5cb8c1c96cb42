//! One shard of a broker: a single-threaded machine.
//!
//! The chapters follow a packet's way: [`input`] cuts bytes into packets, `connect`, `connack`, `publish`, `acknowledge`, `subscribe`
//! and `authenticate` handle them, `route`, `run`, `deliver` and `pull` bring a message to its subscribers, `peer` to other
//! shards, `close` ends connections and sessions, `timeout` does what time asks for. [`clients`] is the state they share.

mod acknowledge;
mod authenticate;
mod clients;
mod close;
mod connack;
mod connect;
mod deliver;
mod encode;
mod forward;
pub(crate) mod handoff;
mod input;
pub(crate) mod inspect;
mod peer;
mod publish;
mod pull;
mod record;
mod retained;
mod route;
mod run;
mod subscribe;
mod timeout;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::hash::BuildHasher;

use bytes::Bytes;
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::config::{Config, QueueFull};
use crate::connection::{Connection, Phase};
use crate::event::Event;
use crate::id::{ConnId, ListenerId, LogPosition, PeerAddr, ShardId};
use crate::outbox::Outbox;
use crate::peer::{Allowance, PeerLink, SpareBatches};
use crate::random::Random;
use crate::record::{Input, Recorder};
use crate::stats::Stats;
use crate::store::gate::Gate;
use crate::time::Instant;
use crate::timer::TimerKind;
use crate::topic::{GroupId, Router, Told};
use clients::Clients;
use retained::Retained;
use route::Scratch;

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
    /// Connections whose waiting input is served, each by at most one turn's share
    /// ([`Limits::packets_per_turn`](crate::config::Limits::packets_per_turn)).
    pub connections: usize,
    /// Retained messages that are looked at for new subscriptions.
    pub retained: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { connections: 64, retained: 4_096 }
    }
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
///
/// A runtime's turn: hand in what happened by the `handle_` methods, any number and in any order, with one `now`; then
/// [`run`](Self::run), then [`drain`](Self::drain) and carry the effects out; then sleep no longer than until
/// [`poll_timeout`](Self::poll_timeout).
pub struct Broker {
    clients: Clients,
    router: Router,
    retained: Retained,
    gate: Gate,
    shard: ShardId,
    seed: [u8; 32],
    recorder: Option<Box<Recorder>>,
    /// Links to all shards by their number, this one's unused; empty when there is only one.
    peers: Vec<PeerLink>,
    /// Whether so much is on its way to one of them that publishers have to wait.
    peers_full: bool,
    /// Whether so much has gathered for one of them that it should leave.
    peers_pressing: bool,
    /// Whether what has gathered for one of them is a [whole](PeerLink::is_whole) batch.
    peers_whole: bool,
    spare_batches: SpareBatches,
    /// What each of them is sent without being asked.
    allowance: Allowance,
    told: Told,
    by_client_id: HashTable<u32>,
    hasher: FixedState,
    random: Random,
    listener_connections: Vec<u32>,
    /// Publishers that wait for room.
    held: Vec<ConnId>,
    /// Shards that were chosen for a group while a message was routed.
    chosen: Vec<(u16, GroupId)>,
    tickets: u64,
    stamp: u64,
    auth_number: u64,
    auth_requests: u32,
    shutting_down: bool,
    /// None while it is in use.
    scratch: Option<Box<Scratch>>,
    topic: String,
    /// The topic of the last PUBLISH: publishers repeat theirs, and what was checked once is not checked again.
    known_topic: String,
    properties: Vec<u8>,
    codes: Vec<u8>,
    /// The input whose packets are being handled, if it may be kept by the message that it brings; otherwise empty.
    lent: Bytes,
}

fn hash_client(hasher: &FixedState, client_id: &str) -> u64 {
    hasher.hash_one(client_id)
}

impl Broker {
    /// A broker with nothing in it.
    ///
    /// `seed` decides everything that would be random: the names given to clients without one, and how tables are hashed.
    /// All shards of one broker are given the same seed, since it also decides which shard owns a session.
    ///
    /// # Panics
    /// When [`Config::validate`] finds something, or `shard` is not below `config.shards`.
    pub fn new(config: Config, shard: ShardId, seed: [u8; 32], now: Instant) -> Self {
        let errors = config.validate();
        assert!(errors.is_empty(), "the configuration is not valid: {}", errors[0]);
        assert!(shard.0 < config.shards, "shard {} of {}", shard.0, config.shards);
        let hash_seed = Random::new(seed, 0).next();
        let shards = if config.shards > 1 { usize::from(config.shards) } else { 0 };
        Self {
            router: Router::new(config.limits.route_cache_max, hash_seed),
            retained: Retained::new(hash_seed),
            gate: Gate::default(),
            shard,
            seed,
            recorder: None,
            peers: core::iter::repeat_with(|| PeerLink::new(&config.limits, shards)).take(shards).collect(),
            peers_full: false,
            peers_pressing: false,
            peers_whole: false,
            spare_batches: SpareBatches::default(),
            allowance: Allowance::new(&config.limits, shards),
            told: Told::new(shards),
            by_client_id: HashTable::new(),
            hasher: FixedState::with_seed(hash_seed),
            random: Random::new(seed, shard.0),
            listener_connections: alloc::vec![0; config.listeners.len()],
            clients: Clients::new(config, now),
            held: Vec::new(),
            chosen: Vec::new(),
            tickets: 0,
            stamp: 0,
            auth_number: 0,
            auth_requests: 0,
            shutting_down: false,
            scratch: None,
            topic: String::new(),
            known_topic: String::new(),
            properties: Vec::new(),
            codes: Vec::new(),
            lent: Bytes::new(),
        }
    }

    /// What it was made with.
    pub fn config(&self) -> &Config {
        &self.clients.config
    }

    /// Its counters and gauges.
    pub fn stats(&self) -> Stats {
        Stats {
            messages_held: self.clients.messages.len() as u64,
            message_bytes_held: self.clients.messages.bytes_held(),
            ..self.clients.stats
        }
    }

    /// Connections that the broker knows, those that are closing too.
    pub fn connections(&self) -> usize {
        self.clients.conns.len()
    }

    /// How many things are held that come and go: connections, sessions, messages, sets of Subscription Identifiers, timers,
    /// acknowledgements in the gate, questions to the authentication, publishers held back, links to other shards with
    /// something under way. 0 once all clients, sessions and retained messages are gone: nothing leaks.
    pub fn unsettled(&self) -> usize {
        self.clients.conns.len()
            + self.clients.sessions.len()
            + self.clients.messages.len()
            + self.clients.identifiers.len()
            + self.clients.timers.len()
            + self.gate.len()
            + self.auth_requests as usize
            + self.held.len()
            + self.peers.iter().filter(|link| !link.is_idle()).count()
    }

    /// Time never goes backwards in here, whatever the caller says.
    fn advance(&mut self, now: Instant) {
        self.clients.now = self.clients.now.max(now);
    }

    fn client_hash(&self, client_id: &str) -> u64 {
        hash_client(&self.hasher, client_id)
    }

    /// A transport connection was accepted. `None`: a limit is reached, or the broker is going down; close it.
    pub fn handle_accept(&mut self, now: Instant, listener: ListenerId, peer: PeerAddr) -> Option<ConnId> {
        self.advance(now);
        self.record(&Input::Accept { listener, peer });
        let conn = self.accept(listener, peer, self.clients.now)?;
        self.clients.stats.accepted += 1;
        self.clients.event(Event::Accepted { conn, listener, peer });
        Some(conn)
    }

    fn accept(&mut self, listener: ListenerId, peer: PeerAddr, accepted: Instant) -> Option<ConnId> {
        let place = usize::from(listener.0);
        let config = &self.clients.config;
        let has_room = config.listeners.get(place).is_some_and(|listener| {
            self.listener_connections[place] < listener.connections_max
                && self.clients.conns.len() < config.limits.connections_max as usize
        });
        if !has_room || self.shutting_down {
            self.clients.stats.accept_refused += 1;
            return None;
        }
        let deadline = accepted.saturating_add(config.mqtt.connect_timeout);
        self.listener_connections[place] += 1;
        let index = self.clients.conns.insert(Connection::new(accepted, listener, peer));
        let key = self.clients.timer_key(TimerKind::Connect, index);
        self.clients.conns[index].timer = Some(self.clients.timers.arm(deadline, key));
        self.clients.stats.connections += 1;
        Some(self.clients.conn_id(index))
    }

    /// The first `count` bytes of [`tx_slices`](Self::tx_slices) were written. A runtime says so after each write, with 0
    /// when the write would have blocked.
    pub fn handle_sent(&mut self, now: Instant, conn: ConnId, count: usize) {
        self.advance(now);
        self.record_sent(conn, count);
        let Some(index) = self.clients.index_of(conn) else { return };
        self.clients.sent(index, count);
        if self.clients.conns[index].phase == Phase::Connected && count > 0 {
            let session = self.clients.conns[index].session;
            self.clients.pull(session);
        }
    }

    /// The store has everything up to this position: what waited for it goes on.
    pub fn handle_stored(&mut self, now: Instant, upto: LogPosition) {
        self.advance(now);
        self.record(&Input::Stored { upto });
        if self.clients.store_failed || upto <= self.clients.stored {
            return;
        }
        self.clients.stored = upto.min(self.clients.recorded);
        while let Some(&(position, size)) = self.clients.unstored.front()
            && position <= upto
        {
            self.clients.unstored_bytes -= size;
            self.clients.unstored.pop_front();
        }
        for link in &mut self.peers {
            link.stored(upto);
        }
        self.open_gate();
        for (session, generation) in core::mem::take(&mut self.clients.awaiting_store) {
            if self.clients.sessions.is_current(session, generation) {
                self.clients.sessions[session].awaits_store = false;
                self.clients.pull(session);
            }
        }
    }

    /// The store cannot store any more, and is given nothing more. Nothing that must be durable is acknowledged from here
    /// on: a PUBLISH is refused by 0x83, in 3.x its connection is closed, though subscribers may have the message already; a
    /// CONNECT for a session that lasts is refused by 0x88 (3.x: 0x03); a connection that waits for any other answer about
    /// such a session is closed. What needs no durability goes on.
    pub fn handle_store_failed(&mut self, now: Instant) {
        self.advance(now);
        self.record(&Input::StoreFailed);
        if self.clients.store_failed {
            return;
        }
        self.clients.store_failed = true;
        self.clients.event(Event::StoreFailed);
        self.clients.out.store.clear();
        self.clients.unstored.clear();
        self.clients.unstored_bytes = 0;
        self.clients.mark = self.clients.recorded;
        for (session, generation) in core::mem::take(&mut self.clients.awaiting_store) {
            if self.clients.sessions.is_current(session, generation) {
                self.clients.sessions[session].awaits_store = false;
            }
        }
        self.tell_store_failed();
        self.gate.give_up(self.clients.stored);
        self.open_gate();
    }

    /// Does deferred work: input that waits its turn, retained messages for new subscriptions, publishers that were held.
    pub fn run(&mut self, now: Instant, budget: Budget) -> Progress {
        self.advance(now);
        if self.has_work() || !self.held.is_empty() {
            self.record(&Input::Run { budget });
        }
        self.release_held();
        // What was put on the list since the last run has had its share of this turn already.
        for _ in 0..budget.connections.min(self.clients.due) {
            let Some(conn) = self.clients.work.pop_front() else { break };
            if let Some(index) = self.clients.index_of(conn) {
                self.clients.conns[index].waiting = false;
                self.serve(conn);
            }
        }
        self.clients.due = self.clients.work.len();
        let mut retained = budget.retained;
        self.run_scans(&mut retained);
        if self.has_work() { Progress::More } else { Progress::Idle }
    }

    fn has_work(&self) -> bool {
        !self.clients.work.is_empty() || !self.clients.scanning.is_empty()
    }

    fn has_effects(&self) -> bool {
        !self.clients.out.is_empty() || self.peers.iter().any(PeerLink::wants_drain)
    }

    /// Whether so much output has come since the last drain, for a connection, for several, or for another shard, that a runtime
    /// should drain once and carry that out before it goes on with [`Broker::handle_receive`] or [`Broker::handle_peer`]: at QoS 0
    /// what finds an output full is dropped.
    pub fn wants_flush(&self) -> bool {
        let recorder = self.recorder.as_ref();
        self.clients.pressing || self.peers_pressing || recorder.is_some_and(|recorder| recorder.is_pressing())
    }

    /// Takes the effects. `outbox` is cleared first, and its memory used again.
    ///
    /// When it is for another shard alone that too much [has gathered](Self::wants_flush), it takes the batches and nothing else,
    /// and the next drain the rest: connections have their output written in as large pieces as without other shards.
    pub fn drain(&mut self, outbox: &mut Outbox) {
        outbox.clear();
        let is_recorded = self.recorder.is_some() && self.has_effects();
        self.drain_peers();
        if core::mem::take(&mut self.peers_pressing) && !self.clients.pressing {
            core::mem::swap(&mut self.clients.out.peers, &mut outbox.peers);
        } else {
            self.drain_all(outbox);
        }
        if is_recorded {
            self.record_drain(outbox);
        }
    }

    fn drain_all(&mut self, outbox: &mut Outbox) {
        (self.clients.pressing, self.clients.large) = (false, 0);
        core::mem::swap(&mut self.clients.out, outbox);
        self.clients.out.store.upto = self.clients.recorded;
        self.clients.handed = self.clients.recorded;
        outbox.flush.retain(|&conn| {
            let Some(index) = self.clients.index_of(conn) else { return false };
            let conn = &mut self.clients.conns[index];
            (conn.dirty, conn.large) = (false, false);
            conn.output.drain();
            true
        });
        let mut handoff = core::mem::take(&mut outbox.handoff);
        handoff.retain(|handoff| {
            let index = self.clients.index_of(handoff.conn);
            index.inspect(|&index| self.forget(index)).is_some()
        });
        outbox.handoff = handoff;
    }

    /// Lets the batches for other shards leave, and then what waited for that.
    fn drain_peers(&mut self) {
        let limits = &self.clients.config.limits;
        let crowded = self.clients.crowded_sessions > 0 && limits.queue_full == QueueFull::Refuse;
        let mut has_left = false;
        for (shard, link) in self.peers.iter_mut().enumerate() {
            while let Some(batch) = link.drain(crowded, &mut self.spare_batches) {
                has_left |= batch.number > 0;
                self.clients.stats.peer_batches_sent += 1;
                self.clients.out.peers.push((ShardId(shard as u16), batch));
            }
        }
        if has_left {
            self.open_gate();
        }
    }

    /// The bytes to write to a connection, in order. Empty for an unknown connection.
    pub fn tx_slices(&self, conn: ConnId) -> impl Iterator<Item = &[u8]> {
        let output = self.clients.index_of(conn).map(|index| &self.clients.conns[index].output);
        output.into_iter().flat_map(|output| output.slices(&self.clients.messages))
    }

    /// Whether the connection should be read. A connection that is closing is read and thrown away.
    pub fn wants_read(&self, conn: ConnId) -> bool {
        self.clients.index_of(conn).is_some_and(|index| self.clients.wants_read(index))
    }

    /// When the next input is due without anything happening from outside, and why. The past or the present while work
    /// or effects wait. `None`: only something from outside leads on.
    pub fn poll_timeout(&self) -> Option<(Instant, WakeReason)> {
        if self.has_effects() {
            return Some((self.clients.now, WakeReason::Outbox));
        }
        if self.has_work() || self.can_release_held() {
            return Some((self.clients.now, WakeReason::Work));
        }
        self.clients.timers.next_deadline().map(|deadline| (deadline, WakeReason::Timer))
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("shard", &self.shard)
            .field("connections", &self.clients.conns.len())
            .field("sessions", &self.clients.sessions.len())
            .finish_non_exhaustive()
    }
}
