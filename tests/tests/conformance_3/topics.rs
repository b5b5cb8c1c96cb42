//! Topic names and filters (MQTT 3.1.1, 4.7).

use weirmq_core::Config;
use weirmq_tests::wire::*;
use weirmq_tests::{Start, Talk};

use crate::common::*;

crate::cases! {
    mqtt_3_4_7_1_1 mqtt_3_4_7_1_1_in_a_will mqtt_3_4_7_1_2 mqtt_3_4_7_1_2_good_ones mqtt_3_4_7_1_3
    mqtt_3_4_7_1_3_good_ones mqtt_3_4_7_2_1 mqtt_3_4_7_2_1_retained mqtt_3_4_7_3_1 mqtt_3_4_7_3_1_one_is_enough
    mqtt_3_4_7_3_2 mqtt_3_4_7_3_3 mqtt_3_4_7_3_4
}

/// A wildcard in the topic of a PUBLISH closes the connection.
fn mqtt_3_4_7_1_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("#", 0)]);
    for topic in ["#", "+", "sport/#", "sport/+/x", "sport#", "+sport", "$SYS/#"] {
        for version in OLD {
            closes_of(&mut *w, version, publish(topic, "x").qos(1));
            closes_of(&mut *w, version, publish(topic, "x").retain());
        }
    }
    w.expect_nothing(witness);
}

/// And one in the topic of a will: without CONNACK.
fn mqtt_3_4_7_1_1_in_a_will(start: Start<'_>) {
    let mut w = start(Config::default());
    for topic in ["#", "+", "sport/#", "sport/+/x", "sport#", "+sport"] {
        for version in OLD {
            turns_away(&mut *w, connect("rogue").version(version).will(topic, b"x", 0));
        }
    }
    lets_in(&mut *w, connect("honest").will("sport", b"x", 0));
}

/// A filter that is none is a protocol violation in SUBSCRIBE and UNSUBSCRIBE, alone and among good ones.
#[track_caller]
fn refuses_filters(start: Start<'_>, filters: &[&str]) {
    let mut w = start(Config::default());
    away(&mut *w, "client", [("kept", 1)]);
    for version in OLD {
        for filter in filters {
            closes_of(&mut *w, version, subscribe(1, [(filter, 0)]));
            closes_of(&mut *w, version, unsubscribe(1, [filter]));
            let client = w.connect(connect("client").clean(false));
            w.send(client, subscribe(1, [("good", 1), (filter, 1)]));
            w.expect_closed(client);
            let client = w.connect(connect("client").clean(false));
            w.send(client, unsubscribe(1, ["kept", filter]));
            w.expect_closed(client);
        }
    }
    publishes(&mut *w, publish("good", "x").qos(1));
    publishes(&mut *w, publish("kept", "x").qos(1));
    let client = w.reconnect(connect("client").clean(false), true);
    w.take(client, "kept", "x");
    w.expect_nothing(client);
}

/// `#` is the whole of the last level.
fn mqtt_3_4_7_1_2(start: Start<'_>) {
    let bad = ["sport/tennis#", "sport/tennis/#/ranking", "#/a", "a/#/", "##", "a/##", "#a", "#/", "/#/", "+#", "a/#b"];
    refuses_filters(start, &bad);
}

/// What the specification says of `#`: it covers its parent and any number of levels.
fn mqtt_3_4_7_1_2_good_ones(start: Start<'_>) {
    covers(
        start,
        &[
            (
                "sport/tennis/player1/#",
                &["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/wimbledon"],
                &["sport/tennis/player10", "sport/tennis"],
            ),
            ("sport/#", &["sport", "sport/", "sport/a/b/c/d"], &["sports", "/sport"]),
            ("#", &["a", "/", "a/b", "//", "/finance"], &["$x"]),
            ("/#", &["/", "/a", "/a/b", "//"], &["a"]),
            ("+/#", &["a", "a/b", "/", "/a"], &["$x/y"]),
        ],
    );
}

/// `+` is the whole of its level.
fn mqtt_3_4_7_1_3(start: Start<'_>) {
    refuses_filters(
        start,
        &["sport+", "+sport", "sport/+tennis", "sport/ten+nis/x", "++", "a/++/b", "/+a", "#+", "a+/b"],
    );
}

/// What the specification says of `+`: exactly one level, an empty one too.
fn mqtt_3_4_7_1_3_good_ones(start: Start<'_>) {
    covers(
        start,
        &[
            (
                "sport/tennis/+",
                &["sport/tennis/player1", "sport/tennis/"],
                &["sport/tennis/player1/ranking", "sport/tennis", "sport/x/player1"],
            ),
            ("sport/+", &["sport/", "sport/x"], &["sport"]),
            ("+", &["a", "finance"], &["/finance", "a/b", "/"]),
            ("+/+", &["/finance", "a/b", "/", "a/"], &["finance", "a/b/c"]),
            ("/+", &["/finance", "/"], &["finance", "//"]),
            ("+/tennis/#", &["a/tennis", "/tennis/x", "a/tennis/x/y"], &["tennis", "a/b/tennis"]),
            ("sport/+/player1", &["sport/tennis/player1", "sport//player1"], &["sport/player1", "sport/a/b/player1"]),
        ],
    );
}

/// A filter, what it covers, and what it does not.
type Cover<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);

#[track_caller]
fn covers(start: Start<'_>, table: &[Cover<'_>]) {
    let mut config = Config::default();
    config.mqtt.dollar_publish_denied = false;
    let mut w = start(config);
    let publisher = w.connect(connect("publisher"));
    for (filter, matching, others) in table {
        let client = subscriber(&mut *w, "client", [(filter, 1)]);
        for topic in *others {
            w.published(publisher, publish(topic, "not this").qos(1));
        }
        for topic in *matching {
            w.published(publisher, publish(topic, "x").qos(1));
            w.take(client, topic, "x");
        }
        w.expect_nothing(client);
        leave(&mut *w, client);
    }
}

/// A filter that begins with a wildcard covers no topic that begins with `$`; one that begins with `$` does.
fn mqtt_3_4_7_2_1(start: Start<'_>) {
    covers(
        start,
        &[
            ("#", &["a/$x", "a"], &["$SYS", "$SYS/monitor/Clients", "$", "$/a"]),
            ("+/monitor/Clients", &["a/monitor/Clients"], &["$SYS/monitor/Clients"]),
            ("+", &["a"], &["$SYS", "$"]),
            ("+/+", &["a/$b"], &["$SYS/x", "$/x"]),
            ("+/#", &["a/$b"], &["$SYS", "$SYS/x"]),
            ("$SYS/#", &["$SYS", "$SYS/monitor/Clients"], &["a"]),
            ("$SYS/monitor/+", &["$SYS/monitor/Clients"], &["$SYS/monitor"]),
            ("a/+", &["a/$b"], &[]),
            ("a/#", &["a/$b/$c"], &[]),
        ],
    );
}

/// For retained messages too.
fn mqtt_3_4_7_2_1_retained(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.dollar_publish_denied = false;
    let mut w = start(config);
    publishes(&mut *w, publish("$SYS/x", "kept").qos(1).retain());
    publishes(&mut *w, publish("$SYS", "kept").qos(1).retain());
    for filter in ["#", "+/x", "+/#", "+", "+/+"] {
        let client = subscriber(&mut *w, "client", [(filter, 1)]);
        w.expect_nothing(client);
        leave(&mut *w, client);
    }
    for filter in ["$SYS/x", "$SYS/+"] {
        let client = subscriber(&mut *w, "client", [(filter, 1)]);
        w.take(client, "$SYS/x", "kept");
        w.expect_nothing(client);
        leave(&mut *w, client);
    }
}

/// A topic or filter without a character closes the connection.
fn mqtt_3_4_7_3_1(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        for qos in 0..=2 {
            closes_of(&mut *w, version, publish("", "x").qos(qos));
        }
        turns_away(&mut *w, connect("rogue").version(version).will("", b"x", 0));
    }
    refuses_filters(start, &[""]);
}

/// One character is enough.
fn mqtt_3_4_7_3_1_one_is_enough(start: Start<'_>) {
    let all = ["/", " ", "a", "\u{2A6D4}"];
    covers(start, &all.each_ref().map(|topic| (*topic, std::slice::from_ref(topic), &["b"][..])));
}

/// U+0000 in a topic or filter closes the connection.
fn mqtt_3_4_7_3_2(start: Start<'_>) {
    let mut w = start(Config::default());
    for text in ["\0", "a\0", "a/\0/b", "+/\0"] {
        closes(&mut *w, publish(text, "x"));
        closes(&mut *w, publish(text, "x").qos(2));
        turns_away(&mut *w, connect("rogue").will(text, b"x", 0));
    }
    refuses_filters(start, &["\0", "a\0", "a/\0/b", "+/\0", "\0/#"]);
}

/// Topics and filters of 65,535 bytes work, and the last byte counts.
fn mqtt_3_4_7_3_3(start: Start<'_>) {
    let mut w = start(Config::default());
    let longest = "x".repeat(65_535);
    let nearly = format!("{}y", &longest[..65_534]);
    let wild = format!("{}/+", &longest[..65_533]);
    let client = subscriber(&mut *w, "client", [(&longest, 0), (&wild, 0)]);
    let publisher = w.connect(connect("publisher"));
    w.published(publisher, publish(&nearly, "not this").qos(1));
    w.published(publisher, publish(&longest, "x").qos(1).retain());
    w.take(client, &longest, "x");
    let below = format!("{}/z", &longest[..65_533]);
    w.published(publisher, publish(&below, "y").qos(1));
    w.take(client, &below, "y");
    w.expect_nothing(client);
    let late = subscriber(&mut *w, "late", [(&longest, 1)]);
    w.take(late, &longest, "x");
    w.send(client, unsubscribe(3, [&*longest, &*wild]));
    w.expect(client, unsuback(3, []));
    w.published(publisher, publish(&longest, "x").qos(1));
    w.expect_nothing(client);
}

/// Names are compared as they are: no normalisation, no case folding, nothing trimmed.
fn mqtt_3_4_7_3_4(start: Start<'_>) {
    let names = [
        "ACCOUNTS",
        "Accounts",
        "accounts",
        "accounts ",
        " accounts",
        "\u{E9}",
        "e\u{301}",
        "\u{C5}",
        "A\u{30A}",
        "\u{212B}",
        "stra\u{DF}e",
        "strasse",
        "\u{130}",
        "i",
        "I",
        "\u{FEFF}i",
        "a/b",
        "a//b",
        "a/b/",
        "/a/b",
        "a%2Fb",
        "\u{FB01}",
        "fi",
    ];
    let mut w = start(Config::default());
    let clients = names.map(|name| subscriber(&mut *w, &format!("client-{name}"), [(name, 1)]));
    for name in names {
        publishes(&mut *w, publish(name, name).qos(1).retain());
    }
    for (client, name) in clients.into_iter().zip(names) {
        w.take(client, name, name);
        w.expect_nothing(client);
        let late = subscriber(&mut *w, "late", [(name, 1)]);
        w.take(late, name, name);
        w.expect_nothing(late);
        leave(&mut *w, late);
    }
}
