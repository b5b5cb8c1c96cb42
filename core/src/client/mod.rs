//! The client side of MQTT 3.1, 3.1.1 and 5.0 as a state machine, with the verbs of the broker: inputs `handle_*`,
//! outputs `poll_*` and [`tx`](Client::tx), predicates `wants_*`.
//!
//! One [`Client`] is one session. It lives through any number of Network Connections, which the caller opens and closes:
//!
//! 1. Open a transport and call [`connect`](Client::connect); write what [`tx`](Client::tx) has and report
//!    [`handle_sent`](Client::handle_sent).
//! 2. Pass what arrives to [`handle_receive`](Client::handle_receive) while [`wants_read`](Client::wants_read), call
//!    [`handle_timeout`](Client::handle_timeout) at [`poll_timeout`](Client::poll_timeout), and take the events from
//!    [`poll_event`](Client::poll_event).
//! 3. When [`wants_close`](Client::wants_close), write what is left and close. However the transport ended, report
//!    [`handle_closed`](Client::handle_closed), and go on at 1.
//!
//! # Sessions
//!
//! Messages at QoS 1 and 2 that are not yet acknowledged stay over a lost connection. When the server still has the
//! session they are sent again under their identifiers, with DUP and in order (MQTT-4.4.0-1, MQTT-4.6.0-1). When it has not
//! (Session Present 0), the state of the session is dropped (MQTT-3.2.2-5), and the messages are published anew, as new
//! messages: a message whose acknowledgement was lost with the server's session can so arrive twice, at QoS 2 too, but none
//! is lost. A QoS 2 message for which PUBREC had come counts as delivered then.
//!
//! Subscriptions are the server's state: after Session Present 0 the application subscribes again.
//!
//! # Bounds
//!
//! At most [`INFLIGHT_MAX`] messages are in flight, in storage inside the client; more wait in a queue of
//! [`ClientConfig::queue_messages_max`]. Output is bounded by [`ClientConfig::tx_bytes_max`] for what the application
//! sends, a packet by [`ClientConfig::maximum_packet_size`], aliases by their maxima.
//!
//! # Not done here
//!
//! Opening connections again after a delay, TLS and WebSocket, and storage across restarts of the program.

mod alias;
mod command;
mod config;
mod error;
mod event;
mod incoming;
mod limits;
mod machine;
mod outgoing;
mod receive;
mod request;
#[cfg(test)]
mod tests;
mod tx;

pub use config::{ClientConfig, ClientWill};
pub use error::ClientError;
pub use event::{ClientEvent, DisconnectReason, Message};
pub use limits::ServerLimits;
pub use machine::Client;
pub use outgoing::{INFLIGHT_MAX, PublishToken, REQUESTS_MAX};
pub use request::{PublishRequest, SubscribeRequest};
