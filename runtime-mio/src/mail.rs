//! What shards and other threads say to a shard: an inbox that wakes it once, however much arrives.
//!
//! The inbox is bounded by those who write to it: a broker has at most a shard's part of
//! [`Limits::peer_bytes_max`](weirmq_core::config::Limits::peer_bytes_max) under way to it and
//! [`Limits::auth_requests_max`](weirmq_core::config::Limits::auth_requests_max) questions open, and each handed over
//! connection is an open descriptor. That the server goes down is said once. So nothing has to be refused here, dropped or
//! reordered.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mio::Waker;
use socket2::Socket;
use weirmq_core::{AuthId, AuthOutcome, Bell, Moved, PeerBatch, ShardId, Stats};

/// One thing for a shard to handle.
pub(crate) enum Mail {
    /// What another shard's broker says.
    Peer(ShardId, PeerBatch),
    /// A connection whose session lives here.
    Handoff(Socket, Box<Moved>),
    /// The deployment's authentication answered.
    Auth(AuthId, AuthOutcome),
    /// The server goes down.
    Stop,
}

/// How everybody else reaches one shard.
pub(crate) struct Link {
    inbox: Mutex<Vec<Mail>>,
    /// Whether it sleeps.
    pub(crate) bell: Bell,
    waker: Waker,
    /// As last published by the shard.
    pub(crate) stats: Mutex<Stats>,
}

impl Link {
    pub(crate) fn new(waker: Waker) -> Self {
        Self { inbox: Mutex::default(), bell: Bell::default(), waker, stats: Mutex::default() }
    }

    /// Leaves a letter without waking the shard.
    pub(crate) fn post(&self, mail: Mail) {
        lock(&self.inbox).push(mail);
        self.bell.note();
    }

    /// Makes the shard look at its inbox, now if it sleeps and in its next turn if it does not.
    pub(crate) fn wake(&self) {
        if self.bell.ring() && self.waker.wake().is_err() {
            self.bell.failed();
        }
    }

    /// Moves everything that has arrived into `mail`, which is empty.
    pub(crate) fn collect(&self, mail: &mut Vec<Mail>) {
        if self.bell.silence() {
            std::mem::swap(&mut *lock(&self.inbox), mail);
        }
    }
}

/// A panic under one of these locks leaves nothing half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
