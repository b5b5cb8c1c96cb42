//! The command line from outside: what it prints, and with which code it ends.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;

use crate::support::{Broker, run, stderr, stdout, weirmq};

/// A file that is there while the test runs.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("weirmq-cli-{}-{name}", std::process::id()));
        fs::write(&path, text).expect("the file is written");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn help_tells_what_there_is() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    for word in [
        "serve",
        "check",
        "pub",
        "sub",
        "--config",
        "--listen",
        "--runtime",
        "--shards",
        "--memory",
        "WEIRMQ__",
        "Exit codes",
    ] {
        assert!(text.contains(word), "{word} is not in\n{text}");
    }
    assert_eq!(stdout(&run(&["--version"])), format!("weirmq {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn check_says_ok_and_what_it_comes_to() {
    let file = File::new("ok.yaml", "listeners: [{address: 127.0.0.1:1999, name: here}]\nshards: 2\n");
    for arguments in [&["check", "--config", file.path()][..], &["serve", "--test-config", "--config", file.path()]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let text = stdout(&output);
        assert!(text.starts_with("ok\n"), "{text}");
        assert!(text.contains("127.0.0.1:1999 (here): anonymous clients allowed"), "{text}");
        assert!(text.contains("mio, 2 shard(s)"), "{text}");
    }
}

#[test]
fn a_bad_configuration_ends_with_3() {
    let file = File::new("bad.yaml", "shards: 1\nmqtt:\n  packet_byte_max: 2MiB\n");
    for arguments in [&["check", "--config", file.path()][..], &["--config", file.path()]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(3));
        let text = stderr(&output);
        assert!(text.starts_with(&format!("error: {}:3:3: unknown key `packet_byte_max`", file.path())), "{text}");
        assert!(text.contains("did you mean `packet_bytes_max`?"), "{text}");
    }
}

#[test]
fn a_missing_file_ends_with_3() {
    for arguments in [&["check", "--config", "/nowhere/weirmq.yaml"][..], &["--config", "/nowhere/weirmq.yaml"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(3));
        let text = stderr(&output);
        assert!(text.contains("/nowhere/weirmq.yaml: cannot read the configuration file: No such file"), "{text}");
    }
}

#[test]
fn a_wrong_variable_ends_with_3() {
    let output = weirmq(&["--test-config"]).env("WEIRMQ__SHARDS", "many").output().expect("the program runs");
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("environment variable WEIRMQ__SHARDS: expected a whole number"));
    let output = weirmq(&["--test-config"]).env("WEIRMQ__SHARDS", "7").output().expect("the program runs");
    assert!(stdout(&output).contains("mio, 7 shard(s)"));
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [
        &["--no-such-flag"][..],
        &["check"],
        &["--shards", "0"],
        &["--shards", "65"],
        &["--runtime", "async-std"],
        &["--listen", "localhost:1883"],
        &["--listen", "1883"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_public_address_needs_a_word() {
    let output = run(&["--listen", "0.0.0.0:0"]);
    assert_eq!(output.status.code(), Some(3));
    let text = stderr(&output);
    assert!(text.contains("can be reached from other machines") && text.contains("--allow-anonymous"), "{text}");
    let output = run(&["--listen", "0.0.0.0:0", "--allow-anonymous", "--test-config"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn an_address_in_use_ends_with_1() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let output = run(&["--listen", &address]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&format!("cannot listen on {address}")), "{}", stderr(&output));
}

/// A CONNECT of MQTT 3.1.1 with the Client Identifier `cli`, and the CONNACK that accepts it.
const CONNECT: &[u8] = b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03cli";
const CONNACK: &[u8] = b"\x20\x02\x00\x00";

fn connect(stream: &mut (impl Read + Write)) {
    stream.write_all(CONNECT).expect("the broker reads");
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).expect("the broker answers");
    assert_eq!(answer, CONNACK);
}

#[test]
fn each_runtime_serves_and_goes_down_gracefully() {
    for (runtime, signal) in [("mio", "TERM"), ("tokio", "INT"), ("smol", "TERM")] {
        for shards in ["1", "2"] {
            let mut broker = Broker::start(&["--listen", "127.0.0.1:0", "--runtime", runtime, "--shards", shards]);
            let port = broker.port();
            assert_eq!(broker.wait_for("server_started")["runtime"], runtime);
            let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
            connect(&mut stream);
            let connected = broker.wait_for("client_connected");
            assert_eq!(connected["client_id"], "cli");
            assert_eq!(connected["version"], "3.1.1");
            // Also when another shard than the one that accepted it serves it.
            assert_eq!(connected["peer"], stream.local_addr().expect("an address").to_string());
            broker.signal("HUP");
            broker.wait_for("reload_unsupported");
            broker.signal(signal);
            assert_eq!(broker.wait_for("server_stopping")["signal"], format!("SIG{signal}"));
            let disconnected = broker.wait_for("client_disconnected");
            assert_eq!(disconnected["reason"], "server_shutdown");
            assert_eq!(stream.read(&mut [0; 16]).expect("an end, not a reset"), 0);
            drop(stream);
            broker.wait_for("server_stopped");
            assert_eq!(broker.wait(), 0);
        }
    }
}

/// Each time the table is doubled later, whoever accepts a connection waits for that.
#[cfg(target_os = "linux")]
#[test]
fn the_table_of_files_is_large_from_the_start() {
    let mut broker = Broker::start(&["--listen", "127.0.0.1:0"]);
    let files_max = broker.wait_for("file_limit")["files_max"].as_u64().expect("a number");
    broker.wait_for("server_started");
    let status = fs::read_to_string(format!("/proc/{}/status", broker.pid())).expect("it runs");
    let size = status.lines().find_map(|line| line.strip_prefix("FDSize:")).expect("the size of the table");
    assert!(size.trim().parse::<u64>().expect("a number") >= files_max.min(65_536), "{size} of {files_max}");
}

#[test]
fn a_unix_socket_is_served_and_removed() {
    let path = std::env::temp_dir().join(format!("weirmq-cli-{}.sock", std::process::id()));
    let mut broker = Broker::start(&["--listen", &format!("unix:{}", path.display())]);
    broker.wait_for("server_started");
    connect(&mut UnixStream::connect(&path).expect("it listens"));
    assert_eq!(broker.wait_for("client_connected")["peer"], "unix");
    broker.signal("TERM");
    assert_eq!(broker.wait(), 0);
    assert!(!path.exists());
}

#[test]
fn a_second_signal_stops_at_once() {
    let configuration =
        "listeners: [{address: 127.0.0.1:0}]\nshutdown: {drain_timeout: 1h}\nlimits: {linger_timeout: 1m}\n";
    let file = File::new("drain.yaml", configuration);
    let mut broker = Broker::start(&["--config", file.path()]);
    let port = broker.port();
    broker.wait_for("server_started");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    connect(&mut stream);
    // A client that takes none of its own messages keeps the graceful end waiting: more bytes than all the socket buffers
    // of both directions together.
    stream.write_all(b"\x82\x06\x00\x01\x00\x01a\x00").expect("the broker reads");
    let mut publish = vec![0x30, 0x83, 0x80, 0x04, 0, 1, b'a'];
    publish.resize(publish.len() + 0x1_0000, b'x');
    for _ in 0..640 {
        stream.write_all(&publish).expect("the broker reads");
    }
    broker.signal("TERM");
    broker.wait_for("server_stopping");
    broker.signal("INT");
    assert_eq!(broker.wait(), 130);
}

#[test]
fn the_first_screen_says_what_to_do() {
    let mut child = weirmq(&["--log-level", "error"])
        .env("WEIRMQ__LISTENERS__0__ADDRESS", "127.0.0.1:0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut lines = Vec::new();
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
        lines.push(line.expect("text"));
        if lines.iter().any(|line| line.contains("mosquitto_pub")) {
            break;
        }
    }
    child.kill().expect("it runs");
    child.wait().expect("it can be waited for");
    assert!(lines.len() <= 12, "{lines:?}");
    let text = lines.join("\n");
    for words in ["127.0.0.1:", "mio", "1 shard", "storage = memory", "mosquitto_sub -p "] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
}
