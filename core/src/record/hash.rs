//! One number for everything that a shard has put out.
//!
//! It tells two runs apart and where they part. It is no protection from somebody who wants two runs to look the same.

use alloc::vec::Vec;
use core::fmt::{self, Debug, Write};

use crate::id::ConnId;
use crate::outbox::{CloseHow, Outbox};
use crate::store::{Operation, StoredMessage};

/// The hash so far. Words of eight bytes, the first byte lowest, are mixed in; the rest of a piece is filled with zeros
/// and followed by its length.
#[derive(Clone, Debug)]
pub(super) struct OutputHash {
    state: u64,
    /// Whether payloads count, or only their lengths.
    payloads: bool,
    text: Vec<u8>,
}

/// The kind of an output: mixed in before it.
mod kind {
    pub(super) const SENT: u64 = 1;
    pub(super) const FLUSH: u64 = 2;
    pub(super) const CLOSE: u64 = 3;
    pub(super) const READ: u64 = 4;
    pub(super) const PEER: u64 = 5;
    pub(super) const STORE: u64 = 6;
    pub(super) const OPERATION: u64 = 7;
    pub(super) const AUTH: u64 = 8;
    pub(super) const HANDOFF: u64 = 9;
    pub(super) const EVENT: u64 = 10;
}

impl OutputHash {
    pub(super) const fn new(payloads: bool) -> Self {
        Self { state: 0x7765_6972_6d71_0001, payloads, text: Vec::new() }
    }

    pub(super) const fn value(&self) -> u64 {
        self.state
    }

    const fn word(&mut self, word: u64) {
        let mixed = (self.state ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.state = mixed ^ mixed >> 32;
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|&word| self.word(u64::from_le_bytes(word)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.word(u64::from_le_bytes(last));
        self.word(bytes.len() as u64);
    }

    /// Bytes are about to follow that were written to a connection.
    pub(super) fn sent(&mut self, conn: ConnId) {
        self.word(kind::SENT);
        self.word(conn.to_bits());
    }

    fn debug(&mut self, kind: u64, value: &dyn Debug) {
        self.word(kind);
        let mut text = Text(core::mem::take(&mut self.text));
        text.0.clear();
        // Writing to memory does not fail.
        let _always = write!(text, "{value:?}");
        self.bytes(&text.0);
        self.text = text.0;
    }

    fn payload(&mut self, payload: &[u8]) {
        if self.payloads { self.bytes(payload) } else { self.word(payload.len() as u64) }
    }

    fn stored(&mut self, message: &StoredMessage) {
        let StoredMessage { topic, properties, payload, qos, retain, expiry_s } = message;
        self.bytes(topic.as_bytes());
        self.bytes(properties);
        self.payload(payload);
        self.debug(kind::OPERATION, &(qos, retain, expiry_s));
    }

    fn operation(&mut self, operation: &Operation) {
        match operation {
            Operation::Message(message) => {
                self.word(kind::OPERATION);
                self.stored(message);
            }
            Operation::WillSet { client_id, will, delay_s } => {
                self.word(kind::OPERATION);
                self.bytes(client_id.as_bytes());
                self.stored(will);
                self.word(u64::from(*delay_s));
            }
            other => self.debug(kind::OPERATION, other),
        }
    }

    /// Everything that was drained. What a batch for another shard says shows there; here only how much it is counts.
    pub(super) fn outbox(&mut self, outbox: &Outbox) {
        let Outbox { flush, close, read, peers, store, auth, handoff, events } = outbox;
        for &conn in flush {
            self.word(kind::FLUSH);
            self.word(conn.to_bits());
        }
        for close in close {
            self.word(kind::CLOSE);
            self.word(close.conn.to_bits());
            self.word(u64::from(close.how == CloseHow::Flush));
            self.debug(kind::CLOSE, &close.reason);
        }
        for &conn in read {
            self.word(kind::READ);
            self.word(conn.to_bits());
        }
        for (shard, batch) in peers {
            let sizes = [batch.messages.len(), batch.bytes.len(), batch.filters.len()].map(|size| size as u64);
            let numbers = [kind::PEER, u64::from(shard.0), batch.number, batch.handled];
            numbers.into_iter().chain(sizes).for_each(|number| self.word(number));
        }
        if !store.is_empty() {
            self.word(kind::STORE);
            self.word(store.upto.0);
            store.operations.iter().for_each(|operation| self.operation(operation));
        }
        auth.iter().for_each(|request| self.debug(kind::AUTH, request));
        for handoff in handoff {
            let numbers = [handoff.conn.to_bits(), u64::from(handoff.to.0), handoff.moved.received.len() as u64];
            self.word(kind::HANDOFF);
            numbers.into_iter().for_each(|number| self.word(number));
        }
        events.iter().for_each(|event| self.debug(kind::EVENT, event));
    }
}

struct Text(Vec<u8>);

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
