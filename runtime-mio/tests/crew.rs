//! A shard whose thread sleeps is served by another's.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::channel;
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use weirmq_mio::{Config, Deployment, Event, ListenAddr, Listener, Server, ShardId};

/// How long a client waits for what must come.
const DEADLINE: Duration = Duration::from_secs(20);
const CONNACK: [u8; 4] = [0x20, 2, 0, 0];

/// A client with this name.
fn connect(addr: SocketAddr, name: u8) -> TcpStream {
    let mut stream = TcpStream::connect_timeout(&addr, DEADLINE).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(&[0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 1, name]).unwrap();
    let mut answer = CONNACK.map(|_| 0);
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, CONNACK);
    stream
}

/// A server with two shards, and its address.
fn bind(observer: impl Fn(ShardId, &Event) + Send + Sync + 'static) -> (Server, SocketAddr) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let deployment = Deployment::new().config(Config { shards: 2, ..Config::default() }).observer(observer);
    let server = Server::bind(deployment.listen(any, Listener::default())).unwrap();
    let ListenAddr::Tcp(addr) = server.local_addrs()[0] else { panic!("this is a TCP address") };
    (server, addr)
}

/// A client that comes again gets to the shard of its session, by way of the one that accepted it. That one then has nothing left
/// to do.
#[test]
fn who_has_nothing_to_do_stands_in() {
    let (tell, told) = channel();
    let (server, addr) = bind(move |shard, event| {
        if let Event::Connected { .. } = event {
            tell.send((shard, thread::current().name().unwrap().to_string())).unwrap();
        }
    });
    let handle = server.handle();
    let running = thread::spawn(|| server.run());
    let stood_in = (0..10_000).any(|_| {
        let _client = connect(addr, b'c');
        let (shard, thread) = told.recv_timeout(DEADLINE).unwrap();
        // Else it was accepted where its session is, or that shard was awake.
        thread != format!("weirmq-{}", shard.0)
    });
    assert!(stood_in, "in one of so many times the other's thread sleeps");
    handle.shutdown();
    running.join().unwrap().unwrap();
}

/// The observer panics at a client in another shard than the first client's, in that shard's thread, and keeps the other one from
/// going down meanwhile.
#[test]
fn when_a_thread_has_panicked_the_connections_of_its_shard_are_closed_at_once() {
    let (release, released) = channel::<()>();
    let (home, released) = (OnceLock::new(), Mutex::new(released));
    let (tell, told) = channel();
    let observer = move |shard: ShardId, event: &Event| match event {
        Event::Connected { .. } => {
            let is_own = thread::current().name() == Some(&format!("weirmq-{}", shard.0));
            assert!(*home.get_or_init(|| shard) == shard || !is_own, "as it is meant to");
            tell.send(()).unwrap();
        }
        Event::Disconnected { client_id, .. } if **client_id == *"0" => {
            _ = released.lock().unwrap().recv_timeout(2 * DEADLINE);
        }
        _ => {}
    };
    let (server, addr) = bind(observer);
    let running = thread::spawn(|| server.run());
    let first = connect(addr, b'0');
    // Its CONNACK comes before the observer is told.
    told.recv_timeout(DEADLINE).unwrap();
    // Where a client goes depends on its name.
    let closed = (b'1'..=b'z').any(|name| {
        let mut client = connect(addr, name);
        // Served, or closed.
        _ = client.write_all(&[0xC0, 0]);
        match client.read(&mut [0; 2]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    });
    assert!(closed, "one of them gets to the other shard, whose thread panics, and waits for nobody");
    release.send(()).unwrap();
    drop(first);
    let error = running.join().unwrap().unwrap_err();
    assert!(error.to_string().contains("panicked"), "{error}");
}
