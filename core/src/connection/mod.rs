//! One Network Connection, split by chapter: what came in, what goes out, aliases.

mod alias;
mod output;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

pub(crate) use alias::{IncomingAliases, OutgoingAlias, OutgoingAliases};
pub(crate) use output::{BufferPool, Output, is_shared};

use crate::event::Limit;
use crate::id::{AuthId, ListenerId, PeerAddr};
use crate::packet::Version;
use crate::time::Instant;
use crate::timer::TimerId;

/// No session.
pub(crate) const NO_SESSION: u32 = u32::MAX;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The CONNECT has not come.
    Handshake,
    /// The CONNECT waits for the deployment's authentication.
    Authenticating,
    /// The server has sent AUTH and waits for the client's.
    Challenged,
    /// CONNACK 0x00 is out.
    Connected,
    /// It ends: what comes is thrown away, what is in the output may still leave.
    Closing,
}

/// One Network Connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) phase: Phase,
    /// From the CONNECT on.
    pub(crate) version: Option<Version>,
    /// Whether it stands in the list of connections to flush.
    pub(crate) dirty: bool,
    /// Whether it counts as one with large output.
    pub(crate) large: bool,
    /// Whether it stands in the list of connections with input to serve.
    pub(crate) waiting: bool,
    /// Whether its input waits for the broker: a publisher held back, not one that keeps silent.
    pub(crate) held: bool,
    /// Whether its CONNACK waits in the gate: nothing may be sent before it (MQTT-3.2.0-1).
    pub(crate) resumes: bool,
    /// A 3.x publisher's message had no room there: it is closed once what it sent before is acknowledged, and nothing that
    /// it sent behind is handled.
    pub(crate) refused: Option<Limit>,
    /// It is refused, all before that is acknowledged, and its own session's queue is full: its acknowledgements are still
    /// taken, or the queue would be as full when it comes back with the same message.
    pub(crate) drains: bool,
    /// The peer has closed its side and waits for answers: it is closed when it has them, and not read.
    pub(crate) half_closed: bool,
    /// What [`Broker::wants_read`](crate::Broker::wants_read) said last.
    pub(crate) reading: bool,
    /// Request Problem Information (MQTT 5.0, 3.1.2.11.7).
    pub(crate) problem_information: bool,
    pub(crate) listener: ListenerId,
    pub(crate) peer: PeerAddr,
    pub(crate) accepted: Instant,
    pub(crate) session: u32,
    /// One and a half times the Keep Alive; zero is off.
    pub(crate) keep_alive: Duration,
    /// When the last complete packet came.
    pub(crate) heard: Instant,
    /// Since when its output has not moved; none while there is no output.
    pub(crate) waits_since: Option<Instant>,
    /// CONNECT time, Keep Alive or linger, whichever the phase calls for.
    pub(crate) timer: Option<TimerId>,
    pub(crate) write_timer: Option<TimerId>,
    /// The client's Maximum Packet Size.
    pub(crate) packet_bytes_max: u32,
    /// QoS 1 and 2 messages that may be open towards the client.
    pub(crate) window: u16,
    /// Answers to this client that wait in the gate.
    pub(crate) gated: u32,
    /// Those of them that are PUBACKs: QoS 1 messages that are still open.
    pub(crate) gated_pubacks: u32,
    /// QoS 2 messages that came on this connection and are not released: the client's send quota is whole on each
    /// (MQTT 5.0, 4.9), whatever an earlier connection left open.
    pub(crate) unreleased: u32,
    /// A piece of a packet, or packets that wait their turn.
    pub(crate) input: Vec<u8>,
    /// Bytes that the packet at the front of `input` has in all; 0 when that is not known.
    pub(crate) needed: usize,
    pub(crate) output: Output,
    /// By how much messages have taken the output beyond its bound: one more always goes in whole.
    pub(crate) excess: usize,
    pub(crate) aliases_in: Option<Box<IncomingAliases>>,
    pub(crate) aliases_out: Option<Box<OutgoingAliases>>,
    pub(crate) auth: Option<Box<AuthState>>,
}

const _: () = assert!(
    size_of::<Connection>() <= 288,
    "what a connection costs beside its session; it owns no buffer while it is idle"
);

/// Authentication under way, or the method that was used.
#[derive(Debug, Default)]
pub(crate) struct AuthState {
    /// The Authentication Method of the CONNECT.
    pub(crate) method: Option<Box<str>>,
    /// The question that the deployment has not answered.
    pub(crate) request: Option<AuthId>,
    pub(crate) timer: Option<TimerId>,
    /// The body of the CONNECT while it waits.
    pub(crate) connect: Vec<u8>,
    /// The Client Identifier of the CONNECT, and whether the broker gave it.
    pub(crate) client_id: Box<str>,
    pub(crate) is_assigned: bool,
    /// Whether AUTH 0x18 was sent and not answered.
    pub(crate) challenged: bool,
}

impl Connection {
    pub(crate) fn new(now: Instant, listener: ListenerId, peer: PeerAddr) -> Self {
        Self {
            phase: Phase::Handshake,
            version: None,
            dirty: false,
            large: false,
            waiting: false,
            held: false,
            resumes: false,
            refused: None,
            drains: false,
            half_closed: false,
            reading: true,
            problem_information: true,
            listener,
            peer,
            accepted: now,
            session: NO_SESSION,
            keep_alive: Duration::ZERO,
            heard: now,
            waits_since: None,
            timer: None,
            write_timer: None,
            packet_bytes_max: u32::MAX,
            window: u16::MAX,
            gated: 0,
            gated_pubacks: 0,
            unreleased: 0,
            input: Vec::new(),
            needed: 0,
            output: Output::default(),
            excess: 0,
            aliases_in: None,
            aliases_out: None,
            auth: None,
        }
    }

    pub(crate) fn is_v5(&self) -> bool {
        self.version == Some(Version::V5)
    }
}
