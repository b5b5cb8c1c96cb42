//! Time as the core sees it: a number handed in with every input.
//!
//! The core never reads a clock. A runtime passes a monotonic [`Instant`] to each input, and the simulator passes
//! whatever it likes. Where that time starts is the caller's business; it only has to never go backwards.

use core::time::Duration;

/// A point on the caller's monotonic time line, in microseconds from an origin that the caller chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The origin of the time line.
    pub const ZERO: Self = Self(0);
    /// Later than everything that will ever happen.
    pub const MAX: Self = Self(u64::MAX);

    /// The instant `micros` microseconds after the origin.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The instant `millis` milliseconds after the origin.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// The instant `secs` seconds after the origin.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since the origin.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// This instant moved later by `duration`, held at [`Instant::MAX`].
    pub const fn saturating_add(self, duration: Duration) -> Self {
        let micros = duration.as_micros();
        if micros > u64::MAX as u128 { Self::MAX } else { Self(self.0.saturating_add(micros as u64)) }
    }

    /// The time from `earlier` to this instant; zero when `earlier` is in fact later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}
