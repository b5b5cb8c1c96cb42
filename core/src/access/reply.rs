//! How the deployment answers a question.

use alloc::boxed::Box;

use super::AuthOutcome;
use crate::packet::ReasonCode;

/// Answers one question about a client, now or later, from any thread. The broker waits for
/// [`Limits::auth_timeout`](crate::config::Limits::auth_timeout). Dropped unanswered, it refuses the client with
/// 0x88 (Server unavailable).
pub struct AuthReply(Option<Box<dyn FnOnce(AuthOutcome) + Send>>);

impl AuthReply {
    /// One that gives its outcome to `deliver`, which takes it to [`Broker::handle_auth`](crate::Broker::handle_auth) of the
    /// shard that asked.
    pub fn new(deliver: impl FnOnce(AuthOutcome) + Send + 'static) -> Self {
        Self(Some(Box::new(deliver)))
    }

    /// Answers, and wakes the shard. An answer that comes too late is ignored.
    pub fn answer(mut self, outcome: AuthOutcome) {
        self.deliver(outcome);
    }

    fn deliver(&mut self, outcome: AuthOutcome) {
        if let Some(deliver) = self.0.take() {
            deliver(outcome);
        }
    }
}

impl Drop for AuthReply {
    fn drop(&mut self) {
        self.deliver(AuthOutcome::Refuse(ReasonCode::ServerUnavailable));
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;
    use alloc::vec::Vec;
    use core::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Does something with a reply that has to deliver this outcome, and nothing else.
    fn delivers(outcome: AuthOutcome, act: impl FnOnce(AuthReply)) {
        let delivered = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&delivered);
        act(AuthReply::new(move |found| {
            assert_eq!(found, outcome);
            count.fetch_add(1, Ordering::Relaxed);
        }));
        assert_eq!(delivered.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn what_is_answered_is_delivered_once() {
        let accept = || AuthOutcome::Accept { data: Some(Vec::from(*b"welcome")) };
        delivers(accept(), |reply| reply.answer(accept()));
    }

    #[test]
    fn who_is_not_answered_for_is_refused() {
        delivers(AuthOutcome::Refuse(ReasonCode::ServerUnavailable), drop);
    }
}
