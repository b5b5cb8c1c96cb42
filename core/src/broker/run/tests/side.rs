//! Brokers with a publisher and receivers of any kind, which are handed the same packets in different pieces.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::broker::{Broker, Budget, CloseCause, Progress};
use crate::packet::{
    Connect, PacketId, Properties, Property, PropertyBuffer, Publish, QoS, Subscribe, SubscribeBuffer,
    SubscriptionOptions, Version,
};
use crate::peer::PeerBatch;
use crate::{Config, ConnId, Instant, ListenerId, Outbox, PeerAddr, ShardId, Stats};

pub(super) const NOW: Instant = Instant::from_secs(1_000);
pub(super) const TOPICS: [&str; 2] = ["run/of/one", "run/of/two"];
pub(super) const FILTERS: [&[&str]; 6] = [
    &["run/of/one"],
    &["run/#"],
    &["run/of/+", "run/of/one"],
    &["run/#", "run/of/one", "+/of/two"],
    &["$share/group/run/of/one"],
    &["nobody/publishes/there"],
];

/// A client and what it subscribes to.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    version: Version,
    shard: u16,
    filters: &'static [&'static str],
    options: SubscriptionOptions,
    /// Which of the subscriptions have an identifier, one bit each.
    identifiers: u8,
    alias_maximum: u16,
    packet_bytes_max: Option<u32>,
}

/// What is done to a receiver between two pieces.
#[derive(Clone, Copy, Debug)]
pub(super) enum Between {
    Nothing,
    Read,
    Leave,
    Return,
}

/// What makes a packet unlike the others, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Retained,
    Qos1,
    Expiring,
    Aliased,
    Typed,
    /// With a Remaining Length that is longer than it needs.
    Long,
    /// DUP at QoS 0 is a violation.
    Dup,
}

/// Packets that are like each other but for their payloads.
#[derive(Clone, Debug)]
pub(super) struct Burst {
    kind: Kind,
    topic: usize,
    payloads: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) shards: u16,
    publisher: Version,
    output_bytes_max: u32,
    pub(super) deliveries_per_turn: u32,
    pub(super) packets_per_turn: u32,
    packet_bytes_max: u32,
    queue_qos0: bool,
    publisher_subscribes: bool,
    has_qos1: bool,
    pub(super) durable: bool,
    pub(super) receivers: Vec<Receiver>,
    pub(super) pieces: Vec<(Vec<Burst>, Vec<Between>)>,
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V3_1_1), Just(Version::V5)]
}

fn receiver(shards: u16) -> impl Strategy<Value = Receiver> {
    let options = (0..3u8, any::<bool>(), any::<bool>()).prop_map(|(qos, no_local, retain_as_published)| {
        let qos = QoS::from_bits(qos).expect("a QoS");
        SubscriptionOptions { no_local, retain_as_published, ..SubscriptionOptions::with_qos(qos) }
    });
    let sizes = prop_oneof![3 => Just(None), 1 => (20u32..200).prop_map(Some)];
    let aliases = prop_oneof![3 => Just(0), 1 => Just(4u16)];
    (
        version(),
        0..shards,
        prop::sample::select(&FILTERS[..]),
        options,
        prop_oneof![2 => Just(0), 1 => 1..8u8],
        aliases,
        sizes,
    )
        .prop_map(|(version, shard, filters, options, identifiers, alias_maximum, packet_bytes_max)| Receiver {
            version,
            shard,
            filters,
            options,
            identifiers,
            alias_maximum,
            packet_bytes_max,
        })
}

fn burst() -> impl Strategy<Value = Burst> {
    let kind = prop_oneof![
        20 => Just(Kind::Plain),
        4 => Just(Kind::Typed),
        1 => Just(Kind::Retained),
        1 => Just(Kind::Qos1),
        1 => Just(Kind::Expiring),
        1 => Just(Kind::Aliased),
        1 => Just(Kind::Long),
    ];
    let payload = prop_oneof![12 => 0..40usize, 3 => 100..300usize, 1 => 900..1_100usize, 1 => Just(5_000usize)];
    (kind, 0..TOPICS.len(), vec(payload, 1..40)).prop_map(|(kind, topic, payloads)| Burst { kind, topic, payloads })
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let between = prop_oneof![Just(Between::Nothing), Just(Between::Read), Just(Between::Leave), Just(Between::Return)];
    let bounds = (
        prop_oneof![Just(4 * 1024), Just(256 * 1024u32)],
        prop_oneof![1..60u32, Just(65_536)],
        prop_oneof![1..30u32, Just(1_024)],
        prop_oneof![3 => Just(1024 * 1024u32), 1 => Just(1_024)],
        any::<bool>(),
    );
    (1..=2u16).prop_flat_map(move |shards| {
        let pieces = vec((vec(burst(), 1..6), vec(between.clone(), 6)), 1..4);
        let last = prop_oneof![4 => Just(false), 1 => Just(true)];
        (version(), bounds.clone(), any::<bool>(), vec(receiver(shards), 0..6), pieces, last).prop_map(
            move |(publisher, bounds, publisher_subscribes, receivers, mut pieces, is_broken)| {
                let (output_bytes_max, deliveries_per_turn, packets_per_turn, packet_bytes_max, queue_qos0) = bounds;
                if is_broken && let Some((bursts, _)) = pieces.last_mut() {
                    bursts.push(Burst { kind: Kind::Plain, topic: 0, payloads: vec![3; 5] });
                    bursts.push(Burst { kind: Kind::Dup, topic: 0, payloads: vec![3; 5] });
                }
                Case {
                    shards,
                    publisher,
                    output_bytes_max,
                    deliveries_per_turn,
                    packets_per_turn,
                    packet_bytes_max,
                    queue_qos0,
                    publisher_subscribes,
                    // Acknowledgements come when another shard has answered, and so elsewhere among the client's own
                    // messages; or not at all, when it breaks the protocol before that.
                    has_qos1: !publisher_subscribes && !is_broken && packet_bytes_max > 1_024,
                    durable: false,
                    receivers,
                    pieces,
                }
            },
        )
    })
}

impl Case {
    fn config(&self) -> Config {
        let mut config = Config { shards: self.shards, durable: self.durable, ..Config::default() };
        config.limits.output_bytes_max = self.output_bytes_max;
        config.limits.deliveries_per_turn = self.deliveries_per_turn;
        config.limits.packets_per_turn = self.packets_per_turn;
        config.limits.queue_qos0 = self.queue_qos0;
        config.mqtt.packet_bytes_max = self.packet_bytes_max;
        config.mqtt.connect_bytes_max = 1_024;
        config
    }

    /// The packets of one piece.
    pub(super) fn packets(&self, bursts: &[Burst]) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        for &Burst { kind, topic, ref payloads } in bursts {
            for &bytes in payloads {
                let payload = vec![packets.len() as u8; bytes];
                packets.push(self.packet(kind, TOPICS[topic], &payload));
            }
        }
        packets
    }

    fn packet(&self, kind: Kind, topic: &str, payload: &[u8]) -> Vec<u8> {
        let property = match kind {
            Kind::Expiring => Some(Property::MessageExpiryInterval(100)),
            Kind::Aliased => Some(Property::TopicAlias(1)),
            Kind::Typed => Some(Property::ContentType("text/plain")),
            _ => None,
        };
        let properties: PropertyBuffer = property.filter(|_| self.publisher == Version::V5).into_iter().collect();
        let is_qos1 = kind == Kind::Qos1 && self.has_qos1;
        let publish = Publish {
            dup: false,
            qos: if is_qos1 { QoS::AtLeastOnce } else { QoS::AtMostOnce },
            retain: kind == Kind::Retained,
            topic,
            packet_id: is_qos1.then_some(PacketId::MIN),
            properties: properties.as_properties(),
            payload,
        };
        let mut packet = Vec::new();
        publish.encode(self.publisher, &mut packet);
        match kind {
            Kind::Dup => packet[0] |= 0b1000,
            // In 5.0 it would be a violation.
            Kind::Long if self.publisher != Version::V5 && packet[1] < 0x80 => {
                packet[1] |= 0x80;
                packet.insert(2, 0);
            }
            _ => {}
        }
        packet
    }
}

/// One of the two brokers that are compared.
pub(super) struct Side {
    pub(super) shards: Vec<Broker>,
    inboxes: Vec<VecDeque<(ShardId, PeerBatch)>>,
    /// Shard and connection of the receivers, and the publisher last.
    conns: Vec<(usize, ConnId)>,
    /// Whose output a runtime was told to write since they last read.
    to_flush: Vec<(usize, ConnId)>,
    /// What each was sent.
    pub(super) got: Vec<Vec<u8>>,
}

impl Side {
    pub(super) fn new(case: &Case) -> Self {
        let shards = (0..case.shards).map(|shard| Broker::new(case.config(), ShardId(shard), [7; 32], NOW)).collect();
        let inboxes = (0..case.shards).map(|_| VecDeque::new()).collect();
        let got = vec![Vec::new(); case.receivers.len() + 1];
        let mut side = Self { shards, inboxes, conns: Vec::new(), to_flush: Vec::new(), got };
        for (number, receiver) in case.receivers.iter().enumerate() {
            let conn = side.connect(number, receiver);
            side.conns.push(conn);
            side.subscribe(number, receiver);
        }
        let options =
            SubscriptionOptions { no_local: case.shards == 2, ..SubscriptionOptions::with_qos(QoS::AtMostOnce) };
        let publisher = Receiver {
            version: case.publisher,
            shard: 0,
            filters: if case.publisher_subscribes { FILTERS[0] } else { &[] },
            options,
            identifiers: 0,
            alias_maximum: 0,
            packet_bytes_max: None,
        };
        let conn = side.connect(case.receivers.len(), &publisher);
        side.conns.push(conn);
        side.subscribe(case.receivers.len(), &publisher);
        side.settle();
        (0..side.conns.len()).for_each(|client| side.read(client));
        side
    }

    fn connect(&mut self, number: usize, receiver: &Receiver) -> (usize, ConnId) {
        let broker = &mut self.shards[usize::from(receiver.shard)];
        let names = (0..).map(|attempt| format!("client-{number}-{attempt}"));
        let client_id: String = names
            .into_iter()
            .find(|name| broker.home_of(name) == ShardId(receiver.shard))
            .expect("each shard is the home of some name");
        let properties: PropertyBuffer = [
            Some(Property::SessionExpiryInterval(1_000)),
            (receiver.alias_maximum > 0).then_some(Property::TopicAliasMaximum(receiver.alias_maximum)),
            receiver.packet_bytes_max.map(Property::MaximumPacketSize),
        ]
        .into_iter()
        .flatten()
        .collect();
        let is_v5 = receiver.version == Version::V5;
        let connect = Connect {
            version: receiver.version,
            clean_start: false,
            keep_alive_s: 0,
            properties: if is_v5 { properties.as_properties() } else { Properties::EMPTY },
            client_id: &client_id,
            will: None,
            user_name: None,
            password: None,
        };
        let mut bytes = Vec::new();
        connect.encode(&mut bytes);
        let conn = broker.handle_accept(NOW, ListenerId(0), PeerAddr::Memory).expect("there is room");
        broker.handle_receive(NOW, conn, &bytes);
        (usize::from(receiver.shard), conn)
    }

    fn subscribe(&mut self, client: usize, receiver: &Receiver) {
        for (number, filter) in receiver.filters.iter().enumerate() {
            let identifier = Property::SubscriptionIdentifier(number as u32 + 1);
            let is_v5 = receiver.version == Version::V5;
            let properties: PropertyBuffer =
                Some(identifier).filter(|_| is_v5 && receiver.identifiers >> number & 1 == 1).into_iter().collect();
            let mut filters = SubscribeBuffer::new();
            let no_local = receiver.options.no_local && !filter.starts_with('$');
            filters.push(filter, SubscriptionOptions { no_local, ..receiver.options });
            let mut bytes = Vec::new();
            Subscribe::new(PacketId::MIN, properties.as_properties(), &filters).encode(receiver.version, &mut bytes);
            let (shard, conn) = self.conns[client];
            self.shards[shard].handle_receive(NOW, conn, &bytes);
        }
    }

    /// Until nothing is left to do. Nothing is read by anybody.
    pub(super) fn settle(&mut self) {
        let mut outbox = Outbox::new();
        loop {
            let mut is_busy = false;
            for shard in 0..self.shards.len() {
                while let Some((from, mut batch)) = self.inboxes[shard].pop_front() {
                    self.shards[shard].handle_peer(NOW, from, &mut batch);
                }
                is_busy |= self.shards[shard].run(NOW, Budget::default()) == Progress::More;
                self.shards[shard].drain(&mut outbox);
                self.to_flush.extend(outbox.flush.iter().map(|&conn| (shard, conn)));
                for (to, batch) in outbox.peers.drain(..) {
                    is_busy = true;
                    self.inboxes[usize::from(to.0)].push_back((ShardId(shard as u16), batch));
                }
            }
            if !is_busy {
                return;
            }
        }
    }

    /// A client reads all that there is.
    pub(super) fn read(&mut self, client: usize) {
        let (shard, conn) = self.conns[client];
        loop {
            let before = self.got[client].len();
            self.got[client].extend(self.shards[shard].tx_slices(conn).flatten());
            let count = self.got[client].len() - before;
            if count == 0 {
                break;
            }
            assert!(self.to_flush.contains(&(shard, conn)), "there is output, and nobody was told");
            self.shards[shard].handle_sent(NOW, conn, count);
        }
        self.to_flush.retain(|&place| place != (shard, conn));
    }

    pub(super) fn between(&mut self, client: usize, receiver: &Receiver, between: Between) {
        let (shard, conn) = self.conns[client];
        match between {
            Between::Nothing => {}
            Between::Read => self.read(client),
            Between::Leave => self.shards[shard].handle_closed(NOW, conn, CloseCause::PeerClosed),
            Between::Return => {
                self.shards[shard].handle_closed(NOW, conn, CloseCause::PeerClosed);
                self.conns[client] = self.connect(client, receiver);
            }
        }
        self.settle();
    }

    /// What can be seen of it: what everybody was sent, and what was counted.
    pub(super) fn seen(&mut self) -> (Vec<Vec<u8>>, Vec<Stats>) {
        (0..self.conns.len()).for_each(|client| self.read(client));
        // How many batches it took depends on when the turns end.
        let stats = self.shards.iter().map(|shard| Stats { peer_batches_sent: 0, ..shard.stats() }).collect();
        (self.got.clone(), stats)
    }
}

pub(super) fn side(config: impl Fn(&mut Case), receivers: Vec<Receiver>) -> Side {
    let mut case = Case {
        shards: 1,
        publisher: Version::V3_1_1,
        output_bytes_max: 256 * 1024,
        deliveries_per_turn: 65_536,
        packets_per_turn: 1_024,
        packet_bytes_max: 1024 * 1024,
        queue_qos0: false,
        publisher_subscribes: false,
        has_qos1: false,
        durable: false,
        receivers,
        pieces: Vec::new(),
    };
    config(&mut case);
    Side::new(&case)
}

pub(super) fn plain(shard: u16, filters: &'static [&'static str]) -> Receiver {
    Receiver {
        version: Version::V3_1_1,
        shard,
        filters,
        options: SubscriptionOptions::with_qos(QoS::AtMostOnce),
        identifiers: 0,
        alias_maximum: 0,
        packet_bytes_max: None,
    }
}

impl Side {
    /// Hands in these packets of the publisher, without another turn. How many it handled is the answer.
    pub(super) fn publish(&mut self, bytes: &[u8]) -> u64 {
        let (shard, conn) = *self.conns.last().expect("the publisher");
        let before = self.shards[shard].stats().publishes_received;
        self.shards[shard].handle_receive(NOW, conn, bytes);
        self.shards[shard].stats().publishes_received - before
    }
}
