//! The simulator over a fixed set of seeds, and over every scenario that once failed.

use std::path::Path;

use weirmq_tests::sim::{Salted, Scenario, Step, run, run_twice};

/// Seeds of a run in CI; `cargo run --release -p weirmq-tests --bin sim` runs more.
const SEEDS: u64 = 150;

#[test]
fn seeds() {
    for seed in 1..=SEEDS {
        let outcome = run_twice(&Scenario::generate(seed));
        if let Some(failure) = outcome.failure {
            panic!("seed {seed}: {}: {}\nsee `sim --seed {seed}`", failure.rule, failure.text);
        }
    }
}

/// Each file once was the smallest run of a fault in the broker.
#[test]
fn scenarios() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("the folder").map(|file| file.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sim"));
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a scenario");
        let scenario = Scenario::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        if let Some(failure) = run_twice(&scenario).failure {
            panic!("{}: {}: {}", file.display(), failure.rule, failure.text);
        }
    }
}

/// What is written down is what was run.
#[test]
fn scenarios_survive_being_written_down() {
    for seed in 1..=40 {
        let scenario = Scenario::generate(seed);
        let read = Scenario::parse(&scenario.to_string()).expect("what was written can be read");
        assert_eq!(read, scenario);
    }
    assert!(Scenario::parse("publish client=1 colour=3").is_err());
    assert!(Scenario::parse("options colour=3").is_err());
    assert_eq!(Step::parse("ping client=3"), Ok(Step::Ping { client: 3 }));
}

/// A broker with a store is not made anew, whoever asks for it: nothing could give it what the store kept.
#[test]
fn restarts_are_for_brokers_that_keep_nothing() {
    let is_restart = |salted: &Salted| salted.step == Step::Restart {};
    let scenarios = || (1..=200).map(Scenario::generate);
    let with = |durable: u64| scenarios().filter(move |it| it.options.durable == durable);
    assert!(with(0).any(|it| it.steps.iter().any(is_restart)));
    assert!(!with(1).any(|it| it.steps.iter().any(is_restart)));
    for (durable, faults) in [(0, 1), (1, 0)] {
        let text = format!("options durable={durable}\nconnect client=1\nwait ms=1\nrestart\n");
        let outcome = run_twice(&Scenario::parse(&text).expect("a scenario"));
        assert_eq!((outcome.failure, outcome.faults), (None, faults), "{text}");
    }
}

/// Seeds differ, so they do not all run the same.
#[test]
fn seeds_matter() {
    let (one, two) = (run(&Scenario::generate(1), 0), run(&Scenario::generate(2), 0));
    assert_ne!(one.hash, two.hash);
}
