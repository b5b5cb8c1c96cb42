//! One to many shards of the core, driven through memory in virtual time: no socket, no clock, no thread.
//!
//! [`Net`] is to the core what a runtime is, turn by turn, and as strict as the contract allows: it sleeps exactly until
//! `poll_timeout`, carries effects out in the documented order, and reports each close once. What a deployment may do
//! late or wrongly, such as storing, authenticating or reading, the test decides.

mod peer;
mod turn;

use std::collections::VecDeque;
use std::time::Duration;

use peer::Peer;
use weirmq_core::record::RecordOptions;
use weirmq_core::{
    AuthId, AuthOutcome, AuthRequest, Broker, Config, Event, Instant, ListenerId, LogPosition, Outbox, PeerAddr,
    PeerBatch, SessionView, ShardId, Stats,
};

use crate::recording::Recording;
use crate::wire::{Packet, Version, decode, frame_len};
use crate::world::{Client, Received, World};

/// How the store answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreMode {
    /// What is handed over is stored at once.
    #[default]
    AtOnce,
    /// When the test says so: [`Net::stored`].
    Late,
    /// Never: the first operation already fails.
    Fails,
}

/// What the test's authentication says to a question; `None` is not yet, see [`Net::answer`].
pub type Authenticator = Box<dyn FnMut(&AuthRequest) -> Option<AuthOutcome>>;

struct Shard {
    broker: Broker,
    outbox: Outbox,
    inbox: VecDeque<(ShardId, PeerBatch)>,
    /// Positions that a late store has not reported.
    unstored: VecDeque<LogPosition>,
    /// Questions that the test has not answered.
    asked: VecDeque<AuthRequest>,
    store_failed: bool,
}

/// A broker of 1..N shards and its clients, in virtual time.
pub struct Net {
    now: Instant,
    shards: Vec<Shard>,
    peers: Vec<Peer>,
    events: Vec<(ShardId, Event)>,
    store: StoreMode,
    authenticate: Authenticator,
    /// Whether batches between shards are delivered.
    peers_flow: bool,
    /// Batches that their shard has to be woken for.
    wakes: u64,
    chunk: usize,
    recording: Option<Recording>,
}

/// The turns that one instant may take before the broker is said never to come to rest.
const TURNS_MAX: usize = 20_000;

impl Net {
    /// A broker with this configuration, `config.shards` shards of it, and no client.
    pub fn new(config: Config) -> Self {
        Self::seeded(config, 1)
    }

    /// The same with another seed.
    pub fn seeded(config: Config, seed: u64) -> Self {
        let now = Instant::from_secs(1_000);
        // One for all: it decides which shard a session lives on.
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let shards = (0..config.shards).map(|shard| Shard {
            broker: Broker::new(config.clone(), ShardId(shard), bytes, now),
            outbox: Outbox::new(),
            inbox: VecDeque::new(),
            unstored: VecDeque::new(),
            asked: VecDeque::new(),
            store_failed: false,
        });
        Self {
            now,
            shards: shards.collect(),
            peers: Vec::new(),
            events: Vec::new(),
            store: StoreMode::AtOnce,
            authenticate: Box::new(|_| Some(AuthOutcome::Accept { data: None })),
            peers_flow: true,
            wakes: 0,
            chunk: usize::MAX,
            recording: None,
        }
    }

    /// Records from here on, which is the beginning; the replay is compared when this world ends.
    #[must_use]
    pub fn recorded(mut self, options: RecordOptions) -> Self {
        self.recording = Some(Recording::new());
        let record = |shard: Shard| Shard { broker: shard.broker.recording(Some(options)), ..shard };
        self.shards = std::mem::take(&mut self.shards).into_iter().map(record).collect();
        self
    }

    /// What was recorded, with all that the shards have not handed out yet.
    pub fn recording(&mut self) -> Option<&Recording> {
        let recording = self.recording.as_ref()?;
        for (index, shard) in self.shards.iter_mut().enumerate() {
            shard.broker.flush_record(|records| {
                recording.add(ShardId(index as u16), records);
                true
            });
        }
        Some(recording)
    }

    /// Ends the recording; its file.
    pub fn end_recording(&mut self) -> Option<Vec<u8>> {
        self.finish_recording().map(|recording| recording.file())
    }

    fn finish_recording(&mut self) -> Option<Recording> {
        let recording = self.recording.take()?;
        for (index, shard) in self.shards.iter_mut().enumerate() {
            shard.broker.finish_record(|records| {
                recording.add(ShardId(index as u16), records);
                true
            });
        }
        Some(recording)
    }

    /// Virtual time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Sets how the store answers from here on.
    pub fn store(&mut self, mode: StoreMode) {
        self.store = mode;
    }

    /// A late store reports everything it was given.
    pub fn stored(&mut self) {
        for index in 0..self.shards.len() {
            self.stored_first(ShardId(index as u16), usize::MAX);
        }
    }

    /// A late store reports the first `batches` batches of one shard, in one answer.
    pub fn stored_first(&mut self, shard: ShardId, batches: usize) {
        let shard = &mut self.shards[usize::from(shard.0)];
        let count = batches.min(shard.unstored.len());
        if let Some(upto) = shard.unstored.drain(..count).next_back() {
            shard.broker.handle_stored(self.now, upto);
        }
    }

    /// Batches that a late store has not reported, over all shards.
    pub fn unstored(&self) -> usize {
        self.shards.iter().map(|shard| shard.unstored.len()).sum()
    }

    /// The stores of all shards fail now.
    pub fn fail_stores(&mut self) {
        for index in 0..self.shards.len() {
            self.fail_store(ShardId(index as u16));
        }
    }

    /// The store of one shard fails now.
    pub fn fail_store(&mut self, shard: ShardId) {
        let shard = &mut self.shards[usize::from(shard.0)];
        shard.unstored.clear();
        shard.broker.handle_store_failed(self.now);
    }

    /// Batches that the late store of one shard has not reported.
    pub fn unstored_of(&self, shard: ShardId) -> usize {
        self.shards[usize::from(shard.0)].unstored.len()
    }

    /// What is held in all shards that comes and goes.
    pub fn unsettled(&mut self) -> usize {
        self.settle();
        self.shards.iter().map(|shard| shard.broker.unsettled()).sum()
    }

    /// Sets who answers for credentials. At first everybody is let in.
    pub fn authenticate(&mut self, by: impl FnMut(&AuthRequest) -> Option<AuthOutcome> + 'static) {
        self.authenticate = Box::new(by);
    }

    /// The oldest question that the authenticator left open, in any shard.
    pub fn asked(&mut self) -> Option<(ShardId, AuthRequest)> {
        self.settle();
        let open =
            self.shards.iter_mut().enumerate().find_map(|(index, shard)| Some((index, shard.asked.pop_front()?)));
        open.map(|(index, request)| (ShardId(index as u16), request))
    }

    /// Answers a question that was left open.
    pub fn answer(&mut self, shard: ShardId, request: AuthId, outcome: AuthOutcome) {
        self.shards[usize::from(shard.0)].broker.handle_auth(self.now, request, outcome);
    }

    /// Holds batches between shards back, or lets them flow.
    pub fn hold_peers(&mut self, hold: bool) {
        self.peers_flow = !hold;
    }

    /// Delivers what is held back for one shard, and gives it a turn.
    pub fn flow_to(&mut self, shard: ShardId) {
        let held = std::mem::replace(&mut self.peers_flow, true);
        self.turn(usize::from(shard.0));
        self.peers_flow = held;
    }

    /// Batches so far that their shard had to be woken for.
    pub fn wakes(&self) -> u64 {
        self.wakes
    }

    /// Feeds input in pieces of at most this many bytes.
    pub fn chunk(&mut self, bytes: usize) {
        self.chunk = bytes.max(1);
    }

    /// Opens a connection at this shard.
    pub fn open_at(&mut self, shard: ShardId) -> Client {
        let conn = self.shards[usize::from(shard.0)].broker.handle_accept(self.now, ListenerId(0), PeerAddr::Memory);
        self.peers.push(Peer::new(conn.map(|conn| (usize::from(shard.0), conn))));
        Client(self.peers.len() - 1)
    }

    /// How many more bytes the client takes from the broker before it stops reading.
    pub fn window(&mut self, client: Client, bytes: usize) {
        self.peers[client.0].window = bytes;
    }

    /// The client does not close its side when the broker does.
    pub fn never_close(&mut self, client: Client) {
        self.peers[client.0].stubborn = true;
    }

    /// Bytes that reached the client and were not looked at yet.
    pub fn arrived(&mut self, client: Client) -> usize {
        self.settle();
        self.peers[client.0].from_broker.len()
    }

    /// Whether the broker has closed the connection.
    pub fn is_closed(&mut self, client: Client) -> bool {
        self.settle();
        self.peers[client.0].eof
    }

    /// The broker closes a client's connection, as an administrator would.
    pub fn disconnect(&mut self, client: Client) {
        if let Some((shard, conn)) = self.peers[client.0].place {
            self.shards[shard].broker.disconnect(self.now, conn);
        }
    }

    /// One turn of each shard. Whether anything was done.
    pub fn step(&mut self) -> bool {
        let mut busy = false;
        for index in 0..self.shards.len() {
            busy |= self.turn(index);
        }
        busy
    }

    /// One turn of one shard. Whether anything was done.
    pub fn step_of(&mut self, shard: ShardId) -> bool {
        self.turn(usize::from(shard.0))
    }

    /// Bytes that reached the client so far, without another turn.
    pub fn here(&self, client: Client) -> usize {
        self.peers[client.0].from_broker.len()
    }

    /// Bytes that the client has written and the broker has not taken.
    pub fn unsent(&self, client: Client) -> usize {
        self.peers[client.0].to_broker.len()
    }

    /// The client forgets what reached it.
    pub fn ignore(&mut self, client: Client) {
        self.peers[client.0].from_broker = Vec::new();
    }

    /// The session of a client, wherever it lives.
    pub fn inspect(&self, client_id: &str) -> Option<SessionView> {
        self.shards.iter().find_map(|shard| shard.broker.inspect(client_id))
    }

    /// The counters of one shard.
    pub fn stats_of(&self, shard: ShardId) -> Stats {
        self.shards[usize::from(shard.0)].broker.stats()
    }

    /// The broker goes down.
    pub fn shutdown(&mut self) {
        for shard in &mut self.shards {
            shard.broker.shutdown(self.now);
        }
    }

    /// The shard where a client's connection is, if it is anywhere.
    pub fn shard_of(&self, client: Client) -> Option<ShardId> {
        self.peers[client.0].place.map(|(shard, _)| ShardId(shard as u16))
    }

    /// The counters of all shards.
    pub fn stats(&mut self) -> Stats {
        self.settle();
        let mut sum = Stats::default();
        for shard in &self.shards {
            sum.add(&shard.broker.stats());
        }
        sum
    }

    /// What happened since the last time this was asked.
    pub fn events(&mut self) -> Vec<(ShardId, Event)> {
        self.settle();
        std::mem::take(&mut self.events)
    }

    /// Lets time pass, asleep exactly from `poll_timeout` to `poll_timeout`.
    pub fn advance(&mut self, duration: Duration) {
        let until = self.now.saturating_add(duration);
        self.settle();
        while let Some(next) = self.next_timeout().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.settle();
        }
        self.now = until;
        self.settle();
    }

    /// When the next thing happens by itself.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.shards.iter().filter_map(|shard| shard.broker.poll_timeout()).map(|(at, _)| at).min()
    }

    /// Turns every shard until nothing is left to do at this instant.
    ///
    /// # Panics
    /// When that never comes.
    pub fn settle(&mut self) {
        for _ in 0..TURNS_MAX {
            if !self.step() {
                return;
            }
        }
        panic!("the broker does not come to rest: {:?}", self.shards[0].broker.poll_timeout());
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        if !std::thread::panicking()
            && let Some(recording) = self.finish_recording()
        {
            recording.verify(self.shards.len() as u16);
        }
    }
}

impl World for Net {
    fn open(&mut self) -> Client {
        let shard = self.peers.len() % self.shards.len();
        self.open_at(ShardId(shard as u16))
    }

    fn write(&mut self, client: Client, bytes: &[u8]) {
        let peer = &mut self.peers[client.0];
        if !peer.gone {
            peer.to_broker.extend(bytes);
        }
    }

    fn read(&mut self, client: Client) -> Received {
        self.settle();
        let peer = &mut self.peers[client.0];
        if let Some(packet) = peer.unread.pop() {
            return Received::Packet(packet);
        }
        match frame_len(&peer.from_broker) {
            Err(error) => Received::Garbage(error),
            Ok(Some(len)) => {
                let frame: Vec<u8> = peer.from_broker.drain(..len).collect();
                match decode(&frame, peer.version) {
                    Ok(packet) => Received::Packet(packet),
                    Err(error) => Received::Garbage(format!("{frame:02X?}: {error}")),
                }
            }
            Ok(None) if peer.eof && peer.from_broker.is_empty() => Received::Closed,
            Ok(None) if peer.eof => Received::Garbage(format!("closed in a packet: {:02X?}", peer.from_broker)),
            Ok(None) => Received::Nothing,
        }
    }

    fn unread(&mut self, client: Client, packet: Packet) {
        self.peers[client.0].unread.push(packet);
    }

    fn set_version(&mut self, client: Client, version: Version) {
        self.peers[client.0].version = version;
    }

    fn version(&self, client: Client) -> Version {
        self.peers[client.0].version
    }

    fn hang_up(&mut self, client: Client) {
        self.peers[client.0].fin = true;
    }

    fn reset(&mut self, client: Client) {
        self.peers[client.0].reset();
    }

    fn stop_reading(&mut self, client: Client) {
        self.window(client, 0);
    }

    fn read_on(&mut self, client: Client) {
        self.window(client, usize::MAX);
    }
}
