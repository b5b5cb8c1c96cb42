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
use weirmq_core::{Broker, ConnId, Instant, Readiness, Transport};

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

/// A socket with what is known of it. Where a read would find nothing, or a write was cut short, the waker is registered.
pub(crate) struct Connection {
    pub(crate) id: ConnId,
    pub(crate) socket: UnixStream,
    waker: Waker,
    pub(crate) transport: Transport,
}

impl Connection {
    pub(crate) fn new(id: ConnId, socket: UnixStream, waker: Waker, paused: bool) -> Self {
        let mut conn = Self { id, socket, waker, transport: Transport::new(paused) };
        conn.register_reader();
        conn
    }

    fn register_reader(&mut self) {
        let readable = register_reader(&self.socket, &self.waker);
        _ = self.transport.note(Readiness { readable, ..Readiness::default() });
    }

    /// Reads once: `None` when there is nothing, `Some(0)` at the end of file. A read that does not fill the buffer has
    /// emptied the socket; tokio notes that, and the call that would find nothing is saved.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let room = buffer.len();
        let mut buffer = ReadBuf::new(buffer);
        match Pin::new(&mut self.socket).poll_read(&mut Context::from_waker(&self.waker), &mut buffer) {
            Poll::Ready(Ok(())) => {
                let count = buffer.filled().len();
                self.transport.has_read(count, room);
                if count > 0 && count < room {
                    self.register_reader();
                }
                Ok(Some(count))
            }
            Poll::Ready(Err(error)) if error.kind() == ErrorKind::Interrupted => Ok(None),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => {
                self.transport.has_read_nothing();
                Ok(None)
            }
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
                Poll::Pending => self.transport.has_written(0, offered),
            }
        }
        broker.handle_sent(now, self.id, 0);
        Ok(false)
    }

    /// Tells the peer that nothing more comes.
    pub(crate) fn finish(&self) -> io::Result<()> {
        SockRef::from(&self.socket).shutdown(Shutdown::Write)
    }
}
