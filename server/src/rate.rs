//! A token bucket: so many log lines a second, and a count of those that were left out.

use std::time::{Duration, Instant};

/// Lets at most `per_second` through in a second, and as many at once after a quiet one.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_second: u32,
    tokens: u32,
    filled_at: Instant,
    suppressed: u64,
}

/// What to do with one line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Write it.
    Write,
    /// Write it, and before it that this many were left out.
    WriteAfter(u64),
    /// Leave it out; it is counted.
    Suppress,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(per_second: u32, now: Instant) -> Self {
        Self { per_second, tokens: per_second, filled_at: now, suppressed: 0 }
    }

    /// Asks for one line.
    pub(crate) fn take(&mut self, now: Instant) -> Verdict {
        if now.saturating_duration_since(self.filled_at) >= Duration::from_secs(1) {
            self.tokens = self.per_second;
            self.filled_at = now;
        }
        if self.tokens == 0 {
            self.suppressed += 1;
            return Verdict::Suppress;
        }
        self.tokens -= 1;
        match std::mem::take(&mut self.suppressed) {
            0 => Verdict::Write,
            count => Verdict::WriteAfter(count),
        }
    }

    /// How many were left out since this was last told; for the end of the program.
    pub(crate) fn take_suppressed(&mut self) -> u64 {
        std::mem::take(&mut self.suppressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_rate_are_counted_and_told_later() {
        let start = Instant::now();
        let mut bucket = Bucket::new(2, start);
        assert_eq!(bucket.take(start), Verdict::Write);
        assert_eq!(bucket.take(start), Verdict::Write);
        assert_eq!(bucket.take(start + Duration::from_millis(999)), Verdict::Suppress);
        assert_eq!(bucket.take(start + Duration::from_millis(999)), Verdict::Suppress);
        assert_eq!(bucket.take(start + Duration::from_secs(1)), Verdict::WriteAfter(2));
        assert_eq!(bucket.take(start + Duration::from_secs(1)), Verdict::Write);
        assert_eq!(bucket.take(start + Duration::from_secs(1)), Verdict::Suppress);
        assert_eq!(bucket.take_suppressed(), 1);
        assert_eq!(bucket.take_suppressed(), 0);
    }

    #[test]
    fn a_clock_that_stands_still_gives_nothing_back() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1, start + Duration::from_secs(5));
        assert_eq!(bucket.take(start), Verdict::Write);
        assert_eq!(bucket.take(start), Verdict::Suppress);
    }
}
