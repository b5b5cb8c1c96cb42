//! The core through memory in virtual time, with 1, 2 and 3 shards: the cases of the contract, and what needs a clock, a
//! store or an authentication that obey the test.

use weirmq_core::Config;
use weirmq_tests::memory::Net;
use weirmq_tests::{Start, cases, each_case};

#[path = "memory/ahead.rs"]
mod ahead;
#[path = "memory/authentication.rs"]
mod authentication;
#[path = "memory/between.rs"]
mod between;
#[path = "memory/counters.rs"]
mod counters;
#[path = "memory/events.rs"]
mod events;
#[path = "memory/findings.rs"]
mod findings;
#[path = "memory/kept.rs"]
mod kept;
#[path = "memory/left.rs"]
mod left;
#[path = "memory/machine.rs"]
mod machine;
#[path = "memory/numbers.rs"]
mod numbers;
#[path = "memory/offline.rs"]
mod offline;
#[path = "memory/operations.rs"]
mod operations;
#[path = "memory/pieces.rs"]
mod pieces;
#[path = "memory/review.rs"]
mod review;
#[path = "memory/storing.rs"]
mod storing;
#[path = "memory/time.rs"]
mod time;
#[path = "memory/world.rs"]
mod world;

/// A broker of this many shards.
fn net(shards: u16, config: Config) -> Net {
    Net::new(Config { shards, ..config })
}

fn run(shards: u16, case: fn(Start<'_>)) {
    case(&move |config| Box::new(net(shards, config)));
}

macro_rules! on {
    ($shards:literal: $($case:ident)*) => {
        use super::*;
        $(
            #[test]
            fn $case() {
                run($shards, cases::$case);
            }
        )*
    };
}

macro_rules! on_all {
    ($($case:ident)*) => {
        mod shards_1 { on!(1: $($case)*); }
        mod shards_2 { on!(2: $($case)*); }
        mod shards_3 { on!(3: $($case)*); }
    };
}

each_case!(on_all);

/// A test that is run with 1, 2 and 3 shards.
macro_rules! sharded {
    ($(#[$doc:meta])* fn $name:ident($shards:ident) $body:block) => {
        $(#[$doc])*
        #[test]
        fn $name() {
            for $shards in 1..=3 $body
        }
    };
}
pub(crate) use sharded;
