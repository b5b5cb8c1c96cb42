//! What a run is given once: the broker's limits and how bad the world around it is.

use std::fmt;
use std::time::Duration;

use weirmq_core::Config;
use weirmq_core::config::{Authentication, QueueFull};
use weirmq_core::packet::QoS;

use super::authenticator::METHOD;
use super::rng::Rng;
use crate::wire::Version;

macro_rules! options {
    ($($(#[$doc:meta])* $name:ident = $default:expr),* $(,)?) => {
        /// The options of a run, all plain numbers, so that they can be written down.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Options { $($(#[$doc])* pub $name: u64),* }

        impl Default for Options {
            fn default() -> Self {
                Self { $($name: $default),* }
            }
        }

        /// Only what differs from the default, as `name=value`.
        impl fmt::Display for Options {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("options")?;
                $(if self.$name != $default { write!(f, concat!(" ", stringify!($name), "={}"), self.$name)?; })*
                Ok(())
            }
        }

        impl Options {
            fn field(&mut self, name: &str) -> Option<&mut u64> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)*
                    _ => None,
                }
            }

            /// Each option by name with the value that does least, for the shrinker.
            pub(super) fn each() -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), $default)),*].into_iter()
            }
        }
    };
}

options! {
    /// What the broker itself is seeded with.
    seed = 1,
    /// Shards.
    shards = 1,
    /// Clients.
    clients = 3,
    /// Which clients speak MQTT 5.0, one bit each; the others speak 3.1.1, or 3.1.
    v5_mask = 0,
    /// Which of the others speak 3.1, one bit each.
    v31_mask = 0,
    /// Which clients only use Shared Subscriptions, one bit each.
    worker_mask = 0,
    /// Whether the broker is durable.
    durable = 0,
    /// Longest time in which the store answers, in ms.
    store_delay_ms = 0,
    /// Every how many ms the store answers, for all it has taken; 0 is each batch by itself.
    store_group_ms = 0,
    /// Longest way of a batch from shard to shard, in ms.
    peer_delay_ms = 0,
    /// Most bytes that arrive at once; 0 is no limit.
    chunk_bytes = 0,
    /// Bytes that a connection holds on their way to the client; 0 is no limit.
    pipe_bytes = 0,
    /// `mqtt.inflight_max`.
    inflight_max = 128,
    /// `mqtt.receive_maximum`.
    receive_maximum = 1_024,
    /// `mqtt.topic_alias_maximum`.
    topic_alias_maximum = 32,
    /// `mqtt.topic_alias_outgoing_max`.
    topic_alias_outgoing_max = 16,
    /// `mqtt.session_expiry_max_s`.
    session_expiry_max_s = u64::from(u32::MAX),
    /// `mqtt.keep_alive_max_s`.
    keep_alive_max_s = 0,
    /// `limits.output_bytes_max`.
    output_bytes_max = 256 * 1024,
    /// `limits.write_timeout`, in seconds.
    write_timeout_s = 60,
    /// `limits.queue_messages_max`.
    queue_messages_max = 100_000,
    /// `limits.queue_full`: 0 refuses, 1 drops the newest, 2 drops the oldest.
    queue_full = 0,
    /// `limits.queue_qos0`.
    queue_qos0 = 0,
    /// `limits.retained_messages_max`.
    retained_messages_max = 1_000_000,
    /// `limits.subscriptions_max`.
    subscriptions_max = 100_000,
    /// `limits.packets_per_turn`.
    packets_per_turn = 1_024,
    /// `limits.deliveries_per_turn`.
    deliveries_per_turn = 65_536,
    /// `limits.route_cache_max`.
    route_cache_max = 16_384,
    /// `limits.peer_bytes_max`.
    peer_bytes_max = 16 * 1024 * 1024,
    /// `limits.store_bytes_max`.
    store_bytes_max = 16 * 1024 * 1024,
    /// Whether the deployment is asked about credentials.
    auth = 0,
    /// Longest time in which it answers, in ms.
    auth_delay_ms = 0,
    /// `limits.connections_max`.
    connections_max = 1_000_000,
    /// `limits.sessions_max`.
    sessions_max = 1_000_000,
    /// `limits.message_bytes_max`.
    message_bytes_max = 1 << 30,
    /// `mqtt.retry_interval` in seconds; 0 is never.
    retry_s = 0,
    /// Whether the broker goes down in the end, instead of everybody coming back.
    shutdown = 0,
    /// `mqtt.maximum_qos`.
    maximum_qos = 2,
    /// `limits.queue_bytes_max`.
    queue_bytes_max = 64 * 1024 * 1024,
    /// Budget of a turn: connections.
    budget_connections = 64,
    /// Budget of a turn: retained messages.
    budget_retained = 4_096,
}

impl Options {
    /// The options that follow from a seed.
    pub fn generate(rng: &mut Rng) -> Self {
        let mut options = Self { seed: rng.next() >> 16, ..Self::default() };
        options.shards = rng.pick(&[1, 1, 2, 3, 4]);
        options.clients = rng.between(2, 6);
        options.v5_mask = rng.below(1 << options.clients);
        if rng.percent(40) {
            options.worker_mask = rng.below(1 << options.clients) & rng.below(1 << options.clients);
        }
        options.durable = u64::from(rng.percent(35));
        if options.durable > 0 {
            options.store_delay_ms = rng.pick(&[0, 5, 200]);
            options.store_group_ms = rng.pick(&[0, 0, 50, 500]);
            options.store_bytes_max = rng.pick(&[64 * 1024, 16 * 1024 * 1024]);
        }
        options.peer_delay_ms = if options.shards > 1 { rng.pick(&[0, 1, 20, 300]) } else { 0 };
        options.chunk_bytes = rng.pick(&[0, 0, 1, 7, 50]);
        options.pipe_bytes = rng.pick(&[0, 0, 10, 300, 5_000]);
        options.small_limits(rng);
        options.rarely(rng);
        options
    }

    /// What would hide everything else if it were in every run.
    fn rarely(&mut self, rng: &mut Rng) {
        self.v31_mask = if rng.percent(30) { rng.below(1 << self.clients) } else { 0 };
        self.auth = u64::from(rng.percent(30));
        self.auth_delay_ms = if self.auth > 0 { rng.pick(&[0, 3, 700, 7_000]) } else { 0 };
        if rng.percent(20) {
            // Everybody finds room in the end, wherever the sessions live.
            self.sessions_max = self.clients + 1 + rng.below(2);
        }
        if rng.percent(15) {
            self.connections_max = self.clients + 1 + rng.below(3);
        }
        if rng.percent(15) {
            // The least that there is, and messages that fill it.
            self.message_bytes_max = 1 << 20;
            (self.pipe_bytes, self.chunk_bytes) = (0, 0);
        }
        self.retry_s = if rng.percent(25) { rng.pick(&[1, 5, 20]) } else { 0 };
        self.shutdown = u64::from(rng.percent(10));
    }

    fn small_limits(&mut self, rng: &mut Rng) {
        self.inflight_max = rng.pick(&[1, 2, 5, 128]);
        self.receive_maximum = rng.pick(&[1, 3, 10, 1_024]);
        self.topic_alias_maximum = rng.pick(&[0, 2, 32]);
        self.topic_alias_outgoing_max = rng.pick(&[0, 2, 16]);
        self.session_expiry_max_s = rng.pick(&[u64::from(u32::MAX), u64::from(u32::MAX), 30]);
        self.keep_alive_max_s = rng.pick(&[0, 0, 0, 20]);
        self.output_bytes_max = rng.pick(&[4_096, 4_096, 16 * 1024, 256 * 1024]);
        self.write_timeout_s = rng.pick(&[1, 10, 60]);
        self.queue_messages_max = rng.pick(&[1, 2, 5, 20, 100_000]);
        self.queue_full = rng.below(3);
        self.queue_qos0 = rng.below(2);
        self.retained_messages_max = rng.pick(&[1, 3, 1_000_000, 1_000_000]);
        self.subscriptions_max = rng.pick(&[2, 100_000, 100_000]);
        self.packets_per_turn = rng.pick(&[1, 2, 1_024]);
        self.deliveries_per_turn = rng.pick(&[1, 3, 65_536]);
        self.route_cache_max = rng.pick(&[16, 16_384]);
        self.peer_bytes_max = rng.pick(&[64 * 1024, 16 * 1024 * 1024]);
        self.budget_connections = rng.pick(&[1, 2, 64]);
        self.budget_retained = rng.pick(&[1, 2, 4_096]);
    }

    /// The configuration of every shard.
    pub fn config(&self) -> Config {
        let mut config = Config { shards: self.shards as u16, durable: self.durable > 0, ..Config::default() };
        if self.auth > 0 {
            config.authentication = Authentication::External { methods: vec![METHOD.into()] };
        }
        let mqtt = &mut config.mqtt;
        mqtt.inflight_max = self.inflight_max as u16;
        mqtt.receive_maximum = self.receive_maximum as u16;
        mqtt.topic_alias_maximum = self.topic_alias_maximum as u16;
        mqtt.topic_alias_outgoing_max = self.topic_alias_outgoing_max as u16;
        mqtt.session_expiry_max_s = self.session_expiry_max_s as u32;
        mqtt.keep_alive_max_s = self.keep_alive_max_s as u16;
        mqtt.retry_interval = (self.retry_s > 0).then(|| Duration::from_secs(self.retry_s));
        mqtt.maximum_qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][self.maximum_qos.min(2) as usize];
        let limits = &mut config.limits;
        limits.connections_max = self.connections_max as u32;
        limits.sessions_max = self.sessions_max as u32;
        limits.message_bytes_max = self.message_bytes_max;
        limits.queue_bytes_max = self.queue_bytes_max;
        limits.output_bytes_max = self.output_bytes_max as u32;
        limits.write_timeout = Duration::from_secs(self.write_timeout_s);
        limits.queue_messages_max = self.queue_messages_max as u32;
        limits.queue_full = match self.queue_full {
            0 => QueueFull::Refuse,
            1 => QueueFull::DropNewest,
            _ => QueueFull::DropOldest,
        };
        limits.queue_qos0 = self.queue_qos0 > 0;
        limits.retained_messages_max = self.retained_messages_max as u32;
        limits.subscriptions_max = self.subscriptions_max as u32;
        limits.packets_per_turn = self.packets_per_turn as u32;
        limits.deliveries_per_turn = self.deliveries_per_turn as u32;
        limits.route_cache_max = self.route_cache_max as u32;
        limits.peer_bytes_max = self.peer_bytes_max as u32;
        limits.store_bytes_max = self.store_bytes_max as u32;
        config
    }

    /// Sets an option by name.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn set(&mut self, name: &str, value: u64) -> Result<(), String> {
        *self.field(name).ok_or_else(|| {
            let names: Vec<_> = Self::each().map(|(name, _)| name).collect();
            format!("no option {name}; there are {}", names.join(", "))
        })? = value;
        Ok(())
    }

    /// Whether a client speaks MQTT 5.0.
    pub fn is_v5(&self, client: usize) -> bool {
        self.v5_mask >> client & 1 == 1
    }

    /// What a client speaks.
    pub fn version(&self, client: usize) -> Version {
        match (self.is_v5(client), self.v31_mask >> client & 1 == 1) {
            (true, _) => Version::V5,
            (false, true) => Version::V31,
            (false, false) => Version::V311,
        }
    }

    /// The longest payload of a run.
    pub fn payload_bytes_max(&self) -> u64 {
        if self.message_bytes_max == 1 << 20 { 50_000 } else { 3_000 }
    }

    /// Whether a client only uses Shared Subscriptions.
    pub fn is_worker(&self, client: usize) -> bool {
        self.worker_mask >> client & 1 == 1
    }
}
