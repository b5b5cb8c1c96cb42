//! Every configured bound, after every turn.

use super::World;
use crate::sim::oracle::matching::SHARED;

impl World {
    /// Whether a shard keeps to its limits.
    pub(super) fn check_bounds(&mut self, index: usize) {
        let options = &self.options;
        let stats = self.shards[index].broker.stats();
        // The last message may need a place for each Shared Subscription of the session.
        let queue_max = options.queue_messages_max + SHARED.len() as u64;
        // Shards take what others had room for.
        let retained_max = options.retained_messages_max * options.shards;
        let bounds = [
            ("queue_messages_max", stats.messages_queued, stats.sessions * queue_max),
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
        self.check_outputs(index);
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
