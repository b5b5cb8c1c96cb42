//! Batches that have been emptied, kept for their memory.

use alloc::vec::Vec;

use super::PeerBatch;

/// Bytes that they hold at most, whichever shards they came from.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// What one may hold to be kept. Those with messages hold less; what subscribing leads to may be more, once.
const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// How many others a batch takes along at most.
const TOGETHER_MAX: usize = PeerBatch::WITH_MESSAGES_MAX as usize;

/// Emptied batches of one shard.
#[derive(Debug, Default)]
pub(crate) struct SpareBatches {
    batches: Vec<PeerBatch>,
    bytes: usize,
}

impl SpareBatches {
    /// An empty batch.
    pub(super) fn take(&mut self) -> PeerBatch {
        let batch = self.batches.pop().unwrap_or_default();
        self.bytes -= batch.capacity_bytes();
        batch
    }

    /// Keeps a batch, and those that it brought.
    pub(super) fn put(&mut self, mut batch: PeerBatch) {
        let mut brought = core::mem::take(&mut batch.spare);
        brought.drain(..).for_each(|batch| self.keep(batch));
        batch.spare = brought;
        batch.clear();
        self.keep(batch);
    }

    fn keep(&mut self, batch: PeerBatch) {
        let bytes = batch.capacity_bytes();
        // One that holds nothing is no use.
        if bytes > 0 && bytes <= BATCH_BYTES_MAX && self.bytes + bytes <= BYTES_MAX {
            self.bytes += bytes;
            self.batches.push(batch);
        }
    }

    /// Gives a batch that leaves up to so many others to take along, and says how many.
    pub(super) fn give(&mut self, batch: &mut PeerBatch, count_max: usize) -> usize {
        let count = count_max.min(self.batches.len()).min(TOGETHER_MAX);
        if count > 0 {
            batch.spare.reserve_exact(TOGETHER_MAX);
        }
        let given = self.batches.drain(self.batches.len() - count..);
        self.bytes -= given.as_slice().iter().map(PeerBatch::capacity_bytes).sum::<usize>();
        batch.spare.extend(given);
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
        spare.put(PeerBatch::default());
        assert!(spare.batches.is_empty(), "it holds nothing");
        spare.put(batch(BATCH_BYTES_MAX + 1));
        assert!(spare.batches.is_empty(), "it holds too much");
        (0..20).for_each(|_| spare.put(batch(BATCH_BYTES_MAX)));
        assert_eq!((spare.batches.len(), spare.bytes), (16, BYTES_MAX));
        for left in (0..16).rev() {
            assert_eq!(spare.take().bytes.capacity(), BATCH_BYTES_MAX);
            assert_eq!((spare.batches.len(), spare.bytes), (left, BATCH_BYTES_MAX * left));
        }
        assert_eq!(spare.take().capacity_bytes(), 0, "a new one");
    }

    #[test]
    fn what_was_given_is_there_and_not_here() {
        let (mut here, mut there) = (SpareBatches::default(), SpareBatches::default());
        (0..3).for_each(|_| here.put(batch(1_000)));
        let mut leaving = here.take();
        assert_eq!((here.give(&mut leaving, 1), here.give(&mut leaving, 7)), (1, 1));
        assert_eq!((here.batches.len(), here.bytes), (0, 0));
        there.put(leaving);
        assert_eq!(there.batches.len(), 3);
        assert_eq!(there.bytes, there.batches.iter().map(PeerBatch::capacity_bytes).sum::<usize>());
        assert!(there.batches.iter().all(|batch| batch.spare.is_empty()));
    }
}
