//! A shard's store: takes every operation, answers late or in groups, and fails when it is told to.

use std::collections::VecDeque;

use weirmq_core::Instant;
use weirmq_core::store::{Operation, StoreBatch};

use super::options::Options;
use super::rng::Rng;

#[derive(Debug, Default)]
pub(super) struct Store {
    /// Every operation; the first has position 1.
    log: Vec<Operation>,
    /// The position up to which the broker was told that it is stored.
    stored: u64,
    /// When a position becomes durable.
    under_way: VecDeque<(Instant, u64)>,
    /// Whether the next batch fails.
    pub(super) fails: bool,
    /// Nothing is answered for as long as this is set.
    pub(super) held: bool,
    told: bool,
}

impl Store {
    /// Takes a batch. An error says what is wrong with it.
    pub(super) fn take(
        &mut self,
        batch: &mut StoreBatch,
        now: Instant,
        options: &Options,
        rng: &mut Rng,
    ) -> Result<(), String> {
        if batch.upto.0 != self.log.len() as u64 + batch.operations.len() as u64 {
            let (old, new) = (self.log.len(), batch.operations.len());
            return Err(format!("{old} operations and {new} more do not end at {:?}", batch.upto));
        }
        self.log.append(&mut batch.operations);
        if self.fails {
            return Ok(());
        }
        let delay = std::time::Duration::from_millis(rng.below(options.store_delay_ms + 1));
        let mut due = now.saturating_add(delay);
        if options.store_group_ms > 0 {
            let group = options.store_group_ms * 1_000;
            due = Instant::from_micros(due.as_micros().div_ceil(group) * group);
        }
        let due = self.under_way.back().map_or(due, |&(before, _)| due.max(before));
        self.under_way.push_back((due, batch.upto.0));
        Ok(())
    }

    /// From here on nothing is stored.
    pub(super) fn fail(&mut self) {
        self.fails = true;
        self.under_way.clear();
    }

    /// Whether the broker has to be told that the store failed.
    pub(super) fn failure(&mut self) -> bool {
        let news = self.fails && !self.told;
        self.told |= news;
        news
    }

    /// When the next answer comes.
    pub(super) fn next(&self) -> Option<Instant> {
        if self.fails && !self.told {
            return Some(Instant::ZERO);
        }
        self.under_way.front().filter(|_| !self.held).map(|&(due, _)| due)
    }

    /// The position that has become durable by now.
    pub(super) fn ready(&mut self, now: Instant) -> Option<u64> {
        let mut ready = None;
        while let Some(&(due, upto)) = self.under_way.front()
            && due <= now
            && !self.held
        {
            ready = Some(upto);
            self.stored = upto;
            self.under_way.pop_front();
        }
        ready
    }

    /// What is durable.
    pub(super) fn durable(&self) -> &[Operation] {
        &self.log[..self.stored as usize]
    }

    /// What it was handed in all.
    pub(super) fn handed(&self) -> &[Operation] {
        &self.log
    }
}
