//! At rest, after everything was healed: what was acknowledged has arrived.

use std::time::Duration;

use weirmq_core::Instant;

use super::Book;
use crate::sim::trace::Trace;

/// How long a message may be on its way in a world that does no harm.
const ON_ITS_WAY: Duration = Duration::from_secs(4);

impl Book {
    /// Everything acknowledged at QoS 1 and 2 has arrived at every session that was subscribed and lives, but for as many
    /// as the broker says it dropped.
    pub(in crate::sim) fn judge_liveness(&self, dropped: u64, trace: &mut Trace) {
        let mut missing = Vec::new();
        for number in 0..self.messages.len() {
            let message = &self.messages[number];
            // What has only just been taken over may still be on its way.
            let settled = |(_, at): (u64, Instant)| at.saturating_add(ON_ITS_WAY) < trace.now;
            let counts = message.qos > 0 && message.expiry_s == 0 && !message.payload.is_empty();
            if !counts || !message.acknowledged.is_some_and(settled) {
                continue;
            }
            self.missing_ordinary(number, &mut missing);
            self.missing_shared(number, &mut missing);
        }
        if missing.len() as u64 > dropped {
            let count = missing.len();
            trace.fail(
                "acknowledged and not delivered",
                format!("{count} of which {dropped} were dropped: {missing:#?}"),
            );
        }
        self.judge_wills(trace);
    }

    /// No will is overdue.
    pub(in crate::sim) fn judge_wills(&self, trace: &mut Trace) {
        for client in 0..self.lives.len() {
            self.check_overdue(client, trace);
        }
    }

    fn missing_ordinary(&self, number: usize, missing: &mut Vec<String>) {
        let message = &self.messages[number];
        for (place, session) in self.sessions.iter().enumerate() {
            let too_large = message.payload.len() + 100 > session.packet_bytes_max;
            if session.ended || session.worker || too_large || session.got.contains_key(&number) {
                continue;
            }
            let own = message.publisher == session.client;
            let must = |it: &&super::Subscription| it.qos > 0 && it.must(message) && !(own && it.no_local);
            if let Some(subscription) = session.subscriptions.iter().find(must) {
                missing
                    .push(format!("{number} for session {place} of c{}: {message:?} {subscription:?}", session.client));
            }
        }
    }

    /// Of each group that has a living member from before the message on, somebody got it.
    fn missing_shared(&self, number: usize, missing: &mut Vec<String>) {
        let message = &self.messages[number];
        for filter in super::matching::SHARED {
            let members = || self.sessions.iter().flat_map(|it| it.subscriptions.iter().map(move |of| (it, of)));
            let group = || members().filter(|(session, of)| session.worker && of.filter == filter);
            // Who left before the message was sent took nothing with him. What was given to one who then unsubscribed stays
            // his, and ends with his session.
            let lossy = group().filter(|(_, of)| of.may(message)).any(|(session, of)| {
                of.qos == 0
                    || message.payload.len() + 100 > session.packet_bytes_max
                    || (session.ended && (message.qos == 2 || of.replaced.is_some()))
            });
            let must = group().any(|(session, of)| !session.ended && of.must(message));
            let got = self.sessions.iter().any(|session| session.worker && session.got.contains_key(&number));
            if must && !lossy && !got {
                missing.push(format!("{number} for {filter}: {message:?}"));
            }
        }
    }
}
