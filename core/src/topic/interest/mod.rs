//! Interest: which other shards have filters that match a topic.
//!
//! A shard need not know the filters of the others, only whether one of them matches. So it is told a [print](FilterPrint) of
//! each: which levels are wildcards, its *shape*, and one number for the levels that it names. A topic is looked for once for
//! each shape that there is, most deployments have a handful, in one hash table. Two filters with the same number, which
//! do not occur but by chance in 64 bits, are counted; a topic with the number of a filter that does not match it is sent to a
//! shard that has nobody for it, and nothing else happens.
//!
//! The tree of all shards' filters in each of them, which this replaced, cost four times the memory, and a walk and its
//! cache misses for each filter of each other shard.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use hashbrown::HashTable;

use super::epoch::Cell;
use print::{Prints, Shape};

mod print;
mod told;

pub use print::FilterPrint;
pub use told::Told;

/// Sums that are looked up together; what finds no room is not read ahead.
const AHEAD_SUMS: usize = 128;

/// A shape that some filter has.
struct Live {
    shape: Shape,
    salt: u64,
    filters: u32,
}

/// The shards that have a filter with this sum, a bit for each.
#[derive(Clone, Copy)]
struct Known {
    sum: u64,
    shards: u64,
}

/// What the other shards have subscribers for.
pub(super) struct Interest {
    prints: Prints,
    shapes: Vec<Live>,
    known: HashTable<Known>,
    /// How many more filters with this sum a shard has than the one that its bit stands for.
    more: BTreeMap<(u64, u16), u32>,
}

impl Interest {
    pub(super) fn new(seed: u64) -> Self {
        Self { prints: Prints::new(seed), shapes: Vec::new(), known: HashTable::new(), more: BTreeMap::new() }
    }

    pub(super) fn print(&self, filter: &str, cell: Cell) -> FilterPrint {
        self.prints.of(filter, cell)
    }

    pub(super) fn coarse_print(&self, filter: &str, cell: Cell) -> FilterPrint {
        self.prints.coarse(filter, cell)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }

    /// Bytes allocated, without the counts of what hardly occurs.
    pub(super) fn memory_bytes(&self) -> usize {
        self.known.allocation_size() + self.shapes.capacity() * size_of::<Live>()
    }

    /// Shards that have a filter which matches the topic name `topic`, one bit each.
    pub(super) fn shards(&self, topic: &str) -> u64 {
        if self.is_empty() {
            return 0;
        }
        let levels = self.prints.levels(topic);
        let fitting = self.shapes.iter().filter(|live| live.shape.fits(&levels));
        fitting.fold(0, |shards, live| shards | self.shards_of(live.shape.sum(live.salt, &levels)))
    }

    /// Looks up what [`shards`](Self::shards) will for these topics, side by side, so that the reads of memory overlap. It
    /// answers anything. Topics need not be valid names.
    pub(super) fn read_ahead(&self, topics: &[&[u8]]) -> u64 {
        if self.is_empty() {
            return 0;
        }
        let mut sums = heapless::Vec::<u64, AHEAD_SUMS>::new();
        for topic in topics.iter().filter_map(|topic| core::str::from_utf8(topic).ok()) {
            let levels = self.prints.levels(topic);
            for live in self.shapes.iter().filter(|live| live.shape.fits(&levels)) {
                let _ = sums.push(live.shape.sum(live.salt, &levels));
            }
        }
        sums.iter().fold(0, |read, sum| read ^ self.shards_of(*sum))
    }

    /// How many filters there are, those of several shards once.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    fn shards_of(&self, sum: u64) -> u64 {
        self.known.find(sum, |known| known.sum == sum).map_or(0, |known| known.shards)
    }

    /// Reads what adding or removing these will read.
    pub(super) fn read_ahead_of(&self, prints: impl Iterator<Item = FilterPrint>) -> u64 {
        prints.fold(0, |read, print| read ^ self.shards_of(print.sum))
    }

    /// A shard, 0..=63, has its first subscriber for a filter.
    pub(super) fn add(&mut self, print: FilterPrint, shard: u16) {
        match self.shapes.iter_mut().find(|live| live.shape == print.shape) {
            Some(live) => live.filters += 1,
            None => {
                self.shapes.push(Live { shape: print.shape, salt: self.prints.salt(print.shape), filters: 1 });
            }
        }
        let entry = self.known.entry(print.sum, |known| known.sum == print.sum, |known| known.sum);
        let known = entry.or_insert(Known { sum: print.sum, shards: 0 }).into_mut();
        let bit = bit(shard);
        if known.shards & bit == bit {
            *self.more.entry((print.sum, shard)).or_default() += 1;
        }
        known.shards |= bit;
    }

    /// It has none any more. What was not added is not removed either.
    pub(super) fn remove(&mut self, print: FilterPrint, shard: u16) {
        let Ok(mut known) = self.known.find_entry(print.sum, |known| known.sum == print.sum) else { return };
        if known.get().shards & bit(shard) == 0 {
            return;
        }
        if let Some(more) = self.more.get_mut(&(print.sum, shard)) {
            *more -= 1;
            if *more == 0 {
                self.more.remove(&(print.sum, shard));
            }
        } else {
            known.get_mut().shards &= !bit(shard);
            if known.get().shards == 0 {
                known.remove();
            }
        }
        if let Some(at) = self.shapes.iter().position(|live| live.shape == print.shape) {
            self.shapes[at].filters -= 1;
            if self.shapes[at].filters == 0 {
                self.shapes.swap_remove(at);
            }
        }
    }
}

fn bit(shard: u16) -> u64 {
    debug_assert!(shard < 64, "a broker has at most 64 shards");
    1_u64.checked_shl(u32::from(shard)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
