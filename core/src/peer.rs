//! What shards say to each other.

/// Messages from one shard to another, in order. It is `Send` and needs no look inside: a runtime carries it from an
/// outbox to [`Broker::handle_peer`](crate::Broker::handle_peer) of the shard it is for, in order and without loss.
#[derive(Debug, Default)]
pub struct PeerBatch {}
