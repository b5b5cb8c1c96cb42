//! PUBLISH from a client (MQTT 5.0, 3.3): checked, taken over, acknowledged.

use alloc::string::String;
use alloc::vec::Vec;

use super::Broker;
use super::deliver::Arrival;
use super::encode::Received;
use super::route::Routed;
use crate::access;
use crate::connection::Phase;
use crate::event::{CloseReason, Limit};
use crate::packet::{PacketId, PacketType, Properties, Publish, QoS, ReasonCode, Violation, property_id as id};
use crate::session::Will;
use crate::store::Operation;
use crate::topic::name;

/// The properties that are forwarded, in wire form and in their order (MQTT-3.3.2-4, -15 to -18, -20): all but those that
/// are about this hop or are written anew.
#[inline]
pub(super) fn forwardable<'a>(properties: Properties<'a>, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    const OWN: [u8; 4] =
        [id::MESSAGE_EXPIRY_INTERVAL, id::TOPIC_ALIAS, id::WILL_DELAY_INTERVAL, id::SUBSCRIPTION_IDENTIFIER];
    if !properties.has_any(&OWN) {
        return properties.as_bytes();
    }
    scratch.clear();
    for property in properties.iter().filter(|property| !OWN.contains(&property.identifier())) {
        property.encode(scratch);
    }
    scratch
}

impl Broker {
    /// `rest` is what came, and the packet in front there has so many bytes, or 0 when it is not to be sent on as it is.
    pub(super) fn handle_publish(&mut self, index: u32, publish: &Publish<'_>, rest: &[u8], size: usize) {
        self.clients.stats.publishes_received += 1;
        if let Err(violation) = self.check_publish(publish) {
            return self.violate(index, violation);
        }
        let mut by_alias = core::mem::take(&mut self.topic);
        let topic = match self.resolve_topic(index, publish, &mut by_alias) {
            Ok(topic) => topic,
            Err(violation) => {
                self.topic = by_alias;
                return self.violate(index, violation);
            }
        };
        match publish.packet_id {
            None => {
                if self.check_topic(topic).is_ok() {
                    self.take(index, topic, publish, rest, size, &mut Routed::internal());
                }
            }
            Some(packet_id) if publish.qos == QoS::AtLeastOnce => {
                self.publish_qos1(index, topic, packet_id, publish, rest, size);
            }
            Some(packet_id) => self.publish_qos2(index, topic, packet_id, publish, rest, size),
        }
        self.topic = by_alias;
    }

    #[inline]
    fn check_publish(&self, publish: &Publish<'_>) -> Result<(), Violation> {
        let mqtt = &self.clients.config.mqtt;
        if publish.qos > mqtt.maximum_qos {
            return Err(Violation::QoSNotAvailable);
        }
        if publish.retain && !mqtt.retain_available {
            return Err(Violation::RetainNotAvailable);
        }
        if !publish.properties.is_empty() && publish.properties.subscription_identifiers().next().is_some() {
            return Err(Violation::SubscriptionIdentifierFromClient);
        }
        Ok(())
    }

    /// The topic by its name, or by the alias that stands for it (MQTT 5.0, 3.3.2.3.4).
    fn resolve_topic<'t>(
        &mut self,
        index: u32,
        publish: &Publish<'t>,
        by_alias: &'t mut String,
    ) -> Result<&'t str, Violation> {
        let Some(alias) = publish.properties.topic_alias() else { return Ok(publish.topic) };
        if alias > self.clients.config.mqtt.topic_alias_maximum {
            return Err(Violation::TopicAliasTooHigh);
        }
        let aliases = &mut self.clients.conns[index].aliases_in;
        if publish.topic.is_empty() {
            let known =
                aliases.as_ref().and_then(|aliases| aliases.topic(alias)).ok_or(Violation::TopicAliasUnknown)?;
            by_alias.clear();
            by_alias.push_str(known);
            return Ok(by_alias);
        }
        aliases.get_or_insert_default().define(alias, publish.topic);
        Ok(publish.topic)
    }

    /// Whether clients may publish there: bounded levels, not to topics that begin with `$` (MQTT 5.0, 4.7.2), and as the
    /// rules of [`Config::access`](crate::Config::access) say.
    #[inline]
    fn check_topic(&mut self, topic: &str) -> Result<(), ReasonCode> {
        let denied = if self.is_denied_topic(topic) { Err(ReasonCode::NotAuthorized) } else { Ok(()) };
        if let Err(code) = denied.and_then(|()| access::check_publish(&self.clients.config.access, topic)) {
            self.clients.stats.publishes_denied += 1;
            return Err(code);
        }
        // Everything else about a name was checked when the packet was read.
        let levels_max = u32::from(self.clients.config.mqtt.topic_levels_max);
        if topic.len() as u32 >= levels_max && name::level_count(topic) > levels_max {
            return Err(ReasonCode::TopicNameInvalid);
        }
        Ok(())
    }

    pub(super) fn is_denied_topic(&self, topic: &str) -> bool {
        self.clients.config.mqtt.dollar_publish_denied && name::is_dollar(topic)
    }

    fn publish_qos1(
        &mut self,
        index: u32,
        topic: &str,
        packet_id: PacketId,
        publish: &Publish<'_>,
        rest: &[u8],
        size: usize,
    ) {
        if !self.may_take_another(index) {
            return;
        }
        let mut routed = Routed::internal();
        match self.check_topic(topic) {
            Ok(()) => self.take(index, topic, publish, rest, size, &mut routed),
            Err(code) => routed.code = code,
        }
        self.answer(index, PacketType::PubAck, packet_id, &mut routed);
    }

    fn publish_qos2(
        &mut self,
        index: u32,
        topic: &str,
        packet_id: PacketId,
        publish: &Publish<'_>,
        rest: &[u8],
        size: usize,
    ) {
        let session = self.clients.conns[index].session;
        if self.clients.sessions[session].incoming.contains(packet_id) {
            // MQTT-4.3.3-10: acknowledged again, delivered no second time.
            self.clients.stats.publishes_duplicate += 1;
            return self.receive_again(index, packet_id);
        }
        if !self.may_take_another(index) {
            return;
        }
        let mut routed = Routed::internal();
        if let Err(code) = self.check_topic(topic) {
            routed.code = code;
            return self.answer(index, PacketType::PubRec, packet_id, &mut routed);
        }
        // Recorded first, so that no delivery of the message is stored without it.
        self.clients.record_for(session, |client_id| Operation::Incoming { client_id, packet_id });
        self.take(index, topic, publish, rest, size, &mut routed);
        let Some(conn) = self.clients.conns.get(index) else { return };
        if conn.session != session {
            return;
        }
        if routed.code.is_failure() {
            self.clients.record_for(session, |client_id| Operation::IncomingReleased { client_id, packet_id });
        } else {
            self.clients.sessions[session].incoming.insert(packet_id);
            self.clients.conns[index].unreleased += 1;
        }
        self.answer(index, PacketType::PubRec, packet_id, &mut routed);
    }

    /// Whether the client may have one more QoS 1 or 2 message open (MQTT-3.3.4-7); closes the connection if not. A 3.x
    /// client is told no Receive Maximum: for it there are as many as there are Packet Identifiers.
    #[inline]
    fn may_take_another(&mut self, index: u32) -> bool {
        let conn = &self.clients.conns[index];
        let open = conn.unreleased + conn.gated_pubacks;
        if !conn.is_v5() || open < u32::from(self.clients.config.mqtt.receive_maximum) {
            return true;
        }
        self.violate(index, Violation::ReceiveMaximumExceeded);
        false
    }

    /// Takes a message over and routes it, and what of the `rest` goes with it.
    fn take(&mut self, index: u32, topic: &str, publish: &Publish<'_>, rest: &[u8], size: usize, routed: &mut Routed) {
        let mut scratch = core::mem::take(&mut self.properties);
        let properties = forwardable(publish.properties, &mut scratch);
        let expiry_s = if publish.properties.is_empty() { None } else { publish.properties.message_expiry_interval() };
        let mut arrival = Arrival::new(topic, properties, publish.payload, publish.qos, publish.retain)
            .expiring(self.clients.now, expiry_s);
        let conn = &self.clients.conns[index];
        arrival.publisher = conn.session;
        // Without an alias and without properties of this hop it goes out as it came in.
        if size > 0 && properties.len() == publish.properties.as_bytes().len() {
            arrival.received = Some(Received::new(rest, size, conn.is_v5(), publish));
        }
        arrival.answered = publish.qos != QoS::AtMostOnce;
        arrival.shared = self.lent(publish.payload);
        self.route_published(&mut arrival, routed);
        self.properties = scratch;
    }

    /// Acknowledges, or refuses as the version allows: 5.0 by the Reason Code, 3.x by closing without an acknowledgement
    /// where nothing was taken over (MQTT 3.1.1, MQTT-4.8.0-2) and by acknowledging what is only forbidden (MQTT-3.3.5-2).
    #[inline]
    fn answer(&mut self, index: u32, packet_type: PacketType, packet_id: PacketId, routed: &mut Routed) {
        if !self.clients.conns[index].is_v5() && routed.code == ReasonCode::QuotaExceeded {
            let limit = if routed.retained_full { Limit::Retained } else { Limit::Queue };
            // What it sent before is acknowledged first, or it would send that again for ever.
            self.clients.conns[index].refused = Some(limit);
        }
        self.gate_ack(index, packet_type, packet_id, routed);
    }

    /// Closes the connection of a 3.x client whose message was refused: at once, or when its own queue has room again.
    pub(super) fn close_refused(&mut self, index: u32) {
        let conn = &mut self.clients.conns[index];
        let limit = *conn.refused.get_or_insert(Limit::Queue);
        if !self.clients.sessions[conn.session].full {
            return self.close(index, None, CloseReason::LimitReached(limit));
        }
        conn.drains = true;
        self.limit_rest(index);
        self.clients.queue_work(index);
        self.clients.update_reading(index);
    }

    /// A refused client's own queue has room again, or its time is over.
    pub(super) fn close_drained(&mut self, index: u32, is_over: bool) {
        let conn = &self.clients.conns[index];
        if conn.drains && conn.phase == Phase::Connected && (is_over || !self.clients.sessions[conn.session].full) {
            self.close(index, None, CloseReason::LimitReached(conn.refused.unwrap_or(Limit::Queue)));
        }
    }

    /// Publishes the session's will, if it has one: at most once (MQTT-3.1.2-10).
    pub(super) fn publish_will(&mut self, session: u32) {
        let Some(will) = self.clients.sessions[session].will.take() else { return };
        let timer = self.clients.sessions[session].will_timer.take();
        if let Some(timer) = timer {
            self.clients.timers.cancel(timer);
        }
        let Will { topic, payload, properties, qos, retain, message_expiry_s, .. } = *will;
        let mut arrival =
            Arrival::new(&topic, &properties, &payload, qos, retain).expiring(self.clients.now, message_expiry_s);
        // A will is its client's: No Local spares that client (MQTT-3.8.3-3).
        arrival.publisher = session;
        self.route_published(&mut arrival, &mut Routed::internal());
        self.clients.stats.wills_published += 1;
        let client_id = self.clients.sessions[session].client_id.clone();
        self.clients.record_for(session, |client_id| Operation::WillRemoved { client_id });
        self.clients.event(crate::event::Event::WillPublished { client_id });
    }
}
