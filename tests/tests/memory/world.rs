//! What holds for the machine as a whole: the cut of its input, the seed, shards that hear late, going down.

use weirmq_core::{Config, ShardId};
use weirmq_tests::memory::Net;
use weirmq_tests::wire::*;
use weirmq_tests::{Received, Talk, World};

use crate::{net, sharded};

/// A bit of everything; what three clients received.
fn story(n: &mut Net) -> Vec<Received> {
    let one = n.connect(connect("one").v5().session_expiry(10));
    let two = n.connect(connect("two"));
    let three = n.connect(connect("").v5().will("will", b"three", 1));
    n.subscribed(one, [("a/#", 2), ("will", 1), ("$share/g/s", 1)]);
    n.subscribed(two, [("a/+", 1), ("$share/g/s", 1)]);
    for number in 1..=20_u16 {
        n.published(three, publish("a/b", number.to_string()).qos(number as u8 % 3).id(number));
        n.published(three, publish("s", number.to_string()).qos(1).id(number));
    }
    n.published(two, publish("a/c", "kept").qos(2).retain());
    n.reset(three);
    let mut received = Vec::new();
    for client in [one, two] {
        loop {
            let next = n.read(client);
            match &next {
                Received::Packet(Packet::Publish(Publish { qos: 1, id: Some(id), .. })) => n.send(client, puback(*id)),
                Received::Packet(Packet::Publish(Publish { qos: 2, id: Some(id), .. })) => n.send(client, pubrec(*id)),
                Received::Packet(Packet::PubRel(ack)) => n.send(client, pubcomp(ack.id)),
                Received::Packet(_) => {}
                Received::Closed | Received::Nothing | Received::Garbage(_) => break,
            }
            received.push(next);
        }
    }
    received
}

sharded! {
    /// However the input is cut, the output is the same.
    fn chunks_do_not_matter(shards) {
        let mut whole = net(shards, Config::default());
        let wanted = story(&mut whole);
        assert!(wanted.len() > 40, "{}", wanted.len());
        for bytes in [1, 2, 3, 7, 64] {
            let mut cut = net(shards, Config::default());
            cut.chunk(bytes);
            assert_eq!(story(&mut cut), wanted, "in pieces of {bytes}");
        }
    }
}

sharded! {
    /// The same inputs and seed give the same outputs and events.
    fn runs_repeat(shards) {
        let run = || {
            let mut n = net(shards, Config::default());
            (story(&mut n), n.events(), n.stats())
        };
        assert_eq!(run(), run());
    }
}

/// A connection is served by the shard that owns its session, wherever it came in.
#[test]
fn a_session_is_found_from_every_shard() {
    let mut n = net(3, Config::default());
    let mut homes = Vec::new();
    for number in 0..12 {
        let name = format!("client{number}");
        let mut home = None;
        for shard in 0..3 {
            let client = n.open_at(ShardId(shard));
            n.send(client, connect(&name).clean(false));
            n.expect(client, connack(shard != 0, 0));
            assert_eq!(*home.get_or_insert(n.shard_of(client)), n.shard_of(client));
            n.send(client, disconnect());
            n.expect_closed(client);
        }
        homes.push(home.expect("a home"));
    }
    homes.sort_unstable();
    homes.dedup();
    assert_eq!(homes.len(), 3, "sessions are spread");
    assert!(n.stats().handoffs > 0);
}

sharded! {
    /// Going down: 5.0 clients are told 0x8B, nobody else is let in, and everything is closed.
    fn shutdown_tells_and_closes(shards) {
        let mut n = net(shards, Config::default());
        let clients: Vec<_> = (0..6).map(|number| n.connect(connect(&format!("new{number}")).v5())).collect();
        let old = n.connect(connect("old"));
        let unknown = n.open();
        n.shutdown();
        for client in clients {
            n.expect_disconnect(client, 0x8B);
        }
        n.expect_closed(old);
        n.expect_closed(unknown);
        let late = n.open();
        n.send(late, connect("late"));
        assert!(n.is_closed(late));
        assert_eq!(n.stats().connections, 0);
    }
}

sharded! {
    /// A limit at accept closes the connection, and a later one finds room.
    fn connections_are_limited(shards) {
        let mut config = Config::default();
        config.limits.connections_max = 1;
        let mut n = net(shards, config);
        let first = n.open_at(ShardId(0));
        let second = n.open_at(ShardId(0));
        n.expect_closed(second);
        assert_eq!(n.stats().accept_refused, 1);
        n.reset(first);
        n.settle();
        let third = n.open_at(ShardId(0));
        assert!(!n.is_closed(third));
    }
}

/// What is unsettled is counted piece by piece, so that 0 means that nothing is left.
#[test]
fn what_is_unsettled_is_counted() {
    let mut config = Config { durable: true, ..Config::default() };
    config.authentication = weirmq_core::config::Authentication::External { methods: Vec::new() };
    let mut n = net(1, config);
    assert_eq!(n.unsettled(), 0);
    let client = n.open();
    assert_eq!(n.unsettled(), 2, "a connection, and the time for its CONNECT");
    n.authenticate(|_| None);
    n.send(client, connect("one").v5().session_expiry(100).user_name("ann"));
    assert_eq!(n.unsettled(), 4, "a question, and the time for its answer");
    let (shard, request) = n.asked().expect("a question");
    n.answer(shard, request.id, weirmq_core::AuthOutcome::Accept { data: None });
    assert_eq!(n.unsettled(), 2, "connection and session");
    n.expect_like(client, connack(false, 0));
    for (id, filter) in [(1, "t"), (2, "#")] {
        n.send(client, subscribe(id, [(filter, 1)]).identifier(u32::from(id)));
        n.expect(client, suback(id, [1]));
    }
    n.store(weirmq_tests::memory::StoreMode::Late);
    n.send(client, publish("t", "x").qos(1).id(1));
    assert_eq!(n.unsettled(), 5, "a message, a set of identifiers and a PUBACK in the gate");
    n.reset(client);
    assert_eq!(n.unsettled(), 5, "the expiry of the session in the place of its connection");
    n.stored();
    n.store(weirmq_tests::memory::StoreMode::AtOnce);
    assert_eq!(n.unsettled(), 4);
    n.advance(std::time::Duration::from_secs(100));
    assert_eq!(n.unsettled(), 0);

    let mut n = net(2, Config::default());
    let clients: Vec<_> = (0..4).map(|number| n.connect(connect(&format!("client{number}")))).collect();
    let before = n.unsettled();
    n.hold_peers(true);
    n.send(clients[0], subscribe(1, [("t", 1)]));
    assert_eq!(n.unsettled(), before + 1, "the link that it is told by");
    n.settle();
    for id in 2..18 {
        n.send(clients[0], subscribe(id, [(format!("t/{id}").as_str(), 1)]));
        n.settle();
    }
    assert_eq!(n.unsettled(), before + 2, "a SUBACK whose batch could not leave");
}
