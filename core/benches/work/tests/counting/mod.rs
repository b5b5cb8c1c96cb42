//! An allocator that counts, for each thread by itself: tests run side by side.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What was done with memory. Growing or shrinking in place or elsewhere is one allocation and one deallocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) allocations: u64,
    pub(crate) deallocations: u64,
}

thread_local! {
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { allocations: 0, deallocations: 0 }) };
    static COUNTING: Cell<bool> = const { Cell::new(false) };
    /// What is not freed of what this thread has allocated.
    static HELD: Cell<isize> = const { Cell::new(0) };
}

fn count(allocations: u64, deallocations: u64, bytes: isize) {
    HELD.set(HELD.get() + bytes);
    if COUNTING.get() {
        let counts = COUNTS.get();
        COUNTS.set(Counts {
            allocations: counts.allocations + allocations,
            deallocations: counts.deallocations + deallocations,
        });
    }
}

struct Counting;

// SAFETY: everything is passed on to the system's allocator as it came; what is added allocates nothing, since the
// thread's variables are constants at first and need no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, 0, layout.size() as isize);
        // SAFETY: the caller's promises are those of the function called.
        unsafe { System.alloc(layout) }
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

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Counts what is done in `work`; the rest of the thread is not counted.
pub(crate) fn counted(work: &mut dyn FnMut()) {
    COUNTING.set(true);
    work();
    COUNTING.set(false);
}

/// What was counted since the last time.
pub(crate) fn taken() -> Counts {
    COUNTS.take()
}

/// Bytes that this thread has allocated and not freed.
pub(crate) fn held() -> usize {
    usize::try_from(HELD.get()).expect("no more is freed than was allocated")
}
