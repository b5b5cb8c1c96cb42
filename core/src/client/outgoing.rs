//! The sending half of the session: which messages and requests hold a packet identifier, and what waits for one.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use super::{ClientError, PublishRequest};
use crate::packet::{PacketId, PropertyBuffer, Publish, QoS, ReasonCode, Version, Violation};

/// How many messages at QoS 1 and 2 can be in flight. A lower Receive Maximum of the server is kept to.
pub const INFLIGHT_MAX: usize = 64;

/// How many SUBSCRIBE and UNSUBSCRIBE packets can be unanswered.
pub const REQUESTS_MAX: usize = 16;

/// Names a message at QoS 1 or 2 from [`publish`](super::Client::publish) until its
/// [`Acknowledged`](super::ClientEvent::Acknowledged).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublishToken(pub u64);

/// A message at QoS 1 or 2 that is not settled.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) token: PublishToken,
    pub(super) qos: QoS,
    pub(super) retain: bool,
    topic: Box<str>,
    properties: PropertyBuffer,
    payload: Box<[u8]>,
}

impl Stored {
    /// The packet that sends it.
    pub(super) fn as_packet(&self, packet_id: PacketId, dup: bool) -> Publish<'_> {
        Publish {
            dup,
            qos: self.qos,
            retain: self.retain,
            topic: &self.topic,
            packet_id: Some(packet_id),
            properties: self.properties.as_properties(),
            payload: &self.payload,
        }
    }
}

/// A message whose PUBLISH has no answer yet.
#[derive(Debug)]
pub(super) struct Publishing {
    pub(super) packet_id: PacketId,
    pub(super) message: Stored,
    /// Whether it was sent on an earlier connection, so that this time it has DUP (MQTT-3.3.1-1).
    pub(super) dup: bool,
    /// Whether it was sent on this connection.
    sent: bool,
}

/// A QoS 2 message whose PUBREL has no answer yet.
#[derive(Clone, Copy, Debug)]
struct Releasing {
    packet_id: PacketId,
    token: PublishToken,
}

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// SUBSCRIBE.
    Subscribe,
    /// UNSUBSCRIBE.
    Unsubscribe,
}

/// A SUBSCRIBE or UNSUBSCRIBE without an answer.
#[derive(Clone, Copy, Debug)]
struct Request {
    packet_id: PacketId,
    kind: RequestKind,
    filters: usize,
}

/// What an acknowledgement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// The message is done.
    Done(PublishToken),
    /// PUBREL is due.
    Release,
    /// No message has this identifier.
    Unknown,
}

/// Everything of the client's that holds a packet identifier, or waits for one.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// In the order of the first sending.
    publishing: heapless::Vec<Publishing, INFLIGHT_MAX>,
    /// In the order of the PUBRECs. Both tables together hold [`INFLIGHT_MAX`] at most.
    releasing: heapless::Vec<Releasing, INFLIGHT_MAX>,
    requests: heapless::Vec<Request, REQUESTS_MAX>,
    queue: VecDeque<Stored>,
    queue_max: usize,
    last_id: u16,
    last_token: u64,
}

impl Outgoing {
    pub(super) const fn new(queue_max: usize) -> Self {
        Self {
            publishing: heapless::Vec::new(),
            releasing: heapless::Vec::new(),
            requests: heapless::Vec::new(),
            queue: VecDeque::new(),
            queue_max,
            last_id: 0,
            last_token: 0,
        }
    }

    /// Queues a message.
    pub(super) fn push(
        &mut self,
        version: Version,
        request: &PublishRequest<'_>,
        window: usize,
    ) -> Result<PublishToken, ClientError> {
        // Room in flight is as good as room in the queue.
        let room = self.queue_max.saturating_add(window.min(INFLIGHT_MAX - self.inflight()));
        if self.queue.len() >= room {
            return Err(ClientError::Full);
        }
        self.last_token += 1;
        let token = PublishToken(self.last_token);
        let mut properties = PropertyBuffer::new();
        if version == Version::V5 {
            properties.extend(request.properties);
        }
        self.queue.push_back(Stored {
            token,
            qos: request.qos,
            retain: request.retain,
            topic: request.topic.into(),
            properties,
            payload: request.payload.into(),
        });
        Ok(token)
    }

    /// How many messages are in flight.
    pub(super) fn inflight(&self) -> usize {
        self.publishing.len() + self.releasing.len()
    }

    /// How many messages wait for their first sending.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// How many more messages may be sent under a Receive Maximum. A message counts until PUBACK or PUBCOMP, on a resumed
    /// session too, where the specification would let PUBREL go uncounted: that is never more than is allowed.
    pub(super) fn window(&self, receive_maximum: u16) -> usize {
        let sent = self.publishing.iter().filter(|publishing| publishing.sent).count();
        usize::from(receive_maximum).min(INFLIGHT_MAX).saturating_sub(sent + self.releasing.len())
    }

    /// The next message to send, if the Receive Maximum allows one: first those of earlier connections, in their order.
    pub(super) fn next(&mut self, receive_maximum: u16) -> Option<&mut Publishing> {
        if self.window(receive_maximum) == 0 {
            return None;
        }
        if let Some(index) = self.publishing.iter().position(|publishing| !publishing.sent) {
            return self.publishing.get_mut(index);
        }
        if self.inflight() == INFLIGHT_MAX || self.queue.is_empty() {
            return None;
        }
        let packet_id = self.free_id();
        let message = self.queue.pop_front()?;
        let pushed = self.publishing.push(Publishing { packet_id, message, dup: false, sent: false });
        debug_assert!(pushed.is_ok(), "there is room by the count above");
        self.publishing.last_mut()
    }

    /// The message was put into the output.
    pub(super) fn sent(&mut self, packet_id: PacketId) {
        if let Some(publishing) = self.publishing.iter_mut().find(|publishing| publishing.packet_id == packet_id) {
            publishing.sent = true;
        }
    }

    /// Takes a message out that cannot be sent.
    pub(super) fn remove(&mut self, packet_id: PacketId) -> Option<PublishToken> {
        let index = self.position(packet_id)?;
        Some(self.publishing.remove(index).message.token)
    }

    /// PUBACK has come.
    pub(super) fn puback(&mut self, packet_id: PacketId) -> Result<Settled, Violation> {
        match self.position(packet_id) {
            Some(index) if self.publishing[index].message.qos == QoS::AtLeastOnce => {
                Ok(Settled::Done(self.publishing.remove(index).message.token))
            }
            Some(_) => Err(Violation::AcknowledgementType),
            None if self.releasing.iter().any(|releasing| releasing.packet_id == packet_id) => {
                Err(Violation::AcknowledgementType)
            }
            None => Ok(Settled::Unknown),
        }
    }

    /// PUBREC has come: a failure settles the message (MQTT-4.4.0-2), otherwise PUBREL follows (MQTT-4.3.3-4).
    pub(super) fn pubrec(&mut self, packet_id: PacketId, code: ReasonCode) -> Result<Settled, Violation> {
        if self.releasing.iter().any(|releasing| releasing.packet_id == packet_id) {
            return Ok(Settled::Release);
        }
        let Some(index) = self.position(packet_id) else { return Ok(Settled::Unknown) };
        if self.publishing[index].message.qos != QoS::ExactlyOnce {
            return Err(Violation::AcknowledgementType);
        }
        let token = self.publishing.remove(index).message.token;
        if code.is_failure() {
            return Ok(Settled::Done(token));
        }
        let pushed = self.releasing.push(Releasing { packet_id, token });
        debug_assert!(pushed.is_ok(), "the message left the other table, and both share one bound");
        Ok(Settled::Release)
    }

    /// PUBCOMP has come.
    pub(super) fn pubcomp(&mut self, packet_id: PacketId) -> Result<Settled, Violation> {
        match self.releasing.iter().position(|releasing| releasing.packet_id == packet_id) {
            Some(index) => Ok(Settled::Done(self.releasing.remove(index).token)),
            None if self.position(packet_id).is_some() => Err(Violation::AcknowledgementType),
            None => Ok(Settled::Unknown),
        }
    }

    /// The identifiers whose PUBREL is to be sent again, in the order of the PUBRECs (MQTT-4.6.0-4).
    pub(super) fn releasing(&self) -> impl Iterator<Item = PacketId> + '_ {
        self.releasing.iter().map(|releasing| releasing.packet_id)
    }

    /// The connection has ended. Gives the requests that will have no answer.
    pub(super) fn disconnected(&mut self) -> impl Iterator<Item = PacketId> + use<> {
        for publishing in &mut self.publishing {
            publishing.dup |= publishing.sent;
            publishing.sent = false;
        }
        core::mem::take(&mut self.requests).into_iter().map(|request| request.packet_id)
    }

    /// The server has no session: what it may not have is to be published anew, in the old order. Gives the messages that
    /// it took over with PUBREC.
    pub(super) fn restart(&mut self) -> impl Iterator<Item = (PublishToken, PacketId)> + use<> {
        while let Some(publishing) = self.publishing.pop() {
            self.queue.push_front(publishing.message);
        }
        core::mem::take(&mut self.releasing).into_iter().map(|releasing| (releasing.token, releasing.packet_id))
    }

    /// Takes an identifier for a request.
    pub(super) fn request(&mut self, kind: RequestKind, filters: usize) -> Result<PacketId, ClientError> {
        if self.requests.is_full() {
            return Err(ClientError::Full);
        }
        let packet_id = self.free_id();
        self.requests.push(Request { packet_id, kind, filters }).map_err(|_| ClientError::Full)?;
        Ok(packet_id)
    }

    /// Gives an identifier back whose request was not sent.
    pub(super) fn cancel_request(&mut self, packet_id: PacketId) {
        self.requests.retain(|request| request.packet_id != packet_id);
    }

    /// A request was answered with so many codes, or in 3.x without codes; gives the number of its filters.
    pub(super) fn answered(
        &mut self,
        packet_id: PacketId,
        kind: RequestKind,
        codes: Option<usize>,
    ) -> Result<usize, Violation> {
        let index = self
            .requests
            .iter()
            .position(|request| request.packet_id == packet_id && request.kind == kind)
            .ok_or(Violation::AcknowledgementType)?;
        let filters = self.requests[index].filters;
        if codes.is_some_and(|codes| codes != filters) {
            return Err(Violation::AcknowledgementCount);
        }
        self.requests.remove(index);
        Ok(filters)
    }

    fn position(&self, packet_id: PacketId) -> Option<usize> {
        self.publishing.iter().position(|publishing| publishing.packet_id == packet_id)
    }

    /// An identifier that is not in use (MQTT-2.2.1-3). At most 80 are, so a free one is near.
    fn free_id(&mut self) -> PacketId {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            let Some(packet_id) = PacketId::new(self.last_id) else { continue };
            let is_used = self.position(packet_id).is_some()
                || self.releasing().any(|used| used == packet_id)
                || self.requests.iter().any(|request| request.packet_id == packet_id);
            if !is_used {
                return packet_id;
            }
        }
    }
}
