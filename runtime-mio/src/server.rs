//! The server made of what a deployment chooses, with its threads, and the handle that others hold of it.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, io, thread};

use mio::{Poll, Waker};
use socket2::Socket;
use weirmq_core::{Deployment, Instant, ListenerId, ShardId, Stats};

use crate::address::{self, ListenAddr};
use crate::crew::Crew;
use crate::mail::{Link, Mail, lock};
use crate::shard::WAKER;

/// What all shards of a server see.
pub(crate) struct Shared {
    /// With the addresses that were bound.
    pub(crate) deployment: Deployment<ListenAddr>,
    pub(crate) links: Vec<Arc<Link>>,
    stopping: AtomicBool,
    /// Where the brokers' time line begins. One for all: a connection takes its times along to another shard.
    origin: std::time::Instant,
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
    pub(crate) shared: Arc<Shared>,
    pub(crate) shards: Vec<(Poll, Vec<(ListenerId, Socket)>)>,
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
        let (mut links, mut shards) = (Vec::new(), Vec::new());
        for _ in 0..deployment.config.shards {
            let poll = Poll::new()?;
            links.push(Arc::new(Link::new(Waker::new(poll.registry(), WAKER)?)));
            shards.push((poll, Vec::new()));
        }
        for (index, (addr, _)) in deployment.listeners.iter_mut().enumerate() {
            let sockets = address::bind(addr, shards.len())?;
            for ((_, listeners), socket) in shards.iter_mut().zip(sockets) {
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

    /// Runs the broker, with a thread for each shard, and returns when all are down after [`Handle::shutdown`].
    ///
    /// # Errors
    /// When a thread cannot be started, the poll of a shard fails, or a thread panicked, which may take two shards with it: its own
    /// and one that it stood in for. The others then shut down first.
    pub fn run(self) -> io::Result<()> {
        let Self { shared, shards } = self;
        let result = Crew::new(&shared, shards).and_then(|(crew, polls)| serve(&shared, &Arc::new(crew), polls));
        for (addr, _) in &shared.deployment.listeners {
            if let ListenAddr::Unix(path) = addr {
                // Nobody could act on a failure here, and the next start replaces what is left behind.
                let _ = fs::remove_file(path);
            }
        }
        result
    }
}

/// Runs a thread for each poll until all have ended.
fn serve(shared: &Arc<Shared>, crew: &Arc<Crew>, polls: Vec<Poll>) -> io::Result<()> {
    let mut result = Ok(());
    let mut threads = Vec::new();
    for (index, poll) in polls.into_iter().enumerate() {
        let guard = Guard { shared: Arc::clone(shared), crew: Arc::clone(crew), id: ShardId(index as u16) };
        let body = move || guard.crew.run(&guard.shared, guard.id, poll);
        match thread::Builder::new().name(format!("weirmq-{index}")).spawn(body) {
            Ok(thread) => threads.push(thread),
            Err(error) => result = Err(error),
        }
    }
    for (index, thread) in threads.into_iter().enumerate() {
        let panicked = |_| Err(io::Error::other(format!("the thread of shard {index} panicked")));
        result = result.and(thread.join().unwrap_or_else(panicked));
    }
    result
}

/// Takes the other shards down when one ends, by whatever cause: they cannot do its work.
struct Guard {
    shared: Arc<Shared>,
    crew: Arc<Crew>,
    id: ShardId,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.crew.dismiss(self.id);
        self.shared.stop();
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
