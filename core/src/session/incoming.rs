//! The Packet Identifiers of QoS 2 messages that a session has received and whose PUBREL has not come.
//!
//! This is all that exactly once delivery needs of the receiver (4.3.3, method A of 3.1.1): while an identifier is here,
//! a PUBLISH with it is a repetition and is not passed on ([MQTT-4.3.3-10]). It does not hold the messages, and the limit
//! that Receive Maximum sets ([MQTT-3.3.4-9]) is the connection's to check.

use smallvec::SmallVec;

use crate::packet::PacketId;

/// A list that becomes empty gives back its memory above this many identifiers: 1 KiB.
const IDS_KEPT: usize = 512;

/// Identifiers, sorted: there are few of them at a time, and 65535 at most.
#[derive(Clone, Debug, Default)]
pub(crate) struct Incoming {
    ids: SmallVec<[u16; 8]>,
}

impl Incoming {
    /// No identifiers; allocates nothing.
    pub(crate) fn new() -> Self {
        Self { ids: SmallVec::new() }
    }

    /// How many exchanges are open.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether no exchange is open.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// A PUBLISH of QoS 2 came. True when it is new, false when it is a repetition.
    pub(crate) fn insert(&mut self, id: PacketId) -> bool {
        match self.ids.binary_search(&id.get()) {
            Ok(_) => false,
            Err(place) => {
                self.ids.insert(place, id.get());
                true
            }
        }
    }

    /// A PUBREL came, or the PUBREC refused the message. False when the identifier is unknown (PUBCOMP with 0x92).
    pub(crate) fn remove(&mut self, id: PacketId) -> bool {
        let Ok(place) = self.ids.binary_search(&id.get()) else {
            return false;
        };
        self.ids.remove(place);
        if self.ids.is_empty() && self.ids.capacity() > IDS_KEPT {
            self.clear();
        }
        true
    }

    /// Gives back the memory of an empty list, for a session that is not expected to need it soon.
    pub(crate) fn release_memory(&mut self) {
        if self.ids.is_empty() {
            self.clear();
        }
    }

    /// Whether the exchange with this identifier is open.
    pub(crate) fn contains(&self, id: PacketId) -> bool {
        self.ids.binary_search(&id.get()).is_ok()
    }

    /// The identifiers, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = PacketId> {
        self.ids.iter().filter_map(|&id| PacketId::new(id))
    }

    /// Forgets all exchanges and gives their memory back.
    pub(crate) fn clear(&mut self) {
        self.ids = SmallVec::new();
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn id(number: u16) -> PacketId {
        PacketId::new(number).expect("not 0")
    }

    #[test]
    fn memory_comes_back_when_the_last_exchange_ends() {
        let mut incoming = Incoming::new();
        (1..=1_000).for_each(|number| assert!(incoming.insert(id(number))));
        (1..=1_000).for_each(|number| assert!(incoming.remove(id(number))));
        assert!(!incoming.ids.spilled());
        (1..=100).for_each(|number| assert!(incoming.insert(id(number))));
        incoming.release_memory();
        assert_eq!(incoming.len(), 100);
        (1..=100).for_each(|number| assert!(incoming.remove(id(number))));
        assert!(incoming.ids.spilled());
        incoming.release_memory();
        assert!(!incoming.ids.spilled());
    }

    proptest! {
        #[test]
        fn agrees_with_a_set(steps in vec((0..16u8, prop_oneof![1..20u16, 1..=u16::MAX]), 1..300)) {
            let mut incoming = Incoming::new();
            let mut model = BTreeSet::new();
            for (step, number) in steps {
                let id = id(number);
                match step {
                    0 => {
                        incoming.clear();
                        model.clear();
                    }
                    1..=9 => prop_assert_eq!(incoming.insert(id), model.insert(id)),
                    _ => prop_assert_eq!(incoming.remove(id), model.remove(&id)),
                }
                prop_assert_eq!(incoming.contains(id), model.contains(&id));
                prop_assert_eq!((incoming.len(), incoming.is_empty()), (model.len(), model.is_empty()));
                prop_assert!(incoming.iter().eq(model.iter().copied()));
            }
        }
    }
}
