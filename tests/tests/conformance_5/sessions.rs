//! Session state and the transport under it (4.1, 4.2).

use crate::support::*;

/// State is kept while the connection is open, however long, and whatever the interval is.
fn mqtt_5_4_1_0_1(shards: u16) {
    for expiry_s in [0, 1, 100] {
        let mut n = net(shards, Config::default());
        let client = n.connect(v5("client").session_expiry(expiry_s));
        n.subscribed(client, [("t", 2)]);
        let publisher = n.connect(v5("publisher"));
        n.published(publisher, publish("t", "held").qos(2));
        let held = n.recv_publish(client);
        n.send(client, publish("u", "x").qos(2).id(9));
        n.expect_acknowledged(client, pubrec(9));
        n.advance(secs(10_000_000));
        n.published(publisher, publish("t", "later").qos(1));
        n.take(client, "t", "later");
        n.send(client, pubrec(id_of(&held)));
        n.expect(client, pubrel(id_of(&held)));
        n.send(client, pubrel(9));
        n.expect(client, pubcomp(9));
    }
}

/// The session ends with its interval, counted from the end of the last connection, to the microsecond.
fn mqtt_5_4_1_0_2(shards: u16) {
    let client = || v5("client").clean(false).session_expiry(10);
    let mut n = net(shards, Config::default());
    let mut now = n.connect(client());
    for _ in 0..3 {
        n.advance(secs(100));
        n.reset(now);
        n.advance(secs(10) - MICROSECOND);
        now = n.reconnect(client(), true);
    }
    leave(&mut n, now);
    n.advance(secs(10));
    assert_eq!(n.stats().sessions, 0);
    n.reconnect(client(), false);
}

/// With interval 0, or none, it ends with the connection, Clean Start 0 or not.
fn mqtt_5_4_1_0_2_at_once(start: Start<'_>) {
    for client in [v5("client").clean(false), v5("client").clean(false).session_expiry(0)] {
        let mut w = start(Config::default());
        let now = w.connect(client.clone());
        w.subscribed(now, [("t", 1)]);
        leave(&mut *w, now);
        w.reconnect(client, false);
    }
}

/// Bytes arrive in order and without loss, in pieces of any size.
fn mqtt_5_4_2_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let (subscriber, publisher) = pair(&mut *w, "t");
    let mut stream = Vec::new();
    for n in 0..300_u16 {
        stream.extend(publish("t", vec![n as u8; usize::from(n)]).qos(1).id(1 + n).to_wire(Version::V5));
    }
    let mut rest = &stream[..];
    let mut size = 1;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(size.min(rest.len()));
        w.write(publisher, piece);
        rest = after;
        size = size % 997 + 13;
    }
    for n in 0..300_u16 {
        w.expect(publisher, puback(1 + n));
    }
    for n in 0..300_u16 {
        w.take(subscriber, "t", vec![n as u8; usize::from(n)]);
    }
    w.expect_nothing(subscriber);
}

in_each_world! {
    mqtt_5_4_1_0_2_at_once
    mqtt_5_4_2_1
}

in_memory! {
    mqtt_5_4_1_0_1
    mqtt_5_4_1_0_2
}
