//! Shared Subscriptions (4.8.2).

use crate::support::*;

/// Members of a group: a client each, subscribed to this shared filter at this QoS, with a session that lasts.
fn members<const N: usize>(w: &mut dyn World, filter: &str, qos: [u8; N]) -> [Client; N] {
    let mut number = 0;
    qos.map(|qos| {
        number += 1;
        let client = w.connect(lasting(&format!("member {number}")));
        w.subscribed(client, [(filter, qos)]);
        client
    })
}

/// Reads what has come, up to a PINGRESP, acknowledging nothing.
fn arrived(w: &mut dyn World, client: Client) -> Vec<Publish> {
    w.send(client, ping());
    let mut messages = Vec::new();
    loop {
        match w.recv(client) {
            Packet::Publish(publish) => messages.push(publish),
            Packet::PingResp => return messages,
            other => panic!("{other:?}"),
        }
    }
}

fn invalid(start: Start<'_>, filters: &[&str]) {
    for filter in filters {
        let mut w = start(Config::default());
        let client = w.connect(v5("client"));
        w.send(client, subscribe(1, [(*filter, 1)]));
        w.expect_like(client, suback(1, [0x8F]));
        let publisher = w.connect(v5("publisher"));
        for topic in ["t", "a", "a/t"] {
            w.published(publisher, publish(topic, "x").qos(1));
        }
        w.expect_nothing(client);
    }
}

/// A share name has at least one character.
fn mqtt_5_4_8_2_1(start: Start<'_>) {
    invalid(start, &["$share//t", "$share/", "$share///"]);
    let mut w = start(Config::default());
    let publisher = w.connect(v5("publisher"));
    for (n, name) in ["g", "$", " ", "\u{FEFF}", "$share", "long name with spaces"].into_iter().enumerate() {
        let topic = format!("t{n}");
        let [member] = members(&mut *w, &format!("$share/{name}/{topic}"), [1]);
        w.published(publisher, publish(&topic, "x").qos(1));
        w.take(member, &topic, "x");
        leave(&mut *w, member);
    }
}

/// A share name has no wildcard and is followed by a filter.
fn mqtt_5_4_8_2_2(start: Start<'_>) {
    invalid(start, &["$share/a+/t", "$share/+/t", "$share/#/t", "$share/a#/t", "$share/g", "$share/g/"]);
    invalid(start, &["$share/g/a#", "$share/g/#/a", "$share/g/a+"]);
}

/// The filter behind the name is any filter: with wildcards, with an empty first level.
fn mqtt_5_4_8_2_2_takes_any_filter(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(v5("publisher"));
    for (filter, topic) in [("/t", "/t"), ("#", "x/y"), ("+/+", "x/y"), ("$share/t", "t"), ("a/", "a/")] {
        let [member] = members(&mut *w, &format!("$share/g/{filter}"), [1]);
        w.published(publisher, publish(topic, topic).qos(1));
        let seen = arrived(&mut *w, member);
        // `$share/g/$share/t` is group g of the filter `$share/t`, which nobody publishes to.
        let wanted = usize::from(filter != "$share/t");
        assert_eq!(seen.len(), wanted, "{filter}");
        w.send(member, disconnect().property(Property::SessionExpiryInterval(0)));
        w.expect_closed(member);
    }
}

/// Each member gets its share at no more than its own QoS.
fn mqtt_5_4_8_2_3(start: Start<'_>) {
    let mut w = start(Config::default());
    let clients = members(&mut *w, "$share/g/t", [0, 1, 2]);
    let publisher = w.connect(v5("publisher"));
    for n in 0..30 {
        w.published(publisher, publish("t", [n]).qos(2));
    }
    let mut total = 0;
    for (granted, client) in clients.into_iter().enumerate() {
        let messages = arrived(&mut *w, client);
        total += messages.len();
        assert!(messages.iter().all(|message| usize::from(message.qos) == granted), "{messages:?}");
    }
    assert_eq!(total, 30);
}

/// A QoS 2 delivery that broke off goes on with the same member when it is back, in either half.
fn mqtt_5_4_8_2_4(start: Start<'_>) {
    for received in [false, true] {
        let mut w = start(Config::default());
        let [first] = members(&mut *w, "$share/g/t", [2]);
        let publisher = w.connect(v5("publisher"));
        w.published(publisher, publish("t", "x").qos(2));
        let sent = w.recv_publish(first);
        if received {
            w.send(first, pubrec(id_of(&sent)));
            w.expect(first, pubrel(id_of(&sent)));
        }
        let second = w.connect(v5("second"));
        w.subscribed(second, [("$share/g/t", 2)]);
        w.reset(first);
        w.expect_nothing(second);
        let first = w.reconnect(lasting("member 1"), true);
        if received {
            w.expect(first, pubrel(id_of(&sent)));
        } else {
            w.expect(first, Publish { dup: true, ..sent.clone() });
            w.send(first, pubrec(id_of(&sent)));
            w.expect(first, pubrel(id_of(&sent)));
        }
        w.send(first, pubcomp(id_of(&sent)));
        w.expect_nothing(first);
        w.expect_nothing(second);
    }
}

/// If its session ends first, the message goes to nobody else.
fn mqtt_5_4_8_2_5(start: Start<'_>) {
    for received in [false, true] {
        let mut w = start(Config::default());
        let [first] = members(&mut *w, "$share/g/t", [2]);
        let publisher = w.connect(v5("publisher"));
        w.published(publisher, publish("t", "x").qos(2));
        let sent = w.recv_publish(first);
        if received {
            w.send(first, pubrec(id_of(&sent)));
            w.expect(first, pubrel(id_of(&sent)));
        }
        let second = w.connect(v5("second"));
        w.subscribed(second, [("$share/g/t", 2)]);
        w.send(first, disconnect().property(Property::SessionExpiryInterval(0)));
        w.expect_closed(first);
        w.expect_nothing(second);
        w.published(publisher, publish("t", "y").qos(2));
        w.take(second, "t", "y");
    }
}

/// What a member refuses is dropped, and offered to nobody else.
fn mqtt_5_4_8_2_6(start: Start<'_>) {
    let mut w = start(Config::default());
    let clients = members(&mut *w, "$share/g/t", [2, 2]);
    let publisher = w.connect(v5("publisher"));
    for n in 0..10 {
        w.published(publisher, publish("t", [n]).qos(1 + n % 2));
    }
    let mut total = 0;
    for client in clients {
        for message in arrived(&mut *w, client) {
            total += 1;
            let id = id_of(&message);
            w.send(client, if message.qos == 1 { puback(id) } else { pubrec(id) }.with_code(0x80));
        }
    }
    assert_eq!(total, 10);
    for (client, name) in clients.into_iter().zip(["member 1", "member 2"]) {
        w.expect_nothing(client);
        w.reset(client);
        let client = w.reconnect(lasting(name), true);
        w.expect_nothing(client);
    }
}

/// U5-38: only the receiving member's own Subscription Identifiers come.
fn u5_38(start: Start<'_>) {
    let mut w = start(Config::default());
    let clients = ["one", "two"].map(|name| w.connect(v5(name)));
    for (client, identifier) in clients.into_iter().zip([1, 2]) {
        w.send(client, subscribe(1, [("$share/g/t", 1)]).identifier(identifier));
        w.expect(client, suback(1, [1]));
    }
    let publisher = w.connect(v5("publisher"));
    for n in 0..10 {
        w.published(publisher, publish("t", [n]).qos(1));
    }
    let mut total = 0;
    for (client, identifier) in clients.into_iter().zip([1, 2]) {
        for message in arrived(&mut *w, client) {
            assert_eq!(identifiers(&message), [identifier]);
            total += 1;
        }
    }
    assert_eq!(total, 10);
}

/// U5-47: no retained messages, whether the shared subscription is new or not, whatever Retain Handling says.
fn u5_47(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t", "kept").qos(1).retain());
    for handling in 0..3 {
        let client = w.connect(v5("client"));
        for id in [1, 2] {
            w.send(client, subscribe(id, [("$share/g/t", 1), ("$share/g/#", 1)]).retain_handling(handling));
            w.expect(client, suback(id, [1, 1]));
            w.expect_nothing(client);
        }
        leave(&mut *w, client);
    }
}

/// U5-58: an empty share name, a wildcard in it, or nothing behind it.
fn u5_58(start: Start<'_>) {
    invalid(start, &["$share//t", "$share/+/t", "$share/a#b/t", "$share/g", "$share/g/", "$share/", "$share//"]);
}

/// U5-59: each message goes to one member of each group, and to every ordinary subscriber.
fn u5_59(start: Start<'_>) {
    let mut w = start(Config::default());
    let groups = ["$share/a/t", "$share/b/t", "$share/a/+"];
    let mut clients = Vec::new();
    for (g, filter) in groups.iter().enumerate() {
        for n in 0..3 {
            let client = w.connect(v5(&format!("{g}.{n}")));
            w.subscribed(client, [(*filter, 1)]);
            clients.push((g, client));
        }
    }
    let plain = w.connect(v5("plain"));
    w.subscribed(plain, [("t", 1)]);
    let publisher = w.connect(v5("publisher"));
    for n in 0..30 {
        w.published(publisher, publish("t", [n]).qos(1));
    }
    let mut seen = [Vec::new(), Vec::new(), Vec::new()];
    for (group, client) in clients {
        let messages = arrived(&mut *w, client);
        assert!(!messages.is_empty(), "this broker gives every member its turn");
        seen[group].extend(messages.into_iter().map(|message| message.payload[0]));
    }
    for mut seen in seen {
        seen.sort_unstable();
        assert_eq!(seen, (0..30).collect::<Vec<u8>>());
    }
    assert_eq!(arrived(&mut *w, plain).len(), 30);
}

/// U5-60: subscribing twice makes one member, and one UNSUBSCRIBE ends it.
fn u5_60(start: Start<'_>) {
    let mut w = start(Config::default());
    let clients = ["twice", "once"].map(|name| w.connect(v5(name)));
    for client in [clients[0], clients[0], clients[1]] {
        w.subscribed(client, [("$share/g/t", 1)]);
    }
    let publisher = w.connect(v5("publisher"));
    for n in 0..20 {
        w.published(publisher, publish("t", [n]).qos(1));
    }
    let counts = clients.map(|client| arrived(&mut *w, client).len());
    assert_eq!(counts, [10, 10], "members take turns");
    w.send(clients[0], unsubscribe(1, ["$share/g/t"]));
    w.expect(clients[0], unsuback(1, [0]));
    w.send(clients[0], unsubscribe(2, ["$share/g/t"]));
    w.expect(clients[0], unsuback(2, [0x11]));
    for n in 0..5 {
        w.published(publisher, publish("t", [n]).qos(1));
    }
    assert_eq!(clients.map(|client| arrived(&mut *w, client).len()), [0, 5]);
}

/// U5-61: what a member had not acknowledged at QoS 1 goes to another when its session ends.
fn u5_61(start: Start<'_>) {
    let mut w = start(Config::default());
    let [first] = members(&mut *w, "$share/g/t", [1]);
    let publisher = w.connect(v5("publisher"));
    for n in 0..3 {
        w.published(publisher, publish("t", [n]).qos(1));
    }
    let sent = [(); 3].map(|()| w.recv_publish(first));
    w.send(first, puback(id_of(&sent[1])));
    w.expect_nothing(first);
    let second = w.connect(v5("second"));
    w.subscribed(second, [("$share/g/t", 1)]);
    w.send(first, disconnect().property(Property::SessionExpiryInterval(0)));
    w.expect_closed(first);
    let again = arrived(&mut *w, second);
    assert_eq!(again.iter().map(|message| message.payload[0]).collect::<Vec<u8>>(), [0, 2]);
    assert!(again.iter().all(|message| !message.dup), "new to this member");
}

/// U5-61: also what waited for it.
fn u5_61_queued(start: Start<'_>) {
    let mut w = start(Config::default());
    let [first] = members(&mut *w, "$share/g/t", [1]);
    leave(&mut *w, first);
    let publisher = w.connect(v5("publisher"));
    for n in 0..3 {
        w.published(publisher, publish("t", [n]).qos(1));
    }
    let second = w.connect(v5("second"));
    w.subscribed(second, [("$share/g/t", 1)]);
    w.reconnect(v5("member 1"), false);
    let again = arrived(&mut *w, second);
    assert_eq!(again.iter().map(|message| message.payload[0]).collect::<Vec<u8>>(), [0, 1, 2]);
}

/// U5-62: with its last session the group is gone, and what waited in it.
fn u5_62(start: Start<'_>) {
    let mut w = start(Config::default());
    let [first] = members(&mut *w, "$share/g/t", [1]);
    leave(&mut *w, first);
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t", "waits").qos(1));
    let first = w.reconnect(v5("member 1"), false);
    w.subscribed(first, [("$share/other/u", 1)]);
    let late = w.connect(v5("late"));
    w.subscribed(late, [("$share/g/t", 1)]);
    w.expect_nothing(late);
    w.expect_nothing(first);
    w.published(publisher, publish("t", "new").qos(1));
    w.take(late, "t", "new");
}

/// U5-62: also when it leaves by UNSUBSCRIBE, with messages in flight.
fn u5_62_by_unsubscribe(start: Start<'_>) {
    let mut w = start(Config::default());
    let [first] = members(&mut *w, "$share/g/t", [1]);
    let publisher = w.connect(v5("publisher"));
    w.published(publisher, publish("t", "in flight").qos(1));
    let sent = w.recv_publish(first);
    w.send(first, unsubscribe(1, ["$share/g/t"]));
    w.expect(first, unsuback(1, [0]));
    let other = w.connect(v5("other"));
    w.subscribed(other, [("$share/h/u", 1)]);
    w.published(publisher, publish("t", "nobody's").qos(1));
    w.send(first, disconnect().property(Property::SessionExpiryInterval(0)));
    w.expect_closed(first);
    w.expect_nothing(other);
    let late = w.connect(v5("late"));
    w.subscribed(late, [("$share/g/t", 1)]);
    w.expect_nothing(late);
    assert_eq!(sent.payload, b"in flight");
}

in_each_world! {
    mqtt_5_4_8_2_1
    mqtt_5_4_8_2_2
    mqtt_5_4_8_2_2_takes_any_filter
    mqtt_5_4_8_2_3
    mqtt_5_4_8_2_4
    mqtt_5_4_8_2_5
    mqtt_5_4_8_2_6
    u5_38
    u5_47
    u5_58
    u5_59
    u5_60
    u5_61
    u5_61_queued
    u5_62
    u5_62_by_unsubscribe
}
