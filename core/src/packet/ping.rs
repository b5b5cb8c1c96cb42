//! PINGREQ and PINGRESP (MQTT 5.0, 3.12 and 3.13), which are a fixed header and nothing else.

use alloc::vec::Vec;

use super::{PacketType, Violation};

/// The size of either packet in bytes.
pub const PING_SIZE: usize = 2;

/// Appends a PINGREQ.
pub fn encode_ping_req(out: &mut Vec<u8>) {
    out.extend_from_slice(&[PacketType::PingReq.first_byte(), 0]);
}

/// Appends a PINGRESP.
pub fn encode_ping_resp(out: &mut Vec<u8>) {
    out.extend_from_slice(&[PacketType::PingResp.first_byte(), 0]);
}

/// Checks the body of either packet: [`Violation::PayloadAfterPing`] when there is one (3.12.1).
pub const fn check_ping(body: &[u8]) -> Result<(), Violation> {
    if body.is_empty() { Ok(()) } else { Err(Violation::PayloadAfterPing) }
}
