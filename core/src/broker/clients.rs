//! The connections and sessions of one shard, and what every chapter of the broker does with them: write a packet, close,
//! record, keep count.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::encode::Images;
use crate::config::Config;
use crate::connection::{BufferPool, Connection, Phase};
use crate::event::Event;
use crate::id::{ConnId, LogPosition};
use crate::message::{MessageId, Messages};
use crate::outbox::Outbox;
use crate::packet::Version;
use crate::session::{IdentifierSets, Session};
use crate::slab::Slab;
use crate::stats::Stats;
use crate::store::{Operation, StoredMessage};
use crate::time::Instant;
use crate::timer::{TimerKey, TimerKind, Wheel};

/// Output of one connection from which on a runtime should flush before it reads on.
const PRESSING_BYTES: usize = 64 * 1024;

/// Everything about clients. Apart from the router, so that both can be borrowed at once.
pub(super) struct Clients {
    pub(super) config: Config,
    pub(super) now: Instant,
    pub(super) stats: Stats,
    pub(super) conns: Slab<Connection>,
    pub(super) sessions: Slab<Session>,
    pub(super) messages: Messages,
    pub(super) identifiers: IdentifierSets,
    pub(super) timers: Wheel,
    pub(super) pool: BufferPool,
    pub(super) out: Outbox,
    /// Connections whose input waits its turn.
    pub(super) work: VecDeque<ConnId>,
    /// Sessions whose retained messages go on, by index and generation.
    pub(super) scanning: VecDeque<(u32, u32)>,
    /// Sessions whose next QoS 2 message is not stored yet, by index and generation.
    pub(super) awaiting_store: Vec<(u32, u32)>,
    /// Sessions whose queue is at a bound.
    pub(super) full_sessions: u32,
    /// The position of the last operation that was recorded, and of the last that is stored.
    pub(super) recorded: LogPosition,
    pub(super) stored: LogPosition,
    /// Bytes of operations that were recorded and are not stored, by position.
    pub(super) unstored: VecDeque<(LogPosition, usize)>,
    pub(super) unstored_bytes: usize,
    pub(super) store_failed: bool,
    /// Deliveries for the connection whose packets are being handled.
    pub(super) deliveries: u32,
    pub(super) pressing: bool,
    pub(super) images: Images,
    /// Messages whose payload was written; empty but for its memory.
    done: Vec<MessageId>,
}

impl Clients {
    pub(super) fn new(config: Config, now: Instant) -> Self {
        Self {
            config,
            now,
            stats: Stats::default(),
            conns: Slab::new(),
            sessions: Slab::new(),
            messages: Messages::new(),
            identifiers: IdentifierSets::new(),
            timers: Wheel::new(now),
            pool: BufferPool::default(),
            out: Outbox::new(),
            work: VecDeque::new(),
            scanning: VecDeque::new(),
            awaiting_store: Vec::new(),
            full_sessions: 0,
            recorded: LogPosition(0),
            stored: LogPosition(0),
            unstored: VecDeque::new(),
            unstored_bytes: 0,
            store_failed: false,
            deliveries: 0,
            pressing: false,
            images: Images::default(),
            done: Vec::new(),
        }
    }

    pub(super) fn conn_id(&self, index: u32) -> ConnId {
        ConnId::new(index, self.conns.generation(index))
    }

    /// The index of a connection that is still the one that was meant.
    pub(super) fn index_of(&self, conn: ConnId) -> Option<u32> {
        let index = conn.index() as u32;
        self.conns.is_current(index, conn.generation()).then_some(index)
    }

    pub(super) fn timer_key(&self, kind: TimerKind, index: u32) -> TimerKey {
        let generation = match kind {
            TimerKind::SessionExpiry | TimerKind::WillDelay | TimerKind::Retry => self.sessions.generation(index),
            TimerKind::Connect | TimerKind::KeepAlive | TimerKind::Write | TimerKind::Linger | TimerKind::Auth => {
                self.conns.generation(index)
            }
            TimerKind::RetainedExpiry => 0,
        };
        TimerKey { kind, index, generation }
    }

    /// Puts the connection on the list of those to flush.
    pub(super) fn mark_dirty(&mut self, index: u32) {
        let conn = &mut self.conns[index];
        if !conn.dirty {
            conn.dirty = true;
            conn.waits_since.get_or_insert(self.now);
            let id = self.conn_id(index);
            self.out.flush.push(id);
        }
        let conn = &self.conns[index];
        self.pressing |= conn.output.len() >= PRESSING_BYTES;
    }

    /// Appends one packet. It is taken back when it exceeds the client's Maximum Packet Size (MQTT-3.1.2-24); `false` then.
    pub(super) fn write(&mut self, index: u32, encode: impl FnOnce(Version, &mut Vec<u8>)) -> bool {
        let conn = &mut self.conns[index];
        let version = conn.version.unwrap_or(Version::V5);
        let size_max = conn.packet_bytes_max as usize;
        let buffer = conn.output.buffer(&mut self.pool);
        let before = buffer.len();
        encode(version, buffer);
        if buffer.len() - before > size_max {
            buffer.truncate(before);
            return false;
        }
        self.stats.packets_sent += 1;
        self.mark_dirty(index);
        true
    }

    /// Whether control packets alone have filled the output to twice its bound.
    pub(super) fn is_overrun(&self, index: u32) -> bool {
        self.conns[index].output.len() > 2 * self.config.limits.output_bytes_max as usize
    }

    /// Whether the output has room for more messages from the session's queue.
    pub(super) fn has_room(&self, index: u32) -> bool {
        let conn = &self.conns[index];
        !conn.resumes && conn.output.len() < self.config.limits.output_bytes_max as usize / 2
    }

    /// Puts the connection on the list of those whose input waits its turn.
    pub(super) fn queue_work(&mut self, index: u32) {
        let id = self.conn_id(index);
        let conn = &mut self.conns[index];
        if !conn.waiting {
            conn.waiting = true;
            self.work.push_back(id);
        }
    }

    pub(super) fn wants_read(&self, index: u32) -> bool {
        /// Input that may wait behind a connection that is served by turns.
        const WAITING_BYTES_MAX: usize = 64 * 1024;
        /// Input that may wait behind a client that is not yet known.
        const UNKNOWN_BYTES_MAX: usize = 4 * 1024;
        let conn = &self.conns[index];
        match conn.phase {
            Phase::Closing => true,
            Phase::Authenticating => conn.input.len() < UNKNOWN_BYTES_MAX,
            Phase::Connected if conn.resumes || conn.refused.is_some() => conn.input.len() < UNKNOWN_BYTES_MAX,
            Phase::Handshake | Phase::Challenged | Phase::Connected => {
                !conn.held && (!conn.waiting || conn.input.len() < WAITING_BYTES_MAX)
            }
        }
    }

    /// Tells the runtime when the read interest has changed.
    pub(super) fn update_reading(&mut self, index: u32) {
        let reading = self.wants_read(index);
        let conn = &mut self.conns[index];
        if conn.reading != reading {
            conn.reading = reading;
            let id = self.conn_id(index);
            self.out.read.push(id);
        }
    }

    pub(super) fn event(&mut self, event: Event) {
        self.out.events.push(event);
    }

    /// Records an operation, if the deployment wants durability. Its position is the answer, or the last one's.
    pub(super) fn record(&mut self, operation: impl FnOnce() -> Operation) -> LogPosition {
        if self.config.durable {
            let operation = operation();
            self.recorded.0 += 1;
            let size = operation.size();
            self.unstored.push_back((self.recorded, size));
            self.unstored_bytes += size;
            self.out.store.operations.push(operation);
            self.out.store.upto = self.recorded;
        }
        self.recorded
    }

    /// Records an operation about a session that outlives its connection.
    pub(super) fn record_for(&mut self, session: u32, operation: impl FnOnce(alloc::boxed::Box<str>) -> Operation) {
        if self.config.durable && self.sessions[session].is_persistent() {
            let client_id = self.sessions[session].client_id.clone();
            self.record(|| operation(client_id));
        }
    }

    /// Sees to it that the store knows the message, and gives its position there.
    pub(super) fn record_message(&mut self, message: MessageId) -> LogPosition {
        if !self.config.durable || self.messages.get(message).position.0 > 0 {
            return self.messages.get(message).position;
        }
        let held = self.messages.get(message);
        let stored = StoredMessage {
            topic: held.topic().into(),
            properties: held.properties().into(),
            payload: held.payload().into(),
            qos: held.qos,
            retain: held.retain,
            expiry_s: held.remaining_expiry_s(self.now),
        };
        let position = self.record(|| Operation::Message(stored));
        self.messages.set_position(message, position);
        position
    }

    /// Gives up one reference to a message.
    pub(super) fn release(&mut self, message: MessageId) {
        let position = self.messages.get(message).position;
        if self.messages.release(message) && position.0 > 0 {
            self.record(|| Operation::MessageGone { message: position });
        }
    }

    /// Bytes were written.
    pub(super) fn sent(&mut self, index: u32, count: usize) {
        let mut done = core::mem::take(&mut self.done);
        let conn = &mut self.conns[index];
        conn.output.consume(count, &mut self.pool, |message| done.push(message));
        self.stats.bytes_sent += count as u64;
        let waits = !conn.output.is_empty();
        if !waits {
            conn.waits_since = None;
        } else if count > 0 {
            conn.waits_since = Some(self.now);
        }
        if waits && conn.write_timer.is_none() && conn.phase != Phase::Closing {
            let key = self.timer_key(TimerKind::Write, index);
            let deadline = self.now.saturating_add(self.config.limits.write_timeout);
            self.conns[index].write_timer = Some(self.timers.arm(deadline, key));
        }
        for &message in &done {
            self.release(message);
        }
        done.clear();
        self.done = done;
    }

    /// Keeps the count of sessions at a bound of their queue.
    pub(super) fn update_full(&mut self, session: u32) {
        let limits = &self.config.limits;
        let state = &mut self.sessions[session];
        let full =
            state.queue.len() >= limits.queue_messages_max as usize || state.queue.bytes() >= limits.queue_bytes_max;
        if full != state.full {
            state.full = full;
            if full {
                self.full_sessions += 1;
            } else {
                self.full_sessions -= 1;
            }
        }
    }
}
