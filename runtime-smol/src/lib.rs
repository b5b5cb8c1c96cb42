//! Runs the [weirmq](weirmq_core) broker machine on [smol](https://docs.rs/smol) and async-io: a future per shard.
//!
//! Pick this runtime for a broker inside a program that lives on smol, async-io or any executor but tokio: [`Server::run`]
//! is a future that needs none in particular. Pick `weirmq-mio` for a broker that is a program of its own: it has fewer
//! layers. All three runtimes have the same API and behave alike, on Unix.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use weirmq_smol::{Deployment, Listener, Server};
//!
//! let addr: std::net::SocketAddr = "127.0.0.1:1883".parse().unwrap();
//! let server = Server::bind(Deployment::new().listen(addr, Listener::default()))?;
//! server.run(async { /* until this future is ready */ }).await
//! # }
//! ```
//!
//! A shard is one future on a thread of its own. It repeats one *turn* (`shard.rs`): wait; accept; feed mail and readable
//! sockets, at most one buffer each; let timers fire; carry out what the broker wants (`effects.rs`). async-io by itself
//! registers interest anew after each event. So sockets are registered once, edge-triggered, in a poll of the shard's own. The
//! thread waits in it for 100 ms at most. When nothing has come by then async-io watches the poll, and the shard sleeps until it has
//! an event or [time has come](weirmq_core::Broker::poll_timeout). What a byte means is decided in [`weirmq_core`].
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
