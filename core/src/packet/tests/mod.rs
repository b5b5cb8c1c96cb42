//! Tests over whole packets: known bytes, breaches, and properties that hold for every packet.

mod arbitrary;
mod breaches;
mod buffers;
mod golden;

use super::{Frame, Packet, Version, Violation, split};

/// No packet is too large.
const UNLIMITED: usize = usize::MAX;

/// Reads exactly one packet, which takes all of `bytes`.
fn decode(version: Version, bytes: &[u8]) -> Result<Packet<'_>, Violation> {
    let frame = split(bytes, Some(version), UNLIMITED)?.expect("a whole packet");
    assert_eq!(frame.size, bytes.len(), "the sample is one packet");
    Packet::decode(version, &frame)
}

/// The frame at the front, which has to be there.
fn frame(version: Version, bytes: &[u8]) -> Frame<'_> {
    split(bytes, Some(version), UNLIMITED).expect("a valid header").expect("a whole packet")
}
