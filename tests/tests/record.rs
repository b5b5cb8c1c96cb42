//! Every case of the contract is recorded and replayed, in memory and over real sockets on each runtime: the replay has
//! the same outputs and events. And what a recording must not have in it.

use std::sync::PoisonError;

use weirmq_core::Config;
use weirmq_core::record::RecordOptions;
use weirmq_tests::memory::Net;
use weirmq_tests::server::{Recorded, RunningServer, Runtime};
use weirmq_tests::socket::Sockets;
use weirmq_tests::{Start, World, cases, each_case};

#[path = "record/file.rs"]
mod file;
#[path = "record/inputs.rs"]
mod inputs;
#[path = "record/redaction.rs"]
mod redaction;

/// A server that is recorded; when it has gone, its replay is compared.
struct Verified {
    server: Option<RunningServer>,
    recorded: Recorded,
    shards: u16,
}

impl Verified {
    fn start(runtime: Runtime, config: &Config, options: RecordOptions) -> Self {
        let recorded = Recorded { options, ..Recorded::default() };
        let server = RunningServer::recorded(runtime, config, recorded.clone()).expect("the broker starts");
        Self { server: Some(server), recorded, shards: config.shards }
    }

    fn sockets(self) -> Sockets {
        let server = self.server.as_ref().expect("it runs");
        Sockets::new(server.addresses()[0].clone(), self)
    }
}

impl Drop for Verified {
    fn drop(&mut self) {
        drop::<Option<RunningServer>>(self.server.take());
        if std::thread::panicking() {
            return;
        }
        let replayed = self.recorded.recording.verify(self.shards);
        let live = self.recorded.events.lock().unwrap_or_else(PoisonError::into_inner);
        for shard in 0..self.shards {
            let of = |events: &[(weirmq_core::ShardId, weirmq_core::Event)]| -> Vec<_> {
                events.iter().filter(|(id, _)| id.0 == shard).map(|(_, event)| event.clone()).collect()
            };
            assert_eq!(of(&replayed), of(&live), "the events of shard {shard}");
        }
    }
}

fn over_sockets(runtime: Runtime, shards: u16, case: fn(Start<'_>)) {
    case(&move |config| {
        let config = Config { shards, ..config };
        Box::new(Verified::start(runtime, &config, RecordOptions::default()).sockets()) as Box<dyn World>
    });
}

/// In memory, with and without payloads.
fn in_memory(shards: u16, case: fn(Start<'_>)) {
    for redact_payloads in [false, true] {
        case(&move |config| {
            Box::new(Net::new(Config { shards, ..config }).recorded(RecordOptions { redact_payloads }))
        });
    }
}

macro_rules! on {
    ($run:expr; $($case:ident)*) => {
        use super::*;
        $(
            #[test]
            fn $case() {
                $run(cases::$case);
            }
        )*
    };
}

macro_rules! on_all {
    ($($case:ident)*) => {
        mod memory_1 { on!(|case| in_memory(1, case); $($case)*); }
        mod memory_2 { on!(|case| in_memory(2, case); $($case)*); }
        mod memory_3 { on!(|case| in_memory(3, case); $($case)*); }
        mod mio_1 { on!(|case| over_sockets(Runtime::Mio, 1, case); $($case)*); }
        mod mio_2 { on!(|case| over_sockets(Runtime::Mio, 2, case); $($case)*); }
        mod tokio_1 { on!(|case| over_sockets(Runtime::Tokio, 1, case); $($case)*); }
        mod tokio_2 { on!(|case| over_sockets(Runtime::Tokio, 2, case); $($case)*); }
        mod smol_1 { on!(|case| over_sockets(Runtime::Smol, 1, case); $($case)*); }
        mod smol_2 { on!(|case| over_sockets(Runtime::Smol, 2, case); $($case)*); }
    };
}

each_case!(on_all);
