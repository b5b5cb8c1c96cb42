//! What shards say to each other, and how much of it may be under way.

mod batch;
mod bell;
mod calls;
mod link;

pub use batch::PeerBatch;
pub(crate) use batch::{PeerContent, PeerFilters, PeerMessage, PeerPacket, PeerPublish};
pub use bell::Bell;
pub use calls::Calls;
pub(crate) use link::PeerLink;
