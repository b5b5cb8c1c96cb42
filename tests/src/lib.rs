//! What the tests of weirmq share: an MQTT codec of their own, and two worlds in which a broker can be talked to.
//!
//! [`memory::Net`] drives 1..N shards of the core through memory in virtual time; [`socket::Sockets`] talks to a
//! [`server::RunningServer`] on any of the three runtimes. Both are a [`World`], so that one [case](cases) runs in each.
//! The codec in [`wire`] shares no code with the core on purpose: a fault in the one is not a fault in the other.

pub mod cases;
pub mod conformance;
pub mod heap;
pub mod malformed;
pub mod memory;
pub mod recording;
pub mod server;
pub mod sim;
pub mod socket;
pub mod wire;
mod world;

pub use world::{Client, Received, Start, Talk, World};
