//! One contract for three runtimes: the same cases over real sockets against mio, tokio and smol, with 1 and 2 shards.
//!
//! With `WEIRMQ_TEST_BROKER=host:port` the cases of `each_case!` run against whatever listens there instead, to see what
//! another broker makes of them.

use std::env;

use weirmq_core::Config;
use weirmq_tests::server::{RunningServer, Runtime};
use weirmq_tests::socket::{Address, Sockets};
use weirmq_tests::{Start, World, cases, each_case};

#[path = "contract/behind.rs"]
mod behind;
#[path = "contract/lifecycle.rs"]
mod lifecycle;

/// A broker with this configuration, and a world of clients around it.
fn start(runtime: Runtime, shards: u16, mut config: Config) -> Box<dyn World> {
    config.shards = shards;
    let server = RunningServer::on_loopback(runtime, &config).expect("the broker starts");
    Box::new(Sockets::new(server.addresses()[0].clone(), server))
}

fn run(runtime: Runtime, shards: u16, case: fn(Start<'_>)) {
    if let Ok(other) = env::var("WEIRMQ_TEST_BROKER") {
        let address = Address::Tcp(other.parse().expect("WEIRMQ_TEST_BROKER is host:port"));
        return case(&move |_| Box::new(Sockets::new(address.clone(), ())));
    }
    case(&move |config| start(runtime, shards, config));
}

macro_rules! on {
    ($runtime:ident, $shards:literal: $($case:ident)*) => {
        use super::*;
        $(
            #[test]
            fn $case() {
                run(Runtime::$runtime, $shards, cases::$case);
            }
        )*
        mod lifecycle {
            use super::*;
            $crate::lifecycle::each_lifecycle!(Runtime::$runtime, $shards);
        }
    };
}

macro_rules! on_all {
    ($($case:ident)*) => {
        mod mio_1 { on!(Mio, 1: $($case)*); }
        mod mio_2 { on!(Mio, 2: $($case)*); }
        mod tokio_1 { on!(Tokio, 1: $($case)*); }
        mod tokio_2 { on!(Tokio, 2: $($case)*); }
        mod smol_1 { on!(Smol, 1: $($case)*); }
        mod smol_2 { on!(Smol, 2: $($case)*); }
    };
}

each_case!(on_all);

/// With two shards, what comes behind an acknowledgement.
mod behind_an_acknowledgement {
    use super::Runtime;
    use super::behind::each_behind;

    mod on_mio {
        use super::*;
        each_behind!(Runtime::Mio);
    }

    mod on_tokio {
        use super::*;
        each_behind!(Runtime::Tokio);
    }

    mod on_smol {
        use super::*;
        each_behind!(Runtime::Smol);
    }
}
