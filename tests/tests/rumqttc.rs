//! rumqttc, a client library of its own, against each runtime: 3.1.1 and 5.0.

use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rumqttc::v5::mqttbytes::QoS as QoS5;
use rumqttc::v5::mqttbytes::v5 as packets5;
use rumqttc::{Client, Event, LastWill, MqttOptions, Packet, QoS};
use weirmq_core::Config;
use weirmq_tests::server::{RunningServer, Runtime};
use weirmq_tests::socket::{Address, DEADLINE};

fn start(runtime: Runtime) -> (RunningServer, u16) {
    let server = RunningServer::on_loopback(runtime, &Config { shards: 2, ..Config::default() }).expect("a broker");
    let Address::Tcp(address) = server.addresses()[0] else { panic!("a TCP address") };
    (server, address.port())
}

/// A client, and what it is sent. Its thread ends with the connection.
fn client(options: MqttOptions) -> (Client, Receiver<Packet>) {
    let (client, mut connection) = Client::new(options, 64);
    let (packets, received) = channel();
    thread::spawn(move || {
        for event in connection.iter() {
            match event {
                Ok(Event::Incoming(packet)) => {
                    if packets.send(packet).is_err() {
                        return;
                    }
                }
                Ok(Event::Outgoing(_)) => {}
                Err(_) => return,
            }
        }
    });
    (client, received)
}

fn options(name: &str, port: u16) -> MqttOptions {
    MqttOptions::new(name, "127.0.0.1", port)
}

/// Waits for the first packet that `wanted` makes something of.
fn wait<P, T>(received: &Receiver<P>, wanted: impl Fn(P) -> Option<T>) -> T {
    loop {
        let packet = received.recv_timeout(DEADLINE).expect("a packet in time");
        if let Some(found) = wanted(packet) {
            return found;
        }
    }
}

fn message(received: &Receiver<Packet>) -> (String, Vec<u8>, QoS, bool) {
    wait(received, |packet| match packet {
        Packet::Publish(it) => Some((it.topic, it.payload.to_vec(), it.qos, it.retain)),
        _ => None,
    })
}

fn subscribed(client: &Client, received: &Receiver<Packet>, filter: &str) {
    client.subscribe(filter, QoS::ExactlyOnce).expect("a queue with room");
    wait(received, |packet| matches!(packet, Packet::SubAck(_)).then_some(()));
}

fn each(case: fn(u16)) {
    for runtime in Runtime::ALL {
        let (_server, port) = start(runtime);
        case(port);
    }
}

#[test]
fn publishes_and_subscribes() {
    each(|port| {
        let (subscriber, received) = client(options("subscriber", port));
        subscribed(&subscriber, &received, "t/#");
        let (publisher, _events) = client(options("publisher", port));
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            for number in 0..20_u8 {
                publisher.publish("t/x", qos, false, [number]).expect("a queue with room");
                assert_eq!(message(&received), ("t/x".into(), vec![number], qos, false));
            }
        }
    });
}

#[test]
fn meets_retained_messages_and_wills() {
    each(|port| {
        let (publisher, received) = client(options("publisher", port));
        publisher.publish("kept", QoS::AtLeastOnce, true, "kept").expect("a queue with room");
        wait(&received, |packet| matches!(packet, Packet::PubAck(_)).then_some(()));
        let (late, received) = client(options("late", port));
        subscribed(&late, &received, "kept");
        assert_eq!(message(&received), ("kept".into(), b"kept".to_vec(), QoS::AtLeastOnce, true));
        subscribed(&late, &received, "will");
        let mut mortal = options("mortal", port);
        mortal.set_last_will(LastWill::new("will", "gone", QoS::AtLeastOnce, false));
        let (mortal, mut connection) = Client::new(mortal, 8);
        assert!(connection.iter().next().expect("an event").is_ok());
        // Dropped without a DISCONNECT.
        drop((mortal, connection));
        assert_eq!(message(&received), ("will".into(), b"gone".to_vec(), QoS::AtLeastOnce, false));
    });
}

#[test]
fn resumes_a_session() {
    each(|port| {
        let persistent = || {
            let mut options = options("persistent", port);
            options.set_clean_session(false);
            options
        };
        let (first, received) = client(persistent());
        subscribed(&first, &received, "t");
        first.disconnect().expect("a queue with room");
        // The broker has closed: the thread has ended, and its sender with it.
        while received.recv_timeout(DEADLINE).is_ok() {}
        let (publisher, acknowledged) = client(options("publisher", port));
        publisher.publish("t", QoS::AtLeastOnce, false, "queued").expect("a queue with room");
        wait(&acknowledged, |packet| matches!(packet, Packet::PubAck(_)).then_some(()));
        let (_second, received) = client(persistent());
        let present = wait(&received, |packet| match packet {
            Packet::ConnAck(connack) => Some(connack.session_present),
            _ => None,
        });
        assert!(present);
        assert_eq!(message(&received).1, b"queued");
    });
}

#[test]
fn carries_properties_of_5_0() {
    each(|port| {
        let (client, mut connection) =
            rumqttc::v5::Client::new(rumqttc::v5::MqttOptions::new("client", "127.0.0.1", port), 64);
        let (packets, received) = channel();
        thread::spawn(move || {
            for event in connection.iter() {
                match event {
                    Ok(rumqttc::v5::Event::Incoming(packet)) => {
                        if packets.send(packet).is_err() {
                            return;
                        }
                    }
                    Ok(rumqttc::v5::Event::Outgoing(_)) => {}
                    Err(_) => return,
                }
            }
        });
        let identifier = packets5::SubscribeProperties { id: Some(7), user_properties: Vec::new() };
        client.subscribe_with_properties("t", QoS5::AtLeastOnce, identifier).expect("a queue with room");
        wait(&received, |packet| matches!(packet, packets5::Packet::SubAck(_)).then_some(()));
        let sent = packets5::PublishProperties {
            payload_format_indicator: Some(1),
            message_expiry_interval: Some(100),
            topic_alias: None,
            response_topic: Some("answer".into()),
            correlation_data: Some(vec![0, 255].into()),
            user_properties: vec![("a".into(), "1".into()), ("a".into(), "2".into())],
            subscription_identifiers: Vec::new(),
            content_type: Some("text/plain".into()),
        };
        let publish = client.publish_with_properties("t", QoS5::AtLeastOnce, false, "x", sent.clone());
        publish.expect("a queue with room");
        let got = wait(&received, |packet| match packet {
            packets5::Packet::Publish(publish) => Some(publish),
            _ => None,
        });
        let mut properties = got.properties.expect("properties");
        assert!(matches!(properties.message_expiry_interval, Some(99 | 100)));
        assert_eq!(properties.subscription_identifiers, [7]);
        properties.message_expiry_interval = sent.message_expiry_interval;
        properties.subscription_identifiers.clear();
        assert_eq!(properties, sent);
    });
}
