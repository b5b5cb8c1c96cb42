//! A PUBLISH arrived at a client: whether it may have, in this form, as often, and in this order.

use super::Book;
use super::message::Message;
use crate::sim::trace::Trace;
use crate::wire::{Property, Publish};

/// A PUBLISH and what its receiver knows of it.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct Arrived<'a> {
    pub(in crate::sim) session: usize,
    pub(in crate::sim) publish: &'a Publish,
    /// The topic, by name or alias.
    pub(in crate::sim) topic: &'a str,
    /// Whether it is for the application: not a repetition of what the client has.
    pub(in crate::sim) fresh: bool,
    /// Whether nothing on its way could be late but by the broker's doing.
    pub(in crate::sim) punctual: bool,
}

impl Book {
    /// Judges it. The message is the answer, if it has a name.
    pub(in crate::sim) fn arrived(&mut self, arrived: Arrived<'_>, trace: &mut Trace) -> Option<usize> {
        let publish = arrived.publish;
        if publish.payload.is_empty() {
            return None;
        }
        let Some(number) = self.message_of(&publish.payload) else {
            trace.fail("nobody published it", format!("{publish:?}"));
            return None;
        };
        self.judge_restart(arrived.session, &self.messages[number], trace);
        if !arrived.fresh {
            self.repeated += 1;
            return Some(number);
        }
        self.delivered += 1;
        let message = self.messages[number].clone();
        if message.payload != publish.payload || message.topic != arrived.topic || message.sent.is_empty() {
            trace.fail("another message arrived than was sent", format!("{publish:?} for {message:?}"));
        }
        self.judge_subscription(&arrived, &message, trace);
        self.judge_expiry(&arrived, &message, trace);
        self.judge_count(&arrived, number, &message, trace);
        if !publish.retain {
            self.judge_order(&arrived, number, &message, trace);
        }
        Some(number)
    }

    fn judge_subscription(&self, arrived: &Arrived<'_>, message: &Message, trace: &mut Trace) {
        let session = &self.sessions[arrived.session];
        let publish = arrived.publish;
        let own = |no_local: bool| no_local && message.publisher == session.client;
        let fits = |qos: u8| qos.min(message.qos) == publish.qos;
        if !session.may(message).any(|may| fits(may.qos) && (publish.retain || !own(may.no_local))) {
            let may: Vec<_> = session.may(message).collect();
            trace.fail("no subscription led to it", format!("{publish:?} in {may:?}"));
        }
        for property in &publish.properties {
            if let Property::SubscriptionIdentifier(identifier) = property
                && !session.may(message).any(|may| may.identifier == identifier.0)
            {
                trace.fail("a Subscription Identifier of no subscription", format!("{publish:?}"));
            }
        }
    }

    fn judge_expiry(&self, arrived: &Arrived<'_>, message: &Message, trace: &mut Trace) {
        let left = arrived.publish.properties.iter().find_map(|property| match property {
            Property::MessageExpiryInterval(left) => Some(*left),
            _ => None,
        });
        if left.is_some_and(|left| left > message.expiry_s) {
            trace.fail("Message Expiry Interval grew", format!("{:?} for {message:?}", arrived.publish));
        }
        let Some((_, taken)) = message.acknowledged else { return };
        if message.expiry_s == 0 || !arrived.punctual || arrived.publish.dup {
            return;
        }
        let slack = std::time::Duration::from_millis(self.options.peer_delay_ms * self.options.shards);
        let last = std::time::Duration::from_secs(u64::from(message.expiry_s)) + slack;
        if trace.now > taken.saturating_add(last) {
            trace.fail("it had expired", format!("{:?} for {message:?}", arrived.publish));
        }
    }

    fn judge_count(&mut self, arrived: &Arrived<'_>, number: usize, message: &Message, trace: &mut Trace) {
        let publish = arrived.publish;
        let session = &mut self.sessions[arrived.session];
        let ambiguous = session.has_as_published();
        let got = session.got.entry(number).or_default();
        let retained = publish.retain && !ambiguous;
        *(if retained { &mut got.1 } else { &mut got.0 }) += 1;
        let got = *got;
        let asked = |may: &&super::Subscription| may.matches(message) && !may.is_shared() && may.handling < 2;
        let asked = session.subscriptions.iter().filter(asked).count() as u64;
        if retained && (got.1 > asked || !message.retain) {
            trace.fail("retained once too often", format!("{got:?} for {asked} SUBSCRIBE: {publish:?}"));
        }
        if retained {
            self.judge_retained(arrived.session, number, publish, trace);
        }
        let live_max = self.copies_max(message) + if ambiguous { asked } else { 0 };
        let (live, live_max) =
            if self.sessions[arrived.session].worker { self.shared_count(number, message) } else { (got.0, live_max) };
        if live > live_max {
            let rule = ["QoS 0 more than once", "QoS 1 more often than sent", "QoS 2 more than once"];
            trace.fail(rule[usize::from(message.qos)], format!("{live} of {live_max}: {publish:?} for {message:?}"));
        }
    }

    /// How often a message arrived at workers, and how often it may: one member of each group.
    fn shared_count(&self, number: usize, message: &Message) -> (u64, u64) {
        let workers = self.sessions.iter().filter(|session| session.worker);
        let got = workers.clone().filter_map(|session| session.got.get(&number)).map(|got| got.0).sum();
        let mut groups: Vec<&str> = workers.flat_map(|session| session.may(message)).map(|may| may.filter).collect();
        groups.sort_unstable();
        groups.dedup();
        let handed_on = if message.qos > 0 { self.workers_ended as u64 } else { 0 };
        (got, groups.len() as u64 * (self.copies_max(message) + handed_on))
    }

    /// Messages of one publisher, topic and QoS arrive in the order in which they were sent (MQTT-4.6.0-6): each can be
    /// taken for one of its sendings so that these ascend.
    fn judge_order(&mut self, arrived: &Arrived<'_>, number: usize, message: &Message, trace: &mut Trace) {
        let session = &mut self.sessions[arrived.session];
        if session.worker || message.will {
            return;
        }
        let key = (message.publisher, message.topic, message.qos, arrived.publish.qos);
        let last = session.order.entry(key).or_default();
        match message.sent.iter().find(|&&sent| sent > *last) {
            Some(&sent) => *last = sent,
            None => {
                let text = format!("message {number} sent at {:?} after one sent at {last}", message.sent);
                trace.fail("out of order", format!("{text}: {:?}", arrived.publish));
            }
        }
    }
}
