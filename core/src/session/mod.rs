//! Session State (MQTT 5.0, 4.1): what a broker keeps for a client across Network Connections.

pub(crate) mod delivery;
pub(crate) mod incoming;
pub(crate) mod inflight;
pub(crate) mod queue;

pub(crate) use delivery::{Delivery, DeliveryFlags, IdentifierSets, Identifiers};
pub(crate) use incoming::Incoming;
pub(crate) use inflight::{AcknowledgeError, Inflight, ResendKind};
pub(crate) use queue::Queue;
