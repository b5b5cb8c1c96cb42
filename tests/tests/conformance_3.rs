//! Every normative statement of MQTT 3.1.1 that a server can break and a wire can show, each by tests of its name:
//! `mqtt_3_3_1_2_24` is MQTT-3.1.2-24 of version 3.1.1. What MQTT 3.1 does otherwise stands beside it.
//!
//! Cases that need no clock run in every [`World`]: here through memory with 1 and 2 shards, and with
//! `WEIRMQ_TEST_RUNTIME=mio` (or `tokio`, `smol`) over real sockets against that runtime. With
//! `WEIRMQ_TEST_BROKER=host:port` they run against whatever listens there. The others always run through memory.

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

fn runtime(name: &str) -> Runtime {
    match name {
        "mio" => Runtime::Mio,
        "tokio" => Runtime::Tokio,
        "smol" => Runtime::Smol,
        other => panic!("WEIRMQ_TEST_RUNTIME is mio, tokio or smol, and not {other}"),
    }
}

fn run(shards: u16, case: fn(Start<'_>)) {
    if let Ok(other) = env::var("WEIRMQ_TEST_BROKER") {
        let address = Address::Tcp(other.parse().expect("WEIRMQ_TEST_BROKER is host:port"));
        return case(&move |_| Box::new(Sockets::new(address.clone(), ())));
    }
    if let Ok(name) = env::var("WEIRMQ_TEST_RUNTIME") {
        let runtime = runtime(&name);
        return case(&move |config| over_sockets(runtime, shards, config));
    }
    case(&move |config| Box::new(memory(shards, config)));
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
