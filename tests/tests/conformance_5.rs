//! Every statement of MQTT 5.0 that a server can break and a wire can show, one test or more for each, named after it:
//! `mqtt_5_3_1_2_24` is MQTT-3.1.2-24, `u5_07` is row U5-07 of `tests/spec/mqtt-5.0-unnumbered.tsv`. What no such test
//! can show is in `tests/spec/untestable.tsv`, with the reason.
//!
//! The files follow the chapters of the specification. A case that needs no clock is a function of [`Start`] and runs
//! in memory, with 1 and 2 shards, or over sockets: `WEIRMQ_CONFORMANCE=mio` (`tokio`, `smol`) starts that runtime,
//! `WEIRMQ_CONFORMANCE=host:port` takes what listens there, whatever its configuration. The others drive
//! [`Net`] in virtual time and always run in memory.

use std::env;

use weirmq_core::Config;
use weirmq_tests::memory::Net;
use weirmq_tests::server::{RunningServer, Runtime};
use weirmq_tests::socket::{Address, Sockets};
use weirmq_tests::{Start, World};

#[path = "conformance_5/acknowledgements.rs"]
mod acknowledgements;
#[path = "conformance_5/auth.rs"]
mod auth;
#[path = "conformance_5/connack.rs"]
mod connack;
#[path = "conformance_5/connect_actions.rs"]
mod connect_actions;
#[path = "conformance_5/connect_flags.rs"]
mod connect_flags;
#[path = "conformance_5/connect_payload.rs"]
mod connect_payload;
#[path = "conformance_5/connect_properties.rs"]
mod connect_properties;
#[path = "conformance_5/data_types.rs"]
mod data_types;
#[path = "conformance_5/delivery.rs"]
mod delivery;
#[path = "conformance_5/disconnect.rs"]
mod disconnect;
#[path = "conformance_5/flow.rs"]
mod flow;
#[path = "conformance_5/publish_actions.rs"]
mod publish_actions;
#[path = "conformance_5/publish_header.rs"]
mod publish_header;
#[path = "conformance_5/publish_properties.rs"]
mod publish_properties;
#[path = "conformance_5/qos.rs"]
mod qos;
#[path = "conformance_5/sessions.rs"]
mod sessions;
#[path = "conformance_5/shared.rs"]
mod shared;
#[path = "conformance_5/subscribe.rs"]
mod subscribe;
#[path = "conformance_5/subscribe_actions.rs"]
mod subscribe_actions;
#[path = "conformance_5/support.rs"]
mod support;
#[path = "conformance_5/topics.rs"]
mod topics;
#[path = "conformance_5/unnumbered_connect.rs"]
mod unnumbered_connect;
#[path = "conformance_5/unnumbered_format.rs"]
mod unnumbered_format;
#[path = "conformance_5/unnumbered_packets.rs"]
mod unnumbered_packets;
#[path = "conformance_5/unnumbered_sessions.rs"]
mod unnumbered_sessions;
#[path = "conformance_5/unsubscribe.rs"]
mod unsubscribe;

/// A broker in memory.
fn net(shards: u16, config: Config) -> Net {
    Net::new(Config { shards, ..config })
}

fn over_sockets(runtime: Runtime, shards: u16, config: Config) -> Box<dyn World> {
    let server = RunningServer::on_loopback(runtime, &Config { shards, ..config }).expect("the broker starts");
    Box::new(Sockets::new(server.addresses()[0].clone(), server))
}

/// Runs a case with 1 and 2 shards in the world that `WEIRMQ_CONFORMANCE` names, else in memory.
fn each_world(case: fn(Start<'_>)) {
    let wanted = env::var("WEIRMQ_CONFORMANCE").ok();
    let runtime = match wanted.as_deref() {
        Some("mio") => Some(Runtime::Mio),
        Some("tokio") => Some(Runtime::Tokio),
        Some("smol") => Some(Runtime::Smol),
        Some(address) => {
            let address = Address::Tcp(address.parse().expect("WEIRMQ_CONFORMANCE is mio, tokio, smol or host:port"));
            return case(&move |_| Box::new(Sockets::new(address.clone(), ())));
        }
        None => None,
    };
    for shards in 1..=2 {
        match runtime {
            Some(runtime) => case(&move |config| over_sockets(runtime, shards, config)),
            None => case(&move |config| Box::new(net(shards, config))),
        }
    }
}

/// Runs a case in virtual time with 1 and 2 shards.
fn each_net(case: fn(u16)) {
    for shards in 1..=2 {
        case(shards);
    }
}

/// The tests of cases that run in every world.
macro_rules! in_each_world {
    ($($case:ident)*) => {
        mod each_world {
            $(
                #[test]
                fn $case() {
                    crate::each_world(super::$case);
                }
            )*
        }
    };
}
use in_each_world;

/// The tests of cases that need virtual time, or an authentication that obeys the test.
macro_rules! in_memory {
    ($($case:ident)*) => {
        mod in_memory {
            $(
                #[test]
                fn $case() {
                    crate::each_net(super::$case);
                }
            )*
        }
    };
}
use in_memory;
