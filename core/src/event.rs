//! What happened, as typed data. Text is made of it outside; tests and the simulator assert on it.

use alloc::boxed::Box;
use core::fmt;

use crate::id::{ConnId, ListenerId, PeerAddr, ShardId};
use crate::packet::{ReasonCode, Version, Violation};

/// Something worth telling about a connection or a session. Never emitted per message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A transport connection was accepted.
    Accepted {
        /// The connection.
        conn: ConnId,
        /// Where it was accepted.
        listener: ListenerId,
        /// Who it is.
        peer: PeerAddr,
    },
    /// The connection went to the shard that owns its session, which accepts it under a name of its own.
    HandedOff {
        /// The connection, as it was called here.
        conn: ConnId,
        /// The shard that has it now.
        to: ShardId,
    },
    /// A client's CONNECT was accepted.
    Connected {
        /// The connection.
        conn: ConnId,
        /// The Client Identifier, assigned or given.
        client_id: Box<str>,
        /// The user name, if there was one.
        user_name: Option<Box<str>>,
        /// The protocol version.
        version: Version,
        /// Clean Start (3.x: CleanSession).
        clean_start: bool,
        /// Whether the broker held a session.
        session_present: bool,
        /// The Keep Alive in force, in seconds; 0 is none.
        keep_alive_s: u16,
    },
    /// A CONNECT was refused, or never came whole.
    Refused {
        /// The connection.
        conn: ConnId,
        /// The Client Identifier, if the deployment was asked about it.
        client_id: Option<Box<str>>,
        /// Why.
        reason: CloseReason,
    },
    /// A connected client's connection ended.
    Disconnected {
        /// The connection.
        conn: ConnId,
        /// The Client Identifier.
        client_id: Box<str>,
        /// Why.
        reason: CloseReason,
        /// Whether the session goes on without it.
        session_kept: bool,
    },
    /// A session ended and all its state with it.
    SessionEnded {
        /// The Client Identifier.
        client_id: Box<str>,
        /// Why.
        reason: SessionEnd,
    },
    /// A SUBSCRIBE filter was accepted.
    Subscribed {
        /// The connection.
        conn: ConnId,
        /// The Client Identifier.
        client_id: Box<str>,
        /// The filter, `$share/…` included.
        filter: Box<str>,
        /// The SUBACK code: the granted QoS, or a refusal.
        code: ReasonCode,
    },
    /// An UNSUBSCRIBE filter was handled.
    Unsubscribed {
        /// The connection.
        conn: ConnId,
        /// The Client Identifier.
        client_id: Box<str>,
        /// The filter.
        filter: Box<str>,
        /// The UNSUBACK code.
        code: ReasonCode,
    },
    /// A will was published.
    WillPublished {
        /// The Client Identifier whose will it was.
        client_id: Box<str>,
    },
    /// The store failed: nothing that must be durable is acknowledged from here on.
    StoreFailed,
}

const _: () = assert!(size_of::<Event>() <= 48, "events are moved through a list");

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// Its connection ended and the Session Expiry Interval was zero.
    Disconnected,
    /// Its Session Expiry Interval ran out.
    Expired,
    /// The client came back with Clean Start 1.
    CleanStart,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client sent DISCONNECT, with this code.
    ClientDisconnect(ReasonCode),
    /// The peer closed the transport without a DISCONNECT.
    PeerClosed,
    /// The transport failed.
    TransportError,
    /// The client broke the protocol.
    Violation(Violation),
    /// No complete CONNECT came in time.
    ConnectTimeout,
    /// Nothing came for one and a half times the Keep Alive (MQTT-3.1.2-22, in 3.1.1 MQTT-3.1.2-24).
    KeepAliveTimeout,
    /// The peer took none of its output for too long.
    WriteTimeout,
    /// The client connected again elsewhere.
    TakenOver,
    /// The broker is going down.
    ServerShutdown,
    /// The CONNECT or a later step was refused with this code.
    Refused(ReasonCode),
    /// A bound of the deployment was reached.
    LimitReached(Limit),
    /// What it waits for cannot be stored any more.
    StoreFailed,
    /// An administrator or the embedding program closed it.
    Administrative,
}

/// A bound that a connection ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Output grew past its bound by control packets alone.
    Output,
    /// A 3.x publisher's message did not fit in a session's queue and could not be acknowledged.
    Queue,
    /// A 3.x publisher's retained message did not fit.
    Retained,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClientDisconnect(code) => write!(f, "client disconnected ({code})"),
            Self::PeerClosed => f.write_str("peer closed the connection"),
            Self::StoreFailed => f.write_str("the store failed"),
            Self::TransportError => f.write_str("transport error"),
            Self::Violation(violation) => write!(f, "protocol violation: {violation}"),
            Self::ConnectTimeout => f.write_str("no CONNECT in time"),
            Self::KeepAliveTimeout => f.write_str("keep alive timeout"),
            Self::WriteTimeout => f.write_str("write timeout"),
            Self::TakenOver => f.write_str("session taken over"),
            Self::ServerShutdown => f.write_str("server shutting down"),
            Self::Refused(code) => write!(f, "refused ({code})"),
            Self::LimitReached(Limit::Output) => f.write_str("output limit reached"),
            Self::LimitReached(Limit::Queue) => f.write_str("a subscriber's queue is full"),
            Self::LimitReached(Limit::Retained) => f.write_str("retained message limit reached"),
            Self::Administrative => f.write_str("closed by an administrator"),
        }
    }
}

impl CloseReason {
    /// A stable name for logs and metrics, in snake case.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ClientDisconnect(_) => "client_disconnect",
            Self::PeerClosed => "peer_closed",
            Self::TransportError => "transport_error",
            Self::Violation(_) => "violation",
            Self::ConnectTimeout => "connect_timeout",
            Self::KeepAliveTimeout => "keep_alive_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::TakenOver => "taken_over",
            Self::ServerShutdown => "server_shutdown",
            Self::Refused(_) => "refused",
            Self::LimitReached(_) => "limit_reached",
            Self::StoreFailed => "store_failed",
            Self::Administrative => "administrative",
        }
    }
}
