//! A message on its way to one session: 16 bytes that say which message, and what this receiver's PUBLISH has of its own.
//!
//! Everything that all receivers share is in the [`Messages`](crate::message::Messages). A delivery is a plain value
//! and counts nothing by itself: who drops one releases its message and its [`Identifiers`].

use alloc::vec::Vec;

use smallvec::SmallVec;

use crate::message::MessageId;
use crate::packet::QoS;

/// The largest Subscription Identifier (3.8.2.1.2).
const IDENTIFIER_MAX: u32 = 268_435_455;
const SET: u32 = 1 << 31;
/// A set with more room than this is not kept when it is released.
const SET_KEPT_MAX: usize = 64;

/// One message for one session.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// The message, on which the delivery has a reference.
    pub(crate) message: MessageId,
    /// The Subscription Identifiers of the matching subscriptions ([MQTT-3.3.4-3]).
    pub(crate) identifiers: Identifiers,
    /// The Shared Subscription that it comes from, plus 1; 0 for none.
    pub(crate) group: u32,
    /// QoS and RETAIN of the PUBLISH.
    pub(crate) flags: DeliveryFlags,
}

const _: () = assert!(size_of::<Delivery>() == 16, "a queued message and receiver costs 16 bytes");

/// What the fixed header of a delivery's PUBLISH says, without DUP, which belongs to the moment of sending.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeliveryFlags(u8);

impl DeliveryFlags {
    const RETAIN: u8 = 1 << 2;

    /// `qos` is the smaller of the published and the granted QoS ([MQTT-3.8.4-8]); `retain` is for the receiver
    /// (3.3.1.3), who may have asked for Retain As Published.
    pub(crate) const fn new(qos: QoS, retain: bool) -> Self {
        Self(qos as u8 | if retain { Self::RETAIN } else { 0 })
    }

    /// The QoS of the PUBLISH.
    pub(crate) const fn qos(self) -> QoS {
        QoS::from_bits(self.0 & 3).expect("made of a QoS")
    }

    /// The RETAIN flag of the PUBLISH.
    pub(crate) const fn retain(self) -> bool {
        self.0 & Self::RETAIN != 0
    }

    /// The flags as a number.
    pub(super) const fn bits(self) -> u8 {
        self.0
    }

    /// The flags that [`bits`](Self::bits) made this number of.
    pub(super) const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}

/// The Subscription Identifiers of one delivery: none, one, or a set in [`IdentifierSets`].
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identifiers(u32);

impl Identifiers {
    /// No Subscription Identifier.
    pub(crate) const NONE: Self = Self(0);

    /// One Subscription Identifier, 1..=268,435,455; [`NONE`](Self::NONE) for 0, which a subscription without one has.
    pub(crate) const fn single(identifier: u32) -> Self {
        assert!(identifier <= IDENTIFIER_MAX, "a Subscription Identifier is checked when it is parsed");
        Self(identifier)
    }

    /// Whether there is none.
    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
    }

    const fn set(self) -> Option<usize> {
        if self.0 & SET == 0 { None } else { Some((self.0 & !SET) as usize) }
    }
}

/// The Subscription Identifiers of deliveries that match more than one subscription with an identifier.
///
/// This is rare, so a delivery has room for one identifier only and else for the name of a set. Each set belongs to one
/// delivery, which releases it.
#[derive(Debug, Default)]
pub(crate) struct IdentifierSets {
    sets: Vec<SmallVec<[u32; 4]>>,
    free: Vec<u32>,
}

impl IdentifierSets {
    /// No sets; allocates nothing.
    pub(crate) const fn new() -> Self {
        Self { sets: Vec::new(), free: Vec::new() }
    }

    /// Sets in use.
    pub(crate) fn len(&self) -> usize {
        self.sets.len() - self.free.len()
    }

    /// Keeps these identifiers, each 1..=268,435,455, for a delivery. None and one need no set.
    pub(crate) fn insert(&mut self, identifiers: &[u32]) -> Identifiers {
        if let [] | [_] = identifiers {
            return identifiers.first().map_or(Identifiers::NONE, |&single| Identifiers::single(single));
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.sets.push(SmallVec::new());
            (self.sets.len() - 1) as u32
        });
        assert!(index < SET, "memory is full before there are 2^31 sets");
        self.sets[index as usize].extend_from_slice(identifiers);
        Identifiers(index | SET)
    }

    /// The identifiers, in the order in which they were inserted. A single one is put in `scratch`.
    pub(crate) fn get<'a>(&'a self, identifiers: Identifiers, scratch: &'a mut [u32; 1]) -> &'a [u32] {
        if let Some(index) = identifiers.set() {
            return &self.sets[index];
        }
        if identifiers.is_none() {
            return &[];
        }
        *scratch = [identifiers.0];
        scratch
    }

    /// The delivery has gone, or has been sent for the last time.
    #[inline]
    pub(crate) fn release(&mut self, identifiers: Identifiers) {
        let Some(index) = identifiers.set() else {
            return;
        };
        let set = &mut self.sets[index];
        assert!(!set.is_empty(), "a set is released once");
        set.clear();
        if set.capacity() > SET_KEPT_MAX {
            *set = SmallVec::new();
        }
        self.free.push(index as u32);
        if self.free.len() == self.sets.len() && self.sets.len() > SET_KEPT_MAX {
            *self = Self::new();
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn flags_keep_qos_and_retain() {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            for retain in [false, true] {
                let flags = DeliveryFlags::from_bits(DeliveryFlags::new(qos, retain).bits());
                assert_eq!((flags.qos(), flags.retain()), (qos, retain));
            }
        }
    }

    #[test]
    fn one_identifier_needs_no_set() {
        let mut sets = IdentifierSets::new();
        assert_eq!(sets.insert(&[]), Identifiers::NONE);
        assert!(Identifiers::single(0).is_none());
        let single = sets.insert(&[IDENTIFIER_MAX]);
        assert_eq!(single, Identifiers::single(IDENTIFIER_MAX));
        assert_eq!(sets.get(single, &mut [0]), [IDENTIFIER_MAX]);
        assert_eq!(sets.get(Identifiers::NONE, &mut [7]), []);
        sets.release(single);
        assert_eq!((sets.len(), sets.sets.len()), (0, 0));
    }

    #[test]
    fn many_sets_give_their_memory_back() {
        let mut sets = IdentifierSets::new();
        let held: Vec<_> = (0..100).map(|_| sets.insert(&[1; 100])).collect();
        held.into_iter().for_each(|set| sets.release(set));
        assert_eq!((sets.len(), sets.sets.capacity()), (0, 0));
    }

    #[test]
    fn a_large_set_gives_its_memory_back() {
        let mut sets = IdentifierSets::new();
        for (size, kept) in [(4, 4), (5, 5), (SET_KEPT_MAX + 1, 4)] {
            let set = sets.insert(&std::vec![1; size]);
            sets.release(set);
            assert!(sets.sets[0].capacity() >= kept);
            assert!(sets.sets[0].capacity() <= SET_KEPT_MAX, "{size}");
        }
    }

    proptest! {
        #[test]
        fn sets_keep_what_was_inserted(steps in vec((vec(1..=IDENTIFIER_MAX, 0..100), any::<Option<u8>>()), 1..60)) {
            let mut sets = IdentifierSets::new();
            let mut model: Vec<(Identifiers, Vec<u32>)> = Vec::new();
            for (identifiers, released) in steps {
                model.push((sets.insert(&identifiers), identifiers));
                if let Some(choice) = released {
                    let (set, _) = model.remove(usize::from(choice) % model.len());
                    sets.release(set);
                }
                for (set, identifiers) in &model {
                    let mut scratch = [0];
                    prop_assert_eq!(sets.get(*set, &mut scratch), &identifiers[..]);
                }
                prop_assert_eq!(sets.len(), model.iter().filter(|(_, identifiers)| identifiers.len() > 1).count());
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests_support {
    use super::*;
    use crate::message::MessageId;

    /// A delivery that can be told from others by its message.
    pub(in crate::session) fn delivery(number: u32, qos: QoS) -> Delivery {
        Delivery {
            message: MessageId::from_index(number),
            identifiers: Identifiers::single(number % 7),
            group: number % 3,
            flags: DeliveryFlags::new(qos, false),
        }
    }
}
