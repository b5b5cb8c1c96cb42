//! What is for another shard is acknowledged when the batch has left; what that only has to know or to retain wakes nobody.

use std::time::Duration;

use weirmq_core::config::QueueFull;
use weirmq_core::{Config, ShardId};
use weirmq_tests::memory::{Net, StoreMode};
use weirmq_tests::wire::*;
use weirmq_tests::{Client, Received, Talk, World};

use crate::net;
use crate::review::{kept, named};

/// Two shards, and a client of each: the first publishes, the second subscribes.
fn pair(config: Config) -> (Net, Client, Client) {
    let mut n = net(2, config);
    let (_, publisher) = named(&mut n, "publisher", 0, |connect| connect);
    let (_, subscriber) = named(&mut n, "subscriber", 1, |connect| connect);
    n.settle();
    (n, publisher, subscriber)
}

/// SUBACK and UNSUBACK come though the other shard has not looked at its inbox, and nobody is woken.
#[test]
fn an_interest_that_has_left_is_acknowledged() {
    let (mut n, _, subscriber) = pair(Config::default());
    n.hold_peers(true);
    let wakes = n.wakes();
    n.send(subscriber, subscribe(1, [("t", 1), ("$share/g/t", 0)]));
    n.expect(subscriber, suback(1, [1, 0]));
    n.send(subscriber, unsubscribe(2, ["t", "$share/g/t"]));
    n.expect(subscriber, unsuback(2, [0, 0]));
    assert_eq!(n.wakes(), wakes);
}

/// What is published in another shard behind a SUBACK arrives, and is all that wakes a shard.
#[test]
fn what_is_published_behind_a_suback_arrives() {
    let (mut n, publisher, subscriber) = pair(Config::default());
    for number in 0..200_u16 {
        let topic = format!("t/{number}");
        n.send(subscriber, subscribe(1, [(topic.as_str(), 0)]));
        let begun = n.here(subscriber);
        while n.here(subscriber) == begun {
            n.step_of(ShardId(1));
        }
        // From here on only the publisher's shard has turns, and not one for its inbox alone.
        let wakes = n.wakes();
        n.send(publisher, publish(&topic, "live"));
        n.step_of(ShardId(0));
        assert_eq!(n.wakes(), wakes + 1, "for the message alone");
        n.expect(subscriber, suback(1, [0]));
        n.take(subscriber, &topic, "live");
    }
}

/// While batches under way are as many as may be, answers wait until the next one leaves; behind 1,024 of them SUBSCRIBE is not
/// handled any more.
#[test]
fn a_flood_of_subscribes_is_bounded() {
    const BATCHES_MAX: usize = 16;
    const SENT: u16 = 2_000;
    let (mut n, publisher, subscriber) = pair(Config::default());
    n.hold_peers(true);
    let other = n.connect(connect("other"));
    for number in 0..SENT {
        n.send(subscriber, subscribe(number + 1, [(format!("t/{number}").as_str(), 0)]));
        n.settle();
    }
    let mut answered = 0;
    while n.read(subscriber) != Received::Nothing {
        answered += 1;
    }
    assert_eq!(answered, BATCHES_MAX, "the next one waits until a batch is acknowledged");
    assert!(n.unsent(subscriber) > 900 * 12, "the others are not read: {}", n.unsent(subscriber));
    // Nothing else has to wait.
    n.expect_nothing(other);
    n.hold_peers(false);
    for number in BATCHES_MAX as u16..SENT {
        n.expect(subscriber, suback(number + 1, [0]));
    }
    n.send(publisher, publish("t/1999", "x"));
    n.take(subscriber, "t/1999", "x");
}

/// Half as many batches as may be lie in the inbox of a shard that sleeps; from there on it is woken, and acknowledges.
#[test]
fn what_wakes_nobody_is_bounded() {
    const QUIET_MAX: u64 = 7;
    let (mut n, publisher, _) = pair(Config::default());
    let wakes = n.wakes();
    n.hold_peers(true);
    for id in 1..=8 {
        n.published(publisher, publish("t", "x").qos(1).id(id).retain());
        assert_eq!(n.wakes() - wakes, u64::from(id).saturating_sub(QUIET_MAX), "{id}");
    }
    let mut config = Config::default();
    config.limits.peer_bytes_max = 1024 * 1024;
    let half = config.limits.peer_bytes_max as usize / 2;
    let (mut n, publisher, _) = pair(config);
    let wakes = n.wakes();
    n.hold_peers(true);
    for id in 1..=3 {
        n.published(publisher, publish("t", vec![0; half / 2]).qos(1).id(id).retain());
        assert_eq!(n.wakes() - wakes, u64::from(id - 1), "{id}");
    }
}

/// PUBACK and PUBREC of a message that another shard only retains do not wait for that shard, and it is not woken. Who
/// subscribes there afterwards is sent it.
#[test]
fn a_retained_message_that_has_left_is_acknowledged() {
    let (mut n, publisher, subscriber) = pair(Config::default());
    n.hold_peers(true);
    let wakes = n.wakes();
    n.published(publisher, publish("r/1", "one").qos(1).id(1).retain());
    n.published(publisher, publish("r/2", "two").qos(2).id(2).retain());
    assert_eq!(n.wakes(), wakes);
    n.hold_peers(false);
    n.subscribed(subscriber, [("r/+", 1)]);
    n.take(subscriber, "r/1", "one");
    n.take(subscriber, "r/2", "two");
}

/// So is one that has subscribers in the other shard, if none of its queues is half full; that shard is woken.
#[test]
fn a_message_with_subscribers_that_has_left_is_acknowledged() {
    for (filter, qos, retain) in [("t", 1, false), ("t", 2, false), ("t", 1, true), ("$share/g/t", 1, false)] {
        let (mut n, publisher, subscriber) = pair(Config::default());
        n.subscribed(subscriber, [(filter, 1)]);
        n.settle();
        n.hold_peers(true);
        let wakes = n.wakes();
        let packet = publish("t", "live").qos(qos).id(1);
        n.published(publisher, if retain { packet.retain() } else { packet });
        assert_eq!(n.wakes(), wakes + 1, "{filter} {qos} {retain}");
        n.hold_peers(false);
        n.take(subscriber, "t", "live");
    }
}

/// While batches under way are as many as may be, it waits until its own leaves.
#[test]
fn a_message_that_has_not_left_is_not_acknowledged() {
    const BATCHES_MAX: u16 = 16;
    for retained in [false, true] {
        let (mut n, publisher, subscriber) = pair(Config::default());
        let packet = |id| match retained {
            false => publish("t", "x").qos(1).id(id),
            true => publish("r", "x").qos(1).id(id).retain(),
        };
        n.subscribed(subscriber, [("t", 1)]);
        n.settle();
        n.hold_peers(true);
        for id in 1..=BATCHES_MAX {
            n.published(publisher, packet(id));
        }
        n.send(publisher, packet(BATCHES_MAX + 1));
        n.expect_nothing(publisher);
        n.hold_peers(false);
        n.expect(publisher, puback(BATCHES_MAX + 1));
    }
}

/// Two shards with queues of four messages, a session whose client is away in the second one, and a publisher in each.
fn with_small_queue(queue_full: QueueFull) -> (Net, Client, Client, String) {
    let mut config = Config::default();
    config.limits.queue_messages_max = 4;
    config.limits.queue_full = queue_full;
    let (mut n, publisher, local) = pair(config);
    let (name, subscriber) = named(&mut n, "away", 1, kept);
    n.subscribed(subscriber, [("t", 1)]);
    n.reset(subscriber);
    n.settle();
    (n, publisher, local, name)
}

/// A shard with a queue that is half full is asked for each message, so nothing passes the bound.
#[test]
fn a_crowded_shard_is_asked() {
    let (mut n, publisher, _, name) = with_small_queue(QueueFull::Refuse);
    for id in 1..=4 {
        n.hold_peers(id > 2);
        n.send(publisher, publish("t", "x").qos(1).id(id));
        if id > 2 {
            n.expect_nothing(publisher);
            n.hold_peers(false);
        }
        n.expect(publisher, puback(id));
        n.settle();
    }
    n.send(publisher, publish("t", "x").qos(1).id(5));
    assert_eq!(n.recv(publisher).without_properties(), puback(5).with_code(0x97));
    assert_eq!(n.inspect(&name).expect("its session").queued_messages, 4);
    // The queue is empty again, and the other shard hears of it.
    let away = n.reconnect(kept(connect(&name).v5()), true);
    (0..4).for_each(|_| _ = n.take(away, "t", "x"));
    n.settle();
    n.published(publisher, publish("t", "x").qos(1).id(6));
    n.settle();
    n.hold_peers(true);
    n.published(publisher, publish("t", "x").qos(1).id(7));
}

/// What was not asked for is half a queue at most, and passes the bound when others have filled the queue meanwhile.
#[test]
fn what_was_not_asked_for_is_bounded() {
    let (mut n, publisher, local, name) = with_small_queue(QueueFull::Refuse);
    n.hold_peers(true);
    n.published(publisher, publish("t", "x").qos(1).id(1));
    n.published(publisher, publish("t", "x").qos(1).id(2));
    n.send(publisher, publish("t", "x").qos(1).id(3));
    n.expect_nothing(publisher);
    for id in 1..=4 {
        n.published(local, publish("t", "x").qos(1).id(id));
    }
    n.hold_peers(false);
    assert_eq!(n.recv(publisher).without_properties(), puback(3).with_code(0x97));
    assert_eq!(n.inspect(&name).expect("its session").queued_messages, 6, "half as much again as the bound");
    assert_eq!(n.stats().dropped_queue_full, 0);
}

/// Who refuses nothing is not asked.
#[test]
fn a_shard_that_drops_is_not_asked() {
    for queue_full in [QueueFull::DropNewest, QueueFull::DropOldest] {
        let (mut n, publisher, _, name) = with_small_queue(queue_full);
        // The second half is sent by a shard that may have heard that the queue is full.
        for ids in [1..=6, 7..=12] {
            n.hold_peers(true);
            ids.for_each(|id| n.published(publisher, publish("t", "x").qos(1).id(id)));
            n.hold_peers(false);
            n.settle();
        }
        assert_eq!(n.inspect(&name).expect("its session").queued_messages, 4);
        assert_eq!(n.stats().dropped_queue_full, 8);
    }
}

/// A subscriber that the publisher's shard does not know of yet gets a retained message too. Its shard may have fallen asleep
/// before that came: it is woken as soon as the subscriber is known of, and only then.
#[test]
fn a_subscriber_that_was_not_known_of_is_not_slept_over() {
    let (mut n, publisher, subscriber) = pair(Config::default());
    n.hold_peers(true);
    n.subscribed(subscriber, [("r", 1)]);
    let wakes = n.wakes();
    n.published(publisher, publish("r", "live").qos(1).id(1).retain());
    assert_eq!(n.wakes(), wakes, "nobody is known of");
    n.flow_to(ShardId(0));
    assert_eq!(n.wakes(), wakes + 1, "now somebody is");
    n.hold_peers(false);
    n.take(subscriber, "r", "live");
    n.settle();
    let wakes = n.wakes();
    n.subscribed(subscriber, [("other", 1)]);
    assert_eq!(n.wakes(), wakes, "nothing is under way");
}

/// Such a subscriber takes the message though its queue is full: the publisher was told that it was taken over.
#[test]
fn a_full_queue_takes_what_was_acknowledged_already() {
    let mut config = Config::default();
    config.limits.queue_messages_max = 1;
    config.mqtt.inflight_max = 1;
    let (mut n, publisher, filler) = pair(config);
    let (name, subscriber) = named(&mut n, "full", 1, kept);
    n.subscribed(subscriber, [("t", 1)]);
    n.reset(subscriber);
    n.published(filler, publish("t", "1").qos(1).id(1));
    let subscriber = n.reconnect(kept(connect(&name).v5()), true);
    n.stop_reading(subscriber);
    n.published(filler, publish("t", "2").qos(1).id(2));
    n.read_on(subscriber);
    n.hold_peers(true);
    n.send(subscriber, subscribe(1, [("r", 1)]));
    n.settle();
    n.published(publisher, publish("r", "3").qos(1).id(1).retain());
    n.hold_peers(false);
    n.settle();
    assert_eq!(n.inspect(&name).expect("its session").queued_messages, 2, "one more than the bound");
    assert_eq!(n.stats().dropped_queue_full, 0);
    // What is published behind that is refused.
    n.send(publisher, publish("r", "4").qos(1).id(2).retain());
    assert_eq!(n.recv(publisher).without_properties(), puback(2).with_code(0x97));
}

/// A message goes on growing old in the inbox of a shard that sleeps.
#[test]
fn what_lies_in_an_inbox_expires() {
    for (waits_s, left_s) in [(3, Some(7)), (10, None), (20, None)] {
        let (mut n, publisher, subscriber) = pair(Config::default());
        n.hold_peers(true);
        n.subscribed(subscriber, [("r", 1)]);
        let expiry = Property::MessageExpiryInterval(10);
        n.published(publisher, publish("r", "x").qos(1).id(1).retain().property(expiry));
        n.advance(Duration::from_secs(waits_s));
        n.hold_peers(false);
        match left_s {
            Some(left_s) => {
                let publish = n.take(subscriber, "r", "x");
                assert_eq!(publish.properties, [Property::MessageExpiryInterval(left_s)]);
            }
            None => n.expect_nothing(subscriber),
        }
        let (_, late) = named(&mut n, "late", 1, |connect| connect);
        n.subscribed(late, [("r", 1)]);
        assert_eq!(n.read(late) != Received::Nothing, left_s.is_some(), "{waits_s}");
    }
}

/// What expires on its way and is retained counts once in each shard, when it is no more.
#[test]
fn what_expires_on_its_way_counts_once() {
    let (mut n, publisher, subscriber) = pair(Config::default());
    n.subscribed(subscriber, [("r", 1)]);
    n.settle();
    n.hold_peers(true);
    let expiry = Property::MessageExpiryInterval(10);
    n.published(publisher, publish("r", "x").qos(1).id(1).retain().property(expiry));
    n.advance(Duration::from_secs(20));
    n.hold_peers(false);
    n.expect_nothing(subscriber);
    n.advance(Duration::from_secs(1));
    assert_eq!((n.stats().dropped_expired, n.stats().retained_messages), (2, 0));
}

/// Where messages are stored, each shard stores what it retains: PUBACK waits for all of them. SUBACK waits for its own.
#[test]
fn with_a_store_every_shard_has_to_have_it() {
    let (mut n, publisher, _) = pair(Config { durable: true, ..Config::default() });
    let (_, subscriber) = named(&mut n, "subscriber", 1, kept);
    n.store(StoreMode::Late);
    n.send(publisher, publish("r", "x").qos(1).id(1).retain());
    n.settle();
    n.stored_first(ShardId(0), usize::MAX);
    n.settle();
    n.stored_first(ShardId(0), usize::MAX);
    n.expect_nothing(publisher);
    n.stored_first(ShardId(1), usize::MAX);
    n.expect(publisher, puback(1));
    n.hold_peers(true);
    n.send(subscriber, subscribe(1, [("t", 1)]));
    n.expect_nothing(subscriber);
    n.stored_first(ShardId(1), usize::MAX);
    n.expect(subscriber, suback(1, [1]));
}
