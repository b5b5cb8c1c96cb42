//! What must be durable is acknowledged when it is, and not before (the ack gate).

use weirmq_core::{Config, ShardId};
use weirmq_tests::memory::{Net, StoreMode};
use weirmq_tests::wire::*;
use weirmq_tests::{Client, Received, Talk, World};

use crate::{net, sharded};

fn durable(shards: u16) -> Net {
    net(shards, Config { durable: true, ..Config::default() })
}

/// A durable broker with a persistent session that waits for `t`, offline.
fn with_session(shards: u16) -> Net {
    let mut n = durable(shards);
    let client = n.connect(connect("durable").clean(false));
    n.subscribed(client, [("t", 2)]);
    n.send(client, disconnect());
    n.expect_closed(client);
    n
}

sharded! {
    /// PUBACK and PUBREC wait for their position, in order.
    fn acknowledgements_wait_for_the_store(shards) {
        let mut n = with_session(shards);
        let publisher = n.connect(connect("publisher"));
        n.store(StoreMode::Late);
        n.send(publisher, publish("t", "1").qos(1).id(1));
        n.send(publisher, publish("t", "2").qos(2).id(2));
        n.send(publisher, publish("t", "3").qos(1).id(3));
        assert_eq!(n.read(publisher), Received::Nothing);
        assert!(n.unstored() > 0, "something is to be stored");
        n.stored();
        for ack in [puback(1), pubrec(2), puback(3)] {
            n.expect(publisher, ack);
        }
    }
}

sharded! {
    /// SUBACK and CONNACK of a persistent session wait too.
    fn sessions_and_subscriptions_wait_for_the_store(shards) {
        let mut n = durable(shards);
        n.store(StoreMode::Late);
        let client = n.open();
        n.send(client, connect("durable").clean(false));
        assert_eq!(n.read(client), Received::Nothing);
        n.stored();
        n.expect(client, connack(false, 0));
        n.send(client, subscribe(1, [("t", 1)]));
        assert_eq!(n.read(client), Received::Nothing);
        for _ in 0..shards {
            n.stored();
            n.settle();
        }
        n.expect(client, suback(1, [1]));
    }
}

sharded! {
    /// When storing fails nothing that must be durable is acknowledged any more; QoS 0 goes on.
    fn nothing_is_acknowledged_after_the_store_failed(shards) {
        let mut n = with_session(shards);
        let listener = n.connect(connect("listener"));
        n.subscribed(listener, [("t", 0)]);
        let publisher = n.connect(connect("publisher"));
        n.store(StoreMode::Fails);
        n.send(publisher, publish("t", "1").qos(1).id(1));
        if let Received::Packet(packet) = n.read(publisher) {
            panic!("{packet:?} although nothing is stored");
        }
        let other = n.connect(connect("other"));
        n.send(other, publish("t", "free"));
        n.expect_nothing(other);
        let mut seen = n.recv_publish(listener);
        if seen.payload == b"1" {
            seen = n.recv_publish(listener);
        }
        assert_eq!(seen.payload, b"free");
    }
}

sharded! {
    /// A PUBLISH of QoS 2 to a session that lasts leaves once it is stored that it has this identifier: a round trip to the
    /// store for all that is published in a turn. What is behind it does not overtake it; QoS 1 waits for nothing else.
    fn a_qos_2_message_leaves_when_its_identifier_is_stored(shards) {
        let mut n = durable(shards);
        let session = || connect("durable").v5().clean(false).session_expiry(100).receive_maximum(6);
        let client = n.connect(session());
        n.subscribed(client, [("t", 2)]);
        let publisher = n.connect(connect("publisher"));
        n.store(StoreMode::Late);
        let all = |qos: [u8; 4]| -> Vec<u8> {
            let message = |(number, qos): (usize, u8)| publish("t", [number as u8]).qos(qos).id(number as u16 + 1);
            qos.into_iter().enumerate().flat_map(|numbered| message(numbered).to_wire(Version::V311)).collect()
        };
        n.send(publisher, all([1, 1, 1, 1]));
        for number in 0..4 {
            assert_eq!(n.take(client, "t", [number]).qos, 1);
        }
        n.stored();
        for ack in 1..=4 {
            n.expect(publisher, puback(ack));
        }
        n.stored();

        n.send(publisher, all([2, 1, 2, 2]));
        assert_eq!(n.read(client), Received::Nothing);
        let home = n.shard_of(client).expect("it is connected");
        assert_eq!(n.unstored_of(home), 1, "one batch");
        n.stored_first(home, 1);
        let sent = [(); 4].map(|()| n.recv_publish(client));
        assert_eq!(sent.clone().map(|it| (it.payload[0], it.qos, it.dup)), [(0, 2, false), (1, 1, false), (2, 2, false), (3, 2, false)]);
        assert_eq!(n.unstored_of(home), 0, "every identifier is stored");

        // What was given an identifier and has not left yet is no repetition on the next connection.
        n.send(publisher, publish("t", "next").qos(2).id(9));
        n.send(publisher, publish("t", "last").qos(2).id(10));
        assert_eq!(n.read(client), Received::Nothing);
        n.reset(client);
        n.settle();
        n.stored();
        let client = n.open();
        n.send(client, session());
        n.settle();
        n.stored();
        n.expect_like(client, connack(true, 0));
        let again = [(); 6].map(|()| n.recv_publish(client));
        assert_eq!(again.clone().map(|it| it.dup), [true, true, true, true, false, false]);
        assert_eq!(again[..4].iter().map(|it| it.id).collect::<Vec<_>>(), sent.map(|it| it.id));
    }
}

sharded! {
    /// Without durability nothing is handed to a store.
    fn memory_only_stores_nothing(shards) {
        let mut n = net(shards, Config::default());
        n.store(StoreMode::Late);
        let client = n.connect(connect("client").clean(false));
        n.subscribed(client, [("t", 1)]);
        n.published(client, publish("t", "x").qos(1).retain());
        n.take(client, "t", "x");
        assert_eq!(n.unstored(), 0);
    }
}

sharded! {
    /// What waits for the store when it fails is answered or closed, in whatever shard it waits, and nothing is left of it.
    fn a_failed_store_leaves_nothing_waiting(shards) {
        let mut n = with_session(shards);
        let lasting = |name: &str| connect(name).v5().clean(false).session_expiry(100);
        let publishers: Vec<_> = (0..4).map(|number| n.connect(connect(&format!("new{number}")).v5())).collect();
        let old = n.connect(connect("old"));
        let subscriber = n.connect(lasting("subscriber"));
        let gone = n.connect(connect("gone").v5());
        n.store(StoreMode::Late);
        for &publisher in &publishers {
            n.send(publisher, publish("t", "1").qos(1).id(1));
            n.send(publisher, publish("t", "2").qos(2).id(2));
        }
        for client in [old, gone] {
            n.send(client, publish("t", "3").qos(2).id(3));
        }
        n.send(subscriber, subscribe(1, [("other", 1)]));
        let newcomer = n.open();
        n.send(newcomer, lasting("newcomer"));
        for client in publishers.iter().copied().chain([old, subscriber, newcomer, gone]) {
            assert_eq!(n.read(client), Received::Nothing);
        }
        n.reset(gone);
        n.settle();

        n.fail_stores();
        for &publisher in &publishers {
            n.expect_like(publisher, puback(1).with_code(0x83));
            n.expect_like(publisher, pubrec(2).with_code(0x83));
        }
        n.expect_closed(old);
        n.expect_disconnect(subscriber, 0x83);
        n.expect_like(newcomer, connack(false, 0x88));
        n.expect_closed(newcomer);
        goes_on_without_a_store(&mut n, publishers[0]);
        for name in ["durable", "subscriber", "newcomer"] {
            n.connect(connect(name).v5());
        }
        n.shutdown();
        assert_eq!(n.unsettled(), 0);
    }
}

/// After the store has failed: what needs none goes on, the rest is refused at once, and nothing gathers.
fn goes_on_without_a_store(n: &mut Net, publisher: Client) {
    let lasting = || connect("lasting").v5().clean(false).session_expiry(100);
    let passing = n.connect(connect("passing").v5());
    n.subscribed(passing, [("free", 2)]);
    for qos in 1..=2 {
        n.published(publisher, publish("free", "x").qos(qos).id(5));
        n.take(passing, "free", "x");
    }
    n.send(publisher, publish("t", "x").qos(1).id(6));
    n.expect_like(publisher, puback(6).with_code(0x83));
    n.send(passing, disconnect());
    let mut held = Vec::new();
    for _ in 0..50 {
        for connect in [lasting(), connect("lasting").clean(false)] {
            let (client, connack) = n.try_connect(connect);
            assert!(matches!(connack.code, 0x88 | 3), "{connack:?}");
            n.expect_closed(client);
        }
        held.push(n.unsettled());
    }
    assert_eq!(held.first(), held.last());
    n.connect(connect("lasting").v5());
}

/// One shard's store fails: publishers in the other are told of what that one cannot store, and of nothing else.
#[test]
fn a_failed_store_in_another_shard_is_told() {
    let mut n = with_session(2);
    let publishers: Vec<_> = (0..6).map(|number| n.connect(connect(&format!("new{number}")).v5())).collect();
    n.store(StoreMode::Late);
    for &publisher in &publishers {
        n.send(publisher, publish("t", "x").qos(1).id(1));
    }
    n.settle();
    let owner = (0..2).map(ShardId).find(|&shard| n.unstored_of(shard) > 0).expect("the shard of the session");
    n.fail_store(owner);
    for &publisher in &publishers {
        n.expect_like(publisher, puback(1).with_code(0x83));
    }
    // Whatever it is, a publisher is told of what that shard cannot store, and of nothing else.
    for &publisher in &publishers {
        n.send(publisher, publish("t", "x").qos(1).id(2));
        n.send(publisher, publish("free", "x").qos(1).id(3));
        n.expect_like(publisher, puback(2).with_code(0x83));
        n.expect_acknowledged(publisher, puback(3));
    }
}
