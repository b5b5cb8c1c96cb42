//! The QoS 1 and 2 exchanges that a broker has begun with one client, across connections (4.3.2, 4.3.3).
//!
//! Packet Identifiers are given out one after the other, so the exchanges are a ring indexed by identifier: no look-up,
//! no search for a free one. An exchange that ends before an older one stays in the ring as done until the older ones
//! have ended as well.
//!
//! It counts the send quota of the connection (4.9) and says what to send again on a new one (4.4). It does not encode,
//! does not keep the messages, and knows no time: nothing is sent again within a connection ([MQTT-4.4.0-1]).

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::delivery::Delivery;
use crate::packet::{PacketId, QoS};

/// How many identifiers there are; 0 is none.
const IDS: u32 = 65_535;
/// How many entries the ring may have, so that an identifier is never in it twice ([MQTT-2.2.1-4]).
const SPAN_MAX: usize = IDS as usize - 1;
/// How far identifiers may run ahead of one that is not acknowledged, beyond the window: a client that loses an
/// acknowledgement goes on for long, and its session stays below 256 KiB.
const SPAN_BEYOND_WINDOW_MAX: usize = 8_000;
/// A ring that becomes empty gives back its memory above this many entries.
const ENTRIES_KEPT: usize = 256;

/// Why an acknowledgement changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AcknowledgeError {
    /// No exchange has this identifier: 0x92 Packet Identifier not found, where the answer has a reason code.
    Unknown,
    /// The exchange waits for another packet: for PUBACK, PUBREC or PUBCOMP.
    WrongState,
}

/// What an unfinished exchange has to send on a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResendKind {
    /// The PUBLISH, which was given its identifier and has not been sent yet: with DUP 0.
    First(Delivery),
    /// The PUBLISH, with DUP 1 ([MQTT-3.3.1-1]).
    Publish(Delivery),
    /// The PUBREL, for its PUBREC has come ([MQTT-4.3.3-6]).
    Release,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// PUBLISH: waits for PUBACK or PUBREC, as its QoS says.
    Publish(Delivery),
    /// PUBREL: waits for PUBCOMP. The message is no longer needed. The number is that of its PUBREC among all PUBRECs.
    Release(u32),
    /// Ended.
    Done,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    state: State,
    /// Whether it has sent something on this connection.
    sent: bool,
    /// Whether it has sent something on any connection.
    begun: bool,
    /// Whether it holds a unit of this connection's send quota.
    counted: bool,
}

const _: () = assert!(size_of::<Entry>() <= 24, "a message in flight to one receiver");

impl Entry {
    const DONE: Self = Self { state: State::Done, sent: true, begun: true, counted: false };

    fn publish(delivery: Delivery, sent: bool) -> Self {
        debug_assert_ne!(delivery.flags.qos(), QoS::AtMostOnce, "a QoS 0 PUBLISH has no Packet Identifier");
        Self { state: State::Publish(delivery), sent, begun: sent, counted: sent }
    }

    fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    fn unfinished(&self) -> Option<ResendKind> {
        match self.state {
            State::Publish(delivery) => Some(ResendKind::Publish(delivery)),
            State::Release(_) => Some(ResendKind::Release),
            State::Done => None,
        }
    }
}

/// A session's outgoing QoS 1 and 2 exchanges.
#[derive(Debug)]
pub(crate) struct Inflight {
    entries: VecDeque<Entry>,
    /// The identifier of the first entry; of the next exchange when there is none.
    first: u16,
    /// Units of the send quota in use.
    used: u16,
    /// Unfinished entries that have sent nothing on this connection.
    unsent: u16,
    /// Unfinished entries.
    open: u16,
    /// Entries before this index have nothing to send again.
    cursor: usize,
    /// PUBRECs so far. It wraps, and far fewer than all its values are open at once.
    received: u32,
    /// The identifiers whose PUBREL is to be sent again on this connection, in order.
    releases: VecDeque<PacketId>,
}

impl Default for Inflight {
    fn default() -> Self {
        Self::new()
    }
}

impl Inflight {
    /// No exchanges; allocates nothing. The first identifier is 1.
    pub(crate) const fn new() -> Self {
        Self {
            entries: VecDeque::new(),
            first: 1,
            used: 0,
            unsent: 0,
            open: 0,
            cursor: 0,
            received: 0,
            releases: VecDeque::new(),
        }
    }

    /// How many exchanges are unfinished.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        usize::from(self.open)
    }

    /// Whether all exchanges have ended.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// How many units of this connection's send quota are in use (4.9).
    #[cfg(test)]
    pub(crate) fn used(&self) -> u16 {
        self.used
    }

    /// Whether an exchange may begin, with a send quota that starts at `window` ([MQTT-4.9.0-2]).
    ///
    /// Not before everything has been sent again, which keeps the order of messages, and not while the oldest exchange is
    /// so old that the ring would become much longer than the window.
    pub(crate) fn can_send(&self, window: u16) -> bool {
        self.unsent == 0 && self.used < window && self.has_span(window)
    }

    fn has_span(&self, window: u16) -> bool {
        self.entries.len() < (usize::from(window) + SPAN_BEYOND_WINDOW_MAX).min(SPAN_MAX)
    }

    /// Begins an exchange: a PUBLISH of QoS 1 or 2 is sent with the identifier. Only after
    /// [`can_send`](Self::can_send).
    #[inline]
    pub(crate) fn push(&mut self, delivery: Delivery) -> PacketId {
        assert!(self.entries.len() < SPAN_MAX, "can_send was asked");
        let id = self.id_at(self.entries.len());
        self.entries.push_back(Entry::publish(delivery, true));
        self.used += 1;
        self.open += 1;
        id
    }

    /// Whether another exchange may be [staged](Self::stage).
    pub(crate) fn can_stage(&self, window: u16) -> bool {
        u32::from(self.used) + u32::from(self.unsent) < u32::from(window) && self.has_span(window)
    }

    /// Gives an exchange its identifier, and leaves its PUBLISH to [`next_resend`](Self::next_resend). Only after
    /// [`can_stage`](Self::can_stage).
    pub(crate) fn stage(&mut self, delivery: Delivery) -> PacketId {
        assert!(self.entries.len() < SPAN_MAX, "can_stage was asked");
        let id = self.id_at(self.entries.len());
        self.entries.push_back(Entry::publish(delivery, false));
        self.unsent += 1;
        self.open += 1;
        id
    }

    /// PUBACK, with any reason code: the QoS 1 exchange ends. The delivery and its message pass to the caller.
    #[inline]
    pub(crate) fn acknowledge(&mut self, id: PacketId) -> Result<Delivery, AcknowledgeError> {
        let index = self.index_of(id)?;
        self.end_publish(index, QoS::AtLeastOnce)
    }

    /// PUBREC with a reason code below 0x80: the caller answers by PUBREL ([MQTT-4.3.3-4]), to a repeated one as well.
    ///
    /// The first one gives the delivery, whose message is no longer needed; a repeated one gives `None`.
    pub(crate) fn receive(&mut self, id: PacketId) -> Result<Option<Delivery>, AcknowledgeError> {
        let index = self.index_of(id)?;
        let entry = &mut self.entries[index];
        let delivery = match entry.state {
            State::Publish(delivery) if delivery.flags.qos() == QoS::ExactlyOnce => {
                entry.state = State::Release(self.received);
                self.received = self.received.wrapping_add(1);
                Some(delivery)
            }
            State::Release(_) => None,
            State::Publish(_) => return Err(AcknowledgeError::WrongState),
            State::Done => return Err(AcknowledgeError::Unknown),
        };
        // The PUBREL that answers is this connection's.
        self.unsent -= u16::from(!entry.sent);
        entry.sent = true;
        entry.begun = true;
        Ok(delivery)
    }

    /// PUBREC with a reason code of 0x80 or above: the QoS 2 exchange ends ([MQTT-4.4.0-2]).
    ///
    /// After a PUBREC that accepted the message it is too late to refuse it; that is `WrongState`.
    pub(crate) fn reject(&mut self, id: PacketId) -> Result<Delivery, AcknowledgeError> {
        let index = self.index_of(id)?;
        self.end_publish(index, QoS::ExactlyOnce)
    }

    /// PUBCOMP, with any reason code: the QoS 2 exchange ends.
    pub(crate) fn complete(&mut self, id: PacketId) -> Result<(), AcknowledgeError> {
        let index = self.index_of(id)?;
        match self.entries[index].state {
            State::Release(_) => {
                self.finish(index);
                Ok(())
            }
            State::Publish(_) => Err(AcknowledgeError::WrongState),
            State::Done => Err(AcknowledgeError::Unknown),
        }
    }

    /// A new connection: its send quota is whole, and every unfinished exchange has to send again ([MQTT-4.4.0-1]).
    pub(crate) fn begin_connection(&mut self) {
        for entry in &mut self.entries {
            entry.counted = false;
        }
        self.used = 0;
        self.send_again();
    }

    /// On the same connection, every unfinished exchange sends again. Each keeps its unit of the send quota, or a retry
    /// would make room for as many more.
    pub(crate) fn send_again(&mut self) {
        for entry in &mut self.entries {
            entry.sent = entry.is_done();
        }
        self.unsent = self.open;
        self.cursor = 0;
        let releases = self.entries.iter().enumerate().filter_map(|(index, entry)| match entry.state {
            State::Release(received) => Some((received, self.id_at(index))),
            State::Publish(_) | State::Done => None,
        });
        let mut releases: Vec<_> = releases.collect();
        releases.sort_by_key(|&(received, _)| received.wrapping_sub(self.received));
        self.releases = releases.into_iter().map(|(_, id)| id).collect();
    }

    /// Whether something has still to be sent again on this connection.
    pub(crate) fn needs_resend(&self) -> bool {
        self.unsent > 0
    }

    /// The next packet to send again, each once per connection: the PUBRELs in the order in which their PUBRECs came
    /// ([MQTT-4.6.0-4]), then the PUBLISHes in the order in which they were sent ([MQTT-4.6.0-1]).
    ///
    /// A PUBLISH takes a unit of the send quota, which starts at `window`, unless it has one, and waits when there is none. A
    /// PUBREL takes none ([MQTT-3.3.4-10]).
    pub(crate) fn next_resend(&mut self, window: u16) -> Option<(PacketId, ResendKind)> {
        if self.unsent == 0 {
            return None;
        }
        while let Some(id) = self.releases.pop_front() {
            // It may have ended, or have answered a PUBREC that came again.
            let entry = self.index_of(id).ok().map(|index| &mut self.entries[index]);
            if let Some(entry) = entry.filter(|entry| matches!(entry.state, State::Release(_)) && !entry.sent) {
                entry.sent = true;
                self.unsent -= 1;
                return Some((id, ResendKind::Release));
            }
        }
        while self.entries.get(self.cursor).is_some_and(|entry| entry.sent) {
            self.cursor += 1;
        }
        let entry = self.entries.get_mut(self.cursor)?;
        if !entry.counted && self.used >= window {
            return None;
        }
        let mut kind = entry.unfinished()?;
        if let (ResendKind::Publish(delivery), false) = (kind, entry.begun) {
            kind = ResendKind::First(delivery);
        }
        entry.sent = true;
        entry.begun = true;
        self.used += u16::from(!entry.counted);
        entry.counted = true;
        self.unsent -= 1;
        Some((self.id_at(self.cursor), kind))
    }

    /// All unfinished exchanges, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (PacketId, ResendKind)> {
        self.entries.iter().enumerate().filter_map(|(index, entry)| Some((self.id_at(index), entry.unfinished()?)))
    }

    /// Ends the session: hands out every unfinished exchange, the oldest first, and forgets them all. The identifiers go
    /// on from where they were.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(PacketId, ResendKind)) {
        self.iter().for_each(|(id, kind)| each(id, kind));
        *self = Self { first: self.id_at(self.entries.len()).get(), ..Self::new() };
    }

    /// The session has left this Shared Subscription, whose number may stand for another one soon: what was sent because of
    /// it belongs to the session alone.
    pub(crate) fn leave_group(&mut self, group: u32) {
        for entry in &mut self.entries {
            if let State::Publish(delivery) = &mut entry.state
                && delivery.group == group
            {
                delivery.group = 0;
            }
        }
    }

    /// Gives back the memory of a ring without exchanges, for a session that is not expected to need it soon.
    pub(crate) fn release_memory(&mut self) {
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
            self.releases = VecDeque::new();
        }
    }

    /// Ends an exchange whose PUBLISH is answered in the way of this QoS.
    #[inline]
    fn end_publish(&mut self, index: usize, qos: QoS) -> Result<Delivery, AcknowledgeError> {
        match self.entries[index].state {
            State::Publish(delivery) if delivery.flags.qos() == qos => {
                self.finish(index);
                Ok(delivery)
            }
            State::Publish(_) | State::Release(_) => Err(AcknowledgeError::WrongState),
            State::Done => Err(AcknowledgeError::Unknown),
        }
    }

    /// Ends an exchange, gives back its unit of the quota and frees the identifiers that no older exchange holds.
    fn finish(&mut self, index: usize) {
        let entry = &mut self.entries[index];
        self.used -= u16::from(entry.counted);
        self.unsent -= u16::from(!entry.sent);
        self.open -= 1;
        *entry = Entry::DONE;
        while self.entries.front().is_some_and(Entry::is_done) {
            self.entries.pop_front();
            self.first = next_id(self.first, 1);
            self.cursor = self.cursor.saturating_sub(1);
        }
        if self.entries.is_empty() && self.entries.capacity() > ENTRIES_KEPT {
            self.entries = VecDeque::new();
        }
    }

    /// Where the ring has this identifier.
    fn index_of(&self, id: PacketId) -> Result<usize, AcknowledgeError> {
        let index = self.distance(id);
        if index < self.entries.len() { Ok(index) } else { Err(AcknowledgeError::Unknown) }
    }

    /// How far this identifier is after the first one.
    fn distance(&self, id: PacketId) -> usize {
        ((u32::from(id.get()) + IDS - u32::from(self.first)) % IDS) as usize
    }

    fn id_at(&self, index: usize) -> PacketId {
        PacketId::new(next_id(self.first, index)).expect("0 is skipped")
    }
}

/// The identifier `steps` after another: 1 follows 65535.
fn next_id(id: u16, steps: usize) -> u16 {
    ((u32::from(id) - 1 + steps as u32) % IDS + 1) as u16
}

#[cfg(test)]
#[path = "inflight_tests.rs"]
mod tests;
