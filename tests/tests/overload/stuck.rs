//! Ten publishers, each faster than a subscriber that has stopped reading, for a minute of virtual time.

use std::time::Duration;

use weirmq_core::config::QueueFull;
use weirmq_core::{Config, Stats};
use weirmq_tests::memory::Net;
use weirmq_tests::wire::*;
use weirmq_tests::{Client, Received, Talk, World, heap};

const PUBLISHERS: usize = 10;
/// The write timeout ends the subscriber's connection at 60 s: the last moment before that.
const SECONDS: u64 = 59;
const QUEUE_MESSAGES_MAX: u32 = 2_000;
const QUEUE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// What publishers, acknowledgements under way and buffers that are kept for later may take besides what is bounded.
const BESIDES: isize = 2 * 1024 * 1024;

/// What is published, and at which bound.
#[derive(Clone, Copy)]
struct Flood {
    shards: u16,
    qos: u8,
    payload: usize,
    /// Messages of each publisher in a second.
    rate: u64,
    full: QueueFull,
}

impl Flood {
    fn total(&self) -> u64 {
        PUBLISHERS as u64 * self.rate * SECONDS
    }

    fn config(&self) -> Config {
        let mut config = Config { shards: self.shards, ..Config::default() };
        config.limits.queue_full = self.full;
        config.limits.queue_messages_max = QUEUE_MESSAGES_MAX;
        config.limits.queue_bytes_max = QUEUE_BYTES_MAX;
        config
    }

    /// What a stuck subscriber may cost at most. Its output, at QoS 1 half of it and then its queue, whose messages lie in
    /// buffers of a power of two beside records that a growing list has to spare.
    fn bound(&self) -> isize {
        let output = Config::default().limits.output_bytes_max as isize;
        let queue = if self.qos == 0 { 0 } else { 2 * QUEUE_BYTES_MAX.min(self.queued_bytes_max()) as isize };
        // What the publishers wrote lies in the world's buffers, not in the broker's.
        let written = 2 * PUBLISHERS as isize * self.rate as isize * (self.payload as isize + 64);
        output + queue + written + BESIDES
    }

    fn queued_bytes_max(&self) -> u64 {
        // Topic, record of the message, record in the queue.
        u64::from(QUEUE_MESSAGES_MAX) * (self.payload as u64 + 256)
    }
}

/// A PUBLISH, with a Packet Identifier where there is one.
fn message(topic: &str, payload: usize, qos: u8, id: u16) -> Publish {
    let message = publish(topic, vec![b'x'; payload]).qos(qos);
    if qos > 0 { message.id(id) } else { message }
}

/// What came of it.
struct Outcome {
    stats: Stats,
    refused: u64,
    acknowledged: u64,
}

fn world(flood: &Flood) -> (Net, Vec<Client>, [Client; 2]) {
    let mut n = Net::new(flood.config());
    let stuck = n.connect(connect("stuck").v5().clean(false).session_expiry(3_600));
    n.subscribed(stuck, [("flood/#", 1)]);
    n.stop_reading(stuck);
    let publishers: Vec<Client> =
        (0..PUBLISHERS).map(|n| connect(&format!("p{n}")).v5()).map(|c| n.connect(c)).collect();
    let quiet = [n.connect(connect("quiet subscriber").v5()), n.connect(connect("quiet publisher").v5())];
    n.subscribed(quiet[0], [("quiet", 1)]);
    n.events();
    (n, publishers, quiet)
}

/// Reads what a publisher was answered: acknowledgements and refusals.
fn answers(n: &mut Net, publisher: Client, outcome: &mut Outcome) {
    loop {
        match n.read(publisher) {
            Received::Packet(Packet::PubAck(ack)) if ack.code == 0 => outcome.acknowledged += 1,
            Received::Packet(Packet::PubAck(ack)) if ack.code == 0x97 => outcome.refused += 1,
            Received::Nothing => return,
            other => panic!("{other:?}"),
        }
    }
}

/// Runs the flood. In every second the bounds hold, and who has nothing to do with it is served as ever.
fn run(flood: Flood) -> Outcome {
    let (mut n, publishers, quiet) = world(&flood);
    let mut outcome = Outcome { stats: Stats::default(), refused: 0, acknowledged: 0 };
    let before = heap::held();
    for second in 0..SECONDS {
        for &publisher in &publishers {
            for number in 0..flood.rate {
                let id = (number + 1) as u16;
                n.send(publisher, message("flood/topic", flood.payload, flood.qos, id));
            }
        }
        n.send(quiet[1], publish("quiet", second.to_string()).qos(1).id(1));
        n.take(quiet[0], "quiet", second.to_string());
        n.expect(quiet[1], puback(1));
        publishers.iter().for_each(|&publisher| answers(&mut n, publisher, &mut outcome));
        check_bounds(&flood, &n, heap::held() - before);
        n.advance(Duration::from_secs(1));
    }
    outcome.stats = n.stats();
    outcome
}

fn check_bounds(flood: &Flood, n: &Net, grown: isize) {
    let limits = flood.config().limits;
    let session = n.inspect("stuck").expect("the session is kept");
    let output = session.connection.expect("it is connected").output_bytes;
    assert!(output <= limits.output_bytes_max as usize + flood.payload + 64, "{output} bytes of output");
    assert!(session.queued_messages <= limits.queue_messages_max as usize, "{} messages", session.queued_messages);
    assert!(session.queued_bytes <= limits.queue_bytes_max + flood.payload as u64 + 64, "{}", session.queued_bytes);
    assert!(grown <= flood.bound(), "{grown} bytes of memory where {} are the bound", flood.bound());
}

/// Every message is accounted for, once and under one reason.
fn check_counts(flood: &Flood, outcome: &Outcome, reason: fn(&Stats) -> u64) {
    let stats = &outcome.stats;
    let quiet = SECONDS;
    let sent_or_waits = match flood.qos {
        0 => stats.publishes_sent - quiet,
        _ => stats.messages_inflight + stats.messages_queued,
    };
    assert_eq!(stats.publishes_received, flood.total() + quiet);
    assert_eq!(reason(stats), flood.total() - sent_or_waits, "{stats:?}");
    assert!(reason(stats) > 0 && sent_or_waits > 0, "{stats:?}");
    let named = stats.iter().filter(|(name, _)| name.starts_with("dropped_") || name.starts_with("refused_"));
    assert_eq!(named.map(|(_, count)| count).sum::<u64>(), reason(stats), "nothing else was dropped: {stats:?}");
    if flood.qos > 0 {
        assert_eq!(outcome.refused, stats.refused_queue_full);
        assert_eq!(outcome.acknowledged, flood.total() - outcome.refused);
    }
}

fn each_size(qos: u8, full: QueueFull, reason: fn(&Stats) -> u64) {
    for (shards, payload, rate) in [(1, 64, 100), (1, 16 * 1024, 10), (2, 64, 50), (2, 16 * 1024, 5)] {
        let flood = Flood { shards, qos, payload, rate, full };
        check_counts(&flood, &run(flood), reason);
    }
}

#[test]
fn qos_0_beyond_the_output_is_dropped_and_counted() {
    each_size(0, QueueFull::Refuse, |stats| stats.dropped_output_full);
}

#[test]
fn qos_1_beyond_the_queue_is_refused_and_counted() {
    each_size(1, QueueFull::Refuse, |stats| stats.refused_queue_full);
}

#[test]
fn qos_1_beyond_the_queue_is_dropped_if_that_is_wanted() {
    each_size(1, QueueFull::DropNewest, |stats| stats.dropped_queue_full);
}

#[test]
fn the_oldest_of_qos_1_makes_room_if_that_is_wanted() {
    each_size(1, QueueFull::DropOldest, |stats| stats.dropped_queue_full);
}

/// Many readers that stopped, and publishers of QoS 1: what all of them together hold stays under the bound of the shard,
/// records of what waits included. Publishers are held back, nothing is dropped, and everything comes once they read on.
#[test]
fn what_waits_for_many_is_bounded_for_all_of_them() {
    const READERS: usize = 100;
    const BOUND: u64 = 2 * 1024 * 1024;
    let mut config = Config::default();
    config.limits.message_bytes_max = BOUND;
    let mut n = Net::new(config);
    let readers: Vec<Client> = (0..READERS).map(|r| n.connect(connect(&format!("r{r}")).v5())).collect();
    for &reader in &readers {
        n.subscribed(reader, [("flood", 1)]);
        n.stop_reading(reader);
    }
    let publisher = n.connect(connect("publisher"));
    n.events();
    let before = heap::held();
    const TOTAL: usize = 5_000;
    let bytes: Vec<u8> = (0..TOTAL as u16)
        .flat_map(|id| publish("flood", [b'x'; 64]).qos(1).id(id + 1).to_wire(Version::V311))
        .collect();
    let unsent = bytes.len() as isize;
    n.write(publisher, &bytes);
    n.settle();
    let stats = n.stats();
    assert!(stats.publishes_received < TOTAL as u64, "it is held back: {stats:?}");
    let outputs = READERS as u64 * 128 * 80;
    let grown = heap::held() - before - unsent;
    assert!(grown <= (BOUND + outputs) as isize + BESIDES, "{grown} bytes");
    for _ in 0..2 * TOTAL / 100 {
        for &reader in &readers {
            n.read_on(reader);
            while let Received::Packet(packet) = n.read(reader) {
                let Packet::Publish(publish) = packet else { panic!("{packet:?}") };
                n.send(reader, puback(publish.id.expect("QoS 1")));
            }
        }
    }
    let stats = n.stats();
    assert_eq!((stats.publishes_sent, stats.messages_held), ((TOTAL * READERS) as u64, 0), "{stats:?}");
}

/// A message larger than the output's bound goes out whole, and what its receiver says meanwhile is answered: only control
/// packets count towards the bound at which a connection is closed.
#[test]
fn a_large_message_does_not_make_its_receiver_fail() {
    const LARGE: usize = 900_000;
    for qos in 0..=1 {
        let mut n = Net::new(Config::default());
        let [reader, publisher] = ["reader", "publisher"].map(|name| n.connect(connect(name).v5()));
        n.subscribed(reader, [("t", qos)]);
        n.stop_reading(reader);
        n.send(publisher, message("t", LARGE, qos, 1));
        n.settle();
        n.send(reader, ping());
        n.settle();
        n.read_on(reader);
        let publish = n.recv_publish(reader);
        assert_eq!((publish.qos, publish.payload.len()), (qos, LARGE));
        n.expect(reader, Packet::PingResp);
        n.expect_nothing(reader);
        // Behind it, too, control packets have a bound.
        n.stop_reading(reader);
        n.send(publisher, message("t", LARGE, qos, 2));
        n.settle();
        let output = Config::default().limits.output_bytes_max as usize;
        for _ in 0..3 {
            n.write(reader, &[0xC0, 0].repeat(output / 4));
            n.settle();
        }
        n.read_on(reader);
        let publish = n.recv_publish(reader);
        assert_eq!((publish.qos, publish.payload.len()), (qos, LARGE));
        for _ in 0..output / 2 {
            n.expect(reader, Packet::PingResp);
        }
        assert!(n.is_closed(reader));
    }
}
