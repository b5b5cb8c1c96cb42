//! The router: the subscription tree together with a memory of its answers.
//!
//! Publishers repeat topic names, so the filters that match a name are kept and found again by one hash of it. A kept
//! route carries the epoch stamp at which it was true; every change goes through here so that no epoch is forgotten.
//! Where there are many names or filters, what will be read next is read [ahead](Router::look_ahead).

use alloc::string::String;
use alloc::vec::Vec;

use super::cache::RouteCache;
use super::epoch::Epochs;
use super::interest::{FilterPrint, Interest, InterestChange};
use super::tree::ahead::TOGETHER;
use super::{Elsewhere, FilterId, Group, GroupId, Moved, Subscription, SubscriptionTree};

/// So many routes have room if the bound is not lower, or half as many as there are filters here, if that is more: who has the memory
/// for a million filters has it for their topics. Of other shards' filters too little is kept to go by them.
const ROUTES_MIN: usize = 65_536;

/// Where the answer of [`Router::route_at`] lies. It is good until the next routing, however the router changes meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteAt(u32);

impl RouteAt {
    /// Not remembered: the answer lies in the scratch list.
    const SCRATCH: Self = Self(u32::MAX);
}

/// All filters of one shard, prints of those of the others, and remembered routes. See the [module](self).
pub struct Router {
    tree: SubscriptionTree,
    interest: Interest,
    cache: RouteCache,
    epochs: Epochs,
    scratch: Vec<FilterId>,
    elsewhere: Vec<Elsewhere>,
    text: String,
    /// Where the latest answer is remembered, and whether the next topic is said to be the same.
    latest: u32,
    same: bool,
    /// How many topics have to be routed until it is worth looking ahead again. Where few are remembered only walks count.
    ahead_in: u32,
}

impl Router {
    /// An empty router that remembers up to `route_cache_max` topics, see
    /// [`Limits::route_cache_max`](crate::config::Limits::route_cache_max), which says when it is fewer. Topics of more than 256 bytes and routes of
    /// more than 256 filters are not remembered. `seed` keeps clients from choosing names that collide.
    pub fn new(route_cache_max: u32, seed: u64) -> Self {
        Self {
            tree: SubscriptionTree::new(seed),
            interest: Interest::new(seed),
            cache: RouteCache::new(route_cache_max, seed),
            epochs: Epochs::new(seed),
            scratch: Vec::new(),
            elsewhere: Vec::new(),
            text: String::new(),
            latest: 0,
            same: false,
            ahead_in: 1,
        }
    }

    /// The filters that match the topic name `topic` and have something attached, each once.
    pub fn route(&mut self, topic: &str) -> &[FilterId] {
        let at = self.route_at(topic);
        self.filters(at)
    }

    /// The next topic is likely to be the same as the last one: its route is looked for there first.
    #[inline]
    pub fn expect_same(&mut self) {
        self.same = true;
    }

    /// Like [`route`](Self::route), for callers that change the router while they walk the answer: it is read through
    /// [`filters`](Self::filters).
    pub fn route_at(&mut self, topic: &str) -> RouteAt {
        let mut hash = 0;
        let found = if core::mem::take(&mut self.same) && self.cache.is_at(self.latest, topic) {
            Some(self.latest)
        } else {
            hash = self.cache.hash(topic.as_bytes());
            self.cache.find(hash, topic.as_bytes())
        };
        if let Some(index) = found {
            self.latest = index;
            let is_large = self.cache.is_large();
            let route = self.cache.use_route(index);
            let stamp = self.epochs.stamp(route.cells);
            if route.stamp == stamp {
                self.ahead_in = self.ahead_in.saturating_sub(is_large.into());
                return RouteAt(index);
            }
            self.ahead_in = self.ahead_in.saturating_sub(1);
            self.scratch.clear();
            self.tree.matches(topic, &mut self.scratch);
            return if route.renew(&self.scratch, stamp) { RouteAt(index) } else { RouteAt::SCRATCH };
        }
        self.ahead_in = self.ahead_in.saturating_sub(1);
        self.scratch.clear();
        self.tree.matches(topic, &mut self.scratch);
        let watch = || {
            let cells = self.epochs.cells(topic);
            (cells, self.epochs.stamp(cells))
        };
        let room = ROUTES_MIN.max(self.tree.len() / 2);
        let Some(index) = self.cache.insert(hash, topic, &self.scratch, room, watch) else { return RouteAt::SCRATCH };
        self.latest = index;
        RouteAt(index)
    }

    /// The answer of the latest [`route_at`](Self::route_at).
    pub fn filters(&self, at: RouteAt) -> &[FilterId] {
        if at == RouteAt::SCRATCH { &self.scratch } else { self.cache.route(at.0).filters() }
    }

    /// The filters of other shards that match `topic`, and hardly ever others, those of a shard together. `at` is the latest
    /// answer of [`route_at`](Self::route_at), of the same topic.
    #[inline]
    pub fn elsewhere(&mut self, topic: &str, at: RouteAt) -> &[Elsewhere] {
        if self.interest.is_empty() {
            return &[];
        }
        if at == RouteAt::SCRATCH {
            self.interest.matches(topic, &mut self.elsewhere);
            return &self.elsewhere;
        }
        let route = self.cache.route_mut(at.0);
        if !route.knows_elsewhere {
            self.interest.matches(topic, &mut self.elsewhere);
            route.set_elsewhere(&self.elsewhere);
        }
        route.elsewhere()
    }

    /// Like [`route`](Self::route), from the tree alone.
    pub fn route_uncached(&self, topic: &str, out: &mut Vec<FilterId>) {
        self.tree.matches(topic, out);
    }

    /// How many topics are remembered.
    pub fn cached_routes(&self) -> usize {
        self.cache.len()
    }

    /// Bytes allocated by tree, prints and cache, spare room included. It looks at everything, so it is for reports and tests.
    pub fn memory_bytes(&self) -> usize {
        self.tree.memory_bytes() + self.interest.memory_bytes() + self.cache.memory_bytes()
    }

    /// The tree, to look at. It changes only through the router.
    pub fn tree(&self) -> &SubscriptionTree {
        &self.tree
    }

    fn change<T>(&mut self, id: FilterId, change: impl FnOnce(&mut SubscriptionTree) -> T) -> T {
        let was_vacant = self.tree.is_vacant(id);
        let answer = change(&mut self.tree);
        if self.tree.is_vacant(id) != was_vacant {
            self.text.clear();
            self.tree.filter_text(id, &mut self.text);
            self.epochs.bump(self.epochs.cell(&self.text));
        }
        answer
    }

    /// The same where the text of the filter is at hand.
    fn change_named<T>(&mut self, id: FilterId, text: &str, change: impl FnOnce(&mut SubscriptionTree) -> T) -> T {
        let was_vacant = self.tree.is_vacant(id);
        let answer = change(&mut self.tree);
        if self.tree.is_vacant(id) != was_vacant {
            self.epochs.bump(self.epochs.cell(text));
        }
        answer
    }
}

/// The changes of the tree, each as [`SubscriptionTree`] describes it.
impl Router {
    /// See [`SubscriptionTree::insert`].
    pub fn insert(&mut self, filter: &str) -> FilterId {
        self.tree.insert(filter)
    }

    /// See [`SubscriptionTree::find`].
    pub fn find(&self, filter: &str) -> Option<FilterId> {
        self.tree.find(filter)
    }

    /// See [`SubscriptionTree::release`].
    pub fn release(&mut self, id: FilterId) {
        self.tree.release(id);
    }

    /// See [`SubscriptionTree::filter_text`].
    pub fn filter_text(&self, id: FilterId, text: &mut String) {
        self.tree.filter_text(id, text);
    }

    /// [Makes](SubscriptionTree::insert) a filter if need be, and [subscribes](SubscriptionTree::subscribe) to it: its number
    /// and the position there.
    pub fn subscribe(&mut self, filter: &str, subscription: Subscription) -> (FilterId, u32) {
        let id = self.tree.insert(filter);
        (id, self.change_named(id, filter, |tree| tree.subscribe(id, subscription)))
    }

    /// See [`SubscriptionTree::subscriptions`].
    pub fn subscriptions(&self, id: FilterId) -> &[Subscription] {
        self.tree.subscriptions(id)
    }

    /// See [`SubscriptionTree::subscription_mut`].
    pub fn subscription_mut(&mut self, id: FilterId, position: u32) -> Option<&mut Subscription> {
        self.tree.subscription_mut(id, position)
    }

    /// See [`SubscriptionTree::unsubscribe`].
    pub fn unsubscribe(&mut self, id: FilterId, position: u32) -> Option<Moved> {
        self.change(id, |tree| tree.unsubscribe(id, position))
    }

    /// See [`SubscriptionTree::position_of`].
    pub fn position_of(&self, id: FilterId, session: u32) -> Option<u32> {
        self.tree.position_of(id, session)
    }

    /// What other shards are to be told of `filter`, which is a valid one without `$share/NAME/` and has the number `id`. Only
    /// routers with the same seed understand each other.
    #[inline(always)]
    pub fn print(&mut self, filter: &str, id: FilterId) -> FilterPrint {
        self.interest.print(filter, id, || self.epochs.cell(filter))
    }

    /// The print of a filter that matches all that `filter` does and more, of one of three shapes.
    pub fn coarse_print(&self, filter: &str) -> FilterPrint {
        self.interest.coarse_print(filter, |levels| self.epochs.cell_above(filter, levels))
    }

    /// What another shard, 0..=63, has subscribers for has changed.
    pub fn set_interest(&mut self, shard: u16, changes: &[InterestChange]) {
        for changes in changes.chunks(TOGETHER) {
            self.read_ahead_of_interest(changes);
            for change in changes {
                let print = change.print();
                if change.is_interested() {
                    self.interest.add(print, shard);
                } else {
                    self.interest.remove(print, shard);
                }
                self.epochs.bump(print.cell());
            }
        }
    }

    /// See [`SubscriptionTree::join`].
    pub fn join(&mut self, id: FilterId, share: &str, subscription: Subscription) -> (GroupId, u32) {
        self.change(id, |tree| tree.join(id, share, subscription))
    }

    /// See [`SubscriptionTree::leave`].
    pub fn leave(&mut self, group: GroupId, position: u32) -> Option<Moved> {
        let id = self.tree.group(group).filter();
        self.change(id, |tree| tree.leave(group, position))
    }

    /// See [`SubscriptionTree::group`].
    pub fn group(&self, group: GroupId) -> &Group {
        self.tree.group(group)
    }

    /// See [`SubscriptionTree::group_mut`].
    pub fn group_mut(&mut self, group: GroupId) -> &mut Group {
        self.tree.group_mut(group)
    }

    /// See [`SubscriptionTree::group_find`].
    pub fn group_find(&self, id: FilterId, share: &str) -> Option<GroupId> {
        self.tree.group_find(id, share)
    }

    /// See [`SubscriptionTree::groups`].
    pub fn groups(&self, id: FilterId) -> impl Iterator<Item = GroupId> {
        self.tree.groups(id)
    }

    /// See [`SubscriptionTree::set_remote_members`].
    pub fn set_remote_members(
        &mut self,
        id: FilterId,
        share: &str,
        shard: u16,
        connected: u32,
        total: u32,
    ) -> Option<GroupId> {
        self.change(id, |tree| tree.set_remote_members(id, share, shard, connected, total))
    }
}

mod ahead;
#[cfg(test)]
mod tests;
