//! How `weirmq pub` and `weirmq sub` end: the words for people and the exit codes of mosquitto_pub and mosquitto_sub.

use std::fmt;
use std::io;

use weirmq_core::client::{ClientError, DisconnectReason};
use weirmq_core::packet::{PropertyBuffer, ReasonCode, Version};

/// Why a tool could not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was asked for makes no sense.
    Usage(String),
    /// No connection could be made, or a file could not be read.
    Io(String, io::Error),
    /// The broker refused the CONNECT.
    Refused(Version, ReasonCode, PropertyBuffer),
    /// The connection ended and is not made again.
    Disconnected(DisconnectReason),
    /// The client machine refused a command.
    Client(ClientError),
    /// The broker refused messages or subscriptions, each already told.
    Denied,
    /// The time of -W is over.
    TimedOut,
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl Failure {
    /// The exit code: 27 for the end of -W, a refusal's code for a refused CONNECT, 2 for wrong usage, else 1.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::TimedOut => 27,
            Self::Usage(_) => 2,
            Self::Refused(Version::V5, code, _) => code.as_u8(),
            Self::Refused(Version::V3_1 | Version::V3_1_1, code, _) => return_code(*code),
            Self::Io(..) | Self::Disconnected(_) | Self::Client(_) | Self::Denied => 1,
        }
    }

    /// Whether there is something to say.
    pub(crate) fn is_told(&self) -> bool {
        matches!(self, Self::Denied)
    }
}

/// The CONNACK return code of 3.x that the machine has made a Reason Code of (MQTT 3.1.1, 3.2.2.3).
fn return_code(code: ReasonCode) -> u8 {
    match code {
        ReasonCode::UnsupportedProtocolVersion => 1,
        ReasonCode::ClientIdentifierNotValid => 2,
        ReasonCode::ServerUnavailable => 3,
        ReasonCode::BadUserNameOrPassword => 4,
        ReasonCode::NotAuthorized => 5,
        _ => 1,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) => f.write_str(what),
            Self::Io(what, error) => write!(f, "{what}: {error}"),
            Self::Refused(_, code, properties) => {
                write!(f, "the broker refused the connection: {}", describe(*code, properties))
            }
            Self::Disconnected(DisconnectReason::Server { code, properties }) => {
                write!(f, "the broker ended the connection: {}", describe(*code, properties))
            }
            Self::Disconnected(reason) => f.write_str(match reason {
                DisconnectReason::Requested => "disconnected",
                DisconnectReason::Server { .. } | DisconnectReason::Closed => "the connection was lost",
                DisconnectReason::Violation(violation) => {
                    return write!(f, "the broker broke the protocol: {violation}");
                }
                DisconnectReason::ConnectTimeout => "the broker did not answer the CONNECT in time",
                DisconnectReason::PingTimeout => "the broker did not answer in time",
            }),
            Self::Client(error) => error.fmt(f),
            Self::Denied => f.write_str("refused"),
            Self::TimedOut => f.write_str("timed out"),
        }
    }
}

/// A code by name and number, with the broker's own words if there are any.
pub(crate) fn describe(code: ReasonCode, properties: &PropertyBuffer) -> String {
    let number = code.as_u8();
    match properties.as_properties().reason_string() {
        Some(text) => format!("{} ({number:#04x}): {}", code.name(), text.escape_debug()),
        None => format!("{} ({number:#04x})", code.name()),
    }
}
