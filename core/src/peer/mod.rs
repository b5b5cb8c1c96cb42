//! What shards say to each other, and how much of it may be under way.

mod batch;
mod bell;
mod calls;
mod link;
mod publish;
mod retain;
mod spare;

pub use batch::PeerBatch;
pub(crate) use batch::{PeerMembers, PeerMessage};
pub use bell::Bell;
pub use calls::Calls;
pub(crate) use link::{Allowance, PeerLink};
pub(crate) use publish::{
    BesideAt, PeerBeside, PeerContent, PeerFilters, PeerHeld, PeerPacket, PeerPackets, PeerPublish, PeerRun,
};
pub(crate) use retain::PeerRetain;
pub(crate) use spare::SpareBatches;
