extern crate std;

use super::ahead::{LANES, LEVELS_MAX, TOGETHER};
use super::*;
use crate::topic::Filter;
use crate::topic::testing::{filter, sorted, topic};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::format;
use std::string::ToString;

fn text(tree: &SubscriptionTree, id: FilterId) -> String {
    let mut text = String::new();
    tree.filter_text(id, &mut text);
    text
}

fn matching(tree: &SubscriptionTree, topic: &str) -> Vec<String> {
    let mut out = Vec::new();
    tree.matches(topic, &mut out);
    sorted(out.into_iter().map(|id| text(tree, id)))
}

fn subscription(session: u32) -> Subscription {
    Subscription { session, ..Subscription::default() }
}

#[test]
fn inserting_twice_is_inserting_once() {
    let mut tree = SubscriptionTree::new(1);
    let id = tree.insert("a/+/#");
    assert_eq!(tree.insert("a/+/#"), id);
    assert_eq!((tree.find("a/+/#"), tree.find("a/+"), tree.find("a/+/#/x")), (Some(id), None, None));
    assert_eq!((text(&tree, id), tree.len()), ("a/+/#".to_string(), 1));
    assert!(tree.is_vacant(id) && matching(&tree, "a/b/c").is_empty());
}

#[test]
fn released_filters_leave_nothing() {
    let mut tree = SubscriptionTree::new(1);
    let kept = tree.insert("a/b");
    for filter in ["a/b/c/d", "a/+/c", "#", "+", "a/b/#", "", "/"] {
        let id = tree.insert(filter);
        tree.release(id);
    }
    assert_eq!((tree.nodes.used(), tree.edges.len(), tree.len()), (3, 1, 1));
    tree.release(kept);
    assert_eq!((tree.nodes.used(), tree.edges.len(), tree.len()), (1, 0, 0));
}

#[test]
fn overlapping_wildcards_are_all_found() {
    let mut tree = SubscriptionTree::new(1);
    for bits in 0..1_024_u32 {
        let levels: Vec<&str> = (0..10).map(|bit| if bits >> bit & 1 == 1 { "+" } else { "x" }).collect();
        let id = tree.insert(&levels.join("/"));
        tree.subscribe(id, subscription(bits));
    }
    let mut out = Vec::new();
    tree.matches("x/x/x/x/x/x/x/x/x/x", &mut out);
    assert_eq!(out.len(), 1_024);
    out.dedup();
    assert_eq!(sorted(out).len(), 1_024);
    let mut out = Vec::new();
    tree.matches("x/x/y/x/x/x/x/x/x/x", &mut out);
    assert_eq!(out.len(), 512);
    tree.matches("x/x/x/x/x/x/x/x/x", &mut out);
    assert_eq!(out.len(), 512);
}

#[test]
fn the_longest_topic_does_not_end_the_stack() {
    let mut tree = SubscriptionTree::new(1);
    // 65,535 bytes, 32,768 levels.
    let topic = format!("{}a", "a/".repeat(32_767));
    let plus = topic.replace('a', "+");
    // A fork at every level.
    let forks: Vec<String> = (0..40).map(|at| format!("{}+/z", "a/".repeat(at * 800))).collect();
    for filter in [topic.as_str(), plus.as_str(), "#"].into_iter().chain(forks.iter().map(String::as_str)) {
        let id = tree.insert(filter);
        tree.subscribe(id, subscription(1));
    }
    assert_eq!(matching(&tree, &topic), sorted([topic.clone(), plus.clone(), "#".to_string()]));
    for filter in [topic.as_str(), plus.as_str(), "#"].into_iter().chain(forks.iter().map(String::as_str)) {
        let id = tree.find(filter).expect("it was inserted");
        tree.unsubscribe(id, 0);
        tree.release(id);
    }
    assert_eq!((tree.nodes.used(), tree.edges.len()), (1, 0));
}

#[test]
fn a_filter_takes_less_than_300_bytes() {
    let mut tree = SubscriptionTree::new(1);
    let count = 100_000;
    for n in 0..count {
        let id = tree.insert(&format!("site/{}/device-{n:08}/status", n % 100));
        tree.subscribe(id, subscription(n));
    }
    let each = tree.memory_bytes() / count as usize;
    assert!((100..300).contains(&each), "{each} bytes for each filter");
}

fn read_ahead(tree: &SubscriptionTree, topics: &[&[u8]]) -> Vec<u32> {
    let mut read = Vec::new();
    tree.read_ahead(topics, |node, _| read.push(node));
    read
}

#[test]
fn what_is_read_ahead_is_what_will_be_read() {
    let mut tree = SubscriptionTree::new(1);
    for site in 0..50 {
        for filter in ["x", "y", "+", "#"] {
            tree.insert(&format!("site/{site}/{filter}"));
        }
        tree.insert(&format!("+/{site}/x"));
    }
    let node = |filter: &str| tree.find(filter).expect("it was inserted").0;
    let of = |site: u32| {
        let names =
            [format!("site/{site}/x"), format!("site/{site}/+"), format!("site/{site}/#"), format!("+/{site}/x")];
        let above = [&names[0], &names[3]].map(|name| tree.nodes[node(name)].parent);
        let levels = above.map(|above| tree.nodes[above].parent);
        sorted(names.iter().map(|name| node(name)).chain(above).chain(levels))
    };
    assert_eq!(sorted(read_ahead(&tree, &[b"site/7/x"])), of(7));
    assert_eq!(sorted(read_ahead(&tree, &[b"site/7/x", b"site/8/x"])), sorted([of(7), of(8)].concat()));
    let names: Vec<String> = (0..20).map(|site| format!("site/{site}/x")).collect();
    let topics: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
    assert_eq!(sorted(read_ahead(&tree, &topics)), sorted((0..16).flat_map(of)), "of those beyond 16 nothing");
    assert_eq!(read_ahead(&tree, &[]), []);
}

#[test]
fn reading_ahead_is_bounded() {
    let mut tree = SubscriptionTree::new(1);
    tree.insert(&"a/".repeat(40));
    let topic = "a/".repeat(40);
    assert_eq!(read_ahead(&tree, &[topic.as_bytes()]).len(), LEVELS_MAX);
    for bits in 0..1_024_u32 {
        let levels: Vec<&str> = (0..10).map(|bit| if bits >> bit & 1 == 1 { "+" } else { "x" }).collect();
        tree.insert(&levels.join("/"));
    }
    let wide: &[u8] = b"x/x/x/x/x/x/x/x/x/x";
    let count = read_ahead(&tree, &[wide; TOGETHER]).len();
    assert!((LANES..=LEVELS_MAX * LANES).contains(&count), "{count}");
}

/// What a session knows of its subscription, as the broker keeps it.
type Back = BTreeMap<u32, (String, Option<GroupId>, u32)>;

#[derive(Clone, Debug)]
enum Change {
    Subscribe(String),
    Join(String, &'static str),
    Remove(usize),
    Remote(String, &'static str, u16, u32),
}

fn change() -> impl Strategy<Value = Change> {
    let share = || prop::sample::select(&["g", "h"][..]);
    prop_oneof![
        4 => filter().prop_map(Change::Subscribe),
        2 => (filter(), share()).prop_map(|(filter, share)| Change::Join(filter, share)),
        4 => any::<usize>().prop_map(Change::Remove),
        1 => (filter(), share(), 0..3_u16, 0..2_u32)
            .prop_map(|(filter, share, shard, total)| Change::Remote(filter, share, shard, total)),
    ]
}

fn fix(back: &mut Back, moved: Option<Moved>) {
    if let Some(moved) = moved {
        assert_eq!(moved.slot, moved.session + 7);
        back.get_mut(&moved.session).expect("only live sessions move").2 = moved.position;
    }
}

fn apply(tree: &mut SubscriptionTree, back: &mut Back, session: u32, change: Change) {
    let subscription = Subscription { session, slot: session + 7, ..Subscription::default() };
    match change {
        Change::Subscribe(filter) => {
            let id = tree.insert(&filter);
            let position = tree.subscribe(id, subscription);
            back.insert(session, (filter, None, position));
        }
        Change::Join(filter, share) => {
            let id = tree.insert(&filter);
            let (group, position) = tree.join(id, share, subscription);
            back.insert(session, (filter, Some(group), position));
        }
        Change::Remove(which) => {
            let Some(&session) = back.keys().nth(which % back.len().max(1)) else { return };
            let (filter, group, position) = back.remove(&session).expect("it was just found");
            let id = tree.find(&filter).expect("a session is subscribed to it");
            let moved = match group {
                Some(group) => tree.leave(group, position),
                None => tree.unsubscribe(id, position),
            };
            fix(back, moved);
            tree.release(id);
        }
        Change::Remote(filter, share, shard, total) => {
            let id = tree.insert(&filter);
            let group = tree.set_remote_members(id, share, shard, total, total);
            assert_eq!(group, tree.group_find(id, share));
            tree.release(id);
        }
    }
}

fn check_back(tree: &SubscriptionTree, back: &Back) -> Result<(), TestCaseError> {
    for (&session, (filter, group, position)) in back {
        let id = tree.find(filter).expect("a session is subscribed to it");
        let list = group.map_or(tree.subscriptions(id), |group| tree.group(group).members());
        prop_assert_eq!(list[*position as usize].session, session);
        let found = group.map_or(tree.position_of(id, session), |group| tree.group(group).position_of(session));
        prop_assert_eq!(found, Some(*position));
        prop_assert_eq!(text(tree, id), filter.as_str());
        if let Some(group) = group {
            prop_assert!(tree.groups(id).any(|other| other == *group));
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn matches_what_each_filter_matches(
        changes in prop::collection::vec(change(), 1..80),
        topics in prop::collection::vec(topic(), 1..20),
        seed: u64,
    ) {
        let mut tree = SubscriptionTree::new(seed);
        let mut back = Back::new();
        // What is attached beside sessions: bits of shards with members.
        let mut elsewhere = BTreeMap::<(String, &str), u64>::new();
        for (session, change) in changes.into_iter().enumerate() {
            let noted = match &change {
                Change::Remote(filter, share, shard, total) => Some(((filter.clone(), *share), *shard, *total > 0)),
                Change::Subscribe(_) | Change::Join(..) | Change::Remove(_) => None,
            };
            if let Some((key, shard, on)) = noted {
                let bits = elsewhere.entry(key).or_default();
                *bits = if on { *bits | 1 << shard } else { *bits & !(1 << shard) };
            }
            apply(&mut tree, &mut back, session as u32, change);
            check_back(&tree, &back)?;
        }
        elsewhere.retain(|_, bits| *bits != 0);
        let mut filters = sorted(back.values().map(|(filter, ..)| filter).chain(elsewhere.keys().map(|(filter, _)| filter)));
        filters.dedup();
        prop_assert_eq!(tree.len(), filters.len());
        for topic in topics {
            let is_match = |filter: &str| Filter::parse(filter, 9).expect("filters are valid").matches(&topic);
            let expected: Vec<String> = filters.iter().filter(|filter| is_match(filter)).map(|&f| f.clone()).collect();
            prop_assert_eq!(matching(&tree, &topic), expected);
            let (mut out, ahead) = (Vec::new(), read_ahead(&tree, &[topic.as_bytes()]));
            tree.matches(&topic, &mut out);
            prop_assert!(out.iter().all(|filter| ahead.contains(&filter.0)));
        }
        for _ in 0..back.len() {
            apply(&mut tree, &mut back, 0, Change::Remove(0));
        }
        let removals = elsewhere.into_keys().flat_map(|(filter, share)| (0..3).map(move |shard| (filter.clone(), share, shard)));
        for (filter, share, shard) in removals {
            apply(&mut tree, &mut back, 0, Change::Remote(filter, share, shard, 0));
        }
        prop_assert_eq!((tree.nodes.used(), tree.edges.len(), tree.len()), (1, 0, 0));
    }
}
