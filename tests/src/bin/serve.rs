//! `serve mio|tokio|smol [SHARDS]`: a broker on a free port of 127.0.0.1 in a process of its own, for tests that need
//! all descriptors of theirs. Prints its address on one line and ends with its standard input.

use std::io::{self, Read};
use std::process::ExitCode;

use weirmq_core::Config;
use weirmq_tests::server::{RunningServer, Runtime};
use weirmq_tests::socket::Address;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let runtime = arguments.next().unwrap_or_else(|| "mio".into()).parse::<Runtime>();
    let shards = arguments.next().map_or(Ok(1), |shards| shards.parse());
    let (Ok(runtime), Ok(shards)) = (runtime, shards) else {
        eprintln!("serve mio|tokio|smol [SHARDS]");
        return ExitCode::from(2);
    };
    match serve(runtime, shards) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("serve: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(runtime: Runtime, shards: u16) -> io::Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let server = RunningServer::on_loopback(runtime, &Config { shards, ..Config::default() })?;
    if let Address::Tcp(address) = &server.addresses()[0] {
        println!("{address}");
    }
    io::stdin().read_to_end(&mut Vec::new())?;
    server.shutdown();
    server.join()
}
