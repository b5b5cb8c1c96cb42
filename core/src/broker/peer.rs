//! What comes from the other shards. It is delivered here and goes no further; only a message for a shared group whose
//! members have all left meanwhile moves on.

use alloc::string::String;

use super::Broker;
use super::deliver::Arrival;
use super::encode::Received;
use super::input::{AHEAD_PACKETS_MAX, KNOWN_BYTES_MAX};
use super::route::Scratch;
use crate::id::{LogPosition, ShardId};
use crate::packet::ReasonCode;
use crate::peer::{PeerBatch, PeerBeside, PeerHeld, PeerLink, PeerMembers, PeerMessage, PeerPublish, PeerRetain};
use crate::record::Input;
use crate::store::gate::{PeerWait, Until};
use crate::time::Instant;
use crate::topic::GroupId;

/// Filters of a batch that are read ahead together.
const AHEAD_FILTERS_MAX: usize = 32;

/// Whether a batch has come as far as it must.
pub(super) fn is_over(peers: &[PeerLink], wait: &PeerWait) -> bool {
    peers.get(usize::from(wait.shard.0)).is_none_or(|link| {
        let come = match wait.until {
            Until::Left => link.left(),
            Until::Handled => link.handled(),
        };
        wait.batch <= come
    })
}

impl Broker {
    /// A batch from another shard: handled at once, so that a shard never waits for itself. It is emptied.
    pub fn handle_peer(&mut self, now: Instant, from: ShardId, batch: &mut PeerBatch) {
        self.advance(now);
        let index = usize::from(from.0);
        if index >= self.peers.len() || from == self.shard {
            debug_assert!(false, "a batch from a shard that is none: {from:?}");
            return batch.clear();
        }
        self.record(&Input::Peer { from, number: batch.number, handled: batch.handled });
        if batch.store_failed {
            self.gate.give_up_peer(from, self.peers[index].handled());
        }
        self.peers[index].acknowledged(batch.handled);
        self.peers[index].set_crowded(batch.crowded);
        if self.peers_full {
            self.peers_full = self.peers.iter().any(PeerLink::is_over);
        }
        self.router.set_interest(from.0, &batch.interest);
        self.peers[index].hear_interest(batch.number);
        if batch.interest.iter().any(|change| change.is_interested()) {
            self.peers[index].note_subscriber();
        }
        let is_known = self.peers[index].is_known_by(batch.heard);
        let mut retains_ahead = 0;
        let mut ahead = if is_known && self.router.is_large() { 0 } else { usize::MAX };
        let messages = core::mem::take(&mut batch.messages);
        let mut known = core::mem::take(&mut self.known_topic);
        let mut scratch = self.scratch.take().unwrap_or_default();
        for (at, message) in messages.iter().enumerate() {
            match message {
                PeerMessage::Members(place) => self.peer_members(from, &batch.members[*place as usize]),
                PeerMessage::Publish(publish) => {
                    if !is_known && publish.subscriptions && self.router.wants_ahead() {
                        self.look_ahead_of_peer(batch, &messages[at..]);
                    }
                    if let Some(filters) = batch.filters_from(publish.filters, ahead) {
                        let next = &filters[..filters.len().min(AHEAD_FILTERS_MAX)];
                        self.router.read_ahead(next);
                        ahead += next.len();
                    }
                    self.peer_publish(from, batch, publish, &mut known, &mut scratch);
                }
                PeerMessage::Retain(place) => {
                    if !is_known && self.router.wants_ahead() {
                        self.look_ahead_of_peer(batch, &messages[at..]);
                    }
                    let place = *place as usize;
                    if place >= retains_ahead {
                        retains_ahead = (place + AHEAD_PACKETS_MAX).min(batch.retains.len());
                        self.retained.read_ahead(&batch.retains[place..retains_ahead]);
                    }
                    match batch.retains[place].take() {
                        Some(retain) if is_known => drop(self.retain_peer(from, retain)),
                        Some(retain) => self.retain_and_deliver(from, &retain, &mut scratch),
                        None => debug_assert!(false, "each place is named by one message"),
                    }
                }
                PeerMessage::Refused { ticket } => self.gate.refuse(*ticket, ReasonCode::QuotaExceeded),
                PeerMessage::Unstored { ticket } => self.gate.give_up_ticket(*ticket),
            }
        }
        (self.known_topic, self.scratch) = (known, Some(scratch));
        batch.messages = messages;
        if batch.number > 0 {
            // What came after the store failed was answered by message.
            let position = if self.clients.store_failed { LogPosition(0) } else { self.clients.recorded };
            self.peers[index].received(batch.number, position, batch.prompt);
            self.peers[index].stored(self.clients.stored);
        }
        self.peers[index].recycle(batch, &mut self.spare_batches);
        self.open_gate();
    }

    fn peer_members(&mut self, from: ShardId, members: &PeerMembers) {
        let id = self.router.insert(&members.filter);
        self.router.set_remote_members(id, &members.share, from.0, members.connected, members.total);
        self.router.release(id);
    }

    /// Tells the router to which topics the next messages of a batch were published.
    #[cold]
    fn look_ahead_of_peer(&mut self, batch: &PeerBatch, messages: &[PeerMessage]) {
        let topics = messages.iter().take(AHEAD_PACKETS_MAX).filter_map(|message| match message {
            PeerMessage::Publish(publish) if publish.subscriptions => {
                match batch.beside(publish.beside).and_then(|beside| beside.held.as_ref()) {
                    Some(&PeerHeld::Kept(place)) => batch.retain(place).map(|retain| retain.topic.as_bytes()),
                    Some(PeerHeld::Payload(_)) | None => Some(batch.topic(&publish.content)),
                }
            }
            PeerMessage::Retain(place) => batch.retain(*place).map(|retain| retain.topic.as_bytes()),
            _ => None,
        });
        self.router.look_ahead(topics, false);
    }

    /// An Application Message. Its topic is not looked at as a text again when the last one had the same.
    fn peer_publish(
        &mut self,
        from: ShardId,
        batch: &PeerBatch,
        publish: &PeerPublish,
        known: &mut String,
        scratch: &mut Scratch,
    ) {
        let beside = batch.beside(publish.beside);
        let (kept, new) = match beside.and_then(|beside| beside.held.as_ref()) {
            Some(&PeerHeld::Kept(place)) => (batch.retain(place).map(|retain| &*retain.topic), None),
            _ => {
                let topic = batch.topic(&publish.content);
                let new = (topic != known.as_bytes()).then(|| core::str::from_utf8(topic));
                (None, new.map(|topic| topic.expect("it was checked where it came in")))
            }
        };
        self.peer_publish_to(kept.or(new).unwrap_or(known), from, batch, publish, scratch);
        if let Some(new) = new.filter(|new| new.len() <= KNOWN_BYTES_MAX) {
            known.clear();
            known.push_str(new);
        }
    }

    fn peer_publish_to(
        &mut self,
        topic: &str,
        from: ShardId,
        batch: &PeerBatch,
        publish: &PeerPublish,
        scratch: &mut Scratch,
    ) {
        let beside = batch.beside(publish.beside);
        self.clients.mark = self.clients.recorded;
        let content = &publish.content;
        let (properties, payload) = (batch.properties(content), batch.payload(content));
        let mut arrival = Arrival::new(topic, properties, payload, publish.qos, publish.retain);
        arrival.received = Received::in_batch(batch, content, publish.qos);
        if let Some(beside) = beside {
            self.add_beside(&mut arrival, from, batch, beside);
        }
        arrival.answered = publish.answered;
        self.find_subscriptions(topic, from, batch, publish, scratch);
        if arrival.expires.is_some_and(|expires| expires <= self.clients.now) {
            // What is retained counts when it goes.
            let is_retained = beside.is_some_and(PeerBeside::is_to_retain);
            self.clients.stats.dropped_expired += u64::from(!is_retained);
        } else if publish.ticket > 0 && self.peer_refuses(&arrival, batch, publish, scratch) {
            self.refuse_ticket(from, publish.ticket);
        } else {
            self.clients.images.clear();
            arrival.sole = beside.is_none_or(|beside| beside.shares.is_empty());
            self.deliver_subscriptions(&mut arrival, scratch);
            if let Some(beside) = beside {
                for (share, filter) in batch.shares(&beside.shares) {
                    let group = self.find_group(share, filter);
                    if !group.is_some_and(|group| self.deliver_chosen(&mut arrival, group)) {
                        self.pass_on(&arrival, group, beside.hops);
                    }
                }
            }
        }
        if publish.ticket > 0 && self.clients.store_failed && self.clients.position() > LogPosition(0) {
            self.peers[usize::from(from.0)].answer(PeerMessage::Unstored { ticket: publish.ticket });
        }
        if let Some(message) = arrival.message.take() {
            self.clients.release(message);
        }
    }

    /// What few messages have. What is to be retained is.
    #[inline(never)]
    fn add_beside<'a>(
        &mut self,
        arrival: &mut Arrival<'a>,
        from: ShardId,
        batch: &'a PeerBatch,
        beside: &'a PeerBeside,
    ) {
        arrival.expires_at(self.clients.now, (beside.expires < Instant::MAX).then_some(beside.expires));
        match &beside.held {
            Some(PeerHeld::Payload(payload)) => {
                (arrival.payload, arrival.shared) = (payload, Some(payload.clone()));
            }
            Some(PeerHeld::Kept(place)) => {
                if let Some(retain) = batch.retain(*place) {
                    self.retain_arrival(arrival, from, retain);
                }
            }
            None => {}
        }
        if let Some(stamp) = beside.retained {
            self.retain_stamped(arrival, (stamp.get(), from.0));
        }
    }

    /// Retains what another shard does, and makes a message of it.
    fn retain_arrival<'a>(&mut self, arrival: &mut Arrival<'a>, from: ShardId, retain: &'a PeerRetain) {
        (arrival.properties, arrival.payload) = (retain.body.properties(), retain.body.payload());
        let message = match self.retain_peer(from, retain.clone()) {
            Some(message) => {
                self.clients.messages.share(message);
                message
            }
            None => self.clients.messages.insert_shared(retain.body.clone(), retain.qos, retain.expires()),
        };
        arrival.message = Some(message);
    }

    /// A message that another shard sent to be retained, for the subscribers that it had not heard of.
    #[cold]
    fn retain_and_deliver(&mut self, from: ShardId, retain: &PeerRetain, scratch: &mut Scratch) {
        let mut arrival = Arrival::new(&retain.topic, &[], &[], retain.qos, true);
        arrival.answered = retain.answered;
        arrival.expires_at(self.clients.now, retain.expires());
        self.retain_arrival(&mut arrival, from, retain);
        self.look_up(&retain.topic, scratch);
        // What has expired counts when it goes.
        if retain.expires > self.clients.now {
            self.clients.images.clear();
            arrival.sole = true;
            self.deliver_subscriptions(&mut arrival, scratch);
        }
        if let Some(message) = arrival.message.take() {
            self.clients.release(message);
        }
    }

    fn look_up(&mut self, topic: &str, scratch: &mut Scratch) {
        self.clients.stats.peer_lookups += 1;
        self.router.expect_same();
        scratch.set_filters(self.router.route(topic));
    }

    /// The filters that a message from another shard is for. What it found there holds if it knew of all that there are here;
    /// else they are looked for.
    fn find_subscriptions(
        &mut self,
        topic: &str,
        from: ShardId,
        batch: &PeerBatch,
        publish: &PeerPublish,
        scratch: &mut Scratch,
    ) {
        if !publish.subscriptions {
            return scratch.set_filters(&[]);
        }
        match batch.filters(publish.filters) {
            Some(found) if self.peers[usize::from(from.0)].is_known_by(batch.heard) => {
                scratch.set_filters(found);
            }
            _ => self.look_up(topic, scratch),
        }
    }

    fn find_group(&self, share: &str, filter: &str) -> Option<GroupId> {
        self.router.find(filter).and_then(|id| self.router.group_find(id, share))
    }

    /// Whether a message from another shard has no room here. It is taken over as a whole or not at all.
    fn peer_refuses(
        &mut self,
        arrival: &Arrival<'_>,
        batch: &PeerBatch,
        publish: &PeerPublish,
        scratch: &Scratch,
    ) -> bool {
        if self.refuses(arrival, scratch) {
            return true;
        }
        let Some(beside) = batch.beside(publish.beside) else { return false };
        let refuses = |group| self.group_refuses(arrival, group);
        batch.shares(&beside.shares).any(|(share, filter)| self.find_group(share, filter).is_some_and(refuses))
    }

    /// Tells the shard that a message came from that it has no room here: its publisher is told.
    fn refuse_ticket(&mut self, from: ShardId, ticket: u64) {
        self.clients.stats.refused_queue_full += 1;
        self.peers[usize::from(from.0)].answer(PeerMessage::Refused { ticket });
    }
}

#[cfg(test)]
#[path = "peer_tests.rs"]
mod tests;
