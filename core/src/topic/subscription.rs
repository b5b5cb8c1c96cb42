//! One subscription as the routing structures see it, and dense lists of them.
//!
//! A list is dense because a delivery walks all of it: removing moves the last entry into the gap and tells whose entry
//! that was, so that the session can correct its note of where its subscription stands.

use alloc::vec::Vec;

/// A topic filter of a [`SubscriptionTree`](super::SubscriptionTree). It stays the same until the filter is released, and
/// may name another filter afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilterId(pub(super) u32);

impl FilterId {
    /// No filter.
    pub(super) const NONE: Self = Self(u32::MAX);

    /// The place of the filter in the tree's table, from 0, used again after the filter has gone.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A filter of another shard that matches a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Elsewhere {
    /// The shard.
    pub shard: u16,
    filter: FilterId,
}

impl Elsewhere {
    /// A filter of a shard; without one, filters that are not told apart or are too many.
    pub(crate) const fn new(shard: u16, filter: Option<FilterId>) -> Self {
        let filter = match filter {
            Some(filter) => filter,
            None => FilterId::NONE,
        };
        Self { shard, filter }
    }

    /// The number that the filter has there. `None`: that shard has to look for its filters itself.
    pub fn filter(self) -> Option<FilterId> {
        (self.filter != FilterId::NONE).then_some(self.filter)
    }
}

/// One session's subscription to one filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// The session, as the caller numbers them.
    pub session: u32,
    /// Where the session itself keeps this subscription: an index into its own list.
    pub slot: u32,
    /// The Subscription Identifier, 1..=268,435,455; 0 is none (MQTT 5.0, 3.8.2.1.2).
    pub identifier: u32,
    /// The Subscription Options byte of MQTT 5.0, 3.8.3.1: bits 0 and 1 the granted QoS, bit 2 No Local, bit 3 Retain As
    /// Published, bits 4 and 5 Retain Handling.
    pub options: u8,
}

const _: () = assert!(size_of::<Subscription>() == 16);

impl Subscription {
    /// The granted QoS, 0..=2.
    pub const fn qos(&self) -> u8 {
        self.options & 0b11
    }

    /// Whether messages of the same client are kept away from it (MQTT-3.8.3-3).
    pub const fn no_local(&self) -> bool {
        self.options & 0b100 != 0
    }

    /// Whether forwarded messages keep the RETAIN flag they were published with (MQTT-3.3.1-12, MQTT-3.3.1-13).
    pub const fn retain_as_published(&self) -> bool {
        self.options & 0b1000 != 0
    }

    /// Retain Handling, 0..=2: send retained messages at subscribe, only for a new subscription, or never
    /// (MQTT-3.3.1-9 to MQTT-3.3.1-11).
    pub const fn retain_handling(&self) -> u8 {
        self.options >> 4 & 0b11
    }
}

/// The subscription that moved into the place of a removed one. The session it belongs to has to note its new position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The session of the moved subscription.
    pub session: u32,
    /// Where that session keeps it.
    pub slot: u32,
    /// Its position in the list from now on.
    pub position: u32,
}

/// Appends and answers the position.
pub(super) fn push(list: &mut Vec<Subscription>, subscription: Subscription) -> u32 {
    let position = u32::try_from(list.len()).expect("memory ends before four thousand million subscriptions");
    list.push(subscription);
    position
}

/// Removes the subscription at `position` and answers which one stands there now. A position out of range changes nothing.
pub(super) fn remove(list: &mut Vec<Subscription>, position: u32) -> Option<Moved> {
    let index = position as usize;
    debug_assert!(index < list.len(), "a session knows the position of its subscription");
    if index >= list.len() {
        return None;
    }
    list.swap_remove(index);
    if list.len() <= list.capacity() / 4 {
        // Given back only at a quarter, so that a list that swings around one length does not allocate each time.
        list.shrink_to_fit();
    }
    list.get(index).map(|moved| Moved { session: moved.session, slot: moved.slot, position })
}

/// Bytes that a list has allocated.
pub(super) fn heap_bytes(list: &Vec<Subscription>) -> usize {
    list.capacity() * size_of::<Subscription>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_the_byte_of_the_packet() {
        let subscription = Subscription { options: 0b10_1001, ..Subscription::default() };
        assert_eq!((subscription.qos(), subscription.retain_handling()), (1, 2));
        assert!(subscription.retain_as_published() && !subscription.no_local());
        assert!(Subscription { options: 0b100, ..subscription }.no_local());
    }

    #[test]
    fn removing_tells_who_moved() {
        let mut list = Vec::new();
        for session in 0..3 {
            assert_eq!(
                push(&mut list, Subscription { session, slot: 10 + session, ..Subscription::default() }),
                session
            );
        }
        assert_eq!(remove(&mut list, 0), Some(Moved { session: 2, slot: 12, position: 0 }));
        assert_eq!(remove(&mut list, 1), None);
        assert_eq!(remove(&mut list, 0), None);
        assert!(list.is_empty() && heap_bytes(&list) == 0);
    }
}
