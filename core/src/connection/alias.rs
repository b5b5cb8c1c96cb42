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
