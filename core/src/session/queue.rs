//! The messages that wait in a session until its window and its connection's output have room.
//!
//! They wait as [`Delivery`] records of 16 bytes, in the order in which they were accepted ([MQTT-4.6.0-6]). The queue
//! counts messages and bytes, and its owner compares them with the limits and decides what to do when they are reached.

use alloc::collections::VecDeque;

use super::delivery::{Delivery, DeliveryFlags, Identifiers};
use crate::message::MessageId;
use crate::packet::QoS;

/// A queue that becomes empty gives back its memory above this many entries: 4 KiB.
const ENTRIES_KEPT: usize = 256;
/// Sizes are kept in units of 16 bytes, rounded up, so that one fits beside the flags.
const UNIT_BYTES: usize = 16;
const UNITS_MAX: u32 = (1 << 24) - 1;

/// A delivery with the size it was queued with, in the same 16 bytes.
#[derive(Copy, Clone, Debug)]
struct Queued {
    message: MessageId,
    identifiers: Identifiers,
    group: u32,
    /// The flags in the lowest byte, the size in units above.
    flags_and_units: u32,
}

const _: () = assert!(size_of::<Queued>() == 16, "a queued message and receiver costs 16 bytes");

impl Queued {
    fn new(delivery: Delivery, size: usize) -> Self {
        let units = u32::try_from(size.div_ceil(UNIT_BYTES)).unwrap_or(UNITS_MAX).min(UNITS_MAX);
        Self {
            message: delivery.message,
            identifiers: delivery.identifiers,
            group: delivery.group,
            flags_and_units: units << 8 | u32::from(delivery.flags.bits()),
        }
    }

    fn delivery(self) -> Delivery {
        Delivery {
            message: self.message,
            identifiers: self.identifiers,
            group: self.group,
            flags: DeliveryFlags::from_bits(self.flags_and_units as u8),
        }
    }

    fn bytes(self) -> u64 {
        u64::from(self.flags_and_units >> 8) * UNIT_BYTES as u64
    }
}

/// A session's waiting messages.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    entries: VecDeque<Queued>,
    bytes: u64,
    /// How many of the entries are QoS 0.
    qos0: usize,
}

impl Queue {
    /// What a message that waits takes in memory besides: its record, and as much again that a growing ring may have to spare.
    pub(crate) const RECORD_BYTES: u64 = 2 * size_of::<Queued>() as u64;

    /// An empty queue; allocates nothing.
    pub(crate) const fn new() -> Self {
        Self { entries: VecDeque::new(), bytes: 0, qos0: 0 }
    }

    /// Messages that wait.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of the messages that wait, each rounded up to 16. A message that waits in several sessions counts in each.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The message that is next.
    pub(crate) fn front(&self) -> Option<Delivery> {
        self.entries.front().map(|queued| queued.delivery())
    }

    /// All messages, the next one first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Delivery> {
        self.entries.iter().map(|queued| queued.delivery())
    }

    /// Whether a QoS 0 message is among those that wait.
    pub(crate) fn has_qos0(&self) -> bool {
        self.qos0 > 0
    }

    /// Appends a message of `size` bytes.
    pub(crate) fn push_back(&mut self, delivery: Delivery, size: usize) {
        let queued = Queued::new(delivery, size);
        self.bytes += queued.bytes();
        self.qos0 += usize::from(delivery.flags.qos() == QoS::AtMostOnce);
        self.entries.push_back(queued);
    }

    /// Takes the next message out. Its reference passes to the caller.
    pub(crate) fn pop_front(&mut self) -> Option<Delivery> {
        self.remove(0)
    }

    /// Takes out the QoS 0 message that has waited longest, to make room; `None` when all that wait have a higher QoS.
    pub(crate) fn drop_oldest_qos0(&mut self) -> Option<Delivery> {
        if self.qos0 == 0 {
            return None;
        }
        let index = self.iter().position(|delivery| delivery.flags.qos() == QoS::AtMostOnce)?;
        self.remove(index)
    }

    /// The session has left this Shared Subscription, whose number may stand for another one soon: what waits because of
    /// it belongs to the session alone.
    pub(crate) fn leave_group(&mut self, group: u32) {
        for queued in self.entries.iter_mut().filter(|queued| queued.group == group) {
            queued.group = 0;
        }
    }

    /// Gives back the memory of an empty queue, for a session that is not expected to need it soon.
    pub(crate) fn release_memory(&mut self) {
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
    }

    fn remove(&mut self, index: usize) -> Option<Delivery> {
        let queued = self.entries.remove(index)?;
        let delivery = queued.delivery();
        self.bytes -= queued.bytes();
        self.qos0 -= usize::from(delivery.flags.qos() == QoS::AtMostOnce);
        if self.entries.is_empty() && self.entries.capacity() > ENTRIES_KEPT {
            self.entries = VecDeque::new();
        }
        Some(delivery)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::session::delivery::tests_support::delivery;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn the_largest_message_is_counted_and_uncounted() {
        let mut queue = Queue::new();
        queue.push_back(delivery(1, QoS::AtLeastOnce), 268_435_455);
        queue.push_back(delivery(2, QoS::AtLeastOnce), usize::MAX);
        queue.push_back(delivery(3, QoS::AtLeastOnce), 1);
        assert_eq!(queue.bytes(), 2 * 268_435_440 + 16);
        while queue.pop_front().is_some() {}
        assert_eq!((queue.len(), queue.bytes()), (0, 0));
    }

    #[test]
    fn a_large_queue_gives_its_memory_back_when_it_empties() {
        let mut queue = Queue::new();
        for count in [ENTRIES_KEPT as u32 + 1, 3] {
            (0..count).for_each(|number| queue.push_back(delivery(number, QoS::AtMostOnce), 1));
            (0..count).for_each(|_| assert!(queue.pop_front().is_some()));
            assert_eq!(queue.entries.capacity() == 0, count > 3);
        }
        queue.release_memory();
        assert_eq!(queue.entries.capacity(), 0);
    }

    #[test]
    fn an_empty_queue_keeps_as_much_as_a_small_one_needs() {
        let mut queue = Queue::new();
        queue.entries = VecDeque::with_capacity(ENTRIES_KEPT);
        queue.push_back(delivery(1, QoS::AtMostOnce), 1);
        queue.pop_front();
        assert_eq!(queue.entries.capacity(), ENTRIES_KEPT);
    }

    #[test]
    fn what_waits_because_of_a_group_that_was_left_is_the_sessions_own() {
        let mut queue = Queue::new();
        let of = |group| Delivery { group, ..delivery(group, QoS::AtLeastOnce) };
        [1, 2, 1, 0, 3].into_iter().for_each(|group| queue.push_back(of(group), 1));
        queue.leave_group(1);
        assert!(queue.iter().map(|delivery| delivery.group).eq([0, 2, 0, 0, 3]));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(u8, bool, usize),
        Pop,
        DropOldestQos0,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..3u8, any::<bool>(), 0..100_000usize).prop_map(|(qos, retain, size)| Step::Push(qos, retain, size)),
            1 => Just(Step::Pop),
            1 => Just(Step::DropOldestQos0),
        ]
    }

    proptest! {
        #[test]
        fn agrees_with_a_vector(steps in vec(step(), 1..200)) {
            let mut queue = Queue::new();
            let mut model: Vec<(Delivery, usize)> = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push(qos, retain, size) => {
                        let qos = QoS::from_bits(qos).expect("0..3");
                        let mut pushed = delivery(number as u32, qos);
                        pushed.flags = DeliveryFlags::new(qos, retain);
                        queue.push_back(pushed, size);
                        model.push((pushed, size));
                    }
                    Step::Pop => {
                        let expected = (!model.is_empty()).then(|| model.remove(0).0);
                        prop_assert_eq!(queue.pop_front(), expected);
                    }
                    Step::DropOldestQos0 => {
                        let index = model.iter().position(|(delivery, _)| delivery.flags.qos() == QoS::AtMostOnce);
                        prop_assert_eq!(queue.has_qos0(), index.is_some());
                        prop_assert_eq!(queue.drop_oldest_qos0(), index.map(|index| model.remove(index).0));
                    }
                }
                prop_assert_eq!((queue.len(), queue.is_empty()), (model.len(), model.is_empty()));
                prop_assert_eq!(queue.front(), model.first().map(|(delivery, _)| *delivery));
                prop_assert!(queue.iter().eq(model.iter().map(|(delivery, _)| *delivery)));
                let bytes: usize = model.iter().map(|(_, size)| size.next_multiple_of(16)).sum();
                prop_assert_eq!(queue.bytes(), bytes as u64);
            }
        }
    }
}
