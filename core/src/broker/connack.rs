//! CONNACK: what the server grants and offers, or why it refuses (MQTT 5.0, 3.2).

use alloc::string::String;
use alloc::vec::Vec;

use super::Broker;
use crate::event::CloseReason;
use crate::packet::{ConnAck, Connect, PacketType, Properties, Property, PropertyBuffer, QoS, ReasonCode, Version};
use crate::session::EXPIRY_NEVER;

/// What holds for one connection after the deployment's limits.
pub(super) struct Terms {
    /// The Session Expiry Interval.
    pub(super) expiry_s: u32,
    /// The Keep Alive; 0 is none.
    pub(super) keep_alive_s: u16,
}

impl Broker {
    /// What the client asked for, as far as the deployment grants it.
    pub(super) fn terms(&self, connect: &Connect<'_>) -> Terms {
        let mqtt = &self.clients.config.mqtt;
        let expiry_s = match (connect.version, connect.clean_start) {
            (Version::V5, _) => connect.properties.session_expiry_interval().unwrap_or(0),
            (Version::V3_1 | Version::V3_1_1, true) => 0,
            (Version::V3_1 | Version::V3_1_1, false) => EXPIRY_NEVER,
        };
        let keep_alive_s = match (connect.keep_alive_s, mqtt.keep_alive_max_s) {
            (asked, 0) => asked,
            (0, max) => max,
            (asked, max) => asked.min(max),
        };
        Terms { expiry_s: expiry_s.min(mqtt.session_expiry_max_s), keep_alive_s }
    }

    /// The CONNACK that lets a client in.
    pub(super) fn connack(
        &self,
        present: bool,
        terms: &Terms,
        connect: &Connect<'_>,
        assigned: Option<&str>,
        auth_data: Option<&[u8]>,
    ) -> Vec<u8> {
        let mut out = Vec::new();
        // MQTT 3.1 has no Session Present: the byte is reserved there.
        let session_present = present && connect.version != Version::V3_1;
        let mut properties = PropertyBuffer::new();
        if connect.version == Version::V5 {
            self.offer(&mut properties, terms, connect);
            if let Some(assigned) = assigned {
                properties.push(Property::AssignedClientIdentifier(assigned));
            }
            if let Some(method) = connect.properties.authentication_method() {
                properties.push(Property::AuthenticationMethod(method));
                if let Some(data) = auth_data {
                    properties.push(Property::AuthenticationData(data));
                }
            }
        }
        ConnAck { session_present, code: ReasonCode::Success, properties: properties.as_properties() }
            .encode(connect.version, &mut out);
        out
    }

    /// What the server takes and offers, wherever it differs from what a client assumes (MQTT 5.0, 3.2.2.3).
    fn offer(&self, properties: &mut PropertyBuffer, terms: &Terms, connect: &Connect<'_>) {
        let mqtt = &self.clients.config.mqtt;
        let &Terms { expiry_s, keep_alive_s } = terms;
        if expiry_s != connect.properties.session_expiry_interval().unwrap_or(0) {
            properties.push(Property::SessionExpiryInterval(expiry_s));
        }
        if mqtt.receive_maximum != u16::MAX {
            properties.push(Property::ReceiveMaximum(mqtt.receive_maximum));
        }
        if mqtt.maximum_qos != QoS::ExactlyOnce {
            properties.push(Property::MaximumQoS(mqtt.maximum_qos));
        }
        if !mqtt.retain_available {
            properties.push(Property::RetainAvailable(false));
        }
        properties.push(Property::MaximumPacketSize(mqtt.packet_bytes_max));
        if mqtt.topic_alias_maximum > 0 {
            properties.push(Property::TopicAliasMaximum(mqtt.topic_alias_maximum));
        }
        if !mqtt.wildcard_subscription_available {
            properties.push(Property::WildcardSubscriptionAvailable(false));
        }
        if !mqtt.subscription_identifier_available {
            properties.push(Property::SubscriptionIdentifierAvailable(false));
        }
        if !mqtt.shared_subscription_available {
            properties.push(Property::SharedSubscriptionAvailable(false));
        }
        if keep_alive_s != connect.keep_alive_s {
            properties.push(Property::ServerKeepAlive(keep_alive_s));
        }
        if connect.properties.request_response_information()
            && let Some(information) = &mqtt.response_information
        {
            properties.push(Property::ResponseInformation(information));
        }
    }

    /// CONNACK that refuses: in 3.x only where a return code exists (MQTT 3.1.1, MQTT-3.2.2-6).
    pub(super) fn write_refusal(&mut self, index: u32, code: ReasonCode, reason: &CloseReason) {
        let v5 = self.clients.conns[index].is_v5();
        if !v5 && code.connect_return_code().is_none() {
            return;
        }
        let code = if code.allowed_in(PacketType::ConnAck) { code } else { ReasonCode::UnspecifiedError };
        let text: Option<String> = match reason {
            CloseReason::Violation(violation) if v5 => Some(alloc::format!("{violation}")),
            _ => None,
        };
        let mut properties = PropertyBuffer::new();
        if let Some(text) = &text {
            properties.push(Property::ReasonString(text));
        }
        let refusal = ConnAck { session_present: false, code, properties: properties.as_properties() };
        if !self.clients.write(index, |version, out| refusal.encode(version, out)) {
            // MQTT-3.2.2-19: the Reason String is left out when it does not fit.
            let refusal = ConnAck { session_present: false, code, properties: Properties::default() };
            self.clients.write(index, |version, out| refusal.encode(version, out));
        }
    }
}
