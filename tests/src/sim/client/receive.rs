//! What a client makes of the packets that it gets, and what it will not take from a broker.

use super::{Around, Client, State};
use crate::sim::oracle::Arrived;
use crate::wire::{
    Ack, ConnAck, Packet, Property, Publish, Version, decode, frame_len, puback, pubcomp, pubrec, pubrel,
};

/// A packet in few words.
pub(in crate::sim) fn brief(packet: &Packet) -> String {
    match packet {
        Packet::Publish(it) => {
            let end = it.payload.iter().position(|&byte| byte == b':').unwrap_or(0);
            let name = String::from_utf8_lossy(&it.payload[..end]).into_owned();
            let (id, dup, retain) = (it.id.unwrap_or(0), u8::from(it.dup), u8::from(it.retain));
            format!("PUBLISH {name} {:?} q{} id{id} d{dup} r{retain} {:?}", it.topic, it.qos, it.properties)
        }
        other => format!("{other:?}"),
    }
}

impl Client {
    /// Takes the packets off what was read.
    pub(super) fn take_packets(&mut self, around: &mut Around<'_>) {
        loop {
            let len = match frame_len(&self.rx) {
                Ok(Some(len)) => len,
                Ok(None) => return,
                Err(error) => return around.trace.fail("garbage from the broker", error),
            };
            let frame: Vec<u8> = self.rx.drain(..len).collect();
            if around.link.request.is_some_and(|request| len > request.packet_bytes_max) {
                around.trace.fail("Maximum Packet Size exceeded", format!("c{}: {len} bytes", self.number));
            }
            match decode(&frame, self.version) {
                Ok(packet) => self.handle(packet, around),
                Err(error) => return around.trace.fail("garbage from the broker", format!("{error}: {frame:02X?}")),
            }
        }
    }

    fn handle(&mut self, packet: Packet, around: &mut Around<'_>) {
        let number = self.number;
        around.trace.note(|| format!("c{number} < {}", brief(&packet)));
        match (self.state, packet) {
            (State::Connecting, Packet::ConnAck(ack)) => self.connack(&ack, around),
            (_, Packet::Auth(auth)) if self.v5 => self.auth_came(&auth, around),
            (State::Up, Packet::Publish(publish)) => self.publish_came(&publish, around),
            (State::Up, Packet::PubAck(ack)) => self.puback_came(&ack, around),
            (State::Up, Packet::PubRec(ack)) => self.pubrec_came(&ack, around),
            (State::Up, Packet::PubRel(ack)) => {
                self.incoming.remove(&ack.id);
                self.acks.push_back(pubcomp(ack.id));
            }
            (State::Up, Packet::PubComp(ack)) => {
                let known = self.outgoing.iter().position(|it| it.id == ack.id && it.released);
                match known {
                    Some(place) => {
                        self.outgoing.remove(place);
                    }
                    None => around.trace.fail("PUBCOMP for nothing", format!("c{number}: {ack:?}")),
                }
            }
            (State::Up, Packet::SubAck(ack)) => {
                let Some(place) = self.subscribing.iter().position(|it| it.0 == ack.id) else {
                    return around.trace.fail("SUBACK for nothing", format!("c{number}: {ack:?}"));
                };
                let (_, filters) = self.subscribing.remove(place);
                let Some((session, _)) = around.link.session else { return };
                for (place, code) in filters.into_iter().zip(ack.codes) {
                    around.book.granted(session, place, code);
                }
            }
            (State::Up, Packet::UnsubAck(ack)) => {
                let Some(place) = self.leaving.iter().position(|it| it.id == ack.id) else {
                    return around.trace.fail("UNSUBACK for nothing", format!("c{number}: {ack:?}"));
                };
                let left = self.leaving.remove(place);
                if let Some((session, _)) = around.link.session {
                    around.book.unsubscribed(session, left.filter, left.sent);
                }
            }
            (State::Up, Packet::PingResp) => {}
            (_, Packet::Disconnect(_)) if self.v5 => {}
            (state, packet) => {
                around.trace.fail("a packet that may not come", format!("c{number} {state:?}: {packet:?}"));
            }
        }
    }

    fn connack(&mut self, ack: &ConnAck, around: &mut Around<'_>) {
        if ack.code != 0 {
            return self.refused(ack, around);
        }
        let Some((session, present)) = around.link.session else {
            return around.trace.fail("CONNACK before the event", self.name());
        };
        // MQTT 3.1 has no Session Present: there the client is told by nobody but us.
        if ack.session_present != (present && self.version != Version::V31) {
            around.trace.fail("Session Present is not true", format!("{}: {ack:?}", self.name()));
        }
        self.must_clean = false;
        // A connection that ended before its CONNACK came may have renewed the session, and MQTT has no way to tell: here
        // the client is told.
        if !present || self.session != Some(session) {
            self.forget();
        }
        self.session = Some(session);
        self.receive_maximum = if self.v5 { u16::MAX } else { around.book.options.receive_maximum as u16 };
        self.alias_maximum = 0;
        for property in &ack.properties {
            match property {
                Property::ReceiveMaximum(value) => self.receive_maximum = *value,
                Property::TopicAliasMaximum(value) => self.alias_maximum = *value,
                Property::ServerKeepAlive(value) if !self.silent => {
                    self.ping_after = std::time::Duration::from_secs(u64::from(*value));
                }
                _ => {}
            }
        }
        self.state = State::Up;
        self.resend_at = Some(around.now);
    }

    /// PUBACK comes in the order of the PUBLISH packets (MQTT-4.6.0-2).
    fn puback_came(&mut self, ack: &Ack, around: &mut Around<'_>) {
        match self.outgoing.iter().position(|it| it.qos == 1) {
            Some(place) if self.outgoing[place].id == ack.id => {
                let done = self.outgoing.remove(place);
                around.book.acknowledged(done.message, ack.code, around.now);
            }
            _ => around.trace.fail("PUBACK out of order", format!("{}: {ack:?} of {:?}", self.name(), self.outgoing)),
        }
    }

    /// So does PUBREC (MQTT-4.6.0-3).
    fn pubrec_came(&mut self, ack: &Ack, around: &mut Around<'_>) {
        match self.outgoing.iter().position(|it| it.qos == 2 && !it.released) {
            Some(place) if self.outgoing[place].id == ack.id => {
                around.book.acknowledged(self.outgoing[place].message, ack.code, around.now);
                if ack.code >= 0x80 {
                    self.outgoing.remove(place);
                } else {
                    self.outgoing[place].released = true;
                    self.send(pubrel(ack.id), around);
                }
            }
            _ => around.trace.fail("PUBREC out of order", format!("{}: {ack:?} of {:?}", self.name(), self.outgoing)),
        }
    }

    fn publish_came(&mut self, publish: &Publish, around: &mut Around<'_>) {
        let topic = self.topic_of(publish, around);
        let message = around.book.message_of(&publish.payload);
        let id = publish.id.unwrap_or(0);
        let fresh = match publish.qos {
            0 => true,
            1 => self.is_fresh_1(id, message, publish, around),
            _ => self.is_fresh_2(id, message, publish, around),
        };
        let Some((session, _)) = around.link.session else { return };
        let punctual = !around.link.late && self.reads_mode == 0;
        let arrived = Arrived { session, publish, topic: &topic, fresh, punctual };
        around.book.arrived(arrived, around.trace);
        match publish.qos {
            0 => return,
            1 => self.acks.push_back(puback(id)),
            _ => self.acks.push_back(pubrec(id)),
        }
        if self.open.contains(&id) {
            if publish.dup && !self.v5 && around.book.options.retry_s > 0 {
                return;
            }
            around.trace.fail("sent again on the same connection", format!("{}: {publish:?}", self.name()));
        }
        self.open.push(id);
        self.check_window(around);
    }

    fn topic_of(&mut self, publish: &Publish, around: &mut Around<'_>) -> String {
        let alias = publish.properties.iter().find_map(|property| match property {
            Property::TopicAlias(alias) => Some(*alias),
            _ => None,
        });
        let Some(alias) = alias else { return publish.topic.clone() };
        if !publish.topic.is_empty() {
            self.aliases_in.insert(alias, publish.topic.clone());
        }
        match self.aliases_in.get(&alias) {
            Some(topic) => topic.clone(),
            None => {
                around.trace.fail("an alias that was not defined", format!("{}: {publish:?}", self.name()));
                String::new()
            }
        }
    }

    /// An identifier in use brings what it brought before, with DUP, or nothing.
    fn check_reuse(&self, held: Option<usize>, message: Option<usize>, publish: &Publish, around: &mut Around<'_>) {
        if !publish.dup || held != message {
            let text = format!("{}: {publish:?} while it holds message {held:?}", self.name());
            around.trace.fail("a Packet Identifier in use", text);
        }
    }

    fn is_fresh_1(&mut self, id: u16, message: Option<usize>, publish: &Publish, around: &mut Around<'_>) -> bool {
        if let Some(&held) = self.incoming.get(&id) {
            self.check_reuse(held, message, publish, around);
        }
        if let Some(&held) = self.unacknowledged.get(&id) {
            self.check_reuse(held, message, publish, around);
        }
        self.unacknowledged.insert(id, message);
        let known = self.last.insert(id, message);
        !(publish.dup && known == Some(message))
    }

    fn is_fresh_2(&mut self, id: u16, message: Option<usize>, publish: &Publish, around: &mut Around<'_>) -> bool {
        if let Some(&held) = self.unacknowledged.get(&id) {
            self.check_reuse(held, message, publish, around);
        }
        match self.incoming.insert(id, message) {
            Some(held) => {
                self.check_reuse(held, message, publish, around);
                false
            }
            None => true,
        }
    }

    /// The broker keeps to the client's Receive Maximum, and to its own bound (MQTT-3.3.4-9).
    fn check_window(&self, around: &mut Around<'_>) {
        // What is sent again on a live connection may have left before its acknowledgement came.
        if around.book.options.retry_s > 0 {
            return;
        }
        let own = around.link.request.map_or(u16::MAX, |request| request.receive_maximum);
        let max = u64::from(own).min(around.book.options.inflight_max);
        if self.open.len() as u64 > max {
            around.trace.fail("Receive Maximum exceeded", format!("{}: {:?} of {max}", self.name(), self.open));
        }
    }

    /// An acknowledgement leaves.
    pub(super) fn send_ack(&mut self, ack: Packet, around: &mut Around<'_>) {
        match &ack {
            Packet::PubAck(it) => {
                self.unacknowledged.remove(&it.id);
                self.open.retain(|&id| id != it.id);
            }
            Packet::PubComp(it) => self.open.retain(|&id| id != it.id),
            _ => {}
        }
        self.send(ack, around);
    }
}
