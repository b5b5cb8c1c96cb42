//! Values at stable small indices, used again after they were removed.
//!
//! A removed place holds the default value until it is used again, so an index that outlived its value reads as empty
//! instead of panicking. Places come in chunks that never move: a slab of a million values grows without copying them,
//! which would hold up a turn, and has at most one chunk to spare.

use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

/// Places of a chunk, as a power of two.
const CHUNK_BITS: u32 = 12;
const CHUNK: usize = 1 << CHUNK_BITS;

/// Chunks of places with a list of the free ones.
#[derive(Default)]
pub(super) struct Slab<T> {
    chunks: Vec<Vec<T>>,
    free: Vec<u32>,
}

impl<T: Default> Slab<T> {
    pub(super) fn insert(&mut self, value: T) -> u32 {
        if let Some(index) = self.free.pop() {
            self[index] = value;
            return index;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            // The first chunk grows as it is filled, for the many brokers that never need all of it.
            let first = self.chunks.is_empty();
            self.chunks.push(if first { Vec::new() } else { Vec::with_capacity(CHUNK) });
        }
        let index = u32::try_from(self.places_len()).expect("memory ends before four thousand million places");
        self.chunks.last_mut().expect("one was just made").push(value);
        index
    }

    pub(super) fn remove(&mut self, index: u32) -> T {
        self.free.push(index);
        core::mem::take(&mut self[index])
    }
}

impl<T> Slab<T> {
    fn places_len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// All places, free ones with their default value.
    pub(super) fn places(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    #[cfg(test)]
    pub(super) fn used(&self) -> usize {
        self.places_len() - self.free.len()
    }

    /// Bytes allocated for the places themselves.
    pub(super) fn memory_bytes(&self) -> usize {
        let places: usize = self.chunks.iter().map(Vec::capacity).sum();
        places * size_of::<T>() + self.chunks.capacity() * size_of::<Vec<T>>() + self.free.capacity() * size_of::<u32>()
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, index: u32) -> &T {
        &self.chunks[(index >> CHUNK_BITS) as usize][index as usize % CHUNK]
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, index: u32) -> &mut T {
        &mut self.chunks[(index >> CHUNK_BITS) as usize][index as usize % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again() {
        let mut slab = Slab::<u64>::default();
        let (a, b) = (slab.insert(7), slab.insert(8));
        assert_eq!(slab.remove(a), 7);
        assert_eq!((slab[a], slab[b], slab.used()), (0, 8, 1));
        assert_eq!(slab.insert(9), a);
        assert!(slab.places().eq(&[9, 8]));
    }

    #[test]
    fn places_do_not_depend_on_chunks() {
        let mut slab = Slab::<usize>::default();
        for n in 0..3 * CHUNK + 1 {
            assert_eq!(slab.insert(n) as usize, n);
        }
        assert_eq!((slab[CHUNK as u32 - 1], slab[CHUNK as u32], slab[3 * CHUNK as u32]), (CHUNK - 1, CHUNK, 3 * CHUNK));
        assert_eq!((slab.used(), slab.places().count()), (3 * CHUNK + 1, 3 * CHUNK + 1));
        assert_eq!((slab.remove(CHUNK as u32), slab.insert(7)), (CHUNK, CHUNK as u32));
    }
}
