//! The keys of the configuration file. What is not written stays at its default.

use serde::Deserialize;
use weirmq_core::access::{Action, Effect, Rule};
use weirmq_core::config::{Limits, Mqtt, QueueFull};
use weirmq_core::packet::ReasonCode;

use super::settings::{Level, LogFormat, LogSettings, Runtime, ShutdownSettings, Storage};
use super::units::{Address, Bytes, QoSNumber, RefusalCode, Seconds, Time, TimeOrNever, Versions};

/// Declares a section: its keys, how each is written, and what it changes.
macro_rules! section {
    ($name:ident => $target:ty { $($field:ident: $kind:ty),* $(,)? }) => {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name { $($field: Option<$kind>),* }

        impl $name {
            /// The keys, for the nearest one to a misspelt key.
            pub(crate) const KEYS: &'static [&'static str] = &[$(stringify!($field)),*];

            /// Writes what was said over the defaults.
            pub(crate) fn apply(self, target: &mut $target) {
                $(if let Some(value) = self.$field { target.$field = value.into(); })*
            }
        }
    };
}

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) listeners: Option<Vec<ListenerSection>>,
    pub(crate) runtime: Option<Runtime>,
    pub(crate) shards: Option<u16>,
    pub(crate) storage: Option<Storage>,
    pub(crate) mqtt: Option<MqttSection>,
    pub(crate) limits: Option<LimitsSection>,
    pub(crate) access: Option<Vec<RuleSection>>,
    pub(crate) log: Option<LogSection>,
    pub(crate) shutdown: Option<ShutdownSection>,
}

/// One entry of `listeners`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListenerSection {
    pub(crate) name: Option<String>,
    pub(crate) address: Address,
    pub(crate) allow_anonymous: Option<bool>,
    pub(crate) connections_max: Option<u32>,
}

impl ListenerSection {
    const KEYS: &'static [&'static str] = &["name", "address", "allow_anonymous"];
}

/// One entry of `access`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleSection {
    effect: EffectName,
    action: Option<ActionName>,
    filter: String,
    code: Option<RefusalCode>,
}

impl RuleSection {
    const KEYS: &'static [&'static str] = &["effect", "action", "filter", "code"];
}

/// [`Effect`] as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum EffectName {
    Allow,
    Refuse,
}

/// [`Action`] as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ActionName {
    Publish,
    Subscribe,
    Both,
}

impl From<RuleSection> for Rule {
    fn from(section: RuleSection) -> Self {
        Self {
            effect: match section.effect {
                EffectName::Allow => Effect::Allow,
                EffectName::Refuse => Effect::Refuse(section.code.map_or(ReasonCode::NotAuthorized, |code| code.0)),
            },
            action: match section.action {
                Some(ActionName::Publish) => Action::Publish,
                Some(ActionName::Subscribe) => Action::Subscribe,
                Some(ActionName::Both) | None => Action::Both,
            },
            filter: section.filter,
        }
    }
}

section! { MqttSection => Mqtt {
    versions: Versions,
    packet_bytes_max: Bytes<u32>,
    connect_bytes_max: Bytes<u32>,
    receive_maximum: u16,
    inflight_max: u16,
    topic_alias_maximum: u16,
    topic_alias_outgoing_max: u16,
    maximum_qos: QoSNumber,
    retain_available: bool,
    wildcard_subscription_available: bool,
    subscription_identifier_available: bool,
    shared_subscription_available: bool,
    session_expiry_max_s: Seconds<u32>,
    keep_alive_max_s: Seconds<u16>,
    connect_timeout: Time,
    client_id_bytes_max: u16,
    topic_levels_max: u16,
    dollar_publish_denied: bool,
    response_information: String,
    retry_interval: TimeOrNever,
}}

section! { LimitsSection => Limits {
    connections_max: u32,
    output_bytes_max: Bytes<u32>,
    write_timeout: Time,
    linger_timeout: Time,
    sessions_max: u32,
    queue_messages_max: u32,
    queue_bytes_max: Bytes<u64>,
    queue_full: QueueFullName,
    queue_qos0: bool,
    subscriptions_max: u32,
    retained_messages_max: u32,
    retained_bytes_max: Bytes<u64>,
    message_bytes_max: Bytes<u64>,
    route_cache_max: u32,
    packets_per_turn: u32,
    deliveries_per_turn: u32,
    peer_bytes_max: Bytes<u32>,
    store_bytes_max: Bytes<u32>,
    auth_requests_max: u32,
    auth_timeout: Time,
}}

section! { LogSection => LogSettings { level: Level, format: LogFormat } }

section! { ShutdownSection => ShutdownSettings { drain_timeout: Time } }

/// [`QueueFull`] as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QueueFullName {
    Refuse,
    DropNewest,
    DropOldest,
}

impl From<QueueFullName> for QueueFull {
    fn from(name: QueueFullName) -> Self {
        match name {
            QueueFullName::Refuse => Self::Refuse,
            QueueFullName::DropNewest => Self::DropNewest,
            QueueFullName::DropOldest => Self::DropOldest,
        }
    }
}

/// The section that has this key, for a key that was written in the wrong place.
pub(crate) fn section_of(key: &str) -> Option<&'static str> {
    [
        ("mqtt", MqttSection::KEYS),
        ("limits", LimitsSection::KEYS),
        ("log", LogSection::KEYS),
        ("shutdown", ShutdownSection::KEYS),
        ("listeners", ListenerSection::KEYS),
        ("access", RuleSection::KEYS),
    ]
    .into_iter()
    .find(|(_, keys)| keys.contains(&key))
    .map(|(section, _)| section)
}
