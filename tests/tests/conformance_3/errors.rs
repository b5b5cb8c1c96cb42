//! Handling errors (MQTT 3.1.1, 4.8).

use weirmq_core::Config;
use weirmq_core::config::QueueFull;
use weirmq_tests::wire::*;
use weirmq_tests::{Start, Talk};

use crate::common::*;

crate::cases! {
    mqtt_3_4_8_0_1 mqtt_3_4_8_0_1_acknowledgements mqtt_3_4_8_0_1_only_this_connection
    mqtt_3_4_8_0_2 mqtt_3_4_8_0_2_retained
}

/// What breaks the protocol in a way that no other statement names closes the connection.
fn mqtt_3_4_8_0_1(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        for bytes in [
            // Packet types 0 and 15.
            vec![0x00, 0],
            vec![0xF0, 0],
            // Packets that only servers send.
            vec![0x20, 2, 0, 0],
            vec![0x90, 3, 0, 1, 0],
            vec![0xB0, 2, 0, 1],
            vec![0xD0, 0],
            // Remaining Length: of more than four bytes, too short or too long for the packet.
            vec![0x30, 0xFF, 0xFF, 0xFF, 0xFF],
            vec![0x30, 0x80, 0x80, 0x80, 0x80, 0x01],
            vec![0xC0, 1, 0],
            vec![0xE0, 1, 0],
            vec![0x40, 1, 0],
            vec![0x40, 3, 0, 1, 0],
            vec![0x62, 3, 0, 1, 0],
            vec![0x30, 0],
        ] {
            closes_of(&mut *w, version, bytes);
        }
    }
}

/// An acknowledgement that does not belong to the QoS of its message is a breach, one that is late is not.
fn mqtt_3_4_8_0_1_acknowledgements(start: Start<'_>) {
    let mut w = start(Config::default());
    for (qos, wrong) in [(1, pubrec as fn(u16) -> Packet), (1, pubcomp), (2, puback), (2, pubcomp)] {
        let client = subscriber(&mut *w, "client", [("t", 2)]);
        publishes(&mut *w, publish("t", "x").qos(qos));
        let id = w.recv_publish(client).id.expect("QoS 1 or 2");
        w.send(client, wrong(id));
        w.expect_closed(client);
    }
    let client = subscriber(&mut *w, "client", [("t", 2)]);
    publishes(&mut *w, publish("t", "x").qos(1));
    let id = w.take(client, "t", "x").id.expect("QoS 1");
    for late in [puback(id), pubcomp(id), puback(4_711), pubcomp(4_711)] {
        w.send(client, late);
        w.expect_nothing(client);
    }
}

/// It closes this connection and no other, and the session that stays is whole.
fn mqtt_3_4_8_0_1_only_this_connection(start: Start<'_>) {
    let mut w = start(Config::default());
    let others: Vec<_> = (0..8).map(|n| subscriber(&mut *w, &format!("other{n}"), [("t", 1)])).collect();
    away(&mut *w, "client", [("t", 1)]);
    for bytes in [vec![0xF0, 0], vec![0x36, 5, 0, 1, b't', 0, 1], vec![0xFF; 100], b"GET / HTTP/1.1\r\n\r\n".to_vec()] {
        let client = w.reconnect(connect("client").clean(false), true);
        w.send(client, bytes);
        w.expect_closed(client);
    }
    publishes(&mut *w, publish("t", "x").qos(1));
    for other in others {
        w.take(other, "t", "x");
        w.expect_nothing(other);
    }
    let client = w.reconnect(connect("client").clean(false), true);
    w.take(client, "t", "x");
}

/// A message that cannot be taken over, because a queue is full, is not acknowledged: its connection closes.
fn mqtt_3_4_8_0_2(start: Start<'_>) {
    let mut config = Config::default();
    config.limits.queue_messages_max = 2;
    config.limits.queue_full = QueueFull::Refuse;
    let mut w = start(config);
    away(&mut *w, "client", [("t", 2)]);
    let bystander = w.connect(connect("bystander"));
    for n in 1..=2_u8 {
        w.published(bystander, publish("t", [n]).qos(n));
    }
    for qos in 1..=2 {
        closes(&mut *w, publish("t", "too much").qos(qos));
    }
    w.expect_nothing(bystander);
    let client = w.reconnect(connect("client").clean(false), true);
    for n in 1..=2_u8 {
        w.take(client, "t", [n]);
    }
    w.expect_nothing(client);
    w.published(bystander, publish("t", "room again").qos(1));
    w.take(client, "t", "room again");
}

/// Likewise a retained message for which there is no room.
fn mqtt_3_4_8_0_2_retained(start: Start<'_>) {
    let mut config = Config::default();
    config.limits.retained_messages_max = 1;
    let mut w = start(config);
    publishes(&mut *w, publish("first", "x").qos(1).retain());
    for qos in 1..=2 {
        closes(&mut *w, publish("second", "x").qos(qos).retain());
    }
    publishes(&mut *w, publish("first", "another").qos(1).retain());
    let client = subscriber(&mut *w, "client", [("#", 1)]);
    w.take(client, "first", "another");
    w.expect_nothing(client);
}
