extern crate std;

use std::collections::BTreeMap;
use std::format;
use std::string::String;

use proptest::prelude::*;

use super::*;
use crate::topic::epoch::Epochs;
use crate::topic::testing::{filter, sorted, topic};
use crate::topic::{Filter, FilterId, Router};

/// The print of a filter with this number.
fn print(filter: &str, id: u32) -> FilterPrint {
    Router::new(16, 1).print(filter, FilterId(id))
}

/// An interest in these filters, each of the shard behind it and numbered from 0.
fn interest(filters: &[(&str, u16)]) -> Interest {
    let mut interest = Interest::new(1);
    for (id, &(filter, shard)) in filters.iter().enumerate() {
        interest.add(print(filter, id as u32), shard);
    }
    interest
}

/// What matches, by shard and number; a shard that has to look itself has none.
fn found(interest: &Interest, topic: &str) -> Vec<(u16, Option<u32>)> {
    let mut found = Vec::new();
    interest.matches(topic, &mut found);
    found.iter().map(|place| (place.shard, place.filter().map(|filter| filter.0))).collect()
}

/// The shards that have something that matches, one bit each.
fn shards(interest: &Interest, topic: &str) -> u64 {
    found(interest, topic).iter().fold(0, |shards, (shard, _)| shards | 1 << shard)
}

fn is_nothing(interest: &Interest) -> bool {
    interest.is_empty() && interest.known.len() == 0
}

#[test]
fn each_filter_is_found_by_its_number() {
    let filters = [("a/b", 1), ("a/+", 2), ("a/#", 63), ("a/b", 3), ("+/b", 2)];
    let mut interest = interest(&filters);
    let all = [(1, Some(0)), (2, Some(1)), (2, Some(4)), (3, Some(3)), (63, Some(2))];
    assert_eq!(found(&interest, "a/b"), all);
    assert_eq!(found(&interest, "a/c"), [(2, Some(1)), (63, Some(2))]);
    assert_eq!(found(&interest, "a"), [(63, Some(2))]);
    assert_eq!((found(&interest, "b/a"), found(&interest, "b")), (Vec::new(), Vec::new()));
    let mut left = all.to_vec();
    for (id, (filter, shard)) in filters.into_iter().enumerate() {
        interest.remove(print(filter, id as u32), shard);
        left.retain(|place| *place != (shard, Some(id as u32)));
        assert_eq!(found(&interest, "a/b"), left);
    }
    assert!(is_nothing(&interest));
}

#[test]
fn what_differs_only_in_shape_differs() {
    let interest = interest(&[("a", 1), ("a/#", 2), ("b/+", 3), ("+/b", 4), ("#", 5)]);
    for (topic, expected) in [("a", 0b100110), ("a/x", 0b100100), ("b/b", 0b111000), ("b", 0b100000), ("x/b", 0b110000)]
    {
        assert_eq!(shards(&interest, topic), expected, "{topic}");
    }
}

/// As if their sums were the same by chance.
#[test]
fn filters_with_one_sum_are_told_apart() {
    let mut interest = Interest::new(1);
    for (id, shard) in [(7, 1), (8, 1), (9, 1), (7, 2)] {
        interest.add(print("a", id), shard);
    }
    let mut expected = std::vec![(1, Some(7)), (1, Some(8)), (1, Some(9)), (2, Some(7))];
    for (id, shard) in [(8, 1), (7, 1), (7, 2), (9, 1)] {
        assert_eq!(found(&interest, "a"), expected);
        interest.remove(print("a", id), shard);
        expected.retain(|place| *place != (shard, Some(id)));
    }
    assert!(is_nothing(&interest));
}

#[test]
fn all_shards_may_have_the_same_filter() {
    let mut interest = Interest::new(1);
    let number = |shard| u32::from(shard) * 3;
    (0..64_u16).for_each(|shard| interest.add(print("a/+", number(shard)), shard));
    assert_eq!(found(&interest, "a/b"), (0..64).map(|shard| (shard, Some(number(shard)))).collect::<Vec<_>>());
    for shard in (0..64_u16).rev() {
        interest.remove(print("a/+", number(shard)), shard);
        assert_eq!(found(&interest, "a/b").len(), usize::from(shard));
    }
    assert!(is_nothing(&interest));
}

#[test]
fn too_many_are_not_told_apart() {
    let mut interest = Interest::new(1);
    let filters: Vec<String> = (0..1_u32 << 6)
        .map(|bits| (0..6).map(|at| if bits >> at & 1 == 1 { "+" } else { "x" }).collect::<Vec<_>>().join("/"))
        .collect();
    for (id, filter) in filters.iter().enumerate() {
        interest.add(print(filter, id as u32), 1 + id as u16 % 2);
    }
    let topic = "x/x/x/x/x/x";
    assert_eq!((filters.len(), found(&interest, topic).len()), (ELSEWHERE_MAX, ELSEWHERE_MAX));
    interest.add(print("#", 64), 9);
    assert_eq!(found(&interest, topic), [(1, None), (2, None), (9, None)]);
    interest.remove(print("#", 64), 9);
    assert_eq!(found(&interest, topic).len(), ELSEWHERE_MAX);
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
        assert_eq!(shards(&interest, &long(33, "b")), u64::from(same) << 1, "{filter}");
        assert_eq!(shards(&interest, &long(31, "x")), 0, "{filter}");
    }
    let of = |filter: &str, topic: &str| found(&interest(&[(filter, 1)]), topic);
    assert_eq!(of(&long(32, "a"), &long(32, "a")), [(1, Some(0))]);
    assert_eq!(of(&long(32, "+"), &long(32, "a")), [(1, Some(0))]);
    assert_eq!(of(&long(32, "#"), &long(70, "a")), [(1, Some(0))]);
    assert_eq!(of(&long(33, "#"), &long(70, "x")), [(1, Some(0))], "32 levels and the rest, which is what it says");
    assert_eq!(of(&long(33, "a"), &long(33, "a")), [(1, None)], "it is not the only one with this print");
    assert_eq!(of(&long(34, "#"), &long(70, "x")), [(1, None)]);
}

/// The first of all filters that are told alike is told, and the last is taken back.
#[test]
fn what_is_not_told_apart_is_told_once() {
    let mut router = Router::new(16, 1);
    let mut told = Told::new(64);
    let deep = |end: &str| format!("{}{end}", "x/".repeat(33));
    let mut first = |id: u32, filter: &str| {
        let mut said = None;
        told.first(&mut router, FilterId(id), filter, |print| said = Some(print.filter()));
        said
    };
    assert_eq!(first(1, &deep("a")), Some(FilterId::NONE));
    assert_eq!((first(2, &deep("b")), first(3, &deep("#"))), (None, None));
    assert_eq!((first(4, "x/y"), first(5, "x/z")), (Some(FilterId(4)), Some(FilterId(5))));
    // From here on there are too many shapes.
    for levels in 3..9 {
        assert_eq!(first(100 + levels, &"x/".repeat(levels as usize)), Some(FilterId(100 + levels)));
    }
    assert_eq!(
        (first(200, "x/+/y/z"), first(201, "x/+/z/+"), first(202, "+/y/+")),
        (Some(FilterId::NONE), None, Some(FilterId::NONE))
    );
    let mut last = |id: u32, filter: &str| told.last(&mut router, FilterId(id), filter).map(|print| print.filter());
    assert_eq!((last(2, &deep("b")), last(1, &deep("a"))), (None, None));
    assert_eq!(last(3, &deep("#")), Some(FilterId::NONE));
    assert_eq!((last(200, "x/+/y/z"), last(201, "x/+/z/+")), (None, Some(FilterId::NONE)));
    assert_eq!((last(4, "x/y"), last(202, "+/y/+")), (Some(FilterId(4)), Some(FilterId::NONE)));
    assert_eq!(last(5, "x/z"), Some(FilterId(5)));
    (3..9).for_each(|levels| _ = last(100 + levels, &"x/".repeat(levels as usize)));
    assert!(told.is_empty());
}

#[test]
fn there_are_only_so_many_shapes_and_others_are_told_of_wider_filters() {
    let mut router = Router::new(16, 1);
    let (mut told, mut interest) = (Told::new(64), Interest::new(1));
    let filters: Vec<String> = (0..12).map(|levels| format!("{}end", "x/".repeat(levels))).collect();
    let mut tree = Router::new(16, 1);
    let filters: Vec<(FilterId, String)> = filters.into_iter().map(|filter| (tree.insert(&filter), filter)).collect();
    for (id, filter) in &filters {
        told.first(&mut router, *id, filter, |print| interest.add(print, 1));
    }
    assert_eq!(interest.shapes.len(), 9, "eight, and the one that is told instead");
    assert!(filters.iter().all(|(_, filter)| shards(&interest, filter) == 0b10));
    assert_eq!(["x/x/other", "x/other", "other"].map(|topic| shards(&interest, topic)), [0b10, 0, 0]);
    for (id, filter) in &filters[..8] {
        told.last(&mut router, *id, filter).into_iter().for_each(|print| interest.remove(print, 1));
    }
    assert_eq!(shards(&interest, &filters[11].1), 0b10, "it was told so and is taken back so");
    let (id, filter) = &filters[0];
    told.first(&mut router, *id, filter, |print| interest.add(print, 1));
    assert_eq!(shards(&interest, "x/x/other"), 0b10);
    for (id, filter) in filters[8..].iter().chain([&filters[0]]) {
        told.last(&mut router, *id, filter).into_iter().for_each(|print| interest.remove(print, 1));
    }
    assert!(is_nothing(&interest));
}

#[test]
fn a_wider_filter_hides_no_dollar_and_sees_none() {
    let router = Router::new(16, 1);
    for (filter, topic, seen) in
        [("$a/+/b/+", "$a/x/b/y", true), ("+/b", "$a/b", false), ("a/b/c/d", "a/b/c/d", true), ("+/b/#", "a/b", true)]
    {
        let mut interest = Interest::new(1);
        interest.add(router.coarse_print(filter), 0);
        assert_eq!(shards(&interest, topic), u64::from(seen), "{filter} {topic}");
    }
}

#[test]
fn what_was_not_added_is_not_removed() {
    let mut interest = interest(&[("a", 1)]);
    interest.remove(print("b", 0), 1);
    interest.remove(print("a", 0), 2);
    interest.remove(print("a", 1), 1);
    assert_eq!(found(&interest, "a"), [(1, Some(0))]);
}

#[test]
fn what_two_filters_have_in_common_is_not_looked_at_again() {
    let mut interest = Interest::new(1);
    let epochs = Epochs::new(1);
    let mut looks = |filter: &str| {
        let mut asked = false;
        interest.print(filter, FilterId(1), || {
            asked = true;
            epochs.cell(filter)
        });
        asked
    };
    let filters = ["a/b/c", "a/b/d", "a/b/+/e", "a/b", "a/b/c", "a/c/d"];
    assert_eq!(filters.map(&mut looks), [true, false, false, true, true, true]);
    // Of a very long filter nothing is kept.
    let long = format!("a/c/{}", "x".repeat(1_100));
    assert_eq!([&long, &long].map(|filter| looks(filter)), [true, true]);
}

#[test]
fn filters_of_others_are_spread_over_all_tables() {
    let mut interest = Interest::new(1);
    let mut router = Router::new(16, 1);
    for number in 0..10_000 {
        interest.add(router.print(&format!("device/{number}"), FilterId(number)), 1);
    }
    let sizes = interest.known.sizes();
    assert!(sizes.iter().all(|size| (80..320).contains(size)), "{sizes:?}");
    assert_eq!(sizes.iter().sum::<usize>(), interest.len());
}

/// What a print begins with is taken from the one before, if it is the same.
#[test]
fn a_print_is_the_same_whatever_was_printed_before() {
    let deep = |levels: usize, end: &str| format!("{}{end}", "x/".repeat(levels));
    let mut filters: Vec<String> = [
        "a", "a/b", "a/b/c", "a/b/cd", "a/b/c/", "a/bc/d", "a//c", "/", "//", "+", "#", "+/b/c", "a/+/c", "a/+/d",
        "a/#", "a/b/#", "a/b/+/d",
    ]
    .map(String::from)
    .into();
    for levels in [30, 31, 32, 33, 40] {
        filters.extend(["", "y", "y/z", "+", "#"].map(|end| deep(levels, end)));
    }
    filters.extend([
        format!("a/{}", "é".repeat(30_000)),
        format!("a/{}", "é".repeat(30_001)),
        "é/è".into(),
        "é/é".into(),
    ]);
    for before in &filters {
        for filter in &filters {
            let mut router = Router::new(16, 1);
            router.print(before, FilterId(1));
            assert_eq!(router.print(filter, FilterId(2)), print(filter, 2), "{filter} after {before}");
        }
    }
}

proptest! {
    #[test]
    fn a_print_is_the_same_after_any_others(filters in prop::collection::vec(filter(), 1..30)) {
        let mut router = Router::new(16, 1);
        for filter in &filters {
            prop_assert_eq!(router.print(filter, FilterId(3)), print(filter, 3), "{}", filter);
        }
    }

    /// Two shards with filters that come and go, few enough shapes that some are told wider.
    #[test]
    fn what_matches_is_found(
        steps in prop::collection::vec((filter(), 0..2_u16), 1..120),
        topics in prop::collection::vec(topic(), 1..20),
        shards in prop::sample::select(&[2_usize, 64][..]),
        seed: u64,
    ) {
        let mut router = Router::new(16, seed);
        let mut interest = Interest::new(seed);
        let mut told = [Told::new(shards), Told::new(shards)];
        let mut ids = Router::new(16, seed);
        let mut own = [BTreeMap::new(), BTreeMap::new()];
        for (filter, shard) in steps {
            let (told, own) = (&mut told[usize::from(shard)], &mut own[usize::from(shard)]);
            let id = ids.insert(&filter);
            // A step takes back what it finds.
            if own.remove(&filter).is_some() {
                told.last(&mut router, id, &filter).into_iter().for_each(|print| interest.remove(print, shard));
            } else {
                told.first(&mut router, id, &filter, |print| interest.add(print, shard));
                own.insert(filter, id);
            }
        }
        for topic in topics {
            let matches = |filter: &String| Filter::parse(filter, 9).expect("filters are valid").matches(&topic);
            let matching = |of: u16| own[usize::from(of)].iter().filter(|(filter, _)| matches(filter)).map(move |(_, id)| (of, Some(id.0)));
            let expected = sorted((0..2).flat_map(matching));
            let found = found(&interest, &topic);
            if shards == 2 {
                prop_assert_eq!(found, expected, "64 shapes are enough for all of these");
            } else {
                let is_found = |place: &(u16, Option<u32>)| found.contains(place) != found.contains(&(place.0, None));
                prop_assert!(expected.iter().all(is_found), "{:?} {:?}", found, expected);
            }
        }
        for shard in 0..2 {
            for (filter, id) in &own[shard] {
                told[shard].last(&mut router, *id, filter).into_iter().for_each(|print| interest.remove(print, shard as u16));
            }
        }
        prop_assert!(is_nothing(&interest) && told.iter().all(Told::is_empty));
    }
}

#[test]
fn a_change_names_its_filter_whichever_it_is() {
    for filter in ["a/b", "+/b/#", "#"] {
        let print = print(filter, 7);
        for interested in [true, false] {
            let change = InterestChange::new(print, interested);
            assert_eq!((change.print(), change.is_interested()), (print, interested), "{filter}");
        }
    }
}
