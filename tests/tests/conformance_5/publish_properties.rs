//! Topic Name and properties of PUBLISH (3.3.2).

use crate::support::*;

/// The topic comes first and is a string.
fn mqtt_5_3_3_2_1(start: Start<'_>) {
    for bad in NOT_UTF8 {
        for first in [0x30, 0x32, 0x34] {
            let id: &[u8] = if first == 0x30 { &[] } else { &[0, 1] };
            breach(start, frame(first, join([&string(bad), id, &[0], b"x"])), &[0x81]);
        }
    }
    for (qos, topic) in [(0, "a"), (1, "a b/c"), (2, "/\u{2A6D4}/")] {
        let mut w = start(Config::default());
        let (subscriber, publisher) = pair(&mut *w, topic);
        w.published(publisher, publish(topic, "x").qos(qos));
        w.published(publisher, publish(topic, "y").qos(1));
        w.take(subscriber, topic, "x");
        w.take(subscriber, topic, "y");
    }
}

/// No wildcards in a topic name.
fn mqtt_5_3_3_2_2(start: Start<'_>) {
    for topic in ["#", "+", "a/#", "a/+/b", "a#", "+a", "/+"] {
        for qos in 0..3 {
            breach(start, publish(topic, "x").qos(qos), &[0x90, 0x81, 0x82]);
        }
    }
}

/// What arrives has the topic that was published, and that matches the filter.
fn mqtt_5_3_3_2_3(start: Start<'_>) {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, "a/+/c");
    for topic in ["a/b/c", "a/b", "b/b/c", "a//c", "a/b/c/d", "A/b/c"] {
        w.published(publisher, publish(topic, topic).qos(1));
    }
    w.take(subscriber, "a/b/c", "a/b/c");
    w.take(subscriber, "a//c", "a//c");
    w.expect_nothing(subscriber);
}

/// Payload Format Indicator 0, 1 and none arrive as they are.
fn mqtt_5_3_3_2_4(start: Start<'_>) {
    let list = [vec![Property::PayloadFormatIndicator(0)], vec![Property::PayloadFormatIndicator(1)], Vec::new()];
    for properties in list {
        let message = properties.iter().cloned().fold(publish("t", "text").qos(1), Publish::property);
        assert_eq!(forwarded(start, message).properties, properties);
    }
}

fn expiring(payload: &str, seconds: u32) -> Publish {
    publish("t", payload).qos(1).property(Property::MessageExpiryInterval(seconds))
}

/// A message whose time is over before its delivery has begun is not delivered, to the microsecond.
fn mqtt_5_3_3_2_5(shards: u16) {
    let mut n = net(shards, Config::default());
    let client = n.connect(lasting("client"));
    n.subscribed(client, [("t", 1)]);
    leave(&mut n, client);
    let publisher = n.connect(v5("publisher"));
    n.published(publisher, expiring("short", 5));
    n.published(publisher, expiring("longer", 6));
    n.published(publisher, publish("t", "endless").qos(1));
    n.advance(secs(5));
    let client = n.reconnect(lasting("client"), true);
    n.take(client, "t", "longer");
    n.take(client, "t", "endless");
    n.expect_nothing(client);
}

/// Each subscriber for itself: the one who was there has had it.
fn mqtt_5_3_3_2_5_for_each_subscriber(shards: u16) {
    let mut n = net(shards, Config::default());
    let (there, publisher) = pair(&mut n, "t");
    let slow = n.connect(v5("slow").receive_maximum(1));
    n.subscribed(slow, [("t", 1)]);
    n.published(publisher, publish("t", "first").qos(1));
    n.published(publisher, expiring("second", 5));
    n.take(there, "t", "first");
    n.take(there, "t", "second");
    let first = n.recv_publish(slow);
    n.advance(secs(5));
    n.send(slow, puback(id_of(&first)));
    n.expect_nothing(slow);
}

/// The interval that is sent is what is left of it.
fn mqtt_5_3_3_2_6(shards: u16) {
    let mut n = net(shards, Config::default());
    let (there, publisher) = pair(&mut n, "t");
    let client = n.connect(lasting("client"));
    n.subscribed(client, [("t", 1)]);
    leave(&mut n, client);
    n.published(publisher, expiring("kept", 100).retain());
    assert_eq!(expiry_of(&n.take(there, "t", "kept")), Some(100));
    n.advance(secs(40));
    let client = n.reconnect(lasting("client"), true);
    assert_eq!(expiry_of(&n.take(client, "t", "kept")), Some(60));
    n.advance(secs(50));
    let late = n.connect(v5("late"));
    n.subscribed(late, [("t", 1)]);
    assert_eq!(expiry_of(&n.take(late, "t", "kept")), Some(10));
}

/// The same for a will, from when it is published.
fn mqtt_5_3_3_2_6_of_a_will(shards: u16) {
    let mut n = net(shards, Config::default());
    let client = n.connect(lasting("client"));
    n.subscribed(client, [("will", 1)]);
    leave(&mut n, client);
    let mortal = lasting("mortal").will("will", b"gone", 1).will_property(Property::MessageExpiryInterval(100));
    let mortal = n.connect(mortal.will_property(Property::WillDelayInterval(50)));
    n.reset(mortal);
    n.advance(secs(50 + 30));
    let client = n.reconnect(lasting("client"), true);
    assert_eq!(n.take(client, "will", "gone").properties, [Property::MessageExpiryInterval(70)]);
}

fn aliased(topic: &str, alias: u16) -> Publish {
    publish(topic, "x").qos(1).property(Property::TopicAlias(alias))
}

/// The client's aliases end with its connection.
fn mqtt_5_3_3_2_7(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(lasting("client"));
    w.published(client, aliased("t", 1));
    w.published(client, aliased("", 1));
    leave(&mut *w, client);
    let client = w.reconnect(lasting("client"), true);
    w.send(client, aliased("", 1));
    disconnected(&mut *w, client, &[0x82]);
}

/// So do the broker's, also towards a client that was taken over, and each connection has its own.
fn mqtt_5_3_3_2_7_of_the_broker(start: Start<'_>) {
    let mut w = start(Config::default());
    let with_aliases = || lasting("client").property(Property::TopicAliasMaximum(1));
    let mut client = w.connect(with_aliases());
    w.subscribed(client, [("t", 1)]);
    let publisher = w.connect(v5("publisher"));
    for _ in 0..3 {
        for n in 0..3 {
            w.published(publisher, publish("t", "x").qos(1));
            let got = w.recv_publish(client);
            w.send(client, puback(id_of(&got)));
            let name = if n == 0 { "t" } else { "" };
            assert_eq!((got.topic.as_str(), alias_of(&got)), (name, Some(1)));
        }
        w.expect_nothing(client);
        let older = client;
        client = w.reconnect(with_aliases(), true);
        disconnected(&mut *w, older, &[0x8E]);
    }
    client = w.reconnect(lasting("client"), true);
    w.published(publisher, publish("t", "x").qos(1));
    assert_eq!(alias_of(&w.take(client, "t", "x")), None);
}

/// What is sent again on a new connection is sent with its name.
fn mqtt_5_3_3_2_7_sent_again(start: Start<'_>) {
    let mut w = start(Config::default());
    let with_aliases = || lasting("client").property(Property::TopicAliasMaximum(5));
    let client = w.connect(with_aliases());
    w.subscribed(client, [("t", 1)]);
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t", "1").qos(1));
    w.published(publisher, publish("t", "2").qos(1));
    assert_eq!([w.recv_publish(client).topic, w.recv_publish(client).topic], ["t", ""]);
    w.reset(client);
    let client = w.reconnect(with_aliases(), true);
    let (first, second) = (w.recv_publish(client), w.recv_publish(client));
    assert_eq!((first.topic.as_str(), second.alias_is_known(&first)), ("t", true));
}

trait Known {
    fn alias_is_known(&self, first: &Publish) -> bool;
}

impl Known for Publish {
    /// Whether it is sent by name, or by the alias that `first` defined.
    fn alias_is_known(&self, first: &Publish) -> bool {
        self.topic == first.topic || (self.topic.is_empty() && alias_of(self) == alias_of(first))
    }
}

/// Alias 0 is answered by 0x94, with a topic or without.
fn mqtt_5_3_3_2_8(start: Start<'_>) {
    breach(start, aliased("t", 0), &[0x94]);
    breach(start, aliased("", 0), &[0x94]);
    breach(start, publish("t", "x").property(Property::TopicAlias(0)), &[0x94]);
}

/// An alias above the maximum is answered by 0x94.
fn mqtt_5_3_3_2_9(start: Start<'_>) {
    for alias in [33, u16::MAX] {
        breach(start, aliased("t", alias), &[0x94]);
        breach(start, aliased("", alias), &[0x94]);
    }
}

/// The broker's aliases stay at or below the maximum of each client.
fn mqtt_5_3_3_2_11(start: Start<'_>) {
    let mut w = start(Config::default());
    let maxima = [3, 0, 1, 8];
    let clients = maxima.map(|maximum| {
        let client = w.connect(v5(&format!("client {maximum}")).property(Property::TopicAliasMaximum(maximum)));
        w.subscribed(client, [("#", 0)]);
        client
    });
    let publisher = w.connect(v5("publisher"));
    for n in 0..10 {
        w.published(publisher, publish(&n.to_string(), "x").qos(1));
    }
    for (client, maximum) in clients.into_iter().zip(maxima) {
        let used = (0..10).filter_map(|_| alias_of(&w.recv_publish(client))).inspect(|alias| {
            assert!((1..=maximum).contains(alias), "{alias} of {maximum}");
        });
        assert_eq!(used.count(), usize::from(maximum), "this broker uses the aliases that it may");
    }
}

/// Every alias from 1 to the maximum is taken, at the same time.
fn mqtt_5_3_3_2_12(start: Start<'_>) {
    for maximum in [1, 32, 300] {
        let mut config = Config::default();
        config.mqtt.topic_alias_maximum = maximum;
        let mut w = start(config);
        let (subscriber, publisher) = pair(&mut *w, "#");
        for alias in (1..=maximum).rev() {
            w.published(publisher, aliased(&format!("t/{alias}"), alias));
            w.take(subscriber, &format!("t/{alias}"), "x");
        }
        for alias in 1..=maximum {
            w.published(publisher, aliased("", alias));
            assert_eq!(w.take(subscriber, &format!("t/{alias}"), "x").properties, []);
        }
    }
}

/// Response Topic is a string.
fn mqtt_5_3_3_2_13(start: Start<'_>) {
    for bad in NOT_UTF8.into_iter().chain([&b"\0"[..]]) {
        let list = properties(join([&[0x08], &string(bad)]));
        breach(start, frame(0x30, join([&string("t"), &list, b"x"])), &[0x81]);
    }
}

/// Response Topic has no wildcards, in a will neither.
fn mqtt_5_3_3_2_14(start: Start<'_>) {
    for topic in ["#", "a/+", "a/#"] {
        breach(start, publish("t", "x").property(Property::ResponseTopic(topic.into())), &[0x82, 0x90, 0x81]);
        let mut w = start(Config::default());
        let will = v5("rogue").will("t", b"x", 0).will_property(Property::ResponseTopic(topic.into()));
        refused(&mut *w, will, &[0x82, 0x90, 0x81]);
    }
}

/// Sends this property alone, directly, retained and through a queue: it arrives alone, each time.
fn arrives(start: Start<'_>, property: Property) {
    let mut w = start(Config::default());
    let (there, publisher) = pair(&mut *w, "t");
    let client = w.connect(lasting("client"));
    w.subscribed(client, [("t", 1)]);
    leave(&mut *w, client);
    w.published(publisher, publish("t", "x").qos(1).retain().property(property.clone()));
    let client = w.reconnect(lasting("client"), true);
    let late = w.connect(v5("late"));
    w.subscribed(late, [("t", 0)]);
    for reader in [there, client, late] {
        assert_eq!(w.take(reader, "t", "x").properties, std::slice::from_ref(&property));
    }
}

/// Response Topic arrives as it was sent.
fn mqtt_5_3_3_2_15(start: Start<'_>) {
    for topic in ["answer/here", "/", "$SYS/x", &"x".repeat(60_000)] {
        arrives(start, Property::ResponseTopic(topic.into()));
    }
}

/// Correlation Data arrives as it was sent, whatever bytes it is.
fn mqtt_5_3_3_2_16(start: Start<'_>) {
    for data in [Vec::new(), vec![0], vec![0xC0, 0x80, 0xFF], vec![7; 65_535]] {
        arrives(start, Property::CorrelationData(data));
    }
}

/// Every User Property arrives, whatever its name and value.
fn mqtt_5_3_3_2_17(start: Start<'_>) {
    for (name, value) in [("name", "value"), ("", ""), ("\u{FEFF}", "\u{2A6D4}"), ("n", &"x".repeat(60_000))] {
        arrives(start, Property::user(name, value));
    }
    let list: Vec<Property> = (0..200).map(|n| Property::user(&format!("{}", n % 7), &n.to_string())).collect();
    let message = list.iter().cloned().fold(publish("t", "x").qos(1), Publish::property);
    assert_eq!(forwarded(start, message).properties, list);
}

/// In the order in which they came, among other properties.
fn mqtt_5_3_3_2_18(start: Start<'_>) {
    let sent = ["b", "a", "b", "", "c"].map(|name| Property::user(name, "value"));
    let mut message = publish("t", "x").qos(1);
    for (n, property) in sent.iter().enumerate() {
        message = message.property(property.clone());
        message = match n {
            0 => message.property(Property::ContentType("text".into())),
            1 => message.property(Property::MessageExpiryInterval(500)),
            2 => message.property(Property::TopicAlias(1)),
            _ => message,
        };
    }
    let got = forwarded(start, message);
    assert_eq!(user_properties(&got.properties), sent);
    assert_eq!(got.properties.len(), 5 + 2);
}

/// Content Type is a string.
fn mqtt_5_3_3_2_19(start: Start<'_>) {
    for bad in NOT_UTF8.into_iter().chain([&b"\0"[..]]) {
        let list = properties(join([&[0x03], &string(bad)]));
        breach(start, frame(0x30, join([&string("t"), &list, b"x"])), &[0x81]);
    }
}

/// Content Type arrives as it was sent.
fn mqtt_5_3_3_2_20(start: Start<'_>) {
    for text in ["text/plain", "", "a b; c=\"d\"", "\u{FEFF}"] {
        arrives(start, Property::ContentType(text.into()));
    }
}

in_each_world! {
    mqtt_5_3_3_2_1
    mqtt_5_3_3_2_2
    mqtt_5_3_3_2_3
    mqtt_5_3_3_2_4
    mqtt_5_3_3_2_7
    mqtt_5_3_3_2_7_of_the_broker
    mqtt_5_3_3_2_7_sent_again
    mqtt_5_3_3_2_8
    mqtt_5_3_3_2_9
    mqtt_5_3_3_2_11
    mqtt_5_3_3_2_12
    mqtt_5_3_3_2_13
    mqtt_5_3_3_2_14
    mqtt_5_3_3_2_15
    mqtt_5_3_3_2_16
    mqtt_5_3_3_2_17
    mqtt_5_3_3_2_18
    mqtt_5_3_3_2_19
    mqtt_5_3_3_2_20
}

in_memory! {
    mqtt_5_3_3_2_5
    mqtt_5_3_3_2_5_for_each_subscriber
    mqtt_5_3_3_2_6
    mqtt_5_3_3_2_6_of_a_will
}
