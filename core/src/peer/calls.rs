//! Which other shards a runtime has to wake, and when.

use core::time::Duration;

use crate::id::ShardId;
use crate::time::Instant;

/// The shards that letters were left for, until they are woken.
///
/// Waking a shard costs a system call and a switch of threads, and a shard that is woken for each few messages does little
/// else. So a runtime leaves its letters at once, and asks here before it sleeps: while it finds more to do it goes on and
/// wakes nobody, for a few turns or a moment, whichever is over first. A shard that is awake finds its letters by itself.
#[derive(Debug, Default)]
pub struct Calls {
    /// A bit for each shard.
    shards: u64,
    /// Turns that they have waited, and since when.
    turns: u32,
    since: Instant,
}

impl Calls {
    /// Turns after which the others are woken, however much is found.
    const TURNS_MAX: u32 = 4;
    /// Time after which they are.
    const WAIT_MAX: Duration = Duration::from_micros(200);

    /// A letter was left for a shard that has to wake for it.
    pub fn add(&mut self, to: ShardId) {
        self.shards |= 1 << to.0;
    }

    /// Whether nobody has to be woken.
    pub fn is_empty(&self) -> bool {
        self.shards == 0
    }

    /// Asked once a turn, before sleeping. `busy` is whether this turn had anything to do. `true`: look once more, without
    /// sleeping, before anybody is woken. `false`: wake those that [`take`](Self::take) names.
    pub fn gather(&mut self, now: Instant, busy: bool) -> bool {
        if self.is_empty() {
            return false;
        }
        if self.turns == 0 {
            self.since = now;
        }
        self.turns += 1;
        busy && self.turns < Self::TURNS_MAX && now.saturating_since(self.since) < Self::WAIT_MAX
    }

    /// The shards to wake now, in ascending order. They are forgotten.
    pub fn take(&mut self) -> impl Iterator<Item = ShardId> + use<> {
        let mut shards = core::mem::take(&mut self.shards);
        self.turns = 0;
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
        assert!(!Calls::default().gather(at(1), true));
    }

    #[test]
    fn they_are_woken_as_soon_as_nothing_more_is_found() {
        let mut calls = Calls::default();
        calls.add(ShardId(1));
        assert!(calls.gather(at(1), true));
        assert!(!calls.gather(at(2), false));
        assert_eq!(calls.take().count(), 1);
    }

    #[test]
    fn they_wait_a_few_turns_at_most() {
        let mut calls = Calls::default();
        for _ in 0..2 {
            calls.add(ShardId(1));
            let looks = (0..10).take_while(|_| calls.gather(at(1), true)).count();
            assert_eq!(looks, 3);
            assert_eq!(calls.take().count(), 1);
        }
    }

    #[test]
    fn they_wait_a_moment_at_most() {
        let mut calls = Calls::default();
        calls.add(ShardId(1));
        assert!(calls.gather(at(1_000), true));
        assert!(calls.gather(at(1_199), true));
        assert!(!calls.gather(at(1_200), true));
    }
}
