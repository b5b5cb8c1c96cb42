//! A broker that keeps nothing was made anew: it knows nothing of what was.

use super::{Book, Message};
use crate::sim::trace::Trace;

/// Where the time of this broker begins; all 0 for the first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Began {
    tick: u64,
    /// Sessions and links that are older.
    sessions: usize,
    links: usize,
}

impl Book {
    /// Sessions are over, with their subscriptions, queues and half exchanges; a will of theirs is never published. What is
    /// retained is gone. Until now nothing was overdue.
    pub(in crate::sim) fn restarted(&mut self, links: usize, trace: &mut Trace) {
        self.judge_wills(trace);
        let tick = self.tick();
        self.began = Began { tick, sessions: self.sessions.len(), links };
        self.lives.iter_mut().for_each(|life| *life = None);
        for session in &mut self.sessions {
            session.ended = true;
            for subscription in &mut session.subscriptions {
                subscription.over.get_or_insert(tick);
            }
        }
    }

    /// Whether a message was last sent to a broker that is no more, or never.
    pub(super) fn is_of_before(&self, message: &Message) -> bool {
        message.sent.last().is_none_or(|&sent| sent < self.began.tick)
    }

    /// What arrives at a session of this broker was sent to this broker. What arrives later at an older session was on its
    /// way already.
    pub(super) fn judge_restart(&self, session: usize, message: &Message, trace: &mut Trace) {
        if session >= self.began.sessions && self.is_of_before(message) {
            trace.fail("a message from before the restart", format!("c{}: {message:?}", self.sessions[session].client));
        }
    }

    /// Whoever connects opened his connection to this broker.
    pub(super) fn judge_link(&self, client: usize, link: usize, trace: &mut Trace) {
        if link < self.began.links {
            trace.fail("a connection from before the restart", format!("c{client} on link {link}"));
        }
    }
}
