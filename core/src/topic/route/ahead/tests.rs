extern crate std;

use super::super::RouteAt;
use super::*;
use crate::topic::Subscription;
use std::format;
use std::string::String;
use std::vec::Vec;

fn subscription(session: u32) -> Subscription {
    Subscription { session, ..Subscription::default() }
}

/// A router with so many filters that looking ahead is of use.
fn large_router() -> Router {
    let mut router = Router::new(16, 1);
    for number in 0..AHEAD_FILTERS_MIN {
        router.insert(&format!("f/{number}"));
    }
    router
}

fn look_ahead(router: &mut Router, topics: &[&str]) {
    router.look_ahead(topics.iter().map(|topic| topic.as_bytes()), true);
}

/// How many of these topics are routed until it wants to look ahead.
fn routings<'t>(router: &mut Router, topics: impl IntoIterator<Item = &'t String>) -> usize {
    let mut topics = topics.into_iter();
    let routed = topics.by_ref().take_while(|topic| {
        let wants = router.wants_ahead();
        if !wants {
            router.route(topic);
        }
        !wants
    });
    routed.count()
}

fn names(range: core::ops::Range<u32>) -> Vec<String> {
    range.map(|number| format!("f/{number}")).collect()
}

#[test]
fn it_looks_ahead_at_no_more_than_is_routed() {
    let mut router = large_router();
    assert!(!router.wants_ahead(), "nothing was routed yet");
    router.route("f/0");
    assert!(router.wants_ahead());
    look_ahead(&mut router, &["f/1", "f/2", "f/3"]);
    assert_eq!(routings(&mut router, &names(0..10)), 3);
    let many = names(100..200);
    router.look_ahead(many.iter().map(String::as_bytes), true);
    assert_eq!(routings(&mut router, &many), TOGETHER);
}

#[test]
fn what_is_alone_makes_it_pause() {
    let mut router = large_router();
    for (number, topics) in (1..).zip([&[][..], &["f/1"], &["f/1", "f/1", "f/1"]]) {
        look_ahead(&mut router, topics);
        assert_eq!(routings(&mut router, &names(number * 100..number * 100 + 100)), AHEAD_PAUSE as usize, "{topics:?}");
    }
}

#[test]
fn where_few_topics_come_again_it_does_not_look_ahead() {
    let mut router = large_router();
    (0..2).for_each(|_| _ = router.route("f/0"));
    look_ahead(&mut router, &["f/0", "f/1"]);
    (0..100).for_each(|_| _ = router.route("f/0"));
    assert!(!router.wants_ahead(), "it was remembered");
    let (id, _) = router.subscribe("f/0", subscription(1));
    assert_eq!(router.route("f/0"), [id]);
    assert!(!router.wants_ahead());
    router.route("f/1");
    assert!(router.wants_ahead(), "these two were walked");
}

/// So many topics that their routes are not all near the processor, each of them remembered.
fn well_used_router() -> (Router, Vec<String>) {
    let mut router = Router::new(1 << 16, 1);
    let topics = names(0..5_000);
    for topic in &topics {
        (0..2).for_each(|_| _ = router.route(topic));
    }
    assert_eq!(router.cached_routes(), topics.len());
    (router, topics)
}

#[test]
fn among_many_topics_it_looks_ahead_at_those_that_are_remembered() {
    let (mut router, topics) = well_used_router();
    for topics in topics[..2_000].chunks(40) {
        router.look_ahead(topics.iter().map(String::as_bytes), true);
        assert_eq!(routings(&mut router, topics), TOGETHER);
    }
}

#[test]
fn where_most_topics_were_in_use_a_short_time_ago_it_pauses() {
    let (mut router, topics) = well_used_router();
    let (few, others) = (&topics[..8], &topics[8..16]);
    few.iter().for_each(|topic| _ = router.route(topic));
    router.look_ahead(few.iter().map(String::as_bytes), true);
    assert_eq!(routings(&mut router, topics.iter().cycle().take(1_000)), AHEAD_PAUSE as usize);
    let mixed = few.iter().chain(others).map(String::as_bytes);
    topics[16..].iter().take(2_000).for_each(|topic| _ = router.route(topic));
    few.iter().for_each(|topic| _ = router.route(topic));
    router.look_ahead(mixed, true);
    assert_eq!(routings(&mut router, &topics), TOGETHER, "half of them were not");
}

#[test]
fn among_few_filters_and_topics_it_asks_seldom() {
    let mut router = Router::new(16, 1);
    look_ahead(&mut router, &["a", "b", "c"]);
    assert_eq!(routings(&mut router, &names(0..100)), AHEAD_PAUSE as usize);
}

/// Remembered routes may be of filters that have gone, or that others have the places of.
#[test]
fn it_reads_ahead_for_routes_that_are_out_of_date() {
    let (mut router, topics) = well_used_router();
    let filters: Vec<_> = topics.iter().map(|topic| router.subscribe(topic, subscription(1)).0).collect();
    topics.iter().for_each(|topic| assert_eq!(router.route(topic).len(), 1));
    for (number, id) in filters.into_iter().enumerate() {
        router.unsubscribe(id, 0);
        router.release(id);
        if number % 2 == 0 {
            router.subscribe("another/of/more/levels", subscription(2));
        }
    }
    for topics in topics.chunks(TOGETHER) {
        router.look_ahead(topics.iter().map(String::as_bytes), true);
        topics.iter().for_each(|topic| assert!(router.route(topic).is_empty(), "{topic}"));
    }
}

/// Answers are those that it gives without, whatever it looked at.
#[test]
fn it_changes_no_answer() {
    let (mut router, topics) = well_used_router();
    let (id, _) = router.subscribe("f/+", subscription(1));
    let hash = router.subscribe("#", subscription(2)).0;
    let long = "x/".repeat(5_000);
    router.look_ahead([&b"f/1"[..], b"\xFF\x00", b"", long.as_bytes(), b"f/4999"].into_iter(), true);
    for topic in topics.iter().chain([&String::from("f/other")]) {
        let at = router.route_at(topic);
        let mut filters = router.filters(at).to_vec();
        filters.sort();
        let mut expected = [id, hash];
        expected.sort();
        assert_eq!(filters, expected);
    }
    assert_ne!(router.route_at("f/1"), RouteAt::SCRATCH);
}
