//! 10,000 connections held, and a message delivered to each, on each runtime.
//!
//! The broker is a process of its own, because descriptors are counted by process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use weirmq_tests::server::Runtime;
use weirmq_tests::socket::{Address, Sockets};
use weirmq_tests::wire::{connect, publish};
use weirmq_tests::{Client, Talk};

const CONNECTIONS: usize = 10_000;
/// Descriptors that a process has besides: its standard streams, a poll, a listener, the publisher.
const OTHERS: usize = 64;

/// Tests that run as threads of one process share its descriptors: one at a time.
static DESCRIPTORS: Mutex<()> = Mutex::new(());

struct Serve(Child);

impl Serve {
    fn start(runtime: Runtime, shards: u16) -> (Self, Address) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_serve"))
            .args([runtime.to_string(), shards.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the broker's program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("it says where it listens");
        let address = line.trim().parse().expect("an address");
        (Self(child), Address::Tcp(address))
    }

    fn stop(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().expect("it ends").success());
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // Ended well already, or the test has failed.
        let _ended = self.0.kill();
    }
}

/// As many connections as were wanted, or as many as the hard limit leaves, and then it says so.
fn connections() -> usize {
    let limit = rlimit::increase_nofile_limit((CONNECTIONS + OTHERS) as u64).expect("the limit can be read");
    let possible = (limit as usize).saturating_sub(OTHERS).min(CONNECTIONS);
    if possible < CONNECTIONS {
        eprintln!("only {possible} of {CONNECTIONS} connections: the hard limit of open files is {limit}");
    }
    possible
}

fn holds_10_000(runtime: Runtime, shards: u16) {
    let _alone = DESCRIPTORS.lock().unwrap_or_else(PoisonError::into_inner);
    let count = connections();
    let (serve, address) = Serve::start(runtime, shards);
    let mut w = Sockets::new(address, ());
    let clients: Vec<Client> = (0..count)
        .map(|n| {
            let client = w.connect(connect(&format!("held{n}")).v5());
            w.subscribed(client, [(&format!("to/{n}"), 1), ("to/all", 0)]);
            client
        })
        .collect();
    let publisher = w.connect(connect("publisher"));
    for n in 0..count {
        w.published(publisher, publish(&format!("to/{n}"), n.to_string()).qos(1));
    }
    w.published(publisher, publish("to/all", "everybody").qos(1));
    for (n, client) in clients.iter().enumerate() {
        w.take(*client, &format!("to/{n}"), n.to_string());
        w.take(*client, "to/all", "everybody");
    }
    w.expect_nothing(clients[0]);
    w.expect_nothing(clients[count - 1]);
    drop(w);
    serve.stop();
}

#[test]
fn mio_holds_10_000_connections() {
    holds_10_000(Runtime::Mio, 1);
}

#[test]
fn tokio_holds_10_000_connections() {
    holds_10_000(Runtime::Tokio, 1);
}

#[test]
fn smol_holds_10_000_connections() {
    holds_10_000(Runtime::Smol, 1);
}

#[test]
fn two_shards_hold_10_000_connections() {
    holds_10_000(Runtime::Mio, 2);
}
