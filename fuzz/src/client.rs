//! The client machine against the broker machine: two machines that do not know each other's state, over wires that cut
//! bytes and break.

use std::collections::BTreeMap;
use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use weirmq_core::Config;
use weirmq_core::client::{Client, ClientConfig, ClientEvent, PublishRequest, PublishToken, SubscribeRequest};
use weirmq_core::config::QueueFull;
use weirmq_core::packet::{PacketId, Properties, QoS, ReasonCode, SubscriptionOptions, Version};

use crate::choice;
use crate::world::World;

const OPERATIONS_MAX: usize = 120;
const CLIENTS: usize = 3;
/// What the pump does at most until everything has arrived.
const ROUNDS_MAX: usize = 20_000;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Publish {
        client: usize,
        qos: QoS,
        size: u16,
        topic: u8,
    },
    /// Up to so many bytes go from client to broker.
    Up {
        client: usize,
        count: usize,
    },
    /// Up to so many bytes go from broker to client.
    Down {
        client: usize,
        count: usize,
    },
    Break {
        client: usize,
    },
    Disconnect {
        client: usize,
    },
    Acknowledge {
        client: usize,
    },
    Cross {
        from: usize,
        to: usize,
    },
    Store {
        shard: usize,
        count: u64,
    },
    Pass {
        seconds: u64,
    },
}

impl<'a> Arbitrary<'a> for Operation {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let [kind, what]: [u8; 2] = u.arbitrary()?;
        let client = usize::from(kind >> 4) % CLIENTS;
        let count = usize::from(what).pow(2) / 16 + 1;
        Ok(match kind & 15 {
            0..=3 => {
                let size = if what >> 4 == 15 { 1500 } else { u16::from(what >> 4) };
                Self::Publish { client, qos: choice::qos(what), size, topic: what >> 2 & 1 }
            }
            4..=6 => Self::Up { client, count },
            7..=9 => Self::Down { client, count },
            10 => Self::Break { client },
            11 if what > 200 => Self::Disconnect { client },
            11 | 12 => Self::Acknowledge { client },
            13 => Self::Cross { from: usize::from(what), to: usize::from(what >> 4) },
            14 => Self::Store { shard: client, count: u64::from(what) },
            _ => Self::Pass { seconds: u64::from(what % 8) },
        })
    }
}

/// One client and its application, which notes what it sent and got.
struct Side {
    client: Client,
    wire: Option<usize>,
    automatic: bool,
    /// Messages that the application has not acknowledged: identifier, publisher and number.
    unacknowledged: Vec<(PacketId, u8, u32)>,
    /// What was published and not settled: the message's number and QoS.
    open: BTreeMap<PublishToken, (u32, QoS)>,
    /// How often each message came, by publisher and number; a repetition with DUP counts too.
    got: BTreeMap<(u8, u32), u32>,
    /// The number of the last new message by publisher, QoS and topic.
    last: BTreeMap<(u8, u8, u8), u32>,
    is_subscribed: bool,
}

/// A message that the broker has taken over: publisher, number, QoS.
type Taken = (u8, u32, QoS);

struct Test {
    world: World,
    sides: Vec<Side>,
    numbers: u32,
    taken: Vec<Taken>,
    refused: Vec<(u8, u32)>,
}

/// Clients publish and subscribe at QoS 0 to 2 while wires break: each message that was acknowledged reaches each client,
/// at QoS 2 exactly once, at QoS 1 at least once, at QoS 0 at most once; messages of one publisher, topic and QoS come in
/// their order; no machine accuses the other of a violation; everything settles once the wires hold.
pub fn client_broker(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(mut config) = choice::config(&mut u) else { return };
    let Ok(bits) = u.arbitrary::<[u8; CLIENTS]>() else { return };
    make_lossless(&mut config, bits.iter().any(|bits| bits & 1 == 1));
    crate::trace(format_args!("{bits:?} {config:?}"));
    let mut test = Test {
        world: World::new(&config, 9),
        sides: bits.iter().enumerate().map(|(number, &bits)| Side::new(number, bits)).collect(),
        numbers: 0,
        taken: Vec::new(),
        refused: Vec::new(),
    };
    test.subscribe_all();
    for _ in 0..OPERATIONS_MAX {
        // What is missing of the last one reads as zeros.
        if u.is_empty() {
            break;
        }
        let Ok(operation) = u.arbitrary() else { break };
        test.apply(operation);
    }
    test.heal();
    test.check();
    test.world.assert_at_rest();
}

/// Bounds that only hold back, and refuse only what they tell about.
fn make_lossless(config: &mut Config, knows_no_receive_maximum: bool) {
    if knows_no_receive_maximum {
        // A 3.x client that has more open at QoS 2 is closed, since it cannot be told.
        config.mqtt.receive_maximum = 100;
    }
    config.limits.queue_full = QueueFull::Refuse;
    config.limits.sessions_max = 100;
    config.limits.subscriptions_max = 100;
    // A queue that other shards fill, or that QoS 0 fills, cannot refuse.
    config.limits.queue_messages_max = 100_000;
    config.limits.queue_bytes_max = 1 << 30;
    config.mqtt.session_expiry_max_s = 1_000_000;
}

impl Side {
    fn new(number: usize, bits: u8) -> Self {
        let version = if bits & 1 == 0 { Version::V5 } else { Version::V3_1_1 };
        let config = ClientConfig {
            clean_start: false,
            session_expiry_s: 1_000_000,
            keep_alive_s: 0,
            receive_maximum: [1, 2, 10, 64][usize::from(bits >> 1 & 3)],
            topic_alias_maximum: u16::from(bits >> 3 & 3),
            topic_aliases_used_max: u16::from(bits >> 5 & 1),
            automatic_acknowledgement: bits >> 6 & 1 == 0,
            queue_messages_max: if bits >> 7 == 0 { 1_000 } else { 2 },
            ..ClientConfig::new(version, ["one", "two", "three"][number])
        };
        Self {
            automatic: config.automatic_acknowledgement,
            client: Client::new(config).expect("a valid configuration"),
            wire: None,
            unacknowledged: Vec::new(),
            open: BTreeMap::new(),
            got: BTreeMap::new(),
            last: BTreeMap::new(),
            is_subscribed: false,
        }
    }
}

impl Test {
    fn subscribe_all(&mut self) {
        for number in 0..CLIENTS {
            self.connect(number);
            self.flow();
            let side = &mut self.sides[number];
            let filter = SubscribeRequest { filter: "t/#", options: SubscriptionOptions::with_qos(QoS::ExactlyOnce) };
            side.client.subscribe(self.world.now, &[filter], Properties::default()).expect("it is connected");
            self.flow();
            assert!(self.sides[number].is_subscribed);
        }
    }

    fn connect(&mut self, number: usize) {
        let side = &mut self.sides[number];
        if side.wire.is_some() {
            return;
        }
        side.wire = self.world.open(number);
        if side.wire.is_some() {
            side.client.connect(self.world.now).expect("the last connection was reported closed");
        }
    }

    fn apply(&mut self, operation: Operation) {
        crate::trace(format_args!("{operation:?}"));
        match operation {
            Operation::Publish { client, qos, size, topic } => self.publish(client, qos, size, topic),
            Operation::Up { client, count } => {
                self.connect(client);
                self.up(client, count);
            }
            Operation::Down { client, count } => {
                self.down(client, count);
            }
            Operation::Break { client } => {
                if let Some(wire) = self.sides[client].wire.take() {
                    self.world.cut(wire);
                    self.sides[client].client.handle_closed(self.world.now);
                    self.events(client);
                }
            }
            Operation::Disconnect { client } => {
                // Refused while there is no connection.
                let _ = self.sides[client].client.disconnect(self.world.now, ReasonCode::Success, None);
                self.events(client);
            }
            Operation::Acknowledge { client } => self.acknowledge(client),
            Operation::Cross { from, to } => drop(self.world.cross(from, to)),
            Operation::Store { shard, count } => drop(self.world.store(shard, count)),
            Operation::Pass { seconds } => self.world.pass(Duration::from_secs(seconds)),
        }
    }

    fn publish(&mut self, client: usize, qos: QoS, size: u16, topic: u8) {
        self.numbers += 1;
        let number = self.numbers;
        let mut payload = vec![client as u8, topic];
        payload.extend_from_slice(&number.to_be_bytes());
        payload.resize(payload.len() + usize::from(size), b'x');
        let topic = if topic == 0 { "t/a" } else { "t/b" };
        let request = PublishRequest { topic, qos, payload: &payload, ..PublishRequest::default() };
        let side = &mut self.sides[client];
        // Refused while the queue is full, or at QoS 0 while there is no connection.
        if let Ok(Some(token)) = side.client.publish(self.world.now, &request) {
            side.open.insert(token, (number, qos));
        }
    }

    fn acknowledge(&mut self, client: usize) {
        let side = &mut self.sides[client];
        if !side.unacknowledged.is_empty() {
            let (packet_id, publisher, value) = side.unacknowledged.remove(0);
            if side.client.acknowledge(self.world.now, packet_id, ReasonCode::Success).is_err() {
                // The connection that brought it has ended: it comes again.
                *side.got.entry((publisher, value)).or_default() -= 1;
            }
        }
    }

    fn up(&mut self, number: usize, count: usize) -> bool {
        let side = &mut self.sides[number];
        let Some(wire) = side.wire else { return false };
        let tx = side.client.tx();
        let count = count.min(tx.len());
        let busy = count > 0;
        self.world.wires[wire].to_broker.extend(&tx[..count]);
        side.client.handle_sent(count);
        let arrived = self.world.arrive(wire, count.max(1));
        if self.sides[number].client.wants_close() && self.sides[number].client.tx().is_empty() {
            self.world.wires[wire].hung_up = true;
            while self.world.arrive(wire, usize::MAX) {}
            self.closed(number);
            return true;
        }
        busy || arrived
    }

    fn down(&mut self, number: usize, count: usize) -> bool {
        let side = &mut self.sides[number];
        let Some(wire) = side.wire else { return false };
        if !side.client.wants_read() && !side.client.wants_close() {
            return false;
        }
        let bytes = self.world.take(wire, count);
        self.sides[number].client.handle_receive(self.world.now, &bytes);
        self.events(number);
        if self.world.wires[wire].closing && bytes.is_empty() {
            self.closed(number);
            return true;
        }
        !bytes.is_empty()
    }

    fn closed(&mut self, number: usize) {
        let wire = self.sides[number].wire.take().expect("there was a connection");
        self.world.cut(wire);
        self.sides[number].client.handle_closed(self.world.now);
        self.events(number);
    }

    fn events(&mut self, number: usize) {
        while let Some(event) = self.sides[number].client.poll_event() {
            crate::trace(format_args!("{number}: {event:?}"));
            let side = &mut self.sides[number];
            match event {
                ClientEvent::Connected { session_present, .. } => {
                    // What was not acknowledged comes again, at QoS 2 too.
                    for (_, publisher, value) in side.unacknowledged.drain(..) {
                        *side.got.entry((publisher, value)).or_default() -= 1;
                    }
                    assert!(session_present || !side.is_subscribed, "the session was kept");
                }
                ClientEvent::Message(message) => {
                    let [publisher, topic, a, b, c, d, ..] = *message.payload else { panic!("a payload came short") };
                    let value = u32::from_be_bytes([a, b, c, d]);
                    assert_eq!(&*message.topic, if topic == 0 { "t/a" } else { "t/b" });
                    if let (false, Some(packet_id)) = (side.automatic, message.packet_id) {
                        side.unacknowledged.push((packet_id, publisher, value));
                    }
                    let is_new = !side.got.contains_key(&(publisher, value));
                    let count = side.got.entry((publisher, value)).or_default();
                    *count += 1;
                    assert!(*count == 1 || message.qos == QoS::AtLeastOnce, "message {value} came {count} times");
                    if is_new {
                        let last = side.last.entry((publisher, message.qos as u8, topic)).or_default();
                        assert!(*last < value, "message {value} after {last}");
                        *last = value;
                    }
                }
                ClientEvent::Acknowledged { token, code, .. } => {
                    let (value, qos) = side.open.remove(&token).expect("a message is settled once");
                    // PUBCOMP with 0x92 is no error after a connection that was lost (MQTT 5.0, 3.7.2.1).
                    if code.is_failure() && code != ReasonCode::PacketIdentifierNotFound {
                        self.refused.push((number as u8, value));
                    } else {
                        self.taken.push((number as u8, value, qos));
                    }
                }
                ClientEvent::PublishFailed { token, .. } => drop(side.open.remove(&token).expect("it was open")),
                ClientEvent::Subscribed { codes, .. } => {
                    assert_eq!(codes, [ReasonCode::GrantedQoS2]);
                    side.is_subscribed = true;
                }
                ClientEvent::Disconnected { reason } => {
                    use weirmq_core::client::DisconnectReason as Reason;
                    assert!(!matches!(reason, Reason::Violation(_)), "the broker broke the protocol: {reason:?}");
                    if let Reason::Server { code, .. } = &reason {
                        assert!(matches!(code, ReasonCode::SessionTakenOver), "the broker closed: {code:?}");
                    }
                }
                ClientEvent::Refused { code, .. } => panic!("refused: {code:?}"),
                ClientEvent::Unsubscribed { .. } | ClientEvent::Unanswered { .. } | ClientEvent::Auth { .. } => {}
            }
        }
    }

    /// Moves everything there is until nothing moves.
    fn flow(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let mut busy = false;
            for number in 0..CLIENTS {
                busy |= self.up(number, usize::MAX);
                busy |= self.down(number, usize::MAX);
                while !self.sides[number].unacknowledged.is_empty() {
                    self.acknowledge(number);
                    busy = true;
                }
            }
            busy |= !self.world.is_settled();
            self.world.settle_shards();
            if !busy {
                return;
            }
        }
        panic!("the machines never come to rest");
    }

    /// Connects everybody and waits until nothing moves any more.
    fn heal(&mut self) {
        for _ in 0..4 {
            for number in 0..CLIENTS {
                self.connect(number);
            }
            self.flow();
        }
    }

    fn check(&mut self) {
        for shard in &self.world.shards {
            let stats = shard.broker.stats();
            assert_eq!((stats.messages_inflight, stats.messages_queued), (0, 0), "everything was answered");
        }
        let reasons: Vec<_> = self.world.wires.iter().filter_map(|wire| wire.reason).collect();
        for (number, side) in self.sides.iter().enumerate() {
            assert!(side.client.is_connected(), "client {number} does not come back: {reasons:?}");
            assert!(side.open.is_empty(), "client {number}: not settled: {:?}", side.open);
            assert_eq!((side.client.inflight(), side.client.queued()), (0, 0));
            for &(publisher, value, qos) in &self.taken {
                let count = side.got.get(&(publisher, value)).copied().unwrap_or(0);
                match qos {
                    QoS::ExactlyOnce => assert_eq!(count, 1, "QoS 2 message {value} at client {number}"),
                    QoS::AtLeastOnce => assert!(count >= 1, "QoS 1 message {value} is lost at client {number}"),
                    QoS::AtMostOnce => unreachable!("nobody acknowledges QoS 0"),
                }
            }
        }
        assert!(self.refused.is_empty(), "refused although there is room: {:?}", self.refused);
    }
}
