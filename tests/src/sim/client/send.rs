//! What a client sends of its own will.

use std::time::Duration;

use super::{Around, Client, Leaving, Outgoing, State};
use crate::sim::link::{Goodbye, Request};
use crate::sim::oracle::Subscription;
use crate::sim::oracle::matching::{FILTERS, SHARED, TOPICS};
use crate::sim::step::Step;
use crate::wire::{self, Packet, Property, ToWire, VarInt, connect, publish, pubrel};

/// Exchanges that a client begins at once.
const OUTGOING_MAX: usize = 12;

impl Client {
    pub(super) fn send(&mut self, packet: impl Into<Packet>, around: &mut Around<'_>) {
        let packet = packet.into();
        let number = self.number;
        around.trace.note(|| format!("c{number} > {}", super::receive::brief(&packet)));
        around.link.write(&packet.to_wire(self.version));
        self.written = around.now;
    }

    /// CONNECT on a link that has just been opened; the step says how.
    pub(in crate::sim) fn connect(&mut self, link: usize, step: &Step, around: &mut Around<'_>) {
        let Step::Connect {
            clean,
            expiry_s,
            keep_alive_s,
            silent,
            receive_maximum,
            packet_bytes,
            alias_max,
            will,
            will_qos,
            will_retain,
            will_delay_s,
            method,
            wrong,
            ..
        } = *step
        else {
            return;
        };
        self.begin_connection();
        self.link = Some(link);
        self.state = State::Connecting;
        let clean = clean > 0 || self.must_clean;
        if clean {
            self.forget();
            self.must_clean = true;
        }
        let delay_s = if self.v5 { will_delay_s as u32 } else { 0 };
        let will = (will > 0).then(|| {
            let message = around.book.message(self.number, will - 1, will_qos, will_retain > 0, Some(20));
            around.book.messages[message].will = true;
            (message, delay_s)
        });
        let request = Request {
            clean,
            v5: self.v5,
            expiry_s: expiry_s as u32,
            keep_alive_s: keep_alive_s as u16,
            will,
            receive_maximum: if self.v5 && receive_maximum > 0 { receive_maximum as u16 } else { u16::MAX },
            wrong: around.book.options.auth > 0 && wrong > 0,
            packet_bytes_max: if self.v5 && packet_bytes > 0 { packet_bytes as usize } else { usize::MAX },
        };
        around.link.request = Some(request);
        self.silent = silent > 0;
        self.ping_after = Duration::from_secs(if self.silent { 0 } else { keep_alive_s });
        self.enhanced = self.v5 && around.book.options.auth > 0 && method > 0;
        let packet = self.connect_packet(&request, alias_max as u16, around);
        self.send(packet, around);
    }

    fn connect_packet(&self, request: &Request, alias_max: u16, around: &Around<'_>) -> wire::Connect {
        let mut packet =
            connect(&self.name()).version(self.version).clean(request.clean).keep_alive(request.keep_alive_s);
        if let Some((message, delay_s)) = request.will {
            let message = &around.book.messages[message];
            packet = packet.will(message.topic, &message.payload, message.qos);
            if message.retain {
                packet = packet.will_retain();
            }
            if delay_s > 0 {
                packet = packet.will_property(Property::WillDelayInterval(delay_s));
            }
        }
        packet = self.introduced(packet, request.wrong, around);
        if !self.v5 {
            return packet;
        }
        packet = packet.session_expiry(request.expiry_s).property(Property::TopicAliasMaximum(alias_max));
        if request.receive_maximum != u16::MAX {
            packet = packet.receive_maximum(request.receive_maximum);
        }
        if request.packet_bytes_max != usize::MAX {
            packet = packet.property(Property::MaximumPacketSize(request.packet_bytes_max as u32));
        }
        packet
    }

    /// The next identifier that none of its exchanges has.
    fn free_id(&mut self) -> u16 {
        loop {
            self.next_id = self.next_id % 40 + 1;
            let id = self.next_id;
            let used = self.outgoing.iter().any(|it| it.id == id)
                || self.subscribing.iter().any(|it| it.0 == id)
                || self.leaving.iter().any(|it| it.id == id);
            if !used {
                return id;
            }
        }
    }

    /// PUBLISH, once or more.
    pub(in crate::sim) fn publish(&mut self, step: &Step, around: &mut Around<'_>) {
        let more = if let Step::Publish { more, .. } = *step { more } else { 0 };
        (0..=more).for_each(|_| self.publish_one(step, around));
    }

    /// PUBLISH, if it is connected and the broker lets it send one more.
    fn publish_one(&mut self, step: &Step, around: &mut Around<'_>) {
        let (topic, qos, retain, bytes, expiry_s, alias) = match *step {
            Step::Publish { topic, qos, retain, bytes, expiry_s, alias, .. } => {
                (topic, qos, retain > 0, Some(bytes), expiry_s as u32, alias > 0)
            }
            Step::Unretain { topic, qos, .. } => (topic, qos, true, None, 0, false),
            _ => return,
        };
        let quota = OUTGOING_MAX.min(usize::from(self.receive_maximum));
        if self.state != State::Up || self.resend_at.is_some() || (qos > 0 && self.outgoing.len() >= quota) {
            return;
        }
        let message = around.book.message(self.number, topic, qos, retain, bytes);
        if self.v5 {
            around.book.messages[message].expiry_s = expiry_s;
        }
        let qos = around.book.messages[message].qos;
        let id = (qos > 0).then(|| self.free_id());
        if let Some(id) = id {
            self.outgoing.push(Outgoing { id, message, qos, released: false });
        }
        let alias = alias.then_some(topic as u16 % TOPICS.len() as u16 + 1).filter(|&it| it <= self.alias_maximum);
        self.send_publish(message, id, false, alias, around);
    }

    fn send_publish(
        &mut self,
        message: usize,
        id: Option<u16>,
        dup: bool,
        alias: Option<u16>,
        around: &mut Around<'_>,
    ) {
        around.book.sent(message);
        let held = &around.book.messages[message];
        let mut packet = publish(held.topic, &held.payload);
        packet.retain = held.retain;
        packet.dup = dup;
        packet.id = id;
        packet.qos = held.qos;
        if held.expiry_s > 0 {
            packet = packet.property(Property::MessageExpiryInterval(held.expiry_s));
        }
        if let Some(alias) = alias {
            packet = packet.property(Property::TopicAlias(alias));
            if self.aliases_out.contains(&alias) {
                packet.topic = String::new();
            } else {
                self.aliases_out.push(alias);
            }
        }
        self.send(packet, around);
    }

    /// Everything unfinished goes out again, in order (MQTT-4.4.0-1).
    pub(super) fn resend(&mut self, around: &mut Around<'_>) {
        for Outgoing { id, message, released, .. } in self.outgoing.clone() {
            if released {
                self.send(pubrel(id), around);
            } else {
                self.send_publish(message, Some(id), true, None, around);
            }
        }
    }

    pub(in crate::sim) fn subscribe(&mut self, step: &Step, around: &mut Around<'_>) {
        let Step::Subscribe { filter, qos, no_local, as_published, handling, identifier, .. } = *step else { return };
        let (State::Up, Some((session, _))) = (self.state, around.link.session) else { return };
        let filters: &[&'static str] = if self.worker { &SHARED } else { &FILTERS };
        let filter = filters[filter as usize % filters.len()];
        let v5 = |value: u64| if self.v5 { value } else { 0 };
        let (no_local, as_published) = (v5(no_local) > 0 && !self.worker, v5(as_published) > 0);
        let subscription = Subscription {
            filter,
            qos: (qos % 3) as u8,
            no_local,
            as_published,
            handling: (v5(handling) % 3) as u8,
            identifier: v5(identifier) as u32,
            sent: 0,
            granted: None,
            refused: false,
            replaced: None,
            over: None,
        };
        let mut packet = wire::subscribe(self.free_id(), [(filter, subscription.qos)]);
        if no_local {
            packet = packet.no_local();
        }
        if as_published {
            packet = packet.retain_as_published();
        }
        packet = packet.retain_handling(subscription.handling);
        if subscription.identifier > 0 {
            packet = packet.property(Property::SubscriptionIdentifier(VarInt(subscription.identifier)));
        }
        let place = around.book.subscribing(session, subscription);
        self.subscribing.push((packet.id, vec![place]));
        self.send(packet, around);
    }

    pub(in crate::sim) fn unsubscribe(&mut self, filter: u64, around: &mut Around<'_>) {
        let (State::Up, Some((session, _))) = (self.state, around.link.session) else { return };
        let filters: &[&'static str] = if self.worker { &SHARED } else { &FILTERS };
        let filter = filters[filter as usize % filters.len()];
        let id = self.free_id();
        let sent = around.book.replacing(session, filter);
        self.leaving.push(Leaving { id, filter, sent });
        self.send(wire::unsubscribe(id, [filter]), around);
    }

    /// From now on it sends PINGREQ too, often enough for any Keep Alive: who was let in stays.
    pub(in crate::sim) fn break_silence(&mut self) {
        if self.silent {
            self.ping_after = Duration::from_secs(1);
        }
    }

    pub(in crate::sim) fn ping(&mut self, around: &mut Around<'_>) {
        if self.state == State::Up {
            self.send(wire::ping(), around);
        }
    }

    /// DISCONNECT and the end of the client's side.
    pub(in crate::sim) fn disconnect(&mut self, code: u64, expiry: u64, around: &mut Around<'_>) {
        if self.state != State::Up || around.link.fin {
            return;
        }
        let mut packet = wire::disconnect();
        let mut expiry_s = None;
        if self.v5 {
            packet = packet.code(code as u8);
            // Setting an expiry where there was none is a protocol error (MQTT 5.0, 3.14.2.2.2).
            let had = around.link.request.is_some_and(|request| request.expiry_s > 0);
            if expiry > 0 && (had || expiry == 1) {
                expiry_s = Some(expiry as u32 - 1);
                packet = packet.property(Property::SessionExpiryInterval(expiry as u32 - 1));
            }
        }
        around.link.goodbye = Some(Goodbye { code: packet.code, expiry_s });
        self.send(packet, around);
        around.link.fin = true;
    }
}
