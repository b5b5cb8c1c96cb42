//! A broker of one or two shards with clients in memory, turn by turn as a runtime drives it.

use std::time::Duration;

use weirmq_core::packet::{Packet, PacketType, QoS, Version, split};
use weirmq_core::{Broker, Budget, Config, ConnId, Instant, ListenerId, Outbox, PeerAddr, PeerBatch, ShardId};

use crate::{Around, packets};

/// How a client is.
#[derive(Clone, Copy, Debug)]
pub struct ClientOptions {
    /// The version that it speaks.
    pub version: Version,
    /// The highest QoS that it uses: above 0 it reads what it is sent and answers.
    pub qos: QoS,
    /// The shard that it lives on.
    pub shard: u16,
    /// Topic Alias Maximum; 0 is none (MQTT 5.0, 3.1.2.11.5).
    pub topic_alias_maximum: u16,
}

impl ClientOptions {
    /// A client of the first shard, without aliases.
    pub const fn new(version: Version, qos: QoS) -> Self {
        Self { version, qos, shard: 0, topic_alias_maximum: 0 }
    }
}

struct Client {
    options: ClientOptions,
    conn: ConnId,
    /// What it sends in every round.
    script: Vec<u8>,
    /// Written by the client and not yet received by the broker.
    input: Vec<u8>,
    /// What the broker has written in this turn, unless nobody wants to read it.
    output: Vec<u8>,
}

struct Shard {
    broker: Broker,
    outbox: Outbox,
    inbox: Vec<(ShardId, PeerBatch)>,
    /// Clients with something to send.
    ready: Vec<usize>,
    /// Clients by the index of their connection.
    places: Vec<usize>,
    /// What was written in this turn.
    written: Vec<(ConnId, usize)>,
}

/// A broker with its clients. See the [module](self).
pub(crate) struct World {
    now: Instant,
    shards: Vec<Shard>,
    clients: Vec<Client>,
    /// Whether every packet is read and every payload held against [`packets::payload`].
    checks: bool,
    /// Of this round: bytes from the broker, and messages, which are only counted when they are checked.
    bytes: usize,
    deliveries: usize,
    /// What every round must have.
    bytes_expected: Option<usize>,
}

impl World {
    /// A broker of `config.shards` shards, without a client.
    pub(crate) fn new(config: &Config) -> Self {
        let now = Instant::from_secs(1_000);
        let shard = |shard| Shard {
            broker: Broker::new(config.clone(), ShardId(shard), [7; 32], now),
            outbox: Outbox::new(),
            inbox: Vec::new(),
            ready: Vec::new(),
            places: Vec::new(),
            written: Vec::new(),
        };
        let shards = (0..config.shards).map(shard).collect();
        Self { now, shards, clients: Vec::new(), checks: false, bytes: 0, deliveries: 0, bytes_expected: None }
    }

    /// Connects a client and numbers it, from 0.
    pub(crate) fn connect(&mut self, name: &str, options: ClientOptions) -> usize {
        // The home of a session is a hash of its name: names are tried until one belongs where it is wanted.
        let conn = (0..64).find_map(|attempt| self.try_connect(&format!("{name}-{attempt}"), options));
        let conn = conn.expect("one name of many belongs to each shard");
        let client = self.clients.len();
        let places = &mut self.shards[usize::from(options.shard)].places;
        places.resize(places.len().max(conn.index() + 1), usize::MAX);
        places[conn.index()] = client;
        self.clients.push(Client { options, conn, script: Vec::new(), input: Vec::new(), output: Vec::new() });
        client
    }

    fn try_connect(&mut self, client_id: &str, options: ClientOptions) -> Option<ConnId> {
        let Shard { broker, outbox, .. } = &mut self.shards[usize::from(options.shard)];
        let conn = broker.handle_accept(self.now, ListenerId(0), PeerAddr::Memory).expect("there is room");
        broker.handle_receive(self.now, conn, &packets::connect(client_id, options));
        broker.drain(outbox);
        if !outbox.handoff.is_empty() {
            return None;
        }
        let answer: Vec<u8> = broker.tx_slices(conn).flatten().copied().collect();
        assert_eq!(answer.first(), Some(&0x20), "CONNACK");
        broker.handle_sent(self.now, conn, answer.len());
        Some(conn)
    }

    /// Subscribes a client, at its QoS.
    pub(crate) fn subscribe<'f>(&mut self, client: usize, filters: impl IntoIterator<Item = &'f str>) {
        let ClientOptions { version, qos, .. } = self.clients[client].options;
        self.clients[client].input = packets::subscribe_all(version, filters, qos);
        self.settle(|work| work());
    }

    /// Makes a client send these packets in every round.
    pub(crate) fn script(&mut self, client: usize, packets: Vec<u8>) {
        self.clients[client].script = packets;
    }

    /// Does a round or two and reads everything that the clients are sent.
    ///
    /// # Panics
    /// When there are not `deliveries` messages in a round, or one has another payload than [`packets::payload`].
    #[must_use]
    pub(crate) fn checked(mut self, deliveries: usize) -> Self {
        self.checks = true;
        // The first round is not like the others: it defines topic aliases.
        for _ in 0..2 {
            self.bytes_expected = None;
            self.round(|work| work());
            assert_eq!(self.deliveries, deliveries, "messages of a round");
        }
        self.checks = false;
        self.bytes_expected = Some(self.bytes);
        self
    }

    /// Every client sends its script, and answers until nobody has anything to say. The broker's work is done in `around`.
    ///
    /// # Panics
    /// When another number of bytes came back than in the round that was [checked](Self::checked).
    pub(crate) fn round(&mut self, around: Around) {
        self.now = self.now.saturating_add(Duration::from_millis(1));
        (self.bytes, self.deliveries) = (0, 0);
        for client in &mut self.clients {
            client.input.extend_from_slice(&client.script);
        }
        self.settle(around);
        assert!(self.bytes_expected.is_none_or(|expected| expected == self.bytes), "a round is like the one before");
    }

    fn settle(&mut self, around: Around) {
        for (number, client) in self.clients.iter().enumerate().filter(|(_, client)| !client.input.is_empty()) {
            self.shards[usize::from(client.options.shard)].ready.push(number);
        }
        while let Some(shard) = self.shards.iter().position(|shard| shard.is_busy(self.now)) {
            self.turn(shard, around);
        }
    }

    /// One turn of one shard.
    fn turn(&mut self, index: usize, around: Around) {
        let (now, shard, clients) = (self.now, &mut self.shards[index], &mut self.clients);
        let Shard { broker, outbox, inbox, ready, .. } = shard;
        around(&mut || {
            for &mut (from, ref mut batch) in &mut *inbox {
                broker.handle_peer(now, from, batch);
            }
            for &client in &*ready {
                broker.handle_receive(now, clients[client].conn, &clients[client].input);
            }
            broker.run(now, Budget::default());
            broker.drain(outbox);
        });
        inbox.clear();
        ready.drain(..).for_each(|client| clients[client].input.clear());
        assert!(outbox.close.is_empty(), "{:?}", outbox.close);
        self.read(index);
        let Shard { broker, written, .. } = &mut self.shards[index];
        around(&mut || {
            for &(conn, count) in &*written {
                broker.handle_sent(now, conn, count);
            }
        });
        let from = ShardId(index as u16);
        let mut outbox = std::mem::take(&mut self.shards[index].outbox);
        for (to, batch) in outbox.peers.drain(..) {
            self.shards[usize::from(to.0)].inbox.push((from, batch));
        }
        self.shards[index].outbox = outbox;
    }

    /// The clients read what there is, and write what it asks for.
    fn read(&mut self, index: usize) {
        let Shard { broker, outbox, ready, places, written, .. } = &mut self.shards[index];
        written.clear();
        for &conn in &outbox.flush {
            let number = places[conn.index()];
            let client = &mut self.clients[number];
            let reads = self.checks || client.options.qos > QoS::AtMostOnce;
            let mut count = 0;
            for slice in broker.tx_slices(conn) {
                count += slice.len();
                if reads {
                    client.output.extend_from_slice(slice);
                }
            }
            written.push((conn, count));
            self.bytes += count;
            if self.checks {
                self.deliveries += check(client.options.version, &client.output);
            }
            answer(client.options.version, &client.output, &mut client.input);
            client.output.clear();
            if !client.input.is_empty() {
                ready.push(number);
            }
        }
    }
}

impl Shard {
    fn is_busy(&self, now: Instant) -> bool {
        !self.ready.is_empty() || !self.inbox.is_empty() || self.broker.poll_timeout().is_some_and(|(at, _)| at <= now)
    }
}

/// Counts the messages, each of which has the payload that it should.
fn check(version: Version, mut output: &[u8]) -> usize {
    let mut messages = 0;
    while let Some(frame) = split(output, Some(version), usize::MAX).expect("a valid packet") {
        if let Packet::Publish(publish) = Packet::decode(version, &frame).expect("a valid packet") {
            assert!(publish.payload == packets::payload(publish.payload.len()), "the payload is as it was sent");
            messages += 1;
        }
        output = &output[frame.size..];
    }
    assert!(output.is_empty(), "what is written in a turn is whole packets");
    messages
}

/// Acknowledges: no more than finding the Packet Identifiers.
fn answer(version: Version, mut output: &[u8], input: &mut Vec<u8>) {
    while let Some(frame) = split(output, Some(version), usize::MAX).expect("a valid packet") {
        let (first, id_at) = match frame.packet_type {
            PacketType::Publish => {
                let topic = usize::from(u16::from_be_bytes([frame.body[0], frame.body[1]]));
                ([0, 0x40, 0x50][usize::from(frame.flags >> 1 & 0b11)], 2 + topic)
            }
            PacketType::PubRec => (0x62, 0),
            PacketType::PubRel => (0x70, 0),
            _ => (0, 0),
        };
        if first > 0 {
            input.extend_from_slice(&[first, 2, frame.body[id_at], frame.body[id_at + 1]]);
        }
        output = &output[frame.size..];
    }
}
