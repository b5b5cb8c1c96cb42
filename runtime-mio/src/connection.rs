//! One socket and what is known of its readiness. What its bytes mean is the broker's business.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;

use socket2::Socket;
use weirmq_core::{Broker, ConnId, Instant, Transport};

/// Most slices given to one vectored write.
const SLICES_MAX: usize = 64;

/// A socket with what is known of it.
pub(crate) struct Connection {
    pub(crate) id: ConnId,
    pub(crate) socket: Socket,
    pub(crate) transport: Transport,
}

impl Connection {
    /// Reads once: `None` when there is nothing, `Some(0)` at the end of file.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.socket.read(buffer) {
            Ok(count) => {
                self.transport.has_read(count, buffer.len());
                Ok(Some(count))
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.transport.has_read_nothing();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes what the broker has for it, as far as the socket takes it; true when all is out.
    pub(crate) fn flush(&mut self, broker: &mut Broker, now: Instant) -> io::Result<bool> {
        while !self.transport.is_blocked() {
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
                    self.transport.has_written(count, offered);
                    if filled < SLICES_MAX {
                        return Ok(!self.transport.is_blocked());
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.transport.has_written(0, offered),
                Err(error) => return Err(error),
            }
        }
        broker.handle_sent(now, self.id, 0);
        Ok(false)
    }

    /// Tells the peer that nothing more comes.
    pub(crate) fn finish(&self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }
}
