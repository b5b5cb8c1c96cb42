//! Bytes into packets, strictly: what the protocol does not allow is an error, and so is a byte that is left over.

use super::codec::{Reader, VarInt};
use super::packet::*;
use super::property::{Property, take_properties};

/// The length of the whole packet at the front of `bytes`, once all of it is there.
///
/// # Errors
/// When the Remaining Length is none.
pub fn frame_len(bytes: &[u8]) -> Result<Option<usize>, String> {
    let mut length = 0;
    for (position, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length += usize::from(byte & 0x7F) << (7 * position);
        if byte & 0x80 == 0 {
            let whole = 2 + position + length;
            return Ok((bytes.len() >= whole).then_some(whole));
        }
    }
    if bytes.len() >= 5 { Err("a Remaining Length of more than four bytes".into()) } else { Ok(None) }
}

/// Decodes exactly one packet, given whole.
///
/// # Errors
/// When it is malformed, in words for a failing test.
pub fn decode(frame: &[u8], version: Version) -> Result<Packet, String> {
    let mut all = Reader(frame);
    let first: u8 = all.field()?;
    let VarInt(_) = all.field()?;
    let (kind, flags) = (first >> 4, first & 0x0F);
    let wanted = match kind {
        3 => flags,
        6 | 8 | 10 => 2,
        _ => 0,
    };
    if flags != wanted {
        return Err(format!("flags {flags:#06b} in packet type {kind}"));
    }
    let packet = match kind {
        1 => Packet::Connect(connect(&mut all)?),
        2 => Packet::ConnAck(connack(&mut all, version)?),
        3 => Packet::Publish(publish(flags, &mut all, version)?),
        4 => Packet::PubAck(ack(&mut all, version)?),
        5 => Packet::PubRec(ack(&mut all, version)?),
        6 => Packet::PubRel(ack(&mut all, version)?),
        7 => Packet::PubComp(ack(&mut all, version)?),
        8 => Packet::Subscribe(subscribe(&mut all, version)?),
        9 => {
            let (id, properties) = (all.field()?, properties(&mut all, version)?);
            Packet::SubAck(SubAck { id, properties, codes: all.rest().to_vec() })
        }
        10 => Packet::Unsubscribe(unsubscribe(&mut all, version)?),
        11 => {
            let (id, properties) = (all.field()?, properties(&mut all, version)?);
            let codes = if version == Version::V5 { all.rest().to_vec() } else { Vec::new() };
            Packet::UnsubAck(UnsubAck { id, properties, codes })
        }
        12 => Packet::PingReq,
        13 => Packet::PingResp,
        14 => {
            let (code, properties) = code(&mut all, version)?;
            Packet::Disconnect(Disconnect { code, properties })
        }
        15 if version == Version::V5 => {
            let (code, properties) = code(&mut all, version)?;
            Packet::Auth(Auth { code, properties })
        }
        other => return Err(format!("packet type {other}")),
    };
    if all.is_empty() { Ok(packet) } else { Err(format!("{} bytes left over after {packet:?}", all.rest().len())) }
}

fn properties(from: &mut Reader<'_>, version: Version) -> Result<Vec<Property>, String> {
    if version == Version::V5 { take_properties(from) } else { Ok(Vec::new()) }
}

fn connect(from: &mut Reader<'_>) -> Result<Connect, String> {
    let (name, level): (String, u8) = (from.field()?, from.field()?);
    let version = match (name.as_str(), level) {
        ("MQIsdp", 3) => Version::V31,
        ("MQTT", 4) => Version::V311,
        ("MQTT", 5) => Version::V5,
        other => return Err(format!("protocol {other:?}")),
    };
    let (flags, keep_alive_s): (u8, u16) = (from.field()?, from.field()?);
    let list = properties(from, version)?;
    let client_id = from.field()?;
    let will = if flags & 0x04 == 0 {
        None
    } else {
        let list = properties(from, version)?;
        let (topic, payload) = (from.field()?, from.field()?);
        Some(Will { topic, payload, qos: flags >> 3 & 3, retain: flags & 0x20 != 0, properties: list })
    };
    let user_name = if flags & 0x80 == 0 { None } else { Some(from.field()?) };
    let password = if flags & 0x40 == 0 { None } else { Some(from.field()?) };
    let clean = flags & 0x02 != 0;
    Ok(Connect { version, clean, keep_alive_s, client_id, will, user_name, password, properties: list })
}

fn connack(from: &mut Reader<'_>, version: Version) -> Result<ConnAck, String> {
    let (flags, code): (u8, u8) = (from.field()?, from.field()?);
    if flags > 1 {
        return Err(format!("connect acknowledge flags {flags:#04x}"));
    }
    Ok(ConnAck { session_present: flags == 1, code, properties: properties(from, version)? })
}

fn publish(flags: u8, from: &mut Reader<'_>, version: Version) -> Result<Publish, String> {
    let qos = flags >> 1 & 3;
    if qos == 3 || (qos == 0 && flags & 0x08 != 0) {
        return Err(format!("PUBLISH flags {flags:#06b}"));
    }
    let topic = from.field()?;
    let id = if qos == 0 { None } else { Some(from.field()?) };
    if id == Some(0) {
        return Err("Packet Identifier 0".into());
    }
    let properties = properties(from, version)?;
    let (dup, retain) = (flags & 0x08 != 0, flags & 0x01 != 0);
    Ok(Publish { dup, qos, retain, topic, id, properties, payload: from.rest().to_vec() })
}

fn ack(from: &mut Reader<'_>, version: Version) -> Result<Ack, String> {
    let id = from.field()?;
    let (code, properties) = code(from, version)?;
    Ok(Ack { id, code, properties })
}

fn code(from: &mut Reader<'_>, version: Version) -> Result<(u8, Vec<Property>), String> {
    if version != Version::V5 || from.is_empty() {
        return Ok((0, Vec::new()));
    }
    let code = from.field()?;
    Ok((code, if from.is_empty() { Vec::new() } else { take_properties(from)? }))
}

fn subscribe(from: &mut Reader<'_>, version: Version) -> Result<Subscribe, String> {
    let (id, properties) = (from.field()?, properties(from, version)?);
    let mut filters = Vec::new();
    while !from.is_empty() {
        filters.push(Filter { filter: from.field()?, options: from.field()? });
    }
    Ok(Subscribe { id, properties, filters })
}

fn unsubscribe(from: &mut Reader<'_>, version: Version) -> Result<Unsubscribe, String> {
    let (id, properties) = (from.field()?, properties(from, version)?);
    let mut filters = Vec::new();
    while !from.is_empty() {
        filters.push(from.field()?);
    }
    Ok(Unsubscribe { id, properties, filters })
}
