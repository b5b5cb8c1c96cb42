//! The client's end of a connection in memory.

use weirmq_core::{CloseHow, ConnId};

use crate::wire::{Packet, Version};

pub(super) struct Peer {
    pub(super) version: Version,
    /// Shard and name of the connection there. `None` while it moves and after `handle_closed`.
    pub(super) place: Option<(usize, ConnId)>,
    /// Written by the client and not yet fed.
    pub(super) to_broker: Vec<u8>,
    /// Written by the broker and not yet looked at.
    pub(super) from_broker: Vec<u8>,
    /// Decoded and put back, the next one last.
    pub(super) unread: Vec<Packet>,
    /// Bytes that the client still takes.
    pub(super) window: usize,
    /// The broker's side is closed.
    pub(super) eof: bool,
    /// The client's side is closed, after `to_broker`.
    pub(super) fin: bool,
    /// The broker's side has read that.
    pub(super) fin_read: bool,
    /// The connection failed.
    pub(super) gone: bool,
    /// The broker asked to close it.
    pub(super) closing: Option<CloseHow>,
    /// It does not close its side when the broker closes its own.
    pub(super) stubborn: bool,
}

impl Peer {
    pub(super) fn new(place: Option<(usize, ConnId)>) -> Self {
        Self {
            version: Version::V311,
            place,
            to_broker: Vec::new(),
            from_broker: Vec::new(),
            unread: Vec::new(),
            window: usize::MAX,
            eof: place.is_none(),
            fin: false,
            fin_read: false,
            gone: place.is_none(),
            closing: None,
            stubborn: false,
        }
    }

    /// The connection fails: what is under way to the broker is lost.
    pub(super) fn reset(&mut self) {
        self.gone = true;
        self.eof = true;
        self.to_broker.clear();
    }
}
