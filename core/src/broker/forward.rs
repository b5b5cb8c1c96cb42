//! What the other shards are told: filters, members of groups, and messages.
//!
//! A shard tells the others which filters it has subscribers for, so a message crosses to a shard once, and only if
//! somebody waits for it there.

use alloc::boxed::Box;
use alloc::string::String;
use core::num::NonZeroU64;

use super::Broker;
use super::clients::PRESSING_BYTES;
use super::deliver::Arrival;
use super::route::Routed;
use crate::config::Limits;
use crate::id::ShardId;
use crate::packet::QoS;
use crate::peer::{BesideAt, PeerBeside, PeerContent, PeerFilters, PeerHeld, PeerMembers, PeerMessage, PeerPublish};
use crate::store::gate::{PeerWait, PeerWaits, Until};
use crate::time::Instant;
use crate::topic::{Elsewhere, FilterId, GroupId, InterestChange, MemberState};

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

/// From how many bytes on a batch is whole. What one client sends at a time is added to that, and packets may be longer there: an
/// output that does not press has room for it all the same.
fn whole_bytes(limits: &Limits) -> usize {
    limits.output_bytes_max as usize / 4
}

impl Broker {
    pub(super) fn others(&self) -> impl Iterator<Item = usize> + use<> {
        let own = usize::from(self.shard.0);
        (0..self.peers.len()).filter(move |&shard| shard != own)
    }

    /// Tells the other shards that this one has its first subscriber for a filter, or has none any more.
    pub(super) fn tell_interest(&mut self, filter: FilterId, text: &str, interested: bool) {
        if self.peers.is_empty() {
            return;
        }
        let own = usize::from(self.shard.0);
        let tell = |print| {
            let change = InterestChange::new(print, interested);
            let others = self.peers.iter_mut().enumerate().filter(|&(shard, _)| shard != own);
            others.for_each(|(_, link)| link.tell_interest(change));
        };
        if interested {
            self.told.first(&mut self.router, filter, text, tell);
        } else {
            self.told.last(&mut self.router, filter, text).into_iter().for_each(tell);
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
            link.is_blocked().then_some(wait)
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
        if self.chosen.is_empty() && retained.is_none() {
            // Most often there is nobody else to look for.
            for found in elsewhere.chunk_by(|one, next| one.shard == next.shard) {
                let shard = usize::from(found[0].shard);
                self.forward_to(shard, arrival, Subscribers::Known(found), &[], None, routed);
            }
            return;
        }
        let is_kept = retained.is_some() && !self.clients.config.durable;
        let chosen = core::mem::take(&mut self.chosen);
        for shard in self.others() {
            let found = found_in(elsewhere, shard as u16);
            let groups = chosen.iter().filter(|(of, _)| usize::from(*of) == shard).map(|&(_, group)| group);
            let groups: smallvec::SmallVec<[GroupId; 2]> = groups.collect();
            let is_retained_alone = is_kept && found.is_empty() && groups.is_empty();
            if is_retained_alone && self.forward_retained(shard, arrival, routed) {
                continue;
            }
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

    /// Sends what was retained here to a shard where nobody is known to wait for it. `false`: it is one of the few messages
    /// that have to go as others do.
    fn forward_retained(&mut self, shard: usize, arrival: &Arrival<'_>, routed: &mut Routed) -> bool {
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
        true
    }

    fn note_pushed(&mut self, shard: usize) {
        let (link, limits) = (&self.peers[shard], &self.clients.config.limits);
        self.peers_pressing |= link.is_pressing(PRESSING_BYTES);
        self.peers_whole |= link.is_whole(whole_bytes(limits));
        self.peers_full |= link.is_over();
    }

    /// What one client sent goes to one batch, and what the next one does to another if that has come to its size: a shard that
    /// fell behind can write between batches, or else what finds an output full there is dropped at QoS 0.
    pub(super) fn end_batches(&mut self) {
        if !core::mem::take(&mut self.peers_whole) {
            return;
        }
        let bytes = whole_bytes(&self.clients.config.limits);
        let whole = self.peers.iter_mut().filter(|link| link.is_whole(bytes));
        whole.for_each(|link| link.end_batch(&mut self.spare_batches));
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
            let batch = self.peers[shard].last_number();
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

    /// This shard's store failed: what other shards' publishers wait for here will not be stored.
    pub(super) fn tell_store_failed(&mut self) {
        for shard in self.others() {
            self.peers[shard].tell_store_failed();
            self.peers[shard].stored(self.clients.recorded);
        }
    }

    /// The members that were meant have left: another shard that has some gets the message, as often as there are shards.
    pub(super) fn pass_on(&mut self, arrival: &Arrival<'_>, group: Option<GroupId>, hops: u16) {
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
