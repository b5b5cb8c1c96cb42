//! The output half of a turn: what the broker wants done, carried out in the order that its outbox names.

use std::os::fd::AsRawFd;
use std::sync::Arc;

use mio::unix::SourceFd;
use weirmq_core::{AuthRequest, Close, CloseCause, CloseHow, ConnId, Handoff, Instant, Outbox};

use crate::mail::Mail;
use crate::shard::Shard;

/// How often effects may lead to further effects in one turn. What is left then comes in the next turn, without sleeping.
const ROUNDS_MAX: usize = 16;

impl Shard {
    /// Carries out what the broker wants, until it wants nothing more.
    pub(crate) fn settle(&mut self, now: Instant) {
        _ = (0..ROUNDS_MAX).all(|_| self.relieve(now));
    }

    /// Drains the broker once, and carries that out; whether it was something is the answer.
    pub(crate) fn relieve(&mut self, now: Instant) -> bool {
        let mut outbox = std::mem::take(&mut self.outbox);
        self.broker.drain(&mut outbox);
        self.shared.deployment.drain_record(self.id, &mut self.broker);
        let wants = !outbox.is_empty();
        self.apply(now, &mut outbox);
        self.outbox = outbox;
        wants
    }

    fn apply(&mut self, now: Instant, outbox: &mut Outbox) {
        for (to, batch) in outbox.peers.drain(..) {
            batch.wakes().then(|| self.calls.add(to));
            self.shared.links[usize::from(to.0)].post(Mail::Peer(self.id, batch));
        }
        outbox.handoff.drain(..).for_each(|handoff| self.hand_off(handoff));
        outbox.flush.drain(..).for_each(|id| self.flush(now, id));
        outbox.read.drain(..).for_each(|id| self.update_interest(id));
        outbox.close.drain(..).for_each(|close| self.close(now, close));
        outbox.auth.drain(..).for_each(|request| self.ask(request));
        self.shared.deployment.observe(self.id, &mut outbox.events);
    }

    /// Writes what a connection has to send, and takes its end a step further when all is out.
    pub(crate) fn flush(&mut self, now: Instant, id: ConnId) {
        let Some(conn) = self.connections.get(id) else { return };
        match conn.flush(&mut self.broker, now) {
            Err(_) => self.closed(id, CloseCause::Error),
            Ok(true) if conn.transport.has_flushed() => match conn.finish() {
                Ok(()) => self.enqueue(id),
                Err(_) => self.closed(id, CloseCause::Done),
            },
            Ok(_) => {}
        }
    }

    fn update_interest(&mut self, id: ConnId) {
        if let Some(conn) = self.connections.get(id) {
            conn.transport.pause(!self.broker.wants_read(id));
            self.enqueue(id);
        }
    }

    fn close(&mut self, now: Instant, close: Close) {
        let Some(conn) = self.connections.get(close.conn) else { return };
        match close.how {
            CloseHow::Abort => self.closed(close.conn, CloseCause::Done),
            CloseHow::Flush if conn.transport.end() => {
                self.enqueue(close.conn);
                self.flush(now, close.conn);
            }
            CloseHow::Flush => {}
        }
    }

    /// Drops a socket. The broker, which asked for it if the connection was on its way out, is told in its turn.
    pub(crate) fn closed(&mut self, id: ConnId, cause: CloseCause) {
        if let Some(conn) = self.connections.remove(id) {
            self.ended.push((id, conn.transport.cause(cause)));
        }
    }

    fn hand_off(&mut self, handoff: Handoff) {
        let Some(conn) = self.connections.remove(handoff.conn) else { return };
        if self.registry.deregister(&mut SourceFd(&conn.socket.as_raw_fd())).is_ok() {
            self.calls.add(handoff.to);
            self.shared.links[usize::from(handoff.to.0)].post(Mail::Handoff(conn.socket, handoff.moved));
        }
    }

    fn ask(&mut self, request: AuthRequest) {
        let (link, id) = (Arc::clone(self.link()), request.id);
        self.shared.deployment.ask(request, move |outcome| {
            link.post(Mail::Auth(id, outcome));
            link.wake();
        });
    }
}
