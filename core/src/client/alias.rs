//! Topic Aliases (MQTT 5.0, 3.3.2.3.4): one table for each direction, both of one connection only (MQTT-3.3.2-7).

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::packet::{Publish, Violation};

/// How many aliases a client uses for what it sends, at most: they are looked up one by one.
pub(super) const SENT_MAX: usize = 32;

/// Aliases that the server has set.
#[derive(Debug, Default)]
pub(super) struct ReceivedAliases {
    /// The topic of alias 1 and on; empty where the server has set none.
    topics: Vec<Box<str>>,
}

impl ReceivedAliases {
    /// Forgets all aliases.
    pub(super) fn clear(&mut self) {
        self.topics.clear();
    }

    /// The topic of a PUBLISH, and remembers the alias that it sets. `maximum` is the client's Topic Alias Maximum.
    pub(super) fn resolve<'a>(&'a mut self, publish: &Publish<'a>, maximum: u16) -> Result<&'a str, Violation> {
        let Some(alias) = publish.properties.topic_alias() else { return Ok(publish.topic) };
        if alias > maximum {
            return Err(Violation::TopicAliasTooHigh);
        }
        // Never 0: that was refused when the property was read.
        let index = usize::from(alias).saturating_sub(1);
        if publish.topic.is_empty() {
            return match self.topics.get(index) {
                Some(topic) if !topic.is_empty() => Ok(topic),
                Some(_) | None => Err(Violation::TopicAliasUnknown),
            };
        }
        if index >= self.topics.len() {
            self.topics.resize(index + 1, Box::default());
        }
        self.topics[index] = publish.topic.into();
        Ok(publish.topic)
    }
}

/// Aliases that this client has set: the first topics of a connection get them, and keep them.
#[derive(Debug, Default)]
pub(super) struct SentAliases {
    topics: heapless::Vec<Box<str>, SENT_MAX>,
    maximum: usize,
}

impl SentAliases {
    /// Forgets all aliases and uses no more than `maximum` from here on.
    pub(super) fn reset(&mut self, maximum: u16) {
        self.topics.clear();
        self.maximum = usize::from(maximum).min(SENT_MAX);
    }

    /// The alias for a topic, and whether the server knows it; `None` when there is none to be had.
    pub(super) fn find(&self, topic: &str) -> Option<(u16, bool)> {
        if let Some(index) = self.topics.iter().position(|known| **known == *topic) {
            return Some((index as u16 + 1, true));
        }
        (self.topics.len() < self.maximum).then_some((self.topics.len() as u16 + 1, false))
    }

    /// Remembers that the next alias was sent with this topic.
    pub(super) fn remember(&mut self, topic: &str) {
        let pushed = self.topics.push(topic.into());
        debug_assert!(pushed.is_ok(), "find gives no alias beyond the table");
    }
}
