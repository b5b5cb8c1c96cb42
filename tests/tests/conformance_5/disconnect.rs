//! PINGREQ and DISCONNECT (3.12, 3.14).

use crate::support::*;

/// Each PINGREQ has its PINGRESP.
fn mqtt_5_3_12_4_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    w.send(client, [0xC0, 0, 0xC0, 0, 0xC0, 0]);
    for _ in 0..3 {
        w.expect(client, pong());
    }
    w.send(client, publish("t", "x").qos(1));
    w.expect_acknowledged(client, puback(1));
}

/// Before a good CONNACK there is no DISCONNECT: whatever is wrong, CONNACK says so or nothing does.
fn mqtt_5_3_14_0_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let firsts = [
        vec![0x00, 0x00],
        vec![0xC0, 0x00],
        vec![0x10, 0xFF, 0xFF, 0xFF, 0xFF],
        vec![0x10, 0xFF, 0xFF, 0x7F],
        raw_connect(0x03, &[], &string("rogue")),
        raw_connect(0x02, &[0x7E], &string("rogue")),
        raw_connect(0x02, &[], &string("rogue\0")),
        v5("rogue").property(Property::AuthenticationMethod("unknown".into())).to_wire(Version::V5),
    ];
    for first in firsts {
        let client = open(&mut *w);
        w.send(client, first);
        match w.read(client) {
            Received::Closed => {}
            Received::Packet(Packet::ConnAck(connack)) => {
                assert!(connack.code >= 0x80, "{connack:?}");
                w.expect_closed(client);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Nor when time ends it, or the broker goes down, or the deployment does not answer.
fn mqtt_5_3_14_0_1_by_itself(shards: u16) {
    let authentication = Authentication::External { methods: Vec::new() };
    let mut n = net(shards, Config { authentication, ..Config::default() });
    n.authenticate(|_| None);
    let (silent, asked) = (open(&mut n), open(&mut n));
    n.send(asked, v5("asked"));
    n.advance(secs(60));
    n.expect_closed(silent);
    refused_at(&mut n, asked, &[0x88]);
    let (silent, asked) = (open(&mut n), open(&mut n));
    n.send(asked, v5("asked"));
    n.settle();
    n.shutdown();
    n.expect_closed(silent);
    match n.read(asked) {
        Received::Closed => {}
        Received::Packet(Packet::ConnAck(connack)) => assert!(connack.code >= 0x80),
        other => panic!("{other:?}"),
    }
}

/// DISCONNECT with flags is malformed, and no DISCONNECT: the will is published.
fn mqtt_5_3_14_1_1(start: Start<'_>) {
    for flags in 1..16 {
        let mut w = start(Config::default());
        let witness = w.connect(v5("witness"));
        w.subscribed(witness, [("will", 1)]);
        let client = w.connect(v5("rogue").will("will", b"gone", 1));
        w.send(client, [0xE0 | flags, 0]);
        disconnected(&mut *w, client, &[0x81]);
        w.take(witness, "will", "gone");
    }
}

/// What clients may send of Table 3-10; 0x8C and 0x9B are named elsewhere in the specification.
const FROM_CLIENTS: [u8; 16] =
    [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x8C, 0x9B];

/// A client's DISCONNECT with a code of the table just closes, with another one it is a Protocol Error.
fn mqtt_5_3_14_2_1(start: Start<'_>) {
    for code in 0..=0xFF {
        let mut w = start(Config::default());
        let client = w.connect(v5("client"));
        w.send(client, frame(0xE0, [code]));
        if FROM_CLIENTS.contains(&code) {
            w.expect_closed(client);
        } else {
            disconnected(&mut *w, client, MALFORMED_OR_PROTOCOL);
        }
    }
}

/// Table 3-10: what a server may send.
const FROM_SERVERS: [u8; 26] = [
    0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
    0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0,
];

/// The DISCONNECT packets that the broker sends for all kinds of breaches, to clients with this Maximum Packet Size.
fn disconnects(start: Start<'_>, size_max: u32) -> Vec<Disconnect> {
    let mut config = Config::default();
    config.mqtt.maximum_qos = QoS::AtLeastOnce;
    config.mqtt.retain_available = false;
    config.mqtt.subscription_identifier_available = false;
    config.mqtt.packet_bytes_max = 2_000;
    config.mqtt.connect_bytes_max = 2_000;
    let breaches = [
        vec![0x00, 0x00],
        vec![0x20, 0x00],
        vec![0x30, 0xFF, 0xFF, 0x7F],
        ping().to_wire(Version::V5).into_iter().chain([0xC1, 0]).skip(2).collect(),
        v5("rogue").to_wire(Version::V5),
        publish("a/#", "x").to_wire(Version::V5),
        publish("t", "x").retain().to_wire(Version::V5),
        publish("t", "x").qos(2).to_wire(Version::V5),
        publish("t", "x").property(Property::TopicAlias(99)).to_wire(Version::V5),
        subscribe(1, [("t", 0)]).identifier(1).to_wire(Version::V5),
        subscribe(1, [("t", 0x80)]).to_wire(Version::V5),
        auth(0x19).to_wire(Version::V5),
        frame(0xE0, [0x8E]),
    ];
    let mut w = start(config);
    let mut all = Vec::new();
    for bytes in breaches {
        let client = w.connect(v5("rogue").property(Property::MaximumPacketSize(size_max)));
        w.send(client, bytes);
        let codes: Vec<u8> = (0x80..=0xFF).collect();
        all.push(disconnected(&mut *w, client, &codes));
    }
    let older = w.connect(v5("rogue").property(Property::MaximumPacketSize(size_max)));
    w.connect(v5("rogue"));
    all.push(disconnected(&mut *w, older, &[0x8E]));
    all
}

/// The server's codes are of the table; 0xA1 and 0xA2 are there as well.
fn mqtt_5_3_14_2_1_from_the_server(start: Start<'_>) {
    for disconnect in disconnects(start, 200) {
        let code = disconnect.code;
        assert!(FROM_SERVERS.contains(&code) || [0xA1, 0xA2].contains(&code), "{disconnect:?}");
    }
}

/// Also what the deployment has a connected client told.
fn mqtt_5_3_14_2_1_from_the_deployment(shards: u16) {
    let authentication = Authentication::External { methods: vec!["TEST".into()] };
    for &code in ReasonCode::ALL.iter().filter(|code| code.is_failure()) {
        let mut n = net(shards, Config { authentication: authentication.clone(), ..Config::default() });
        n.authenticate(|_| Some(weirmq_core::AuthOutcome::Accept { data: None }));
        let method = || Property::AuthenticationMethod("TEST".into());
        let client = n.connect(v5("client").property(method()));
        n.authenticate(move |_| Some(weirmq_core::AuthOutcome::Refuse(code)));
        n.send(client, auth(0x19).property(method()));
        let Packet::Disconnect(disconnect) = n.recv(client) else { panic!("no DISCONNECT for {code:?}") };
        assert!(
            FROM_SERVERS.contains(&disconnect.code) || [0x8C, 0xA1, 0xA2].contains(&disconnect.code),
            "{disconnect:02X?} for {code:?}"
        );
        n.expect_closed(client);
    }
}

/// A server says nothing about the session in its DISCONNECT.
fn mqtt_5_3_14_2_2(start: Start<'_>) {
    for disconnect in disconnects(start, 200) {
        let about = |property: &Property| matches!(property, Property::SessionExpiryInterval(_));
        assert!(!disconnect.properties.iter().any(about), "{disconnect:?}");
    }
}

/// A Reason String that does not fit is left out, the DISCONNECT still comes.
fn mqtt_5_3_14_2_3(start: Start<'_>) {
    for size in [16, 30, 60, 100] {
        // CONNACK has to fit.
        for disconnect in disconnects(start, size.max(24)) {
            let whole = disconnect.to_wire(Version::V5).len();
            assert!(whole <= size.max(24) as usize, "{whole}: {disconnect:?}");
        }
    }
}

/// And User Properties.
fn mqtt_5_3_14_2_4(start: Start<'_>) {
    for disconnect in disconnects(start, 24) {
        assert!(disconnect.to_wire(Version::V5).len() <= 24, "{disconnect:?}");
        assert_eq!(user_properties(&disconnect.properties), []);
    }
}

/// After its DISCONNECT the server sends nothing, although there would be something.
fn mqtt_5_3_14_4_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.connect(v5("client"));
    w.subscribed(client, [("t", 0)]);
    let publisher = w.connect(v5("publisher"));
    w.send(client, [0x00, 0x00, 0xC0, 0x00, 0xC0, 0x00]);
    w.expect_like(client, disconnect().code(0x81));
    w.published(publisher, publish("t", "x").qos(1));
    w.expect_closed(client);
}

/// What a client sends behind its DISCONNECT is not acted on.
fn mqtt_5_3_14_4_1_of_a_client(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = w.connect(v5("witness"));
    w.subscribed(witness, [("t", 1)]);
    let client = w.connect(v5("client"));
    w.send(client, join([&[0xE0, 0], &publish("t", "x").qos(1).to_wire(Version::V5), &[0xC0, 0]]));
    w.expect_closed(client);
    w.expect_nothing(witness);
}

/// The connection is closed after a DISCONNECT of either side, without waiting for the other.
fn mqtt_5_3_14_4_2(start: Start<'_>) {
    let mut w = start(Config::default());
    for code in [0x00, 0x04, 0x80, 0x98] {
        let client = w.connect(v5("client"));
        w.send(client, disconnect().code(code));
        w.expect_closed(client);
    }
    breach(start, [0x00, 0x00], &[0x81]);
}

/// DISCONNECT with 0x00, in each of its forms, throws the will away.
fn mqtt_5_3_14_4_3(start: Start<'_>) {
    let mut w = start(Config::default());
    let witness = w.connect(v5("witness"));
    w.subscribed(witness, [("will", 1)]);
    for form in [&[0xE0, 0][..], &[0xE0, 1, 0], &[0xE0, 2, 0, 0], &[0xE0, 7, 0, 5, 0x11, 0, 0, 0, 0]] {
        let client = w.connect(lasting("mortal").clean(true).will("will", b"gone", 1));
        w.send(client, form);
        w.expect_closed(client);
        w.expect_nothing(witness);
    }
}

in_each_world! {
    mqtt_5_3_12_4_1
    mqtt_5_3_14_0_1
    mqtt_5_3_14_1_1
    mqtt_5_3_14_2_1
    mqtt_5_3_14_2_1_from_the_server
    mqtt_5_3_14_2_2
    mqtt_5_3_14_2_3
    mqtt_5_3_14_2_4
    mqtt_5_3_14_4_1
    mqtt_5_3_14_4_1_of_a_client
    mqtt_5_3_14_4_2
    mqtt_5_3_14_4_3
}

in_memory! {
    mqtt_5_3_14_0_1_by_itself
    mqtt_5_3_14_2_1_from_the_deployment
}
