//! How bytes come and go: large, slow, in one piece, in the smallest.

use weirmq_core::Config;

use crate::wire::*;
use crate::{Client, Start, Talk, World};

/// A message of 900 KiB reaches three subscribers as it was, whatever its way was cut into.
pub fn delivers_a_large_message_intact(start: Start<'_>) {
    let mut w = start(Config::default());
    let subscribers = [(Version::V31, 0), (Version::V311, 1), (Version::V5, 2)].map(|(version, qos)| {
        let subscriber = w.connect(connect(&format!("sub{qos}")).version(version));
        w.subscribed(subscriber, [("large", qos)]);
        subscriber
    });
    let publisher = w.connect(connect("publisher"));
    let payload: Vec<u8> = (0..900 * 1024_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    w.published(publisher, publish("large", &payload).qos(2));
    for subscriber in subscribers {
        let got = w.recv_publish(subscriber);
        assert!(got.payload == payload, "{} bytes came, and not as they were", got.payload.len());
    }
}

/// A subscriber that does not read for a while gets everything of QoS 1 afterwards, in order, and meanwhile others are
/// served.
pub fn serves_a_subscriber_that_stops_and_reads_on(start: Start<'_>) {
    const MESSAGES: u16 = 600;
    let mut w = start(Config::default());
    let slow = w.connect(connect("slow").v5());
    let quick = w.connect(connect("quick"));
    w.subscribed(slow, [("t", 1)]);
    w.subscribed(quick, [("t", 1)]);
    w.stop_reading(slow);
    let publisher = w.connect(connect("publisher"));
    let payload = |n: u16| n.to_be_bytes().repeat(4096);
    for n in 1..=MESSAGES {
        w.published(publisher, publish("t", payload(n)).qos(1).id(n));
        w.take(quick, "t", payload(n));
    }
    w.read_on(slow);
    for n in 1..=MESSAGES {
        let got = w.take(slow, "t", payload(n));
        assert!(!got.dup);
    }
    w.expect_nothing(slow);
}

/// CONNECT, `count` messages and a tenth as many pings.
fn small_packets(count: u16) -> Vec<u8> {
    let mut bytes = connect("packer").to_wire(Version::V311);
    for n in 1..=count {
        bytes.extend(publish("t", n.to_string()).qos(1).id(n).to_wire(Version::V311));
        if n % 10 == 0 {
            bytes.extend(ping().to_wire(Version::V311));
        }
    }
    bytes
}

/// CONNACK first, then each PUBACK in order and each PINGRESP: these two do not wait for each other.
fn answers(w: &mut dyn World, client: Client, count: u16) {
    w.expect(client, connack(false, 0));
    let (mut acknowledged, mut pongs) = (0, 0);
    while acknowledged < count || pongs < count / 10 {
        match w.recv(client) {
            Packet::PingResp => pongs += 1,
            packet => {
                acknowledged += 1;
                assert_eq!(packet, puback(acknowledged));
            }
        }
    }
}

/// Many small packets in one write, CONNECT and more in the same, are all handled in order.
pub fn reads_many_packets_of_one_write(start: Start<'_>) {
    let mut w = start(Config::default());
    let subscriber = w.connect(connect("subscriber"));
    w.subscribed(subscriber, [("t", 0)]);
    let client = w.open();
    w.send(client, small_packets(2_000));
    answers(&mut *w, client, 2_000);
    for n in 1..=2_000_u16 {
        w.take(subscriber, "t", n.to_string());
    }
}

/// The same in single bytes.
pub fn reads_packets_byte_by_byte(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.open();
    for byte in small_packets(20) {
        w.send(client, [byte]);
    }
    answers(&mut *w, client, 20);
}

/// A client that writes all it has, a DISCONNECT behind it, and closes its side is heard to the end.
pub fn hears_a_client_to_the_end_of_file(start: Start<'_>) {
    const MESSAGES: u16 = 5_000;
    let mut w = start(Config::default());
    let subscriber = w.connect(connect("subscriber"));
    w.subscribed(subscriber, [("#", 1)]);
    let hasty = w.open();
    let mut all = connect("hasty").will("will", b"will", 1).to_wire(Version::V311);
    for number in 0..MESSAGES {
        all.extend(publish("t", number.to_be_bytes()).qos(1).id(number + 1).to_wire(Version::V311));
    }
    all.extend(disconnect().to_wire(Version::V311));
    w.write(hasty, &all);
    w.hang_up(hasty);
    for number in 0..MESSAGES {
        w.take(subscriber, "t", number.to_be_bytes());
    }
    w.expect_nothing(subscriber);
}

/// A client that has closed its side is sent the answers that it waits for, those that another shard has to give included.
pub fn answers_a_client_that_has_closed_its_side(start: Start<'_>) {
    let mut w = start(Config::default());
    let subscribers: Vec<_> = (0..4).map(|number| w.connect(connect(&format!("sub{number}")))).collect();
    for &subscriber in &subscribers {
        w.subscribed(subscriber, [("t", 1)]);
    }
    for number in 0..8 {
        let publisher = w.connect(connect(&format!("pub{number}")));
        let messages = 1..=10_u16;
        let all: Vec<u8> =
            messages.clone().flat_map(|id| publish("t", "x").qos(1).id(id).to_wire(Version::V311)).collect();
        w.write(publisher, &all);
        w.hang_up(publisher);
        for id in messages {
            w.expect(publisher, puback(id));
            subscribers.iter().for_each(|&subscriber| {
                w.take(subscriber, "t", "x");
            });
        }
        w.expect_closed(publisher);
    }
}
