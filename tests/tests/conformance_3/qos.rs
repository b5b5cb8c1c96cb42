//! The three qualities of service, re-sending, and who gets a message (MQTT 3.1.1, 4.3 to 4.5).

use weirmq_core::Config;
use weirmq_tests::wire::*;
use weirmq_tests::{Start, Talk};

use crate::common::*;

crate::cases! {
    mqtt_3_4_3_1_1 mqtt_3_4_3_2_1 mqtt_3_4_3_2_1_until_it_is_acknowledged mqtt_3_4_3_2_2
    mqtt_3_4_3_2_2_over_a_reconnect
    mqtt_3_4_3_3_1 mqtt_3_4_3_3_1_released_is_not_published_again mqtt_3_4_3_3_1_a_late_pubrec
    mqtt_3_4_3_3_2 mqtt_3_4_3_3_2_over_a_reconnect mqtt_3_4_3_3_2_a_late_pubrel
    mqtt_3_4_4_0_1 mqtt_3_4_4_0_1_only_what_is_unacknowledged mqtt_3_4_5_0_1 mqtt_3_4_5_0_1_nobody_else
}

/// QoS 0: one PUBLISH with QoS 0 and DUP 0, sent once, and not again after a reconnect.
fn mqtt_3_4_3_1_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(connect("client").clean(false));
    w.subscribed(client, [("t", 0), ("u", 2)]);
    publishes(&mut *w, publish("t", "x").qos(2));
    publishes(&mut *w, publish("u", "y"));
    expect_bytes(&mut *w, client, b"\x30\x04\x00\x01tx");
    expect_bytes(&mut *w, client, b"\x30\x04\x00\x01uy");
    w.expect_nothing(client);
    w.reset(client);
    let client = w.reconnect(connect("client").clean(false), true);
    w.expect_nothing(client);
}

/// QoS 1: each new message has an identifier that no other has, and DUP 0.
fn mqtt_3_4_3_2_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = subscriber(&mut *w, "client", [("t", 1)]);
    let publisher = w.connect(connect("publisher"));
    let mut ids = Vec::new();
    for n in 0..100_u8 {
        w.published(publisher, publish("t", [n]).qos(1).dup());
        let got = w.recv_publish(client);
        assert_eq!((got.qos, got.dup, &got.payload[..]), (1, false, &[n][..]));
        ids.push(got.id.expect("QoS 1"));
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 100);
}

/// It is unacknowledged until its own PUBACK comes; another's changes nothing.
fn mqtt_3_4_3_2_1_until_it_is_acknowledged(start: Start<'_>) {
    let mut w = start(Config::default());
    let session = || connect("client").clean(false);
    let client = w.connect(session());
    w.subscribed(client, [("t", 1)]);
    for n in 0..3_u8 {
        publishes(&mut *w, publish("t", [n]).qos(1));
    }
    let sent = [(); 3].map(|()| w.recv_publish(client));
    w.send(client, puback(sent[1].id.expect("QoS 1")));
    w.send(client, puback(60_000));
    w.expect_nothing(client);
    w.reset(client);
    let client = w.reconnect(session(), true);
    for publish in [&sent[0], &sent[2]] {
        w.expect(client, Publish { dup: true, ..publish.clone() });
        w.send(client, puback(publish.id.expect("QoS 1")));
    }
    w.expect_nothing(client);
    w.reset(client);
    let client = w.reconnect(session(), true);
    w.expect_nothing(client);
}

/// QoS 1 to the broker: PUBACK with the identifier; the same identifier after it is a new message, with DUP or without.
fn mqtt_3_4_3_2_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("t", 0)]);
    let client = w.connect(connect("client"));
    for (n, dup) in [false, true, false, true].into_iter().enumerate() {
        let message = publish("t", [n as u8]).qos(1).id(9);
        w.send(client, if dup { message.dup() } else { message });
        expect_bytes(&mut *w, client, &[0x40, 2, 0, 9]);
        w.take(witness, "t", [n as u8]);
    }
    w.expect_nothing(witness);
}

/// A client that did not get the PUBACK sends again, and gets it then.
fn mqtt_3_4_3_2_2_over_a_reconnect(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("t", 0)]);
    for _ in 0..2 {
        let client = w.connect(connect("client").clean(false));
        w.send(client, publish("t", "x").qos(1).id(9).dup());
        w.expect(client, puback(9));
        w.reset(client);
        w.take(witness, "t", "x");
    }
}

/// QoS 2 from the broker: PUBLISH with DUP 0 and a new identifier, PUBREL for PUBREC, and again for each PUBREC.
fn mqtt_3_4_3_3_1(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        let client = w.connect(connect("client").version(version));
        w.subscribed(client, [("t", 2)]);
        let mut open = Vec::new();
        for n in 0..20_u8 {
            publishes(&mut *w, publish("t", [n]).qos(2).dup());
            let got = w.recv_publish(client);
            let id = got.id.expect("QoS 2");
            assert_eq!((got.qos, got.dup, &got.payload[..]), (2, false, &[n][..]));
            assert!(!open.contains(&id));
            for _ in 0..2 {
                w.send(client, pubrec(id));
                expect_bytes(&mut *w, client, &raw::join([&[0x62, 2], &id.to_be_bytes()]));
            }
            open.push(id);
        }
        for id in open {
            w.send(client, pubcomp(id));
        }
        w.expect_nothing(client);
    }
}

/// Once PUBREL is out, the PUBLISH never comes again: the PUBREL does, until PUBCOMP comes.
fn mqtt_3_4_3_3_1_released_is_not_published_again(start: Start<'_>) {
    let mut w = start(Config::default());
    let session = || connect("client").clean(false);
    let mut client = w.connect(session());
    w.subscribed(client, [("t", 2)]);
    publishes(&mut *w, publish("t", "x").qos(2));
    let first = w.recv_publish(client);
    let id = first.id.expect("QoS 2");
    w.reset(client);
    client = w.reconnect(session(), true);
    w.expect(client, Publish { dup: true, ..first });
    w.send(client, pubrec(id));
    w.expect(client, pubrel(id));
    for _ in 0..3 {
        w.reset(client);
        client = w.reconnect(session(), true);
        w.expect(client, pubrel(id));
        w.expect_nothing(client);
    }
    w.send(client, pubcomp(id));
    w.expect_nothing(client);
    w.reset(client);
    client = w.reconnect(session(), true);
    w.expect_nothing(client);
}

/// A PUBREC for an exchange that is finished, or never was, is still answered by PUBREL, so that the client can finish.
fn mqtt_3_4_3_3_1_a_late_pubrec(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = subscriber(&mut *w, "client", [("t", 2)]);
    publishes(&mut *w, publish("t", "x").qos(2));
    let id = w.take(client, "t", "x").id.expect("QoS 2");
    for id in [id, 4_711] {
        w.send(client, pubrec(id));
        w.expect(client, pubrel(id));
        w.send(client, pubcomp(id));
    }
    w.expect_nothing(client);
}

/// QoS 2 to the broker: PUBREC for each repetition and one delivery, PUBCOMP for PUBREL, and then the identifier is new.
fn mqtt_3_4_3_3_2(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("t", 2)]);
    for version in OLD {
        let client = w.connect(connect("client").version(version));
        for n in 0..3_u8 {
            w.send(client, publish("t", [n]).qos(2).id(9));
            expect_bytes(&mut *w, client, &[0x50, 2, 0, 9]);
            for _ in 0..2 {
                w.send(client, publish("t", [n]).qos(2).id(9).dup());
                expect_bytes(&mut *w, client, &[0x50, 2, 0, 9]);
            }
            w.send(client, pubrel(9));
            expect_bytes(&mut *w, client, &[0x70, 2, 0, 9]);
            w.take(witness, "t", [n]);
            w.expect_nothing(witness);
        }
    }
}

/// Over reconnects too: before PUBREL it is a repetition, after it a new message.
fn mqtt_3_4_3_3_2_over_a_reconnect(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = subscriber(&mut *w, "witness", [("t", 0)]);
    let session = || connect("client").clean(false);
    let mut client = w.connect(session());
    for dup in [false, true, true] {
        let message = publish("t", "once").qos(2).id(9);
        w.send(client, if dup { message.dup() } else { message });
        w.expect(client, pubrec(9));
        w.reset(client);
        client = w.reconnect(session(), true);
    }
    w.send(client, pubrel(9));
    w.expect(client, pubcomp(9));
    w.take(witness, "t", "once");
    w.expect_nothing(witness);
    w.reset(client);
    client = w.reconnect(session(), true);
    w.send(client, publish("t", "again").qos(2).id(9).dup());
    w.expect(client, pubrec(9));
    w.take(witness, "t", "again");
}

/// A PUBREL for an exchange that is finished, or never was, is still answered by PUBCOMP.
fn mqtt_3_4_3_3_2_a_late_pubrel(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(connect("client"));
    w.published(client, publish("t", "x").qos(2).id(9));
    for id in [9, 9, 4_711] {
        w.send(client, pubrel(id));
        w.expect(client, pubcomp(id));
    }
}

/// CleanSession 0: all unacknowledged PUBLISH and PUBREL packets come again, under their identifiers, before anything new.
fn mqtt_3_4_4_0_1(start: Start<'_>) {
    let mut w = start(Config::default());
    for version in OLD {
        let session = connect("client").version(version).clean(false);
        let client = w.connect(session.clone());
        w.subscribed(client, [("t", 2)]);
        for n in 0..9_u8 {
            publishes(&mut *w, publish("t", [n]).qos(1 + n % 2));
        }
        let sent = [(); 9].map(|()| w.recv_publish(client));
        for released in [&sent[3], &sent[7]] {
            let id = released.id.expect("QoS 2");
            w.send(client, pubrec(id));
            w.expect(client, pubrel(id));
        }
        w.reset(client);
        publishes(&mut *w, publish("t", "new").qos(1));
        let client = w.connect(session);
        let mut again = Vec::new();
        let mut released = Vec::new();
        for _ in 0..9 {
            match w.recv(client) {
                Packet::Publish(publish) => again.push(publish),
                Packet::PubRel(ack) => released.push(ack.id),
                other => panic!("{other:?}"),
            }
        }
        let unacknowledged = sent.iter().enumerate().filter(|(n, _)| ![3, 7].contains(n));
        let wanted: Vec<_> = unacknowledged.map(|(_, sent)| Publish { dup: true, ..sent.clone() }).collect();
        assert_eq!(again, wanted);
        assert_eq!(released, [sent[3].id.expect("QoS 2"), sent[7].id.expect("QoS 2")]);
        w.take(client, "t", "new");
        w.expect_nothing(client);
        let client = w.connect(connect("client"));
        leave(&mut *w, client);
    }
}

/// And nothing that was acknowledged.
fn mqtt_3_4_4_0_1_only_what_is_unacknowledged(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(connect("client").clean(false));
    w.subscribed(client, [("t", 2)]);
    for n in 0..9_u8 {
        publishes(&mut *w, publish("t", [n]).qos(n % 3));
        w.take(client, "t", [n]);
    }
    w.expect_nothing(client);
    w.reset(client);
    let client = w.reconnect(connect("client").clean(false), true);
    w.expect_nothing(client);
}

/// A message goes to every session with a subscription that matches: many, here and away, of every version and filter.
fn mqtt_3_4_5_0_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let filters = ["a/b", "a/+", "+/b", "a/#", "#", "+/+"];
    let mut here = Vec::new();
    for n in 0..48_usize {
        let version = [Version::V31, Version::V311, Version::V5][n % 3];
        let client = w.connect(connect(&format!("here{n}")).version(version));
        w.subscribed(client, [(filters[n % 6], 1)]);
        here.push(client);
        away(&mut *w, &format!("away{n}"), [(filters[n % 6], 2)]);
    }
    let publisher = w.connect(connect("publisher"));
    w.subscribed(publisher, [("a/b", 0)]);
    w.send(publisher, publish("a/b", "x").qos(2));
    w.expect_among(publisher, &pubrec(1));
    w.take(publisher, "a/b", "x");
    for client in here {
        w.take(client, "a/b", "x");
        w.expect_nothing(client);
    }
    for n in 0..48 {
        let client = w.reconnect(connect(&format!("away{n}")).clean(false), true);
        assert_eq!(w.take(client, "a/b", "x").qos, 2);
        w.expect_nothing(client);
    }
}

/// And to nobody else.
fn mqtt_3_4_5_0_1_nobody_else(start: Start<'_>) {
    let mut w = start(Config::default());
    let clients = ["a", "a/b/+", "b", "+", "/a/b", "a/b/", "A/b", "+/+/+", "+/c", "b/#"]
        .map(|filter| subscriber(&mut *w, filter, [(filter, 2)]));
    let idle = w.connect(connect("idle"));
    publishes(&mut *w, publish("a/b", "x").qos(2));
    for client in clients.into_iter().chain([idle]) {
        w.expect_nothing(client);
    }
}
