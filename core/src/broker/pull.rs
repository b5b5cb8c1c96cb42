//! From a session's queue to its connection: QoS 1 and 2 are pulled, as window, output and store allow.

use super::clients::Clients;
use super::deliver::alias_for;
use super::encode::{Content, Head};
use crate::connection::{OutgoingAlias, is_shared};
use crate::packet::{PacketId, QoS};
use crate::session::{Delivery, NO_CONNECTION, ResendKind};
use crate::store::Operation;
use crate::time::Instant;
use crate::timer::TimerKind;

impl Clients {
    /// Sends what the session is owed, as far as window, output and store allow.
    pub(super) fn pull(&mut self, session: u32) {
        let state = &self.sessions[session];
        let connection = state.connection;
        if connection == NO_CONNECTION || state.is_owed_nothing() {
            return;
        }
        if state.inflight.needs_resend() {
            self.resend(session, connection);
        }
        let is_stored = self.config.durable && self.sessions[session].is_persistent();
        // What waits for the store is of one batch, so that none waits for the next: what the store was given leaves first.
        let state = &self.sessions[session];
        if !is_stored || !state.inflight.needs_resend() || state.sends_after > self.handed {
            self.pull_queue(session, connection, is_stored);
        }
        self.update_full(session);
        self.resume_scans(session);
    }

    /// Takes from the queue what there is room for. A QoS 2 message to a session that is stored gets its identifier and waits
    /// until that is stored: if it were not known after a crash, the message could come again under another one, or the
    /// identifier be given to another message, which its receiver would take for this one. Whatever is behind waits as well.
    fn pull_queue(&mut self, session: u32, connection: u32, is_stored: bool) {
        let window = self.conns[connection].window;
        while !self.sessions[session].queue.is_empty() && self.has_room(connection) {
            let state = &mut self.sessions[session];
            let qos = state.queue.front().expect("the queue is not empty").flags.qos();
            let waits = is_stored && (qos == QoS::ExactlyOnce || state.inflight.needs_resend());
            let may_go = match qos {
                QoS::AtMostOnce => !waits,
                QoS::AtLeastOnce | QoS::ExactlyOnce if waits => state.inflight.can_stage(window),
                QoS::AtLeastOnce | QoS::ExactlyOnce => state.inflight.can_send(window),
            };
            if !may_go {
                break;
            }
            let delivery = state.queue.pop_front().expect("the queue is not empty");
            self.stats.messages_queued -= 1;
            self.send_queued(session, connection, delivery, waits);
        }
        if is_stored && self.sessions[session].inflight.needs_resend() {
            self.await_store(session);
        }
    }

    fn await_store(&mut self, session: u32) {
        if !self.sessions[session].awaits_store && !self.store_failed {
            self.sessions[session].awaits_store = true;
            let generation = self.sessions.generation(session);
            self.awaiting_store.push((session, generation));
        }
    }

    fn send_queued(&mut self, session: u32, connection: u32, delivery: Delivery, waits: bool) {
        let message = self.messages.get(delivery.message);
        if message.is_expired(self.now) {
            self.stats.dropped_expired += 1;
            return self.drop_queued(session, delivery);
        }
        if !self.fits_queued(connection, delivery) {
            self.stats.dropped_too_large += 1;
            return self.drop_queued(session, delivery);
        }
        if delivery.flags.qos() == QoS::AtMostOnce {
            self.send_held(connection, delivery, None, false);
            return self.settle(delivery);
        }
        let position = message.position;
        let inflight = &mut self.sessions[session].inflight;
        let packet_id = if waits { inflight.stage(delivery) } else { inflight.push(delivery) };
        self.stats.messages_inflight += 1;
        if position.0 > 0 {
            self.record_for(session, |client_id| Operation::Sent { client_id, message: position, packet_id });
        }
        if waits {
            self.sessions[session].sends_after = self.recorded;
        } else {
            self.send_held(connection, delivery, Some(packet_id), false);
            self.arm_retry(session);
        }
    }

    fn fits_queued(&self, connection: u32, delivery: Delivery) -> bool {
        let conn = &self.conns[connection];
        let message = self.messages.get(delivery.message);
        let mut scratch = [0];
        let identifiers = self.identifiers.get(delivery.identifiers, &mut scratch);
        // Everything in front of the payload but topic, properties and identifiers takes less than 64 bytes.
        if message.size() + 64 + 5 * identifiers.len() < conn.packet_bytes_max as usize {
            return true;
        }
        let head = Head {
            v5: conn.is_v5(),
            qos: delivery.flags.qos() as u8,
            retain: delivery.flags.retain(),
            dup: false,
            packet_id: PacketId::new(1),
            alias: OutgoingAlias::None,
            identifiers,
        };
        head.packet_size(&message.content(self.now)) <= conn.packet_bytes_max as usize
    }

    /// Appends the PUBLISH of a message that is held.
    fn send_held(&mut self, index: u32, delivery: Delivery, packet_id: Option<PacketId>, dup: bool) {
        let conn = &mut self.conns[index];
        let message = self.messages.get(delivery.message);
        let content = message.content(self.now);
        let mut scratch = [0];
        let v5 = conn.is_v5();
        let mut head = Head {
            v5,
            qos: delivery.flags.qos() as u8,
            retain: delivery.flags.retain(),
            dup,
            packet_id,
            alias: OutgoingAlias::None,
            identifiers: if v5 { self.identifiers.get(delivery.identifiers, &mut scratch) } else { &[] },
        };
        if conn.aliases_out.is_some() {
            head.alias = alias_for(conn, head.packet_size(&content), content.topic);
        }
        head.encode(&content, conn.output.buffer(&mut self.pool));
        // The delivery itself holds one reference.
        if is_shared(content.payload.len(), message.is_shared()) {
            let size = content.payload.len();
            self.messages.share(delivery.message);
            conn.output.push_shared(delivery.message, size);
        } else {
            conn.output.buffer(&mut self.pool).extend_from_slice(content.payload);
        }
        self.stats.packets_sent += 1;
        self.stats.publishes_sent += 1;
        self.mark_message(index);
    }

    /// Sends again, in order, what was unfinished when the client came back (MQTT-4.4.0-1), and for the first time what
    /// waited until its identifier was stored.
    fn resend(&mut self, session: u32, connection: u32) {
        if self.sessions[session].sends_after > self.stored {
            return self.await_store(session);
        }
        let window = self.conns[connection].window;
        while self.has_room(connection) {
            let Some((packet_id, kind)) = self.sessions[session].inflight.next_resend(window) else { break };
            match kind {
                ResendKind::First(delivery) => {
                    self.send_first(session, connection, packet_id, delivery);
                    continue;
                }
                ResendKind::Publish(delivery) if !self.fits_queued(connection, delivery) => {
                    self.drop_too_large(session, connection, packet_id, delivery);
                    continue;
                }
                ResendKind::Publish(delivery) => self.send_held(connection, delivery, Some(packet_id), true),
                ResendKind::Release => self.send_release(connection, packet_id),
            }
            self.stats.retransmitted += 1;
        }
        self.arm_retry(session);
    }

    /// Sends what was given its identifier before, unless it has expired or has become too large meanwhile.
    fn send_first(&mut self, session: u32, connection: u32, packet_id: PacketId, delivery: Delivery) {
        let is_expired = self.messages.get(delivery.message).is_expired(self.now);
        if !is_expired && self.fits_queued(connection, delivery) {
            return self.send_held(connection, delivery, Some(packet_id), false);
        }
        let stats = &mut self.stats;
        let counter = if is_expired { &mut stats.dropped_expired } else { &mut stats.dropped_too_large };
        *counter += 1;
        stats.messages_inflight -= 1;
        let inflight = &mut self.sessions[session].inflight;
        let ended = match delivery.flags.qos() {
            QoS::ExactlyOnce => inflight.reject(packet_id),
            QoS::AtMostOnce | QoS::AtLeastOnce => inflight.acknowledge(packet_id),
        };
        debug_assert!(ended == Ok(delivery), "nobody has answered what was not sent");
        self.record_for(session, |client_id| Operation::Settled { client_id, packet_id });
        self.settle(delivery);
    }

    /// The client came back with a smaller Maximum Packet Size: as if the message were sent (MQTT-3.1.2-25). Whether the
    /// client had it is not known; PUBREL makes it forget the Packet Identifier of a QoS 2 message either way.
    fn drop_too_large(&mut self, session: u32, connection: u32, packet_id: PacketId, delivery: Delivery) {
        self.stats.dropped_too_large += 1;
        let inflight = &mut self.sessions[session].inflight;
        if delivery.flags.qos() == QoS::ExactlyOnce {
            let received = inflight.receive(packet_id);
            debug_assert!(received == Ok(Some(delivery)), "the exchange waits for PUBREC");
            self.record_for(session, |client_id| Operation::Received { client_id, packet_id });
            self.send_release(connection, packet_id);
        } else {
            let acknowledged = inflight.acknowledge(packet_id);
            debug_assert!(acknowledged == Ok(delivery), "the exchange waits for PUBACK");
            self.stats.messages_inflight -= 1;
            self.record_for(session, |client_id| Operation::Settled { client_id, packet_id });
        }
        self.settle(delivery);
    }

    pub(super) fn send_release(&mut self, connection: u32, packet_id: PacketId) {
        let [high, low] = packet_id.get().to_be_bytes();
        self.write(connection, |_, out| out.extend_from_slice(&[0x62, 2, high, low]));
    }

    /// For 3.x clients, and only when the deployment asks for it: sends again what is not acknowledged in time.
    #[inline]
    pub(super) fn arm_retry(&mut self, session: u32) {
        let Some(interval) = self.config.mqtt.retry_interval else { return };
        let connection = self.sessions[session].connection;
        if connection == NO_CONNECTION || self.conns[connection].is_v5() {
            return;
        }
        if self.sessions[session].retry_timer.is_none() {
            let key = self.timer_key(TimerKind::Retry, session);
            self.sessions[session].retry_timer = Some(self.timers.arm(self.now.saturating_add(interval), key));
        }
    }
}

impl crate::message::Message {
    fn content(&self, now: Instant) -> Content<'_> {
        Content {
            topic: self.topic_bytes(),
            properties: self.properties(),
            payload: self.payload(),
            expiry_s: self.remaining_expiry_s(now),
        }
    }
}
