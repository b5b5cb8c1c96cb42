//! CONNACK (3.2.2).

use crate::support::*;
use weirmq_tests::malformed::{Answer, table};

/// The acknowledge flags are 0 or 1 and nothing else; the decoder of the tests takes no other bit.
fn mqtt_5_3_2_2_1(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.reconnect(lasting("client"), false);
    leave(&mut *w, client);
    w.reconnect(lasting("client"), true);
    refused(&mut *w, v5("client").will("#", b"x", 0), &[0x90, 0x82]);
}

/// Clean Start 1: Session Present 0, whether there was a session or not.
fn mqtt_5_3_2_2_2(start: Start<'_>) {
    let mut w = start(Config::default());
    w.reconnect(v5("new"), false);
    let client = w.connect(lasting("client"));
    leave(&mut *w, client);
    w.reconnect(v5("client"), false);
    let open = w.connect(lasting("open"));
    w.reconnect(v5("open"), false);
    disconnected(&mut *w, open, &[0x8E]);
}

/// Clean Start 0: Session Present tells the truth.
fn mqtt_5_3_2_2_3(start: Start<'_>) {
    let mut w = start(Config::default());
    let client = w.reconnect(lasting("client"), false);
    leave(&mut *w, client);
    let client = w.reconnect(lasting("client"), true);
    w.send(client, disconnect().property(Property::SessionExpiryInterval(0)));
    w.expect_closed(client);
    w.reconnect(lasting("client"), false);
    let short = w.reconnect(v5("short").clean(false), false);
    leave(&mut *w, short);
    w.reconnect(v5("short").clean(false), false);
}

/// And when time has ended the session.
fn mqtt_5_3_2_2_3_after_time(shards: u16) {
    let mut n = net(shards, Config::default());
    let client = n.reconnect(lasting("client"), false);
    n.reset(client);
    n.advance(secs(3_600) - MICROSECOND);
    let client = n.reconnect(lasting("client"), true);
    n.reset(client);
    n.advance(secs(3_600));
    n.reconnect(lasting("client"), false);
}

/// A refusal has Session Present 0, also when there is a session.
fn mqtt_5_3_2_2_6(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.retain_available = false;
    config.mqtt.maximum_qos = QoS::AtLeastOnce;
    let mut w = start(config);
    let client = w.connect(lasting("client"));
    leave(&mut *w, client);
    let flags = |flags| raw_connect(flags, &[0x11, 0, 0, 1, 0], &join([&string("client"), b"\0\0\x01t\0\0"]));
    refused(&mut *w, lasting("client").will("t", b"x", 2), &[0x9B]);
    refused(&mut *w, lasting("client").will("t", b"x", 1).will_retain(), &[0x9A]);
    refused(&mut *w, flags(0x1C), &[0x81]);
    refused(&mut *w, lasting("client").property(Property::AuthenticationMethod("x".into())), &[0x8C]);
    w.reconnect(lasting("client"), true);
}

/// After a refusal the connection is closed, without waiting for the client.
fn mqtt_5_3_2_2_7(start: Start<'_>) {
    let mut config = Config::default();
    config.listeners[0].allow_anonymous = false;
    let mut w = start(config);
    refused(&mut *w, v5("anonymous"), &[0x87]);
    refused(&mut *w, raw::connect(b"MQTT", 6, 2, Some(&[]), &string("rogue")), &[0x84]);
    refused(&mut *w, raw_connect(0x03, &[], &string("rogue")), &[0x81]);
}

/// Table 3-1.
const CONNACK_CODES: [u8; 22] = [
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B,
    0x9C, 0x9D, 0x9F,
];

/// Every refusal has a code of Table 3-1.
fn mqtt_5_3_2_2_8(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.maximum_qos = QoS::AtMostOnce;
    config.mqtt.retain_available = false;
    let mut w = start(config);
    let mut firsts: Vec<Vec<u8>> = table()
        .into_iter()
        .filter(|bad| !bad.connected && bad.version == Version::V5 && matches!(bad.answer, Answer::ConnAck(_)))
        .map(|bad| bad.bytes)
        .collect();
    firsts.push(v5("x").will("t", b"x", 1).to_wire(Version::V5));
    firsts.push(v5("x").will("t", b"x", 0).will_retain().to_wire(Version::V5));
    firsts.push(v5(&"x".repeat(2_000)).to_wire(Version::V5));
    firsts.push(v5("x").will("$SYS/x", b"x", 0).to_wire(Version::V5));
    for first in firsts {
        refused(&mut *w, first, &CONNACK_CODES[1..]);
    }
}

/// And when the deployment answers with a code that CONNACK does not have.
fn mqtt_5_3_2_2_8_from_the_deployment(shards: u16) {
    let authentication = Authentication::External { methods: Vec::new() };
    for &code in ReasonCode::ALL.iter().filter(|code| code.is_failure()) {
        let mut n = net(shards, Config { authentication: authentication.clone(), ..Config::default() });
        n.authenticate(move |_| Some(weirmq_core::AuthOutcome::Refuse(code)));
        refused(&mut n, v5("client"), &CONNACK_CODES[1..]);
    }
}

fn with_qos(qos: QoS) -> Config {
    let mut config = Config::default();
    config.mqtt.maximum_qos = qos;
    config
}

/// Maximum QoS is told when it is below 2, and never is 2.
fn mqtt_5_3_2_2_9(start: Start<'_>) {
    for (qos, told) in [(QoS::AtMostOnce, Some(0)), (QoS::AtLeastOnce, Some(1)), (QoS::ExactlyOnce, None)] {
        let mut w = start(with_qos(qos));
        let (_, connack) = w.try_connect(v5("client"));
        let found = connack.properties.iter().find_map(|property| match property {
            Property::MaximumQoS(qos) => Some(*qos),
            _ => None,
        });
        assert_eq!(found, told, "{connack:?}");
    }
}

/// Any QoS may be asked for; what is granted, and delivered, is no more than there is.
fn mqtt_5_3_2_2_10(start: Start<'_>) {
    for maximum in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        let mut w = start(with_qos(maximum));
        let client = w.connect(v5("client"));
        w.send(client, subscribe(1, [("a", 0), ("b", 1), ("c", 2)]));
        let most = maximum as u8;
        w.expect(client, suback(1, [0, most.min(1), most]));
        let publisher = w.connect(v5("publisher"));
        w.published(publisher, publish("c", "x").qos(most));
        assert_eq!(w.take(client, "c", "x").qos, most);
    }
}

/// A PUBLISH above it is answered by 0x9B, one at it is not.
fn mqtt_5_3_2_2_11(start: Start<'_>) {
    breach_with(start, with_qos(QoS::AtMostOnce), publish("t", "x").qos(1), &[0x9B]);
    breach_with(start, with_qos(QoS::AtMostOnce), publish("t", "x").qos(2), &[0x9B]);
    breach_with(start, with_qos(QoS::AtLeastOnce), publish("t", "x").qos(2), &[0x9B]);
    let mut w = start(with_qos(QoS::AtLeastOnce));
    let client = w.connect(v5("client"));
    w.published(client, publish("t", "x").qos(1));
    w.expect_nothing(client);
}

/// A will above it refuses the CONNECT by 0x9B.
fn mqtt_5_3_2_2_12(start: Start<'_>) {
    let mut w = start(with_qos(QoS::AtLeastOnce));
    refused(&mut *w, v5("client").will("t", b"x", 2), &[0x9B]);
    w.connect(v5("client").will("t", b"x", 1));
    let mut w = start(with_qos(QoS::AtMostOnce));
    refused(&mut *w, v5("client").will("t", b"x", 1), &[0x9B]);
    w.connect(v5("client").will("t", b"x", 0));
}

fn without_retain() -> Config {
    let mut config = Config::default();
    config.mqtt.retain_available = false;
    config
}

/// A retained will refuses the CONNECT by 0x9A where nothing is retained, and that is told to others.
fn mqtt_5_3_2_2_13(start: Start<'_>) {
    let mut w = start(without_retain());
    refused(&mut *w, v5("client").will("t", b"x", 0).will_retain(), &[0x9A]);
    let (_, connack) = w.try_connect(v5("client").will("t", b"x", 0));
    assert_eq!(connack.code, 0);
    assert!(connack.properties.contains(&Property::RetainAvailable(0)), "{connack:?}");
}

/// A retained PUBLISH is answered by 0x9A there.
fn mqtt_5_3_2_2_14(start: Start<'_>) {
    for qos in 0..3 {
        breach_with(start, without_retain(), publish("t", "x").qos(qos).retain(), &[0x9A]);
    }
    let mut w = start(without_retain());
    let client = w.connect(v5("client"));
    w.published(client, publish("t", "x").qos(1));
}

/// A packet of the announced Maximum Packet Size is taken, one byte more is answered by 0x95, when its length is known.
fn mqtt_5_3_2_2_15(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.packet_bytes_max = 2_000;
    config.mqtt.connect_bytes_max = 1_000;
    let mut w = start(config);
    let (subscriber, publisher) = pair(&mut *w, "t");
    let (_, connack) = w.try_connect(v5("reader"));
    assert!(connack.properties.contains(&Property::MaximumPacketSize(2_000)), "{connack:?}");
    let payload = vec![b'x'; 2_000 - 3 - 3 - 2 - 1];
    let message = publish("t", &payload).qos(1);
    assert_eq!(message.to_wire(Version::V5).len(), 2_000);
    w.published(publisher, message);
    w.take(subscriber, "t", &payload);
    w.send(publisher, &publish("t", vec![b'x'; payload.len() + 1]).qos(1).to_wire(Version::V5)[..5]);
    disconnected(&mut *w, publisher, &[0x95]);
    w.expect_nothing(subscriber);
}

/// Assigned identifiers are different from each other and from all that are there.
fn mqtt_5_3_2_2_16(start: Start<'_>) {
    let mut w = start(Config::default());
    let mut names = Vec::new();
    for _ in 0..50 {
        let (_, connack) = w.try_connect(lasting(""));
        assert!(!connack.session_present);
        names.extend(connack.properties.into_iter().filter_map(|property| match property {
            Property::AssignedClientIdentifier(name) => Some(name),
            _ => None,
        }));
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 50);
}

/// An alias above the maximum of the CONNACK is answered by 0x94.
fn mqtt_5_3_2_2_17(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.topic_alias_maximum = 5;
    let mut w = start(config.clone());
    let (client, connack) = w.try_connect(v5("client"));
    assert!(connack.properties.contains(&Property::TopicAliasMaximum(5)), "{connack:?}");
    w.published(client, publish("t", "x").qos(1).property(Property::TopicAlias(5)));
    for alias in [6, 0x0105, u16::MAX] {
        breach_with(start, config.clone(), publish("t", "x").property(Property::TopicAlias(alias)), &[0x94]);
    }
}

/// Without a maximum there is none, and every alias is answered by 0x94.
fn mqtt_5_3_2_2_18(start: Start<'_>) {
    let mut config = Config::default();
    config.mqtt.topic_alias_maximum = 0;
    let mut w = start(config.clone());
    let (_, connack) = w.try_connect(v5("client"));
    let told = |property: &Property| matches!(property, Property::TopicAliasMaximum(1..));
    assert!(!connack.properties.iter().any(told), "{connack:?}");
    breach_with(start, config, publish("t", "x").property(Property::TopicAlias(1)), &[0x94]);
}

/// What refuses a client that takes 20 bytes in one packet: the reasons are met before and after its limit is read.
fn small_refusals(start: Start<'_>) -> Vec<ConnAck> {
    let mut w = start(Config::default());
    let limit = [0x27, 0, 0, 0, 20];
    let firsts = [
        raw_connect(0x1E, &limit, &join([&string("rogue"), &[0], &string("t"), &string("x")])),
        raw_connect(0x02, &limit, &string([0xC0, 0x80])),
        raw_connect(0x02, &join([&limit, &[0x21, 0, 0]]), &string("rogue")),
        raw_connect(0x02, &join([&limit, &[0x16, 0, 1, 1]]), &string("rogue")),
        v5("rogue").property(Property::MaximumPacketSize(20)).will("#", b"x", 0).to_wire(Version::V5),
    ];
    firsts.into_iter().map(|first| refused(&mut *w, first, &[0x81, 0x82, 0x90])).collect()
}

/// A Reason String that does not fit is left out of the CONNACK.
fn mqtt_5_3_2_2_19(start: Start<'_>) {
    for connack in small_refusals(start) {
        assert!(connack.to_wire(Version::V5).len() <= 20, "{connack:?}");
        assert!(!connack.properties.iter().any(|property| matches!(property, Property::ReasonString(_))));
    }
}

/// And User Properties.
fn mqtt_5_3_2_2_20(start: Start<'_>) {
    for connack in small_refusals(start) {
        assert!(connack.to_wire(Version::V5).len() <= 20, "{connack:?}");
        assert_eq!(user_properties(&connack.properties), []);
    }
    let mut w = start(Config::default());
    let (_, connack) = w.try_connect(v5("client").property(Property::MaximumPacketSize(16)));
    assert_eq!(user_properties(&connack.properties), []);
}

fn server_keep_alive(connack: &ConnAck) -> Option<u16> {
    connack.properties.iter().find_map(|property| match property {
        Property::ServerKeepAlive(seconds) => Some(*seconds),
        _ => None,
    })
}

/// Without Server Keep Alive the client's rules; with it the server's does.
fn mqtt_5_3_2_2_22(shards: u16) {
    for (maximum, asked, told, limit_s) in
        [(0, 10, None, 15), (60, 10, None, 15), (60, 60, None, 90), (60, 61, Some(60), 90), (60, 0, Some(60), 90)]
    {
        let mut config = Config::default();
        config.mqtt.keep_alive_max_s = maximum;
        let mut n = net(shards, config);
        let (client, connack) = n.try_connect(v5("client").keep_alive(asked));
        assert_eq!(server_keep_alive(&connack), told, "{asked} of {maximum}");
        n.advance(secs(limit_s) - MICROSECOND);
        assert!(!n.is_closed(client), "{asked} of {maximum}");
        n.advance(MICROSECOND);
        disconnected(&mut n, client, &[0x8D]);
    }
}

in_each_world! {
    mqtt_5_3_2_2_1
    mqtt_5_3_2_2_2
    mqtt_5_3_2_2_3
    mqtt_5_3_2_2_6
    mqtt_5_3_2_2_7
    mqtt_5_3_2_2_8
    mqtt_5_3_2_2_9
    mqtt_5_3_2_2_10
    mqtt_5_3_2_2_11
    mqtt_5_3_2_2_12
    mqtt_5_3_2_2_13
    mqtt_5_3_2_2_14
    mqtt_5_3_2_2_15
    mqtt_5_3_2_2_16
    mqtt_5_3_2_2_17
    mqtt_5_3_2_2_18
    mqtt_5_3_2_2_19
    mqtt_5_3_2_2_20
}

in_memory! {
    mqtt_5_3_2_2_3_after_time
    mqtt_5_3_2_2_8_from_the_deployment
    mqtt_5_3_2_2_22
}
