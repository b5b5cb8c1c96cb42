//! MQTT Control Packets: views into received bytes, and bytes out. No state.

mod basic;
mod reason;
mod violation;

pub use basic::{PacketId, QoS, Version};
pub use reason::ReasonCode;
pub use violation::Violation;
