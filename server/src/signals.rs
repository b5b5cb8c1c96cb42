//! SIGTERM and SIGINT go down gracefully, a second one at once. SIGHUP is answered, and does not kill.

use std::io;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing::{info, warn};

use crate::log_output;

/// Watches for signals on a thread of its own; the first that means the end calls `shutdown`.
///
/// # Errors
/// When the operating system gives no handler or no thread.
pub(crate) fn watch(shutdown: impl Fn() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    thread::Builder::new().name(String::from("weirmq-signals")).spawn(move || {
        let mut stopping = false;
        for signal in signals.forever() {
            match signal {
                SIGHUP => warn!(
                    event = "reload_unsupported",
                    signal = name(signal),
                    "this version cannot reload its configuration: restart it to change it",
                ),
                _ if stopping => {
                    warn!(event = "server_aborted", signal = name(signal), "second signal: stopping at once");
                    log_output::flush();
                    std::process::exit(128 + signal);
                }
                _ => {
                    stopping = true;
                    info!(event = "server_stopping", signal = name(signal));
                    shutdown();
                }
            }
        }
    })?;
    Ok(())
}

const fn name(signal: i32) -> &'static str {
    match signal {
        SIGHUP => "SIGHUP",
        SIGINT => "SIGINT",
        SIGTERM => "SIGTERM",
        _ => "other",
    }
}
