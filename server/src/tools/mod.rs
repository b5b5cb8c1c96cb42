//! `weirmq probe`, and `weirmq pub` and `weirmq sub`: clients for the command line with the habits of mosquitto_pub and mosquitto_sub.

pub mod args;
mod connection;
mod format;
mod outcome;
mod probe;
mod property;
mod publish;
mod session;
mod setup;
mod subscribe;

use std::io::{self, Write};
use std::process::ExitCode;

use args::{PubArgs, SubArgs};
use outcome::Failure;

/// Publishes, and answers with the exit code of the program.
pub(crate) fn publish(args: &PubArgs) -> ExitCode {
    finish(publish::run(args), args.connect.quiet)
}

/// Subscribes, and answers with the exit code of the program.
pub(crate) fn subscribe(args: &SubArgs) -> ExitCode {
    finish(subscribe::run(args), args.connect.quiet)
}

pub use probe::ProbeArgs;

/// Asks a broker what it supports, and answers with the exit code of the program.
pub(crate) fn probe(args: &ProbeArgs) -> ExitCode {
    match probe::run(args) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(&format!("error: cannot talk to {}: {error}", args.address));
            ExitCode::from(2)
        }
    }
}

fn finish(result: Result<(), Failure>, quiet: bool) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that has seen enough (`weirmq sub … | head -1`) is no failure.
        Err(Failure::Io(_, error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            let is_usage = matches!(failure, Failure::Usage(_));
            if !failure.is_told() && (!quiet || is_usage) {
                say(&format!("error: {failure}"));
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

/// A line on standard error, lost if nobody reads there.
fn say(text: &str) {
    drop(io::stderr().write_all(format!("{text}\n").as_bytes()));
}
