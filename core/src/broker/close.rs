//! The end of a Network Connection, and of a session.

use alloc::vec::Vec;

use super::Broker;
use crate::broker::CloseCause;
use crate::connection::{NO_SESSION, Phase};
use crate::event::{CloseReason, Event, SessionEnd};
use crate::id::ConnId;
use crate::outbox::{Close, CloseHow};
use crate::packet::{Disconnect, Properties, Property, PropertyBuffer, QoS, ReasonCode, Version, Violation};
use crate::record::Input;
use crate::session::{EXPIRY_NEVER, NO_CONNECTION, ResendKind, Session};
use crate::store::Operation;
use crate::time::Instant;
use crate::timer::TimerKind;

impl Broker {
    /// Ends a connection from this side: with a last packet where the version has one for it.
    pub(super) fn close(&mut self, index: u32, code: Option<ReasonCode>, reason: CloseReason) {
        let conn = &self.clients.conns[index];
        match conn.phase {
            Phase::Closing => return,
            Phase::Connected => {
                if let Some(code) = code
                    && conn.is_v5()
                    && !conn.resumes
                {
                    self.write_disconnect(index, code, &reason);
                }
            }
            Phase::Handshake | Phase::Authenticating | Phase::Challenged => {
                // Malformed 3.x CONNECTs are closed without a word (MQTT 3.1.1, MQTT-3.1.4-1), and so is who never said
                // which version it speaks.
                if let (Some(code), Some(version)) = (code, conn.version)
                    && (version == Version::V5 || !matches!(reason, CloseReason::Violation(_)))
                {
                    self.write_refusal(index, code, &reason);
                }
            }
        }
        self.finish(index, reason);
    }

    fn write_disconnect(&mut self, index: u32, code: ReasonCode, reason: &CloseReason) {
        let mut properties = PropertyBuffer::new();
        let text = match reason {
            CloseReason::Violation(violation) => Some(alloc::format!("{violation}")),
            _ => None,
        };
        if let Some(text) = &text {
            properties.push(Property::ReasonString(text));
        }
        let disconnect = Disconnect { code, properties: properties.as_properties() };
        // The Reason String is left out when it does not fit (MQTT-3.14.2-3).
        if !self.clients.write(index, |version, out| disconnect.encode(version, out)) {
            let disconnect = Disconnect { code, properties: Properties::default() };
            self.clients.write(index, |version, out| disconnect.encode(version, out));
        }
    }

    /// The connection ends: its session is detached, what is in its output may still leave.
    pub(super) fn finish(&mut self, index: u32, reason: CloseReason) {
        let id = self.clients.conn_id(index);
        self.detach(index, reason);
        self.clients.out.close.push(Close { conn: id, how: CloseHow::Flush, reason });
        let key = self.clients.timer_key(TimerKind::Linger, index);
        let deadline = self.clients.now.saturating_add(self.clients.config.limits.linger_timeout);
        let timer = self.clients.timers.arm(deadline, key);
        self.clients.conns[index].timer = Some(timer);
        self.clients.update_reading(index);
    }

    /// Everything about the end of a connection but the transport.
    fn detach(&mut self, index: u32, reason: CloseReason) {
        let id = self.clients.conn_id(index);
        let was = self.clients.conns[index].phase;
        self.cancel_timers(index);
        let conn = &mut self.clients.conns[index];
        conn.phase = Phase::Closing;
        conn.held = false;
        let asked = conn.auth.as_mut().and_then(|auth| auth.request.take());
        self.auth_requests -= u32::from(asked.is_some());
        let input = core::mem::take(&mut conn.input);
        self.clients.pool.put(input);
        let conn = &mut self.clients.conns[index];
        conn.aliases_in = None;
        conn.aliases_out = None;
        let session = core::mem::replace(&mut conn.session, NO_SESSION);
        if session == NO_SESSION {
            let client_id = conn.auth.take().map(|auth| auth.client_id);
            if was != Phase::Connected {
                self.clients.stats.connects_refused += 1;
                self.clients.event(Event::Refused { conn: id, client_id, reason });
            }
            return;
        }
        conn.auth = None;
        self.clients.stats.sessions_connected -= 1;
        let will_deleted = matches!(reason, CloseReason::ClientDisconnect(ReasonCode::Success));
        let kept = self.clients.sessions[session].is_persistent();
        let client_id = self.clients.sessions[session].client_id.clone();
        self.clients.event(Event::Disconnected { conn: id, client_id, reason, session_kept: kept });
        self.disconnect_session(session, will_deleted);
    }

    pub(super) fn cancel_timers(&mut self, index: u32) {
        let conn = &mut self.clients.conns[index];
        let auth_timer = conn.auth.as_mut().and_then(|auth| auth.timer.take());
        let timers = [conn.timer.take(), conn.write_timer.take(), auth_timer];
        for timer in timers.into_iter().flatten() {
            self.clients.timers.cancel(timer);
        }
    }

    /// The session's connection is gone: the will goes out or waits, the Session Expiry Interval begins.
    fn disconnect_session(&mut self, index: u32, will_deleted: bool) {
        let session = &mut self.clients.sessions[index];
        session.connection = NO_CONNECTION;
        session.queue.release_memory();
        session.inflight.release_memory();
        session.incoming.release_memory();
        if let Some(timer) = session.retry_timer.take() {
            self.clients.timers.cancel(timer);
        }
        let session = &mut self.clients.sessions[index];
        let expiry_s = session.expiry_s;
        if will_deleted && session.will.take().is_some() {
            self.clients.record_for(index, |client_id| Operation::WillRemoved { client_id });
        }
        if expiry_s == 0 {
            return self.end_session(index, SessionEnd::Disconnected);
        }
        self.clients.record_for(index, |client_id| Operation::SessionDisconnected { client_id, expiry_s });
        self.update_memberships(index);
        let delay_s = self.clients.sessions[index].will.as_ref().map(|will| will.delay_s);
        match delay_s {
            Some(0) => self.publish_will(index),
            Some(delay_s) => {
                let key = self.clients.timer_key(TimerKind::WillDelay, index);
                let deadline = self.after_s(delay_s);
                self.clients.sessions[index].will_timer = Some(self.clients.timers.arm(deadline, key));
            }
            None => {}
        }
        if expiry_s != EXPIRY_NEVER {
            let key = self.clients.timer_key(TimerKind::SessionExpiry, index);
            let deadline = self.after_s(expiry_s);
            self.clients.sessions[index].expiry_timer = Some(self.clients.timers.arm(deadline, key));
        }
    }

    pub(super) fn after_s(&self, seconds: u32) -> Instant {
        self.clients.now.saturating_add(core::time::Duration::from_secs(u64::from(seconds)))
    }

    /// The session and all its state end. A will that waits is published first (MQTT 5.0, 3.1.3.2.2).
    pub(super) fn end_session(&mut self, index: u32, reason: SessionEnd) {
        self.publish_will(index);
        self.remove_subscriptions(index);
        self.clients.record_for(index, |client_id| Operation::SessionEnded { client_id });
        let hash = self.client_hash(&self.clients.sessions[index].client_id);
        if let Ok(entry) = self.by_client_id.find_entry(hash, |&other| other == index) {
            entry.remove();
        }
        let mut session = self.clients.sessions.remove(index).expect("a session ends once");
        self.clients.stats.sessions -= 1;
        self.clients.full_sessions -= u32::from(session.full);
        self.clients.crowded_sessions -= u32::from(session.crowded);
        for timer in [session.expiry_timer, session.will_timer, session.retry_timer].into_iter().flatten() {
            self.clients.timers.cancel(timer);
        }
        self.clients.event(Event::SessionEnded { client_id: session.client_id.clone(), reason });
        self.drop_deliveries(&mut session);
    }

    /// What an ended session was owed: unfinished QoS 1 messages of its shared subscriptions go to another member (MQTT
    /// 5.0, 4.8.2), the rest is dropped.
    fn drop_deliveries(&mut self, session: &mut Session) {
        let mut shared = Vec::new();
        let mut dropped = Vec::new();
        session.inflight.drain(|_, kind| {
            self.clients.stats.messages_inflight -= 1;
            let (ResendKind::First(delivery) | ResendKind::Publish(delivery)) = kind else { return };
            // MQTT-4.8.2-5: a QoS 2 delivery that has begun goes to nobody else.
            let goes_on = delivery.group != 0 && delivery.flags.qos() == QoS::AtLeastOnce;
            if goes_on { shared.push(delivery) } else { dropped.push(delivery) }
        });
        while let Some(delivery) = session.queue.pop_front() {
            self.clients.stats.messages_queued -= 1;
            if delivery.group != 0 { shared.push(delivery) } else { dropped.push(delivery) }
        }
        self.clients.stats.dropped_session_ended += dropped.len() as u64;
        for delivery in dropped {
            self.clients.settle(delivery);
        }
        for delivery in shared {
            self.share_again(delivery);
            self.clients.settle(delivery);
        }
    }

    /// DISCONNECT from the client (MQTT 5.0, 3.14).
    pub(super) fn handle_disconnect(&mut self, index: u32, disconnect: &Disconnect<'_>) {
        if !disconnect.code.allowed_in_client_disconnect() {
            return self.violate(index, Violation::ReasonCodeNotAllowed);
        }
        if disconnect.properties.server_reference().is_some() {
            return self.violate(index, Violation::PropertyNotAllowed);
        }
        if let Some(expiry_s) = disconnect.properties.session_expiry_interval() {
            let expiry_s = expiry_s.min(self.clients.config.mqtt.session_expiry_max_s);
            let session = self.clients.conns[index].session;
            if self.clients.sessions[session].expiry_s == 0 && expiry_s > 0 {
                return self.violate(index, Violation::SessionExpiryFromZero);
            }
            if expiry_s == 0 {
                self.clients.record_for(session, |client_id| Operation::SessionEnded { client_id });
            }
            self.clients.sessions[session].expiry_s = expiry_s;
        }
        self.finish(index, CloseReason::ClientDisconnect(disconnect.code));
    }

    /// The peer has closed its sending side: end of file. `true`: it is still to be sent something, what waits for the
    /// store or another shard included, so its connection is kept, is not read any more, and ends by a
    /// [`Close`](crate::Close), after [`Limits::linger_timeout`](crate::config::Limits::linger_timeout) at the latest.
    /// `false`: there is nothing to wait for; the runtime closes it and reports [`handle_closed`](Self::handle_closed).
    pub fn handle_half_closed(&mut self, now: Instant, conn: ConnId) -> bool {
        self.advance(now);
        self.record(&Input::HalfClosed { conn });
        let Some(index) = self.clients.index_of(conn) else { return false };
        let state = &mut self.clients.conns[index];
        if state.phase != Phase::Connected || (state.gated == 0 && state.output.is_empty()) {
            return false;
        }
        if state.gated == 0 {
            self.finish(index, CloseReason::PeerClosed);
        } else if !state.half_closed {
            state.half_closed = true;
            self.limit_rest(index);
            self.clients.update_reading(index);
        }
        true
    }

    /// A connection is at its end but for what it waits for: no longer than it may linger.
    pub(super) fn limit_rest(&mut self, index: u32) {
        if let Some(timer) = self.clients.conns[index].timer.take() {
            self.clients.timers.cancel(timer);
        }
        let key = self.clients.timer_key(TimerKind::KeepAlive, index);
        let deadline = self.clients.now.saturating_add(self.clients.config.limits.linger_timeout);
        self.clients.conns[index].timer = Some(self.clients.timers.arm(deadline, key));
    }

    /// A transport connection is gone. The runtime says so once for each connection, whoever closed first.
    pub fn handle_closed(&mut self, now: Instant, conn: ConnId, cause: CloseCause) {
        self.advance(now);
        self.record(&Input::Closed { conn, cause });
        let Some(index) = self.clients.index_of(conn) else { return };
        if self.clients.conns[index].phase != Phase::Closing {
            let reason = match cause {
                CloseCause::PeerClosed => CloseReason::PeerClosed,
                CloseCause::Error => CloseReason::TransportError,
                CloseCause::Done => CloseReason::Administrative,
            };
            self.detach(index, reason);
        }
        self.forget(index);
    }

    /// Frees the place of a connection.
    pub(super) fn forget(&mut self, index: u32) {
        self.cancel_timers(index);
        let mut conn = self.clients.conns.remove(index).expect("a connection ends once");
        let mut released = Vec::new();
        conn.output.clear(&mut self.clients.pool, |message| released.push(message));
        self.clients.pool.put(conn.input);
        for message in released {
            self.clients.release(message);
        }
        self.clients.stats.connections -= 1;
        self.listener_connections[usize::from(conn.listener.0)] -= 1;
    }

    /// Closes a connection as an administrator would: 5.0 clients are told 0x98.
    pub fn disconnect(&mut self, now: Instant, conn: ConnId) {
        self.advance(now);
        self.record(&Input::Disconnect { conn });
        if let Some(index) = self.clients.index_of(conn) {
            self.close(index, Some(ReasonCode::AdministrativeAction), CloseReason::Administrative);
        }
    }

    /// Goes down: no further connection is accepted, 5.0 clients are sent DISCONNECT 0x8B, every connection is closed. The
    /// runtime goes on with its turns until [`connections`](Self::connections) is 0.
    pub fn shutdown(&mut self, now: Instant) {
        self.advance(now);
        self.record(&Input::Shutdown);
        self.shutting_down = true;
        let indices: Vec<u32> = self.clients.conns.indices().collect();
        for index in indices {
            if self.clients.conns.get(index).is_some() {
                self.close(index, Some(ReasonCode::ServerShuttingDown), CloseReason::ServerShutdown);
            }
        }
    }
}
