//! Among many filters the broker looks ahead at the topics of the packets that one read brought: nobody must notice.

use weirmq_core::{Broker, Config, ConnId, Instant, ListenerId, Outbox, PeerAddr, ShardId};
use weirmq_tests::wire::*;

const NOW: Instant = Instant::from_secs(1_000);
/// So many that looking ahead is of use.
const FILTERS: usize = 70_000;

struct Client {
    conn: ConnId,
    received: Vec<u8>,
}

struct World {
    broker: Broker,
    outbox: Outbox,
    clients: Vec<Client>,
}

impl World {
    /// A publisher, and one who subscribes to `t/0` to `t/69999`.
    fn new() -> Self {
        let mut config = Config::default();
        config.limits.deliveries_per_turn = 1_000;
        let broker = Broker::new(config, ShardId(0), [7; 32], NOW);
        let mut world = Self { broker, outbox: Outbox::new(), clients: Vec::new() };
        for name in ["publisher", "subscriber"] {
            let conn = world.broker.handle_accept(NOW, ListenerId(0), PeerAddr::Memory).expect("there is room");
            world.clients.push(Client { conn, received: Vec::new() });
            world.send(world.clients.len() - 1, &connect(name).v5().to_wire(Version::V5));
        }
        for start in (0..FILTERS).step_by(1_000) {
            let name = |number| Filter { filter: format!("t/{number}"), options: 1 };
            let filters = (start..start + 1_000).map(name).collect();
            world.send(1, &Subscribe { filters, ..subscribe(1, []) }.to_wire(Version::V5));
        }
        assert_eq!(world.broker.stats().subscriptions, FILTERS as u64);
        world
    }

    fn send(&mut self, client: usize, bytes: &[u8]) {
        self.broker.handle_receive(NOW, self.clients[client].conn, bytes);
        self.broker.drain(&mut self.outbox);
        for &conn in &self.outbox.flush {
            let client = self.clients.iter_mut().find(|client| client.conn == conn).expect("it is known");
            let before = client.received.len();
            client.received.extend(self.broker.tx_slices(conn).flatten());
            self.broker.handle_sent(NOW, conn, client.received.len() - before);
        }
    }
}

/// New topics, known ones, none, forbidden ones; and between them what changes who gets the next.
fn packets() -> Vec<Vec<u8>> {
    let wire = |packet: Packet| packet.to_wire(Version::V5);
    let message = |number: usize| publish(&format!("t/{}", number * 7_919 % (FILTERS + 100)), [number as u8]);
    let mut packets: Vec<Vec<u8>> = Vec::new();
    for round in 0..12_usize {
        for number in 0..round + 3 {
            packets.push(message(round * 20 + number).to_wire(Version::V5));
        }
        let next = format!("t/{}", (round + 1) * 20 * 7_919 % (FILTERS + 100));
        packets.push(match round % 6 {
            0 => wire(subscribe(9, [(next.as_str(), 0), ("t/+", 0)]).into()),
            1 => wire(unsubscribe(10, ["t/+"]).into()),
            2 => wire(subscribe(11, [("$share/g/t/#", 0)]).into()),
            3 => publish("$secret", "no").qos(1).id(5).to_wire(Version::V5),
            4 => publish(&next, "by alias").property(Property::TopicAlias(1)).to_wire(Version::V5),
            _ => publish("", "by alias").property(Property::TopicAlias(1)).to_wire(Version::V5),
        });
    }
    packets.push(publish("a/+", "forbidden").to_wire(Version::V5));
    packets.push(message(1).to_wire(Version::V5));
    packets
}

#[test]
fn packets_of_one_read_are_handled_as_those_of_many() {
    let [mut together, mut one_by_one] = [World::new(), World::new()];
    let packets = packets();
    for read in packets.chunks(40) {
        together.send(0, &read.concat());
        read.iter().for_each(|packet| one_by_one.send(0, packet));
    }
    let (stats, expected) = (together.broker.stats(), one_by_one.broker.stats());
    assert_eq!(stats.publishes_received, expected.publishes_received);
    assert_eq!(stats.messages_unmatched, expected.messages_unmatched);
    assert_eq!((stats.publishes_denied, stats.violations), (2, 1));
    for (client, expected) in together.clients.iter().zip(&one_by_one.clients) {
        assert!(client.received == expected.received, "they were sent something else");
        assert!(client.received.len() > 1_000, "they were sent something");
    }
}
