//! The end of a broker without a word, and its beginning anew.

use super::{Shard, World};

impl World {
    /// The broker crashes and is made anew, all shards together, as at its start. Whether it was: one with a store would have
    /// to be given what the store kept, and there is no way to do that.
    ///
    /// Connections fail. What was on its way is lost: in their streams, between shards, in the authenticator. What the
    /// broker had closed before is in the hands of others, so a client still reads the rest of that.
    pub(in crate::sim) fn restart(&mut self) -> bool {
        if self.options.durable > 0 {
            return false;
        }
        self.restarts += 1;
        for link in &mut self.links {
            // A connection that moves from shard to shard has no place, and no end yet.
            if link.place.take().is_some() || !link.eof {
                link.reset();
            }
        }
        // Names of connections mean nothing any more: the new broker gives the same ones again.
        self.conns.clear();
        self.authenticator.forget();
        self.shards = Shard::all(&self.config, &self.options, self.restarts, self.now);
        self.book.restarted(self.links.len(), &mut self.trace);
        true
    }
}
