//! One shard: a broker, its sockets, and the turn that moves bytes between them.
//!
//! This file is the input half of the turn; `effects.rs` carries out what the broker wants.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_io::{Async, Timer};
use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Registry, Token};
use socket2::Socket;
use weirmq_core::{
    Acceptance, Agenda, Broker, Budget, Calls, CloseCause, ConnId, ConnMap, Incoming, Instant, ListenerId, Outbox,
    PeerAddr, Readiness, ShardId, Transport,
};

use crate::connection::Connection;
use crate::mail::{Link, Mail, lock};
use crate::server::Shared;

/// The token by which others wake a shard. Listeners' tokens follow, then connections'.
pub(crate) const WAKER: Token = Token(0);

/// Bytes taken from one connection in one turn.
const READ_BYTES: usize = 64 * 1024;
/// Readiness events taken in one turn.
const EVENTS_MAX: usize = 1_024;
/// How long a shard waits in its own poll before async-io waits for it: on its own thread, which nobody else needs. To go there
/// takes seven system calls more, and often a switch of threads, so only a shard that is idle does.
const NAP: Duration = Duration::from_millis(100);

pub(crate) type Listeners = Vec<(ListenerId, Socket)>;

struct Acceptor {
    id: ListenerId,
    socket: Socket,
    acceptance: Acceptance,
}

pub(crate) struct Shard {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: ShardId,
    pub(crate) link: Arc<Link>,
    pub(crate) broker: Broker,
    pub(crate) poll: mio::Poll,
    /// The same poll for async-io, which has nothing else of this shard to watch: it is readable when there is an event.
    watched: Async<Registry>,
    acceptors: Vec<Acceptor>,
    /// The token of the connection with index 0.
    first_token: usize,
    pub(crate) connections: ConnMap<Connection>,
    /// Connections to read in the next turn, and those that are read in this one.
    ready: Vec<ConnId>,
    reading: Vec<ConnId>,
    buffer: Vec<u8>,
    mail: Vec<Mail>,
    /// Connections that have ended, which the broker does not know yet.
    pub(crate) ended: Vec<(ConnId, CloseCause)>,
    pub(crate) outbox: Outbox,
    /// Shards to wake before this one sleeps.
    pub(crate) calls: Calls,
    agenda: Agenda,
}

impl Shard {
    pub(crate) fn new(shared: Arc<Shared>, id: ShardId, poll: mio::Poll, listeners: Listeners) -> io::Result<Self> {
        let mut acceptors = Vec::new();
        for (id, socket) in listeners {
            let token = Token(WAKER.0 + 1 + acceptors.len());
            poll.registry().register(&mut SourceFd(&socket.as_raw_fd()), token, Interest::READABLE)?;
            acceptors.push(Acceptor { id, socket, acceptance: Acceptance::new() });
        }
        let now = shared.now();
        Ok(Self {
            broker: shared.deployment.broker(id, now),
            link: Arc::clone(&shared.links[usize::from(id.0)]),
            shared,
            id,
            watched: Async::new_nonblocking(poll.registry().try_clone()?)?,
            poll,
            first_token: WAKER.0 + 1 + acceptors.len(),
            acceptors,
            connections: ConnMap::default(),
            ready: Vec::new(),
            reading: Vec::new(),
            buffer: vec![0; READ_BYTES],
            mail: Vec::new(),
            ended: Vec::new(),
            outbox: Outbox::new(),
            calls: Calls::default(),
            agenda: Agenda::new(now),
        })
    }

    /// Takes turns until the server has gone down. It waits in its own poll for a moment, and beyond that in async-io.
    pub(crate) async fn run(mut self) -> io::Result<()> {
        let mut readiness = Events::with_capacity(EVENTS_MAX);
        let (mut now, mut busy) = (self.shared.now(), false);
        loop {
            let rest = self.rest(now, busy);
            match self.poll.poll(&mut readiness, Some(rest)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                Ok(()) | Err(_) => {}
            }
            self.link.bell.get_up();
            now = self.shared.now();
            busy = !readiness.is_empty() || self.link.bell.is_rung();
            if !busy && rest == NAP && self.due(now) > now {
                self.sleep().await?;
                continue;
            }
            readiness.iter().for_each(|event| self.handle_readiness(now, event));
            self.turn(now);
            if self.agenda.is_down(now, &self.broker) {
                return Ok(());
            }
        }
    }

    /// How long the next poll waits. Other shards are woken before it does, and this one can be from here on.
    fn rest(&mut self, now: Instant, busy: bool) -> Duration {
        let (links, clock) = (&self.shared.links, || self.shared.now());
        let wake = |shard: ShardId, _| {
            links[usize::from(shard.0)].wake();
            false
        };
        if self.calls.gather(now, busy, clock, wake, std::thread::yield_now) {
            return Duration::ZERO;
        }
        let now = self.shared.now();
        let rest = NAP.min(self.due(now).saturating_since(now));
        if rest == Duration::ZERO || self.link.bell.fall_asleep() { rest } else { Duration::ZERO }
    }

    /// Sleeps until the poll has an event or, at the latest, the next turn is due. What woke it the poll says.
    async fn sleep(&mut self) -> io::Result<()> {
        let mut timer = match self.due(self.shared.now()) {
            Instant::MAX => Timer::never(),
            due => Timer::at(self.shared.origin + Duration::from_micros(due.as_micros())),
        };
        let mut asleep = false;
        poll_fn(|cx| {
            let over = Pin::new(&mut timer).poll(cx).is_ready();
            if std::mem::replace(&mut asleep, true) || over || !self.link.bell.fall_asleep() {
                return Poll::Ready(Ok(()));
            }
            // The first answer may be about what was served already.
            let answer = self.watched.poll_readable(cx);
            if answer.is_ready() { self.watched.poll_readable(cx) } else { answer }
        })
        .await
    }

    fn turn(&mut self, now: Instant) {
        self.read_mail(now);
        (0..self.acceptors.len()).for_each(|index| self.accept(now, index));
        std::mem::swap(&mut self.ready, &mut self.reading);
        (0..self.reading.len()).for_each(|index| self.read(now, self.reading[index]));
        self.reading.clear();
        // An end may bring a will: what came before it is handled before.
        self.read_mail(now);
        std::mem::take(&mut self.ended).into_iter().for_each(|(id, cause)| self.broker.handle_closed(now, id, cause));
        self.broker.handle_timeout(now);
        // What is left is due at once.
        _ = self.broker.run(now, Budget::default());
        self.settle(now);
        if self.agenda.end_turn(now) {
            *lock(&self.link.stats) = self.broker.stats();
        }
    }

    /// When the next turn is due if nothing happens.
    fn due(&self, now: Instant) -> Instant {
        if !self.ready.is_empty() || !self.ended.is_empty() {
            return Instant::ZERO;
        }
        let accepting = self.acceptors.iter().map(|acceptor| acceptor.acceptance.due());
        accepting.fold(self.agenda.due(now, &self.broker), Instant::min)
    }

    fn handle_readiness(&mut self, now: Instant, event: &Event) {
        let token = event.token().0;
        let readiness = Readiness {
            readable: event.is_readable(),
            writable: event.is_writable(),
            read_closed: event.is_read_closed(),
            failed: event.is_error(),
        };
        if let Some(conn) = token.checked_sub(self.first_token).and_then(|index| self.connections.at(index)) {
            let (id, unblocked) = (conn.id, conn.transport.note(readiness));
            self.enqueue(id);
            unblocked.then(|| self.flush(now, id));
        } else if let Some(acceptor) = token.checked_sub(WAKER.0 + 1).and_then(|index| self.acceptors.get_mut(index)) {
            acceptor.acceptance.note();
        }
    }

    /// Handles what other shards and threads have said since the last turn.
    fn read_mail(&mut self, now: Instant) {
        let mut mail = std::mem::take(&mut self.mail);
        self.link.collect(&mut mail);
        for letter in mail.drain(..) {
            match letter {
                Mail::Peer(from, mut batch) => self.broker.handle_peer(now, from, &mut batch),
                Mail::Auth(id, outcome) => self.broker.handle_auth(now, id, outcome),
                Mail::Stop => {
                    self.agenda.leave_at(now.saturating_add(self.shared.deployment.drain_timeout));
                    self.acceptors.clear();
                    self.broker.shutdown(now);
                }
                Mail::Handoff(socket, moved) => {
                    if let Some(id) = self.broker.handle_handoff(now, moved) {
                        self.insert(now, id, socket);
                    }
                }
            }
            self.broker.wants_flush().then(|| self.relieve(now));
        }
        self.mail = mail;
    }

    /// Lets a connection be read in the next round of reads, if that makes sense.
    pub(crate) fn enqueue(&mut self, id: ConnId) {
        if self.connections.get(id).is_some_and(|conn| conn.transport.enqueue()) {
            self.ready.push(id);
        }
    }

    fn accept(&mut self, now: Instant, index: usize) {
        for _ in 0..Acceptance::ROUND_MAX {
            let acceptor = &mut self.acceptors[index];
            if acceptor.acceptance.due() > now {
                return;
            }
            match acceptor.socket.accept() {
                Ok((socket, peer)) => {
                    let (listener, peer) = (acceptor.id, peer.as_socket().map_or(PeerAddr::Unix, PeerAddr::Ip));
                    if socket.set_nonblocking(true).is_ok()
                        && let Some(id) = self.broker.handle_accept(now, listener, peer)
                    {
                        self.insert(now, id, socket);
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => acceptor.acceptance.has_found_nobody(),
                    // The peer gave up before we came to it.
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => {}
                    // Descriptors or memory are used up.
                    _ => acceptor.acceptance.has_failed(now),
                },
            }
        }
    }

    /// Registers a socket for all events, once: they are edge-triggered, so interest never changes.
    fn insert(&mut self, now: Instant, id: ConnId, socket: Socket) {
        let (token, interest) = (Token(self.first_token + id.index()), Interest::READABLE | Interest::WRITABLE);
        if self.poll.registry().register(&mut SourceFd(&socket.as_raw_fd()), token, interest).is_err() {
            return self.broker.handle_closed(now, id, CloseCause::Error);
        }
        let transport = Transport::new(!self.broker.wants_read(id));
        self.connections.insert(id, Connection { id, socket, transport });
    }

    /// Reads one connection once. When more is to be had it waits for its next turn, so that nobody is starved.
    fn read(&mut self, now: Instant, id: ConnId) {
        let Some(conn) = self.connections.get(id) else { return };
        if !conn.transport.dequeue() {
            return;
        }
        let received = conn.receive(&mut self.buffer);
        // Whatever led the client to write this comes before it.
        self.read_mail(now);
        let Some(conn) = self.connections.get(id) else { return };
        match received.map(|read| conn.transport.incoming(read)) {
            Ok(Incoming::HalfClosed) if self.broker.handle_half_closed(now, id) => {}
            Ok(Incoming::HalfClosed | Incoming::Closed) => self.closed(id, CloseCause::PeerClosed),
            Ok(Incoming::Bytes(count)) => {
                self.broker.handle_receive(now, id, &self.buffer[..count]);
                self.broker.wants_flush().then(|| self.relieve(now));
            }
            Ok(Incoming::Nothing) => {}
            Err(_) => self.closed(id, CloseCause::Error),
        }
        self.enqueue(id);
    }
}

impl Drop for Shard {
    /// However it ends: what a panic cut short is recorded up to its cause.
    fn drop(&mut self) {
        self.shared.deployment.finish_record(self.id, &mut self.broker);
    }
}
