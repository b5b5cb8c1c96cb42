//! Authentication: the broker asks, the deployment answers (MQTT 5.0, 4.12).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Broker;
use crate::access::{AuthExchange, AuthOutcome, AuthRequest};
use crate::connection::{AuthState, Phase};
use crate::event::CloseReason;
use crate::id::AuthId;
use crate::packet::{Auth, Connect, PacketType, Property, PropertyBuffer, ReasonCode, Violation};
use crate::time::Instant;
use crate::timer::TimerKind;

impl Broker {
    /// Asks about a CONNECT. Its body waits with the connection; nothing behind it is looked at.
    pub(super) fn ask_connect(&mut self, index: u32, connect: &Connect<'_>, body: &[u8], assigned: Option<Box<str>>) {
        let is_assigned = assigned.is_some();
        let client_id = assigned.unwrap_or_else(|| Box::from(connect.client_id));
        let exchange = connect.properties.authentication_method().map(|method| AuthExchange {
            method: Box::from(method),
            data: connect.properties.authentication_data().map(Box::from),
            first: true,
            re_authenticate: false,
        });
        let request = AuthRequest {
            id: AuthId(0),
            conn: self.clients.conn_id(index),
            listener: self.clients.conns[index].listener,
            peer: self.clients.conns[index].peer,
            client_id: client_id.clone(),
            user_name: connect.user_name.map(Box::from),
            password: connect.password.map(Box::from),
            exchange,
        };
        self.clients.conns[index].auth = Some(Box::new(AuthState {
            method: connect.properties.authentication_method().map(Box::from),
            request: None,
            timer: None,
            connect: body.to_vec(),
            client_id,
            is_assigned,
            challenged: false,
        }));
        self.ask(index, request);
    }

    fn ask(&mut self, index: u32, mut request: AuthRequest) {
        if self.auth_requests >= self.clients.config.limits.auth_requests_max {
            return self.refuse_auth(index, ReasonCode::ServerBusy);
        }
        self.auth_requests += 1;
        self.auth_number += 1;
        // The connection's place is part of the name, so that the answer finds it without a table.
        request.id = AuthId(self.auth_number << 32 | u64::from(index));
        let key = self.clients.timer_key(TimerKind::Auth, index);
        let deadline = self.clients.now.saturating_add(self.clients.config.limits.auth_timeout);
        let timer = self.clients.timers.arm(deadline, key);
        let conn = &mut self.clients.conns[index];
        let auth = conn.auth.get_or_insert_default();
        auth.request = Some(request.id);
        auth.timer = Some(timer);
        if conn.phase != Phase::Connected {
            conn.phase = Phase::Authenticating;
        }
        self.clients.out.auth.push(request);
    }

    /// The deployment's answer. One that nobody waits for any more is ignored.
    pub fn handle_auth(&mut self, now: Instant, request: AuthId, outcome: AuthOutcome) {
        self.advance(now);
        if let Some(recorder) = &mut self.recorder {
            recorder.auth(self.clients.now, request, &outcome);
        }
        let index = request.0 as u32;
        let Some(conn) = self.clients.conns.get_mut(index) else { return };
        let Some(auth) = &mut conn.auth else { return };
        if auth.request != Some(request) {
            return;
        }
        auth.request = None;
        let timer = auth.timer.take();
        if let Some(timer) = timer {
            self.clients.timers.cancel(timer);
        }
        self.auth_requests -= 1;
        match self.clients.conns[index].phase {
            Phase::Authenticating => self.admit_waiting(index, outcome),
            Phase::Connected => self.re_authenticated(index, outcome),
            Phase::Handshake | Phase::Challenged | Phase::Closing => return,
        }
        if self.clients.conns.get(index).is_some() {
            if self.clients.conns[index].phase != Phase::Closing && !self.clients.conns[index].input.is_empty() {
                self.clients.queue_work(index);
            }
            self.clients.update_reading(index);
        }
    }

    /// The deployment did not answer in time.
    pub(super) fn auth_timed_out(&mut self, index: u32) {
        if let Some(auth) = &mut self.clients.conns[index].auth {
            auth.timer = None;
        }
        self.refuse_auth(index, ReasonCode::ServerUnavailable);
    }

    fn refuse_auth(&mut self, index: u32, code: ReasonCode) {
        // 0x88 is no code of DISCONNECT: a connected client is told 0x87.
        let connected = self.clients.conns[index].phase == Phase::Connected;
        let code = if connected && code == ReasonCode::ServerUnavailable { ReasonCode::NotAuthorized } else { code };
        self.close(index, Some(code), CloseReason::Refused(code));
    }

    /// Sends AUTH 0x18 and waits for the client's (MQTT-4.12.0-2).
    pub(super) fn challenge(&mut self, index: u32, data: Option<Vec<u8>>) {
        if self.clients.conns[index].phase != Phase::Connected {
            self.clients.conns[index].phase = Phase::Challenged;
        }
        self.write_auth(index, ReasonCode::ContinueAuthentication, data);
        let key = self.clients.timer_key(TimerKind::Connect, index);
        let deadline = self.clients.now.saturating_add(self.clients.config.mqtt.connect_timeout);
        let conn = &mut self.clients.conns[index];
        if let Some(auth) = &mut conn.auth {
            auth.challenged = true;
        }
        if conn.phase == Phase::Challenged && conn.timer.is_none() {
            conn.timer = Some(self.clients.timers.arm(deadline, key));
        }
    }

    fn write_auth(&mut self, index: u32, code: ReasonCode, data: Option<Vec<u8>>) {
        let method = self.clients.conns[index].auth.as_ref().and_then(|auth| auth.method.clone());
        let mut properties = PropertyBuffer::new();
        if let Some(method) = &method {
            properties.push(Property::AuthenticationMethod(method));
        }
        if let Some(data) = &data {
            properties.push(Property::AuthenticationData(data));
        }
        let auth = Auth { code, properties: properties.as_properties() };
        self.clients.write(index, |_, out| auth.encode(out));
    }

    /// AUTH from the client: the answer to a challenge, or the beginning of a re-authentication (MQTT 5.0, 4.12.1).
    pub(super) fn handle_auth_packet(&mut self, index: u32, packet: &Auth<'_>) {
        let conn = &self.clients.conns[index];
        let Some(method) = conn.auth.as_ref().and_then(|auth| auth.method.as_deref()) else {
            return self.violate(index, Violation::AuthWithoutMethod);
        };
        let Some(named) = packet.properties.authentication_method() else {
            return self.violate(index, Violation::AuthMethodMissing);
        };
        if named != method {
            return self.violate(index, Violation::AuthMethodDiffers);
        }
        let pending = conn.auth.as_ref().is_some_and(|auth| auth.request.is_some());
        let challenged = conn.auth.as_ref().is_some_and(|auth| auth.challenged);
        let first = packet.code == ReasonCode::ReAuthenticate;
        let connected = conn.phase == Phase::Connected;
        // Before CONNACK only 0x18 makes sense, it answers a challenge, a server sends 0x00, and one step at a time.
        let answers = packet.code == ReasonCode::ContinueAuthentication;
        if pending || packet.code == ReasonCode::Success || (first && !connected) || (answers && !challenged) {
            return self.violate(index, Violation::AuthUnexpected);
        }
        if let Some(auth) = &mut self.clients.conns[index].auth {
            auth.challenged = false;
        }
        let exchange = AuthExchange {
            method: Box::from(named),
            data: packet.properties.authentication_data().map(Box::from),
            first,
            re_authenticate: connected,
        };
        let (client_id, user_name) = self.who(index);
        let request = AuthRequest {
            id: AuthId(0),
            conn: self.clients.conn_id(index),
            listener: self.clients.conns[index].listener,
            peer: self.clients.conns[index].peer,
            client_id,
            user_name,
            password: None,
            exchange: Some(exchange),
        };
        self.ask(index, request);
    }

    fn who(&self, index: u32) -> (Box<str>, Option<Box<str>>) {
        let conn = &self.clients.conns[index];
        if let Some(session) = self.clients.sessions.get(conn.session) {
            return (session.client_id.clone(), session.user_name.clone());
        }
        let auth = conn.auth.as_ref().expect("a client that is not connected waits for authentication");
        let connect = Connect::decode(&auth.connect).expect("the CONNECT was decoded before it waited");
        (auth.client_id.clone(), connect.user_name.map(Box::from))
    }

    fn re_authenticated(&mut self, index: u32, outcome: AuthOutcome) {
        match outcome {
            AuthOutcome::Accept { data } => self.write_auth(index, ReasonCode::Success, data),
            AuthOutcome::Continue { data } => self.challenge(index, data),
            // MQTT-4.12.1-2, by a code that DISCONNECT has (MQTT-3.14.2-1).
            AuthOutcome::Refuse(code) => {
                let code = if code.allowed_in(PacketType::Disconnect) { code } else { ReasonCode::NotAuthorized };
                self.close(index, Some(code), CloseReason::Refused(code));
            }
        }
    }
}
