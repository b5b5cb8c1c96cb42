//! What clients do to a broker, in any order, held against what each of them may expect.

mod operation;
mod peer;

use std::time::Duration;

use arbitrary::Unstructured;
use weirmq_core::Config;
use weirmq_core::config::QueueFull;
use weirmq_core::packet::{QoS, Version};

use crate::choice;
use crate::world::World;
use operation::{Answer, CLIENTS, Operation, TOPICS};
use peer::{Hello, Peer};

const OPERATIONS_MAX: usize = 256;
/// What a heal takes at most.
const ROUNDS_MAX: usize = 20_000;

struct Test {
    world: World,
    peers: Vec<Peer>,
    /// Messages so far, so that each has a payload of its own.
    numbers: u32,
    receive_maximum: usize,
    inflight_max: usize,
    partly_refused: bool,
    retained: bool,
}

/// Operations of four clients on one to three shards with tight bounds, batches and stores that are late. Each client
/// keeps its own books: every packet is one that a server may send and not too large; no Packet Identifier is used twice,
/// no Receive Maximum exceeded; every acknowledgement answers something, once; a message comes from a filter that the
/// session has, and no more often than that explains. When everything has arrived, everything is answered; when all
/// clients are gone and their sessions over, nothing is left but the retained messages, and without those nothing at all.
pub fn broker_operations(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(config) = choice::config(&mut u) else { return };
    crate::trace(format_args!("{config:?}"));
    let mut test = Test::new(&config);
    for client in 0..CLIENTS {
        if u.is_empty() {
            break;
        }
        let Ok(hello) = Operation::connect(&mut u, client, false) else { return };
        test.apply(hello);
    }
    for _ in 0..OPERATIONS_MAX {
        // What is missing of the last one reads as zeros.
        if u.is_empty() {
            break;
        }
        let Ok(operation) = u.arbitrary() else { break };
        test.apply(operation);
    }
    test.heal();
    for peer in &test.peers {
        if peer.wire.is_some_and(|wire| test.world.wires[wire].is_open()) {
            peer.assert_answered();
        }
    }
    test.world.assert_at_rest();
    test.remove_retained();
}

impl Test {
    fn new(config: &Config) -> Self {
        Self {
            world: World::new(config, 1),
            peers: ["one", "two", "three", "four"].map(Peer::new).into_iter().collect(),
            numbers: 0,
            receive_maximum: usize::from(config.mqtt.receive_maximum),
            // What a 3.x client has answered may be on its way when it is sent again.
            inflight_max: config.mqtt.retry_interval.map_or(config.mqtt.inflight_max.into(), |_| usize::MAX),
            partly_refused: config.shards > 1 && config.limits.queue_full == QueueFull::Refuse,
            retained: config.limits.retained_messages_max > 0,
        }
    }

    fn send(&mut self, client: usize, bytes: Vec<u8>) {
        if let Some(wire) = self.peers[client].wire {
            self.world.wires[wire].to_broker.extend(bytes);
        }
    }

    fn apply(&mut self, operation: Operation) {
        crate::trace(format_args!("{operation:?}"));
        match operation {
            Operation::Connect { client, shard, take_over, version, clean, expiry_s, flow, will } => {
                if self.peers[client].wire.is_some() && !take_over {
                    return;
                }
                let hello = Hello { version: choice::version(version), clean, expiry_s, flow, will };
                self.connect(client, shard, hello);
            }
            Operation::Subscribe { client, filter, qos, options } => {
                let bytes = self.peers[client].subscribe(filter, qos, options);
                self.send(client, bytes);
            }
            Operation::Unsubscribe { client, filter } => {
                let bytes = self.peers[client].unsubscribe(filter);
                self.send(client, bytes);
            }
            Operation::Publish { client, topic, qos, retain, size, expiry } => {
                self.publish(client, topic, choice::qos(qos), retain, size, expiry);
            }
            Operation::Repeat { client } => {
                let bytes = self.peers[client].repeat();
                self.send(client, bytes);
            }
            Operation::Answer { client, how } => {
                let bytes = self.peers[client].answer(how);
                self.send(client, bytes);
            }
            Operation::Arrive { client, count } => {
                self.arrive(client, count);
            }
            Operation::Read { client, count } => {
                self.read(client, count);
            }
            Operation::Ping { client } => {
                let bytes = self.peers[client].ping();
                self.send(client, bytes);
            }
            Operation::Disconnect { client, code, expiry } => self.disconnect(client, code, expiry),
            Operation::Cut { client } => {
                if let Some(wire) = self.peers[client].wire {
                    self.world.cut(wire);
                    self.peers[client].ended();
                }
            }
            Operation::Cross { from, to } => drop(self.world.cross(from, to)),
            Operation::Store { shard, count } => drop(self.world.store(shard, count)),
            Operation::Pass { millis } => self.world.pass(Duration::from_millis(millis)),
            Operation::Settle => self.world.settle_shards(),
        }
    }

    /// A new connection of a client. An older one stays, unread, until the broker ends it.
    fn connect(&mut self, client: usize, shard: usize, hello: Hello) {
        if let Some(older) = self.peers[client].wire {
            self.world.wires[older].to_broker.clear();
        }
        let Some(wire) = self.world.open(shard) else { return };
        let peer = &mut self.peers[client];
        let (inflight_max, partly_refused) = (self.inflight_max, self.partly_refused);
        (peer.inflight_max, peer.partly_refused) = (inflight_max, partly_refused);
        let bytes = peer.connect(wire, hello);
        self.send(client, bytes);
        while self.world.arrive(wire, usize::MAX) {}
        self.read(client, usize::MAX);
    }

    fn publish(&mut self, client: usize, topic: usize, qos: QoS, retain: bool, size: usize, expiry: bool) {
        // A client that keeps to the broker's Receive Maximum; 0x93 has its own tests.
        if qos != QoS::AtMostOnce && self.peers[client].open() >= self.receive_maximum {
            return;
        }
        self.numbers += 1;
        // A QoS 1 message may come again because its publisher repeats it.
        let kind = if qos == QoS::AtLeastOnce { 'r' } else { 'm' };
        let mut payload = format!("{kind}{}.{}", self.numbers, "x".repeat(size)).into_bytes();
        if retain && size == 0 {
            payload.clear();
        }
        let bytes = self.peers[client].publish(topic, qos, retain, payload, expiry);
        self.send(client, bytes);
    }

    fn disconnect(&mut self, client: usize, code: u8, expiry: bool) {
        let bytes = self.peers[client].disconnect(code, expiry);
        if let (Some(wire), false) = (self.peers[client].wire, bytes.is_empty()) {
            self.send(client, bytes);
            while self.world.arrive(wire, usize::MAX) {}
            self.world.cut(wire);
            self.peers[client].ended();
        }
    }

    fn arrive(&mut self, client: usize, count: usize) -> bool {
        self.peers[client].wire.is_some_and(|wire| self.world.arrive(wire, count))
    }

    fn read(&mut self, client: usize, count: usize) -> bool {
        let Some(wire) = self.peers[client].wire else { return false };
        let bytes = self.world.take(wire, count);
        let answers = self.peers[client].receive(&bytes);
        self.send(client, answers);
        if bytes.is_empty() && self.world.wires[wire].closing {
            self.world.cut(wire);
            self.peers[client].ended();
            return true;
        }
        !bytes.is_empty()
    }

    /// Everything arrives and is answered until nothing moves any more.
    fn heal(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let mut busy = !self.world.is_settled();
            self.world.settle_shards();
            for client in 0..CLIENTS {
                busy |= self.arrive(client, usize::MAX);
                busy |= self.read(client, usize::MAX);
                let answers = self.peers[client].answer(Answer::All);
                busy |= !answers.is_empty();
                self.send(client, answers);
            }
            if !busy {
                return;
            }
        }
        panic!("the broker never comes to rest");
    }

    /// A client removes all retained messages: then nothing is left in any shard.
    fn remove_retained(&mut self) {
        if !self.retained {
            return;
        }
        let hello = Hello { version: Version::V3_1_1, clean: true, expiry_s: 0, flow: 0, will: None };
        self.connect(0, 0, hello);
        for topic in 0..TOPICS.len() {
            let bytes = self.peers[0].publish(topic, QoS::AtMostOnce, true, Vec::new(), false);
            assert!(!bytes.is_empty(), "an empty broker lets a client in");
            self.send(0, bytes);
        }
        self.heal();
        self.world.assert_at_rest();
        for shard in &self.world.shards {
            assert_eq!(shard.broker.stats().retained_messages, 0, "{:?}", shard.broker.stats());
            assert_eq!(shard.broker.unsettled(), 0);
        }
    }
}
