//! One shard: a broker, its sockets, and the turn that moves bytes between them.
//!
//! This file is the input half of the turn; `effects.rs` carries out what the broker wants.

use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
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

struct Acceptor {
    id: ListenerId,
    socket: Socket,
    acceptance: Acceptance,
}

pub(crate) struct Shard {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: ShardId,
    pub(crate) broker: Broker,
    pub(crate) registry: Registry,
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
    /// Shards to call before this one sleeps.
    pub(crate) calls: Calls,
    /// Until when its thread sleeps, at the latest.
    pub(crate) sleeps_until: Instant,
    agenda: Agenda,
}

impl Shard {
    pub(crate) fn new(
        shared: Arc<Shared>,
        id: ShardId,
        registry: Registry,
        listeners: Vec<(ListenerId, Socket)>,
    ) -> io::Result<Self> {
        let mut acceptors = Vec::new();
        for (id, socket) in listeners {
            let token = Token(WAKER.0 + 1 + acceptors.len());
            registry.register(&mut SourceFd(&socket.as_raw_fd()), token, Interest::READABLE)?;
            acceptors.push(Acceptor { id, socket, acceptance: Acceptance::new() });
        }
        let now = shared.now();
        Ok(Self {
            broker: shared.deployment.broker(id, now),
            shared,
            id,
            registry,
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
            sleeps_until: now,
            agenda: Agenda::new(now),
        })
    }

    pub(crate) fn turn(&mut self, now: Instant) {
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
            *lock(&self.link().stats) = self.broker.stats();
        }
    }

    /// When the next turn is due if nothing happens.
    pub(crate) fn due(&self, now: Instant) -> Instant {
        if !self.ready.is_empty() || !self.ended.is_empty() {
            return Instant::ZERO;
        }
        let accepting = self.acceptors.iter().map(|acceptor| acceptor.acceptance.due());
        accepting.fold(self.agenda.due(now, &self.broker), Instant::min)
    }

    /// Whether it has gone down.
    pub(crate) fn is_down(&self, now: Instant) -> bool {
        self.agenda.is_down(now, &self.broker)
    }

    pub(crate) fn handle_readiness(&mut self, now: Instant, event: &Event) {
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
        if self.registry.register(&mut SourceFd(&socket.as_raw_fd()), token, interest).is_err() {
            return self.broker.handle_closed(now, id, CloseCause::Error);
        }
        let transport = Transport::new(!self.broker.wants_read(id));
        self.connections.insert(id, Connection { id, socket, transport });
    }

    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.shared.links[usize::from(self.id.0)]
    }

    /// Handles what other shards and threads have said.
    fn read_mail(&mut self, now: Instant) {
        let mut mail = std::mem::take(&mut self.mail);
        self.link().collect(&mut mail);
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
