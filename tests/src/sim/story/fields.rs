//! Packets as a word and named fields: what each may have, how each is read, and when two are the same.

use std::collections::BTreeMap;

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A number, `7` or `0x07`.
    Number(u64),
    /// A text.
    Text(String),
    /// Numbers, separated by commas.
    Numbers(Vec<u64>),
    /// Texts, separated by commas.
    Texts(Vec<String>),
    /// `$name`: what it stood for first is what it stands for.
    Variable(String),
    /// `any`.
    Any,
    /// `0|16`.
    OneOf(Vec<u64>),
}

/// How a field is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Numbers,
    Texts,
}

/// What it means that a field is not mentioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unsaid {
    /// The line is wrong.
    Missing,
    /// It is this number.
    Is(u64),
    /// It is not there when sent, and anything when received.
    Open,
}

use Kind::{Number, Numbers, Text, Texts};
use Unsaid::{Is, Missing, Open};

type Field = (&'static str, Kind, Unsaid);

const ACK: &[Field] = &[("id", Number, Missing), ("code", Number, Is(0))];

/// Every packet, and `CONNECT` as clients say it.
const PACKETS: &[(&str, &[Field])] = &[
    (
        "CONNECT",
        &[
            ("as", Text, Open),
            ("version", Text, Open),
            ("keep", Number, Is(0)),
            ("clean", Number, Open),
            ("expiry", Number, Open),
            ("keep-alive", Number, Is(0)),
            ("receive-maximum", Number, Open),
            ("packet-maximum", Number, Open),
            ("alias-maximum", Number, Open),
            ("will", Text, Open),
            ("will-payload", Text, Open),
            ("will-qos", Number, Is(0)),
            ("will-retain", Number, Is(0)),
            ("will-delay", Number, Open),
            ("will-expiry", Number, Open),
            ("user", Text, Open),
            ("password", Text, Open),
            ("method", Text, Open),
            ("data", Text, Open),
        ],
    ),
    (
        "CONNACK",
        &[
            ("present", Number, Is(0)),
            ("code", Number, Is(0)),
            ("expiry", Number, Open),
            ("receive-maximum", Number, Open),
            ("alias-maximum", Number, Open),
            ("keep-alive", Number, Open),
            ("method", Text, Open),
            ("data", Text, Open),
        ],
    ),
    (
        "PUBLISH",
        &[
            ("topic", Text, Missing),
            ("payload", Text, Missing),
            ("qos", Number, Is(0)),
            ("id", Number, Open),
            ("dup", Number, Is(0)),
            ("retain", Number, Is(0)),
            ("alias", Number, Open),
            ("expiry", Number, Open),
            ("identifiers", Numbers, Open),
        ],
    ),
    ("PUBACK", ACK),
    ("PUBREC", ACK),
    ("PUBREL", ACK),
    ("PUBCOMP", ACK),
    (
        "SUBSCRIBE",
        &[
            ("id", Number, Missing),
            ("filter", Texts, Missing),
            ("qos", Number, Is(0)),
            ("no-local", Number, Is(0)),
            ("as-published", Number, Is(0)),
            ("handling", Number, Is(0)),
            ("identifier", Number, Open),
        ],
    ),
    ("SUBACK", &[("id", Number, Missing), ("codes", Numbers, Missing)]),
    ("UNSUBSCRIBE", &[("id", Number, Missing), ("filter", Texts, Missing)]),
    ("UNSUBACK", &[("id", Number, Missing), ("codes", Numbers, Open)]),
    ("PINGREQ", &[]),
    ("PINGRESP", &[]),
    ("DISCONNECT", &[("code", Number, Is(0)), ("expiry", Number, Open)]),
    ("AUTH", &[("code", Number, Is(0)), ("method", Text, Open), ("data", Text, Open)]),
];

/// A packet in the words of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) word: &'static str,
    pub(super) fields: BTreeMap<&'static str, Value>,
}

/// What variables stand for.
pub(super) type Variables = BTreeMap<String, u64>;

/// A decimal or hexadecimal number.
pub(super) fn number(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("{text:?} is no number; write 7, 0x07, 0|16, any or $name"))
}

impl Kind {
    fn read(self, text: &str) -> Result<Value, String> {
        if text == "any" {
            return Ok(Value::Any);
        }
        Ok(match self {
            Number if text.contains('|') => Value::OneOf(text.split('|').map(number).collect::<Result<_, _>>()?),
            Number => match text.strip_prefix('$') {
                Some(name) => Value::Variable(name.into()),
                None => Value::Number(number(text)?),
            },
            Numbers => Value::Numbers(text.split(',').map(number).collect::<Result<_, _>>()?),
            Text => Value::Text(repeated(text)),
            Texts => Value::Texts(text.split(',').map(repeated).collect()),
        })
    }
}

/// `x*300` is three hundred times x.
fn repeated(text: &str) -> String {
    match text.split_once('*').map(|(part, count)| (part, count.parse::<usize>())) {
        Some((part, Ok(count))) => part.repeat(count),
        _ => text.into(),
    }
}

impl Spec {
    /// Reads `WORD field=value …`; a field alone is 1.
    pub(super) fn parse(word: &str, parts: &[&str]) -> Result<Self, String> {
        let Some(&(word, known)) = PACKETS.iter().find(|it| it.0 == word) else {
            let words: Vec<_> = PACKETS.iter().map(|it| it.0).collect();
            return Err(format!("no packet {word:?}; there are {}", words.join(", ")));
        };
        let mut fields = BTreeMap::new();
        for part in parts {
            let (name, text) = part.split_once('=').unwrap_or((part, "1"));
            let Some(&(name, kind, _)) = known.iter().find(|it| it.0 == name) else {
                let names: Vec<_> = known.iter().map(|it| it.0).collect();
                return Err(format!("{word} has no field {name:?}; it has {}", names.join(", ")));
            };
            let value = kind.read(text).map_err(|error| format!("{name}: {error}"))?;
            if fields.insert(name, value).is_some() {
                return Err(format!("{name} is said twice; say it once"));
            }
        }
        for &(name, _, unsaid) in known {
            match unsaid {
                Missing if !fields.contains_key(name) => {
                    return Err(format!("{word} needs {name}=…; write {name}=any where it does not matter"));
                }
                Is(number) => {
                    fields.entry(name).or_insert(Value::Number(number));
                }
                Missing | Open => {}
            }
        }
        Ok(Self { word, fields })
    }

    /// A number, with variables replaced.
    pub(super) fn number(&self, name: &str, variables: &Variables) -> Result<Option<u64>, String> {
        match self.fields.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(*number)),
            Some(Value::Variable(variable)) => match variables.get(variable) {
                Some(&number) => Ok(Some(number)),
                None => Err(format!("${variable} stands for nothing yet; let a packet that comes name it first")),
            },
            Some(other) => Err(format!("{name} is {other:?}, and what is sent needs one number")),
        }
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.fields.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Texts.
    pub(super) fn texts(&self, name: &str) -> &[String] {
        match self.fields.get(name) {
            Some(Value::Texts(texts)) => texts,
            _ => &[],
        }
    }

    /// Whether a packet that came is what this one asks for; then its variables are bound. The difference is the error.
    pub(super) fn agrees(&self, came: &Self, variables: &mut Variables) -> Result<(), String> {
        if self.word != came.word {
            return Err(format!("a {} came, not a {}", came.word, self.word));
        }
        let mut bound = Vec::new();
        for (&name, wanted) in &self.fields {
            let found = came.fields.get(name);
            let fits = match (wanted, found) {
                (Value::Any, _) => true,
                (Value::OneOf(any), Some(Value::Number(number))) => any.contains(number),
                (Value::Variable(variable), Some(Value::Number(number))) => match variables.get(variable) {
                    Some(known) => known == number,
                    None => {
                        bound.push((variable.clone(), *number));
                        true
                    }
                },
                (wanted, found) => found == Some(wanted),
            };
            if !fits {
                return Err(format!("{name} is {}, not {}", show(found), show(Some(wanted))));
            }
        }
        variables.extend(bound);
        Ok(())
    }
}

fn show(value: Option<&Value>) -> String {
    match value {
        None => "not there".into(),
        Some(Value::Number(number)) => format!("{number} ({number:#04x})"),
        Some(Value::Text(text)) => format!("{text:.80?}"),
        Some(Value::Numbers(list)) => format!("{list:?}"),
        Some(Value::Texts(list)) => format!("{list:?}"),
        Some(Value::Variable(name)) => format!("${name}"),
        Some(Value::Any) => "any".into(),
        Some(Value::OneOf(list)) => format!("one of {list:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Spec, Variables};

    fn spec(line: &str) -> Result<Spec, String> {
        let parts: Vec<&str> = line.split_whitespace().collect();
        Spec::parse(parts[0], &parts[1..])
    }

    #[test]
    fn what_is_wrong_is_said_with_a_remedy() {
        for (line, told) in [
            ("PUBLISHED topic=a", "there are CONNECT"),
            ("PUBACK", "needs id=…"),
            ("PUBACK id=one", "write 7, 0x07"),
            ("PUBACK id=1 colour=3", "it has id, code"),
            ("PUBACK id=1 id=2", "say it once"),
        ] {
            let error = spec(line).expect_err(line);
            assert!(error.contains(told), "{line}: {error}");
        }
    }

    #[test]
    fn unsaid_fields_are_not_free() {
        let wanted = spec("PUBLISH topic=a payload=x qos=1").expect("a packet");
        let mut variables = Variables::new();
        let came = |line| spec(line).expect("a packet");
        assert_eq!(wanted.agrees(&came("PUBLISH topic=a payload=x qos=1 id=7"), &mut variables), Ok(()));
        assert!(wanted.agrees(&came("PUBLISH topic=a payload=x qos=1 dup"), &mut variables).is_err());
        assert!(wanted.agrees(&came("PUBLISH topic=a payload=y qos=1"), &mut variables).is_err());
    }

    #[test]
    fn variables_stay_what_they_were_first() {
        let mut variables = Variables::new();
        let (wanted, came) = (spec("PUBACK id=$m").expect("one"), |id| spec(&format!("PUBACK id={id}")).expect("one"));
        assert_eq!(wanted.number("id", &variables).map_err(|error| error.contains("nothing yet")), Err(true));
        assert_eq!(wanted.agrees(&came(7), &mut variables), Ok(()));
        assert_eq!(wanted.number("id", &variables), Ok(Some(7)));
        assert!(wanted.agrees(&came(8), &mut variables).is_err());
    }
}
