//! What this shard told the others of its own filters.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::print::{Shape, Sum};
use crate::topic::{FilterId, FilterPrint, Router};

/// Shapes of all shards together, about: each costs others a look for every topic that is new to them.
const SHAPES_MAX: usize = 512;

/// The filters that the other shards know of, as far as it has to be remembered how they know them.
///
/// A client could subscribe to filters of any number of shapes. When there are too many, the other shards are told of a
/// wider filter of a common shape: they send more than is wanted here, and that is all. Such a one is told once, however
/// many filters it is told for.
pub struct Told {
    shapes: Vec<(Shape, u32)>,
    shapes_max: usize,
    /// Those that a coarse one was told for.
    coarse: BTreeSet<FilterId>,
    /// For how many filters each wider one was told, by its sum.
    wide: BTreeMap<Sum, u32>,
}

impl Told {
    /// For one of so many shards.
    pub fn new(shards: usize) -> Self {
        let shapes_max = (SHAPES_MAX / shards.max(1)).clamp(8, 64);
        Self { shapes: Vec::new(), shapes_max, coarse: BTreeSet::new(), wide: BTreeMap::new() }
    }

    /// There is a first subscription to a filter: what the others are to be told of it, which is nothing where what they know is
    /// enough.
    #[inline(always)]
    pub fn first(&mut self, router: &mut Router, id: FilterId, filter: &str, mut tell: impl FnMut(FilterPrint)) {
        let print = router.print(filter, id);
        match self.shapes.iter().position(|(shape, _)| *shape == print.shape) {
            Some(at) => self.shapes[at].1 += 1,
            None if self.shapes.len() < self.shapes_max => self.shapes.push((print.shape, 1)),
            None => {
                self.coarse.insert(id);
                return self.first_wide(router.coarse_print(filter), tell);
            }
        }
        if print.is_wide() {
            return self.first_wide(print, tell);
        }
        // Nothing but registers up to here: what a print is made of is not read back from where it was just written.
        tell(print);
    }

    #[cold]
    fn first_wide(&mut self, print: FilterPrint, mut tell: impl FnMut(FilterPrint)) {
        let filters = self.wide.entry(print.sum()).or_default();
        *filters += 1;
        if *filters == 1 {
            tell(print);
        }
    }

    /// There is none any more: what the others are to forget. `None`: they need it for another filter.
    pub fn last(&mut self, router: &mut Router, id: FilterId, filter: &str) -> Option<FilterPrint> {
        let print = if self.coarse.remove(&id) {
            router.coarse_print(filter)
        } else {
            let print = router.print(filter, id);
            self.forget_shape(print.shape);
            print
        };
        if print.is_wide() {
            let filters = self.wide.get_mut(&print.sum())?;
            *filters -= 1;
            if *filters > 0 {
                return None;
            }
            self.wide.remove(&print.sum());
        }
        Some(print)
    }

    /// Whether nothing has to be remembered.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.shapes.is_empty() && self.coarse.is_empty() && self.wide.is_empty()
    }

    fn forget_shape(&mut self, shape: Shape) {
        let Some(at) = self.shapes.iter().position(|(known, _)| *known == shape) else { return };
        self.shapes[at].1 -= 1;
        if self.shapes[at].1 == 0 {
            self.shapes.swap_remove(at);
        }
    }
}
