//! Retained messages: the latest message with RETAIN 1 of each topic, and which of them a filter matches (MQTT 5.0,
//! 3.3.1.3).
//!
//! A single topic is found by its hash: most retained messages replace another, and that must not cost a search among all.
//! For filters with wildcards topics stand in the order of their bytes, where everything below `a/b/` stands together. Such
//! a filter leaps over what it cannot match, and a scan stops anywhere and goes on later, so that no SUBSCRIBE holds up a
//! turn. To find a new topic's place in the order costs more than all the rest of keeping it, and it is of use to nobody
//! before the next scan, which may never come, or not in this shard: so it is the scan that does it, bit by bit.
//! What a message is and which of two is newer are the caller's to say: the store keeps numbers.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{BuildHasher, Hasher};
use core::ops::Bound;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::cache::LARGE_MIN;
use super::name;
use super::slab::Slab;
use super::tree::spread;

/// One retained message, as the caller numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The message.
    pub message: u32,
    shard: u16,
    sequence: u64,
}

impl Entry {
    /// A message, with its sequence number and the shard that gave it, by which two shards agree on the newer one of a topic.
    pub const fn new(message: u32, (sequence, shard): (u64, u16)) -> Self {
        Self { message, shard, sequence }
    }

    /// Sequence number and shard: the greater, the newer.
    pub const fn stamp(&self) -> (u64, u16) {
        (self.sequence, self.shard)
    }
}

/// All retained messages of one shard, by topic.
pub struct RetainedStore {
    hasher: FixedState,
    kept: Slab<Option<Kept>>,
    by_topic: HashTable<Place>,
    in_order: BTreeMap<Arc<str>, u32>,
    /// Those that are not in order yet.
    fresh: Vec<u32>,
}

struct Kept {
    topic: Arc<str>,
    entry: Entry,
    /// Where it stands among the fresh ones, or [`ORDERED`].
    fresh: u32,
}

const _: () = assert!(size_of::<Option<Kept>>() <= 40, "a topic with a retained message, beside the message");

/// It stands in the order.
const ORDERED: u32 = u32::MAX;

/// Where a topic's message is kept, with its hash, so that the table grows without reading any topic.
#[derive(Clone, Copy)]
struct Place {
    hash: u32,
    kept: u32,
}

/// Where a topic's message is kept or would be: what a search has found, until the store changes.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    hash: u32,
    kept: Option<u32>,
}

/// Where a topic's message is kept, until it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptAt {
    index: u32,
    /// The topic's hash.
    pub hash: u32,
}

/// How far the search for one filter has come. It borrows nothing, and the store may change between two steps.
#[derive(Clone, Debug)]
pub struct Scan {
    filter: Box<str>,
    cursor: String,
    next: Next,
}

/// Where a scan goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// At the cursor or behind it.
    From,
    /// Behind the cursor.
    After,
    /// Nowhere.
    Done,
}

impl Scan {
    /// A search for the topics that `filter` matches: a valid filter without `$share/NAME/`.
    pub fn new(filter: &str) -> Self {
        let mut cursor = String::new();
        push_first(filter, &mut cursor);
        Self { filter: filter.into(), cursor, next: Next::From }
    }

    /// What is searched for.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// Whether everything was found.
    pub fn is_done(&self) -> bool {
        self.next == Next::Done
    }
}

impl RetainedStore {
    /// An empty store. `seed` keeps clients from choosing topics that collide; it changes no answer.
    pub fn new(seed: u64) -> Self {
        Self {
            hasher: FixedState::with_seed(seed),
            kept: Slab::default(),
            by_topic: HashTable::new(),
            in_order: BTreeMap::new(),
            fresh: Vec::new(),
        }
    }

    /// Keeps `entry` for `topic` and answers what was kept before (MQTT-3.3.1-5).
    pub fn set(&mut self, topic: &str, entry: Entry) -> Option<Entry> {
        let slot = self.slot(topic);
        let before = self.get_at(slot).copied();
        self.set_at(slot, || topic.into(), entry);
        before
    }

    /// The same, where the topic was searched already and nothing has changed since. `topic` is asked for if it is new here.
    pub fn set_at(&mut self, Slot { hash, kept }: Slot, topic: impl FnOnce() -> Arc<str>, entry: Entry) -> KeptAt {
        if let Some(place) = kept {
            if let Some(kept) = &mut self.kept[place] {
                kept.entry = entry;
            }
            return KeptAt { index: place, hash };
        }
        let place = self.kept.insert(Some(Kept { topic: topic(), entry, fresh: self.fresh.len() as u32 }));
        self.fresh.push(place);
        self.by_topic.insert_unique(spread(hash), Place { hash, kept: place }, |place| spread(place.hash));
        KeptAt { index: place, hash }
    }

    /// What is kept in a place, and its topic, for others to keep the same text.
    pub fn at(&self, place: KeptAt) -> Option<(&Arc<str>, &Entry)> {
        self.kept[place.index].as_ref().map(|kept| (&kept.topic, &kept.entry))
    }

    /// Keeps nothing for `topic` any more, and answers what was kept (MQTT-3.3.1-6).
    pub fn remove(&mut self, topic: &str) -> Option<Entry> {
        let hash = self.hash(topic);
        let is_it = |place: &Place| self.kept[place.kept].as_ref().is_some_and(|kept| *kept.topic == *topic);
        let (place, _) = self.by_topic.find_entry(spread(hash), is_it).ok()?.remove();
        let kept = self.kept.remove(place.kept)?;
        if kept.fresh == ORDERED {
            self.in_order.remove(topic);
        } else {
            self.fresh.swap_remove(kept.fresh as usize);
            if let Some(&moved) = self.fresh.get(kept.fresh as usize)
                && let Some(moved) = &mut self.kept[moved]
            {
                moved.fresh = kept.fresh;
            }
        }
        Some(kept.entry)
    }

    /// Puts topics that are new in their places, each for 1 from `budget`.
    fn put_in_order(&mut self, budget: &mut usize) {
        while *budget > 0
            && let Some(place) = self.fresh.pop()
        {
            *budget -= 1;
            if let Some(kept) = &mut self.kept[place] {
                kept.fresh = ORDERED;
                self.in_order.insert(kept.topic.clone(), place);
            }
        }
        if self.fresh.is_empty() {
            self.fresh = Vec::new();
        }
    }

    /// What is kept for `topic`.
    pub fn get(&self, topic: &str) -> Option<&Entry> {
        self.get_at(self.slot(topic))
    }

    /// Searches `topic`.
    pub fn slot(&self, topic: &str) -> Slot {
        self.slot_of(self.hash(topic), topic)
    }

    /// Searches `topic`, whose hash is known from a store with the same seed.
    pub fn slot_of(&self, hash: u32, topic: &str) -> Slot {
        debug_assert_eq!(hash, self.hash(topic), "a hash is that of its topic");
        Slot { hash, kept: self.find(hash, topic) }
    }

    /// Reads what searches for topics with these hashes will read, side by side, so that the reads of memory overlap. It
    /// answers anything.
    pub fn read_ahead(&self, hashes: impl Iterator<Item = u32>) -> u64 {
        if self.by_topic.len() < LARGE_MIN {
            return 0;
        }
        hashes.fold(0, |read, hash| {
            let found = self.by_topic.find(spread(hash), |place| place.hash == hash);
            read ^ found.and_then(|place| self.kept[place.kept].as_ref()).map_or(0, |kept| kept.entry.sequence)
        })
    }

    /// What is kept in a place that was found.
    pub fn get_at(&self, slot: Slot) -> Option<&Entry> {
        self.kept[slot.kept?].as_ref().map(|kept| &kept.entry)
    }

    /// How many topics have a retained message.
    pub fn len(&self) -> usize {
        self.by_topic.len()
    }

    /// Whether no topic has one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn hash(&self, topic: &str) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(topic.as_bytes());
        (hasher.finish() >> 32) as u32
    }

    fn find(&self, hash: u32, topic: &str) -> Option<u32> {
        let is_it = |place: &Place| {
            place.hash == hash && self.kept[place.kept].as_ref().is_some_and(|kept| *kept.topic == *topic)
        };
        self.by_topic.find(spread(hash), is_it).map(|place| place.kept)
    }

    /// The next topic, in the order of bytes, that the scan's filter matches. Each topic looked at takes 1 from `budget`, and
    /// so does each that has to be put in order before. None means that the scan [is done](Scan::is_done), or else that the budget is used up.
    ///
    /// A topic that was there all the time is found exactly once, one that came or went meanwhile at most once.
    pub fn scan_step(&mut self, scan: &mut Scan, budget: &mut usize) -> Option<(&str, &Entry)> {
        if memchr::memchr2(b'+', b'#', scan.filter.as_bytes()).is_none() {
            return self.exact_step(scan, budget);
        }
        if !scan.is_done() {
            self.put_in_order(budget);
        }
        while *budget > 0 && scan.next != Next::Done {
            *budget -= 1;
            let cursor = scan.cursor.as_str();
            let from = if scan.next == Next::From { Bound::Included(cursor) } else { Bound::Excluded(cursor) };
            let Some((topic, &kept)) = self.in_order.range::<str, _>((from, Bound::Unbounded)).next() else {
                scan.next = Next::Done;
                return None;
            };
            match judge(&scan.filter, topic, &mut scan.cursor) {
                Verdict::Match => {
                    scan.pass(topic);
                    return self.kept(kept);
                }
                Verdict::Pass => scan.pass(topic),
                Verdict::Leap => scan.next = Next::From,
                Verdict::End => scan.next = Next::Done,
            }
        }
        None
    }

    fn exact_step(&self, scan: &mut Scan, budget: &mut usize) -> Option<(&str, &Entry)> {
        if *budget == 0 || scan.next == Next::Done {
            return None;
        }
        *budget -= 1;
        scan.next = Next::Done;
        self.kept(self.find(self.hash(&scan.filter), &scan.filter)?)
    }

    fn kept(&self, place: u32) -> Option<(&str, &Entry)> {
        self.kept[place].as_ref().map(|kept| (&*kept.topic, &kept.entry))
    }
}

impl Scan {
    fn pass(&mut self, topic: &str) {
        self.cursor.clear();
        self.cursor.push_str(topic);
        self.next = Next::After;
    }
}

/// What a topic says about itself and those behind it.
enum Verdict {
    /// The filter matches.
    Match,
    /// It does not, and the next topic may.
    Pass,
    /// Nothing before the target can match.
    Leap,
    /// Nothing behind can match.
    End,
}

/// Holds `topic` against a filter with wildcards. For [`Verdict::Leap`], `target` is set, always to behind `topic`.
fn judge(filter: &str, topic: &str, target: &mut String) -> Verdict {
    if name::is_dollar(topic) && filter.starts_with(['+', '#']) {
        // The character after `$`.
        return leap(target, &["%"]);
    }
    let mut filter_at = 0;
    // Where the topic's level begins; beyond the end when there is none.
    let mut at = 0;
    // Where the last level ends that `+` stands for.
    let mut fork = None;
    for level in name::levels(filter) {
        if level == "#" {
            return Verdict::Match;
        }
        if at > topic.len() {
            return too_short(topic, &filter[filter_at..], fork, target);
        }
        let end = memchr::memchr(b'/', &topic.as_bytes()[at..]).map_or(topic.len(), |len| at + len);
        if level == "+" {
            fork = Some(end);
        } else if *level != topic[at..end] {
            return other_level(topic, at, &filter[filter_at..], fork, target);
        }
        at = end + 1;
        filter_at += level.len() + 1;
    }
    if at > topic.len() { Verdict::Match } else { leap_fork(topic, fork, target) }
}

/// The topic ends where the filter goes on with `rest`.
fn too_short(topic: &str, rest: &str, fork: Option<usize>, target: &mut String) -> Verdict {
    if fork == Some(topic.len()) {
        // Other values of the last level, like `a!` for `a`, come before `a/`.
        return Verdict::Pass;
    }
    leap(target, &[topic, "/"]);
    push_first(rest, target);
    Verdict::Leap
}

/// The topic's level at `at` is another than the filter's, which goes on with `rest` from this level on.
fn other_level(topic: &str, at: usize, rest: &str, fork: Option<usize>, target: &mut String) -> Verdict {
    leap(target, &[&topic[..at]]);
    push_first(rest, target);
    if topic < target.as_str() {
        return Verdict::Leap;
    }
    if let Some(level) = rest.strip_suffix("/#")
        && memchr::memchr2(b'+', b'/', level.as_bytes()).is_none()
    {
        // `a/#` matches `a` and all from `a/` on, but not `a!` in between.
        leap(target, &[&topic[..at], level, "/"]);
        if topic < target.as_str() {
            return Verdict::Leap;
        }
    }
    leap_fork(topic, fork, target)
}

/// Nothing more can match until the last level that `+` stands for has another value: `0` is the character after `/`.
fn leap_fork(topic: &str, fork: Option<usize>, target: &mut String) -> Verdict {
    let Some(end) = fork else { return Verdict::End };
    leap(target, &[&topic[..end], "0"])
}

fn leap(target: &mut String, parts: &[&str]) -> Verdict {
    target.clear();
    target.extend(parts.iter().copied());
    Verdict::Leap
}

/// Appends the first text, in the order of bytes, that can follow for the filter levels `rest`.
fn push_first(rest: &str, target: &mut String) {
    let bytes = rest.as_bytes();
    target.push_str(match memchr::memchr2(b'+', b'#', bytes) {
        // `a/#` begins with `a`.
        Some(at) if bytes[at] == b'#' => rest[..at].strip_suffix('/').unwrap_or(&rest[..at]),
        Some(at) => &rest[..at],
        None => rest,
    });
}

#[cfg(test)]
mod tests;
