//! Durations counted in buckets that widen with the value, so that every percentile is within 1 % and nothing allocates.

use std::time::Duration;

/// Each power of two is divided into so many buckets.
const STEPS: usize = 128;
const STEPS_LOG2: u32 = STEPS.trailing_zeros();

/// Counts of durations, from 1 ns to 584 years.
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max_ns: u64,
}

impl Histogram {
    /// Nothing counted.
    pub(crate) fn new() -> Self {
        Self { buckets: vec![0; STEPS * (65 - STEPS_LOG2 as usize)], count: 0, max_ns: 0 }
    }

    /// Counts a duration.
    pub(crate) fn record(&mut self, ns: u64) {
        self.buckets[bucket(ns)] += 1;
        self.count += 1;
        self.max_ns = self.max_ns.max(ns);
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.buckets.fill(0);
        (self.count, self.max_ns) = (0, 0);
    }

    /// The duration that `share` (0 to 1) of all do not exceed; `None` when there are none.
    pub(crate) fn quantile(&self, share: f64) -> Option<Duration> {
        let rank = ((self.count as f64 * share).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (index, &count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Some(Duration::from_nanos(upper_ns(index).min(self.max_ns)));
            }
        }
        None
    }

    /// The longest.
    pub(crate) const fn max(&self) -> Duration {
        Duration::from_nanos(self.max_ns)
    }
}

/// Values below [`STEPS`] have a bucket of their own.
const fn bucket(ns: u64) -> usize {
    if ns < STEPS as u64 {
        return ns as usize;
    }
    let shift = 63 - ns.leading_zeros() - STEPS_LOG2;
    STEPS * shift as usize + (ns >> shift) as usize
}

/// The largest value of a bucket.
const fn upper_ns(index: usize) -> u64 {
    if index < 2 * STEPS {
        return index as u64;
    }
    let shift = index / STEPS - 1;
    let first = ((index - STEPS * shift) as u64) << shift;
    first + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_in_order_and_narrow() {
        let mut before = None;
        for value in (0..4_096).chain((12..63).flat_map(|shift| [1 << shift, (1 << shift) + (1 << (shift - 1))])) {
            let index = bucket(value);
            assert!(before.is_none_or(|before| index >= before), "{value}");
            assert!(upper_ns(index) >= value && upper_ns(index) - value <= value / 100, "{value}");
            before = Some(index);
        }
        assert_eq!(upper_ns(bucket(u64::MAX)), u64::MAX);
    }

    #[test]
    fn quantiles_of_a_thousand() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.quantile(0.5), None);
        (1..=1_000).for_each(|us| histogram.record(us * 1_000));
        for (share, us) in [(0.5, 500), (0.99, 990), (0.999, 999), (1.0, 1_000)] {
            let found = histogram.quantile(share).expect("some were counted").as_nanos() as f64;
            assert!((found / (f64::from(us) * 1_000.0) - 1.0).abs() < 0.01, "{share}: {found}");
        }
        histogram.clear();
        assert_eq!((histogram.quantile(0.5), histogram.max()), (None, Duration::ZERO));
    }
}
