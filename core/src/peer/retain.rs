//! A retained message on its way to another shard, which keeps the same.

use alloc::sync::Arc;

use super::PeerBatch;
use crate::message::SharedBody;
use crate::packet::QoS;
use crate::time::Instant;

/// What the other shard has to keep.
#[derive(Clone, Debug)]
pub(crate) struct PeerRetain {
    pub(crate) topic: Arc<str>,
    pub(crate) body: SharedBody,
    /// The [hash](crate::topic::RetainedStore::slot_of) of the topic, which all shards find it by.
    pub(crate) hash: u32,
    pub(crate) qos: QoS,
    /// Whether its publisher is told that it was taken over.
    pub(crate) answered: bool,
    /// Together with the sender it says which of two messages is newer.
    pub(crate) stamp: u64,
    /// When it expires, by the clock that all shards share; [`Instant::MAX`] is never.
    pub(crate) expires: Instant,
}

const _: () =
    assert!(size_of::<Option<PeerRetain>>() <= 64, "a retained message to another shard beside what they share");

impl PeerRetain {
    pub(crate) fn expires(&self) -> Option<Instant> {
        (self.expires < Instant::MAX).then_some(self.expires)
    }
}

impl PeerBatch {
    /// Appends what is to be kept, and answers its place.
    pub(crate) fn push_retain(&mut self, retain: PeerRetain) -> u32 {
        self.shared_bytes += retain.topic.len() + retain.body.len();
        self.other_bytes += size_of::<PeerRetain>();
        self.retains.push(Some(retain));
        self.retains.len() as u32 - 1
    }

    /// What goes to a place, or nothing if it has been taken out already.
    pub(crate) fn retain(&self, place: u32) -> Option<&PeerRetain> {
        self.retains[place as usize].as_ref()
    }
}
