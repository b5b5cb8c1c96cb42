//! Whether a shard sleeps, and whether something has arrived for it.

use core::sync::atomic::{AtomicBool, Ordering};

/// What a shard and those who write to it agree by, without a lock: it does not sleep over what has arrived, and is woken
/// only when it sleeps, and once.
#[derive(Debug, Default)]
pub struct Bell {
    /// Whether something has arrived that the shard has to look at.
    rung: AtomicBool,
    /// Whether the shard sleeps or is about to.
    asleep: AtomicBool,
}

impl Bell {
    /// Says that something has arrived. `true`: the shard sleeps, and the caller has to wake it.
    #[must_use = "a shard that sleeps has to be woken"]
    pub fn ring(&self) -> bool {
        self.rung.store(true, Ordering::SeqCst);
        self.asleep.swap(false, Ordering::SeqCst)
    }

    /// Says that something has arrived that nobody has to be woken for.
    pub fn note(&self) {
        self.rung.store(true, Ordering::SeqCst);
    }

    /// The caller could not wake the shard: whoever comes next tries again.
    pub fn failed(&self) {
        self.asleep.store(true, Ordering::SeqCst);
    }

    /// The shard is about to sleep, and wants to be woken from here on. `false`: it must not, something has arrived.
    #[must_use = "a shard must not sleep over what has arrived"]
    pub fn fall_asleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        !self.is_rung()
    }

    /// The shard is awake and need not be woken.
    pub fn get_up(&self) {
        self.asleep.store(false, Ordering::SeqCst);
    }

    /// Whether the shard sleeps or is about to.
    pub fn is_asleep(&self) -> bool {
        self.asleep.load(Ordering::SeqCst)
    }

    /// Whether something has arrived.
    pub fn is_rung(&self) -> bool {
        self.rung.load(Ordering::SeqCst)
    }

    /// The shard is about to look at what has arrived. Whether there was anything.
    pub fn silence(&self) -> bool {
        self.rung.load(Ordering::Relaxed) && self.rung.swap(false, Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sleeper_is_woken_and_once() {
        let bell = Bell::default();
        assert!(!bell.ring() && bell.is_rung(), "it is awake");
        assert!(!bell.fall_asleep(), "something has arrived");
        bell.get_up();
        assert!(bell.silence() && !bell.silence());
        assert!(bell.fall_asleep());
        assert!(bell.ring() && !bell.ring());
    }

    #[test]
    fn who_could_not_wake_leaves_it_to_the_next() {
        let bell = Bell::default();
        assert!(bell.fall_asleep());
        assert!(bell.ring());
        bell.failed();
        assert!(bell.ring());
    }

    #[test]
    fn what_is_noted_wakes_nobody_and_is_not_slept_over() {
        let bell = Bell::default();
        bell.note();
        assert!(!bell.fall_asleep());
        bell.get_up();
        assert!(bell.silence() && bell.fall_asleep());
    }
}
