//! What inputs choose from: small sets, so that things meet, and configurations with tight bounds.

use std::time::Duration;

use arbitrary::{Result, Unstructured};
use weirmq_core::Config;
use weirmq_core::config::{Limits, Mqtt, QueueFull};
use weirmq_core::packet::{QoS, Version};

/// One of a few.
pub(crate) fn pick<T: Copy>(u: &mut Unstructured<'_>, from: &[T]) -> Result<T> {
    Ok(from[usize::from(u.arbitrary::<u8>()?) % from.len()])
}

pub(crate) fn version(bits: u8) -> Version {
    [Version::V5, Version::V5, Version::V3_1_1, Version::V3_1][usize::from(bits & 3)]
}

pub(crate) fn qos(bits: u8) -> QoS {
    [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce][usize::from(bits & 3)]
}

/// Longest session in seconds: none outlives a test's end.
pub(crate) const SESSION_EXPIRY_MAX_S: u32 = 100;

/// A configuration whose bounds are reached soon.
pub(crate) fn config(u: &mut Unstructured<'_>) -> Result<Config> {
    let [shape, flow, queue, work]: [u8; 4] = u.arbitrary()?;
    let mqtt = Mqtt {
        packet_bytes_max: 4096,
        connect_bytes_max: 1024,
        receive_maximum: [1, 2, 10, 100][usize::from(flow & 3)],
        inflight_max: [1, 2, 5, 50][usize::from(flow >> 2 & 3)],
        topic_alias_maximum: 3,
        topic_alias_outgoing_max: [0, 1, 2, 8][usize::from(flow >> 4 & 3)],
        session_expiry_max_s: SESSION_EXPIRY_MAX_S,
        topic_levels_max: 8,
        retry_interval: (flow >> 6 == 3).then_some(Duration::from_secs(3)),
        ..Mqtt::default()
    };
    let queue_full = [QueueFull::Refuse, QueueFull::Refuse, QueueFull::DropNewest, QueueFull::DropOldest];
    let limits = Limits {
        output_bytes_max: 4096,
        queue_messages_max: [1, 3, 20, 1000][usize::from(queue & 3)],
        queue_bytes_max: [1024, 8192, 1 << 20, 1 << 30][usize::from(queue >> 2 & 3)],
        queue_full: queue_full[usize::from(queue >> 4 & 3)],
        queue_qos0: queue >> 6 & 1 == 1,
        subscriptions_max: [2, 4, 100, 100][usize::from(work & 3)],
        retained_messages_max: [0, 1, 3, 100][usize::from(work >> 2 & 3)],
        sessions_max: [2, 3, 100, 100][usize::from(work >> 4 & 3)],
        packets_per_turn: [1, 2, 10, 1024][usize::from(work >> 6 & 3)],
        deliveries_per_turn: [1, 4, 100, 16384][usize::from(shape >> 3 & 3)],
        route_cache_max: 16,
        message_bytes_max: 1024 * 1024,
        ..Limits::default()
    };
    Ok(Config {
        shards: [1, 1, 2, 3][usize::from(shape & 3)],
        durable: shape >> 2 & 1 == 1,
        mqtt,
        limits,
        ..Config::default()
    })
}
