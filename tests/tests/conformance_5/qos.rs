//! The delivery protocols of QoS 0, 1 and 2 (4.3).

use crate::support::*;

/// QoS 0: DUP 0, no identifier, sent once.
fn mqtt_5_4_3_1_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(lasting("client"));
    w.subscribed(client, [("t", 0)]);
    let publisher = w.connect(v5("publisher"));
    for qos in 0..3 {
        w.published(publisher, publish("t", [qos]).qos(qos));
    }
    for qos in 0..3 {
        w.expect(client, publish("t", [qos]));
    }
    w.reset(client);
    let client = w.reconnect(lasting("client"), true);
    w.expect_nothing(client);
}

/// Publishes `count` messages at this QoS to a subscriber whose session lasts. What it receives, unacknowledged.
fn sent(w: &mut dyn World, count: u8, qos: u8) -> (Client, Vec<Publish>) {
    let client = w.connect(lasting("client"));
    w.subscribed(client, [("t", qos)]);
    let publisher = w.connect(v5("publisher"));
    for n in 0..count {
        w.published(publisher, publish("t", [n]).qos(2));
    }
    let messages = (0..count).map(|_| w.recv_publish(client)).collect();
    (client, messages)
}

fn all_different(messages: &[Publish]) {
    let mut ids: Vec<u16> = messages.iter().map(id_of).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), messages.len(), "{messages:?}");
}

/// QoS 1: each new message has an identifier that is not in use.
fn mqtt_5_4_3_2_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let (client, mut messages) = sent(&mut *w, 50, 1);
    all_different(&messages);
    let publisher = w.connect(v5("other publisher"));
    for n in 0..25 {
        let done = messages.remove(n);
        w.send(client, puback(id_of(&done)));
        w.published(publisher, publish("t", "more").qos(1));
        messages.push(w.recv_publish(client));
        all_different(&messages);
    }
}

/// QoS 1: first with DUP 0.
fn mqtt_5_4_3_2_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let (_, messages) = sent(&mut *w, 5, 1);
    for (n, message) in messages.into_iter().enumerate() {
        assert_eq!(message, publish("t", [n as u8]).qos(1).id(id_of(&message)));
    }
}

/// QoS 1: open until its PUBACK comes, and that of another message does not count.
fn mqtt_5_4_3_2_3(start: Start<'_>) {
    let mut w = start(Config::default());
    let (client, messages) = sent(&mut *w, 3, 1);
    w.send(client, puback(id_of(&messages[1])));
    w.send(client, puback(id_of(&messages[1])));
    w.expect_nothing(client);
    for _ in 0..2 {
        w.reset(client);
        let client = w.reconnect(lasting("client"), true);
        for n in [0, 2] {
            w.expect(client, Publish { dup: true, ..messages[n].clone() });
        }
        w.expect_nothing(client);
    }
}

/// QoS 1: PUBACK with the identifier, for each.
fn mqtt_5_4_3_2_4(start: Start<'_>) {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, "t");
    for id in [3, 1, 2, 0xFFFF] {
        w.send(publisher, publish("t", id.to_string()).qos(1).id(id));
    }
    for id in [3, 1, 2, 0xFFFF] {
        w.expect(publisher, puback(id));
        w.take(subscriber, "t", id.to_string());
    }
}

/// QoS 1: after PUBACK the same identifier is a new message, with DUP too.
fn mqtt_5_4_3_2_5(start: Start<'_>) {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, "t");
    let message = || publish("t", "x").qos(1).id(5);
    for message in [message(), message().dup(), message(), message().dup()] {
        w.send(publisher, message);
        w.expect(publisher, puback(5));
        assert!(!w.take(subscriber, "t", "x").dup);
    }
    w.expect_nothing(subscriber);
}

/// QoS 2: each new message has an identifier that is not in use, until PUBCOMP.
fn mqtt_5_4_3_3_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let (client, mut messages) = sent(&mut *w, 50, 2);
    all_different(&messages);
    let publisher = w.connect(v5("other publisher"));
    for message in &messages {
        w.send(client, pubrec(id_of(message)));
        w.expect(client, pubrel(id_of(message)));
    }
    for _ in 0..20 {
        w.published(publisher, publish("t", "more").qos(2));
        messages.push(w.recv_publish(client));
    }
    all_different(&messages);
}

/// QoS 2: first with DUP 0.
fn mqtt_5_4_3_3_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let (_, messages) = sent(&mut *w, 5, 2);
    for (n, message) in messages.into_iter().enumerate() {
        assert_eq!(message, publish("t", [n as u8]).qos(2).id(id_of(&message)));
    }
}

/// QoS 2: the PUBLISH is open until its PUBREC comes.
fn mqtt_5_4_3_3_3(start: Start<'_>) {
    let mut w = start(Config::default());
    let (client, messages) = sent(&mut *w, 3, 2);
    w.send(client, pubrec(id_of(&messages[1])));
    w.expect(client, pubrel(id_of(&messages[1])));
    w.send(client, pubcomp(id_of(&messages[1])));
    w.expect_nothing(client);
    for _ in 0..2 {
        w.reset(client);
        let client = w.reconnect(lasting("client"), true);
        for n in [0, 2] {
            w.expect(client, Publish { dup: true, ..messages[n].clone() });
        }
        w.expect_nothing(client);
    }
}

/// QoS 2: PUBREC below 0x80 is answered by PUBREL, byte by byte, also a repeated one; above by nothing.
fn mqtt_5_4_3_3_4(start: Start<'_>) {
    let mut w = start(Config::default());
    let (client, messages) = sent(&mut *w, 3, 2);
    w.send(client, pubrec(id_of(&messages[0])));
    w.expect(client, pubrel(id_of(&messages[0])));
    w.send(client, pubrec(id_of(&messages[0])));
    w.expect(client, pubrel(id_of(&messages[0])));
    w.send(client, pubrec(id_of(&messages[1])).with_code(0x10));
    w.expect(client, pubrel(id_of(&messages[1])));
    w.send(client, pubrec(id_of(&messages[2])).with_code(0x80));
    w.expect_nothing(client);
}

/// QoS 2: the PUBREL is open until its PUBCOMP comes.
fn mqtt_5_4_3_3_5(start: Start<'_>) {
    let mut w = start(Config::default());
    let (mut client, messages) = sent(&mut *w, 2, 2);
    for message in &messages {
        w.send(client, pubrec(id_of(message)));
        w.expect(client, pubrel(id_of(message)));
    }
    w.send(client, pubcomp(id_of(&messages[0])));
    w.expect_nothing(client);
    for _ in 0..2 {
        w.reset(client);
        client = w.reconnect(lasting("client"), true);
        w.expect(client, pubrel(id_of(&messages[1])));
        w.expect_nothing(client);
    }
    w.send(client, pubcomp(id_of(&messages[1])));
    w.expect_nothing(client);
    w.reset(client);
    client = w.reconnect(lasting("client"), true);
    w.expect_nothing(client);
}

/// QoS 2: after PUBREL the PUBLISH is never sent again.
fn mqtt_5_4_3_3_6(start: Start<'_>) {
    let mut w = start(Config::default());
    let (client, messages) = sent(&mut *w, 1, 2);
    w.send(client, pubrec(id_of(&messages[0])));
    w.expect(client, pubrel(id_of(&messages[0])));
    for _ in 0..3 {
        w.reset(client);
        let client = w.reconnect(lasting("client"), true);
        w.expect(client, pubrel(id_of(&messages[0])));
        w.expect_nothing(client);
        w.send(client, pubrec(id_of(&messages[0])));
        w.expect(client, pubrel(id_of(&messages[0])));
    }
}

/// QoS 2: what has been sent is sent again although its time is over, and finished.
fn mqtt_5_4_3_3_7(shards: u16) {
    let mut n = net(shards, Config::default());
    let client = n.connect(lasting("client"));
    n.subscribed(client, [("t", 2)]);
    let publisher = n.connect(v5("publisher"));
    n.published(publisher, publish("t", "x").qos(2).property(Property::MessageExpiryInterval(5)));
    let first = n.recv_publish(client);
    assert_eq!(expiry_of(&first), Some(5));
    n.reset(client);
    n.advance(secs(100));
    let client = n.reconnect(lasting("client"), true);
    let again = n.recv_publish(client);
    assert_eq!((again.id, again.dup, &again.payload[..]), (first.id, true, &b"x"[..]));
    n.send(client, pubrec(id_of(&first)));
    n.expect(client, pubrel(id_of(&first)));
    n.send(client, pubcomp(id_of(&first)));
    n.expect_nothing(client);
}

/// QoS 2: PUBREC with the identifier, for each.
fn mqtt_5_4_3_3_8(start: Start<'_>) {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, "t");
    for id in [3, 1, 2, 0xFFFF] {
        w.send(publisher, publish("t", id.to_string()).qos(2).id(id));
    }
    for id in [3, 1, 2, 0xFFFF] {
        w.expect(publisher, pubrec(id));
        w.take(subscriber, "t", id.to_string());
    }
}

/// QoS 2: after a PUBREC that refuses, the identifier is free: the next PUBLISH is a new message, DUP or not.
fn mqtt_5_4_3_3_9(start: Start<'_>) {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, "t");
    for message in [publish("t", "x").qos(2).id(5), publish("t", "x").qos(2).id(5).dup()] {
        w.send(publisher, publish("$SYS/x", "x").qos(2).id(5));
        w.expect(publisher, pubrec(5).with_code(0x87));
        w.send(publisher, message);
        w.expect(publisher, pubrec(5));
        w.take(subscriber, "t", "x");
        w.send(publisher, pubrel(5));
        w.expect(publisher, pubcomp(5));
    }
    w.expect_nothing(subscriber);
}

/// Also when it is refused because a session has no room, wherever that session lives: nothing was taken over, and the
/// same identifier is a new message when there is room.
fn mqtt_5_4_3_3_9_without_room(start: Start<'_>) {
    for shared in [false, true] {
        let mut config = Config::default();
        config.limits.queue_messages_max = 1;
        let mut w = start(config);
        let publisher = w.connect(v5("publisher"));
        for n in 0..6 {
            let (name, topic) = (format!("reader {n}"), format!("t/{n}"));
            let filter = if shared { format!("$share/g/{topic}") } else { topic.clone() };
            let reader = w.connect(lasting(&name));
            w.subscribed(reader, [(&*filter, 2)]);
            leave(&mut *w, reader);
            w.published(publisher, publish(&topic, "fills it").qos(2).id(4));
            w.send(publisher, publish(&topic, "no room").qos(2).id(5));
            w.expect(publisher, pubrec(5).with_code(0x97));
            w.send(publisher, publish(&topic, "no room").qos(1).id(5));
            w.expect(publisher, puback(5).with_code(0x97));
            let reader = w.reconnect(lasting(&name), true);
            w.take(reader, &topic, "fills it");
            w.published(publisher, publish(&topic, "new").qos(2).id(5));
            w.take(reader, &topic, "new");
            w.expect_nothing(reader);
        }
    }
}

/// QoS 2: until PUBREL each repeat has its PUBREC and is delivered no second time, over reconnects too.
fn mqtt_5_4_3_3_10(start: Start<'_>) {
    let mut w = start(Config::default());
    let subscriber = w.connect(v5("subscriber"));
    w.subscribed(subscriber, [("t", 2)]);
    let mut publisher = w.connect(lasting("publisher"));
    let message = || publish("t", "x").qos(2).id(5);
    w.send(publisher, message());
    w.expect(publisher, pubrec(5));
    for _ in 0..3 {
        for message in [message().dup(), message()] {
            w.send(publisher, message);
            w.expect(publisher, pubrec(5));
        }
        w.reset(publisher);
        publisher = w.reconnect(lasting("publisher"), true);
    }
    w.send(publisher, publish("t", "y").qos(2).id(6));
    w.expect(publisher, pubrec(6));
    w.send(publisher, pubrel(5));
    w.expect(publisher, pubcomp(5));
    w.take(subscriber, "t", "x");
    w.take(subscriber, "t", "y");
    w.expect_nothing(subscriber);
}

/// QoS 2: PUBREL is answered by PUBCOMP, over a reconnect too.
fn mqtt_5_4_3_3_11(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(lasting("publisher"));
    for id in [1, 0xABCD, 0xFFFF] {
        w.send(publisher, publish("t", "x").qos(2).id(id));
        w.expect_acknowledged(publisher, pubrec(id));
    }
    w.send(publisher, pubrel(0xABCD));
    w.expect(publisher, pubcomp(0xABCD));
    w.reset(publisher);
    let publisher = w.reconnect(lasting("publisher"), true);
    for id in [0xFFFF, 1] {
        w.send(publisher, pubrel(id));
        w.expect(publisher, pubcomp(id));
    }
}

/// QoS 2: after PUBCOMP the identifier is a new message, with DUP too.
fn mqtt_5_4_3_3_12(start: Start<'_>) {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, "t");
    let message = || publish("t", "x").qos(2).id(5);
    for message in [message(), message(), message().dup(), message()] {
        w.published(publisher, message);
        assert!(!w.take(subscriber, "t", "x").dup);
    }
    w.expect_nothing(subscriber);
}

/// QoS 2: the receiver goes on to PUBCOMP although the message has expired.
fn mqtt_5_4_3_3_13(shards: u16) {
    let mut n = net(shards, Config::default());
    let publisher = n.connect(lasting("publisher"));
    let message = || publish("t", "x").qos(2).id(5).property(Property::MessageExpiryInterval(5));
    n.send(publisher, message());
    n.expect_acknowledged(publisher, pubrec(5));
    n.advance(secs(100));
    n.send(publisher, message().dup());
    n.expect_acknowledged(publisher, pubrec(5));
    n.reset(publisher);
    n.advance(secs(100));
    let publisher = n.reconnect(lasting("publisher"), true);
    n.send(publisher, pubrel(5));
    n.expect(publisher, pubcomp(5));
}

in_each_world! {
    mqtt_5_4_3_1_1
    mqtt_5_4_3_2_1
    mqtt_5_4_3_2_2
    mqtt_5_4_3_2_3
    mqtt_5_4_3_2_4
    mqtt_5_4_3_2_5
    mqtt_5_4_3_3_1
    mqtt_5_4_3_3_2
    mqtt_5_4_3_3_3
    mqtt_5_4_3_3_4
    mqtt_5_4_3_3_5
    mqtt_5_4_3_3_6
    mqtt_5_4_3_3_8
    mqtt_5_4_3_3_9
    mqtt_5_4_3_3_9_without_room
    mqtt_5_4_3_3_10
    mqtt_5_4_3_3_11
    mqtt_5_4_3_3_12
}

in_memory! {
    mqtt_5_4_3_3_7
    mqtt_5_4_3_3_13
}
