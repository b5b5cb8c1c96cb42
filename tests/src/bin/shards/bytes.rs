//! What things take of the heap of a shard, each measured as the growth by many of them.

use weirmq_core::{Broker, Budget, CloseCause, Config, ConnId, Instant, ListenerId, Outbox, PeerAddr, ShardId};
use weirmq_tests::heap;
use weirmq_tests::wire::{Connect, Packet, ToWire, Version, connect, publish, subscribe};

/// As many of each. Tables that double have from nothing to as much again to spare: this is near the middle.
const MANY: usize = 48_000;
const PAYLOADS: [usize; 4] = [16, 256, 1_024, 16 * 1_024];

struct One {
    broker: Broker,
    outbox: Outbox,
    now: Instant,
}

impl One {
    fn new() -> Self {
        let mut config = Config::default();
        config.limits.queue_messages_max = u32::MAX;
        config.limits.queue_bytes_max = u64::MAX;
        config.limits.message_bytes_max = u64::MAX;
        config.limits.retained_bytes_max = u64::MAX;
        let now = Instant::from_secs(1_000);
        Self { broker: Broker::new(config, ShardId(0), [7; 32], now), outbox: Outbox::new(), now }
    }

    fn accept(&mut self) -> ConnId {
        self.broker.handle_accept(self.now, ListenerId(0), PeerAddr::Memory).expect("there is room")
    }

    /// Bytes come in, and whatever goes out is read by the client.
    fn say(&mut self, conn: ConnId, bytes: &[u8]) {
        self.broker.handle_receive(self.now, conn, bytes);
        self.broker.run(self.now, Budget::default());
        self.broker.drain(&mut self.outbox);
        while let Some(conn) = self.outbox.flush.pop() {
            let count = self.broker.tx_slices(conn).map(<[u8]>::len).sum();
            self.broker.handle_sent(self.now, conn, count);
        }
    }

    fn connect(&mut self, packet: Connect) -> ConnId {
        let conn = self.accept();
        self.say(conn, &packet.to_wire(Version::V311));
        conn
    }

    fn close(&mut self, conn: ConnId) {
        self.broker.handle_closed(self.now, conn, CloseCause::PeerClosed);
        self.broker.drain(&mut self.outbox);
    }

    fn subscribe(&mut self, conn: ConnId, filter: &str, qos: u8) {
        self.say(conn, &Packet::from(subscribe(1, [(filter, qos)])).to_wire(Version::V311));
    }

    fn publish(&mut self, conn: ConnId, topic: &str, payload: usize, retain: bool, qos: u8) {
        let mut packet = publish(topic, vec![b'x'; payload]).qos(qos);
        packet.retain = retain;
        packet.id = (qos > 0).then_some(1);
        self.say(conn, &packet.to_wire(Version::V311));
    }

    /// A client that has published: the first topic of all makes the table of topics used once.
    fn publisher(&mut self) -> ConnId {
        let conn = self.connect(connect("publisher"));
        self.publish(conn, "first", 0, false, 0);
        conn
    }
}

/// The growth of the heap by each of many.
fn each(many: usize, work: impl FnOnce()) -> f64 {
    let before = heap::held();
    work();
    (heap::held() - before) as f64 / many as f64
}

fn row(what: &str, bytes: f64) {
    println!("| {what} | {bytes:.0} |");
}

/// Prints a table.
pub(crate) fn print() {
    println!("| what | bytes of heap each |\n|---|---:|");
    connections();
    subscriptions();
    for payload in PAYLOADS {
        retained(payload);
    }
    for payload in PAYLOADS {
        queued(payload);
    }
    foreign();
    for shards in [2, 16, 64] {
        links(shards);
    }
}

fn name(number: usize) -> String {
    format!("device-{number:08}")
}

fn connections() {
    let mut one = One::new();
    let mut conns = Vec::with_capacity(MANY);
    row("connection, before its CONNECT", each(MANY, || conns.extend((0..MANY).map(|_| one.accept()))));
    let more = each(MANY, || {
        for (number, conn) in conns.iter().enumerate() {
            one.say(*conn, &connect(&name(number)).clean(false).to_wire(Version::V311));
        }
    });
    row("session, a Client Identifier of 15 bytes", more);
}

fn subscriptions() {
    type Filter = fn(usize) -> String;
    let kinds: [(&str, Filter); 4] = [
        ("subscription to a topic of its own, `site/building/NUMBER/state`", |n| format!("site/building/{n:08}/state")),
        ("subscription with a wildcard of its own, `site/NUMBER/+/state`", |n| format!("site/{n:08}/+/state")),
        ("subscription with a wildcard of its own, `site/NUMBER/#`", |n| format!("site/{n:08}/#")),
        ("subscription to a topic that all have, `site/state`", |_| "site/state".into()),
    ];
    for (what, filter) in kinds {
        let mut one = One::new();
        let conns: Vec<ConnId> = (0..MANY).map(|number| one.connect(connect(&name(number)))).collect();
        row(
            what,
            each(MANY, || {
                for (number, conn) in conns.iter().enumerate() {
                    one.subscribe(*conn, &filter(number), 1);
                }
            }),
        );
    }
    let mut one = One::new();
    let conn = one.connect(connect("one"));
    let many = each(MANY, || (0..MANY).for_each(|n| one.subscribe(conn, &format!("site/building/{n:08}/state"), 1)));
    row("one more subscription of the same session, to a topic of its own", many);
}

fn retained(payload: usize) {
    let mut one = One::new();
    let conn = one.publisher();
    let many = MANY / (1 + payload / 1_024);
    let bytes = each(many, || {
        (0..many).for_each(|n| one.publish(conn, &format!("site/building/{n:08}/state"), payload, true, 0));
    });
    row(&format!("retained message, payload of {payload}, topic of 28"), bytes);
}

fn queued(payload: usize) {
    let many = MANY / (1 + payload / 1_024);
    let queue = |sessions: usize| {
        let mut one = One::new();
        for number in 0..sessions {
            let conn = one.connect(connect(&name(number)).clean(false));
            one.subscribe(conn, "site/state", 1);
            one.close(conn);
        }
        let conn = one.publisher();
        each(many, || (0..many).for_each(|_| one.publish(conn, "site/state", payload, false, 1)))
    };
    let (first, second) = (queue(1), queue(2));
    row(&format!("queued QoS 1 message, payload of {payload}, topic of 10"), first);
    if payload == PAYLOADS[0] {
        row("the same message queued for one session more", second - first);
    }
}

/// A filter that another shard has a subscriber for.
fn foreign() {
    let config = Config { shards: 2, ..Config::default() };
    let now = Instant::from_secs(1_000);
    let [mut own, mut other] = [0, 1].map(|shard| Broker::new(config.clone(), ShardId(shard), [7; 32], now));
    let mut outbox = Outbox::new();
    // The one client whose home is the first shard.
    let at_home = |number: usize, outbox: &mut Outbox, own: &mut Broker| {
        let conn = own.handle_accept(now, ListenerId(0), PeerAddr::Memory).expect("there is room");
        own.handle_receive(now, conn, &connect(&name(number)).to_wire(Version::V311));
        own.drain(outbox);
        outbox.handoff.is_empty().then_some(conn)
    };
    let conn = (0..100).find_map(|number| at_home(number, &mut outbox, &mut own)).expect("half of all names");
    let mut grown = 0;
    for number in 0..MANY {
        let filter = format!("site/building/{number:08}/state");
        own.handle_receive(now, conn, &Packet::from(subscribe(1, [(filter.as_str(), 1)])).to_wire(Version::V311));
        own.drain(&mut outbox);
        for (_, mut batch) in outbox.peers.drain(..) {
            let before = heap::held();
            other.handle_peer(now, ShardId(0), &mut batch);
            grown += heap::held() - before;
        }
        other.drain(&mut outbox);
        for (_, mut batch) in outbox.peers.drain(..) {
            own.handle_peer(now, ShardId(1), &mut batch);
        }
    }
    row("filter known of another shard, `site/building/NUMBER/state`", grown as f64 / MANY as f64);
}

/// An empty broker of so many shards.
fn links(shards: u16) {
    let before = heap::held();
    let config = Config { shards, ..Config::default() };
    let broker = Broker::new(config, ShardId(0), [7; 32], Instant::from_secs(1_000));
    row(&format!("an empty shard of {shards}, in all"), (heap::held() - before) as f64);
    drop(broker);
}
