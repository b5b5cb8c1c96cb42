//! What MQTT 5.0 adds to a message and to a connection.

use weirmq_core::Config;

use crate::wire::*;
use crate::{Start, Talk};

/// Properties of a message arrive as they were sent (MQTT-3.3.2-4, -15, -16, -17, -20); other versions get the message.
pub fn forwards_properties(start: Start<'_>) {
    let mut w = start(Config::default());
    let subscriber = w.connect(connect("new").v5());
    let old = w.connect(connect("old"));
    w.subscribed(subscriber, [("t", 1)]);
    w.subscribed(old, [("t", 1)]);
    let publisher = w.connect(connect("publisher").v5());
    let sent = [
        Property::PayloadFormatIndicator(1),
        Property::ContentType("text/plain".into()),
        Property::ResponseTopic("answer/here".into()),
        Property::CorrelationData(vec![0, 1, 255]),
        Property::user("name", "value"),
    ];
    let message = sent.iter().cloned().fold(publish("t", "x").qos(1), Publish::property);
    w.published(publisher, message);
    let mut got = w.take(subscriber, "t", "x").properties;
    for property in &sent {
        let place = got.iter().position(|other| other == property);
        got.remove(place.unwrap_or_else(|| panic!("{property:?} is missing in {got:?}")));
    }
    assert_eq!(got, [], "nothing was added");
    w.take(old, "t", "x");
}

/// User Properties keep their order, names may repeat (MQTT-3.3.2-18).
pub fn forwards_user_properties_in_order(start: Start<'_>) {
    let mut w = start(Config::default());
    let subscriber = w.connect(connect("subscriber").v5());
    w.subscribed(subscriber, [("t", 0)]);
    let publisher = w.connect(connect("publisher").v5());
    let sent = ["b", "a", "b", "", "c"].map(|name| Property::user(name, "value"));
    w.published(publisher, sent.iter().cloned().fold(publish("t", "x").qos(1), Publish::property));
    assert_eq!(w.take(subscriber, "t", "x").properties, sent);
}

/// A message carries the identifier of each subscription that it matches (MQTT-3.3.4-3).
pub fn tells_the_subscription_identifier(start: Start<'_>) {
    let mut w = start(Config::default());
    let subscriber = w.connect(connect("subscriber").v5());
    w.send(subscriber, subscribe(1, [("t", 1)]).identifier(200));
    w.expect_like(subscriber, suback(1, [1]));
    let publisher = w.connect(connect("publisher"));
    w.published(publisher, publish("t", "x").qos(1));
    let got = w.take(subscriber, "t", "x");
    assert_eq!(got.properties, [Property::SubscriptionIdentifier(VarInt(200))]);
}

/// A Topic Alias stands for the topic that came with it, and can be given another (3.3.2.3.4).
pub fn understands_topic_aliases(start: Start<'_>) {
    let mut w = start(Config::default());
    let subscriber = w.connect(connect("subscriber").v5());
    w.subscribed(subscriber, [("t/#", 0)]);
    let publisher = w.connect(connect("publisher").v5());
    let with_alias = |topic, payload| publish(topic, payload).property(Property::TopicAlias(3)).qos(1);
    w.published(publisher, with_alias("t/a", "1"));
    w.published(publisher, with_alias("", "2"));
    w.published(publisher, with_alias("t/b", "3"));
    w.published(publisher, with_alias("", "4"));
    for (topic, payload) in [("t/a", "1"), ("t/a", "2"), ("t/b", "3"), ("t/b", "4")] {
        assert_eq!(w.take(subscriber, topic, payload).properties, []);
    }
}

/// No more QoS 1 and 2 messages are open than the client's Receive Maximum allows (MQTT-3.3.4-9).
pub fn obeys_receive_maximum(start: Start<'_>) {
    let mut w = start(Config::default());
    let subscriber = w.connect(connect("subscriber").v5().receive_maximum(2));
    w.subscribed(subscriber, [("t", 2)]);
    let publisher = w.connect(connect("publisher"));
    for n in 1..=5_u16 {
        w.published(publisher, publish("t", n.to_string()).qos(1 + n as u8 % 2).id(n));
    }
    let one = w.recv_publish(subscriber);
    let two = w.recv_publish(subscriber);
    assert_eq!((&one.payload[..], &two.payload[..]), (&b"1"[..], &b"2"[..]));
    w.expect_nothing(subscriber);
    w.send(subscriber, pubrec(one.id.expect("QoS 2")));
    w.expect(subscriber, pubrel(one.id.expect("QoS 2")));
    w.expect_nothing(subscriber);
    w.send(subscriber, pubcomp(one.id.expect("QoS 2")));
    let three = w.recv_publish(subscriber);
    assert_eq!(three.payload, b"3");
    w.expect_nothing(subscriber);
    w.send(subscriber, puback(two.id.expect("QoS 1")));
    let four = w.recv_publish(subscriber);
    assert_eq!(four.payload, b"4");
    w.expect_nothing(subscriber);
    w.send(subscriber, puback(four.id.expect("QoS 1")));
    w.take(subscriber, "t", "5");
}

/// A message larger than the client's Maximum Packet Size is not sent to it, and the next one is (MQTT-3.1.2-24, -25).
pub fn obeys_maximum_packet_size(start: Start<'_>) {
    let mut w = start(Config::default());
    let small = w.connect(connect("small").v5().property(Property::MaximumPacketSize(200)));
    let large = w.connect(connect("large").v5());
    w.subscribed(small, [("t", 1)]);
    w.subscribed(large, [("t", 1)]);
    let publisher = w.connect(connect("publisher"));
    let payload = vec![7; 300];
    w.published(publisher, publish("t", &payload).qos(1));
    w.published(publisher, publish("t", "short").qos(1));
    w.take(large, "t", &payload);
    w.take(large, "t", "short");
    w.take(small, "t", "short");
    w.expect_nothing(small);
}
