//! SUBSCRIBE and UNSUBSCRIBE (MQTT 5.0, 3.8 and 3.10).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::Broker;
use crate::access;
use crate::event::Event;
use crate::packet::{
    Properties, QoS, ReasonCode, RetainHandling, SubAck, Subscribe, SubscribeFilter, SubscriptionOptions, UnsubAck,
    Unsubscribe, Version, Violation,
};
use crate::session::{RetainedScan, Subscribed};
use crate::store::Operation;
use crate::topic::{Filter, FilterError, FilterId, GroupId, Moved, Scan, Subscription};

impl Broker {
    pub(super) fn handle_subscribe(&mut self, index: u32, packet: &Subscribe<'_>) {
        let identifier = packet.properties.subscription_identifier().unwrap_or(0);
        if identifier > 0 && !self.clients.config.mqtt.subscription_identifier_available {
            return self.violate(index, Violation::SubscriptionIdentifiersNotAvailable);
        }
        if packet.filters().any(|wanted| wanted.options.no_local && wanted.filter.starts_with("$share/")) {
            return self.violate(index, Violation::NoLocalOnShared);
        }
        if self.breaks_3_1_1(index, packet.filters().map(|wanted| wanted.filter)) {
            return self.violate(index, Violation::InvalidFilter);
        }
        let mut scans = Vec::new();
        let mut codes = core::mem::take(&mut self.codes);
        codes.clear();
        for wanted in packet.filters() {
            let code = self.subscribe(index, &wanted, identifier, &mut scans);
            codes.push(self.suback_code(index, code));
            let conn = self.clients.conn_id(index);
            let client_id = self.clients.sessions[self.clients.conns[index].session].client_id.clone();
            self.clients.event(Event::Subscribed { conn, client_id, filter: Box::from(wanted.filter), code });
        }
        let mut bytes = Vec::new();
        SubAck { packet_id: packet.packet_id, properties: Properties::default(), codes: &codes }
            .encode(self.version(index), &mut bytes);
        self.codes = codes;
        let peers = self.await_peers();
        let position = self.clients.position();
        self.reply_bytes(index, bytes, position, peers, scans);
    }

    fn version(&self, index: u32) -> Version {
        self.clients.conns[index].version.expect("a connected client has a version")
    }

    /// Whether one of a 3.x client's filters is none. 5.0 has a Reason Code for it, 3.x the close (MQTT-4.8.0-1). Bounds
    /// of this broker, and what it makes of `$share`, break nothing: such a filter is only refused.
    fn breaks_3_1_1<'f>(&self, index: u32, mut filters: impl Iterator<Item = &'f str>) -> bool {
        let levels_max = self.clients.config.mqtt.topic_levels_max;
        let breaks = |text| Filter::parse(text, levels_max).is_err_and(FilterError::breaks_3_1_1);
        !self.clients.conns[index].is_v5() && filters.any(breaks)
    }

    /// 3.x knows one code for every refusal.
    fn suback_code(&self, index: u32, code: ReasonCode) -> u8 {
        if code.is_failure() && !self.clients.conns[index].is_v5() { 0x80 } else { code.as_u8() }
    }

    /// One filter of a SUBSCRIBE: the granted QoS, or why not.
    fn subscribe(
        &mut self,
        index: u32,
        wanted: &SubscribeFilter<'_>,
        identifier: u32,
        scans: &mut Vec<RetainedScan>,
    ) -> ReasonCode {
        let mqtt = &self.clients.config.mqtt;
        let Ok(filter) = Filter::parse(wanted.filter, mqtt.topic_levels_max) else {
            return ReasonCode::TopicFilterInvalid;
        };
        if filter.has_wildcards() && !mqtt.wildcard_subscription_available {
            return ReasonCode::WildcardSubscriptionsNotSupported;
        }
        if filter.share.is_some() && !mqtt.shared_subscription_available {
            return ReasonCode::SharedSubscriptionsNotSupported;
        }
        if let Err(code) = access::check_subscribe(&self.clients.config.access, filter.filter) {
            return code;
        }
        // MQTT-3.2.2-10: any QoS may be asked for, no more than the server has is granted.
        let qos = wanted.options.qos.min(mqtt.maximum_qos);
        let options = SubscriptionOptions { qos, ..wanted.options }.to_byte(Version::V5);
        let session = self.clients.conns[index].session;
        let known = self.find_subscription(session, &filter);
        if known.is_none()
            && self.clients.sessions[session].subscriptions.len()
                >= self.clients.config.limits.subscriptions_max as usize
        {
            return ReasonCode::QuotaExceeded;
        }
        let slot = match known {
            Some(slot) => self.replace_subscription(session, slot, options, identifier),
            None => self.add_subscription(session, &filter, options, identifier),
        };
        self.clients.record_for(session, |client_id| Operation::Subscribed {
            client_id,
            filter: Box::from(wanted.filter),
            options,
            identifier,
        });
        if self.wants_retained(&filter, wanted.options, known.is_none()) {
            let filter_id = self.clients.sessions[session].subscriptions[slot as usize].filter;
            let (clock, scan) = (self.retained_stamp(), Scan::new(filter.filter));
            scans.push(RetainedScan::new(filter_id, qos as u8, identifier, clock, scan));
        }
        match qos {
            QoS::AtMostOnce => ReasonCode::Success,
            QoS::AtLeastOnce => ReasonCode::GrantedQoS1,
            QoS::ExactlyOnce => ReasonCode::GrantedQoS2,
        }
    }

    /// The slot of a session's subscription to this very filter, by looking through the shorter of two lists.
    fn find_subscription(&mut self, session: u32, filter: &Filter<'_>) -> Option<u32> {
        let id = self.router.find(filter.filter)?;
        let own = &self.clients.sessions[session].subscriptions;
        let group = match filter.share {
            Some(share) => Some(self.router.group_find(id, share)?),
            None => None,
        };
        let others = group.map_or_else(|| self.router.subscriptions(id), |group| self.router.group(group).members());
        let steps = others.len().min(own.len());
        let found = Self::find_in(session, id, group, own, others);
        self.clients.charge(steps);
        found
    }

    fn find_in(
        session: u32,
        id: FilterId,
        group: Option<GroupId>,
        own: &[Subscribed],
        others: &[Subscription],
    ) -> Option<u32> {
        if others.len() < own.len() {
            return others.iter().find(|other| other.session == session).map(|other| other.slot);
        }
        own.iter().position(|known| known.filter == id && known.group == group).map(|slot| slot as u32)
    }

    fn replace_subscription(&mut self, session: u32, slot: u32, options: u8, identifier: u32) -> u32 {
        let known = self.clients.sessions[session].subscriptions[slot as usize];
        let entry = match known.group {
            Some(group) => self.router.group_mut(group).member_mut(known.position),
            None => self.router.subscription_mut(known.filter, known.position),
        };
        if let Some(entry) = entry {
            entry.options = options;
            entry.identifier = identifier;
        }
        slot
    }

    fn add_subscription(&mut self, session: u32, filter: &Filter<'_>, options: u8, identifier: u32) -> u32 {
        let slot = self.clients.sessions[session].subscriptions.len() as u32;
        let entry = Subscription { session, slot, identifier, options };
        let (id, group, position) = match filter.share {
            Some(share) => {
                let id = self.router.insert(filter.filter);
                let (group, position) = self.router.join(id, share, entry);
                (id, Some(group), position)
            }
            None => {
                let (id, position) = self.router.subscribe(filter.filter, entry);
                (id, None, position)
            }
        };
        self.clients.sessions[session].subscriptions.push(Subscribed { filter: id, group, position });
        self.clients.stats.subscriptions += 1;
        match group {
            Some(group) => self.tell_members(group),
            None if self.router.subscriptions(id).len() == 1 => self.tell_interest(id, filter.filter, true),
            None => {}
        }
        slot
    }

    /// Whether retained messages follow, as Retain Handling asks; never for shared subscriptions (MQTT 5.0, 4.8.2).
    fn wants_retained(&self, filter: &Filter<'_>, options: SubscriptionOptions, is_new: bool) -> bool {
        let wanted = match options.retain_handling {
            RetainHandling::SendAtSubscribe => true,
            RetainHandling::SendIfNew => is_new,
            RetainHandling::DoNotSend => false,
        };
        wanted
            && filter.share.is_none()
            && !self.retained.store.is_empty()
            && (filter.has_wildcards() || self.retained.store.get(filter.filter).is_some())
    }

    pub(super) fn handle_unsubscribe(&mut self, index: u32, packet: &Unsubscribe<'_>) {
        if self.breaks_3_1_1(index, packet.filters()) {
            return self.violate(index, Violation::InvalidFilter);
        }
        let session = self.clients.conns[index].session;
        let mut codes = core::mem::take(&mut self.codes);
        codes.clear();
        for text in packet.filters() {
            let code = self.unsubscribe(session, text);
            codes.push(code.as_u8());
            let conn = self.clients.conn_id(index);
            let client_id = self.clients.sessions[session].client_id.clone();
            self.clients.event(Event::Unsubscribed { conn, client_id, filter: Box::from(text), code });
        }
        let mut bytes = Vec::new();
        UnsubAck { packet_id: packet.packet_id, properties: Properties::default(), codes: &codes }
            .encode(self.version(index), &mut bytes);
        self.codes = codes;
        let peers = self.await_peers();
        let position = self.clients.position();
        self.reply_bytes(index, bytes, position, peers, Vec::new());
    }

    fn unsubscribe(&mut self, session: u32, text: &str) -> ReasonCode {
        let Ok(filter) = Filter::parse(text, self.clients.config.mqtt.topic_levels_max) else {
            return ReasonCode::TopicFilterInvalid;
        };
        let Some(slot) = self.find_subscription(session, &filter) else { return ReasonCode::NoSubscriptionExisted };
        let known = self.clients.sessions[session].subscriptions[slot as usize];
        self.clients.charge(self.clients.sessions[session].scans.len() + self.gate.len());
        self.clients.sessions[session].scans.retain(|scan| scan.filter != known.filter);
        self.gate.drop_scans(self.clients.conn_id(self.clients.sessions[session].connection), known.filter);
        if let Some(group) = known.group {
            let group = group.index() as u32 + 1;
            self.clients.charge(self.clients.sessions[session].queue.len());
            self.clients.sessions[session].queue.leave_group(group);
            self.clients.sessions[session].inflight.leave_group(group);
        }
        self.remove_subscription(session, slot);
        self.clients.record_for(session, |client_id| Operation::Unsubscribed { client_id, filter: Box::from(text) });
        ReasonCode::Success
    }

    fn remove_subscription(&mut self, session: u32, slot: u32) {
        let subscriptions = &mut self.clients.sessions[session].subscriptions;
        let known = subscriptions.swap_remove(slot as usize);
        let moved_here = subscriptions.get(slot as usize).copied();
        if let Some(moved) = moved_here {
            let entry = match moved.group {
                Some(group) => self.router.group_mut(group).member_mut(moved.position),
                None => self.router.subscription_mut(moved.filter, moved.position),
            };
            entry.expect("a session's subscription is in the tree").slot = slot;
        }
        self.clients.stats.subscriptions -= 1;
        match known.group {
            Some(group) => {
                let share =
                    if self.peers.is_empty() { String::new() } else { String::from(self.router.group(group).name()) };
                let moved = self.router.leave(group, known.position);
                self.note_moved(moved);
                self.tell_members_named(known.filter, &share);
            }
            None => {
                let moved = self.router.unsubscribe(known.filter, known.position);
                self.note_moved(moved);
                if !self.peers.is_empty() && self.router.subscriptions(known.filter).is_empty() {
                    let mut text = String::new();
                    self.router.filter_text(known.filter, &mut text);
                    self.tell_interest(known.filter, &text, false);
                }
            }
        }
        self.router.release(known.filter);
    }

    fn note_moved(&mut self, moved: Option<Moved>) {
        if let Some(moved) = moved {
            self.clients.sessions[moved.session].subscriptions[moved.slot as usize].position = moved.position;
        }
    }

    /// A session ends: none of its subscriptions is left.
    pub(super) fn remove_subscriptions(&mut self, session: u32) {
        while let Some(last) = self.clients.sessions[session].subscriptions.len().checked_sub(1) {
            self.remove_subscription(session, last as u32);
        }
        self.clients.sessions[session].subscriptions = Vec::new();
        self.clients.sessions[session].scans.clear();
    }

    /// A session came or went: the other shards count the connected members of its groups.
    pub(super) fn update_memberships(&mut self, session: u32) {
        if self.peers.is_empty() {
            return;
        }
        for index in 0..self.clients.sessions[session].subscriptions.len() {
            if let Some(group) = self.clients.sessions[session].subscriptions[index].group {
                self.tell_members(group);
            }
        }
    }
}
