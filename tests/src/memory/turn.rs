//! One turn of one shard, as every runtime makes it.

use weirmq_core::{Budget, CloseCause, CloseHow, ConnId, Progress, ShardId, WakeReason};

use super::{Net, StoreMode};

/// Bytes of the read buffer: what one connection is fed in one turn.
const READ_BUFFER: usize = 64 * 1024;

impl Net {
    /// One turn. Whether anything was done.
    pub(super) fn turn(&mut self, index: usize) -> bool {
        // What arrived comes before what clients say, which may have been caused by it.
        let mut busy = self.take_inbox(index);
        busy |= self.feed(index);
        let now = self.now;
        let broker = &mut self.shards[index].broker;
        if let Some((at, reason)) = broker.poll_timeout()
            && at <= now
        {
            busy = true;
            if reason == WakeReason::Timer {
                broker.handle_timeout(now);
            }
        }
        busy |= broker.run(now, Budget::default()) == Progress::More;
        let shard = &mut self.shards[index];
        shard.broker.drain(&mut shard.outbox);
        if let Some(recording) = &self.recording {
            shard.broker.drain_record(|records| {
                recording.add(ShardId(index as u16), records);
                true
            });
        }
        busy |= !shard.outbox.is_empty();
        self.carry_out(index);
        busy
    }

    /// Reads and closes of the connections that are here.
    fn feed(&mut self, index: usize) -> bool {
        let mut busy = false;
        for client in 0..self.peers.len() {
            let Some((shard, conn)) = self.peers[client].place else { continue };
            if shard == index {
                busy |= self.feed_one(client, index, conn);
            }
        }
        busy
    }

    fn feed_one(&mut self, client: usize, index: usize, conn: ConnId) -> bool {
        let (now, chunk) = (self.now, self.chunk);
        let broker = &mut self.shards[index].broker;
        let peer = &mut self.peers[client];
        if peer.gone {
            peer.place = None;
            broker.handle_closed(now, conn, CloseCause::Error);
            return true;
        }
        if peer.closing == Some(CloseHow::Flush) {
            peer.to_broker.clear();
            let left = broker.tx_slices(conn).any(|slice| !slice.is_empty());
            if left {
                return self.flush(client, index, conn);
            }
            let news = !peer.eof;
            peer.eof = true;
            if peer.fin || !peer.stubborn {
                peer.place = None;
                broker.handle_closed(now, conn, CloseCause::Done);
                return true;
            }
            return news;
        }
        let mut busy = false;
        if !peer.to_broker.is_empty() && broker.wants_read(conn) {
            let count = peer.to_broker.len().min(chunk).min(READ_BUFFER);
            let bytes: Vec<u8> = peer.to_broker.drain(..count).collect();
            broker.handle_receive(now, conn, &bytes);
            busy = true;
        } else if peer.to_broker.is_empty() && peer.fin && !peer.fin_read && broker.wants_read(conn) {
            peer.fin_read = true;
            if !broker.handle_half_closed(now, conn) {
                peer.place = None;
                peer.eof = true;
                broker.handle_closed(now, conn, CloseCause::PeerClosed);
            }
            return true;
        }
        busy | self.flush(client, index, conn)
    }

    /// Batches from other shards.
    fn take_inbox(&mut self, index: usize) -> bool {
        let shard = &mut self.shards[index];
        let mut busy = false;
        while self.peers_flow
            && let Some((from, mut batch)) = shard.inbox.pop_front()
        {
            shard.broker.handle_peer(self.now, from, &mut batch);
            busy = true;
        }
        busy
    }

    /// Writes what the client's window takes. Whether anything was.
    fn flush(&mut self, client: usize, index: usize, conn: ConnId) -> bool {
        let broker = &mut self.shards[index].broker;
        let peer = &mut self.peers[client];
        let mut count = 0;
        for slice in broker.tx_slices(conn) {
            let taken = slice.len().min(peer.window);
            peer.from_broker.extend(&slice[..taken]);
            peer.window -= if peer.window == usize::MAX { 0 } else { taken };
            count += taken;
            if taken < slice.len() {
                break;
            }
        }
        if count > 0 {
            broker.handle_sent(self.now, conn, count);
        }
        count > 0
    }

    fn client_at(&self, index: usize, conn: ConnId) -> Option<usize> {
        self.peers.iter().position(|peer| peer.place == Some((index, conn)))
    }

    /// Carries the effects out: `store`, `peers`, `handoff`, `flush`, `read`, `close`, `auth`, `events`.
    fn carry_out(&mut self, index: usize) {
        let mut outbox = std::mem::take(&mut self.shards[index].outbox);
        let me = weirmq_core::ShardId(index as u16);
        if !outbox.store.is_empty() {
            self.hand_to_store(index, outbox.store.upto);
        }
        for (to, batch) in outbox.peers.drain(..) {
            self.wakes += u64::from(batch.wakes());
            self.shards[usize::from(to.0)].inbox.push_back((me, batch));
        }
        for handoff in outbox.handoff.drain(..) {
            let client = self.client_at(index, handoff.conn).expect("a connection that moves is known");
            let to = usize::from(handoff.to.0);
            // It comes behind the batches that are on their way already.
            self.take_inbox(to);
            let place = self.shards[to].broker.handle_handoff(self.now, handoff.moved);
            let peer = &mut self.peers[client];
            peer.place = place.map(|conn| (to, conn));
            peer.gone |= place.is_none();
            peer.eof |= place.is_none();
        }
        for conn in outbox.flush.drain(..) {
            if let Some(client) = self.client_at(index, conn) {
                self.flush(client, index, conn);
            }
        }
        for close in outbox.close.drain(..) {
            let Some(client) = self.client_at(index, close.conn) else { continue };
            let peer = &mut self.peers[client];
            peer.closing = Some(close.how);
            if close.how == CloseHow::Abort {
                peer.place = None;
                peer.gone = true;
                peer.eof = true;
                self.shards[index].broker.handle_closed(self.now, close.conn, CloseCause::Done);
            }
        }
        for request in outbox.auth.drain(..) {
            match (self.authenticate)(&request) {
                Some(outcome) => self.shards[index].broker.handle_auth(self.now, request.id, outcome),
                None => self.shards[index].asked.push_back(request),
            }
        }
        self.events.extend(outbox.events.drain(..).map(|event| (me, event)));
        outbox.clear();
        self.shards[index].outbox = outbox;
    }

    fn hand_to_store(&mut self, index: usize, upto: weirmq_core::LogPosition) {
        let shard = &mut self.shards[index];
        match self.store {
            StoreMode::AtOnce => shard.broker.handle_stored(self.now, upto),
            StoreMode::Late => shard.unstored.push_back(upto),
            StoreMode::Fails if shard.store_failed => {}
            StoreMode::Fails => {
                shard.store_failed = true;
                shard.broker.handle_store_failed(self.now);
            }
        }
    }
}
