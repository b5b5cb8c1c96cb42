//! What the tests of this module share: topics and filters that meet often, and the naive answers.

extern crate std;

use proptest::prelude::*;
use proptest::sample::select;
use std::string::String;
use std::vec::Vec;

/// Levels that collide, that sort around `/`, that are empty, long, or begin with `$`.
const LEVELS: [&str; 9] = ["", "a", "b", "a!", "a0", "$x", "é", "-", "a level that is longer than 22 bytes"];

fn level() -> impl Strategy<Value = &'static str> {
    prop_oneof![6 => select(&LEVELS[1..3]), 4 => select(&LEVELS[..])]
}

/// A topic name of one to five levels.
pub(super) fn topic() -> impl Strategy<Value = String> {
    prop::collection::vec(level(), 1..=5)
        .prop_map(|levels| levels.join("/"))
        .prop_filter("a name has a character", |topic| !topic.is_empty())
}

/// A valid filter of one to five levels, half of whose levels are wildcards.
pub(super) fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![level(), proptest::strategy::Just("+")];
    (prop::collection::vec(level, 1..=5), prop::bool::ANY)
        .prop_map(|(mut levels, multi)| {
            if multi {
                *levels.last_mut().expect("at least one level") = "#";
            }
            levels.join("/")
        })
        .prop_filter("a filter has a character", |filter| !filter.is_empty())
}

/// Sorted, for comparing what has no order.
pub(super) fn sorted<T: Ord>(list: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut list: Vec<T> = list.into_iter().collect();
    list.sort();
    list
}
