//! A broker on one of the three runtimes, in a thread of the test.

use std::fmt;
use std::future::pending;
use std::io;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use weirmq_core::record::RecordOptions;
use weirmq_core::{Config, Event, ShardId, Stats};

use crate::recording::Recording;
use crate::socket::Address;

/// One of the three runtimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// `weirmq-mio`.
    Mio,
    /// `weirmq-tokio`.
    Tokio,
    /// `weirmq-smol`.
    Smol,
}

impl Runtime {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Mio, Self::Tokio, Self::Smol];
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mio => "mio",
            Self::Tokio => "tokio",
            Self::Smol => "smol",
        })
    }
}

impl FromStr for Runtime {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|runtime| runtime.to_string() == name);
        found.ok_or_else(|| format!("{name} is not mio, tokio or smol"))
    }
}

/// What the handles of the three runtimes have in common.
trait Control: Send {
    fn shutdown(&self);
    fn stats(&self) -> Stats;
}

/// A broker that runs until it is dropped or shut down.
pub struct RunningServer {
    addresses: Vec<Address>,
    control: Box<dyn Control>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// How a broker is recorded.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// Where to.
    pub recording: Recording,
    /// What is left out.
    pub options: RecordOptions,
    /// What happened, as the broker's observer saw it.
    pub events: Arc<Mutex<Vec<(ShardId, Event)>>>,
}

/// The time that a shutdown may take for connections that do not end.
const DRAIN: Duration = Duration::from_secs(3);

macro_rules! start {
    ($crate_name:ident, $config:expr, $listen:expr, $recorded:expr, |$server:ident| $run:expr) => {{
        struct Handle($crate_name::Handle);
        impl Control for Handle {
            fn shutdown(&self) {
                self.0.shutdown();
            }
            fn stats(&self) -> Stats {
                let mut sum = Stats::default();
                self.0.stats().iter().for_each(|stats| sum.add(stats));
                sum
            }
        }
        let mut deployment = $crate_name::Deployment::new().config($config.clone()).drain_timeout(DRAIN);
        if let Some(Recorded { recording, options, events }) = $recorded {
            deployment = deployment.recorder(options, recording.sink()).observer(move |shard, event| {
                events.lock().unwrap_or_else(PoisonError::into_inner).push((shard, event.clone()));
            });
        }
        for address in $listen {
            let address = match address {
                Address::Tcp(address) => $crate_name::ListenAddr::Tcp(*address),
                Address::Unix(path) => $crate_name::ListenAddr::Unix(path.clone()),
            };
            deployment = deployment.listen(address, $config.listeners[0].clone());
        }
        let $server = $crate_name::Server::bind(deployment)?;
        let addresses = $server.local_addrs().into_iter().map(|address| match address {
            $crate_name::ListenAddr::Tcp(address) => Address::Tcp(address),
            $crate_name::ListenAddr::Unix(path) => Address::Unix(path),
        });
        let addresses = addresses.collect();
        let control = Box::new(Handle($server.handle()));
        let thread = std::thread::Builder::new().name("broker".into()).spawn(move || $run)?;
        Ok(RunningServer { addresses, control, thread: Some(thread) })
    }};
}

impl RunningServer {
    /// Starts a broker on these addresses. All of them are given the first listener of the configuration.
    ///
    /// # Errors
    /// Those of binding.
    pub fn start(runtime: Runtime, config: &Config, listen: &[Address]) -> io::Result<Self> {
        Self::start_with(runtime, config, listen, None)
    }

    /// Starts a broker on a free port of 127.0.0.1 and records it.
    ///
    /// # Errors
    /// Those of binding.
    pub fn recorded(runtime: Runtime, config: &Config, recorded: Recorded) -> io::Result<Self> {
        Self::start_with(runtime, config, &[Address::Tcp(([127, 0, 0, 1], 0).into())], Some(recorded))
    }

    fn start_with(
        runtime: Runtime,
        config: &Config,
        listen: &[Address],
        recorded: Option<Recorded>,
    ) -> io::Result<Self> {
        match runtime {
            Runtime::Mio => start!(weirmq_mio, config, listen, recorded, |server| server.run()),
            Runtime::Tokio => start!(weirmq_tokio, config, listen, recorded, |server| {
                let reactor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                reactor.block_on(server.run(pending()))
            }),
            Runtime::Smol => {
                start!(weirmq_smol, config, listen, recorded, |server| smol::block_on(server.run(pending())))
            }
        }
    }

    /// Starts a broker on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// Those of binding.
    pub fn on_loopback(runtime: Runtime, config: &Config) -> io::Result<Self> {
        Self::start(runtime, config, &[Address::Tcp(([127, 0, 0, 1], 0).into())])
    }

    /// Where it listens, in the order of `listen`.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The counters of all shards; a moment old.
    pub fn stats(&self) -> Stats {
        self.control.stats()
    }

    /// Asks it to shut down gracefully.
    pub fn shutdown(&self) {
        self.control.shutdown();
    }

    /// Waits for its end, after a shutdown or by itself.
    ///
    /// # Errors
    /// What `run` returned.
    ///
    /// # Panics
    /// When the broker panicked.
    pub fn join(mut self) -> io::Result<()> {
        match self.thread.take() {
            Some(thread) => thread.join().expect("the broker does not panic"),
            None => Ok(()),
        }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.control.shutdown();
            let ended = thread.join();
            // A second panic would abort and hide the first.
            if !std::thread::panicking() {
                ended.expect("the broker does not panic").expect("the broker ends well");
            }
        }
    }
}
