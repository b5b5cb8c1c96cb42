//! The server made of what a deployment chooses, with its threads, and the handle that others hold of it.

use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, io, thread};

use socket2::Socket;
use tokio::runtime::LocalOptions;
use tokio::task::unconstrained;
use weirmq_core::{Deployment, Instant, ListenerId, ShardId, Stats};

use crate::address::{self, ListenAddr};
use crate::mail::{Link, Mail, lock};
use crate::shard::Shard;

/// What all shards of a server see.
pub(crate) struct Shared {
    /// With the addresses that were bound.
    pub(crate) deployment: Deployment<ListenAddr>,
    pub(crate) links: Vec<Arc<Link>>,
    stopping: AtomicBool,
    /// Where the brokers' time line begins. One for all: a connection takes its times along to another shard.
    pub(crate) origin: std::time::Instant,
}

impl Shared {
    /// The time as brokers see it.
    pub(crate) fn now(&self) -> Instant {
        Instant::from_micros(self.origin.elapsed().as_micros() as u64)
    }

    /// Makes every shard go down, and look at what one that goes has left for it.
    fn stop(&self) {
        if !self.stopping.swap(true, Ordering::AcqRel) {
            self.links.iter().for_each(|link| link.post(Mail::Stop));
        }
        self.links.iter().for_each(|link| link.wake());
    }
}

/// A broker that is bound to its addresses. Connections are accepted by [`run`](Self::run).
pub struct Server {
    shared: Arc<Shared>,
    shards: Vec<Vec<(ListenerId, Socket)>>,
}

impl Server {
    /// Binds every address of a deployment.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] where [`Deployment::fit`] finds fault, as it does without an address; else what the system
    /// said, naming the address.
    pub fn bind(mut deployment: Deployment<ListenAddr>) -> io::Result<Self> {
        // Each `RandomState` has keys of its own, and what it makes of a number is as good as they are.
        let drawn = std::array::from_fn(|index| RandomState::new().hash_one(index) as u8);
        deployment.fit(drawn).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let links = Vec::from_iter((0..deployment.config.shards).map(|_| Arc::default()));
        let mut shards: Vec<_> = links.iter().map(|_| Vec::new()).collect();
        for (index, (addr, _)) in deployment.listeners.iter_mut().enumerate() {
            let sockets = address::bind(addr, shards.len())?;
            for (listeners, socket) in shards.iter_mut().zip(sockets) {
                listeners.push((ListenerId(index as u16), socket));
            }
        }
        let (stopping, origin) = (AtomicBool::new(false), std::time::Instant::now());
        Ok(Self { shared: Arc::new(Shared { deployment, links, stopping, origin }), shards })
    }

    /// Where it listens, in the order of [`Deployment::listen`], with the ports that the system chose.
    pub fn local_addrs(&self) -> Vec<ListenAddr> {
        self.shared.deployment.listeners.iter().map(|(addr, _)| addr.clone()).collect()
    }

    /// A handle to it, before or while it runs.
    pub fn handle(&self) -> Handle {
        Handle { shared: Arc::clone(&self.shared) }
    }

    /// Runs the broker until `shutdown` is ready or [`Handle::shutdown`] is called, and returns when it is down. The shards
    /// have threads of their own; this future only waits for them, in a blocking task of the runtime that it is awaited in.
    /// Dropping it shuts the server down as well.
    ///
    /// # Errors
    /// When a thread or its runtime cannot be started, or a shard panicked. The others then shut down first.
    ///
    /// # Panics
    /// When it is awaited outside of a tokio runtime.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let guard = Guard(Arc::clone(&self.shared));
        let mut threads = tokio::task::spawn_blocking(|| self.run_threads());
        let mut shutdown = pin!(shutdown);
        let mut waiting = true;
        poll_fn(|cx| {
            if waiting && shutdown.as_mut().poll(cx).is_ready() {
                waiting = false;
                guard.0.stop();
            }
            Pin::new(&mut threads).poll(cx)
        })
        .await?
    }

    fn run_threads(self) -> io::Result<()> {
        let Self { shared, shards } = self;
        let mut result = Ok(());
        let mut threads = Vec::new();
        for (index, listeners) in shards.into_iter().enumerate() {
            let guard = Guard(Arc::clone(&shared));
            let body = move || run_shard(Arc::clone(&guard.0), ShardId(index as u16), listeners);
            match thread::Builder::new().name(format!("weirmq-{index}")).spawn(body) {
                Ok(thread) => threads.push(thread),
                Err(error) => result = Err(error),
            }
        }
        for (index, thread) in threads.into_iter().enumerate() {
            let panicked = |_| Err(io::Error::other(format!("shard {index} panicked")));
            result = result.and(thread.join().unwrap_or_else(panicked));
        }
        for (addr, _) in &shared.deployment.listeners {
            if let ListenAddr::Unix(path) = addr {
                // Nobody could act on a failure here, and the next start replaces what is left behind.
                let _ = fs::remove_file(path);
            }
        }
        result
    }
}

/// Runs one shard as a task of a runtime of its own: a task is woken without a system call, `block_on`'s future is not.
fn run_shard(shared: Arc<Shared>, id: ShardId, listeners: Vec<(ListenerId, Socket)>) -> io::Result<()> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_io().enable_time().build_local(LocalOptions::default())?;
    let shard = async move { Shard::new(shared, id, listeners)?.run().await };
    // tokio's budget would cut a turn off in its middle; a turn is bounded by itself.
    runtime.block_on(runtime.spawn_local(unconstrained(shard)))?
}

/// Takes the other shards down when one ends, by whatever cause: they cannot do its work.
struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Reaches a server from any thread.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    /// Shuts the server down: it accepts nothing any more, sends DISCONNECT 0x8B (Server shutting down) to 5.0 clients,
    /// closes each connection when its output is out, and ends after [`Deployment::drain_timeout`] at the latest. Idempotent.
    pub fn shutdown(&self) {
        self.shared.stop();
    }

    /// The counters of each shard, at most 100 ms old.
    pub fn stats(&self) -> Vec<Stats> {
        self.shared.links.iter().map(|link| *lock(&link.stats)).collect()
    }
}
