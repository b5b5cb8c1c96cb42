//! One publisher: what it sends next, how much it may have under way, and what of that is still missing.

use super::image::Image;
use super::scan::Stamp;

/// Bytes made for one connection in one turn, so that large messages do not pile up.
const REFILL_BYTES: usize = 256 * 1024;

/// How a publisher numbers its topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// It has one topic.
    One,
    /// The sequence number.
    InOrder,
    /// Spread over so many topics, so that the same one seldom comes again soon.
    Spread(usize),
}

impl Numbers {
    fn of(self, stamp: Stamp) -> usize {
        match self {
            Self::One => 0,
            Self::InOrder => stamp.sequence as usize,
            Self::Spread(topics) => {
                let seed = u64::from(stamp.sequence) << 12 ^ u64::from(stamp.publisher);
                (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as usize % topics
            }
        }
    }
}

/// What every publisher of a run keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Whether publishes are acknowledged.
    pub(crate) acknowledged: bool,
    /// Messages that may be unacknowledged.
    pub(crate) window: u32,
    /// Messages that may be undelivered.
    pub(crate) backlog: u32,
    /// How many subscribers get each message.
    pub(crate) receivers: u32,
    /// How topics are numbered.
    pub(crate) numbers: Numbers,
}

/// A publisher.
pub(crate) struct Publisher {
    rules: Rules,
    image: Image,
    number: u32,
    /// The sequence number of the next message.
    next: u32,
    unacknowledged: u32,
    undelivered: u32,
    /// For messages with several receivers, how many of them are missing, by sequence number modulo the length.
    missing: Vec<u32>,
    /// What goes out before the next messages.
    pub(crate) reply: Vec<u8>,
    /// It stands in the list of those that may have something to send.
    pub(crate) queued: bool,
}

impl Publisher {
    /// One that has sent nothing.
    pub(crate) fn new(number: u32, image: Image, rules: Rules) -> Self {
        let slots = if rules.receivers > 1 { rules.backlog.next_power_of_two() as usize } else { 0 };
        let (missing, reply) = (vec![0; slots], Vec::new());
        Self { rules, image, number, next: 0, unacknowledged: 0, undelivered: 0, missing, reply, queued: false }
    }

    /// How many messages it has sent.
    pub(crate) const fn sent(&self) -> u32 {
        self.next
    }

    /// Whether something is still to come back.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.unacknowledged > 0 || self.undelivered > 0
    }

    fn slot(&mut self, sequence: u32) -> Option<&mut u32> {
        let mask = self.missing.len().wrapping_sub(1);
        self.missing.get_mut(sequence as usize & mask)
    }

    fn has_room(&mut self) -> bool {
        let next = self.next;
        (!self.rules.acknowledged || self.unacknowledged < self.rules.window)
            && (self.rules.receivers == 0 || self.undelivered < self.rules.backlog)
            && self.slot(next).is_none_or(|missing| *missing == 0)
    }

    /// Appends one message, room or not.
    pub(crate) fn publish(&mut self, sent_ns: u64, out: &mut Vec<u8>) {
        let stamp = Stamp { publisher: self.number, sequence: self.next, sent_ns };
        // Windows are far below 65,535, so no identifier is in use when its turn comes again.
        let packet_id = (self.next % 65_535) as u16 + 1;
        self.image.append(packet_id, self.rules.numbers.of(stamp), stamp, out);
        let receivers = self.rules.receivers;
        if let Some(missing) = self.slot(stamp.sequence) {
            *missing = receivers;
        }
        self.next += 1;
        self.undelivered += u32::from(receivers > 0);
        self.unacknowledged += u32::from(self.rules.acknowledged);
    }

    /// Appends messages as far as there is room, and no more than up to `limit` in all; true when a turn's worth is made
    /// and there is room for more.
    pub(crate) fn refill(&mut self, limit: u32, out: &mut Vec<u8>) -> bool {
        while self.next < limit && self.has_room() {
            if out.len() >= REFILL_BYTES {
                return true;
            }
            self.publish(0, out);
        }
        false
    }

    /// A message has reached one of its receivers, or will not.
    pub(crate) fn delivered(&mut self, sequence: u32) {
        let is_last = match self.slot(sequence) {
            None => true,
            Some(missing) => {
                let last = *missing == 1;
                *missing = missing.saturating_sub(1);
                last
            }
        };
        self.undelivered = self.undelivered.saturating_sub(u32::from(is_last));
    }

    /// So many of its messages have reached all receivers; says how many of them it was waiting for.
    pub(crate) fn all_delivered(&mut self, count: u64) -> u64 {
        let taken = count.min(u64::from(self.undelivered));
        self.undelivered -= taken as u32;
        taken
    }

    /// How many of its messages may be undelivered.
    pub(crate) const fn backlog(&self) -> u32 {
        self.rules.backlog
    }

    /// The length of its packets.
    pub(crate) const fn packet_bytes(&self) -> usize {
        self.image.len()
    }

    /// A message is done as far as its sender is concerned.
    pub(crate) fn acknowledged(&mut self) {
        self.unacknowledged = self.unacknowledged.saturating_sub(1);
    }

    /// Gives up all that has not come back.
    pub(crate) fn give_up(&mut self) {
        self.missing.fill(0);
        (self.undelivered, self.unacknowledged) = (0, 0);
    }
}

/// The sequence numbers that one subscriber has of one publisher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stream {
    expected: u32,
}

impl Stream {
    /// Takes note of a sequence number. `Some` with how many were left out before it; `None` when it comes late: it, or one
    /// behind it, has been here.
    pub(crate) fn take(&mut self, sequence: u32) -> Option<u32> {
        let skipped = sequence.checked_sub(self.expected)?;
        self.expected = sequence + 1;
        Some(skipped)
    }

    /// Counts all before `next` as gone.
    pub(crate) fn skip_to(&mut self, next: u32) {
        self.expected = self.expected.max(next);
    }
}

#[cfg(test)]
mod tests {
    use weirmq_core::packet::{QoS, Version};

    use super::*;

    fn publisher(acknowledged: bool, window: u32, backlog: u32, receivers: u32) -> Publisher {
        let image = Image::new(Version::V3_1_1, QoS::AtMostOnce, false, "t", 16);
        Publisher::new(0, image, Rules { acknowledged, window, backlog, receivers, numbers: Numbers::One })
    }

    #[test]
    fn undelivered_messages_bound_it() {
        let (mut publisher, mut out) = (publisher(false, 4, 4, 3), Vec::new());
        assert!(!publisher.refill(u32::MAX, &mut out));
        assert_eq!(publisher.sent(), 4);
        // The second is with everybody, the first not: its slot is the one that the fifth needs.
        (0..3).for_each(|_| publisher.delivered(1));
        publisher.delivered(0);
        publisher.refill(u32::MAX, &mut out);
        assert_eq!(publisher.sent(), 4);
        (0..2).for_each(|_| publisher.delivered(0));
        publisher.refill(u32::MAX, &mut out);
        assert_eq!(publisher.sent(), 6);
        publisher.give_up();
        publisher.refill(8, &mut out);
        assert_eq!(publisher.sent(), 8);
    }

    #[test]
    fn unacknowledged_messages_bound_it() {
        let (mut publisher, mut out) = (publisher(true, 2, 5, 1), Vec::new());
        publisher.refill(u32::MAX, &mut out);
        assert_eq!(publisher.sent(), 2);
        for _ in 0..6 {
            publisher.acknowledged();
            publisher.refill(u32::MAX, &mut out);
        }
        assert_eq!(publisher.sent(), 5, "the backlog bounds what is acknowledged and not delivered");
        (0..5).for_each(|sequence| publisher.delivered(sequence));
        assert!(!publisher.is_waiting());
    }

    #[test]
    fn streams_see_gaps_and_late_comers() {
        let mut stream = Stream::default();
        assert_eq!((stream.take(0), stream.take(3), stream.take(1), stream.take(3)), (Some(0), Some(2), None, None));
        stream.skip_to(10);
        assert_eq!((stream.take(9), stream.take(10)), (None, Some(0)));
    }
}
