//! The options of `weirmq bench`.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use weirmq_core::packet::{QoS, Version};

/// What to do to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// N publishers to N subscribers, a topic for each pair
    Pairs,
    /// N publishers to one subscriber, on one topic
    FanIn,
    /// One publisher to N subscribers, on one topic
    FanOut,
    /// N pairs at a fixed rate whatever the broker does: how long a message takes
    Latency,
    /// N connections: how fast they come, what one costs, and whether they stay
    Connections,
    /// N topic filters from 100 clients, then publishes that match four of them each
    Subscriptions,
    /// N retained messages stored, then all sent to one new subscriber
    Retained,
}

impl Scenario {
    /// Its name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pairs => "pairs",
            Self::FanIn => "fan-in",
            Self::FanOut => "fan-out",
            Self::Latency => "latency",
            Self::Connections => "connections",
            Self::Subscriptions => "subscriptions",
            Self::Retained => "retained",
        }
    }

    /// How many of what it counts, unless --count says so.
    const fn usual_count(self) -> u32 {
        match self {
            Self::Pairs | Self::FanIn => 100,
            Self::Latency => 10,
            Self::FanOut => 1_000,
            Self::Connections => 10_000,
            Self::Subscriptions | Self::Retained => 100_000,
        }
    }
}

/// The options of `weirmq bench`.
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    /// What to do to the broker
    #[arg(value_enum)]
    pub(crate) scenario: Scenario,
    /// The broker's host
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: String,
    /// The broker's port
    #[arg(short, long, default_value_t = 1883)]
    pub(crate) port: u16,
    /// QoS of publishes and of subscriptions: 0, 1 or 2
    #[arg(short, long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    qos: u8,
    /// The version of the protocol
    #[arg(short = 'V', long, value_enum, default_value = "311")]
    version: BenchVersion,
    /// Bytes of payload, of which the first 16 carry what is checked
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = clap::value_parser!(u32).range(16..=16_777_216))]
    pub(crate) payload: u32,
    /// Messages a publisher has in flight: not delivered at QoS 0, not acknowledged at QoS 1 and 2
    #[arg(short, long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=16_384))]
    pub(crate) window: u32,
    /// At QoS 1 and 2, messages of a publisher that may be acknowledged but not delivered [default: 4 windows]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    backlog: Option<u32>,
    /// Pairs, publishers, subscribers, connections, filters or messages, as the scenario has it [default: 100 pairs or
    /// publishers, 1000 subscribers, 10 pairs for latency, 10000 connections, 100000 filters or messages]
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4_000_000))]
    count: Option<u32>,
    /// Clients that publish to what was subscribed (subscriptions)
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) publishers: u32,
    /// How long to measure, in seconds
    #[arg(short, long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// How long to go before that, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "0.6", value_parser = seconds)]
    pub(crate) warmup: Duration,
    /// Messages a second of all publishers together (latency)
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) rate: u32,
    /// Write each latency that is measured to this file: when the message was due, in ns since the Unix epoch, and how many ns
    /// it took, as two little-endian numbers of 8 bytes
    #[arg(long, value_name = "FILE")]
    pub(crate) samples: Option<PathBuf>,
    /// Connect from these addresses in turn, each of which has ports for 28,000 connections; may be repeated
    #[arg(long, value_name = "ADDR")]
    pub(crate) source: Vec<Ipv4Addr>,
    /// Keep Alive of every connection, in seconds: 0 is none. No PINGREQ is sent, so it has to outlast the run
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) keep_alive: u16,
    /// Connections that may be under way at once
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) dial: u32,
    /// Charge the CPU time of this process, all its threads, to the messages
    #[arg(long, value_name = "PID")]
    pub(crate) pid: Option<u32>,
    /// Subscribers count what they receive by its length and do not look at it, which costs the generator little. Only where
    /// all deliveries have the same length: QoS 0 in pairs, fan-in, fan-out and subscriptions. Their order is then not known
    #[arg(long)]
    pub(crate) discard: bool,
    /// How long nothing may arrive before what is missing counts as lost, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = seconds)]
    pub(crate) patience: Duration,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Show no progress; it is shown only where standard error is a terminal and --json is not given
    #[arg(long)]
    pub(crate) quiet: bool,
}

impl BenchArgs {
    /// The QoS asked for.
    pub(crate) const fn qos(&self) -> QoS {
        match self.qos {
            0 => QoS::AtMostOnce,
            1 => QoS::AtLeastOnce,
            2.. => QoS::ExactlyOnce,
        }
    }

    /// The version asked for.
    pub(crate) const fn version(&self) -> Version {
        match self.version {
            BenchVersion::V311 => Version::V3_1_1,
            BenchVersion::V5 => Version::V5,
        }
    }

    /// What of the options does not go together.
    pub(crate) fn conflict(&self) -> Option<&'static str> {
        if self.samples.is_some() && self.scenario != Scenario::Latency {
            return Some("--samples is for latency");
        }
        match self.scenario {
            _ if !self.discard => None,
            Scenario::Latency | Scenario::Connections | Scenario::Retained => {
                Some("--discard is for pairs, fan-in, fan-out and subscriptions")
            }
            Scenario::Pairs | Scenario::FanIn | Scenario::FanOut | Scenario::Subscriptions if self.qos == 0 => None,
            Scenario::Pairs | Scenario::FanIn | Scenario::FanOut | Scenario::Subscriptions => {
                Some("--discard counts by length, and with QoS 1 and 2 not everything that comes is a delivery")
            }
        }
    }

    /// How many of what the scenario counts.
    pub(crate) fn count(&self) -> usize {
        self.count.unwrap_or(self.scenario.usual_count()) as usize
    }

    /// Messages of a publisher that may be sent and not delivered.
    pub(crate) fn backlog(&self) -> u32 {
        match self.qos() {
            QoS::AtMostOnce => self.window,
            QoS::AtLeastOnce | QoS::ExactlyOnce => self.backlog.unwrap_or(self.window * 4),
        }
    }
}

/// The versions that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BenchVersion {
    /// MQTT 3.1.1
    #[value(name = "311", aliases = ["3.1.1", "mqttv311"])]
    V311,
    /// MQTT 5.0
    #[value(name = "5", aliases = ["5.0", "mqttv5"])]
    V5,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds
        .filter(|&seconds| seconds <= Duration::from_secs(86_400))
        .ok_or_else(|| String::from("expected 0 to 86400 seconds"))
}
