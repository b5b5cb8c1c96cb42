//! What fuzzing found, each with a test of its own.

use weirmq_core::Config;
use weirmq_tests::memory::Net;
use weirmq_tests::wire::*;
use weirmq_tests::{Talk, World};

use crate::{net, sharded};

sharded! {
    /// A session comes back with a smaller Maximum Packet Size than that of a message in flight: the message is done
    /// (MQTT-3.1.2-24, MQTT-3.1.2-25), and what follows it is sent.
    fn a_message_in_flight_may_be_too_large_for_the_next_connection(shards) {
        for qos in 1..=2 {
            let mut n = net(shards, Config::default());
            let client = n.connect(connect("one").v5().session_expiry(100));
            n.subscribed(client, [("t", 2)]);
            let publisher = n.connect(connect("two").v5());
            n.published(publisher, publish("t", vec![b'x'; 1_500]).qos(qos).id(1));
            n.published(publisher, publish("t", "small").qos(qos).id(2));
            n.reset(client);
            let small = connect("one").v5().clean(false).session_expiry(100).receive_maximum(1);
            let client = n.reconnect(small.property(Property::MaximumPacketSize(200)), true);
            if qos == 2 {
                // Whether the client had it is not known: PUBREL makes it forget the identifier either way.
                n.expect(client, pubrel(1));
                n.send(client, pubcomp(1));
            }
            n.take(client, "t", "small");
            n.expect_nothing(client);
        }
    }
}

sharded! {
    /// A Topic Alias is left out of a packet that it would make larger than the Maximum Packet Size.
    fn an_alias_does_not_make_a_packet_too_large(shards) {
        for size in 90..=100 {
            let mut n = net(shards, Config::default());
            let small = connect("one").v5().property(Property::TopicAliasMaximum(8));
            let client = n.connect(small.property(Property::MaximumPacketSize(100)));
            n.subscribed(client, [("t", 0)]);
            let publisher = n.connect(connect("two").v5());
            // 2 bytes of header, 3 of topic and 1 of Property Length.
            n.send(publisher, publish("t", vec![b'x'; size - 6]));
            let got = n.read(client);
            let weirmq_tests::Received::Packet(packet) = got else { panic!("{got:?}") };
            assert!(packet.to_wire(Version::V5).len() <= 100, "{packet:?}");
        }
    }
}

sharded! {
    /// Subscription Identifiers count too, however many they are.
    fn many_identifiers_make_a_packet_too_large(shards) {
        let mut n = net(shards, Config::default());
        let session = || connect("one").v5().clean(false).session_expiry(100).property(Property::MaximumPacketSize(200));
        let client = n.connect(session());
        for number in 0..50_u16 {
            let filter = if number == 0 { String::from("#") } else { format!("t{}", "/+".repeat(number.into())) };
            let filter = if number % 2 == 1 { format!("{filter}/#") } else { filter };
            n.send(client, subscribe(number + 1, [(filter.as_str(), 1)]).identifier(200_000_000 + u32::from(number)));
            n.expect(client, suback(number + 1, [1]));
        }
        n.reset(client);
        let publisher = n.connect(connect("two").v5());
        let deep = format!("t{}", "/x".repeat(60));
        n.published(publisher, publish(&deep, "x").qos(1).id(1));
        n.published(publisher, publish("t", "y").qos(1).id(2));
        let client = n.reconnect(session(), true);
        n.take(client, "t", "y");
        n.expect_nothing(client);
    }
}

/// A shard that has no room for the retained messages of another counts on all the same: what it removes stays removed.
#[test]
fn what_is_removed_is_newer_than_what_had_no_room() {
    for (one, two) in (0..4).flat_map(|one| (0..4).map(move |two| (one, two))) {
        let mut config = Config::default();
        config.limits.retained_messages_max = 1;
        let mut n = net(2, config);
        let first = n.connect(connect(&format!("first{one}")).v5());
        let second = n.connect(connect(&format!("second{two}")).v5());
        n.hold_peers(true);
        n.send(first, publish("x", "1").retain());
        n.send(second, publish("y", "1").retain());
        for client in [first, second] {
            n.expect_nothing(client);
        }
        n.hold_peers(false);
        for version in ["2", "3", "4"] {
            n.send(second, publish("y", version).retain());
            n.expect_nothing(second);
        }
        n.send(first, publish("y", "").retain());
        n.expect_nothing(first);
        for number in 0..4 {
            let subscriber = n.connect(connect(&format!("subscriber{number}")));
            n.subscribed(subscriber, [("y", 0)]);
            n.expect_nothing(subscriber);
        }
    }
}

sharded! {
    /// A QoS 0 message does not overtake those that were kept for the client while it was away (MQTT-4.6.0-6).
    fn what_is_kept_at_qos_0_is_not_overtaken(shards) {
        let mut config = Config::default();
        config.limits.queue_qos0 = true;
        let mut n = net(shards, config);
        let session = || connect("one").v5().clean(false).session_expiry(100).receive_maximum(1);
        let client = n.connect(session());
        n.subscribed(client, [("t", 2)]);
        n.reset(client);
        let publisher = n.connect(connect("two").v5());
        for (number, qos) in [(1, 1), (2, 1), (3, 0)] {
            n.send(publisher, publish("t", number.to_string()).qos(qos));
        }
        while n.read(publisher) != weirmq_tests::Received::Nothing {}
        let client = n.reconnect(session(), true);
        n.send(publisher, publish("t", "4"));
        for number in 1..=4 {
            n.take(client, "t", number.to_string());
        }
    }
}

/// The refusal of a QoS 2 message waits in the gate while its client comes back and sends the message again, which is taken
/// now: the refusal does not make the broker forget the Packet Identifier (MQTT-4.3.3-10).
#[test]
fn a_late_refusal_does_not_free_the_identifier_of_what_was_taken() {
    let mut config = Config::default();
    config.mqtt.inflight_max = 1;
    config.limits.queue_messages_max = 1;
    let mut n = net(2, config);
    let session = || connect("one").v5().clean(false).session_expiry(100);
    let message = |id: u16| publish("t", id.to_string()).qos(2).id(id);
    let client = n.connect(session());
    let home = n.shard_of(client).expect("it is connected");
    let again = |n: &mut Net| {
        let client = n.open_at(home);
        n.send(client, session());
        let connack = n.recv(client);
        assert!(matches!(connack, Packet::ConnAck(ConnAck { session_present: true, .. })), "{connack:?}");
        client
    };
    n.hold_peers(true);
    // The other shard does not know of the subscription yet, so that nothing behind it is answered.
    n.send(client, subscribe(1, [("#", 1)]));
    for id in 2..=4 {
        n.send(client, message(id));
    }
    n.settle();
    n.reset(client);
    let client = again(&mut n);
    let first = n.take(client, "t", "2");
    assert!(first.dup);
    n.send(client, message(4).dup());
    n.expect_among(client, &pubrec(4));
    n.reset(client);
    n.hold_peers(false);
    n.settle();
    let client = again(&mut n);
    n.take(client, "t", "3");
    n.send(client, message(4).dup());
    n.take(client, "t", "4");
    n.expect_among(client, &pubrec(4));
    n.expect_nothing(client);
}

sharded! {
    /// A second CONNECT is one too many, whatever is wrong with it beside (MQTT-3.1.0-2): 0x84 is no code of DISCONNECT.
    fn a_second_connect_of_another_protocol_is_a_second_connect(shards) {
        let mut n = net(shards, Config::default());
        let client = n.connect(connect("one").v5());
        n.send(client, b"\x10\x0d\x00\x04MQXX\x05\x02\0\0\0\0\0".as_slice());
        n.expect_like(client, disconnect().code(0x82));
        n.expect_closed(client);
    }
}

sharded! {
    /// Of two members of a Shared Subscription one takes QoS 0 alone, and both queues are full: the other one's does not grow
    /// beyond its bound, and where nobody else has room the publisher is told.
    fn a_full_member_at_qos_0_makes_no_room(shards) {
        let mut config = Config::default();
        config.limits.queue_messages_max = 1;
        config.limits.queue_qos0 = true;
        let mut n = net(shards, config);
        for (name, qos) in [("plain", 0), ("sure", 1)] {
            let member = n.connect(connect(name).v5().session_expiry(100));
            n.subscribed(member, [("$share/g/t", qos)]);
            n.reset(member);
        }
        let publisher = n.connect(connect("publisher").v5());
        for id in 1..=8 {
            n.send(publisher, publish("t", id.to_string()).qos(1).id(id));
            let answer = n.recv(publisher);
            if shards == 1 && id > 2 {
                assert_eq!(answer, puback(id).with_code(0x97));
            }
            for name in ["plain", "sure"] {
                assert!(n.inspect(name).expect("it lasts").queued_messages <= 1, "{name} of {shards} shards");
            }
        }
    }
}
