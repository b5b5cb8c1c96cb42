//! What a server allows on one connection (MQTT 5.0, 3.2.2.3).

use crate::packet::string::FIELD_SIZE_MAX;
use crate::packet::{ConnAck, QoS, ReasonCode, Version};

use super::{ClientConfig, ClientError, PublishRequest};

/// What the server allows, from its CONNACK; in 3.x there is no limit that it could tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// How many QoS 1 and 2 messages may be unacknowledged.
    pub receive_maximum: u16,
    /// The largest packet in bytes.
    pub maximum_packet_size: u32,
    /// The highest QoS of a PUBLISH.
    pub maximum_qos: QoS,
    /// Whether retained messages are taken.
    pub retain_available: bool,
    /// Whether filters may have wildcards.
    pub wildcard_subscription_available: bool,
    /// Whether subscriptions may have identifiers.
    pub subscription_identifier_available: bool,
    /// Whether subscriptions may be shared.
    pub shared_subscription_available: bool,
    /// The highest Topic Alias in a PUBLISH to the server.
    pub topic_alias_maximum: u16,
    /// The Keep Alive in force, in seconds; 0 is none.
    pub keep_alive_s: u16,
    /// The Session Expiry Interval in force, in seconds.
    pub session_expiry_s: u32,
}

impl ServerLimits {
    /// What holds before CONNACK, and after one that says nothing else.
    pub(super) const fn new(config: &ClientConfig) -> Self {
        Self {
            receive_maximum: u16::MAX,
            maximum_packet_size: u32::MAX,
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
            wildcard_subscription_available: true,
            subscription_identifier_available: matches!(config.version, Version::V5),
            shared_subscription_available: true,
            topic_alias_maximum: 0,
            keep_alive_s: config.keep_alive_s,
            session_expiry_s: config.session_expiry_s,
        }
    }

    /// What a CONNACK says.
    pub(super) fn from_connack(config: &ClientConfig, connack: &ConnAck<'_>) -> Self {
        let properties = connack.properties;
        let default = Self::new(config);
        if properties.is_empty() {
            return default;
        }
        Self {
            receive_maximum: properties.receive_maximum().unwrap_or(default.receive_maximum),
            maximum_packet_size: properties.maximum_packet_size().unwrap_or(default.maximum_packet_size),
            maximum_qos: properties.maximum_qos().unwrap_or(default.maximum_qos),
            retain_available: properties.retain_available(),
            wildcard_subscription_available: properties.wildcard_subscription_available(),
            subscription_identifier_available: properties.subscription_identifier_available(),
            shared_subscription_available: properties.shared_subscription_available(),
            topic_alias_maximum: properties.topic_alias_maximum().unwrap_or(0),
            keep_alive_s: properties.server_keep_alive().unwrap_or(default.keep_alive_s),
            session_expiry_s: properties.session_expiry_interval().unwrap_or(default.session_expiry_s),
        }
    }

    /// Whether a packet of `size` bytes may be sent (MQTT-3.2.2-15).
    pub(super) const fn takes(&self, size: usize) -> bool {
        size <= self.maximum_packet_size as usize && size <= 268_435_460
    }

    /// Refuses a message that the server does not take (MQTT-3.2.2-11, MQTT-3.2.2-14).
    pub(super) fn check_publish(&self, request: &PublishRequest<'_>) -> Result<(), ClientError> {
        self.check_message(request.qos, request.retain)
    }

    /// Refuses QoS or RETAIN that the server does not take.
    pub(super) fn check_message(&self, qos: QoS, retain: bool) -> Result<(), ClientError> {
        if qos > self.maximum_qos {
            return Err(ClientError::NotSupported(ReasonCode::QoSNotSupported));
        }
        if retain && !self.retain_available {
            return Err(ClientError::NotSupported(ReasonCode::RetainNotSupported));
        }
        Ok(())
    }

    /// Refuses a filter that the server does not take, or that cannot be sent.
    pub(super) fn check_filter(&self, filter: &str) -> Result<(), ClientError> {
        if filter.is_empty() || filter.len() > FIELD_SIZE_MAX || filter.contains('\0') {
            return Err(ClientError::TopicFilterInvalid);
        }
        if !self.wildcard_subscription_available && filter.contains(['+', '#']) {
            return Err(ClientError::NotSupported(ReasonCode::WildcardSubscriptionsNotSupported));
        }
        if !self.shared_subscription_available && filter.starts_with("$share/") {
            return Err(ClientError::NotSupported(ReasonCode::SharedSubscriptionsNotSupported));
        }
        Ok(())
    }
}
