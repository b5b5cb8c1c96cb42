//! `weirmq pub` and `weirmq sub` against the broker, as real processes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Output, Stdio};

use crate::support::{Broker, run, stderr, stdout, weirmq};

/// A broker and what the tools need to reach it.
struct Fixture {
    broker: Broker,
    port: String,
}

impl Fixture {
    fn new() -> Self {
        let mut broker = Broker::start(&["--listen", "127.0.0.1:0", "--log-level", "debug"]);
        let port = broker.port().to_string();
        broker.wait_for("server_started");
        Self { broker, port }
    }

    fn arguments<'a>(&'a self, tool: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
        // No test waits for ever.
        let patience: &[&str] = if tool == "sub" && !arguments.contains(&"-W") { &["-W", "60"] } else { &[] };
        [&[tool, "-h", "127.0.0.1", "-p", &self.port], patience, arguments].concat()
    }

    fn run(&self, tool: &str, arguments: &[&str]) -> Output {
        run(&self.arguments(tool, arguments))
    }

    /// Runs a tool that must succeed, and gives its output.
    #[track_caller]
    fn succeed(&self, tool: &str, arguments: &[&str]) -> String {
        let output = self.run(tool, arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        stdout(&output)
    }

    /// Runs `pub` with this standard input.
    #[track_caller]
    fn publish_input(&self, arguments: &[&str], input: &str) {
        let mut child = weirmq(&self.arguments("pub", arguments)).stdin(Stdio::piped()).spawn().expect("it starts");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
        assert!(child.wait().expect("it ends").success());
    }
}

#[test]
fn every_version_and_qos_arrives() {
    let fixture = Fixture::new();
    for version in ["31", "311", "5"] {
        for qos in ["0", "1", "2"] {
            let topic = format!("t/{version}/{qos}");
            fixture.succeed("pub", &["-V", version, "-q", qos, "-t", &topic, "-m", "hello", "-r"]);
            let text =
                fixture.succeed("sub", &["-V", version, "-q", qos, "-t", &topic, "-C", "1", "-F", "%t %p %q %r"]);
            assert_eq!(text, format!("{topic} hello {qos} 1\n"));
        }
    }
    let all = fixture.succeed("sub", &["-t", "t/#", "-T", "t/+/0", "-v", "-C", "6"]);
    assert_eq!(all.lines().count(), 6, "{all}");
    assert!(all.lines().all(|line| line.ends_with("/1 hello") || line.ends_with("/2 hello")), "{all}");
}

#[test]
fn a_kept_session_has_every_line_in_order_and_none_twice() {
    let fixture = Fixture::new();
    for (version, qos) in [("311", "1"), ("5", "2")] {
        let keep = ["-c", "-i", version, "-V", version, "-q", qos, "-t", "lines"];
        fixture.succeed("sub", &[&keep[..], &["-E"]].concat());
        let lines: String = (0..300).map(|number| format!("{number}\n")).collect();
        fixture.publish_input(&["-V", version, "-q", qos, "-t", "lines", "-l"], &lines);
        let first = fixture.succeed("sub", &[&keep[..], &["-C", "100"]].concat());
        let rest = fixture.succeed("sub", &[&keep[..], &["-C", "200"]].concat());
        assert_eq!(format!("{first}{rest}"), lines);
        let nothing = fixture.run("sub", &[&keep[..], &["-W", "0.1"]].concat());
        assert_eq!((nothing.status.code(), stdout(&nothing).as_str()), (Some(27), ""));
        fixture.succeed("sub", &["-c", "-i", version, "-V", version, "-U", "lines"]);
    }
}

#[test]
fn payloads_come_from_everywhere() {
    let fixture = Fixture::new();
    let path = std::env::temp_dir().join(format!("weirmq-tools-{}", std::process::id()));
    std::fs::write(&path, b"from a file\n").expect("the file is written");
    fixture.succeed("pub", &["-t", "file", "-r", "-f", path.to_str().expect("UTF-8")]);
    std::fs::remove_file(&path).expect("the file is there");
    fixture.publish_input(&["-t", "whole", "-r", "-s"], "a\nb\n");
    assert_eq!(fixture.succeed("sub", &["-t", "file", "-C", "1", "-N"]), "from a file\n");
    assert_eq!(fixture.succeed("sub", &["-t", "whole", "-C", "1", "-N"]), "a\nb\n");
    fixture.succeed("pub", &["-t", "whole", "-r", "-n"]);
    assert_eq!(fixture.run("sub", &["-t", "whole", "-C", "1", "-W", "0.1"]).status.code(), Some(27));

    fixture.succeed("sub", &["-c", "-i", "repeats", "-q", "1", "-t", "repeat", "-E"]);
    fixture.succeed("pub", &["-t", "repeat", "-q", "1", "-m", "again", "--repeat", "3", "--repeat-delay", "0.01"]);
    let text = fixture.succeed("sub", &["-c", "-i", "repeats", "-q", "1", "-t", "repeat", "-C", "3"]);
    assert_eq!(text, "again\nagain\nagain\n");
}

#[test]
fn properties_arrive() {
    let fixture = Fixture::new();
    let mut arguments = vec!["-t", "p", "-r", "-m", r#"{"n": 1}"#];
    for words in [
        "content-type application/json",
        "response-topic reply/to",
        "correlation-data 42",
        "message-expiry-interval 600",
        "payload-format-indicator 1",
        "user-property b 1",
        "user-property a 2",
        "user-property b 3",
    ] {
        arguments.extend(["-D", "publish"]);
        arguments.extend(words.split(' '));
    }
    fixture.succeed("pub", &arguments);
    let identifier = ["-D", "subscribe", "subscription-identifier", "7"];
    let text = fixture.succeed("sub", &[&["-t", "p", "-C", "1", "--json"], &identifier[..]].concat());
    let value: serde_json::Value = serde_json::from_str(&text).expect("one JSON object");
    assert_eq!(value["payload"], r#"{"n": 1}"#);
    let properties = &value["properties"];
    assert_eq!(properties["content-type"], "application/json");
    assert_eq!(properties["response-topic"], "reply/to");
    assert_eq!(properties["correlation-data"], "42");
    assert_eq!(properties["payload-format-indicator"], 1);
    assert_eq!(properties["user-properties"], serde_json::json!([["b", "1"], ["a", "2"], ["b", "3"]]));
    assert_eq!(properties["subscription-identifiers"], serde_json::json!([7]));
    let text = fixture.succeed("sub", &["-t", "p", "-C", "1", "-F", "%C %R %D %F %P"]);
    assert_eq!(text, "application/json reply/to 42 1 b:1 a:2 b:3\n");
}

#[test]
fn a_will_is_published_when_the_connection_is_lost() {
    let mut fixture = Fixture::new();
    fixture.succeed("sub", &["-c", "-i", "heir", "-q", "1", "-t", "will", "-E"]);
    let will = ["--will-topic", "will", "--will-payload", "gone", "--will-qos", "1", "-i", "mortal", "-t", "x"];
    let mut child = weirmq(&fixture.arguments("sub", &will)).stdout(Stdio::null()).spawn().expect("it starts");
    while fixture.broker.wait_for("client_connected")["client_id"] != "mortal" {}
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    fixture.broker.wait_for("will_published");
    assert_eq!(fixture.succeed("sub", &["-c", "-i", "heir", "-q", "1", "-t", "will", "-C", "1"]), "gone\n");
    // A client that says good-bye leaves none: -E ends by DISCONNECT.
    fixture.succeed("sub", &[&will[..], &["-E"]].concat());
    let nothing = fixture.run("sub", &["-c", "-i", "heir", "-q", "1", "-t", "will", "-W", "0.1"]);
    assert_eq!(nothing.status.code(), Some(27));
}

#[test]
fn retained_messages_can_be_chosen() {
    let fixture = Fixture::new();
    fixture.succeed("pub", &["-t", "r", "-r", "-m", "old"]);
    assert_eq!(fixture.run("sub", &["-t", "r", "-R", "-W", "0.1"]).stdout, b"");
    assert_eq!(fixture.run("sub", &["-t", "r", "--retain-handling", "2", "-W", "0.1"]).stdout, b"");
    assert_eq!(fixture.run("sub", &["-t", "r", "--retained-only", "-W", "0.1"]).stdout, b"old\n");
}

#[test]
fn refusals_are_told_with_a_code() {
    let fixture = Fixture::new();
    for (tool, arguments, code, expected) in [
        ("sub", &["-t", "a/+#"][..], 1, "Topic Filter invalid (0x8f)"),
        ("pub", &["-t", "$SYS/x", "-q", "1", "-m", "x"], 1, "Not authorized (0x87)"),
        ("pub", &["-t", "a/+", "-m", "x"], 1, "invalid topic name"),
        ("pub", &["-t", "a", "-m", "x", "-D", "publish", "content_type", "y"], 2, "did you mean `content-type`?"),
        ("pub", &["-t", "a", "-m", "x", "-V", "311", "-D", "publish", "content-type", "y"], 2, "need MQTT 5.0"),
        ("pub", &["-t", "a", "-m", "x", "-c"], 2, "needs a Client Identifier"),
        ("sub", &["-t", "a", "-F", "%y"], 2, "%y is not known"),
        ("pub", &["-t", "a"], 2, "--message"),
        ("pub", &["-m", "a"], 2, "--topic"),
        ("pub", &["-t", "a", "-m", "x", "-q", "3"], 2, "3 is not in 0..=2"),
    ] {
        let output = fixture.run(tool, arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
    let quiet = fixture.run("sub", &["-t", "a/+#", "--quiet"]);
    assert_eq!((quiet.status.code(), quiet.stderr.len()), (Some(1), 0));
}

#[test]
fn nobody_there_ends_with_1() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    drop(taken);
    let output = run(&["pub", "-h", "127.0.0.1", "-p", &port, "-t", "a", "-m", "x"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&format!("cannot connect to 127.0.0.1:{port}: Connection refused")));
}

/// Answers the first CONNECT of a client with these bytes and keeps what it sent.
fn answer_once(answer: &'static [u8]) -> (String, std::thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port().to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _): (TcpStream, _) = listener.accept().expect("a client");
        let mut head = [0; 2];
        stream.read_exact(&mut head).expect("a CONNECT of less than 128 bytes");
        let mut body = vec![0; usize::from(head[1])];
        stream.read_exact(&mut body).expect("the rest of it");
        stream.write_all(answer).expect("the client reads");
        let mut rest = Vec::new();
        // How a refused client leaves is its own business.
        let _ = stream.read_to_end(&mut rest);
        body
    });
    (port, server)
}

#[test]
fn a_refused_connect_ends_with_its_code() {
    for (version, answer, code, expected) in [
        ("311", &b"\x20\x02\x00\x05"[..], 5, "Not authorized (0x87)"),
        ("311", b"\x20\x02\x00\x02", 2, "Client Identifier not valid (0x85)"),
        ("5", b"\x20\x0a\x00\x87\x07\x1f\x00\x04away", 0x87, "Not authorized (0x87): away"),
    ] {
        let (port, server) = answer_once(answer);
        let output = run(&["sub", "-h", "127.0.0.1", "-p", &port, "-V", version, "-t", "a"]);
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
        server.join().expect("no panic");
    }
}

#[test]
fn the_password_comes_from_the_environment_too() {
    for (argument, expected) in [(None, "from-env"), (Some("from-flag"), "from-flag")] {
        let (port, server) = answer_once(b"\x20\x03\x00\x87\x00");
        let mut arguments = vec!["pub", "-h", "127.0.0.1", "-p", &port, "-u", "me", "-t", "a", "-m", "x"];
        arguments.extend(argument.iter().flat_map(|password| ["-P", password]));
        let output = weirmq(&arguments).env("WEIRMQ_PASSWORD", "from-env").output().expect("it runs");
        assert_eq!(output.status.code(), Some(0x87));
        let connect = server.join().expect("no panic");
        assert!(connect.ends_with(format!("\x00\x02me\x00{}{expected}", char::from(expected.len() as u8)).as_bytes()));
    }
}

#[test]
fn a_url_says_it_all() {
    let fixture = Fixture::new();
    let url = format!("mqtt://me@127.0.0.1:{}/from/url", fixture.port);
    assert_eq!(run(&["pub", "-L", &url, "-r", "-m", "x"]).status.code(), Some(0));
    assert_eq!(stdout(&run(&["sub", "-L", &url, "-C", "1", "-v"])), "from/url x\n");
}

#[test]
fn a_subscriber_comes_back_after_the_broker() {
    // A port that is known beforehand, so that the second broker can have it.
    let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address").port();
    let listen = format!("127.0.0.1:{port}");
    let mut broker = Broker::start(&["--listen", &listen]);
    broker.wait_for("server_started");
    let port = port.to_string();
    let subscribe = ["sub", "-h", "127.0.0.1", "-p", &port, "-i", "back", "-t", "a", "-C", "1", "-W", "60"];
    let mut child = weirmq(&subscribe).stdout(Stdio::piped()).spawn().expect("it starts");
    broker.wait_for("client_connected");
    broker.signal("TERM");
    assert_eq!(broker.wait(), 0);

    let mut broker = Broker::start(&["--listen", &listen, "--log-level", "debug"]);
    broker.wait_for("subscribed");
    assert_eq!(run(&["pub", "-h", "127.0.0.1", "-p", &port, "-t", "a", "-m", "again"]).status.code(), Some(0));
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("text");
    assert_eq!(line, "again\n");
    assert!(child.wait().expect("it ends").success());
}
