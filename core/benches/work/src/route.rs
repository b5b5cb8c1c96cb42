//! From a topic to the filters that match it.

use std::hint::black_box;

use weirmq_core::topic::{FilterId, Router, Subscription};

use crate::{Work, packets};

/// Topics that are routed in a round.
const TOPICS: usize = 256;

/// Of ten filters one ends in `#`, two have a `+`, seven name a topic; and each site has one for all its lines.
fn filter(number: usize) -> String {
    let site = number % 100;
    match number / 100 % 10 {
        0 => format!("site/{site}/line/{number}/#"),
        1 | 2 => format!("site/{site}/+/{number}/temperature"),
        _ => packets::topic(number),
    }
}

/// Routes that are remembered, where they are to be.
const REMEMBERED: u32 = 65_536;

/// A router with filters, and topics that match two of them each.
fn router(filters: usize, remembered: u32) -> (Router, Vec<String>) {
    let mut router = Router::new(remembered, 7);
    let sites = (0..100).map(|site| format!("site/{site}/#"));
    for (session, filter) in (0..filters).map(filter).chain(sites).enumerate() {
        router.subscribe(&filter, Subscription { session: session as u32, ..Subscription::default() });
    }
    // All over the tree, and in no order that a cache would like.
    let topics: Vec<_> = (0..TOPICS).map(|number| packets::topic(number * 7_919 % filters)).collect();
    assert!(topics.iter().all(|topic| router.route(topic).len() == 2), "two filters match each topic");
    (router, topics)
}

/// Topics that were routed before.
pub(crate) fn remembered(filters: usize) -> Work {
    let (mut router, topics) = router(filters, REMEMBERED);
    // A topic is remembered when it comes again.
    for topic in &topics {
        (0..2).for_each(|_| assert_eq!(router.route(topic).len(), 2));
    }
    assert_eq!(router.cached_routes(), TOPICS, "all routes are remembered");
    Work::new(TOPICS, move |around| {
        around(&mut || {
            for topic in &topics {
                black_box(router.route(black_box(topic)));
            }
        });
    })
}

/// Topics for which the tree is walked.
pub(crate) fn walked(filters: usize) -> Work {
    let (router, topics) = router(filters, REMEMBERED);
    let mut out: Vec<FilterId> = Vec::new();
    Work::new(TOPICS, move |around| {
        out.clear();
        around(&mut || topics.iter().for_each(|topic| router.route_uncached(black_box(topic), &mut out)));
        assert_eq!(out.len(), 2 * TOPICS);
    })
}

/// New topics, as many at a time as a read brings of a publisher that has much to say.
pub(crate) fn ahead(filters: usize) -> Work {
    // So few are remembered that every topic has been forgotten when it comes again.
    let (mut router, topics) = router(filters, 1);
    Work::new(TOPICS, move |around| {
        around(&mut || {
            for topics in topics.chunks(16) {
                assert!(router.wants_ahead(), "all topics before were new");
                router.look_ahead(black_box(topics).iter().map(String::as_bytes), false);
                topics.iter().for_each(|topic| _ = black_box(router.route(topic)));
            }
        });
        assert_eq!(router.cached_routes(), 0, "none is remembered");
    })
}

/// Topics that were routed before, among so many that they are looked ahead for, as many at a time as a read brings.
pub(crate) fn ahead_remembered(filters: usize) -> Work {
    let (mut router, topics) = router(filters, REMEMBERED);
    let others: Vec<_> = (0..8_192).map(|number| packets::topic(number * 7_919 % filters)).collect();
    for topic in &others {
        (0..2).for_each(|_| _ = router.route(topic));
    }
    Work::new(TOPICS, move |around| {
        // What was routed last is near, and not looked ahead for.
        others[TOPICS..].iter().for_each(|topic| _ = router.route(topic));
        around(&mut || {
            for topics in topics.chunks(16) {
                assert!(router.wants_ahead(), "all topics before were found");
                router.look_ahead(black_box(topics).iter().map(String::as_bytes), false);
                topics.iter().for_each(|topic| assert_eq!(black_box(router.route(topic)).len(), 2));
            }
        });
    })
}

/// New filters come and go.
pub(crate) fn subscribed(filters: usize) -> Work {
    let (mut router, _) = router(filters, REMEMBERED);
    let new: Vec<_> = (0..TOPICS).map(|number| filter(filters + number * 13)).collect();
    Work::new(TOPICS, move |around| {
        around(&mut || {
            for filter in &new {
                let (id, position) = router.subscribe(black_box(filter), Subscription::default());
                router.unsubscribe(id, position);
                router.release(id);
            }
        });
        assert_eq!(router.find(&new[0]), None, "it is gone again");
    })
}
