//! One socket and what is known of its readiness. What its bytes mean is the broker's business.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use async_io::Async;
use socket2::Socket;
use weirmq_core::{Broker, ConnId, Instant};

use crate::mail::{Link, Ready, socket_waker};

/// Most slices given to one vectored write.
const SLICES_MAX: usize = 64;

/// Lets a socket's next readiness wake the shard; true when it must be looked at without.
pub(crate) fn await_readable(socket: &Async<Socket>, waker: &Waker) -> bool {
    let mut cx = Context::from_waker(waker);
    // The first answer may still be about the event that was just served.
    socket.poll_readable(&mut cx).is_ready() && socket.poll_readable(&mut cx).is_ready()
}

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

/// A socket with what is known of its readiness.
pub(crate) struct Connection {
    pub(crate) id: ConnId,
    pub(crate) socket: Async<Socket>,
    link: Arc<Link>,
    read_waker: Waker,
    pub(crate) phase: Phase,
    /// A read may find something. If not, the waker is registered for it.
    pub(crate) readable: bool,
    /// The broker does not want it to be read.
    pub(crate) paused: bool,
    /// The last write was cut short: a waker is registered for more room.
    pub(crate) blocked: bool,
}

impl Connection {
    pub(crate) fn new(id: ConnId, socket: Async<Socket>, link: Arc<Link>, paused: bool) -> Self {
        let read_waker = socket_waker(&link, Ready::Read(id));
        let readable = await_readable(&socket, &read_waker);
        Self { id, socket, link, read_waker, phase: Phase::Open, readable, paused, blocked: false }
    }

    /// Whether a read now makes sense.
    pub(crate) fn wants_read(&self) -> bool {
        self.readable && (!self.paused || self.phase != Phase::Open)
    }

    /// Reads once: `None` when there is nothing, `Some(0)` at the end of file. A read that does not fill the buffer has
    /// emptied the socket; asking again would be a wasted call.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let full = buffer.len();
        let count = match self.socket.get_ref().read(buffer) {
            Ok(count) => Some(count),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => None,
            Err(error) => return Err(error),
        };
        self.readable = count == Some(full) || (count != Some(0) && await_readable(&self.socket, &self.read_waker));
        Ok(count)
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
            if offered == 0 {
                return Ok(true);
            }
            let written = match slices[..filled] {
                // Most output is one piece, and a plain write is cheaper in the kernel.
                [slice] => self.socket.get_ref().write(&slice),
                _ => self.socket.get_ref().write_vectored(&slices[..filled]),
            };
            match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    broker.handle_sent(now, self.id, count);
                    match count == offered {
                        true if filled < SLICES_MAX => return Ok(true),
                        true => continue,
                        false => {}
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
            let waker = socket_waker(&self.link, Ready::Write(self.id));
            match self.socket.poll_writable(&mut Context::from_waker(&waker)) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => self.blocked = true,
            }
        }
        broker.handle_sent(now, self.id, 0);
        Ok(false)
    }

    /// Tells the peer that nothing more comes. Its own end of file is read from here on, if need be once more.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        (self.phase, self.readable) = (Phase::Lingering, true);
        self.socket.get_ref().shutdown(Shutdown::Write)
    }
}
