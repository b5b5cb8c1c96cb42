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
use crate::session::{IdentifierSets, NO_CONNECTION, Queue, Session};
use crate::slab::Slab;
use crate::stats::Stats;
use crate::store::{Operation, StoredMessage};
use crate::time::Instant;
use crate::timer::{TimerKey, TimerKind, Wheel};

/// Output that came for one connection, or for one other shard, from which on a runtime should flush before it reads on.
pub(super) const PRESSING_BYTES: usize = 48 * 1024;
/// The same for as many connections as are named here, and for what was copied: written when it has long left the processor's cache,
/// it costs up to three times as much.
const LARGE_BYTES: usize = 16 * 1024;
const LARGE_MAX: u32 = 16;

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
    /// How many of them, from the front on, the next run may serve.
    pub(super) due: usize,
    /// Sessions whose retained messages go on, by index and generation.
    pub(super) scanning: VecDeque<(u32, u32)>,
    /// Sessions whose next QoS 2 message is not stored yet, by index and generation.
    pub(super) awaiting_store: Vec<(u32, u32)>,
    /// Sessions whose queue is at a bound.
    pub(super) full_sessions: u32,
    /// Sessions whose queue is half full or more.
    pub(super) crowded_sessions: u32,
    /// The position of the last operation that was recorded, and of the last that is stored.
    pub(super) recorded: LogPosition,
    pub(super) stored: LogPosition,
    /// The position of the last that was handed to the store.
    pub(super) handed: LogPosition,
    /// Bytes of operations that were recorded and are not stored, by position.
    pub(super) unstored: VecDeque<(LogPosition, usize)>,
    pub(super) unstored_bytes: usize,
    pub(super) store_failed: bool,
    /// What was recorded before the packet that is being handled.
    pub(super) mark: LogPosition,
    /// Deliveries for the connection whose packets are being handled, and other work as [`charge`](Self::charge) counts it.
    pub(super) deliveries: u32,
    /// Packets that were handled of that connection in its share of this turn.
    pub(super) packets: u32,
    /// Bytes behind the packet that is being handled that were handled with it.
    pub(super) taken: usize,
    pub(super) pressing: bool,
    /// Connections with large output since the last drain.
    pub(super) large: u32,
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
            due: 0,
            scanning: VecDeque::new(),
            awaiting_store: Vec::new(),
            full_sessions: 0,
            crowded_sessions: 0,
            recorded: LogPosition(0),
            stored: LogPosition(0),
            handed: LogPosition(0),
            unstored: VecDeque::new(),
            unstored_bytes: 0,
            store_failed: false,
            mark: LogPosition(0),
            deliveries: 0,
            packets: 0,
            taken: 0,
            pressing: false,
            large: 0,
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
    #[inline]
    pub(super) fn mark_dirty(&mut self, index: u32) -> usize {
        let conn = &mut self.conns[index];
        let (size, fresh) = (conn.output.len(), conn.output.fresh());
        self.pressing |= fresh >= PRESSING_BYTES;
        if !conn.large && fresh.min(conn.output.copied()) >= LARGE_BYTES {
            conn.large = true;
            self.large += 1;
            self.pressing |= self.large >= LARGE_MAX;
        }
        if !conn.dirty {
            self.queue_flush(index);
        }
        size
    }

    fn queue_flush(&mut self, index: u32) {
        let id = self.conn_id(index);
        let conn = &mut self.conns[index];
        conn.dirty = true;
        conn.waits_since.get_or_insert(self.now);
        self.out.flush.push(id);
    }

    /// Appends one packet. It is taken back when it exceeds the client's Maximum Packet Size (MQTT-3.1.2-24); `false` then.
    #[inline]
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

    /// A message was appended: the connection is to be flushed.
    #[inline]
    pub(super) fn mark_message(&mut self, index: u32) {
        let (size, size_max) = (self.mark_dirty(index), self.config.limits.output_bytes_max as usize);
        if size > size_max {
            let excess = &mut self.conns[index].excess;
            *excess = (*excess).max(size - size_max);
        }
    }

    /// Whether control packets have taken as much again as the output's bound.
    pub(super) fn is_overrun(&self, index: u32) -> bool {
        let conn = &self.conns[index];
        conn.output.len() > 2 * self.config.limits.output_bytes_max as usize + conn.excess
    }

    /// Whether the output has room for more messages from the session's queue.
    #[inline]
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

    /// Bytes of all messages that are held, and of the records by which sessions wait for them.
    pub(super) fn held_bytes(&self) -> u64 {
        self.messages.bytes_held() + self.stats.messages_queued * Queue::RECORD_BYTES
    }

    /// Another connection's packets are handled from here on.
    pub(super) fn begin_share(&mut self) {
        (self.packets, self.deliveries) = (0, 0);
    }

    /// Counts steps through a list as work for the connection whose packets are being handled. A step costs about an eighth
    /// of a delivery, so a client that makes the broker walk long lists has fewer packets handled in a turn.
    pub(super) fn charge(&mut self, steps: usize) {
        self.deliveries = self.deliveries.saturating_add(Self::deliveries_of_steps(steps));
    }

    pub(super) fn deliveries_of_steps(steps: usize) -> u32 {
        const STEPS_PER_DELIVERY: usize = 8;
        u32::try_from(steps / STEPS_PER_DELIVERY).unwrap_or(u32::MAX)
    }

    pub(super) fn wants_read(&self, index: u32) -> bool {
        let conn = &self.conns[index];
        match conn.phase {
            Phase::Closing => true,
            Phase::Connected if conn.half_closed => false,
            // What waits is handled first: else the end of file could come before what was sent before it.
            Phase::Authenticating => conn.input.is_empty(),
            Phase::Connected if conn.resumes || (conn.refused.is_some() && !conn.drains) => conn.input.is_empty(),
            Phase::Handshake | Phase::Challenged | Phase::Connected => !conn.held && !conn.waiting,
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

    /// Records an operation, if the deployment wants durability. Its position is the answer, or the last one's. After the
    /// store has failed positions go on, and none of them is ever stored.
    pub(super) fn record(&mut self, operation: impl FnOnce() -> Operation) -> LogPosition {
        if self.config.durable {
            self.recorded.0 += 1;
            if self.store_failed {
                return self.recorded;
            }
            let operation = operation();
            let size = operation.size();
            self.unstored.push_back((self.recorded, size));
            self.unstored_bytes += size;
            self.out.store.operations.push(operation);
            self.out.store.upto = self.recorded;
        }
        self.recorded
    }

    /// What has to be stored before the packet that is being handled may be answered: everything so far, which holds what
    /// earlier packets were about too. After the store has failed that would be everything for ever: then it is what this
    /// packet led to alone.
    pub(super) fn position(&self) -> LogPosition {
        if self.store_failed && self.recorded == self.mark { LogPosition(0) } else { self.recorded }
    }

    /// The same for what a session sends or receives: of one that outlives its connection the answer may be about what was
    /// not stored before.
    pub(super) fn position_for(&self, session: u32) -> LogPosition {
        if self.sessions[session].is_persistent() { self.recorded } else { self.position() }
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
    #[inline]
    pub(super) fn release(&mut self, message: MessageId) {
        if !self.config.durable {
            // Nothing was recorded of it.
            self.messages.release(message);
            return;
        }
        let position = self.messages.get(message).position;
        if self.messages.release(message) && position.0 > 0 && !self.store_failed {
            self.record(|| Operation::MessageGone { message: position });
        }
    }

    /// Bytes were written.
    pub(super) fn sent(&mut self, index: u32, count: usize) {
        let mut done = core::mem::take(&mut self.done);
        let conn = &mut self.conns[index];
        conn.output.consume(count, &mut self.pool, |message| done.push(message));
        self.stats.bytes_sent += count as u64;
        if conn.output.len() <= self.config.limits.output_bytes_max as usize {
            conn.excess = 0;
        }
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

    /// Keeps the counts of sessions at a bound of their queue, and of those half way there.
    pub(super) fn update_full(&mut self, session: u32) {
        let limits = &self.config.limits;
        let state = &mut self.sessions[session];
        let (messages, bytes) = (state.queue.len() as u64, state.queue.bytes());
        let (messages_max, bytes_max) = (u64::from(limits.queue_messages_max), limits.queue_bytes_max);
        let crowded = messages >= messages_max.div_ceil(2) || bytes >= bytes_max.div_ceil(2);
        if crowded != state.crowded {
            state.crowded = crowded;
            self.crowded_sessions = self.crowded_sessions + u32::from(crowded) - u32::from(!crowded);
        }
        let full = messages >= messages_max || bytes >= bytes_max;
        if full != state.full {
            state.full = full;
            let connection = state.connection;
            if full {
                self.full_sessions += 1;
                return;
            }
            self.full_sessions -= 1;
            if connection != NO_CONNECTION && self.conns[connection].drains {
                // That was what its end waited for.
                self.queue_work(connection);
                self.update_reading(connection);
            }
        }
    }
}
