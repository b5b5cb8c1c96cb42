//! Shards in memory, and wires to them. Nothing happens by itself: a target says which bytes move, which batches of other
//! shards arrive, how far the store has come and how late it is.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use weirmq_core::{
    Broker, Budget, CloseCause, CloseHow, CloseReason, Config, ConnId, Event, Handoff, Instant, ListenerId,
    LogPosition, Outbox, PeerAddr, PeerBatch, Progress, ShardId, WakeReason,
};

/// What a turn may do at most before a test gives up on the broker coming to rest.
const TURNS_MAX: usize = 100_000;

/// All shards of one broker, their clock and the wires to them.
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) shards: Vec<Shard>,
    pub(crate) wires: Vec<Wire>,
    /// Everything that the shards have told, with the shard's number.
    pub(crate) events: Vec<(usize, Event)>,
    /// The largest packet that a wire may bring.
    packet_bytes_max: usize,
    output_bytes_max: usize,
}

pub(crate) struct Shard {
    pub(crate) broker: Broker,
    outbox: Outbox,
    /// Batches on their way here, by the shard they come from.
    inbox: Vec<VecDeque<PeerBatch>>,
    /// The last position that was handed to the store, and the last that was reported.
    recorded: u64,
    stored: u64,
    names: BTreeMap<ConnId, usize>,
}

/// One Network Connection from the outside. It keeps its number when it moves to another shard.
#[derive(Default)]
pub(crate) struct Wire {
    place: Option<(usize, ConnId)>,
    /// On its way to the broker.
    pub(crate) to_broker: VecDeque<u8>,
    /// Whether the client has closed its side.
    pub(crate) hung_up: bool,
    /// The broker wants it closed.
    pub(crate) closing: bool,
    pub(crate) reason: Option<CloseReason>,
}

impl Wire {
    /// Whether neither side has ended it.
    pub(crate) fn is_open(&self) -> bool {
        self.place.is_some() && !self.hung_up && !self.closing
    }
}

impl World {
    pub(crate) fn new(config: &Config, seed: u8) -> Self {
        let now = Instant::from_secs(1);
        let count = usize::from(config.shards);
        let shard = |number: usize| Shard {
            broker: Broker::new(config.clone(), ShardId(number as u16), [seed; 32], now),
            outbox: Outbox::new(),
            inbox: (0..count).map(|_| VecDeque::new()).collect(),
            recorded: 0,
            stored: 0,
            names: BTreeMap::new(),
        };
        Self {
            now,
            shards: (0..count).map(shard).collect(),
            wires: Vec::new(),
            events: Vec::new(),
            packet_bytes_max: config.mqtt.packet_bytes_max as usize,
            output_bytes_max: config.limits.output_bytes_max as usize,
        }
    }

    /// A wire to one of the shards, if the shard lets it in.
    pub(crate) fn open(&mut self, shard: usize) -> Option<usize> {
        let shard = shard % self.shards.len();
        let conn = self.shards[shard].broker.handle_accept(self.now, ListenerId(0), PeerAddr::Memory)?;
        self.wires.push(Wire { place: Some((shard, conn)), ..Wire::default() });
        let wire = self.wires.len() - 1;
        self.shards[shard].names.insert(conn, wire);
        Some(wire)
    }

    /// Lets up to `count` bytes of a wire arrive, as far as the broker reads; then the hang-up, once all have.
    pub(crate) fn arrive(&mut self, wire: usize, count: usize) -> bool {
        let state = &mut self.wires[wire];
        let Some((shard, conn)) = state.place else { return false };
        let broker = &mut self.shards[shard].broker;
        if !broker.wants_read(conn) {
            return false;
        }
        if state.to_broker.is_empty() {
            if state.hung_up {
                if !broker.handle_half_closed(self.now, conn) {
                    state.place = None;
                    broker.handle_closed(self.now, conn, CloseCause::PeerClosed);
                }
                self.turn(shard);
            }
            return false;
        }
        let count = count.clamp(1, state.to_broker.len());
        let bytes: Vec<u8> = state.to_broker.drain(..count).collect();
        broker.handle_receive(self.now, conn, &bytes);
        self.turn(shard);
        true
    }

    /// Takes up to `count` bytes that a wire has for its client.
    pub(crate) fn take(&mut self, wire: usize, count: usize) -> Vec<u8> {
        let Some((shard, conn)) = self.wires[wire].place else { return Vec::new() };
        let broker = &mut self.shards[shard].broker;
        let mut bytes = Vec::new();
        for slice in broker.tx_slices(conn) {
            assert!(!slice.is_empty(), "a runtime must be able to write every slice");
            bytes.extend_from_slice(slice);
        }
        let waits = bytes.len();
        bytes.truncate(count);
        broker.handle_sent(self.now, conn, bytes.len());
        if bytes.len() == waits && self.wires[wire].closing {
            self.wires[wire].place = None;
            self.shards[shard].broker.handle_closed(self.now, conn, CloseCause::Done);
        }
        self.turn(shard);
        bytes
    }

    /// The transport breaks: what is on its way is lost.
    pub(crate) fn cut(&mut self, wire: usize) {
        self.wires[wire].to_broker.clear();
        self.wires[wire].hung_up = true;
        if let Some((shard, conn)) = self.wires[wire].place.take() {
            self.shards[shard].broker.handle_closed(self.now, conn, CloseCause::Error);
            self.turn(shard);
        }
    }

    /// A batch from one shard arrives at another. Whether there was one.
    pub(crate) fn cross(&mut self, from: usize, to: usize) -> bool {
        let count = self.shards.len();
        let (from, to) = (from % count, to % count);
        let shard = &mut self.shards[to];
        assert!(shard.inbox[from].len() <= PeerBatch::UNDER_WAY_MAX, "more batches are under way than a ring holds");
        let Some(mut batch) = shard.inbox[from].pop_front() else { return false };
        shard.broker.handle_peer(self.now, ShardId(from as u16), &mut batch);
        self.turn(to);
        true
    }

    /// The store of a shard comes so many positions further.
    pub(crate) fn store(&mut self, shard: usize, count: u64) -> bool {
        let index = shard % self.shards.len();
        let shard = &mut self.shards[index];
        if shard.stored == shard.recorded {
            return false;
        }
        shard.stored = shard.stored.saturating_add(count).min(shard.recorded);
        shard.broker.handle_stored(self.now, LogPosition(shard.stored));
        self.turn(index);
        true
    }

    /// Time passes, and the timers that fire meanwhile fire when they are due.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now.saturating_add(duration);
        for _ in 0..TURNS_MAX {
            let mut next = end;
            for index in 0..self.shards.len() {
                self.turn(index);
                if let Some((at, reason)) = self.shards[index].broker.poll_timeout() {
                    assert!(reason == WakeReason::Timer || self.shards[index].broker.poll_timeout().is_some());
                    next = next.min(at.max(self.now));
                }
            }
            if next >= end {
                self.now = end;
                self.fire();
                return;
            }
            self.now = next;
            self.fire();
        }
        panic!("timers fire for ever");
    }

    fn fire(&mut self) {
        for index in 0..self.shards.len() {
            self.shards[index].broker.handle_timeout(self.now);
            self.turn(index);
        }
    }

    /// Lets everything arrive that is under way, on wires whose client reads too, until nothing moves.
    pub(crate) fn settle_shards(&mut self) {
        for _ in 0..TURNS_MAX {
            let mut busy = false;
            for to in 0..self.shards.len() {
                busy |= self.store(to, u64::MAX);
                for from in 0..self.shards.len() {
                    busy |= self.cross(from, to);
                }
            }
            if !busy {
                return;
            }
        }
        panic!("the shards never come to rest");
    }

    /// Whether the broker has answered everything: neither batches nor operations are under way.
    pub(crate) fn is_settled(&self) -> bool {
        self.shards.iter().all(|shard| shard.stored == shard.recorded && shard.inbox.iter().all(VecDeque::is_empty))
    }

    /// Runs a shard until it has no work left, and carries out what it wants.
    pub(crate) fn turn(&mut self, index: usize) {
        for _ in 0..TURNS_MAX {
            let shard = &mut self.shards[index];
            let progress = shard.broker.run(self.now, Budget { connections: 2, retained: 3 });
            shard.broker.drain(&mut shard.outbox);
            let is_idle = progress == Progress::Idle && shard.outbox.is_empty();
            self.carry_out(index);
            if is_idle {
                return;
            }
        }
        panic!("a shard never runs out of work");
    }

    fn carry_out(&mut self, index: usize) {
        let mut outbox = std::mem::take(&mut self.shards[index].outbox);
        if !outbox.store.is_empty() {
            let expected = self.shards[index].recorded + outbox.store.operations.len() as u64;
            assert_eq!(outbox.store.upto.0, expected, "positions have no gaps");
            self.shards[index].recorded = expected;
        }
        for (to, batch) in outbox.peers.drain(..) {
            assert_ne!(usize::from(to.0), index, "a shard sends itself nothing");
            self.shards[usize::from(to.0)].inbox[index].push_back(batch);
        }
        for &conn in &outbox.flush {
            let waits: usize = self.shards[index].broker.tx_slices(conn).map(<[u8]>::len).sum();
            // Control packets fill up to twice the bound; what one more turn's packets were answered comes on top.
            assert!(waits <= 2 * self.output_bytes_max + 4 * self.packet_bytes_max, "{waits} bytes wait");
        }
        let closes = std::mem::take(&mut outbox.close);
        for close in &closes {
            let Some(&wire) = self.shards[index].names.get(&close.conn) else { continue };
            self.wires[wire].closing = true;
            self.wires[wire].reason = Some(close.reason);
            let is_there = self.wires[wire].place == Some((index, close.conn));
            if is_there && (close.how == CloseHow::Abort || self.wires[wire].hung_up) {
                self.wires[wire].place = None;
                self.shards[index].broker.handle_closed(self.now, close.conn, CloseCause::Done);
            }
        }
        outbox.close = closes;
        for handoff in outbox.handoff.drain(..) {
            self.hand_off(index, handoff);
        }
        self.events.extend(outbox.events.drain(..).map(|event| (index, event)));
        self.shards[index].outbox = outbox;
    }

    fn hand_off(&mut self, from: usize, handoff: Handoff) {
        let wire = self.shards[from].names.remove(&handoff.conn).expect("a connection that moves is known");
        let to = usize::from(handoff.to.0);
        assert_ne!(to, from);
        let place = self.shards[to].broker.handle_handoff(self.now, handoff.moved);
        let Some(conn) = place else {
            self.wires[wire].place = None;
            self.wires[wire].closing = true;
            return;
        };
        if self.wires[wire].place.is_none() {
            // Gone while it moved.
            self.shards[to].broker.handle_closed(self.now, conn, CloseCause::Error);
            return self.turn(to);
        }
        self.wires[wire].place = Some((to, conn));
        self.shards[to].names.insert(conn, wire);
        self.turn(to);
    }

    /// The wire of a connection of a shard.
    pub(crate) fn wire_of(&self, shard: usize, conn: ConnId) -> Option<usize> {
        self.shards[shard].names.get(&conn).copied()
    }

    /// All wires are gone, all sessions are over, all batches have arrived: nothing is left but retained messages.
    pub(crate) fn assert_at_rest(&mut self) {
        for wire in 0..self.wires.len() {
            self.cut(wire);
        }
        self.settle_shards();
        // More than once, for a will may come late; and longer than a Message Expiry Interval can say.
        for _ in 0..3 {
            self.pass(Duration::from_secs(1 << 32));
            self.settle_shards();
        }
        for shard in &self.shards {
            let stats = shard.broker.stats();
            assert_eq!(shard.broker.connections(), 0);
            assert_eq!((stats.sessions, stats.sessions_connected, stats.subscriptions), (0, 0, 0));
            assert_eq!((stats.messages_queued, stats.messages_inflight), (0, 0));
            assert_eq!(stats.messages_held, stats.retained_messages);
            assert_eq!(shard.broker.unsettled() as u64, stats.retained_messages, "{stats:?}");
        }
    }
}
