//! What this shard told the others of its own filters.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::print::Shape;
use crate::topic::{FilterId, FilterPrint, Router};

/// Shapes of all shards together, about: each costs others a look for every topic that is new to them.
const SHAPES_MAX: usize = 512;

/// The filters that the other shards know of, as far as it has to be remembered how they know them.
///
/// A client could subscribe to filters of any number of shapes. When there are too many, the other shards are told of a
/// wider filter of a common shape: they send more than is wanted here, and that is all.
pub struct Told {
    shapes: Vec<(Shape, u32)>,
    shapes_max: usize,
    /// Those that a wider one was told for.
    coarse: BTreeSet<FilterId>,
}

impl Told {
    /// For one of so many shards.
    pub fn new(shards: usize) -> Self {
        let shapes_max = (SHAPES_MAX / shards.max(1)).clamp(8, 64);
        Self { shapes: Vec::new(), shapes_max, coarse: BTreeSet::new() }
    }

    /// There is a first subscription to a filter: what the others are to be told.
    pub fn first(&mut self, router: &Router, id: FilterId, filter: &str) -> FilterPrint {
        let print = router.print(filter);
        match self.shapes.iter().position(|(shape, _)| *shape == print.shape) {
            Some(at) => self.shapes[at].1 += 1,
            None if self.shapes.len() < self.shapes_max => self.shapes.push((print.shape, 1)),
            None => {
                self.coarse.insert(id);
                return router.coarse_print(filter);
            }
        }
        print
    }

    /// There is none any more: what the others were told.
    pub fn last(&mut self, router: &Router, id: FilterId, filter: &str) -> FilterPrint {
        if self.coarse.remove(&id) {
            return router.coarse_print(filter);
        }
        let print = router.print(filter);
        let at = self.shapes.iter().position(|(shape, _)| *shape == print.shape);
        if let Some(at) = at {
            self.shapes[at].1 -= 1;
            if self.shapes[at].1 == 0 {
                self.shapes.swap_remove(at);
            }
        }
        print
    }
}
