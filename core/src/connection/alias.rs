//! Topic Aliases of one connection, a table for each direction (MQTT 5.0, 3.3.2.3.4). Both end with the connection
//! (MQTT-3.3.2-7).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroU16;

/// What the client's aliases mean.
#[derive(Debug, Default)]
pub(crate) struct IncomingAliases {
    topics: Vec<Option<Box<str>>>,
}

impl IncomingAliases {
    pub(crate) fn topic(&self, alias: u16) -> Option<&str> {
        self.topics.get(usize::from(alias) - 1)?.as_deref()
    }

    pub(crate) fn define(&mut self, alias: u16, topic: &str) {
        let index = usize::from(alias) - 1;
        if self.topics.len() <= index {
            self.topics.resize(index + 1, None);
        }
        if self.topics[index].as_deref() != Some(topic) {
            self.topics[index] = Some(Box::from(topic));
        }
    }
}

/// The aliases that the broker has given to topics: first come, first served, until the table is full.
#[derive(Debug)]
pub(crate) struct OutgoingAliases {
    topics: Vec<(u32, Box<[u8]>)>,
    max: u16,
}

/// How to send a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutgoingAlias {
    /// By name alone.
    None,
    /// By name, and from now on known by this alias.
    Define(NonZeroU16),
    /// By this alias alone.
    Use(NonZeroU16),
}

impl OutgoingAliases {
    pub(crate) fn new(max: u16) -> Self {
        Self { topics: Vec::new(), max }
    }

    /// The alias for a topic whose hash is `hash`; given to it if it has none and one is left.
    pub(crate) fn alias(&mut self, hash: u32, topic: &[u8]) -> OutgoingAlias {
        let number = |index: usize| NonZeroU16::new(index as u16 + 1).expect("an alias is at least 1");
        if let Some(index) = self.topics.iter().position(|(known, name)| *known == hash && **name == *topic) {
            return OutgoingAlias::Use(number(index));
        }
        if self.topics.len() >= usize::from(self.max) {
            return OutgoingAlias::None;
        }
        self.topics.push((hash, Box::from(topic)));
        OutgoingAlias::Define(number(self.topics.len() - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_aliases_mean_what_was_last_said() {
        let mut aliases = IncomingAliases::default();
        assert_eq!(aliases.topic(1), None);
        aliases.define(3, "a");
        assert_eq!([1, 2, 3, 4].map(|alias| aliases.topic(alias)), [None, None, Some("a"), None]);
        let place = aliases.topic(3).map(str::as_ptr);
        aliases.define(3, "a");
        assert_eq!(aliases.topic(3).map(str::as_ptr), place, "the same again costs nothing");
        aliases.define(3, "b");
        aliases.define(1, "c");
        assert_eq!([1, 2, 3].map(|alias| aliases.topic(alias)), [Some("c"), None, Some("b")]);
    }

    #[test]
    fn the_brokers_aliases_go_to_the_first_topics() {
        let alias = |number| NonZeroU16::new(number).expect("not 0");
        let mut aliases = OutgoingAliases::new(2);
        assert_eq!(aliases.alias(7, b"a"), OutgoingAlias::Define(alias(1)));
        assert_eq!(aliases.alias(7, b"b"), OutgoingAlias::Define(alias(2)), "the same hash is not the same topic");
        assert_eq!(aliases.alias(7, b"c"), OutgoingAlias::None);
        assert_eq!(aliases.alias(7, b"b"), OutgoingAlias::Use(alias(2)));
        assert_eq!(aliases.alias(7, b"a"), OutgoingAlias::Use(alias(1)));
        assert_eq!(aliases.alias(8, b"a"), OutgoingAlias::None, "who calls gives the same hash for the same topic");
    }
}
