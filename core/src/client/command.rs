//! What the application asks a client to do.

use super::config::{check_properties, is_field};
use super::machine::Phase;
use super::outgoing::RequestKind;
use super::{Client, ClientError, DisconnectReason, PublishRequest, PublishToken, SubscribeRequest};
use crate::packet::{
    Ack, Auth, Disconnect, PacketId, PacketType, Properties, Property, PropertySet, QoS, ReasonCode, Subscribe,
    SubscribeBuffer, Unsubscribe, UnsubscribeBuffer, Version, Violation,
};
use crate::time::Instant;

impl Client {
    /// Publishes a message. At QoS 0 it is put into the output at once and `None` is the answer. At QoS 1 and 2 it is kept
    /// until it is settled, also without a connection: the token comes back in
    /// [`Acknowledged`](super::ClientEvent::Acknowledged).
    ///
    /// # Errors
    ///
    /// [`ClientError::TopicNameInvalid`], [`ClientError::Properties`]; [`ClientError::NotConnected`] at QoS 0 without a
    /// connection; [`ClientError::Full`]; with a connection also [`ClientError::PacketTooLarge`] and
    /// [`ClientError::NotSupported`].
    pub fn publish(&mut self, now: Instant, request: &PublishRequest<'_>) -> Result<Option<PublishToken>, ClientError> {
        self.tick(now);
        request.check(self.config.version)?;
        self.limits.check_publish(request)?;
        let packet = request.as_packet();
        // A packet identifier takes two bytes more.
        let size = packet.encoded_size(self.config.version) + if request.qos == QoS::AtMostOnce { 0 } else { 2 };
        if !self.limits.takes(size) {
            return Err(ClientError::PacketTooLarge);
        }
        if request.qos == QoS::AtMostOnce {
            self.require_output(size)?;
            self.sender().publish(packet)?;
            self.touch();
            return Ok(None);
        }
        let window = match self.phase {
            Phase::Connected => self.outgoing.window(self.limits.receive_maximum),
            Phase::Idle | Phase::Connecting | Phase::Closing => 0,
        };
        let token = self.outgoing.push(self.config.version, request, window)?;
        self.pump();
        Ok(Some(token))
    }

    /// Sends SUBSCRIBE. The identifier comes back in [`Subscribed`](super::ClientEvent::Subscribed), or in
    /// [`Unanswered`](super::ClientEvent::Unanswered).
    ///
    /// # Errors
    ///
    /// [`ClientError::TopicFilterInvalid`] (also for no filter at all), [`ClientError::Properties`],
    /// [`ClientError::NotConnected`], [`ClientError::Full`], [`ClientError::PacketTooLarge`] and
    /// [`ClientError::NotSupported`].
    pub fn subscribe(
        &mut self,
        now: Instant,
        filters: &[SubscribeRequest<'_>],
        properties: Properties<'_>,
    ) -> Result<PacketId, ClientError> {
        self.tick(now);
        let mut buffer = SubscribeBuffer::new();
        for request in filters {
            self.limits.check_filter(request.filter)?;
            if request.options.no_local && request.filter.starts_with("$share/") {
                return Err(ClientError::NotSupported(Violation::NoLocalOnShared.reason_code()));
            }
            buffer.push(request.filter, request.options);
        }
        let properties = self.request_properties(properties, PropertySet::Subscribe)?;
        if properties.subscription_identifier().is_some() && !self.limits.subscription_identifier_available {
            return Err(ClientError::NotSupported(ReasonCode::SubscriptionIdentifiersNotSupported));
        }
        let packet_id = self.request(RequestKind::Subscribe, filters.len())?;
        let packet = Subscribe::new(packet_id, properties, &buffer);
        self.finish_request(packet_id, packet.encoded_size(self.config.version))?;
        packet.encode(self.config.version, self.tx.out());
        self.touch();
        Ok(packet_id)
    }

    /// Sends UNSUBSCRIBE. The identifier comes back in [`Unsubscribed`](super::ClientEvent::Unsubscribed), or in
    /// [`Unanswered`](super::ClientEvent::Unanswered).
    ///
    /// # Errors
    ///
    /// Those of [`subscribe`](Self::subscribe), except that the server's limits on subscriptions do not matter.
    pub fn unsubscribe(
        &mut self,
        now: Instant,
        filters: &[&str],
        properties: Properties<'_>,
    ) -> Result<PacketId, ClientError> {
        self.tick(now);
        let mut buffer = UnsubscribeBuffer::new();
        for filter in filters {
            if filter.is_empty() || !is_field(filter) {
                return Err(ClientError::TopicFilterInvalid);
            }
            buffer.push(filter);
        }
        let properties = self.request_properties(properties, PropertySet::Unsubscribe)?;
        let packet_id = self.request(RequestKind::Unsubscribe, filters.len())?;
        let packet = Unsubscribe::new(packet_id, properties, &buffer);
        self.finish_request(packet_id, packet.encoded_size(self.config.version))?;
        packet.encode(self.config.version, self.tx.out());
        self.touch();
        Ok(packet_id)
    }

    /// Acknowledges a received message, where that is not done automatically. The acknowledgement goes out when those of
    /// all earlier messages have (MQTT-4.6.0-2, MQTT-4.6.0-3).
    ///
    /// # Errors
    ///
    /// [`ClientError::PacketIdentifierNotFound`] when no such message waits, also because its connection has ended, and
    /// [`ClientError::ReasonCodeNotAllowed`] for a code that PUBACK or PUBREC does not have; in 3.x there is only success.
    pub fn acknowledge(&mut self, now: Instant, packet_id: PacketId, code: ReasonCode) -> Result<(), ClientError> {
        self.tick(now);
        if self.phase != Phase::Connected {
            return Err(ClientError::PacketIdentifierNotFound);
        }
        let qos = self.incoming.waiting_qos(packet_id).ok_or(ClientError::PacketIdentifierNotFound)?;
        let is_allowed = match self.config.version {
            Version::V3_1 | Version::V3_1_1 => code == ReasonCode::Success,
            Version::V5 => code.allowed_in(acknowledgement(qos)),
        };
        if !is_allowed {
            return Err(ClientError::ReasonCodeNotAllowed(code));
        }
        self.incoming.answer(packet_id, code);
        self.send_acknowledgements();
        Ok(())
    }

    /// Sends AUTH with the configured Authentication Method: 0x18 as the answer to the server's, 0x19 to begin a
    /// re-authentication (5.0, 4.12).
    ///
    /// # Errors
    ///
    /// [`ClientError::AuthNotExpected`] without a method, or when the code does not fit what is going on;
    /// [`ClientError::PacketTooLarge`] and [`ClientError::Config`] for too much data; [`ClientError::NotConnected`].
    pub fn auth(&mut self, now: Instant, code: ReasonCode, data: Option<&[u8]>) -> Result<(), ClientError> {
        self.tick(now);
        let is_due = match self.phase {
            Phase::Idle | Phase::Closing => return Err(ClientError::NotConnected),
            Phase::Connecting => code == ReasonCode::ContinueAuthentication,
            Phase::Connected if self.is_authenticating => code == ReasonCode::ContinueAuthentication,
            Phase::Connected => code == ReasonCode::ReAuthenticate,
        };
        let Some(method) = self.config.authentication_method.as_deref().filter(|_| is_due) else {
            return Err(ClientError::AuthNotExpected);
        };
        self.scratch.clear();
        self.scratch.push(Property::AuthenticationMethod(method));
        if let Some(data) = data {
            if data.len() > usize::from(u16::MAX) {
                return Err(ClientError::Config("authentication data are too long"));
            }
            self.scratch.push(Property::AuthenticationData(data));
        }
        let packet = Auth { code, properties: self.scratch.as_properties() };
        if !self.limits.takes(packet.encoded_size()) {
            return Err(ClientError::PacketTooLarge);
        }
        packet.encode(self.tx.out());
        self.is_authenticating = true;
        self.touch();
        Ok(())
    }

    /// Sends DISCONNECT and leaves the connection to be closed (MQTT-3.14.4-2). In 3.x there is neither code nor expiry, and
    /// both are ignored. `session_expiry_s` replaces the Session Expiry Interval, in seconds.
    ///
    /// # Errors
    ///
    /// [`ClientError::NotConnected`], [`ClientError::ReasonCodeNotAllowed`] and
    /// [`ClientError::SessionExpiryFromZero`].
    pub fn disconnect(
        &mut self,
        now: Instant,
        code: ReasonCode,
        session_expiry_s: Option<u32>,
    ) -> Result<(), ClientError> {
        self.tick(now);
        if !matches!(self.phase, Phase::Connecting | Phase::Connected) {
            return Err(ClientError::NotConnected);
        }
        self.scratch.clear();
        if self.config.version == Version::V5 {
            if !code.allowed_in_client_disconnect() {
                return Err(ClientError::ReasonCodeNotAllowed(code));
            }
            if let Some(expiry) = session_expiry_s {
                if self.config.session_expiry_s == 0 && expiry > 0 {
                    return Err(ClientError::SessionExpiryFromZero);
                }
                self.scratch.push(Property::SessionExpiryInterval(expiry));
                self.is_session_kept &= expiry > 0;
            }
        }
        let packet = Disconnect { code, properties: self.scratch.as_properties() };
        packet.encode(self.config.version, self.tx.out());
        self.end(DisconnectReason::Requested);
        Ok(())
    }

    /// Sends the acknowledgements whose turn it is.
    pub(super) fn send_acknowledgements(&mut self) {
        while let Some((packet_id, qos, code)) = self.incoming.next_acknowledgement() {
            self.send_ack(acknowledgement(qos), packet_id, code);
        }
    }

    /// Sends an acknowledgement.
    pub(super) fn send_ack(&mut self, packet_type: PacketType, packet_id: PacketId, code: ReasonCode) {
        Ack::new(packet_id, code).encode(packet_type, self.config.version, self.tx.out());
        self.touch();
    }

    /// Checks that there is a connection with room for a packet of the application. An empty output takes any packet.
    fn require_output(&self, size: usize) -> Result<(), ClientError> {
        if self.phase != Phase::Connected {
            return Err(ClientError::NotConnected);
        }
        let waiting = self.tx.len();
        if waiting > 0 && waiting + size > self.config.tx_bytes_max { Err(ClientError::Full) } else { Ok(()) }
    }

    /// The properties of a request, as far as the version has them.
    fn request_properties<'a>(
        &self,
        properties: Properties<'a>,
        place: PropertySet,
    ) -> Result<Properties<'a>, ClientError> {
        match self.config.version {
            Version::V3_1 | Version::V3_1_1 => Ok(Properties::EMPTY),
            Version::V5 => check_properties(properties, place).map(|()| properties),
        }
    }

    /// Takes an identifier for a request with so many filters.
    fn request(&mut self, kind: RequestKind, filters: usize) -> Result<PacketId, ClientError> {
        if self.phase != Phase::Connected {
            return Err(ClientError::NotConnected);
        }
        if filters == 0 {
            return Err(ClientError::TopicFilterInvalid);
        }
        self.outgoing.request(kind, filters)
    }

    /// Checks that a request of this size can be sent, or gives its identifier back.
    fn finish_request(&mut self, packet_id: PacketId, size: usize) -> Result<(), ClientError> {
        let result = if self.limits.takes(size) { self.require_output(size) } else { Err(ClientError::PacketTooLarge) };
        if result.is_err() {
            self.outgoing.cancel_request(packet_id);
        }
        result
    }
}

/// The packet that acknowledges a message.
const fn acknowledgement(qos: QoS) -> PacketType {
    match qos {
        QoS::AtMostOnce | QoS::AtLeastOnce => PacketType::PubAck,
        QoS::ExactlyOnce => PacketType::PubRec,
    }
}
