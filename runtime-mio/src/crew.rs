//! The threads, and who serves which shard.
//!
//! Each waits for the sockets of its own shard. Before it sleeps it stands in for shards that do and have letters from its own:
//! waking their threads would take a system call and two switches of threads.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mio::{Events, Poll};
use socket2::Socket;
use weirmq_core::{Instant, ListenerId, ShardId};

use crate::mail::lock;
use crate::server::Shared;
use crate::shard::Shard;

/// Readiness events taken in one turn.
const EVENTS_MAX: usize = 1_024;

/// All shards of a server, each until it has gone down. Who has one locked serves it; nobody waits for a second lock.
pub(crate) struct Crew(Vec<Mutex<Option<Shard>>>);

impl Crew {
    /// A shard for each poll, with its listeners, and the polls.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        shards: Vec<(Poll, Vec<(ListenerId, Socket)>)>,
    ) -> io::Result<(Self, Vec<Poll>)> {
        let (mut crew, mut polls) = (Vec::new(), Vec::new());
        for (index, (poll, listeners)) in shards.into_iter().enumerate() {
            let (id, registry) = (ShardId(index as u16), poll.registry().try_clone()?);
            crew.push(Mutex::new(Some(Shard::new(Arc::clone(shared), id, registry, listeners)?)));
            polls.push(poll);
        }
        Ok((Self(crew), polls))
    }

    /// Takes turns with a shard until the server has gone down.
    pub(crate) fn run(&self, shared: &Shared, id: ShardId, mut poll: Poll) -> io::Result<()> {
        let mut readiness = Events::with_capacity(EVENTS_MAX);
        loop {
            // Whoever calls it from now on leaves it to this thread.
            shared.links[usize::from(id.0)].bell.get_up();
            let Ok(mut slot) = self.0[usize::from(id.0)].lock() else {
                return Err(io::Error::other(format!("a thread that stood in for shard {} panicked", id.0)));
            };
            let Some(shard) = &mut *slot else { return Ok(()) };
            let now = shard.shared.now();
            readiness.iter().for_each(|event| shard.handle_readiness(now, event));
            shard.turn(now);
            if shard.is_down(now) {
                return Ok(());
            }
            let rest = self.rest(shard, now, !readiness.is_empty());
            drop(slot);
            match poll.poll(&mut readiness, rest) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
    }

    /// The shard of a thread that ends, by whatever cause, serves nobody any more: its connections are closed.
    pub(crate) fn dismiss(&self, id: ShardId) {
        *lock(&self.0[usize::from(id.0)]) = None;
    }

    /// How long the next poll sleeps. Other shards are called before it does, and this one can be from here on.
    fn rest(&self, shard: &mut Shard, now: Instant, busy: bool) -> Option<Duration> {
        let shared = &shard.shared;
        let call = |to: ShardId, has_time: bool| {
            let link = &shared.links[usize::from(to.0)];
            let sleeps_on = if has_time && link.bell.is_asleep() { self.stand_in(to) } else { None };
            if sleeps_on != Some(true) {
                link.wake();
            }
            sleeps_on.is_some()
        };
        if shard.calls.gather(now, busy, || shared.now(), call, std::thread::yield_now) {
            return Some(Duration::ZERO);
        }
        let now = shared.now();
        shard.sleeps_until = shard.due(now);
        if shard.sleeps_until <= now || !shard.link().bell.fall_asleep() {
            return Some(Duration::ZERO);
        }
        (shard.sleeps_until < Instant::MAX).then(|| shard.sleeps_until.saturating_since(now))
    }

    /// Takes a turn for a shard whose thread sleeps, unless somebody else does or it is gone: whether its thread can sleep on.
    fn stand_in(&self, id: ShardId) -> Option<bool> {
        let mut slot = self.0[usize::from(id.0)].try_lock().ok()?;
        let shard = slot.as_mut()?;
        let now = shard.shared.now();
        shard.turn(now);
        // The caller's among them is awake, and will look.
        shard.calls.take().for_each(|other| shard.shared.links[usize::from(other.0)].wake());
        Some(shard.due(now) >= shard.sleeps_until)
    }
}

#[cfg(test)]
mod tests;
