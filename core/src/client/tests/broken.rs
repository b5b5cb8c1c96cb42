//! Connections that break anywhere: what was published arrives, at QoS 2 once, as long as the server keeps the session.

use alloc::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::packet::{Ack, Packet, PacketType, ReasonCode, split};

/// A server that keeps one session: its QoS 2 identifiers, and every payload that it has taken over.
#[derive(Default)]
struct Server {
    received: BTreeSet<PacketId>,
    taken: Vec<(QoS, u8)>,
    rx: Vec<u8>,
}

impl Server {
    /// Reads what the client wrote and gives the answers.
    fn read(&mut self, version: Version, bytes: &[u8]) -> Vec<u8> {
        self.rx.extend_from_slice(bytes);
        let mut out = Vec::new();
        let mut used = 0;
        while let Some(frame) = split(&self.rx[used..], Some(version), usize::MAX).expect("a valid header") {
            used += frame.size;
            let (packet_id, packet_type) = match Packet::decode(version, &frame).expect("a valid packet") {
                Packet::Publish(publish) => {
                    let Some(packet_id) = publish.packet_id else { continue };
                    if publish.qos == QoS::AtLeastOnce || self.received.insert(packet_id) {
                        self.taken.push((publish.qos, publish.payload[0]));
                    }
                    let qos_1 = publish.qos == QoS::AtLeastOnce;
                    (packet_id, if qos_1 { PacketType::PubAck } else { PacketType::PubRec })
                }
                Packet::PubRel(ack) => {
                    self.received.remove(&ack.packet_id);
                    (ack.packet_id, PacketType::PubComp)
                }
                other => panic!("the client has no reason for {other:?}"),
            };
            Ack::new(packet_id, ReasonCode::Success).encode(packet_type, version, &mut out);
        }
        self.rx.drain(..used);
        out
    }
}

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Step {
    Publish(QoS),
    /// So many bytes of the client's output arrive.
    ToServer(usize),
    /// So many bytes of the server's answers arrive.
    ToClient(usize),
    /// The connection breaks: what is under way is lost.
    Break,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop_oneof![Just(QoS::AtLeastOnce), Just(QoS::ExactlyOnce)].prop_map(Step::Publish),
        4 => (1usize..40).prop_map(Step::ToServer),
        4 => (1usize..20).prop_map(Step::ToClient),
        1 => Just(Step::Break),
    ]
}

struct World {
    harness: Harness,
    server: Server,
    answers: Vec<u8>,
    published: Vec<(QoS, u8)>,
    tokens: Vec<PublishToken>,
    acknowledged: Vec<PublishToken>,
}

impl World {
    fn step(&mut self, step: Step) {
        let version = self.harness.client.version();
        match step {
            Step::Publish(qos) => {
                let number = self.published.len() as u8;
                let request = PublishRequest { topic: "t", qos, payload: &[number], ..Default::default() };
                let token = self.harness.client.publish(self.harness.now, &request).expect("the queue is large");
                self.tokens.push(token.expect("above QoS 0"));
                self.published.push((qos, number));
            }
            Step::ToServer(count) => {
                let bytes = self.harness.client.tx();
                let bytes = bytes[..count.min(bytes.len())].to_vec();
                self.harness.client.handle_sent(bytes.len());
                self.answers.extend(self.server.read(version, &bytes));
            }
            Step::ToClient(count) => {
                let bytes: Vec<u8> = self.answers.drain(..count.min(self.answers.len())).collect();
                self.harness.feed(&bytes);
            }
            Step::Break => {
                self.answers.clear();
                self.server.rx.clear();
                self.harness.client.handle_closed(self.harness.now);
                self.take_events();
                self.harness.client.connect(self.harness.now).expect("idle");
                self.harness.sent();
                self.harness.feed(if version == Version::V5 {
                    b"\x20\x06\x01\0\x03\x21\0\x05"
                } else {
                    CONNACK_3_PRESENT
                });
            }
        }
        self.take_events();
    }

    fn take_events(&mut self) {
        for event in self.harness.events() {
            if let ClientEvent::Acknowledged { token, code, .. } = event {
                assert_eq!(code, ReasonCode::Success);
                self.acknowledged.push(token);
            }
        }
    }

    /// The payloads at one QoS, each where it was first taken over.
    fn first_taken(&self, qos: QoS) -> Vec<u8> {
        let mut numbers = Vec::new();
        for (_, number) in self.server.taken.iter().filter(|(taken, _)| *taken == qos) {
            if !numbers.contains(number) {
                numbers.push(*number);
            }
        }
        numbers
    }
}

proptest! {
    #[test]
    fn what_is_published_arrives(v5 in any::<bool>(), steps in vec(step(), 1..150)) {
        let version = if v5 { Version::V5 } else { Version::V3_1_1 };
        let mut world = World {
            harness: Harness::connected(persistent(version)),
            server: Server::default(),
            answers: Vec::new(),
            published: Vec::new(),
            tokens: Vec::new(),
            acknowledged: Vec::new(),
        };
        for step in steps {
            world.step(step);
        }
        for _ in 0..400 {
            if world.harness.client.tx().is_empty() && world.answers.is_empty() {
                break;
            }
            world.step(Step::ToServer(usize::MAX));
            world.step(Step::ToClient(usize::MAX));
        }
        prop_assert_eq!(world.harness.client.inflight() + world.harness.client.queued(), 0);
        world.acknowledged.sort();
        prop_assert_eq!(&world.acknowledged, &world.tokens, "each is acknowledged once");
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let published: Vec<u8> =
                world.published.iter().filter(|(sent, _)| *sent == qos).map(|(_, number)| *number).collect();
            prop_assert_eq!(world.first_taken(qos), published.clone(), "in order");
            if qos == QoS::ExactlyOnce {
                let taken = world.server.taken.iter().filter(|(taken, _)| *taken == qos).count();
                prop_assert_eq!(taken, published.len(), "exactly once");
            }
        }
        prop_assert!(world.server.received.is_empty());
    }
}
