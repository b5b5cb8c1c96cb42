//! A broker that records its inputs, see [`crate::record`].

use super::Broker;
use crate::id::ConnId;
use crate::outbox::Outbox;
use crate::record::{Input, RecordOptions, Recorder};

impl Broker {
    /// Records every input from here on, or not with `None`. Only a new broker can: a replay begins where it begins.
    ///
    /// What is recorded is to be taken by [`drain_record`](Self::drain_record) after each drain and before its effects are
    /// carried out; what is not taken is kept in memory.
    ///
    /// # Panics
    /// When the broker was told something before.
    #[must_use]
    pub fn recording(mut self, options: Option<RecordOptions>) -> Self {
        let untouched = self.unsettled() == 0 && self.stats() == crate::Stats::default() && !self.has_effects();
        assert!(untouched, "recording begins with a new broker");
        self.recorder = options
            .map(|options| Recorder::new(options, &self.clients.config, self.shard, self.seed, self.clients.now));
        self
    }

    /// Hands out what was recorded, if it is worth it: whole records back to back. When `sink` answers `false` nothing is recorded from here on. Does
    /// nothing for a broker that does not record.
    pub fn drain_record(&mut self, sink: impl FnOnce(&[u8]) -> bool) {
        if let Some(recorder) = &mut self.recorder
            && recorder.is_due()
            && !recorder.take(sink)
        {
            self.recorder = None;
        }
    }

    /// Hands out all that was recorded, whether it is worth it or not: to look at a recording that goes on.
    pub fn flush_record(&mut self, sink: impl FnOnce(&[u8]) -> bool) {
        if let Some(recorder) = &mut self.recorder
            && !recorder.take(sink)
        {
            self.recorder = None;
        }
    }

    /// Hands out what is left, and ends the record with the hash of all outputs. For a broker that goes away, by whatever
    /// cause: the input that made it panic is the last one.
    pub fn finish_record(&mut self, sink: impl FnOnce(&[u8]) -> bool) {
        if let Some(mut recorder) = self.recorder.take() {
            recorder.end(self.clients.now);
            recorder.take(sink);
        }
    }

    /// The hash of all outputs so far of a broker that records. Two runs with the same inputs have the same.
    pub fn output_hash(&self) -> Option<u64> {
        self.recorder.as_ref().map(|recorder| recorder.hash())
    }

    /// Notes an input that has no secrets.
    #[inline]
    pub(super) fn record(&mut self, input: &Input<'_>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.input(self.clients.now, input);
        }
    }

    #[inline]
    pub(super) fn record_sent(&mut self, conn: ConnId, count: usize) {
        if let Some(recorder) = &mut self.recorder {
            let output = self.clients.index_of(conn).map(|index| &self.clients.conns[index].output);
            let slices = output.into_iter().flat_map(|output| output.slices(&self.clients.messages));
            recorder.sent(self.clients.now, conn, count, slices);
        }
    }

    #[inline]
    pub(super) fn record_drain(&mut self, outbox: &Outbox) {
        if let Some(recorder) = &mut self.recorder {
            recorder.drain(self.clients.now, outbox);
        }
    }
}
