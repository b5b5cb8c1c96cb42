//! Everything that happens by itself, to the microsecond.

use std::time::Duration;

use weirmq_core::{Config, Event, SessionEnd};
use weirmq_tests::memory::StoreMode;
use weirmq_tests::wire::*;
use weirmq_tests::{Talk, World};

use crate::{net, sharded};

const MICROSECOND: Duration = Duration::from_micros(1);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

sharded! {
    /// One and a half times the Keep Alive, and not a microsecond less, after the last packet (MQTT-3.1.2-22).
    fn keep_alive_is_exact(shards) {
        let mut n = net(shards, Config::default());
        let client = n.connect(connect("client").v5().keep_alive(10));
        let old = n.connect(connect("old").keep_alive(10));
        n.advance(secs(9));
        n.expect_nothing(client);
        n.advance(secs(15) - MICROSECOND);
        assert!(!n.is_closed(client));
        assert!(n.is_closed(old));
        n.expect_closed(old);
        n.advance(MICROSECOND);
        n.expect_disconnect(client, 0x8D);
    }
}

sharded! {
    /// Part of a packet is no packet: it does not keep a connection alive.
    fn keep_alive_counts_whole_packets(shards) {
        let mut n = net(shards, Config::default());
        let client = n.connect(connect("client").keep_alive(10));
        for byte in publish("t", "dripped").to_wire(Version::V311).into_iter().take(5) {
            n.send(client, [byte]);
            n.advance(secs(2));
        }
        assert!(!n.is_closed(client));
        n.advance(secs(5));
        n.expect_closed(client);
    }
}

sharded! {
    /// Without Keep Alive a silent client stays.
    fn keep_alive_0_is_none(shards) {
        let mut n = net(shards, Config::default());
        let client = n.connect(connect("client"));
        n.advance(secs(1_000_000));
        n.expect_nothing(client);
    }
}

sharded! {
    /// Server Keep Alive is told and held to (MQTT-3.1.2-21, MQTT-3.2.2-22).
    fn server_keep_alive_rules(shards) {
        let mut config = Config::default();
        config.mqtt.keep_alive_max_s = 60;
        let mut n = net(shards, config);
        let (client, connack) = n.try_connect(connect("client").v5());
        assert!(connack.properties.contains(&Property::ServerKeepAlive(60)), "{connack:?}");
        n.advance(secs(90) - MICROSECOND);
        assert!(!n.is_closed(client));
        n.advance(MICROSECOND);
        n.expect_disconnect(client, 0x8D);
    }
}

sharded! {
    /// A connection without a whole CONNECT ends after `connect_timeout`.
    fn connect_timeout_is_exact(shards) {
        let mut n = net(shards, Config::default());
        let (silent, slow) = (n.open(), n.open());
        n.advance(secs(7));
        n.send(slow, [0x10, 20]);
        n.advance(secs(1) - MICROSECOND);
        assert!(!n.is_closed(silent) && !n.is_closed(slow));
        n.advance(MICROSECOND);
        n.expect_closed(silent);
        n.expect_closed(slow);
    }
}

sharded! {
    /// A session ends when its Session Expiry Interval has passed since its connection ended (MQTT-4.1.0-2).
    fn session_expiry_is_exact(shards) {
        let persistent = || connect("persistent").v5().clean(false).session_expiry(10);
        let mut n = net(shards, Config::default());
        let client = n.connect(persistent());
        n.advance(secs(100));
        n.reset(client);
        n.advance(secs(10) - MICROSECOND);
        let client = n.reconnect(persistent(), true);
        n.send(client, disconnect());
        n.expect_closed(client);
        n.events();
        n.advance(secs(10));
        let expired = |event: &Event| {
            matches!(event, Event::SessionEnded { client_id, reason: SessionEnd::Expired } if **client_id == *"persistent")
        };
        assert!(n.events().iter().any(|(_, event)| expired(event)));
        n.reconnect(persistent(), false);
    }
}

sharded! {
    /// DISCONNECT may set another interval (3.14.2.2.2).
    fn disconnect_changes_the_session_expiry(shards) {
        let persistent = || connect("persistent").v5().clean(false).session_expiry(10);
        let mut n = net(shards, Config::default());
        let client = n.connect(persistent());
        n.send(client, disconnect().property(Property::SessionExpiryInterval(20)));
        n.expect_closed(client);
        n.advance(secs(20) - MICROSECOND);
        let client = n.reconnect(persistent(), true);
        n.send(client, disconnect().property(Property::SessionExpiryInterval(0)));
        n.expect_closed(client);
        n.reconnect(persistent(), false);
    }
}

sharded! {
    /// A will waits for its Will Delay Interval (MQTT-3.1.3-9).
    fn will_delay_is_exact(shards) {
        let mut n = net(shards, Config::default());
        let witness = n.connect(connect("witness"));
        n.subscribed(witness, [("will", 1)]);
        let will = connect("mortal").v5().session_expiry(60).will("will", b"gone", 1);
        let client = n.connect(will.will_property(Property::WillDelayInterval(5)));
        n.reset(client);
        n.advance(secs(5) - MICROSECOND);
        n.expect_nothing(witness);
        n.advance(MICROSECOND);
        n.take(witness, "will", "gone");
        n.advance(secs(100));
        n.expect_nothing(witness);
    }
}

sharded! {
    /// Who comes back in time takes a delayed will back (MQTT-3.1.3-9).
    fn a_return_cancels_a_delayed_will(shards) {
        let mut n = net(shards, Config::default());
        let witness = n.connect(connect("witness"));
        n.subscribed(witness, [("will", 1)]);
        let session = connect("mortal").v5().clean(false).session_expiry(60);
        let will = session.clone().will("will", b"gone", 1).will_property(Property::WillDelayInterval(5));
        let client = n.connect(will);
        n.reset(client);
        n.advance(secs(4));
        n.reconnect(session, true);
        n.advance(secs(100));
        n.expect_nothing(witness);
    }
}

sharded! {
    /// A delayed will goes out with its session at the latest (MQTT-3.1.2-8).
    fn the_end_of_the_session_ends_the_will_delay(shards) {
        let mut n = net(shards, Config::default());
        let witness = n.connect(connect("witness"));
        n.subscribed(witness, [("will", 1)]);
        let will = connect("mortal").v5().session_expiry(2).will("will", b"gone", 1);
        let client = n.connect(will.will_property(Property::WillDelayInterval(5)));
        n.reset(client);
        n.advance(secs(2) - MICROSECOND);
        n.expect_nothing(witness);
        n.advance(MICROSECOND);
        n.take(witness, "will", "gone");
    }
}

fn expiring(payload: &str, seconds: u32) -> Publish {
    publish("t", payload).qos(1).property(Property::MessageExpiryInterval(seconds))
}

sharded! {
    /// A message that waited carries what is left of its interval, or is not delivered (MQTT-3.3.2-5, MQTT-3.3.2-6).
    fn message_expiry_counts_down(shards) {
        let persistent = || connect("persistent").v5().clean(false).session_expiry(3600);
        let mut n = net(shards, Config::default());
        let client = n.connect(persistent());
        n.subscribed(client, [("t", 1)]);
        n.send(client, disconnect());
        n.expect_closed(client);
        let publisher = n.connect(connect("publisher").v5());
        n.published(publisher, expiring("short", 3));
        n.published(publisher, expiring("long", 10));
        n.advance(Duration::from_millis(3_500));
        let client = n.reconnect(persistent(), true);
        let got = n.take(client, "t", "long");
        assert_eq!(got.properties, [Property::MessageExpiryInterval(7)]);
        n.expect_nothing(client);
        assert_eq!(n.stats().dropped_expired, 1);
    }
}

sharded! {
    /// A retained message expires too (3.3.1.3).
    fn retained_messages_expire(shards) {
        let mut n = net(shards, Config::default());
        let publisher = n.connect(connect("publisher").v5());
        n.published(publisher, expiring("kept", 10).retain());
        n.advance(secs(10) - MICROSECOND);
        let early = n.connect(connect("early").v5());
        n.subscribed(early, [("t", 0)]);
        assert_eq!(n.take(early, "t", "kept").properties, [Property::MessageExpiryInterval(1)]);
        n.advance(MICROSECOND);
        let late = n.connect(connect("late").v5());
        n.subscribed(late, [("t", 0)]);
        n.expect_nothing(late);
    }
}

sharded! {
    /// On a live connection nothing is sent again by default, and never in 5.0 (MQTT-4.4.0-1).
    fn nothing_is_retried_by_default(shards) {
        for version in [Version::V311, Version::V5] {
            let mut n = net(shards, Config::default());
            let client = n.connect(connect("client").version(version));
            n.subscribed(client, [("t", 1)]);
            let publisher = n.connect(connect("publisher"));
            n.published(publisher, publish("t", "x").qos(1));
            n.recv_publish(client);
            n.advance(secs(100_000));
            n.expect_nothing(client);
        }
    }
}

sharded! {
    /// With the option, a 3.1.1 client that does not acknowledge gets the same again with DUP, a 5.0 client does not.
    fn retries_for_old_clients_when_told_to(shards) {
        let mut config = Config::default();
        config.mqtt.retry_interval = Some(secs(20));
        let mut n = net(shards, config);
        let (old, new) = (n.connect(connect("old")), n.connect(connect("new").v5()));
        n.subscribed(old, [("t", 1)]);
        n.subscribed(new, [("t", 1)]);
        let publisher = n.connect(connect("publisher"));
        n.published(publisher, publish("t", "x").qos(1));
        let first = n.recv_publish(old);
        n.recv_publish(new);
        n.advance(secs(20) - MICROSECOND);
        n.expect_nothing(old);
        n.advance(MICROSECOND);
        let again = n.recv_publish(old);
        assert_eq!(again, Publish { dup: true, ..first });
        n.send(old, puback(again.id.expect("QoS 1")));
        n.advance(secs(1_000));
        n.expect_nothing(old);
        n.expect_nothing(new);
    }
}

sharded! {
    /// A client that takes nothing of its output for `write_timeout` is closed, and its session kept.
    fn write_timeout_closes_a_client_that_does_not_read(shards) {
        let mut n = net(shards, Config::default());
        let persistent = || connect("stuck").clean(false);
        let client = n.connect(persistent());
        n.subscribed(client, [("t", 1)]);
        n.window(client, 10);
        let publisher = n.connect(connect("publisher"));
        n.published(publisher, publish("t", vec![0; 100]).qos(1));
        n.advance(secs(60) - MICROSECOND);
        assert!(!n.is_closed(client));
        n.advance(MICROSECOND + secs(2));
        assert!(n.is_closed(client));
        let client = n.reconnect(persistent(), true);
        assert!(n.take(client, "t", vec![0; 100]).dup);
    }
}

sharded! {
    /// A client that does not close its side is cut after `linger_timeout`.
    fn lingers_for_a_bounded_time(shards) {
        let mut n = net(shards, Config::default());
        let client = n.connect(connect("client"));
        n.never_close(client);
        n.send(client, disconnect());
        n.expect_closed(client);
        assert_eq!(n.stats().connections, 1);
        n.advance(secs(2));
        assert_eq!(n.stats().connections, 0);
    }
}

sharded! {
    /// At rest nothing is left that would wake a runtime.
    fn sleeps_for_ever_when_nothing_is_due(shards) {
        let mut n = net(shards, Config::default());
        let client = n.connect(connect("client").v5().keep_alive(10).session_expiry(5));
        n.subscribed(client, [("a/#", 1), ("$share/g/b", 1)]);
        n.published(client, publish("a/x", "x").qos(2));
        n.take(client, "a/x", "x");
        n.send(client, disconnect());
        n.expect_closed(client);
        n.advance(secs(100));
        assert_eq!(n.next_timeout(), None);
        let stats = n.stats();
        let held = [stats.connections, stats.sessions, stats.subscriptions, stats.messages_held, stats.messages_inflight];
        assert_eq!(held, [0; 5], "{stats:?}");
    }
}

sharded! {
    /// A client that is slow is not one that has stopped: `write_timeout` begins anew with whatever it takes.
    fn write_timeout_begins_anew_with_each_byte(shards) {
        let mut n = net(shards, Config::default());
        let client = n.connect(connect("slow"));
        n.subscribed(client, [("t", 0)]);
        n.window(client, 0);
        let publisher = n.connect(connect("publisher"));
        n.send(publisher, publish("t", vec![0; 100]));
        n.settle();
        for _ in 0..5 {
            n.advance(secs(59));
            assert!(!n.is_closed(client));
            n.window(client, 1);
            n.settle();
        }
        n.advance(secs(62));
        assert!(n.is_closed(client));
    }
}

sharded! {
    /// A client that waits for its CONNACK because the store is slow is not a silent one.
    fn keep_alive_does_not_count_what_the_broker_takes(shards) {
        let mut n = net(shards, Config { durable: true, ..Config::default() });
        n.store(StoreMode::Late);
        let client = n.open();
        n.send(client, connect("durable").clean(false).keep_alive(10));
        n.settle();
        n.advance(secs(100));
        assert!(!n.is_closed(client));
        n.stored();
        n.expect(client, connack(false, 0));
        n.advance(secs(15));
        assert!(n.is_closed(client));
    }
}
