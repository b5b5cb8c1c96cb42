//! The same over sockets, on each runtime: between the read of an innocent client's PUBLISH and the write of its delivery,
//! no other connection is read twice. What happened in which order is taken from a recording, not from a clock.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use weirmq_core::record::Input;
use weirmq_core::{Config, ConnId, ShardId};
use weirmq_tests::Talk;
use weirmq_tests::server::{Recorded, RunningServer, Runtime};
use weirmq_tests::socket::{Address, DEADLINE, Sockets};
use weirmq_tests::wire::*;

/// Messages of the innocent publisher during a flood, and answers that the flooders have by then: there may be more of one
/// or of the other, but not fewer.
const MESSAGES_MIN: usize = 60;
const ANSWERS_MIN: usize = 10;
/// Bytes that a runtime reads of one connection in one turn, and connections that it accepts.
const READ_BYTES: usize = 64 * 1024;
const ACCEPTS_MAX: usize = 256;

/// What the flooders and the test tell each other.
#[derive(Default)]
struct Flood {
    stop: AtomicBool,
    /// Reads of answers by all flooders: what was answered was read by the broker.
    answers: AtomicUsize,
}

impl Flood {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn is_answered(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// Floods until it is told to stop.
type Flooder = fn(SocketAddr, usize, Arc<Flood>);

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
    let flood = Arc::new(Flood::default());
    let floods: Vec<JoinHandle<()>> = (0..FLOODERS)
        .map(|number| {
            let flood = Arc::clone(&flood);
            std::thread::spawn(move || flooder(address, number, flood))
        })
        .collect();
    let begun = Instant::now();
    let mut messages = 0;
    while messages < MESSAGES_MIN || flood.answers.load(Ordering::Relaxed) < ANSWERS_MIN {
        assert!(begun.elapsed() < DEADLINE, "{runtime}: the flood does not begin");
        w.send(publisher, publish("innocent", messages.to_string()));
        w.take(reader, "innocent", messages.to_string());
        messages += 1;
    }
    flood.stop.store(true, Ordering::Relaxed);
    floods.into_iter().for_each(|flood| flood.join().expect("a flooder ends well"));
    drop(w);
    server.shutdown();
    server.join().expect("the broker ends well");
    check(runtime, messages, &recorded.recording.inputs(ShardId(0)));
}

fn check(runtime: Runtime, messages: usize, inputs: &[(u64, Vec<u8>)]) {
    let inputs: Vec<Input<'_>> =
        inputs.iter().map(|(_, input)| Input::decode(input).expect("a sound record")).collect();
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
    assert_eq!(delivered, messages, "{runtime}");
    assert!(flooded > 64 * ANSWERS_MIN, "{runtime}: the flood was one, of {flooded} bytes");
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
fn write_over_and_over(address: SocketAddr, number: usize, flood: &Arc<Flood>, packet: &[u8]) {
    let mut stream = open(address, &format!("flooder {number}"));
    let mut answers = stream.try_clone().expect("a second handle");
    let sink = std::thread::spawn({
        let flood = Arc::clone(flood);
        move || {
            let mut buffer = vec![0; 256 * 1024];
            while answers.read(&mut buffer).is_ok_and(|count| count > 0) {
                flood.is_answered();
            }
        }
    });
    // The last one is always answered.
    let mut bytes = packet.repeat(READ_BYTES / packet.len() + 1);
    bytes.extend(ping().to_wire(Version::V311));
    while flood.goes_on() {
        stream.write_all(&bytes).expect("the broker reads on");
    }
    stream.shutdown(std::net::Shutdown::Write).expect("it can end");
    sink.join().expect("the sink ends well");
}

fn pings(address: SocketAddr, number: usize, flood: Arc<Flood>) {
    write_over_and_over(address, number, &flood, &ping().to_wire(Version::V311));
}

fn subscribes(address: SocketAddr, number: usize, flood: Arc<Flood>) {
    let packet = Packet::from(subscribe(1, [("one/topic", 0)]));
    write_over_and_over(address, number, &flood, &packet.to_wire(Version::V311));
}

fn publishes(address: SocketAddr, number: usize, flood: Arc<Flood>) {
    let packet = Packet::from(publish("nobody", vec![b'x'; 64]));
    write_over_and_over(address, number, &flood, &packet.to_wire(Version::V311));
}

/// Connects again and again, with the same Client Identifier or another, and leaves without a word once the last is in.
fn connects(address: SocketAddr, number: usize, flood: Arc<Flood>) {
    for round in 0_usize.. {
        if !flood.goes_on() {
            return;
        }
        let mut batch: Vec<TcpStream> = Vec::new();
        for place in 0..20 {
            let mut stream = TcpStream::connect(address).expect("the broker listens");
            let packet = connect(&format!("flooder {number} {}", (round + place) % 30)).to_wire(Version::V311);
            stream.write_all(&packet).expect("CONNECT is written");
            batch.push(stream);
        }
        let last = batch.last_mut().expect("a batch is not empty");
        if last.set_read_timeout(Some(DEADLINE)).is_ok() && last.read_exact(&mut [0; 4]).is_ok() {
            flood.is_answered();
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
