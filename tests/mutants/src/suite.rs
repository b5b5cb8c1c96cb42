//! The test programs, and whether they fail.

use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::workspace::Workspace;

/// The cheapest first. The name of the program, its package, the folder that it runs in, and what it is told.
const SUITES: [(&str, &str, &str, &[&str]); 10] = [
    ("weirmq_core", "weirmq-core", "core", &[]),
    ("memory", "weirmq-tests", "tests", &[]),
    ("conformance_3", "weirmq-tests", "tests", &[]),
    ("conformance_5", "weirmq-tests", "tests", &[]),
    ("stories", "weirmq-tests", "tests", &[]),
    ("simulation", "weirmq-tests", "tests", &[]),
    (
        "record",
        "weirmq-tests",
        "tests",
        &["--skip", "mio_", "--skip", "tokio_", "--skip", "smol_", "--skip", "sockets"],
    ),
    ("allocations", "weirmq-tests", "tests", &[]),
    ("replay", "weirmq-fuzz", "fuzz", &[]),
    ("overload", "weirmq-tests", "tests", &["--skip", "readers", "--skip", "turns"]),
];

/// A mutant may take this many times as long as the core as it is, and this much more.
const TIMES: u32 = 4;
const MORE: Duration = Duration::from_secs(10);
/// Kibibytes of address space.
const MEMORY_MAX: u32 = 6 << 20;

/// One test program.
pub(crate) struct Suite {
    /// Its name.
    pub(crate) name: &'static str,
    program: PathBuf,
    folder: PathBuf,
    arguments: &'static [&'static str],
    /// How long it takes without a mutant.
    usual: Duration,
}

/// How a suite ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It passed.
    Passed,
    /// A test failed; its name.
    Failed(String),
    /// The program ended otherwise, such as with a stack that overflowed.
    Died,
    /// It took too long.
    Late,
}

/// Builds all suites, and runs each without a mutant.
pub(crate) fn suites(workspace: &Workspace, threads: usize) -> io::Result<Vec<Suite>> {
    let tests: Vec<&str> =
        SUITES.iter().filter(|suite| suite.1 == "weirmq-tests").flat_map(|suite| ["--test", suite.0]).collect();
    let mut programs = workspace.build(&["-p", "weirmq-core", "--lib"])?;
    programs.extend(workspace.build(&[&["-p", "weirmq-tests"], &tests[..]].concat())?);
    programs.extend(workspace.build(&["--manifest-path", "fuzz/Cargo.toml", "--test", "replay"])?);
    let mut suites = Vec::new();
    for (name, _, folder, arguments) in SUITES {
        let program = programs.get(name).ok_or_else(|| io::Error::other(format!("{name} was not built")))?.clone();
        let usual = Duration::from_secs(600);
        let mut suite = Suite { name, program, folder: workspace.folder(folder), arguments, usual };
        let start = Instant::now();
        let end = suite.run(0, threads)?;
        if end != End::Passed {
            return Err(io::Error::other(format!("{name} without a mutant: {end:?}")));
        }
        suite.usual = start.elapsed();
        eprintln!("{name}: {:.1} s", suite.usual.as_secs_f64());
        suites.push(suite);
    }
    Ok(suites)
}

impl Suite {
    /// Runs it with one mutant until a test fails. `threads` are those of the test program.
    pub(crate) fn run(&self, mutant: u32, threads: usize) -> io::Result<End> {
        let limit = self.usual * TIMES + MORE;
        // Time of the processor, so that it does not matter what else runs.
        let script = format!("ulimit -v {MEMORY_MAX}; ulimit -t {}; exec \"$@\"", limit.as_secs() * threads as u64);
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh"]).arg(&self.program).args(self.arguments);
        command.args(["--test-threads", &threads.to_string()]).current_dir(&self.folder);
        command.env("CARGO_MANIFEST_DIR", &self.folder).env("WEIRMQ_MUTANT", mutant.to_string());
        command.env("PROPTEST_RNG_SEED", "1").env("PROPTEST_MAX_SHRINK_ITERS", "0");
        command.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true").env("RUST_BACKTRACE", "0");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let end = watch(&mut child, Instant::now() + limit * 3);
        // It has ended by itself, or nothing more is to be learned from it.
        if end.is_some() {
            child.kill()?;
        }
        let status = child.wait()?;
        Ok(end.unwrap_or(if status.success() { End::Passed } else { End::Died }))
    }
}

/// Reads the output until it ends (`None`), a test fails or it is too late.
fn watch(child: &mut Child, deadline: Instant) -> Option<End> {
    let output = child.stdout.take()?;
    let (sender, lines) = mpsc::channel();
    let reader = thread::spawn(move || {
        BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line).ok())
    });
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                if let Some(test) = line.strip_prefix("test ").and_then(|line| line.strip_suffix(" ... FAILED")) {
                    return Some(End::Failed(test.to_owned()));
                }
            }
            Err(RecvTimeoutError::Timeout) => return Some(End::Late),
            Err(RecvTimeoutError::Disconnected) => {
                drop(reader.join());
                return None;
            }
        }
    }
}
