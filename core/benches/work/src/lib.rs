//! What the core is measured by: small pieces of realistic work, each with a name.
//!
//! One table, three readers: `core/benches/paths.rs` measures time, the program of this package is run under callgrind for
//! instructions, and the test `allocations` of `weirmq-tests` counts allocations. A piece of work is done in rounds that leave everything as
//! it was, so that it can be repeated for ever; the broker's part of a round runs inside a function that the reader gives,
//! and what the clients do is not measured.
//!
//! Everything is the same at every run: seeds, names, sizes, time.

mod deliver;
pub mod packets;
mod peer;
mod retained;
mod route;
mod subscribe;
mod world;

use weirmq_core::packet::{QoS, Version};

use packets::Kind;
pub use world::ClientOptions;
use world::World;

/// What measures: it does the work that it is given, exactly once.
pub type Around = fn(&mut dyn FnMut());

/// A piece of work, set up and warmed up.
pub struct Work {
    /// Messages of one round, which is what a result is divided by: packets, topics, deliveries, whatever the name says.
    pub messages: u64,
    round: Box<dyn FnMut(Around)>,
}

impl Work {
    fn new(messages: usize, round: impl FnMut(Around) + 'static) -> Self {
        Self { messages: messages as u64, round: Box::new(round) }
    }

    /// Does it once more.
    pub fn round(&mut self, around: Around) {
        (self.round)(around);
    }
}

/// A piece of work and how it is set up.
#[derive(Clone, Copy)]
pub struct Case {
    /// `path/what`, with the QoS as `q0` to `q2` and the version of the protocol as `v3` (3.1.1) or `v5`.
    pub name: &'static str,
    set_up: fn() -> Work,
}

impl Case {
    /// The case of this name.
    pub fn find(name: &str) -> Option<Self> {
        CASES.iter().find(|case| case.name == name).copied()
    }

    /// Sets it up, and does the first rounds.
    pub fn set_up(&self) -> Work {
        /// After so many rounds buffers have grown to their sizes, and routes are remembered.
        const WARM_UP: usize = 8;
        let mut work = (self.set_up)();
        (0..WARM_UP).for_each(|_| work.round(|work| work()));
        work
    }
}

const V3: Version = Version::V3_1_1;
const V5: Version = Version::V5;
const Q0: QoS = QoS::AtMostOnce;
const Q1: QoS = QoS::AtLeastOnce;
const Q2: QoS = QoS::ExactlyOnce;

/// Bytes of a usual payload.
const PAYLOAD: usize = 64;

const fn case(name: &'static str, set_up: fn() -> Work) -> Case {
    Case { name, set_up }
}

/// All of them.
pub const CASES: &[Case] = &[
    case("decode/publish-q0-v3", || packets::decode(V3, Kind::Publish(Q0))),
    case("decode/publish-q1-v5", || packets::decode(V5, Kind::PublishProperties(Q1))),
    case("decode/puback-v3", || packets::decode(V3, Kind::PubAck)),
    case("decode/connect-v5", || packets::decode(V5, Kind::Connect)),
    case("decode/subscribe-v5", || packets::decode(V5, Kind::Subscribe)),
    case("encode/publish-q0-v3", || packets::encode(V3, Kind::Publish(Q0))),
    case("encode/publish-q1-v5", || packets::encode(V5, Kind::PublishProperties(Q1))),
    case("encode/puback-v3", || packets::encode(V3, Kind::PubAck)),
    case("encode/connect-v5", || packets::encode(V5, Kind::Connect)),
    case("route/remembered-1k-filters", || route::remembered(1_000)),
    case("route/remembered-100k-filters", || route::remembered(100_000)),
    case("route/walked-1k-filters", || route::walked(1_000)),
    case("route/walked-100k-filters", || route::walked(100_000)),
    case("route/ahead-100k-filters", || route::ahead(100_000)),
    case("route/ahead-remembered", || route::ahead_remembered(100_000)),
    case("route/subscribe-among-100k", || route::subscribed(100_000)),
    case("deliver/pairs-q0-v3", || deliver::pairs(V3, Q0, 16, PAYLOAD)),
    case("deliver/pairs-q0-v5", || deliver::pairs(V5, Q0, 16, PAYLOAD)),
    case("deliver/pairs-64-q0-v3", || deliver::pairs(V3, Q0, 64, PAYLOAD)),
    case("deliver/alternating-q0-v3", || deliver::alternating(V3, 16)),
    case("deliver/alternating-q0-v5", || deliver::alternating(V5, 16)),
    case("deliver/pairs-q1-v3", || deliver::pairs(V3, Q1, 16, PAYLOAD)),
    case("deliver/pairs-q1-v5", || deliver::pairs(V5, Q1, 16, PAYLOAD)),
    case("deliver/pairs-q2-v3", || deliver::pairs(V3, Q2, 16, PAYLOAD)),
    case("deliver/pairs-q2-v5", || deliver::pairs(V5, Q2, 16, PAYLOAD)),
    case("deliver/pairs-single-q0-v3", || deliver::pairs(V3, Q0, 1, PAYLOAD)),
    case("deliver/pairs-single-q1-v3", || deliver::pairs(V3, Q1, 1, PAYLOAD)),
    case("deliver/pairs-4k-q0-v3", || deliver::pairs(V3, Q0, 4, 4_096)),
    case("deliver/pairs-4k-q1-v3", || deliver::pairs(V3, Q1, 4, 4_096)),
    case("deliver/pairs-20k-q0-v3", || deliver::pairs(V3, Q0, 2, 20_480)),
    case("deliver/pairs-alias-q0-v5", || deliver::pairs_by_alias(Q0)),
    case("deliver/pairs-alias-q1-v5", || deliver::pairs_by_alias(Q1)),
    case("deliver/fanout-q0-v3", || deliver::fan_out(V3, Q0, 4, PAYLOAD)),
    case("deliver/fanout-64-q0-v3", || deliver::fan_out(V3, Q0, 64, PAYLOAD)),
    case("deliver/fanout-q0-v5", || deliver::fan_out(V5, Q0, 4, PAYLOAD)),
    case("deliver/fanout-q1-v3", || deliver::fan_out(V3, Q1, 4, PAYLOAD)),
    case("deliver/fanout-q1-v5", || deliver::fan_out(V5, Q1, 4, PAYLOAD)),
    case("deliver/fanout-q2-v5", || deliver::fan_out(V5, Q2, 4, PAYLOAD)),
    case("deliver/fanout-4k-q0-v3", || deliver::fan_out(V3, Q0, 4, 4_096)),
    case("deliver/fanout-4k-q1-v5", || deliver::fan_out(V5, Q1, 4, 4_096)),
    case("deliver/fanin-q0-v3", || deliver::fan_in(V3, Q0)),
    case("deliver/fanin-q1-v3", || deliver::fan_in(V3, Q1)),
    case("deliver/fanin-q1-v5", || deliver::fan_in(V5, Q1)),
    case("inflight/queued-q1-v3", || deliver::queued(V3, Q1)),
    case("inflight/queued-q1-v5", || deliver::queued(V5, Q1)),
    case("inflight/queued-q2-v5", || deliver::queued(V5, Q2)),
    case("subscribe/one-shard", || subscribe::filters(1)),
    case("subscribe/two-shards", || subscribe::filters(2)),
    case("retained/replace", || retained::replace(1)),
    case("retained/replay", retained::replay),
    case("peer/pairs-q0-v3", || peer::pairs(V3, Q0, 16, PAYLOAD)),
    case("peer/pairs-64-q0-v3", || peer::pairs(V3, Q0, 64, PAYLOAD)),
    case("peer/pairs-single-q0-v3", || peer::pairs(V3, Q0, 1, PAYLOAD)),
    case("peer/pairs-q1-v3", || peer::pairs(V3, Q1, 16, PAYLOAD)),
    case("peer/pairs-q1-v5", || peer::pairs(V5, Q1, 16, PAYLOAD)),
    case("peer/pairs-q2-v5", || peer::pairs(V5, Q2, 16, PAYLOAD)),
    case("peer/pairs-20k-q0-v3", || peer::pairs(V3, Q0, 2, 20_480)),
    case("peer/replace-retained", || retained::replace(2)),
    case("peer/match-among-80k-q0-v3", || peer::matched(40_000)),
];
