//! One client that the broker knows by its identifier: its bytes, and what it may expect. It keeps the protocol's books by
//! hand and accuses the broker of whatever does not fit them.

use std::collections::BTreeMap;

use weirmq_core::packet::{
    Ack, ConnAck, Connect, Disconnect, Packet, PacketId, PacketType, Properties, Property, PropertyBuffer, Publish,
    QoS, ReasonCode, Subscribe, SubscribeBuffer, SubscriptionOptions, Unsubscribe, UnsubscribeBuffer, Version, Will,
    split,
};
use weirmq_core::topic::Filter;

use super::operation::{Answer, FILTERS, TOPICS};

/// A message that the client received and has not finished.
#[derive(Clone, Debug)]
struct Received {
    packet_id: u16,
    qos: QoS,
    payload: Vec<u8>,
    /// PUBACK or PUBREC is due: it came on this connection and was not answered.
    due: bool,
    /// PUBREC was sent, on this or an earlier connection.
    recorded: bool,
    /// PUBREL came.
    released: bool,
}

/// A message that the client published at QoS 1 or 2.
#[derive(Clone, Debug)]
struct Published {
    topic: usize,
    qos: QoS,
    retain: bool,
    payload: Vec<u8>,
    /// PUBREC came.
    recorded: bool,
    /// PUBLISH or PUBREL packets on this connection that have no answer yet.
    unanswered: u32,
}

/// What a client says in its CONNECT.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hello {
    pub(super) version: Version,
    pub(super) clean: bool,
    pub(super) expiry_s: u32,
    pub(super) flow: u8,
    pub(super) will: Option<u8>,
}

pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) wire: Option<usize>,
    hello: Option<Hello>,
    pub(super) connected: bool,
    rx: Vec<u8>,
    received: Vec<Received>,
    published: BTreeMap<u16, Published>,
    /// SUBSCRIBE and UNSUBSCRIBE packets without an answer.
    requests: Vec<u16>,
    next_id: u16,
    pings: usize,
    aliases: BTreeMap<u16, String>,
    /// Filters that the session may have, from the SUBSCRIBE on until it ends.
    filters: Vec<usize>,
    /// How often each message began to arrive in this session.
    arrivals: BTreeMap<Vec<u8>, usize>,
    /// Whether a connection of this client had a small Maximum Packet Size.
    was_small: bool,
    /// Whether a CONNACK was not read that could have told of a new session.
    unsure: bool,
    pub(super) inflight_max: usize,
    /// Whether one shard may have delivered what another refuses, so that the publisher sends it again.
    pub(super) partly_refused: bool,
}

impl Peer {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            wire: None,
            hello: None,
            connected: false,
            rx: Vec::new(),
            received: Vec::new(),
            published: BTreeMap::new(),
            requests: Vec::new(),
            next_id: 0,
            pings: 0,
            aliases: BTreeMap::new(),
            filters: Vec::new(),
            arrivals: BTreeMap::new(),
            was_small: false,
            unsure: false,
            inflight_max: 0,
            partly_refused: false,
        }
    }

    fn version(&self) -> Version {
        self.hello.expect("there is a connection").version
    }

    fn receive_maximum(&self) -> usize {
        let hello = self.hello.expect("there is a connection");
        if hello.version == Version::V5 { [65_535, 1, 2, 5][usize::from(hello.flow & 3)] } else { 65_535 }
    }

    fn packet_max(&self) -> Option<u32> {
        let hello = self.hello.expect("there is a connection");
        (hello.version == Version::V5 && hello.flow >> 2 & 1 == 1).then_some(200)
    }

    /// The CONNECT of a new connection.
    pub(super) fn connect(&mut self, wire: usize, hello: Hello) -> Vec<u8> {
        self.ended();
        self.wire = Some(wire);
        self.hello = Some(hello);
        self.was_small |= self.packet_max().is_some();
        let mut properties = PropertyBuffer::new();
        let mut will_properties = PropertyBuffer::new();
        if hello.version == Version::V5 {
            if hello.expiry_s > 0 {
                properties.push(Property::SessionExpiryInterval(hello.expiry_s));
            }
            if hello.flow & 3 > 0 {
                properties.push(Property::ReceiveMaximum(self.receive_maximum() as u16));
            }
            if let Some(size) = self.packet_max() {
                properties.push(Property::MaximumPacketSize(size));
            }
            if hello.flow >> 3 & 1 == 1 {
                properties.push(Property::TopicAliasMaximum(2));
            }
            if hello.will.is_some_and(|will| will & 8 != 0) {
                will_properties.push(Property::WillDelayInterval(2));
            }
        }
        let will = hello.will.map(|will| Will {
            qos: crate::choice::qos(will),
            retain: will & 4 != 0,
            properties: will_properties.as_properties(),
            topic: "a/b",
            payload: b"will",
        });
        let mut out = Vec::new();
        let connect = Connect {
            version: hello.version,
            clean_start: hello.clean,
            keep_alive_s: 0,
            properties: properties.as_properties(),
            client_id: self.name,
            will,
            user_name: None,
            password: None,
        };
        connect.encode(&mut out);
        out
    }

    /// Forgets what only a session that goes on explains.
    fn forget_messages(&mut self) {
        self.received.clear();
        self.published.clear();
        self.arrivals.clear();
    }

    /// The connection is over: what was on its way is lost, and the session too if it does not outlive its connection.
    pub(super) fn ended(&mut self) {
        if let Some(hello) = self.hello.filter(|_| self.wire.is_some()) {
            let is_kept = if hello.version == Version::V5 { hello.expiry_s > 0 } else { !hello.clean };
            if self.connected && !is_kept {
                self.forget_messages();
                self.filters.clear();
            }
            self.unsure |= !self.connected;
        }
        self.wire = None;
        self.connected = false;
        self.rx.clear();
        self.requests.clear();
        self.pings = 0;
        self.aliases.clear();
        // A QoS 1 message is forgotten and comes again; a QoS 2 message that was taken stays taken.
        self.received.retain(|received| received.qos == QoS::ExactlyOnce);
        self.received.iter_mut().for_each(|received| received.due = false);
        self.published.values_mut().for_each(|published| published.unanswered = 0);
    }

    fn free_id(&mut self) -> u16 {
        loop {
            self.next_id = self.next_id % 20 + 1;
            if !self.published.contains_key(&self.next_id) && !self.requests.contains(&self.next_id) {
                return self.next_id;
            }
        }
    }

    /// Messages of the client's that the broker may count against its Receive Maximum.
    pub(super) fn open(&self) -> usize {
        self.published.len()
    }

    /// Requests at once, at most. Packet Identifiers go round among twenty.
    fn may_request(&self) -> bool {
        self.connected && self.published.len() + self.requests.len() < 15
    }

    pub(super) fn subscribe(&mut self, filter: usize, qos: u8, bits: u8) -> Vec<u8> {
        if !self.may_request() {
            return Vec::new();
        }
        let filter = filter % FILTERS.len();
        let packet_id = self.free_id();
        self.requests.push(packet_id);
        if !self.filters.contains(&filter) {
            self.filters.push(filter);
        }
        let no_local = bits & 1 == 1 && !FILTERS[filter].starts_with("$share");
        let options = SubscriptionOptions {
            no_local,
            retain_as_published: bits & 2 == 2,
            ..SubscriptionOptions::with_qos(crate::choice::qos(qos))
        };
        let mut filters = SubscribeBuffer::new();
        filters.push(FILTERS[filter], options);
        let mut properties = PropertyBuffer::new();
        if bits & 4 == 4 {
            properties.push(Property::SubscriptionIdentifier(filter as u32 + 1));
        }
        let mut out = Vec::new();
        Subscribe::new(id(packet_id), properties.as_properties(), &filters).encode(self.version(), &mut out);
        out
    }

    pub(super) fn unsubscribe(&mut self, filter: usize) -> Vec<u8> {
        if !self.may_request() {
            return Vec::new();
        }
        let packet_id = self.free_id();
        self.requests.push(packet_id);
        let mut filters = UnsubscribeBuffer::new();
        filters.push(FILTERS[filter % FILTERS.len()]);
        let mut out = Vec::new();
        Unsubscribe::new(id(packet_id), Properties::EMPTY, &filters).encode(self.version(), &mut out);
        out
    }

    pub(super) fn publish(&mut self, topic: usize, qos: QoS, retain: bool, payload: Vec<u8>, expiry: bool) -> Vec<u8> {
        if !self.may_request() {
            return Vec::new();
        }
        let topic = topic % TOPICS.len();
        let packet_id = (qos != QoS::AtMostOnce).then(|| self.free_id());
        let mut properties = PropertyBuffer::new();
        if expiry {
            properties.push(Property::MessageExpiryInterval(2));
        }
        let mut out = Vec::new();
        let publish = Publish {
            dup: false,
            qos,
            retain,
            topic: TOPICS[topic],
            packet_id: packet_id.map(id),
            properties: properties.as_properties(),
            payload: &payload,
        };
        publish.encode(self.version(), &mut out);
        if let Some(packet_id) = packet_id {
            let published = Published { topic, qos, retain, payload, recorded: false, unanswered: 1 };
            self.published.insert(packet_id, published);
        }
        out
    }

    /// Sends what an earlier connection left open, as a client does that came back.
    pub(super) fn repeat(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.connected {
            return out;
        }
        let version = self.version();
        for (&packet_id, published) in self.published.iter_mut().filter(|(_, published)| published.unanswered == 0) {
            published.unanswered = 1;
            if published.recorded {
                Ack::new(id(packet_id), ReasonCode::Success).encode(PacketType::PubRel, version, &mut out);
                continue;
            }
            let publish = Publish {
                dup: true,
                qos: published.qos,
                retain: published.retain,
                topic: TOPICS[published.topic],
                packet_id: Some(id(packet_id)),
                properties: Properties::EMPTY,
                payload: &published.payload,
            };
            publish.encode(version, &mut out);
        }
        out
    }

    pub(super) fn answer(&mut self, how: Answer) -> Vec<u8> {
        let mut out = Vec::new();
        loop {
            let wants = |received: &Received| received.due || received.released;
            let at = match how {
                Answer::Oldest | Answer::Refuse | Answer::All => self.received.iter().position(wants),
                Answer::Newest => self.received.iter().rposition(wants),
            };
            let Some(at) = at.filter(|_| self.connected) else { return out };
            self.answer_one(at, how == Answer::Refuse && self.version() == Version::V5, &mut out);
            if how != Answer::All {
                return out;
            }
        }
    }

    fn answer_one(&mut self, at: usize, refuse: bool, out: &mut Vec<u8>) {
        let version = self.version();
        let received = &mut self.received[at];
        let refuse = refuse && !received.released;
        let code = if refuse { ReasonCode::UnspecifiedError } else { ReasonCode::Success };
        let packet_type = match (received.qos, received.released) {
            (QoS::ExactlyOnce, true) => PacketType::PubComp,
            (QoS::ExactlyOnce, false) => PacketType::PubRec,
            (QoS::AtLeastOnce | QoS::AtMostOnce, _) => PacketType::PubAck,
        };
        Ack::new(id(received.packet_id), code).encode(packet_type, version, out);
        if packet_type == PacketType::PubRec && !refuse {
            (received.recorded, received.due) = (true, false);
        } else {
            let received = self.received.remove(at);
            // A refusal that is lost with the connection is no answer: the message comes again.
            if refuse && let Some(count) = self.arrivals.get_mut(&received.payload) {
                *count = count.saturating_sub(1);
            }
        }
    }

    pub(super) fn ping(&mut self) -> Vec<u8> {
        if !self.connected {
            return Vec::new();
        }
        self.pings += 1;
        vec![0xC0, 0]
    }

    pub(super) fn disconnect(&mut self, code: u8, end_session: bool) -> Vec<u8> {
        let mut out = Vec::new();
        if self.wire.is_none() || !self.connected {
            return out;
        }
        let mut properties = PropertyBuffer::new();
        if end_session {
            self.unsure = true;
            properties.push(Property::SessionExpiryInterval(0));
        }
        let code = if code == 0 { ReasonCode::Success } else { ReasonCode::DisconnectWithWill };
        Disconnect { code, properties: properties.as_properties() }.encode(self.version(), &mut out);
        out
    }

    /// Bytes came from the broker. What has to be sent at once is the answer.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.rx.extend_from_slice(bytes);
        let mut out = Vec::new();
        let rx = std::mem::take(&mut self.rx);
        let mut rest = &rx[..];
        let version = self.version();
        while let Some(frame) = split(rest, Some(version), usize::MAX).expect("the broker writes valid headers") {
            if let Some(size_max) = self.packet_max() {
                assert!(frame.size <= size_max as usize, "a packet of {} bytes", frame.size);
            }
            let packet = Packet::decode(version, &frame).expect("the broker writes valid packets");
            self.packet(&packet, &mut out);
            rest = &rest[frame.size..];
        }
        self.rx = rest.to_vec();
        out
    }

    fn packet(&mut self, packet: &Packet<'_>, out: &mut Vec<u8>) {
        crate::trace(format_args!("{} gets {packet:?}", self.name));
        if let Packet::ConnAck(connack) = packet {
            assert!(!self.connected, "a second CONNACK");
            return self.connack(connack);
        }
        assert!(self.connected || matches!(packet, Packet::Disconnect(_)), "before CONNACK: {packet:?}");
        match packet {
            Packet::Publish(publish) => self.publication(publish),
            Packet::PubAck(ack) => {
                let published = self.acknowledged(ack);
                assert_eq!(published.qos, QoS::AtLeastOnce);
                self.published.remove(&ack.packet_id.get());
            }
            Packet::PubRec(ack) => {
                let published = self.acknowledged(ack);
                assert_eq!(published.qos, QoS::ExactlyOnce);
                assert!(!published.recorded, "PUBREC after PUBREL");
                if ack.code.is_failure() {
                    self.published.remove(&ack.packet_id.get());
                } else {
                    published.recorded = true;
                    published.unanswered = 1;
                    Ack::new(ack.packet_id, ReasonCode::Success).encode(PacketType::PubRel, self.version(), out);
                }
            }
            Packet::PubComp(ack) => {
                assert!(self.acknowledged(ack).recorded, "PUBCOMP before PUBREC");
                self.published.remove(&ack.packet_id.get());
            }
            Packet::PubRel(ack) => self.released(ack, out),
            Packet::SubAck(suback) => self.requested(suback.packet_id),
            Packet::UnsubAck(unsuback) => self.requested(unsuback.packet_id),
            Packet::PingResp => self.pings = self.pings.checked_sub(1).expect("PINGRESP without PINGREQ"),
            Packet::Disconnect(_) => assert_eq!(self.version(), Version::V5),
            Packet::Connect(_) | Packet::ConnAck(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_) => {
                panic!("a server does not send {packet:?}")
            }
            Packet::PingReq | Packet::Auth(_) => panic!("a server does not send {packet:?} here"),
        }
    }

    fn connack(&mut self, connack: &ConnAck<'_>) {
        if connack.code.is_failure() {
            assert!(!connack.session_present);
            return;
        }
        self.connected = true;
        let hello = self.hello.expect("there is a connection");
        assert!(!connack.session_present || !hello.clean, "a session although a clean start was asked for");
        // MQTT 3.1 cannot tell, so that nothing is known there but after a clean start.
        let is_gone = hello.clean || (!connack.session_present && hello.version != Version::V3_1);
        if is_gone {
            self.filters.clear();
        }
        if is_gone || self.unsure || hello.version == Version::V3_1 {
            self.forget_messages();
        }
        self.unsure = false;
    }

    fn acknowledged(&mut self, ack: &Ack<'_>) -> &mut Published {
        let published = self.published.get_mut(&ack.packet_id.get()).expect("an acknowledgement of nothing");
        published.unanswered = published.unanswered.checked_sub(1).expect("acknowledged twice");
        published
    }

    fn requested(&mut self, packet_id: PacketId) {
        let at = self.requests.iter().position(|&request| request == packet_id.get());
        self.requests.remove(at.expect("an answer to no request"));
    }

    fn publication(&mut self, publish: &Publish<'_>) {
        let topic = self.topic_of(publish);
        let is_covered = |&filter: &usize| Filter::parse(FILTERS[filter], 8).expect("it is valid").matches(&topic);
        assert!(self.filters.iter().any(is_covered), "{} gets {topic}: {publish:?}", self.name);
        assert!(publish.topic.is_empty() || publish.topic == topic);
        let Some(packet_id) = publish.packet_id else {
            return self.arrived(publish);
        };
        let packet_id = packet_id.get();
        if let Some(known) = self.received.iter_mut().find(|received| received.packet_id == packet_id) {
            assert!(publish.dup, "Packet Identifier {packet_id} is in use: {publish:?}");
            let both = ((known.qos, &known.payload[..]), (publish.qos, publish.payload));
            assert_eq!(both.0, both.1, "another message under the same identifier");
            assert!(!known.released, "PUBLISH after PUBREL");
            known.due = true;
            return;
        }
        if !publish.dup || publish.qos == QoS::ExactlyOnce {
            self.arrived(publish);
        }
        let payload = publish.payload.to_vec();
        self.received.push(Received {
            packet_id,
            qos: publish.qos,
            payload,
            due: true,
            recorded: false,
            released: false,
        });
        let open = self.received.iter().filter(|received| received.due).count();
        assert!(open <= self.receive_maximum().min(self.inflight_max), "{open} messages in flight");
    }

    /// A message begins to arrive: once for the ordinary subscriptions together, once for each shared one.
    fn arrived(&mut self, publish: &Publish<'_>) {
        if publish.retain || !publish.payload.starts_with(b"m") {
            return;
        }
        let count = self.arrivals.entry(publish.payload.to_vec()).or_default();
        *count += 1;
        let shared = self.filters.iter().filter(|&&filter| FILTERS[filter].starts_with("$share")).count();
        assert!(*count <= 1 + shared || self.partly_refused, "{} gets {publish:?} {count} times", self.name);
    }

    fn topic_of(&mut self, publish: &Publish<'_>) -> String {
        match publish.properties.topic_alias() {
            Some(alias) if publish.topic.is_empty() => {
                self.aliases.get(&alias).expect("an alias without a topic").clone()
            }
            Some(alias) => {
                assert!((1..=2).contains(&alias), "an alias above the maximum");
                self.aliases.insert(alias, publish.topic.to_owned());
                publish.topic.to_owned()
            }
            None => publish.topic.to_owned(),
        }
    }

    fn released(&mut self, ack: &Ack<'_>, out: &mut Vec<u8>) {
        let small = self.was_small;
        let known = self.received.iter_mut().find(|received| received.packet_id == ack.packet_id.get());
        match known {
            Some(known) => {
                // A message of an earlier connection that is too large for this one is released unsent.
                let may_be = known.recorded || (small && !known.due);
                assert!(known.qos == QoS::ExactlyOnce && may_be, "PUBREL before PUBREC");
                known.released = true;
            }
            // PUBCOMP was lost with the last connection.
            None => Ack::new(ack.packet_id, ReasonCode::Success).encode(PacketType::PubComp, self.version(), out),
        }
    }

    /// Whether nothing that the client sent waits for an answer.
    pub(super) fn assert_answered(&self) {
        assert!(self.requests.is_empty(), "{}: requests without an answer: {:?}", self.name, self.requests);
        assert_eq!(self.pings, 0, "{}: pings without an answer", self.name);
        let open: Vec<_> = self.published.iter().filter(|(_, published)| published.unanswered > 0).collect();
        assert!(open.is_empty(), "{}: messages without an answer: {open:?}", self.name);
        assert!(self.received.iter().all(|received| !received.due && !received.released));
    }
}

fn id(value: u16) -> PacketId {
    PacketId::new(value).expect("identifiers begin at 1")
}
