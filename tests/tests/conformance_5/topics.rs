//! Topic Names and Topic Filters (4.7).

use crate::support::*;

/// Subscribes one client to each filter and publishes to each topic. For each filter the topics that arrived.
fn matches(start: Start<'_>, config: Config, filters: &[&str], topics: &[&str]) -> Vec<Vec<String>> {
    let mut w = start(config);
    let clients: Vec<Client> = filters
        .iter()
        .enumerate()
        .map(|(n, filter)| {
            let client = w.connect(v5(&format!("client {n}")));
            w.subscribed(client, [(*filter, 0)]);
            client
        })
        .collect();
    let publisher = w.connect(v5("publisher"));
    for topic in topics {
        w.published(publisher, publish(topic, "x").qos(1));
    }
    clients
        .into_iter()
        .map(|client| {
            w.send(client, ping());
            let mut seen = Vec::new();
            loop {
                match w.recv(client) {
                    Packet::Publish(publish) => seen.push(publish.topic),
                    Packet::PingResp => return seen,
                    other => panic!("{other:?}"),
                }
            }
        })
        .collect()
}

/// A wildcard in a topic name is refused, in PUBLISH and in a will.
fn mqtt_5_4_7_0_1(start: Start<'_>) {
    for topic in ["#", "+", "a/#", "a/+", "a/b#", "a/b+c/d"] {
        breach(start, publish(topic, "x"), &[0x90, 0x81, 0x82]);
        breach(start, publish(topic, "x").qos(1).retain(), &[0x90, 0x81, 0x82]);
        let mut w = start(Config::default());
        refused(&mut *w, v5("rogue").will(topic, b"x", 0), &[0x90, 0x81, 0x82]);
    }
}

/// Tries these filters: each is refused by 0x8F, or ends the connection, and is no subscription.
fn invalid(start: Start<'_>, filters: &[&str]) {
    for filter in filters {
        let mut w = start(Config::default());
        let client = w.connect(v5("client"));
        w.send(client, subscribe(1, [(*filter, 1)]));
        w.expect_like(client, suback(1, [0x8F]));
        let publisher = w.connect(v5("publisher"));
        for topic in ["a", "a/b", "a/b/c", "ab", "#x"] {
            if !topic.contains('#') {
                w.published(publisher, publish(topic, "x").qos(1));
            }
        }
        w.expect_nothing(client);
        w.send(client, unsubscribe(2, [*filter]));
        let Packet::UnsubAck(unsuback) = w.recv(client) else { panic!("no UNSUBACK for {filter}") };
        assert!([0x8F, 0x11].contains(&unsuback.codes[0]), "{filter}: {unsuback:?}");
    }
}

/// `#` is a whole level, and the last.
fn mqtt_5_4_7_1_1(start: Start<'_>) {
    invalid(start, &["a#", "a/b#", "#a", "a/#/b", "#/a", "a/#/", "##", "a/##", "+#", "#+"]);
}

/// `#` matches its parent and everything below.
fn mqtt_5_4_7_1_1_matches(start: Start<'_>) {
    let topics = ["a", "a/", "a/b", "a/b/c", "ab", "/a", "b/a"];
    let seen = matches(start, Config::default(), &["a/#", "#", "a/b/#", "/#"], &topics);
    assert_eq!(seen[0], ["a", "a/", "a/b", "a/b/c"]);
    assert_eq!(seen[1], topics);
    assert_eq!(seen[2], ["a/b", "a/b/c"]);
    assert_eq!(seen[3], ["/a"]);
}

/// `+` is a whole level, anywhere.
fn mqtt_5_4_7_1_2(start: Start<'_>) {
    invalid(start, &["a+", "+a", "a/b+", "a/+b/c", "++", "a/++/b"]);
}

/// `+` matches one level, an empty one too.
fn mqtt_5_4_7_1_2_matches(start: Start<'_>) {
    let topics = ["a", "/a", "a/", "a/b", "a/b/c", "a//c", "/", "//"];
    let seen = matches(start, Config::default(), &["+", "a/+", "+/+", "/+", "a/+/c", "+/+/+", "+/b/#"], &topics);
    assert_eq!(seen[0], ["a"]);
    assert_eq!(seen[1], ["a/", "a/b"]);
    assert_eq!(seen[2], ["/a", "a/", "a/b", "/"]);
    assert_eq!(seen[3], ["/a", "/"]);
    assert_eq!(seen[4], ["a/b/c", "a//c"]);
    assert_eq!(seen[5], ["a/b/c", "a//c", "//"]);
    assert_eq!(seen[6], ["a/b", "a/b/c"]);
}

fn with_dollar() -> Config {
    let mut config = Config::default();
    config.mqtt.dollar_publish_denied = false;
    config
}

/// A filter that begins with a wildcard does not match a topic that begins with `$`; `$` elsewhere is nothing special.
fn mqtt_5_4_7_2_1(start: Start<'_>) {
    let filters = ["#", "+/monitor/Clients", "+/#", "$SYS/#", "$SYS/monitor/+", "+", "+/+", "$/#"];
    let topics = ["$SYS/monitor/Clients", "$SYS", "$x", "a/monitor/Clients", "a/$SYS", "$/a"];
    let seen = matches(start, with_dollar(), &filters, &topics);
    assert_eq!(seen[0], ["a/monitor/Clients", "a/$SYS"]);
    assert_eq!(seen[1], ["a/monitor/Clients"]);
    assert_eq!(seen[2], ["a/monitor/Clients", "a/$SYS"]);
    assert_eq!(seen[3], ["$SYS/monitor/Clients", "$SYS"]);
    assert_eq!(seen[4], ["$SYS/monitor/Clients"]);
    assert_eq!(seen[5], [""; 0]);
    assert_eq!(seen[6], ["a/$SYS"]);
    assert_eq!(seen[7], ["$/a"]);
}

/// Nor a retained message of such a topic.
fn mqtt_5_4_7_2_1_retained(start: Start<'_>) {
    let mut w = start(with_dollar());
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("$SYS/x", "kept").qos(1).retain());
    let client = w.connect(v5("client"));
    w.subscribed(client, [("#", 1), ("+/x", 1), ("+/#", 1)]);
    w.expect_nothing(client);
    w.subscribed(client, [("$SYS/+", 1)]);
    w.take(client, "$SYS/x", "kept");
}

/// An empty topic name or filter is refused.
fn mqtt_5_4_7_3_1(start: Start<'_>) {
    for qos in 0..3 {
        breach(start, publish("", "x").qos(qos), &[0x82, 0x81, 0x90]);
    }
    invalid(start, &[""]);
    let mut w = start(Config::default());
    refused(&mut *w, v5("rogue").will("", b"x", 0), &[0x82, 0x81, 0x90]);
}

/// U+0000 in a topic name or filter is malformed.
fn mqtt_5_4_7_3_2(start: Start<'_>) {
    for text in ["\0", "a\0b", "a/\0"] {
        breach(start, publish(text, "x"), &[0x81, 0x90]);
        breach(start, subscribe(1, [(text, 0)]), &[0x81, 0x8F]);
        breach(start, unsubscribe(1, [text]), &[0x81, 0x8F]);
        let mut w = start(Config::default());
        refused(&mut *w, v5("rogue").will(text, b"x", 0), &[0x81, 0x90]);
    }
}

/// Topics and filters of 65,535 bytes work, in one level and in many.
fn mqtt_5_4_7_3_3(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.topic_levels_max = u16::MAX;
    let mut w = start(config);
    for topic in ["x".repeat(65_535), "a/".repeat(32_767) + "b", "/".repeat(65_534)] {
        let (subscriber, publisher) = pair(&mut *w, &topic);
        w.published(publisher, publish(&topic, "x").qos(1).retain());
        w.take(subscriber, &topic, "x");
        w.send(subscriber, unsubscribe(1, [&*topic]));
        w.expect(subscriber, unsuback(1, [0]));
        let late = w.connect(v5("late"));
        w.subscribed(late, [(&*topic, 1)]);
        w.take(late, &topic, "x");
        for client in [subscriber, publisher, late] {
            leave(&mut *w, client);
        }
    }
}

/// Topics are compared as they are.
fn mqtt_5_4_7_3_4(start: Start<'_>) {
    let names = ["a", "A", "\u{E4}", "a\u{308}", "\u{FB01}", "fi", "a ", " a", "a/b", "a//b", "a\\b", "%61", "a/./b"];
    let seen = matches(start, Config::default(), &names, &names);
    for (name, seen) in names.iter().zip(seen) {
        assert_eq!(seen, [*name]);
    }
}

in_each_world! {
    mqtt_5_4_7_0_1
    mqtt_5_4_7_1_1
    mqtt_5_4_7_1_1_matches
    mqtt_5_4_7_1_2
    mqtt_5_4_7_1_2_matches
    mqtt_5_4_7_2_1
    mqtt_5_4_7_2_1_retained
    mqtt_5_4_7_3_1
    mqtt_5_4_7_3_2
    mqtt_5_4_7_3_3
    mqtt_5_4_7_3_4
}
