//! Every normative statement of MQTT 3.1.1 that a server can break and a wire can show, each by tests of its name:
//! `mqtt_3_3_1_2_24` is MQTT-3.1.2-24 of version 3.1.1. What MQTT 3.1 does otherwise stands beside it.
//!
//! Cases that need no clock run in every [`World`], with 1 and 2 shards: through memory, or over sockets with
//! `WEIRMQ_CONFORMANCE=mio` (`tokio`, `smol`) against that runtime, with `WEIRMQ_CONFORMANCE=host:port` against whatever
//! listens there. The others always run through memory, in virtual time.

use std::env;

use weirmq_core::Config;
use weirmq_tests::memory::Net;
use weirmq_tests::server::{RunningServer, Runtime};
use weirmq_tests::socket::{Address, Sockets};
use weirmq_tests::{Start, World};

#[path = "conformance_3/common.rs"]
mod common;
#[path = "conformance_3/connack.rs"]
mod connack;
#[path = "conformance_3/connect.rs"]
mod connect;
#[path = "conformance_3/errors.rs"]
mod errors;
#[path = "conformance_3/format.rs"]
mod format;
#[path = "conformance_3/order.rs"]
mod order;
#[path = "conformance_3/payload.rs"]
mod payload;
#[path = "conformance_3/publish.rs"]
mod publish;
#[path = "conformance_3/qos.rs"]
mod qos;
#[path = "conformance_3/retain.rs"]
mod retain;
#[path = "conformance_3/session.rs"]
mod session;
#[path = "conformance_3/subscribe.rs"]
mod subscribe;
#[path = "conformance_3/time.rs"]
mod time;
#[path = "conformance_3/topics.rs"]
mod topics;
#[path = "conformance_3/unsubscribe.rs"]
mod unsubscribe;
#[path = "conformance_3/will.rs"]
mod will;

/// A broker in a world of clients, in virtual time.
type InMemory<'a> = &'a dyn Fn(Config) -> Net;

fn memory(shards: u16, config: Config) -> Net {
    Net::new(Config { shards, ..config })
}

fn over_sockets(runtime: Runtime, shards: u16, config: Config) -> Box<dyn World> {
    let server = RunningServer::on_loopback(runtime, &Config { shards, ..config }).expect("the broker starts");
    Box::new(Sockets::new(server.addresses()[0].clone(), server))
}

fn run(shards: u16, case: fn(Start<'_>)) {
    let runtime = match env::var("WEIRMQ_CONFORMANCE").ok().as_deref() {
        Some("mio") => Runtime::Mio,
        Some("tokio") => Runtime::Tokio,
        Some("smol") => Runtime::Smol,
        Some(address) => {
            let address = Address::Tcp(address.parse().expect("WEIRMQ_CONFORMANCE is mio, tokio, smol or host:port"));
            return case(&move |_| Box::new(Sockets::new(address.clone(), ())));
        }
        None => return case(&move |config| Box::new(memory(shards, config))),
    };
    case(&move |config| over_sockets(runtime, shards, config));
}

/// Makes tests of cases that need no clock.
macro_rules! cases {
    ($($case:ident)*) => {
        mod shards_1 {
            $(#[test] fn $case() { $crate::run(1, super::$case); })*
        }
        mod shards_2 {
            $(#[test] fn $case() { $crate::run(2, super::$case); })*
        }
    };
}

/// Makes tests of cases that need virtual time, or an authentication or a store that obeys.
macro_rules! in_memory {
    ($($case:ident)*) => {
        mod in_memory {
            $(
                #[test]
                fn $case() {
                    for shards in 1..=2 {
                        super::$case(&|config| $crate::memory(shards, config));
                    }
                }
            )*
        }
    };
}
pub(crate) use {cases, in_memory};
