//! Prints: what a shard tells the others of a filter, of one size whatever its text.

use alloc::string::String;
use core::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use heapless::Vec;

use crate::topic::epoch::Cell;
use crate::topic::{FilterId, name};

/// Levels that are looked at. Of a longer filter the rest counts as `#`, and it is not told by its number.
pub(super) const LEVELS_MAX: usize = 32;

/// Which levels of a filter are wildcards, and how many there are: what has to be known of a filter to tell from a topic's
/// levels which of them the filter would have to name.
///
/// The lowest half has a bit for each level that is `+`, and behind it are the number of levels, in eight bits, a `#` at the end not
/// counted, and whether one follows, in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape(u64);

/// A filter as other shards know it. Only routers with the same seed understand each other's prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterPrint {
    /// The longer part of the [sum](Sum).
    long: u64,
    pub(super) shape: Shape,
    /// The number of the filter, the cell and the shorter part of the sum: words are copied from registers, and fields that are
    /// written one by one and read together wait until they are in memory.
    rest: u64,
}

const _: () = assert!(size_of::<FilterPrint>() == 24, "what another shard is told of a filter");

/// The sum of the hashes of the levels that a filter names: 80 bits in two parts, hashed by two keys; in the first is its shape's.
///
/// That a filter matches is told from it alone, so chance must not bring two of them together. Among a million filters that a
/// topic could match by its levels, one in a million million million topics has the sum of one that it does not match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sum {
    pub(super) long: u64,
    pub(super) short: u16,
}

impl Sum {
    #[inline]
    fn add(self, other: Self) -> Self {
        Self { long: self.long.wrapping_add(other.long), short: self.short.wrapping_add(other.short) }
    }
}

impl FilterPrint {
    #[inline(always)]
    fn new(sum: Sum, shape: Shape, filter: FilterId, cell: Cell) -> Self {
        let rest = u64::from(filter.0) << 32 | u64::from(cell.0) << 16 | u64::from(sum.short);
        Self { long: sum.long, shape, rest }
    }

    pub(super) fn sum(&self) -> Sum {
        Sum { long: self.long, short: self.rest as u16 }
    }

    /// The number of the filter in the shard that has it; [`FilterId::NONE`] when this is a wider filter than it has.
    pub(super) fn filter(&self) -> FilterId {
        FilterId((self.rest >> 32) as u32)
    }

    /// Where remembered routes see that the filter came or went.
    pub(in crate::topic) fn cell(&self) -> Cell {
        Cell((self.rest >> 16) as u16)
    }

    /// Whether it stands for more than one filter has, and so perhaps for several filters.
    pub(super) fn is_wide(&self) -> bool {
        self.filter() == FilterId::NONE
    }
}

/// A shard has its first subscriber for a filter, or has none any more: a print, and in a bit that no shape has which of the two.
#[derive(Clone, Copy, Debug)]
pub struct InterestChange(FilterPrint);

const _: () = assert!(size_of::<InterestChange>() == 24, "what another shard is told of a filter that comes or goes");

impl InterestChange {
    const GONE: u64 = 1 << 63;

    /// Of the filter with this print.
    #[inline(always)]
    pub fn new(mut print: FilterPrint, interested: bool) -> Self {
        debug_assert!(print.shape.0 & Self::GONE == 0, "a shape has 41 bits");
        print.shape.0 |= if interested { 0 } else { Self::GONE };
        Self(print)
    }

    /// Which filter.
    #[inline(always)]
    pub fn print(self) -> FilterPrint {
        let shape = Shape(self.0.shape.0 & !Self::GONE);
        FilterPrint { shape, ..self.0 }
    }

    /// Whether it has a subscriber now.
    #[inline(always)]
    pub fn is_interested(self) -> bool {
        self.0.shape.0 & Self::GONE == 0
    }
}

impl Shape {
    fn new(plus: u32, levels: usize, multi: bool) -> Self {
        Self(u64::from(plus) | (levels as u64) << 32 | u64::from(multi) << 40)
    }

    fn levels(self) -> u32 {
        (self.0 >> 32) as u32 & 0xFF
    }

    fn is_plus(self, level: usize) -> bool {
        (self.0 as u32) >> level & 1 == 1
    }

    /// Whether `#` follows.
    fn is_multi(self) -> bool {
        self.0 >> 40 & 1 == 1
    }

    /// Whether filters of this shape match topics of so many levels, as far as it depends on that. A topic that begins with
    /// `$` is not seen by a leading wildcard (MQTT-4.7.2-1).
    pub(super) fn fits(self, topic: &Levels) -> bool {
        let levels = self.levels();
        let fits = if self.is_multi() { levels <= topic.count } else { levels == topic.count };
        fits && !(topic.dollar && (self.is_plus(0) || levels == 0))
    }

    /// The sum that a filter of this shape has if it matches a topic which it [fits](Self::fits). `salt` is the shape's own hash.
    pub(super) fn sum(self, salt: Sum, topic: &Levels) -> Sum {
        let levels = topic.hashes.iter().take(self.levels() as usize).enumerate();
        let named = levels.filter(|&(level, _)| !self.is_plus(level));
        named.fold(salt, |sum, (_, hash)| sum.add(*hash))
    }
}

/// The levels in front of the `#` of a filter that matches whatever `filter` does and more, but is of one of three shapes: no
/// level, one or two, and `#`.
pub(super) fn coarse(filter: &str) -> impl Iterator<Item = &str> {
    name::levels(filter).take_while(|level| !matches!(*level, "+" | "#")).take(2)
}

/// What is known of a filter from its leading levels.
#[derive(Clone, Copy, Default)]
struct Walked {
    long: u64,
    plus: u32,
    short: u16,
    /// Bytes up to the level that follows; nobody asks where the filter is too long to be remembered.
    end: u16,
}

impl Walked {
    fn sum(&self) -> Sum {
        Sum { long: self.long, short: self.short }
    }
}

/// A filter that is longer is not remembered: hardly any is, and it would be kept for good.
const RECENT_BYTES_MAX: usize = 1_024;

/// The filter that was printed last. A client's filters often begin alike, and what they share is not hashed again.
#[derive(Default)]
pub(super) struct Recent {
    text: String,
    /// After each of its levels that is followed by another.
    levels: Vec<Walked, LEVELS_MAX>,
    /// Where filters with the same first two levels count.
    cell: Option<Cell>,
}

impl Recent {
    pub(super) fn memory_bytes(&self) -> usize {
        self.text.capacity()
    }

    /// Becomes `filter`, of which it knows the levels that it has in common: so many bytes.
    fn keep_common(&mut self, filter: &str) -> usize {
        if filter.len() > RECENT_BYTES_MAX {
            (self.cell, self.text) = (None, String::new());
            self.levels.clear();
            return 0;
        }
        let same = self.text.bytes().zip(filter.bytes()).take_while(|(old, new)| old == new).count();
        let kept = self.levels.iter().take_while(|walked| usize::from(walked.end) <= same).count();
        self.levels.truncate(kept);
        let end = self.levels.last().map_or(0, |walked| usize::from(walked.end));
        self.text.truncate(end);
        self.text.push_str(&filter[end..]);
        if kept < 2 {
            self.cell = None;
        }
        end
    }
}

/// A topic name's levels, by their hashes.
#[derive(Default)]
pub(super) struct Levels {
    hashes: Vec<Sum, LEVELS_MAX>,
    /// How many there are, or [`LEVELS_MAX`] and one.
    count: u32,
    dollar: bool,
}

/// What makes prints. With the same seed it makes the same.
pub(super) struct Prints {
    long: FixedState,
    short: FixedState,
}

impl Prints {
    pub(super) fn new(seed: u64) -> Self {
        let long = FixedState::with_seed(seed);
        // Two keys that have nothing to do with each other.
        let short = FixedState::with_seed(long.hash_one(seed));
        Self { long, short }
    }

    /// The print of a valid filter without `$share/NAME/`, which is `recent` from then on. `cell` says where it counts.
    #[inline(always)]
    pub(super) fn of(
        &self,
        filter: &str,
        id: FilterId,
        recent: &mut Recent,
        cell: impl FnOnce() -> Cell,
    ) -> FilterPrint {
        let mut end = recent.keep_common(filter);
        let cell = *recent.cell.get_or_insert_with(cell);
        let mut walked = recent.levels.last().copied().unwrap_or_default();
        let mut levels = recent.levels.len();
        for level in name::levels(&filter[end..]) {
            if level == "#" || levels == LEVELS_MAX {
                let id = if level == "#" { id } else { FilterId::NONE };
                return self.print(walked, levels, true, id, cell);
            }
            walked = self.walk(walked, levels, level);
            levels += 1;
            end += level.len() + 1;
            if end <= filter.len() {
                walked.end = end as u16;
                let _ = recent.levels.push(walked);
            }
        }
        self.print(walked, levels, false, id, cell)
    }

    /// The print of the [`coarse`] filter in place of `filter`, which counts in `cell`.
    pub(super) fn coarse(&self, filter: &str, cell: Cell) -> FilterPrint {
        let walk = |(walked, at), level| (self.walk(walked, at, level), at + 1);
        let (walked, levels) = coarse(filter).fold((Walked::default(), 0), walk);
        self.print(walked, levels, true, FilterId::NONE, cell)
    }

    #[inline(always)]
    fn walk(&self, mut walked: Walked, at: usize, level: &str) -> Walked {
        if level == "+" {
            walked.plus |= 1 << at;
        } else {
            let Sum { long, short } = walked.sum().add(self.level(at, level.as_bytes()));
            (walked.long, walked.short) = (long, short);
        }
        walked
    }

    #[inline(always)]
    fn print(&self, walked: Walked, levels: usize, multi: bool, filter: FilterId, cell: Cell) -> FilterPrint {
        let shape = Shape::new(walked.plus, levels, multi);
        FilterPrint::new(walked.sum().add(self.salt(shape)), shape, filter, cell)
    }

    /// Sets `levels` to those of a topic, which need not be a valid name.
    pub(super) fn set_levels(&self, topic: &[u8], levels: &mut Levels) {
        levels.hashes.clear();
        (levels.count, levels.dollar) = (0, topic.first() == Some(&b'$'));
        for level in topic.split(|&byte| byte == b'/') {
            let hash = self.level(levels.count as usize, level);
            levels.count += 1;
            if levels.hashes.push(hash).is_err() {
                break;
            }
        }
    }

    /// Tells filters of one shape from those of another that name the same levels: there are few, and half a hash is enough.
    pub(super) fn salt(&self, shape: Shape) -> Sum {
        Sum { long: self.long.hash_one(shape.0), short: 0 }
    }

    fn level(&self, at: usize, level: &[u8]) -> Sum {
        let [long, short] = [&self.long, &self.short].map(|key| {
            let mut hasher = key.build_hasher();
            hasher.write_usize(at);
            hasher.write(level);
            hasher.finish()
        });
        Sum { long, short: short as u16 }
    }
}
