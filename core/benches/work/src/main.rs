//! The work for callgrind: `weirmq-work` names all of it, and `weirmq-work NAME` does one piece and prints how many
//! messages that was. `core/benches/instructions.py` runs it.
//!
//! Only what happens in [`collected`] is to be counted: `--toggle-collect='*collected*'`.

use std::hint::black_box;
use std::process::ExitCode;

use weirmq_work::{CASES, Case};

/// Rounds that are counted. They are all alike, so a few are enough.
const ROUNDS: u64 = 4;

/// callgrind counts while this is entered: it has to be a function of its own, and to call what it is given rather than
/// to jump there.
#[inline(never)]
fn collected(work: &mut dyn FnMut()) {
    work();
    black_box(());
}

fn main() -> ExitCode {
    let Some(name) = std::env::args().nth(1) else {
        CASES.iter().for_each(|case| println!("{}", case.name));
        return ExitCode::SUCCESS;
    };
    let Some(case) = Case::find(&name) else {
        eprintln!("there is no {name}");
        return ExitCode::FAILURE;
    };
    let mut work = case.set_up();
    (0..ROUNDS).for_each(|_| work.round(collected));
    println!("{}", ROUNDS * work.messages);
    ExitCode::SUCCESS
}
