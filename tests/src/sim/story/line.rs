//! One line of a story.

use std::time::Duration;

use super::fields::Spec;
use crate::wire::Version;

/// When a line counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// `[5]`, `[3.1.1]`, `[3.1]`.
    Version(Version),
    /// `[3]`: 3.1 and 3.1.1.
    Three,
    /// `[one]`: one shard.
    One,
    /// `[many]`: more shards than one.
    Many,
}

/// What a client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Gets {
    /// This packet next.
    Next(Spec),
    /// This packet, perhaps after others.
    Among(Spec),
    /// No packet, and the connection stays open.
    Nothing,
    /// The end of the connection, in MQTT 5.0 after a DISCONNECT with this code.
    Closed(Option<u8>),
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Opens a connection and sends CONNECT.
    Connects(Spec),
    /// Opens a connection.
    Opens,
    Sends(Spec),
    SendsRaw(Vec<u8>),
    Gets(Gets),
    /// Its connection fails.
    Resets,
    /// It closes its side and reads on.
    Closes,
    /// It leaves its side open when the broker closes.
    Lingers,
    StopsReading,
    ReadsOn,
    /// It throws away what has come and was not looked at.
    Skips,
    /// An administrator closes its connection.
    IsRemoved,
    Wait(Duration),
    StoreHolds,
    StoreAnswers,
    StoreFails,
    PeersHold,
    PeersFlow,
    AuthHolds,
    AuthAnswers,
    /// The client with this identifier is refused with this code.
    AuthRefuses(String, u8),
    ShutsDown,
    /// It crashes and is made anew.
    Restarts,
    /// The broker's counter of this name, over all shards.
    Counts(String, u64),
    /// Variables that stand for different numbers.
    Differ(Vec<String>),
}

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Its place in the file, from 1.
    pub(super) number: usize,
    /// As it was written.
    pub(super) text: String,
    /// All of them must hold.
    pub(super) guards: Vec<Guard>,
    /// Who does it; empty where nobody does.
    pub(super) name: String,
    pub(super) action: Action,
    /// The next line happens before anything comes of this one.
    pub(super) at_once: bool,
}
