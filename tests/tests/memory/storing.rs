//! What must be durable is acknowledged when it is, and not before (the ack gate).

use weirmq_core::Config;
use weirmq_tests::memory::{Net, StoreMode};
use weirmq_tests::wire::*;
use weirmq_tests::{Received, Talk, World};

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
