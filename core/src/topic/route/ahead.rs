//! Looking ahead: what the next topics of a piece will make the router read, read for all of them together.
//!
//! Among many topics and filters most of what a routing takes is waiting for memory: for the place of the topic, for its route,
//! for the name and for the filters found, each of which says where the next one is. Read side by side, stage by stage, those
//! of many topics are under way at once. It changes no answer, and costs little where it is of no use.

use core::hint::black_box;

use super::{InterestChange, Router};
use crate::topic::tree::ahead::TOGETHER;

/// With fewer filters, those of other shards included, all of it is in the processor's caches anyway.
pub(super) const AHEAD_FILTERS_MIN: usize = 65_536;
/// Topics, as they are counted, until it is asked again, where it turned out to be of no use.
pub(super) const AHEAD_PAUSE: u32 = 64;
/// Filters of a route that are read ahead.
const FILTERS_MAX: usize = 8;

/// A topic, and its hash.
type Hashed<'t> = (&'t [u8], u64);

impl Router {
    /// Whether [`look_ahead`](Self::look_ahead) may be of use: as many topics were walked for, or routed where many are
    /// remembered, as it looked at.
    #[inline]
    pub fn wants_ahead(&self) -> bool {
        self.ahead_in == 0
    }

    /// Reads what [`route`](Self::route), and [`elsewhere`](Self::elsewhere) if that will be asked, will have to read for the
    /// next topics, of which it looks at 16 at most. It changes no answer, and topics may be anything.
    ///
    /// It is wanted again after as many topics as it looked at, or later where it was in vain: there is one topic alone, or more
    /// than three quarters of them were in use a short time ago. What it reads for each is bounded.
    #[cold]
    pub fn look_ahead<'t>(&mut self, topics: impl Iterator<Item = &'t [u8]>, elsewhere: bool) {
        self.ahead_in = AHEAD_PAUSE;
        if !self.is_large() && !self.cache.is_large() {
            return;
        }
        let mut looked_at = 0;
        let mut new = heapless::Vec::<Hashed<'t>, TOGETHER>::new();
        for topic in topics.take(TOGETHER) {
            looked_at += 1;
            // Those that come one behind the other are often the same.
            if new.last().is_none_or(|&(last, _)| last != topic) {
                new.push((topic, self.cache.hash(topic))).expect("no more were taken");
            }
        }
        // One alone has nothing that it could be read together with.
        if new.len() > 1 && self.read_routes(&mut new) {
            self.ahead_in = looked_at;
        }
        if new.len() > 1 && self.is_large() {
            let new: heapless::Vec<&[u8], TOGETHER> = new.iter().map(|&(topic, _)| topic).collect();
            let mut read = 0;
            self.tree.read_ahead(&new, |_, node| read ^= node.peek());
            let others = if elsewhere { self.interest.read_ahead(&new) } else { 0 };
            black_box((read, others));
        }
    }

    /// Reads what is remembered of these topics, and leaves those of which nothing is. The answer is whether that was worth it:
    /// a quarter of them was not in use a short time ago.
    fn read_routes(&self, topics: &mut heapless::Vec<Hashed<'_>, TOGETHER>) -> bool {
        let count = topics.len();
        let places: heapless::Vec<Option<u32>, TOGETHER> =
            topics.iter().map(|&(_, hash)| self.cache.first_place(hash)).collect();
        let (mut known, mut recent) = (heapless::Vec::<u32, TOGETHER>::new(), 0);
        let mut places = places.into_iter();
        topics.retain(|&(_, hash)| {
            let place = places.next().flatten().filter(|&place| self.cache.route(place).is_of(hash));
            let Some(place) = place else { return true };
            recent += usize::from(self.cache.is_recent(place));
            known.push(place).expect("there are no more than topics");
            false
        });
        let mut read = 0;
        for &place in &known {
            let route = self.cache.route(place);
            read ^= u32::from(route.peek());
            read ^= route.filters().iter().take(FILTERS_MAX).fold(0, |read, filter| read ^ self.tree.peek(*filter));
        }
        black_box(read);
        4 * recent <= 3 * count
    }

    /// Whether [`read_ahead`](Self::read_ahead) may be of use.
    #[inline]
    pub fn is_large(&self) -> bool {
        self.tree.len() + self.interest.len() >= AHEAD_FILTERS_MIN
    }

    /// Reads what has to be read for messages to these filters, as it is known of other shards. It changes no answer.
    #[cold]
    pub fn read_ahead(&self, filters: &[super::FilterId]) {
        black_box(self.tree.read_ahead_of(filters));
    }

    /// Reads what these changes will read: among many filters each is a place in memory that is waited for.
    pub(super) fn read_ahead_of_interest(&self, changes: &[InterestChange]) {
        if changes.len() > 1 && self.interest.len() >= AHEAD_FILTERS_MIN {
            black_box(self.interest.read_ahead_of(changes.iter().map(|change| change.print())));
        }
    }
}

#[cfg(test)]
mod tests;
