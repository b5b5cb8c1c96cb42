//! The configuration as its users write it: the example, the documentation, the environment, and mistakes.

use std::fs;
use std::path::{Path, PathBuf};

use weirmq::config::{Address, ConfigError, Loaded, Overrides, Runtime, Settings, load, load_text};
use weirmq_core::access::{Action, Effect, Rule};
use weirmq_core::config::QueueFull;
use weirmq_core::packet::{QoS, ReasonCode, Version};

fn parse(text: &str) -> Result<Loaded, ConfigError> {
    load_text(Some(Path::new("weirmq.yaml")), text, [], &Overrides::default())
}

fn with_variables(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load_text(Some(Path::new("weirmq.yaml")), text, variables, &Overrides::default())
}

#[track_caller]
fn error(text: &str) -> String {
    parse(text).expect_err("an error").to_string()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_example_is_the_defaults() {
    let path = root().join("server/config.example.yaml");
    let loaded = load(Some(&path), [], &Overrides::default()).expect("the example can be used");
    assert_eq!(loaded.settings, Settings::default());
}

#[test]
fn the_example_names_every_key() {
    let text = fs::read_to_string(root().join("server/config.example.yaml")).expect("the example is there");
    // What the core calls its fields are the keys; a field that is new there must be told of here.
    let core = format!("{:#?}", weirmq_core::Config::default());
    let mut section = "";
    for line in core.lines() {
        let Some((name, rest)) = line.trim().split_once(':') else { continue };
        match line.len() - line.trim_start().len() {
            4 => section = if rest.ends_with('{') { name } else { "" },
            8 if section == "mqtt" || section == "limits" => {
                assert!(text.contains(&format!("\n  {name}:")), "{section}.{name} is not in the example");
            }
            _ => {}
        }
    }
}

#[test]
fn every_yaml_block_in_the_documentation_can_be_used() {
    let mut pages: Vec<PathBuf> = fs::read_dir(root().join("docs"))
        .map(|entries| entries.map(|entry| entry.expect("an entry").path()).collect())
        .unwrap_or_default();
    pages.push(root().join("README.md"));
    pages.sort();
    for page in pages.iter().filter(|page| page.extension().is_some_and(|extension| extension == "md")) {
        let Ok(text) = fs::read_to_string(page) else { continue };
        for block in yaml_blocks(&text) {
            if let Err(error) = load_text(Some(page), &block, [], &Overrides::default()) {
                panic!("{error}\n---\n{block}");
            }
        }
    }
}

fn yaml_blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in text.lines() {
        match (&mut block, line.trim_end()) {
            (None, "```yaml") => block = Some(String::new()),
            (None, _) => {}
            (Some(_), "```") => blocks.extend(block.take()),
            (Some(block), line) => {
                block.push_str(line);
                block.push('\n');
            }
        }
    }
    blocks
}

#[test]
fn blocks_are_found_in_pages() {
    assert_eq!(yaml_blocks("a\n```yaml\nshards: 2\n```\n```sh\nx\n```\n```yaml\n```\n"), ["shards: 2\n", ""]);
}

#[test]
fn nothing_is_the_defaults() {
    for text in ["", "# only a remark\n\n", "---\n", "mqtt:\nlimits:\n", "{}"] {
        let loaded = parse(text).expect(text);
        assert_eq!(loaded.settings, Settings::default(), "{text:?}");
        assert!(loaded.default_listeners);
    }
}

#[test]
fn values_arrive() {
    let loaded = parse(
        "listeners:\n  - {address: 'unix:/tmp/w', name: local, connections_max: 7}\n  - {address: 0.0.0.0:1, allow_anonymous: true}\n\
         runtime: smol\nshards: 3\n\
         mqtt: {versions: [5.0, 3.1.1], packet_bytes_max: 2MiB, maximum_qos: 1, session_expiry_max_s: 2h, \
         keep_alive_max_s: 90, retry_interval: 20s, response_information: reply/}\n\
         limits: {queue_full: drop_oldest, queue_bytes_max: 1KiB, auth_timeout: 1m}\n\
         shutdown: {drain_timeout: 0s}\n",
    )
    .expect("can be used");
    let settings = loaded.settings;
    assert!(!loaded.default_listeners);
    assert_eq!(settings.listeners[0].address, Address::Unix("/tmp/w".into()));
    assert_eq!((settings.listeners[0].name.as_str(), settings.listeners[0].connections_max), ("local", 7));
    assert!(settings.listeners[0].allow_anonymous && settings.listeners[1].allow_anonymous);
    assert_eq!((settings.runtime, settings.core.shards), (Runtime::Smol, 3));
    assert_eq!(settings.core.mqtt.versions, [Version::V3_1_1, Version::V5]);
    assert_eq!(settings.core.mqtt.packet_bytes_max, 2 << 20);
    assert_eq!(settings.core.mqtt.maximum_qos, QoS::AtLeastOnce);
    assert_eq!(settings.core.mqtt.session_expiry_max_s, 7_200);
    assert_eq!(settings.core.mqtt.keep_alive_max_s, 90);
    assert_eq!(settings.core.mqtt.retry_interval.map(|time| time.as_secs()), Some(20));
    assert_eq!(settings.core.mqtt.response_information.as_deref(), Some("reply/"));
    assert_eq!(settings.core.limits.queue_full, QueueFull::DropOldest);
    assert_eq!(settings.core.limits.queue_bytes_max, 1_024);
    assert_eq!(settings.core.limits.auth_timeout.as_secs(), 60);
    assert!(settings.shutdown.drain_timeout.is_zero());
    assert_eq!(settings.core().listeners.len(), 2);
}

#[test]
fn rules_arrive() {
    let loaded = parse(
        "access:\n  - {effect: allow, action: publish, filter: a/b}\n  - {effect: refuse, filter: a/#}\n\
         \x20 - {effect: refuse, action: subscribe, filter: '#', code: 0x80}\n\
         \x20 - {effect: refuse, action: both, filter: c, code: '0x83'}\n",
    )
    .expect("can be used");
    let rule = |effect, action, filter: &str| Rule { effect, action, filter: filter.into() };
    assert_eq!(
        loaded.settings.core.access,
        [
            rule(Effect::Allow, Action::Publish, "a/b"),
            rule(Effect::Refuse(ReasonCode::NotAuthorized), Action::Both, "a/#"),
            rule(Effect::Refuse(ReasonCode::UnspecifiedError), Action::Subscribe, "#"),
            rule(Effect::Refuse(ReasonCode::ImplementationSpecificError), Action::Both, "c"),
        ]
    );
}

#[test]
fn test_fixtures_can_be_used() {
    let path = root().join("tests/fixtures/paho.yaml");
    let loaded = load(Some(&path), [], &Overrides::default()).expect("the fixture can be used");
    assert_eq!(loaded.settings.core.mqtt.keep_alive_max_s, 60);
    assert_eq!(loaded.settings.core.access.len(), 1);
}

#[test]
fn an_unknown_key_shows_its_place_and_the_nearest_key() {
    let text = error("mqtt:\n  inflight_max: 5\n  packet_byte_max: 2MiB\n");
    assert!(text.starts_with("weirmq.yaml:3:3: unknown key `packet_byte_max`"), "{text}");
    assert!(text.contains("3 |   packet_byte_max: 2MiB\n    |   ^"), "{text}");
    assert!(text.contains("did you mean `packet_bytes_max`?"), "{text}");
    let text = error("shrads: 5\n");
    assert!(text.contains("weirmq.yaml:1:1:") && text.contains("did you mean `shards`?"), "{text}");
    let text = error("mqtt: {queue_messages_max: 5}\n");
    assert!(text.contains("`queue_messages_max` belongs under `limits:`"), "{text}");
    let text = error("listeners:\n  - address: 127.0.0.1:1883\n    adress: x\n");
    assert!(text.contains("weirmq.yaml:3:5:") && text.contains("did you mean `address`?"), "{text}");
    let text = error("persistence: yes\n");
    assert!(text.contains("known keys here: listeners, runtime"), "{text}");
}

#[test]
fn a_wrong_value_shows_its_place_and_what_was_expected() {
    for (yaml, place, expected) in [
        ("shards: many", "1:9", "expected a whole number from 0 to 65535, found the text \"many\""),
        ("shards: 70000", "1:9", "expected a whole number from 0 to 65535, found 70000"),
        ("shards: -1", "1:9", "expected a whole number from 0 to 65535, found -1"),
        ("shards: 65", "1:9", "`shards` must be 1 to 64, and is 65"),
        ("mqtt:\n  retain_available: yes", "2:21", "expected true or false, found the text \"yes\""),
        ("mqtt:\n  connect_timeout: 10", "2:20", "expected a duration with its unit such as 10s"),
        ("mqtt:\n  packet_bytes_max: 5GiB", "2:21", "expected a size such as 64KiB or 1MiB, below 4GiB"),
        ("mqtt:\n  packet_bytes_max: 5", "2:21", "`mqtt.packet_bytes_max` must be 1024 to 268435460, and is 5"),
        ("mqtt:\n  maximum_qos: 3", "2:16", "expected a QoS: 0, 1 or 2, found 3"),
        ("mqtt:\n  versions: [4]", "2:14", "expected a version: 3.1, 3.1.1 or 5.0, found 4"),
        ("mqtt:\n  versions: []", "2:13", "`mqtt.versions` must be at least one version"),
        ("mqtt:\n  retry_interval: 2", "2:19", "expected `never`, or a duration"),
        ("mqtt: 5", "1:7", "expected a section of keys, found 5"),
        ("listeners: 127.0.0.1:1883", "1:12", "expected a list, found the text"),
        ("listeners: []", "1:12", "`listeners` must be 1 to 65535 listeners"),
        ("listeners: [{address: 'localhost:1883'}]", "1:23", "expected an address such as 127.0.0.1:1883"),
        ("listeners: [{name: x}]", "1:13", "the key `address` is missing"),
        ("runtime: tokoi", "1:10", "expected one of mio, tokio, smol, found \"tokoi\""),
        ("limits: {queue_full: 3}", "1:22", "expected one of refuse, drop_newest, drop_oldest, found 3"),
        ("limits:\n  queue_bytes_max: {a: 1}", "2:20", "expected a size such as 64KiB or 1MiB"),
        ("access: {filter: a}", "1:9", "expected a list, found a section"),
        ("access: [{effect: deny, filter: a}]", "1:19", "expected one of allow, refuse, found \"deny\""),
        ("access: [{effect: refuse}]", "1:10", "the key `filter` is missing"),
        ("access: [{effect: refuse, filter: a, code: 0x97}]", "1:44", "expected a Reason Code: 0x80, 0x83 or 0x87"),
        ("access: [{effect: refuse, filter: 'a#'}]", "1:9", "`access` must be rules with a valid topic filter"),
        ("shutdown: {drain_timeout: 2h}", "1:27", "`shutdown.drain_timeout` must be 0s to 1h"),
    ] {
        let text = error(yaml);
        assert!(text.starts_with(&format!("weirmq.yaml:{place}: ")), "{yaml}: {text}");
        assert!(text.contains(expected), "{yaml}: {text}");
    }
}

#[test]
fn broken_yaml_shows_its_place() {
    for yaml in ["mqtt: {", "shards: 1\nshards: 2", "a: b: c", "mqtt:\n\tshards: 1", "shards: 1\n---\nshards: 2"] {
        let text = error(yaml);
        assert!(text.starts_with("weirmq.yaml:"), "{yaml:?}: {text}");
        assert!(text.len() < 400, "{yaml:?}: {text}");
    }
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    error(bomb);
}

#[test]
fn variables_lie_over_the_file() {
    let loaded = with_variables(
        "mqtt: {inflight_max: 5, receive_maximum: 6}\nlisteners: [{address: 127.0.0.1:1}]",
        &[
            ("WEIRMQ__MQTT__INFLIGHT_MAX", "7"),
            ("weirmq__limits__queue_full", "drop_newest"),
            ("WEIRMQ__LISTENERS__1__ADDRESS", "[::1]:2"),
            ("WEIRMQ__LISTENERS__0__ADDRESS", "127.0.0.1:3"),
            ("WEIRMQ__MQTT__RESPONSE_INFORMATION", "007"),
            ("WEIRMQ__MQTT__VERSIONS", "[3.1.1, 5.0]"),
            ("WEIRMQ_PASSWORD", "not ours"),
            ("PATH", "/bin"),
        ],
    )
    .expect("can be used");
    let settings = loaded.settings;
    assert_eq!((settings.core.mqtt.inflight_max, settings.core.mqtt.receive_maximum), (7, 6));
    assert_eq!(settings.core.limits.queue_full, QueueFull::DropNewest);
    assert_eq!(settings.core.mqtt.response_information.as_deref(), Some("007"));
    assert_eq!(settings.core.mqtt.versions, [Version::V3_1_1, Version::V5]);
    let addresses: Vec<String> = settings.listeners.iter().map(|listener| listener.address.to_string()).collect();
    assert_eq!(addresses, ["127.0.0.1:3", "[::1]:2"]);
}

#[test]
fn a_wrong_variable_is_named() {
    for (name, value, expected) in [
        ("WEIRMQ__MQTT__INFLIGHT_MAXX", "7", "unknown key `inflight_maxx`"),
        ("WEIRMQ__MQTT__INFLIGHT_MAX", "x", "expected a whole number from 0 to 65535, found the text \"x\""),
        ("WEIRMQ__SHARDS", "99", "`shards` must be 1 to 64, and is 99"),
        ("WEIRMQ__SHARDS__X", "1", "`shards` is not a section"),
        ("WEIRMQ__LISTENERS__2__ADDRESS", "127.0.0.1:1", "index 2 leaves a gap"),
        ("WEIRMQ____SHARDS", "1", "empty level"),
        ("WEIRMQ__MQTT", "{inflight_max: x}", "expected a whole number"),
    ] {
        let text = with_variables("shards: 1\n", &[(name, value)]).expect_err(name).to_string();
        assert!(text.starts_with(&format!("environment variable {name}: ")), "{text}");
        assert!(text.contains(expected), "{text}");
    }
    let twice = with_variables("", &[("WEIRMQ__SHARDS", "1"), ("WEIRMQ__Shards", "2")]).expect_err("twice").to_string();
    assert!(twice.contains("says the same as WEIRMQ__SHARDS"), "{twice}");
}

#[test]
fn no_broker_is_open_by_accident() {
    let text = error("listeners:\n  - address: 127.0.0.1:1883\n  - address: 0.0.0.0:1883\n");
    assert!(
        text.starts_with("weirmq.yaml:3:5: the listener 0.0.0.0:1883 can be reached from other machines"),
        "{text}"
    );
    assert!(text.contains("allow_anonymous: true") && text.contains("--allow-anonymous"), "{text}");
    let text = error("listeners: [{address: 127.0.0.1:1883, allow_anonymous: false}]");
    assert!(text.contains("no other way to let clients in"), "{text}");

    let listen = vec![Address::Tcp(([0, 0, 0, 0], 1883).into())];
    let flags = Overrides { listen, ..Overrides::default() };
    let text = load_text(None, "", [], &flags).expect_err("open").to_string();
    assert!(text.starts_with("the listener 0.0.0.0:1883 can be reached"), "{text}");
    let flags = Overrides { allow_anonymous: true, ..flags };
    assert!(load_text(None, "", [], &flags).expect("allowed").settings.listeners[0].allow_anonymous);
}

#[test]
fn two_listeners_cannot_share_an_address_or_a_name() {
    let text = error("listeners: [{address: 127.0.0.1:1}, {address: 127.0.0.1:1}]");
    assert!(text.contains("two listeners have the address 127.0.0.1:1"), "{text}");
    let text = error("listeners: [{address: 127.0.0.1:1, name: a}, {address: 127.0.0.1:2, name: a}]");
    assert!(text.contains("two listeners have the name \"a\""), "{text}");
    assert!(parse("listeners: [{address: 127.0.0.1:0}, {address: 127.0.0.1:0}]").is_ok());
}
