//! The machine by itself, as a runtime calls it: what it says of itself between calls.

use weirmq_core::record::RecordOptions;
use weirmq_core::{
    Broker, Budget, CloseCause, Config, ConnId, Instant, ListenerId, Outbox, PeerAddr, PeerBatch, Progress, ShardId,
    WakeReason,
};
use weirmq_tests::wire::*;

const NOW: Instant = Instant::from_secs(1_000);

fn broker() -> Broker {
    Broker::new(Config::default(), ShardId(0), [7; 32], NOW)
}

fn accept(broker: &mut Broker) -> ConnId {
    broker.handle_accept(NOW, ListenerId(0), PeerAddr::Memory).expect("there is room")
}

fn client(broker: &mut Broker, name: &str) -> ConnId {
    let conn = accept(broker);
    broker.handle_receive(NOW, conn, &connect(name).to_wire(Version::V311));
    conn
}

/// Everything is written; how many bytes that was.
fn flush(broker: &mut Broker, outbox: &mut Outbox) -> usize {
    broker.drain(outbox);
    let mut written = 0;
    for &conn in &outbox.flush {
        let count = broker.tx_slices(conn).map(<[u8]>::len).sum();
        broker.handle_sent(NOW, conn, count);
        written += count;
    }
    written
}

#[test]
fn output_presses_from_48_kib_on_until_it_is_drained() {
    let (mut broker, mut outbox) = (broker(), Outbox::new());
    let [one, two] = ["one", "two"].map(|name| client(&mut broker, name));
    broker.handle_receive(NOW, one, &subscribe(1, [("t", 0)]).to_wire(Version::V311));
    flush(&mut broker, &mut outbox);
    // 3 bytes of header and 3 of topic are in them.
    let message = publish("t", vec![0; 16 * 1024 - 6]).to_wire(Version::V311);
    assert_eq!(message.len(), 16 * 1024);
    for presses in [false, false, true] {
        broker.handle_receive(NOW, two, &message);
        assert_eq!(broker.wants_flush(), presses);
    }
    broker.handle_receive(NOW, two, &ping().to_wire(Version::V311));
    assert!(broker.wants_flush(), "what another one is sent is no relief");
    assert_eq!(flush(&mut broker, &mut outbox), 3 * message.len() + 2);
    assert!(!broker.wants_flush());
}

/// A publisher, and so many readers, each of a topic of its own and of `all`.
fn readers(broker: &mut Broker, count: usize) -> (ConnId, Vec<String>) {
    let publisher = client(broker, "publisher");
    let topics: Vec<_> = (0..count).map(|number| format!("t{number:02}")).collect();
    for topic in &topics {
        let reader = client(broker, topic);
        broker.handle_receive(NOW, reader, &subscribe(1, [(topic.as_str(), 0), ("all", 0)]).to_wire(Version::V311));
    }
    flush(broker, &mut Outbox::new());
    (publisher, topics)
}

/// Publishes a packet of so many bytes to a topic of three.
fn send(broker: &mut Broker, publisher: ConnId, topic: &str, size: usize) {
    // 3 bytes of header and 5 of topic are in them.
    let message = publish(topic, vec![0; size - 8]).to_wire(Version::V311);
    assert_eq!(message.len(), size);
    broker.handle_receive(NOW, publisher, &message);
}

/// What many are sent does not wait until it has left the processor's cache. Who is sent less, or was counted, does not count, nor
/// does a payload that they share.
#[test]
fn output_of_16_connections_presses_from_16_kib_each_on_until_it_is_drained() {
    let (mut broker, mut outbox) = (broker(), Outbox::new());
    let (publisher, topics) = readers(&mut broker, 17);
    let send = |broker: &mut Broker, topic: &str, size| send(broker, publisher, topic, size);
    for _ in 0..2 {
        topics.iter().for_each(|topic| send(&mut broker, topic, 16 * 1024 - 1));
        assert!(!broker.wants_flush(), "nobody has so much");
        flush(&mut broker, &mut outbox);
        send(&mut broker, "all", 16 * 1024);
        assert!(!broker.wants_flush(), "it was not copied");
        flush(&mut broker, &mut outbox);
        for topic in &topics[..16] {
            assert!(!broker.wants_flush(), "{topic}");
            send(&mut broker, topic, 16 * 1024);
            send(&mut broker, &topics[0], 1024);
        }
        assert!(broker.wants_flush());
        flush(&mut broker, &mut outbox);
        assert!(!broker.wants_flush());
    }
}

/// What readers did not take is written when they do, however often others are: only what came since presses.
#[test]
fn what_was_drained_and_not_taken_does_not_press() {
    let (mut broker, mut outbox) = (broker(), Outbox::new());
    let (publisher, topics) = readers(&mut broker, 16);
    let send = |broker: &mut Broker, topic: &str, size| {
        send(broker, publisher, topic, size);
        broker.wants_flush()
    };
    let all =
        |broker: &mut Broker, size: usize| topics.iter().map(|topic| send(broker, topic, size)).collect::<Vec<_>>();
    assert!(all(&mut broker, 16 * 1024)[15], "it came just now");
    broker.drain(&mut outbox);
    for _ in 0..2 {
        assert!(!all(&mut broker, 16 * 1024 - 1).contains(&true), "what came is less");
        broker.drain(&mut outbox);
    }
    let mut presses = all(&mut broker, 16 * 1024);
    assert_eq!((presses.pop(), presses.contains(&true)), (Some(true), false), "as much again");
    broker.drain(&mut outbox);
    // A part is taken, and that is what was there before.
    for &conn in &outbox.flush {
        broker.handle_sent(NOW, conn, 40 * 1024);
    }
    let pieces = [16, 16, 15].map(|kib| send(&mut broker, &topics[0], kib * 1024));
    assert_eq!((pieces, send(&mut broker, &topics[0], 1024)), ([false; 3], true));
}

/// One of two shards, which is recorded, and a client that lives there.
fn shard_of_two(number: u16, peer_mib_max: u32) -> (Broker, ConnId) {
    let mut config = Config { shards: 2, ..Config::default() };
    config.limits.peer_bytes_max = peer_mib_max << 20;
    let broker = Broker::new(config, ShardId(number), [7; 32], NOW);
    let mut broker = broker.recording(Some(RecordOptions::default()));
    let conn = resident(&mut broker, "client");
    (broker, conn)
}

/// A client that lives in this shard: its name has a number behind it that makes it so.
fn resident(broker: &mut Broker, name: &str) -> ConnId {
    for number in 0.. {
        let (conn, mut outbox) = (client(broker, &format!("{name}{number}")), Outbox::new());
        broker.drain(&mut outbox);
        if outbox.handoff.is_empty() {
            return conn;
        }
    }
    unreachable!("every shard is the home of some name")
}

/// The same twice, the first of which knows that the client of the second has subscribed to `t`.
fn two_shards(peer_mib_max: u32) -> ((Broker, ConnId), (Broker, ConnId), Outbox) {
    let [(mut here, one), (mut there, two)] = [0, 1].map(|number| shard_of_two(number, peer_mib_max));
    let mut outbox = Outbox::new();
    there.handle_receive(NOW, two, &subscribe(1, [("t", 0)]).to_wire(Version::V311));
    there.drain(&mut outbox);
    for (_, mut batch) in outbox.peers.drain(..) {
        here.handle_peer(NOW, ShardId(1), &mut batch);
    }
    here.drain(&mut outbox);
    ((here, one), (there, two), outbox)
}

#[test]
fn what_another_shard_gets_presses_from_48_kib_on_until_it_is_drained() {
    let ((mut here, one), _, mut outbox) = two_shards(16);
    let message = publish("t", vec![0; 8 * 1024]).to_wire(Version::V311);
    for presses in [false, false, false, false, false, true, true] {
        here.handle_receive(NOW, one, &message);
        assert_eq!(here.wants_flush(), presses);
    }
    here.drain(&mut outbox);
    assert!(!here.wants_flush());
    assert_eq!(outbox.peers.len(), 1);
}

/// Messages gather for a shard that has fallen behind. They come in pieces that it can write between, or else a subscriber that
/// takes whatever it is sent would lose what finds its output full.
#[test]
fn a_shard_that_fell_behind_can_write_between_what_it_gets() {
    // The second size is one of payloads that shards share, and what is retained is shared too.
    for (payload, retain) in [(100, false), (20 * 1024, false), (4 * 1024, true)] {
        let ((mut here, one), (mut there, two), mut outbox) = two_shards(16);
        let answers: usize = there.tx_slices(two).map(<[u8]>::len).sum();
        let mut message = publish("t", vec![0; payload]).to_wire(Version::V311);
        message[0] |= u8::from(retain);
        let mut late = Vec::new();
        let messages = 2 * 1024 * 1024 / message.len();
        for _ in 0..messages {
            here.handle_receive(NOW, one, &message);
            if here.wants_flush() {
                here.drain(&mut outbox);
                late.append(&mut outbox.peers);
            }
        }
        assert!(late.len() <= 16, "no more are under way");
        let mut written = 0;
        while !late.is_empty() {
            for (_, mut batch) in late.drain(..) {
                there.handle_peer(NOW, ShardId(0), &mut batch);
                if there.wants_flush() {
                    written += flush_to(&mut there, &mut here, &mut outbox);
                }
            }
            written += flush_to(&mut there, &mut here, &mut outbox);
            here.drain(&mut outbox);
            late.append(&mut outbox.peers);
        }
        assert_eq!(there.stats().dropped_output_full, 0, "payloads of {payload}, {retain}");
        assert_eq!(written, answers + messages * message.len(), "payloads of {payload}, {retain}");
    }
}

/// Everything is written, and what is for the other shard handled there; how many bytes were written.
fn flush_to(here: &mut Broker, there: &mut Broker, outbox: &mut Outbox) -> usize {
    let written = flush(here, outbox);
    for (_, mut batch) in outbox.peers.drain(..) {
        there.handle_peer(NOW, ShardId(1), &mut batch);
    }
    written
}

/// When only that presses, it leaves alone, and connections are written when the turn ends. How much the recorder holds must not
/// count: a replay does not know when that was taken.
#[test]
fn what_presses_towards_another_shard_leaves_alone() {
    let ((mut here, one), _, mut outbox) = two_shards(16);
    let large = publish("nobody", vec![0; 1024 * 1024 - 64]).to_wire(Version::V311);
    here.handle_receive(NOW, one, &large);
    here.handle_receive(NOW, one, &large);
    assert!(here.wants_flush(), "the recorder is full");
    here.handle_receive(NOW, one, &ping().to_wire(Version::V311));
    here.handle_receive(NOW, one, &publish("t", vec![0; 15 * 1024]).to_wire(Version::V311).repeat(4));
    here.drain(&mut outbox);
    assert_eq!((outbox.peers.len(), &outbox.flush[..]), (1, &[][..]));
    here.drain(&mut outbox);
    assert_eq!((outbox.peers.len(), &outbox.flush[..]), (0, &[one][..]));
    // Where an output presses too, all of it leaves.
    here.drain_record(|_| true);
    here.handle_receive(NOW, one, &subscribe(1, [("t", 0)]).to_wire(Version::V311));
    flush(&mut here, &mut outbox);
    here.handle_receive(NOW, one, &publish("t", vec![0; 15 * 1024]).to_wire(Version::V311).repeat(4));
    here.drain(&mut outbox);
    assert_eq!((outbox.peers.len(), &outbox.flush[..]), (1, &[one][..]));
}

/// Room may come when a turn is nearly over: who was held back is let go on then, and not when something else happens.
#[test]
fn it_does_not_sleep_over_a_publisher_that_may_go_on() {
    let ((mut here, one), (mut there, _), mut outbox) = two_shards(16);
    let message = publish("t", vec![0; 512 * 1024]).to_wire(Version::V311);
    let mut batches = Vec::new();
    while here.wants_read(one) {
        here.handle_receive(NOW, one, &message);
        here.run(NOW, Budget::default());
        here.drain(&mut outbox);
        batches.append(&mut outbox.peers);
        assert!(batches.len() < 100, "it is held back some day");
    }
    assert_ne!(here.poll_timeout().map(|(_, reason)| reason), Some(WakeReason::Work), "it has to wait");
    for (_, mut batch) in batches {
        there.handle_peer(NOW, ShardId(0), &mut batch);
    }
    there.drain(&mut outbox);
    for (_, mut batch) in outbox.peers.drain(..) {
        here.handle_peer(NOW, ShardId(1), &mut batch);
    }
    here.drain(&mut outbox);
    assert_eq!(here.poll_timeout(), Some((NOW, WakeReason::Work)));
    here.run(NOW, Budget::default());
    here.run(NOW, Budget::default());
    assert!(here.wants_read(one));
}

#[test]
fn it_sleeps_only_when_nothing_waits() {
    let (mut broker, mut outbox) = (broker(), Outbox::new());
    assert_eq!(broker.poll_timeout(), None);
    let conn = client(&mut broker, "one");
    assert_eq!(broker.poll_timeout().map(|(at, reason)| (at <= NOW, reason)), Some((true, WakeReason::Outbox)));
    flush(&mut broker, &mut outbox);
    assert_eq!(broker.poll_timeout(), None, "it has no Keep Alive, and nothing to write");
    broker.handle_receive(NOW, conn, &ping().to_wire(Version::V311));
    broker.drain(&mut outbox);
    broker.handle_sent(NOW, conn, 1);
    let timeout = NOW.saturating_add(Config::default().limits.write_timeout);
    assert_eq!(broker.poll_timeout(), Some((timeout, WakeReason::Timer)));
    // Budget is spent before the input is: the rest is work.
    let many = ping().to_wire(Version::V311).repeat(10_000);
    broker.handle_receive(NOW, conn, &many);
    flush(&mut broker, &mut outbox);
    assert_eq!(broker.poll_timeout().map(|(at, reason)| (at <= NOW, reason)), Some((true, WakeReason::Work)));
    while broker.run(NOW, Budget::default()) == weirmq_core::Progress::More {}
    assert_eq!(flush(&mut broker, &mut outbox) % 2, 0);
    assert_eq!(broker.stats().packets_received, 10_002);
}

#[test]
fn who_has_gone_is_nobody() {
    let (mut broker, mut outbox) = (broker(), Outbox::new());
    let gone = client(&mut broker, "one");
    broker.handle_closed(NOW, gone, CloseCause::PeerClosed);
    let before = broker.stats();
    let other = accept(&mut broker);
    assert_ne!(gone, other, "the place may be the same, the name is not");
    broker.handle_receive(NOW, gone, &connect("two").to_wire(Version::V311));
    broker.handle_sent(NOW, gone, 7);
    broker.handle_closed(NOW, gone, CloseCause::Error);
    broker.disconnect(NOW, gone);
    assert!(!broker.handle_half_closed(NOW, gone));
    assert!(!broker.wants_read(gone));
    assert_eq!(broker.tx_slices(gone).count(), 0);
    let after = broker.stats();
    assert_eq!((after.accepted, after.connections), (before.accepted + 1, before.connections + 1));
    assert_eq!((after.bytes_received, after.bytes_sent), (before.bytes_received, before.bytes_sent));
    broker.drain(&mut outbox);
    assert!(outbox.flush.is_empty(), "{:?}", outbox.flush);
    assert!(outbox.close.is_empty(), "{:?}", outbox.close);
}

/// A recording that does not begin at the beginning could not be replayed.
#[test]
fn a_recording_begins_at_the_beginning() {
    assert!(std::panic::catch_unwind(|| broker().recording(Some(RecordOptions::default()))).is_ok());
    for act in [(|broker| _ = accept(broker)) as fn(&mut Broker), |broker| {
        let conn = accept(broker);
        broker.handle_closed(NOW, conn, CloseCause::PeerClosed);
        broker.drain(&mut Outbox::new());
    }] {
        let late = || {
            let mut broker = broker();
            act(&mut broker);
            broker.recording(Some(RecordOptions::default()))
        };
        assert!(std::panic::catch_unwind(late).is_err());
    }
}

/// A sink that fails ends the recording.
#[test]
fn a_recording_that_cannot_be_kept_ends() {
    let mut recorded = broker().recording(Some(RecordOptions::default()));
    let conn = accept(&mut recorded);
    recorded.flush_record(|_| true);
    assert!(recorded.output_hash().is_some());
    recorded.handle_closed(NOW, conn, CloseCause::Error);
    recorded.flush_record(|_| false);
    assert!(recorded.output_hash().is_none());
}

/// A run sends no more retained messages than it is told to.
#[test]
fn a_run_keeps_to_its_budget() {
    let (mut broker, mut outbox) = (broker(), Outbox::new());
    let publisher = client(&mut broker, "publisher");
    for topic in 0..1_000 {
        broker.handle_receive(NOW, publisher, &publish(&format!("r/{topic}"), "x").retain().to_wire(Version::V311));
    }
    let subscriber = client(&mut broker, "subscriber");
    broker.handle_receive(NOW, subscriber, &subscribe(1, [("r/#", 0)]).to_wire(Version::V311));
    flush(&mut broker, &mut outbox);
    let budget = Budget { retained: 300, ..Budget::default() };
    let mut runs = 0;
    while broker.run(NOW, budget) == weirmq_core::Progress::More {
        let sent = broker.stats().publishes_sent;
        assert!(sent <= 300 * (runs + 1), "{sent} after {runs}");
        flush(&mut broker, &mut outbox);
        runs += 1;
    }
    // The first search also brings the topics into order, which is as much work again.
    assert!((6..=7).contains(&runs), "{runs}");
    assert_eq!(broker.stats().publishes_sent, 1_000);
}

/// A listener takes as many connections as it is told to, whatever others take.
#[test]
fn each_listener_has_its_own_limit() {
    let listener = |connections_max| weirmq_core::config::Listener { connections_max, ..Default::default() };
    let config = Config { listeners: vec![listener(1), listener(2)], ..Config::default() };
    let mut broker = Broker::new(config, ShardId(0), [7; 32], NOW);
    let taken = |broker: &mut Broker, listener| broker.handle_accept(NOW, ListenerId(listener), PeerAddr::Memory);
    let first = taken(&mut broker, 0).expect("there is room for one");
    assert_eq!(taken(&mut broker, 0), None);
    assert!(taken(&mut broker, 1).is_some() && taken(&mut broker, 1).is_some());
    assert_eq!((taken(&mut broker, 1), taken(&mut broker, 2)), (None, None));
    broker.handle_closed(NOW, first, CloseCause::PeerClosed);
    assert!(taken(&mut broker, 0).is_some());
    assert_eq!(broker.stats().accept_refused, 3);
}

/// The other shard handles a batch, and this one hears that it has.
fn acknowledge(here: &mut Broker, there: &mut Broker, outbox: &mut Outbox, batch: &mut PeerBatch) {
    there.handle_peer(NOW, ShardId(0), batch);
    there.drain(outbox);
    for (_, mut batch) in outbox.peers.drain(..) {
        here.handle_peer(NOW, ShardId(1), &mut batch);
    }
    while here.run(NOW, Budget::default()) == Progress::More {}
}

#[test]
fn publishers_wait_as_long_as_too_much_is_on_its_way_to_another_shard() {
    let ((mut here, one), (mut there, _), mut outbox) = two_shards(1);
    let mut under_way = Vec::new();
    for kib in [10, 900, 200] {
        here.handle_receive(NOW, one, &publish("t", vec![0; kib * 1024]).to_wire(Version::V311));
        here.drain(&mut outbox);
        under_way.append(&mut outbox.peers);
    }
    here.handle_receive(NOW, one, &publish("t", "waits").to_wire(Version::V311));
    let mut taken = vec![here.stats().publishes_received];
    for (_, batch) in &mut under_way {
        acknowledge(&mut here, &mut there, &mut outbox, batch);
        taken.push(here.stats().publishes_received);
    }
    assert_eq!(taken, [3, 3, 4, 4], "without the first it is still 1,100 KiB, without the second 200");
}

/// As long as nothing can leave for another shard, where too much waits for that.
#[test]
fn who_subscribes_waits_where_too_much_is_on_its_way_and_no_more_can_leave() {
    let ((mut here, one), (mut there, _), mut outbox) = two_shards(1);
    let message = publish("t", vec![0; 40 * 1024]).to_wire(Version::V311);
    let mut under_way = Vec::new();
    while here.wants_read(one) {
        here.handle_receive(NOW, one, &message);
        here.drain(&mut outbox);
        under_way.append(&mut outbox.peers);
    }
    let before = here.stats().subscriptions;
    let subscriber = resident(&mut here, "subscriber");
    here.handle_receive(NOW, subscriber, &subscribe(1, [("own", 0)]).to_wire(Version::V311));
    assert_eq!(here.stats().subscriptions, before);
    for (_, batch) in &mut under_way {
        acknowledge(&mut here, &mut there, &mut outbox, batch);
    }
    assert_eq!(here.stats().subscriptions, before + 1);
}
