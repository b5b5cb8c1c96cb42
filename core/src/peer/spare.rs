//! Batches that have been emptied, kept for their memory.

use alloc::vec::Vec;

use super::PeerBatch;

/// How many are kept at most, whichever shards they came from, and what each may hold: those with messages hold less, and what
/// subscribing leads to may be more, once.
const BATCHES_MAX: usize = 64;
const BATCH_BYTES_MAX: usize = 512 * 1024;
/// How many others a batch takes along at most.
const TOGETHER_MAX: usize = PeerBatch::WITH_MESSAGES_MAX as usize;

/// Emptied batches of one shard.
#[derive(Debug, Default)]
pub(crate) struct SpareBatches(Vec<PeerBatch>);

impl SpareBatches {
    /// An empty batch.
    #[inline]
    pub(super) fn take(&mut self) -> PeerBatch {
        self.0.pop().unwrap_or_default()
    }

    /// Keeps a batch, and those that it brought.
    #[inline]
    pub(super) fn put(&mut self, batch: &mut PeerBatch) {
        let room = BATCHES_MAX.saturating_sub(self.0.len());
        self.0.extend(batch.spare.drain(..).take(room));
        let bytes = batch.capacity_bytes();
        // One that holds nothing is no use.
        if bytes > 0 && bytes <= BATCH_BYTES_MAX && self.0.len() < BATCHES_MAX {
            batch.clear();
            self.0.push(core::mem::take(batch));
        } else {
            *batch = PeerBatch::default();
        }
    }

    /// Gives a batch that leaves up to so many others to take along, and says how many.
    pub(super) fn give(&mut self, batch: &mut PeerBatch, count_max: usize) -> usize {
        let count = count_max.min(self.0.len()).min(TOGETHER_MAX);
        if count > 0 {
            batch.spare.reserve_exact(TOGETHER_MAX);
            batch.spare.extend(self.0.drain(self.0.len() - count..));
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(bytes: usize) -> PeerBatch {
        PeerBatch { bytes: Vec::with_capacity(bytes), ..PeerBatch::default() }
    }

    #[test]
    fn what_is_kept_is_used_again_and_bounded() {
        let mut spare = SpareBatches::default();
        spare.put(&mut PeerBatch::default());
        assert!(spare.0.is_empty(), "it holds nothing");
        spare.put(&mut batch(BATCH_BYTES_MAX + 1));
        assert!(spare.0.is_empty(), "it holds too much");
        let mut last = batch(BATCH_BYTES_MAX);
        last.number = 7;
        spare.put(&mut last);
        assert_eq!((last.number, last.capacity_bytes()), (0, 0), "it is not there any more");
        (0..2 * BATCHES_MAX).for_each(|_| spare.put(&mut batch(1)));
        assert_eq!(spare.0.len(), BATCHES_MAX);
        (1..BATCHES_MAX).for_each(|_| assert_eq!(spare.take().capacity_bytes(), 1));
        assert_eq!((spare.take().bytes.capacity(), spare.take().capacity_bytes()), (BATCH_BYTES_MAX, 0));
    }

    #[test]
    fn what_was_given_is_there_and_not_here() {
        let (mut here, mut there) = (SpareBatches::default(), SpareBatches::default());
        (0..3).for_each(|_| here.put(&mut batch(1_000)));
        let mut leaving = here.take();
        assert_eq!((here.give(&mut leaving, 1), here.give(&mut leaving, 7)), (1, 1));
        assert!(here.0.is_empty());
        there.put(&mut leaving);
        assert_eq!(there.0.len(), 3);
        assert!(there.0.iter().all(|batch| batch.spare.is_empty()));
    }
}
