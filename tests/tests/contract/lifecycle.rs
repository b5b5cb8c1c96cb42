//! What only a server on real sockets and a real clock has: listeners, limits at accept, deadlines, going down.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use weirmq_core::record::Input;
use weirmq_core::{Config, Event};
use weirmq_tests::server::{Recorded, RunningServer, Runtime};
use weirmq_tests::socket::{Address, DEADLINE, Sockets};
use weirmq_tests::wire::{Packet, ToWire, Version, connect, publish, subscribe};
use weirmq_tests::{Received, Talk, World};

macro_rules! each_lifecycle {
    ($runtime:expr, $shards:literal) => {
        $crate::lifecycle::each_lifecycle!(
            @ $runtime, $shards,
            closes_a_silent_client
            closes_at_accept_beyond_the_connection_limit
            accepts_who_speaks_before_who_came
            shuts_down_gracefully
            shuts_down_although_a_client_hangs
            shuts_down_in_the_middle_of_a_turn
            listens_on_a_unix_socket
            listens_on_ipv6
            listens_on_several_addresses
            closes_a_connection_without_connect
        );
    };
    (@ $runtime:expr, $shards:literal, $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                $crate::lifecycle::$name($runtime, $shards);
            }
        )*
    };
}
pub(crate) use each_lifecycle;

fn config(shards: u16) -> Config {
    Config { shards, ..Config::default() }
}

fn loopback() -> Address {
    Address::Tcp(([127, 0, 0, 1], 0).into())
}

fn world(runtime: Runtime, config: &Config) -> Sockets {
    let server = RunningServer::on_loopback(runtime, config).expect("the broker starts");
    Sockets::new(server.addresses()[0].clone(), server)
}

/// A client that says nothing for one and a half times its Keep Alive is closed, not before, and not long after
/// (MQTT-3.1.2-22); one that pings stays.
pub(crate) fn closes_a_silent_client(runtime: Runtime, shards: u16) {
    let mut w = world(runtime, &config(shards));
    let silent = w.connect(connect("silent").v5().keep_alive(1));
    let silent_old = w.connect(connect("old").keep_alive(1));
    let patient = w.connect(connect("patient").v5().keep_alive(60));
    let begin = Instant::now();
    w.expect_disconnect(silent, 0x8D);
    let after = begin.elapsed();
    w.expect_closed(silent_old);
    assert!((Duration::from_millis(1_400)..Duration::from_secs(6)).contains(&after), "closed after {after:?}");
    w.expect_nothing(patient);
}

/// A connection over the limit is closed at accept; when one goes, another may come.
pub(crate) fn closes_at_accept_beyond_the_connection_limit(runtime: Runtime, shards: u16) {
    let mut config = config(shards);
    config.limits.connections_max = 2;
    let mut w = world(runtime, &config);
    let (mut inside, mut refused) = (Vec::new(), 0);
    for n in 0..16 {
        let client = w.open();
        w.send(client, connect(&format!("client{n}")));
        match w.read(client) {
            Received::Packet(_) => inside.push(client),
            Received::Closed => refused += 1,
            other => panic!("{client:?} is neither let in nor closed: {other:?}"),
        }
    }
    let most = 2 * usize::from(shards);
    assert!((1..=most).contains(&inside.len()) && refused >= 16 - most, "{} in, {refused} refused", inside.len());
    for client in &inside {
        w.expect_nothing(*client);
    }
    for client in inside {
        w.send(client, weirmq_tests::wire::disconnect());
        w.expect_closed(client);
    }
    let begin = Instant::now();
    let mut back = std::iter::repeat_with(|| {
        let client = w.open();
        w.send(client, connect("again"));
        matches!(w.read(client), Received::Packet(_))
    });
    // The broker learns of the end when it has read it.
    assert!(back.any(|inside| inside || begin.elapsed() > DEADLINE) && begin.elapsed() < DEADLINE, "a place is free");
}

/// On Linux, who has said nothing takes no place from others for the first second.
pub(crate) fn accepts_who_speaks_before_who_came(runtime: Runtime, shards: u16) {
    if !cfg!(target_os = "linux") {
        return;
    }
    let mut config = config(shards);
    config.limits.connections_max = 1;
    config.mqtt.connect_timeout = Duration::from_millis(100);
    loop {
        let mut w = world(runtime, &config);
        let begin = Instant::now();
        let (silent, client) = (w.open(), w.open());
        w.send(client, connect("client"));
        let received = w.read(client);
        let was_in_time = begin.elapsed() < Duration::from_millis(900);
        // In the end it is closed as well, as one too many or for its silence.
        w.expect_closed(silent);
        match received {
            Received::Packet(_) => return w.expect_nothing(client),
            Received::Closed if !was_in_time => {}
            other => panic!("{other:?}"),
        }
    }
}

/// A graceful shutdown tells 5.0 clients 0x8B, closes the others, ends `run` and frees the port.
pub(crate) fn shuts_down_gracefully(runtime: Runtime, shards: u16) {
    let server = RunningServer::on_loopback(runtime, &config(shards)).expect("the broker starts");
    let Address::Tcp(address) = server.addresses()[0].clone() else { panic!("a TCP address") };
    let mut w = Sockets::new(Address::Tcp(address), ());
    let new: Vec<_> = (0..6).map(|n| w.connect(connect(&format!("new{n}")).v5())).collect();
    let old: Vec<_> = (0..6).map(|n| w.connect(connect(&format!("old{n}")))).collect();
    let unknown = w.open();
    // Who has said nothing is not known to the broker yet.
    w.send(unknown, [0x10]);
    let begin = Instant::now();
    server.shutdown();
    for client in new {
        w.expect_disconnect(client, 0x8B);
    }
    for client in old {
        w.expect_closed(client);
    }
    w.expect_closed(unknown);
    server.join().expect("run returns Ok");
    assert!(begin.elapsed() < Duration::from_secs(3), "nothing was waited for: {:?}", begin.elapsed());
    TcpListener::bind(address).expect("the port is free");
}

/// A client that neither reads nor closes does not hold a shutdown up.
pub(crate) fn shuts_down_although_a_client_hangs(runtime: Runtime, shards: u16) {
    let server = RunningServer::on_loopback(runtime, &config(shards)).expect("the broker starts");
    let mut w = Sockets::new(server.addresses()[0].clone(), ());
    let hanging = w.connect(connect("hanging"));
    w.subscribed(hanging, [("t", 1)]);
    let publisher = w.connect(connect("publisher"));
    for n in 1..=40_u16 {
        w.published(publisher, publish("t", vec![0; 500_000]).qos(1).id(n));
    }
    let begin = Instant::now();
    server.shutdown();
    w.expect_closed(publisher);
    server.join().expect("run returns Ok");
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
}

/// A shutdown that comes in the middle of a shard's turn is heard in that turn: the shard might sleep after it, without anything
/// that wakes it. All of a turn has the same time, in the
/// recording as well.
pub(crate) fn shuts_down_in_the_middle_of_a_turn(runtime: Runtime, shards: u16) {
    let recorded = Recorded::default();
    let server = RunningServer::recorded(runtime, &config(shards), recorded.clone()).expect("the broker starts");
    let mut w = Sockets::new(server.addresses()[0].clone(), ());
    let client = w.connect(connect("client"));
    // That it is connected is told before this is answered.
    w.expect_nothing(client);
    // A turn with so much to write carries out in its middle what it wants, and then looks at its inbox again.
    let mut bytes = Packet::from(subscribe(1, [("t", 0)])).to_wire(Version::V311);
    (0..3).for_each(|_| bytes.extend(publish("t", [b'x'; 18_000]).to_wire(Version::V311)));
    let held = recorded.events.lock().expect("the broker does not panic");
    w.write(client, &bytes);
    // What is written comes first, then the events, and those have to wait for this test.
    assert!(matches!(w.read(client), Received::Packet(Packet::SubAck(_))));
    server.shutdown();
    drop(held);
    (0..3).for_each(|_| _ = w.take(client, "t", [b'x'; 18_000]));
    w.expect_closed(client);
    server.join().expect("run returns Ok");
    let home = recorded
        .events
        .lock()
        .expect("the broker does not panic")
        .iter()
        .find_map(|(shard, event)| matches!(event, Event::Subscribed { .. }).then_some(*shard));
    let inputs = recorded.recording.inputs(home.expect("somebody subscribed"));
    let is_that = |is_it: fn(&Input<'_>) -> bool| {
        inputs.iter().position(|(_, record)| is_it(&Input::decode(record).expect("a sound record")))
    };
    // Where TCP cut it, it was no such turn.
    let whole = is_that(|input| matches!(input, Input::Receive { bytes, .. } if bytes.len() > 54_000));
    let stop = is_that(|input| matches!(input, Input::Shutdown)).expect("it was told to");
    let passed = whole.map(|whole| inputs[whole + 1..=stop].iter().map(|(since, _)| since).sum::<u64>());
    assert!(passed.is_none_or(|passed| passed == 0), "the turn ended before it was heard: {passed:?} µs");
}

/// A directory that goes with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("weirmq-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary directory");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What is left in a temporary directory harms nobody.
        let _removed = std::fs::remove_dir_all(&self.0);
    }
}

/// A Unix domain socket serves clients; its file goes with the broker.
pub(crate) fn listens_on_a_unix_socket(runtime: Runtime, shards: u16) {
    let directory = Directory::new(&format!("{runtime}-{shards}"));
    let path = directory.0.join("mqtt.sock");
    let server = RunningServer::start(runtime, &config(shards), &[Address::Unix(path.clone())]);
    let server = server.expect("the broker starts");
    assert_eq!(server.addresses(), [Address::Unix(path.clone())]);
    let mut w = Sockets::new(Address::Unix(path.clone()), ());
    let subscriber = w.connect(connect("subscriber").v5());
    w.subscribed(subscriber, [("t", 2)]);
    let publisher = w.connect(connect("publisher"));
    w.published(publisher, publish("t", vec![7; 300_000]).qos(2));
    w.take(subscriber, "t", vec![7; 300_000]);
    server.shutdown();
    w.expect_disconnect(subscriber, 0x8B);
    server.join().expect("run returns Ok");
    assert!(!path.exists(), "the socket's file is gone");
}

/// An IPv6 listener serves clients.
pub(crate) fn listens_on_ipv6(runtime: Runtime, shards: u16) {
    let address = Address::Tcp("[::1]:0".parse().expect("an address"));
    let server = RunningServer::start(runtime, &config(shards), &[address]).expect("the broker starts");
    let Address::Tcp(bound) = server.addresses()[0] else { panic!("a TCP address") };
    assert!(bound.is_ipv6() && bound.port() != 0, "{bound}");
    let mut w = Sockets::new(Address::Tcp(bound), server);
    let client = w.connect(connect("client"));
    w.expect_nothing(client);
}

/// Clients of several listeners meet in one broker.
pub(crate) fn listens_on_several_addresses(runtime: Runtime, shards: u16) {
    let directory = Directory::new(&format!("several-{runtime}-{shards}"));
    let v6: SocketAddr = "[::1]:0".parse().expect("an address");
    let listen = [loopback(), Address::Tcp(v6), Address::Unix(directory.0.join("mqtt.sock")), loopback()];
    let server = RunningServer::start(runtime, &config(shards), &listen).expect("the broker starts");
    let worlds = server.addresses().iter().enumerate();
    let mut worlds: Vec<_> = worlds
        .map(|(index, address)| {
            let mut w = Sockets::new(address.clone(), ());
            let client = w.connect(connect(&format!("client{index}")));
            w.subscribed(client, [("t", 1)]);
            (w, client)
        })
        .collect();
    let (w, client) = &mut worlds[0];
    let publisher = w.connect(connect("publisher"));
    w.published(publisher, publish("t", "to all").qos(1));
    w.take(*client, "t", "to all");
    for (w, client) in &mut worlds[1..] {
        w.take(*client, "t", "to all");
    }
}

/// Who sends no CONNECT, or not all of it, is closed in time.
pub(crate) fn closes_a_connection_without_connect(runtime: Runtime, shards: u16) {
    let mut config = config(shards);
    config.mqtt.connect_timeout = Duration::from_millis(300);
    let mut w = world(runtime, &config);
    let client = w.connect(connect("in time"));
    let (silent, slow) = (w.open(), w.open());
    w.send(slow, [0x10, 20, 0]);
    let begin = Instant::now();
    w.expect_closed(silent);
    w.expect_closed(slow);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    w.expect_nothing(client);
}
