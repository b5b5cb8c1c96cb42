//! Runs the [weirmq](weirmq_core) broker machine on [tokio](https://docs.rs/tokio): a current-thread runtime per shard.
//!
//! Pick this runtime for a broker inside a program that lives on tokio already: [`Server::run`] is a future like any
//! other, on whichever flavour of tokio runtime. Pick `weirmq-mio` for a broker that is a program of its own: it has
//! fewer layers. All three runtimes have the same API and behave alike, on Unix.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use weirmq_tokio::{Deployment, Listener, Server};
//!
//! let addr: std::net::SocketAddr = "127.0.0.1:1883".parse().unwrap();
//! let server = Server::bind(Deployment::new().listen(addr, Listener::default()))?;
//! server.run(async { /* until this future is ready */ }).await
//! # }
//! ```
//!
//! A shard is one task on a thread of its own. It repeats one *turn* (`shard.rs`): feed every readable socket, at most one
//! buffer each, and what other shards sent; accept; let timers fire; carry out what the broker wants (`effects.rs`), with one
//! vectored write for each connection that has output; wait, at most until [`Broker::poll_timeout`]. A connection has no
//! task: its waker writes its name on the shard's list, so that one turn serves many ready sockets. There is no protocol here:
//! what a byte means is decided in [`weirmq_core`].
//!
//! [`Broker::poll_timeout`]: weirmq_core::Broker::poll_timeout
#![forbid(unsafe_code)]

mod address;
mod connection;
mod effects;
mod mail;
mod server;
mod shard;

pub use address::ListenAddr;
pub use server::{Handle, Server};
pub use weirmq_core::config::{Config, Listener};
pub use weirmq_core::{AuthOutcome, AuthReply, AuthRequest, Deployment, Event, ShardId, Stats};
