//! Which other shards a runtime has to wake, and when.

use core::time::Duration;

use crate::id::ShardId;
use crate::time::Instant;

/// The shards that batches and connections were left for, until they are woken. [`Outbox::calls`](crate::Outbox::calls).
///
/// Waking a shard costs a system call and a switch of threads, and a shard that is woken for each few messages does little
/// else. So a runtime leaves its letters at once, and asks here before it sleeps: while it finds more to do it goes on and
/// wakes nobody, for a moment at most. Where messages come one close behind the other it looks a few times more although it
/// has found nothing, as often as that has been worth it lately. A shard that is awake finds its letters by itself.
#[derive(Debug, Default)]
pub struct Calls {
    /// A bit for each shard.
    shards: u64,
    /// Whether the broker has had anything to do since it was last asked.
    busy: bool,
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

    /// Something was left for a shard that has to wake for it.
    pub(crate) fn add(&mut self, to: ShardId) {
        self.shards |= 1 << to.0;
    }

    /// This turn had something to do.
    pub(crate) fn note_busy(&mut self) {
        self.busy = true;
    }

    /// Asked once a turn, before sleeping. `true`: look once more, without sleeping, before anybody is woken. `false`: those
    /// for whom something was left have been named to `wake`, each once, and the runtime may sleep.
    pub fn settle(&mut self, now: Instant, wake: impl FnMut(ShardId)) -> bool {
        let busy = core::mem::take(&mut self.busy);
        if self.shards == 0 {
            return false;
        }
        if self.waits(now, busy) {
            return true;
        }
        self.since = None;
        let shards = core::mem::take(&mut self.shards);
        (0..u64::BITS as u16).filter(|shard| shards >> shard & 1 == 1).map(ShardId).for_each(wake);
        false
    }

    fn waits(&mut self, now: Instant, busy: bool) -> bool {
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
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    /// One turn at this microsecond: whether to look once more, and who was woken.
    fn turn(calls: &mut Calls, micros: u64, busy: bool) -> (bool, Vec<u16>) {
        if busy {
            calls.note_busy();
        }
        let mut woken = Vec::new();
        let looks = calls.settle(Instant::from_micros(micros), |shard| woken.push(shard.0));
        assert!(!looks || woken.is_empty(), "nobody is woken before the last look");
        (looks, woken)
    }

    #[test]
    fn shards_are_named_once_and_in_order() {
        let mut calls = Calls::default();
        for shard in [63, 0, 5, 0, 63] {
            calls.add(ShardId(shard));
        }
        assert_eq!(turn(&mut calls, 1, false), (false, [0, 5, 63].into()));
        assert_eq!(turn(&mut calls, 2, false), (false, Vec::new()));
    }

    #[test]
    fn who_has_nobody_to_wake_may_sleep() {
        assert_eq!(turn(&mut Calls::default(), 1, true), (false, Vec::new()));
    }

    #[test]
    fn they_are_woken_as_soon_as_nothing_more_is_found() {
        let mut calls = Calls::default();
        calls.add(ShardId(1));
        assert_eq!(turn(&mut calls, 1, true), (true, Vec::new()));
        assert_eq!(turn(&mut calls, 2, false), (false, [1].into()));
    }

    /// How often a shard looks in vain before it wakes another.
    fn looks(calls: &mut Calls) -> usize {
        calls.add(ShardId(1));
        assert!(turn(calls, 1, true).0);
        (0..100).take_while(|_| turn(calls, 1, false).0).count()
    }

    #[test]
    fn who_has_found_more_looks_longer_the_next_time_and_who_has_not_less() {
        let mut calls = Calls::default();
        assert_eq!(looks(&mut calls), 0);
        calls.add(ShardId(1));
        assert!((0..20).all(|_| turn(&mut calls, 1, true).0));
        let tries: Vec<usize> = (0..6).map(|_| looks(&mut calls)).collect();
        assert_eq!(tries, [8, 4, 2, 1, 0, 0]);
    }

    #[test]
    fn they_wait_a_moment_at_most() {
        let mut calls = Calls::default();
        for start in [1_000, 2_000] {
            calls.add(ShardId(1));
            assert!(turn(&mut calls, start, true).0);
            assert!(turn(&mut calls, start + 99, true).0);
            assert_eq!(turn(&mut calls, start + 100, true), (false, [1].into()));
        }
    }
}
