//! Which other shards a runtime has to wake, and when.

use core::time::Duration;

use crate::id::ShardId;
use crate::time::Instant;

/// The shards that letters were left for, until they are woken.
///
/// Waking a shard costs a system call and a switch of threads, and a shard that is woken for each few messages does little
/// else. So a runtime leaves its letters at once, and asks here before it sleeps: while it finds more to do it goes on and
/// wakes nobody, for a moment at most. Where messages come one close behind the other it looks a few times more although it
/// has found nothing, as often as that has been worth it lately. A shard that is awake finds its letters by itself.
#[derive(Debug, Default)]
pub struct Calls {
    /// A bit for each shard.
    shards: u64,
    /// Since when they wait.
    since: Option<Instant>,
    /// How often in a row nothing was found, and how often it may be.
    vain: u8,
    patience: u8,
}

impl Calls {
    /// Time after which the others are woken, however much is found.
    const WAIT_MAX: Duration = Duration::from_micros(100);
    /// Looks in vain before the others are woken, at most: about as long as waking one takes.
    const PATIENCE_MAX: u8 = 8;

    /// A letter was left for a shard that has to wake for it.
    pub fn add(&mut self, to: ShardId) {
        self.shards |= 1 << to.0;
    }

    /// Asked once a turn, before sleeping. `busy` is whether this turn had anything to do. `true`: look once more, without
    /// sleeping. `false`: nobody had to be woken, or `wake` was called for each that had to be.
    pub fn gather(&mut self, now: Instant, busy: bool, wake: impl FnMut(ShardId)) -> bool {
        let again = self.looks_again(now, busy);
        if !again {
            self.take().for_each(wake);
        }
        again
    }

    /// Whether nobody has to be woken.
    fn is_empty(&self) -> bool {
        self.shards == 0
    }

    fn looks_again(&mut self, now: Instant, busy: bool) -> bool {
        if self.is_empty() {
            return false;
        }
        let Some(since) = self.since else {
            self.since = Some(now);
            self.vain = 0;
            return busy;
        };
        if now.saturating_since(since) >= Self::WAIT_MAX {
            return false;
        }
        if busy {
            self.vain = 0;
            self.patience = (self.patience + 1).min(Self::PATIENCE_MAX);
            return true;
        }
        self.vain += 1;
        if self.vain <= self.patience {
            return true;
        }
        self.patience /= 2;
        false
    }

    /// The shards to wake now, in ascending order. They are forgotten.
    fn take(&mut self) -> impl Iterator<Item = ShardId> + use<> {
        let mut shards = core::mem::take(&mut self.shards);
        self.since = None;
        core::iter::from_fn(move || {
            let shard = u16::try_from(shards.trailing_zeros()).ok().filter(|_| shards > 0)?;
            shards &= shards - 1;
            Some(ShardId(shard))
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    #[test]
    fn shards_are_named_once_and_in_order() {
        let mut calls = Calls::default();
        for shard in [63, 0, 5, 0, 63] {
            calls.add(ShardId(shard));
        }
        assert!(!calls.is_empty());
        assert_eq!(calls.take().map(|shard| shard.0).collect::<Vec<_>>(), [0, 5, 63]);
        assert!(calls.is_empty());
        assert_eq!(calls.take().count(), 0);
    }

    #[test]
    fn who_has_nobody_to_wake_may_sleep() {
        assert!(!Calls::default().looks_again(at(1), true));
    }

    #[test]
    fn they_are_woken_as_soon_as_nothing_more_is_found() {
        let mut calls = Calls::default();
        calls.add(ShardId(1));
        assert!(calls.looks_again(at(1), true));
        assert!(!calls.looks_again(at(2), false));
        assert_eq!(calls.take().count(), 1);
    }

    /// How often a shard looks in vain before it wakes another.
    fn looks(calls: &mut Calls) -> usize {
        calls.add(ShardId(1));
        assert!(calls.looks_again(at(1), true));
        let looks = (0..100).take_while(|_| calls.looks_again(at(1), false)).count();
        assert_eq!(calls.take().count(), 1);
        looks
    }

    #[test]
    fn who_has_found_more_looks_longer_the_next_time_and_who_has_not_less() {
        let mut calls = Calls::default();
        assert_eq!(looks(&mut calls), 0);
        calls.add(ShardId(1));
        assert!((0..20).all(|_| calls.looks_again(at(1), true)));
        let tries: Vec<usize> = (0..6).map(|_| looks(&mut calls)).collect();
        assert_eq!(tries, [8, 4, 2, 1, 0, 0]);
    }

    #[test]
    fn they_wait_a_moment_at_most() {
        let mut calls = Calls::default();
        for start in [1_000, 2_000] {
            calls.add(ShardId(1));
            assert!(calls.looks_again(at(start), true));
            assert!(calls.looks_again(at(start + 99), true));
            assert!(!calls.looks_again(at(start + 100), true));
            assert_eq!(calls.take().count(), 1);
        }
    }
}
