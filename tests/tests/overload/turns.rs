//! The same over sockets, on each runtime: between the read of an innocent client's PUBLISH and the write of its delivery,
//! no other connection is read twice. What happened in which order is taken from a recording, not from a clock.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use weirmq_core::record::Input;
use weirmq_core::{Config, ConnId, ShardId};
use weirmq_tests::Talk;
use weirmq_tests::server::{Recorded, RunningServer, Runtime};
use weirmq_tests::socket::{Address, DEADLINE, Sockets};
use weirmq_tests::wire::*;

/// Messages of the innocent publisher during a flood.
const MESSAGES: usize = 60;
/// Bytes that a runtime reads of one connection in one turn, and connections that it accepts.
const READ_BYTES: usize = 64 * 1024;
const ACCEPTS_MAX: usize = 256;

/// Floods until it is told to stop.
type Flooder = fn(SocketAddr, usize, Arc<AtomicBool>);

/// What came between the read of a PUBLISH and the write of its delivery.
#[derive(Debug, Default)]
struct Between {
    /// Reads of each other connection, and their bytes.
    reads: HashMap<ConnId, (usize, usize)>,
    accepts: usize,
    /// Turns of deferred work.
    runs: usize,
}

fn innocent_beside(runtime: Runtime, flooder: Flooder) {
    const FLOODERS: usize = 3;
    let recorded = Recorded::default();
    let server = RunningServer::recorded(runtime, &Config::default(), recorded.clone()).expect("the broker starts");
    let Address::Tcp(address) = server.addresses()[0] else { unreachable!("it listens on TCP") };
    let mut w = Sockets::new(Address::Tcp(address), ());
    let (reader, publisher) = (w.connect(connect("innocent reader")), w.connect(connect("innocent publisher")));
    w.subscribed(reader, [("innocent", 0)]);
    let stop = Arc::new(AtomicBool::new(false));
    let floods: Vec<JoinHandle<()>> = (0..FLOODERS)
        .map(|number| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || flooder(address, number, stop))
        })
        .collect();
    for number in 0..MESSAGES {
        w.send(publisher, publish("innocent", number.to_string()));
        w.take(reader, "innocent", number.to_string());
    }
    stop.store(true, Ordering::Relaxed);
    floods.into_iter().for_each(|flood| flood.join().expect("a flooder ends well"));
    drop(w);
    server.shutdown();
    server.join().expect("the broker ends well");
    check(runtime, &recorded.recording.inputs(ShardId(0)));
}

fn check(runtime: Runtime, inputs: &[Vec<u8>]) {
    let inputs: Vec<Input<'_>> = inputs.iter().map(|input| Input::decode(input).expect("a sound record")).collect();
    let named = |client_id: &str| {
        inputs.iter().find_map(|input| match input {
            Input::Receive { conn, bytes } if contains(bytes, client_id.as_bytes()) => Some(*conn),
            _ => None,
        })
    };
    let reader = named("innocent reader").expect("it connected");
    let publisher = named("innocent publisher").expect("it connected");
    let mut delivered = 0;
    let mut flooded = 0;
    let mut between: Option<Between> = None;
    for input in &inputs {
        match input {
            Input::Receive { conn, bytes } if *conn == publisher && contains(bytes, b"\x00\x08innocent") => {
                between = Some(Between::default());
            }
            Input::Receive { conn, bytes } => {
                flooded += bytes.len();
                if let Some(between) = &mut between {
                    let (reads, read) = between.reads.entry(*conn).or_default();
                    *reads += 1;
                    *read += bytes.len();
                }
            }
            Input::Accept { .. } => between.iter_mut().for_each(|between| between.accepts += 1),
            Input::Run { .. } => between.iter_mut().for_each(|between| between.runs += 1),
            Input::Sent { conn, count } if *conn == reader && *count > 0 => {
                if let Some(between) = between.take() {
                    delivered += 1;
                    let fair = between.reads.values().all(|&(reads, bytes)| reads <= 1 && bytes <= READ_BYTES);
                    assert!(fair && between.accepts <= ACCEPTS_MAX && between.runs <= 1, "{runtime}: {between:?}");
                }
            }
            _ => {}
        }
    }
    assert_eq!(delivered, MESSAGES, "{runtime}");
    assert!(flooded > MESSAGES * 64, "{runtime}: the flood was one, of {flooded} bytes");
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn open(address: SocketAddr, client_id: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the broker listens");
    stream.set_write_timeout(Some(DEADLINE)).expect("a deadline");
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    stream.write_all(&connect(client_id).to_wire(Version::V311)).expect("CONNECT is written");
    stream.read_exact(&mut [0; 4]).expect("CONNACK comes");
    stream
}

/// Writes the same over and over, and takes whatever is answered.
fn write_over_and_over(address: SocketAddr, number: usize, stop: &AtomicBool, packet: &[u8]) {
    let mut stream = open(address, &format!("flooder {number}"));
    let mut answers = stream.try_clone().expect("a second handle");
    let sink = std::thread::spawn(move || {
        let mut buffer = vec![0; 256 * 1024];
        while answers.read(&mut buffer).is_ok_and(|count| count > 0) {}
    });
    let bytes = packet.repeat(READ_BYTES / packet.len() + 1);
    while !stop.load(Ordering::Relaxed) {
        stream.write_all(&bytes).expect("the broker reads on");
    }
    stream.shutdown(std::net::Shutdown::Write).expect("it can end");
    sink.join().expect("the sink ends well");
}

fn pings(address: SocketAddr, number: usize, stop: Arc<AtomicBool>) {
    write_over_and_over(address, number, &stop, &ping().to_wire(Version::V311));
}

fn subscribes(address: SocketAddr, number: usize, stop: Arc<AtomicBool>) {
    let packet = Packet::from(subscribe(1, [("one/topic", 0)]));
    write_over_and_over(address, number, &stop, &packet.to_wire(Version::V311));
}

fn publishes(address: SocketAddr, number: usize, stop: Arc<AtomicBool>) {
    let packet = Packet::from(publish("nobody", vec![b'x'; 64]));
    write_over_and_over(address, number, &stop, &packet.to_wire(Version::V311));
}

/// Connects again and again, with the same Client Identifier or another, and leaves without a word.
fn connects(address: SocketAddr, number: usize, stop: Arc<AtomicBool>) {
    for round in 0_usize.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let mut batch: Vec<TcpStream> = Vec::new();
        for place in 0..20 {
            let mut stream = TcpStream::connect(address).expect("the broker listens");
            let packet = connect(&format!("flooder {number} {}", (round + place) % 30)).to_wire(Version::V311);
            stream.write_all(&packet).expect("CONNECT is written");
            batch.push(stream);
        }
    }
}

macro_rules! on_each_runtime {
    ($($flood:ident)*) => {
        $(
            mod $flood {
                use super::*;

                #[test]
                fn on_mio() {
                    innocent_beside(Runtime::Mio, super::$flood);
                }

                #[test]
                fn on_tokio() {
                    innocent_beside(Runtime::Tokio, super::$flood);
                }

                #[test]
                fn on_smol() {
                    innocent_beside(Runtime::Smol, super::$flood);
                }
            }
        )*
    };
}

on_each_runtime!(pings subscribes publishes connects);
