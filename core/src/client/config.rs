//! What a client is told once, when it is made.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use super::ClientError;
use crate::packet::string::{FIELD_SIZE_MAX, check_string, check_topic_name};
use crate::packet::{Connect, Properties, Property, PropertyBuffer, PropertySet, QoS, Version, Will};

/// The configuration of a [`Client`](super::Client).
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The protocol to speak.
    pub version: Version,
    /// The Client Identifier. Empty: the server assigns one, which in 5.0 later connections use too.
    pub client_id: Box<str>,
    /// Clean Start (3.x: CleanSession). In 5.0 it holds for the first connection and wherever the session has ended since:
    /// a session that outlives its connection is resumed by the next. Without Clean Start a session that the server kept
    /// for an earlier run of the program is taken over as it is.
    pub clean_start: bool,
    /// Keep Alive in seconds; 0 turns it off. A Server Keep Alive replaces it (MQTT-3.1.2-21).
    pub keep_alive_s: u16,
    /// Session Expiry Interval in seconds, only 5.0; 0 ends the session with the connection, 0xFFFF_FFFF is never.
    pub session_expiry_s: u32,
    /// Receive Maximum, not 0, only 5.0: how many QoS 1 and 2 messages may come before the first is acknowledged.
    pub receive_maximum: u16,
    /// The largest packet to accept, in bytes and not 0. A 5.0 server is told, a 3.x one is not.
    pub maximum_packet_size: u32,
    /// Topic Alias Maximum for received messages, only 5.0; 0 is none.
    pub topic_alias_maximum: u16,
    /// How many topic aliases to use for sent messages where the server allows it, at most 32; 0 is none.
    pub topic_aliases_used_max: u16,
    /// Request Problem Information (5.0, 3.1.2.11.7).
    pub request_problem_information: bool,
    /// Request Response Information (5.0, 3.1.2.11.6).
    pub request_response_information: bool,
    /// The will.
    pub will: Option<ClientWill>,
    /// The user name.
    pub user_name: Option<Box<str>>,
    /// The password; in 3.x only with a user name (3.1.1, MQTT-3.1.2-22).
    pub password: Option<Box<[u8]>>,
    /// Authentication Method of the enhanced authentication, only 5.0.
    pub authentication_method: Option<Box<str>>,
    /// Authentication Data of CONNECT, only with a method.
    pub authentication_data: Option<Box<[u8]>>,
    /// User Properties of CONNECT, only 5.0.
    pub user_properties: Vec<(Box<str>, Box<str>)>,
    /// Whether received messages are acknowledged as soon as their event is queued. If not, the application calls
    /// [`Client::acknowledge`](super::Client::acknowledge) for each at QoS 1 and 2.
    pub automatic_acknowledgement: bool,
    /// How many QoS 1 and 2 messages may wait for their first sending.
    pub queue_messages_max: usize,
    /// How many bytes may wait for the transport before the application's packets are refused or held back.
    pub tx_bytes_max: usize,
    /// How long to wait for CONNACK.
    pub connect_timeout: Duration,
    /// How long to wait for PINGRESP.
    pub ping_timeout: Duration,
}

/// The will of a client.
#[derive(Clone, Debug)]
pub struct ClientWill {
    /// The topic name.
    pub topic: Box<str>,
    /// The payload, at most 65,535 bytes.
    pub payload: Box<[u8]>,
    /// The QoS.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    /// The Will Properties, only 5.0.
    pub properties: PropertyBuffer,
}

impl ClientConfig {
    /// The defaults for a protocol version and a Client Identifier: Clean Start, Keep Alive of 60 s, no session after the
    /// connection, 64 messages in flight each way, packets of at most 16 MiB, no aliases, automatic acknowledgement, a
    /// queue of 1,024 messages, 16 MiB + 64 KiB of output, 10 s for CONNACK and PINGRESP.
    pub fn new(version: Version, client_id: &str) -> Self {
        Self {
            version,
            client_id: client_id.into(),
            clean_start: true,
            keep_alive_s: 60,
            session_expiry_s: 0,
            receive_maximum: 64,
            maximum_packet_size: 16 << 20,
            topic_alias_maximum: 0,
            topic_aliases_used_max: 0,
            request_problem_information: true,
            request_response_information: false,
            will: None,
            user_name: None,
            password: None,
            authentication_method: None,
            authentication_data: None,
            user_properties: Vec::new(),
            automatic_acknowledgement: true,
            queue_messages_max: 1_024,
            tx_bytes_max: (16 << 20) + (64 << 10),
            connect_timeout: Duration::from_secs(10),
            ping_timeout: Duration::from_secs(10),
        }
    }

    /// Refuses what could not be sent, or that the specification forbids a client to send.
    pub(super) fn check(&self) -> Result<(), ClientError> {
        let strings = [Some(&self.client_id), self.user_name.as_ref(), self.authentication_method.as_ref()];
        let pairs = self.user_properties.iter().flat_map(|(name, value)| [name, value]);
        if !strings.into_iter().flatten().chain(pairs).all(|text| is_field(text)) {
            return Err(ClientError::Config("a string is too long or contains U+0000"));
        }
        let binaries = [self.password.as_ref(), self.authentication_data.as_ref()];
        if binaries.into_iter().flatten().any(|bytes| bytes.len() > FIELD_SIZE_MAX) {
            return Err(ClientError::Config("password or authentication data are too long"));
        }
        if self.receive_maximum == 0 || self.maximum_packet_size == 0 {
            return Err(ClientError::Config("receive maximum and maximum packet size are not 0"));
        }
        if self.authentication_data.is_some() && self.authentication_method.is_none() {
            return Err(ClientError::Config("authentication data belong to an authentication method"));
        }
        if self.version != Version::V5 {
            if self.password.is_some() && self.user_name.is_none() {
                return Err(ClientError::Config("a 3.x password needs a user name"));
            }
            if self.client_id.is_empty() && (!self.clean_start || self.version == Version::V3_1) {
                return Err(ClientError::Config("a 3.x session needs a client identifier"));
            }
            if self.authentication_method.is_some() {
                return Err(ClientError::Config("enhanced authentication needs 5.0"));
            }
        }
        self.will.as_ref().map_or(Ok(()), ClientWill::check)
    }

    /// The CONNECT that this configuration makes. `properties` is where its properties are put together.
    pub(super) fn connect<'a>(
        &'a self,
        client_id: &'a str,
        clean_start: bool,
        properties: &'a mut PropertyBuffer,
    ) -> Connect<'a> {
        properties.clear();
        if self.version == Version::V5 {
            self.push_properties(properties);
        }
        Connect {
            version: self.version,
            clean_start,
            keep_alive_s: self.keep_alive_s,
            properties: properties.as_properties(),
            client_id,
            will: self.will.as_ref().map(ClientWill::as_will),
            user_name: self.user_name.as_deref(),
            password: self.password.as_deref(),
        }
    }

    fn push_properties(&self, properties: &mut PropertyBuffer) {
        if self.session_expiry_s > 0 {
            properties.push(Property::SessionExpiryInterval(self.session_expiry_s));
        }
        if self.receive_maximum < u16::MAX {
            properties.push(Property::ReceiveMaximum(self.receive_maximum));
        }
        properties.push(Property::MaximumPacketSize(self.maximum_packet_size));
        if self.topic_alias_maximum > 0 {
            properties.push(Property::TopicAliasMaximum(self.topic_alias_maximum));
        }
        if self.request_response_information {
            properties.push(Property::RequestResponseInformation(true));
        }
        if !self.request_problem_information {
            properties.push(Property::RequestProblemInformation(false));
        }
        for (name, value) in &self.user_properties {
            properties.push(Property::UserProperty(name, value));
        }
        if let Some(method) = &self.authentication_method {
            properties.push(Property::AuthenticationMethod(method));
        }
        if let Some(data) = &self.authentication_data {
            properties.push(Property::AuthenticationData(data));
        }
    }
}

impl ClientWill {
    fn check(&self) -> Result<(), ClientError> {
        let topic = check_topic_name(self.topic.as_bytes());
        if self.topic.is_empty() || self.topic.len() > FIELD_SIZE_MAX || topic.is_err() {
            return Err(ClientError::TopicNameInvalid);
        }
        if self.payload.len() > FIELD_SIZE_MAX {
            return Err(ClientError::Config("the will's payload is too long"));
        }
        check_properties(self.properties.as_properties(), PropertySet::Will)
    }

    fn as_will(&self) -> Will<'_> {
        Will {
            qos: self.qos,
            retain: self.retain,
            properties: self.properties.as_properties(),
            topic: &self.topic,
            payload: &self.payload,
        }
    }
}

/// Whether a text can stand in a string field.
pub(super) fn is_field(text: &str) -> bool {
    text.len() <= FIELD_SIZE_MAX && check_string(text.as_bytes()).is_ok()
}

/// Refuses properties of the application that may not stand at `place`.
pub(super) fn check_properties(properties: Properties<'_>, place: PropertySet) -> Result<(), ClientError> {
    Properties::decode(properties.as_bytes(), place).map(|_| ()).map_err(ClientError::Properties)
}
