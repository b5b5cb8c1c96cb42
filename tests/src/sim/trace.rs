//! What happened in a run: the hash of all of it, the last lines in words, and the first thing that was wrong.

use std::collections::VecDeque;

use weirmq_core::Instant;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The rule, in a few words that stay the same while a failure is shrunk.
    pub rule: &'static str,
    /// What broke it.
    pub text: String,
}

/// The record of one run.
#[derive(Debug)]
pub(super) struct Trace {
    hash: u64,
    lines: VecDeque<String>,
    lines_max: usize,
    /// Virtual time, for the lines.
    pub(super) now: Instant,
    failure: Option<Failure>,
}

impl Trace {
    /// An empty record that keeps this many lines; 0 keeps none and costs less.
    pub(super) fn new(now: Instant, lines_max: usize) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, lines: VecDeque::new(), lines_max, now, failure: None }
    }

    /// Adds bytes to the hash.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Adds a line for a human.
    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        if self.lines_max == 0 {
            return;
        }
        if self.lines.len() >= self.lines_max {
            self.lines.pop_front();
        }
        let micros = self.now.as_micros();
        self.lines.push_back(format!("{:>6}.{:06} {}", micros / 1_000_000, micros % 1_000_000, line()));
    }

    /// A rule was broken. Only the first counts.
    pub(super) fn fail(&mut self, rule: &'static str, text: String) {
        self.note(|| format!("FAILED {rule}: {text}"));
        self.failure.get_or_insert(Failure { rule, text });
    }

    /// Whether a rule was broken.
    pub(super) fn failed(&self) -> bool {
        self.failure.is_some()
    }

    /// What was broken first, the hash, and the lines.
    pub(super) fn finish(self) -> (Option<Failure>, u64, Vec<String>) {
        (self.failure, self.hash, self.lines.into())
    }
}
