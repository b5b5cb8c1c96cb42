//! `weirmq bench`: loads any MQTT broker, counts every message, checks their order, and charges the broker's CPU time to
//! them.
//!
//! It is one thread with one poll and packets encoded beforehand, so that the broker and not the generator is the
//! bottleneck; `generator_busy` in the report says whether that held.

pub mod args;
mod connections;
mod discard;
mod flow;
mod histogram;
mod image;
mod net;
mod process;
mod progress;
mod report;
mod retained;
mod scan;
mod setup;
mod source;
mod stream;
mod subscriptions;
mod traffic;

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;

use weirmq_core::packet::QoS;

use crate::cli;
use args::{BenchArgs, Scenario};
use net::Net;
use progress::Progress;
use report::Report;
use scan::Heard;
use source::Sources;

/// Why a run could not be finished.
#[derive(Debug)]
enum Failure {
    /// The options do not go together.
    Options(&'static str),
    /// The system refused something.
    Io(&'static str, io::Error),
    /// The broker did what makes no sense, or nothing.
    Broker(String),
}

impl Failure {
    /// A packet that nobody asked for.
    fn unexpected(heard: &Heard<'_>) -> Self {
        match heard {
            Heard::Disconnect(code) => Self::Broker(format!("it closed a connection with reason 0x{code:02x}")),
            Heard::ConnAck(_) | Heard::Publish { .. } | Heard::Ack { .. } | Heard::SubAck(_) | Heard::Ping => {
                Self::Broker(format!("it sent what was not expected: {heard:?}"))
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Options(text) => write!(f, "{text}"),
            Self::Io(what, error) => write!(f, "{what}: {error}"),
            Self::Broker(text) => write!(f, "the broker: {text}"),
        }
    }
}

/// Runs a scenario and prints what it found. The exit code is 1 when the run could not be finished, and when messages of
/// QoS 1 or 2 were lost, refused or out of order; at QoS 0 that is only reported.
pub(crate) fn run(args: &BenchArgs) -> ExitCode {
    let mut progress = Progress::new(args.json || args.quiet);
    let result = measure(args, &mut progress);
    progress.clear();
    let report = match result {
        Ok(report) => report,
        Err(failure) => {
            cli::complain(&failure);
            return ExitCode::FAILURE;
        }
    };
    match serde_json::to_string(&report) {
        Ok(json) if args.json => cli::print(&format!("{json}\n")),
        Ok(_) => cli::print(&report.table()),
        Err(error) => {
            cli::complain(&error);
            return ExitCode::FAILURE;
        }
    }
    let must_be_complete = args.qos() != QoS::AtMostOnce;
    if report.complete || !must_be_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measure(args: &BenchArgs, progress: &mut Progress) -> Result<Report, Failure> {
    if let Some(conflict) = args.conflict() {
        return Err(Failure::Options(conflict));
    }
    // A refusal shows when the descriptors run out, and only then it matters.
    drop(rlimit::increase_nofile_limit(u64::MAX));
    let broker = resolve(args)?;
    let net = &mut Net::new(broker, Sources::new(&args.source), args.version())
        .map_err(|error| Failure::Io("poll", error))?;
    match args.scenario {
        Scenario::Pairs | Scenario::FanIn | Scenario::FanOut | Scenario::Latency => stream::run(net, args, progress),
        Scenario::Connections => connections::run(net, args, progress),
        Scenario::Subscriptions => subscriptions::run(net, args, progress),
        Scenario::Retained => retained::run(net, args, progress),
    }
}

/// The first address of the host, of the family of the source addresses if there are any.
fn resolve(args: &BenchArgs) -> Result<SocketAddr, Failure> {
    let mut addresses =
        (args.host.as_str(), args.port).to_socket_addrs().map_err(|error| Failure::Io("resolve", error))?;
    let found = addresses.find(|address| args.source.is_empty() || address.is_ipv4());
    found.ok_or_else(|| Failure::Io("resolve", io::Error::new(io::ErrorKind::NotFound, "the host has no address")))
}
