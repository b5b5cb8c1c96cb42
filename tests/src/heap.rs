//! A counting allocator: what this thread holds of the heap, and how often it has asked and given back.
//!
//! A program that wants to know makes it its global allocator: `#[global_allocator] static HEAP: Heap = Heap;`. Counts are
//! of the thread that allocates and frees, so tests beside each other do not disturb each other.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counted.
pub struct Heap;

/// What was done with memory. Growing or shrinking, in place or elsewhere, is one allocation and one deallocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Times that memory was asked for.
    pub allocations: u64,
    /// Times that it was given back.
    pub deallocations: u64,
}

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { allocations: 0, deallocations: 0 }) };
}

fn count(allocations: u64, deallocations: u64, bytes: isize) {
    // A thread that is ending has its counters no more, and nobody asks for them.
    let _gone = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        PEAK.try_with(|peak| peak.set(peak.get().max(held.get())))?;
        COUNTS.try_with(|counts| {
            let Counts { allocations: asked, deallocations: given } = counts.get();
            counts.set(Counts { allocations: asked + allocations, deallocations: given + deallocations });
        })
    });
}

/// Bytes that this thread has asked for and not given back.
pub fn held() -> isize {
    HELD.get()
}

/// What this thread has done so far.
pub fn counts() -> Counts {
    COUNTS.get()
}

/// The most that it ever held since [`forget_peak`].
pub fn peak() -> isize {
    PEAK.get()
}

/// Begins a new peak at what is held now.
pub fn forget_peak() {
    PEAK.set(HELD.get());
}

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, 0, layout.size() as isize);
        // SAFETY: the caller's promises are those of this call.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, 0, layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, 1, -(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, 1, size as isize - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
