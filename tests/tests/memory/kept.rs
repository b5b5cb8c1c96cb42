//! What is retained is kept in every shard: what crosses, and what becomes of it there.

use std::time::Duration;

use weirmq_core::{Config, ShardId};
use weirmq_tests::memory::Net;
use weirmq_tests::wire::*;
use weirmq_tests::{Client, Talk};

use crate::net;
use crate::review::named;

/// Two shards, a publisher in each, and a client in the second.
fn world(config: Config) -> (Net, [Client; 2], Client) {
    let mut n = net(2, config);
    let publishers = [0, 1].map(|shard| named(&mut n, &format!("publisher-{shard}-"), shard, |connect| connect).1);
    let (_, client) = named(&mut n, "client-", 1, |connect| connect);
    n.settle();
    (n, publishers, client)
}

/// Sends these packets in one piece.
fn at_once(n: &mut Net, client: Client, packets: impl Iterator<Item = Publish>) {
    let pieces: Vec<Vec<u8>> = packets.map(|packet| packet.to_wire(Version::V5)).collect();
    n.send(client, pieces.concat());
    n.settle();
}

/// A message that expires and one that does not, in either order.
#[test]
fn a_newer_one_expires_when_it_says() {
    for newer_expires in [false, true] {
        let (mut n, [far, _], client) = world(Config::default());
        let expiring = |packet: Publish, expires| match expires {
            true => packet.property(Property::MessageExpiryInterval(10)),
            false => packet,
        };
        n.published(far, expiring(publish("r", "older").retain(), !newer_expires));
        n.published(far, expiring(publish("r", "newer").retain(), newer_expires));
        n.settle();
        n.advance(Duration::from_secs(20));
        n.send(client, subscribe(1, [("r", 0)]));
        n.expect(client, suback(1, [0]));
        if newer_expires {
            n.expect_nothing(client);
        } else {
            n.take(client, "r", "newer");
        }
        assert_eq!(n.stats_of(ShardId(1)).dropped_expired, u64::from(newer_expires));
    }
}

/// Who was not known of is sent the message as a subscriber who was: with the RETAIN flag if it asked for it, and its QoS.
#[test]
fn who_was_not_known_of_is_sent_it_as_published() {
    for as_published in [false, true] {
        let (mut n, [far, _], client) = world(Config::default());
        n.hold_peers(true);
        let wanted = subscribe(1, [("r/+", 2)]).retain_handling(2);
        n.send(client, if as_published { wanted.retain_as_published() } else { wanted });
        n.settle();
        for qos in [1, 2] {
            n.published(far, publish(&format!("r/{qos}"), "x").qos(qos).id(qos.into()).retain());
        }
        n.hold_peers(false);
        n.expect(client, suback(1, [2]));
        for qos in [1, 2] {
            let publish = n.take(client, &format!("r/{qos}"), "x");
            assert_eq!((publish.retain, publish.qos), (as_published, qos));
        }
    }
}

/// What was retained in the other shard is sent with its QoS and RETAIN 1.
#[test]
fn what_was_retained_elsewhere_is_replayed() {
    let (mut n, [far, _], client) = world(Config::default());
    n.published(far, publish("r/0", "x").retain());
    for qos in [1, 2] {
        n.published(far, publish(&format!("r/{qos}"), "x").qos(qos).id(qos.into()).retain());
    }
    n.settle();
    n.subscribed(client, [("r/+", 2)]);
    for qos in [0, 1, 2] {
        let publish = n.take(client, &format!("r/{qos}"), "x");
        assert_eq!((publish.retain, publish.qos), (true, qos));
    }
}

/// So many topics that places are read ahead, all of them replaced once.
#[test]
fn many_are_replaced() {
    const TOPICS: usize = 6_000;
    let (mut n, [far, _], client) = world(Config::default());
    for payload in ["first", "second"] {
        for start in (0..TOPICS).step_by(100) {
            let numbers = start..start + 100;
            at_once(&mut n, far, numbers.map(|number| publish(&format!("r/{number}"), payload).retain()));
        }
    }
    let stats = n.stats_of(ShardId(1));
    assert_eq!((stats.retained_messages, n.stats_of(ShardId(0)).retained_messages), (TOPICS as u64, TOPICS as u64));
    for number in (0..TOPICS).step_by(7) {
        n.subscribed(client, [(&format!("r/{number}"), 0)]);
        n.take(client, &format!("r/{number}"), "second");
    }
}

/// What is to be retained counts with its bytes: half of what may be under way is where the other shard is asked to acknowledge.
#[test]
fn bytes_of_what_is_to_be_retained_are_bounded() {
    let mut config = Config::default();
    config.limits.peer_bytes_max = 64 * 1024;
    for (messages, wakes) in [(3, 0), (5, 1)] {
        let (mut n, [far, _], _) = world(config.clone());
        let before = n.wakes();
        n.hold_peers(true);
        at_once(&mut n, far, (0..messages).map(|number| publish(&format!("r/{number}"), vec![0; 8_000]).retain()));
        assert_eq!(n.wakes() - before, wakes, "{messages}");
    }
}

/// A member of a shared group that lives elsewhere is sent what is retained as well.
#[test]
fn a_chosen_member_is_sent_what_is_retained() {
    let (mut n, [far, _], client) = world(Config::default());
    n.subscribed(client, [("$share/g/r", 1)]);
    n.settle();
    n.published(far, publish("r", "x").qos(1).id(1).retain());
    n.take(client, "r", "x");
    let (_, late) = named(&mut n, "late-", 1, |connect| connect);
    n.subscribed(late, [("r", 1)]);
    n.take(late, "r", "x");
}
