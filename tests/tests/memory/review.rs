//! What reading found, each with a test of its own.

use weirmq_core::Config;
use weirmq_tests::wire::*;
use weirmq_tests::{Received, Talk, World};

use crate::{net, sharded};

sharded! {
    /// Every SUBSCRIBE is sent what is retained, when they come faster than that is sent, too (MQTT-3.8.4-4).
    fn each_of_many_subscribes_gets_what_is_retained(shards) {
        let mut n = net(shards, Config::default());
        let publisher = n.connect(connect("publisher"));
        for topic in ["r/1", "r/2", "r/3"] {
            n.published(publisher, publish(topic, topic).qos(1).retain());
        }
        let client = n.connect(connect("client").v5());
        let asked: Vec<u8> =
            (1..=4).flat_map(|id| subscribe(id, [("r/#", 1)]).identifier(id.into()).to_wire(Version::V5)).collect();
        n.send(client, asked);
        let mut topics = Vec::new();
        loop {
            match n.read(client) {
                Received::Packet(Packet::Publish(publish)) => {
                    assert!(publish.retain);
                    n.send(client, puback(publish.id.expect("QoS 1")));
                    let [Property::SubscriptionIdentifier(VarInt(id))] = publish.properties[..] else { panic!("{publish:?}") };
                    topics.push((publish.topic, id));
                }
                Received::Packet(packet) => assert!(matches!(packet, Packet::SubAck(_)), "{packet:?}"),
                Received::Nothing => break,
                other => panic!("{other:?}"),
            }
        }
        let wanted = (1..=4_u32).flat_map(|id| ["r/1", "r/2", "r/3"].map(|topic| (topic.to_string(), id)));
        assert!(topics.iter().cloned().eq(wanted), "{topics:?}");
    }
}

sharded! {
    /// 3.x knows no Receive Maximum: a client may have more QoS 2 messages open than that, and comes back with them.
    fn an_old_client_may_have_many_messages_open(shards) {
        let mut config = Config::default();
        config.mqtt.receive_maximum = 3;
        let mut n = net(shards, config);
        let mut client = n.connect(connect("old").clean(false));
        let open = || (1..=10).map(|id| publish("t", id.to_string()).qos(2).id(id));
        for message in open() {
            n.send(client, message);
        }
        n.settle();
        for _ in 0..2 {
            n.reset(client);
            client = n.reconnect(connect("old").clean(false), true);
            for message in open() {
                n.send(client, message.dup());
            }
            for id in 1..=10 {
                n.expect_acknowledged(client, pubrec(id));
            }
        }
        for id in 1..=10 {
            n.send(client, pubrel(id));
            n.expect(client, pubcomp(id));
        }
    }
}

sharded! {
    /// A 5.0 client's send quota is whole on each connection (MQTT 5.0, 4.9), whatever it left open on an earlier one.
    fn receive_maximum_begins_anew_with_each_connection(shards) {
        let mut config = Config::default();
        config.mqtt.receive_maximum = 2;
        let mut n = net(shards, config);
        let session = || connect("new").v5().clean(false).session_expiry(100);
        let mut client = n.connect(session());
        for round in 0..3 {
            for id in [1, 2] {
                n.send(client, publish("t", "x").qos(2).id(2 * round + id));
                n.expect_acknowledged(client, pubrec(2 * round + id));
            }
            n.reset(client);
            client = n.reconnect(session(), true);
        }
        for id in 7..=8 {
            n.send(client, publish("t", "x").qos(2).id(id));
            n.expect_acknowledged(client, pubrec(id));
        }
        n.send(client, publish("t", "x").qos(2).id(9));
        n.expect_disconnect(client, 0x93);
    }
}
