//! Runs the built program and waits on what it prints, never on time.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// The program with no variable of the tester's environment that means something to it.
pub(crate) fn weirmq(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weirmq"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().to_lowercase().starts_with("weirmq_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs it to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    weirmq(arguments).output().expect("the program runs")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// How long a line may be in coming before a test fails: long enough for a busy machine, and not for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running broker, killed when the test is over.
pub(crate) struct Broker {
    child: Child,
    log: Receiver<String>,
    seen: String,
}

impl Broker {
    /// Starts it with JSON lines and these arguments.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = weirmq(arguments);
        command.args(["--log-format", "json"]).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let (sender, log) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines() {
                if sender.send(line.expect("the log is text")).is_err() {
                    return;
                }
            }
        });
        Self { child, log, seen: String::new() }
    }

    /// The next line of the log with this event, as JSON.
    pub(crate) fn wait_for(&mut self, event: &str) -> serde_json::Value {
        loop {
            let Ok(line) = self.log.recv_timeout(PATIENCE) else { panic!("no {event} came after:\n{}", self.seen) };
            self.seen.push_str(&line);
            self.seen.push('\n');
            match serde_json::from_str::<serde_json::Value>(&line) {
                Ok(value) if value["event"] == event => return value,
                Ok(_) => {}
                Err(error) => panic!("no JSON ({error}): {line}"),
            }
        }
    }

    /// The port of the next listener that starts.
    pub(crate) fn port(&mut self) -> u16 {
        let started = self.wait_for("listener_started");
        let address = started["address"].as_str().expect("an address");
        address.rsplit_once(':').expect("a port").1.parse().expect("a number")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits for its end; the exit code, or minus the signal that killed it.
    pub(crate) fn wait(mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        // The log ends with the program.
        while let Ok(line) = self.log.recv_timeout(PATIENCE) {
            self.seen.push_str(&line);
            self.seen.push('\n');
        }
        let status = self.child.wait().expect("it can be waited for");
        status.code().unwrap_or_else(|| -status.signal().unwrap_or(0))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
