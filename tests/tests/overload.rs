//! Overload has a shape: memory stays within its bounds, what is dropped is counted by its reason, and nobody takes more
//! than a share of a turn. Everything here checks bounds and counts, and no time.

use weirmq_tests::heap::Heap;

#[path = "overload/readers.rs"]
mod readers;
#[path = "overload/share.rs"]
mod share;
#[path = "overload/stuck.rs"]
mod stuck;
#[path = "overload/turns.rs"]
mod turns;

#[global_allocator]
static HEAP: Heap = Heap;
