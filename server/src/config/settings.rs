//! What the program is told to do: the core's configuration, the addresses, and what only the program knows.

use std::time::Duration;

use clap::ValueEnum;
use serde::Deserialize;

use super::units::Address;

/// A whole, checked configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How the broker behaves. Its `shards` and `listeners` are filled in by [`Settings::core`].
    pub core: weirmq_core::Config,
    /// Where to listen, in the order of the [`ListenerId`](weirmq_core::ListenerId)s.
    pub listeners: Vec<ListenerSettings>,
    /// What moves the bytes. Default mio.
    pub runtime: Runtime,
    /// Where state lives. Default, and so far the only choice, memory.
    pub storage: Storage,
    /// What is logged and how.
    pub log: LogSettings,
    /// How to go down.
    pub shutdown: ShutdownSettings,
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerSettings {
    /// Its name in logs. Default: its address.
    pub name: String,
    /// Where it listens.
    pub address: Address,
    /// Whether clients without credentials are let in. Default: only where no other machine can reach it.
    pub allow_anonymous: bool,
    /// Connections at once in each shard. Default 1,000,000.
    pub connections_max: u32,
}

impl ListenerSettings {
    /// A listener with every default.
    pub(crate) fn new(address: Address) -> Self {
        let name = address.to_string();
        let allow_anonymous = address.is_local();
        Self {
            name,
            address,
            allow_anonymous,
            connections_max: weirmq_core::config::Listener::default().connections_max,
        }
    }
}

/// What moves the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    /// One blocking poll per shard.
    #[default]
    Mio,
    /// A current-thread tokio runtime per shard.
    Tokio,
    /// A smol executor per shard.
    Smol,
}

impl Runtime {
    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mio => "mio",
            Self::Tokio => "tokio",
            Self::Smol => "smol",
        }
    }
}

/// Where state lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// In memory: a restart forgets sessions and retained messages.
    #[default]
    Memory,
}

impl Storage {
    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
        }
    }
}

/// What is logged and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogSettings {
    /// The least important lines that are written. Default info.
    pub level: Level,
    /// How they are written. Default text.
    pub format: LogFormat,
}

/// How important a log line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// What needs a person.
    Error,
    /// What should not happen.
    Warn,
    /// Connections and the program's own life.
    #[default]
    Info,
    /// Subscriptions and other details.
    Debug,
    /// Everything.
    Trace,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// `time LEVEL event="client_connected" …`
    #[default]
    Text,
    /// One JSON object for each line.
    Json,
}

/// How to go down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownSettings {
    /// How long connections may take to empty their output, 0 s..=1 h. Default 5 s.
    pub drain_timeout: Duration,
}

impl Default for ShutdownSettings {
    fn default() -> Self {
        Self { drain_timeout: Duration::from_secs(5) }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let local = [([127, 0, 0, 1], 1883).into(), ([0, 0, 0, 0, 0, 0, 0, 1], 1883).into()];
        Self {
            core: weirmq_core::Config::default(),
            listeners: local.map(|addr| ListenerSettings::new(Address::Tcp(addr))).to_vec(),
            runtime: Runtime::default(),
            storage: Storage::default(),
            log: LogSettings::default(),
            shutdown: ShutdownSettings::default(),
        }
    }
}

impl Settings {
    /// The core's configuration with the listeners filled in.
    pub fn core(&self) -> weirmq_core::Config {
        let mut core = self.core.clone();
        core.listeners = self.listeners.iter().map(ListenerSettings::core).collect();
        core
    }
}

impl ListenerSettings {
    /// What the core must know of it.
    pub fn core(&self) -> weirmq_core::config::Listener {
        weirmq_core::config::Listener {
            name: self.name.clone(),
            allow_anonymous: self.allow_anonymous,
            connections_max: self.connections_max,
        }
    }
}
