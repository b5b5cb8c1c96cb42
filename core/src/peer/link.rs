//! The way to one other shard: what waits for it, and what is under way.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::PeerBatch;
use crate::id::LogPosition;
use crate::topic::FilterPrint;

/// One direction's state, and what of the other direction has to be acknowledged.
#[derive(Debug, Default)]
pub(crate) struct PeerLink {
    /// Gathers until the next drain.
    pending: PeerBatch,
    /// The number of the last batch that left.
    sent: u64,
    /// The number of the last one with a message that wakes nobody and may be for a subscriber all the same.
    quiet: u64,
    /// The number of the last batch that the other shard has made safe.
    handled: u64,
    /// Sizes of the batches under way, oldest first.
    under_way: VecDeque<usize>,
    under_way_bytes: usize,
    /// Batches that were handled here: the position that makes each safe, its number, and whether that is waited for.
    received: VecDeque<(LogPosition, u64, bool)>,
    /// Whether what is safe and not told is waited for, or the other shard has to look at what it got for another reason.
    awaited: bool,
    /// The last batch that is safe here, and what of it was told.
    safe: u64,
    told: u64,
    /// The number of the last batch of the other shard whose interest was heard here, and of the last with some of this one's.
    interest_heard: u64,
    interest_told: u64,
    spare: Vec<PeerBatch>,
}

impl PeerLink {
    /// The batch to add messages to.
    pub(crate) fn batch(&mut self) -> &mut PeerBatch {
        &mut self.pending
    }

    /// Tells the other shard of a filter.
    pub(crate) fn tell_interest(&mut self, print: FilterPrint, interested: bool) {
        self.interest_told = self.next_number();
        self.pending.interest.push((print, interested));
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
    pub(crate) fn next_number(&self) -> u64 {
        self.sent + 1
    }

    /// The number of the last batch that left. Whatever the other shard handles that was caused later, it handles after it.
    pub(crate) fn left(&self) -> u64 {
        self.sent
    }

    /// The number of the last batch with what the other shard was told so far.
    pub(crate) fn last_number(&self) -> u64 {
        self.sent + u64::from(!self.pending.is_empty())
    }

    /// The last batch that the other shard has made safe.
    pub(crate) fn handled(&self) -> u64 {
        self.handled
    }

    /// Bytes that wait or are under way.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.under_way_bytes + self.pending.size()
    }

    /// Takes note of what a batch from the other shard acknowledges.
    pub(crate) fn acknowledged(&mut self, handled: u64) {
        while self.handled < handled {
            self.handled += 1;
            self.under_way_bytes -= self.under_way.pop_front().unwrap_or(0);
        }
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
    /// woken: it could have fallen asleep before that came.
    pub(crate) fn note_subscriber(&mut self) {
        self.awaited |= self.quiet > self.handled;
    }

    pub(crate) fn wants_drain(&self) -> bool {
        self.told < self.safe || self.awaited || (!self.pending.is_empty() && self.may_send())
    }

    /// Whether as many batches as may be are under way, and more has to wait.
    pub(crate) fn is_blocked(&self) -> bool {
        !self.pending.is_empty() && !self.may_send()
    }

    /// Nothing waits and nothing is under way, in either direction.
    pub(crate) fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.under_way.is_empty() && self.received.is_empty()
    }

    fn may_send(&self) -> bool {
        self.sent - self.handled < PeerBatch::WITH_MESSAGES_MAX
    }

    /// Whether so much is gathered that it should leave before more comes: the other shard has to fit it into outputs.
    pub(crate) fn is_pressing(&self, bytes: usize) -> bool {
        self.pending.bytes.len() >= bytes && self.may_send()
    }

    /// Whether so much is under way that it should be acknowledged before more of it makes publishers wait.
    fn is_crowded(&self, bytes_max: usize) -> bool {
        self.sent - self.handled >= PeerBatch::WITH_MESSAGES_MAX / 2 || self.under_way_bytes >= bytes_max / 2
    }

    /// The next batch to carry over, if there is one. From half of `bytes_max` under way on it asks for its acknowledgement.
    pub(crate) fn drain(&mut self, bytes_max: usize) -> Option<PeerBatch> {
        if !self.wants_drain() {
            return None;
        }
        let spare = self.spare.pop().unwrap_or_default();
        let mut batch = if self.may_send() && !self.pending.is_empty() {
            self.sent += 1;
            let size = self.pending.size();
            self.under_way.push_back(size);
            self.under_way_bytes += size;
            self.pending.number = self.sent;
            self.pending.prompt |= self.is_crowded(bytes_max);
            core::mem::replace(&mut self.pending, spare)
        } else {
            spare
        };
        batch.awaited = core::mem::take(&mut self.awaited);
        batch.handled = self.safe;
        self.told = self.safe;
        Some(batch)
    }

    /// Keeps an emptied batch for its memory.
    pub(crate) fn recycle(&mut self, mut batch: PeerBatch) {
        if self.spare.len() < 4 && batch.capacity_bytes() <= 1 << 20 {
            batch.clear();
            self.spare.push(batch);
        }
    }
}
