//! From a message to its subscribers: ordinary subscriptions, shared groups, retained store, other shards.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::Broker;
use super::clients::Clients;
use super::deliver::{Arrival, Target};
use crate::config::QueueFull;
use crate::id::LogPosition;
use crate::packet::{QoS, ReasonCode};
use crate::peer::PeerBatch;
use crate::session::{Delivery, Identifiers};
use crate::store::gate::PeerWaits;
use crate::topic::{Elsewhere, FilterId, GroupId, MemberState, Pick, Router, Subscription};

/// What became of a publish.
#[derive(Debug)]
pub(super) struct Routed {
    pub(super) code: ReasonCode,
    /// What must be stored before the acknowledgement.
    pub(super) position: LogPosition,
    /// What must have left for other shards, or been taken over there, before.
    pub(super) peers: PeerWaits,
    pub(super) ticket: u64,
    /// Whether it was the retained store that had no room.
    pub(super) retained_full: bool,
}

/// What a route is gathered in; kept, so that a publish allocates nothing.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    filters: Vec<FilterId>,
    /// Those of other shards.
    elsewhere: Vec<Elsewhere>,
    pub(super) targets: Vec<Target>,
    /// Subscription Identifiers of targets that have several: target and identifier.
    pub(super) identifiers: Vec<(u32, u32)>,
    set: Vec<u32>,
    groups: Vec<GroupId>,
}

/// Sets a list to values of which there is most often one.
#[inline]
fn set<T: Copy>(list: &mut Vec<T>, values: &[T]) {
    list.clear();
    match values {
        [] => {}
        &[one] => list.push(one),
        many => list.extend_from_slice(many),
    }
}

impl Scratch {
    pub(super) fn set_filters(&mut self, filters: &[FilterId]) {
        set(&mut self.filters, filters);
    }

    pub(super) fn filters(&self) -> &[FilterId] {
        &self.filters
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

/// A session's state as a member of a shared group.
fn member_state(clients: &Clients, member: &Subscription) -> MemberState {
    let session = &clients.sessions[member.session];
    if session.full {
        return MemberState::Full;
    }
    if !session.is_connected() {
        return MemberState::Offline;
    }
    let conn = &clients.conns[session.connection];
    let ready =
        session.queue.is_empty() && session.inflight.can_send(conn.window) && clients.has_room(session.connection);
    if ready { MemberState::Ready } else { MemberState::Busy }
}

pub(super) fn target_of(subscription: &Subscription, arrival: &Arrival<'_>, group: Option<GroupId>) -> Target {
    Target {
        session: subscription.session,
        qos: subscription.qos(),
        retain: arrival.retain && subscription.retain_as_published(),
        identifiers: Identifiers::single(subscription.identifier),
        group: group.map_or(0, |group| group.index() as u32 + 1),
    }
}

impl Broker {
    /// Routes a message that was published in this shard, and says in `routed`, which is [`Routed::internal`], what became of it.
    pub(super) fn route_published(&mut self, arrival: &mut Arrival<'_>, routed: &mut Routed) {
        if arrival.shared.is_none() && !self.peers.is_empty() && arrival.payload.len() >= PeerBatch::SHARED_BYTES_MIN {
            arrival.shared = Some(Bytes::copy_from_slice(arrival.payload));
        }
        let mut scratch = self.scratch.take().unwrap_or_default();
        let at = self.router.route_at(arrival.topic);
        scratch.set_filters(self.router.filters(at));
        set(&mut scratch.elsewhere, self.router.elsewhere(arrival.topic, at));
        self.route_to(arrival, &mut scratch, routed);
        if routed.code == ReasonCode::Success && !self.peers.is_empty() {
            let retained = (arrival.retain && !routed.retained_full).then(|| self.retained_stamp());
            self.forward(arrival, &scratch.elsewhere, retained, routed);
            if routed.retained_full {
                self.tell_retained_removed(arrival.topic, self.retained_stamp());
            }
        }
        self.scratch = Some(scratch);
        if let Some(message) = arrival.message.take() {
            self.clients.release(message);
        }
        routed.position = self.clients.position();
    }

    fn route_to(&mut self, arrival: &mut Arrival<'_>, scratch: &mut Scratch, routed: &mut Routed) {
        if arrival.answered && self.may_refuse(arrival) && self.refuses(arrival, scratch) {
            self.clients.stats.refused_queue_full += 1;
            routed.code = ReasonCode::QuotaExceeded;
            return;
        }
        if arrival.retain && !self.retain(arrival) {
            self.clients.stats.refused_retained_full += 1;
            routed.retained_full = true;
            if arrival.answered {
                routed.code = ReasonCode::QuotaExceeded;
                return;
            }
        }
        let interested = self.deliver_local(arrival, scratch) || !self.peers.is_empty();
        if !interested {
            self.clients.stats.messages_unmatched += u64::from(arrival.messages());
            // A retained message has found its place.
            if !arrival.retain {
                routed.code = ReasonCode::NoMatchingSubscribers;
            }
        }
    }

    /// Serves the subscriptions and groups of this shard. Whether there were any is the answer.
    pub(super) fn deliver_local(&mut self, arrival: &mut Arrival<'_>, scratch: &mut Scratch) -> bool {
        scratch.groups.clear();
        for &filter in &scratch.filters {
            scratch.groups.extend(self.router.groups(filter));
        }
        arrival.sole = scratch.groups.is_empty();
        if arrival.sole && arrival.may_extend() {
            self.begin_run(arrival, scratch);
        }
        if scratch.filters.is_empty() {
            return false;
        }
        self.clients.images.clear();
        let mut interested = self.deliver_subscriptions(arrival, scratch);
        for index in 0..scratch.groups.len() {
            interested = true;
            self.deliver_group(arrival, scratch.groups[index]);
        }
        interested
    }

    /// Serves ordinary subscriptions alone.
    pub(super) fn deliver_subscriptions(&mut self, arrival: &mut Arrival<'_>, scratch: &mut Scratch) -> bool {
        let filter = match scratch.filters[..] {
            [] => return false,
            [filter] => filter,
            _ => return self.deliver_overlapping(arrival, scratch),
        };
        // One filter: every session occurs once, nothing needs to be merged.
        let subscriptions = self.router.subscriptions(filter);
        arrival.fan_out = subscriptions.len() > 1;
        arrival.sole &= !arrival.fan_out;
        if arrival.is_run() {
            return self.deliver_run(filter, arrival, scratch);
        }
        for subscription in subscriptions {
            if subscription.no_local() && subscription.session == arrival.publisher {
                continue;
            }
            let target = target_of(subscription, arrival, None);
            self.clients.deliver(arrival, &target);
        }
        !subscriptions.is_empty()
    }

    /// Several filters match: a session gets one copy, at the highest QoS, with all identifiers (MQTT-3.3.4-2 to -4).
    fn deliver_overlapping(&mut self, arrival: &mut Arrival<'_>, scratch: &mut Scratch) -> bool {
        gather(&self.router, &mut self.clients, &mut self.stamp, arrival, scratch);
        arrival.fan_out = scratch.targets.len() > 1;
        arrival.sole &= !arrival.fan_out;
        scratch.identifiers.sort_by_key(|&(target, _)| target);
        if arrival.is_run() {
            self.deliver_run_overlapping(arrival, scratch);
        } else {
            deliver_targets(&mut self.clients, arrival, scratch);
        }
        !scratch.targets.is_empty()
    }

    /// Whether a session's queue has no room and the deployment wants such messages refused rather than dropped.
    pub(super) fn refuses(&mut self, arrival: &Arrival<'_>, scratch: &Scratch) -> bool {
        if !self.may_refuse(arrival) {
            return false;
        }
        self.clients.charge(scratch.filters.iter().map(|&filter| self.router.subscriptions(filter).len()).sum());
        scratch.filters.iter().any(|&filter| {
            self.router.subscriptions(filter).iter().any(|subscription| {
                self.is_full(subscription) && !(subscription.no_local() && subscription.session == arrival.publisher)
            }) || self
                .router
                .groups(filter)
                .any(|group| self.router.group(group).remote().is_empty() && self.group_refuses(arrival, group))
        })
    }

    #[inline]
    fn may_refuse(&self, arrival: &Arrival<'_>) -> bool {
        self.clients.full_sessions > 0
            && arrival.qos != QoS::AtMostOnce
            && self.clients.config.limits.queue_full == QueueFull::Refuse
    }

    fn is_full(&self, member: &Subscription) -> bool {
        member.qos() > 0 && self.clients.sessions[member.session].full
    }

    /// Whether no member of a group that is here has room, and the deployment wants such messages refused. A member at QoS 0
    /// is owed nothing, but its queue may be as full as the others: then the turn may be that of one who is owed it.
    pub(super) fn group_refuses(&self, arrival: &Arrival<'_>, group: GroupId) -> bool {
        let members = self.router.group(group).members();
        self.may_refuse(arrival)
            && members.iter().all(|member| self.clients.sessions[member.session].full)
            && members.iter().any(|member| self.is_full(member))
    }

    /// Chooses a member of a group and delivers to it, here or in another shard.
    fn deliver_group(&mut self, arrival: &mut Arrival<'_>, group: GroupId) {
        let clients = &self.clients;
        match self.router.group_mut(group).pick(|member| member_state(clients, member)) {
            Pick::Local(position) => self.deliver_member(arrival, group, position),
            Pick::Remote(shard) => self.chosen.push((shard, group)),
            Pick::Nobody => self.clients.stats.dropped_no_member += 1,
        }
    }

    fn deliver_member(&mut self, arrival: &mut Arrival<'_>, group: GroupId, position: u32) {
        let member = self.router.group(group).members()[position as usize];
        let target = target_of(&member, arrival, Some(group));
        arrival.fan_out = false;
        self.clients.deliver(arrival, &target);
    }

    /// A message of a group that another shard chose this one for. `false`: it has no members here.
    pub(super) fn deliver_chosen(&mut self, arrival: &mut Arrival<'_>, group: GroupId) -> bool {
        let clients = &self.clients;
        let Some(position) = self.router.group_mut(group).pick_local(|member| member_state(clients, member)) else {
            return false;
        };
        self.deliver_member(arrival, group, position);
        true
    }

    /// An unfinished message of a member whose session ended goes to another member.
    pub(super) fn share_again(&mut self, delivery: Delivery) {
        let group = GroupId::from_index(delivery.group - 1);
        let message = self.clients.messages.get(delivery.message);
        if message.is_expired(self.clients.now) {
            self.clients.stats.dropped_expired += 1;
            return;
        }
        let (topic, properties) = (String::from(message.topic()), message.properties().to_vec());
        let payload = message.payload().to_vec();
        let mut arrival = Arrival::new(&topic, &properties, &payload, message.qos, message.retain);
        arrival.expires_at(self.clients.now, message.expires());
        self.deliver_group(&mut arrival, group);
        let mut routed = Routed::internal();
        self.forward(&arrival, &[], None, &mut routed);
        if let Some(message) = arrival.message.take() {
            self.clients.release(message);
        }
    }
}

/// Delivers to the targets that are not served, each with all its Subscription Identifiers.
pub(super) fn deliver_targets(clients: &mut Clients, arrival: &mut Arrival<'_>, scratch: &mut Scratch) {
    let mut identifiers = scratch.identifiers.iter().peekable();
    for (index, target) in scratch.targets.iter().enumerate() {
        scratch.set.clear();
        while let Some(&&(_, identifier)) = identifiers.peek().filter(|(of, _)| *of == index as u32) {
            scratch.set.push(identifier);
            identifiers.next();
        }
        if target.is_served() {
            continue;
        }
        let mut target = *target;
        if !scratch.set.is_empty() {
            target.identifiers = clients.identifiers.insert(&scratch.set);
        }
        clients.deliver(arrival, &target);
    }
}

/// Gathers each session that several filters lead to once.
fn gather(router: &Router, clients: &mut Clients, stamp: &mut u64, arrival: &Arrival<'_>, scratch: &mut Scratch) {
    *stamp += 1;
    scratch.targets.clear();
    scratch.identifiers.clear();
    let mut steps = scratch.filters.len();
    for &filter in &scratch.filters {
        steps += router.subscriptions(filter).len();
        for subscription in router.subscriptions(filter) {
            if subscription.no_local() && subscription.session == arrival.publisher {
                continue;
            }
            let target = target_of(subscription, arrival, None);
            let session = &mut clients.sessions[subscription.session];
            if session.stamp == *stamp {
                let known = &mut scratch.targets[session.target as usize];
                known.qos = known.qos.max(target.qos);
                known.retain |= target.retain;
                if known.identifiers.is_none() {
                    known.identifiers = target.identifiers;
                }
            } else {
                session.stamp = *stamp;
                session.target = scratch.targets.len() as u32;
                scratch.targets.push(target);
            }
            if subscription.identifier > 0 {
                scratch.identifiers.push((session.target, subscription.identifier));
            }
        }
    }
    // Each target counts when it is delivered to; what was merged counts here.
    (0..arrival.messages()).for_each(|_| clients.charge(steps));
}
