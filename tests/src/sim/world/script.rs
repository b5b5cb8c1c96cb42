//! What happens to the broker and its world by somebody's order: an administrator's, or a story's.

use std::time::Duration;

use super::World;

impl World {
    /// Stores take everything and answer nothing, or answer again.
    pub(in crate::sim) fn hold_stores(&mut self, held: bool) {
        self.shards.iter_mut().for_each(|shard| shard.store.held = held);
    }

    /// From here on nothing is stored.
    pub(in crate::sim) fn fail_stores(&mut self) {
        self.store_failed = true;
        self.book.store_failed = true;
        self.shards.iter_mut().for_each(|shard| shard.store.fail());
    }

    /// An administrator closes a connection.
    pub(in crate::sim) fn remove(&mut self, link: usize) {
        if let Some((shard, conn)) = self.links[link].place {
            self.read_inbox(shard);
            self.shards[shard].broker.disconnect(self.now, conn);
        }
    }

    /// The broker goes down.
    pub(in crate::sim) fn shut_down(&mut self) {
        for index in 0..self.shards.len() {
            self.read_inbox(index);
            self.shards[index].broker.shutdown(self.now);
        }
    }

    /// Every shard is awake until no inbox has anything in it any more.
    fn rouse(&mut self) {
        while !self.trace.failed() && self.shards.iter().any(|shard| !shard.inbox.is_empty()) {
            for shard in &mut self.shards {
                shard.inbox.iter_mut().for_each(|(at, _)| *at = self.now);
            }
            // What came may have to be stored before it is acknowledged.
            self.advance(Duration::from_secs(1));
        }
    }

    /// Whether everything was given back once everybody has left. A broker that went down keeps its sessions and what is
    /// retained, for the next start.
    pub(in crate::sim) fn judge_given_back(&mut self, shut_down: bool) {
        self.rouse();
        let (stats, unsettled) = (self.stats(), self.unsettled());
        let mut gauges = stats.connections + stats.sessions_connected;
        if !shut_down {
            gauges += stats.sessions
                + stats.subscriptions
                + stats.retained_messages
                + stats.messages_held
                + stats.message_bytes_held
                + stats.messages_queued
                + stats.messages_inflight;
        }
        if gauges > 0 || (!shut_down && unsettled.iter().any(|&count| count > 0)) {
            self.trace.fail("not everything was given back", format!("{unsettled:?} {stats:?}"));
        }
    }
}
