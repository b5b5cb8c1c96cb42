//! What recording costs in the core, in nanoseconds a message: `cargo run --release -p weirmq-tests --example record_cost`.
//!
//! One publisher, one subscriber, QoS 0, 64 bytes; 64 or 1 messages arrive in one piece, and are written in one.

use std::time::Instant as Clock;

use weirmq_core::record::RecordOptions;
use weirmq_core::{Broker, Budget, Config, ConnId, Instant, ListenerId, Outbox, PeerAddr, ShardId};
use weirmq_tests::wire::{ToWire, Version, connect, publish, subscribe};

const MESSAGES: usize = 2_000_000;

struct Run {
    broker: Broker,
    outbox: Outbox,
    now: u64,
    recorded: usize,
}

impl Run {
    fn new(options: Option<RecordOptions>) -> Self {
        let broker = Broker::new(Config::default(), ShardId(0), [7; 32], Instant::ZERO).recording(options);
        Self { broker, outbox: Outbox::new(), now: 0, recorded: 0 }
    }

    fn client(&mut self, bytes: &[Vec<u8>]) -> ConnId {
        let conn = self.broker.handle_accept(Instant::ZERO, ListenerId(0), PeerAddr::Memory).expect("there is room");
        bytes.iter().for_each(|bytes| self.turn(conn, bytes));
        conn
    }

    fn turn(&mut self, conn: ConnId, bytes: &[u8]) {
        self.now += 10;
        let now = Instant::from_micros(self.now);
        self.broker.handle_receive(now, conn, bytes);
        self.broker.run(now, Budget::default());
        self.broker.drain(&mut self.outbox);
        self.broker.drain_record(|records| {
            self.recorded += records.len();
            true
        });
        for conn in self.outbox.flush.drain(..) {
            let count = self.broker.tx_slices(conn).map(<[u8]>::len).sum();
            self.broker.handle_sent(now, conn, count);
        }
    }
}

fn main() {
    let subscriber = [
        connect("subscriber").to_wire(Version::V311),
        subscribe(1, [("sensors/+/temperature", 0)]).to_wire(Version::V311),
    ];
    let publisher = [connect("publisher").to_wire(Version::V311)];
    let message = publish("sensors/7/temperature", [b'x'; 64]).to_wire(Version::V311);
    for batch in [64, 1] {
        for (name, options) in [
            ("off", None),
            ("on", Some(RecordOptions::default())),
            ("redacted", Some(RecordOptions { redact_payloads: true })),
        ] {
            let mut run = Run::new(options);
            run.client(&subscriber);
            let publisher = run.client(&publisher);
            let piece = message.repeat(batch);
            let begun = Clock::now();
            (0..MESSAGES / batch).for_each(|_| run.turn(publisher, &piece));
            let each = begun.elapsed().as_nanos() as f64 / MESSAGES as f64;
            let recorded = run.recorded as f64 / MESSAGES as f64;
            assert_eq!(run.broker.stats().publishes_sent, MESSAGES as u64);
            println!("{batch:>3} in a piece, {name:<9} {each:>7.1} ns a message, {recorded:>6.1} bytes recorded");
        }
    }
}
