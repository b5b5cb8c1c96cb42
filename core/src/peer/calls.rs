//! Which other shards a runtime has to wake, and when.

use core::time::Duration;

use crate::id::ShardId;
use crate::time::Instant;

/// What a shard does between two turns.
enum Next {
    /// The others are called, and it may sleep.
    Sleep,
    /// It looks whether there is more, and wakes nobody yet.
    Look,
    /// The others are woken and have the processor, and it looks.
    GiveWay,
}

/// The shards that letters were left for, until they are woken.
///
/// Waking a shard costs a system call and a switch of threads, and a shard that is woken for each few messages does little
/// else. So a runtime leaves its letters at once, and asks here before it sleeps: while it finds more to do it goes on and
/// wakes nobody, for a moment at most. Where messages come one close behind the other it looks a few times more although it
/// has found nothing, as often as that has been worth it lately. A shard that is awake finds its letters by itself.
///
/// A shard that still finds more when that moment is over is in the midst of traffic. If it went on, those who share its
/// processor could not answer, be it the shards that its letters are for or the clients, and it would serve what trickles in
/// meanwhile in small pieces. So it wakes the others and gives way once: what it finds then comes in larger ones, and a system
/// call carries more messages. Who has a processor to itself is back at once. Where that takes long it was somebody who has
/// nothing to do with this, or so many shards that they hardly get to sleep, and then it does not give way for a while.
#[derive(Debug, Default)]
pub struct Calls {
    /// A bit for each shard.
    shards: u64,
    /// When the turn began in which the first of them was left one.
    since: Option<Instant>,
    /// How often in a row nothing was found, and how often it may be.
    vain: u8,
    patience: u8,
    /// Whether it was told to look before the turn that ends now.
    awake: bool,
    giving_way: Chances,
    standing_in: Chances,
}

/// Chances to do something that is passed over for a while when it took too long.
#[derive(Debug, Default)]
struct Chances {
    /// How many are passed over, from now on and the last time that it took too long.
    passes: u16,
    reluctance: u16,
}

impl Chances {
    /// How many are passed over where it takes too long each time.
    const RELUCTANCE: core::ops::RangeInclusive<u16> = 64..=4_096;

    /// Whether to take this one.
    fn next(&mut self) -> bool {
        let takes = self.passes == 0;
        self.passes = self.passes.saturating_sub(1);
        takes
    }

    /// It was taken.
    fn taken(&mut self, was_long: bool) {
        self.reluctance = if was_long {
            self.passes = (self.reluctance * 4).clamp(*Self::RELUCTANCE.start(), *Self::RELUCTANCE.end());
            self.passes
        } else {
            self.reluctance / 2
        };
    }
}

impl Calls {
    /// Time after which the others are woken, however much is found.
    const WAIT_MAX: Duration = Duration::from_micros(100);
    /// Looks in vain before the others are woken, at most: about as long as waking one takes.
    const PATIENCE_MAX: u8 = 8;
    /// For how long others have the processor if they are shards and clients, at most: some turns.
    const ABSENCE_MAX: Duration = Duration::from_millis(1);
    /// For how long it may stand in for others, at most: some tens of what waking one takes.
    const STAND_IN_MAX: Duration = Duration::from_micros(200);

    /// A letter was left for a shard that has to wake for it.
    pub fn add(&mut self, to: ShardId) {
        self.shards |= 1 << to.0;
    }

    /// Asked once a turn, before sleeping. `began` is when this turn did, and `busy` whether it had anything to do. `true`: look
    /// once more, without sleeping. `false`: nobody has to be called any more. `call` is called for each that has to look at its
    /// letters now, with whether the caller has the time to stand in for it if it sleeps; it answers whether it did. `clock` is asked
    /// for the time where that matters, and `give_way` lets other threads have the processor once.
    pub fn gather(
        &mut self,
        began: Instant,
        busy: bool,
        clock: impl Fn() -> Instant,
        mut call: impl FnMut(ShardId, bool) -> bool,
        give_way: impl FnOnce(),
    ) -> bool {
        self.awake = match self.next(began, busy, &clock) {
            Next::Sleep if self.shards == 0 => false,
            Next::Sleep => {
                let (called, mut long, mut stood_in) = (clock(), busy || !self.standing_in.next(), false);
                for shard in self.take() {
                    if call(shard, !long) {
                        stood_in = true;
                        long = clock().saturating_since(called) > Self::STAND_IN_MAX;
                    }
                }
                if stood_in {
                    self.standing_in.taken(long);
                }
                false
            }
            Next::Look => true,
            Next::GiveWay => {
                self.take().for_each(|shard| _ = call(shard, false));
                let gave_way = clock();
                give_way();
                self.giving_way.taken(clock().saturating_since(gave_way) > Self::ABSENCE_MAX);
                true
            }
        };
        self.awake
    }

    fn next(&mut self, began: Instant, busy: bool, clock: impl Fn() -> Instant) -> Next {
        if self.shards == 0 {
            return Next::Sleep;
        }
        let has_found = self.awake && busy;
        if has_found {
            self.patience = (self.patience + 1).min(Self::PATIENCE_MAX);
        }
        let is_first = self.since.is_none();
        if has_found || is_first {
            self.vain = 0;
        }
        let since = *self.since.get_or_insert(began);
        if is_first && !has_found {
            return if busy { Next::Look } else { Next::Sleep };
        }
        if clock().saturating_since(since) >= Self::WAIT_MAX {
            return if has_found && self.giving_way.next() { Next::GiveWay } else { Next::Sleep };
        }
        if !busy {
            self.vain += 1;
            if self.vain > self.patience {
                self.patience /= 2;
                return Next::Sleep;
            }
        }
        Next::Look
    }

    /// The shards that letters were left for, in ascending order. They are forgotten.
    pub fn take(&mut self) -> impl Iterator<Item = ShardId> + use<> {
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

    use core::cell::Cell;
    use std::vec::Vec;

    use super::*;

    /// A shard between two turns, the time, how long its turns take, and what it did last.
    #[derive(Default)]
    struct Shard {
        calls: Calls,
        micros: Cell<u64>,
        turn: u64,
        woken: Vec<u16>,
        gave_way: bool,
        /// How often it stood in for the shards it called, and how long each time took.
        stood_in: usize,
        stand_in: u64,
    }

    impl Shard {
        /// Asks at the end of a turn, and others have the processor for so long if it gives way.
        fn gathers_while(&mut self, busy: bool, absence: Duration) -> bool {
            let Self { calls, micros, turn, woken, gave_way, stood_in, stand_in } = self;
            *gave_way = false;
            let clock = || Instant::from_micros(micros.get());
            let began = clock();
            micros.set(micros.get() + *turn);
            calls.gather(
                began,
                busy,
                clock,
                |shard, has_time| {
                    woken.push(shard.0);
                    *stood_in += usize::from(has_time);
                    micros.set(micros.get() + if has_time { *stand_in } else { 0 });
                    has_time
                },
                || {
                    *gave_way = true;
                    micros.set(micros.get() + absence.as_micros() as u64);
                },
            )
        }

        fn gathers(&mut self, busy: bool) -> bool {
            self.gathers_while(busy, Duration::ZERO)
        }

        /// A long turn in traffic, that left a letter: whether it gave way, which took so long.
        fn gives_way(&mut self, absence: Duration) -> bool {
            self.turn = 100;
            self.calls.add(ShardId(1));
            let looks = self.gathers_while(true, absence);
            assert!(looks || !self.gave_way);
            self.gave_way
        }

        /// A letter is left in a turn after sleep, and nothing more is found: how often it looks in vain before it wakes.
        fn looks(&mut self) -> usize {
            (self.woken, self.turn) = (Vec::new(), 1);
            self.calls.add(ShardId(1));
            assert!(self.gathers(true));
            let looks = (0..100).take_while(|_| self.gathers(false)).count();
            assert_eq!(self.woken, [1]);
            looks
        }
    }

    #[test]
    fn shards_are_named_once_and_in_order() {
        let mut shard = Shard::default();
        for to in [63, 0, 5, 0, 63] {
            shard.calls.add(ShardId(to));
        }
        assert!(!shard.gathers(false));
        assert_eq!(shard.woken, [0, 5, 63]);
        assert!(!shard.gathers(false));
        assert_eq!(shard.woken.len(), 3);
    }

    /// Whatever happens, nobody is forgotten, and nobody waits for much longer than a moment.
    #[test]
    fn each_letter_leads_to_a_call() {
        let mut shard = Shard::default();
        let (mut state, mut waits) = (1_u32, None);
        for _ in 0..100_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [chance, pace, absence, _] = state.to_le_bytes().map(|byte| u64::from(byte) + u64::from(state >> 24));
            shard.turn = pace % 60;
            if chance % 3 == 0 {
                shard.calls.add(ShardId(1));
                waits.get_or_insert(shard.micros.get());
            }
            let looks = shard.gathers_while(chance % 5 > 0, Duration::from_micros(absence % 2 * 2_000));
            if !core::mem::take(&mut shard.woken).is_empty() {
                waits = None;
            }
            assert!(looks || waits.is_none(), "who may sleep has woken everybody");
            assert!(waits.is_none_or(|since| shard.micros.get() - since < 100 + 2 * 60));
        }
    }

    #[test]
    fn who_has_nobody_to_wake_may_sleep() {
        let mut shard = Shard::default();
        assert!((0..3).all(|_| !shard.gathers(true)));
        assert!(!shard.gave_way);
    }

    #[test]
    fn they_are_woken_as_soon_as_nothing_more_is_found() {
        assert_eq!(Shard::default().looks(), 0);
    }

    #[test]
    fn who_has_found_more_looks_longer_the_next_time_and_who_has_not_less() {
        let mut shard = Shard::default();
        (0..20).for_each(|_| _ = shard.gives_way(Duration::ZERO));
        assert!(!shard.gathers(false), "there is nobody to wake");
        let tries: Vec<usize> = (0..6).map(|_| shard.looks()).collect();
        assert_eq!(tries, [8, 4, 2, 1, 0, 0]);
    }

    #[test]
    fn who_looks_and_finds_more_wakes_the_others_and_gives_way_each_time() {
        let mut shard = Shard::default();
        assert!(!shard.gives_way(Duration::ZERO), "this turn began with sleep");
        assert_eq!(shard.woken, []);
        for turn in 1..10 {
            assert!(shard.gives_way(Duration::from_millis(1)));
            assert_eq!(shard.woken.len(), turn);
        }
        assert!(!shard.gathers(true), "without a letter there is nobody to wake");
        assert_eq!((shard.gave_way, shard.woken.len()), (false, 9));
    }

    #[test]
    fn who_found_nothing_does_not_give_way() {
        let mut shard = Shard::default();
        (0..9).for_each(|_| _ = shard.gives_way(Duration::ZERO));
        shard.calls.add(ShardId(1));
        assert!(!shard.gathers(false) && !shard.gave_way);
        // Nor if they have waited for long meanwhile.
        shard.calls.add(ShardId(1));
        assert!(shard.gathers(true) && !shard.gave_way);
        assert!(!shard.gathers(false) && !shard.gave_way);
    }

    /// After how many turns it gives way again.
    fn goes_on(shard: &mut Shard, absence: Duration) -> usize {
        (0..20_000).take_while(|_| !shard.gives_way(absence)).count()
    }

    #[test]
    fn where_that_takes_long_it_goes_on_longer_each_time() {
        let mut shard = Shard::default();
        let long = Duration::from_micros(1_001);
        let turns: Vec<usize> = (0..6).map(|_| goes_on(&mut shard, long)).collect();
        // Each chance that is passed over ends with a call, and the turn after a call is none: it began as one after sleep.
        assert_eq!(turns, [1, 2 * 64, 2 * 256, 2 * 1_024, 2 * 4_096, 2 * 4_096]);
        let turns: Vec<usize> = (0..4).map(|_| goes_on(&mut shard, Duration::ZERO)).collect();
        assert_eq!(turns, [2 * 4_096, 0, 0, 0], "once it is worth it again it does so each time");
        assert!(shard.gives_way(long));
        assert_eq!(goes_on(&mut shard, long), 2 * 1_024, "but it remembers for a while");
    }

    /// A letter is left in a turn after sleep, and called for: whether the shard stood in.
    fn stands_in(shard: &mut Shard) -> bool {
        let before = shard.stood_in;
        shard.looks();
        shard.stood_in > before
    }

    #[test]
    fn who_finds_nothing_more_has_time_and_who_is_in_traffic_has_not() {
        let mut shard = Shard { stand_in: 200, ..Shard::default() };
        assert!((0..100).all(|_| stands_in(&mut shard)));
        (0..9).for_each(|_| _ = shard.gives_way(Duration::ZERO));
        (0..3).for_each(|_| _ = shard.gives_way(Duration::from_secs(1)));
        assert_eq!(shard.stood_in, 100);
    }

    #[test]
    fn who_has_stood_in_for_long_wakes_the_rest() {
        let mut shard = Shard { stand_in: 150, turn: 1, ..Shard::default() };
        (0..10).for_each(|to| shard.calls.add(ShardId(to)));
        while shard.gathers(shard.stood_in == 0 && shard.micros.get() == 0) {}
        assert_eq!((shard.woken.len(), shard.stood_in), (10, 2));
        assert!(!stands_in(&mut shard), "and for a while it does not");
    }

    #[test]
    fn where_nobody_sleeps_nothing_is_learnt_of_how_long_it_takes() {
        let mut calls = Calls::default();
        calls.standing_in.taken(true);
        calls.standing_in.passes = 0;
        calls.add(ShardId(1));
        let began = Instant::ZERO;
        assert!(calls.gather(began, true, || began, |_, _| false, || ()));
        assert!(!calls.gather(began, false, || began, |_, _| false, || ()));
        assert_eq!(calls.standing_in.reluctance, 64);
    }

    #[test]
    fn where_standing_in_takes_long_the_others_are_woken_longer_each_time() {
        let mut shard = Shard { stand_in: 201, ..Shard::default() };
        let wakes = |shard: &mut Shard| (0..20_000).take_while(|_| !stands_in(shard)).count();
        assert_eq!([0; 6].map(|_| wakes(&mut shard)), [0, 64, 256, 1_024, 4_096, 4_096]);
        shard.stand_in = 200;
        assert_eq!([0; 3].map(|_| wakes(&mut shard)), [4_096, 0, 0]);
    }

    #[test]
    fn they_wait_a_moment_at_most() {
        let mut shard = Shard { turn: 30, ..Shard::default() };
        for round in 1..10 {
            shard.calls.add(ShardId(1));
            let turns = (0..100).take_while(|_| shard.gathers(true) && !shard.gave_way).count();
            assert_eq!((turns, shard.woken.len()), (3, round), "30, 60 and 90 µs are not yet a moment");
        }
    }
}
