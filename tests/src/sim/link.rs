//! One transport connection: two streams of bytes that may be cut anywhere, stall, fill up, half close and fail.

use std::collections::VecDeque;

use weirmq_core::{CloseHow, ConnId, Instant};

/// Who holds the client's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A client, by number.
    Client(usize),
    /// Somebody who does what is written and keeps what comes.
    Script,
    /// Nobody who listens: a rogue, or a client that has opened another one since. What comes is thrown away.
    Nobody,
}

/// What a client asked for in its CONNECT.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) clean: bool,
    pub(super) v5: bool,
    pub(super) expiry_s: u32,
    pub(super) keep_alive_s: u16,
    /// The will's message and its delay in seconds.
    pub(super) will: Option<(usize, u32)>,
    /// The client's Receive Maximum.
    pub(super) receive_maximum: u16,
    /// The client's Maximum Packet Size.
    pub(super) packet_bytes_max: usize,
}

/// A DISCONNECT that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goodbye {
    pub(super) code: u8,
    pub(super) expiry_s: Option<u32>,
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: usize,
    pub(super) owner: Owner,
    /// Shard and name of the connection there. `None` while it moves and after `handle_closed`.
    pub(super) place: Option<(usize, ConnId)>,
    pub(super) to_broker: VecDeque<u8>,
    /// Where in the stream each packet ends that was written and not fed whole.
    ends: VecDeque<u64>,
    written: u64,
    fed: u64,
    /// When the last packet was fed whole.
    pub(super) heard: Instant,
    pub(super) from_broker: Vec<u8>,
    /// Everything that was written to the client and does not make a packet yet: for checks at the broker's end.
    pub(super) tapped: Vec<u8>,
    /// Bytes that fit in `from_broker`.
    pub(super) capacity: usize,
    /// What `wants_read` said when the outbox last told to ask.
    pub(super) reading: bool,
    /// Whether a write left something over.
    pub(super) blocked: bool,
    /// Whether a write ever did.
    pub(super) late: bool,
    pub(super) stalled_until: Instant,
    /// The client's side is closed, after `to_broker`.
    pub(super) fin: bool,
    /// The connection failed.
    pub(super) gone: bool,
    /// The broker's side is closed, after `from_broker`.
    pub(super) eof: bool,
    /// The broker asked to close it.
    pub(super) closing: Option<CloseHow>,
    /// Nobody closes the client's side.
    pub(super) stubborn: bool,
    pub(super) request: Option<Request>,
    pub(super) goodbye: Option<Goodbye>,
    /// The session and whether it was there before, once the broker said so in an event.
    pub(super) session: Option<(usize, bool)>,
}

impl Link {
    pub(super) fn new(id: usize, owner: Owner, place: Option<(usize, ConnId)>, capacity: usize, now: Instant) -> Self {
        Self {
            id,
            owner,
            place,
            to_broker: VecDeque::new(),
            ends: VecDeque::new(),
            written: 0,
            fed: 0,
            heard: now,
            from_broker: Vec::new(),
            tapped: Vec::new(),
            capacity,
            reading: true,
            blocked: false,
            late: false,
            stalled_until: Instant::ZERO,
            fin: false,
            gone: place.is_none(),
            eof: place.is_none(),
            closing: None,
            stubborn: false,
            request: None,
            goodbye: None,
            session: None,
        }
    }

    /// The client writes a packet.
    pub(super) fn write(&mut self, packet: &[u8]) {
        if self.gone || self.fin || self.eof {
            return;
        }
        self.to_broker.extend(packet);
        self.written += packet.len() as u64;
        self.ends.push_back(self.written);
    }

    /// The first `count` bytes on their way to the broker arrive.
    pub(super) fn feed(&mut self, count: usize, now: Instant) -> Vec<u8> {
        let bytes: Vec<u8> = self.to_broker.drain(..count).collect();
        self.fed += count as u64;
        while self.ends.front().is_some_and(|&end| end <= self.fed) {
            self.ends.pop_front();
            self.heard = now;
        }
        bytes
    }

    /// How much can be written to the client.
    pub(super) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.from_broker.len())
    }

    /// The connection fails; what is under way is lost.
    pub(super) fn reset(&mut self) {
        self.gone = true;
        self.eof = true;
        self.to_broker.clear();
        self.from_broker.clear();
    }

    /// Whether bytes arrive at the broker now.
    pub(super) fn is_readable(&self, now: Instant) -> bool {
        self.stalled_until <= now && (!self.to_broker.is_empty() || self.fin)
    }
}
