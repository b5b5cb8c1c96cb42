//! What a client does behind an acknowledgement comes behind what was acknowledged, in whatever shard it is handled. All
//! clients of these tests are busy, so that their shards are in the middle of a turn when something else comes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use weirmq_core::Config;
use weirmq_tests::server::{RunningServer, Runtime};
use weirmq_tests::socket::{Address, DEADLINE};
use weirmq_tests::wire::*;

/// Clients on each side: enough for two shards to have some of both.
const CLIENTS: usize = 3;
/// PINGREQs that each client has open all the time.
const PINGS: usize = 4;
const ROUNDS: usize = 1_000;

fn wire(packet: impl Into<Packet>) -> Vec<u8> {
    packet.into().to_wire(Version::V5)
}

/// A client that asks for another PINGRESP as soon as it has one.
struct Busy {
    writer: Arc<Mutex<TcpStream>>,
    packets: Receiver<Packet>,
    reader: Option<JoinHandle<()>>,
}

impl Busy {
    fn connect(address: SocketAddr, client_id: &str) -> Self {
        let mut stream = TcpStream::connect(address).expect("the broker listens");
        stream.set_nodelay(true).expect("a TCP socket");
        let mut hello = wire(connect(client_id).v5());
        (0..PINGS).for_each(|_| hello.extend(wire(ping())));
        stream.write_all(&hello).expect("CONNECT is written");
        let (sender, packets) = channel();
        let mut input = stream.try_clone().expect("a second handle");
        let writer = Arc::new(Mutex::new(stream));
        let answers = Arc::clone(&writer);
        let reader = std::thread::spawn(move || {
            let (mut buffer, mut chunk) = (Vec::new(), vec![0; 16 * 1024]);
            while let Ok(count @ 1..) = input.read(&mut chunk) {
                buffer.extend(&chunk[..count]);
                while let Some(len) = frame_len(&buffer).expect("a sound packet") {
                    let frame: Vec<u8> = buffer.drain(..len).collect();
                    match decode(&frame, Version::V5).expect("a sound packet") {
                        // When the test is over nobody wants to know that it cannot be written.
                        Packet::PingResp => drop(write(&answers, &wire(ping()))),
                        packet => drop(sender.send(packet)),
                    }
                }
            }
        });
        let client = Self { writer, packets, reader: Some(reader) };
        assert!(matches!(client.recv(), Packet::ConnAck(ack) if ack.code == 0));
        client
    }

    fn all(address: SocketAddr, name: &str) -> Vec<Self> {
        (0..CLIENTS).map(|number| Self::connect(address, &format!("{name} {number}"))).collect()
    }

    fn send(&self, packet: impl Into<Packet>) {
        write(&self.writer, &wire(packet)).expect("the broker reads");
    }

    fn recv(&self) -> Packet {
        self.packets.recv_timeout(DEADLINE).expect("a packet")
    }

    fn subscribed(&self, topic: &str) {
        self.send(subscribe(1, [(topic, 0)]));
        assert_eq!(self.recv(), suback(1, [0]).into(), "{topic}");
    }

    fn unsubscribed(&self, topic: &str) {
        self.send(unsubscribe(2, [topic]));
        assert_eq!(self.recv(), unsuback(2, [0]).into(), "{topic}");
    }

    /// The payloads of the next messages, which have this topic.
    fn payloads(&self, topic: &str, count: usize) -> Vec<String> {
        let payload = |_| match self.recv() {
            Packet::Publish(publish) if publish.topic == topic => String::from_utf8(publish.payload).expect("text"),
            other => panic!("{topic}: {other:?}"),
        };
        let mut payloads: Vec<String> = (0..count).map(payload).collect();
        payloads.sort();
        payloads
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let shutdown = self.writer.lock().unwrap_or_else(PoisonError::into_inner).shutdown(std::net::Shutdown::Both);
        let reader = self.reader.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            shutdown.expect("it is open");
            reader.expect("it is there").expect("it ends well");
        }
    }
}

fn write(stream: &Mutex<TcpStream>, bytes: &[u8]) -> std::io::Result<()> {
    stream.lock().unwrap_or_else(PoisonError::into_inner).write_all(bytes)
}

fn start(runtime: Runtime) -> (RunningServer, SocketAddr) {
    let config = Config { shards: 2, ..Config::default() };
    let server = RunningServer::on_loopback(runtime, &config).expect("the broker starts");
    let Address::Tcp(address) = server.addresses()[0] else { unreachable!("it listens on TCP") };
    (server, address)
}

/// What is published behind a SUBACK arrives.
pub(crate) fn a_suback(runtime: Runtime) {
    let (_server, address) = start(runtime);
    let (subscribers, publishers) = (Busy::all(address, "subscriber"), Busy::all(address, "publisher"));
    let wanted: Vec<String> = (0..CLIENTS).map(|number| number.to_string()).collect();
    for round in 0..ROUNDS {
        let (topic, subscriber) = (format!("t/{round}"), &subscribers[round % CLIENTS]);
        subscriber.subscribed(&topic);
        for (publisher, payload) in publishers.iter().zip(&wanted) {
            publisher.send(publish(&topic, payload));
        }
        assert_eq!(subscriber.payloads(&topic, CLIENTS), wanted);
        subscriber.unsubscribed(&topic);
    }
}

/// Who subscribes behind the PUBACK of a retained message is sent it.
pub(crate) fn a_puback(runtime: Runtime) {
    let (_server, address) = start(runtime);
    let (subscribers, publishers) = (Busy::all(address, "subscriber"), Busy::all(address, "publisher"));
    for round in 0..ROUNDS {
        let (topic, publisher) = (format!("r/{round}"), &publishers[round % CLIENTS]);
        publisher.send(publish(&topic, "retained").qos(1).id(1).retain());
        assert!(matches!(publisher.recv(), Packet::PubAck(ack) if ack.code < 0x80), "{topic}");
        subscribers.iter().for_each(|subscriber| subscriber.send(subscribe(1, [(topic.as_str(), 0)])));
        for subscriber in &subscribers {
            assert_eq!(subscriber.recv(), suback(1, [0]).into(), "{topic}");
            assert_eq!(subscriber.payloads(&topic, 1), ["retained"]);
        }
    }
}

/// What a connection brings along that belongs to another shard comes behind it too.
pub(crate) fn a_suback_of_who_connects(runtime: Runtime) {
    let (_server, address) = start(runtime);
    let subscribers = Busy::all(address, "subscriber");
    for round in 0..ROUNDS / 4 {
        let (topic, subscriber) = (format!("c/{round}"), &subscribers[round % CLIENTS]);
        let mut connections = [(); CLIENTS].map(|()| TcpStream::connect(address).expect("the broker listens"));
        subscriber.subscribed(&topic);
        for (number, connection) in connections.iter_mut().enumerate() {
            let hello = wire(connect(&format!("publisher {round} {number}")).v5());
            let all = [hello, wire(publish(&topic, number.to_string())), wire(disconnect())].concat();
            connection.write_all(&all).expect("it is written");
        }
        assert_eq!(subscriber.payloads(&topic, CLIENTS), ["0", "1", "2"]);
        subscriber.unsubscribed(&topic);
    }
}

macro_rules! each_behind {
    ($runtime:expr) => {
        #[test]
        fn a_suback() {
            $crate::behind::a_suback($runtime);
        }

        #[test]
        fn a_puback() {
            $crate::behind::a_puback($runtime);
        }

        #[test]
        fn a_suback_of_who_connects() {
            $crate::behind::a_suback_of_who_connects($runtime);
        }
    };
}
pub(crate) use each_behind;
