//! One line on standard error that says what is going on, when somebody is there to read it.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often the line is written anew.
const INTERVAL: Duration = Duration::from_millis(200);

/// The line.
pub(crate) struct Progress {
    /// When it is due again; `None` when nobody reads it.
    due: Option<Instant>,
    shown: bool,
}

impl Progress {
    /// Nothing shown yet.
    pub(crate) fn new() -> Self {
        Self { due: io::stderr().is_terminal().then(Instant::now), shown: false }
    }

    /// Shows what `line` makes, if it is time.
    pub(crate) fn show(&mut self, line: impl FnOnce() -> String) {
        let now = Instant::now();
        if self.due.is_some_and(|due| due <= now) {
            self.due = Some(now + INTERVAL);
            self.shown = true;
            drop(write!(io::stderr(), "\r\x1b[K{}", line()));
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            drop(write!(io::stderr(), "\r\x1b[K"));
        }
    }
}
