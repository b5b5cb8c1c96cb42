//! PUBLISH to subscribers: quality, order, retained messages, shared subscriptions (MQTT 5.0, 3.3, 4.3, 4.6 to 4.8).

use weirmq_core::Config;

use crate::wire::*;
use crate::{Start, Talk};

const VERSIONS: [Version; 3] = [Version::V31, Version::V311, Version::V5];

fn publishes(start: Start<'_>, qos: u8) {
    let mut w = start(Config::default());
    for (index, version) in VERSIONS.into_iter().enumerate() {
        let topic = format!("quality/{index}");
        let subscriber = w.connect(connect(&format!("sub{index}")).version(version));
        w.subscribed(subscriber, [(&topic, qos)]);
        let publisher = w.connect(connect(&format!("pub{index}")).version(version));
        w.published(publisher, publish(&topic, "one").qos(qos));
        w.published(publisher, publish(&topic, "").qos(qos));
        let got = w.take(subscriber, &topic, "one");
        assert_eq!((got.qos, got.dup, got.retain), (qos, false, false));
        w.take(subscriber, &topic, "");
        w.expect_nothing(subscriber);
        w.expect_nothing(publisher);
    }
}

/// QoS 0 in each direction, in each version (4.3.1).
pub fn publishes_at_qos_0(start: Start<'_>) {
    publishes(start, 0);
}

/// QoS 1 in each direction, in each version (4.3.2).
pub fn publishes_at_qos_1(start: Start<'_>) {
    publishes(start, 1);
}

/// QoS 2 in each direction, in each version (4.3.3).
pub fn publishes_at_qos_2(start: Start<'_>) {
    publishes(start, 2);
}

/// Delivery is at the lower of published and granted QoS (MQTT-3.8.4-8).
pub fn delivers_at_the_lower_qos(start: Start<'_>) {
    let mut w = start(Config::default());
    let subscribers = [0, 1, 2].map(|granted| {
        let subscriber = w.connect(connect(&format!("sub{granted}")));
        w.subscribed(subscriber, [("t", granted)]);
        (subscriber, granted)
    });
    let publisher = w.connect(connect("publisher"));
    for published in [0, 1, 2] {
        w.published(publisher, publish("t", [published]).qos(published));
        for (subscriber, granted) in subscribers {
            assert_eq!(w.take(subscriber, "t", [published]).qos, published.min(granted));
        }
    }
}

/// One message reaches subscribers of all versions, from publishers of all versions.
pub fn reaches_every_version(start: Start<'_>) {
    let mut w = start(Config::default());
    let subscribers = VERSIONS.map(|version| {
        let subscriber = w.connect(connect(&format!("sub{version:?}")).version(version));
        w.subscribed(subscriber, [("a/+/c", 1)]);
        subscriber
    });
    for version in VERSIONS {
        let publisher = w.connect(connect(&format!("pub{version:?}")).version(version));
        w.published(publisher, publish("a/b/c", "hello").qos(1));
        for subscriber in subscribers {
            w.take(subscriber, "a/b/c", "hello");
        }
    }
}

/// A filter that begins with a wildcard never matches a topic that begins with `$` (MQTT-4.7.2-1).
pub fn hides_dollar_topics_from_wildcards(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.dollar_publish_denied = false;
    let mut w = start(config);
    let subscriber = w.connect(connect("subscriber"));
    w.subscribed(subscriber, [("#", 1), ("+/x", 1)]);
    let named = w.connect(connect("named"));
    w.subscribed(named, [("$other/#", 1)]);
    let publisher = w.connect(connect("publisher"));
    w.published(publisher, publish("$other/x", "hidden").qos(1));
    w.published(publisher, publish("open/y", "shown").qos(1));
    w.take(named, "$other/x", "hidden");
    w.take(subscriber, "open/y", "shown");
    w.expect_nothing(subscriber);
}

/// After UNSUBACK nothing more comes; the answer says what was there (MQTT-3.10.4-1, MQTT-3.11.3-1).
pub fn unsubscribes(start: Start<'_>) {
    let mut w = start(Config::default());
    let subscriber = w.connect(connect("subscriber").v5());
    w.subscribed(subscriber, [("a", 1), ("b", 1)]);
    w.send(subscriber, unsubscribe(7, ["a", "unknown"]));
    w.expect_like(subscriber, unsuback(7, [0, 0x11]));
    let publisher = w.connect(connect("publisher"));
    w.published(publisher, publish("a", "1").qos(1));
    w.published(publisher, publish("b", "2").qos(1));
    w.take(subscriber, "b", "2");
    w.expect_nothing(subscriber);
}

/// Messages of one publisher, topic and QoS arrive in the order in which they were sent (MQTT-4.6.0-5).
pub fn keeps_the_order_of_a_publisher(start: Start<'_>) {
    let mut w = start(Config::default());
    let subscriber = w.connect(connect("subscriber"));
    w.subscribed(subscriber, [("t/#", 1)]);
    let publisher = w.connect(connect("publisher"));
    for n in 1..=300_u16 {
        w.send(publisher, publish("t/x", n.to_string()).qos(1).id(n));
    }
    for n in 1..=300_u16 {
        w.take(subscriber, "t/x", n.to_string());
    }
    for n in 1..=300_u16 {
        w.expect(publisher, puback(n));
    }
}

/// A retained message meets a later subscriber with RETAIN 1, an earlier one with RETAIN 0 (MQTT-3.3.1-9).
pub fn retains_a_message(start: Start<'_>) {
    let mut w = start(Config::default());
    let early = w.connect(connect("early"));
    w.subscribed(early, [("keep/#", 1)]);
    let publisher = w.connect(connect("publisher"));
    for topic in ["keep/a", "keep/b/c"] {
        w.published(publisher, publish(topic, "kept").qos(1).retain());
        assert!(!w.take(early, topic, "kept").retain);
    }
    for (index, version) in VERSIONS.into_iter().enumerate() {
        let late = w.connect(connect(&format!("late{index}")).version(version));
        w.subscribed(late, [("keep/b/+", 2), ("keep/none", 0)]);
        let got = w.take(late, "keep/b/c", "kept");
        assert_eq!((got.retain, got.qos), (true, 1));
        w.expect_nothing(late);
    }
}

/// A newer retained message replaces the older; an empty one deletes it (MQTT-3.3.1-5, MQTT-3.3.1-6).
pub fn replaces_and_deletes_a_retained_message(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(connect("publisher"));
    w.published(publisher, publish("t", "old").qos(1).retain());
    w.published(publisher, publish("t", "new").qos(1).retain());
    let first = w.connect(connect("first"));
    w.subscribed(first, [("t", 0)]);
    w.take(first, "t", "new");
    w.published(publisher, publish("t", "").qos(1).retain());
    w.take(first, "t", "");
    let second = w.connect(connect("second"));
    w.subscribed(second, [("t", 0)]);
    w.expect_nothing(second);
}

/// Retain Handling 0, 1, 2 (MQTT-3.3.1-9 to 11) and Retain As Published (MQTT-3.3.1-13).
pub fn retain_handling_is_obeyed(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(connect("publisher"));
    w.published(publisher, publish("t", "kept").qos(1).retain());
    let subscriber = w.connect(connect("subscriber").v5());
    let mut again = |handling: u8, comes: bool| {
        w.send(subscriber, subscribe(9, [("t", 0)]).retain_handling(handling).retain_as_published());
        w.expect_like(subscriber, suback(9, [0]));
        if comes {
            assert!(w.take(subscriber, "t", "kept").retain);
        }
        w.expect_nothing(subscriber);
    };
    again(2, false);
    again(1, false);
    again(0, true);
    again(1, false);
    w.published(publisher, publish("t", "live").qos(1).retain());
    assert!(w.take(subscriber, "t", "live").retain, "Retain As Published");
}

/// Each message of a shared subscription goes to one member of each group, and no retained ones go (4.8.2).
pub fn shares_a_subscription(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(connect("publisher"));
    w.published(publisher, publish("work/kept", "kept").qos(1).retain());
    let members = ["a", "b", "c"].map(|name| {
        let member = w.connect(connect(name).v5());
        w.subscribed(member, [("$share/group/work/#", 1)]);
        w.expect_nothing(member);
        member
    });
    let alone = w.connect(connect("alone").v5());
    w.subscribed(alone, [("$share/other/work/#", 1)]);
    for n in 1..=30_u16 {
        w.published(publisher, publish("work/x", n.to_string()).qos(1).id(n));
    }
    for n in 1..=30_u16 {
        w.take(alone, "work/x", n.to_string());
    }
    let mut seen = Vec::new();
    for member in members {
        w.send(member, ping());
        loop {
            match w.recv(member) {
                Packet::Publish(publish) => {
                    seen.push(String::from_utf8(publish.payload).expect("a number").parse::<u16>().expect("a number"));
                    w.send(member, puback(publish.id.expect("QoS 1")));
                }
                Packet::PingResp => break,
                other => panic!("{other:?}"),
            }
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=30).collect::<Vec<_>>(), "each message to exactly one member");
}

/// No Local: what a client publishes does not come back to it (MQTT-3.8.3-3).
pub fn no_local_spares_the_publisher(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(connect("client").v5());
    w.send(client, subscribe(1, [("t", 1)]).no_local());
    w.expect_like(client, suback(1, [1]));
    w.published(client, publish("t", "mine").qos(1));
    w.expect_nothing(client);
    let other = w.connect(connect("other"));
    w.published(other, publish("t", "theirs").qos(1));
    w.take(client, "t", "theirs");
}
