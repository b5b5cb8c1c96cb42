//! `serve mio|tokio|smol [SHARDS [QUEUE_MESSAGES_MAX]]`: a broker on a free port of 127.0.0.1 in a process of its own, for
//! tests that need all descriptors of theirs, or look at its memory. Prints its address on one line, its counters on one
//! line for each line that it reads, and ends with its standard input.

use std::io::{self, BufRead};
use std::process::ExitCode;

use weirmq_core::Config;
use weirmq_tests::server::{RunningServer, Runtime};
use weirmq_tests::socket::Address;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let runtime = arguments.next().unwrap_or_else(|| "mio".into()).parse::<Runtime>();
    let mut config = Config::default();
    let shards = arguments.next().map_or(Ok(1), |shards| shards.parse());
    let queue = arguments.next().map_or(Ok(config.limits.queue_messages_max), |messages| messages.parse());
    let (Ok(runtime), Ok(shards), Ok(queue)) = (runtime, shards, queue) else {
        eprintln!("serve mio|tokio|smol [SHARDS [QUEUE_MESSAGES_MAX]]");
        return ExitCode::from(2);
    };
    config.shards = shards;
    config.limits.queue_messages_max = queue;
    match serve(runtime, &config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("serve: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(runtime: Runtime, config: &Config) -> io::Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let server = RunningServer::on_loopback(runtime, config)?;
    if let Address::Tcp(address) = &server.addresses()[0] {
        println!("{address}");
    }
    for line in io::stdin().lock().lines() {
        line?;
        let counters: Vec<String> = server.stats().iter().map(|(name, value)| format!("{name}={value}")).collect();
        println!("{}", counters.join(" "));
    }
    server.shutdown();
    server.join()
}
