//! PUBACK, PUBREC, PUBREL and PUBCOMP from clients, and the gate in front of our own (MQTT 5.0, 4.3).

use alloc::vec::Vec;

use super::Broker;
use super::peer::is_over;
use super::route::Routed;
use crate::event::CloseReason;
use crate::id::LogPosition;
use crate::packet::{Ack, PacketId, PacketType, ReasonCode, Violation};
use crate::session::{AcknowledgeError, RetainedScan};
use crate::store::Operation;
use crate::store::gate::{Gated, PeerWaits, Reply};

impl Broker {
    /// PUBACK: the exchange is over, whatever the code says (MQTT-4.4.0-2).
    pub(super) fn handle_puback(&mut self, index: u32, ack: &Ack<'_>) {
        let session = self.clients.conns[index].session;
        match self.clients.sessions[session].inflight.acknowledge(ack.packet_id) {
            Ok(delivery) => {
                self.settled(session, ack);
                self.clients.settle(delivery);
                self.clients.pull(session);
            }
            // A late answer to something that is settled already harms nobody.
            Err(AcknowledgeError::Unknown) => {}
            Err(AcknowledgeError::WrongState) => self.violate(index, Violation::AcknowledgementType),
        }
    }

    /// PUBREC: PUBREL is owed from now on, or the exchange is over if the client refused (MQTT-4.3.3-4).
    pub(super) fn handle_pubrec(&mut self, index: u32, ack: &Ack<'_>) {
        let session = self.clients.conns[index].session;
        let packet_id = ack.packet_id;
        if ack.code.is_failure() {
            match self.clients.sessions[session].inflight.reject(packet_id) {
                Ok(delivery) => {
                    self.settled(session, ack);
                    self.clients.settle(delivery);
                    self.clients.pull(session);
                }
                Err(AcknowledgeError::Unknown) => {}
                Err(AcknowledgeError::WrongState) => self.violate(index, Violation::AcknowledgementType),
            }
            return;
        }
        match self.clients.sessions[session].inflight.receive(packet_id) {
            Ok(delivery) => {
                if let Some(delivery) = delivery {
                    self.clients.record_for(session, |client_id| Operation::Received { client_id, packet_id });
                    self.clients.settle(delivery);
                }
                // The client forgets the identifier at PUBREL: that it is owed must be stored before.
                self.reply_ack(index, PacketType::PubRel, packet_id, ReasonCode::Success);
            }
            Err(AcknowledgeError::Unknown) => {
                // MQTT 5.0, 3.6.2.1: the client is told that nothing is known of it. 3.x has no code for that.
                self.reply_ack(index, PacketType::PubRel, packet_id, ReasonCode::PacketIdentifierNotFound);
            }
            Err(AcknowledgeError::WrongState) => self.violate(index, Violation::AcknowledgementType),
        }
    }

    /// PUBCOMP: the exchange is over.
    pub(super) fn handle_pubcomp(&mut self, index: u32, ack: &Ack<'_>) {
        let session = self.clients.conns[index].session;
        match self.clients.sessions[session].inflight.complete(ack.packet_id) {
            Ok(()) => {
                self.settled(session, ack);
                self.clients.pull(session);
            }
            Err(AcknowledgeError::Unknown) => {}
            Err(AcknowledgeError::WrongState) => self.violate(index, Violation::AcknowledgementType),
        }
    }

    #[inline]
    fn settled(&mut self, session: u32, ack: &Ack<'_>) {
        let packet_id = ack.packet_id;
        self.clients.stats.messages_inflight -= 1;
        if ack.code.is_failure() {
            self.clients.stats.rejected_by_subscriber += 1;
        }
        self.clients.record_for(session, |client_id| Operation::Settled { client_id, packet_id });
    }

    /// PUBREL: the client's Packet Identifier is free again (MQTT-4.3.3-11).
    pub(super) fn handle_pubrel(&mut self, index: u32, ack: &Ack<'_>) {
        let session = self.clients.conns[index].session;
        let packet_id = ack.packet_id;
        let known = self.clients.sessions[session].incoming.remove(packet_id);
        if known {
            self.clients.record_for(session, |client_id| Operation::IncomingReleased { client_id, packet_id });
            let conn = &mut self.clients.conns[index];
            conn.unreleased = conn.unreleased.saturating_sub(1);
        }
        let code = if known { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
        self.reply_ack(index, PacketType::PubComp, packet_id, code);
    }

    /// Acknowledges once everything that was recorded so far is stored. PUBREL goes the same way.
    pub(super) fn reply_ack(&mut self, index: u32, packet_type: PacketType, packet_id: PacketId, code: ReasonCode) {
        let mut routed = Routed {
            code,
            position: self.clients.position_for(self.clients.conns[index].session),
            ..Routed::internal()
        };
        self.gate_ack(index, packet_type, packet_id, &mut routed);
    }

    /// Acknowledges once what the message led to is safe.
    pub(super) fn gate_ack(&mut self, index: u32, packet_type: PacketType, packet_id: PacketId, routed: &mut Routed) {
        // Most wait for nothing, and refuse nothing.
        let is_safe = routed.peers.is_empty()
            && routed.position <= self.clients.stored
            && self.clients.conns[index].gated == 0
            && routed.code != ReasonCode::QuotaExceeded;
        if is_safe {
            return self.send_ack(index, packet_type, packet_id, routed.code);
        }
        self.reply(Gated {
            conn: self.clients.conn_id(index),
            session: self.session_key(index),
            position: routed.position,
            peers: core::mem::take(&mut routed.peers),
            ticket: routed.ticket,
            taken: routed.ticket > 0 || !routed.code.is_failure(),
            unstored: false,
            reply: Reply::Ack { packet_type, packet_id, code: routed.code },
        });
    }

    /// Sends an answer if it is safe; else it waits, and the answer is `false`.
    fn reply(&mut self, mut gated: Gated) -> bool {
        if self.clients.store_failed && gated.position > self.clients.stored {
            gated.give_up();
        }
        let index = gated.conn.index() as u32;
        let is_safe = self.is_safe(&gated);
        if is_safe {
            self.send_reply(index, gated);
        } else {
            let conn = &mut self.clients.conns[index];
            conn.gated += 1;
            conn.gated_pubacks += u32::from(gated.reply.is_puback());
            self.gate.push(gated);
        }
        is_safe
    }

    /// The session of a connection, by index and generation.
    fn session_key(&self, index: u32) -> (u32, u32) {
        let session = self.clients.conns[index].session;
        (session, self.clients.sessions.generation(session))
    }

    /// PUBREC for a PUBLISH that came again (MQTT-4.3.3-10): it is not delivered again, but what the first one waits for
    /// is not safe yet, whichever connection that came by.
    pub(super) fn receive_again(&mut self, index: u32, packet_id: PacketId) {
        let mut routed = Routed::internal();
        routed.position = self.clients.recorded;
        if let Some(first) = self.gate.received(self.session_key(index), packet_id) {
            routed.peers = first.peers.clone();
            routed.ticket = first.ticket;
            routed.code = first.pubrec().map_or(ReasonCode::Success, |(_, code)| code);
        }
        self.gate_ack(index, PacketType::PubRec, packet_id, &mut routed);
    }

    /// Nobody is there any more to be told that a message was refused; it can come again.
    fn forget_refused(&mut self, gated: &Gated) {
        let (session, generation) = gated.session;
        if let Some((packet_id, ReasonCode::QuotaExceeded)) = gated.pubrec()
            && gated.taken
            && self.clients.sessions.is_current(session, generation)
            && self.clients.sessions[session].incoming.remove(packet_id)
        {
            self.clients.record_for(session, |client_id| Operation::IncomingReleased { client_id, packet_id });
        }
    }

    #[inline]
    fn send_ack(&mut self, index: u32, packet_type: PacketType, packet_id: PacketId, code: ReasonCode) {
        if code == ReasonCode::Success {
            let [high, low] = packet_id.get().to_be_bytes();
            let first = (packet_type as u8) << 4 | packet_type.fixed_flags().unwrap_or(0);
            self.clients.write(index, |_, out| out.extend_from_slice(&[first, 2, high, low]));
        } else {
            let ack = Ack::new(packet_id, code);
            self.clients.write(index, |version, out| ack.encode(packet_type, version, out));
        }
    }

    /// Sends an encoded packet once the store has come to `position` and the other shards know what they must.
    /// Retained messages follow it.
    pub(super) fn reply_bytes(
        &mut self,
        index: u32,
        bytes: Vec<u8>,
        position: LogPosition,
        peers: PeerWaits,
        scans: Vec<RetainedScan>,
    ) -> bool {
        self.reply(Gated {
            conn: self.clients.conn_id(index),
            session: self.session_key(index),
            position,
            peers,
            ticket: 0,
            taken: false,
            unstored: false,
            reply: Reply::Bytes(bytes, scans),
        })
    }

    /// Whether nothing has to be waited for, earlier answers of the same connection included.
    fn is_safe(&self, gated: &Gated) -> bool {
        self.clients.conns[gated.conn.index() as u32].gated == 0
            && gated.position <= self.clients.stored
            && gated.peers.iter().all(|wait| is_over(&self.peers, wait))
    }

    fn send_reply(&mut self, index: u32, gated: Gated) {
        let Gated { reply, taken, unstored, .. } = gated;
        match reply {
            Reply::Ack { packet_type, packet_id, code } => {
                self.release_ack(index, packet_type, packet_id, code, taken, unstored);
            }
            Reply::Bytes(bytes, _) if unstored => self.close_unstored(index, &bytes),
            Reply::Bytes(bytes, scans) => {
                if !self.clients.write(index, |_, out| out.extend_from_slice(&bytes)) {
                    return self.close_unanswerable(index);
                }
                self.begin_scans(self.clients.conns[index].session, scans);
            }
        }
    }

    /// What the client waits for is not stored: a CONNECT is refused, any other connection closed.
    fn close_unstored(&mut self, index: u32, answer: &[u8]) {
        if is_connack(answer) {
            self.write_refusal(index, ReasonCode::ServerUnavailable, &CloseReason::StoreFailed);
            return self.finish(index, CloseReason::StoreFailed);
        }
        self.close(index, Some(ReasonCode::ImplementationSpecificError), CloseReason::StoreFailed);
    }

    /// An answer that the client needs is larger than the packets that it takes (MQTT-3.1.2-24): the connection ends by
    /// 0x95. The answer is never a CONNACK: who has no room for that is not let in.
    fn close_unanswerable(&mut self, index: u32) {
        let code = ReasonCode::PacketTooLarge;
        self.close(index, Some(code), CloseReason::Refused(code));
    }

    /// Lets through what is safe now.
    pub(super) fn open_gate(&mut self) {
        while let Some(gated) = {
            let peers = &self.peers;
            self.gate.pop_ready(self.clients.stored, |wait| is_over(peers, wait))
        } {
            let Some(index) = self.clients.index_of(gated.conn) else {
                self.forget_refused(&gated);
                continue;
            };
            let conn = &mut self.clients.conns[index];
            conn.gated -= 1;
            conn.gated_pubacks -= u32::from(gated.reply.is_puback());
            // Behind a message that was refused nothing is acknowledged: the client sends it all again, in order.
            let is_behind = conn.drains && gated.reply.answers_publish();
            if is_behind || conn.phase != crate::connection::Phase::Connected {
                self.forget_refused(&gated);
                continue;
            }
            let resumes = conn.gated == 0 && conn.resumes;
            conn.resumes &= !resumes;
            self.send_reply(index, gated);
            let conn = &self.clients.conns[index];
            if conn.half_closed && conn.gated == 0 && conn.phase == crate::connection::Phase::Connected {
                self.finish(index, CloseReason::PeerClosed);
            }
            if resumes && self.clients.conns[index].phase == crate::connection::Phase::Connected {
                self.clients.queue_work(index);
                self.clients.update_reading(index);
                self.resume(index);
            }
        }
    }

    /// An acknowledgement whose turn it is; its message may have been refused meanwhile, here or in another shard. What was
    /// refused at once holds no Packet Identifier, and a later message may hold the same.
    fn release_ack(
        &mut self,
        index: u32,
        packet_type: PacketType,
        packet_id: PacketId,
        code: ReasonCode,
        taken: bool,
        unstored: bool,
    ) {
        if unstored || code == ReasonCode::QuotaExceeded {
            let session = self.clients.conns[index].session;
            if packet_type == PacketType::PubRec && taken && self.clients.sessions[session].incoming.remove(packet_id) {
                let conn = &mut self.clients.conns[index];
                conn.unreleased = conn.unreleased.saturating_sub(1);
                self.clients.record_for(session, |client_id| Operation::IncomingReleased { client_id, packet_id });
            }
            let has_code = matches!(packet_type, PacketType::PubAck | PacketType::PubRec);
            if unstored && !(has_code && self.clients.conns[index].is_v5()) {
                return self.close(index, Some(ReasonCode::ImplementationSpecificError), CloseReason::StoreFailed);
            }
            if !self.clients.conns[index].is_v5() {
                return self.close_refused(index);
            }
        }
        self.send_ack(index, packet_type, packet_id, code);
    }
}

fn is_connack(packet: &[u8]) -> bool {
    packet.first().is_some_and(|first| first >> 4 == PacketType::ConnAck as u8)
}
