//! Runs the built program and waits on what it prints, never on time.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

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

/// A running broker, killed when the test is over.
pub(crate) struct Broker {
    pub(crate) child: Child,
    log: BufReader<ChildStderr>,
    seen: String,
}

impl Broker {
    /// Starts it with JSON lines and these arguments.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = weirmq(arguments);
        command.args(["--log-format", "json"]).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let log = BufReader::new(child.stderr.take().expect("a pipe"));
        Self { child, log, seen: String::new() }
    }

    /// The next line of the log with this event, as JSON.
    pub(crate) fn wait_for(&mut self, event: &str) -> serde_json::Value {
        loop {
            let mut line = String::new();
            let count = self.log.read_line(&mut line).expect("the log is text");
            assert!(count > 0, "the log ended without {event}:\n{}", self.seen);
            self.seen.push_str(&line);
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

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits for its end; the exit code, or minus the signal that killed it.
    pub(crate) fn wait(mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).expect("the log is text");
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
