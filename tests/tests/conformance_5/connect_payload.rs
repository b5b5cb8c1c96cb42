//! The payload of CONNECT (3.1.3).

use crate::support::*;

/// All fields, in the order of the specification, each understood as what it is.
fn mqtt_5_3_1_3_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = w.connect(v5("witness"));
    w.subscribed(witness, [("#", 1)]);
    let will = join([&properties(join([&[0x26], &string("1"), &string("2")])), &string("3"), &string("4")]);
    let client = open(&mut *w);
    w.send(client, raw_connect(0xCE, &[], &join([&string("0"), &will, &string("5"), &string("6")])));
    w.expect_like(client, connack(false, 0));
    w.reset(client);
    assert_eq!(w.take(witness, "3", "4").properties, [Property::user("1", "2")]);
}

/// The deployment is asked with the identifier, user name and password that were sent.
fn mqtt_5_3_1_3_1_in_the_question(shards: u16) {
    let mut n = asking(shards);
    n.authenticate(|_| None);
    let client = n.open();
    n.send(client, v5("0").will("3", b"4", 0).user_name("5").password(b"6"));
    let (_, request) = n.asked().expect("a question");
    assert_eq!(&*request.client_id, "0");
    assert_eq!(request.user_name.as_deref(), Some("5"));
    assert_eq!(request.password.as_deref(), Some(&b"6"[..]));
}

fn asking(shards: u16) -> Net {
    let authentication = Authentication::External { methods: Vec::new() };
    net(shards, Config { authentication, ..Config::default() })
}

/// The identifier decides which session it is, byte by byte.
fn mqtt_5_3_1_3_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let names = ["a", "A", "a ", "aa", "\u{E4}", "a\u{308}"];
    for name in names {
        let client = w.reconnect(lasting(name), false);
        w.subscribed(client, [(name, 1)]);
        leave(&mut *w, client);
    }
    let publisher = w.connect(v5("publisher"));
    for name in names {
        w.published(publisher, publish(name, name).qos(1));
    }
    for name in names {
        let client = w.reconnect(lasting(name), true);
        w.take(client, name, name);
        w.expect_nothing(client);
    }
}

/// No identifier at all is malformed, an empty one is not.
fn mqtt_5_3_1_3_3(start: Start<'_>) {
    let mut w = start(Config::default());
    refused(&mut *w, raw_connect(0x02, &[], &[]), &[0x81]);
    refused(&mut *w, raw_connect(0x02, &[], &[0]), &[0x81]);
    refused(&mut *w, raw_connect(0x02, &[], &[0, 3, b'a']), &[0x81]);
    // Were it not the first, this would be the topic of a will.
    let witness = w.connect(v5("witness"));
    w.subscribed(witness, [("#", 0)]);
    refused(&mut *w, raw_connect(0x06, &[], &join([&[0], &string("t"), &string("x"), &string("id")])), &[0x81, 0x82]);
    w.expect_nothing(witness);
}

/// The identifier is a string.
fn mqtt_5_3_1_3_4(start: Start<'_>) {
    let mut w = start(Config::default());
    for bad in NOT_UTF8.into_iter().chain([&b"\0"[..]]) {
        refused(&mut *w, raw_connect(0x02, &[], &string(bad)), &[0x81]);
    }
    w.connect(v5("\u{2A6D4}"));
}

/// Every identifier of 1 to 23 digits and letters is accepted.
fn mqtt_5_3_1_3_5(start: Start<'_>) {
    let mut w = start(Config::default());
    let letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for letter in letters.chars() {
        w.connect(v5(&letter.to_string()));
    }
    for size in 1..=23 {
        w.connect(v5(&letters[62 - size..]));
    }
}

fn assigned(connack: &ConnAck) -> Option<String> {
    connack.properties.iter().find_map(|property| match property {
        Property::AssignedClientIdentifier(name) => Some(name.clone()),
        _ => None,
    })
}

/// Clients without an identifier are let in, and are different clients.
fn mqtt_5_3_1_3_6(start: Start<'_>) {
    let mut w = start(Config::default());
    let clients: Vec<Client> = (0..4).map(|n| w.connect(v5("").clean(n % 2 == 0))).collect();
    for &client in &clients {
        w.subscribed(client, [("t", 1)]);
    }
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t", "x").qos(1));
    for client in clients {
        w.take(client, "t", "x");
        w.expect_nothing(client);
    }
}

/// The identifier is told, and is good for the next connection.
fn mqtt_5_3_1_3_7(start: Start<'_>) {
    let mut w = start(Config::default());
    let (client, first) = w.try_connect(lasting(""));
    let name = assigned(&first).expect("an Assigned Client Identifier");
    assert!(!name.is_empty());
    w.subscribed(client, [("t", 1)]);
    leave(&mut *w, client);
    let (client, again) = w.try_connect(lasting(&name));
    assert_eq!((again.code, again.session_present, assigned(&again)), (0, true, None));
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t", "x").qos(1));
    w.take(client, "t", "x");
}

/// An identifier longer than the deployment wants is refused by 0x85.
fn mqtt_5_3_1_3_8(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.client_id_bytes_max = 30;
    let mut w = start(config);
    w.connect(v5(&"x".repeat(30)));
    refused(&mut *w, v5(&"x".repeat(31)), &[0x85]);
    refused(&mut *w, v5(&"x".repeat(60_000)), &[0x85]);
}

/// Who is back before the delay is over has no will sent, then or later.
fn mqtt_5_3_1_3_9(shards: u16) {
    let mut n = net(shards, Config::default());
    let witness = n.connect(v5("witness"));
    n.subscribed(witness, [("will", 1)]);
    let mortal = || lasting("mortal").will("will", b"gone", 1).will_property(Property::WillDelayInterval(5));
    let mut client = n.connect(mortal());
    for _ in 0..3 {
        n.reset(client);
        n.advance(secs(5) - MICROSECOND);
        client = n.reconnect(mortal(), true);
        n.advance(secs(100));
        n.expect_nothing(witness);
    }
    n.reset(client);
    n.advance(secs(5));
    n.take(witness, "will", "gone");
}

/// Also when the new connection takes the older one over while it is open.
fn mqtt_5_3_1_3_9_by_takeover(shards: u16) {
    let mut n = net(shards, Config::default());
    let witness = n.connect(v5("witness"));
    n.subscribed(witness, [("will", 1)]);
    let mortal = || lasting("mortal").will("will", b"gone", 1).will_property(Property::WillDelayInterval(5));
    let older = n.connect(mortal());
    let newer = n.reconnect(mortal(), true);
    disconnected(&mut n, older, &[0x8E]);
    n.advance(secs(100));
    n.expect_nothing(witness);
    n.expect_nothing(newer);
}

/// User Properties of a will keep their order and their repetitions.
fn mqtt_5_3_1_3_10(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = w.connect(v5("witness"));
    w.subscribed(witness, [("will", 1)]);
    let sent = ["b", "a", "b", "", "c"].map(|name| Property::user(name, "value"));
    let mut mortal = v5("mortal").will("will", b"gone", 1);
    for property in &sent {
        mortal = mortal.will_property(property.clone());
    }
    let client = w.connect(mortal);
    w.reset(client);
    assert_eq!(w.take(witness, "will", "gone").properties, sent);
}

/// The will topic is a string, without wildcards, and not empty.
fn mqtt_5_3_1_3_11(start: Start<'_>) {
    let mut w = start(Config::default());
    let with = |topic: &[u8]| raw_connect(0x06, &[], &join([&string("rogue"), &[0], &string(topic), &string("gone")]));
    for bad in NOT_UTF8.into_iter().chain([&b"\0"[..]]) {
        refused(&mut *w, with(bad), &[0x81]);
    }
    for bad in ["#", "a/+", "a+"] {
        refused(&mut *w, with(bad.as_bytes()), &[0x90, 0x81, 0x82]);
    }
    refused(&mut *w, with(b""), &[0x90, 0x81, 0x82]);
}

/// The user name is a string; the password is not.
fn mqtt_5_3_1_3_12(start: Start<'_>) {
    let mut w = start(Config::default());
    for bad in NOT_UTF8.into_iter().chain([&b"\0"[..]]) {
        refused(&mut *w, raw_connect(0x82, &[], &join([&string("rogue"), &string(bad)])), &[0x81]);
        let client = open(&mut *w);
        w.send(client, raw_connect(0xC2, &[], &join([&string("good"), &string("ann"), &string(bad)])));
        w.expect_like(client, connack(false, 0));
        leave(&mut *w, client);
    }
}

in_each_world! {
    mqtt_5_3_1_3_1
    mqtt_5_3_1_3_2
    mqtt_5_3_1_3_3
    mqtt_5_3_1_3_4
    mqtt_5_3_1_3_5
    mqtt_5_3_1_3_6
    mqtt_5_3_1_3_7
    mqtt_5_3_1_3_8
    mqtt_5_3_1_3_10
    mqtt_5_3_1_3_11
    mqtt_5_3_1_3_12
}

in_memory! {
    mqtt_5_3_1_3_1_in_the_question
    mqtt_5_3_1_3_9
    mqtt_5_3_1_3_9_by_takeover
}
