//! The deadlines of one broker: a hierarchical timing wheel.
//!
//! A broker has a timer or two per connection and per session, so arming and cancelling must not cost a tree or a
//! heap. Here both are constant: a level has 64 slots and a slot is a linked list. A level's slots are 64 times as long
//! as those of the level below, from one microsecond up, so that the time is a number in base 64 and the level of a
//! timer is the first digit in which its deadline differs from the time reached. A timer moves to a lower level when
//! time reaches its slot, at most once per level.
//!
//! What is armed is only a [`TimerKey`]: the wheel neither knows nor calls what the timer is for, and it reads no clock.
//! Keep alive timers are not moved with each packet: the owner compares when its timer fires, and arms it again.

use alloc::vec::Vec;

use crate::time::Instant;

const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
/// 11 digits of 6 bits hold every `u64`.
const LEVELS: usize = 11;
/// No node: the end of a list.
const NIL: u32 = u32::MAX;
/// The place of a node that is not armed.
const NOWHERE: u16 = u16::MAX;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TimerKind {
    /// A connection has not sent its CONNECT ([MQTT-3.1.0-1] needs one; 3.1.4 asks for a limit of time).
    Connect,
    /// A connection may have been silent for one and a half times its Keep Alive ([MQTT-3.1.2-22]).
    KeepAlive,
    /// A connection's output has made no progress.
    Write,
    /// A closed connection's last bytes have not left.
    Linger,
    /// A question to the deployment's authentication has no answer.
    Auth,
    /// A session's Session Expiry Interval ends ([MQTT-3.1.2-23]).
    SessionExpiry,
    /// A session's Will Delay Interval ends ([MQTT-3.1.3-9]).
    WillDelay,
    /// A session's unacknowledged packets may be sent again.
    Retry,
    /// A retained message's Message Expiry Interval ends ([MQTT-3.3.2-5]).
    RetainedExpiry,
}

/// What a timer gives back when it fires: its purpose, and whose it is as index and generation of a slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TimerKey {
    pub(crate) kind: TimerKind,
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// An armed timer. It names nothing once the timer has fired or was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerId {
    index: u32,
    generation: u32,
}

#[derive(Clone, Copy)]
struct Node {
    deadline: u64,
    key: TimerKey,
    next: u32,
    previous: u32,
    generation: u32,
    /// Level and slot as one number, or [`NOWHERE`].
    place: u16,
}

const _: () = assert!(size_of::<Node>() <= 40, "a timer");

#[derive(Clone, Copy)]
struct Slot {
    head: u32,
    tail: u32,
    /// No later than the earliest deadline of the list; exact unless a timer of the list was cancelled.
    earliest: u64,
}

impl Slot {
    const EMPTY: Self = Self { head: NIL, tail: NIL, earliest: u64::MAX };
}

/// All timers of one broker.
///
/// Invariant: for each armed timer, the first base 64 digit in which its deadline differs from `reached` is the timer's
/// level, and its own digit there, which is greater, is its slot. So the first slot of the lowest level in use holds
/// the earliest timers of all, and no slot index ever wraps.
pub(crate) struct Wheel {
    nodes: Vec<Node>,
    /// The first unused node; they are linked by `next`.
    free: u32,
    slots: Vec<Slot>,
    /// For each level, the slots that hold something.
    occupied: [u64; LEVELS],
    /// The levels that hold something.
    levels: u16,
    /// Microseconds up to which everything has fired. Never later than the last `now`.
    reached: u64,
    len: usize,
}

impl Wheel {
    /// A wheel without timers, whose time starts at `now`.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            nodes: Vec::new(),
            free: NIL,
            slots: alloc::vec![Slot::EMPTY; LEVELS * SLOTS],
            occupied: [0; LEVELS],
            levels: 0,
            reached: now.as_micros(),
            len: 0,
        }
    }

    /// How many timers are armed.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Arms a timer that fires once `now >= deadline`; at the next [`fire`](Self::fire) when that has passed already.
    pub(crate) fn arm(&mut self, deadline: Instant, key: TimerKey) -> TimerId {
        let deadline = deadline.as_micros();
        let index = if self.free == NIL {
            let index = u32::try_from(self.nodes.len()).expect("fewer timers than memory for u32::MAX of them");
            self.nodes.push(Node { deadline, key, next: NIL, previous: NIL, generation: 0, place: NOWHERE });
            index
        } else {
            let index = self.free;
            let node = &mut self.nodes[index as usize];
            self.free = node.next;
            node.deadline = deadline;
            node.key = key;
            index
        };
        self.link(index);
        self.len += 1;
        TimerId { index, generation: self.nodes[index as usize].generation }
    }

    /// Takes a timer out before it fires. False when it has fired or was cancelled already.
    pub(crate) fn cancel(&mut self, id: TimerId) -> bool {
        let armed = |node: &&Node| node.generation == id.generation && node.place != NOWHERE;
        if self.nodes.get(id.index as usize).filter(armed).is_none() {
            return false;
        }
        self.unlink(id.index);
        self.retire(id.index);
        true
    }

    /// The next due timer, which is thereby no longer armed. `None` when nothing is due at `now`.
    ///
    /// Timers come in the order of their deadlines, those of one microsecond in the order in which they were armed. A
    /// timer that was armed for a time already passed counts as armed for the time that the wheel had reached.
    pub(crate) fn fire(&mut self, now: Instant) -> Option<TimerKey> {
        let now = now.as_micros();
        while let Some((level, place)) = self.first_place() {
            let slot = self.slots[place];
            if slot.earliest > now {
                return None;
            }
            let only = slot.head == slot.tail;
            let Node { deadline, key, .. } = self.nodes[slot.head as usize];
            if only && deadline > now {
                // An earlier timer of this slot was cancelled. The slot keeps its timer, so its time may not be reached.
                self.slots[place].earliest = deadline;
                continue;
            }
            self.reached = self.reached.max(slot_start(self.reached, level, (place % SLOTS) as u64));
            if only || level == 0 {
                self.unlink(slot.head);
                self.retire(slot.head);
                return Some(key);
            }
            self.spread(place);
        }
        self.reached = self.reached.max(now);
        None
    }

    /// When [`fire`](Self::fire) should be called next; `None` without timers.
    ///
    /// Never later than the earliest deadline, and equal to it unless a timer near it was cancelled. A caller that waits
    /// exactly until this instant gets a timer, or at least a later answer from here.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let (_, place) = self.first_place()?;
        Some(Instant::from_micros(self.slots[place].earliest))
    }

    /// Level and place of the slot with the earliest timers.
    fn first_place(&self) -> Option<(usize, usize)> {
        if self.levels == 0 {
            return None;
        }
        let level = self.levels.trailing_zeros() as usize;
        Some((level, level * SLOTS + self.occupied[level].trailing_zeros() as usize))
    }

    /// Moves all timers of a slot whose time has come to lower levels.
    fn spread(&mut self, place: usize) {
        let mut index = self.slots[place].head;
        self.vacate(place);
        while index != NIL {
            let next = self.nodes[index as usize].next;
            self.link(index);
            index = next;
        }
    }

    /// Appends a node to the slot of its deadline.
    fn link(&mut self, index: u32) {
        let deadline = self.nodes[index as usize].deadline;
        let (level, digit) = position(self.reached, deadline.max(self.reached));
        let place = level * SLOTS + digit;
        let slot = &mut self.slots[place];
        let previous = slot.tail;
        slot.tail = index;
        slot.earliest = slot.earliest.min(deadline);
        if previous == NIL {
            slot.head = index;
            self.occupied[level] |= 1 << digit;
            self.levels |= 1 << level;
        } else {
            self.nodes[previous as usize].next = index;
        }
        let node = &mut self.nodes[index as usize];
        node.previous = previous;
        node.next = NIL;
        node.place = place as u16;
    }

    /// Takes a node out of its slot.
    fn unlink(&mut self, index: u32) {
        let Node { next, previous, place, .. } = self.nodes[index as usize];
        let place = place as usize;
        if next == NIL && previous == NIL {
            self.vacate(place);
            return;
        }
        if previous == NIL {
            self.slots[place].head = next;
        } else {
            self.nodes[previous as usize].next = next;
        }
        if next == NIL {
            self.slots[place].tail = previous;
        } else {
            self.nodes[next as usize].previous = previous;
        }
    }

    fn vacate(&mut self, place: usize) {
        self.slots[place] = Slot::EMPTY;
        let level = place / SLOTS;
        self.occupied[level] &= !(1 << (place % SLOTS));
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
    }

    /// Makes an unlinked node available again, so that its [`TimerId`] names nothing any more.
    fn retire(&mut self, index: u32) {
        let node = &mut self.nodes[index as usize];
        node.generation = node.generation.wrapping_add(1);
        node.place = NOWHERE;
        node.next = self.free;
        self.free = index;
        self.len -= 1;
    }
}

/// Level and slot of `deadline`, which is not before `reached`.
fn position(reached: u64, deadline: u64) -> (usize, usize) {
    let level = (u64::BITS - 1 - ((reached ^ deadline) | 1).leading_zeros()) / DIGIT_BITS;
    let digit = (deadline >> (level * DIGIT_BITS)) & (SLOTS as u64 - 1);
    (level as usize, digit as usize)
}

/// The first microsecond of a slot, seen from `reached`.
fn slot_start(reached: u64, level: usize, digit: u64) -> u64 {
    let shift = level as u32 * DIGIT_BITS;
    let above = u64::MAX.checked_shl(shift + DIGIT_BITS).unwrap_or(0);
    reached & above | digit << shift
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn key(index: u32) -> TimerKey {
        TimerKey { kind: TimerKind::KeepAlive, index, generation: 7 }
    }

    fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    #[test]
    fn fires_at_its_deadline_and_not_before() {
        let mut wheel = Wheel::new(at(5_000));
        wheel.arm(at(1_234_567), key(1));
        assert_eq!(wheel.next_deadline(), Some(at(1_234_567)));
        assert_eq!(wheel.fire(at(1_234_566)), None);
        assert_eq!(wheel.fire(at(1_234_567)), Some(key(1)));
        assert_eq!(wheel.fire(at(1_234_567)), None);
        assert_eq!((wheel.len(), wheel.next_deadline()), (0, None));
    }

    #[test]
    fn a_deadline_already_passed_fires_at_once() {
        let mut wheel = Wheel::new(at(9_000));
        assert_eq!(wheel.fire(at(10_000)), None);
        wheel.arm(at(3), key(1));
        assert_eq!(wheel.next_deadline(), Some(at(3)));
        assert_eq!(wheel.fire(at(10_000)), Some(key(1)));
    }

    #[test]
    fn the_end_of_time_is_a_deadline_too() {
        let mut wheel = Wheel::new(at(0));
        wheel.arm(Instant::MAX, key(1));
        wheel.arm(at(u64::MAX - 1), key(2));
        assert_eq!(wheel.fire(at(u64::MAX - 2)), None);
        assert_eq!(wheel.next_deadline(), Some(at(u64::MAX - 1)));
        assert_eq!(wheel.fire(Instant::MAX), Some(key(2)));
        assert_eq!(wheel.fire(Instant::MAX), Some(key(1)));
        wheel.arm(Instant::MAX, key(3));
        assert_eq!(wheel.fire(Instant::MAX), Some(key(3)));
    }

    #[test]
    fn an_identifier_that_outlived_its_timer_cancels_nothing() {
        let mut wheel = Wheel::new(at(0));
        let first = wheel.arm(at(10), key(1));
        assert_eq!(wheel.fire(at(10)), Some(key(1)));
        let second = wheel.arm(at(20), key(2));
        assert!(!wheel.cancel(first));
        assert!(wheel.cancel(second));
        assert!(!wheel.cancel(second));
        assert_eq!((wheel.len(), wheel.fire(Instant::MAX)), (0, None));
    }

    #[test]
    fn places_are_used_again() {
        let mut wheel = Wheel::new(at(0));
        for round in 0..1_000 {
            let id = wheel.arm(at(round * 700 + 50_000), key(1));
            wheel.arm(at(round * 700 + 300), key(2));
            assert!(wheel.cancel(id));
            assert_eq!(wheel.fire(at(round * 700 + 300)), Some(key(2)));
        }
        assert_eq!(wheel.nodes.len(), 2);
    }

    #[test]
    fn a_cancelled_timer_does_not_let_a_later_one_overtake_its_neighbour() {
        let mut wheel = Wheel::new(at(0));
        let cancelled = wheel.arm(at(64), key(1));
        wheel.arm(at(100), key(2));
        assert!(wheel.cancel(cancelled));
        assert_eq!(wheel.next_deadline(), Some(at(64)));
        assert_eq!(wheel.fire(at(64)), None);
        wheel.arm(at(101), key(3));
        assert_eq!(wheel.next_deadline(), Some(at(100)));
        assert_eq!(wheel.fire(at(200)), Some(key(2)));
        assert_eq!(wheel.fire(at(200)), Some(key(3)));
    }

    /// The naive model: armed timers with their deadlines, in the order of arming.
    struct Model {
        armed: Vec<(u64, u32, TimerId)>,
        now: u64,
    }

    impl Model {
        /// The timer that must fire next. Those of the past come as if armed for the time of arming.
        fn due(&mut self) -> Option<u32> {
            let first = self.armed.iter().enumerate().min_by_key(|(order, timer)| (timer.0, *order))?.0;
            (self.armed[first].0 <= self.now).then(|| self.armed.remove(first).1)
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Arm(u64),
        Cancel(usize),
        Advance(u64),
        Sleep,
    }

    fn step() -> impl Strategy<Value = Step> {
        let delay = prop_oneof![0..100u64, 0..10_000u64, 0..100_000_000u64, 0..u64::MAX / 4, Just(u64::MAX)];
        let advance = prop_oneof![0..100u64, 0..10_000u64, 0..1_000_000_000u64];
        prop_oneof![
            4 => delay.prop_map(Step::Arm),
            1 => any::<usize>().prop_map(Step::Cancel),
            1 => advance.prop_map(Step::Advance),
            2 => Just(Step::Sleep),
        ]
    }

    proptest! {
        #[test]
        fn agrees_with_a_sorted_list(start in any::<u32>(), steps in vec(step(), 1..300)) {
            let mut model = Model { armed: Vec::new(), now: u64::from(start) };
            let mut wheel = Wheel::new(at(model.now));
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Arm(delay) => {
                        let deadline = model.now.saturating_add(delay);
                        let id = wheel.arm(at(deadline), key(number as u32));
                        model.armed.push((deadline, number as u32, id));
                    }
                    Step::Cancel(choice) if !model.armed.is_empty() => {
                        let (_, _, id) = model.armed.remove(choice % model.armed.len());
                        prop_assert!(wheel.cancel(id));
                        prop_assert!(!wheel.cancel(id));
                    }
                    Step::Cancel(_) => {}
                    Step::Advance(by) => model.now = model.now.saturating_add(by),
                    Step::Sleep => model.now = wheel.next_deadline().map_or(model.now, |next| next.as_micros().max(model.now)),
                }
                loop {
                    let fired = wheel.fire(at(model.now)).map(|key| key.index);
                    prop_assert_eq!(fired, model.due());
                    if fired.is_none() {
                        break;
                    }
                }
                let earliest = model.armed.iter().map(|timer| timer.0).min();
                prop_assert_eq!(wheel.next_deadline().is_some(), earliest.is_some());
                prop_assert!(wheel.next_deadline().map(Instant::as_micros) <= earliest);
                prop_assert_eq!(wheel.len(), model.armed.len());
            }
        }

        #[test]
        fn sleeping_exactly_until_the_next_deadline_fires_everything_exactly_then(
            start in any::<u32>(),
            timers in vec((prop_oneof![0..5_000u64, 0..10_000_000_000u64], any::<bool>()), 1..200),
        ) {
            let mut wheel = Wheel::new(at(u64::from(start)));
            let mut expected = Vec::new();
            let mut cancelled = Vec::new();
            for (number, &(delay, keep)) in timers.iter().enumerate() {
                let deadline = u64::from(start) + delay;
                let id = wheel.arm(at(deadline), key(number as u32));
                if keep { expected.push((deadline, number as u32)) } else { cancelled.push(id) }
            }
            let empty_wakes_max = if cancelled.is_empty() { 0 } else { timers.len() * LEVELS };
            cancelled.into_iter().for_each(|id| assert!(wheel.cancel(id)));
            expected.sort();
            let mut fired = Vec::new();
            let mut empty_wakes = 0;
            while let Some(now) = wheel.next_deadline() {
                let before = fired.len();
                while let Some(key) = wheel.fire(now) {
                    fired.push((now.as_micros(), key.index));
                }
                prop_assert!(wheel.next_deadline().is_none_or(|next| next > now));
                empty_wakes += usize::from(fired.len() == before);
            }
            prop_assert_eq!(fired, expected);
            prop_assert!(empty_wakes <= empty_wakes_max);
        }

        #[test]
        fn a_timer_armed_for_the_past_fires_before_all_that_is_still_to_come(
            now in 1_000..1_000_000u64,
            delays in vec(1..5_000u64, 0..50),
            past in vec(0..1_000u64, 1..20),
        ) {
            let mut wheel = Wheel::new(at(0));
            prop_assert_eq!(wheel.fire(at(now)), None);
            for &delay in &delays {
                wheel.arm(at(now + delay), key(0));
            }
            for &deadline in &past {
                wheel.arm(at(deadline), key(1));
            }
            prop_assert!(wheel.next_deadline().expect("armed").as_micros() <= *past.iter().min().expect("not empty"));
            for _ in &past {
                prop_assert_eq!(wheel.fire(at(now)), Some(key(1)));
            }
            prop_assert_eq!(wheel.fire(at(now)), None);
            prop_assert_eq!(wheel.len(), delays.len());
        }
    }
}
