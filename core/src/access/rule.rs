//! Access rules: which topics clients may publish to and subscribe to.
//!
//! A list of [`Rule`]s is asked in its order and the first that applies decides; where none does, the action is allowed.
//! A rule says nothing yet about whose action it is. What comes in was authenticated before; this is only about topics.

use alloc::string::String;

use crate::packet::ReasonCode;
use crate::topic::{Filter, filter_covers};

/// The most rules of one broker: each PUBLISH and each filter of a SUBSCRIBE is held against all of them at worst.
pub const RULES_MAX: usize = 1_024;

/// What a client wants to do with a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// PUBLISH, or a will in CONNECT.
    Publish,
    /// One filter of a SUBSCRIBE.
    Subscribe,
    /// Either.
    Both,
}

impl Action {
    /// Whether a rule about this action is about `wanted`.
    const fn includes(self, wanted: Self) -> bool {
        matches!((self, wanted), (Self::Both, _) | (Self::Publish, Self::Publish) | (Self::Subscribe, Self::Subscribe))
    }
}

/// What a rule decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The action is allowed, whatever later rules say.
    Allow,
    /// The action is refused with this Reason Code, one that [`is_refusal`] knows. MQTT 3.x has 0x80 in SUBACK, 0x05 in
    /// CONNACK, and no answer for a PUBLISH: it is acknowledged and goes nowhere (MQTT 3.1.1, MQTT-3.3.5-2).
    Refuse(ReasonCode),
}

/// One rule. It applies to a PUBLISH or a will whose topic its filter matches, and to a subscription whose filter it
/// covers: every topic that the subscription could match is matched by the rule. A wider subscription is therefore not
/// touched by a narrower rule, and still gets the messages of those topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What is decided.
    pub effect: Effect,
    /// About which action.
    pub action: Action,
    /// About which topics: a valid topic filter without `$share/NAME/`. As everywhere, a leading wildcard does not match
    /// topics that begin with `$` (MQTT-4.7.2-1).
    pub filter: String,
}

/// Whether a rule may refuse with this code: those that PUBACK, PUBREC, SUBACK and CONNACK all know and that say what a
/// refused client should hear: 0x80 Unspecified error, 0x83 Implementation specific error, 0x87 Not authorized.
pub const fn is_refusal(code: ReasonCode) -> bool {
    matches!(code, ReasonCode::UnspecifiedError | ReasonCode::ImplementationSpecificError | ReasonCode::NotAuthorized)
}

impl Rule {
    /// What is wrong with it, in words that complete "must be"; none when it can be used.
    pub fn fault(&self) -> Option<&'static str> {
        match Filter::parse(&self.filter, u16::MAX) {
            Ok(Filter { share: None, .. }) => {}
            Ok(Filter { share: Some(_), .. }) => return Some("rules whose filter has no $share/NAME/"),
            Err(_) => return Some("rules with a valid topic filter"),
        }
        match self.effect {
            Effect::Refuse(code) if !is_refusal(code) => Some("rules that refuse with 0x80, 0x83 or 0x87"),
            Effect::Allow | Effect::Refuse(_) => None,
        }
    }

    const fn decide(&self) -> Result<(), ReasonCode> {
        match self.effect {
            Effect::Allow => Ok(()),
            Effect::Refuse(code) => Err(code),
        }
    }
}

/// Whether a client may publish to `topic`, by a PUBLISH or by its will; else the Reason Code that says so.
pub(crate) fn check_publish(rules: &[Rule], topic: &str) -> Result<(), ReasonCode> {
    rules
        .iter()
        .filter(|rule| rule.action.includes(Action::Publish))
        .find(|rule| Filter { share: None, filter: &rule.filter }.matches(topic))
        .map_or(Ok(()), Rule::decide)
}

/// Whether a client may subscribe to `filter`, a valid topic filter without `$share/NAME/`; else the Reason Code that says
/// so.
pub(crate) fn check_subscribe(rules: &[Rule], filter: &str) -> Result<(), ReasonCode> {
    rules
        .iter()
        .filter(|rule| rule.action.includes(Action::Subscribe))
        .find(|rule| filter_covers(&rule.filter, filter))
        .map_or(Ok(()), Rule::decide)
}

/// The first fault of a list of rules.
pub(crate) fn fault(rules: &[Rule]) -> Option<&'static str> {
    if rules.len() > RULES_MAX {
        return Some("at most 1024 rules");
    }
    rules.iter().find_map(Rule::fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn rule(effect: Effect, action: Action, filter: &str) -> Rule {
        Rule { effect, action, filter: String::from(filter) }
    }

    const REFUSE: Effect = Effect::Refuse(ReasonCode::NotAuthorized);

    #[test]
    fn without_rules_everything_is_allowed() {
        assert_eq!(check_publish(&[], "a"), Ok(()));
        assert_eq!(check_subscribe(&[], "#"), Ok(()));
    }

    #[test]
    fn the_first_rule_that_applies_decides() {
        let rules = [
            rule(Effect::Allow, Action::Both, "a/b"),
            rule(Effect::Refuse(ReasonCode::UnspecifiedError), Action::Publish, "a/+"),
            rule(REFUSE, Action::Both, "#"),
        ];
        assert_eq!(check_publish(&rules, "a/b"), Ok(()));
        assert_eq!(check_publish(&rules, "a/c"), Err(ReasonCode::UnspecifiedError));
        assert_eq!(check_publish(&rules, "c"), Err(ReasonCode::NotAuthorized));
        assert_eq!(check_publish(&rules, "$x"), Ok(()));
        assert_eq!(check_subscribe(&rules, "a/b"), Ok(()));
        assert_eq!(check_subscribe(&rules, "a/+"), Err(ReasonCode::NotAuthorized));
        assert_eq!(check_subscribe(&rules, "$x"), Ok(()));
    }

    #[test]
    fn an_action_is_touched_by_rules_about_it() {
        let rules = [rule(REFUSE, Action::Subscribe, "s"), rule(REFUSE, Action::Publish, "p")];
        assert!(check_publish(&rules, "s").is_ok() && check_subscribe(&rules, "s").is_err());
        assert!(check_publish(&rules, "p").is_err() && check_subscribe(&rules, "p").is_ok());
    }

    #[test]
    fn a_wider_subscription_is_not_covered() {
        let rules = [rule(REFUSE, Action::Subscribe, "a/+/c")];
        for (filter, allowed) in
            [("a/b/c", false), ("a/+/c", false), ("a/+/+", true), ("a/#", true), ("#", true), ("a/b", true)]
        {
            assert_eq!(check_subscribe(&rules, filter).is_ok(), allowed, "{filter}");
        }
    }

    #[test]
    fn faults_are_named() {
        assert_eq!(fault(&[rule(REFUSE, Action::Both, "a/#")]), None);
        assert!(rule(REFUSE, Action::Both, "a#").fault().is_some_and(|text| text.contains("valid topic filter")));
        assert!(rule(REFUSE, Action::Both, "$share/g/a").fault().is_some_and(|text| text.contains("$share")));
        let refuse = rule(Effect::Refuse(ReasonCode::QuotaExceeded), Action::Both, "a");
        assert!(refuse.fault().is_some_and(|text| text.contains("0x87")));
        let many = vec![rule(REFUSE, Action::Both, "a"); RULES_MAX + 1];
        assert!(fault(&many).is_some_and(|text| text.contains("1024")));
        assert_eq!(fault(&many[1..]), None);
    }
}
