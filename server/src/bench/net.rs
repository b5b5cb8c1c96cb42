//! All connections of the generator on one thread: one poll, one read for each readiness, one write for each connection and
//! turn, so that what is measured is the broker.
//!
//! What the bytes mean is for a [`Handler`].

use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::SockRef;
use weirmq_core::packet::Version;

use super::Failure;
use super::scan::{Heard, scan};
use super::source::Sources;

/// Bytes taken from one connection in one turn, unless a packet is larger.
const READ_BYTES: usize = 256 * 1024;
/// Bytes dropped in one call.
const DISCARD_BYTES: usize = 1024 * 1024;
/// Linux's `MSG_TRUNC`: on TCP it drops what is received in place of copying it. Without it the bytes are copied to nobody.
const TRUNCATE: i32 = if cfg!(target_os = "linux") { 0x20 } else { 0 };
/// Readiness events taken in one turn.
const EVENTS_MAX: usize = 1_024;

/// What is done with what happens to connections, which are named by their index.
pub(crate) trait Handler {
    /// A connection has come about.
    fn connected(&mut self, _link: usize, _out: &mut Vec<u8>) -> Result<(), Failure> {
        Ok(())
    }

    /// A packet has arrived. What is appended to `out` goes back when all that was read is handled.
    fn heard(&mut self, link: usize, heard: Heard<'_>, out: &mut Vec<u8>) -> Result<(), Failure>;

    /// All that a connection was given is written, after some of it had to wait.
    fn drained(&mut self, _link: usize) {}

    /// The broker has closed a connection.
    fn closed(&mut self, link: usize) -> Result<(), Failure> {
        Err(Failure::Broker(format!("it closed connection {link}")))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    Open,
    Closed,
}

/// A connection.
struct Link {
    stream: TcpStream,
    phase: Phase,
    /// The beginning of a packet whose end has not come.
    partial: Vec<u8>,
    /// What could not be written yet.
    pending: Vec<u8>,
    /// It stands in the list of those that have more to read.
    queued: bool,
}

/// The connections and what they share.
pub(crate) struct Net {
    poll: Poll,
    events: Events,
    links: Vec<Link>,
    version: Version,
    broker: SocketAddr,
    sources: Sources,
    buffer: Vec<u8>,
    out: Vec<u8>,
    /// Connections whose last read filled the buffer.
    more: Vec<usize>,
    /// Where nothing is written to that is dropped.
    nowhere: Vec<MaybeUninit<u8>>,
}

impl Net {
    /// No connection yet.
    pub(crate) fn new(broker: SocketAddr, sources: Sources, version: Version) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_MAX),
            links: Vec::new(),
            version,
            broker,
            sources,
            buffer: vec![0; READ_BYTES],
            out: Vec::new(),
            more: Vec::new(),
            nowhere: Vec::new(),
        })
    }

    /// How many connections have been begun.
    pub(crate) const fn len(&self) -> usize {
        self.links.len()
    }

    /// Begins another connection, whose index is the next one.
    pub(crate) fn dial(&mut self) -> io::Result<()> {
        let index = self.links.len();
        let mut stream = TcpStream::from_std(self.sources.connect(self.broker)?.into());
        self.poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
        let phase = Phase::Connecting;
        self.links.push(Link { stream, phase, partial: Vec::new(), pending: Vec::new(), queued: false });
        Ok(())
    }

    /// Waits for something to happen, at most so long, and tells the handler.
    pub(crate) fn turn(&mut self, timeout: Duration, handler: &mut impl Handler) -> Result<(), Failure> {
        let timeout = if self.more.is_empty() { timeout } else { Duration::ZERO };
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        match self.poll.poll(&mut events, Some(timeout)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(Failure::Io("poll", error)),
            Ok(()) | Err(_) => {}
        }
        for index in std::mem::take(&mut self.more) {
            self.links[index].queued = false;
            self.read(index, handler)?;
        }
        for event in &events {
            let index = event.token().0;
            if event.is_writable() || event.is_error() {
                self.writable(index, handler)?;
            }
            if event.is_readable() && !self.links[index].queued {
                self.read(index, handler)?;
            }
        }
        self.events = events;
        Ok(())
    }

    /// From now on nobody is told of what the first `count` connections receive: it is for [`Net::peek`] and
    /// [`Net::discard`].
    pub(crate) fn mute(&mut self, count: usize) -> Result<(), Failure> {
        self.nowhere = vec![MaybeUninit::uninit(); DISCARD_BYTES];
        for link in &mut self.links[..count] {
            self.poll.registry().deregister(&mut link.stream).map_err(|error| Failure::Io("poll", error))?;
        }
        Ok(())
    }

    /// Looks at what has arrived first, as far as it goes into `bytes`; says how much that is.
    pub(crate) fn peek(&self, index: usize, bytes: &mut [u8]) -> Result<usize, Failure> {
        received(index, self.links[index].stream.peek(bytes))
    }

    /// Drops all that has arrived, and says how much that was.
    pub(crate) fn discard(&mut self, index: usize) -> Result<u64, Failure> {
        let (socket, mut sum) = (SockRef::from(&self.links[index].stream), 0);
        loop {
            let count = received(index, socket.recv_with_flags(&mut self.nowhere, TRUNCATE))?;
            sum += count as u64;
            if count < self.nowhere.len() {
                return Ok(sum);
            }
        }
    }

    /// Whether something for this connection is still to be written: then more should wait.
    pub(crate) fn is_blocked(&self, index: usize) -> bool {
        !self.links[index].pending.is_empty()
    }

    /// Writes to a connection; what it does not take is kept and goes out when it does.
    pub(crate) fn send(&mut self, index: usize, bytes: &[u8]) -> Result<(), Failure> {
        let link = &mut self.links[index];
        let written = if link.pending.is_empty() { write(&mut link.stream, bytes)? } else { 0 };
        link.pending.extend_from_slice(&bytes[written..]);
        Ok(())
    }

    fn writable(&mut self, index: usize, handler: &mut impl Handler) -> Result<(), Failure> {
        let link = &mut self.links[index];
        match link.phase {
            Phase::Closed => {}
            Phase::Open if link.pending.is_empty() => {}
            Phase::Open => {
                let written = write(&mut link.stream, &link.pending)?;
                link.pending.drain(..written);
                if link.pending.is_empty() {
                    link.pending = Vec::new();
                    handler.drained(index);
                }
            }
            Phase::Connecting => {
                if let Some(error) = link.stream.take_error().map_err(|error| Failure::Io("connect", error))? {
                    return Err(Failure::Io("connect", error));
                }
                link.phase = Phase::Open;
                self.answer(index, |out| handler.connected(index, out))?;
            }
        }
        Ok(())
    }

    /// Runs something that appends to the output, and sends that.
    fn answer(&mut self, index: usize, run: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        run(&mut out)?;
        if !out.is_empty() {
            self.send(index, &out)?;
        }
        self.out = out;
        Ok(())
    }

    fn read(&mut self, index: usize, handler: &mut impl Handler) -> Result<(), Failure> {
        let link = &mut self.links[index];
        if link.phase != Phase::Open {
            return Ok(());
        }
        let held = link.partial.len();
        // A large packet must fit, however little of it one read brings.
        if self.buffer.len() < held + READ_BYTES / 2 {
            self.buffer.resize(held * 2 + READ_BYTES, 0);
        }
        self.buffer[..held].copy_from_slice(&link.partial);
        link.partial.clear();
        let count = match link.stream.read(&mut self.buffer[held..]) {
            Ok(0) => {
                link.phase = Phase::Closed;
                return handler.closed(index);
            }
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                link.phase = Phase::Closed;
                return handler.closed(index);
            }
            Err(error) => return Err(Failure::Io("read", error)),
        };
        let filled = held + count;
        if filled == self.buffer.len() {
            link.queued = true;
            self.more.push(index);
        }
        let (buffer, version) = (std::mem::take(&mut self.buffer), self.version);
        let mut rest = &buffer[..filled];
        self.answer(index, |out| {
            while let Some((heard, size)) = scan(rest, version).map_err(Failure::Broker)? {
                rest = &rest[size..];
                handler.heard(index, heard, out)?;
            }
            Ok(())
        })?;
        self.links[index].partial.extend_from_slice(rest);
        self.buffer = buffer;
        Ok(())
    }
}

/// How much a connection has received, which may be nothing now but not nothing any more.
fn received(index: usize, result: io::Result<usize>) -> Result<usize, Failure> {
    match result {
        Ok(0) => Err(Failure::Broker(format!("it closed connection {index}"))),
        Ok(count) => Ok(count),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
        Err(error) => Err(Failure::Io("read", error)),
    }
}

/// Writes as much as the socket takes.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> Result<usize, Failure> {
    let mut written = 0;
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Why the broker has closed is for the read to find.
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                return Ok(bytes.len());
            }
            Err(error) => return Err(Failure::Io("write", error)),
        }
    }
    Ok(written)
}
