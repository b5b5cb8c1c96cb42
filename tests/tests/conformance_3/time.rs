//! What needs a clock (MQTT 3.1.1, 3.1.2.10), to the microsecond.

use std::time::Duration;

use weirmq_core::Config;
use weirmq_tests::wire::*;
use weirmq_tests::{Talk, World};

use crate::InMemory;
use crate::common::*;

crate::in_memory! {
    mqtt_3_3_1_2_24 mqtt_3_3_1_2_24_every_packet_counts mqtt_3_3_1_2_24_what_is_sent_to_the_client_does_not
    mqtt_3_3_1_2_24_zero_is_never mqtt_3_3_1_2_24_is_a_network_failure mqtt_3_3_1_2_8_after_keep_alive
    mqtt_3_3_1_2_4_lasts mqtt_3_3_1_2_7_lasts mqtt_3_4_4_0_1_not_before
}

const MICROSECOND: Duration = Duration::from_micros(1);

/// One and a half times the Keep Alive after the last packet, the connection closes; not a microsecond earlier.
fn mqtt_3_3_1_2_24(net: InMemory<'_>) {
    for version in OLD {
        for (keep_alive_s, limit_ms) in [(1, 1_500), (2, 3_000), (7, 10_500), (60, 90_000), (u16::MAX, 98_302_500)] {
            let mut n = net(Config::default());
            let client = n.connect(connect("client").version(version).keep_alive(keep_alive_s));
            n.advance(Duration::from_millis(limit_ms) - MICROSECOND);
            n.expect_nothing(client);
            n.advance(Duration::from_millis(limit_ms) - MICROSECOND);
            assert!(!n.is_closed(client));
            n.advance(MICROSECOND);
            n.expect_closed(client);
        }
    }
}

/// Any packet begins the time again, and a piece of one does not.
fn mqtt_3_3_1_2_24_every_packet_counts(net: InMemory<'_>) {
    let v311 = Version::V311;
    for packet in [
        ping().to_wire(v311),
        publish("t", "x").to_wire(v311),
        publish("t", "x").qos(1).to_wire(v311),
        subscribe(1, [("t", 0)]).to_wire(v311),
        unsubscribe(1, ["t"]).to_wire(v311),
        pubrel(1).to_wire(v311),
        puback(1).to_wire(v311),
    ] {
        let mut n = net(Config::default());
        let client = n.connect(connect("client").keep_alive(10));
        n.advance(Duration::from_secs(14));
        n.send(client, &packet);
        n.advance(Duration::from_secs(14));
        assert!(!n.is_closed(client), "{packet:02X?}");
        n.send(client, publish("t", "x").to_wire(v311)[..3].to_vec());
        n.advance(Duration::from_secs(1));
        assert!(n.is_closed(client), "{packet:02X?}");
    }
}

/// What the broker sends does not begin the time again.
fn mqtt_3_3_1_2_24_what_is_sent_to_the_client_does_not(net: InMemory<'_>) {
    let mut n = net(Config::default());
    let client = n.connect(connect("client").keep_alive(10));
    n.subscribed(client, [("t", 0)]);
    for _ in 0..14 {
        n.advance(Duration::from_secs(1));
        publishes(&mut n, publish("t", "x"));
        n.take(client, "t", "x");
    }
    n.advance(Duration::from_secs(1) - MICROSECOND);
    assert!(!n.is_closed(client));
    n.advance(MICROSECOND);
    n.expect_closed(client);
}

/// Keep Alive 0 switches it off.
fn mqtt_3_3_1_2_24_zero_is_never(net: InMemory<'_>) {
    let mut n = net(Config::default());
    let client = n.connect(connect("client").keep_alive(0));
    n.advance(Duration::from_secs(10_000_000));
    n.expect_nothing(client);
}

/// It is as if the network had failed: a session that stays goes on, one that is clean ends.
fn mqtt_3_3_1_2_24_is_a_network_failure(net: InMemory<'_>) {
    let mut n = net(Config::default());
    for clean in [true, false] {
        let client = n.connect(connect("client").clean(clean).keep_alive(10));
        n.subscribed(client, [("t", 1)]);
        n.advance(Duration::from_secs(15));
        n.expect_closed(client);
        publishes(&mut n, publish("t", "x").qos(1));
        let client = n.reconnect(connect("client").clean(false), !clean);
        if !clean {
            n.take(client, "t", "x");
        }
        n.expect_nothing(client);
        let client = n.reconnect(connect("client"), false);
        leave(&mut n, client);
    }
}

/// And so its will goes out, at that moment.
fn mqtt_3_3_1_2_8_after_keep_alive(net: InMemory<'_>) {
    let mut n = net(Config::default());
    let witness = subscriber(&mut n, "witness", [("will", 2)]);
    let client = n.connect(connect("mortal").keep_alive(10).will("will", b"gone", 2));
    n.advance(Duration::from_secs(15) - MICROSECOND);
    n.expect_nothing(witness);
    n.advance(MICROSECOND);
    n.take(witness, "will", "gone");
    n.expect_closed(client);
    n.advance(Duration::from_secs(1_000));
    n.expect_nothing(witness);
}

/// A session with CleanSession 0 has no end of its own.
fn mqtt_3_3_1_2_4_lasts(net: InMemory<'_>) {
    let mut n = net(Config::default());
    away(&mut n, "client", [("t", 1)]);
    n.advance(Duration::from_secs(365 * 24 * 3600));
    publishes(&mut n, publish("t", "x").qos(1));
    n.advance(Duration::from_secs(365 * 24 * 3600));
    let client = n.reconnect(connect("client").clean(false), true);
    n.take(client, "t", "x");
}

/// Nor has a retained message.
fn mqtt_3_3_1_2_7_lasts(net: InMemory<'_>) {
    let mut n = net(Config::default());
    publishes(&mut n, publish("kept", "x").qos(1).retain());
    n.advance(Duration::from_secs(365 * 24 * 3600));
    let client = subscriber(&mut n, "client", [("kept", 1)]);
    n.take(client, "kept", "x");
}

/// Without the option for it, nothing is sent again on a connection that stands.
fn mqtt_3_4_4_0_1_not_before(net: InMemory<'_>) {
    let mut n = net(Config::default());
    let client = n.connect(connect("client").clean(false));
    n.subscribed(client, [("t", 2)]);
    publishes(&mut n, publish("t", "x").qos(2));
    let first = n.recv_publish(client);
    n.advance(Duration::from_secs(100_000));
    n.expect_nothing(client);
    n.reset(client);
    let client = n.reconnect(connect("client").clean(false), true);
    n.expect(client, Publish { dup: true, ..first });
}
