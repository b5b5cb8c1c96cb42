//! What a runtime knows of a connection's socket, from what events, reads and writes have said of it, and how far the
//! connection's end has come.

use crate::broker::CloseCause;

/// How far the end of a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It is in use.
    Open,
    /// Its last output is being written; what arrives is thrown away.
    Flushing,
    /// All is written and the peer told so; its end of file is awaited.
    Lingering,
}

/// What an event says of a socket.
#[derive(Clone, Copy, Debug, Default)]
pub struct Readiness {
    /// A read finds something.
    pub readable: bool,
    /// A write finds room.
    pub writable: bool,
    /// The peer has closed its side.
    pub read_closed: bool,
    /// The socket has failed; what with, the next read or write says.
    pub failed: bool,
}

/// What a read is to its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Nothing came, or nothing that anybody wants any more.
    Nothing,
    /// So many bytes for [`Broker::handle_receive`](crate::Broker::handle_receive).
    Bytes(usize),
    /// The end of file while it is in use: [`Broker::handle_half_closed`](crate::Broker::handle_half_closed) says whether the
    /// connection outlives it.
    HalfClosed,
    /// The end of file that was awaited.
    Closed,
}

/// A connection's socket as its runtime knows it. Events may come for each change alone (edge-triggered): they are remembered until
/// a read or a write has found that they are no longer true.
#[derive(Debug)]
pub struct Transport {
    phase: Phase,
    /// A read may find something.
    readable: bool,
    /// The peer has closed: every read finds something until the end of file, and no further event announces it.
    hung_up: bool,
    /// It stands in the shard's list of connections to read.
    queued: bool,
    /// The broker does not want it to be read.
    paused: bool,
    /// The last write was cut short: an event will say when to go on.
    blocked: bool,
}

impl Transport {
    /// That of a new connection, which the broker may not want to be read yet.
    pub fn new(paused: bool) -> Self {
        Self { phase: Phase::Open, readable: false, hung_up: false, queued: false, paused, blocked: false }
    }

    /// An event came. Whether a write that was cut short can go on.
    #[must_use = "no other event says that there is room"]
    pub fn note(&mut self, event: Readiness) -> bool {
        self.hung_up |= event.read_closed || event.failed;
        self.readable |= event.readable || self.hung_up;
        let unblocked = self.blocked && (event.writable || event.failed);
        self.blocked &= !unblocked;
        unblocked
    }

    /// [`Broker::wants_read`](crate::Broker::wants_read) says something else now.
    pub fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Whether a read now makes sense.
    pub fn wants_read(&self) -> bool {
        self.readable && (!self.paused || self.phase != Phase::Open)
    }

    /// Whether it is to be put into the list of connections to read, where it is from then on.
    #[must_use = "it counts as being there"]
    pub fn enqueue(&mut self) -> bool {
        let enters = self.wants_read() && !self.queued;
        self.queued |= enters;
        enters
    }

    /// It was taken from that list. Whether it is to be read.
    pub fn dequeue(&mut self) -> bool {
        self.queued = false;
        self.wants_read()
    }

    /// A read found so many bytes where there was room for so many. One that does not fill its buffer has emptied the socket, and the
    /// next byte brings an event.
    pub fn has_read(&mut self, count: usize, room: usize) {
        self.readable = count == room || (self.hung_up && count > 0);
    }

    /// A read found nothing. That the peer has closed was said of another, which had its place.
    pub fn has_read_nothing(&mut self) {
        (self.readable, self.hung_up) = (false, false);
    }

    /// A write took so many bytes of those that were offered.
    pub fn has_written(&mut self, count: usize, offered: usize) {
        self.blocked = count < offered;
    }

    /// Whether a write has to wait for an event.
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// What a read was that answered this, `None` if it found nothing and `Some(0)` at the end of file.
    pub fn incoming(&self, read: Option<usize>) -> Incoming {
        match (read, self.phase) {
            (Some(0), Phase::Open) => Incoming::HalfClosed,
            (Some(0), Phase::Lingering) => Incoming::Closed,
            (Some(count), Phase::Open) => Incoming::Bytes(count),
            _ => Incoming::Nothing,
        }
    }

    /// The broker wants it to end when all is written. Whether that begins now.
    pub fn end(&mut self) -> bool {
        let begins = self.phase == Phase::Open;
        if begins {
            self.phase = Phase::Flushing;
        }
        begins
    }

    /// All is written. Whether the peer is to be told that nothing more comes; its own end of file is read from here on, if need be
    /// once more.
    #[must_use = "the peer is told by shutting down the socket for writing"]
    pub fn has_flushed(&mut self) -> bool {
        let ends = self.phase == Phase::Flushing;
        if ends {
            (self.phase, self.readable) = (Phase::Lingering, true);
        }
        ends
    }

    /// What the broker is told when the socket is gone for this cause: one that was on its way out is done.
    pub fn cause(&self, cause: CloseCause) -> CloseCause {
        if self.phase == Phase::Open { cause } else { CloseCause::Done }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READABLE: Readiness = Readiness { readable: true, writable: false, read_closed: false, failed: false };
    const WRITABLE: Readiness = Readiness { readable: false, writable: true, read_closed: false, failed: false };
    const CLOSED: Readiness = Readiness { readable: true, writable: false, read_closed: true, failed: false };
    const FAILED: Readiness = Readiness { readable: false, writable: false, read_closed: false, failed: true };

    #[test]
    fn it_is_read_once_for_each_event_and_again_where_more_may_be_there() {
        let mut transport = Transport::new(false);
        assert!(!transport.enqueue());
        assert!(!transport.note(READABLE));
        assert!(transport.enqueue() && !transport.enqueue(), "it stands there already");
        assert!(transport.dequeue());
        transport.has_read(64, 64);
        assert!(transport.enqueue() && transport.dequeue(), "the buffer was filled");
        transport.has_read(63, 64);
        assert!(!transport.enqueue() && !transport.dequeue());
    }

    #[test]
    fn who_has_hung_up_is_read_to_the_end_of_file_unless_it_was_another() {
        for event in [CLOSED, FAILED] {
            let mut transport = Transport::new(false);
            assert!(!transport.note(event) && transport.wants_read());
            transport.has_read(1, 64);
            assert!(transport.wants_read());
            transport.has_read(0, 64);
            assert!(!transport.wants_read());
        }
        let mut another = Transport::new(false);
        assert!(!another.note(CLOSED));
        another.has_read_nothing();
        assert!(!another.note(READABLE));
        another.has_read(1, 64);
        assert!(!another.wants_read());
    }

    #[test]
    fn who_is_paused_is_not_read_but_for_its_end() {
        let mut transport = Transport::new(true);
        assert!(!transport.note(READABLE));
        assert!(!transport.wants_read());
        transport.pause(false);
        assert!(transport.wants_read());
        transport.pause(true);
        assert!(transport.end());
        assert!(transport.wants_read());
    }

    #[test]
    fn a_write_that_was_cut_short_goes_on_when_there_is_room_or_it_has_failed() {
        for event in [WRITABLE, FAILED] {
            let mut transport = Transport::new(false);
            assert!(!transport.note(event), "nothing waits");
            transport.has_written(7, 7);
            assert!(!transport.is_blocked());
            transport.has_written(6, 7);
            assert!(!transport.note(READABLE) && transport.is_blocked());
            assert!(transport.note(event) && !transport.is_blocked());
        }
    }

    #[test]
    fn it_ends_by_flushing_and_lingering() {
        let mut transport = Transport::new(false);
        assert_eq!(
            [None, Some(0), Some(3)].map(|read| transport.incoming(read)),
            [Incoming::Nothing, Incoming::HalfClosed, Incoming::Bytes(3)]
        );
        assert!(!transport.has_flushed());
        assert_eq!(transport.cause(CloseCause::Error), CloseCause::Error);
        assert!(transport.end() && !transport.end());
        assert_eq!([Some(0), Some(3)].map(|read| transport.incoming(read)), [Incoming::Nothing; 2]);
        assert!(!transport.wants_read());
        assert!(transport.has_flushed() && !transport.has_flushed());
        assert!(transport.wants_read(), "the end of file may have been read past");
        assert_eq!([Some(3), Some(0)].map(|read| transport.incoming(read)), [Incoming::Nothing, Incoming::Closed]);
        assert_eq!(transport.cause(CloseCause::Error), CloseCause::Done);
    }
}
