//! One socket and what is known of its readiness. What its bytes mean is the broker's business.

use std::io::{self, ErrorKind, IoSlice};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use socket2::{SockRef, Socket};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use weirmq_core::{Broker, ConnId, Instant};

/// Most slices given to one vectored write.
const SLICES_MAX: usize = 64;

/// Registers a socket of any kind, which must not block, with the reactor of this thread.
///
/// tokio has no safe way to register a descriptor as such, and a Unix stream is the most general of its sockets: it makes
/// no calls but those that every stream socket knows. A listener is only asked for its readiness.
pub(crate) fn register(socket: Socket) -> io::Result<UnixStream> {
    UnixStream::from_std(StdStream::from(OwnedFd::from(socket)))
}

/// Lets a socket's next readiness wake the shard; true when it is ready now.
pub(crate) fn register_reader(socket: &UnixStream, waker: &Waker) -> bool {
    socket.poll_read_ready(&mut Context::from_waker(waker)).is_ready()
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
    pub(crate) socket: UnixStream,
    waker: Waker,
    pub(crate) phase: Phase,
    /// A read may find something. If not, the waker is registered for it.
    pub(crate) readable: bool,
    /// The broker does not want it to be read.
    pub(crate) paused: bool,
    /// The last write was cut short: the waker is registered for more room.
    pub(crate) blocked: bool,
}

impl Connection {
    pub(crate) fn new(id: ConnId, socket: UnixStream, waker: Waker, paused: bool) -> Self {
        let readable = register_reader(&socket, &waker);
        Self { id, socket, waker, phase: Phase::Open, readable, paused, blocked: false }
    }

    /// Whether a read now makes sense.
    pub(crate) fn wants_read(&self) -> bool {
        self.readable && (!self.paused || self.phase != Phase::Open)
    }

    /// Reads once: `None` when there is nothing, `Some(0)` at the end of file. A read that does not fill the buffer has
    /// emptied the socket; tokio notes that, and the call that would find nothing is saved.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let polled = Pin::new(&mut self.socket).poll_read(&mut Context::from_waker(&self.waker), &mut buffer);
        self.readable = polled.is_ready();
        match polled {
            Poll::Ready(Ok(())) => {
                let count = buffer.filled().len();
                self.readable = count > 0 && (buffer.remaining() == 0 || register_reader(&self.socket, &self.waker));
                Ok(Some(count))
            }
            Poll::Ready(Err(error)) if error.kind() != ErrorKind::Interrupted => Err(error),
            Poll::Ready(Err(_)) | Poll::Pending => Ok(None),
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
            if offered == 0 {
                return Ok(true);
            }
            let (socket, mut cx) = (Pin::new(&mut self.socket), Context::from_waker(&self.waker));
            let written = match slices[..filled] {
                // Most output is one piece, and a plain write is cheaper in the kernel.
                [slice] => socket.poll_write(&mut cx, &slice),
                _ => socket.poll_write_vectored(&mut cx, &slices[..filled]),
            };
            match written {
                Poll::Ready(Ok(0)) => return Err(ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => {
                    broker.handle_sent(now, self.id, count);
                    if count == offered && filled < SLICES_MAX {
                        return Ok(true);
                    }
                }
                Poll::Ready(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => self.blocked = true,
            }
        }
        broker.handle_sent(now, self.id, 0);
        Ok(false)
    }

    /// Tells the peer that nothing more comes. Its own end of file is read from here on, if need be once more.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        (self.phase, self.readable) = (Phase::Lingering, true);
        SockRef::from(&self.socket).shutdown(Shutdown::Write)
    }
}
