//! The configuration as a tree that remembers where each value was written.
//!
//! YAML text and environment variables end in the same tree, so that they are checked by the same rules and an error can
//! always name the line or the variable. What the keys mean is not known here.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::error::Problem;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In the file, counted from 1.
    File { line: u64, column: u64 },
    /// In this environment variable.
    Variable(String),
    /// On the command line.
    CommandLine,
}

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
    /// The text of an environment variable, for keys that take text: there `007` is not a number.
    pub(crate) raw: Option<String>,
}

/// What YAML can say.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) origin: Origin,
}

/// The most that one configuration may hold: generous for a person, small for an alias bomb.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 100_000,
            max_nodes: 50_000,
            max_depth: 16,
            max_aliases: 100,
            max_anchors: 100,
            max_documents: 1,
            max_total_scalar_bytes: 1 << 20,
            max_merge_keys: 100,
        },
        strict_booleans: true,
        with_snippet: false,
    }
}

impl Node {
    /// Reads a YAML document. An empty one is null.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(Self { value: Value::Null, origin: Origin::File { line: 1, column: 1 }, raw: None });
        }
        let parsed: Result<Spanned<Raw>, _> = serde_saphyr::from_str_with_options(text, options());
        parsed.map(Self::from).map_err(|error| {
            let origin = error.location().map(|at| Origin::File { line: at.line(), column: at.column() });
            let message = error.without_snippet().render();
            // The library ends its own messages with the place, which ours begin with.
            let message = message.lines().next().unwrap_or_default();
            let message = message.rsplit_once(" at line ").map_or(message, |(text, _)| text);
            // Nor can a user set the library's options.
            let message = message.split_once(", set ").map_or(message, |(text, _)| text);
            Problem::new(message).at(origin)
        })
    }

    /// A scalar, list or mapping in flow style out of an environment variable.
    pub(crate) fn from_variable(name: &str, text: &str) -> Self {
        let mut node = match Self::parse(text) {
            Ok(node) => node,
            // Not YAML (`@home`): then it is just text.
            Err(_) => {
                Self { value: Value::Text(text.to_owned()), origin: Origin::Variable(name.to_owned()), raw: None }
            }
        };
        node.come_from(&Origin::Variable(name.to_owned()));
        node.raw = Some(text.to_owned());
        node
    }

    fn come_from(&mut self, origin: &Origin) {
        self.origin = origin.clone();
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|item| item.come_from(origin)),
            Value::Map(entries) => {
                for (key, node) in entries {
                    key.origin = origin.clone();
                    node.come_from(origin);
                }
            }
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Text(_) => {}
        }
    }

    /// The value under a dotted path such as `limits.output_bytes_max`, or the last of its parents that exists.
    pub(crate) fn locate(&self, path: &str) -> Option<&Self> {
        let mut found = None;
        let mut node = self;
        for name in path.split('.') {
            let next = match &node.value {
                Value::Map(entries) => entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node),
                Value::List(items) => name.parse::<usize>().ok().and_then(|index| items.get(index)),
                Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Text(_) => None,
            };
            let Some(next) = next else { return found };
            found = Some(next);
            node = next;
        }
        found
    }
}

impl Value {
    /// What it is, for error messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Null => String::from("nothing"),
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Text(value) => format!("the text {value:?}"),
            Self::List(_) => String::from("a list"),
            Self::Map(_) => String::from("a section"),
        }
    }
}

/// A value before its place is attached.
struct Raw(Value);

impl From<Spanned<Raw>> for Node {
    fn from(spanned: Spanned<Raw>) -> Self {
        let origin = Origin::File { line: spanned.referenced.line(), column: spanned.referenced.column() };
        Self { value: spanned.value.0, origin, raw: None }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor).map(Self)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element::<Spanned<Raw>>()? {
            items.push(item.into());
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = access.next_key::<Spanned<String>>()? {
            let origin = Origin::File { line: key.referenced.line(), column: key.referenced.column() };
            let value: Spanned<Raw> = access.next_value()?;
            entries.push((Key { name: key.value, origin }, value.into()));
        }
        Ok(Value::Map(entries))
    }
}
