//! What can go wrong where readiness is announced once, and where a reactor is shared: seen from outside.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use smol::Async;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use weirmq_smol::{Config, Deployment, ListenAddr, Listener, Server};

/// How long a client waits for what must come.
const DEADLINE: Duration = Duration::from_secs(20);
const CONNACK: [u8; 4] = [0x20, 2, 0, 0];

/// A server with this many shards, and its address.
fn bind(shards: u16) -> (Server, SocketAddr) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = Config { shards, ..Config::default() };
    let server = Server::bind(Deployment::new().config(config).listen(any, Listener::default())).unwrap();
    let ListenAddr::Tcp(addr) = server.local_addrs()[0] else { panic!("this is a TCP address") };
    (server, addr)
}

/// Runs a server while `clients` do what they do.
fn serve(shards: u16, clients: impl FnOnce(SocketAddr)) {
    let (server, addr) = bind(shards);
    let handle = server.handle();
    let running = thread::spawn(|| smol::block_on(server.run(std::future::pending())));
    clients(addr);
    handle.shutdown();
    running.join().unwrap().unwrap();
}

fn connect(number: usize) -> Vec<u8> {
    let name = format!("c{number}");
    let mut packet = vec![0x10, 12 + name.len() as u8, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 60, 0, name.len() as u8];
    packet.extend(name.as_bytes());
    packet
}

fn open(addr: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect_timeout(&addr, DEADLINE).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

fn expect(stream: &mut TcpStream, wanted: &[u8]) {
    let mut got = vec![0; wanted.len()];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(got, wanted);
}

/// A listener announces a crowd once, and a turn lets in only a part of it.
#[test]
fn those_who_came_before_it_ran_are_let_in() {
    for shards in [1, 2] {
        let (server, addr) = bind(shards);
        let mut early: Vec<_> = (0..700).map(|number| open(addr, &connect(number))).collect();
        let handle = server.handle();
        let running = thread::spawn(|| smol::block_on(server.run(std::future::pending())));
        early.iter_mut().for_each(|client| expect(client, &CONNACK));
        drop(early);
        handle.shutdown();
        running.join().unwrap().unwrap();
    }
}

/// A connection that ends leaves its descriptor, its index and perhaps an event to the next one.
#[test]
fn who_comes_in_the_place_of_another_is_heard() {
    for shards in [1, 2] {
        serve(shards, |addr| {
            for round in 0..100 {
                let mut clients: Vec<_> = (0..6).map(|n| open(addr, &connect(round * 6 + n))).collect();
                for (n, client) in clients.iter_mut().enumerate() {
                    match n % 3 {
                        // Gone before it is let in, with bytes under way in both directions: a reset.
                        0 => client.write_all(&[0xC0, 0]).unwrap(),
                        // A protocol error: the broker closes.
                        1 => client.write_all(&[0xFF; 100]).unwrap(),
                        _ => expect(client, &CONNACK),
                    }
                }
            }
        });
    }
}

/// More than the broker takes of one client in a turn, so it stops reading. All of it is in the system's buffers when it goes
/// on, so nothing announces what is left.
#[test]
fn what_was_left_unread_is_read_later() {
    serve(1, |addr| {
        for number in 0..3 {
            let messages = [0x30, 4, 0, 1, b't', b'x'].repeat(60_000);
            let all = [&connect(number)[..], &messages, &[0xC0, 0]].concat();
            let mut client = open(addr, &all);
            expect(&mut client, &CONNACK);
            expect(&mut client, &[0xD0, 0]);
        }
    });
}

/// Tasks of the program and shards share async-io's reactor; neither keeps the other from it.
#[test]
fn clients_of_the_same_executor_are_served() {
    let (server, addr) = bind(2);
    let handle = server.handle();
    smol::block_on(async {
        let running = smol::spawn(server.run(std::future::pending()));
        let clients: Vec<_> = (0..20)
            .map(|number| {
                smol::spawn(async move {
                    let mut stream = Async::<TcpStream>::connect(addr).await.unwrap();
                    stream.write_all(&connect(number)).await.unwrap();
                    stream.read_exact(&mut [0; 4]).await.unwrap();
                    for _ in 0..100 {
                        stream.write_all(&[0xC0, 0]).await.unwrap();
                        let mut pong = [0; 2];
                        stream.read_exact(&mut pong).await.unwrap();
                        assert_eq!(pong, [0xD0, 0]);
                    }
                })
            })
            .collect();
        for client in clients {
            client.await;
        }
        handle.shutdown();
        running.await.unwrap();
    });
}

/// Who drops the future wants no server any more.
#[test]
fn a_server_that_is_dropped_goes_down() {
    let (server, addr) = bind(1);
    let running = smol::spawn(server.run(std::future::pending()));
    let mut clients: Vec<_> = (0..10).map(|number| open(addr, &connect(number))).collect();
    clients.iter_mut().for_each(|client| expect(client, &CONNACK));
    drop(running);
    for client in &mut clients {
        assert_eq!(client.read(&mut [0; 1]).map_err(|error| error.kind()), Ok::<_, ErrorKind>(0));
    }
    // A shard closes its listener before its clients.
    TcpListener::bind(addr).expect("the port is free");
}

/// A shard waits for the next bytes first by itself and then in async-io: it hears them during either, and in between.
#[test]
fn who_speaks_after_a_silence_is_heard() {
    serve(2, |addr| {
        let mut clients: Vec<_> = (0..8).map(|number| open(addr, &connect(number))).collect();
        clients.iter_mut().for_each(|client| expect(client, &CONNACK));
        for silence in [0, 1, 20, 95, 98, 99, 100, 101, 102, 105, 150, 300] {
            thread::sleep(Duration::from_millis(silence));
            for client in &mut clients {
                client.write_all(&[0xC0, 0]).unwrap();
                expect(client, &[0xD0, 0]);
            }
        }
    });
}

/// Two shards that have gone to sleep wake each other: a subscriber hears a publisher of the other shard.
#[test]
fn a_shard_that_sleeps_is_woken_by_another() {
    serve(2, |addr| {
        let mut clients: Vec<_> = (0..8).map(|number| open(addr, &connect(number))).collect();
        clients.iter_mut().for_each(|client| expect(client, &CONNACK));
        for client in &mut clients {
            client.write_all(&[0x82, 6, 0, 1, 0, 1, b't', 0]).unwrap();
            expect(client, &[0x90, 3, 0, 1, 0]);
        }
        for silence in [0, 20, 95, 98, 100, 102, 105, 150, 300] {
            thread::sleep(Duration::from_millis(silence));
            let message = [0x30, 4, 0, 1, b't', b'x'];
            clients[0].write_all(&message).unwrap();
            clients.iter_mut().for_each(|client| expect(client, &message));
        }
    });
}
