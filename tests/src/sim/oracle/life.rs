//! When sessions and wills begin and end, held against the broker's events.
//!
//! An event is believed for its instant only: whether a session was present, whether a will was due, whether the client had
//! been silent for long enough is worked out here.

use std::time::Duration;

use weirmq_core::packet::ReasonCode;
use weirmq_core::{CloseReason, Event, Instant, SessionEnd};

use super::{Book, Session};
use crate::sim::link::{Link, Request};
use crate::sim::trace::Trace;

/// The session that a client has at the broker.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Life {
    /// Its place among all sessions.
    pub(in crate::sim) session: usize,
    pub(in crate::sim) expiry_s: u32,
    /// When its connection ended, unless it has one.
    ended: Option<Instant>,
    /// The tick at which it was last connected.
    pub(in crate::sim) since: u64,
    /// The link of its last connection.
    pub(in crate::sim) link: usize,
    will: Option<PendingWill>,
}

#[derive(Clone, Copy, Debug)]
struct PendingWill {
    message: usize,
    delay_s: u32,
    due: Option<Instant>,
}

fn after(start: Instant, seconds: u32) -> Instant {
    start.saturating_add(Duration::from_secs(u64::from(seconds)))
}

impl Life {
    /// When the session ends if its client stays away.
    fn end(&self) -> Option<Instant> {
        if self.expiry_s == u32::MAX { None } else { self.ended.map(|ended| after(ended, self.expiry_s)) }
    }
}

/// The number of a client in its identifier.
fn client_of(client_id: &str) -> Option<usize> {
    client_id.strip_prefix('c')?.parse().ok()
}

impl Book {
    /// Something happened to a connection or a session. `rest` are the events that came with it and after it.
    pub(in crate::sim) fn event(&mut self, event: &Event, rest: &[Event], link: Option<&mut Link>, trace: &mut Trace) {
        match event {
            Event::Connected { client_id, session_present, .. } => {
                let Some(client) = client_of(client_id) else { return };
                let Some(link) = link else { return trace.fail("an event of no connection", format!("{event:?}")) };
                let Some(request) = link.request else {
                    return trace.fail("connected without a CONNECT", format!("{event:?}"));
                };
                let session = self.connected(client, link.id, &request, *session_present, trace);
                link.session = Some((session, *session_present));
            }
            Event::Disconnected { client_id, reason, session_kept, .. } => {
                let (Some(client), Some(link)) = (client_of(client_id), link) else { return };
                self.disconnected(client, *reason, *session_kept, link, trace);
            }
            Event::SessionEnded { client_id, reason } => {
                let Some(client) = client_of(client_id) else { return };
                self.session_ended(client, *reason, trace);
            }
            Event::WillPublished { client_id } => {
                let Some(client) = client_of(client_id) else { return };
                let ends =
                    |other: &Event| matches!(other, Event::SessionEnded { client_id: id, .. } if id == client_id);
                self.will_published(client, rest.iter().any(ends), trace);
            }
            Event::Accepted { .. }
            | Event::HandedOff { .. }
            | Event::Refused { .. }
            | Event::Subscribed { .. }
            | Event::Unsubscribed { .. }
            | Event::StoreFailed => {}
        }
    }

    fn connected(&mut self, client: usize, link: usize, request: &Request, present: bool, trace: &mut Trace) -> usize {
        let now = trace.now;
        self.check_overdue(client, trace);
        self.judge_link(client, link, trace);
        let tick = self.tick();
        let known = self.lives[client].take();
        if let Some(life) = &known
            && life.ended.is_none()
        {
            trace.fail("two connections of one session", format!("c{client}"));
        }
        if request.wrong {
            trace.fail("let in without the secret", format!("c{client}"));
        }
        // In the instant of its end it may be resumed, as long as the broker has not said that it ended.
        let lives = |life: &Life| life.end().is_none_or(|end| now <= end);
        let may = known.is_some() && !request.clean;
        if present != (may && known.as_ref().is_some_and(lives)) {
            trace.fail("Session Present is not true", format!("c{client}: {present}, had {known:?}, {request:?}"));
        }
        let session = match &known {
            Some(life) if present => life.session,
            Some(_) | None => {
                self.sessions.push(Session::new(client, self.options.is_worker(client)));
                self.sessions.len() - 1
            }
        };
        let state = &mut self.sessions[session];
        state.packet_bytes_max = state.packet_bytes_max.min(request.packet_bytes_max);
        let asked = match (request.v5, request.clean) {
            (true, _) => request.expiry_s,
            (false, true) => 0,
            (false, false) => u32::MAX,
        };
        self.lives[client] = Some(Life {
            session,
            expiry_s: asked.min(self.options.session_expiry_max_s as u32),
            ended: None,
            since: tick,
            link,
            will: request.will.map(|(message, delay_s)| PendingWill { message, delay_s, due: None }),
        });
        session
    }

    fn disconnected(&mut self, client: usize, reason: CloseReason, kept: bool, link: &Link, trace: &mut Trace) {
        let now = trace.now;
        let keep_alive_s = self.keep_alive_s(link);
        let Some(life) = self.lives[client].as_mut().filter(|life| life.ended.is_none()) else {
            return trace.fail("disconnected without being connected", format!("c{client}"));
        };
        life.ended = Some(now);
        let mut deletes = false;
        match (reason, link.goodbye) {
            (CloseReason::ClientDisconnect(code), Some(goodbye)) if code.as_u8() == goodbye.code => {
                deletes = code == ReasonCode::Success;
                let max = self.options.session_expiry_max_s as u32;
                life.expiry_s = goodbye.expiry_s.map_or(life.expiry_s, |expiry_s| expiry_s.min(max));
            }
            (CloseReason::ClientDisconnect(_), _) => {
                trace.fail("a DISCONNECT that was not sent", format!("c{client}: {reason:?}, {:?}", link.goodbye));
            }
            (CloseReason::KeepAliveTimeout, _) => {
                let silent = now.saturating_since(link.heard);
                if keep_alive_s == 0 || silent < Duration::from_millis(u64::from(keep_alive_s) * 1_500) {
                    trace.fail("Keep Alive too early", format!("c{client}: silent {silent:?} of {keep_alive_s} s"));
                }
            }
            (CloseReason::Violation(violation), _) => {
                trace.fail("a violation by an honest client", format!("c{client}: {violation}"));
            }
            _ => {}
        }
        if kept != (life.expiry_s > 0) {
            trace.fail("session kept or not", format!("c{client}: {kept} with {life:?}"));
        }
        let expiry_s = life.expiry_s;
        match &mut life.will {
            Some(_) if deletes => life.will = None,
            Some(will) => will.due = Some(after(now, will.delay_s.min(expiry_s))),
            None => {}
        }
    }

    fn keep_alive_s(&self, link: &Link) -> u16 {
        let asked = link.request.map_or(0, |request| request.keep_alive_s);
        match (asked, self.options.keep_alive_max_s as u16) {
            (asked, 0) => asked,
            (0, max) => max,
            (asked, max) => asked.min(max),
        }
    }

    fn session_ended(&mut self, client: usize, reason: SessionEnd, trace: &mut Trace) {
        let Some(life) = self.lives[client].take() else {
            return trace.fail("a session ended that was none", format!("c{client}"));
        };
        let right = match reason {
            SessionEnd::Disconnected => life.ended == Some(trace.now) && life.expiry_s == 0,
            SessionEnd::Expired => life.end() == Some(trace.now),
            SessionEnd::CleanStart => life.ended.is_some(),
        };
        if !right || life.will.is_some() {
            trace.fail(
                "a session ended at the wrong time",
                format!("c{client}: {reason:?} at {:?}: {life:?}", trace.now),
            );
        }
        let session = &mut self.sessions[life.session];
        session.ended = true;
        self.workers_ended += usize::from(session.worker);
    }

    fn will_published(&mut self, client: usize, session_ends: bool, trace: &mut Trace) {
        let now = trace.now;
        let will = self.lives[client].as_mut().and_then(|life| life.will.take());
        let Some(PendingWill { message, due: Some(due), .. }) = will else {
            return trace.fail("a will that was none", format!("c{client}: {will:?}"));
        };
        if due > now && !session_ends {
            trace.fail("a will too early", format!("c{client}: {will:?}"));
        }
        // Somebody else's CONNECT or its own last packet may have led to it, and may have been read before.
        let cause = self.cause.unwrap_or_else(|| self.tick());
        self.messages[message].sent.push(cause);
        self.acknowledged(message, 0, now);
    }

    /// A will whose time is over has been published.
    pub(super) fn check_overdue(&self, client: usize, trace: &mut Trace) {
        if let Some(life) = &self.lives[client]
            && let Some(will) = life.will
            && will.due.is_some_and(|due| due < trace.now)
        {
            trace.fail("a will was not published", format!("c{client}: {will:?}"));
        }
    }
}
