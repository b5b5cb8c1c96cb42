//! Packets into bytes.

use super::codec::{Field, VarInt};
use super::packet::*;
use super::property::{Property, put_properties};

/// Something that a client can send: a packet, or bytes as they are.
pub trait ToWire {
    /// Its bytes in this version of the protocol. A [`Connect`] has a version of its own.
    fn to_wire(&self, version: Version) -> Vec<u8>;
    /// The version that the connection has from here on.
    fn names_version(&self) -> Option<Version> {
        None
    }
}

impl ToWire for [u8] {
    fn to_wire(&self, _: Version) -> Vec<u8> {
        self.to_vec()
    }
}

impl<const N: usize> ToWire for [u8; N] {
    fn to_wire(&self, _: Version) -> Vec<u8> {
        self.to_vec()
    }
}

impl ToWire for Vec<u8> {
    fn to_wire(&self, _: Version) -> Vec<u8> {
        self.clone()
    }
}

impl<T: ToWire + ?Sized> ToWire for &T {
    fn to_wire(&self, version: Version) -> Vec<u8> {
        (*self).to_wire(version)
    }
    fn names_version(&self) -> Option<Version> {
        (*self).names_version()
    }
}

impl ToWire for Packet {
    fn to_wire(&self, version: Version) -> Vec<u8> {
        let (first, body) = match self {
            Self::Connect(it) => (0x10, connect(it)),
            Self::ConnAck(it) => (0x20, connack(it, version)),
            Self::Publish(it) => (publish_flags(it), publish(it, version)),
            Self::PubAck(it) => (0x40, ack(it, version)),
            Self::PubRec(it) => (0x50, ack(it, version)),
            Self::PubRel(it) => (0x62, ack(it, version)),
            Self::PubComp(it) => (0x70, ack(it, version)),
            Self::Subscribe(it) => (0x82, subscribe(it, version)),
            Self::SubAck(it) => (0x90, codes(it.id, &it.properties, &it.codes, version)),
            Self::Unsubscribe(it) => (0xA2, unsubscribe(it, version)),
            Self::UnsubAck(it) => (0xB0, codes(it.id, &it.properties, &it.codes, version)),
            Self::PingReq => (0xC0, Vec::new()),
            Self::PingResp => (0xD0, Vec::new()),
            Self::Disconnect(it) => (0xE0, code(it.code, &it.properties, version)),
            Self::Auth(it) => (0xF0, code(it.code, &it.properties, version)),
        };
        let mut out = vec![first];
        VarInt(body.len() as u32).put(&mut out);
        out.extend(body);
        out
    }

    fn names_version(&self) -> Option<Version> {
        match self {
            Self::Connect(it) => Some(it.version),
            _ => None,
        }
    }
}

macro_rules! to_wire {
    ($($name:ident),*) => { $(
        impl ToWire for $name {
            fn to_wire(&self, version: Version) -> Vec<u8> { Packet::from(self.clone()).to_wire(version) }
            fn names_version(&self) -> Option<Version> { Packet::from(self.clone()).names_version() }
        }
    )* };
}

to_wire!(Connect, ConnAck, Publish, Subscribe, SubAck, Unsubscribe, UnsubAck, Disconnect, Auth);

fn properties(list: &[Property], version: Version, out: &mut Vec<u8>) {
    if version == Version::V5 {
        put_properties(list, out);
    } else {
        assert!(list.is_empty(), "properties in a packet of {version:?}: {list:?}");
    }
}

fn connect(it: &Connect) -> Vec<u8> {
    let mut out = Vec::new();
    let (name, level) = match it.version {
        Version::V31 => ("MQIsdp", 3),
        Version::V311 => ("MQTT", 4),
        Version::V5 => ("MQTT", 5),
    };
    String::from(name).put(&mut out);
    out.push(level);
    let mut flags = u8::from(it.clean) << 1;
    if let Some(will) = &it.will {
        flags |= 0x04 | will.qos << 3 | u8::from(will.retain) << 5;
    }
    flags |= u8::from(it.password.is_some()) << 6 | u8::from(it.user_name.is_some()) << 7;
    out.push(flags);
    it.keep_alive_s.put(&mut out);
    properties(&it.properties, it.version, &mut out);
    it.client_id.put(&mut out);
    if let Some(will) = &it.will {
        properties(&will.properties, it.version, &mut out);
        will.topic.put(&mut out);
        will.payload.put(&mut out);
    }
    if let Some(user_name) = &it.user_name {
        user_name.put(&mut out);
    }
    if let Some(password) = &it.password {
        password.put(&mut out);
    }
    out
}

fn connack(it: &ConnAck, version: Version) -> Vec<u8> {
    let mut out = vec![u8::from(it.session_present), it.code];
    properties(&it.properties, version, &mut out);
    out
}

fn publish_flags(it: &Publish) -> u8 {
    0x30 | u8::from(it.dup) << 3 | it.qos << 1 | u8::from(it.retain)
}

fn publish(it: &Publish, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    it.topic.put(&mut out);
    if let Some(id) = it.id {
        id.put(&mut out);
    }
    properties(&it.properties, version, &mut out);
    out.extend(&it.payload);
    out
}

fn ack(it: &Ack, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    it.id.put(&mut out);
    out.extend(code(it.code, &it.properties, version));
    out
}

/// The end of an acknowledgement, DISCONNECT or AUTH: as short as MQTT 5.0 allows, nothing before.
fn code(code: u8, list: &[Property], version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    if version == Version::V5 && !list.is_empty() {
        out.push(code);
        put_properties(list, &mut out);
    } else if version == Version::V5 && code != 0 {
        out.push(code);
    } else {
        properties(list, version, &mut Vec::new());
    }
    out
}

fn subscribe(it: &Subscribe, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    it.id.put(&mut out);
    properties(&it.properties, version, &mut out);
    for filter in &it.filters {
        filter.filter.put(&mut out);
        out.push(filter.options);
    }
    out
}

fn unsubscribe(it: &Unsubscribe, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    it.id.put(&mut out);
    properties(&it.properties, version, &mut out);
    for filter in &it.filters {
        filter.put(&mut out);
    }
    out
}

fn codes(id: u16, list: &[Property], codes: &[u8], version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    id.put(&mut out);
    properties(list, version, &mut out);
    out.extend(codes);
    out
}
