//! Tests of the client against hand-made server bytes, in pieces, and over connections that break.

mod broken;
mod connection;
mod limits;
mod pieces;
mod session;

use alloc::vec::Vec;
use core::time::Duration;

use super::*;
use crate::packet::{PacketId, Properties, QoS, Version};
use crate::time::Instant;

/// CONNACK without a session and without a word more.
const CONNACK_3: &[u8] = b"\x20\x02\0\0";
const CONNACK_5: &[u8] = b"\x20\x03\0\0\0";
/// CONNACK with Session Present.
const CONNACK_3_PRESENT: &[u8] = b"\x20\x02\x01\0";
const CONNACK_5_PRESENT: &[u8] = b"\x20\x03\x01\0\0";

/// A client, its clock, and what a server would see of it.
struct Harness {
    client: Client,
    now: Instant,
}

impl Harness {
    fn new(config: ClientConfig) -> Self {
        Self { client: Client::new(config).expect("a valid configuration"), now: Instant::from_secs(1) }
    }

    /// A client of this version that is connected, its events and bytes taken.
    fn connected(config: ClientConfig) -> Self {
        let connack = if config.version == Version::V5 { CONNACK_5 } else { CONNACK_3 };
        let mut harness = Self::new(config);
        harness.connect(connack);
        harness
    }

    /// Opens a connection that this CONNACK answers, and throws away what that makes the client say but for messages.
    fn connect(&mut self, connack: &[u8]) {
        self.client.connect(self.now).expect("no connection yet");
        self.sent();
        self.feed(connack);
        assert!(self.client.is_connected(), "{:?}", self.events());
        assert!(matches!(self.client.poll_event(), Some(ClientEvent::Connected { .. })));
    }

    /// Ends the connection, and gives the events of that.
    fn close(&mut self) -> Vec<ClientEvent> {
        self.client.handle_closed(self.now);
        self.events()
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.client.handle_receive(self.now, bytes);
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now.saturating_add(Duration::from_millis(millis));
        self.client.handle_timeout(self.now);
    }

    /// What the client writes, all of it.
    fn sent(&mut self) -> Vec<u8> {
        let bytes = self.client.tx().to_vec();
        self.client.handle_sent(bytes.len());
        bytes
    }

    fn events(&mut self) -> Vec<ClientEvent> {
        core::iter::from_fn(|| self.client.poll_event()).collect()
    }

    fn publish(&mut self, topic: &str, qos: QoS) -> Result<Option<PublishToken>, ClientError> {
        self.client.publish(self.now, &PublishRequest { topic, qos, payload: b"p", ..Default::default() })
    }

    fn subscribe(&mut self, filter: &str) -> Result<PacketId, ClientError> {
        let filters = [SubscribeRequest { filter, options: Default::default() }];
        self.client.subscribe(self.now, &filters, Properties::EMPTY)
    }
}

fn config(version: Version) -> ClientConfig {
    ClientConfig::new(version, "c")
}

/// A configuration whose session outlives the connection.
fn persistent(version: Version) -> ClientConfig {
    ClientConfig { clean_start: false, session_expiry_s: 100, ..config(version) }
}

fn id(value: u16) -> PacketId {
    PacketId::new(value).expect("not zero")
}
