//! One socket, what is known of its readiness, and the table of all. What its bytes mean is the broker's business.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::task::{Context, Poll, Waker};

use socket2::{SockAddr, SockRef, Socket};
use tokio::io::Interest;
use tokio::net::UnixStream;
use weirmq_core::{Broker, ConnId, Instant};

/// Most slices given to one vectored write.
const SLICES_MAX: usize = 64;

/// A socket of any kind in tokio's reactor.
///
/// tokio has no safe way to register a descriptor as such, but takes any as a stream of a Unix domain socket. Only its
/// readiness is used here: what is read, written or accepted goes through [`SockRef`], which knows no difference.
pub(crate) struct Registered(UnixStream);

impl Registered {
    /// Registers a socket, which must not block, with the runtime of this thread.
    pub(crate) fn new(socket: Socket) -> io::Result<Self> {
        UnixStream::from_std(StdStream::from(OwnedFd::from(socket))).map(Self)
    }

    pub(crate) fn into_inner(self) -> io::Result<Socket> {
        self.0.into_std().map(|socket| Socket::from(OwnedFd::from(socket)))
    }

    pub(crate) fn poll_readable(&self, waker: &Waker) -> bool {
        self.0.poll_read_ready(&mut Context::from_waker(waker)).is_ready()
    }

    pub(crate) fn accept(&self) -> io::Result<(Socket, SockAddr)> {
        self.0.try_io(Interest::READABLE, || SockRef::from(&self.0).accept())
    }

    /// Makes one call if the socket may be ready. A call that did less than it could have done has exhausted the socket:
    /// that is noted, unless an event came meanwhile, and saves the call that would find nothing.
    fn call(
        &self,
        interest: Interest,
        full: usize,
        call: impl FnOnce(&Socket) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut done = None;
        let result = self.0.try_io(interest, || {
            let count = *done.insert(call(&SockRef::from(&self.0))?);
            if count == full || count == 0 { Ok(count) } else { Err(ErrorKind::WouldBlock.into()) }
        });
        done.map_or(result, Ok)
    }
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
    pub(crate) socket: Registered,
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
    pub(crate) fn new(id: ConnId, socket: Registered, waker: Waker, paused: bool) -> Self {
        let readable = socket.poll_readable(&waker);
        Self { id, socket, waker, phase: Phase::Open, readable, paused, blocked: false }
    }

    /// Whether a read now makes sense.
    pub(crate) fn wants_read(&self) -> bool {
        self.readable && (!self.paused || self.phase != Phase::Open)
    }

    /// Reads once: `None` when there is nothing, `Some(0)` at the end of file. A read that does not fill the buffer has
    /// emptied the socket; asking again would be a wasted call.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let full = buffer.len();
        let received = self.socket.call(Interest::READABLE, full, |mut socket| socket.read(buffer));
        let count = match received {
            Ok(count) => Some(count),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => None,
            Err(error) => return Err(error),
        };
        self.readable = count == Some(full) || (count != Some(0) && self.socket.poll_readable(&self.waker));
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
            let written = self.socket.call(Interest::WRITABLE, offered, |mut socket| match slices[..filled] {
                // Most output is one piece, and a plain write is cheaper in the kernel.
                [slice] => socket.write(&slice),
                _ => socket.write_vectored(&slices[..filled]),
            });
            match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    broker.handle_sent(now, self.id, count);
                    if count == offered && filled < SLICES_MAX {
                        return Ok(true);
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
            match self.socket.0.poll_write_ready(&mut Context::from_waker(&self.waker)) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => self.blocked = true,
            }
        }
        Ok(false)
    }

    /// Tells the peer that nothing more comes. Its own end of file is read from here on, if need be once more.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        (self.phase, self.readable) = (Phase::Lingering, true);
        SockRef::from(&self.socket.0).shutdown(Shutdown::Write)
    }
}

/// The connections of a shard by the index of their [`ConnId`].
#[derive(Default)]
pub(crate) struct Table(Vec<Option<Connection>>);

impl Table {
    /// The connection of this name; `None` when the name is stale.
    pub(crate) fn get(&mut self, id: ConnId) -> Option<&mut Connection> {
        self.0.get_mut(id.index())?.as_mut().filter(|conn| conn.id == id)
    }

    pub(crate) fn insert(&mut self, conn: Connection) {
        let index = conn.id.index();
        self.0.resize_with(self.0.len().max(index + 1), || None);
        self.0[index] = Some(conn);
    }

    pub(crate) fn remove(&mut self, id: ConnId) -> Option<Connection> {
        self.0.get_mut(id.index())?.take_if(|conn| conn.id == id)
    }
}
