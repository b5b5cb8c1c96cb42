//! Everything that can be chosen about a broker, each with its default and its range.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::access::{self, Rule};
use crate::packet::{QoS, Version};

/// How a broker behaves and where its bounds are. All shards of one broker are given equal configurations.
///
/// Every bound is per shard unless its description says otherwise. What happens at each bound is said beside it, and
/// counted by reason in [`Stats`](crate::Stats).
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// How many shards make up this broker, 1..=64. Default 1.
    pub shards: u16,
    /// The listeners, by [`ListenerId`](crate::ListenerId). Default: one that lets anonymous clients in.
    pub listeners: Vec<Listener>,
    /// Limits and offers of the protocol, as CONNACK announces them.
    pub mqtt: Mqtt,
    /// Bounds of memory and work.
    pub limits: Limits,
    /// Who answers for a client's credentials.
    pub authentication: Authentication,
    /// Who may do what with which topics: the first rule that applies decides, and without one all is allowed. At most
    /// [`RULES_MAX`](crate::access::RULES_MAX). Default none.
    pub access: Vec<Rule>,
    /// Whether state must survive a crash: the broker then emits [`Operation`](crate::store::Operation)s and holds every
    /// acknowledgement until its position is reported stored. Default false: memory only.
    pub durable: bool,
}

/// What is particular to one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name in events and logs. Default `mqtt`.
    pub name: String,
    /// Whether a client without a user name is let in. Default true here; the program's default depends on the address.
    pub allow_anonymous: bool,
    /// Connections of this listener in this shard at once, 1..=u32::MAX. More are closed at accept. Default 1,000,000.
    pub connections_max: u32,
}

/// Who decides about credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// Nobody: a user name and password are accepted unread wherever anonymous clients are.
    None,
    /// The deployment, asked by [`AuthRequest`](crate::AuthRequest) for every CONNECT.
    External {
        /// The Authentication Methods of enhanced authentication that the deployment knows (MQTT 5.0, 4.12).
        methods: Vec<String>,
    },
}

/// Offers and limits of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mqtt {
    /// The versions that are let in. Default all three.
    pub versions: Vec<Version>,
    /// Largest packet taken from a client, in bytes of the whole packet, 1 KiB..=268,435,460; announced as Maximum Packet
    /// Size. A larger one is answered by 0x95. Default 1 MiB.
    pub packet_bytes_max: u32,
    /// Largest CONNECT, in bytes, 128..=packet_bytes_max: what a peer may park before it is known. Default 64 KiB.
    pub connect_bytes_max: u32,
    /// QoS 1 and 2 messages that a 5.0 client may have open towards the broker, 1..=65535; announced as Receive Maximum.
    /// One more is answered by 0x93. 3.x knows no such bound: there a client may have 65,535 open. Default 1,024.
    pub receive_maximum: u16,
    /// QoS 1 and 2 messages that the broker has open towards one client, 1..=65535, and never more than its Receive
    /// Maximum. More wait in the session's queue. Default 128.
    pub inflight_max: u16,
    /// Topic aliases that a 5.0 client may define, 0..=65535; announced as Topic Alias Maximum. Default 32.
    pub topic_alias_maximum: u16,
    /// Topic aliases that the broker defines towards a client that allows them, 0..=65535. Default 16.
    pub topic_alias_outgoing_max: u16,
    /// The highest QoS taken; a PUBLISH above is answered by 0x9B, a will above refuses the CONNECT. Default 2.
    pub maximum_qos: QoS,
    /// Whether retained messages are taken; else 0x9A. Default true.
    pub retain_available: bool,
    /// Whether filters may have wildcards; else 0xA2. Default true.
    pub wildcard_subscription_available: bool,
    /// Whether Subscription Identifiers are taken; else 0xA1. Default true.
    pub subscription_identifier_available: bool,
    /// Whether `$share/…` is understood, from 3.x clients too; else 0x9E. Default true.
    pub shared_subscription_available: bool,
    /// Longest session after its connection, in seconds; `u32::MAX` is no limit. A longer wish is cut to this and told in
    /// CONNACK; 3.x sessions with CleanSession 0 get exactly this. Default no limit.
    pub session_expiry_max_s: u32,
    /// Longest Keep Alive in seconds, 0..=65535; a client that asks for more, or for none, is given this as Server Keep
    /// Alive (3.x clients are held to it silently). 0 leaves the choice to the client. Default 0.
    pub keep_alive_max_s: u16,
    /// Time for the CONNECT to be complete, from when the connection is accepted, 100 ms..=1 h. Then it is closed. Default 8 s.
    pub connect_timeout: Duration,
    /// Longest client identifier in bytes, 23..=65535; a longer one is refused by 0x85 (3.x: 0x02). Default 1,024.
    pub client_id_bytes_max: u16,
    /// Most levels in a topic name or filter, 1..=65535; more are refused as invalid. Default 128.
    pub topic_levels_max: u16,
    /// Whether a PUBLISH from a client to a topic that begins with `$` is refused (MQTT 5.0, 4.7.2). Default true.
    pub dollar_publish_denied: bool,
    /// Sent as Response Information to 5.0 clients that ask for it. Default none.
    pub response_information: Option<String>,
    /// Time after which an unacknowledged QoS 1 or 2 packet is sent again on a live 3.x connection, 1 s..=1 h; `None` is
    /// never. MQTT 5.0 forbids it (MQTT-4.4.0-1). Default never.
    pub retry_interval: Option<Duration>,
}

/// What happens to a message of QoS 1 or 2 for a session whose queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueFull {
    /// It is not taken over: 5.0 publishers are told 0x97, 3.x publishers are not acknowledged and closed.
    Refuse,
    /// It is dropped for that session and counted; the publisher is acknowledged.
    DropNewest,
    /// The oldest message that is not yet in flight makes room, and is counted.
    DropOldest,
}

/// Bounds of memory and work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections in this shard at once, 1..=u32::MAX. More are closed at accept. Default 1,000,000.
    pub connections_max: u32,
    /// Bytes waiting to be written to one connection, 4 KiB..=1 GiB. Beyond it QoS 0 is dropped, QoS 1 and 2 wait in the
    /// session, and what control packets need is still taken up to twice this; then the connection is closed by 0x97.
    /// Default 256 KiB.
    pub output_bytes_max: u32,
    /// Time that a connection may leave its output untouched, 1 s..=1 h; then it is closed and its session kept. Default
    /// 60 s.
    pub write_timeout: Duration,
    /// Time for the last bytes of a connection to leave, 10 ms..=1 min. Then it is cut. Default 2 s.
    pub linger_timeout: Duration,
    /// Sessions in this shard, connected or not, 1..=u32::MAX. A new one is refused by 0x97 (3.x: 0x03). Default 1,000,000.
    pub sessions_max: u32,
    /// Messages waiting in one session, 1..=u32::MAX. Default 100,000.
    pub queue_messages_max: u32,
    /// Bytes of topic and payload waiting in one session, 1 KiB..=u64::MAX. Default 64 MiB.
    pub queue_bytes_max: u64,
    /// What happens when either is reached. Default [`QueueFull::Refuse`].
    pub queue_full: QueueFull,
    /// Whether QoS 0 messages are kept for a session that is not connected. Default false.
    pub queue_qos0: bool,
    /// Subscriptions of one session, 1..=u32::MAX. More are refused by 0x97 (3.x: 0x80). Default 100,000.
    pub subscriptions_max: u32,
    /// Retained messages in this shard, 0..=u32::MAX. A further topic is refused by 0x97. Default 1,000,000.
    pub retained_messages_max: u32,
    /// Bytes of retained messages with their topics. A further message is refused by 0x97. Default 256 MiB.
    pub retained_bytes_max: u64,
    /// Bytes of all messages held by this shard, and 32 for each that waits in a session, at which publishers of QoS 1 and 2
    /// are no longer read, 1 MiB..=u64::MAX. Default 1 GiB.
    pub message_bytes_max: u64,
    /// Topics whose route is remembered, 16..=2^24: that many at most, and no more than 65,536 or half as many as the shard
    /// has filters, whichever is more. What was made stays when filters go. One that was not used lately makes room. Default 1,048,576.
    pub route_cache_max: u32,
    /// Packets handled of one connection in one turn, 1..=65535; the rest waits its round. Default 1,024.
    pub packets_per_turn: u32,
    /// Deliveries made for one connection's packets in one turn, and eight steps through a list for one, 1..=u32::MAX; then
    /// its rest waits. Default 65,536.
    pub deliveries_per_turn: u32,
    /// Bytes that wait for other shards or are under way to them and not yet handled there, 64 KiB..=1 GiB. Each has an equal part
    /// of them, or 1 MiB if that is more, but never more than all; beyond one's part publishers are not read. Default 16 MiB.
    pub peer_bytes_max: u32,
    /// Bytes emitted to the store and not yet durable, 64 KiB..=1 GiB; then publishers of QoS 1 and 2 are not read. Default
    /// 16 MiB.
    pub store_bytes_max: u32,
    /// Questions to the deployment's authentication under way, 1..=u32::MAX; more are refused by 0x89. Default 10,000.
    pub auth_requests_max: u32,
    /// Time for the deployment to answer one, 100 ms..=1 min. Then the client is refused by 0x88. Default 5 s.
    pub auth_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            shards: 1,
            listeners: alloc::vec![Listener::default()],
            mqtt: Mqtt::default(),
            limits: Limits::default(),
            authentication: Authentication::None,
            access: Vec::new(),
            durable: false,
        }
    }
}

impl Default for Listener {
    fn default() -> Self {
        Self { name: String::from("mqtt"), allow_anonymous: true, connections_max: 1_000_000 }
    }
}

impl Default for Mqtt {
    fn default() -> Self {
        Self {
            versions: alloc::vec![Version::V3_1, Version::V3_1_1, Version::V5],
            packet_bytes_max: 1024 * 1024,
            connect_bytes_max: 64 * 1024,
            receive_maximum: 1_024,
            inflight_max: 128,
            topic_alias_maximum: 32,
            topic_alias_outgoing_max: 16,
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
            wildcard_subscription_available: true,
            subscription_identifier_available: true,
            shared_subscription_available: true,
            session_expiry_max_s: u32::MAX,
            keep_alive_max_s: 0,
            connect_timeout: Duration::from_secs(8),
            client_id_bytes_max: 1_024,
            topic_levels_max: 128,
            dollar_publish_denied: true,
            response_information: None,
            retry_interval: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1_000_000,
            output_bytes_max: 256 * 1024,
            write_timeout: Duration::from_secs(60),
            linger_timeout: Duration::from_secs(2),
            sessions_max: 1_000_000,
            queue_messages_max: 100_000,
            queue_bytes_max: 64 * 1024 * 1024,
            queue_full: QueueFull::Refuse,
            queue_qos0: false,
            subscriptions_max: 100_000,
            retained_messages_max: 1_000_000,
            retained_bytes_max: 256 * 1024 * 1024,
            message_bytes_max: 1024 * 1024 * 1024,
            route_cache_max: 1 << 20,
            packets_per_turn: 1_024,
            deliveries_per_turn: 65_536,
            peer_bytes_max: 16 * 1024 * 1024,
            store_bytes_max: 16 * 1024 * 1024,
            auth_requests_max: 10_000,
            auth_timeout: Duration::from_secs(5),
        }
    }
}

/// A value of [`Config`] that is out of its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The field, as a path: `limits.output_bytes_max`.
    pub field: &'static str,
    /// What the field must be.
    pub expected: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be {}", self.field, self.expected)
    }
}

impl core::error::Error for ConfigError {}

macro_rules! check {
    ($errors:ident, $config:ident, $($field:ident).+, $low:expr, $high:expr) => {{
        let value = $config.$($field).+ as u64;
        if !(($low as u64)..=($high as u64)).contains(&value) {
            let (low, high) = ($low as u64, $high as u64);
            $errors.push(ConfigError {
                field: check!(@path $($field).+),
                expected: alloc::format!("{low} to {high}, and is {value}"),
            });
        }
    }};
    (@path $first:ident) => { stringify!($first) };
    (@path $first:ident . $second:ident) => { concat!(stringify!($first), ".", stringify!($second)) };
}

macro_rules! check_time {
    ($errors:ident, $config:ident, $section:ident . $field:ident, $low_ms:expr, $high_ms:expr) => {{
        let value = $config.$section.$field;
        if !($low_ms..=$high_ms).contains(&(value.as_millis() as u64)) {
            $errors.push(ConfigError {
                field: concat!(stringify!($section), ".", stringify!($field)),
                expected: alloc::format!("{} ms to {} ms, and is {} ms", $low_ms, $high_ms, value.as_millis()),
            });
        }
    }};
}

impl Config {
    /// Makes it fit a runtime, which has no store. With an authenticator [`Authentication::None`] becomes
    /// [`Authentication::External`] without methods.
    ///
    /// # Errors
    ///
    /// The first that [`validate`](Self::validate) finds; external authentication without an authenticator; and
    /// [`durable`](Self::durable), which nobody could keep the promise of.
    pub fn fit(&mut self, authenticates: bool) -> Result<(), ConfigError> {
        if self.authentication == Authentication::None && authenticates {
            self.authentication = Authentication::External { methods: Vec::new() };
        }
        if let Some(error) = self.validate().into_iter().next() {
            return Err(error);
        }
        if self.durable {
            return Err(ConfigError { field: "durable", expected: String::from("false where there is no store") });
        }
        if self.authentication != Authentication::None && !authenticates {
            return Err(ConfigError {
                field: "authentication",
                expected: String::from("None without an authenticator"),
            });
        }
        Ok(())
    }

    /// Every value that is out of its range, in the order of the fields; empty when the configuration can be used.
    pub fn validate(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        check!(errors, self, shards, 1, 64);
        if self.listeners.is_empty() || self.listeners.len() > usize::from(u16::MAX) {
            errors.push(ConfigError { field: "listeners", expected: String::from("1 to 65535 listeners") });
        }
        if self.listeners.iter().any(|listener| listener.connections_max == 0) {
            errors.push(ConfigError { field: "listeners.connections_max", expected: String::from("at least 1") });
        }
        if let Some(fault) = access::fault(&self.access) {
            errors.push(ConfigError { field: "access", expected: String::from(fault) });
        }
        self.validate_mqtt(&mut errors);
        self.validate_limits(&mut errors);
        errors
    }

    fn validate_mqtt(&self, errors: &mut Vec<ConfigError>) {
        if self.mqtt.versions.is_empty() {
            errors.push(ConfigError { field: "mqtt.versions", expected: String::from("at least one version") });
        }
        check!(errors, self, mqtt.packet_bytes_max, 1024, 268_435_460);
        check!(errors, self, mqtt.connect_bytes_max, 128, self.mqtt.packet_bytes_max);
        check!(errors, self, mqtt.receive_maximum, 1, u16::MAX);
        check!(errors, self, mqtt.inflight_max, 1, u16::MAX);
        check!(errors, self, mqtt.client_id_bytes_max, 23, u16::MAX);
        check!(errors, self, mqtt.topic_levels_max, 1, u16::MAX);
        check_time!(errors, self, mqtt.connect_timeout, 100, 3_600_000);
        if let Some(retry) = self.mqtt.retry_interval
            && !(1..=3600).contains(&retry.as_secs())
        {
            errors.push(ConfigError {
                field: "mqtt.retry_interval",
                expected: alloc::format!("1 s to 3600 s, and is {} s", retry.as_secs()),
            });
        }
    }

    fn validate_limits(&self, errors: &mut Vec<ConfigError>) {
        check!(errors, self, limits.connections_max, 1, u32::MAX);
        check!(errors, self, limits.output_bytes_max, 4 * 1024, 1 << 30);
        check_time!(errors, self, limits.write_timeout, 1_000, 3_600_000);
        check_time!(errors, self, limits.linger_timeout, 10, 60_000);
        check!(errors, self, limits.sessions_max, 1, u32::MAX);
        check!(errors, self, limits.queue_messages_max, 1, u32::MAX);
        check!(errors, self, limits.queue_bytes_max, 1024, u64::MAX);
        check!(errors, self, limits.subscriptions_max, 1, u32::MAX);
        check!(errors, self, limits.message_bytes_max, 1024 * 1024, u64::MAX);
        check!(errors, self, limits.route_cache_max, 16, 1 << 24);
        check!(errors, self, limits.packets_per_turn, 1, u16::MAX);
        check!(errors, self, limits.deliveries_per_turn, 1, u32::MAX);
        check!(errors, self, limits.peer_bytes_max, 64 * 1024, 1 << 30);
        check!(errors, self, limits.store_bytes_max, 64 * 1024, 1 << 30);
        check!(errors, self, limits.auth_requests_max, 1, u32::MAX);
        check_time!(errors, self, limits.auth_timeout, 100, 60_000);
    }
}
