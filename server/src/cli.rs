//! The command line: `weirmq [serve]`, `weirmq check`, `weirmq pub`, `weirmq sub`, `weirmq bench`, `weirmq probe`.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use weirmq_core::record::RecordOptions;

use crate::bench::{self, args::BenchArgs};
use crate::config::{self, Address, Level, LogFormat, Overrides, Runtime, Settings};
use crate::record::{self, RecordTo};
use crate::tools::{
    self,
    args::{PubArgs, SubArgs},
};
use crate::{
    replay::{self, ReplayArgs},
    serve,
};

/// The configuration cannot be used.
pub(crate) const EXIT_CONFIG: u8 = 3;

const AFTER_HELP: &str = "\
With no arguments the broker listens on 127.0.0.1:1883 and [::1]:1883 and lets local clients in.

Environment: WEIRMQ__SECTION__KEY sets a key of the configuration, for example
WEIRMQ__MQTT__PACKET_BYTES_MAX=2MiB or WEIRMQ__LISTENERS__0__ADDRESS=127.0.0.1:1884.
Flags win over variables, variables over the file.

Exit codes: 0 done, 1 failed while running, 2 wrong usage, 3 bad configuration.";

const BENCH_HELP: &str = "\
Every message is counted and every publisher's order checked.

Exit codes: 0 all there and in order (at QoS 0: whatever came), 1 lost, refused or out of order at QoS 1 and 2, or the
run could not be finished, 2 wrong usage.";

const REPLAY_HELP: &str = "\
Exit codes: 0 the outputs are those that were recorded, 1 they are not, or the file is damaged or cut off, 2 wrong usage.";

/// An MQTT broker for MQTT 3.1, 3.1.1 and 5.0.
#[derive(Debug, Parser)]
#[command(name = "weirmq", version, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the broker; the default
    #[command(after_help = AFTER_HELP)]
    Serve(ServeArgs),
    /// Says whether a configuration can be used, and what it comes to
    Check(CheckArgs),
    /// Runs a recording of `serve --record` through the broker's core and prints what happens
    #[command(after_help = REPLAY_HELP)]
    Replay(ReplayArgs),
    /// Publishes messages, as mosquitto_pub does
    #[command(disable_help_flag = true)]
    Pub(Box<PubArgs>),
    /// Subscribes and prints messages, as mosquitto_sub does
    #[command(disable_help_flag = true)]
    Sub(Box<SubArgs>),
    /// Loads a broker, counts every message and measures
    #[command(after_help = BENCH_HELP)]
    Bench(Box<BenchArgs>),
    /// Asks a running broker what it supports, and tells what it does wrong by the statement
    Probe(tools::ProbeArgs),
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// The configuration file (YAML); every key is described in config.example.yaml
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Listen here instead of on the configured addresses: 127.0.0.1:1883, [::1]:1883 or unix:/path; may be repeated
    #[arg(short, long, value_name = "ADDR")]
    listen: Vec<Address>,
    /// What moves the bytes
    #[arg(long, value_enum)]
    runtime: Option<Runtime>,
    /// How many brokers, one thread each, act as one (1 to 64)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    shards: Option<u16>,
    /// Let clients without credentials in on every listener, also from other machines
    #[arg(long)]
    allow_anonymous: bool,
    /// Keep all state in memory; the only storage so far, so this is already so
    #[arg(long)]
    memory: bool,
    /// Log from this level up
    #[arg(long, value_enum, value_name = "LEVEL")]
    log_level: Option<Level>,
    /// How log lines are written
    #[arg(long, value_enum, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// Record everything the broker is told in this new file, for `weirmq replay`; never with passwords
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Replace the payloads in the recording
    #[arg(long, requires = "record")]
    record_redact: bool,
    /// Stop recording at this size, 64KiB at least
    #[arg(long, value_name = "SIZE", requires = "record", default_value = "1GiB", value_parser = record_bytes)]
    record_bytes_max: u64,
    /// Check the configuration and exit, as `weirmq check` does
    #[arg(long)]
    test_config: bool,
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// The configuration file (YAML)
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
}

/// Does what the arguments of the process say and answers with its exit code.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(args) => serve(&args),
        Command::Check(args) => check(Some(args.config), &Overrides::default()),
        Command::Replay(args) => replay::replay(&args),
        Command::Pub(args) => tools::publish(&args),
        Command::Sub(args) => tools::subscribe(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Probe(args) => tools::probe(&args),
    }
}

impl ServeArgs {
    fn overrides(&self) -> Overrides {
        Overrides {
            listen: self.listen.clone(),
            runtime: self.runtime,
            shards: self.shards,
            allow_anonymous: self.allow_anonymous,
            log_level: self.log_level,
            log_format: self.log_format,
        }
    }

    fn record(&self) -> Option<RecordTo> {
        let options = RecordOptions { redact_payloads: self.record_redact };
        self.record.clone().map(|path| RecordTo { path, options, bytes_max: self.record_bytes_max })
    }

    /// Whether nothing but logs was asked for: then a newcomer reads the screen.
    fn is_plain(&self) -> bool {
        self.config.is_none() && self.listen.is_empty() && self.log_format != Some(LogFormat::Json)
    }
}

fn record_bytes(text: &str) -> Result<u64, String> {
    config::parse_bytes(text)
        .filter(|&bytes| bytes >= record::BYTES_MIN)
        .ok_or_else(|| format!("a size from {}KiB up, such as 100MiB", record::BYTES_MIN / 1024))
}

fn serve(args: &ServeArgs) -> ExitCode {
    if args.test_config {
        return check(args.config.clone(), &args.overrides());
    }
    match config::load(args.config.as_deref(), variables(), &args.overrides()) {
        Ok(loaded) => serve::serve(loaded, args.record(), args.is_plain()),
        Err(error) => bad_configuration(&error),
    }
}

fn check(path: Option<PathBuf>, overrides: &Overrides) -> ExitCode {
    match config::load(path.as_deref(), variables(), overrides) {
        Ok(loaded) => {
            print(&format!("ok\n{}", summary(&loaded.settings)));
            ExitCode::SUCCESS
        }
        Err(error) => bad_configuration(&error),
    }
}

fn bad_configuration(error: &config::ConfigError) -> ExitCode {
    complain(error);
    ExitCode::from(EXIT_CONFIG)
}

/// Prints to standard output. A reader that has gone (`weirmq check | head -1`) is no reason to fail.
pub(crate) fn print(text: &str) {
    drop(io::stdout().write_all(text.as_bytes()));
}

/// Prints an error to standard error, where it is lost if nobody reads that.
pub(crate) fn complain(error: &dyn fmt::Display) {
    drop(io::stderr().write_all(format!("error: {error}\n").as_bytes()));
}

/// The environment, as far as it is text; a variable that is not cannot be one of ours.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// What a configuration comes to, one line for each matter.
fn summary(settings: &Settings) -> String {
    let mut lines = String::new();
    for listener in &settings.listeners {
        let anonymous =
            if listener.allow_anonymous { "anonymous clients allowed" } else { "anonymous clients refused" };
        let name =
            if listener.name == listener.address.to_string() { String::new() } else { format!(" ({})", listener.name) };
        lines.push_str(&format!("  listener  {}{name}: {anonymous}\n", listener.address));
    }
    let mqtt = &settings.core.mqtt;
    let versions: Vec<String> = mqtt.versions.iter().map(ToString::to_string).collect();
    lines.push_str(&format!("  runtime   {}, {} shard(s)\n", settings.runtime.name(), settings.core.shards));
    lines.push_str(&format!("  storage   {}\n", settings.storage.name()));
    lines.push_str(&format!(
        "  mqtt      {}; packets up to {} bytes, QoS up to {}\n",
        versions.join(", "),
        mqtt.packet_bytes_max,
        mqtt.maximum_qos as u8,
    ));
    lines
}
