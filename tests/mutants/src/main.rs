//! `mutants`: makes the core wrong in one place after the other and says which tests notice.
//!
//! All mutants of a sample are compiled into a copy of the repository at once and chosen by a variable of the environment,
//! so the test programs are built once. See `docs/testing.md`.

mod constant;
mod find;
mod mutant;
mod report;
mod rewrite;
mod suite;
mod values;
mod workspace;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use mutant::{Mutant, sample};
use report::{Outcome, line, survivors, table};
use suite::{End, Suite, suites};
use workspace::{FOLDERS, Workspace};

const USAGE: &str = "\
mutants [--seed SEED] [--sample COUNT] [--least COUNT]   a sample (default 1, 400, at least 40 of a folder)
    --again FILE      only those that survived in this file of results
    --name TEXT       only those of the sample with this in their name
    --list            prints the sample and runs nothing
    --scratch FOLDER  for the copy and what is built (default target/mutants)
    --jobs COUNT      mutants at a time (default 2)
    --threads COUNT   of each test program (default 1)";

struct Arguments {
    seed: u64,
    sample: usize,
    least: usize,
    again: Option<PathBuf>,
    name: Option<String>,
    list: bool,
    scratch: PathBuf,
    jobs: usize,
    threads: usize,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn arguments() -> Result<Arguments, String> {
    let scratch = repository().join("target/mutants");
    let mut arguments = Arguments {
        seed: 1,
        sample: 400,
        least: 40,
        again: None,
        name: None,
        list: false,
        scratch,
        jobs: 2,
        threads: 1,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        let number = |text: String| text.parse().map_err(|_| format!("{text} is no number"));
        match word.as_str() {
            "--seed" => arguments.seed = number(value()?)? as u64,
            "--sample" => arguments.sample = number(value()?)?,
            "--least" => arguments.least = number(value()?)?,
            "--again" => arguments.again = Some(value()?.into()),
            "--name" => arguments.name = Some(value()?),
            "--list" => arguments.list = true,
            "--scratch" => arguments.scratch = value()?.into(),
            "--jobs" => arguments.jobs = number(value()?)?,
            "--threads" => arguments.threads = number(value()?)?,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(arguments)
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mutants: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<()> {
    fs::create_dir_all(&arguments.scratch)?;
    let scratch = arguments.scratch.canonicalize()?;
    let again = arguments.again.as_ref().map(fs::read_to_string).transpose()?;
    let mut workspace = Workspace::new(&repository(), &scratch)?;
    let found = workspace.mutants();
    let viable = workspace.viable(found.clone())?;
    let sample = sample(&viable, &FOLDERS, arguments.seed, arguments.sample, arguments.least);
    println!(
        "{} found, {} viable, {} in the sample of seed {}",
        found.len(),
        viable.len(),
        sample.len(),
        arguments.seed
    );
    // All are written whichever are asked for, so that nothing is built again that is there.
    workspace.write(&sample)?;
    let mut chosen = sample;
    if let Some(text) = &again {
        let names = survivors(text);
        chosen.retain(|mutant| names.contains(&mutant.name().as_str()));
    }
    if let Some(name) = &arguments.name {
        chosen.retain(|mutant| mutant.name().contains(name));
    }
    if arguments.list {
        chosen.iter().for_each(|mutant| println!("{}\t{}", mutant.line, mutant.name()));
        return Ok(());
    }
    let suites = suites(&workspace, arguments.threads)?;
    let results = judge(arguments, chosen, &suites)?;
    let lines: Vec<String> = results.iter().map(|(mutant, outcome)| line(mutant, outcome)).collect();
    let path = scratch.join(format!("seed-{}.tsv", arguments.seed));
    if again.is_none() && arguments.name.is_none() {
        fs::write(&path, lines.join("\n") + "\n")?;
        println!("written: {}", path.display());
    }
    let names: Vec<_> = suites.iter().map(|suite| suite.name).collect();
    println!("\n{}", table(&results, &found, &viable, &FOLDERS, &names));
    lines.iter().filter(|line| line.starts_with("-\t")).for_each(|line| println!("{line}"));
    Ok(())
}

/// Runs the suites with each mutant, in the order of the sample.
fn judge(arguments: &Arguments, chosen: Vec<Mutant>, suites: &[Suite]) -> io::Result<Vec<(Mutant, Outcome)>> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let work = || -> io::Result<()> {
            while let Some(mutant) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                let mut outcome = None;
                for suite in suites {
                    let end = suite.run(mutant.id, arguments.threads)?;
                    if end != End::Passed {
                        outcome = Some((suite.name, end));
                        break;
                    }
                }
                eprintln!("{}", line(mutant, &outcome));
                results.lock().unwrap_or_else(PoisonError::into_inner).push((mutant.clone(), outcome));
            }
            Ok(())
        };
        let workers: Vec<_> = (0..arguments.jobs.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a worker does not panic"))
    })?;
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(mutant, _)| mutant.id);
    Ok(results)
}
