//! What a broker of several shards costs, counted and not timed: `docs/scaling.md` has what came out.
//!
//! `shards bytes` measures what connections, subscriptions, retained and queued messages take of the heap.
//! `shards work pairs|fan-in|fan-out|subscribe|retain SHARDS [QOS [WINDOW]]` drives that many shards in one thread. Under callgrind with
//! `--toggle-collect='*counted_shard_*'` only the shards' own work is counted, and each shard's apart:
//! `tests/compare/shards.py` does that for all of them.

mod bytes;
mod load;

use std::process::ExitCode;

use weirmq_tests::heap::Heap;

#[global_allocator]
static HEAP: Heap = Heap;

const USAGE: &str = "shards bytes\nshards work pairs|fan-in|fan-out|subscribe|retain SHARDS [QOS [WINDOW]]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["bytes"] => bytes::print(),
        ["work", work, shards, ref rest @ ..] => {
            let number = |place: usize, default: &str| rest.get(place).copied().unwrap_or(default).parse();
            let (Ok(work), Ok(shards), Ok(qos), Ok(window)) =
                (work.parse(), shards.parse(), number(0, "0"), number(1, "8"))
            else {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            };
            load::run(work, shards, qos, usize::from(window));
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
