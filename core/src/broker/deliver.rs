//! From a message to one subscriber: at once, or by way of the session's queue.
//!
//! QoS 0 goes straight to the output. QoS 1 and 2 are *pulled*: the queue holds small records, and a record becomes a
//! PUBLISH only when the window and the output have room for it.

use bytes::Bytes;

use super::clients::Clients;
use super::encode::{Content, Head, Received};
use crate::config::QueueFull;
use crate::connection::{Connection, NO_SESSION, OutgoingAlias, is_shared};
use crate::id::LogPosition;
use crate::message::{MessageId, Messages, NewMessage, Owner, seconds_left};
use crate::packet::{PacketId, QoS};
use crate::session::{Delivery, DeliveryFlags, Identifiers, NO_CONNECTION};
use crate::store::Operation;
use crate::time::Instant;
use crate::topic::retained::KeptAt;

/// An Application Message that is being routed. Its parts lie where they were received until somebody has to keep them.
#[derive(Debug)]
pub(super) struct Arrival<'a> {
    pub(super) topic: &'a str,
    pub(super) properties: &'a [u8],
    pub(super) payload: &'a [u8],
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) expiry_s: Option<u32>,
    pub(super) expires: Option<Instant>,
    /// The session that published it, or `u32::MAX`.
    pub(super) publisher: u32,
    /// Whether its publisher waits for PUBACK or PUBREC, and so can be refused. A will and QoS 0 go wherever there is room.
    pub(super) answered: bool,
    /// The packet that brought it, when the onward ones can be copies of it.
    pub(super) received: Option<Received<'a>>,
    /// The payload again, when other shards hold it too.
    pub(super) shared: Option<Bytes>,
    /// Whose the bytes of the record will be.
    pub(super) owner: Owner,
    /// Where it is retained, once it is.
    pub(super) kept: Option<KeptAt>,
    /// The record, once one was made; the arrival holds one reference to it.
    pub(super) message: Option<MessageId>,
    /// Whether several deliveries are to be expected, so that an image of the packet pays.
    pub(super) fan_out: bool,
    /// Whether there is one delivery at most, which may have the arrival's reference to the record.
    pub(super) sole: bool,
}

/// One session that a message goes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) session: u32,
    /// The granted QoS, the highest of the subscriptions that match.
    pub(super) qos: u8,
    /// Whether the RETAIN bit is kept (Retain As Published), or set because of a new subscription.
    pub(super) retain: bool,
    pub(super) identifiers: Identifiers,
    /// The shared group plus one; 0 is none.
    pub(super) group: u32,
}

impl Target {
    /// It needs nothing any more.
    pub(super) fn set_served(&mut self) {
        self.session = NO_SESSION;
    }

    pub(super) fn is_served(&self) -> bool {
        self.session == NO_SESSION
    }
}

const _: () = assert!(size_of::<Target>() <= 16, "a receiver of the message that is being routed");

impl<'a> Arrival<'a> {
    pub(super) fn new(topic: &'a str, properties: &'a [u8], payload: &'a [u8], qos: QoS, retain: bool) -> Self {
        Self {
            topic,
            properties,
            payload,
            qos,
            retain,
            expiry_s: None,
            expires: None,
            publisher: u32::MAX,
            answered: false,
            received: None,
            shared: None,
            owner: Owner::Own,
            kept: None,
            message: None,
            fan_out: false,
            sole: false,
        }
    }

    /// Makes it expire that many seconds from now.
    pub(super) fn expiring(mut self, now: Instant, expiry_s: Option<u32>) -> Self {
        self.expiry_s = expiry_s;
        self.expires = expiry_s.map(|s| now.saturating_add(core::time::Duration::from_secs(u64::from(s))));
        self
    }

    /// Makes it expire then.
    pub(super) fn expires_at(&mut self, now: Instant, expires: Option<Instant>) {
        self.expiry_s = expires.map(|deadline| seconds_left(deadline, now));
        self.expires = expires;
    }

    /// One packet of the run that it stands for.
    pub(super) fn single(&self, packet: &'a [u8], payload: &'a [u8]) -> Self {
        let mut single = Self::new(self.topic, self.properties, payload, self.qos, self.retain);
        single.publisher = self.publisher;
        single.received = self.received.as_ref().map(|received| received.single(packet));
        (single.fan_out, single.sole) = (self.fan_out, self.sole);
        single
    }

    pub(super) fn content(&self) -> Content<'_> {
        Content {
            topic: self.topic.as_bytes(),
            properties: self.properties,
            payload: self.payload,
            expiry_s: self.expiry_s,
        }
    }

    /// The record of the message, made now if there was none.
    pub(super) fn record(&mut self, messages: &mut Messages) -> MessageId {
        *self.message.get_or_insert_with(|| {
            let beside = self.topic.len() + self.properties.len() + self.payload.len();
            messages.insert(NewMessage {
                joined: self.received.as_ref().and_then(|received| received.joined(self.topic.len(), beside)),
                topic: self.topic,
                properties: self.properties,
                payload: self.payload,
                shared: self.shared.clone(),
                owner: core::mem::take(&mut self.owner),
                qos: self.qos,
                retain: self.retain,
                expires: self.expires,
                position: LogPosition(0),
            })
        })
    }

    /// A delivery keeps the record: it gets a reference, the arrival's own if no other delivery can want it.
    fn give(&mut self, message: MessageId, messages: &mut Messages) {
        if self.sole {
            self.message = None;
        } else {
            messages.share(message);
        }
    }
}

fn hash(topic: &[u8]) -> u32 {
    topic.iter().fold(0x811c_9dc5, |hash: u32, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The alias for the topic of a packet of `size` bytes, if the client's Maximum Packet Size has room for one: it takes three
/// bytes, and may make each of two lengths one longer.
pub(super) fn alias_for(conn: &mut Connection, size: usize, topic: &[u8]) -> OutgoingAlias {
    const ALIAS_BYTES_MAX: usize = 5;
    match &mut conn.aliases_out {
        Some(aliases) if size + ALIAS_BYTES_MAX <= conn.packet_bytes_max as usize => aliases.alias(hash(topic), topic),
        Some(_) | None => OutgoingAlias::None,
    }
}

impl Clients {
    /// Delivers, queues or drops.
    pub(super) fn deliver(&mut self, arrival: &mut Arrival<'_>, target: &Target) {
        self.deliveries += 1;
        let qos = (arrival.qos as u8).min(target.qos);
        let connection = self.sessions[target.session].connection;
        if qos == 0 {
            if connection == NO_CONNECTION || self.conns[connection].resumes {
                self.deliver_qos0_offline(arrival, target);
            } else if self.conns[connection].output.len() >= self.config.limits.output_bytes_max as usize {
                self.stats.dropped_output_full += 1;
                self.identifiers.release(target.identifiers);
            } else if self.sessions[target.session].queue.has_qos0() {
                self.deliver_qos0_behind(arrival, target);
            } else {
                self.send_arrival(connection, arrival, target, 0, None);
                self.identifiers.release(target.identifiers);
            }
            return;
        }
        let stored_first = self.config.durable && self.sessions[target.session].is_persistent();
        if connection != NO_CONNECTION && !stored_first {
            let window = self.conns[connection].window;
            let session = &self.sessions[target.session];
            if session.queue.is_empty() && session.inflight.can_send(window) && self.has_room(connection) {
                self.deliver_at_once(connection, arrival, target, qos);
                return;
            }
        }
        self.enqueue(arrival, target, qos);
    }

    fn delivery(message: MessageId, target: &Target, qos: u8) -> Delivery {
        Delivery {
            message,
            identifiers: target.identifiers,
            group: target.group,
            flags: DeliveryFlags::new(QoS::from_bits(qos).expect("a delivery has QoS 0 to 2"), target.retain),
        }
    }

    fn deliver_at_once(&mut self, connection: u32, arrival: &mut Arrival<'_>, target: &Target, qos: u8) {
        let message = arrival.record(&mut self.messages);
        if !self.fits(connection, arrival, target, qos) {
            self.stats.dropped_too_large += 1;
            self.identifiers.release(target.identifiers);
            return;
        }
        let session = &mut self.sessions[target.session];
        let packet_id = session.inflight.push(Self::delivery(message, target, qos));
        self.stats.messages_inflight += 1;
        self.send_arrival(connection, arrival, target, qos, Some(packet_id));
        arrival.give(message, &mut self.messages);
        self.arm_retry(target.session);
    }

    /// Whether the message fits in the client's Maximum Packet Size, its identifiers included.
    fn fits(&self, connection: u32, arrival: &Arrival<'_>, target: &Target, qos: u8) -> bool {
        if self.conns[connection].packet_bytes_max == u32::MAX {
            return true;
        }
        let mut scratch = [0];
        let identifiers = self.identifiers.get(target.identifiers, &mut scratch);
        let head = Head {
            v5: self.conns[connection].is_v5(),
            qos,
            retain: target.retain,
            dup: false,
            packet_id: PacketId::new(1),
            alias: OutgoingAlias::None,
            identifiers,
        };
        head.packet_size(&arrival.content()) <= self.conns[connection].packet_bytes_max as usize
    }

    /// Appends the PUBLISH of an arrival to a connection's output.
    fn send_arrival(
        &mut self,
        index: u32,
        arrival: &mut Arrival<'_>,
        target: &Target,
        qos: u8,
        packet_id: Option<PacketId>,
    ) {
        let shared = is_shared(arrival.payload.len(), arrival.fan_out).then(|| arrival.record(&mut self.messages));
        let conn = &mut self.conns[index];
        let content = arrival.content();
        let mut head = Head {
            v5: conn.is_v5(),
            qos,
            retain: target.retain,
            dup: false,
            packet_id,
            alias: OutgoingAlias::None,
            identifiers: &[],
        };
        let plain = target.identifiers.is_none() && conn.aliases_out.is_none() && shared.is_none();
        if plain && arrival.fan_out {
            let size = self.images.size(&head).unwrap_or_else(|| head.packet_size(&content));
            if size > conn.packet_bytes_max as usize {
                self.stats.dropped_too_large += 1;
                return;
            }
            self.images.append(&head, &content, conn.output.buffer(&mut self.pool));
        } else if plain && let Some(received) = arrival.received.as_ref().filter(|received| received.is_like(&head)) {
            if received.size() > conn.packet_bytes_max as usize {
                self.stats.dropped_too_large += 1;
                return;
            }
            received.append(&head, conn.output.buffer(&mut self.pool));
        } else {
            let mut scratch = [0];
            if head.v5 {
                head.identifiers = self.identifiers.get(target.identifiers, &mut scratch);
            }
            let size = head.packet_size(&content);
            if size > conn.packet_bytes_max as usize {
                self.stats.dropped_too_large += 1;
                return;
            }
            head.alias = alias_for(conn, size, content.topic);
            head.encode(&content, conn.output.buffer(&mut self.pool));
            match shared {
                Some(message) => {
                    self.messages.share(message);
                    conn.output.push_shared(message, content.payload.len());
                }
                None => conn.output.buffer(&mut self.pool).extend_from_slice(content.payload),
            }
        }
        self.stats.packets_sent += 1;
        self.stats.publishes_sent += 1;
        self.mark_message(index);
    }

    fn deliver_qos0_offline(&mut self, arrival: &mut Arrival<'_>, target: &Target) {
        if self.config.limits.queue_qos0 && !self.sessions[target.session].full {
            self.enqueue(arrival, target, 0);
        } else {
            self.stats.dropped_offline_qos0 += 1;
            self.identifiers.release(target.identifiers);
        }
    }

    /// QoS 0 messages that were kept while the client was away still wait: this one does not overtake them
    /// (MQTT-4.6.0-6).
    fn deliver_qos0_behind(&mut self, arrival: &mut Arrival<'_>, target: &Target) {
        if self.sessions[target.session].full {
            self.stats.dropped_queue_full += 1;
            self.identifiers.release(target.identifiers);
        } else {
            self.enqueue(arrival, target, 0);
        }
    }

    /// Puts the message behind what the session is owed already.
    fn enqueue(&mut self, arrival: &mut Arrival<'_>, target: &Target, qos: u8) {
        if self.sessions[target.session].full {
            match self.config.limits.queue_full {
                // There was room when the message was taken over, which is as a whole or not at all: the session has it more
                // than once, for Shared Subscriptions of its own.
                QueueFull::Refuse if arrival.answered => {}
                // Nobody can be told of a will, or of a message whose member has left.
                QueueFull::Refuse | QueueFull::DropNewest => {
                    self.stats.dropped_queue_full += 1;
                    self.identifiers.release(target.identifiers);
                    return;
                }
                QueueFull::DropOldest => self.drop_oldest(target.session),
            }
        }
        let message = arrival.record(&mut self.messages);
        arrival.give(message, &mut self.messages);
        self.enqueue_held(message, target, qos);
    }

    /// Puts a message that is held already behind what the session is owed. The reference is taken over.
    pub(super) fn enqueue_held(&mut self, message: MessageId, target: &Target, qos: u8) {
        let size = self.messages.get(message).size();
        let delivery = Self::delivery(message, target, qos);
        self.sessions[target.session].queue.push_back(delivery, size);
        self.stats.messages_queued += 1;
        self.update_full(target.session);
        if self.config.durable && qos > 0 {
            let position = self.record_message(message);
            let qos = delivery.flags.qos();
            self.record_for(target.session, |client_id| Operation::Queued { client_id, message: position, qos });
        }
        if self.sessions[target.session].is_connected() {
            self.pull(target.session);
        }
    }

    fn drop_oldest(&mut self, session: u32) {
        let queue = &mut self.sessions[session].queue;
        let Some(delivery) = queue.drop_oldest_qos0().or_else(|| queue.pop_front()) else { return };
        self.stats.dropped_queue_full += 1;
        self.stats.messages_queued -= 1;
        self.drop_queued(session, delivery);
        self.update_full(session);
    }

    /// A delivery that was queued ends without having been sent.
    pub(super) fn drop_queued(&mut self, session: u32, delivery: Delivery) {
        let position = self.messages.get(delivery.message).position;
        if position.0 > 0 {
            self.record_for(session, |client_id| Operation::Dropped { client_id, message: position });
        }
        self.settle(delivery);
    }

    /// Gives up what a delivery held.
    #[inline]
    pub(super) fn settle(&mut self, delivery: Delivery) {
        self.identifiers.release(delivery.identifiers);
        self.release(delivery.message);
    }
}
