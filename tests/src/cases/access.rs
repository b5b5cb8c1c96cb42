//! Access rules: what clients may publish to and subscribe to.

use weirmq_core::Config;
use weirmq_core::access::{Action, Effect, Rule};
use weirmq_core::packet::ReasonCode;

use crate::wire::*;
use crate::{Start, Talk};

fn rules(rules: &[(Effect, Action, &str)]) -> Config {
    let access =
        rules.iter().map(|&(effect, action, filter)| Rule { effect, action, filter: filter.to_owned() }).collect();
    Config { access, ..Config::default() }
}

const REFUSE: Effect = Effect::Refuse(ReasonCode::NotAuthorized);

/// A SUBSCRIBE is refused filter by filter, shared or not: 0x80 in 3.x, the rule's code in 5.0 (MQTT-3.8.4-5, MQTT-3.9.3-2).
pub fn a_rule_refuses_subscriptions(start: Start<'_>) {
    let mut w = start(rules(&[
        (Effect::Allow, Action::Subscribe, "secret/open"),
        (REFUSE, Action::Subscribe, "secret/#"),
        (Effect::Refuse(ReasonCode::UnspecifiedError), Action::Subscribe, "+/x"),
    ]));
    let filters =
        [("secret/a", 1), ("secret/+", 2), ("$share/g/secret/#", 0), ("secret/open", 1), ("a/x", 2), ("#", 1)];
    for version in [Version::V31, Version::V311] {
        let old = w.connect(connect("old").version(version));
        w.send(old, subscribe(1, filters));
        w.expect(old, suback(1, [0x80, 0x80, 0x80, 1, 0x80, 1]));
    }
    let new = w.connect(connect("new").v5());
    w.send(new, subscribe(1, filters));
    w.expect(new, suback(1, [0x87, 0x87, 0x87, 1, 0x80, 1]));
    // A refused filter is no subscription, and a wider one still gets the messages.
    let publisher = w.connect(connect("publisher"));
    w.published(publisher, publish("secret/a", "x").qos(1));
    w.take(new, "secret/a", "x");
    w.expect_nothing(new);
}

/// A refused PUBLISH goes nowhere: 5.0 is told the rule's code, 3.x is acknowledged (MQTT-3.3.5-2), QoS 0 is dropped.
pub fn a_rule_refuses_publishes(start: Start<'_>) {
    let mut w = start(rules(&[(Effect::Allow, Action::Both, "p/ok"), (REFUSE, Action::Publish, "p/+")]));
    let witness = w.connect(connect("witness"));
    w.subscribed(witness, [("#", 2)]);
    let new = w.connect(connect("new").v5());
    w.send(new, publish("p/no", "0"));
    w.send(new, publish("p/no", "1").qos(1).id(1));
    w.expect_like(new, puback(1).with_code(0x87));
    w.send(new, publish("p/no", "2").qos(2).id(2).retain());
    w.expect_like(new, pubrec(2).with_code(0x87));
    let old = w.connect(connect("old"));
    w.published(old, publish("p/no", "1").qos(1).id(1));
    w.published(old, publish("p/no", "2").qos(2).id(2));
    w.expect_nothing(witness);
    w.published(new, publish("p/ok", "yes").qos(1).id(3));
    w.take(witness, "p/ok", "yes");
}

/// A will that could not be published refuses its CONNECT.
pub fn a_rule_refuses_wills(start: Start<'_>) {
    let mut w = start(rules(&[(REFUSE, Action::Publish, "p")]));
    for (version, code) in [(Version::V31, 5), (Version::V311, 5), (Version::V5, 0x87)] {
        let (client, refused) = w.try_connect(connect("client").version(version).will("p", b"x", 0));
        assert_eq!(refused.code, code);
        w.expect_closed(client);
        w.connect(connect("client").version(version).will("q", b"x", 0));
    }
}
