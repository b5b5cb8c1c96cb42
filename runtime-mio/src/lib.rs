//! Runs the [weirmq](weirmq_core) broker machine on [mio](https://docs.rs/mio): one thread and one poll per shard.
//!
//! This is the plain reference runtime. Pick it for a broker that is a program of its own, or a thread of one: it has the
//! fewest layers between the socket and the broker, no async, and the lowest cost per message. Pick `weirmq-tokio` or
//! `weirmq-smol` when the program around it lives on one of those. All three have the same API and behave alike, on Unix.
//!
//! ```no_run
//! use weirmq_mio::{Deployment, Listener, Server};
//!
//! let addr: std::net::SocketAddr = "127.0.0.1:1883".parse().unwrap();
//! let server = Server::bind(Deployment::new().listen(addr, Listener::default()))?;
//! let handle = server.handle(); // handle.shutdown() from anywhere ends run()
//! server.run()?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! A shard's thread repeats one *turn* (`shard.rs`): wait for sockets, at most until [`Broker::poll_timeout`]; accept; feed
//! what other shards sent; feed every readable socket, at most one buffer each; let timers fire; then carry out what the
//! broker wants (`effects.rs`): one vectored write for each connection that has output. Sockets are registered once,
//! edge-triggered, so a busy connection costs one read and one write a turn, and an idle one no buffer.
//! Before a thread sleeps it takes a turn for the shards that it has left something for and that sleep, if it has the time
//! (`crew.rs`).
//! There is no protocol here: what a byte means is decided in [`weirmq_core`].
//!
//! [`Broker::poll_timeout`]: weirmq_core::Broker::poll_timeout
#![forbid(unsafe_code)]

mod address;
mod connection;
mod crew;
mod effects;
mod mail;
mod server;
mod shard;

pub use address::ListenAddr;
pub use server::{Handle, Server};
pub use weirmq_core::config::{Config, Listener};
pub use weirmq_core::{AuthOutcome, AuthReply, AuthRequest, Deployment, Event, ShardId, Stats};
