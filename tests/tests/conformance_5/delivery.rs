//! Sending again, taking over, and the order of messages (4.4, 4.5, 4.6).

use crate::support::*;

/// On a new connection everything that is open is sent again, in its order and under its identifiers, before anything
/// new.
fn mqtt_5_4_4_0_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(lasting("client"));
    w.subscribed(client, [("t", 2)]);
    let publisher = w.connect(v5("publisher"));
    let qos = [1, 2, 2, 1, 2, 1];
    for (n, qos) in qos.into_iter().enumerate() {
        w.published(publisher, publish("t", [n as u8]).qos(qos));
    }
    let open = qos.map(|_| w.recv_publish(client));
    w.send(client, pubrec(id_of(&open[1])));
    w.expect(client, pubrel(id_of(&open[1])));
    w.send(client, puback(id_of(&open[3])));
    w.expect_nothing(client);
    for _ in 0..2 {
        w.reset(client);
        w.published(publisher, publish("t", "new").qos(1));
        let client = w.reconnect(lasting("client"), true);
        let mut again: Vec<Packet> = (0..4).map(|_| w.recv(client)).collect();
        let release = again.iter().position(|packet| *packet == pubrel(id_of(&open[1]))).expect("the PUBREL");
        again.remove(release);
        again.push(w.recv(client));
        let wanted = [0, 2, 4, 5].map(|n| Packet::from(Publish { dup: true, ..open[n].clone() }));
        assert_eq!(again, wanted);
        w.take(client, "t", "new");
        w.expect_nothing(client);
    }
}

/// At no other time is anything sent again.
fn mqtt_5_4_4_0_1_at_no_other_time(shards: u16) {
    let mut config = Config::default();
    config.mqtt.retry_interval = Some(secs(20));
    let mut n = net(shards, config);
    let client = n.connect(lasting("client"));
    n.subscribed(client, [("t", 2)]);
    let publisher = n.connect(v5("publisher"));
    for qos in [1, 2, 2] {
        n.published(publisher, publish("t", "x").qos(qos));
    }
    let open = [(); 3].map(|()| n.recv_publish(client));
    n.send(client, pubrec(id_of(&open[1])));
    n.expect(client, pubrel(id_of(&open[1])));
    for _ in 0..10 {
        n.advance(secs(10_000));
        n.expect_nothing(client);
    }
}

/// With Clean Start 1 there is nothing to send again.
fn mqtt_5_4_4_0_1_not_after_clean_start(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(lasting("client"));
    w.subscribed(client, [("t", 2)]);
    let publisher = w.connect(v5("publisher"));
    for qos in [1, 2] {
        w.published(publisher, publish("t", "x").qos(qos));
        w.recv_publish(client);
    }
    w.reset(client);
    let client = w.reconnect(lasting("client").clean(true), false);
    w.expect_nothing(client);
}

/// What is sent again waits for the new connection's Receive Maximum, and keeps its order.
fn mqtt_5_4_4_0_1_under_a_smaller_window(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(lasting("client"));
    w.subscribed(client, [("t", 1)]);
    let publisher = w.connect(v5("publisher"));
    for n in 0..6 {
        w.published(publisher, publish("t", [n]).qos(1));
        w.recv_publish(client);
    }
    w.reset(client);
    let client = w.reconnect(lasting("client").receive_maximum(2), true);
    let mut open = Vec::new();
    for n in 0..6 {
        if open.len() == 2 {
            w.expect_nothing(client);
            w.send(client, puback(open.remove(0)));
        }
        let got = w.recv_publish(client);
        assert_eq!((&got.payload[..], got.dup), (&[n][..], true));
        open.push(id_of(&got));
    }
}

/// A client may answer from memory before it is sent again: that message is not sent again then, the others are.
fn mqtt_5_4_4_0_1_answered_before(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(lasting("client"));
    w.subscribed(client, [("t", 2)]);
    let publisher = w.connect(v5("publisher"));
    let open = [2, 2, 1, 1].map(|qos| {
        w.published(publisher, publish("t", [qos]).qos(qos));
        w.recv_publish(client)
    });
    w.reset(client);
    let client = w.reconnect(lasting("client").receive_maximum(1), true);
    w.expect(client, Publish { dup: true, ..open[0].clone() });
    w.send(client, pubrec(id_of(&open[1])));
    w.expect(client, pubrel(id_of(&open[1])));
    w.send(client, puback(id_of(&open[2])));
    w.send(client, pubcomp(id_of(&open[1])));
    w.expect_nothing(client);
    w.published(publisher, publish("t", "new").qos(1));
    w.expect_nothing(client);
    w.send(client, pubrec(id_of(&open[0])));
    w.expect(client, pubrel(id_of(&open[0])));
    w.send(client, pubcomp(id_of(&open[0])));
    w.expect(client, Publish { dup: true, ..open[3].clone() });
    w.expect_nothing(client);
    w.send(client, puback(id_of(&open[3])));
    w.take(client, "t", "new");
    w.expect_nothing(client);
}

/// PUBACK and PUBREC of 0x80 or above settle the message: it does not come back, and its room is free.
fn mqtt_5_4_4_0_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let mut client = w.connect(lasting("client").receive_maximum(1));
    w.subscribed(client, [("t", 2)]);
    let publisher = w.connect(v5("publisher"));
    for code in [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99] {
        w.published(publisher, publish("t", "1").qos(1));
        w.published(publisher, publish("t", "2").qos(2));
        let one = w.recv_publish(client);
        w.send(client, puback(id_of(&one)).with_code(code));
        let two = w.recv_publish(client);
        w.send(client, pubrec(id_of(&two)).with_code(code));
        w.expect_nothing(client);
        w.reset(client);
        client = w.reconnect(lasting("client").receive_maximum(1), true);
        w.expect_nothing(client);
    }
}

/// A message that was acknowledged is in every session that has a matching subscription, connected or not.
fn mqtt_5_4_5_0_1(start: Start<'_>) {
    let filters = ["a/b", "a/+", "#", "+/b", "a/b/#"];
    for qos in 1..3 {
        let mut w = start(Config::default());
        let client = |n: usize| lasting(&format!("client {n}"));
        let mut clients = Vec::new();
        for n in 0..20 {
            let client = w.connect(client(n));
            w.subscribed(client, [(filters[n % 5], 2)]);
            if n % 2 == 0 {
                leave(&mut *w, client);
            }
            clients.push(client);
        }
        let stranger = w.connect(v5("stranger"));
        w.subscribed(stranger, [("a/c", 2)]);
        let publisher = w.connect(v5("publisher"));
        w.published(publisher, publish("a/b", "x").qos(qos));
        w.reset(publisher);
        for (n, connected) in clients.into_iter().enumerate() {
            let client = if n % 2 == 0 { w.reconnect(client(n), true) } else { connected };
            assert_eq!(w.take(client, "a/b", "x").qos, qos);
            w.expect_nothing(client);
        }
        w.expect_nothing(stranger);
    }
}

/// Also one to which its publisher belongs.
fn mqtt_5_4_5_0_1_the_publisher_itself(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    w.subscribed(client, [("t", 1)]);
    w.send(client, publish("t", "x").qos(1).id(77));
    w.expect_among(client, &puback(77));
    w.take(client, "t", "x");
}

/// Three publishers, three QoS, two topics: of each of them the messages stay in order.
fn in_order(start: Start<'_>, filters: &[&str], receive_maximum: u16) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client").receive_maximum(receive_maximum));
    for filter in filters {
        w.subscribed(client, [(filter, 2)]);
    }
    let publishers = [0, 1, 2].map(|n| w.connect(v5(&format!("publisher {n}"))));
    for n in 0..20_u8 {
        for (who, publisher) in publishers.into_iter().enumerate() {
            for qos in 0..3 {
                for topic in ["a/b", "a/c"] {
                    let id = 1 + u16::from(n) * 10 + u16::from(qos) * 2 + u16::from(topic == "a/c");
                    let message = publish(topic, [who as u8, n]).qos(qos);
                    w.send(publisher, if qos > 0 { message.id(id) } else { message });
                    if qos == 2 {
                        w.expect_among(publisher, &pubrec(id));
                        w.send(publisher, pubrel(id));
                    }
                }
            }
        }
    }
    let mut last = std::collections::BTreeMap::new();
    let mut missing = 20 * 3 * 3 * 2;
    while missing > 0 {
        match w.recv(client) {
            Packet::Publish(publish) => {
                let [who, n] = publish.payload[..] else { panic!("{publish:?}") };
                let next = last.entry((publish.topic.clone(), publish.qos, who)).or_insert(0);
                assert_eq!(n, *next, "{publish:?}");
                *next += 1;
                missing -= 1;
                match publish.qos {
                    1 => w.send(client, puback(id_of(&publish))),
                    2 => w.send(client, pubrec(id_of(&publish))),
                    _ => {}
                }
            }
            Packet::PubRel(ack) => w.send(client, pubcomp(ack.id)),
            other => panic!("{other:?}"),
        }
    }
}

/// Messages of one topic and QoS stay in the order in which a publisher sent them.
fn mqtt_5_4_6_0_5(start: Start<'_>) {
    in_order(start, &["a/+"], 1_000);
}

/// However small the window is.
fn mqtt_5_4_6_0_5_through_a_small_window(start: Start<'_>) {
    in_order(start, &["a/+"], 2);
}

/// Every topic is an ordered topic: without any setting, for exact filters and patterns, overlapping or not.
fn mqtt_5_4_6_0_6(start: Start<'_>) {
    in_order(start, &["a/b", "a/c"], 1_000);
    in_order(start, &["a/b", "a/#", "#"], 5);
}

/// Also through a queue and over a reconnect: acknowledged late, in another order, or not at all.
fn mqtt_5_4_6_0_6_over_a_reconnect(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(lasting("client").receive_maximum(4));
    w.subscribed(client, [("t", 1)]);
    let publisher = w.connect(v5("publisher"));
    for n in 0..20 {
        w.published(publisher, publish("t", [n]).qos(1));
    }
    let first = [(); 4].map(|()| w.recv_publish(client));
    w.send(client, puback(id_of(&first[2])));
    w.send(client, puback(id_of(&first[0])));
    let more = [w.recv_publish(client).payload, w.recv_publish(client).payload];
    assert_eq!(more, [[4], [5]]);
    w.reset(client);
    let client = w.reconnect(lasting("client").receive_maximum(4), true);
    for n in [1, 3].into_iter().chain(4..20) {
        w.take(client, "t", [n]);
    }
    w.expect_nothing(client);
}

in_each_world! {
    mqtt_5_4_4_0_1
    mqtt_5_4_4_0_1_not_after_clean_start
    mqtt_5_4_4_0_1_under_a_smaller_window
    mqtt_5_4_4_0_1_answered_before
    mqtt_5_4_4_0_2
    mqtt_5_4_5_0_1
    mqtt_5_4_5_0_1_the_publisher_itself
    mqtt_5_4_6_0_5
    mqtt_5_4_6_0_5_through_a_small_window
    mqtt_5_4_6_0_6
    mqtt_5_4_6_0_6_over_a_reconnect
}

in_memory! {
    mqtt_5_4_4_0_1_at_no_other_time
}
