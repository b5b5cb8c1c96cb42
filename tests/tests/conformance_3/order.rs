//! Message ordering (MQTT 3.1.1, 4.6), and transports that keep it (7.1.1).

use weirmq_core::Config;
use weirmq_tests::wire::*;
use weirmq_tests::{Client, Start, Talk, World};

use crate::common::*;

crate::cases! {
    mqtt_3_4_6_0_1 mqtt_3_4_6_0_1_released_ones mqtt_3_4_6_0_4 mqtt_3_4_6_0_5 mqtt_3_4_6_0_6
    mqtt_3_4_6_0_6_through_a_queue mqtt_3_4_6_0_6_while_away mqtt_3_4_6_0_6_several_publishers
    mqtt_3_7_1_1_1
}

/// What is sent again comes in the order in which it was sent first, whatever was acknowledged in between.
fn mqtt_3_4_6_0_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let session = || connect("client").clean(false);
    let mut client = w.connect(session());
    w.subscribed(client, [("t", 2)]);
    for n in 0..30_u8 {
        publishes(&mut *w, publish("t", [n]).qos(1 + n % 2));
    }
    let mut sent: Vec<Publish> = (0..30).map(|_| w.recv_publish(client)).collect();
    for gone in [29, 14, 0, 7, 3] {
        let publish = sent.remove(gone.min(sent.len() - 1));
        let id = publish.id.expect("QoS 1 or 2");
        if publish.qos == 1 {
            w.send(client, puback(id));
        } else {
            w.send(client, pubrec(id));
            w.expect(client, pubrel(id));
            w.send(client, pubcomp(id));
        }
        w.expect_nothing(client);
        w.reset(client);
        client = w.reconnect(session(), true);
        for publish in &sent {
            w.expect(client, Publish { dup: true, ..publish.clone() });
        }
        w.expect_nothing(client);
    }
}

/// PUBREL packets that are sent again come in the order of their messages, which is that of the PUBRECs of a client that
/// keeps to MQTT-4.6.0-3.
fn mqtt_3_4_6_0_1_released_ones(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(connect("client").clean(false));
    w.subscribed(client, [("t", 2)]);
    for n in 0..10_u8 {
        publishes(&mut *w, publish("t", [n]).qos(2));
    }
    let ids: Vec<u16> = (0..10).map(|_| w.recv_publish(client).id.expect("QoS 2")).collect();
    for &id in &ids {
        w.send(client, pubrec(id));
        w.expect(client, pubrel(id));
    }
    w.reset(client);
    let client = w.reconnect(connect("client").clean(false), true);
    for id in ids {
        w.expect(client, pubrel(id));
    }
    w.expect_nothing(client);
}

/// PUBREL packets come in the order of the PUBRECs, not of the PUBLISH packets.
fn mqtt_3_4_6_0_4(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = subscriber(&mut *w, "client", [("t", 2)]);
    for n in 0..10_u8 {
        publishes(&mut *w, publish("t", [n]).qos(2));
    }
    let ids: Vec<u16> = (0..10).map(|_| w.recv_publish(client).id.expect("QoS 2")).collect();
    let order = [9, 0, 5, 4, 1, 8, 2, 7, 3, 6].map(|index: usize| ids[index]);
    let all: Vec<u8> = order.into_iter().flat_map(|id| pubrec(id).to_wire(Version::V311)).collect();
    w.send(client, all);
    for id in order {
        w.expect(client, pubrel(id));
    }
}

/// Publishes numbers, all in one write, and reads the acknowledgements.
fn publish_numbers(w: &mut dyn World, publisher: Client, topic: &str, numbers: std::ops::Range<u16>, qos: u8) {
    let mut all = Vec::new();
    for n in numbers.clone() {
        let mut message = publish(topic, n.to_string()).qos(qos);
        message.id = message.id.map(|_| 1 + n);
        all.extend(message.to_wire(Version::V311));
    }
    w.send(publisher, all);
    for n in numbers {
        match qos {
            1 => w.expect(publisher, puback(1 + n)),
            2 => {
                w.expect(publisher, pubrec(1 + n));
                w.send(publisher, pubrel(1 + n));
                w.expect_among(publisher, &pubcomp(1 + n));
            }
            _ => {}
        }
    }
    w.expect_nothing(publisher);
}

#[track_caller]
fn take_numbers(w: &mut dyn World, client: Client, topic: &str, numbers: std::ops::Range<u16>) {
    for n in numbers {
        w.take(client, topic, n.to_string());
    }
}

/// Every topic is an ordered topic: whatever its name, through whatever filter.
fn mqtt_3_4_6_0_5(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(connect("publisher"));
    for (topic, filter) in [("a", "a"), ("a/b", "+/b"), ("/", "#"), ("UNORDERED/x", "+/+"), ("\u{E9}//", "+/#")] {
        let client = subscriber(&mut *w, "client", [(filter, 1)]);
        publish_numbers(&mut *w, publisher, topic, 0..30, 1);
        take_numbers(&mut *w, client, topic, 0..30);
        w.expect_nothing(client);
        leave(&mut *w, client);
    }
}

/// Messages of one publisher, topic and QoS come in the order in which they were sent: each QoS to each subscription.
fn mqtt_3_4_6_0_6(start: Start<'_>) {
    let mut w = start(Config::default());
    let publisher = w.connect(connect("publisher"));
    let clients = [0, 1, 2].map(|granted| subscriber(&mut *w, &format!("client{granted}"), [("t", granted)]));
    for qos in 0..=2 {
        publish_numbers(&mut *w, publisher, "t", 0..100, qos);
        for client in clients {
            take_numbers(&mut *w, client, "t", 0..100);
            w.expect_nothing(client);
        }
    }
}

/// Also when the broker may have few messages under way and the others wait.
fn mqtt_3_4_6_0_6_through_a_queue(start: Start<'_>) {
    for inflight_max in [1, 3] {
        let mut config = Config::default();
        config.mqtt.inflight_max = inflight_max;
        let mut w = start(config);
        let client = subscriber(&mut *w, "client", [("t", 2)]);
        let publisher = w.connect(connect("publisher"));
        publish_numbers(&mut *w, publisher, "t", 0..50, 2);
        take_numbers(&mut *w, client, "t", 0..20);
        publish_numbers(&mut *w, publisher, "t", 50..100, 2);
        take_numbers(&mut *w, client, "t", 20..100);
        w.expect_nothing(client);
    }
}

/// Also over the time in which the subscriber is away, with what was under way first.
fn mqtt_3_4_6_0_6_while_away(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.inflight_max = 10;
    let mut w = start(config);
    let session = || connect("client").clean(false);
    let client = w.connect(session());
    w.subscribed(client, [("t", 1)]);
    let publisher = w.connect(connect("publisher"));
    publish_numbers(&mut *w, publisher, "t", 0..50, 1);
    take_numbers(&mut *w, client, "t", 0..20);
    w.expect_nothing_but_publishes(client);
    w.reset(client);
    publish_numbers(&mut *w, publisher, "t", 50..100, 1);
    let client = w.reconnect(session(), true);
    take_numbers(&mut *w, client, "t", 20..100);
    w.expect_nothing(client);
}

/// What a test says in this file only.
trait More: Talk {
    /// Reads on until a PINGREQ that is sent now is answered: everything before it has arrived, and was acknowledged.
    #[track_caller]
    fn expect_nothing_but_publishes(&mut self, client: Client) {
        self.send(client, ping());
        loop {
            match self.recv(client) {
                Packet::Publish(_) => {}
                Packet::PingResp => return,
                other => panic!("{other:?}"),
            }
        }
    }
}

impl<W: World + ?Sized> More for W {}

/// Each of several publishers is heard in its own order.
fn mqtt_3_4_6_0_6_several_publishers(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = subscriber(&mut *w, "client", [("t", 1)]);
    let publishers = [0_u8, 1, 2, 3].map(|n| w.connect(connect(&format!("publisher{n}"))));
    for n in 0..50_u8 {
        for (who, publisher) in publishers.into_iter().enumerate() {
            w.send(publisher, publish("t", [who as u8, n]).qos(1).id(1 + u16::from(n)));
        }
    }
    let mut heard = [0_u8; 4];
    for _ in 0..4 * 50 {
        let got = w.recv_publish(client);
        w.send(client, puback(got.id.expect("QoS 1")));
        let [who, n] = got.payload[..] else { panic!("{got:?}") };
        assert_eq!(heard[usize::from(who)], n, "publisher {who}");
        heard[usize::from(who)] += 1;
    }
    w.expect_nothing(client);
}

/// The transport carries every byte in order in both directions: a megabyte of it, in large and in small packets.
fn mqtt_3_7_1_1_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = subscriber(&mut *w, "client", [("t", 1)]);
    let pattern: Vec<u8> = (0..500_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    w.send(client, publish("t", &pattern).qos(1).id(1));
    w.expect_among(client, &puback(1));
    w.take(client, "t", &pattern);
    for piece in pattern.chunks(997) {
        w.send(client, publish("t", piece).qos(1).id(2));
        w.expect_among(client, &puback(2));
        w.take(client, "t", piece);
    }
    w.expect_nothing(client);
}
