//! The oracle: what must, may and must not arrive, told by plain lists that are searched from one end to the other.
//!
//! It believes nobody. It knows what clients have sent and received, in one order of ticks, and of the broker only the
//! instants at which connections and sessions began and ended. Every rule is a comparison of ticks. A broker that was made
//! anew begins at a tick too: what is older exists for nobody any more.

mod delivery;
mod durability;
mod life;
mod liveness;
pub(super) mod matching;
mod message;
mod restart;
mod retained;
mod session;

pub(super) use delivery::Arrived;
pub(super) use life::Life;
pub(super) use message::Message;
pub(super) use session::{Session, Subscription};

use super::options::Options;
use restart::Began;

/// Everything that is known.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) options: Options,
    tick: u64,
    /// The tick of the earliest thing that a shard does in this turn was read at, if that was before.
    cause: Option<u64>,
    began: Began,
    /// Nothing is stored any more: who needs that is refused.
    pub(super) store_failed: bool,
    pub(super) messages: Vec<Message>,
    pub(super) sessions: Vec<Session>,
    /// The session that each client has at the broker, if any.
    pub(super) lives: Vec<Option<Life>>,
    /// First deliveries, and repeated ones.
    pub(super) delivered: u64,
    pub(super) repeated: u64,
    /// Sessions of workers that ended: what they held went elsewhere.
    workers_ended: usize,
}

impl Book {
    pub(super) fn new(options: &Options, clients: usize) -> Self {
        Self {
            options: options.clone(),
            tick: 0,
            cause: None,
            began: Began::default(),
            store_failed: false,
            messages: Vec::new(),
            sessions: Vec::new(),
            lives: (0..clients).map(|_| None).collect(),
            delivered: 0,
            repeated: 0,
            workers_ended: 0,
        }
    }

    /// A shard does now what came to it at this tick.
    pub(super) fn caused(&mut self, tick: u64) {
        self.cause = Some(self.cause.map_or(tick, |cause| cause.min(tick)));
    }

    /// Its turn is over, and judged.
    pub(super) fn turn_over(&mut self) {
        self.cause = None;
    }

    /// The next tick.
    pub(in crate::sim) fn tick(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }
}
