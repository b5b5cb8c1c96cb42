//! A share of a turn: how many packets of one connection are handled before others have their turn, counted in memory.

use weirmq_core::{Config, Stats};
use weirmq_tests::memory::Net;
use weirmq_tests::wire::*;
use weirmq_tests::{Client, Talk, World};

/// A flooder that has written much more than a turn's share, and a pair of clients that have nothing to do with it.
struct Turns {
    net: Net,
    flooder: Client,
    quiet: [Client; 2],
}

impl Turns {
    fn new(config: Config) -> Self {
        let mut net = Net::new(config);
        let flooder = net.connect(connect("flooder").v5());
        let quiet = [net.connect(connect("subscriber").v5()), net.connect(connect("publisher").v5())];
        net.subscribed(quiet[0], [("quiet", 0)]);
        Self { net, flooder, quiet }
    }

    /// Lets the flooder write this over and over, and takes turns until all is handled. In none of them more packets than
    /// the share are handled of it, and what the others say comes through in the turn in which it was read.
    fn flood(&mut self, packets: &[Packet], rounds: usize, share: u64) {
        let once: Vec<u8> = packets.iter().flat_map(|packet| packet.to_wire(Version::V5)).collect();
        self.net.settle();
        self.net.write(self.flooder, &once.repeat(rounds));
        let first = self.net.stats_of(weirmq_core::ShardId(0)).packets_received;
        let mut turns = 0;
        let total = (packets.len() * rounds) as u64;
        let mut handled = 0;
        while handled < total {
            let before = self.packets();
            self.net.write(self.quiet[1], &publish("quiet", "x").to_wire(Version::V5));
            self.net.step();
            let of_flooder = self.packets() - before - 1;
            assert!(of_flooder <= share, "{of_flooder} packets in one turn, where {share} are its share");
            assert!(self.net.here(self.quiet[0]) > 0, "it is delivered in the turn in which it was read");
            self.net.ignore(self.quiet[0]);
            self.net.ignore(self.flooder);
            handled += of_flooder;
            turns += 1;
            assert!(turns <= 4 * total, "it makes no progress");
        }
        assert_eq!(self.packets() - first, total + turns);
        assert!(turns > total / share / 2, "the flood was one");
    }

    fn packets(&self) -> u64 {
        self.net.stats_of(weirmq_core::ShardId(0)).packets_received
    }

    fn stats(&mut self) -> Stats {
        self.net.stats()
    }
}

fn deliveries(per_turn: u32) -> Config {
    let mut config = Config::default();
    config.limits.deliveries_per_turn = per_turn;
    config
}

#[test]
fn of_pings() {
    Turns::new(Config::default()).flood(&[ping()], 100_000, 1_024);
}

#[test]
fn of_publishes() {
    Turns::new(Config::default()).flood(&[publish("nobody", "x").into()], 20_000, 1_024);
}

#[test]
fn of_subscribes_to_one_topic() {
    let mut turns = Turns::new(Config::default());
    for number in 0..1_000 {
        turns.net.send(turns.quiet[1], publish(&format!("retained/{number}"), "x").retain());
    }
    turns.flood(&[subscribe(1, [("retained/7", 0)]).into()], 5_000, 1_024);
    // Each is answered, and each brings the retained message once its search is served.
    let stats = turns.stats();
    assert_eq!((stats.subscriptions, stats.retained_messages), (2, 1_000));
}

/// Retained messages that match are looked at piece by piece, however often they are owed: to each SUBSCRIBE (MQTT-3.8.4-4).
#[test]
fn of_subscribes_that_match_what_is_retained() {
    const RETAINED: u64 = 500;
    const SUBSCRIBES: usize = 200;
    let mut turns = Turns::new(Config::default());
    for number in 0..RETAINED {
        turns.net.send(turns.quiet[1], publish(&format!("retained/{number}"), "x").retain());
    }
    turns.net.settle();
    let before = turns.stats().publishes_sent;
    turns.flood(&[subscribe(1, [("retained/#", 0)]).into()], SUBSCRIBES, 1_024);
    let sent = turns.stats().publishes_sent - before;
    let owed = RETAINED * SUBSCRIBES as u64;
    assert!((owed..owed + 10).contains(&sent), "{sent} of {owed}");
}

#[test]
fn of_deliveries() {
    let mut turns = Turns::new(deliveries(1_000));
    for number in 0..100 {
        let reader = turns.net.connect(connect(&format!("r{number}")));
        turns.net.subscribed(reader, [("all", 0)]);
    }
    turns.flood(&[publish("all", "x").into()], 200, 10);
}

/// Subscriptions that lead to one copy are steps of the work as well.
#[test]
fn of_deliveries_by_overlapping_filters() {
    let mut turns = Turns::new(deliveries(160));
    let reader = turns.net.connect(connect("overlap"));
    for bits in 0..256_u32 {
        let levels: Vec<&str> = (0..8).map(|level| if bits >> level & 1 == 1 { "+" } else { "a" }).collect();
        turns.net.subscribed(reader, [(levels.join("/").as_str(), 0)]);
    }
    let topic = ["a"; 8].join("/");
    turns.flood(&[publish(&topic, "x").into()], 50, 3);
    let one = publish(&topic, "x").to_wire(Version::V311).len();
    assert_eq!(turns.net.here(reader), 50 * one);
}

/// A SUBSCRIBE that has to be looked for in a long list costs as much as that list is long.
#[test]
fn of_subscribes_among_many() {
    const OTHERS: usize = 400;
    let mut turns = Turns::new(deliveries(100));
    for number in 0..OTHERS {
        let other = turns.net.connect(connect(&format!("o{number}")));
        turns.net.subscribed(other, [("shared by all", 0)]);
        turns.net.subscribed(turns.flooder, [(format!("own/{number}").as_str(), 0)]);
    }
    turns.net.subscribed(turns.flooder, [("shared by all", 0)]);
    // 400 steps are 50 deliveries.
    turns.flood(&[subscribe(1, [("shared by all", 0)]).into()], 60, 2);
}

/// Searches for retained messages that wait, because their client does not read, are not walked for free.
#[test]
fn of_subscribes_behind_searches_that_wait() {
    let mut config = deliveries(100);
    config.limits.output_bytes_max = 4 * 1024;
    let mut turns = Turns::new(config);
    turns.net.send(turns.quiet[1], publish("a/b", vec![b'x'; 8 * 1024]).retain());
    turns.net.settle();
    turns.net.stop_reading(turns.flooder);
    for number in 0..400 {
        let filter = format!("a/{}#", "+/".repeat(number % 100).as_str());
        let filter = if number < 100 { filter } else { format!("+/{}/{number}", "b") };
        turns.net.send(turns.flooder, subscribe(1, [(filter.as_str(), 0)]));
        turns.net.settle();
    }
    assert_eq!(turns.stats().subscriptions, 401);
    turns.flood(&[unsubscribe(1, ["a/#"]).into(), subscribe(1, [("a/#", 0)]).into()], 20, 10);
}

/// A message that is refused because one of many subscribers has no room has been looked for among all of them.
#[test]
fn of_publishes_that_are_refused() {
    let mut config = deliveries(100);
    config.limits.queue_messages_max = 1;
    config.mqtt.inflight_max = 1;
    let mut turns = Turns::new(config);
    for number in 0..399 {
        let reader = turns.net.connect(connect(&format!("r{number}")));
        turns.net.subscribed(reader, [("all", 0)]);
    }
    let full = turns.net.connect(connect("full").v5());
    turns.net.subscribed(full, [("all", 1)]);
    turns.net.stop_reading(full);
    for id in 1..=2 {
        turns.net.send(turns.quiet[1], publish("all", "x").qos(1).id(id));
        turns.net.settle();
    }
    turns.flood(&[publish("all", "x").qos(1).id(1).into()], 60, 2);
    assert_eq!(turns.stats().refused_queue_full, 60);
}
