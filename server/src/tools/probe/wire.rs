//! One connection of the probe: packets out as they are asked for, packets in with a deadline.
//!
//! The packets are the core's. It is not the core's client, because a probe must send what no client may, and must not answer
//! what a client answers. What comes is still checked by the core, so that a broker's breach is told by its statement.

use std::io;
use std::time::{Duration, Instant};

use weirmq_core::packet::{
    Ack, ConnAck, Connect, Disconnect, Packet, PacketId, PacketType, Properties, Property, PropertyBuffer, Publish,
    QoS, ReasonCode, Subscribe, SubscribeBuffer, SubscriptionOptions, Version, Violation, split,
};

use super::Asked;
use crate::tools::connection::Connection;

/// The largest packet that the probe reads.
const PACKET_BYTES_MAX: usize = 1 << 20;

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// A PUBLISH.
    Message(Message),
    /// An acknowledgement: its type, identifier and code.
    Ack(PacketType, PacketId, ReasonCode),
    /// SUBACK or UNSUBACK with its codes.
    Codes(Vec<u8>),
    /// PINGRESP.
    Pong,
    /// DISCONNECT with its code.
    Disconnect(ReasonCode),
    /// Any other packet.
    Other(PacketType),
    /// A packet that breaks the protocol.
    Breach(Violation),
    /// The broker closed the connection.
    Closed,
    /// Nothing in time.
    Nothing,
}

/// A PUBLISH that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) qos: QoS,
    pub(super) dup: bool,
    pub(super) retain: bool,
    pub(super) packet_id: Option<PacketId>,
    pub(super) identifiers: Vec<u32>,
    pub(super) user: Vec<(String, String)>,
    pub(super) alias: Option<u16>,
    pub(super) size: usize,
}

/// The answer to a CONNECT.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    pub(super) session_present: bool,
    pub(super) code: ReasonCode,
    pub(super) properties: PropertyBuffer,
}

/// How a CONNECT of the probe differs from the plainest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hello<'a> {
    pub(super) version: Version,
    pub(super) client_id: &'a str,
    pub(super) clean: bool,
    pub(super) keep_alive_s: u16,
    pub(super) properties: &'a [Property<'a>],
    pub(super) will: Option<weirmq_core::packet::Will<'a>>,
    /// Whether the user name and password of the command line are sent.
    pub(super) login: bool,
}

impl<'a> Hello<'a> {
    pub(super) const fn new(version: Version, client_id: &'a str) -> Self {
        Self { version, client_id, clean: true, keep_alive_s: 60, properties: &[], will: None, login: true }
    }
}

/// A connection.
pub(super) struct Wire {
    connection: Connection,
    version: Version,
    input: Vec<u8>,
    patience: Duration,
}

impl Wire {
    /// Opens a connection and says nothing.
    pub(super) fn open(asked: &Asked, version: Version) -> io::Result<Self> {
        let connection = Connection::tcp(&asked.host, asked.port)?;
        Ok(Self { connection, version, input: Vec::new(), patience: asked.patience })
    }

    /// Connects. `Err`: there was no CONNACK, but this.
    pub(super) fn connect(asked: &Asked, hello: &Hello<'_>) -> io::Result<Result<(Self, Accepted), Came>> {
        let mut wire = Self::open(asked, hello.version)?;
        wire.hello(asked, hello)?;
        let mut bytes = Vec::new();
        Ok(match wire.frame(&mut bytes)? {
            Err(came) => Err(came),
            Ok(()) => match split(&bytes, Some(hello.version), PACKET_BYTES_MAX) {
                Ok(Some(frame)) if frame.packet_type == PacketType::ConnAck => {
                    match ConnAck::decode(hello.version, frame.body) {
                        Ok(connack) => {
                            let mut properties = PropertyBuffer::new();
                            properties.extend(connack.properties);
                            let accepted =
                                Accepted { session_present: connack.session_present, code: connack.code, properties };
                            Ok((wire, accepted))
                        }
                        Err(violation) => Err(Came::Breach(violation)),
                    }
                }
                Ok(Some(frame)) => Err(Came::Other(frame.packet_type)),
                Ok(None) => Err(Came::Nothing),
                Err(violation) => Err(Came::Breach(violation)),
            },
        })
    }

    /// Sends a CONNECT.
    pub(super) fn hello(&mut self, asked: &Asked, hello: &Hello<'_>) -> io::Result<()> {
        let mut properties = PropertyBuffer::new();
        hello.properties.iter().for_each(|property| properties.push(*property));
        let connect = Connect {
            version: hello.version,
            clean_start: hello.clean,
            keep_alive_s: hello.keep_alive_s,
            properties: properties.as_properties(),
            client_id: hello.client_id,
            will: hello.will,
            user_name: asked.user_name.as_deref().filter(|_| hello.login),
            password: asked.password.as_deref().map(str::as_bytes).filter(|_| hello.login),
        };
        self.send(&Packet::Connect(connect))
    }

    pub(super) fn send(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes);
        self.raw(&bytes)
    }

    /// Sends bytes. A broker that has closed meanwhile is seen when it is read.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.connection.write_all(bytes) {
            Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => Ok(()),
            result => result,
        }
    }

    pub(super) fn ack(&mut self, packet_type: PacketType, packet_id: PacketId) -> io::Result<()> {
        let mut bytes = Vec::new();
        Ack::new(packet_id, ReasonCode::Success).encode(packet_type, self.version, &mut bytes);
        self.raw(&bytes)
    }

    /// Publishes without waiting for anything.
    pub(super) fn publish(&mut self, message: &Out<'_>) -> io::Result<()> {
        let mut properties = PropertyBuffer::new();
        message.properties.iter().for_each(|property| properties.push(*property));
        self.send(&Packet::Publish(Publish {
            dup: message.dup,
            qos: message.qos,
            retain: message.retain,
            topic: message.topic,
            packet_id: PacketId::new(message.packet_id),
            properties: properties.as_properties(),
            payload: message.payload,
        }))
    }

    /// Publishes up to the last acknowledgement; the failure code if the broker refuses it. Messages that come meanwhile are
    /// put into `messages`.
    pub(super) fn publish_whole(&mut self, message: &Out<'_>) -> io::Result<Result<(), Came>> {
        self.publish(message)?;
        let id = PacketId::new(message.packet_id);
        loop {
            match (message.qos, self.next()?) {
                (QoS::AtMostOnce, _) => return Ok(Ok(())),
                (QoS::AtLeastOnce, Came::Ack(PacketType::PubAck, got, code))
                    if Some(got) == id && !code.is_failure() =>
                {
                    return Ok(Ok(()));
                }
                (QoS::ExactlyOnce, Came::Ack(PacketType::PubRec, got, code))
                    if Some(got) == id && !code.is_failure() =>
                {
                    self.ack(PacketType::PubRel, got)?;
                }
                (QoS::ExactlyOnce, Came::Ack(PacketType::PubComp, got, _)) if Some(got) == id => return Ok(Ok(())),
                (_, Came::Message(_)) => {}
                (_, came) => return Ok(Err(came)),
            }
        }
    }

    /// Subscribes to one filter: the code of the SUBACK.
    pub(super) fn subscribe(
        &mut self,
        filter: &str,
        options: SubscriptionOptions,
        identifier: Option<u32>,
    ) -> io::Result<Result<u8, Came>> {
        let mut filters = SubscribeBuffer::new();
        filters.push(filter, options);
        let mut properties = PropertyBuffer::new();
        if let Some(identifier) = identifier {
            properties.push(Property::SubscriptionIdentifier(identifier));
        }
        let packet = Subscribe::new(PacketId::MAX, properties.as_properties(), &filters);
        self.send(&Packet::Subscribe(packet))?;
        Ok(match self.next()? {
            Came::Codes(codes) if codes.len() == 1 => Ok(codes[0]),
            came => Err(came),
        })
    }

    /// All messages that come until nothing has come for a while; unacknowledged.
    pub(super) fn messages(&mut self) -> io::Result<Vec<Message>> {
        let mut messages = Vec::new();
        loop {
            match self.next()? {
                Came::Message(message) => messages.push(message),
                Came::Nothing | Came::Closed | Came::Disconnect(_) | Came::Breach(_) => return Ok(messages),
                Came::Ack(..) | Came::Codes(_) | Came::Pong | Came::Other(_) => {}
            }
        }
    }

    /// Says good-bye.
    pub(super) fn leave(mut self) -> io::Result<()> {
        self.send(&Packet::Disconnect(Disconnect::new(ReasonCode::NormalDisconnection)))?;
        self.connection.shutdown_write();
        self.until_closed()
    }

    /// Waits for the end of the connection, not long.
    fn until_closed(&mut self) -> io::Result<()> {
        while !matches!(self.next()?, Came::Closed | Came::Nothing | Came::Breach(_)) {}
        Ok(())
    }

    /// Cuts the connection as a failing network would.
    pub(super) fn cut(self) {
        self.connection.shutdown();
    }

    /// Waits longer, or shorter, for what comes from now on.
    pub(super) fn wait(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// The next packet.
    pub(super) fn next(&mut self) -> io::Result<Came> {
        let mut bytes = Vec::new();
        if let Err(came) = self.frame(&mut bytes)? {
            return Ok(came);
        }
        let packet = split(&bytes, Some(self.version), PACKET_BYTES_MAX)
            .and_then(|frame| frame.map(|frame| Packet::decode(self.version, &frame)).transpose());
        Ok(match packet {
            Ok(Some(packet)) => came(&packet, bytes.len()),
            Ok(None) => Came::Nothing,
            Err(violation) => Came::Breach(violation),
        })
    }

    /// Reads the bytes of one packet.
    fn frame(&mut self, out: &mut Vec<u8>) -> io::Result<Result<(), Came>> {
        let deadline = Instant::now() + self.patience;
        let mut buffer = [0; 16 * 1024];
        loop {
            match split(&self.input, Some(self.version), PACKET_BYTES_MAX) {
                Ok(Some(frame)) => {
                    let size = frame.size;
                    out.extend(self.input.drain(..size));
                    return Ok(Ok(()));
                }
                Ok(None) => {}
                Err(violation) => return Ok(Err(Came::Breach(violation))),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Err(Came::Nothing));
            }
            self.connection.set_read_timeout(left)?;
            match self.connection.read(&mut buffer) {
                Ok(0) => return Ok(Err(Came::Closed)),
                Ok(count) => self.input.extend_from_slice(&buffer[..count]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted) =>
                {
                    return Ok(Err(Came::Closed));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// A message to publish.
#[derive(Clone, Copy, Debug)]
pub(super) struct Out<'a> {
    pub(super) topic: &'a str,
    pub(super) payload: &'a [u8],
    pub(super) qos: QoS,
    pub(super) packet_id: u16,
    pub(super) dup: bool,
    pub(super) retain: bool,
    pub(super) properties: &'a [Property<'a>],
}

impl<'a> Out<'a> {
    /// At QoS 0.
    pub(super) const fn new(topic: &'a str, payload: &'a [u8]) -> Self {
        Self { topic, payload, qos: QoS::AtMostOnce, packet_id: 0, dup: false, retain: false, properties: &[] }
    }

    pub(super) const fn qos(self, qos: QoS, packet_id: u16) -> Self {
        Self { qos, packet_id, ..self }
    }
}

fn came(packet: &Packet<'_>, size: usize) -> Came {
    match packet {
        Packet::Publish(publish) => Came::Message(message(publish, size)),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            Came::Ack(packet.packet_type(), ack.packet_id, ack.code)
        }
        Packet::SubAck(suback) => Came::Codes(suback.codes.to_vec()),
        Packet::PingResp => Came::Pong,
        Packet::Disconnect(disconnect) => Came::Disconnect(disconnect.code),
        Packet::Connect(_)
        | Packet::ConnAck(_)
        | Packet::Subscribe(_)
        | Packet::Unsubscribe(_)
        | Packet::UnsubAck(_)
        | Packet::PingReq
        | Packet::Auth(_) => Came::Other(packet.packet_type()),
    }
}

fn message(publish: &Publish<'_>, size: usize) -> Message {
    let properties: Properties<'_> = publish.properties;
    Message {
        topic: publish.topic.to_owned(),
        payload: publish.payload.to_vec(),
        qos: publish.qos,
        dup: publish.dup,
        retain: publish.retain,
        packet_id: publish.packet_id,
        identifiers: properties.subscription_identifiers().collect(),
        user: properties.user_properties().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        alias: properties.topic_alias(),
        size,
    }
}
