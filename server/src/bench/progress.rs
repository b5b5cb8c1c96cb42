//! A bar on standard error that says how far a run is, when somebody is there to see it.

use std::time::{Duration, Instant};

use indicatif::style::TemplateError;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the bar may be moved: the generator has better things to do.
const INTERVAL: Duration = Duration::from_millis(100);
const TEMPLATE: &str = "{prefix:>12} {wide_bar} {msg}, {eta} left";

/// The bar. Each part of a run is one phase of it, which is either so many things or so much time.
pub(crate) struct Progress {
    is_quiet: bool,
    bar: ProgressBar,
    due: Instant,
    begun: Instant,
    /// What had been done when the phase began, and what is counted, if the phase is a time.
    timed: Option<(u64, &'static str)>,
}

impl Progress {
    /// Nothing shown yet; and nothing ever if it is to be quiet, or standard error is no terminal.
    pub(crate) fn new(is_quiet: bool) -> Self {
        let now = Instant::now();
        Self { is_quiet, bar: ProgressBar::hidden(), due: now, begun: now, timed: None }
    }

    /// Begins a phase of so many things.
    pub(crate) fn counted(&mut self, what: &'static str, count: u64) {
        self.timed = None;
        self.begin(what, count);
    }

    /// Begins a phase of so much time, in which things are done of which there have been `done` already.
    pub(crate) fn timed(&mut self, what: &'static str, unit: &'static str, duration: Duration, done: u64) {
        self.timed = Some((done, unit));
        self.begin(what, duration.as_millis() as u64);
    }

    fn begin(&mut self, what: &'static str, length: u64) {
        self.clear();
        self.begun = Instant::now();
        self.due = self.begun;
        if !self.is_quiet {
            self.bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr())
                .with_style(style().unwrap_or_else(|_| ProgressStyle::default_bar()))
                .with_prefix(what);
        }
    }

    /// So many things are done by now.
    pub(crate) fn show(&mut self, done: u64) {
        let now = Instant::now();
        if self.bar.is_hidden() || now < self.due {
            return;
        }
        self.due = now + INTERVAL;
        let elapsed = now - self.begun;
        let rate = |count: u64| HumanCount((count as f64 / elapsed.as_secs_f64().max(1e-3)) as u64);
        let (position, text) = match self.timed {
            Some((before, unit)) => {
                let count = done - before;
                (elapsed.as_millis() as u64, format!("{} {unit}, {}/s", HumanCount(count), rate(count)))
            }
            None => {
                let length = HumanCount(self.bar.length().unwrap_or_default());
                (done, format!("{} of {length}, {}/s", HumanCount(done), rate(done)))
            }
        };
        self.bar.set_message(text);
        self.bar.set_position(position);
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn style() -> Result<ProgressStyle, TemplateError> {
    Ok(ProgressStyle::with_template(TEMPLATE)?.progress_chars("█▉▊▋▌▍▎▏ "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_is_understood() {
        assert!(style().is_ok());
    }
}
