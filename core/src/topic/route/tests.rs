extern crate std;

use super::*;
use crate::topic::testing::{filter, sorted, topic};
use crate::topic::{Filter, InterestChange};
use proptest::prelude::*;
use std::format;

fn subscription(session: u32) -> Subscription {
    Subscription { session, ..Subscription::default() }
}

#[test]
fn a_topic_is_remembered_at_its_second_use() {
    let mut router = Router::new(16, 1);
    let (id, _) = router.subscribe("a/+", subscription(1));
    assert_eq!(router.route("a/b"), [id]);
    assert_eq!(router.cached_routes(), 0);
    for _ in 0..2 {
        let at = router.route_at("a/b");
        assert_ne!(at, RouteAt::SCRATCH);
        assert_eq!((router.filters(at), router.cached_routes()), (&[id][..], 1));
    }
}

/// The bound is that of the cache's memory, for one topic.
#[test]
fn what_is_too_large_is_not_remembered() {
    let mut router = Router::new(16, 1);
    let long = |bytes: usize| "t".repeat(bytes);
    for (bytes, remembered) in [(256, 1), (257, 1)] {
        (0..3).for_each(|_| assert!(router.route(&long(bytes)).is_empty()));
        assert_eq!(router.cached_routes(), remembered, "{bytes}");
    }
    // 2^8 filters match a topic of 8 levels, and 2^9 one of 9, beside those with `#`.
    for levels in [8_u32, 9] {
        for number in 0..1 << levels {
            let level = |at| if number >> at & 1 == 0 { "+" } else { "a" };
            let filter = (0..levels).map(level).collect::<Vec<_>>().join("/");
            router.subscribe(&filter, subscription(1));
        }
    }
    for (levels, remembered) in [(8, 2), (9, 2)] {
        let topic = std::vec!["a"; levels].join("/");
        (0..3).for_each(|_| assert_eq!(router.route(&topic).len(), 1 << levels));
        assert_eq!(router.cached_routes(), remembered, "{levels} levels");
    }
    // One that was remembered and has become too many is not taken over, and still answered.
    let (more, _) = router.subscribe("a/#", subscription(1));
    let topic = std::vec!["a"; 8].join("/");
    (0..3).for_each(|_| assert_eq!(router.route(&topic).len(), 257));
    router.unsubscribe(more, 0);
    (0..3).for_each(|_| assert_eq!(router.route(&topic).len(), 256));
}

#[test]
fn a_change_is_seen_at_once() {
    let mut router = Router::new(16, 1);
    for _ in 0..3 {
        assert!(router.route("a/b").is_empty());
    }
    let inserted = router.insert("a/#");
    assert!(router.route("a/b").is_empty(), "nothing is attached yet");
    let (id, _) = router.subscribe("a/#", subscription(1));
    assert_eq!(id, inserted);
    assert_eq!(router.route("a/b"), [id]);
    router.unsubscribe(id, 0);
    assert!(router.route("a/b").is_empty());
    router.release(id);
    assert_eq!(router.find("a/#"), None, "nobody wants it");
    let id = router.insert("a/#");
    let (group, _) = router.join(id, "g", subscription(2));
    assert_eq!(router.route("a/b"), [id]);
    router.leave(group, 0);
    router.release(id);
    assert!(router.route("a/b").is_empty());
}

/// The filters that match here and in other shards, as a publish asks for them.
fn ask(router: &mut Router, topic: &str) -> (Vec<FilterId>, Vec<Elsewhere>) {
    let at = router.route_at(topic);
    let filters = router.filters(at).to_vec();
    (filters, router.elsewhere(topic, at).to_vec())
}

#[test]
fn what_is_expected_to_be_the_same_may_be_another() {
    let mut router = Router::new(16, 1);
    let (a, _) = router.subscribe("a", subscription(1));
    let (b, _) = router.subscribe("b", subscription(1));
    for topic in ["a", "b", "a", "b", "b", "a", "a", "c", "c", "c", "b"] {
        router.expect_same();
        let expected: &[FilterId] = if topic == "a" { &[a] } else { &[b] };
        assert_eq!(router.route(topic), if topic == "c" { &[] } else { expected }, "{topic}");
    }
    router.unsubscribe(b, 0);
    router.expect_same();
    assert!(router.route("b").is_empty(), "it was changed meanwhile");
}

#[test]
fn a_change_elsewhere_is_seen_at_once() {
    let mut router = Router::new(16, 1);
    let (id, _) = router.subscribe("a/b", subscription(1));
    // Where nobody else has any filter nothing is remembered of that.
    let other = router.print("other", FilterId(1));
    router.set_interest(4, &[InterestChange::new(other, true)]);
    for filter in ["a/b", "a/#", "+/b", "#", "a/+"] {
        (0..3).for_each(|_| assert_eq!(ask(&mut router, "a/b"), ([id].into(), [].into()), "before {filter}"));
        for number in [7, 8].map(FilterId) {
            let expected = ([id].into(), [Elsewhere::new(5, Some(number))].into());
            let print = router.print(filter, number);
            router.set_interest(5, &[InterestChange::new(print, true)]);
            (0..3).for_each(|_| assert_eq!(ask(&mut router, "a/b"), expected, "with {filter}"));
            router.set_interest(5, &[InterestChange::new(print, false)]);
        }
    }
    assert_eq!(ask(&mut router, "a/b"), ([id].into(), [].into()));
    assert_eq!(router.tree().len(), 1, "filters of others are not in the tree");
}

/// What stands for other filters counts where all of those do that it matches.
#[test]
fn a_wider_filter_elsewhere_is_seen_at_once() {
    let mut router = Router::new(16, 1);
    let other = router.print("other", FilterId(1));
    router.set_interest(4, &[InterestChange::new(other, true)]);
    for (filter, topics) in
        [("a", ["a", "a/b", "a/b/c"]), ("+/b", ["a", "b/c", "c"]), ("a/b/c/+", ["a/b", "a/b/c", "a/b/c/d"])]
    {
        for topic in topics {
            (0..3).for_each(|_| assert_eq!(ask(&mut router, topic).1, []));
            let print = router.coarse_print(filter);
            router.set_interest(5, &[InterestChange::new(print, true)]);
            assert_eq!(ask(&mut router, topic).1, [Elsewhere::new(5, None)], "{filter} {topic}");
            router.set_interest(5, &[InterestChange::new(print, false)]);
        }
    }
}

#[test]
fn a_place_that_is_used_again_does_not_confuse() {
    let mut router = Router::new(16, 1);
    let (old, _) = router.subscribe("old", subscription(1));
    for _ in 0..3 {
        assert_eq!(router.route("old"), [old]);
    }
    router.unsubscribe(old, 0);
    router.release(old);
    let (new, _) = router.subscribe("new", subscription(1));
    assert_eq!(new, old, "the test is about the same place");
    assert!(router.route("old").is_empty());
}

#[test]
fn the_cache_is_bounded_and_spares_what_is_used() {
    let mut router = Router::new(16, 1);
    for _ in 0..3 {
        router.route("hot");
    }
    for n in 0..1_000 {
        router.route(&format!("t/{n}"));
        router.route(&format!("t/{n}"));
        assert_ne!(router.route_at("hot"), RouteAt::SCRATCH, "after {n}");
    }
    assert_eq!(router.cached_routes(), 16);
}

/// Routes these topics, and says how many were remembered.
fn remembered(router: &mut Router, topics: &[String]) -> usize {
    topics.iter().filter(|topic| router.route_at(topic) != RouteAt::SCRATCH).count()
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}/{number}")).collect()
}

/// A router that remembers 64 topics, and these as far as they have room.
fn used_router(topics: &[String]) -> Router {
    let mut router = Router::new(64, 1);
    (0..100).for_each(|_| _ = remembered(&mut router, topics));
    assert_eq!(router.cached_routes(), topics.len().min(64));
    router
}

/// However many of them mean the same place in the table of first uses.
#[test]
fn topics_in_turn_are_all_remembered_where_there_is_room() {
    let topics = names("t", 1_024);
    for seed in 0..20 {
        let mut router = Router::new(1_024, seed);
        let rounds = (1..200).find(|_| remembered(&mut router, &topics) == topics.len());
        assert!(rounds.is_some(), "{} of {} with seed {seed}", router.cached_routes(), topics.len());
    }
}

#[test]
fn among_too_many_topics_in_turn_most_stay_remembered() {
    let topics = names("t", 80);
    let mut router = used_router(&topics);
    let hits: usize = (0..100).map(|_| remembered(&mut router, &topics)).sum();
    assert!(hits > 100 * 60, "{hits} of 8,000");
}

#[test]
fn what_is_used_no_more_makes_room() {
    let mut router = used_router(&names("old", 64));
    let new = names("new", 64);
    (0..100).for_each(|_| _ = remembered(&mut router, &new));
    assert_eq!(remembered(&mut router, &new), 64);
}

#[test]
fn a_topic_that_becomes_frequent_gets_in_however_well_used_the_others_are() {
    let topics = names("t", 64);
    let mut router = used_router(&topics);
    let tries = (1..100).find(|_| {
        assert_eq!(remembered(&mut router, &topics), 64);
        router.route_at("hot") != RouteAt::SCRATCH
    });
    assert!(tries.is_some_and(|tries| (3..=40).contains(&tries)), "{tries:?}");
}

#[test]
fn among_more_filters_there_is_room_for_more_routes() {
    let mut router = Router::new(1 << 20, 1);
    let topics = names("t", ROUTES_MIN + 1_000);
    let route_all = |router: &mut Router| topics.iter().for_each(|topic| (0..2).for_each(|_| _ = router.route(topic)));
    route_all(&mut router);
    assert_eq!(router.cached_routes(), ROUTES_MIN);
    (0..2 * topics.len()).for_each(|number| _ = router.insert(&format!("f/{number}")));
    route_all(&mut router);
    assert_eq!(router.cached_routes(), topics.len());
    let mut router = Router::new(100, 1);
    route_all(&mut router);
    assert_eq!(router.cached_routes(), 100, "it is no more than was asked for");
}

#[derive(Clone, Debug)]
enum Step {
    Subscribe(String),
    Unsubscribe(usize),
    Peer(String, bool),
    Remote(String, u32),
    Route(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => filter().prop_map(Step::Subscribe),
        2 => any::<usize>().prop_map(Step::Unsubscribe),
        1 => (filter(), any::<bool>()).prop_map(|(filter, on)| Step::Peer(filter, on)),
        1 => (filter(), 0..2_u32).prop_map(|(filter, total)| Step::Remote(filter, total)),
        12 => any::<usize>().prop_map(Step::Route),
    ]
}

proptest! {
    #[test]
    fn the_cache_answers_as_the_tree(
        steps in prop::collection::vec(step(), 1..200),
        topics in prop::collection::vec(topic(), 1..12),
        routes_max in 1..20_u32,
        seed: u64,
    ) {
        let mut router = Router::new(routes_max, seed);
        let (mut filters, mut elsewhere) = (Vec::new(), Vec::new());
        // Another shard's, which numbers its own.
        let mut numbers = SubscriptionTree::new(seed);
        for step in steps {
            match step {
                Step::Subscribe(filter) => {
                    let (id, _) = router.subscribe(&filter, subscription(1));
                    filters.push(id);
                }
                Step::Unsubscribe(which) if !filters.is_empty() => {
                    let id = filters.swap_remove(which % filters.len());
                    router.unsubscribe(id, 0);
                    router.release(id);
                }
                Step::Unsubscribe(_) => {}
                Step::Peer(filter, on) => {
                    if elsewhere.contains(&filter) != on {
                        let number = numbers.insert(&filter);
                        let print = router.print(&filter, number);
                        router.set_interest(1, &[InterestChange::new(print, on)]);
                        elsewhere.retain(|other| *other != filter);
                        elsewhere.extend(on.then_some(filter));
                    }
                }
                Step::Remote(filter, total) => {
                    let id = router.insert(&filter);
                    router.set_remote_members(id, "g", 1, 0, total);
                    router.release(id);
                }
                Step::Route(which) => {
                    let topic = &topics[which % topics.len()];
                    let mut expected = Vec::new();
                    router.route_uncached(topic, &mut expected);
                    let matches = |filter: &String| Filter::parse(filter, 9).expect("filters are valid").matches(topic);
                    let matching = elsewhere.iter().filter(|filter| matches(filter));
                    let others = sorted(matching.map(|filter| Elsewhere::new(1, numbers.find(filter))));
                    prop_assert_eq!(ask(&mut router, topic), (expected, others));
                }
            }
            prop_assert!(router.cached_routes() <= routes_max as usize);
        }
    }
}
