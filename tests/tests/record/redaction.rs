//! What clients keep secret is not in the file, and its absence changes nothing.

use weirmq_core::config::Authentication;
use weirmq_core::record::RecordOptions;
use weirmq_core::{AuthOutcome, Config};
use weirmq_tests::memory::Net;
use weirmq_tests::server::Runtime;
use weirmq_tests::wire::*;
use weirmq_tests::{Talk, World};

use crate::Verified;

const PASSWORD: &str = "pa55word-of-mine";
const PAYLOAD: &str = "a payload that nobody else should read";
const WILL: &[u8] = b"what I leave behind";

fn has(file: &[u8], text: impl AsRef<[u8]>) -> bool {
    let text = text.as_ref();
    file.windows(text.len()).any(|bytes| bytes == text)
}

/// Everything secret, once, in 3.1.1 and 5.0.
fn story(w: &mut dyn World) {
    for (version, name) in [(Version::V311, "old"), (Version::V5, "new")] {
        let client = w.connect(
            connect(name).version(version).user_name("somebody").password(PASSWORD.as_bytes()).will("will", WILL, 1),
        );
        w.subscribed(client, [("topic/#", 2)]);
        w.published(client, publish("topic/x", PAYLOAD));
        for qos in 1..=2 {
            w.published(client, publish("topic/x", PAYLOAD).qos(qos).id(u16::from(qos)));
        }
        let big = PAYLOAD.repeat(2_000);
        w.send(client, publish("topic/big", &*big));
        assert_eq!(w.take(client, "topic/x", PAYLOAD).qos, 0);
        w.reset(client);
    }
}

#[test]
fn no_payload_and_no_password_is_in_the_file() {
    for redact_payloads in [false, true] {
        for shards in 1..=3 {
            let mut n = Net::new(Config { shards, ..Config::default() }).recorded(RecordOptions { redact_payloads });
            story(&mut n);
            n.settle();
            let file = n.recording().expect("it is recorded").file();
            assert!(!has(&file, PASSWORD));
            assert!(!has(&file, &PASSWORD[4..]), "no part of it either");
            assert_eq!(has(&file, PAYLOAD), !redact_payloads);
            assert_eq!(has(&file, WILL), !redact_payloads);
            assert!(has(&file, "topic/big") && has(&file, "somebody"), "the rest is there");
        }
    }
}

#[test]
fn the_same_holds_over_sockets() {
    for runtime in Runtime::ALL {
        for shards in 1..=2 {
            let config = Config { shards, ..Config::default() };
            let verified = Verified::start(runtime, &config, RecordOptions { redact_payloads: true });
            let recording = verified.recorded.recording.clone();
            story(&mut verified.sockets());
            let file = recording.file();
            assert!(!has(&file, PASSWORD) && !has(&file, PAYLOAD) && !has(&file, WILL));
            assert!(has(&file, "topic/big"));
        }
    }
}

/// Authentication Data is a secret of both sides, and the answers of the deployment are replayed without it.
#[test]
fn no_authentication_data_is_in_the_file() {
    let authentication = Authentication::External { methods: vec!["M".into()] };
    let config = Config { authentication, ..Config::default() };
    let mut n = Net::new(config).recorded(RecordOptions::default());
    let mut steps = 0;
    n.authenticate(move |_| {
        steps += 1;
        let data = Some(b"the server's secret".to_vec());
        Some(if steps == 1 { AuthOutcome::Continue { data } } else { AuthOutcome::Accept { data } })
    });
    let client = n.open();
    let method = || Property::AuthenticationMethod("M".into());
    let data = || Property::AuthenticationData(b"the client's secret".to_vec());
    n.send(client, connect("c").v5().property(method()).property(data()));
    let challenge = n.recv(client);
    assert!(format!("{challenge:?}").contains("Auth"), "{challenge:?}");
    n.send(client, auth(0x18).property(method()).property(data()));
    let accepted = n.recv(client);
    assert!(format!("{accepted:?}").contains("ConnAck"), "{accepted:?}");
    n.settle();
    let file = n.recording().expect("it is recorded").file();
    assert!(!has(&file, "secret"));
}
