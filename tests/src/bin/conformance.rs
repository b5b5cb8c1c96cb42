//! `conformance`: runs the conformance suites and writes `docs/conformance.md`. `conformance --check` runs nothing and
//! says whether statements, tests and page fit together, as `cargo test --test conformance_report` does.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use weirmq_tests::conformance::Coverage;
use weirmq_tests::conformance::page::{Results, render};

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md")
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        [] => write(),
        ["--check"] => check(),
        _ => {
            eprintln!("conformance [--check]");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            faults.iter().for_each(|fault| eprintln!("{fault}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("conformance: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the suites and writes the page. What is wrong all the same is told.
fn write() -> io::Result<Vec<String>> {
    let coverage = Coverage::read(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    let (results, passed) = run()?;
    let old = fs::read_to_string(page()).unwrap_or_default();
    fs::write(page(), render(&old, &coverage, &results))?;
    let mut faults = coverage.faults;
    if !passed {
        faults.push("not all tests pass; the page says which".into());
    }
    Ok(faults)
}

fn run() -> io::Result<(Results, bool)> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let suites = ["--test", "conformance_3", "--test", "conformance_5"];
    let mut command = Command::new(cargo);
    command.args(["test", "--no-fail-fast", "-p", "weirmq-tests"]).args(suites).stderr(Stdio::inherit());
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output()?;
    Ok((Results::parse(&String::from_utf8_lossy(&output.stdout)), output.status.success()))
}

fn check() -> io::Result<Vec<String>> {
    let coverage = Coverage::read(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    let old = fs::read_to_string(page())?;
    let is_fresh = render(&old, &coverage, &Results::Passing) == old;
    let mut faults = coverage.faults;
    if !is_fresh {
        faults.push("docs/conformance.md is out of date: cargo run -p weirmq-tests --bin conformance".into());
    }
    Ok(faults)
}
