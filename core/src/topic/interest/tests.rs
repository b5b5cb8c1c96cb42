extern crate std;

use std::collections::BTreeMap;
use std::format;
use std::string::{String, ToString};

use proptest::prelude::*;

use super::*;
use crate::topic::testing::{filter, topic};
use crate::topic::{Filter, FilterId, Router};

fn print(filter: &str) -> FilterPrint {
    Router::new(16, 1).print(filter)
}

/// An interest in these filters, each of the shard behind it.
fn interest(filters: &[(&str, u16)]) -> Interest {
    let mut interest = Interest::new(1);
    filters.iter().for_each(|&(filter, shard)| interest.add(print(filter), shard));
    interest
}

#[test]
fn a_shard_is_known_by_each_of_its_filters() {
    let mut interest = interest(&[("a/b", 1), ("a/+", 2), ("a/#", 63), ("a/b", 3)]);
    assert_eq!(interest.shards("a/b"), 1 << 1 | 1 << 2 | 1 << 3 | 1 << 63);
    assert_eq!((interest.shards("a/c"), interest.shards("a")), (1 << 2 | 1 << 63, 1 << 63));
    assert_eq!((interest.shards("b/a"), interest.shards("b")), (0, 0));
    for (filter, shard) in [("a/b", 1), ("a/+", 2), ("a/#", 63), ("a/b", 3)] {
        assert_eq!(interest.shards("a/b") >> shard & 1, 1);
        interest.remove(print(filter), shard);
        assert_eq!(interest.shards("a/b") >> shard & 1, 0);
    }
    assert!(interest.is_empty() && interest.known.is_empty());
}

#[test]
fn what_differs_only_in_shape_differs() {
    let interest = interest(&[("a", 1), ("a/#", 2), ("b/+", 3), ("+/b", 4), ("#", 5)]);
    for (topic, shards) in [("a", 0b100110), ("a/x", 0b100100), ("b/b", 0b111000), ("b", 0b100000), ("x/b", 0b110000)] {
        assert_eq!(interest.shards(topic), shards, "{topic}");
    }
}

#[test]
fn filters_with_one_sum_are_counted() {
    let mut interest = interest(&[("a", 1), ("a", 1), ("a", 1), ("a", 2)]);
    for shards in [0b110, 0b110, 0b100, 0b100] {
        interest.remove(print("a"), 1);
        assert_eq!(interest.shards("a"), shards);
    }
    interest.remove(print("a"), 2);
    assert!(interest.is_empty() && interest.known.is_empty() && interest.more.is_empty());
}

#[test]
fn of_more_than_32_levels_the_rest_is_not_told_apart() {
    let long = |levels: usize, last: &str| format!("{}{last}", "x/".repeat(levels - 1));
    for (filter, same) in [
        (long(33, "a"), true),
        (long(40, "#"), true),
        (long(33, "+"), true),
        (long(32, "a"), false),
        (long(33, "#"), true),
    ] {
        let interest = interest(&[(&filter, 1)]);
        assert_eq!(interest.shards(&long(33, "b")), u64::from(same) << 1, "{filter}");
        assert_eq!(interest.shards(&long(31, "x")), 0, "{filter}");
    }
    assert_eq!(interest(&[(&long(32, "a"), 1)]).shards(&long(32, "a")), 0b10);
    assert_eq!(interest(&[(&long(32, "+"), 1)]).shards(&long(32, "a")), 0b10);
    assert_eq!(interest(&[(&long(32, "#"), 1)]).shards(&long(70, "a")), 0b10);
}

#[test]
fn there_are_only_so_many_shapes_and_others_are_told_of_wider_filters() {
    let router = Router::new(16, 1);
    let (mut told, mut interest) = (Told::new(64), Interest::new(1));
    let filters: Vec<String> = (0..12).map(|levels| format!("{}end", "x/".repeat(levels))).collect();
    let mut tree = Router::new(16, 1);
    let filters: Vec<(FilterId, String)> = filters.into_iter().map(|filter| (tree.insert(&filter), filter)).collect();
    for (id, filter) in &filters {
        interest.add(told.first(&router, *id, filter), 1);
    }
    assert_eq!(interest.shapes.len(), 9, "eight, and the one that is told instead");
    assert!(filters.iter().all(|(_, filter)| interest.shards(filter) == 0b10));
    assert_eq!((interest.shards("x/x/other"), interest.shards("x/other"), interest.shards("other")), (0b10, 0, 0));
    for (id, filter) in &filters[..8] {
        interest.remove(told.last(&router, *id, filter), 1);
    }
    assert_eq!(interest.shards(&filters[11].1), 0b10, "it was told so and is taken back so");
    let (id, filter) = &filters[0];
    interest.add(told.first(&router, *id, filter), 1);
    assert_eq!(interest.shards("x/x/other"), 0b10);
    for (id, filter) in filters[8..].iter().chain([&filters[0]]) {
        interest.remove(told.last(&router, *id, filter), 1);
    }
    assert!(interest.is_empty() && interest.known.is_empty() && interest.more.is_empty());
}

#[test]
fn a_wider_filter_hides_no_dollar_and_sees_none() {
    let router = Router::new(16, 1);
    for (filter, topic, seen) in
        [("$a/+/b/+", "$a/x/b/y", true), ("+/b", "$a/b", false), ("a/b/c/d", "a/b/c/d", true), ("+/b/#", "a/b", true)]
    {
        let mut interest = Interest::new(1);
        interest.add(router.coarse_print(filter), 0);
        assert_eq!(interest.shards(topic), u64::from(seen), "{filter} {topic}");
    }
}

#[test]
fn what_was_not_added_is_not_removed() {
    let mut interest = interest(&[("a", 1)]);
    interest.remove(print("b"), 1);
    interest.remove(print("a"), 2);
    assert_eq!(interest.shards("a"), 0b10);
}

proptest! {
    /// Two shards with filters that come and go, few enough shapes that some are told wider.
    #[test]
    fn whoever_has_a_filter_that_matches_is_found(
        steps in prop::collection::vec((filter(), 0..2_u16), 1..120),
        topics in prop::collection::vec(topic(), 1..20),
        shards in prop::sample::select(&[2_usize, 64][..]),
        seed: u64,
    ) {
        let router = Router::new(16, seed);
        let mut interest = Interest::new(seed);
        let mut told = [Told::new(shards), Told::new(shards)];
        let mut ids = Router::new(16, seed);
        let mut own = [BTreeMap::new(), BTreeMap::new()];
        for (filter, shard) in steps {
            let (told, own) = (&mut told[usize::from(shard)], &mut own[usize::from(shard)]);
            let id = ids.insert(&filter);
            // A step takes back what it finds.
            if own.remove(&filter).is_some() {
                interest.remove(told.last(&router, id, &filter), shard);
            } else {
                own.insert(filter.to_string(), id);
                interest.add(told.first(&router, id, &filter), shard);
            }
        }
        for topic in topics {
            let matches = |filter: &String| Filter::parse(filter, 9).expect("filters are valid").matches(&topic);
            let expected = (0..2).fold(0, |shards, of| shards | u64::from(own[of].keys().any(matches)) << of);
            let found = interest.shards(&topic);
            prop_assert_eq!(found & expected, expected);
            if shards == 2 {
                prop_assert_eq!(found, expected, "64 shapes are enough for all of these");
            }
        }
        for shard in 0..2 {
            for (filter, id) in &own[shard] {
                interest.remove(told[shard].last(&router, *id, filter), shard as u16);
            }
        }
        prop_assert!(interest.is_empty() && interest.known.is_empty() && interest.more.is_empty());
    }
}
