//! The client itself: its connection, its clock and its outputs.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::alias::{ReceivedAliases, SentAliases};
use super::incoming::Incoming;
use super::outgoing::Outgoing;
use super::tx::Tx;
use super::{ClientConfig, ClientError, ClientEvent, DisconnectReason, ServerLimits};
use crate::packet::{Disconnect, Property, PropertyBuffer, Publish, ReasonCode, Version, Violation, encode_ping_req};
use crate::time::Instant;

/// With so many events not taken the client does not want to read.
const EVENTS_MAX: usize = 256;

/// Where a client is with its Network Connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// There is none.
    Idle,
    /// CONNECT is out, CONNACK has not come.
    Connecting,
    /// CONNACK has come.
    Connected,
    /// Nothing more is sent but what is in the output, and nothing is read.
    Closing,
}

/// The client side of one session. See the [module](super) for how to drive it.
#[derive(Debug)]
pub struct Client {
    pub(super) config: ClientConfig,
    /// The Client Identifier in use: an assigned one replaces the empty one.
    pub(super) client_id: Box<str>,
    pub(super) phase: Phase,
    pub(super) limits: ServerLimits,
    pub(super) outgoing: Outgoing,
    pub(super) incoming: Incoming,
    pub(super) received_aliases: ReceivedAliases,
    pub(super) sent_aliases: SentAliases,
    pub(super) events: VecDeque<ClientEvent>,
    pub(super) tx: Tx,
    /// The beginning of a packet whose rest has not come.
    pub(super) rx: Vec<u8>,
    /// Properties that are put together for one packet.
    pub(super) scratch: PropertyBuffer,
    /// Whether the session outlives the connection, so that the next one resumes it.
    pub(super) is_session_kept: bool,
    /// Clean Start as it was sent.
    pub(super) clean_start_sent: bool,
    /// Whether an authentication exchange is going on.
    pub(super) is_authenticating: bool,
    /// The latest time that any call has told.
    pub(super) now: Instant,
    /// When the last packet was put into the output (MQTT-3.1.2-20).
    last_sent: Instant,
    /// Until when CONNACK or PINGRESP has to come.
    pub(super) deadline: Option<Instant>,
}

impl Client {
    /// A client without a connection and without a session.
    ///
    /// # Errors
    ///
    /// [`ClientError::Config`], [`ClientError::TopicNameInvalid`] and [`ClientError::Properties`] for a configuration
    /// that could not be sent.
    pub fn new(config: ClientConfig) -> Result<Self, ClientError> {
        config.check()?;
        Ok(Self {
            client_id: config.client_id.clone(),
            phase: Phase::Idle,
            limits: ServerLimits::new(&config),
            outgoing: Outgoing::new(config.queue_messages_max),
            incoming: Incoming::default(),
            received_aliases: ReceivedAliases::default(),
            sent_aliases: SentAliases::default(),
            events: VecDeque::new(),
            tx: Tx::default(),
            rx: Vec::new(),
            scratch: PropertyBuffer::new(),
            is_session_kept: false,
            clean_start_sent: false,
            is_authenticating: false,
            now: Instant::ZERO,
            last_sent: Instant::ZERO,
            deadline: None,
            config,
        })
    }

    /// A Network Connection was opened, the first or another: queues CONNECT.
    ///
    /// # Errors
    ///
    /// [`ClientError::AlreadyConnected`] before [`handle_closed`](Self::handle_closed) was called for the last one.
    pub fn connect(&mut self, now: Instant) -> Result<(), ClientError> {
        self.tick(now);
        if self.phase != Phase::Idle {
            return Err(ClientError::AlreadyConnected);
        }
        self.phase = Phase::Connecting;
        self.received_aliases.clear();
        self.sent_aliases.reset(0);
        self.is_authenticating = self.config.authentication_method.is_some();
        self.clean_start_sent = self.config.clean_start && !self.is_session_kept;
        self.config.connect(&self.client_id, self.clean_start_sent, &mut self.scratch).encode(self.tx.out());
        self.last_sent = self.now;
        self.deadline = Some(self.now.saturating_add(self.config.connect_timeout));
        Ok(())
    }

    /// So many bytes of [`tx`](Self::tx) were written.
    pub fn handle_sent(&mut self, count: usize) {
        self.tx.advance(count);
        self.pump();
    }

    /// The transport has ended, on whoever's wish. The session stays for the next [`connect`](Self::connect).
    pub fn handle_closed(&mut self, now: Instant) {
        self.tick(now);
        match self.phase {
            Phase::Idle => return,
            Phase::Closing => {}
            Phase::Connecting | Phase::Connected => self.end(DisconnectReason::Closed),
        }
        self.phase = Phase::Idle;
        self.tx.clear();
        self.rx.clear();
        self.limits = ServerLimits::new(&self.config);
        self.incoming.disconnected();
        let unanswered = self.outgoing.disconnected();
        self.events.extend(unanswered.map(|packet_id| ClientEvent::Unanswered { packet_id }));
    }

    /// Does what is due: PINGREQ, or giving up on a server that does not answer. Too early a call does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.tick(now);
        if self.deadline.is_some_and(|deadline| deadline <= self.now) {
            match self.phase {
                Phase::Connecting => self.give_up(DisconnectReason::ConnectTimeout),
                Phase::Connected => self.give_up(DisconnectReason::PingTimeout),
                Phase::Idle | Phase::Closing => {}
            }
        }
        if self.ping_due().is_some_and(|due| due <= self.now) {
            encode_ping_req(self.tx.out());
            self.last_sent = self.now;
            self.deadline = Some(self.now.saturating_add(self.config.ping_timeout));
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do; `None` while there is no connection, or no
    /// Keep Alive.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Idle | Phase::Closing => None,
            Phase::Connecting | Phase::Connected => match (self.deadline, self.ping_due()) {
                (Some(deadline), Some(ping)) => Some(deadline.min(ping)),
                (deadline, ping) => deadline.or(ping),
            },
        }
    }

    /// What happened since, in order.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// The bytes to write. Report how many were with [`handle_sent`](Self::handle_sent).
    pub fn tx(&self) -> &[u8] {
        self.tx.pending()
    }

    /// Whether the transport is to be closed once [`tx`](Self::tx) is written.
    pub fn wants_close(&self) -> bool {
        self.phase == Phase::Closing
    }

    /// Whether received bytes are welcome: not while too many events or bytes wait to be taken.
    pub fn wants_read(&self) -> bool {
        matches!(self.phase, Phase::Connecting | Phase::Connected)
            && self.events.len() < EVENTS_MAX
            && self.tx.len() <= self.config.tx_bytes_max
    }

    /// Whether CONNACK has come and the connection stands.
    pub fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    /// The protocol spoken.
    pub const fn version(&self) -> Version {
        self.config.version
    }

    /// The Client Identifier in use; an assigned one once it is known.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// What the server allows on this connection. Without a connection, and before CONNACK, there are no limits.
    pub const fn server_limits(&self) -> &ServerLimits {
        &self.limits
    }

    /// How many messages at QoS 1 and 2 are sent and not settled, at most [`INFLIGHT_MAX`](super::INFLIGHT_MAX).
    pub fn inflight(&self) -> usize {
        self.outgoing.inflight()
    }

    /// How many messages at QoS 1 and 2 wait for their first sending.
    pub fn queued(&self) -> usize {
        self.outgoing.queued()
    }

    /// Takes the time of a call; it never goes back.
    pub(super) fn tick(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// A packet was put into the output.
    pub(super) fn touch(&mut self) {
        self.last_sent = self.now;
    }

    /// When PINGREQ is due: after three quarters of the Keep Alive without another packet, so that it arrives within it.
    fn ping_due(&self) -> Option<Instant> {
        if self.phase != Phase::Connected || self.deadline.is_some() || self.limits.keep_alive_s == 0 {
            return None;
        }
        let interval = Duration::from_millis(u64::from(self.limits.keep_alive_s) * 750);
        Some(self.last_sent.saturating_add(interval))
    }

    /// Sends messages as far as Receive Maximum and output allow.
    pub(super) fn pump(&mut self) {
        while self.phase == Phase::Connected && self.tx.len() < self.config.tx_bytes_max {
            let Some(next) = self.outgoing.next(self.limits.receive_maximum) else { return };
            let (packet_id, token) = (next.packet_id, next.message.token);
            let result = self.limits.check_message(next.message.qos, next.message.retain).and_then(|()| {
                let packet = next.message.as_packet(packet_id, next.dup);
                Sender {
                    version: self.config.version,
                    limits: &self.limits,
                    aliases: &mut self.sent_aliases,
                    scratch: &mut self.scratch,
                    tx: &mut self.tx,
                }
                .publish(packet)
            });
            match result {
                Ok(()) => {
                    self.outgoing.sent(packet_id);
                    self.touch();
                }
                Err(error) => {
                    self.outgoing.remove(packet_id);
                    self.events.push_back(ClientEvent::PublishFailed { token, error });
                }
            }
        }
    }

    /// What it takes to send a PUBLISH.
    pub(super) fn sender(&mut self) -> Sender<'_> {
        Sender {
            version: self.config.version,
            limits: &self.limits,
            aliases: &mut self.sent_aliases,
            scratch: &mut self.scratch,
            tx: &mut self.tx,
        }
    }

    /// Ends the connection for a breach by the server: a 5.0 server is told (MQTT-4.13.2-1).
    pub(super) fn violated(&mut self, violation: Violation) {
        if self.config.version == Version::V5 {
            let code = violation.reason_code();
            let code = if code.allowed_in_client_disconnect() { code } else { ReasonCode::ProtocolError };
            Disconnect::new(code).encode(Version::V5, self.tx.out());
        }
        self.end(DisconnectReason::Violation(violation));
    }

    /// Ends the connection: what is in the output still goes out.
    pub(super) fn end(&mut self, reason: DisconnectReason) {
        self.close();
        self.events.push_back(ClientEvent::Disconnected { reason });
    }

    /// Leaves the connection to be closed.
    pub(super) fn close(&mut self) {
        self.phase = Phase::Closing;
        self.deadline = None;
        self.rx.clear();
    }

    /// Ends the connection to a server that does not answer, and so would not read either.
    fn give_up(&mut self, reason: DisconnectReason) {
        self.tx.clear();
        self.end(reason);
    }
}

/// The parts of a client that sending a PUBLISH needs, beside the message.
pub(super) struct Sender<'a> {
    version: Version,
    limits: &'a ServerLimits,
    aliases: &'a mut SentAliases,
    scratch: &'a mut PropertyBuffer,
    tx: &'a mut Tx,
}

impl Sender<'_> {
    /// Puts a PUBLISH into the output, with an alias where there is one to be had.
    pub(super) fn publish(self, packet: Publish<'_>) -> Result<(), ClientError> {
        if let Some((alias, is_known)) = self.aliases.find(packet.topic) {
            self.scratch.clear();
            self.scratch.extend(packet.properties);
            self.scratch.push(Property::TopicAlias(alias));
            let topic = if is_known { "" } else { packet.topic };
            let aliased = Publish { topic, properties: self.scratch.as_properties(), ..packet };
            if self.limits.takes(aliased.encoded_size(self.version)) {
                aliased.encode(self.version, self.tx.out());
                if !is_known {
                    self.aliases.remember(packet.topic);
                }
                return Ok(());
            }
        }
        if !self.limits.takes(packet.encoded_size(self.version)) {
            return Err(ClientError::PacketTooLarge);
        }
        packet.encode(self.version, self.tx.out());
        Ok(())
    }
}
