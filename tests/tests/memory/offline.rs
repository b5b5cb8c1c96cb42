//! The queue of a session that is not there, or does not keep up.

use weirmq_core::Config;
use weirmq_core::config::QueueFull;
use weirmq_tests::memory::Net;
use weirmq_tests::wire::*;
use weirmq_tests::{Client, Talk};

use crate::{net, sharded};

fn persistent() -> Connect {
    connect("offline").v5().clean(false).session_expiry(3600)
}

/// A broker with a session that waits for `t` and takes three messages.
fn with_queue_of_three(shards: u16, policy: QueueFull) -> (Net, Client) {
    let mut config = Config::default();
    config.limits.queue_messages_max = 3;
    config.limits.queue_full = policy;
    let mut n = net(shards, config);
    let client = n.connect(persistent());
    n.subscribed(client, [("t", 1)]);
    n.send(client, disconnect());
    n.expect_closed(client);
    let publisher = n.connect(connect("publisher").v5());
    (n, publisher)
}

fn queued(n: &mut Net) -> Vec<String> {
    let client = n.reconnect(persistent(), true);
    n.send(client, ping());
    let mut queued = Vec::new();
    loop {
        match n.recv(client) {
            Packet::Publish(got) => {
                queued.push(String::from_utf8(got.payload).expect("text"));
                n.send(client, puback(got.id.expect("QoS 1")));
            }
            Packet::PingResp => {}
            other => panic!("{other:?}"),
        }
        if queued.len() == 3 {
            n.expect_among(client, &pong());
            n.expect_nothing(client);
            return queued;
        }
    }
}

sharded! {
    /// A full queue refuses: the publisher is told 0x97, and what is queued stays.
    fn a_full_queue_refuses(shards) {
        let (mut n, publisher) = with_queue_of_three(shards, QueueFull::Refuse);
        for text in ["1", "2", "3"] {
            n.published(publisher, publish("t", text).qos(1));
        }
        n.send(publisher, publish("t", "4").qos(1));
        n.expect_like(publisher, puback(1).with_code(0x97));
        n.send(publisher, publish("t", "5").qos(2));
        n.expect_like(publisher, pubrec(1).with_code(0x97));
        assert_eq!(n.stats().refused_queue_full, 2);
        assert_eq!(queued(&mut n), ["1", "2", "3"]);
    }
}

sharded! {
    /// A 3.1.1 publisher cannot be told: it gets no PUBACK and is closed.
    fn a_full_queue_closes_an_old_publisher(shards) {
        let (mut n, publisher) = with_queue_of_three(shards, QueueFull::Refuse);
        for text in ["1", "2", "3"] {
            n.published(publisher, publish("t", text).qos(1));
        }
        let old = n.connect(connect("old"));
        n.send(old, publish("t", "4").qos(1));
        n.expect_closed(old);
        assert_eq!(queued(&mut n), ["1", "2", "3"]);
    }
}

sharded! {
    /// `DropNewest`: the publisher is acknowledged, the message is dropped and counted.
    fn a_full_queue_drops_the_newest(shards) {
        let (mut n, publisher) = with_queue_of_three(shards, QueueFull::DropNewest);
        for text in ["1", "2", "3", "4", "5"] {
            n.published(publisher, publish("t", text).qos(1));
        }
        assert_eq!(n.stats().dropped_queue_full, 2);
        assert_eq!(queued(&mut n), ["1", "2", "3"]);
    }
}

sharded! {
    /// `DropOldest`: the oldest makes room.
    fn a_full_queue_drops_the_oldest(shards) {
        let (mut n, publisher) = with_queue_of_three(shards, QueueFull::DropOldest);
        for text in ["1", "2", "3", "4", "5"] {
            n.published(publisher, publish("t", text).qos(1));
        }
        assert_eq!(n.stats().dropped_queue_full, 2);
        assert_eq!(queued(&mut n), ["3", "4", "5"]);
    }
}

sharded! {
    /// QoS 0 is kept for a session that is away only when the deployment says so.
    fn qos_0_waits_when_told_to(shards) {
        for keep in [false, true] {
            let mut config = Config::default();
            config.limits.queue_qos0 = keep;
            let mut n = net(shards, config);
            let client = n.connect(persistent());
            n.subscribed(client, [("t", 1)]);
            n.send(client, disconnect());
            n.expect_closed(client);
            let publisher = n.connect(connect("publisher"));
            n.send(publisher, publish("t", "x"));
            n.expect_nothing(publisher);
            let client = n.reconnect(persistent(), true);
            if keep {
                n.take(client, "t", "x");
            }
            n.expect_nothing(client);
            assert_eq!(n.stats().dropped_offline_qos0, u64::from(!keep));
        }
    }
}

sharded! {
    /// A subscriber that does not read loses QoS 0 beyond its output bound, counted, and nobody else does.
    fn qos_0_is_dropped_for_a_full_output(shards) {
        let mut config = Config::default();
        config.limits.output_bytes_max = 4 * 1024;
        let mut n = net(shards, config);
        let (slow, quick) = (n.connect(connect("slow")), n.connect(connect("quick")));
        n.subscribed(slow, [("t", 0)]);
        n.subscribed(quick, [("t", 0)]);
        n.window(slow, 0);
        let publisher = n.connect(connect("publisher"));
        for number in 0..100_u8 {
            n.published(publisher, publish("t", [number; 100]).qos(1));
            n.take(quick, "t", [number; 100]);
        }
        n.window(slow, usize::MAX);
        let mut came = 0;
        n.send(slow, ping());
        while let Packet::Publish(got) = n.recv(slow) {
            assert_eq!(got.payload, [came; 100], "the first ones, in order");
            came += 1;
        }
        assert!((10..=41).contains(&came), "{came} of 104 bytes each fit into 4 KiB");
        assert_eq!(n.stats().dropped_output_full, 100 - u64::from(came));
        n.published(publisher, publish("t", "again").qos(1));
        n.take(slow, "t", "again");
    }
}
