//! The simulator: a seed decides a broker, its clients, its world and everything that happens.
//!
//! [`Scenario::generate`] makes a list of steps of a seed, [`run`] does them against 1..4 shards of the core in virtual
//! time, twice, while the oracle watches every packet. Then the world is healed, and what was acknowledged must have
//! arrived; then everybody leaves, and nothing may be left. [`shrink`] makes a failure small enough to be read.

mod authenticator;
mod client;
mod generate;
mod link;
mod options;
mod oracle;
mod rng;
mod run;
mod scenario;
mod shrink;
mod step;
mod store;
mod story;
mod trace;
mod world;

pub use options::Options;
pub use rng::Rng;
pub use run::{Outcome, run, run_twice};
pub use scenario::{Salted, Scenario};
pub use shrink::shrink;
pub use step::Step;
pub use story::{Story, StoryError, Variant};
pub use trace::Failure;
