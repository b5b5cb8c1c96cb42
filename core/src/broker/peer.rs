//! The other shards: what they are told, and what comes from them.
//!
//! A shard tells the others which filters it has subscribers for, so a message crosses to a shard once, and only if
//! somebody waits for it there. What came from another shard is delivered here and goes no further; only a message for a
//! shared group whose members have all left meanwhile moves on.

use alloc::boxed::Box;
use alloc::string::String;
use core::num::NonZeroU64;

use super::Broker;
use super::clients::PRESSING_BYTES;
use super::deliver::Arrival;
use super::encode::Received;
use super::input::{AHEAD_PACKETS_MAX, KNOWN_BYTES_MAX};
use super::route::{Routed, Scratch};
use crate::id::{LogPosition, ShardId};
use crate::message::Owner;
use crate::packet::{QoS, ReasonCode};
use crate::peer::{
    BesideAt, PeerBatch, PeerBeside, PeerContent, PeerFilters, PeerHeld, PeerLink, PeerMembers, PeerMessage,
    PeerPublish, PeerRetain,
};
use crate::record::Input;
use crate::store::gate::{PeerWait, PeerWaits, Until};
use crate::time::Instant;
use crate::topic::{Elsewhere, FilterId, GroupId, MemberState};

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

impl Subscribers<'_> {
    fn are_known(self) -> bool {
        matches!(self, Self::Known(_))
    }
}

/// Of the filters of all shards those of this one.
fn found_in(elsewhere: &[Elsewhere], shard: u16) -> &[Elsewhere] {
    let from = elsewhere.partition_point(|place| place.shard < shard);
    let of = elsewhere[from..].iter().take_while(|place| place.shard == shard).count();
    &elsewhere[from..from + of]
}

/// Whether the ordinary subscriptions of another shard are to be served.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subscribers<'a> {
    /// There are none, or they have the message already.
    Not,
    /// None is known of, but it has to look at the message anyway.
    Unknown,
    /// There are, of these filters.
    Known(&'a [Elsewhere]),
}

impl Broker {
    fn others(&self) -> impl Iterator<Item = usize> + use<> {
        let own = usize::from(self.shard.0);
        (0..self.peers.len()).filter(move |&shard| shard != own)
    }

    /// Tells the other shards that this one has its first subscriber for a filter, or has none any more.
    pub(super) fn tell_interest(&mut self, filter: FilterId, text: &str, interested: bool) {
        if self.peers.is_empty() {
            return;
        }
        let print = if interested {
            self.told.first(&self.router, filter, text)
        } else {
            self.told.last(&self.router, filter, text)
        };
        let Some(print) = print else { return };
        for shard in self.others() {
            self.peers[shard].tell_interest(print, interested);
        }
    }

    /// Tells the other shards how many members of a group are here.
    pub(super) fn tell_members(&mut self, group: GroupId) {
        if self.peers.is_empty() {
            return;
        }
        let share = String::from(self.router.group(group).name());
        self.tell_members_named(self.router.group(group).filter(), &share);
    }

    pub(super) fn tell_members_named(&mut self, filter: FilterId, share: &str) {
        if self.peers.is_empty() {
            return;
        }
        let sessions = &self.clients.sessions;
        let (connected, total) = self.router.group_find(filter, share).map_or((0, 0), |group| {
            let group = self.router.group(group);
            let connected = group.connected(|member| {
                if sessions[member.session].is_connected() { MemberState::Ready } else { MemberState::Offline }
            });
            (connected, group.members().len() as u32)
        });
        let mut text = String::new();
        self.router.filter_text(filter, &mut text);
        for shard in self.others() {
            let (filter, share) = (Box::from(text.as_str()), Box::from(share));
            self.peers[shard].batch().push_members(PeerMembers { filter, share, connected, total });
        }
    }

    /// What an acknowledgement waits for that needs every other shard to know what it was told so far: that it has left, if it
    /// does not leave with the next drain and so before the acknowledgement. A client that has that can make another shard do
    /// only what comes later.
    pub(super) fn await_peers(&self) -> PeerWaits {
        let waits = |shard: usize| {
            let link = &self.peers[shard];
            let wait = PeerWait { shard: ShardId(shard as u16), until: Until::Left, batch: link.last_number() };
            (link.is_full() && link.left() < wait.batch).then_some(wait)
        };
        self.others().filter_map(waits).collect()
    }

    /// Sends a message to the shards that have filters for it, `elsewhere`, or have to retain it, or were chosen for a group.
    ///
    /// Where it is stored, or might be refused because a queue there is [crowded](PeerLink::must_ask), the publisher waits until
    /// it was taken over. Else it is acknowledged as soon as it leaves, and goes into a queue beyond its bound if need be. Who
    /// only has to retain it need not be woken; a subscriber that this shard does not know of yet gets it as well.
    pub(super) fn forward(
        &mut self,
        arrival: &Arrival<'_>,
        elsewhere: &[Elsewhere],
        retained: Option<u64>,
        routed: &mut Routed,
    ) {
        if self.peers.is_empty() {
            return;
        }
        let is_plain = self.chosen.is_empty();
        if is_plain && elsewhere.is_empty() && retained.is_some() && self.forward_retained(arrival, routed) {
            return;
        }
        if is_plain && retained.is_none() {
            // Most often there is nobody else to look for.
            for found in elsewhere.chunk_by(|one, next| one.shard == next.shard) {
                let shard = usize::from(found[0].shard);
                self.forward_to(shard, arrival, Subscribers::Known(found), &[], None, routed);
            }
            return;
        }
        let chosen = core::mem::take(&mut self.chosen);
        for shard in self.others() {
            let found = found_in(elsewhere, shard as u16);
            let groups = chosen.iter().filter(|(of, _)| usize::from(*of) == shard).map(|&(_, group)| group);
            let groups: smallvec::SmallVec<[GroupId; 2]> = groups.collect();
            let subscribers = match retained {
                _ if !found.is_empty() => Subscribers::Known(found),
                Some(_) => Subscribers::Unknown,
                None if groups.is_empty() => continue,
                None => Subscribers::Not,
            };
            self.forward_to(shard, arrival, subscribers, &groups, retained, routed);
        }
        self.chosen = chosen;
        self.chosen.clear();
    }

    /// Sends a message that was retained here to all other shards, where nobody is known to wait for it. `false`: it is one of
    /// the few that have to go as other messages do.
    fn forward_retained(&mut self, arrival: &Arrival<'_>, routed: &mut Routed) -> bool {
        if self.clients.config.durable {
            return false;
        }
        for shard in self.others() {
            let Some(retain) = self.kept_content(arrival) else { return false };
            let link = &mut self.peers[shard];
            link.note_quiet();
            let heard = link.interest_heard();
            let batch = link.batch();
            batch.heard.get_or_insert(heard);
            let place = batch.push_retain(retain);
            batch.push(PeerMessage::Retain(place));
            self.note_pushed(shard);
            if arrival.answered {
                self.await_batch(shard, false, routed);
            }
        }
        true
    }

    fn note_pushed(&mut self, shard: usize) {
        let link = &self.peers[shard];
        self.peers_pressing |= link.is_pressing(PRESSING_BYTES);
        self.peers_full |= link.bytes() > self.clients.config.limits.peer_bytes_max as usize;
    }

    #[inline(always)]
    fn forward_to(
        &mut self,
        shard: usize,
        arrival: &Arrival<'_>,
        subscribers: Subscribers<'_>,
        groups: &[GroupId],
        retained: Option<u64>,
        routed: &mut Routed,
    ) {
        let is_live = subscribers.are_known() || !groups.is_empty();
        let must_ask = || self.clients.config.durable || is_live && self.peers[shard].must_ask(self.allowance);
        let waits = arrival.answered && must_ask();
        if arrival.answered && is_live && !waits {
            self.peers[shard].note_unasked();
        }
        if waits && routed.ticket == 0 {
            self.tickets += 1;
            routed.ticket = self.tickets;
        }
        let ticket = if waits { routed.ticket } else { 0 };
        self.push_publish(shard, arrival, groups, subscribers, retained, ticket, 0);
        if arrival.answered {
            self.await_batch(shard, waits, routed);
        }
    }

    /// The publisher of a message that was added is not told before it was taken over, or else has left.
    fn await_batch(&self, shard: usize, until_handled: bool, routed: &mut Routed) {
        if until_handled || self.peers[shard].is_full() {
            let until = if until_handled { Until::Handled } else { Until::Left };
            let batch = self.peers[shard].next_number();
            routed.peers.push(PeerWait { shard: ShardId(shard as u16), until, batch });
        }
    }

    /// There was no room here for a newer retained message: the older one is gone everywhere.
    pub(super) fn tell_retained_removed(&mut self, topic: &str, stamp: u64) {
        let removal = Arrival::new(topic, &[], &[], QoS::AtMostOnce, true);
        for shard in self.others() {
            self.push_publish(shard, &removal, &[], Subscribers::Not, Some(stamp), 0, 0);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each is a field of the message that is made here and nowhere else")]
    #[inline(always)]
    fn push_publish(
        &mut self,
        shard: usize,
        arrival: &Arrival<'_>,
        groups: &[GroupId],
        subscribers: Subscribers<'_>,
        retained: Option<u64>,
        ticket: u64,
        hops: u16,
    ) {
        let is_rare = retained.is_some() || !groups.is_empty() || arrival.expires.is_some() || arrival.shared.is_some();
        let beside = if is_rare { self.push_beside(shard, arrival, groups, subscribers, retained, hops) } else { None };
        let link = &mut self.peers[shard];
        let heard = link.interest_heard();
        let batch = link.batch();
        let filters = match subscribers {
            Subscribers::Known(found) => batch.push_filters(found, heard),
            // For those who are not known of here yet.
            Subscribers::Unknown => batch.push_filters(&[], heard),
            Subscribers::Not => PeerFilters::UNKNOWN,
        };
        let held = batch.beside(beside).and_then(|beside| beside.held.as_ref());
        let content = match (held, &arrival.received) {
            (None, Some(received)) => received.push(&arrival.content(), batch),
            (None, None) => batch.push_content(arrival.topic.as_bytes(), arrival.properties, arrival.payload),
            (Some(PeerHeld::Payload(_)), _) => batch.push_content(arrival.topic.as_bytes(), arrival.properties, &[]),
            (Some(PeerHeld::Kept(_)), _) => PeerContent::default(),
        };
        batch.prompt |= ticket > 0;
        batch.urgent |= subscribers.are_known() || !groups.is_empty();
        batch.push(PeerMessage::Publish(PeerPublish {
            ticket,
            content,
            filters,
            beside,
            qos: arrival.qos,
            retain: arrival.retain,
            answered: arrival.answered && hops == 0,
            subscriptions: subscribers != Subscribers::Not,
        }));
        self.note_pushed(shard);
    }

    /// What few messages have.
    #[inline(never)]
    fn push_beside(
        &mut self,
        shard: usize,
        arrival: &Arrival<'_>,
        groups: &[GroupId],
        subscribers: Subscribers<'_>,
        retained: Option<u64>,
        hops: u16,
    ) -> Option<BesideAt> {
        let kept = if retained.is_some() { self.kept_content(arrival) } else { None };
        let link = &mut self.peers[shard];
        if groups.is_empty() && subscribers == Subscribers::Unknown {
            link.note_quiet();
        }
        let batch = link.batch();
        let start = batch.bytes.len() as u32;
        let mut text = String::new();
        for &group in groups {
            text.clear();
            let group = self.router.group(group);
            self.router.filter_text(group.filter(), &mut text);
            batch.push_share(group.name(), &text);
        }
        let (shares, expires) = (start..batch.bytes.len() as u32, arrival.expires.unwrap_or(Instant::MAX));
        let kept = kept.map(|kept| PeerHeld::Kept(batch.push_retain(kept)));
        let retained = if kept.is_none() { retained.and_then(NonZeroU64::new) } else { None };
        let held = kept.or_else(|| arrival.shared.clone().map(PeerHeld::Payload));
        batch.push_beside(PeerBeside { held, shares, retained, hops, expires })
    }

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
            let bytes_max = self.clients.config.limits.peer_bytes_max as usize;
            self.peers_full = self.peers.iter().any(|link| link.bytes() > bytes_max);
        }
        self.router.set_interest(from.0, &batch.interest);
        self.peers[index].hear_interest(batch.number);
        if batch.interest.iter().any(|(_, interested)| *interested) {
            self.peers[index].note_subscriber();
        }
        let is_known = self.peers[index].is_known_by(batch.heard);
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
                    let place = *place as usize;
                    if place.is_multiple_of(AHEAD_PACKETS_MAX) {
                        self.retained.read_ahead(batch.retains[place..].iter().take(AHEAD_PACKETS_MAX).flatten());
                    }
                    match batch.retains[place].take() {
                        Some(retain) if is_known => drop(self.retain_peer(from, retain)),
                        Some(retain) => self.retain_and_deliver(from, &retain, &mut scratch),
                        None => {}
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
        self.peers[index].recycle(core::mem::take(batch));
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
        match self.retain_peer(from, retain.clone()) {
            Some(message) => {
                self.clients.messages.share(message);
                arrival.message = Some(message);
            }
            None => arrival.owner = Owner::Other(retain.body.clone()),
        }
    }

    /// A message that another shard sent to be retained, for the subscribers that it had not heard of.
    #[cold]
    fn retain_and_deliver(&mut self, from: ShardId, retain: &PeerRetain, scratch: &mut Scratch) {
        let mut arrival = Arrival::new(&retain.topic, &[], &[], retain.qos, true);
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

    /// This shard's store failed: what other shards' publishers wait for here will not be stored.
    pub(super) fn tell_store_failed(&mut self) {
        for shard in self.others() {
            self.peers[shard].tell_store_failed();
            self.peers[shard].stored(self.clients.recorded);
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

    /// The members that were meant have left: another shard that has some gets the message, as often as there are shards.
    fn pass_on(&mut self, arrival: &Arrival<'_>, group: Option<GroupId>, hops: u16) {
        let next =
            group.and_then(|group| self.router.group(group).remote().first().map(|remote| (group, remote.shard)));
        match next {
            Some((group, shard)) if usize::from(hops) < self.peers.len() => {
                self.push_publish(usize::from(shard), arrival, &[group], Subscribers::Not, None, 0, hops + 1);
            }
            Some(_) | None => self.clients.stats.dropped_no_member += 1,
        }
    }
}

impl Routed {
    /// For a message that nobody waits to have acknowledged.
    pub(super) fn internal() -> Self {
        Self {
            code: ReasonCode::Success,
            position: LogPosition(0),
            peers: PeerWaits::new(),
            ticket: 0,
            retained_full: false,
        }
    }
}

#[cfg(test)]
#[path = "peer_tests.rs"]
mod tests;
