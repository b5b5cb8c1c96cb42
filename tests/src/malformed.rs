//! A table of packets that no client may send, with what the broker has to answer.

mod connected;
mod connecting;

use crate::wire::Version;

/// One malformed packet.
#[derive(Clone, Debug)]
pub struct Bad {
    /// What is wrong with it.
    pub name: &'static str,
    /// The version that the client speaks.
    pub version: Version,
    /// Whether it comes after a good CONNECT; else it is the first packet.
    pub connected: bool,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What has to come before the close.
    pub answer: Answer,
}

/// What the broker answers before it closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing.
    Close,
    /// A CONNACK with this code.
    ConnAck(u8),
    /// A DISCONNECT with one of these codes; more than one where the specification leaves the choice.
    Disconnect(&'static [u8]),
}

/// All of them.
pub fn table() -> Vec<Bad> {
    let mut table = connecting::table();
    table.extend(connected::table());
    table
}
