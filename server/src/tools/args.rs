//! The options of `weirmq pub` and `weirmq sub`, with the letters that mosquitto_pub and mosquitto_sub have.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};
use weirmq_core::packet::Version;

/// Where and as whom to connect.
#[derive(Debug, Args)]
pub struct ConnectArgs {
    /// The broker's host
    #[arg(short = 'h', long, default_value = "localhost")]
    pub(crate) host: String,
    /// The broker's port
    #[arg(short, long, default_value_t = 1883)]
    pub(crate) port: u16,
    /// Connect to a Unix domain socket instead
    #[arg(long, value_name = "PATH", conflicts_with_all = ["host", "port", "url"])]
    pub(crate) unix: Option<PathBuf>,
    /// All at once: mqtt://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC
    #[arg(short = 'L', long, conflicts_with_all = ["host", "port"])]
    pub(crate) url: Option<String>,
    /// The Client Identifier; without it one is made for the process, and for MQTT 5.0 the broker makes one
    #[arg(short, long)]
    pub(crate) id: Option<String>,
    /// A Client Identifier of this text and the process id
    #[arg(short = 'I', long, value_name = "PREFIX", conflicts_with = "id")]
    pub(crate) id_prefix: Option<String>,
    /// The user name
    #[arg(short, long)]
    pub(crate) username: Option<String>,
    /// The password; better in WEIRMQ_PASSWORD, where other users of this machine cannot read it
    #[arg(short = 'P', long = "pw", alias = "password")]
    pub(crate) password: Option<String>,
    /// The version of the protocol
    #[arg(short = 'V', long, value_enum, default_value = "5")]
    pub(crate) protocol_version: ProtocolVersion,
    /// Seconds between signs of life; 0 for none
    #[arg(short, long, default_value_t = 60, value_name = "SECONDS")]
    pub(crate) keepalive: u16,
    /// Keep the session: no Clean Start (needs --id or --id-prefix)
    #[arg(short = 'c', long)]
    pub(crate) disable_clean_session: bool,
    /// How long the session lives after the connection, in seconds; -1 for ever; MQTT 5.0 only [default: -1 with -c, else 0]
    #[arg(short = 'x', long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = session_expiry)]
    pub(crate) session_expiry_interval: Option<u32>,
    /// A property: connect|publish|subscribe|unsubscribe|will NAME VALUE, user-property with NAME and VALUE; MQTT 5.0 only
    #[arg(short = 'D', long, num_args = 3..=4, value_names = ["COMMAND", "PROPERTY", "VALUE"], action = ArgAction::Append)]
    pub(crate) property: Vec<String>,
    /// Topic of the will, which the broker publishes when the connection is lost
    #[arg(long, value_name = "TOPIC")]
    pub(crate) will_topic: Option<String>,
    /// Payload of the will
    #[arg(long, value_name = "TEXT", requires = "will_topic")]
    pub(crate) will_payload: Option<String>,
    /// QoS of the will
    #[arg(long, value_name = "QOS", requires = "will_topic", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) will_qos: u8,
    /// Retain the will
    #[arg(long, requires = "will_topic")]
    pub(crate) will_retain: bool,
    /// QoS: 0, 1 or 2
    #[arg(short, long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) qos: u8,
    /// Say what happens, on standard error
    #[arg(short, long)]
    pub(crate) debug: bool,
    /// Print no errors
    #[arg(long)]
    pub(crate) quiet: bool,
    /// Print this help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

/// The options of `weirmq pub`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("payload").required(true))]
pub struct PubArgs {
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    /// The topic
    #[arg(short, long, required_unless_present = "url")]
    pub(crate) topic: Option<String>,
    /// Publish this text
    #[arg(short, long, group = "payload", allow_hyphen_values = true)]
    pub(crate) message: Option<String>,
    /// Publish the contents of a file
    #[arg(short, long, group = "payload")]
    pub(crate) file: Option<PathBuf>,
    /// Publish each line of standard input
    #[arg(short = 'l', long, group = "payload")]
    pub(crate) stdin_line: bool,
    /// Publish all of standard input as one message
    #[arg(short = 's', long, group = "payload")]
    pub(crate) stdin_file: bool,
    /// Publish a message without a payload; with -r that deletes a retained message
    #[arg(short, long, group = "payload")]
    pub(crate) null_message: bool,
    /// Retain the message
    #[arg(short, long)]
    pub(crate) retain: bool,
    /// Publish it so many times (not with -l)
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "stdin_line", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) repeat: u64,
    /// Seconds between them
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    pub(crate) repeat_delay: std::time::Duration,
}

/// The options of `weirmq sub`.
#[derive(Debug, Args)]
pub struct SubArgs {
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    /// A topic filter; may be repeated
    #[arg(short, long, required_unless_present_any = ["url", "unsubscribe"])]
    pub(crate) topic: Vec<String>,
    /// Unsubscribe from this filter of a kept session; may be repeated
    #[arg(short = 'U', long, value_name = "TOPIC")]
    pub(crate) unsubscribe: Vec<String>,
    /// Do not print messages on topics that match this filter; may be repeated
    #[arg(short = 'T', long, value_name = "FILTER")]
    pub(crate) filter_out: Vec<String>,
    /// Exit after so many messages
    #[arg(short = 'C', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Exit after so many seconds, with code 27
    #[arg(short = 'W', long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<std::time::Duration>,
    /// Exit when the broker has acknowledged all subscriptions
    #[arg(short = 'E', long)]
    pub(crate) exit_after_subscribe: bool,
    /// Print the topic before the payload
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// No new line after a message
    #[arg(short = 'N', long)]
    pub(crate) no_eol: bool,
    /// Do not print messages that had been retained
    #[arg(short = 'R', long, conflicts_with = "retained_only")]
    pub(crate) no_retained: bool,
    /// Print retained messages only, and exit at the first that is not
    #[arg(long)]
    pub(crate) retained_only: bool,
    /// Do not get what this client itself publishes (MQTT 5.0)
    #[arg(long)]
    pub(crate) no_local: bool,
    /// Get RETAIN as the publisher set it (MQTT 5.0)
    #[arg(long)]
    pub(crate) retain_as_published: bool,
    /// Get retained messages: 0 at every SUBSCRIBE, 1 for a new subscription, 2 never (MQTT 5.0)
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) retain_handling: u8,
    /// Print by this format: %t topic, %p payload, %x hex, %q QoS, %r retain, %l length, %m packet id, %I ISO time, %U Unix
    /// time, %j JSON, %J JSON with a JSON payload, and the properties %A %C %D %E %F %P %R %S
    #[arg(short = 'F', long, conflicts_with_all = ["verbose", "json"])]
    pub(crate) format: Option<String>,
    /// Print one JSON object for each message
    #[arg(long, conflicts_with = "verbose")]
    pub(crate) json: bool,
}

/// The version of the protocol, by the names that mosquitto_pub takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProtocolVersion {
    /// MQTT 3.1
    #[value(name = "31", aliases = ["3.1", "mqttv31"])]
    V31,
    /// MQTT 3.1.1
    #[value(name = "311", aliases = ["3.1.1", "mqttv311"])]
    V311,
    /// MQTT 5.0
    #[value(name = "5", aliases = ["5.0", "mqttv5"])]
    V5,
}

impl From<ProtocolVersion> for Version {
    fn from(version: ProtocolVersion) -> Self {
        match version {
            ProtocolVersion::V31 => Self::V3_1,
            ProtocolVersion::V311 => Self::V3_1_1,
            ProtocolVersion::V5 => Self::V5,
        }
    }
}

fn session_expiry(text: &str) -> Result<u32, String> {
    match text {
        "-1" | "∞" => Ok(u32::MAX),
        text => text.parse().map_err(|_| String::from("expected 0 to 4294967295, or -1 for ever")),
    }
}

/// `2`, `0.5`, `1m30s`.
fn seconds(text: &str) -> Result<std::time::Duration, String> {
    let expected = || String::from("expected seconds such as 2 or 0.5, or a duration such as 1m30s");
    match text.parse::<f64>() {
        Ok(seconds) => std::time::Duration::try_from_secs_f64(seconds).map_err(|_| expected()),
        Err(_) => humantime::parse_duration(text).map_err(|_| expected()),
    }
}
