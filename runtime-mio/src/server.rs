//! What a deployment chooses, the server made of it with its threads, and the handle that others hold of it.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{fs, io, thread};

use mio::{Poll, Waker};
use socket2::Socket;
use weirmq_core::config::{Config, Listener};
use weirmq_core::record::{RecordOptions, RecordSink};
use weirmq_core::{AuthRequest, Event, Instant, ListenerId, ShardId, Stats};

use crate::address::{self, ListenAddr};
use crate::crew::Crew;
use crate::mail::{AuthReply, Link, Mail, lock};
use crate::shard::WAKER;

type Observer = Box<dyn Fn(ShardId, &Event) + Send + Sync>;
type Authenticator = Box<dyn Fn(AuthRequest, AuthReply) + Send + Sync>;

/// What all shards of a server see.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) seed: [u8; 32],
    pub(crate) drain_timeout: Duration,
    pub(crate) observer: Option<Observer>,
    pub(crate) recorder: Option<(RecordOptions, RecordSink)>,
    pub(crate) authenticator: Option<Authenticator>,
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

/// Makes a [`Server`].
pub struct Builder {
    shared: Shared,
    listen: Vec<ListenAddr>,
}

impl Builder {
    /// The broker's configuration; `config.shards` is the number of threads. Its listeners are replaced by those of
    /// [`listen`](Self::listen). Default [`Config::default`].
    pub fn config(mut self, config: Config) -> Self {
        self.shared.config = Config { listeners: self.shared.config.listeners, ..config };
        self
    }

    /// What decides everything random in the broker: hashing and assigned client identifiers. Default: drawn from
    /// [`RandomState`], which keeps strangers from choosing keys that collide; it is no source for secrets.
    pub fn seed(mut self, seed: [u8; 32]) -> Self {
        self.shared.seed = seed;
        self
    }

    /// Listens on an address. Each call adds a listener; the first is [`ListenerId`] 0.
    pub fn listen(mut self, addr: impl Into<ListenAddr>, listener: Listener) -> Self {
        self.listen.push(addr.into());
        self.shared.config.listeners.push(listener);
        self
    }

    /// Is told what happens, after the output that goes with it, by the thread that serves the shard: not always the same, but
    /// one at a time. All of the shard waits for it, and so may another.
    pub fn observer(mut self, observer: impl Fn(ShardId, &Event) + Send + Sync + 'static) -> Self {
        self.shared.observer = Some(Box::new(observer));
        self
    }

    /// Is given the [record](weirmq_core::record) of each shard, by the thread that serves it and before another shard hears of it,
    /// until it answers `false`. It must not block for long.
    pub fn recorder(mut self, options: RecordOptions, recorder: RecordSink) -> Self {
        self.shared.recorder = Some((options, recorder));
        self
    }

    /// Answers for clients' credentials: it is given each question by the thread that serves the shard, must not block, and answers by
    /// [`AuthReply`] then or later. What it means for the configuration [`Config::fit`] says.
    pub fn authenticator(mut self, authenticator: impl Fn(AuthRequest, AuthReply) + Send + Sync + 'static) -> Self {
        self.shared.authenticator = Some(Box::new(authenticator));
        self
    }

    /// The longest that a graceful shutdown waits for connections to end. Default 5 s.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.shared.drain_timeout = timeout;
        self
    }

    /// Binds every address.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] without a listener and where [`Config::fit`] finds fault; else what the system said,
    /// naming the address.
    pub fn bind(self) -> io::Result<Server> {
        let Self { mut shared, listen } = self;
        let authenticates = shared.authenticator.is_some();
        let fitted = shared.config.fit(authenticates);
        fitted.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
        let mut shards = Vec::new();
        for _ in 0..shared.config.shards {
            let poll = Poll::new()?;
            shared.links.push(Arc::new(Link::new(Waker::new(poll.registry(), WAKER)?)));
            shards.push((poll, Vec::new()));
        }
        let mut local_addrs = Vec::new();
        for (index, addr) in listen.iter().enumerate() {
            let (local, sockets) = address::bind(addr, shards.len())?;
            for ((_, listeners), socket) in shards.iter_mut().zip(sockets) {
                listeners.push((ListenerId(index as u16), socket));
            }
            local_addrs.push(local);
        }
        Ok(Server { shared: Arc::new(shared), shards, local_addrs })
    }
}

/// A broker that is bound to its addresses. Connections are accepted by [`run`](Self::run).
pub struct Server {
    pub(crate) shared: Arc<Shared>,
    pub(crate) shards: Vec<(Poll, Vec<(ListenerId, Socket)>)>,
    local_addrs: Vec<ListenAddr>,
}

impl Server {
    /// Begins a server.
    pub fn builder() -> Builder {
        // Each `RandomState` has keys of its own, and what it makes of a number is as good as they are.
        let seed = std::array::from_fn(|index| RandomState::new().hash_one(index) as u8);
        let shared = Shared {
            config: Config { listeners: Vec::new(), ..Config::default() },
            seed,
            drain_timeout: Duration::from_secs(5),
            observer: None,
            recorder: None,
            authenticator: None,
            links: Vec::new(),
            stopping: AtomicBool::new(false),
            origin: std::time::Instant::now(),
        };
        Builder { shared, listen: Vec::new() }
    }

    /// Where it listens, in the order of [`Builder::listen`], with the ports that the system chose.
    pub fn local_addrs(&self) -> Vec<ListenAddr> {
        self.local_addrs.clone()
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
        let Self { shared, shards, local_addrs } = self;
        let result = Crew::new(&shared, shards).and_then(|(crew, polls)| serve(&shared, &Arc::new(crew), polls));
        for addr in local_addrs {
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
    /// closes each connection when its output is out, and ends after [`Builder::drain_timeout`] at the latest. Idempotent.
    pub fn shutdown(&self) {
        self.shared.stop();
    }

    /// The counters of each shard, at most 100 ms old.
    pub fn stats(&self) -> Vec<Stats> {
        self.shared.links.iter().map(|link| *lock(&link.stats)).collect()
    }
}
