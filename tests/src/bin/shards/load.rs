//! Shards in one thread under load. Rounds: every publisher writes its window, then all shards take turns until all is
//! delivered and acknowledged. What the shards do is counted, what clients and the carrying of bytes cost is not.

use std::collections::{HashMap, VecDeque};
use std::hint::black_box;
use std::str::FromStr;

use weirmq_core::{
    Broker, Budget, Config, ConnId, Instant, ListenerId, Outbox, PeerAddr, PeerBatch, ShardId, WakeReason,
};
use weirmq_tests::wire::{Packet, ToWire, Version, connect, publish, subscribe};

/// Rounds before anything is counted, and those that are.
const WARM_UP: usize = 20;
const ROUNDS: usize = 50;
const PAYLOAD_BYTES: usize = 16;

/// Who publishes to whom.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// 64 publishers, each with a subscriber of its own.
    Pairs,
    /// 64 publishers and one subscriber.
    FanIn,
    /// One publisher and 256 subscribers.
    FanOut,
    /// 64 clients, each of which subscribes to one new topic after the other.
    Subscribe,
    /// 64 clients, each of which publishes retained messages at QoS 1 to one new topic after the other.
    Retain,
}

impl Work {
    /// The type of the packets by which clients see that it is done.
    fn packet_type(self) -> u8 {
        match self {
            Self::Pairs | Self::FanIn | Self::FanOut => 3,
            Self::Retain => 4,
            Self::Subscribe => 9,
        }
    }
}

impl FromStr for Work {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "pairs" => Ok(Self::Pairs),
            "fan-in" => Ok(Self::FanIn),
            "fan-out" => Ok(Self::FanOut),
            "subscribe" => Ok(Self::Subscribe),
            "retain" => Ok(Self::Retain),
            _ => Err(()),
        }
    }
}

struct Shard {
    broker: Broker,
    outbox: Outbox,
    inbox: VecDeque<(ShardId, PeerBatch)>,
    /// What its connections have written, and what was written to them.
    input: Vec<(ConnId, Vec<u8>)>,
    written: Vec<(ConnId, usize)>,
}

impl Shard {
    /// The half of a turn that ends in effects. The other half of it is to carry them out and say what was written.
    fn turn(&mut self, now: Instant) {
        for (conn, count) in self.written.drain(..) {
            self.broker.handle_sent(now, conn, count);
        }
        while let Some((from, mut batch)) = self.inbox.pop_front() {
            self.broker.handle_peer(now, from, &mut batch);
        }
        for (conn, bytes) in &self.input {
            self.broker.handle_receive(now, *conn, bytes);
        }
        self.broker.run(now, Budget::default());
        self.broker.drain(&mut self.outbox);
    }

    fn is_idle(&self) -> bool {
        let is_due = self.broker.poll_timeout().is_some_and(|(_, reason)| reason != WakeReason::Timer);
        self.written.is_empty() && self.inbox.is_empty() && self.input.is_empty() && !is_due
    }
}

/// A function for each shard, so that callgrind tells them apart. The number keeps them from being merged into one.
macro_rules! counted {
    ($($number:literal $name:ident)*) => {
        $(
            #[inline(never)]
            fn $name(shard: &mut Shard, now: Instant) {
                black_box($number);
                shard.turn(now);
                black_box($number);
            }
        )*

        const COUNTED: &[fn(&mut Shard, Instant)] = &[$($name),*];
    };
}

counted! {
    0 counted_shard_0 1 counted_shard_1 2 counted_shard_2 3 counted_shard_3
    4 counted_shard_4 5 counted_shard_5 6 counted_shard_6 7 counted_shard_7
    8 counted_shard_8 9 counted_shard_9 10 counted_shard_10 11 counted_shard_11
    12 counted_shard_12 13 counted_shard_13 14 counted_shard_14 15 counted_shard_15
}

/// A connection: its shard, and its name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Place(usize, ConnId);

struct Shards {
    now: Instant,
    shards: Vec<Shard>,
    /// Packets of this type that arrived at clients, and turns that were taken.
    packet_type: u8,
    delivered: usize,
    turns: usize,
    counting: bool,
    /// Where connections went that were handed over.
    moved: HashMap<Place, Place>,
}

impl Shards {
    fn new(shards: u16, packet_type: u8) -> Self {
        let mut config = Config { shards, ..Config::default() };
        (config.mqtt.inflight_max, config.mqtt.receive_maximum) = (u16::MAX, u16::MAX);
        let now = Instant::from_secs(1_000);
        let shard = |number| Shard {
            broker: Broker::new(config.clone(), ShardId(number), [7; 32], now),
            outbox: Outbox::new(),
            inbox: VecDeque::new(),
            input: Vec::new(),
            written: Vec::new(),
        };
        let shards = (0..shards).map(shard).collect();
        Self { now, shards, packet_type, delivered: 0, turns: 0, counting: false, moved: HashMap::new() }
    }

    /// Takes turns until there is nothing left to do.
    fn settle(&mut self) {
        while self.shards.iter().any(|shard| !shard.is_idle()) {
            self.now = self.now.saturating_add(std::time::Duration::from_micros(1));
            for (index, counted) in COUNTED.iter().enumerate().take(self.shards.len()) {
                let shard = &mut self.shards[index];
                if shard.is_idle() {
                    continue;
                }
                if self.counting {
                    counted(shard, self.now);
                    self.turns += 1;
                } else {
                    shard.turn(self.now);
                }
                shard.input.clear();
                self.carry_out(index);
            }
        }
    }

    fn carry_out(&mut self, index: usize) {
        let mut outbox = std::mem::take(&mut self.shards[index].outbox);
        for (to, batch) in outbox.peers.drain(..) {
            self.shards[usize::from(to.0)].inbox.push_back((ShardId(index as u16), batch));
        }
        for conn in outbox.flush.drain(..) {
            let bytes: Vec<u8> = self.shards[index].broker.tx_slices(conn).flatten().copied().collect();
            let answer = self.answer(&bytes);
            let shard = &mut self.shards[index];
            shard.written.push((conn, bytes.len()));
            if !answer.is_empty() {
                shard.input.push((conn, answer));
            }
        }
        for handoff in outbox.handoff.drain(..) {
            let to = usize::from(handoff.to.0);
            let conn = self.shards[to].broker.handle_handoff(self.now, handoff.moved).expect("there is room");
            self.moved.insert(Place(index, handoff.conn), Place(to, conn));
            // The CONNACK is an effect of this: it comes with the next turn.
            self.shards[to].written.push((conn, 0));
        }
        self.shards[index].outbox = outbox;
    }

    /// What a client says to these packets: PUBACK to each PUBLISH of QoS 1.
    fn answer(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        while let [first, length, rest @ ..] = bytes {
            let (packet, after) = rest.split_at(usize::from(*length));
            bytes = after;
            self.delivered += usize::from(first >> 4 == self.packet_type);
            if first >> 4 == 3 {
                let topic = usize::from(packet[0]) << 8 | usize::from(packet[1]);
                if first >> 1 & 3 == 1 {
                    answer.extend([0x40, 2, packet[topic + 2], packet[topic + 3]]);
                }
            }
        }
        answer
    }

    /// Connects a client, which may be moved to another shard for it.
    fn connect(&mut self, name: &str) -> Place {
        let index = name.len() % self.shards.len();
        let broker = &mut self.shards[index].broker;
        let conn = broker.handle_accept(self.now, ListenerId(0), PeerAddr::Memory).expect("there is room");
        let place = Place(index, conn);
        self.say(place, &connect(name).keep_alive(0).to_wire(Version::V311));
        self.settle();
        self.moved.remove(&place).unwrap_or(place)
    }

    fn say(&mut self, place: Place, bytes: &[u8]) {
        self.shards[place.0].input.push((place.1, bytes.to_vec()));
    }

    fn subscriber(&mut self, name: &str, topic: &str, qos: u8) -> Place {
        let place = self.connect(name);
        self.say(place, &Packet::from(subscribe(1, [(topic, qos)])).to_wire(Version::V311));
        self.settle();
        place
    }

    fn batches(&self) -> u64 {
        self.shards.iter().map(|shard| shard.broker.stats().peer_batches_sent).sum()
    }
}

/// The packets that one publisher writes in one round.
fn window_of(topic: &str, qos: u8, window: usize) -> Vec<u8> {
    let one = |number: usize| {
        let mut packet = publish(topic, [b'x'; PAYLOAD_BYTES]).qos(qos);
        packet.id = (qos > 0).then_some(number as u16 + 1);
        packet.to_wire(Version::V311)
    };
    (0..window).flat_map(one).collect()
}

/// The packets by which one client subscribes to new topics in one round.
fn filters_of(client: usize, round: usize, qos: u8, window: usize) -> Vec<u8> {
    let one = |number: usize| {
        let filter = format!("site/{client}/{round}/{number}");
        Packet::from(subscribe(1, [(filter.as_str(), qos)])).to_wire(Version::V311)
    };
    (0..window).flat_map(one).collect()
}

/// The packets by which one client gives new topics a retained message in one round.
fn retained_of(client: usize, round: usize, window: usize) -> Vec<u8> {
    let one = |number: usize| {
        let mut packet = publish(&format!("site/{client}/{round}/{number}"), [b'x'; PAYLOAD_BYTES]).qos(1).retain();
        packet.id = Some(number as u16 + 1);
        packet.to_wire(Version::V311)
    };
    (0..window).flat_map(one).collect()
}

/// Who is there: publishers with what each writes in a round, and how many deliveries a round is.
fn people(shards: &mut Shards, work: Work, qos: u8, window: usize) -> (Vec<(Place, Vec<u8>)>, usize) {
    let (publishers, subscribers) = match work {
        Work::Pairs => (64, 64),
        Work::FanIn => (64, 1),
        Work::FanOut => (1, 256),
        Work::Subscribe | Work::Retain => (64, 0),
    };
    for number in 0..subscribers {
        let topic = if matches!(work, Work::Pairs) { format!("topic/{number}") } else { "topic".into() };
        shards.subscriber(&format!("subscriber-{number}"), &topic, qos);
    }
    let publishers: Vec<(Place, Vec<u8>)> = (0..publishers)
        .map(|number| {
            let topic = if matches!(work, Work::Pairs) { format!("topic/{number}") } else { "topic".into() };
            (shards.connect(&format!("publisher-{number}")), window_of(&topic, qos, window))
        })
        .collect();
    let each = if matches!(work, Work::FanOut) { subscribers } else { 1 };
    let deliveries = publishers.len() * window * each;
    (publishers, deliveries)
}

/// Prints what was done while it was counted: a line of `name=value`.
pub(crate) fn run(work: Work, count: u16, qos: u8, window: usize) {
    let mut shards = Shards::new(count, work.packet_type());
    let (publishers, deliveries) = people(&mut shards, work, qos, window);
    for round in 0..WARM_UP + ROUNDS {
        if round == WARM_UP {
            (shards.counting, shards.delivered) = (true, 0);
        }
        let batches = shards.batches();
        for (number, (place, bytes)) in publishers.iter().enumerate() {
            match work {
                Work::Subscribe => shards.say(*place, &filters_of(number, round, qos, window)),
                Work::Retain => shards.say(*place, &retained_of(number, round, window)),
                Work::Pairs | Work::FanIn | Work::FanOut => shards.say(*place, bytes),
            }
        }
        shards.settle();
        if round + 1 == WARM_UP + ROUNDS {
            println!("batches_of_a_round={}", shards.batches() - batches);
        }
    }
    assert_eq!(shards.delivered, deliveries * ROUNDS, "everything is delivered once");
    let messages = publishers.len() * window * ROUNDS;
    println!("messages={messages} deliveries={} turns={}", shards.delivered, shards.turns);
}
