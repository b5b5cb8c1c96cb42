//! One turn of one shard, as every runtime makes it; only that this one is never eager.

use std::collections::VecDeque;

use weirmq_core::{Budget, CloseCause, CloseHow, ConnId, Instant, LogPosition, Moved, WakeReason};

use super::{Letter, World};
use crate::sim::link::Owner;

/// Bytes that one connection is fed at once.
const READ_BUFFER: usize = 64 * 1024;

impl World {
    /// One turn, if there is an input or the broker asked for one. Whether there was, or something was put off.
    pub(super) fn shard_turn(&mut self, index: usize) -> bool {
        let mut input = self.hand_in(index);
        let (fed, put_off) = self.feed(index);
        input |= fed;
        input |= self.take_stored(index);
        input |= self.take_answers(index);
        let now = self.now;
        let due = self.shards[index].broker.poll_timeout().filter(|&(at, _)| at <= now);
        let is_timer = due.is_some_and(|(_, reason)| reason == WakeReason::Timer);
        if is_timer || self.shards[index].inbox.iter().any(|&(at, _)| at <= now) {
            input |= self.read_inbox(index);
        }
        let shard = &mut self.shards[index];
        if !input && due.is_none() {
            shard.asleep |= shard.inbox.is_empty();
            return put_off;
        }
        // It does not fall asleep again over what had not woken it.
        shard.asleep = false;
        shard.inbox.iter_mut().filter(|(at, _)| *at == Instant::MAX).for_each(|(at, _)| *at = now);
        let broker = &mut shard.broker;
        if is_timer {
            broker.handle_timeout(now);
        }
        let budget = Budget {
            connections: self.options.budget_connections as usize,
            retained: self.options.budget_retained as usize,
        };
        broker.run(now, budget);
        // Batches may leave before what happened is told: it has to be known before they arrive.
        while self.drain(index) {}
        self.book.turn_over();
        self.check_bounds(index);
        self.read_early(index);
        true
    }

    /// Drains a shard once. Whether only what is for other shards was taken, and the rest waits.
    fn drain(&mut self, index: usize) -> bool {
        let shard = &mut self.shards[index];
        shard.broker.drain(&mut shard.outbox);
        let had_batches = !shard.outbox.peers.is_empty();
        let batches = std::mem::take(&mut shard.outbox.peers);
        let has_rest = !shard.outbox.is_empty();
        shard.outbox.peers = batches;
        self.carry_out(index);
        had_batches && !has_rest
    }

    /// Whether chance, while it rules, puts something off.
    fn puts_off(&mut self) -> bool {
        !self.calm && self.rng.percent(25)
    }

    /// Everything about the connections that are here. Whether something was fed, and whether something was put off.
    fn feed(&mut self, index: usize) -> (bool, bool) {
        let here = |(link, state): (usize, &crate::sim::link::Link)| {
            state.place.filter(|place| place.0 == index).map(|(_, conn)| (link, conn))
        };
        let mut here: Vec<(usize, ConnId)> = self.links.iter().enumerate().filter_map(here).collect();
        self.rng.shuffle(&mut here);
        let (mut fed, mut put_off) = (false, false);
        for (link, conn) in here {
            self.listen(link);
            if !self.has_input(link) {
                continue;
            }
            if self.puts_off() {
                put_off = true;
                continue;
            }
            // Whatever led the client to say this comes before it.
            self.read_inbox(index);
            fed |= self.feed_one(index, link, conn);
        }
        (fed, put_off)
    }

    /// Nobody's end of a link reads everything and closes when the broker does; so does one that follows a script.
    fn listen(&mut self, link: usize) {
        let link = &mut self.links[link];
        if link.owner == Owner::Script && !link.stubborn {
            link.fin |= link.eof;
        }
        if link.owner == Owner::Nobody && !link.stubborn {
            link.from_broker.clear();
            link.fin |= link.eof;
        }
    }

    fn has_input(&self, link: usize) -> bool {
        let link = &self.links[link];
        link.gone
            || (link.blocked && link.room() > 0)
            || match link.closing {
                Some(CloseHow::Flush) => !link.blocked && (!link.eof || link.fin),
                Some(CloseHow::Abort) => true,
                None => link.reading && link.is_readable(self.now),
            }
    }

    fn feed_one(&mut self, index: usize, link: usize, conn: ConnId) -> bool {
        let now = self.now;
        if self.links[link].gone {
            return self.closed(index, link, conn, CloseCause::Error);
        }
        if self.links[link].blocked {
            self.flush(index, link, conn);
        }
        if self.links[link].closing.is_some() {
            self.links[link].to_broker.clear();
            if self.links[link].blocked {
                return true;
            }
            self.links[link].eof = true;
            if self.links[link].fin {
                return self.closed(index, link, conn, CloseCause::Done);
            }
            return true;
        }
        if !self.links[link].reading || !self.links[link].is_readable(now) {
            return true;
        }
        if self.links[link].to_broker.is_empty() {
            if self.shards[index].broker.handle_half_closed(now, conn) {
                return true;
            }
            self.links[link].eof = true;
            return self.closed(index, link, conn, CloseCause::PeerClosed);
        }
        for _ in 0..self.rng.between(1, 12) {
            let state = &mut self.links[link];
            let mut count = state.to_broker.len().min(READ_BUFFER);
            if self.options.chunk_bytes > 0 && !self.calm {
                count = count.min(self.rng.between(1, self.options.chunk_bytes) as usize);
            }
            let broker = &mut self.shards[index].broker;
            if count == 0 || !broker.wants_read(conn) {
                break;
            }
            let bytes = state.feed(count, now);
            broker.handle_receive(now, conn, &bytes);
        }
        true
    }

    fn closed(&mut self, index: usize, link: usize, conn: ConnId, cause: CloseCause) -> bool {
        self.links[link].place = None;
        self.shards[index].broker.handle_closed(self.now, conn, cause);
        true
    }

    /// Between a read and the look into the inbox, and what the broker is told of both, others may do what they like.
    fn read_early(&mut self, index: usize) {
        if !self.puts_off() {
            return;
        }
        let here = self.links.iter_mut().filter(|link| !link.gone && !link.blocked && link.closing.is_none());
        let (shard, tick) = (&mut self.shards[index], self.book.tick());
        for link in here.filter(|link| link.reading && link.is_readable(self.now) && !link.to_broker.is_empty()) {
            if let Some((at, conn)) = link.place
                && at == index
                && shard.broker.wants_read(conn)
            {
                let count = self.rng.between(1, link.to_broker.len().min(READ_BUFFER) as u64);
                shard.read.push((tick, conn, link.feed(count as usize, self.now)));
            }
        }
        self.take_letters(index);
    }

    /// Hands in what was read early, behind what was in the inbox then.
    fn hand_in(&mut self, index: usize) -> bool {
        let mut came = self.open_letters(index);
        for (tick, conn, bytes) in std::mem::take(&mut self.shards[index].read) {
            self.book.caused(tick);
            self.shards[index].broker.handle_receive(self.now, conn, &bytes);
            came = true;
        }
        came
    }

    /// Takes out what is in the inbox. While batches are held, only the connections.
    fn take_letters(&mut self, index: usize) {
        let shard = &mut self.shards[index];
        let (held, taken): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut shard.inbox)
            .into_iter()
            .partition(|(_, letter)| self.peers_held && matches!(letter, Letter::Batch(..)));
        shard.inbox = held;
        shard.taken.extend(taken.into_iter().map(|(_, letter)| letter));
    }

    /// Handles what is in the inbox. Whether that was anything.
    pub(super) fn read_inbox(&mut self, index: usize) -> bool {
        self.take_letters(index);
        self.open_letters(index)
    }

    /// Handles what was taken out of the inbox. Whether that was anything.
    fn open_letters(&mut self, index: usize) -> bool {
        let mut came = false;
        while let Some(letter) = self.shards[index].taken.pop_front() {
            match letter {
                Letter::Batch(from, mut batch) => {
                    self.shards[index].broker.handle_peer(self.now, from, &mut batch);
                }
                Letter::Moved(link, moved, tick) => {
                    self.book.caused(tick);
                    self.take_over(index, link, moved);
                }
            }
            came = true;
        }
        came
    }

    fn take_stored(&mut self, index: usize) -> bool {
        let now = self.now;
        let shard = &mut self.shards[index];
        if shard.store.failure() {
            shard.broker.handle_store_failed(now);
            return true;
        }
        let Some(upto) = shard.store.ready(now) else { return false };
        shard.broker.handle_stored(now, LogPosition(upto));
        true
    }

    /// Answers of whoever knows credentials.
    fn take_answers(&mut self, index: usize) -> bool {
        let mut taken = false;
        while let Some((request, outcome)) = self.authenticator.answer(index, self.now) {
            self.trace.note(|| format!("shard {index}: {request:?}: {outcome:?}"));
            // It lets a client in whose session's will may be published: what was there before is handled before.
            self.read_inbox(index);
            self.shards[index].broker.handle_auth(self.now, request.id, outcome);
            taken = true;
        }
        taken
    }

    /// A connection moves here.
    fn take_over(&mut self, index: usize, link: usize, moved: Box<Moved>) {
        let conn = self.shards[index].broker.handle_handoff(self.now, moved);
        let state = &mut self.links[link];
        state.place = conn.map(|conn| (index, conn));
        state.reading = true;
        match conn {
            Some(conn) => {
                self.conns.insert((index, conn.to_bits()), link);
            }
            None => state.reset(),
        }
    }
}
