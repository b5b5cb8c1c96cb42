//! Epochs: how a remembered route notices that it is out of date.
//!
//! A route is the set of filters that match one topic name. It changes when a filter that matches gains its first or
//! loses its last attachment. Watching each filter would cost a list per filter, and one counter for all would make every
//! SUBSCRIBE forget every route. So there are cells of counters: a filter counts in the cell of the leading levels it names
//! without a wildcard, two at most, and a topic watches the three cells that matching filters can be in. Sharing a cell
//! with a stranger costs a needless look at the tree and nothing else.

use alloc::boxed::Box;
use alloc::vec;
use core::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

/// Cells for filters that name one level before their first wildcard.
const ONE_LEVEL_CELLS: u64 = 256;
/// Cells for filters that name two levels or more, or have no more.
const TWO_LEVEL_CELLS: u64 = 1_024;

/// A cell's place: first the one for filters with a leading wildcard, then those of one level, then those of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell(pub(super) u16);

/// The cell for filters with a leading wildcard.
const LEADING_WILDCARD: Cell = Cell(0);

/// The cells that a topic name watches, beside the one for filters with a leading wildcard.
#[derive(Clone, Copy)]
pub(super) struct Cells {
    one_level: Cell,
    two_levels: Cell,
}

pub(super) struct Epochs {
    hasher: FixedState,
    counters: Box<[u64]>,
}

impl Epochs {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            hasher: FixedState::with_seed(seed),
            counters: vec![0; (1 + ONE_LEVEL_CELLS + TWO_LEVEL_CELLS) as usize].into(),
        }
    }

    /// The cells of a topic name, or of a filter as far as it has no wildcard.
    pub(super) fn cells(&self, topic: &str) -> Cells {
        let bytes = topic.as_bytes();
        let mut separators = memchr::memchr_iter(b'/', bytes);
        let one = separators.next().unwrap_or(bytes.len());
        let two = separators.next().unwrap_or(bytes.len());
        Cells { one_level: self.one_level(&bytes[..one]), two_levels: self.two_levels(&bytes[..two]) }
    }

    fn one_level(&self, level: &[u8]) -> Cell {
        Cell((1 + self.hash(level) % ONE_LEVEL_CELLS) as u16)
    }

    fn two_levels(&self, levels: &[u8]) -> Cell {
        Cell((1 + ONE_LEVEL_CELLS + self.hash(levels) % TWO_LEVEL_CELLS) as u16)
    }

    /// A number that differs from all earlier ones as soon as a filter counted in one of the cells. Counters only grow, so
    /// their sum is as good as all of them.
    pub(super) fn stamp(&self, cells: Cells) -> u64 {
        let count = |cell: Cell| self.counters[usize::from(cell.0)];
        count(LEADING_WILDCARD) + count(cells.one_level) + count(cells.two_levels)
    }

    /// The cell that `filter` counts in.
    pub(super) fn cell(&self, filter: &str) -> Cell {
        let is_wildcard = |level: &str| level == "+" || level == "#";
        let mut levels = super::name::levels(filter);
        let one = levels.next().unwrap_or_default();
        if is_wildcard(one) {
            return LEADING_WILDCARD;
        }
        match levels.next() {
            Some(two) if is_wildcard(two) => self.one_level(one.as_bytes()),
            Some(two) => self.two_levels(&filter.as_bytes()[..one.len() + 1 + two.len()]),
            None => self.two_levels(filter.as_bytes()),
        }
    }

    /// The cell that a filter of so many leading levels of `filter`, 0 to 2, and `#` counts in.
    pub(super) fn cell_above(&self, filter: &str, levels: usize) -> Cell {
        match levels {
            0 => LEADING_WILDCARD,
            1 => self.cells(filter).one_level,
            _ => self.cells(filter).two_levels,
        }
    }

    /// Counts that a filter of this cell began or ceased to match anything.
    pub(super) fn bump(&mut self, cell: Cell) {
        self.counters[usize::from(cell.0)] += 1;
    }

    fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(bytes);
        hasher.finish() >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a route for `topic` notices a change of `filter`.
    fn notices(topic: &str, filter: &str) -> bool {
        let mut epochs = Epochs::new(3);
        let cells = epochs.cells(topic);
        let before = epochs.stamp(cells);
        epochs.bump(epochs.cell(filter));
        epochs.stamp(cells) != before
    }

    #[test]
    fn a_route_notices_the_filters_that_match() {
        for (topic, filter) in [
            ("a", "a"),
            ("a", "a/#"),
            ("a", "#"),
            ("a/b", "a/b"),
            ("a/b", "a/b/#"),
            ("a/b", "+/b"),
            ("a/b/c", "a/+/c"),
            ("a/b/c", "a/b/+"),
            ("/", "/"),
            ("/", "/+"),
            ("$SYS/x", "$SYS/#"),
        ] {
            assert!(notices(topic, filter), "{topic} {filter}");
        }
    }

    #[test]
    fn a_route_sleeps_through_other_devices() {
        let asleep = (0..100).filter(|n| !notices("device/x/status", &alloc::format!("device/{n}/status"))).count();
        assert!(asleep > 95, "{asleep}");
    }
}
