//! When a runtime accepts at a listener, from what events and accepts have said of it.

use core::time::Duration;

use crate::time::Instant;

/// Whether an accept at a listener makes sense. Events may come for each change alone (edge-triggered).
#[derive(Debug)]
pub struct Acceptance {
    /// From when on it does; at [`Instant::MAX`] an event has to come first.
    due: Instant,
}

impl Acceptance {
    /// Connections accepted from one listener in one turn, so that a storm of them does not starve those that are there.
    pub const ROUND_MAX: usize = 256;
    /// How long a listener rests when the system has no descriptor or memory left.
    const REST: Duration = Duration::from_millis(100);

    /// That of a listener where somebody may have come already.
    pub fn new() -> Self {
        Self { due: Instant::ZERO }
    }

    /// When an accept makes sense next; [`Instant::MAX`] is after an event.
    pub fn due(&self) -> Instant {
        self.due
    }

    /// An event came: somebody waits. A listener that rests goes on resting.
    pub fn note(&mut self) {
        if self.due == Instant::MAX {
            self.due = Instant::ZERO;
        }
    }

    /// An accept found nobody.
    pub fn has_found_nobody(&mut self) {
        self.due = Instant::MAX;
    }

    /// An accept failed for want of descriptors or memory: to go on at once would not free them.
    pub fn has_failed(&mut self, now: Instant) {
        self.due = now.saturating_add(Self::REST);
    }
}

impl Default for Acceptance {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_came_early_is_accepted_and_after_an_accept_in_vain_who_is_announced() {
        let mut acceptance = Acceptance::new();
        assert_eq!(acceptance.due(), Instant::ZERO);
        acceptance.has_found_nobody();
        assert_eq!(acceptance.due(), Instant::MAX);
        acceptance.note();
        assert_eq!(acceptance.due(), Instant::ZERO);
    }

    #[test]
    fn a_listener_rests_after_a_failure_whoever_comes() {
        let mut acceptance = Acceptance::new();
        acceptance.has_failed(Instant::from_secs(1));
        acceptance.note();
        assert_eq!(acceptance.due(), Instant::from_millis(1_100));
    }
}
