//! Topic names and filters, and the structures that find subscribers and retained messages.
//!
//! [`name`] and [`filter`] are the rules of MQTT 5.0, 4.7 on plain strings. [`tree`] answers "which filters match this
//! topic", [`Router`] remembers those answers and knows which filters of other shards match, [`shared`] chooses the member of a
//! shared subscription, and [`retained`] answers the opposite question, "which kept topics does this filter match". Nothing here knows of a broker, a session
//! or a connection: sessions, messages and shards are numbers that the caller made up.

mod cache;
mod epoch;
pub mod filter;
mod group;
mod interest;
mod level;
pub mod name;
pub mod retained;
pub mod route;
pub mod shared;
mod slab;
mod subscription;
pub mod tree;

pub use filter::{Filter, FilterError, filter_covers};
pub use group::{Group, GroupId, Remote};
pub use interest::{FilterPrint, InterestChange, Told};
pub use retained::{RetainedStore, Scan};
pub use route::{RouteAt, Router};
pub use shared::{MemberState, Pick};
pub use subscription::{Elsewhere, FilterId, Moved, Subscription};
pub use tree::SubscriptionTree;

#[cfg(test)]
mod testing;
