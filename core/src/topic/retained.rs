//! Retained messages: the latest message with RETAIN 1 of each topic, and which of them a filter matches (MQTT 5.0,
//! 3.3.1.3).
//!
//! Topics are kept in the order of their bytes, where everything below `a/b/` stands together. A filter with wildcards
//! leaps over what it cannot match, and a scan stops anywhere and goes on later, so that no SUBSCRIBE holds up a turn. What
//! a message is, when it expires and which of two is newer are the caller's to say: the store keeps numbers.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use core::ops::Bound;

use super::name;
use crate::Instant;

/// One retained message, as the caller numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The message.
    pub message: u32,
    /// When its Message Expiry Interval is over; none is never (MQTT-3.3.2-5).
    pub expires: Option<Instant>,
    /// Its sequence number and the shard that gave it, by which two shards agree on the newer message of a topic.
    pub stamp: (u64, u16),
}

const _: () = assert!(size_of::<Entry>() <= 40, "a retained message beside its topic and the message itself");

/// All retained messages of one shard, by topic.
#[derive(Default)]
pub struct RetainedStore {
    topics: BTreeMap<Box<str>, Entry>,
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
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps `entry` for `topic` and answers what was kept before (MQTT-3.3.1-5).
    pub fn set(&mut self, topic: &str, entry: Entry) -> Option<Entry> {
        if let Some(kept) = self.topics.get_mut(topic) {
            return Some(core::mem::replace(kept, entry));
        }
        self.topics.insert(topic.into(), entry)
    }

    /// Keeps nothing for `topic` any more, and answers what was kept (MQTT-3.3.1-6).
    pub fn remove(&mut self, topic: &str) -> Option<Entry> {
        self.topics.remove(topic)
    }

    /// What is kept for `topic`.
    pub fn get(&self, topic: &str) -> Option<&Entry> {
        self.topics.get(topic)
    }

    /// How many topics have a retained message.
    pub fn len(&self) -> usize {
        self.topics.len()
    }

    /// Whether no topic has one.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// The next topic, in the order of bytes, that the scan's filter matches. Each topic looked at takes 1 from `budget`.
    /// None means that the scan [is done](Scan::is_done), or else that the budget is used up.
    ///
    /// A topic that was there all the time is found exactly once, one that came or went meanwhile at most once.
    pub fn scan_step(&self, scan: &mut Scan, budget: &mut usize) -> Option<(&str, &Entry)> {
        if memchr::memchr2(b'+', b'#', scan.filter.as_bytes()).is_none() {
            return self.exact_step(scan, budget);
        }
        while *budget > 0 && scan.next != Next::Done {
            *budget -= 1;
            let cursor = scan.cursor.as_str();
            let from = if scan.next == Next::From { Bound::Included(cursor) } else { Bound::Excluded(cursor) };
            let Some((topic, entry)) = self.topics.range::<str, _>((from, Bound::Unbounded)).next() else {
                scan.next = Next::Done;
                return None;
            };
            match judge(&scan.filter, topic, &mut scan.cursor) {
                Verdict::Match => {
                    scan.pass(topic);
                    return Some((topic, entry));
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
        let (topic, entry) = self.topics.get_key_value(&scan.filter)?;
        Some((topic, entry))
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
