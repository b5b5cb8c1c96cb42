//! What happens when time has passed.

use super::Broker;
use crate::connection::Phase;
use crate::event::{CloseReason, SessionEnd};
use crate::outbox::{Close, CloseHow};
use crate::packet::ReasonCode;
use crate::record::Input;
use crate::time::Instant;
use crate::timer::{TimerKey, TimerKind};

impl Broker {
    /// Time has passed: fires what is due, if anything is.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        if self.clients.timers.next_deadline().is_none_or(|deadline| deadline > self.clients.now) {
            return;
        }
        self.record(&Input::Timeout);
        while let Some(key) = self.clients.timers.fire(self.clients.now) {
            self.fire(key);
        }
    }

    fn fire(&mut self, key: TimerKey) {
        let index = key.index;
        match key.kind {
            TimerKind::Connect | TimerKind::KeepAlive | TimerKind::Write | TimerKind::Linger | TimerKind::Auth => {
                if self.clients.conns.is_current(index, key.generation) {
                    self.fire_connection(index, key.kind);
                }
            }
            TimerKind::SessionExpiry | TimerKind::WillDelay | TimerKind::Retry => {
                if self.clients.sessions.is_current(index, key.generation) {
                    self.fire_session(index, key.kind);
                }
            }
            TimerKind::RetainedExpiry => self.expire_retained(),
        }
    }

    fn fire_connection(&mut self, index: u32, kind: TimerKind) {
        match kind {
            TimerKind::Connect => {
                self.clients.conns[index].timer = None;
                self.finish(index, CloseReason::ConnectTimeout);
            }
            TimerKind::KeepAlive => self.check_keep_alive(index),
            TimerKind::Write => self.check_write(index),
            TimerKind::Linger => {
                self.clients.conns[index].timer = None;
                let conn = self.clients.conn_id(index);
                let reason = CloseReason::WriteTimeout;
                self.clients.out.close.push(Close { conn, how: CloseHow::Abort, reason });
            }
            TimerKind::Auth => self.auth_timed_out(index),
            TimerKind::SessionExpiry | TimerKind::WillDelay | TimerKind::Retry | TimerKind::RetainedExpiry => {}
        }
    }

    /// Nothing for one and a half times the Keep Alive ends the connection (MQTT-3.1.2-22). Input that the broker itself
    /// holds back is not the client's silence.
    fn check_keep_alive(&mut self, index: u32) {
        let conn = &mut self.clients.conns[index];
        conn.timer = None;
        if conn.half_closed {
            return self.finish(index, CloseReason::PeerClosed);
        }
        if conn.drains {
            return self.close_drained(index, true);
        }
        if conn.held || conn.waiting || conn.resumes || conn.refused.is_some() {
            conn.heard = self.clients.now;
        }
        let deadline = conn.heard.saturating_add(conn.keep_alive);
        if deadline > self.clients.now {
            let key = self.clients.timer_key(TimerKind::KeepAlive, index);
            self.clients.conns[index].timer = Some(self.clients.timers.arm(deadline, key));
            return;
        }
        self.clients.stats.keep_alive_timeouts += 1;
        self.close(index, Some(ReasonCode::KeepAliveTimeout), CloseReason::KeepAliveTimeout);
    }

    fn check_write(&mut self, index: u32) {
        let conn = &mut self.clients.conns[index];
        conn.write_timer = None;
        let Some(since) = conn.waits_since.filter(|_| conn.phase != Phase::Closing) else { return };
        let deadline = since.saturating_add(self.clients.config.limits.write_timeout);
        if deadline > self.clients.now {
            let key = self.clients.timer_key(TimerKind::Write, index);
            self.clients.conns[index].write_timer = Some(self.clients.timers.arm(deadline, key));
            return;
        }
        self.close(index, None, CloseReason::WriteTimeout);
    }

    fn fire_session(&mut self, session: u32, kind: TimerKind) {
        match kind {
            TimerKind::SessionExpiry => {
                self.clients.sessions[session].expiry_timer = None;
                self.clients.stats.sessions_expired += 1;
                self.end_session(session, SessionEnd::Expired);
            }
            TimerKind::WillDelay => {
                self.clients.sessions[session].will_timer = None;
                self.publish_will(session);
            }
            TimerKind::Retry => {
                // 3.x only, and only when the deployment asks for it: everything unfinished goes out again.
                let state = &mut self.clients.sessions[session];
                state.retry_timer = None;
                state.inflight.send_again();
                self.clients.pull(session);
            }
            TimerKind::Connect
            | TimerKind::KeepAlive
            | TimerKind::Write
            | TimerKind::Linger
            | TimerKind::Auth
            | TimerKind::RetainedExpiry => {}
        }
    }
}
