//! One turn of one shard, as every runtime makes it; only that this one is never eager.

use weirmq_core::{Budget, CloseCause, CloseHow, ConnId, LogPosition, ShardId, WakeReason};

use super::World;
use crate::sim::link::Owner;

/// Bytes that one connection is fed at once.
const READ_BUFFER: usize = 64 * 1024;

impl World {
    /// One turn, if there is an input or the broker asked for one. Whether there was, or something was put off.
    pub(super) fn shard_turn(&mut self, index: usize) -> bool {
        let (mut input, put_off) = self.feed(index);
        input |= self.take_batches(index);
        input |= self.take_stored(index);
        input |= self.take_arriving(index);
        input |= self.take_answers(index);
        let now = self.now;
        let broker = &mut self.shards[index].broker;
        let due = broker.poll_timeout().filter(|&(at, _)| at <= now);
        if !input && due.is_none() {
            return put_off;
        }
        if due.is_some_and(|(_, reason)| reason == WakeReason::Timer) {
            broker.handle_timeout(now);
        }
        let budget = Budget {
            connections: self.options.budget_connections as usize,
            retained: self.options.budget_retained as usize,
        };
        broker.run(now, budget);
        let shard = &mut self.shards[index];
        shard.broker.drain(&mut shard.outbox);
        self.carry_out(index);
        self.check_bounds(index);
        true
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

    /// Batches from other shards that have arrived.
    fn take_batches(&mut self, index: usize) -> bool {
        if self.peers_held {
            return false;
        }
        let now = self.now;
        let mut order: Vec<usize> = (0..self.shards.len()).collect();
        self.rng.shuffle(&mut order);
        let shard = &mut self.shards[index];
        let mut taken = false;
        for from in order {
            while shard.inboxes[from].front().is_some_and(|&(due, _)| due <= now) {
                let Some((_, mut batch)) = shard.inboxes[from].pop_front() else { break };
                shard.broker.handle_peer(now, ShardId(from as u16), &mut batch);
                taken = true;
            }
        }
        taken
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
            self.shards[index].broker.handle_auth(self.now, request.id, outcome);
            taken = true;
        }
        taken
    }

    /// Connections that move here.
    fn take_arriving(&mut self, index: usize) -> bool {
        let mut taken = false;
        while let Some((link, moved)) = self.shards[index].arriving.pop_front() {
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
            taken = true;
        }
        taken
    }
}
