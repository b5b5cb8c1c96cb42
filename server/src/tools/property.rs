//! MQTT 5.0 properties on the command line: `-D publish content-type text/plain`, `-D connect user-property NAME VALUE`.

use weirmq_core::packet::{Property, PropertyBuffer, PropertySet};

use crate::config::nearest;

/// The properties of each packet that these tools send.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PropertyLists {
    pub(crate) connect: PropertyBuffer,
    pub(crate) will: PropertyBuffer,
    pub(crate) publish: PropertyBuffer,
    pub(crate) subscribe: PropertyBuffer,
    pub(crate) unsubscribe: PropertyBuffer,
    /// Only the Session Expiry Interval.
    pub(crate) disconnect: PropertyBuffer,
}

const COMMANDS: [&str; 6] = ["connect", "will", "publish", "subscribe", "unsubscribe", "disconnect"];

const NAMES: [&str; 16] = [
    "payload-format-indicator",
    "message-expiry-interval",
    "content-type",
    "response-topic",
    "correlation-data",
    "subscription-identifier",
    "session-expiry-interval",
    "authentication-method",
    "authentication-data",
    "request-problem-information",
    "will-delay-interval",
    "request-response-information",
    "receive-maximum",
    "topic-alias-maximum",
    "maximum-packet-size",
    "user-property",
];

impl PropertyLists {
    /// Reads the words after every `-D`, one option after the other: three each, four for a user property.
    ///
    /// # Errors
    /// Which word is wrong and what was expected.
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        let mut lists = Self::default();
        let mut rest = words;
        while let [command, name, value, more @ ..] = rest {
            let property = if name == "user-property" {
                let [second, after @ ..] = more else {
                    return Err(format!("-D {command} user-property needs a name and a value"));
                };
                rest = after;
                Property::UserProperty(value, second)
            } else {
                rest = more;
                property(name, value)?
            };
            lists.push(command, name, property)?;
        }
        match rest {
            [] => Ok(lists),
            [first, ..] => Err(format!("after -D come COMMAND PROPERTY VALUE, and `{first}` is left over")),
        }
    }

    fn push(&mut self, command: &str, name: &str, property: Property<'_>) -> Result<(), String> {
        let (list, place) = match command {
            "connect" => (&mut self.connect, PropertySet::Connect),
            "will" => (&mut self.will, PropertySet::Will),
            "publish" => (&mut self.publish, PropertySet::Publish),
            "subscribe" => (&mut self.subscribe, PropertySet::Subscribe),
            "unsubscribe" => (&mut self.unsubscribe, PropertySet::Unsubscribe),
            "disconnect" => (&mut self.disconnect, PropertySet::Disconnect),
            _ => return Err(unknown("command", command, &COMMANDS)),
        };
        // A client must not send a Subscription Identifier in PUBLISH (MQTT-3.3.4-6).
        let from_server = place == PropertySet::Publish && matches!(property, Property::SubscriptionIdentifier(_));
        // The client machine sends no other property on DISCONNECT.
        let unsent = place == PropertySet::Disconnect && !matches!(property, Property::SessionExpiryInterval(_));
        if !property.allowed_in(place) || from_server || unsent {
            return Err(format!("{command} cannot have the property {name}"));
        }
        let twice = list.as_properties().iter().any(|earlier| earlier.identifier() == property.identifier());
        if twice && !property.repeatable_in(place) {
            return Err(format!("{command} can have the property {name} only once"));
        }
        list.push(property);
        Ok(())
    }

    /// Whether there is none at all.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    let hint = match nearest(word, known) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known are {}", known.join(", ")),
    };
    format!("unknown {what} `{word}` after -D; {hint}")
}

fn property<'a>(name: &str, value: &'a str) -> Result<Property<'a>, String> {
    let number = |low: u32, high: u32| {
        value
            .parse::<u32>()
            .ok()
            .filter(|number| (low..=high).contains(number))
            .ok_or_else(|| format!("{name} must be a whole number from {low} to {high}, found {value:?}"))
    };
    let short = |low: u16| number(low.into(), u16::MAX.into()).map(|number| number as u16);
    let flag = || number(0, 1).map(|number| number == 1);
    if value.len() > usize::from(u16::MAX) {
        return Err(format!("{name} is longer than 65535 bytes"));
    }
    Ok(match name {
        "payload-format-indicator" => Property::PayloadFormatIndicator(flag()?),
        "message-expiry-interval" => Property::MessageExpiryInterval(number(0, u32::MAX)?),
        "content-type" => Property::ContentType(value),
        "response-topic" if value.is_empty() || value.contains(['+', '#']) => {
            return Err(format!("response-topic must be a topic name without wildcards, found {value:?}"));
        }
        "response-topic" => Property::ResponseTopic(value),
        "correlation-data" => Property::CorrelationData(value.as_bytes()),
        "subscription-identifier" => Property::SubscriptionIdentifier(number(1, 268_435_455)?),
        "session-expiry-interval" => Property::SessionExpiryInterval(number(0, u32::MAX)?),
        "authentication-method" => Property::AuthenticationMethod(value),
        "authentication-data" => Property::AuthenticationData(value.as_bytes()),
        "request-problem-information" => Property::RequestProblemInformation(flag()?),
        "will-delay-interval" => Property::WillDelayInterval(number(0, u32::MAX)?),
        "request-response-information" => Property::RequestResponseInformation(flag()?),
        "receive-maximum" => Property::ReceiveMaximum(short(1)?),
        "topic-alias-maximum" => Property::TopicAliasMaximum(short(0)?),
        "topic-alias" => return Err(String::from("topic aliases are used by themselves where the broker allows them")),
        "maximum-packet-size" => Property::MaximumPacketSize(number(1, u32::MAX)?),
        _ => return Err(unknown("property", name, &NAMES)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<PropertyLists, String> {
        PropertyLists::parse(&words.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn lists_are_sorted_by_packet() {
        let lists = parse(
            "publish content-type text/plain connect user-property a b connect user-property a c \
             will will-delay-interval 5 subscribe subscription-identifier 7",
        )
        .expect("properties");
        assert_eq!(lists.publish.as_properties().content_type(), Some("text/plain"));
        let pairs: Vec<_> = lists.connect.as_properties().user_properties().collect();
        assert_eq!(pairs, [("a", "b"), ("a", "c")]);
        assert_eq!(lists.will.as_properties().will_delay_interval(), Some(5));
        assert_eq!(lists.subscribe.as_properties().subscription_identifier(), Some(7));
        assert!(!lists.is_empty() && PropertyLists::parse(&[]).expect("nothing").is_empty());
    }

    #[test]
    fn mistakes_are_named() {
        for (words, expected) in [
            ("publish content_type x", "did you mean `content-type`?"),
            ("publsh content-type x", "did you mean `publish`?"),
            ("publish will-delay-interval 5", "publish cannot have the property will-delay-interval"),
            ("publish subscription-identifier 5", "publish cannot have"),
            ("publish content-type x publish content-type y", "only once"),
            ("connect receive-maximum 0", "from 1 to 65535, found \"0\""),
            ("connect receive-maximum 65536", "from 1 to 65535"),
            ("publish payload-format-indicator 2", "from 0 to 1"),
            ("publish response-topic a/#", "without wildcards"),
            ("publish user-property a", "needs a name and a value"),
            ("publish content-type x y", "`y` is left over"),
        ] {
            let error = parse(words).expect_err(words);
            assert!(error.contains(expected), "{words}: {error}");
        }
    }

    #[test]
    fn every_name_is_known() {
        for name in NAMES {
            let known = name == "user-property" || ["1", "a"].iter().any(|value| property(name, value).is_ok());
            assert!(known, "{name}");
        }
    }
}
