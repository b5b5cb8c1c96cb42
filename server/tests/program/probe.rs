//! `weirmq probe` against the broker on each runtime, and against one that is wrong.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Output;
use std::thread;

use crate::support::{Broker, run, stderr, stdout, weirmq};
use serde_json::Value;

fn answers(output: &Output) -> Vec<Value> {
    let value: Value = serde_json::from_str(&stdout(output)).unwrap_or_else(|_| panic!("no JSON: {}", stderr(output)));
    value["answers"].as_array().expect("a list").clone()
}

#[track_caller]
fn answer<'a>(answers: &'a [Value], name: &str) -> &'a Value {
    answers.iter().find(|answer| answer["name"] == name).unwrap_or_else(|| panic!("{name} is not asked"))
}

#[test]
fn nothing_is_wrong_with_this_broker() {
    for runtime in ["mio", "tokio", "smol"] {
        let mut broker = Broker::start(&["--listen", "127.0.0.1:0", "--runtime", runtime, "--shards", "2"]);
        let address = format!("127.0.0.1:{}", broker.port());
        let output = run(&["probe", &address, "--json"]);
        let answers = answers(&output);
        assert_eq!(output.status.code(), Some(0), "{runtime}: {answers:#?}");
        assert!(answers.len() > 50, "{answers:#?}");
        assert_eq!(answer(&answers, "receive maximum")["answer"], "1024");
        assert_eq!(answer(&answers, "enforces receive maximum")["answer"], "yes: Receive Maximum exceeded (0x93)");
    }
}

#[test]
fn what_is_configured_is_found() {
    let mut broker = {
        let path = std::env::temp_dir().join(format!("weirmq-probe-{}.yaml", std::process::id()));
        let text = "listeners: [{address: '127.0.0.1:0'}]\nmqtt: {versions: [3.1.1, 5.0], maximum_qos: 1, \
                    keep_alive_max_s: 60, session_expiry_max_s: 100, topic_alias_maximum: 0, receive_maximum: 5}\n";
        std::fs::write(&path, text).expect("it can be written");
        Broker::start(&["--config", path.to_str().expect("UTF-8")])
    };
    let address = format!("127.0.0.1:{}", broker.port());
    let output = run(&["probe", &address, "--json"]);
    let answers = answers(&output);
    assert_eq!(output.status.code(), Some(0), "{answers:#?}");
    for (name, value) in [
        ("MQTT 3.1", "no: Unsupported Protocol Version (0x84)"),
        ("maximum QoS", "1"),
        ("enforces maximum QoS", "yes: QoS not supported (0x9b)"),
        ("server keep alive for 65535", "60"),
        ("longest session expiry", "100"),
        ("topic alias maximum", "0"),
        ("enforces topic alias maximum", "yes: Topic Alias invalid (0x94)"),
    ] {
        assert_eq!(answer(&answers, name)["answer"], value, "{name}");
    }
}

/// Accepts every CONNECT with Session Present and answers nothing else.
#[test]
fn what_is_wrong_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                let Ok(count) = stream.read(&mut buffer) else { return };
                let v5 = count > 8 && buffer[4..8] == *b"MQTT" && buffer[8] == 5;
                let connack: &[u8] = if v5 { &[0x20, 3, 1, 0, 0] } else { &[0x20, 2, 1, 0] };
                if buffer[0] == 0x10 && stream.write_all(connack).is_err() {
                    return;
                }
                while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
            });
        }
    });
    let output = run(&["probe", &address, "--patience", "50ms"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let text = stdout(&output);
    for statement in ["MQTT-3.1.0-1", "MQTT-3.1.0-2", "MQTT-3.2.2-16", "MQTT-3.2.2-3", "MQTT-3.2.2-2", "MQTT-3.1.4-3"] {
        assert!(text.contains(&format!("WRONG {statement}:")), "{statement} is not in\n{text}");
    }
}

#[test]
fn nobody_there_is_said() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let output = weirmq(&["probe", &format!("127.0.0.1:{port}")]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).starts_with(&format!("error: cannot talk to 127.0.0.1:{port}: ")), "{}", stderr(&output));
}
