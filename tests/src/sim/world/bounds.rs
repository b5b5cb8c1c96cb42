//! Every configured bound, after every turn.

use super::World;
use crate::sim::oracle::Message;

impl World {
    /// Whether a shard keeps to its limits.
    pub(super) fn check_bounds(&mut self, index: usize) {
        let options = &self.options;
        let stats = self.shards[index].broker.stats();
        // Shards take what others had room for.
        let retained_max = options.retained_messages_max * options.shards;
        let bounds = [
            // What a client has received and not released counts for the session, but not for a new connection.
            ("inflight_max", stats.messages_inflight, stats.sessions * (4 * options.inflight_max + 64)),
            ("sessions_max", stats.sessions, options.sessions_max),
            ("connections_max", stats.connections, options.connections_max),
            ("subscriptions_max", stats.subscriptions, stats.sessions * options.subscriptions_max),
            ("retained_messages_max", stats.retained_messages, retained_max),
        ];
        for (name, value, bound) in bounds {
            if value > bound {
                self.trace.fail("a bound exceeded", format!("{name} in shard {index}: {value} of {bound}"));
            }
        }
        self.check_queues(index);
        self.check_outputs(index);
    }

    /// The queue of each session by itself. The last message may need a place for each Shared Subscription that the session
    /// had, and what another shard acknowledged before it knew of a subscriber is taken all the same; so is what others sent
    /// without asking, half as much again at most, and what another member of a group leaves behind, which is as much as it may
    /// have queued and in flight.
    fn check_queues(&mut self, index: usize) {
        let bound = self.options.queue_messages_max as usize;
        if bound > 100 {
            return;
        }
        let is_late = |message: &&Message| message.retain && message.qos > 0 && !message.sent.is_empty();
        let late = if self.options.shards > 1 { self.book.messages.iter().filter(is_late).count() } else { 0 };
        for (number, client) in self.clients.iter().enumerate() {
            let Some(session) = self.shards[index].broker.inspect(&client.name()) else { continue };
            let Some(life) = &self.book.lives[number] else { continue };
            let shared =
                self.book.sessions[life.session].subscriptions.iter().filter(|known| known.is_shared()).count();
            let estate = bound + usize::from(self.options.inflight_max as u16);
            let left = if shared > 0 { (self.clients.len() - 1) * estate } else { 0 };
            let unasked = if self.options.shards > 1 { bound / 2 } else { 0 };
            if session.queued_messages > bound + unasked + shared + late + left {
                let what = format!("queue_messages_max of {}: {}", session.client_id, session.queued_messages);
                self.trace.fail("a bound exceeded", what);
            }
        }
    }

    /// Output: messages up to the bound, the last one may pass it; control packets up to twice that, and what one turn's
    /// packets are answered with.
    fn check_outputs(&mut self, index: usize) {
        let largest = 1_024 + self.options.payload_bytes_max() as usize;
        let bound = 2 * self.options.output_bytes_max as usize + largest + 64 * self.options.packets_per_turn as usize;
        for link in &self.links {
            let Some((shard, conn)) = link.place else { continue };
            if shard != index {
                continue;
            }
            let bytes: usize = self.shards[index].broker.tx_slices(conn).map(<[u8]>::len).sum();
            if bytes > bound {
                self.trace.fail("a bound exceeded", format!("output_bytes_max of {conn:?}: {bytes}"));
            }
        }
    }
}
