//! Carrying a shard's effects out, in the order that the outbox asks for.

use std::time::Duration;

use weirmq_core::{CloseCause, CloseHow, ConnId, Instant, Outbox, PeerBatch, ShardId};

use super::{Letter, World};
use crate::sim::link::Owner;
use crate::wire::{Packet, Publish, Version, decode, frame_len};

impl World {
    /// `store`, `peers`, `handoff`, `flush`, `read`, `close`, `auth`, `events`; but the events are judged first, so that
    /// the oracle knows of a session before its CONNACK is seen.
    pub(super) fn carry_out(&mut self, index: usize) {
        let mut outbox = std::mem::take(&mut self.shards[index].outbox);
        self.hand_to_store(index, &mut outbox);
        self.send_batches(index, &mut outbox);
        self.judge_events(index, &mut outbox);
        for handoff in outbox.handoff.drain(..) {
            let Some(link) = self.link_at(index, handoff.conn) else { continue };
            self.links[link].place = None;
            let tick = self.book.tick();
            self.post(usize::from(handoff.to.0), Letter::Moved(link, handoff.moved, tick), true);
        }
        for conn in outbox.flush.drain(..) {
            if let Some(link) = self.link_at(index, conn) {
                self.flush(index, link, conn);
            }
        }
        for conn in outbox.read.drain(..) {
            if let Some(link) = self.link_at(index, conn) {
                self.links[link].reading = self.shards[index].broker.wants_read(conn);
            }
        }
        for close in outbox.close.drain(..) {
            let Some(link) = self.link_at(index, close.conn) else { continue };
            self.links[link].closing = Some(close.how);
            if close.how == CloseHow::Abort {
                self.links[link].reset();
                self.links[link].place = None;
                self.shards[index].broker.handle_closed(self.now, close.conn, CloseCause::Done);
            }
        }
        for request in outbox.auth.drain(..) {
            let longest = if self.calm { 0 } else { self.options.auth_delay_ms };
            let delay = Duration::from_millis(self.rng.below(longest + 1));
            self.authenticator.ask(index, request, self.now.saturating_add(delay));
        }
        outbox.clear();
        self.shards[index].outbox = outbox;
        self.check_reading(index);
    }

    fn link_at(&self, index: usize, conn: ConnId) -> Option<usize> {
        let link = *self.conns.get(&(index, conn.to_bits()))?;
        (self.links[link].place == Some((index, conn))).then_some(link)
    }

    /// Read interest is known from the outbox alone, once nothing more waits to be drained.
    fn check_reading(&mut self, index: usize) {
        if self.shards[index].broker.poll_timeout().is_some_and(|(due, _)| due <= self.now) {
            return;
        }
        for link in &self.links {
            if let Some((shard, conn)) = link.place
                && shard == index
                && link.reading != self.shards[index].broker.wants_read(conn)
            {
                self.trace.fail("read interest changed in silence", format!("{conn:?} was {}", link.reading));
            }
        }
    }

    fn hand_to_store(&mut self, index: usize, outbox: &mut Outbox) {
        if outbox.store.is_empty() {
            return;
        }
        for operation in &outbox.store.operations {
            self.trace.bytes(format!("{operation:?}").as_bytes());
        }
        let store = &mut self.shards[index].store;
        if let Err(error) = store.take(&mut outbox.store, self.now, &self.options, &mut self.rng) {
            self.trace.fail("positions do not count operations", error);
        }
    }

    fn send_batches(&mut self, index: usize, outbox: &mut Outbox) {
        for (to, batch) in outbox.peers.drain(..) {
            let (from, wakes) = (ShardId(index as u16), batch.wakes());
            self.post(usize::from(to.0), Letter::Batch(from, batch), wakes);
            let inbox = &self.shards[usize::from(to.0)].inbox;
            let count = inbox.iter().filter(|(_, it)| matches!(it, Letter::Batch(of, _) if *of == from)).count();
            if count > PeerBatch::UNDER_WAY_MAX {
                self.trace.fail("too many batches under way", format!("{count} from {from:?} to {to:?}"));
            }
        }
    }

    /// Leaves a letter in the inbox of a shard, which looks at it some time later, or not before something else makes it look.
    fn post(&mut self, to: usize, letter: Letter, wakes: bool) {
        let delay = Duration::from_micros(self.rng.below(self.options.peer_delay_ms * 1_000 + 1));
        let shard = &mut self.shards[to];
        let is_seen = wakes || !shard.asleep;
        shard.inbox.push_back((if is_seen { self.now.saturating_add(delay) } else { Instant::MAX }, letter));
    }

    fn judge_events(&mut self, index: usize, outbox: &mut Outbox) {
        self.events.clear();
        self.events.append(&mut outbox.events);
        for place in 0..self.events.len() {
            let event = &self.events[place];
            let text = format!("shard {index}: {event:?}");
            self.trace.bytes(text.as_bytes());
            self.trace.note(|| text);
            let link = match event {
                weirmq_core::Event::Connected { conn, .. } | weirmq_core::Event::Disconnected { conn, .. } => {
                    self.conns.get(&(index, conn.to_bits()))
                }
                _ => None,
            };
            let link = link.map(|&link| &mut self.links[link]);
            self.book.event(event, &self.events[place + 1..], link, &mut self.trace);
        }
    }

    /// Writes what fits on the way to the client.
    pub(super) fn flush(&mut self, index: usize, link: usize, conn: ConnId) {
        let state = &mut self.links[link];
        let broker = &mut self.shards[index].broker;
        let (mut count, mut left) = (0, 0);
        let room = state.room();
        for slice in broker.tx_slices(conn) {
            let taken = slice.len().min(room - count);
            if !state.gone {
                state.from_broker.extend(&slice[..taken]);
                state.tapped.extend(&slice[..taken]);
            }
            self.trace.bytes(&slice[..taken]);
            count += taken;
            left += slice.len() - taken;
        }
        state.blocked = left > 0;
        state.late |= left > 0;
        broker.handle_sent(self.now, conn, count);
        self.tap(link);
    }

    /// Looks at the packets that have just left the broker, at the instant at which they did.
    fn tap(&mut self, link: usize) {
        let state = &mut self.links[link];
        let v5 = state.request.is_some_and(|request| request.v5);
        let version = if v5 { Version::V5 } else { Version::V311 };
        while let Ok(Some(len)) = frame_len(&state.tapped) {
            let frame: Vec<u8> = state.tapped.drain(..len).collect();
            let Owner::Client(client) = state.owner else { continue };
            if self.options.durable == 0 || matches!(frame[0] >> 4, 3 | 13) {
                continue;
            }
            let Ok(packet) = decode(&frame, version) else { continue };
            let stores: Vec<_> = self.shards.iter().map(|shard| &shard.store).collect();
            let dropped = self.shards.iter().map(|shard| shard.broker.stats().dropped_queue_full).sum();
            let owner = &self.clients[client];
            match packet {
                Packet::PubAck(ack) | Packet::PubRec(ack) if ack.code < 0x80 => {
                    if let Some(exchange) = owner.outgoing.iter().find(|it| it.id == ack.id && !it.released) {
                        self.book.judge_stored(exchange.message, &stores, dropped, &mut self.trace);
                    }
                }
                Packet::Publish(Publish { qos: 2, id: Some(id), .. }) => {
                    self.book.judge_sent(client, link, id, &stores, &mut self.trace);
                }
                Packet::SubAck(ack) if ack.codes.iter().all(|&code| code < 0x80) => {
                    let Some((session, _)) = state.session else { continue };
                    for filter in owner.filters_of(ack.id, session, &self.book) {
                        self.book.judge_subscribed(session, filter, &stores, &mut self.trace);
                    }
                }
                Packet::ConnAck(ack) if ack.code == 0 => {
                    self.book.judge_connected(client, link, &stores, &mut self.trace)
                }
                _ => {}
            }
        }
    }
}
