//! The MQTT broker of weirmq as a state machine, and the client too.
//!
//! No socket, clock, thread, random source or async is in this crate. Bytes go in, bytes and effects come out; time is an
//! argument and randomness a seed, so every run can be repeated. A runtime moves the bytes: see `weirmq-mio`,
//! `weirmq-tokio` and `weirmq-smol`, or `examples/memory.rs` for one without any.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

extern crate alloc;

mod acceptance;
pub mod access;
mod agenda;
mod broker;
pub mod client;
pub mod config;
mod conn_map;
mod connection;
mod deployment;
mod event;
mod id;
mod message;
mod outbox;
pub mod packet;
mod peer;
mod random;
pub mod record;
mod session;
mod slab;
mod stats;
pub mod store;
mod time;
mod timer;
pub mod topic;
mod transport;

pub use acceptance::Acceptance;
pub use access::{AuthOutcome, AuthReply, AuthRequest};
pub use agenda::Agenda;
pub use broker::handoff::Moved;
pub use broker::inspect::{ConnectionView, InflightState, InflightView, SessionView, SubscriptionView, WillView};
pub use broker::{Broker, Budget, CloseCause, Progress, WakeReason};
pub use config::Config;
pub use conn_map::ConnMap;
pub use deployment::Deployment;
pub use event::{CloseReason, Event, Limit, SessionEnd};
pub use id::{AuthId, ConnId, ListenerId, LogPosition, PeerAddr, ShardId};
pub use outbox::{Close, CloseHow, Handoff, Outbox};
pub use peer::{Bell, Calls, PeerBatch};
pub use stats::Stats;
pub use time::Instant;
pub use transport::{Incoming, Readiness, Transport};
