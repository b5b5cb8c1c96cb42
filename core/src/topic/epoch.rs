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

/// The cells that a topic name watches, beside the one for filters with a leading wildcard.
#[derive(Clone, Copy)]
pub(super) struct Cells {
    one_level: u16,
    two_levels: u16,
}

pub(super) struct Epochs {
    hasher: FixedState,
    leading_wildcard: u64,
    one_level: Box<[u64]>,
    two_levels: Box<[u64]>,
}

impl Epochs {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            hasher: FixedState::with_seed(seed),
            leading_wildcard: 0,
            one_level: vec![0; ONE_LEVEL_CELLS as usize].into(),
            two_levels: vec![0; TWO_LEVEL_CELLS as usize].into(),
        }
    }

    /// The cells of a topic name, or of a filter as far as it has no wildcard.
    pub(super) fn cells(&self, topic: &str) -> Cells {
        let bytes = topic.as_bytes();
        let mut separators = memchr::memchr_iter(b'/', bytes);
        let one = separators.next().unwrap_or(bytes.len());
        let two = separators.next().unwrap_or(bytes.len());
        Cells {
            one_level: (self.hash(&bytes[..one]) % ONE_LEVEL_CELLS) as u16,
            two_levels: (self.hash(&bytes[..two]) % TWO_LEVEL_CELLS) as u16,
        }
    }

    /// A number that differs from all earlier ones as soon as a filter counted in one of the cells. Counters only grow, so
    /// their sum is as good as all of them.
    pub(super) fn stamp(&self, cells: Cells) -> u64 {
        self.leading_wildcard
            + self.one_level[usize::from(cells.one_level)]
            + self.two_levels[usize::from(cells.two_levels)]
    }

    /// Counts that `filter` began or ceased to match anything.
    pub(super) fn bump(&mut self, filter: &str) {
        let is_wildcard = |level: &str| level == "+" || level == "#";
        let mut levels = super::name::levels(filter);
        let cells = self.cells(filter);
        let cell = if levels.next().is_some_and(is_wildcard) {
            &mut self.leading_wildcard
        } else if levels.next().is_some_and(is_wildcard) {
            &mut self.one_level[usize::from(cells.one_level)]
        } else {
            &mut self.two_levels[usize::from(cells.two_levels)]
        };
        *cell += 1;
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
        epochs.bump(filter);
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
