//! Interest: which filters of other shards match a topic.
//!
//! A shard need not know what the filters of the others are, only which of them match. So it is told a [print](FilterPrint)
//! of each: which levels are wildcards, its *shape*, a keyed sum of the levels that it names, and the number that the filter
//! has in the shard that it is of. A topic is looked for once for each shape that there is, most deployments have a handful,
//! in a hash table. What is found goes along with the message, so that the other shard does not look for it a second time.
//!
//! Nobody looks at the text of a filter to see whether it matches: sums are [wide enough](print::Sum) to be trusted. Its nodes in the
//! other shard's tree, read for that, would be as many cache misses as the search that is saved.
//!
//! The tree of all shards' filters in each of them, which this replaced, cost four times the memory, and a walk and its
//! cache misses for each filter of each other shard.

use alloc::vec::Vec;

use super::epoch::Cell;
use super::{Elsewhere, FilterId};
use known::{Known, KnownFilters};
use print::{Levels, Prints, Recent, Shape, Sum};

mod known;
mod print;
mod told;

pub use print::{FilterPrint, InterestChange};
pub use told::Told;

/// Sums that are looked up together; what finds no room is not read ahead.
const AHEAD_SUMS: usize = 128;

/// A shape that some filter has.
struct Live {
    shape: Shape,
    salt: Sum,
    filters: u32,
}

/// More filters of others than these are not told apart: each shard that has some looks for them itself.
const ELSEWHERE_MAX: usize = 64;

/// What the other shards have subscribers for.
pub(super) struct Interest {
    prints: Prints,
    /// The filter of this shard that others were told of last.
    recent: Recent,
    shapes: Vec<Live>,
    known: KnownFilters,
}

impl Interest {
    pub(super) fn new(seed: u64) -> Self {
        Self { prints: Prints::new(seed), recent: Recent::default(), shapes: Vec::new(), known: KnownFilters::new() }
    }

    /// `cell` says where `filter` counts.
    #[inline(always)]
    pub(super) fn print(&mut self, filter: &str, id: FilterId, cell: impl FnOnce() -> Cell) -> FilterPrint {
        self.prints.of(filter, id, &mut self.recent, cell)
    }

    /// `cell` is of as many leading levels of `filter` as is said to it.
    pub(super) fn coarse_print(&self, filter: &str, cell: impl FnOnce(usize) -> Cell) -> FilterPrint {
        self.prints.coarse(filter, cell(print::coarse(filter).count()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }

    /// Bytes allocated.
    pub(super) fn memory_bytes(&self) -> usize {
        self.known.memory_bytes() + self.shapes.capacity() * size_of::<Live>() + self.recent.memory_bytes()
    }

    /// Sets `out` to the filters that match the topic name `topic`, those of one shard together, and hardly ever others. A
    /// shard that has to look itself has one place and no filter there.
    pub(super) fn matches(&self, topic: &str, out: &mut Vec<Elsewhere>) {
        out.clear();
        if self.is_empty() {
            return;
        }
        let mut levels = Levels::default();
        self.prints.set_levels(topic.as_bytes(), &mut levels);
        for live in self.shapes.iter().filter(|live| live.shape.fits(&levels)) {
            out.extend(self.known.of_sum(live.shape.sum(live.salt, &levels)).map(|known| known.elsewhere()));
        }
        if out.len() > 1 {
            settle(out);
        }
    }

    /// Looks up what [`matches`](Self::matches) will for these topics, side by side, so that the reads of memory overlap. It
    /// answers anything. Topics need not be valid names.
    pub(super) fn read_ahead(&self, topics: &[&[u8]]) -> u64 {
        if self.is_empty() {
            return 0;
        }
        let mut sums = heapless::Vec::<Sum, AHEAD_SUMS>::new();
        let mut levels = Levels::default();
        for topic in topics {
            self.prints.set_levels(topic, &mut levels);
            for live in self.shapes.iter().filter(|live| live.shape.fits(&levels)) {
                let _ = sums.push(live.shape.sum(live.salt, &levels));
            }
        }
        sums.iter().fold(0, |read, sum| read ^ self.peek(*sum))
    }

    /// How many filters there are, those of several shards as often.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Something of the place of a filter with this sum.
    fn peek(&self, sum: Sum) -> u64 {
        self.known.of_sum(sum).next().map_or(0, |known| u64::from(known.shard))
    }

    /// Reads what adding or removing these will read.
    pub(super) fn read_ahead_of(&self, prints: impl Iterator<Item = FilterPrint>) -> u64 {
        prints.fold(0, |read, print| read ^ self.peek(print.sum()))
    }

    /// A shard, 0..=63, has its first subscriber for a filter.
    pub(super) fn add(&mut self, print: FilterPrint, shard: u16) {
        match self.shapes.iter_mut().find(|live| live.shape == print.shape) {
            Some(live) => live.filters += 1,
            None => {
                self.shapes.push(Live { shape: print.shape, salt: self.prints.salt(print.shape), filters: 1 });
            }
        }
        self.known.insert(Known::new(print, shard));
    }

    /// It has none any more. What was not added is not removed either.
    pub(super) fn remove(&mut self, print: FilterPrint, shard: u16) {
        if !self.known.remove(Known::new(print, shard)) {
            return;
        }
        if let Some(at) = self.shapes.iter().position(|live| live.shape == print.shape) {
            self.shapes[at].filters -= 1;
            if self.shapes[at].filters == 0 {
                self.shapes.swap_remove(at);
            }
        }
    }
}

/// Orders what was found by shard. Shards with filters that are not told apart have to look themselves, and all of them have
/// to when there are too many.
fn settle(found: &mut Vec<Elsewhere>) {
    let too_many = found.len() > ELSEWHERE_MAX;
    let is_wide = |place: &Elsewhere| too_many || place.filter().is_none();
    let wide = found.iter().filter(|place| is_wide(place)).fold(0, |shards, place| shards | bit(place.shard));
    for place in found.iter_mut().filter(|place| wide & bit(place.shard) > 0) {
        *place = Elsewhere::new(place.shard, None);
    }
    found.sort_unstable();
    found.dedup();
}

fn bit(shard: u16) -> u64 {
    debug_assert!(shard < 64, "a broker has at most 64 shards");
    1_u64.checked_shl(u32::from(shard)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
