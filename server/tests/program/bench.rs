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
        "pairs -n 12 --discard",
        "pairs -n 2 -w 2 --payload 300000 --discard --version 5",
        "fan-in -n 4 --discard",
        "fan-out -n 4 --discard --version 5",
        "subscriptions -n 400 --discard",
    ] {
        let arguments: Vec<&str> = scenario.split(' ').chain(common).collect();
        let (code, report) = bench(&arguments, port);
        assert_eq!((code, &report["complete"]), (Some(0), &true.into()), "{scenario}: {report}");
        let counts = &report["counts"];
        assert!(counts["delivered"].as_u64() > Some(0), "{scenario}: {report}");
        assert_eq!(counts["delivered"], counts["expected"], "{scenario}: {report}");
        assert_eq!(counts["late"].is_null(), scenario.contains("--discard"), "{scenario}: {report}");
        for stage in report["stages"].as_array().expect("stages") {
            assert!(stage["broker_cpu_us"].is_number(), "{scenario}: {report}");
            assert_eq!(stage["latency"].is_object(), scenario.starts_with("latency"), "{scenario}: {report}");
        }
    }
    broker.signal("TERM");
    assert_eq!(broker.wait(), 0);
}

#[test]
fn each_latency_is_written_where_it_is_asked_for() {
    let mut broker = Broker::start(&["--listen", "127.0.0.1:0"]);
    let path = std::env::temp_dir().join(format!("weirmq-bench-{}-samples", std::process::id()));
    let arguments = ["latency", "-n", "2", "--rate", "1000", "--seconds", "0.2", "--warmup", "0.1", "--samples"];
    let (code, report) = bench(&[&arguments[..], &[path.to_str().expect("text")]].concat(), broker.port());
    assert_eq!(code, Some(0), "{report}");
    let bytes = std::fs::read(&path).expect("the samples");
    drop(std::fs::remove_file(&path));
    let numbers: Vec<u64> = bytes.as_chunks().0.iter().map(|&number| u64::from_le_bytes(number)).collect();
    let measured = numbers.len() as u64 / 2;
    assert!(measured > 0 && Some(measured) <= report["counts"]["delivered"].as_u64(), "{measured}: {report}");
    let longest = numbers.iter().skip(1).step_by(2).max().map(|&taken| taken as f64 / 1_000.0);
    let told = report["stages"][0]["latency"]["max_us"].as_f64();
    assert!(longest.zip(told).is_some_and(|(longest, told)| (longest - told).abs() < 0.1), "{longest:?}: {report}");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_nanos() as u64;
    assert!(numbers.iter().step_by(2).all(|&due| due < now && due > now - 60_000_000_000));
    assert!(bench_error(&["pairs", "--samples", "/dev/null"], 1).starts_with("error: --samples "));
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
fn what_is_lost_or_repeated_is_found_by_its_length() {
    let arguments = ["pairs", "-n", "1", "--seconds", "0.05", "--warmup", "0", "--discard"];
    let port = lying_broker(|forwarded| if forwarded.len() == 5 { vec![] } else { vec![forwarded.len() - 1] });
    let (code, report) = bench(&arguments, port);
    assert_eq!((code, &report["counts"]["lost"]), (Some(0), &1.into()), "{report}");
    assert_eq!((&report["counts"]["late"], &report["complete"]), (&().into(), &false.into()), "{report}");

    let port = lying_broker(|forwarded| vec![forwarded.len() - 1; if forwarded.len() == 5 { 2 } else { 1 }]);
    assert!(bench_error(&arguments, port).contains("in place of"));
}

#[test]
fn what_is_no_delivery_is_found_by_its_length() {
    let arguments = ["pairs", "-n", "1", "--seconds", "0.05", "--warmup", "0", "--discard"];
    // The first delivery is longer than it may be, and a later one is cut short.
    let port = broker_that_changes(|count, packet| {
        if count == 1 {
            lengthen(packet)
        }
    });
    assert!(bench_error(&arguments, port).contains("not a PUBLISH of 80 bytes"));
    let port = broker_that_changes(|count, packet| {
        if count == 5 {
            packet.truncate(40)
        }
    });
    assert!(bench_error(&arguments, port).contains("no whole packets of 80"));
}

#[test]
fn discard_is_refused_where_it_could_not_count() {
    for scenario in ["pairs -q 1", "fan-out -q 2", "latency", "retained", "connections"] {
        let arguments: Vec<&str> = scenario.split(' ').chain(["--discard"]).collect();
        assert!(bench_error(&arguments, 1).starts_with("error: --discard "), "{scenario}");
    }
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

/// What a run that cannot be finished says.
fn bench_error(arguments: &[&str], port: u16) -> String {
    let port = port.to_string();
    let output = run(&[&["bench", "--port", &port, "--patience", "0.5"], arguments].concat());
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    stderr(&output)
}

/// Makes a short PUBLISH three bytes longer.
fn lengthen(packet: &mut Vec<u8>) {
    packet.extend_from_slice(b"...");
    packet[1] += 3;
}

/// A broker for one pair that forwards each PUBLISH after `change` has seen its number, from 1, and itself.
fn broker_that_changes(change: impl Fn(usize, &mut Vec<u8>) + Send + 'static) -> u16 {
    serve(move |forwarded| {
        let mut packet = forwarded.last().expect("the newest").clone();
        change(forwarded.len(), &mut packet);
        vec![packet]
    })
}

/// A broker for one pair in 3.1.1. `deliver` sees all PUBLISHes so far and says by their index which ones go out now.
fn lying_broker(deliver: impl Fn(&[Vec<u8>]) -> Vec<usize> + Send + 'static) -> u16 {
    serve(move |published| deliver(published).into_iter().map(|index| published[index].clone()).collect())
}

/// A broker for one pair in 3.1.1. `deliver` sees all PUBLISHes so far and makes what goes out now.
fn serve(deliver: impl Fn(&[Vec<u8>]) -> Vec<Vec<u8>> + Send + 'static) -> u16 {
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
            for packet in deliver(&published) {
                // It may have had enough.
                drop(subscriber.write_all(&packet));
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
