//! A look at one client's session, for programs that embed a broker and for whoever replays a recording. Nothing changes.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::Broker;
use crate::connection::Phase;
use crate::id::ConnId;
use crate::packet::{PacketId, QoS, Version};
use crate::session::{ResendKind, Session, Subscribed};
use crate::topic::Subscription;

/// Session State (MQTT 5.0, 4.1) at one moment, and the Network Connection that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// The Client Identifier.
    pub client_id: Box<str>,
    /// The user name that opened the session.
    pub user_name: Option<Box<str>>,
    /// Its Network Connection; none while the client is away.
    pub connection: Option<ConnectionView>,
    /// Session Expiry Interval in seconds, 0 ends with the connection, `u32::MAX` is never (3.1.2.11.2).
    pub expiry_s: u32,
    /// Its subscriptions, in no order that means anything.
    pub subscriptions: Vec<SubscriptionView>,
    /// Messages that wait for room and have no Packet Identifier yet.
    pub queued_messages: usize,
    /// Bytes of their topics and payloads, each message rounded up to 16.
    pub queued_bytes: u64,
    /// Unfinished deliveries to the client, the oldest first (4.3).
    pub inflight: Vec<InflightView>,
    /// Packet Identifiers of QoS 2 messages from the client whose PUBREL has not come, ascending (4.3.3).
    pub incoming: Vec<PacketId>,
    /// The Will Message, unless it was published or deleted (3.1.2.5).
    pub will: Option<WillView>,
}

/// A session's Network Connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionView {
    /// Its name.
    pub conn: ConnId,
    /// The protocol version.
    pub version: Version,
    /// Whether its CONNACK has still to wait for the store.
    pub waits_for_store: bool,
    /// Bytes that wait to be written to it.
    pub output_bytes: usize,
    /// QoS 1 and 2 messages that may be open towards it at once.
    pub inflight_max: u16,
}

/// One subscription (3.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionView {
    /// The Topic Filter, `$share/…` included.
    pub filter: String,
    /// The granted QoS.
    pub qos: QoS,
    /// No Local.
    pub no_local: bool,
    /// Retain As Published.
    pub retain_as_published: bool,
    /// The Subscription Identifier.
    pub identifier: Option<u32>,
}

/// One unfinished delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InflightView {
    /// The Packet Identifier.
    pub packet_id: PacketId,
    /// What the client owes.
    pub awaits: InflightState,
}

/// What an unfinished delivery waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InflightState {
    /// QoS 1: PUBACK.
    PubAck,
    /// QoS 2: PUBREC.
    PubRec,
    /// QoS 2: PUBCOMP.
    PubComp,
}

/// A Will Message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WillView {
    /// Its topic.
    pub topic: Box<str>,
    /// Bytes of its payload.
    pub payload_bytes: usize,
    /// Will QoS.
    pub qos: QoS,
    /// Will Retain.
    pub retain: bool,
    /// Will Delay Interval in seconds.
    pub delay_s: u32,
}

impl Broker {
    /// The session of a client, if it is here. It is on one shard of a broker at most.
    pub fn inspect(&self, client_id: &str) -> Option<SessionView> {
        let session = &self.clients.sessions[self.session_of(client_id)?];
        let will = session.will.as_ref().map(|will| WillView {
            topic: will.topic.clone(),
            payload_bytes: will.payload.len(),
            qos: will.qos,
            retain: will.retain,
            delay_s: will.delay_s,
        });
        Some(SessionView {
            client_id: session.client_id.clone(),
            user_name: session.user_name.clone(),
            connection: self.inspect_connection(session),
            expiry_s: session.expiry_s,
            subscriptions: session.subscriptions.iter().map(|&known| self.inspect_subscription(known)).collect(),
            queued_messages: session.queue.len(),
            queued_bytes: session.queue.bytes(),
            inflight: session.inflight.iter().map(|(packet_id, kind)| inflight(packet_id, kind)).collect(),
            incoming: session.incoming.iter().collect(),
            will,
        })
    }

    fn inspect_connection(&self, session: &Session) -> Option<ConnectionView> {
        let conn = self.clients.conns.get(session.connection).filter(|conn| conn.phase == Phase::Connected)?;
        Some(ConnectionView {
            conn: self.clients.conn_id(session.connection),
            version: conn.version?,
            waits_for_store: conn.resumes,
            output_bytes: conn.output.len(),
            inflight_max: conn.window,
        })
    }

    fn inspect_subscription(&self, known: Subscribed) -> SubscriptionView {
        let mut filter = String::new();
        self.router.filter_text(known.filter, &mut filter);
        let position = known.position as usize;
        let subscription: Subscription = match known.group {
            Some(group) => {
                let group = self.router.group(group);
                filter = alloc::format!("$share/{}/{filter}", group.name());
                group.members()[position]
            }
            None => self.router.subscriptions(known.filter)[position],
        };
        SubscriptionView {
            filter,
            qos: QoS::from_bits(subscription.qos()).expect("a granted QoS is one"),
            no_local: subscription.no_local(),
            retain_as_published: subscription.retain_as_published(),
            identifier: Some(subscription.identifier).filter(|&identifier| identifier != 0),
        }
    }
}

fn inflight(packet_id: PacketId, kind: ResendKind) -> InflightView {
    let awaits = match kind {
        ResendKind::First(delivery) | ResendKind::Publish(delivery) if delivery.flags.qos() == QoS::ExactlyOnce => {
            InflightState::PubRec
        }
        ResendKind::First(_) | ResendKind::Publish(_) => InflightState::PubAck,
        ResendKind::Release => InflightState::PubComp,
    };
    InflightView { packet_id, awaits }
}
