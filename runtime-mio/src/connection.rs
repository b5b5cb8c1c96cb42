//! One socket and what is known of its readiness. What its bytes mean is the broker's business.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;

use socket2::Socket;
use weirmq_core::{Broker, ConnId, Instant};

/// Most slices given to one vectored write.
const SLICES_MAX: usize = 64;

/// How far the end of a connection has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It is in use.
    Open,
    /// Its last output is being written; what arrives is thrown away.
    Flushing,
    /// All is written and the peer told so; its end of file is awaited.
    Lingering,
}

/// A socket with what its edge-triggered events have said, and what reads and writes have found since.
pub(crate) struct Connection {
    pub(crate) id: ConnId,
    pub(crate) socket: Socket,
    pub(crate) phase: Phase,
    /// A read may find something.
    pub(crate) readable: bool,
    /// The peer has closed: every read finds something until the end of file, and no further event announces it.
    pub(crate) hung_up: bool,
    /// It stands in the shard's list of connections to read.
    pub(crate) queued: bool,
    /// The broker does not want it to be read.
    pub(crate) paused: bool,
    /// The last write was cut short: an event will say when to go on.
    pub(crate) blocked: bool,
}

impl Connection {
    pub(crate) fn new(id: ConnId, socket: Socket, paused: bool) -> Self {
        let phase = Phase::Open;
        Self { id, socket, phase, readable: false, hung_up: false, queued: false, paused, blocked: false }
    }

    /// Whether a read now makes sense.
    pub(crate) fn wants_read(&self) -> bool {
        self.readable && (!self.paused || self.phase != Phase::Open)
    }

    /// Reads once: `None` when there is nothing, `Some(0)` at the end of file. A read that does not fill the buffer has
    /// emptied the socket; asking again would be a wasted call, and the next byte brings an event.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.socket.read(buffer) {
            Ok(count) => {
                self.readable = count == buffer.len() || (self.hung_up && count > 0);
                Ok(Some(count))
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // An event that was fetched before it came may have been about the one in its place.
                (self.readable, self.hung_up) = (false, false);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes what the broker has for it, as far as the socket takes it; true when all is out.
    pub(crate) fn flush(&mut self, broker: &mut Broker, now: Instant) -> io::Result<bool> {
        while !self.blocked {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let (mut filled, mut offered) = (0, 0);
            for (slot, bytes) in slices.iter_mut().zip(broker.tx_slices(self.id)) {
                *slot = IoSlice::new(bytes);
                filled += 1;
                offered += bytes.len();
            }
            let written = match slices[..filled] {
                [] => return Ok(true),
                // Most output is one piece, and a plain write is cheaper in the kernel.
                [slice] => self.socket.write(&slice),
                _ => self.socket.write_vectored(&slices[..filled]),
            };
            match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    broker.handle_sent(now, self.id, count);
                    self.blocked = count < offered;
                    if filled < SLICES_MAX {
                        return Ok(!self.blocked);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.blocked = true,
                Err(error) => return Err(error),
            }
        }
        broker.handle_sent(now, self.id, 0);
        Ok(false)
    }

    /// Tells the peer that nothing more comes. Its own end of file is read from here on, if need be once more.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        (self.phase, self.readable) = (Phase::Lingering, true);
        self.socket.shutdown(Shutdown::Write)
    }
}
