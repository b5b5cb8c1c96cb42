//! A message tells the other shard by their numbers which filters it is for. While it is under way they may come to mean
//! something else: then that shard looks for itself, and nobody notices.

use weirmq_core::{Config, ShardId};
use weirmq_tests::memory::Net;
use weirmq_tests::wire::*;
use weirmq_tests::{Client, Talk};

use crate::net;
use crate::review::named;

const HERE: ShardId = ShardId(0);
const THERE: ShardId = ShardId(1);

/// Two shards, a publisher in the first, and clients in the second.
fn world<const N: usize>() -> (Net, Client, [Client; N]) {
    let mut n = net(2, Config::default());
    let (_, publisher) = named(&mut n, "publisher", HERE.0, |connect| connect);
    let clients = std::array::from_fn(|at| named(&mut n, &format!("client-{at}-"), THERE.0, |connect| connect).1);
    n.settle();
    (n, publisher, clients)
}

/// Messages that the second shard has looked for the subscribers of.
fn lookups(n: &Net) -> u64 {
    n.stats_of(THERE).peer_lookups
}

/// Takes a SUBSCRIBE or UNSUBSCRIBE over, without a word from shard to shard.
fn alone(n: &mut Net, client: Client, packet: impl ToWire) {
    n.send(client, packet);
    while n.step_of(THERE) {}
}

/// What has come on a topic, and nothing else has but acknowledgements.
fn payloads(n: &mut Net, client: Client, topic: &str) -> Vec<String> {
    n.send(client, Packet::PingReq);
    let mut all = Vec::new();
    loop {
        match n.recv(client) {
            Packet::PingResp => return all,
            Packet::Publish(publish) => {
                assert_eq!(publish.topic, topic);
                all.push(String::from_utf8(publish.payload).expect("all are text"));
            }
            Packet::SubAck(_) | Packet::UnsubAck(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_was_found_is_not_looked_for_again() {
    let (mut n, publisher, [one, two]) = world();
    n.send(one, subscribe(1, [("t/+", 1)]).identifier(7));
    n.send(one, subscribe(2, [("t/#", 0)]).identifier(8));
    n.subscribed(two, [("t/a", 2), ("other/#", 0)]);
    n.settle();
    n.ignore(one);
    for (id, qos) in [(1, 0), (2, 1), (3, 2)] {
        let message = publish("t/a", "x").qos(qos);
        n.published(publisher, if qos > 0 { message.id(id) } else { message });
        let got = n.take(one, "t/a", "x");
        let mut identifiers = got.properties.clone();
        identifiers.sort_by_key(|identifier| format!("{identifier:?}"));
        assert_eq!(
            (got.qos, identifiers),
            (qos.min(1), [7, 8].map(|id| Property::SubscriptionIdentifier(VarInt(id))).into())
        );
        assert_eq!(n.take(two, "t/a", "x").qos, qos);
    }
    n.published(publisher, publish("t", "y"));
    n.take(one, "t", "y");
    n.expect_nothing(two);
    assert_eq!(lookups(&n), 0);
}

/// The number of a filter that has gone is that of another one now.
#[test]
fn a_number_that_is_used_again_is_not_taken_for_the_filter_before() {
    let (mut n, publisher, [one, two, three]) = world();
    n.subscribed(one, [("a", 0)]);
    n.settle();
    n.hold_peers(true);
    n.send(publisher, publish("a", "x"));
    n.settle();
    alone(&mut n, three, subscribe(1, [("+", 0)]));
    alone(&mut n, one, unsubscribe(2, ["a"]));
    alone(&mut n, two, subscribe(1, [("b", 0)]));
    // What comes now is of a sender who knows as little.
    n.send(publisher, publish("a", "y"));
    n.settle();
    n.flow_to(THERE);
    assert_eq!(lookups(&n), 2);
    n.hold_peers(false);
    assert_eq!(payloads(&mut n, one, "a"), [""; 0]);
    assert_eq!(payloads(&mut n, two, "b"), [""; 0], "it did not ask for this");
    assert_eq!(payloads(&mut n, three, "a"), ["x", "y"], "it was a subscriber before the other one ceased to be");
    // From here on it is known again.
    n.published(publisher, publish("b", "z"));
    n.take(two, "b", "z");
    n.take(three, "b", "z");
    assert_eq!(lookups(&n), 2);
}

/// Who has subscribed to another filter before it leaves the one that the message was sent for is a subscriber all the time.
#[test]
fn who_changes_filters_misses_nothing() {
    let (mut n, publisher, [one, two]) = world();
    n.subscribed(one, [("a/b", 1)]);
    n.subscribed(two, [("a/b", 0)]);
    n.settle();
    n.hold_peers(true);
    n.send(publisher, publish("a/b", "x").qos(1).id(1));
    n.settle();
    alone(&mut n, one, subscribe(1, [("a/+", 1)]));
    alone(&mut n, one, unsubscribe(2, ["a/b"]));
    n.hold_peers(false);
    assert_eq!(payloads(&mut n, one, "a/b"), ["x"]);
    assert_eq!(payloads(&mut n, two, "a/b"), ["x"], "its filter has not gone");
    n.expect(publisher, puback(1));
}

/// A filter has gone and is there again, under its old number or another one.
#[test]
fn a_filter_that_comes_again_is_found() {
    for between in [None, Some("b")] {
        let (mut n, publisher, [one, two]) = world();
        n.subscribed(one, [("a", 1)]);
        n.settle();
        n.hold_peers(true);
        n.send(publisher, publish("a", "x").qos(1).id(1));
        n.settle();
        alone(&mut n, one, unsubscribe(2, ["a"]));
        if let Some(filter) = between {
            alone(&mut n, two, subscribe(1, [(filter, 0)]));
        }
        alone(&mut n, one, subscribe(3, [("a", 1)]));
        n.hold_peers(false);
        assert_eq!(payloads(&mut n, one, "a"), ["x"]);
        n.expect(publisher, puback(1));
        assert_eq!(lookups(&n), 1);
        n.published(publisher, publish("a", "y").qos(1).id(2));
        assert_eq!(payloads(&mut n, one, "a"), ["y"]);
        assert_eq!(payloads(&mut n, two, "b"), [""; 0]);
        assert_eq!(lookups(&n), 1, "both are known again");
    }
}

/// With as many batches under way as may be, what is told next does not leave: until it is heard the receiver looks itself.
#[test]
fn what_could_not_be_told_yet_is_looked_for() {
    let (mut n, publisher, [one, two]) = world();
    n.subscribed(one, [("t", 0)]);
    n.settle();
    n.hold_peers(true);
    for number in 0..40_u16 {
        alone(&mut n, two, subscribe(number + 1, [(format!("f/{number}").as_str(), 0)]));
    }
    alone(&mut n, one, unsubscribe(1, ["t"]));
    alone(&mut n, two, subscribe(100, [("u", 0)]));
    alone(&mut n, one, subscribe(2, [("+", 0)]));
    n.send(publisher, publish("t", "1"));
    n.settle();
    n.flow_to(THERE);
    assert_eq!(lookups(&n), 1);
    // The first 16 are heard, and what waited leaves. It is not heard before the next message.
    n.flow_to(HERE);
    n.send(publisher, publish("t", "2"));
    while n.step_of(HERE) {}
    n.flow_to(THERE);
    assert_eq!(lookups(&n), 2, "less was heard than told");
    n.hold_peers(false);
    n.settle();
    n.send(publisher, publish("t", "3"));
    assert_eq!(payloads(&mut n, one, "t"), ["1", "2", "3"]);
    n.send(publisher, publish("u", "4"));
    n.take(one, "u", "4");
    assert_eq!(payloads(&mut n, two, "u"), ["4"]);
    assert_eq!(lookups(&n), 2);
}

/// Each link has its own books: what one shard has not heard is looked for when it sends, and not when another does.
#[test]
fn each_shard_is_known_by_what_it_heard() {
    let mut n = net(3, Config::default());
    let [here, late] = [0, 2].map(|shard| named(&mut n, &format!("publisher-{shard}-"), shard, |connect| connect).1);
    let [one, two] = ["one", "two"].map(|name| named(&mut n, name, THERE.0, |connect| connect).1);
    let (_, other) = named(&mut n, "other", 2, |connect| connect);
    n.subscribed(one, [("a", 0)]);
    n.subscribed(other, [("#", 0)]);
    n.settle();
    n.hold_peers(true);
    alone(&mut n, two, subscribe(1, [("a/#", 0)]));
    n.flow_to(HERE);
    n.send(here, publish("a", "x"));
    n.send(late, publish("a", "y"));
    n.settle();
    n.flow_to(THERE);
    assert_eq!(lookups(&n), 1);
    n.hold_peers(false);
    assert_eq!(payloads(&mut n, one, "a"), ["x", "y"]);
    assert_eq!(payloads(&mut n, two, "a"), ["x", "y"]);
    assert_eq!(payloads(&mut n, other, "a").len(), 2);
}

/// Filters of more shapes than two shards tell apart are told wider than they are.
#[test]
fn filters_of_too_many_shapes_are_looked_for() {
    const SHAPES: usize = 64;
    let (mut n, publisher, [one]) = world();
    let levels = |shape: usize, is: &str| {
        let levels: Vec<_> = (0..7).map(|at| if shape >> at & 1 == 1 { is } else { "x" }).collect();
        format!("{}/b/{}/{shape}", if shape < SHAPES { "told" } else { "wide" }, levels.join("/"))
    };
    for shape in 0..SHAPES + 9 {
        n.send(one, subscribe(1, [(levels(shape, "+").as_str(), 0)]));
    }
    n.settle();
    n.ignore(one);
    for shape in 0..SHAPES + 9 {
        let (before, topic) = (lookups(&n), levels(shape, "y"));
        n.published(publisher, publish(&topic, "x"));
        assert_eq!(payloads(&mut n, one, &topic), ["x"]);
        assert_eq!(lookups(&n) - before, u64::from(shape >= SHAPES), "{topic}");
    }
    // All but one of them go: it is still known, and is the last.
    for shape in SHAPES..SHAPES + 8 {
        n.send(one, unsubscribe(1, [levels(shape, "+").as_str()]));
    }
    n.settle();
    n.ignore(one);
    let (before, topic) = (lookups(&n), levels(SHAPES + 8, "y"));
    n.published(publisher, publish(&topic, "x"));
    assert_eq!(payloads(&mut n, one, &topic), ["x"]);
    n.send(one, unsubscribe(1, [levels(SHAPES + 8, "+").as_str()]));
    n.settle();
    n.ignore(one);
    n.published(publisher, publish(&topic, "x"));
    n.expect_nothing(one);
    assert_eq!(lookups(&n) - before, 1, "it did not cross any more");
}

/// What is behind 32 levels is cut off.
#[test]
fn filters_of_too_many_levels_are_looked_for() {
    let (mut n, publisher, [one, two]) = world();
    let deep = |levels: usize, end: &str| format!("{}{end}", "x/".repeat(levels - 1));
    n.subscribed(one, [(deep(32, "end").as_str(), 0), (deep(33, "end").as_str(), 0)]);
    n.subscribed(two, [(deep(33, "other").as_str(), 0), (deep(40, "#").as_str(), 0)]);
    n.settle();
    for (topic, expected, looked) in [(deep(32, "end"), one, 0), (deep(33, "end"), one, 1), (deep(50, "end"), two, 1)] {
        let before = lookups(&n);
        n.published(publisher, publish(&topic, "y"));
        n.take(expected, &topic, "y");
        assert_eq!(lookups(&n) - before, looked, "{topic}");
    }
    n.published(publisher, publish(&deep(33, "nobody"), "z"));
    n.expect_nothing(one);
    n.expect_nothing(two);
}

#[test]
fn more_filters_than_a_message_names_are_looked_for() {
    let (mut n, publisher, [one, two]) = world();
    for bits in 0..64_u16 {
        let levels = (0..6).map(|at| if bits >> at & 1 == 1 { "+" } else { "x" }).collect::<Vec<_>>().join("/");
        n.send(one, subscribe(bits + 1, [(levels.as_str(), 0)]));
    }
    n.settle();
    n.ignore(one);
    for (all, looked) in [(false, 0), (true, 1)] {
        if all {
            n.subscribed(two, [("#", 0)]);
        }
        n.published(publisher, publish("x/x/x/x/x/x", "x"));
        assert_eq!(payloads(&mut n, one, "x/x/x/x/x/x"), ["x"], "once");
        assert_eq!(payloads(&mut n, two, "x/x/x/x/x/x").len(), usize::from(all));
        assert_eq!(lookups(&n), looked);
    }
}

/// What is retained is for those too who are not known of where it was published; nobody is looked for in vain.
#[test]
fn what_is_retained_reaches_whom_its_shard_does_not_know() {
    let (mut n, publisher, [one, two]) = world();
    n.subscribed(one, [("r/1", 0)]);
    n.settle();
    for topic in ["r/1", "nobody"] {
        n.published(publisher, publish(topic, "known").retain());
    }
    n.take(one, "r/1", "known");
    assert_eq!(lookups(&n), 0);
    n.hold_peers(true);
    alone(&mut n, two, subscribe(1, [("r/+", 0)]).retain_handling(2));
    for topic in ["r/1", "r/2"] {
        n.send(publisher, publish(topic, "new").retain());
    }
    n.settle();
    n.hold_peers(false);
    assert_eq!(payloads(&mut n, one, "r/1"), ["new"]);
    n.expect(two, suback(1, [0]));
    n.take(two, "r/1", "new");
    n.take(two, "r/2", "new");
    assert_eq!(lookups(&n), 2);
}
