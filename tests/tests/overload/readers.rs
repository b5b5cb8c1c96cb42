//! A thousand readers that stop reading under a flood: at most 256 KiB each and 64 MiB, as the operating system sees the
//! broker's process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use socket2::{Domain, Socket, Type};
use weirmq_tests::server::Runtime;
use weirmq_tests::socket::DEADLINE;
use weirmq_tests::wire::*;

const READERS: usize = 1_000;
const BOUND_BYTES: usize = READERS * 256 * 1024 + 64 * 1024 * 1024;
/// What a session may have waiting at QoS 1 in these tests.
const QUEUE_MESSAGES_MAX: usize = 1_000;

/// One of them at a time: memory and descriptors are the machine's.
static MACHINE: Mutex<()> = Mutex::new(());

/// A broker in a process of its own.
struct Serve {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Serve {
    fn start(runtime: Runtime) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_serve"))
            .args([runtime.to_string(), "1".into(), QUEUE_MESSAGES_MAX.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the broker's program starts");
        let questions = child.stdin.take().expect("its input is a pipe");
        let mut answers = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        let mut line = String::new();
        answers.read_line(&mut line).expect("it says where it listens");
        let address = line.trim().parse().expect("an address");
        Self { child, questions, answers, address }
    }

    /// Counters of one instant, at most 100 ms old.
    fn stats<const N: usize>(&mut self, names: [&str; N]) -> [u64; N] {
        writeln!(self.questions, "stats").expect("it can be asked");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("it answers");
        names.map(|name| {
            let value = line.split_whitespace().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} is in {line}"))
        })
    }

    /// Bytes of its memory that are resident.
    fn resident(&self) -> usize {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
        let kib = line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number");
        kib * 1024
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It has no more to do, whatever the test found.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// A connection with a small receive buffer, so that it is the broker that has to hold what is not read.
fn open(address: SocketAddr, client_id: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4 * 1024).expect("a small buffer");
    socket.connect(&address.into()).expect("the broker listens");
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    stream.write_all(&connect(client_id).v5().to_wire(Version::V5)).expect("CONNECT is written");
    next_packet(&mut stream);
    stream
}

/// Reads one packet.
fn next_packet(stream: &mut TcpStream) -> Packet {
    let mut frame = vec![0; 2];
    stream.read_exact(&mut frame).expect("a packet comes");
    loop {
        if let Some(length) = frame_len(&frame).expect("a sound packet") {
            let have = frame.len();
            frame.resize(length, 0);
            stream.read_exact(&mut frame[have..]).expect("the packet's rest comes");
            return decode(&frame, Version::V5).expect("a sound packet");
        }
        let rest = frame_rest(&frame);
        let have = frame.len();
        frame.resize(have + rest, 0);
        stream.read_exact(&mut frame[have..]).expect("the packet's rest comes");
    }
}

/// How many bytes a packet of at most 127 lacks, of which two are there.
fn frame_rest(frame: &[u8]) -> usize {
    usize::from(frame[1]) + 2 - frame.len()
}

/// Readers that stop, a flood until `enough` messages are counted as dropped or refused for that reason, and what became of
/// the broker's memory.
fn flood(runtime: Runtime, qos: u8, payload: usize, messages_max: usize, (reason, enough): (&str, u64)) {
    let _alone = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let limit = rlimit::increase_nofile_limit(READERS as u64 + 64).expect("the limit can be read");
    assert!(limit >= READERS as u64 + 64, "{READERS} descriptors are needed, and {limit} are allowed");
    let mut serve = Serve::start(runtime);
    let readers: Vec<TcpStream> = (0..READERS)
        .map(|number| {
            let mut reader = open(serve.address, &format!("reader {number}"));
            let packet = Packet::from(subscribe(1, [("flood", qos)])).to_wire(Version::V5);
            reader.write_all(&packet).expect("SUBSCRIBE is written");
            assert!(matches!(next_packet(&mut reader), Packet::SubAck(_)));
            reader
        })
        .collect();
    let before = serve.resident();
    let mut publisher = open(serve.address, "publisher");
    publisher.set_read_timeout(Some(6 * DEADLINE)).expect("a deadline");
    let mut sent = 0;
    // Sockets take what they like before the broker has to hold anything: on until most readers have missed something.
    loop {
        let [count, received] = serve.stats([reason, "publishes_received"]);
        if count >= enough {
            break;
        }
        if sent == messages_max {
            // What was counted may be of before the last messages.
            assert!(received < sent as u64, "{runtime}: {sent} messages, and still {reason} is {count}");
            continue;
        }
        for _ in 0..100 {
            let mut packet = publish("flood", vec![b'x'; payload]).qos(qos);
            packet.id = (qos > 0).then_some(1);
            publisher.write_all(&packet.to_wire(Version::V5)).expect("the broker reads");
            if qos > 0 {
                assert!(matches!(next_packet(&mut publisher), Packet::PubAck(_)));
            }
        }
        sent += 100;
        // Whatever the publisher sent before is done when this is answered.
        publisher.write_all(&ping().to_wire(Version::V5)).expect("the broker reads");
        assert_eq!(next_packet(&mut publisher), Packet::PingResp);
    }
    let grown = serve.resident().saturating_sub(before);
    assert!(grown <= BOUND_BYTES, "{runtime}: {grown} bytes, where {BOUND_BYTES} are the bound");
    drop(readers);
}

/// Small messages of QoS 0, which are copied into each output.
fn small(runtime: Runtime) {
    // 64 bytes is the hardest case and takes the longest: once is enough, the core is the same.
    let payload = if runtime == Runtime::Mio { 64 } else { 512 };
    flood(runtime, 0, payload, 20_000, ("dropped_output_full", 100 * READERS as u64));
}

/// Large ones, which all readers share.
fn large(runtime: Runtime) {
    flood(runtime, 0, 16 * 1024, 2_000, ("dropped_output_full", 100 * READERS as u64));
}

/// Messages of QoS 1 of both sizes, beyond what is in flight and what the queue takes.
fn queued(runtime: Runtime) {
    flood(runtime, 1, 64, 4 * QUEUE_MESSAGES_MAX, ("refused_queue_full", 100));
    flood(runtime, 1, 16 * 1024, 4 * QUEUE_MESSAGES_MAX, ("refused_queue_full", 100));
}

macro_rules! on_each_runtime {
    ($($flood:ident)*) => {
        $(
            mod $flood {
                use super::Runtime;

                #[test]
                fn on_mio() {
                    super::$flood(Runtime::Mio);
                }

                #[test]
                fn on_tokio() {
                    super::$flood(Runtime::Tokio);
                }

                #[test]
                fn on_smol() {
                    super::$flood(Runtime::Smol);
                }
            }
        )*
    };
}

on_each_runtime!(small large queued);
