//! The filters of other shards, by their sums.

use hashbrown::HashTable;

use super::print::{FilterPrint, Sum};
use crate::topic::{Elsewhere, FilterId};

/// Tables that they are spread over. One for all would double at once, and take a long turn and twice its memory for that.
const TABLES: usize = 64;

/// A filter of another shard.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    long: u64,
    short: u16,
    pub(super) shard: u16,
    filter: FilterId,
}

const _: () = assert!(size_of::<Known>() == 16, "what is kept of a filter of another shard");

impl Known {
    pub(super) fn new(print: FilterPrint, shard: u16) -> Self {
        debug_assert!(shard < 64, "a broker has at most 64 shards");
        let Sum { long, short } = print.sum();
        Self { long, short, shard, filter: print.filter() }
    }

    pub(super) fn elsewhere(&self) -> Elsewhere {
        Elsewhere::new(self.shard, (self.filter != FilterId::NONE).then_some(self.filter))
    }
}

/// All of them.
pub(super) struct KnownFilters {
    tables: [HashTable<Known>; TABLES],
    len: usize,
}

impl KnownFilters {
    pub(super) fn new() -> Self {
        Self { tables: [const { HashTable::new() }; TABLES], len: 0 }
    }

    /// How many there are, those of several shards as often.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; TABLES] {
        self.tables.each_ref().map(HashTable::len)
    }

    /// Bytes allocated.
    pub(super) fn memory_bytes(&self) -> usize {
        self.tables.iter().map(HashTable::allocation_size).sum()
    }

    pub(super) fn of_sum(&self, sum: Sum) -> impl Iterator<Item = &Known> {
        let found = self.tables[table_of(sum.long)].iter_hash(sum.long);
        found.filter(move |known| known.long == sum.long && known.short == sum.short)
    }

    pub(super) fn insert(&mut self, known: Known) {
        self.tables[table_of(known.long)].insert_unique(known.long, known, |known| known.long);
        self.len += 1;
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, gone: Known) -> bool {
        let found = self.tables[table_of(gone.long)].find_entry(gone.long, |known| *known == gone);
        let was_there = found.map(|known| known.remove()).is_ok();
        self.len -= usize::from(was_there);
        was_there
    }
}

/// A table looks at the lowest bits of a sum and at the highest.
fn table_of(long: u64) -> usize {
    (long >> 40) as usize % TABLES
}
