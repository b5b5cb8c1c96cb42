//! Retained messages (MQTT 5.0, 3.3.1.3): kept in every shard, sent to new subscriptions piece by piece.
//!
//! Every shard keeps all of them, so that a subscription and what is retained for it are one step, whichever shard the
//! message was published to. Shards agree on the newer of two messages by a stamp. Whether there is room is decided where
//! the message is published, and the others follow: all keep the same, and what is under way may exceed the bound.

use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hint::black_box;

use super::Broker;
use super::clients::Clients;
use super::deliver::{Arrival, Target};
use crate::id::ShardId;
use crate::message::{MessageId, Owner};
use crate::peer::PeerRetain;
use crate::session::{Identifiers, NO_CONNECTION, RetainedScan};
use crate::store::Operation;
use crate::time::Instant;
use crate::timer::{TimerId, TimerKey, TimerKind};
use crate::topic::RetainedStore;
use crate::topic::retained::{Entry, KeptAt, Slot};

/// The retained messages of this shard.
pub(super) struct Retained {
    pub(super) store: RetainedStore,
    bytes: u64,
    /// The highest stamp that was seen.
    clock: u64,
    /// Those that expire, soonest first.
    expiring: BTreeSet<(Instant, Box<str>)>,
    timer: Option<(Instant, TimerId)>,
    /// Topics whose message was removed lately, by hash: an older message that is still on its way does not come back.
    removed: VecDeque<(u64, (u64, u16))>,
}

/// How many removals are remembered.
const REMOVED_MAX: usize = 1_024;

impl Retained {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            store: RetainedStore::new(seed),
            bytes: 0,
            clock: 0,
            expiring: BTreeSet::new(),
            timer: None,
            removed: VecDeque::new(),
        }
    }

    /// Reads what keeping these will read.
    pub(super) fn read_ahead(&self, retains: &[Option<PeerRetain>]) {
        // Nothing overlaps with one alone.
        if retains.len() > 1 {
            black_box(self.store.read_ahead(retains.iter().flatten().map(|retain| retain.hash)));
        }
    }
}

impl Broker {
    /// Keeps or removes the retained message of a topic that was published in this shard. `false`: there is no room. When
    /// nobody waits to be told so, the message is published all the same, and the one that it should have replaced is gone:
    /// it is not the latest any more (MQTT 5.0, 3.3.1.3).
    pub(super) fn retain(&mut self, arrival: &mut Arrival<'_>) -> bool {
        let stamp = (self.retained.clock + 1, self.shard.0);
        let slot = self.retained.store.slot(arrival.topic);
        let has_room = arrival.payload.is_empty() || self.has_retained_room(arrival, slot);
        if has_room {
            self.retain_at(slot, arrival, stamp);
        } else if !arrival.answered {
            self.retained.clock = stamp.0;
            self.remove_stamped(arrival.topic, stamp);
        }
        has_room
    }

    /// The stamp of the latest message that was retained here.
    pub(super) fn retained_stamp(&self) -> u64 {
        self.retained.clock
    }

    /// Keeps or removes the retained message of a topic, unless what is known of the topic is newer.
    pub(super) fn retain_stamped(&mut self, arrival: &mut Arrival<'_>, stamp: (u64, u16)) {
        self.retain_at(self.retained.store.slot(arrival.topic), arrival, stamp);
    }

    fn retain_at(&mut self, slot: Slot, arrival: &mut Arrival<'_>, stamp: (u64, u16)) {
        self.note_stamp(stamp);
        if !self.is_latest(slot, arrival.topic, stamp) {
            return;
        }
        if arrival.payload.is_empty() {
            // MQTT-3.3.1-6: an empty payload removes.
            return self.remove_stamped(arrival.topic, stamp);
        }
        self.drop_entry(arrival.topic, self.retained.store.get_at(slot).copied());
        if !self.peers.is_empty() && arrival.shared.is_none() {
            arrival.owner = Owner::Everyone;
        }
        let message = arrival.record(&mut self.clients.messages);
        self.clients.messages.share(message);
        arrival.kept = Some(self.keep(slot, || Arc::from(arrival.topic), message, arrival.expires, stamp));
    }

    /// Keeps what another shard does, unless what is known of the topic is newer, and answers the message. It is the store's.
    pub(super) fn retain_peer(&mut self, from: ShardId, retain: PeerRetain) -> Option<MessageId> {
        let stamp = (retain.stamp, from.0);
        self.note_stamp(stamp);
        let slot = self.retained.store.slot_of(retain.hash, &retain.topic);
        if !self.is_latest(slot, &retain.topic, stamp) {
            return None;
        }
        self.drop_entry(&retain.topic, self.retained.store.get_at(slot).copied());
        let (expires, topic) = (retain.expires(), retain.topic);
        let message = self.clients.messages.insert_shared(retain.body, retain.qos, expires);
        self.keep(slot, || topic, message, expires, stamp);
        Some(message)
    }

    /// Topic and bytes of a message that was retained here, for another shard to keep the same.
    pub(super) fn kept_content(&self, arrival: &Arrival<'_>) -> Option<PeerRetain> {
        let kept = arrival.kept?;
        let (topic, entry) = self.retained.store.at(kept)?;
        let body = self.clients.messages.shared_body(MessageId::from_index(entry.message))?;
        let expires = arrival.expires.unwrap_or(Instant::MAX);
        let (topic, hash, (stamp, _)) = (topic.clone(), kept.hash, entry.stamp());
        Some(PeerRetain { topic, body, hash, qos: arrival.qos, answered: arrival.answered, stamp, expires })
    }

    /// Whatever becomes of a message with this stamp: what is retained here later is newer.
    fn note_stamp(&mut self, stamp: (u64, u16)) {
        self.retained.clock = self.retained.clock.max(stamp.0);
    }

    /// Whether nothing newer is known of the topic.
    fn is_latest(&self, slot: Slot, topic: &str, stamp: (u64, u16)) -> bool {
        self.retained.store.get_at(slot).is_none_or(|known| known.stamp() <= stamp) && !self.was_removed(topic, stamp)
    }

    /// Puts a message in the place of what was dropped.
    #[inline]
    fn keep(
        &mut self,
        slot: Slot,
        topic: impl FnOnce() -> Arc<str>,
        message: MessageId,
        expires: Option<Instant>,
        stamp: (u64, u16),
    ) -> KeptAt {
        let position = self.clients.record_message(message);
        self.clients.record(|| Operation::Retained { message: position });
        self.retained.bytes += self.clients.messages.get(message).size() as u64;
        let kept = self.retained.store.set_at(slot, topic, Entry::new(message.index() as u32, stamp));
        if let Some(expires) = expires
            && let Some((topic, _)) = self.retained.store.at(kept)
        {
            self.retained.expiring.insert((expires, Box::from(&**topic)));
            self.arm_retained();
        }
        self.clients.stats.retained_messages = self.retained.store.len() as u64;
        kept
    }

    /// Whether the topic's message was removed later than it got this one.
    fn was_removed(&self, topic: &str, stamp: (u64, u16)) -> bool {
        if self.retained.removed.is_empty() {
            return false;
        }
        let hash = self.topic_hash(topic);
        self.retained.removed.iter().any(|(of, removal)| *of == hash && *removal > stamp)
    }

    /// Names a topic among the removals; 0 where there are no other shards, whose messages could be late.
    fn topic_hash(&self, topic: &str) -> u64 {
        if self.peers.is_empty() { 0 } else { self.client_hash(topic) }
    }

    fn remove_stamped(&mut self, topic: &str, stamp: (u64, u16)) {
        self.remove_retained(topic);
        let hash = self.topic_hash(topic);
        if hash != 0 {
            self.retained.removed.push_back((hash, stamp));
            if self.retained.removed.len() > REMOVED_MAX {
                self.retained.removed.pop_front();
            }
        }
    }

    fn has_retained_room(&self, arrival: &Arrival<'_>, slot: Slot) -> bool {
        let known = self.retained.store.get_at(slot);
        let limits = &self.clients.config.limits;
        let size = (arrival.topic.len() + arrival.properties.len() + arrival.payload.len()) as u64;
        let freed =
            known.map_or(0, |known| self.clients.messages.get(MessageId::from_index(known.message)).size() as u64);
        let has_place = known.is_some() || self.retained.store.len() < limits.retained_messages_max as usize;
        has_place && self.retained.bytes - freed + size <= limits.retained_bytes_max
    }

    /// Removes a topic's retained message.
    fn remove_retained(&mut self, topic: &str) {
        let Some(entry) = self.retained.store.remove(topic) else { return };
        self.drop_entry(topic, Some(entry));
        self.clients.record(|| Operation::RetainedRemoved { topic: Box::from(topic) });
        self.clients.stats.retained_messages = self.retained.store.len() as u64;
    }

    /// Gives up what an entry held.
    fn drop_entry(&mut self, topic: &str, entry: Option<Entry>) {
        let Some(entry) = entry else { return };
        let id = MessageId::from_index(entry.message);
        let message = self.clients.messages.get(id);
        self.retained.bytes -= message.size() as u64;
        if let Some(expires) = message.expires() {
            self.retained.expiring.remove(&(expires, Box::from(topic)));
        }
        self.clients.release(id);
    }

    fn arm_retained(&mut self) {
        let Some((first, _)) = self.retained.expiring.first() else { return };
        let first = *first;
        if let Some((armed, timer)) = self.retained.timer {
            if armed <= first {
                return;
            }
            self.clients.timers.cancel(timer);
        }
        let key = TimerKey { kind: TimerKind::RetainedExpiry, index: 0, generation: 0 };
        self.retained.timer = Some((first, self.clients.timers.arm(first, key)));
    }

    /// Discards what has expired (MQTT 5.0, 3.3.1.3).
    pub(super) fn expire_retained(&mut self) {
        self.retained.timer = None;
        while let Some((expires, topic)) = self.retained.expiring.first()
            && *expires <= self.clients.now
        {
            let topic = topic.clone();
            self.remove_retained(&topic);
            self.clients.stats.dropped_expired += 1;
        }
        self.arm_retained();
    }

    /// SUBACK is on its way: the searches for what its filters match begin.
    pub(super) fn begin_scans(&mut self, session: u32, scans: Vec<RetainedScan>) {
        if scans.is_empty() {
            return;
        }
        self.clients.charge(scans.len() * self.clients.sessions[session].scans.len());
        let state = &mut self.clients.sessions[session];
        for scan in scans {
            // Searches for one filter are made one after the other, so that they take no more room than one.
            match state.scans.iter_mut().find(|under_way| under_way.filter == scan.filter) {
                Some(under_way) => under_way.follow(&scan),
                None => state.scans.push_back(scan),
            }
        }
        self.clients.start_scans(session);
    }

    /// Sends retained messages to the sessions that wait for them, in turn, as far as the budget goes.
    pub(super) fn run_scans(&mut self, budget: &mut usize) {
        while *budget > 0 {
            let Some((session, generation)) = self.clients.scanning.pop_front() else { break };
            if !self.clients.sessions.is_current(session, generation) {
                continue;
            }
            self.clients.sessions[session].scanning = false;
            let mut share = (*budget).min(256);
            let before = share;
            self.scan_session(session, &mut share);
            *budget -= before - share;
            self.clients.resume_scans(session);
        }
    }

    fn scan_session(&mut self, session: u32, budget: &mut usize) {
        while *budget > 0 && self.clients.may_scan(session) {
            let Some(mut job) = self.clients.sessions[session].scans.pop_front() else { return };
            self.scan_step(session, &mut job, budget);
            if !job.scan.is_done() || job.restart() {
                self.clients.sessions[session].scans.push_front(job);
            }
        }
    }

    fn scan_step(&mut self, session: u32, job: &mut RetainedScan, budget: &mut usize) {
        let Some((_, entry)) = self.retained.store.scan_step(&mut job.scan, budget) else { return };
        let id = MessageId::from_index(entry.message);
        let asked = job.asked();
        if entry.stamp().0 > asked.clock || self.clients.messages.get(id).is_expired(self.clients.now) {
            return;
        }
        // MQTT-3.3.1-8 and MQTT 5.0, 3.3.1.3: RETAIN is 1, whatever Retain As Published says.
        let target = Target {
            session,
            qos: asked.qos,
            retain: true,
            identifiers: Identifiers::single(asked.identifier),
            group: 0,
        };
        self.clients.deliver_held(id, target);
    }
}

impl Clients {
    /// Delivers a message that is held already.
    fn deliver_held(&mut self, id: MessageId, target: Target) {
        self.messages.share(id);
        let qos = (self.messages.get(id).qos as u8).min(target.qos);
        self.enqueue_held(id, &target, qos);
    }

    /// Whether the session can be sent more retained messages: it is connected, and nothing waits before them.
    fn may_scan(&self, session: u32) -> bool {
        let state = &self.sessions[session];
        state.connection != NO_CONNECTION && state.queue.is_empty() && self.has_room(state.connection)
    }

    /// Puts a session with retained messages to send on the list.
    pub(super) fn start_scans(&mut self, session: u32) {
        let generation = self.sessions.generation(session);
        let state = &mut self.sessions[session];
        if !state.scanning && !state.scans.is_empty() {
            state.scanning = true;
            self.scanning.push_back((session, generation));
        }
    }

    /// The same, once there is room again.
    pub(super) fn resume_scans(&mut self, session: u32) {
        if !self.sessions[session].scans.is_empty() && self.may_scan(session) {
            self.start_scans(session);
        }
    }
}
