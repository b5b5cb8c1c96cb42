//! How a client says who it is, where the broker asks.

use super::{Around, Client, State};
use crate::sim::authenticator::{CHALLENGE, METHOD, SECRET, WELCOME};
use crate::wire::{Auth, ConnAck, Connect, Property, auth};

fn secret(wrong: bool) -> Vec<u8> {
    if wrong { b"guess".to_vec() } else { SECRET.to_vec() }
}

fn data_of(properties: &[Property]) -> Option<&[u8]> {
    properties.iter().find_map(|property| match property {
        Property::AuthenticationData(data) => Some(&data[..]),
        _ => None,
    })
}

impl Client {
    /// CONNECT with a user name, which is always its own name, and a password or an Authentication Method.
    pub(super) fn introduced(&self, packet: Connect, wrong: bool, around: &Around<'_>) -> Connect {
        if around.book.options.auth == 0 {
            return packet;
        }
        let packet = packet.user_name(&self.name());
        if self.enhanced {
            packet.property(Property::AuthenticationMethod(METHOD.into()))
        } else {
            packet.password(&secret(wrong))
        }
    }

    fn send_auth(&mut self, code: u8, data: Option<Vec<u8>>, around: &mut Around<'_>) {
        let mut packet = auth(code).property(Property::AuthenticationMethod(METHOD.into()));
        if let Some(data) = data {
            packet = packet.property(Property::AuthenticationData(data));
        }
        self.send(packet, around);
    }

    /// Begins to authenticate itself again (MQTT 5.0, 4.12.1).
    pub(in crate::sim) fn again(&mut self, wrong: bool, around: &mut Around<'_>) {
        if self.state == State::Up && self.enhanced && self.again.is_none() {
            self.again = Some(wrong);
            self.send_auth(0x19, None, around);
        }
    }

    /// AUTH: the next step, or the end of a further authentication.
    pub(super) fn auth_came(&mut self, packet: &Auth, around: &mut Around<'_>) {
        let data = data_of(&packet.properties);
        match (packet.code, self.state, self.again) {
            (0x18, State::Connecting, _) if self.enhanced && data == Some(CHALLENGE) => {
                let wrong = around.link.request.is_some_and(|request| request.wrong);
                self.send_auth(0x18, Some(secret(wrong)), around);
            }
            (0x18, State::Up, Some(wrong)) if data == Some(CHALLENGE) => {
                self.send_auth(0x18, Some(secret(wrong)), around);
            }
            (0, State::Up, Some(false)) if data == Some(WELCOME) => self.again = None,
            _ => around.trace.fail("an AUTH that may not come", format!("{}: {packet:?}", self.name())),
        }
    }

    /// CONNACK with a refusal: there must be a reason.
    pub(super) fn refused(&self, ack: &ConnAck, around: &mut Around<'_>) {
        let options = &around.book.options;
        let codes: [u8; 3] = if self.v5 { [0x86, 0x87, 0x97] } else { [4, 5, 3] };
        let wrong = around.link.request.is_some_and(|request| request.wrong);
        let no_room = options.sessions_max < 1_000;
        // `auth_timeout` is over, or nothing is stored any more.
        let unavailable = options.auth_delay_ms > 5_000 || around.book.store_failed;
        let late = unavailable && ack.code == if self.v5 { 0x88 } else { 3 };
        // The broker goes down: CONNACK has no 0x8B.
        let ends = options.shutdown > 0 && ack.code == if self.v5 { 0x80 } else { 3 };
        let late = late || ends;
        let right = match codes.iter().position(|&code| code == ack.code) {
            Some(0 | 1) => wrong,
            Some(_) => no_room || late,
            None => late,
        };
        if !right || ack.session_present {
            around.trace.fail("refused without a reason", format!("{}: {ack:?}, wrong {wrong}", self.name()));
        }
    }
}
