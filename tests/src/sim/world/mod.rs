//! The world of a run: shards with their stores and the ways between them, links, clients, and one virtual clock.
//!
//! It is to the core what a runtime is, at its worst within the contract: it does everything as late, as little and in as
//! odd an order as it may, but sleeps exactly until `poll_timeout`. Crashed shards and nodes behind slower ways have their
//! place here: a [`Shard`] owns its store and its inboxes, and nothing else is shared.

mod act;
mod bounds;
mod carry;
mod restart;
mod script;
mod turn;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use weirmq_core::{
    Broker, Config, ConnId, Event, Instant, ListenerId, Moved, Outbox, PeerAddr, PeerBatch, ShardId, Stats,
};

use super::authenticator::Authenticator;
use super::client::{Around, Client};
use super::link::{Link, Owner};
use super::options::Options;
use super::oracle::Book;
use super::rng::Rng;
use super::store::Store;
use super::trace::Trace;
use crate::wire::Version;

/// One broker and what belongs to it alone.
pub(super) struct Shard {
    broker: Broker,
    outbox: Outbox,
    /// What came from other shards, in order, each with the instant at which the shard looks at it if nothing else makes it
    /// look: never, if it sleeps and is not woken.
    inbox: VecDeque<(Instant, Letter)>,
    /// Whether it sleeps. It does not fall asleep while something is in its inbox.
    asleep: bool,
    /// What it has taken out of its inbox, and read of connections before that, and not handed to its broker yet.
    taken: VecDeque<Letter>,
    read: Vec<(u64, ConnId, Vec<u8>)>,
    store: Store,
}

/// What one shard sends another.
pub(super) enum Letter {
    /// A batch, and the shard that it is from.
    Batch(ShardId, PeerBatch),
    /// A connection: the link, what is known of it, and the tick at which it was read.
    Moved(usize, Box<Moved>, u64),
}

impl Shard {
    /// Every shard of a broker with nothing in it. One that was made anew hashes and names otherwise than the one before.
    fn all(config: &Config, options: &Options, restarts: u64, now: Instant) -> Vec<Self> {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&options.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&restarts.to_le_bytes());
        let count = options.shards as usize;
        let shard = |shard| Self {
            broker: Broker::new(config.clone(), ShardId(shard as u16), seed, now),
            outbox: Outbox::new(),
            inbox: VecDeque::new(),
            asleep: false,
            taken: VecDeque::new(),
            read: Vec::new(),
            store: Store::default(),
        };
        (0..count).map(shard).collect()
    }
}

/// The world.
pub(super) struct World {
    pub(super) now: Instant,
    started: Instant,
    pub(super) options: Options,
    config: Config,
    /// How often the broker was made anew.
    restarts: u64,
    pub(super) rng: Rng,
    shards: Vec<Shard>,
    pub(super) links: Vec<Link>,
    /// Every connection that this broker ever had, by shard and name there.
    conns: BTreeMap<(usize, u64), usize>,
    pub(super) clients: Vec<Client>,
    pub(super) book: Book,
    pub(super) trace: Trace,
    /// Events of a drain, before they are judged.
    events: Vec<Event>,
    /// From here on the world does nobody harm.
    pub(super) calm: bool,
    pub(super) store_failed: bool,
    pub(super) authenticator: Authenticator,
    /// No batch between shards arrives.
    pub(super) peers_held: bool,
}

/// What can have its turn.
#[derive(Clone, Copy)]
enum Entity {
    Shard(usize),
    Client(usize),
}

/// Rounds that one instant may take before the broker is said never to come to rest.
const ROUNDS_MAX: usize = 50_000;

impl World {
    /// A broker with no client yet, and one client more than the options say: the last one is for the end.
    pub(super) fn new(options: &Options, lines_max: usize) -> Self {
        Self::with(&options.config(), options, lines_max)
    }

    /// The same with a configuration that says more than the options can.
    pub(super) fn with(config: &Config, options: &Options, lines_max: usize) -> Self {
        let now = Instant::from_secs(1_000);
        let clients = options.clients as usize + 1;
        let client = |number| {
            let version = if number + 1 == clients { Version::V5 } else { options.version(number) };
            Client::new(number, version, options.is_worker(number))
        };
        Self {
            now,
            started: now,
            options: options.clone(),
            config: config.clone(),
            restarts: 0,
            rng: Rng::new(0),
            shards: Shard::all(config, options, 0, now),
            links: Vec::new(),
            conns: BTreeMap::new(),
            clients: (0..clients).map(client).collect(),
            book: Book::new(options, clients),
            trace: Trace::new(now, lines_max),
            events: Vec::new(),
            calm: false,
            store_failed: false,
            authenticator: Authenticator::default(),
            peers_held: false,
        }
    }

    /// How long it has been going on.
    pub(super) fn elapsed(&self) -> Duration {
        self.now.saturating_since(self.started)
    }

    /// The counters of all shards.
    pub(super) fn stats(&self) -> Stats {
        let mut sum = Stats::default();
        for shard in &self.shards {
            sum.add(&shard.broker.stats());
        }
        sum
    }

    /// Messages that the broker says it dropped because a queue was full.
    pub(super) fn dropped(&self) -> u64 {
        self.stats().dropped_queue_full
    }

    /// What each shard has not given up.
    pub(super) fn unsettled(&self) -> Vec<usize> {
        self.shards.iter().map(|shard| shard.broker.unsettled()).collect()
    }

    /// Opens a connection at a shard.
    pub(super) fn open(&mut self, shard: u64, owner: Owner) -> usize {
        let shard = shard as usize % self.shards.len();
        let conn = self.shards[shard].broker.handle_accept(self.now, ListenerId(0), PeerAddr::Memory);
        let capacity = match self.options.pipe_bytes {
            bytes if bytes > 0 && !self.calm => bytes as usize,
            _ => usize::MAX,
        };
        let link = self.links.len();
        self.links.push(Link::new(link, owner, conn.map(|conn| (shard, conn)), capacity, self.now));
        if let Some(conn) = conn {
            self.conns.insert((shard, conn.to_bits()), link);
        }
        link
    }

    /// Lets a client do something on its link.
    pub(super) fn with_client(&mut self, client: usize, act: impl FnOnce(&mut Client, &mut Around<'_>)) {
        let Some(link) = self.clients[client].link else { return };
        let mut around = Around {
            link: &mut self.links[link],
            book: &mut self.book,
            trace: &mut self.trace,
            rng: &mut self.rng,
            now: self.now,
        };
        act(&mut self.clients[client], &mut around);
    }

    fn client_turn(&mut self, client: usize) -> bool {
        let mut busy = false;
        let now = self.now;
        self.with_client(client, |client, around| {
            let around = Around {
                link: &mut *around.link,
                book: &mut *around.book,
                trace: &mut *around.trace,
                rng: &mut *around.rng,
                now,
            };
            busy = client.turn(around);
        });
        busy
    }

    fn entity_turn(&mut self, entity: Entity) -> bool {
        match entity {
            Entity::Shard(shard) => self.shard_turn(shard),
            Entity::Client(client) => self.client_turn(client),
        }
    }

    fn entities(&self) -> Vec<Entity> {
        let shards = (0..self.shards.len()).map(Entity::Shard);
        shards.chain((0..self.clients.len()).map(Entity::Client)).collect()
    }

    /// Gives a few turns to whomever chance picks.
    pub(super) fn stir(&mut self) {
        let entities = self.entities();
        for _ in 0..self.rng.below(8) {
            let entity = self.rng.pick(&entities);
            self.entity_turn(entity);
        }
    }

    /// Turns everything until nothing is left to do at this instant.
    pub(super) fn settle(&mut self) {
        let mut entities = self.entities();
        for _ in 0..ROUNDS_MAX {
            if self.trace.failed() {
                return;
            }
            self.rng.shuffle(&mut entities);
            let mut busy = false;
            for &entity in &entities {
                busy |= self.entity_turn(entity);
            }
            if !busy {
                return;
            }
        }
        let timeouts: Vec<_> = self.shards.iter().map(|shard| shard.broker.poll_timeout()).collect();
        self.trace.fail("it never comes to rest", format!("{timeouts:?}"));
    }

    /// Lets time pass, asleep exactly from one thing to the next.
    pub(super) fn advance(&mut self, duration: Duration) {
        let until = self.now.saturating_add(duration);
        self.settle();
        while !self.trace.failed()
            && let Some(next) = self.next().filter(|next| *next <= until)
        {
            self.now = self.now.max(next);
            self.trace.now = self.now;
            self.settle();
        }
        self.now = until;
        self.trace.now = until;
        self.settle();
    }

    /// When the next thing happens by itself.
    fn next(&self) -> Option<Instant> {
        let shards = self.shards.iter().flat_map(|shard| {
            let timeout = shard.broker.poll_timeout().map(|(at, _)| at);
            let letters = shard.inbox.iter().map(|&(at, _)| at).filter(|&at| !self.peers_held && at < Instant::MAX);
            timeout.into_iter().chain(letters).chain(shard.store.next())
        });
        let clients = self.clients.iter().filter_map(|client| client.next(&self.links[client.link?]));
        let stalls = self.links.iter().filter(|link| link.place.is_some() && link.stalled_until > self.now);
        let answers = self.authenticator.next();
        shards.chain(clients).chain(stalls.map(|link| link.stalled_until)).chain(answers).min()
    }
}
