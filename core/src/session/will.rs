//! The Will Message, kept with the session until it is published or deleted (MQTT 5.0, 3.1.2.5).

use alloc::boxed::Box;

use crate::packet::QoS;

/// A message that the broker publishes for a client that went without a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Will {
    pub(crate) topic: Box<str>,
    pub(crate) payload: Box<[u8]>,
    /// What is forwarded: no Will Delay Interval, no Message Expiry Interval.
    pub(crate) properties: Box<[u8]>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) message_expiry_s: Option<u32>,
    /// Will Delay Interval in seconds.
    pub(crate) delay_s: u32,
}
