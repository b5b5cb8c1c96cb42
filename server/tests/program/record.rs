//! `serve --record` and `replay` from outside.

use std::fs;
use std::path::PathBuf;

use crate::support::{Broker, run, stderr, stdout, weirmq};

/// A path that is free, and again when the test is over.
struct Free(PathBuf);

impl Free {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("weirmq-record-{}-{name}", std::process::id()));
        let _absent = fs::remove_file(&path);
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for Free {
    fn drop(&mut self) {
        let _absent = fs::remove_file(&self.0);
    }
}

/// Records a session that stays and a publisher; `more` are further arguments of serve.
fn record(path: &str, runtime: &str, more: &[&str]) {
    let mut arguments = vec!["serve", "-l", "127.0.0.1:0", "--runtime", runtime, "--shards", "2", "--record", path];
    arguments.extend_from_slice(more);
    let mut broker = Broker::start(&arguments);
    let port = broker.port().to_string();
    let subscribe = ["sub", "-p", &port, "-i", "session", "-c", "-q", "1", "-t", "topic/#", "-E"];
    assert!(weirmq(&subscribe).status().expect("sub runs").success());
    let publish = ["pub", "-p", &port, "-u", "me", "-P", "pa55word", "-q", "1", "-t", "topic/x", "-m", "a payload"];
    assert!(weirmq(&publish).status().expect("pub runs").success());
    broker.signal("TERM");
    assert_eq!(broker.wait(), 0);
}

#[test]
fn what_was_recorded_is_replayed_with_its_events_and_clients() {
    for runtime in ["mio", "tokio", "smol"] {
        let file = Free::new(runtime);
        record(file.path(), runtime, &["--record-redact"]);
        let output = run(&["replay", file.path(), "--client", "session", "--client", "nobody"]);
        let text = stdout(&output);
        assert_eq!(output.status.code(), Some(0), "{text}{}", stderr(&output));
        for wanted in [
            "Subscribed {",
            "shard 0 of 2",
            "shard 1 of 2",
            "payloads redacted",
            "the outputs are those that were recorded, to the end",
            "\"topic/#\" QoS 1",
            "queued        1 messages",
            "client \"nobody\" has no session",
        ] {
            assert!(text.contains(wanted), "{wanted} is not in\n{text}");
        }
        let bytes = fs::read(&file.0).expect("the file is there");
        let has = |text: &[u8]| bytes.windows(text.len()).any(|bytes| bytes == text);
        assert!(has(b"topic/x") && !has(b"pa55word") && !has(b"a payload"));
        let quiet = stdout(&run(&["replay", "-q", file.path(), "--until", "0s"]));
        assert!(!quiet.contains("Subscribed") && quiet.contains("until then"), "{quiet}");
    }
}

#[test]
fn a_full_file_stops_the_recording_and_not_the_broker() {
    let file = Free::new("full");
    let mut broker =
        Broker::start(&["serve", "-l", "127.0.0.1:0", "--record", file.path(), "--record-bytes-max", "64KiB"]);
    let port = broker.port().to_string();
    let big = "x".repeat(40_000);
    for _ in 0..3 {
        let publish = ["pub", "-p", &port, "-q", "1", "-t", "t", "-m", &big];
        assert!(weirmq(&publish).status().expect("pub runs").success());
    }
    broker.wait_for("recording_full");
    broker.signal("TERM");
    assert_eq!(broker.wait(), 0);
    assert!(fs::metadata(&file.0).expect("the file is there").len() <= 64 * 1024);
    let output = run(&["replay", file.path()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("until the file was full"));
}

#[test]
fn a_file_that_cannot_be_replayed_says_why() {
    let file = Free::new("bad");
    fs::write(&file.0, "no recording").expect("it is written");
    let output = run(&["replay", file.path()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("this is no recording of weirmq"), "{}", stderr(&output));
    // Nor is it overwritten.
    let output = run(&["serve", "-l", "127.0.0.1:0", "--record", file.path()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot record to"), "{}", stderr(&output));
    assert_eq!(fs::read(&file.0).expect("the file is there"), b"no recording");
}
