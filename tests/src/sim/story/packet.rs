//! From the words of a story to packets, and back.

use std::collections::BTreeMap;

use super::fields::{Spec, Value, Variables};
use crate::wire::{
    self, Ack, Connect, Filter, Packet, Property, Publish, Subscribe, Unsubscribe, VarInt, Version, auth, connect,
    disconnect,
};

/// A version by its name.
pub(super) fn version(text: &str) -> Result<Version, String> {
    match text {
        "3.1" => Ok(Version::V31),
        "3.1.1" => Ok(Version::V311),
        "5" => Ok(Version::V5),
        other => Err(format!("no version {other:?}; there are 3.1, 3.1.1 and 5")),
    }
}

/// Writes what a story sends.
struct Writer<'a> {
    spec: &'a Spec,
    version: Version,
    variables: &'a Variables,
}

/// The packet that a line sends.
pub(super) fn build(spec: &Spec, name: &str, version: Version, variables: &Variables) -> Result<Packet, String> {
    let writer = Writer { spec, version, variables };
    let ack = |make: fn(Ack) -> Packet| {
        let (id, code) = (writer.required("id")? as u16, writer.required("code")? as u8);
        Ok(make(Ack { id, code, properties: Vec::new() }))
    };
    match spec.word {
        "CONNECT" => writer.connect(name).map(Packet::from),
        "PUBLISH" => writer.publish().map(Packet::from),
        "PUBACK" => ack(Packet::PubAck),
        "PUBREC" => ack(Packet::PubRec),
        "PUBREL" => ack(Packet::PubRel),
        "PUBCOMP" => ack(Packet::PubComp),
        "SUBSCRIBE" => writer.subscribe().map(Packet::from),
        "UNSUBSCRIBE" => {
            let (id, filters) = (writer.required("id")? as u16, spec.texts("filter").to_vec());
            Ok(Unsubscribe { id, properties: Vec::new(), filters }.into())
        }
        "PINGREQ" => Ok(wire::ping()),
        "DISCONNECT" => {
            let mut packet = disconnect().code(writer.required("code")? as u8);
            packet.properties = writer.properties(&["expiry"])?;
            Ok(packet.into())
        }
        "AUTH" => {
            let mut packet = auth(writer.required("code")? as u8);
            packet.properties = writer.properties(&["method", "data"])?;
            Ok(packet.into())
        }
        other => Err(format!("a client does not send {other}; write `NAME < {other} …` for what it gets")),
    }
}

impl Writer<'_> {
    fn number(&self, name: &str) -> Result<Option<u64>, String> {
        self.spec.number(name, self.variables)
    }

    fn required(&self, name: &str) -> Result<u64, String> {
        self.number(name)?.ok_or_else(|| format!("{} needs {name}=…", self.spec.word))
    }

    fn flag(&self, name: &str) -> Result<bool, String> {
        Ok(self.required(name)? > 0)
    }

    /// Those of these fields that are said, as properties.
    fn properties(&self, names: &[&str]) -> Result<Vec<Property>, String> {
        let mut list = Vec::new();
        for &name in names {
            let number = || self.required(name);
            let text = || self.spec.text(name).unwrap_or_default().to_owned();
            if !self.spec.fields.contains_key(name) {
                continue;
            }
            list.push(match (self.spec.word, name) {
                ("PUBLISH", "expiry") | (_, "will-expiry") => Property::MessageExpiryInterval(number()? as u32),
                (_, "expiry") => Property::SessionExpiryInterval(number()? as u32),
                (_, "receive-maximum") => Property::ReceiveMaximum(number()? as u16),
                (_, "packet-maximum") => Property::MaximumPacketSize(number()? as u32),
                (_, "alias-maximum") => Property::TopicAliasMaximum(number()? as u16),
                (_, "will-delay") => Property::WillDelayInterval(number()? as u32),
                (_, "alias") => Property::TopicAlias(number()? as u16),
                (_, "identifier") => Property::SubscriptionIdentifier(VarInt(number()? as u32)),
                (_, "method") => Property::AuthenticationMethod(text()),
                (_, "data") => Property::AuthenticationData(text().into_bytes()),
                (word, name) => return Err(format!("{name} of {word} is not sent")),
            });
        }
        if !list.is_empty() && self.version != Version::V5 {
            let text = "only MQTT 5.0 has these fields; write [5] before the line, or version=5 in its CONNECT";
            return Err(format!("{names:?}: {text}"));
        }
        Ok(list)
    }

    fn connect(&self, name: &str) -> Result<Connect, String> {
        let keep = self.flag("keep")?;
        let clean = self.number("clean")?.map_or(!keep, |clean| clean > 0);
        let mut packet = connect(self.spec.text("as").unwrap_or(name)).version(self.version).clean(clean);
        packet.keep_alive_s = self.required("keep-alive")? as u16;
        packet.properties =
            self.properties(&["expiry", "receive-maximum", "packet-maximum", "alias-maximum", "method", "data"])?;
        if keep && self.version == Version::V5 && !self.spec.fields.contains_key("expiry") {
            packet = packet.session_expiry(u32::MAX);
        }
        if let Some(topic) = self.spec.text("will") {
            let payload = self.spec.text("will-payload").unwrap_or("will");
            packet = packet.will(topic, payload.as_bytes(), self.required("will-qos")? as u8);
            if self.flag("will-retain")? {
                packet = packet.will_retain();
            }
            for property in self.properties(&["will-delay", "will-expiry"])? {
                packet = packet.will_property(property);
            }
        }
        packet.user_name = self.spec.text("user").map(String::from);
        packet.password = self.spec.text("password").map(|text| text.as_bytes().to_vec());
        Ok(packet)
    }

    fn publish(&self) -> Result<Publish, String> {
        let qos = self.required("qos")? as u8;
        let id = self.number("id")?.map(|id| id as u16);
        if id.is_some() != (qos > 0) {
            return Err(
                "PUBLISH with qos=1 or 2 needs id=…, and only that; for another packet write `NAME > raw`".into()
            );
        }
        let text = |name| self.spec.text(name).unwrap_or_default();
        let mut packet = wire::publish(text("topic"), text("payload"));
        packet.qos = qos;
        packet.id = id;
        packet.dup = self.flag("dup")?;
        packet.retain = self.flag("retain")?;
        packet.properties = self.properties(&["alias", "expiry"])?;
        Ok(packet)
    }

    fn subscribe(&self) -> Result<Subscribe, String> {
        let mut options = self.required("qos")? as u8;
        options |= u8::from(self.flag("no-local")?) << 2 | u8::from(self.flag("as-published")?) << 3;
        options |= (self.required("handling")? as u8) << 4;
        let filters = self.spec.texts("filter").iter().map(|filter| Filter { filter: filter.clone(), options });
        let id = self.required("id")? as u16;
        Ok(Subscribe { id, properties: self.properties(&["identifier"])?, filters: filters.collect() })
    }
}

type Fields = BTreeMap<&'static str, Value>;

/// A packet that came, in the words of a story. `topic` is what an alias stands for.
pub(super) fn describe(packet: &Packet, topic: &str) -> Spec {
    let mut fields = Fields::new();
    let ack = |fields: &mut Fields, ack: &Ack| {
        fields.insert("id", Value::Number(u64::from(ack.id)));
        fields.insert("code", Value::Number(u64::from(ack.code)));
    };
    let numbers = |codes: &[u8]| Value::Numbers(codes.iter().map(|&code| u64::from(code)).collect());
    let (word, properties) = match packet {
        Packet::ConnAck(it) => {
            fields.insert("present", Value::Number(u64::from(it.session_present)));
            fields.insert("code", Value::Number(u64::from(it.code)));
            ("CONNACK", &it.properties)
        }
        Packet::Publish(it) => {
            publish(&mut fields, it, topic);
            ("PUBLISH", &it.properties)
        }
        Packet::PubAck(it) => (ack(&mut fields, it), ("PUBACK", &it.properties)).1,
        Packet::PubRec(it) => (ack(&mut fields, it), ("PUBREC", &it.properties)).1,
        Packet::PubRel(it) => (ack(&mut fields, it), ("PUBREL", &it.properties)).1,
        Packet::PubComp(it) => (ack(&mut fields, it), ("PUBCOMP", &it.properties)).1,
        Packet::SubAck(it) => {
            fields.insert("id", Value::Number(u64::from(it.id)));
            fields.insert("codes", numbers(&it.codes));
            ("SUBACK", &it.properties)
        }
        Packet::UnsubAck(it) => {
            fields.insert("id", Value::Number(u64::from(it.id)));
            fields.insert("codes", numbers(&it.codes));
            ("UNSUBACK", &it.properties)
        }
        Packet::PingResp => ("PINGRESP", const { &Vec::new() }),
        Packet::Disconnect(it) => {
            fields.insert("code", Value::Number(u64::from(it.code)));
            ("DISCONNECT", &it.properties)
        }
        Packet::Auth(it) => {
            fields.insert("code", Value::Number(u64::from(it.code)));
            ("AUTH", &it.properties)
        }
        Packet::Connect(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_) | Packet::PingReq => {
            ("a packet that only clients send", const { &Vec::new() })
        }
    };
    for property in properties {
        insert_property(&mut fields, word, property);
    }
    Spec { word, fields }
}

fn publish(fields: &mut Fields, it: &Publish, topic: &str) {
    let payload = String::from_utf8_lossy(&it.payload).into_owned();
    fields.insert("topic", Value::Text(topic.to_owned()));
    fields.insert("payload", Value::Text(payload));
    let flags = [("qos", it.qos), ("dup", u8::from(it.dup)), ("retain", u8::from(it.retain))];
    fields.extend(flags.map(|(name, value)| (name, Value::Number(u64::from(value)))));
    if let Some(id) = it.id {
        fields.insert("id", Value::Number(u64::from(id)));
    }
}

fn insert_property(fields: &mut Fields, word: &str, property: &Property) {
    let (name, value) = match property {
        Property::MessageExpiryInterval(value) => ("expiry", u64::from(*value)),
        Property::SessionExpiryInterval(value) => ("expiry", u64::from(*value)),
        Property::ReceiveMaximum(value) => ("receive-maximum", u64::from(*value)),
        Property::TopicAliasMaximum(value) => ("alias-maximum", u64::from(*value)),
        Property::TopicAlias(value) => ("alias", u64::from(*value)),
        Property::ServerKeepAlive(value) => ("keep-alive", u64::from(*value)),
        Property::SubscriptionIdentifier(value) if word == "PUBLISH" => {
            let list = fields.entry("identifiers").or_insert_with(|| Value::Numbers(Vec::new()));
            if let Value::Numbers(list) = list {
                list.push(u64::from(value.0));
                list.sort_unstable();
            }
            return;
        }
        Property::AuthenticationMethod(text) => {
            fields.insert("method", Value::Text(text.clone()));
            return;
        }
        Property::AuthenticationData(data) => {
            fields.insert("data", Value::Text(String::from_utf8_lossy(data).into_owned()));
            return;
        }
        _ => return,
    };
    fields.insert(name, Value::Number(value));
}
