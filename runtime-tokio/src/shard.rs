//! One shard: a broker, its sockets, and the turn that moves bytes between them.
//!
//! This file is the input half of the turn; `effects.rs` carries out what the broker wants.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use socket2::{SockRef, Socket};
use tokio::io::Interest;
use tokio::net::UnixStream;
use weirmq_core::{
    Acceptance, Agenda, Broker, Budget, Calls, CloseCause, ConnId, ConnMap, Incoming, Instant, ListenerId, Outbox,
    PeerAddr, Readiness, ShardId,
};

use crate::connection::{Connection, register, register_reader};
use crate::mail::{Link, Mail, SocketWaker, lock};
use crate::server::Shared;

/// Bytes taken from one connection in one turn.
const READ_BYTES: usize = 64 * 1024;

struct Acceptor {
    id: ListenerId,
    socket: UnixStream,
    /// Registered when an accept has found nobody.
    waker: Waker,
    acceptance: Acceptance,
}

pub(crate) struct Shard {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: ShardId,
    pub(crate) link: Arc<Link>,
    pub(crate) broker: Broker,
    acceptors: Vec<Acceptor>,
    pub(crate) connections: ConnMap<Connection>,
    buffer: Vec<u8>,
    mail: Vec<Mail>,
    /// Connections that have ended, which the broker does not know yet.
    pub(crate) ended: Vec<(ConnId, CloseCause)>,
    ready: Vec<Option<ConnId>>,
    pub(crate) outbox: Outbox,
    /// Shards to wake before this one sleeps.
    pub(crate) calls: Calls,
    /// Whether a connection waits to be read again.
    again: bool,
    /// Whether anything had arrived in this turn.
    busy: bool,
    agenda: Agenda,
}

impl Shard {
    pub(crate) fn new(shared: Arc<Shared>, id: ShardId, listeners: Vec<(ListenerId, Socket)>) -> io::Result<Self> {
        let link = Arc::clone(&shared.links[usize::from(id.0)]);
        let mut acceptors = Vec::new();
        for (listener, socket) in listeners {
            let (socket, waker) = (register(socket)?, Waker::from(Arc::new(SocketWaker(Arc::clone(&link), None))));
            acceptors.push(Acceptor { id: listener, socket, waker, acceptance: Acceptance::new() });
        }
        let now = shared.now();
        Ok(Self {
            broker: shared.deployment.broker(id, now),
            shared,
            id,
            link,
            acceptors,
            connections: ConnMap::default(),
            buffer: vec![0; READ_BYTES],
            mail: Vec::new(),
            ended: Vec::new(),
            ready: Vec::new(),
            outbox: Outbox::new(),
            calls: Calls::default(),
            again: false,
            busy: false,
            agenda: Agenda::new(now),
        })
    }

    /// Takes turns until the server has gone down.
    pub(crate) async fn run(mut self) -> io::Result<()> {
        let (mut sleep, mut armed) = (pin!(tokio::time::sleep(Duration::ZERO)), Instant::MAX);
        loop {
            let now = self.shared.now();
            self.turn(now);
            if self.agenda.is_down(now, &self.broker) {
                return Ok(());
            }
            let (links, clock) = (&self.shared.links, || self.shared.now());
            let wake = |shard: ShardId, _| {
                links[usize::from(shard.0)].wake();
                false
            };
            let gathers = self.calls.gather(now, self.busy, clock, wake, std::thread::yield_now);
            let due = self.due(now);
            if due <= now || gathers || self.link.bell.is_rung() {
                // Lets tokio look at the sockets, and comes back.
                tokio::task::yield_now().await;
                continue;
            }
            // Setting a timer costs more than waking up once too early.
            if due < armed {
                sleep.as_mut().reset((self.shared.origin + Duration::from_micros(due.as_micros())).into());
                armed = due;
            }
            poll_fn(|cx| {
                self.link.register(cx.waker());
                let over = armed < Instant::MAX && sleep.as_mut().poll(cx).is_ready();
                if over {
                    armed = Instant::MAX;
                }
                if over || !self.link.bell.fall_asleep() { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            self.link.bell.get_up();
        }
    }

    fn turn(&mut self, now: Instant) {
        std::mem::swap(&mut *lock(&self.link.ready), &mut self.ready);
        (self.again, self.busy) = (false, !self.ready.is_empty());
        (0..self.ready.len()).for_each(|index| self.handle_ready(now, self.ready[index]));
        self.read_mail(now);
        (0..self.acceptors.len()).for_each(|index| self.accept(now, index));
        (0..self.ready.len()).for_each(|index| _ = self.ready[index].map(|id| self.read(now, id)));
        self.ready.clear();
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
        if self.again || !self.ended.is_empty() {
            return Instant::ZERO;
        }
        let accepting = self.acceptors.iter().map(|acceptor| acceptor.acceptance.due());
        accepting.fold(self.agenda.due(now, &self.broker), Instant::min)
    }

    /// Handles what other shards and threads have said.
    fn read_mail(&mut self, now: Instant) {
        let mut mail = std::mem::take(&mut self.mail);
        self.link.collect(&mut mail);
        self.busy |= !mail.is_empty();
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

    /// A connection, or all listeners, may be ready: it is written before anything is handed in, lest a PUBACK pass a batch.
    fn handle_ready(&mut self, now: Instant, id: Option<ConnId>) {
        let Some(id) = id else { return self.acceptors.iter_mut().for_each(|acceptor| acceptor.acceptance.note()) };
        let Some(conn) = self.connections.get(id) else { return };
        if conn.transport.note(Readiness { readable: true, writable: true, ..Readiness::default() }) {
            self.flush(now, id);
        }
    }

    /// Lets a connection be read in the next turn, if that makes sense.
    pub(crate) fn enqueue(&mut self, id: ConnId) {
        if self.connections.get(id).is_some_and(|conn| conn.transport.wants_read()) {
            self.again = true;
            lock(&self.link.ready).push(Some(id));
        }
    }

    fn accept(&mut self, now: Instant, index: usize) {
        for _ in 0..Acceptance::ROUND_MAX {
            let acceptor = &mut self.acceptors[index];
            if acceptor.acceptance.due() > now {
                return;
            }
            let listener = &acceptor.socket;
            match listener.try_io(Interest::READABLE, || SockRef::from(listener).accept()) {
                Ok((socket, peer)) => {
                    let (listener, peer) = (acceptor.id, peer.as_socket().map_or(PeerAddr::Unix, PeerAddr::Ip));
                    if socket.set_nonblocking(true).is_ok()
                        && let Some(id) = self.broker.handle_accept(now, listener, peer)
                    {
                        self.insert(now, id, socket);
                    }
                }
                Err(error) => match error.kind() {
                    // Somebody has come meanwhile.
                    ErrorKind::WouldBlock if register_reader(&acceptor.socket, &acceptor.waker) => {}
                    ErrorKind::WouldBlock => acceptor.acceptance.has_found_nobody(),
                    // The peer gave up before we came to it.
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => {}
                    // Descriptors or memory are used up.
                    _ => acceptor.acceptance.has_failed(now),
                },
            }
        }
    }

    fn insert(&mut self, now: Instant, id: ConnId, socket: Socket) {
        let Ok(socket) = register(socket) else {
            return self.broker.handle_closed(now, id, CloseCause::Error);
        };
        let waker = Waker::from(Arc::new(SocketWaker(Arc::clone(&self.link), Some(id))));
        self.connections.insert(id, Connection::new(id, socket, waker, !self.broker.wants_read(id)));
        self.enqueue(id);
    }

    /// Reads one connection once. When more is to be had it waits for its next turn, so that nobody is starved.
    fn read(&mut self, now: Instant, id: ConnId) {
        let Some(conn) = self.connections.get(id).filter(|conn| conn.transport.wants_read()) else { return };
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
