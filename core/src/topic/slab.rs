//! Values at stable small indices, used again after they were removed.
//!
//! A removed place holds the default value until it is used again, so an index that outlived its value reads as empty
//! instead of panicking.

use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

/// A vector with a list of its free places.
#[derive(Default)]
pub(super) struct Slab<T> {
    items: Vec<T>,
    free: Vec<u32>,
}

impl<T: Default> Slab<T> {
    pub(super) fn insert(&mut self, value: T) -> u32 {
        if let Some(index) = self.free.pop() {
            self.items[index as usize] = value;
            return index;
        }
        if self.items.len() == self.items.capacity() {
            // A quarter more instead of twice as much: at a million filters the difference is most of the memory.
            self.items.reserve_exact((self.items.len() / 4).max(16));
        }
        let index = u32::try_from(self.items.len()).expect("memory ends before four thousand million places");
        self.items.push(value);
        index
    }

    pub(super) fn remove(&mut self, index: u32) -> T {
        self.free.push(index);
        core::mem::take(&mut self.items[index as usize])
    }

    pub(super) fn used(&self) -> usize {
        self.items.len() - self.free.len()
    }

    /// All places, free ones with their default value.
    pub(super) fn places(&self) -> &[T] {
        &self.items
    }

    /// Bytes allocated for the places themselves.
    pub(super) fn memory_bytes(&self) -> usize {
        self.items.capacity() * size_of::<T>() + self.free.capacity() * size_of::<u32>()
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, index: u32) -> &T {
        &self.items[index as usize]
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, index: u32) -> &mut T {
        &mut self.items[index as usize]
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
        assert_eq!(slab.places(), [9, 8]);
    }
}
