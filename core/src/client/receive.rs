//! What a client makes of the server's packets.

use alloc::vec;
use alloc::vec::Vec;

use super::incoming::{Arrival, Release};
use super::machine::Phase;
use super::outgoing::{RequestKind, Settled};
use super::{Client, ClientEvent, DisconnectReason, Message, PublishToken, ServerLimits};
use crate::packet::{
    Ack, Auth, ConnAck, Disconnect, Packet, PacketId, PacketType, Properties, PropertyBuffer, Publish, ReasonCode,
    SubAck, UnsubAck, Version, Violation, split,
};
use crate::time::Instant;

impl Client {
    /// Bytes have come. They are looked at where they lie; only the beginning of an incomplete packet is copied. Without a
    /// connection, or once it is ending, they are ignored.
    pub fn handle_receive(&mut self, now: Instant, bytes: &[u8]) {
        self.tick(now);
        if self.rx.is_empty() {
            let used = self.receive(bytes);
            self.keep(&bytes[used..]);
        } else {
            let mut rx = core::mem::take(&mut self.rx);
            rx.extend_from_slice(bytes);
            let used = self.receive(&rx);
            rx.drain(..used);
            if self.wants_bytes() {
                self.rx = rx;
            }
        }
        self.pump();
    }

    /// Keeps the beginning of a packet until the rest comes.
    fn keep(&mut self, bytes: &[u8]) {
        if self.wants_bytes() {
            self.rx.extend_from_slice(bytes);
        }
    }

    /// Whether the connection stands.
    const fn wants_bytes(&self) -> bool {
        matches!(self.phase, Phase::Connecting | Phase::Connected)
    }

    /// Handles the whole packets at the front of `bytes` and tells how many bytes they take.
    fn receive(&mut self, bytes: &[u8]) -> usize {
        let size_max = self.config.maximum_packet_size as usize;
        let version = self.config.version;
        let mut used = 0;
        while self.wants_bytes() {
            let result = match split(&bytes[used..], Some(version), size_max) {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    used += frame.size;
                    Packet::decode(version, &frame).and_then(|packet| self.handle_packet(&packet))
                }
                Err(violation) => Err(violation),
            };
            if let Err(violation) = result {
                self.violated(violation);
            }
        }
        used
    }

    fn handle_packet(&mut self, packet: &Packet<'_>) -> Result<(), Violation> {
        let is_connecting = self.phase == Phase::Connecting;
        match packet {
            Packet::ConnAck(connack) if is_connecting => self.handle_connack(connack),
            Packet::Auth(auth) => self.handle_auth(auth),
            Packet::Publish(publish) if !is_connecting => self.handle_publish(publish),
            Packet::PubAck(ack) if !is_connecting => self.handle_puback(ack),
            Packet::PubRec(ack) if !is_connecting => self.handle_pubrec(ack),
            Packet::PubRel(ack) if !is_connecting => self.handle_pubrel(ack),
            Packet::PubComp(ack) if !is_connecting => self.handle_pubcomp(ack),
            Packet::SubAck(suback) if !is_connecting => self.handle_suback(suback),
            Packet::UnsubAck(unsuback) if !is_connecting => self.handle_unsuback(unsuback),
            Packet::PingResp if !is_connecting => {
                self.deadline = None;
                Ok(())
            }
            // A server sends DISCONNECT in 5.0 alone, and not before CONNACK (MQTT-3.14.0-1).
            Packet::Disconnect(disconnect) if !is_connecting && self.config.version == Version::V5 => {
                self.handle_disconnect(disconnect)
            }
            Packet::ConnAck(_)
            | Packet::Publish(_)
            | Packet::PubAck(_)
            | Packet::PubRec(_)
            | Packet::PubRel(_)
            | Packet::PubComp(_)
            | Packet::SubAck(_)
            | Packet::UnsubAck(_)
            | Packet::PingResp
            | Packet::Disconnect(_)
            | Packet::Connect(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::PingReq => Err(Violation::UnexpectedPacket),
        }
    }

    fn handle_connack(&mut self, connack: &ConnAck<'_>) -> Result<(), Violation> {
        let properties = owned(connack.properties);
        if connack.code.is_failure() {
            self.close();
            self.events.push_back(ClientEvent::Refused { code: connack.code, properties });
            return Ok(());
        }
        if connack.session_present && self.clean_start_sent {
            return Err(Violation::SessionPresentUnexpected);
        }
        if self.config.version == Version::V5 {
            self.check_method(connack.properties)?;
        }
        self.phase = Phase::Connected;
        self.deadline = None;
        self.is_authenticating = false;
        self.limits = ServerLimits::from_connack(&self.config, connack);
        self.is_session_kept = match self.config.version {
            Version::V5 => self.limits.session_expiry_s > 0,
            Version::V3_1 | Version::V3_1_1 => !self.config.clean_start,
        };
        if let Some(assigned) = connack.properties.assigned_client_identifier()
            && self.client_id.is_empty()
        {
            self.client_id = assigned.into();
        }
        self.sent_aliases.reset(self.limits.topic_alias_maximum.min(self.config.topic_aliases_used_max));
        self.events.push_back(ClientEvent::Connected { session_present: connack.session_present, properties });
        self.resume(connack.session_present);
        Ok(())
    }

    /// Goes on with the session, or drops what belonged to one that the server does not have. MQTT 3.1 does not tell, so
    /// there a session that was asked for is taken to be there.
    fn resume(&mut self, session_present: bool) {
        let is_resumed = session_present || (self.config.version == Version::V3_1 && !self.clean_start_sent);
        if is_resumed {
            let releasing: Vec<PacketId> = self.outgoing.releasing().collect();
            for packet_id in releasing {
                self.send_ack(PacketType::PubRel, packet_id, ReasonCode::Success);
            }
        } else {
            self.incoming.clear();
            for (token, packet_id) in self.outgoing.restart() {
                self.acknowledged(token, packet_id, ReasonCode::Success);
            }
        }
    }

    /// Checks that a packet repeats the Authentication Method of CONNECT (MQTT-4.12.0-5, MQTT-4.12.0-6).
    fn check_method(&self, properties: Properties<'_>) -> Result<(), Violation> {
        match (properties.authentication_method(), self.config.authentication_method.as_deref()) {
            (Some(_), None) => Err(Violation::AuthWithoutMethod),
            (given, configured) if given == configured => Ok(()),
            (Some(_) | None, _) => Err(Violation::AuthMethodDiffers),
        }
    }

    fn handle_auth(&mut self, auth: &Auth<'_>) -> Result<(), Violation> {
        self.check_method(auth.properties)?;
        let is_connected = self.phase == Phase::Connected;
        let is_done = auth.code == ReasonCode::Success;
        let is_expected =
            self.is_authenticating && (auth.code == ReasonCode::ContinueAuthentication || (is_done && is_connected));
        if !is_expected {
            return Err(Violation::AuthUnexpected);
        }
        if is_done {
            self.is_authenticating = false;
        }
        self.events.push_back(ClientEvent::Auth { code: auth.code, properties: owned(auth.properties) });
        Ok(())
    }

    fn handle_publish(&mut self, publish: &Publish<'_>) -> Result<(), Violation> {
        let topic = self.received_aliases.resolve(publish, self.config.topic_alias_maximum)?;
        if let Some(packet_id) = publish.packet_id {
            match self.incoming.arrive(packet_id, publish.qos) {
                Arrival::New => {}
                Arrival::Waiting => return Ok(()),
                Arrival::Received => {
                    self.send_ack(PacketType::PubRec, packet_id, ReasonCode::Success);
                    return Ok(());
                }
            }
            let is_limited = self.config.version == Version::V5;
            if is_limited && self.incoming.open() > usize::from(self.config.receive_maximum) {
                return Err(Violation::ReceiveMaximumExceeded);
            }
        }
        self.events.push_back(ClientEvent::Message(Message {
            topic: topic.into(),
            payload: publish.payload.into(),
            qos: publish.qos,
            retain: publish.retain,
            dup: publish.dup,
            packet_id: publish.packet_id,
            properties: owned(publish.properties),
        }));
        if let Some(packet_id) = publish.packet_id
            && self.config.automatic_acknowledgement
        {
            self.incoming.answer(packet_id, ReasonCode::Success);
            self.send_acknowledgements();
        }
        Ok(())
    }

    fn handle_puback(&mut self, ack: &Ack<'_>) -> Result<(), Violation> {
        let settled = self.outgoing.puback(ack.packet_id)?;
        self.settle(settled, ack);
        Ok(())
    }

    fn handle_pubrec(&mut self, ack: &Ack<'_>) -> Result<(), Violation> {
        let settled = self.outgoing.pubrec(ack.packet_id, ack.code)?;
        match settled {
            Settled::Done(_) => self.settle(settled, ack),
            Settled::Release => self.send_ack(PacketType::PubRel, ack.packet_id, ReasonCode::Success),
            Settled::Unknown if ack.code.is_failure() => {}
            Settled::Unknown => {
                self.send_ack(PacketType::PubRel, ack.packet_id, ReasonCode::PacketIdentifierNotFound);
            }
        }
        Ok(())
    }

    fn handle_pubrel(&mut self, ack: &Ack<'_>) -> Result<(), Violation> {
        let code = match self.incoming.release(ack.packet_id) {
            Release::Done => ReasonCode::Success,
            Release::Unknown => ReasonCode::PacketIdentifierNotFound,
            Release::Early => return Err(Violation::AcknowledgementType),
        };
        self.send_ack(PacketType::PubComp, ack.packet_id, code);
        Ok(())
    }

    fn handle_pubcomp(&mut self, ack: &Ack<'_>) -> Result<(), Violation> {
        let settled = self.outgoing.pubcomp(ack.packet_id)?;
        self.settle(settled, ack);
        Ok(())
    }

    /// Tells the application of a message that is done. An unknown identifier is left over from an earlier session.
    fn settle(&mut self, settled: Settled, ack: &Ack<'_>) {
        match settled {
            Settled::Done(token) => self.acknowledged(token, ack.packet_id, ack.code),
            Settled::Release | Settled::Unknown => {}
        }
    }

    fn acknowledged(&mut self, token: PublishToken, packet_id: PacketId, code: ReasonCode) {
        self.events.push_back(ClientEvent::Acknowledged { token, packet_id, code });
    }

    fn handle_suback(&mut self, suback: &SubAck<'_>) -> Result<(), Violation> {
        self.outgoing.answered(suback.packet_id, RequestKind::Subscribe, Some(suback.codes.len()))?;
        self.events.push_back(ClientEvent::Subscribed {
            packet_id: suback.packet_id,
            codes: reason_codes(suback.codes)?,
            properties: owned(suback.properties),
        });
        Ok(())
    }

    fn handle_unsuback(&mut self, unsuback: &UnsubAck<'_>) -> Result<(), Violation> {
        let has_codes = self.config.version == Version::V5;
        let count = has_codes.then_some(unsuback.codes.len());
        let filters = self.outgoing.answered(unsuback.packet_id, RequestKind::Unsubscribe, count)?;
        let codes = if has_codes { reason_codes(unsuback.codes)? } else { vec![ReasonCode::Success; filters] };
        self.events.push_back(ClientEvent::Unsubscribed {
            packet_id: unsuback.packet_id,
            codes,
            properties: owned(unsuback.properties),
        });
        Ok(())
    }

    fn handle_disconnect(&mut self, disconnect: &Disconnect<'_>) -> Result<(), Violation> {
        if disconnect.properties.session_expiry_interval().is_some() {
            return Err(Violation::SessionExpiryFromServer);
        }
        let properties = owned(disconnect.properties);
        // The server has closed or will: it reads nothing more (MQTT-3.14.4-1).
        self.tx.clear();
        self.end(DisconnectReason::Server { code: disconnect.code, properties });
        Ok(())
    }
}

/// The properties in storage of their own.
fn owned(properties: Properties<'_>) -> PropertyBuffer {
    let mut buffer = PropertyBuffer::new();
    buffer.extend(properties);
    buffer
}

/// The codes of an acknowledgement; they were checked when the packet was read.
fn reason_codes(codes: &[u8]) -> Result<Vec<ReasonCode>, Violation> {
    codes.iter().map(|&code| ReasonCode::from_u8(code).ok_or(Violation::ReasonCodeNotAllowed)).collect()
}
