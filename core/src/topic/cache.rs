//! The memory of the route cache: topic names with the filters that match them, a bounded number of each.
//!
//! A topic is admitted when it is used the second time, so names that are published once do not drive out the others. When there
//! is no room, a hand goes round, by one route for each topic that would be admitted: one that was used since the hand last
//! passed stays, and the topic has to come again. So among more topics than are remembered, all of them as frequent, those that
//! are remembered stay so, and forgetting and remembering is not what most of the time goes to. Every now and then one goes in
//! any case, so that a topic which has become frequent gets in however well used the others are.
//! Whether a route is still true is not known here, see [`Router`](super::Router).

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use super::epoch::Cells;
use super::{Elsewhere, FilterId};

/// A longer topic name is not remembered: the cache is bounded in bytes, not in topics alone.
const TOPIC_BYTES_MAX: usize = 256;
/// A route of more filters is not remembered, for the same reason; beside so many deliveries the walk is cheap.
const ROUTE_FILTERS_MAX: usize = 256;
/// The last of so many topics in a row gets in at the latest.
const SPARED_MAX: u32 = 32;
/// From so many on, routes or retained topics have no room in a processor's own cache with all that hangs on them.
pub(super) const LARGE_MIN: usize = 4_096;
/// What so few uses need has room in it.
const RECENT_USES: u32 = 1_024;
/// Places for topics used once that a hash may mean, so that topics which come in turn do not push each other out.
const RECENT_WAYS: usize = 4;
/// 2^64 by the golden ratio: its multiples do not come round.
const WAY_STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A remembered route.
pub(super) struct Route {
    topic: Box<str>,
    hash: u64,
    pub(super) cells: Cells,
    /// The epoch stamp at which the filters were true.
    pub(super) stamp: u64,
    filters: SmallVec<[FilterId; 4]>,
    /// The filters of other shards that match, once that was asked.
    elsewhere: SmallVec<[Elsewhere; 2]>,
    pub(super) knows_elsewhere: bool,
    used: bool,
    /// Its latest use, counted in uses of any route.
    used_at: u32,
}

const _: () = assert!(size_of::<Route>() <= 96, "a remembered topic beside its name");

impl Route {
    pub(super) fn filters(&self) -> &[FilterId] {
        &self.filters
    }

    /// Whether it may be that of a topic with this hash.
    pub(super) fn is_of(&self, hash: u64) -> bool {
        self.hash == hash
    }

    /// Something of what lies elsewhere in memory.
    pub(super) fn peek(&self) -> u8 {
        let name = self.topic.as_bytes().first().copied().unwrap_or(0);
        name ^ self.elsewhere.first().map_or(0, |place| place.shard as u8)
    }

    /// Takes over new filters, unless they are too many.
    pub(super) fn renew(&mut self, filters: &[FilterId], stamp: u64) -> bool {
        if filters.len() > ROUTE_FILTERS_MAX {
            return false;
        }
        self.filters.clear();
        self.filters.extend_from_slice(filters);
        self.knows_elsewhere = false;
        self.stamp = stamp;
        true
    }

    pub(super) fn elsewhere(&self) -> &[Elsewhere] {
        &self.elsewhere
    }

    pub(super) fn set_elsewhere(&mut self, elsewhere: &[Elsewhere]) {
        self.elsewhere.clear();
        self.elsewhere.extend_from_slice(elsewhere);
        self.knows_elsewhere = true;
    }
}

pub(super) struct RouteCache {
    hasher: FixedState,
    routes: Vec<Route>,
    /// Most of them, whatever room is given.
    routes_max: u32,
    by_topic: HashTable<u32>,
    hand: u32,
    /// Topics that were turned away since one got in.
    spared: u32,
    /// Uses so far. It may run over.
    uses: u32,
    /// Parts of the hashes of topics that were used once, where the hash says: two for each route that has room. It is made anew
    /// when that grows.
    recent: Box<[[u16; RECENT_WAYS]]>,
    /// Which of the places that a hash means is taken when none is vacant, as good as at random: if it were the oldest, topics that
    /// come in turn would push each other out for ever where there is one too many of them.
    next_way: u64,
}

impl RouteCache {
    pub(super) fn new(routes_max: u32, seed: u64) -> Self {
        Self {
            hasher: FixedState::with_seed(seed),
            routes: Vec::new(),
            routes_max: routes_max.max(1),
            by_topic: HashTable::new(),
            hand: 0,
            spared: 0,
            uses: 0,
            recent: Box::default(),
            next_way: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.routes.len()
    }

    #[inline]
    pub(super) fn hash(&self, topic: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(topic);
        hasher.finish()
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, topic: &[u8]) -> Option<u32> {
        let is_it = |&index: &u32| {
            let route = &self.routes[index as usize];
            route.hash == hash && route.topic.as_bytes() == topic
        };
        self.by_topic.find(hash, is_it).copied()
    }

    /// Whether the route at this place is that of `topic`.
    #[inline]
    pub(super) fn is_at(&self, index: u32, topic: &str) -> bool {
        self.routes.get(index as usize).is_some_and(|route| *route.topic == *topic)
    }

    pub(super) fn route(&self, index: u32) -> &Route {
        &self.routes[index as usize]
    }

    pub(super) fn route_mut(&mut self, index: u32) -> &mut Route {
        &mut self.routes[index as usize]
    }

    /// The route, marked as used.
    pub(super) fn use_route(&mut self, index: u32) -> &mut Route {
        self.uses = self.uses.wrapping_add(1);
        let route = &mut self.routes[index as usize];
        (route.used, route.used_at) = (true, self.uses);
        route
    }

    /// Whether there are so many routes that they are not all in the processor's caches.
    #[inline]
    pub(super) fn is_large(&self) -> bool {
        self.routes.len() >= LARGE_MIN
    }

    /// Where a topic with this hash may be, to be read ahead.
    pub(super) fn first_place(&self, hash: u64) -> Option<u32> {
        self.by_topic.iter_hash(hash).next().copied()
    }

    /// Whether a route was used so short a time ago that it is near the processor.
    pub(super) fn is_recent(&self, index: u32) -> bool {
        self.uses.wrapping_sub(self.route(index).used_at) < RECENT_USES
    }

    /// Takes in the route of a topic that is not here, in another's place if there are `room` already, and says where it is. It is
    /// not taken in if it is too large, was not used shortly before, or has to come again because there is no room. `watch` says
    /// which cells it has to watch, and their stamp.
    pub(super) fn insert(
        &mut self,
        hash: u64,
        topic: &str,
        filters: &[FilterId],
        room: usize,
        watch: impl FnOnce() -> (Cells, u64),
    ) -> Option<u32> {
        let room = room.min(self.routes_max as usize);
        if topic.len() > TOPIC_BYTES_MAX || filters.len() > ROUTE_FILTERS_MAX || !self.is_second_use(hash, room) {
            return None;
        }
        let vacated = if self.routes.len() >= room { Some(self.evict()?) } else { None };
        let (cells, stamp) = watch();
        self.uses = self.uses.wrapping_add(1);
        let route = Route {
            topic: topic.into(),
            hash,
            cells,
            stamp,
            filters: filters.into(),
            elsewhere: SmallVec::new(),
            knows_elsewhere: false,
            used: false,
            used_at: self.uses,
        };
        let index = match vacated {
            Some(index) => {
                self.routes[index as usize] = route;
                index
            }
            None => {
                self.routes.push(route);
                self.routes.len() as u32 - 1
            }
        };
        let routes = &self.routes;
        self.by_topic.insert_unique(hash, index, |&other| routes[other as usize].hash);
        Some(index)
    }

    /// Whether a topic was used shortly before. Now it was.
    fn is_second_use(&mut self, hash: u64, room: usize) -> bool {
        let places = (2 * room).div_ceil(RECENT_WAYS).next_power_of_two();
        if self.recent.len() < places {
            self.recent = vec![[0; RECENT_WAYS]; places].into();
        }
        let tags = &mut self.recent[hash as usize & (self.recent.len() - 1)];
        // Never 0, which stands for no topic.
        let tag = (hash >> 48) as u16 | 1;
        let is_second = tags.contains(&tag);
        if !is_second {
            self.next_way = self.next_way.wrapping_add(WAY_STEP);
            let vacant = tags.iter().position(|&tag| tag == 0);
            tags[vacant.unwrap_or((self.next_way >> 32) as usize % RECENT_WAYS)] = tag;
        }
        is_second
    }

    /// Bytes allocated.
    pub(super) fn memory_bytes(&self) -> usize {
        let heap = |route: &Route| {
            let filters = if route.filters.spilled() { route.filters.capacity() * size_of::<FilterId>() } else { 0 };
            let elsewhere = &route.elsewhere;
            let elsewhere = if elsewhere.spilled() { elsewhere.capacity() * size_of::<Elsewhere>() } else { 0 };
            route.topic.len() + filters + elsewhere
        };
        let beside: usize = self.routes.iter().map(heap).sum();
        let places = self.routes.capacity() * size_of::<Route>() + size_of_val(&*self.recent);
        beside + places + self.by_topic.allocation_size()
    }

    /// Forgets the next route, unless it was used since it was last looked at and others were not spared too often.
    fn evict(&mut self) -> Option<u32> {
        let index = self.hand;
        self.hand = if index as usize + 1 < self.routes.len() { index + 1 } else { 0 };
        let route = &mut self.routes[index as usize];
        self.spared += 1;
        if core::mem::take(&mut route.used) && self.spared < SPARED_MAX {
            return None;
        }
        self.spared = 0;
        let entry = self.by_topic.find_entry(route.hash, |&other| other == index);
        entry.expect("every route is found by its topic").remove();
        Some(index)
    }
}
