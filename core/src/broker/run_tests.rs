//! Packets in one piece do what the same packets do one by one.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::broker::{Budget, CloseCause, Progress};
use crate::packet::{
    Connect, PacketId, Properties, Property, PropertyBuffer, Publish, QoS, Subscribe, SubscribeBuffer,
    SubscriptionOptions, Version,
};
use crate::peer::PeerBatch;
use crate::{Config, ConnId, Instant, ListenerId, Outbox, PeerAddr, ShardId, Stats};

const NOW: Instant = Instant::from_secs(1_000);
const TOPICS: [&str; 2] = ["run/of/one", "run/of/two"];
const FILTERS: [&[&str]; 6] = [
    &["run/of/one"],
    &["run/#"],
    &["run/of/+", "run/of/one"],
    &["run/#", "run/of/one", "+/of/two"],
    &["$share/group/run/of/one"],
    &["nobody/publishes/there"],
];

/// A client and what it subscribes to.
#[derive(Clone, Debug)]
struct Receiver {
    version: Version,
    shard: u16,
    filters: &'static [&'static str],
    options: SubscriptionOptions,
    identifier: bool,
    alias_maximum: u16,
    packet_bytes_max: Option<u32>,
}

/// What is done to a receiver between two pieces.
#[derive(Clone, Copy, Debug)]
enum Between {
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
struct Burst {
    kind: Kind,
    topic: usize,
    payloads: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Case {
    shards: u16,
    publisher: Version,
    output_bytes_max: u32,
    deliveries_per_turn: u32,
    packets_per_turn: u32,
    packet_bytes_max: u32,
    queue_qos0: bool,
    publisher_subscribes: bool,
    receivers: Vec<Receiver>,
    pieces: Vec<(Vec<Burst>, Vec<Between>)>,
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
    (version(), 0..shards, prop::sample::select(&FILTERS[..]), options, prop::bool::weighted(0.3), aliases, sizes)
        .prop_map(|(version, shard, filters, options, identifier, alias_maximum, packet_bytes_max)| Receiver {
            version,
            shard,
            filters,
            options,
            identifier,
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

fn case() -> impl Strategy<Value = Case> {
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
                    receivers,
                    pieces,
                }
            },
        )
    })
}

impl Case {
    fn config(&self) -> Config {
        let mut config = Config { shards: self.shards, ..Config::default() };
        config.limits.output_bytes_max = self.output_bytes_max;
        config.limits.deliveries_per_turn = self.deliveries_per_turn;
        config.limits.packets_per_turn = self.packets_per_turn;
        config.limits.queue_qos0 = self.queue_qos0;
        config.mqtt.packet_bytes_max = self.packet_bytes_max;
        config.mqtt.connect_bytes_max = 1_024;
        config
    }

    /// The packets of one piece.
    fn packets(&self, bursts: &[Burst]) -> Vec<Vec<u8>> {
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
        // The client's own messages would lie among its acknowledgements, which come when another shard has answered.
        let is_qos1 = kind == Kind::Qos1 && !self.publisher_subscribes;
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
struct Side {
    shards: Vec<Broker>,
    inboxes: Vec<VecDeque<(ShardId, PeerBatch)>>,
    /// Shard and connection of the receivers, and the publisher last.
    conns: Vec<(usize, ConnId)>,
    /// What each was sent.
    got: Vec<Vec<u8>>,
}

impl Side {
    fn new(case: &Case) -> Self {
        let shards = (0..case.shards).map(|shard| Broker::new(case.config(), ShardId(shard), [7; 32], NOW)).collect();
        let inboxes = (0..case.shards).map(|_| VecDeque::new()).collect();
        let got = vec![Vec::new(); case.receivers.len() + 1];
        let mut side = Self { shards, inboxes, conns: Vec::new(), got };
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
            identifier: false,
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
                Some(identifier).filter(|_| is_v5 && receiver.identifier).into_iter().collect();
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
    fn settle(&mut self) {
        let mut outbox = Outbox::new();
        loop {
            let mut is_busy = false;
            for shard in 0..self.shards.len() {
                while let Some((from, mut batch)) = self.inboxes[shard].pop_front() {
                    self.shards[shard].handle_peer(NOW, from, &mut batch);
                }
                is_busy |= self.shards[shard].run(NOW, Budget::default()) == Progress::More;
                self.shards[shard].drain(&mut outbox);
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
    fn read(&mut self, client: usize) {
        let (shard, conn) = self.conns[client];
        loop {
            let before = self.got[client].len();
            self.got[client].extend(self.shards[shard].tx_slices(conn).flatten());
            let count = self.got[client].len() - before;
            if count == 0 {
                return;
            }
            self.shards[shard].handle_sent(NOW, conn, count);
        }
    }

    fn between(&mut self, client: usize, receiver: &Receiver, between: Between) {
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
    fn seen(&mut self) -> (Vec<Vec<u8>>, Vec<Stats>) {
        (0..self.conns.len()).for_each(|client| self.read(client));
        // How many batches it took depends on when the turns end.
        let stats = self.shards.iter().map(|shard| Stats { peer_batches_sent: 0, ..shard.stats() }).collect();
        (self.got.clone(), stats)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 512 }))]

    #[test]
    fn in_one_piece_as_one_by_one(case in case()) {
        let (mut one_by_one, mut whole) = (Side::new(&case), Side::new(&case));
        for (bursts, between) in &case.pieces {
            let packets = case.packets(bursts);
            for (side, pieces) in [(&mut one_by_one, packets.clone()), (&mut whole, vec![packets.concat()])] {
                let (shard, conn) = *side.conns.last().expect("the publisher");
                for piece in pieces {
                    side.shards[shard].handle_receive(NOW, conn, &piece);
                }
                side.settle();
                for (client, (receiver, &between)) in case.receivers.iter().zip(between).enumerate() {
                    side.between(client, receiver, between);
                }
            }
        }
        prop_assert_eq!(one_by_one.seen(), whole.seen());
    }
}

fn publishes(topic: &str, payloads: &[usize]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for &payload in payloads {
        let payload = vec![7; payload];
        let publish = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic,
            packet_id: None,
            properties: Properties::EMPTY,
            payload: &payload,
        };
        publish.encode(Version::V3_1_1, &mut bytes);
    }
    bytes
}

/// How many packets make a run, and of how many bytes.
fn found(bytes: &[u8], bounds: Bounds) -> (u32, usize) {
    let (at, first) = measure(bytes).expect("a first packet");
    let topic = usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    let extent = Extent::find(bytes, first, first - at - 2 - topic, bounds);
    if let Some(run) = extent.of(bytes) {
        let again = Extent::of_all(run.bytes, first, first - at - 2 - topic);
        assert_eq!(format!("{extent:?}"), format!("{again:?}"), "another shard finds the same");
        assert_eq!(run.packets().map(|(packet, _)| packet).collect::<Vec<_>>().concat(), run.bytes);
    }
    (extent.packets, extent.bytes())
}

const WIDE: Bounds = Bounds { packets_max: 1_000, packet_bytes_max: 1 << 20, fan_out: false };

#[test]
fn a_run_ends_where_a_packet_differs() {
    let run = publishes("t", &[0, 1, 200, 130]);
    assert_eq!(found(&run, WIDE), (4, run.len()));
    let other = publishes("u", &[3]);
    let longer = publishes("tt", &[3]);
    let [mut retained, mut dup, mut qos1] = [0; 3].map(|_| publishes("t", &[3]));
    (retained[0], dup[0], qos1[0]) = (0x31, 0x38, 0x32);
    let mut long = publishes("t", &[3]);
    long[1] |= 0x80;
    long.insert(2, 0);
    let cut = &publishes("t", &[3])[..5];
    let short = [0x30, 2, 0, 1];
    let lengths = [0x30, 0xFF, 0xFF, 0xFF, 0xFF];
    for next in [&other[..], &longer, &retained, &dup, &qos1, &long, cut, &short, &[0x30], &lengths] {
        assert_eq!(found(&[&run, next].concat(), WIDE), (4, run.len()), "{next:?}");
        assert_eq!(found(&[&publishes("t", &[1]), next].concat(), WIDE), (0, 0), "{next:?}");
        if next.len() > cut.len() {
            // Nor does it go on behind that.
            assert_eq!(found(&[&run, next, &run].concat(), WIDE), (4, run.len()), "{next:?}");
        }
    }
}

#[test]
fn a_run_ends_at_its_bounds() {
    let bytes = publishes("t", &[10; 20]);
    let size = bytes.len() / 20;
    for packets_max in 2..=20 {
        let bounds = Bounds { packets_max, ..WIDE };
        assert_eq!(found(&bytes, bounds), (packets_max, packets_max as usize * size));
    }
    assert_eq!(found(&bytes, Bounds { packets_max: 1, ..WIDE }), (0, 0));
    // The first packet that is larger than one may be is a violation.
    let bytes = publishes("t", &[10, 10, 11, 10]);
    assert_eq!(found(&bytes, Bounds { packet_bytes_max: size, ..WIDE }), (2, 2 * size));
    assert_eq!(found(&bytes, Bounds { packet_bytes_max: size + 1, ..WIDE }).0, 4);
    // What a fan-out shares is not copied.
    let bytes = publishes("t", &[10, 1_023, 1_024, 10]);
    assert_eq!(found(&bytes, Bounds { fan_out: true, ..WIDE }).0, 2);
    assert_eq!(found(&bytes, WIDE).0, 4);
    // 16 packets of 1,018 bytes, 96 more, and whatever comes then.
    let bytes = publishes("t", &vec![1_018 - 6; 100]);
    assert_eq!(found(&bytes, WIDE), (16, 16 * 1_018));
    let bytes = publishes("t", &[8 * 1_024 - 6, 8 * 1_024 - 6, 0]);
    assert_eq!(found(&bytes, WIDE), (2, RUN_BYTES_MAX));
    let bytes = publishes("t", &[8 * 1_024 - 6, 8 * 1_024 - 5, 0]);
    assert_eq!(found(&bytes, WIDE), (0, 0));
}
