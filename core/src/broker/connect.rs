//! CONNECT: who comes in, and with which session (MQTT 5.0, 3.1).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Broker;
use super::connack::Terms;
use super::handoff::Moved;
use super::publish::forwardable;
use crate::access::{self, AuthOutcome};
use crate::config::Authentication;
use crate::connection::{OutgoingAliases, Phase};
use crate::event::{CloseReason, Event, SessionEnd};
use crate::id::{ConnId, ShardId};
use crate::outbox::Handoff;
use crate::packet::{Connect, Frame, ReasonCode, Version, Violation, Will as WillPacket};
use crate::record::Input;
use crate::session::{NO_CONNECTION, Session, Will};
use crate::store::gate::PeerWaits;
use crate::store::{Operation, StoredMessage};
use crate::time::Instant;
use crate::timer::TimerKind;
use crate::topic::name;

impl Broker {
    /// A CONNECT has come. `rest` is everything unread, the CONNECT in front.
    pub(super) fn handle_connect(&mut self, index: u32, frame: &Frame<'_>, rest: &[u8]) {
        let connect = match Connect::decode(frame.body) {
            Ok(connect) => connect,
            Err(violation) => return self.refuse_malformed(index, frame.body, violation),
        };
        // Only now is it known that 5.0 and its rule for lengths apply (MQTT-1.5.5-1).
        if connect.version == Version::V5 && !frame.is_shortest() {
            return self.refuse_malformed(index, frame.body, Violation::NotShortestVarInt);
        }
        self.clients.conns[index].version = Some(connect.version);
        let properties = connect.properties;
        let conn = &mut self.clients.conns[index];
        conn.packet_bytes_max = properties.maximum_packet_size().unwrap_or(u32::MAX);
        conn.problem_information = properties.request_problem_information();
        if let Err(code) = self.check_connect(index, &connect) {
            return self.close(index, Some(code), CloseReason::Refused(code));
        }
        if !connect.client_id.is_empty() {
            let home = self.home_of(connect.client_id);
            if home != self.shard {
                return self.hand_off(index, home, rest);
            }
        }
        let assigned = connect.client_id.is_empty().then(|| self.assign_client_id());
        match self.clients.config.authentication {
            Authentication::None => self.admit(index, &connect, assigned, None),
            Authentication::External { .. } => self.ask_connect(index, &connect, frame.body, assigned),
        }
    }

    /// A CONNECT that cannot be read is answered in the form of its version, as far as that is known.
    fn refuse_malformed(&mut self, index: u32, body: &[u8], violation: Violation) {
        match violation {
            // MQTT-3.1.2-2: 0x01, or 0x84 in the form of 5.0.
            Violation::ProtocolVersion => {
                self.clients.conns[index].version = Some(Connect::nearest_version(body));
                let code = ReasonCode::UnsupportedProtocolVersion;
                self.clients.stats.violations += 1;
                self.write_refusal(index, code, &CloseReason::Refused(code));
                self.finish(index, CloseReason::Violation(violation));
            }
            _ => {
                /// CONNACK without a property: what is said to a client whose limit cannot be read.
                const SMALLEST_CONNACK: u32 = 5;
                let conn = &mut self.clients.conns[index];
                conn.version = Connect::peek_version(body);
                conn.packet_bytes_max = Connect::peek_maximum_packet_size(body).unwrap_or(SMALLEST_CONNACK);
                self.violate(index, violation);
            }
        }
    }

    fn check_connect(&self, index: u32, connect: &Connect<'_>) -> Result<(), ReasonCode> {
        let mqtt = &self.clients.config.mqtt;
        let listener = &self.clients.config.listeners[usize::from(self.clients.conns[index].listener.0)];
        if self.shutting_down {
            return Err(ReasonCode::ServerUnavailable);
        }
        if !mqtt.versions.contains(&connect.version) {
            return Err(ReasonCode::UnsupportedProtocolVersion);
        }
        if connect.client_id.len() > usize::from(mqtt.client_id_bytes_max) {
            return Err(ReasonCode::ClientIdentifierNotValid);
        }
        // MQTT 3.1 knows no empty identifier, MQTT 3.1.1 none for a session that is kept (MQTT-3.1.3-8).
        let may_be_empty = match connect.version {
            Version::V3_1 => false,
            Version::V3_1_1 => connect.clean_start,
            Version::V5 => true,
        };
        if connect.client_id.is_empty() && !may_be_empty {
            return Err(ReasonCode::ClientIdentifierNotValid);
        }
        let method = connect.properties.authentication_method();
        match (&self.clients.config.authentication, method) {
            (Authentication::None, Some(_)) => return Err(ReasonCode::BadAuthenticationMethod),
            (Authentication::External { methods }, Some(method)) if !methods.iter().any(|known| known == method) => {
                return Err(ReasonCode::BadAuthenticationMethod);
            }
            (Authentication::None, None) if !listener.allow_anonymous => return Err(ReasonCode::NotAuthorized),
            (Authentication::External { .. }, None) if connect.user_name.is_none() && !listener.allow_anonymous => {
                return Err(ReasonCode::NotAuthorized);
            }
            (Authentication::None | Authentication::External { .. }, _) => {}
        }
        connect.will.as_ref().map_or(Ok(()), |will| self.check_will(will))
    }

    fn check_will(&self, will: &WillPacket<'_>) -> Result<(), ReasonCode> {
        let mqtt = &self.clients.config.mqtt;
        if !name::is_valid_name(will.topic, mqtt.topic_levels_max) || self.is_denied_topic(will.topic) {
            return Err(ReasonCode::TopicNameInvalid);
        }
        if will.qos > mqtt.maximum_qos {
            return Err(ReasonCode::QoSNotSupported);
        }
        if will.retain && !mqtt.retain_available {
            return Err(ReasonCode::RetainNotSupported);
        }
        access::check_publish(&self.clients.config.access, will.topic)
    }

    /// The shard that owns the session of this client.
    pub(super) fn home_of(&self, client_id: &str) -> ShardId {
        let shards = u64::from(self.clients.config.shards);
        ShardId((self.client_hash(client_id) >> 32).wrapping_mul(shards).wrapping_shr(32) as u16)
    }

    fn hand_off(&mut self, index: u32, to: ShardId, rest: &[u8]) {
        let id = self.clients.conn_id(index);
        let conn = &self.clients.conns[index];
        self.clients.stats.handoffs += 1;
        // It is the other shard's.
        self.clients.stats.packets_received -= 1;
        let moved = Box::new(Moved {
            from: self.shard,
            number: self.clients.stats.handoffs,
            listener: conn.listener,
            peer: conn.peer,
            accepted: conn.accepted,
            received: rest.to_vec(),
        });
        self.clients.event(Event::HandedOff { conn: id, to });
        // Its place is kept until the runtime has been told, so that no other connection gets its name before.
        self.cancel_timers(index);
        self.clients.conns[index].phase = Phase::Closing;
        self.clients.out.handoff.push(Handoff { conn: id, to, moved });
    }

    /// A connection that another shard handed over. `None`: a limit is reached, close it.
    #[expect(clippy::boxed_local, reason = "it is taken out of the box in which it crossed a thread")]
    pub fn handle_handoff(&mut self, now: Instant, moved: Box<Moved>) -> Option<ConnId> {
        self.advance(now);
        let Moved { from, number, listener, peer, accepted, received } = *moved;
        self.record(&Input::Handoff { from, number });
        let conn = self.accept(listener, peer, accepted)?;
        self.clients.event(Event::Accepted { conn, listener, peer });
        if let Some(recorder) = &mut self.recorder {
            recorder.adopt(conn, &received);
        }
        self.receive(conn, &received);
        Some(conn)
    }

    /// A Client Identifier that no session of the whole broker has (MQTT-3.2.2-16), and whose home is this shard.
    fn assign_client_id(&mut self) -> Box<str> {
        loop {
            let id = alloc::format!("auto-{:016x}{:08x}", self.random.next(), self.random.next() as u32);
            if self.home_of(&id) == self.shard && self.session_of(&id).is_none() {
                return id.into_boxed_str();
            }
        }
    }

    pub(super) fn session_of(&self, client_id: &str) -> Option<u32> {
        let hash = self.client_hash(client_id);
        self.by_client_id.find(hash, |&index| *self.clients.sessions[index].client_id == *client_id).copied()
    }

    /// The client is who it says: it gets its session and its CONNACK.
    pub(super) fn admit(
        &mut self,
        index: u32,
        connect: &Connect<'_>,
        assigned: Option<Box<str>>,
        auth_data: Option<Vec<u8>>,
    ) {
        let client_id: &str = assigned.as_deref().unwrap_or(connect.client_id);
        let terms = self.terms(connect);
        // A client that cannot be told the terms is not let in: without its CONNACK nothing else may be sent to it
        // (MQTT-3.2.0-1, MQTT-3.1.2-24).
        let size_max = self.clients.conns[index].packet_bytes_max;
        if size_max < u32::MAX {
            let acknowledgement = self.connack(false, &terms, connect, assigned.as_deref(), auth_data.as_deref());
            if acknowledgement.len() > size_max as usize {
                let code = ReasonCode::PacketTooLarge;
                return self.close(index, Some(code), CloseReason::Refused(code));
            }
        }
        let session = match self.open_session(client_id, connect) {
            Ok(session) => session,
            Err(code) => return self.close(index, Some(code), CloseReason::Refused(code)),
        };
        let (session, present) = session;
        self.attach(index, session, &terms, connect);
        let position = self.record_connected(session, connect);
        let acknowledgement = self.connack(present, &terms, connect, assigned.as_deref(), auth_data.as_deref());
        let client_id = self.clients.sessions[session].client_id.clone();
        self.clients.stats.connects_accepted += 1;
        self.clients.stats.sessions_connected += 1;
        let conn = self.clients.conn_id(index);
        self.clients.event(Event::Connected {
            conn,
            client_id,
            user_name: connect.user_name.map(Box::from),
            version: connect.version,
            clean_start: connect.clean_start,
            session_present: present,
            keep_alive_s: terms.keep_alive_s,
        });
        let answered = self.reply_bytes(index, acknowledgement, position, PeerWaits::new(), Vec::new());
        if self.clients.conns[index].phase != Phase::Connected {
            return;
        }
        if answered {
            self.resume(index);
        } else {
            self.clients.conns[index].resumes = true;
        }
    }

    /// CONNACK is on its way: what the session is owed follows.
    pub(super) fn resume(&mut self, index: u32) {
        let session = self.clients.conns[index].session;
        self.update_memberships(session);
        self.clients.pull(session);
    }

    fn open_session(&mut self, client_id: &str, connect: &Connect<'_>) -> Result<(u32, bool), ReasonCode> {
        let mut existing = self.session_of(client_id);
        if let Some(session) = existing {
            let external = !matches!(self.clients.config.authentication, Authentication::None);
            if external && self.clients.sessions[session].user_name.as_deref() != connect.user_name {
                return Err(ReasonCode::NotAuthorized);
            }
            self.take_over(session, connect.clean_start);
            // The session may have ended with the connection that was taken over.
            existing = self.session_of(client_id);
        }
        if let Some(session) = existing
            && connect.clean_start
        {
            self.end_session(session, SessionEnd::CleanStart);
            existing = None;
        }
        if let Some(session) = existing {
            return Ok((session, true));
        }
        if self.clients.sessions.len() >= self.clients.config.limits.sessions_max as usize {
            return Err(ReasonCode::QuotaExceeded);
        }
        let session =
            self.clients.sessions.insert(Session::new(Box::from(client_id), connect.user_name.map(Box::from)));
        let hash = self.client_hash(client_id);
        let (sessions, hasher) = (&self.clients.sessions, &self.hasher);
        self.by_client_id.insert_unique(hash, session, |&other| super::hash_client(hasher, &sessions[other].client_id));
        self.clients.stats.sessions += 1;
        Ok((session, false))
    }

    /// A newer connection takes the session: the older one is told 0x8E and closed (MQTT-3.1.4-3).
    fn take_over(&mut self, session: u32, clean_start: bool) {
        let older = self.clients.sessions[session].connection;
        if older == NO_CONNECTION {
            return;
        }
        self.clients.stats.takeovers += 1;
        // The client is back before a delay could end: such a will is not sent (MQTT-3.1.3-9).
        let delayed = self.clients.sessions[session].will.as_ref().is_some_and(|will| will.delay_s > 0);
        if delayed && !clean_start && self.clients.sessions[session].is_persistent() {
            self.clients.sessions[session].will = None;
        }
        self.close(older, Some(ReasonCode::SessionTakenOver), CloseReason::TakenOver);
    }

    /// Joins connection and session.
    fn attach(&mut self, index: u32, session: u32, terms: &Terms, connect: &Connect<'_>) {
        let mqtt = &self.clients.config.mqtt;
        let &Terms { expiry_s, keep_alive_s } = terms;
        let window = connect.properties.receive_maximum().unwrap_or(u16::MAX).min(mqtt.inflight_max);
        let aliases = connect.properties.topic_alias_maximum().unwrap_or(0).min(mqtt.topic_alias_outgoing_max);
        self.cancel_timers(index);
        let now = self.clients.now;
        let conn = &mut self.clients.conns[index];
        conn.phase = Phase::Connected;
        conn.session = session;
        conn.window = window;
        conn.keep_alive = core::time::Duration::from_millis(u64::from(keep_alive_s) * 1_500);
        conn.aliases_out = (aliases > 0).then(|| Box::new(OutgoingAliases::new(aliases)));
        conn.heard = now;
        if keep_alive_s > 0 {
            let deadline = now.saturating_add(conn.keep_alive);
            let key = self.clients.timer_key(TimerKind::KeepAlive, index);
            self.clients.conns[index].timer = Some(self.clients.timers.arm(deadline, key));
        }
        let state = &mut self.clients.sessions[session];
        state.connection = index;
        state.expiry_s = expiry_s;
        state.inflight.begin_connection();
        state.will = connect.will.as_ref().map(|will| Box::new(stored_will(will)));
        for timer in [state.expiry_timer.take(), state.will_timer.take()].into_iter().flatten() {
            self.clients.timers.cancel(timer);
        }
    }

    fn record_connected(&mut self, session: u32, connect: &Connect<'_>) -> crate::id::LogPosition {
        let expiry_s = self.clients.sessions[session].expiry_s;
        if !self.clients.config.durable || expiry_s == 0 {
            return self.clients.stored;
        }
        let user_name = connect.user_name.map(Box::from);
        self.clients.record_for(session, |client_id| Operation::SessionConnected { client_id, user_name, expiry_s });
        if let Some(will) = self.clients.sessions[session].will.clone() {
            self.clients.record_for(session, |client_id| Operation::WillSet {
                client_id,
                delay_s: will.delay_s,
                will: StoredMessage {
                    topic: will.topic,
                    properties: will.properties,
                    payload: will.payload,
                    qos: will.qos,
                    retain: will.retain,
                    expiry_s: will.message_expiry_s,
                },
            });
        }
        self.clients.recorded
    }

    /// The deployment's authentication accepted a CONNECT that waited.
    pub(super) fn admit_waiting(&mut self, index: u32, outcome: AuthOutcome) {
        let Some(auth) = &mut self.clients.conns[index].auth else { return };
        let body = core::mem::take(&mut auth.connect);
        let assigned = auth.is_assigned.then(|| auth.client_id.clone());
        match outcome {
            AuthOutcome::Accept { data } => {
                let connect = Connect::decode(&body).expect("the CONNECT was decoded before it waited");
                self.admit(index, &connect, assigned, data);
            }
            // Who named no Authentication Method is asked nothing (MQTT-4.12.0-6).
            AuthOutcome::Continue { .. } if auth.method.is_none() => {
                let code = ReasonCode::ImplementationSpecificError;
                self.close(index, Some(code), CloseReason::Refused(code));
            }
            AuthOutcome::Continue { data } => {
                let auth = self.clients.conns[index].auth.as_mut().expect("it was there above");
                auth.connect = body;
                self.challenge(index, data);
            }
            AuthOutcome::Refuse(code) => self.close(index, Some(code), CloseReason::Refused(code)),
        }
    }
}

fn stored_will(will: &WillPacket<'_>) -> Will {
    let mut scratch = Vec::new();
    Will {
        topic: Box::from(will.topic),
        payload: Box::from(will.payload),
        properties: Box::from(forwardable(will.properties, &mut scratch)),
        qos: will.qos,
        retain: will.retain,
        message_expiry_s: will.properties.message_expiry_interval(),
        delay_s: will.properties.will_delay_interval().unwrap_or(0),
    }
}
