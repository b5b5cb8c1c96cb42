//! Session State (MQTT 5.0, 4.1): what a broker keeps for a client across Network Connections.

mod delivery;
mod incoming;
mod inflight;
mod queue;
mod state;
mod will;

pub(crate) use delivery::{Delivery, DeliveryFlags, IdentifierSets, Identifiers};
pub(crate) use incoming::Incoming;
pub(crate) use inflight::{AcknowledgeError, Inflight, ResendKind};
pub(crate) use queue::Queue;
pub(crate) use state::{EXPIRY_NEVER, NO_CONNECTION, RetainedScan, Session, Subscribed};
pub(crate) use will::Will;
