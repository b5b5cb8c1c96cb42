//! `weirmq replay FILE`: runs a recording through the core and prints what happens.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use clap::Args;
use weirmq_core::record::Replay;
use weirmq_core::record::file::{BlockKind, Ending, FileReader};
use weirmq_core::{Event, SessionView, ShardId};

use crate::cli;

/// Bytes of the file that are read at once.
const PIECE_BYTES: usize = 256 * 1024;

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The recording
    file: PathBuf,
    /// Print the state of this client's session at the end; may be repeated
    #[arg(long, value_name = "ID")]
    client: Vec<String>,
    /// Stop at this time since the recording began: 90s, 1m30s, 250ms
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    until: Option<Duration>,
    /// Do not print the events
    #[arg(short, long)]
    quiet: bool,
}

/// Replays and says by the exit code whether everything was as recorded.
pub(crate) fn replay(args: &ReplayArgs) -> ExitCode {
    let mut out = BufWriter::new(io::stdout().lock());
    let done = run(args, &mut out);
    // A reader that has gone is no reason to fail.
    drop(out.flush());
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(args: &ReplayArgs, out: &mut impl Write) -> Result<(), String> {
    let named = |error: io::Error| format!("{}: {error}", args.file.display());
    let mut file = File::open(&args.file).map_err(named)?;
    let mut reader = FileReader::new();
    let mut replay = args.until.map_or_else(Replay::new, |until| Replay::new().until(until));
    let mut piece = vec![0; PIECE_BYTES];
    let ran = loop {
        let count = file.read(&mut piece).map_err(named)?;
        if count == 0 {
            break reader.finish().map_err(|error| error.to_string());
        }
        reader.push(&piece[..count]);
        if let Err(error) = feed(args.quiet, &mut reader, &mut replay, out) {
            break Err(error);
        }
    };
    let ran = ran.and_then(|ending| replay.finish().map(|()| ending).map_err(|error| error.to_string()));
    report(args, &reader, &replay, &ran, out);
    ran.map(|_| ())
}

/// Runs the blocks that are there.
fn feed(quiet: bool, reader: &mut FileReader, replay: &mut Replay, out: &mut impl Write) -> Result<(), String> {
    let mut each = |shard: ShardId, at: Duration, event: &Event| {
        if !quiet {
            // Debug text has no control characters, whatever a client sends.
            drop(writeln!(out, "{:>12.6}  shard {}  {event:?}", at.as_secs_f64(), shard.0));
        }
    };
    while let Some(block) = reader.next_block().map_err(|error| error.to_string())? {
        if let BlockKind::Records(shard) = block.kind {
            replay.feed(shard, &block.bytes, &mut each).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

/// What was replayed and what came out, and the clients that were asked for.
fn report(args: &ReplayArgs, reader: &FileReader, replay: &Replay, ran: &Result<Ending, String>, out: &mut impl Write) {
    let mut text = String::new();
    let started = UNIX_EPOCH + Duration::from_micros(reader.started_us().unwrap_or(0));
    let _always = writeln!(text, "recorded at {}", humantime::format_rfc3339_micros(started));
    for (id, shard) in replay.shards() {
        let (begin, seconds) = (shard.begin(), shard.elapsed().as_secs_f64());
        let _always = writeln!(
            text,
            "shard {} of {}: {seconds:.6} s, outputs {:016x}, compared {} times; recorded by weirmq {}{}",
            id.0,
            begin.config.shards,
            shard.output_hash(),
            shard.compared(),
            begin.software,
            if begin.options.redact_payloads { ", payloads redacted" } else { "" },
        );
    }
    let _always = match ran {
        Ok(_) if args.until.is_some() => writeln!(text, "the outputs are those that were recorded, until then"),
        Ok(Ending::Complete) => writeln!(text, "the outputs are those that were recorded, to the end"),
        Ok(Ending::Full) => writeln!(text, "the outputs are those that were recorded, until the file was full"),
        Err(_) => writeln!(text, "the replay stopped there"),
    };
    for client in &args.client {
        match replay.inspect(client) {
            Some((shard, view)) => describe(shard, &view, &mut text),
            None => text.push_str(&format!("client {client:?} has no session\n")),
        }
    }
    drop(out.write_all(text.as_bytes()));
}

fn describe(shard: ShardId, view: &SessionView, text: &mut String) {
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        let _always = writeln!(text, "  {name:<14}{value}");
    };
    line("client", &format!("{:?} on shard {}, user {:?}", view.client_id, shard.0, view.user_name));
    match &view.connection {
        Some(connection) => line(
            "connected",
            &format!(
                "{} over {}, {} bytes of output, window {}{}",
                connection.conn,
                connection.version,
                connection.output_bytes,
                connection.inflight_max,
                if connection.waits_for_store { ", waits for the store" } else { "" },
            ),
        ),
        None => line("connected", &"no"),
    }
    match view.expiry_s {
        u32::MAX => line("expiry", &"never"),
        expiry_s => line("expiry", &format!("{expiry_s} s after its connection")),
    }
    for subscription in &view.subscriptions {
        line(
            "subscription",
            &format!(
                "{:?} QoS {}{}{}{}",
                subscription.filter,
                subscription.qos as u8,
                if subscription.no_local { ", no local" } else { "" },
                if subscription.retain_as_published { ", retain as published" } else { "" },
                subscription.identifier.map_or(String::new(), |identifier| format!(", identifier {identifier}")),
            ),
        );
    }
    line("queued", &format!("{} messages, {} bytes", view.queued_messages, view.queued_bytes));
    for delivery in &view.inflight {
        line("in flight", &format!("{} awaits {:?}", delivery.packet_id.get(), delivery.awaits));
    }
    for packet_id in &view.incoming {
        line("incoming", &format!("{} awaits PUBREL", packet_id.get()));
    }
    if let Some(will) = &view.will {
        let (qos, retain) = (will.qos as u8, if will.retain { ", retained" } else { "" });
        let (topic, bytes, delay_s) = (&will.topic, will.payload_bytes, will.delay_s);
        line("will", &format!("{topic:?} {bytes} bytes, QoS {qos}{retain}, after {delay_s} s"));
    }
}
