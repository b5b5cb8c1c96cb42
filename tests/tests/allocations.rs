//! The delivery path allocates nothing in steady state, and what is idle holds little: a counting allocator proves it.

use std::cell::Cell;

use weirmq_core::packet::{QoS, Version};
use weirmq_core::topic::{Router, Subscription};
use weirmq_core::{Broker, Budget, Config, ConnId, Instant, ListenerId, Outbox, PeerAddr, ShardId};
use weirmq_tests::heap::{self, Counts, Heap};
use weirmq_tests::wire::{self, Packet, ToWire, connect, publish, subscribe};
use weirmq_work::{CASES, Case, ClientOptions, packets};

#[global_allocator]
static HEAP: Heap = Heap;

thread_local! {
    /// What was done in [`counted`].
    static DONE: Cell<Counts> = const { Cell::new(Counts { allocations: 0, deallocations: 0 }) };
}

/// Counts what is done in `work`; the rest of the thread is not counted.
fn counted(work: &mut dyn FnMut()) {
    let before = heap::counts();
    work();
    let (after, done) = (heap::counts(), DONE.get());
    DONE.set(Counts {
        allocations: done.allocations + after.allocations - before.allocations,
        deallocations: done.deallocations + after.deallocations - before.deallocations,
    });
}

/// Bytes that this thread has allocated and not freed.
fn held() -> usize {
    usize::try_from(heap::held()).expect("no more is freed than was allocated")
}

/// Rounds that are looked at, after those that every piece of work is warmed up by.
const ROUNDS: u64 = 8;

/// Work that may allocate, and how often in one round. All else may not at all.
const ALLOCATES: [(&str, u64); 3] = [
    // A payload that two shards share is put where both find it: the payload and its count, for each of 200 messages,
    // whoever receives it.
    ("peer/pairs-20k-q0-v3", 400),
    // What all shards retain is put where they find it, each of 1,000 messages.
    ("peer/replace-retained", 1_000),
    // One SUBSCRIBE, which looks for retained messages; the 1,000 messages themselves take none.
    ("retained/replay", 8),
];

fn check(case: &Case) {
    let mut work = case.set_up();
    DONE.take();
    (0..ROUNDS).for_each(|_| work.round(counted));
    let each = ALLOCATES.iter().find(|(name, _)| *name == case.name).map_or(0, |&(_, each)| each);
    // Steady: what comes goes again.
    let expected = Counts { allocations: ROUNDS * each, deallocations: ROUNDS * each };
    assert_eq!(DONE.take(), expected, "{}, {ROUNDS} rounds of {} messages", case.name, work.messages);
}

fn check_all(path: &str) {
    let cases = CASES.iter().filter(|case| case.name.starts_with(path));
    assert!(cases.map(check).count() > 0, "there is work of this path");
}

#[test]
fn packets_are_read_and_written_without_allocations() {
    check_all("decode/");
    check_all("encode/");
}

#[test]
fn routes_are_found_without_allocations() {
    check_all("route/");
}

#[test]
fn messages_are_delivered_without_allocations() {
    check_all("deliver/");
}

#[test]
fn queued_messages_are_delivered_without_allocations() {
    check_all("inflight/");
}

#[test]
fn retained_messages_are_replaced_without_allocations() {
    check_all("retained/");
}

#[test]
fn messages_cross_shards_without_allocations() {
    check_all("peer/");
}

/// A broker alone, with many clients that do one thing after the other.
struct Crowd {
    broker: Broker,
    outbox: Outbox,
    conns: Vec<ConnId>,
}

/// Clients of a crowd: a power of two, so that no table has more room than it needs.
const CLIENTS: usize = 1_024;
const NOW: Instant = Instant::from_secs(1_000);

impl Crowd {
    fn new() -> Self {
        let broker = Broker::new(Config::default(), ShardId(0), [7; 32], NOW);
        Self { broker, outbox: Outbox::new(), conns: Vec::with_capacity(CLIENTS) }
    }

    /// Bytes that are held in the end and were not before.
    fn growth(&mut self, mut work: impl FnMut(&mut Self)) -> usize {
        let before = held();
        work(self);
        held() - before
    }

    /// A client sends bytes, and everybody is sent what there is.
    fn send(&mut self, client: usize, bytes: &[u8]) {
        self.broker.handle_receive(NOW, self.conns[client], bytes);
        self.broker.run(NOW, Budget::default());
        self.broker.drain(&mut self.outbox);
        for &conn in &self.outbox.flush {
            let count = self.broker.tx_slices(conn).map(<[u8]>::len).sum();
            self.broker.handle_sent(NOW, conn, count);
        }
    }

    fn connect_all(&mut self) {
        let options = ClientOptions::new(Version::V3_1_1, QoS::AtLeastOnce);
        for client in 0..CLIENTS {
            let conn = self.broker.handle_accept(NOW, ListenerId(0), PeerAddr::Memory).expect("there is room");
            self.conns.push(conn);
            self.send(client, &packets::connect(&format!("client-{client:08}"), options));
        }
        assert_eq!(self.broker.connections(), CLIENTS);
    }

    fn subscribe_all(&mut self) {
        for client in 0..CLIENTS {
            let packet = packets::subscribe(Version::V3_1_1, &packets::topic(client), QoS::AtLeastOnce);
            self.send(client, &packet);
        }
    }

    /// Each client publishes to itself, in two pieces; at QoS 1 it acknowledges.
    fn publish_all(&mut self, qos: QoS) {
        let before = self.broker.stats().publishes_sent;
        for client in 0..CLIENTS {
            let packet = packets::publishes(Version::V3_1_1, &packets::topic(client), qos, 1, &packets::payload(900));
            let (front, back) = packet.split_at(300);
            self.send(client, front);
            self.send(client, back);
            if qos == QoS::AtLeastOnce {
                self.send(client, &[0x40, 2, 0, 1]);
            }
        }
        assert_eq!(self.broker.stats().publishes_sent, before + CLIENTS as u64);
        assert_eq!(self.broker.stats().messages_inflight, 0, "everything is acknowledged");
    }
}

#[test]
fn what_is_idle_holds_little() {
    let mut crowd = Crowd::new();
    let connected = crowd.growth(Crowd::connect_all) / CLIENTS;
    let subscribed = crowd.growth(Crowd::subscribe_all) / CLIENTS;
    // The first time the route of each topic is not remembered, the second time it is.
    crowd.publish_all(QoS::AtMostOnce);
    crowd.publish_all(QoS::AtMostOnce);
    let published = crowd.growth(|crowd| crowd.publish_all(QoS::AtMostOnce));
    let acknowledged = crowd.growth(|crowd| crowd.publish_all(QoS::AtLeastOnce)) / CLIENTS;
    // A connection with its session, name of 15 bytes included.
    assert!(connected <= 680, "a connected client holds {connected} bytes");
    // A filter of four levels, two of them its own, with its place in the session and the spare room of the tables.
    assert!(subscribed <= 352, "a subscription holds {subscribed} bytes");
    // Every connection had a packet in its input and one in its output, and has given the buffers back.
    assert_eq!(published, 0, "bytes that messages leave behind");
    // A session that had a message in flight keeps room for four.
    assert!(acknowledged <= 128, "an exchange of QoS 1 leaves {acknowledged} bytes behind");
}

/// What a router says of its memory is what it has allocated, but for its scratch lists, which have grown before.
#[test]
fn a_router_knows_its_memory() {
    // The harness has allocated in another thread what this one frees.
    let ballast = vec![0_u8; 4_096];
    let start = held();
    let mut router = Router::new(4_096, 1);
    let subscription = Subscription { session: 1, slot: 0, identifier: 0, options: 0 };
    let name = |number: u32| format!("site/{number:04}/sensor/temperature");
    // What is more than all later: a topic that 40 filters match, and the longest of them.
    for number in 0..40 {
        let long = format!("{}long/{}", "+/".repeat(number), "x/".repeat(60 - number));
        let (filter, position) = router.subscribe(&long, subscription);
        // Its text is put together again.
        router.unsubscribe(filter, position);
        router.subscribe(&long, subscription);
        router.subscribe(&format!("{}#", "+/".repeat(number)), subscription);
    }
    (0..3).for_each(|_| assert_eq!(router.route(&"x/".repeat(60)).len(), 40));
    let beside = held() - start - router.memory_bytes();
    assert!(beside < 200_000, "{beside} bytes of epochs and scratch lists");
    for number in 0..700 {
        let filter = router.insert(&name(number));
        for session in 0..number % 7 {
            router.subscribe(&name(number), Subscription { session, ..subscription });
        }
        for share in 0..number % 3 {
            let (group, _) = router.join(filter, &format!("share-{share}"), subscription);
            router.join(filter, &format!("share-{share}"), Subscription { session: 2, ..subscription });
            for shard in 0..number as u16 % 6 {
                let known = router.set_remote_members(filter, &format!("share-{share}"), shard, 1, 2);
                assert_eq!(known, Some(group));
            }
        }
        // Remembered are such with up to 6 filters, and such with 2, which take no memory of their own.
        for _ in 0..2 {
            assert!([5, 6].contains(&router.route(&name(number)).len()));
            assert_eq!(router.route(&format!("short-{number}")).len(), 2);
        }
        assert_eq!(held() - start - router.memory_bytes(), beside, "after {number}");
    }
    assert!(router.cached_routes() > 1_200 && ballast.len() == 4_096);
}

/// Also when a subscriber of the publisher's shard has taken the message: what the other shard keeps refers to it.
#[test]
fn what_two_shards_retain_is_there_once() {
    const PAYLOAD_BYTES: usize = 8_000;
    let (config, now) = (Config { shards: 2, ..Config::default() }, Instant::from_secs(1_000));
    let [mut own, mut other] = [0, 1].map(|shard| Broker::new(config.clone(), ShardId(shard), [7; 32], now));
    let mut outbox = Outbox::new();
    let mut at_home = |number: usize| {
        let conn = own.handle_accept(now, ListenerId(0), PeerAddr::Memory).expect("there is room");
        own.handle_receive(now, conn, &connect(&format!("client-{number}")).to_wire(wire::Version::V311));
        own.drain(&mut outbox);
        outbox.handoff.is_empty().then_some(conn)
    };
    let conns: Vec<ConnId> = (0..100).filter_map(&mut at_home).take(2).collect();
    let [publisher, subscriber] = conns[..] else { panic!("half of all clients are at home here") };
    for (subscribed, id) in [(false, 1_u16), (true, 2)] {
        let topic = format!("topic/{id}");
        if subscribed {
            let packet = Packet::from(subscribe(1, [(topic.as_str(), 1)]));
            own.handle_receive(now, subscriber, &packet.to_wire(wire::Version::V311));
        }
        let mut packet = publish(&topic, vec![1; PAYLOAD_BYTES]).qos(1).retain();
        packet.id = Some(id);
        own.handle_receive(now, publisher, &packet.to_wire(wire::Version::V311));
        own.drain(&mut outbox);
        let before = held();
        for (_, mut batch) in outbox.peers.drain(..) {
            other.handle_peer(now, ShardId(0), &mut batch);
        }
        let grown = held().saturating_sub(before);
        assert!(grown < PAYLOAD_BYTES / 2, "{grown} bytes, subscribed: {subscribed}");
        assert_eq!(other.stats().retained_messages, u64::from(id));
    }
}
