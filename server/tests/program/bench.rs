//! `weirmq bench` against a broker that does well, and against brokers that lose, reorder and repeat.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::support::{Broker, run, stderr, stdout};
use weirmq_core::packet::{PacketType, Version, split};

fn bench(arguments: &[&str], port: u16) -> (Option<i32>, serde_json::Value) {
    let port = port.to_string();
    let output = run(&[&["bench", "--json", "--port", &port, "--patience", "0.5"], arguments].concat());
    let report = serde_json::from_str(&stdout(&output)).unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
    (output.status.code(), report)
}

#[test]
fn every_scenario_is_complete() {
    let mut broker = Broker::start(&["--listen", "127.0.0.1:0"]);
    let port = broker.port();
    let pid = broker.pid().to_string();
    let common = ["--pid", &pid, "--seconds", "0.1", "--warmup", "0.05"];
    for scenario in [
        "pairs -n 3 -q 0",
        "pairs -n 3 -q 1 --version 5",
        "pairs -n 3 -q 2",
        "pairs -n 2 -q 1 -w 2 --payload 300000",
        "fan-in -n 4 -q 1",
        "fan-out -n 4 -q 0",
        "fan-out -n 4 -q 2 --version 5",
        "latency -n 2 --rate 1000 -q 1",
        "connections -n 20 --source 127.0.0.2 --source 127.0.0.3",
        "subscriptions -n 400 -q 1",
        "retained -n 300 -q 2",
    ] {
        let arguments: Vec<&str> = scenario.split(' ').chain(common).collect();
        let (code, report) = bench(&arguments, port);
        assert_eq!((code, &report["complete"]), (Some(0), &true.into()), "{scenario}: {report}");
        let counts = &report["counts"];
        assert!(counts["delivered"].as_u64() > Some(0), "{scenario}: {report}");
        assert_eq!(counts["delivered"], counts["expected"], "{scenario}: {report}");
        for stage in report["stages"].as_array().expect("stages") {
            assert!(stage["broker_cpu_us"].is_number(), "{scenario}: {report}");
            assert_eq!(stage["latency"].is_object(), scenario.starts_with("latency"), "{scenario}: {report}");
        }
    }
    broker.signal("TERM");
    assert_eq!(broker.wait(), 0);
}

#[test]
fn a_table_and_no_bar_where_nobody_sees_it() {
    let mut broker = Broker::start(&["--listen", "127.0.0.1:0"]);
    let port = broker.port().to_string();
    let output = run(&["bench", "pairs", "-n", "1", "--seconds", "0.05", "--warmup", "0", "--port", &port]);
    assert!(stdout(&output).starts_with("pairs 1, QoS 0, MQTT 3.1.1, 64 bytes, window 32\n"), "{}", stdout(&output));
    assert_eq!(stderr(&output), "");
}

#[test]
fn what_is_lost_is_found() {
    for qos in ["0", "1"] {
        let port = lying_broker(|forwarded| if forwarded.len() == 5 { vec![] } else { vec![forwarded.len() - 1] });
        let (code, report) = bench(&["pairs", "-n", "1", "-q", qos, "--seconds", "0.05", "--warmup", "0"], port);
        assert_eq!(code, Some(i32::from(qos == "1")), "at QoS 0 a loss is only reported: {report}");
        assert_eq!((&report["counts"]["lost"], &report["complete"]), (&1.into(), &false.into()), "{report}");
    }
}

#[test]
fn what_comes_late_or_twice_is_found() {
    // The fifth message comes after the sixth, and then the seventh twice.
    let port = lying_broker(|forwarded| match forwarded.len() {
        5 => vec![],
        6 => vec![5, 4],
        7 => vec![6, 6],
        count => vec![count - 1],
    });
    let (code, report) = bench(&["pairs", "-n", "1", "-q", "1", "--seconds", "0.05", "--warmup", "0"], port);
    assert_eq!((code, &report["counts"]["late"]), (Some(1), &2.into()), "{report}");
}

#[test]
fn a_broker_that_is_not_there_is_an_error() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port().to_string();
    drop(listener);
    let output = run(&["bench", "pairs", "--port", &port]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("error: connect: "), "{}", stderr(&output));
}

/// A broker for one pair in 3.1.1. `deliver` sees all PUBLISHes so far and says by their index which ones go out now.
fn lying_broker(deliver: impl Fn(&[Vec<u8>]) -> Vec<usize> + Send + 'static) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        let (mut subscriber, _) = listener.accept().expect("the subscriber");
        let (mut publisher, _) = listener.accept().expect("the publisher");
        for stream in [&mut subscriber, &mut publisher] {
            next_packet(stream, &mut Vec::new());
            stream.write_all(&[0x20, 2, 0, 0]).expect("written");
        }
        let subscribe = next_packet(&mut subscriber, &mut Vec::new()).expect("a SUBSCRIBE");
        let qos = subscribe.last().copied().expect("its options");
        subscriber.write_all(&[0x90, 3, 0, 1, qos]).expect("written");
        let (mut held, mut published) = (Vec::new(), Vec::new());
        while let Some(packet) = next_packet(&mut publisher, &mut held) {
            if qos > 0 {
                let at = 4 + usize::from(packet[3]);
                publisher.write_all(&[0x40, 2, packet[at], packet[at + 1]]).expect("written");
            }
            published.push(packet);
            for index in deliver(&published) {
                subscriber.write_all(&published[index]).expect("written");
            }
        }
    });
    port
}

/// The next whole packet; `None` at the end of the connection.
fn next_packet(stream: &mut TcpStream, held: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(frame) = split(held, Some(Version::V3_1_1), 1 << 20).expect("valid") {
            let (size, connect) = (frame.size, frame.packet_type == PacketType::Connect);
            assert!(!connect || held.len() == size, "nothing is sent before CONNACK");
            return Some(held.drain(..size).collect());
        }
        let mut buffer = [0; 4_096];
        let count = stream.read(&mut buffer).ok().filter(|&count| count > 0)?;
        held.extend_from_slice(&buffer[..count]);
    }
}
