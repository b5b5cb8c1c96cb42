//! Sessions and their subscriptions, as ticks.

use std::collections::BTreeMap;

use super::matching::matches;
use super::{Book, Message};

/// One session from its first CONNACK to its end.
#[derive(Debug)]
pub(in crate::sim) struct Session {
    pub(in crate::sim) client: usize,
    pub(in crate::sim) worker: bool,
    pub(in crate::sim) ended: bool,
    pub(in crate::sim) subscriptions: Vec<Subscription>,
    /// What arrived: how often as it was published, how often because of a SUBSCRIBE.
    pub(super) got: BTreeMap<usize, (u64, u64)>,
    /// For (publisher, topic, published QoS, delivered QoS) the tick at which the last one that arrived was sent.
    pub(super) order: BTreeMap<(usize, &'static str, u8, u8), u64>,
    /// The smallest Maximum Packet Size that its client ever had.
    pub(in crate::sim) packet_bytes_max: usize,
}

/// One filter of one SUBSCRIBE.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Subscription {
    pub(in crate::sim) filter: &'static str,
    /// What was asked for, then what was granted.
    pub(in crate::sim) qos: u8,
    pub(in crate::sim) no_local: bool,
    pub(in crate::sim) as_published: bool,
    pub(in crate::sim) handling: u8,
    pub(in crate::sim) identifier: u32,
    pub(in crate::sim) sent: u64,
    pub(in crate::sim) granted: Option<u64>,
    pub(in crate::sim) refused: bool,
    /// When UNSUBSCRIBE or another SUBSCRIBE to the same filter was sent.
    pub(in crate::sim) replaced: Option<u64>,
    /// When UNSUBACK or SUBACK for that came.
    pub(in crate::sim) over: Option<u64>,
}

impl Subscription {
    pub(in crate::sim) fn matches(&self, message: &Message) -> bool {
        matches(self.filter, message.topic)
    }

    pub(in crate::sim) fn is_shared(&self) -> bool {
        self.filter.starts_with("$share/")
    }

    /// Whether it may have led to the delivery of a message.
    pub(in crate::sim) fn may(&self, message: &Message) -> bool {
        !self.refused && self.matches(message) && self.over.is_none_or(|over| message.first_sent() < over)
    }

    /// Whether it was in force from before a message was sent until after it was acknowledged. Nobody is told when a will
    /// has reached all shards.
    pub(in crate::sim) fn must(&self, message: &Message) -> bool {
        let Some((acknowledged, _)) = message.acknowledged else { return false };
        self.matches(message)
            && self.granted.is_some_and(|granted| granted < message.first_sent())
            && self.replaced.is_none_or(|replaced| !message.will && replaced > acknowledged)
    }
}

impl Session {
    pub(super) fn new(client: usize, worker: bool) -> Self {
        Self {
            client,
            worker,
            ended: false,
            subscriptions: Vec::new(),
            got: BTreeMap::new(),
            order: BTreeMap::new(),
            packet_bytes_max: usize::MAX,
        }
    }

    /// The subscriptions that may have led to the delivery of a message.
    pub(super) fn may<'a>(&'a self, message: &'a Message) -> impl Iterator<Item = &'a Subscription> {
        self.subscriptions.iter().filter(|subscription| subscription.may(message))
    }

    /// Whether any subscription ever asked for Retain As Published.
    pub(super) fn has_as_published(&self) -> bool {
        self.subscriptions.iter().any(|subscription| subscription.as_published)
    }
}

impl Book {
    /// A SUBSCRIBE leaves. Its place is the answer.
    pub(in crate::sim) fn subscribing(&mut self, session: usize, mut subscription: Subscription) -> usize {
        let tick = self.replacing(session, subscription.filter);
        subscription.sent = tick;
        let list = &mut self.sessions[session].subscriptions;
        list.push(subscription);
        list.len() - 1
    }

    /// A SUBSCRIBE or UNSUBSCRIBE to this filter leaves.
    pub(in crate::sim) fn replacing(&mut self, session: usize, filter: &str) -> u64 {
        let tick = self.tick();
        for known in self.sessions[session].subscriptions.iter_mut().filter(|known| known.filter == filter) {
            known.replaced.get_or_insert(tick);
        }
        tick
    }

    /// SUBACK.
    pub(in crate::sim) fn granted(&mut self, session: usize, place: usize, code: u8) {
        let tick = self.tick();
        let list = &mut self.sessions[session].subscriptions;
        let filter = list[place].filter;
        if code >= 0x80 {
            list[place].refused = true;
            return;
        }
        list[place].granted = Some(tick);
        list[place].qos = code;
        for known in list[..place].iter_mut().filter(|known| known.filter == filter) {
            known.over.get_or_insert(tick);
        }
    }

    /// UNSUBACK to an UNSUBSCRIBE that was sent at `sent`.
    pub(in crate::sim) fn unsubscribed(&mut self, session: usize, filter: &str, sent: u64) {
        let tick = self.tick();
        let list = &mut self.sessions[session].subscriptions;
        for known in list.iter_mut().filter(|known| known.filter == filter && known.sent < sent) {
            known.over.get_or_insert(tick);
        }
    }
}
