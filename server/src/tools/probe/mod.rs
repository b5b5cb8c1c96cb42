//! `weirmq probe HOST:PORT`: asks a running broker what it supports, and finds what it does wrong.
//!
//! Every question has its own connections, Client Identifiers and topics below `weirmq-probe/`, and leaves no session and no
//! retained message behind. A broker is only called wrong where a statement of the specification says so, and the statement is
//! named. That nothing comes is known by waiting for `--patience`; a broker slower than that is judged wrongly.

mod delivery;
mod limits;
mod report;
mod session;
mod wire;

use std::io;
use std::time::Duration;

use clap::Args;

use report::Report;

/// Where to ask, and how.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// The broker, as HOST:PORT; the port is 1883 if it is left out
    #[arg(value_name = "HOST:PORT")]
    pub(crate) address: String,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// The user name
    #[arg(short, long)]
    username: Option<String>,
    /// The password; better in WEIRMQ_PASSWORD, where other users of this machine cannot read it
    #[arg(short = 'P', long = "pw", alias = "password")]
    password: Option<String>,
    /// How long to wait before nothing counts as the answer
    #[arg(long, value_name = "DURATION", default_value = "400ms", value_parser = humantime::parse_duration)]
    patience: Duration,
}

/// What every question needs.
struct Asked {
    host: String,
    port: u16,
    user_name: Option<String>,
    password: Option<String>,
    patience: Duration,
    /// Sets this run apart from others on the same broker.
    run: String,
}

impl Asked {
    fn new(args: &ProbeArgs) -> io::Result<Self> {
        let wrong = || io::Error::new(io::ErrorKind::InvalidInput, "expected HOST:PORT");
        let (host, port) = match args.address.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') && (!host.contains(':') || host.starts_with('[')) => {
                (host, port.parse().map_err(|_| wrong())?)
            }
            Some(_) | None => (args.address.as_str(), 1883),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || args.patience.is_zero() {
            return Err(wrong());
        }
        let password = args
            .password
            .clone()
            .or_else(|| args.username.as_ref().and_then(|_| std::env::var("WEIRMQ_PASSWORD").ok()));
        Ok(Self {
            host: host.to_owned(),
            port,
            user_name: args.username.clone(),
            password,
            patience: args.patience,
            run: std::process::id().to_string(),
        })
    }

    /// A topic of this run.
    fn topic(&self, name: &str) -> String {
        format!("weirmq-probe/{}/{name}", self.run)
    }

    /// A Client Identifier of this run: letters and digits, 23 bytes at most (MQTT-3.1.3-5).
    fn client(&self, name: &str) -> String {
        format!("probe{}{name}", self.run)
    }
}

/// Asks everything and prints what came of it: 0, or 1 when something is wrong.
///
/// # Errors
/// The broker cannot be reached, or the connection fails in a way that is no answer.
pub(super) fn run(args: &ProbeArgs) -> io::Result<u8> {
    let asked = Asked::new(args)?;
    let mut report = Report::default();
    let versions = limits::versions(&asked, &mut report)?;
    if versions.v5 {
        limits::ask(&asked, &mut report)?;
        delivery::ask(&asked, &mut report)?;
        session::ask(&asked, &mut report)?;
    }
    if versions.v311 {
        session::ask_3(&asked, &mut report)?;
    }
    let text = if args.json { report.json(&args.address) } else { report.table() };
    crate::cli::print(&text);
    Ok(u8::from(report.has_faults()))
}
