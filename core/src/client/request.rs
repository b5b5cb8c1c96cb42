//! What the application asks for, borrowed for the time of the call.

use crate::packet::{Properties, PropertySet, Publish, QoS, SubscriptionOptions};

use super::ClientError;
use super::config::check_properties;
use crate::packet::string::{FIELD_SIZE_MAX, check_topic_name};
use crate::packet::{Version, Violation};

/// A message to publish.
#[derive(Clone, Copy, Debug, Default)]
pub struct PublishRequest<'a> {
    /// The topic name: 1 to 65,535 bytes without wildcards.
    pub topic: &'a str,
    /// The payload.
    pub payload: &'a [u8],
    /// The QoS.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    /// Properties, only 5.0 (ignored before). No Topic Alias, which the client sees to, and no Subscription Identifier.
    pub properties: Properties<'a>,
}

/// A subscription to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscribeRequest<'a> {
    /// The Topic Filter, `$share/…` included. Where its wildcards stand is left to the server to judge.
    pub filter: &'a str,
    /// Its options; in 3.x only the QoS counts.
    pub options: SubscriptionOptions,
}

impl<'a> PublishRequest<'a> {
    /// Refuses what no client may send.
    pub(super) fn check(&self, version: Version) -> Result<(), ClientError> {
        let name = check_topic_name(self.topic.as_bytes());
        if self.topic.is_empty() || self.topic.len() > FIELD_SIZE_MAX || name.is_err() {
            return Err(ClientError::TopicNameInvalid);
        }
        if version != Version::V5 || self.properties.is_empty() {
            return Ok(());
        }
        check_properties(self.properties, PropertySet::Publish)?;
        if self.properties.topic_alias().is_some() || self.properties.subscription_identifier().is_some() {
            return Err(ClientError::Properties(Violation::PropertyNotAllowed));
        }
        Ok(())
    }

    /// The packet at QoS 0.
    pub(super) const fn as_packet(&self) -> Publish<'a> {
        Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: self.retain,
            topic: self.topic,
            packet_id: None,
            properties: self.properties,
            payload: self.payload,
        }
    }
}
