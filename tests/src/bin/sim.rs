//! `sim`: runs the simulator over many seeds, or one scenario file, and makes a small scenario of what fails; or tells a
//! story.
//!
//! ```text
//! cargo run --release -p weirmq-tests --bin sim -- --seeds 1000
//! cargo run --release -p weirmq-tests --bin sim -- --seed 77
//! cargo run --release -p weirmq-tests --bin sim -- --scenario tests/tests/scenarios/NAME.sim
//! cargo run --release -p weirmq-tests --bin sim -- --story tests/tests/stories/NAME.story
//! ```

use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use weirmq_tests::sim::{Outcome, Scenario, Story, run, run_twice, shrink};

const USAGE: &str = "\
sim [--seeds COUNT] [--first SEED] [--keep-going]   runs seeds FIRST.. (default 1000 from 1)
sim --seed SEED [--lines COUNT]                     runs one and prints its last lines
sim --scenario FILE [--lines COUNT]                 the same for a file
sim --story FILE                                    tells a story in every way
    --shrink-runs COUNT                             how long a failure is made smaller (default 1500 runs, 0: not at all)";

struct Arguments {
    first: u64,
    seeds: u64,
    one: bool,
    scenario: Option<String>,
    story: Option<String>,
    lines: usize,
    shrink_runs: usize,
    keep_going: bool,
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments {
        first: 1,
        seeds: 1_000,
        one: false,
        scenario: None,
        story: None,
        lines: 60,
        shrink_runs: 1_500,
        keep_going: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--keep-going" {
            arguments.keep_going = true;
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|error| format!("{word} {value}: {error}"));
        match word.as_str() {
            "--seeds" => arguments.seeds = number()?,
            "--first" => arguments.first = number()?,
            "--seed" => {
                arguments.first = number()?;
                arguments.seeds = 1;
                arguments.one = true;
            }
            "--lines" => arguments.lines = number()? as usize,
            "--shrink-runs" => arguments.shrink_runs = number()? as usize,
            "--scenario" => arguments.scenario = Some(value.clone()),
            "--story" => arguments.story = Some(value.clone()),
            other => return Err(format!("{other} is not known")),
        }
    }
    Ok(arguments)
}

/// What all runs came to.
#[derive(Default)]
struct Total {
    runs: u64,
    failures: u64,
    sum: Outcome,
}

impl Total {
    fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.failures += u64::from(outcome.failure.is_some());
        self.sum.simulated += outcome.simulated;
        self.sum.messages += outcome.messages;
        self.sum.delivered += outcome.delivered;
        self.sum.repeated += outcome.repeated;
        self.sum.faults += outcome.faults;
    }

    fn print(&self, real: Duration) {
        let hours = self.sum.simulated.as_secs_f64() / 3_600.0;
        // Each run is made twice.
        let ratio = 2.0 * self.sum.simulated.as_secs_f64() / real.as_secs_f64().max(1e-9);
        println!("{} runs, each twice, {} failed, in {:.1} s", self.runs, self.failures, real.as_secs_f64());
        println!("{hours:.1} h simulated, {ratio:.0} times as fast as real time");
        println!(
            "{} messages sent, {} delivered, {} of them again",
            self.sum.messages, self.sum.delivered, self.sum.repeated
        );
        println!("{} faults injected", self.sum.faults);
    }
}

/// Prints what is known of a failure, and the smallest scenario that fails in the same way.
fn report(name: &str, scenario: &Scenario, outcome: &Outcome, arguments: &Arguments) {
    let Some(failure) = &outcome.failure else { return };
    println!("\n{name} failed: {}\n{}", failure.rule, failure.text);
    let small = shrink(scenario, failure.rule, arguments.shrink_runs);
    let last = run(&small, arguments.lines);
    println!("\nlast lines of the smallest run:");
    last.lines.iter().for_each(|line| println!("  {line}"));
    println!("\n# {name}: {}\n{small}", failure.rule);
}

/// How many seeds are done, on standard error, when somebody is there to see it.
fn bar(seeds: u64) -> ProgressBar {
    let bar = ProgressBar::new(seeds);
    let template = "{wide_bar} {human_pos} of {human_len} seeds, {msg}, {per_sec}, {eta} left";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("█▉▊▋▌▍▎▏ ")),
        Err(_) => bar,
    }
}

fn run_seeds(arguments: &Arguments) -> bool {
    let begun = Instant::now();
    let mut total = Total::default();
    let bar = bar(arguments.seeds);
    for seed in arguments.first..arguments.first + arguments.seeds {
        let scenario = Scenario::generate(seed);
        let outcome = run_twice(&scenario);
        total.add(&outcome);
        bar.set_message(format!("{} failed", total.failures));
        bar.inc(1);
        if let Some(failure) = &outcome.failure {
            if !arguments.keep_going {
                bar.finish_and_clear();
                report(&format!("seed {seed}"), &scenario, &outcome, arguments);
                break;
            }
            bar.suspend(|| println!("seed {seed}: {}: {:.300}", failure.rule, failure.text.replace('\n', " ")));
        }
    }
    bar.finish_and_clear();
    total.print(begun.elapsed());
    total.failures == 0
}

fn run_one(name: &str, scenario: &Scenario, arguments: &Arguments) -> bool {
    let outcome = run_twice(scenario);
    if outcome.failure.is_some() {
        report(name, scenario, &outcome, arguments);
        return false;
    }
    run(scenario, arguments.lines).lines.iter().for_each(|line| println!("  {line}"));
    println!("{name} is fine; hash {:016x}", outcome.hash);
    true
}

/// Tells a story in every way.
fn tell(path: &str) -> Result<bool, String> {
    let text = read(path)?;
    let told = Story::parse(&text).map_err(|error| format!("{path}:{error}"))?.run_all();
    match &told {
        Ok(ways) => println!("{path} came true in {ways} ways"),
        Err((variant, error)) => println!("{path}:{error}\n    ({variant})"),
    }
    Ok(told.is_ok())
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}

fn main() -> ExitCode {
    // A panic of the broker is a failure like any other, and is told as one.
    std::panic::set_hook(Box::new(|_| {}));
    let result = arguments().and_then(|arguments| match (&arguments.story, &arguments.scenario) {
        (Some(path), _) => tell(path),
        (None, Some(path)) => {
            let scenario = Scenario::parse(&read(path)?).map_err(|error| format!("{path}: {error}"))?;
            Ok(run_one(path, &scenario, &arguments))
        }
        (None, None) if arguments.one => {
            let name = format!("seed {}", arguments.first);
            Ok(run_one(&name, &Scenario::generate(arguments.first), &arguments))
        }
        (None, None) => Ok(run_seeds(&arguments)),
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}
