//! The receiving half of the session: which messages wait for an acknowledgement, and which QoS 2 identifiers are open.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::packet::{PacketId, QoS, ReasonCode};

/// What to do with a received PUBLISH at QoS 1 or 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// A message that was not here before.
    New,
    /// A repeat of one that the application has and has not acknowledged.
    Waiting,
    /// A repeat at QoS 2 of one that was acknowledged by PUBREC: answer so again (MQTT-4.3.3-10).
    Received,
}

/// What a PUBREL is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// An identifier that is free now.
    Done,
    /// An identifier that was not open.
    Unknown,
    /// A message for which no PUBREC has gone out.
    Early,
}

/// A message that the application has and that is not acknowledged.
#[derive(Debug)]
struct Waiting {
    packet_id: PacketId,
    qos: QoS,
    /// What the application answered, while an earlier message holds the acknowledgement up.
    code: Option<ReasonCode>,
}

/// A QoS 2 message between PUBREC and PUBREL.
#[derive(Debug)]
struct Received {
    packet_id: PacketId,
    /// Whether its PUBLISH came on this connection, and so counts against the Receive Maximum.
    is_current: bool,
}

/// Received messages at QoS 1 and 2. There are at most 65,535 in each table, by their identifiers.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// In the order of arrival; gone with the connection, for the server sends them again.
    waiting: VecDeque<Waiting>,
    /// Sorted by identifier; state of the session.
    received: Vec<Received>,
}

impl Incoming {
    /// Files an arrived PUBLISH.
    pub(super) fn arrive(&mut self, packet_id: PacketId, qos: QoS) -> Arrival {
        if self.waiting.iter().any(|waiting| waiting.packet_id == packet_id) {
            return Arrival::Waiting;
        }
        if qos == QoS::ExactlyOnce && self.find(packet_id).is_ok() {
            return Arrival::Received;
        }
        self.waiting.push_back(Waiting { packet_id, qos, code: None });
        Arrival::New
    }

    /// How many messages count against the Receive Maximum (MQTT-3.3.4-9).
    pub(super) fn open(&self) -> usize {
        self.waiting.len() + self.received.iter().filter(|received| received.is_current).count()
    }

    /// The QoS of a message that waits for the application's answer.
    pub(super) fn waiting_qos(&self, packet_id: PacketId) -> Option<QoS> {
        let waiting = self.waiting.iter().find(|waiting| waiting.packet_id == packet_id && waiting.code.is_none())?;
        Some(waiting.qos)
    }

    /// Takes the application's answer to a message.
    pub(super) fn answer(&mut self, packet_id: PacketId, code: ReasonCode) {
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.packet_id == packet_id) {
            waiting.code = Some(code);
        }
    }

    /// The next acknowledgement to send: they go out in the order of arrival (MQTT-4.6.0-2, MQTT-4.6.0-3).
    pub(super) fn next_acknowledgement(&mut self) -> Option<(PacketId, QoS, ReasonCode)> {
        let code = self.waiting.front()?.code?;
        let Waiting { packet_id, qos, .. } = self.waiting.pop_front()?;
        if qos == QoS::ExactlyOnce
            && !code.is_failure()
            && let Err(index) = self.find(packet_id)
        {
            self.received.insert(index, Received { packet_id, is_current: true });
        }
        Some((packet_id, qos, code))
    }

    /// Frees the identifier of a PUBREL.
    pub(super) fn release(&mut self, packet_id: PacketId) -> Release {
        match self.find(packet_id) {
            Ok(index) => {
                self.received.remove(index);
                Release::Done
            }
            Err(_) if self.waiting.iter().any(|waiting| waiting.packet_id == packet_id) => Release::Early,
            Err(_) => Release::Unknown,
        }
    }

    /// The connection has ended: what was not acknowledged will come again.
    pub(super) fn disconnected(&mut self) {
        self.waiting.clear();
        for received in &mut self.received {
            received.is_current = false;
        }
    }

    /// The session has ended.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.received.clear();
    }

    fn find(&self, packet_id: PacketId) -> Result<usize, usize> {
        self.received.binary_search_by_key(&packet_id, |received| received.packet_id)
    }
}
