//! Counters as plain numbers: summed and published outside.

macro_rules! counters {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$doc:meta])* $field:ident),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name { $($(#[$doc])* pub $field: u64),* }

        impl $name {
            /// Each counter with its name, in the order of the fields.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($field), self.$field)),*].into_iter()
            }

            /// Adds the counters of another shard.
            pub fn add(&mut self, other: &Self) {
                $(self.$field += other.$field;)*
            }
        }
    };
}

counters! {
    /// What a shard has done since it began, and what it holds. Counters only grow, except the gauges, which say so.
    pub struct Stats {
        /// Gauge: Network Connections, before CONNECT too.
        connections,
        /// Gauge: sessions, connected or not.
        sessions,
        /// Gauge: sessions that are connected.
        sessions_connected,
        /// Gauge: subscriptions, shared ones included.
        subscriptions,
        /// Gauge: retained messages.
        retained_messages,
        /// Gauge: messages held, retained ones included.
        messages_held,
        /// Gauge: bytes of messages held.
        message_bytes_held,
        /// Gauge: messages waiting in sessions that are not yet in flight.
        messages_queued,
        /// Gauge: messages in flight to clients.
        messages_inflight,
        /// Transport connections accepted.
        accepted,
        /// Transport connections refused at accept because a limit was reached.
        accept_refused,
        /// CONNECTs accepted.
        connects_accepted,
        /// CONNECTs refused.
        connects_refused,
        /// Connections taken over by a newer one with the same Client Identifier.
        takeovers,
        /// Connections handed to the shard that owns their session.
        handoffs,
        /// Connections closed because the client broke the protocol.
        violations,
        /// Connections closed for want of a packet within one and a half times the Keep Alive.
        keep_alive_timeouts,
        /// Bytes received.
        bytes_received,
        /// Bytes that were written.
        bytes_sent,
        /// Packets received.
        packets_received,
        /// Packets sent.
        packets_sent,
        /// PUBLISH packets received.
        publishes_received,
        /// PUBLISH packets sent.
        publishes_sent,
        /// PUBLISH packets received again and not delivered again (QoS 2).
        publishes_duplicate,
        /// Published messages that matched no subscription.
        messages_unmatched,
        /// PUBLISH packets to topics that clients may not publish to.
        publishes_denied,
        /// Messages dropped because the subscriber's output was full (QoS 0).
        dropped_output_full,
        /// Messages dropped because the session's queue was full.
        dropped_queue_full,
        /// Messages refused to their publisher because a session's queue was full.
        refused_queue_full,
        /// Messages refused to their publisher because the retained store was full.
        refused_retained_full,
        /// Messages dropped because they expired.
        dropped_expired,
        /// Messages dropped because they exceed the subscriber's Maximum Packet Size.
        dropped_too_large,
        /// QoS 0 messages dropped because the session was not connected.
        dropped_offline_qos0,
        /// Messages that ended with their session.
        dropped_session_ended,
        /// Messages of shared subscriptions for which no member was left.
        dropped_no_member,
        /// Messages that a subscriber refused with a Reason Code of 0x80 or above.
        rejected_by_subscriber,
        /// Packets sent again to a client that came back, or by the retry option.
        retransmitted,
        /// Wills published.
        wills_published,
        /// Sessions that expired.
        sessions_expired,
        /// Batches sent to other shards.
        peer_batches_sent,
        /// Messages from other shards whose subscribers were looked for, because the sender did not know all filters.
        peer_lookups,
    }
}
