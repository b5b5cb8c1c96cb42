//! Bytes that no honest client sends: the escape hatch for malformed packets.

use super::codec::{Field, VarInt};

/// A packet with this first byte and this body, and a Remaining Length that tells the truth.
pub fn frame(first: u8, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut out = vec![first];
    VarInt(body.len() as u32).put(&mut out);
    out.extend(body);
    out
}

/// A string or binary data: two bytes of length and the bytes, whatever they are.
pub fn string(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    bytes.as_ref().to_vec().put(&mut out);
    out
}

/// One after the other.
pub fn join<const N: usize>(parts: [&[u8]; N]) -> Vec<u8> {
    parts.concat()
}

/// A property list with a length that tells the truth.
pub fn properties(list: impl AsRef<[u8]>) -> Vec<u8> {
    let list = list.as_ref();
    let mut out = Vec::new();
    VarInt(list.len() as u32).put(&mut out);
    out.extend(list);
    out
}

/// A CONNECT of these parts: `payload` begins with the Client Identifier, in 5.0 `list` are its properties.
pub fn connect(name: &[u8], level: u8, flags: u8, list: Option<&[u8]>, payload: &[u8]) -> Vec<u8> {
    let mut body = string(name);
    body.extend([level, flags, 0, 0]);
    if let Some(list) = list {
        body.extend(properties(list));
    }
    body.extend(payload);
    frame(0x10, body)
}
