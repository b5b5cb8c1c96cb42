//! The way to one other shard: what waits for it, and what is under way.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::spare::SpareBatches;
use super::{PeerBatch, PeerMessage};
use crate::config::{Limits, QueueFull};
use crate::id::LogPosition;
use crate::topic::InterestChange;

/// What a shard may send another one and acknowledge to its publishers at once, where a full queue refuses messages. The
/// queues there have room for it as long as none is half full: it is half a queue, for all shards together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    messages: u32,
    bytes: u64,
}

impl Allowance {
    pub(crate) fn new(limits: &Limits, shards: usize) -> Self {
        let others = shards.saturating_sub(1).max(1) as u32;
        let unlimited = limits.queue_full != QueueFull::Refuse;
        Self {
            messages: if unlimited { u32::MAX } else { limits.queue_messages_max / 2 / others },
            bytes: if unlimited { u64::MAX } else { limits.queue_bytes_max / 2 / u64::from(others) },
        }
    }
}

/// Emptied batches that a shard keeps for itself of those that it got and has not made up for. The others go back: who sends more
/// than comes would have to make new ones all the time.
const KEPT_MAX: isize = 4;

/// What a batch counts as until it is acknowledged.
#[derive(Debug)]
struct Load {
    bytes: usize,
    /// See [`PeerLink::note_unasked`].
    unasked: u32,
}

/// One direction's state, and what of the other direction has to be acknowledged.
#[derive(Debug, Default)]
pub(crate) struct PeerLink {
    /// Gathers until the next drain, or until it [is whole](Self::is_whole).
    pending: PeerBatch,
    /// Those before it that have not left, oldest first.
    whole: VecDeque<(PeerBatch, Load)>,
    /// The number of the last batch that left.
    sent: u64,
    /// The number of the last one with a message that wakes nobody and may be for a subscriber all the same.
    quiet: u64,
    /// The number of the last batch that the other shard has made safe.
    handled: u64,
    /// The batches under way, oldest first.
    under_way: VecDeque<Load>,
    /// Bytes of the batches that are whole and of those under way.
    ended_bytes: usize,
    /// How many may wait or be under way.
    bytes_max: usize,
    /// Messages that wait or are under way and may not be refused any more; of them those that wait.
    unasked: u32,
    unasked_pending: u32,
    /// The other shard has a queue that is half full.
    crowded: bool,
    /// Batches that were handled here: the position that makes each safe, its number, and whether that is waited for.
    received: VecDeque<(LogPosition, u64, bool)>,
    /// Whether what is safe and not told is waited for, or the other shard has to look at what it got for another reason.
    awaited: bool,
    /// What became of messages from there, and whether the store failed: it leaves with whatever leaves next, lest a message be
    /// acknowledged before it is known that it was refused.
    answers: Vec<PeerMessage>,
    store_failed: bool,
    /// The last batch that is safe here, and what of it was told.
    safe: u64,
    told: u64,
    /// The number of the last batch of the other shard whose interest was heard here, and of the last with some of this one's.
    interest_heard: u64,
    interest_told: u64,
    /// How many batches came from there more than went there, spare ones included.
    owed: isize,
}

impl PeerLink {
    /// From one of so many shards to another. What may be on its way is that one's part of [`Limits::peer_bytes_max`].
    pub(crate) fn new(limits: &Limits, shards: usize) -> Self {
        const PART_MIN: usize = 1024 * 1024;
        let (all, others) = (limits.peer_bytes_max as usize, shards.saturating_sub(1).max(1));
        Self { bytes_max: (all / others).max(PART_MIN.min(all)), ..Self::default() }
    }

    /// The batch to add messages to.
    pub(crate) fn batch(&mut self) -> &mut PeerBatch {
        &mut self.pending
    }

    /// A message from the other shard was refused, or cannot be stored.
    pub(crate) fn answer(&mut self, answer: PeerMessage) {
        self.answers.push(answer);
        self.awaited = true;
    }

    /// The store failed: nothing more from the other shard will be stored.
    pub(crate) fn tell_store_failed(&mut self) {
        (self.store_failed, self.awaited) = (true, true);
    }

    /// Tells the other shard of a filter.
    #[inline(always)]
    pub(crate) fn tell_interest(&mut self, change: InterestChange) {
        self.interest_told = self.next_number();
        self.pending.interest.push(change);
    }

    /// The interest of this batch of the other shard is known here from now on.
    pub(crate) fn hear_interest(&mut self, number: u64) {
        self.interest_heard = self.interest_heard.max(number);
    }

    /// The number of the last batch of the other shard whose interest is known here.
    pub(crate) fn interest_heard(&self) -> u64 {
        self.interest_heard
    }

    /// Whether a shard that has heard up to this batch knows of the filters here all that it was told. Then what it finds is
    /// what would be found here: none of its numbers has gone or stands for another filter, and there is no other one.
    #[inline]
    pub(crate) fn is_known_by(&self, heard: Option<u64>) -> bool {
        heard.is_some_and(|heard| self.interest_told <= heard)
    }

    /// The number that the batch being gathered will have.
    fn next_number(&self) -> u64 {
        self.sent + self.whole.len() as u64 + 1
    }

    /// The number of the last batch that left. Whatever the other shard handles that was caused later, it handles after it.
    pub(crate) fn left(&self) -> u64 {
        self.sent
    }

    /// The number of the last batch with what the other shard was told so far.
    pub(crate) fn last_number(&self) -> u64 {
        self.next_number() - u64::from(self.pending.is_empty())
    }

    /// The last batch that the other shard has made safe.
    pub(crate) fn handled(&self) -> u64 {
        self.handled
    }

    /// Bytes that wait or are under way.
    #[inline]
    fn bytes(&self) -> usize {
        self.ended_bytes + self.pending.size()
    }

    /// Whether they are more than may be: whoever adds to them has to wait.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.bytes() > self.bytes_max
    }

    /// Takes note of what a batch from the other shard acknowledges.
    pub(crate) fn acknowledged(&mut self, handled: u64) {
        while self.handled < handled {
            self.handled += 1;
            let Some(Load { bytes, unasked }) = self.under_way.pop_front() else { continue };
            self.ended_bytes -= bytes;
            self.unasked -= unasked;
        }
    }

    /// Takes note of whether the other shard has a queue that is half full.
    pub(crate) fn set_crowded(&mut self, crowded: bool) {
        self.crowded = crowded;
    }

    /// Whether the other shard has to be asked, since it might refuse the next message.
    pub(crate) fn must_ask(&self, allowance: Allowance) -> bool {
        self.crowded || self.unasked >= allowance.messages || self.bytes() as u64 > allowance.bytes
    }

    /// A message was added that its publisher is told at once was taken over.
    pub(crate) fn note_unasked(&mut self) {
        self.unasked += 1;
        self.unasked_pending += 1;
    }

    /// A batch with messages was handled here; it is safe once the store has come to `position`.
    pub(crate) fn received(&mut self, number: u64, position: LogPosition, prompt: bool) {
        self.received.push_back((position, number, prompt));
    }

    /// What the store's progress makes safe.
    pub(crate) fn stored(&mut self, stored: LogPosition) {
        while let Some(&(position, number, prompt)) = self.received.front()
            && position <= stored
        {
            self.safe = number;
            self.awaited |= prompt;
            self.received.pop_front();
        }
    }

    /// A message was added that wakes nobody: the other shard has to retain it, and no subscriber there is known of.
    pub(crate) fn note_quiet(&mut self) {
        self.quiet = self.next_number();
    }

    /// The other shard turned out to have a subscriber. If there is something under way that may be for it, that shard is
    /// woken: it could have fallen asleep before that came. Likewise for what has not left yet, when it does.
    pub(crate) fn note_subscriber(&mut self) {
        self.awaited |= self.quiet > self.handled;
        if self.quiet > self.sent {
            self.whole.iter_mut().for_each(|(batch, _)| batch.urgent = true);
            self.pending.urgent |= !self.pending.is_empty();
        }
    }

    pub(crate) fn wants_drain(&self) -> bool {
        self.told < self.safe || self.awaited || (self.waits() && self.may_send())
    }

    /// Whether there is something that has not left.
    fn waits(&self) -> bool {
        !self.whole.is_empty() || !self.pending.is_empty()
    }

    /// Whether one more batch may be under way.
    fn may_send(&self) -> bool {
        self.sent - self.handled < PeerBatch::WITH_MESSAGES_MAX
    }

    /// Whether some of what was added does not leave with the next drain.
    pub(crate) fn is_blocked(&self) -> bool {
        self.last_number() - self.handled > PeerBatch::WITH_MESSAGES_MAX
    }

    /// Whether there are as many batches as may be under way. If not, all that was added leaves with the next drain, and so
    /// before anything that is written meanwhile.
    pub(crate) fn is_full(&self) -> bool {
        self.sent + self.whole.len() as u64 - self.handled >= PeerBatch::WITH_MESSAGES_MAX
    }

    /// Nothing waits and nothing is under way, in either direction.
    pub(crate) fn is_idle(&self) -> bool {
        !self.waits() && self.answers.is_empty() && self.under_way.is_empty() && self.received.is_empty()
    }

    /// Whether so much is gathered that it should leave before more comes: the other shard has to fit it into outputs.
    pub(crate) fn is_pressing(&self, bytes: usize) -> bool {
        self.is_whole(bytes) && !self.is_full()
    }

    /// Whether so many bytes of the batch that is being gathered may become output of a connection.
    #[inline]
    pub(crate) fn is_whole(&self, bytes: usize) -> bool {
        self.pending.output_bytes() >= bytes
    }

    /// Ends the batch that is being gathered: what is added next goes to another one, and the other shard can write in between.
    pub(crate) fn end_batch(&mut self, spare: &mut SpareBatches) {
        let load = self.load_pending();
        self.whole.push_back((core::mem::replace(&mut self.pending, spare.take()), load));
    }

    /// What the batch that is being gathered counts as from here on.
    fn load_pending(&mut self) -> Load {
        let load = Load { bytes: self.pending.size(), unasked: core::mem::take(&mut self.unasked_pending) };
        self.ended_bytes += load.bytes;
        load
    }

    /// The oldest batch that may leave, which is under way from here on, or an empty one.
    #[inline(always)]
    fn next_batch(&mut self, spare: &mut SpareBatches) -> PeerBatch {
        if !self.waits() || !self.may_send() {
            return spare.take();
        }
        let mut batch = match self.whole.pop_front() {
            Some((batch, load)) => {
                self.under_way.push_back(load);
                batch
            }
            None => {
                let load = self.load_pending();
                self.under_way.push_back(load);
                core::mem::replace(&mut self.pending, spare.take())
            }
        };
        self.sent += 1;
        batch.number = self.sent;
        batch
    }

    /// Whether so much is under way, or is to be, that it should be acknowledged before more of it makes publishers wait.
    fn is_half_full(&self) -> bool {
        self.sent - self.handled >= PeerBatch::WITH_MESSAGES_MAX / 2 || self.ended_bytes >= self.bytes_max / 2
    }

    /// The next batch to carry over, if there is one. From half of what may be under way on it asks for its acknowledgement.
    /// `crowded` is whether a queue of this shard is half full. There may be another one.
    pub(crate) fn drain(&mut self, crowded: bool, spare: &mut SpareBatches) -> Option<PeerBatch> {
        if !self.wants_drain() {
            return None;
        }
        let mut batch = self.next_batch(spare);
        batch.prompt |= batch.number > 0 && self.is_half_full();
        self.owed -= 1;
        if self.owed > KEPT_MAX {
            self.owed -= spare.give(&mut batch, (self.owed - KEPT_MAX) as usize) as isize;
        }
        batch.messages.append(&mut self.answers);
        batch.store_failed = core::mem::take(&mut self.store_failed);
        batch.awaited = core::mem::take(&mut self.awaited);
        batch.handled = self.safe;
        batch.crowded = crowded;
        self.told = self.safe;
        Some(batch)
    }

    /// Keeps a batch that came from there for its memory.
    pub(crate) fn recycle(&mut self, batch: &mut PeerBatch, spare: &mut SpareBatches) {
        self.owed += 1 + batch.spare.len() as isize;
        spare.put(batch);
    }
}

#[cfg(test)]
mod tests;
