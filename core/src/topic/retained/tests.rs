extern crate std;

use super::*;
use crate::topic::Filter;
use crate::topic::testing::{filter, topic};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::string::ToString;
use std::vec::Vec;
use std::{format, vec};

fn entry(message: u32) -> Entry {
    Entry::new(message, (u64::from(message), 0))
}

fn store<'a>(topics: impl IntoIterator<Item = &'a str>) -> RetainedStore {
    let mut store = RetainedStore::new(1);
    for (message, topic) in topics.into_iter().enumerate() {
        store.set(topic, entry(message as u32));
    }
    store
}

/// All topics that a filter finds, and what that cost.
fn scan(store: &mut RetainedStore, filter: &str) -> (Vec<String>, usize) {
    let (mut scan, mut budget) = (Scan::new(filter), 1_000_000);
    let mut found = Vec::new();
    while let Some((topic, _)) = store.scan_step(&mut scan, &mut budget) {
        found.push(topic.to_string());
    }
    assert!(scan.is_done() && scan.filter() == filter);
    (found, 1_000_000 - budget)
}

#[test]
fn the_latest_message_of_a_topic_is_kept() {
    let mut store = RetainedStore::new(1);
    assert_eq!(store.set("a", entry(1)), None);
    assert_eq!(store.set("a", entry(2)), Some(entry(1)));
    assert_eq!((store.get("a"), store.get("b"), store.len()), (Some(&entry(2)), None, 1));
    assert_eq!((store.remove("a"), store.remove("a")), (Some(entry(2)), None));
    assert!(store.is_empty());
}

#[test]
fn finds_around_the_separator_in_byte_order() {
    let mut store = store(["a", "a!", "a!/b", "a/", "a/b", "a/b!", "a/b/c", "a0", "a0/b", "$a/b", "b"]);
    for (filter, topics) in [
        ("a/#", &["a", "a/", "a/b", "a/b!", "a/b/c"][..]),
        ("+/b", &["a!/b", "a/b", "a0/b"]),
        ("+", &["a", "a!", "a0", "b"]),
        ("+/b/#", &["a!/b", "a/b", "a/b/c", "a0/b"]),
        ("a/+", &["a/", "a/b", "a/b!"]),
        ("$a/+", &["$a/b"]),
        ("a", &["a"]),
        ("c/+", &[]),
        ("#", &["a", "a!", "a!/b", "a/", "a/b", "a/b!", "a/b/c", "a0", "a0/b", "b"]),
    ] {
        assert_eq!(scan(&mut store, filter).0, topics, "{filter}");
    }
}

/// A search that leaps over `a/b!` to what is below `a/b/` leaps no further, whatever the wildcard behind it is as a byte.
#[test]
fn finds_what_comes_before_a_wildcard_in_byte_order() {
    let mut store = store(["a/b", "a/b!", "a/b/!", "a/b/!/x", "a/b/c/x"]);
    assert_eq!(scan(&mut store, "a/b/+/#").0, ["a/b/!", "a/b/!/x", "a/b/c/x"]);
    assert_eq!(scan(&mut store, "a/b/+/x").0, ["a/b/!/x", "a/b/c/x"]);
}

#[test]
fn the_cost_follows_the_candidates() {
    let mut store = RetainedStore::new(1);
    for n in 0..100 {
        for m in 0..100 {
            store.set(&format!("{n:02}/x{m:02}/y"), entry(1));
        }
        store.set(&format!("{n:02}/z"), entry(1));
    }
    assert_eq!(scan(&mut store, "nothing/+").1, 10_100 + 1, "each is put in order once");
    for (filter, matches, cost_max) in [
        ("+/z", 100, 350),
        ("+/z/#", 100, 350),
        ("+/x50/y", 100, 350),
        ("+/x50/+", 100, 350),
        ("07/+/y", 100, 205),
        ("07/#", 101, 105),
        ("07/+", 1, 205),
        ("+", 0, 101),
        ("nothing/+", 0, 1),
        ("07/z", 1, 1),
    ] {
        let (found, cost) = scan(&mut store, filter);
        assert_eq!(found.len(), matches, "{filter}");
        assert!(cost <= cost_max, "{filter} cost {cost}");
    }
}

#[test]
fn the_budget_stops_and_the_scan_goes_on() {
    let mut store = store(["a/1", "a/2"]);
    let (mut scan, mut budget) = (Scan::new("a/+"), 1);
    assert_eq!((store.scan_step(&mut scan, &mut budget), scan.is_done()), (None, false), "one of them is in order");
    budget = 2;
    assert_eq!(store.scan_step(&mut scan, &mut budget).map(|(topic, _)| topic), Some("a/1"));
    assert_eq!((store.scan_step(&mut scan, &mut budget), scan.is_done()), (None, false));
    budget = 2;
    assert_eq!(store.scan_step(&mut scan, &mut budget).map(|(topic, _)| topic), Some("a/2"));
    assert_eq!((store.scan_step(&mut scan, &mut budget), scan.is_done(), budget), (None, true, 0));
    let (mut scan, mut budget) = (Scan::new("a/1"), 0);
    assert_eq!((store.scan_step(&mut scan, &mut budget), scan.is_done()), (None, false));
}

#[test]
fn the_longest_topic_is_found() {
    let topic = format!("{}a", "a/".repeat(32_767));
    let mut store = store([topic.as_str()]);
    assert_eq!(scan(&mut store, &topic.replace('a', "+")).0.len(), 1);
    assert_eq!(scan(&mut store, &format!("+/{}#", "a/".repeat(30_000))).0.len(), 1);
}

proptest! {
    #[test]
    fn finds_what_the_filter_matches(topics in prop::collection::vec(topic(), 0..60), filter in filter()) {
        let mut store = store(topics.iter().map(String::as_str));
        let rule = Filter::parse(&filter, 9).expect("filters are valid");
        let expected: BTreeSet<_> = topics.into_iter().filter(|topic| rule.matches(topic)).collect();
        let (found, cost) = scan(&mut store, &filter);
        prop_assert_eq!(&found, &expected.into_iter().collect::<Vec<_>>());
        prop_assert!(cost <= 2 * store.len() + 1);
        let (again, cost) = scan(&mut store, &filter);
        prop_assert_eq!(&found, &again);
        prop_assert!(cost <= store.len() + 1, "each topic is put in order once");
    }

    #[test]
    fn finds_each_topic_once_while_the_store_changes(
        topics in prop::collection::vec(topic(), 0..40),
        changes in prop::collection::vec((topic(), any::<bool>(), 0..4_usize), 0..40),
        filter in filter(),
    ) {
        let mut store = store(topics.iter().map(String::as_str));
        let rule = Filter::parse(&filter, 9).expect("filters are valid");
        let mut steady: BTreeSet<String> = topics.into_iter().collect();
        let mut ever = steady.clone();
        let (mut scan, mut found) = (Scan::new(&filter), Vec::new());
        let drain = |store: &mut RetainedStore, scan: &mut Scan, found: &mut Vec<String>, mut budget: usize| {
            while let Some((topic, _)) = store.scan_step(scan, &mut budget) {
                found.push(topic.to_string());
            }
        };
        for (topic, keep, budget) in changes {
            drain(&mut store, &mut scan, &mut found, budget);
            if keep {
                store.set(&topic, entry(0));
                ever.insert(topic);
            } else {
                store.remove(&topic);
                steady.remove(&topic);
            }
        }
        drain(&mut store, &mut scan, &mut found, 1_000);
        prop_assert!(scan.is_done());
        prop_assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "in order and once: {found:?}");
        prop_assert!(found.iter().all(|topic| rule.matches(topic) && ever.contains(topic)));
        prop_assert!(steady.iter().filter(|topic| rule.matches(topic)).all(|topic| found.contains(topic)));
    }
}

/// Topics come and go before anybody has searched.
#[test]
fn what_is_gone_is_not_put_in_order() {
    let mut store = store(["a/1", "a/2", "a/3", "a/4"]);
    assert_eq!(store.remove("a/1"), Some(entry(0)));
    assert_eq!(store.remove("a/4"), Some(entry(3)));
    assert_eq!(store.set("a/5", entry(9)), None);
    assert_eq!(scan(&mut store, "a/+"), (vec!["a/2".to_string(), "a/3".to_string(), "a/5".to_string()], 3 + 4));
    assert_eq!(store.remove("a/3"), Some(entry(2)));
    assert_eq!(store.set("a/3", entry(8)), None);
    assert_eq!(store.remove("a/2"), Some(entry(1)));
    assert_eq!(scan(&mut store, "#"), (vec!["a/3".to_string(), "a/5".to_string()], 1 + 3));
}
