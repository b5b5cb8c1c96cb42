//! Retained messages: the latest wins.

use super::Book;
use crate::sim::trace::Trace;
use crate::wire::Publish;

impl Book {
    /// Whether a later retained message for the same topic was acknowledged before `before`.
    fn is_superseded(&self, number: usize, before: u64) -> bool {
        let message = &self.messages[number];
        // Nobody is told when a will has reached all shards.
        if message.will && self.options.shards > 1 {
            return false;
        }
        let Some((settled, _)) = message.acknowledged else { return false };
        self.messages.iter().any(|other| {
            other.retain
                && !(other.will && self.may_refuse_in_silence())
                && other.topic == message.topic
                && other.first_sent() > settled
                && other.acknowledged.is_some_and(|(acknowledged, _)| acknowledged < before)
        })
    }

    /// Whether the retained store is so small that a will may find no room, which nobody is told.
    fn may_refuse_in_silence(&self) -> bool {
        self.options.retained_messages_max < super::matching::TOPICS.len() as u64
    }

    /// A retained message arrived because of a SUBSCRIBE.
    pub(super) fn judge_retained(&self, session: usize, number: usize, publish: &Publish, trace: &mut Trace) {
        let message = &self.messages[number];
        let current = self.sessions[session]
            .subscriptions
            .iter()
            .filter(|asked| asked.matches(message) && !asked.is_shared() && asked.handling < 2)
            .any(|asked| !self.is_superseded(number, asked.sent));
        // What is published once a subscription is in force comes as any other message (MQTT 5.0, 3.3.1.3).
        let early = |asked: &super::Subscription| asked.granted.is_none_or(|granted| message.first_sent() < granted);
        let subscriptions = &self.sessions[session].subscriptions;
        let before = subscriptions.iter().any(|asked| asked.matches(message) && asked.handling < 2 && early(asked));
        if !before && self.options.shards == 1 {
            trace.fail("a retained message that is newer than the SUBSCRIBE", format!("{publish:?} for {message:?}"));
        }
        if !current {
            trace.fail("a retained message that was replaced", format!("{publish:?} for {message:?}"));
        }
    }

    /// At rest a new subscriber was sent these: of each topic the latest, if it is known which that is. A broker that was
    /// made anew has nothing of before.
    pub(in crate::sim) fn judge_all_retained(&self, session: usize, trace: &mut Trace) {
        // What one shard refuses another may have retained already.
        let partly_refused = self.options.queue_full == 0 && self.options.shards > 1;
        for topic in super::matching::TOPICS {
            let candidates: Vec<usize> = (0..self.messages.len())
                .filter(|&number| {
                    let message = &self.messages[number];
                    let counts = message.retain && message.topic == topic && !message.sent.is_empty();
                    // One that is refused when it comes again may have been retained the first time.
                    let was_kept = !message.refused || partly_refused || message.sent.len() > 1;
                    counts && was_kept && !self.is_of_before(message) && !self.is_superseded(number, u64::MAX)
                })
                .collect();
            let [only] = candidates[..] else { continue };
            let message = &self.messages[only];
            let asked = self.sessions[session].subscriptions.first().map_or(0, |asked| asked.sent);
            let silent = self.may_refuse_in_silence() && (message.will || message.qos == 0);
            if message.acknowledged.is_none() || message.expiry_s > 0 || message.first_sent() > asked || silent {
                continue;
            }
            let got = self.sessions[session].got.get(&only).is_some_and(|got| got.1 > 0);
            if got == message.payload.is_empty() {
                trace.fail("the latest retained message is not there", format!("{topic}: {message:?}"));
            }
        }
    }
}
