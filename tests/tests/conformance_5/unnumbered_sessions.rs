//! Rows of `mqtt-5.0-unnumbered.tsv` about the ends of connections, expiry, and topics that begin with `$`.

use crate::support::*;

/// A connection that ends by any code but 0x00, or by none, publishes its will.
fn u5_51(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = w.connect(v5("witness"));
    w.subscribed(witness, [("will", 1)]);
    let mortal = || v5("mortal").will("will", b"gone", 1);
    for code in [0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99] {
        let client = w.connect(mortal());
        w.send(client, disconnect().code(code));
        w.expect_closed(client);
        w.take(witness, "will", "gone");
    }
    let client = w.connect(mortal());
    w.hang_up(client);
    w.take(witness, "will", "gone");
    let client = w.connect(mortal());
    w.send(client, disconnect());
    w.expect_closed(client);
    w.expect_nothing(witness);
}

/// After its delay.
fn u5_51_delayed(shards: u16) {
    let mut n = net(shards, Config::default());
    let witness = n.connect(v5("witness"));
    n.subscribed(witness, [("will", 1)]);
    let mortal = lasting("mortal").will("will", b"gone", 1).will_property(Property::WillDelayInterval(5));
    let client = n.connect(mortal);
    n.send(client, disconnect().code(0x04));
    n.expect_closed(client);
    n.advance(secs(5) - MICROSECOND);
    n.expect_nothing(witness);
    n.advance(MICROSECOND);
    n.take(witness, "will", "gone");
}

/// DISCONNECT may set another Session Expiry Interval: longer, shorter, 0, for ever.
fn u5_52(shards: u16) {
    for (seconds, lasts_s) in [(20, 20), (5, 5), (0, 0), (u32::MAX, 1_000_000)] {
        let mut n = net(shards, Config::default());
        let session = || v5("client").clean(false).session_expiry(10);
        for wait_s in [lasts_s.max(1) - 1, lasts_s] {
            let client = n.connect(session());
            n.subscribed(client, [("t", 1)]);
            n.send(client, disconnect().property(Property::SessionExpiryInterval(seconds)));
            n.expect_closed(client);
            n.advance(secs(wait_s));
            let kept = seconds == u32::MAX || wait_s < lasts_s;
            let client = n.reconnect(session(), kept);
            n.send(client, disconnect().property(Property::SessionExpiryInterval(0)));
            n.expect_closed(client);
        }
    }
}

/// From 0 to more is a Protocol Error, the DISCONNECT counts for nothing: the will is published, no session is left.
fn u5_53(start: Start<'_>) {
    for session in [v5("mortal").clean(false), v5("mortal").clean(false).session_expiry(0)] {
        let mut w = start(Config::default());
        let witness = w.connect(v5("witness"));
        w.subscribed(witness, [("will", 1)]);
        let client = w.connect(session.will("will", b"gone", 1));
        w.send(client, disconnect().property(Property::SessionExpiryInterval(10)));
        disconnected(&mut *w, client, &[0x82]);
        w.take(witness, "will", "gone");
        w.reconnect(lasting("mortal"), false);
    }
}

/// 0 after 0 is none.
fn u5_53_not_for_0(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    w.send(client, disconnect().property(Property::SessionExpiryInterval(0)));
    w.expect_closed(client);
}

/// A message that expires while its QoS 2 exchange is under way is taken to its end, on both sides.
fn u5_56(shards: u16) {
    let mut n = net(shards, Config::default());
    let (subscriber, publisher) = pair(&mut n, "t");
    n.send(publisher, publish("t", "x").qos(2).id(9).property(Property::MessageExpiryInterval(5)));
    n.expect(publisher, pubrec(9));
    let got = n.recv_publish(subscriber);
    n.advance(secs(100));
    n.send(publisher, pubrel(9));
    n.expect(publisher, pubcomp(9));
    n.send(subscriber, pubrec(id_of(&got)));
    n.expect(subscriber, pubrel(id_of(&got)));
    n.advance(secs(100));
    n.send(subscriber, pubcomp(id_of(&got)));
    n.expect_nothing(subscriber);
    n.expect_nothing(publisher);
}

/// Clients do not talk to each other over topics that begin with `$`.
fn u5_57(start: Start<'_>) {
    let mut w = start(Config::default());
    let subscriber = w.connect(v5("subscriber"));
    w.subscribed(subscriber, [("$SYS/#", 2), ("$x", 2), ("#", 2)]);
    let publisher = w.connect(v5("publisher"));
    w.send(publisher, publish("$SYS/x", "x").retain());
    w.send(publisher, publish("$SYS/x", "x").qos(1).id(1).retain());
    w.expect(publisher, puback(1).with_code(0x87));
    w.send(publisher, publish("$x", "x").qos(2).id(2));
    w.expect(publisher, pubrec(2).with_code(0x87));
    let mut second = start(Config::default());
    refused(&mut *second, v5("rogue").will("$SYS/x", b"x", 0), &[0x87, 0x90]);
    w.expect_nothing(subscriber);
    let late = w.connect(v5("late"));
    w.subscribed(late, [("$SYS/#", 1)]);
    w.expect_nothing(late);
}

in_each_world! {
    u5_51
    u5_53
    u5_53_not_for_0
    u5_57
}

in_memory! {
    u5_51_delayed
    u5_52
    u5_56
}
