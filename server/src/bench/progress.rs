//! A bar on standard error that says how far a run is, when somebody is there to see it.

use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the bar may be moved: the generator has better things to do.
const INTERVAL: Duration = Duration::from_millis(100);
const COUNTED: &str = "{prefix:>12} {wide_bar} {human_pos} of {human_len}, {per_sec}, {eta} left";
const TIMED: &str = "{prefix:>12} {wide_bar} {msg}, {eta} left";

/// The bar. Each part of a run is one phase of it, which is either so many things or so much time.
pub(crate) struct Progress {
    bar: ProgressBar,
    due: Instant,
    begun: Instant,
    /// What had been done when the phase began, and what is counted, if the phase is a time.
    timed: Option<(u64, &'static str)>,
}

impl Progress {
    /// Nothing shown yet; and nothing ever if it is to be quiet, or standard error is no terminal.
    pub(crate) fn new(is_quiet: bool) -> Self {
        let target = if is_quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let now = Instant::now();
        Self { bar: ProgressBar::with_draw_target(None, target), due: now, begun: now, timed: None }
    }

    /// Begins a phase of so many things.
    pub(crate) fn counted(&mut self, what: &'static str, count: u64) {
        self.timed = None;
        self.begin(what, count, COUNTED);
    }

    /// Begins a phase of so much time, in which things are done of which there have been `done` already.
    pub(crate) fn timed(&mut self, what: &'static str, unit: &'static str, duration: Duration, done: u64) {
        self.timed = Some((done, unit));
        self.begin(what, duration.as_millis() as u64, TIMED);
    }

    fn begin(&mut self, what: &'static str, length: u64, template: &str) {
        self.begun = Instant::now();
        self.due = self.begun;
        // The templates are constants, which a test reads.
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        }
        self.bar.set_prefix(what);
        self.bar.set_length(length);
        self.bar.set_position(0);
        self.bar.reset_eta();
    }

    /// So many things are done by now.
    pub(crate) fn show(&mut self, done: u64) {
        let now = Instant::now();
        if self.bar.is_hidden() || now < self.due {
            return;
        }
        self.due = now + INTERVAL;
        let Some((before, unit)) = self.timed else { return self.bar.set_position(done) };
        let elapsed = now - self.begun;
        let each_second = (done - before) as f64 / elapsed.as_secs_f64().max(1e-3);
        self.bar.set_message(format!("{} {unit}, {}/s", HumanCount(done - before), HumanCount(each_second as u64)));
        self.bar.set_position(elapsed.as_millis() as u64);
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_understood() {
        for template in [COUNTED, TIMED] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
