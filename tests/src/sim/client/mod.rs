//! A client: an honest one, with a session of its own that it keeps as the specification asks, and a speed of its own.
//!
//! It has its own packets ([`wire`](crate::wire)) and its own state machine; nothing here is shared with the core.

mod authenticate;
mod receive;
mod send;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use weirmq_core::Instant;

use super::link::Link;
use super::oracle::Book;
use super::rng::Rng;
use super::trace::Trace;
use crate::wire::{Packet, Version};

/// What a client works with besides its own state.
pub(super) struct Around<'a> {
    pub(super) link: &'a mut Link,
    pub(super) book: &'a mut Book,
    pub(super) trace: &'a mut Trace,
    pub(super) rng: &'a mut Rng,
    pub(super) now: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not connected.
    Away,
    /// CONNECT is sent.
    Connecting,
    /// CONNACK is here.
    Up,
}

/// An exchange that this client began as a publisher.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing {
    pub(super) id: u16,
    pub(super) message: usize,
    pub(super) qos: u8,
    /// PUBREC has come.
    pub(super) released: bool,
}

/// An UNSUBSCRIBE without answer.
#[derive(Clone, Copy, Debug)]
struct Leaving {
    id: u16,
    filter: &'static str,
    sent: u64,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) number: usize,
    pub(super) version: Version,
    pub(super) v5: bool,
    pub(super) worker: bool,
    pub(super) state: State,
    pub(super) link: Option<usize>,
    /// How it acknowledges and reads, see [`Step`](super::step::Step).
    pub(super) acks_mode: u64,
    pub(super) reads_mode: u64,

    // Session State.
    /// Which session, among all that the oracle knows.
    session: Option<usize>,
    pub(super) outgoing: Vec<Outgoing>,
    /// QoS 2 messages received and not released, by identifier.
    incoming: BTreeMap<u16, Option<usize>>,
    /// QoS 1 messages received and not acknowledged, by identifier.
    unacknowledged: BTreeMap<u16, Option<usize>>,
    /// The last QoS 1 message that each identifier brought.
    last: BTreeMap<u16, Option<usize>>,
    /// It has thrown its state away and nobody has confirmed that yet.
    must_clean: bool,

    // Of the connection.
    rx: Vec<u8>,
    /// Acknowledgements in order that wait to be sent.
    pub(super) acks: VecDeque<Packet>,
    /// Exchanges that began or were resumed by a PUBLISH on this connection and are not answered to the end.
    open: Vec<u16>,
    subscribing: Vec<(u16, Vec<usize>)>,
    leaving: Vec<Leaving>,
    aliases_in: BTreeMap<u16, String>,
    aliases_out: Vec<u16>,
    /// What CONNACK allows.
    receive_maximum: u16,
    alias_maximum: u16,
    /// After how much silence it sends PINGREQ; zero is never.
    ping_after: Duration,
    resend_at: Option<Instant>,
    /// It named an Authentication Method.
    enhanced: bool,
    /// It is authenticating itself again, with a wrong secret or the right one.
    pub(super) again: Option<bool>,
    /// It never sends PINGREQ.
    silent: bool,
    written: Instant,
    next_id: u16,
    read_at: Instant,
    acks_at: Instant,
}

/// How long a slow client waits between two reads and between two acknowledgements.
const SLOW_READ: Duration = Duration::from_millis(50);
const SLOW_ACK: Duration = Duration::from_millis(40);

impl Client {
    pub(super) fn new(number: usize, version: Version, worker: bool) -> Self {
        Self {
            number,
            version,
            v5: version == Version::V5,
            worker,
            state: State::Away,
            link: None,
            acks_mode: 0,
            reads_mode: 0,
            session: None,
            outgoing: Vec::new(),
            incoming: BTreeMap::new(),
            unacknowledged: BTreeMap::new(),
            last: BTreeMap::new(),
            must_clean: false,
            rx: Vec::new(),
            acks: VecDeque::new(),
            open: Vec::new(),
            subscribing: Vec::new(),
            leaving: Vec::new(),
            aliases_in: BTreeMap::new(),
            aliases_out: Vec::new(),
            receive_maximum: u16::MAX,
            alias_maximum: 0,
            ping_after: Duration::ZERO,
            resend_at: None,
            enhanced: false,
            again: None,
            silent: false,
            written: Instant::ZERO,
            next_id: 0,
            read_at: Instant::ZERO,
            acks_at: Instant::ZERO,
        }
    }

    pub(super) fn name(&self) -> String {
        format!("c{}", self.number)
    }

    /// Forgets its Session State.
    fn forget(&mut self) {
        self.outgoing.clear();
        self.incoming.clear();
        self.unacknowledged.clear();
        self.last.clear();
    }

    /// Forgets what belongs to a connection.
    fn begin_connection(&mut self) {
        self.resend_at = None;
        self.enhanced = false;
        self.again = None;
        self.rx.clear();
        self.acks.clear();
        self.open.clear();
        self.subscribing.clear();
        self.leaving.clear();
        self.aliases_in.clear();
        self.aliases_out.clear();
    }

    /// Its connection is over.
    pub(super) fn lost(&mut self) {
        self.begin_connection();
        self.state = State::Away;
        self.link = None;
    }

    /// The filters of a SUBSCRIBE that is not answered yet.
    pub(super) fn filters_of(&self, id: u16, session: usize, book: &Book) -> Vec<&'static str> {
        let places = self.subscribing.iter().filter(|it| it.0 == id).flat_map(|it| &it.1);
        places.map(|&place| book.sessions[session].subscriptions[place].filter).collect()
    }

    /// Whether it has nothing under way.
    pub(super) fn is_settled(&self) -> bool {
        self.state == State::Up && self.outgoing.is_empty() && self.acks.is_empty() && self.incoming.is_empty()
    }

    /// Reads, answers and keeps alive. Whether it did anything.
    pub(super) fn turn(&mut self, mut around: Around<'_>) -> bool {
        let mut busy = self.read(&mut around);
        if around.link.gone || (around.link.eof && around.link.from_broker.is_empty()) {
            around.link.fin = true;
            self.lost();
            return true;
        }
        busy |= self.acknowledge(&mut around);
        if self.resend_at.is_some_and(|at| at <= around.now) {
            self.resend_at = None;
            self.resend(&mut around);
            busy = true;
        }
        let silence = around.now.saturating_since(self.written);
        if self.state == State::Up && !self.ping_after.is_zero() && silence >= self.ping_after {
            self.ping(&mut around);
            busy = true;
        }
        busy
    }

    fn read(&mut self, around: &mut Around<'_>) -> bool {
        around.link.late |= self.reads_mode != 0;
        let count = match self.reads_mode {
            0 => usize::MAX,
            1 => return false,
            _ if self.read_at > around.now => return false,
            _ => around.rng.between(1, 40) as usize,
        };
        let count = count.min(around.link.from_broker.len());
        if count == 0 {
            return false;
        }
        self.read_at = around.now.saturating_add(SLOW_READ);
        self.rx.extend(around.link.from_broker.drain(..count));
        self.take_packets(around);
        true
    }

    fn acknowledge(&mut self, around: &mut Around<'_>) -> bool {
        let count = match self.acks_mode {
            0 => usize::MAX,
            1 => return false,
            _ if self.acks_at > around.now => return false,
            _ => 1,
        };
        let count = count.min(self.acks.len());
        for ack in self.acks.drain(..count).collect::<Vec<_>>() {
            self.acks_at = around.now.saturating_add(SLOW_ACK);
            self.send_ack(ack, around);
        }
        count > 0
    }

    /// When it does something by itself.
    pub(super) fn next(&self, link: &Link) -> Option<Instant> {
        let read = (self.reads_mode == 2 && !link.from_broker.is_empty()).then_some(self.read_at);
        let acks = (self.acks_mode == 2 && !self.acks.is_empty()).then_some(self.acks_at);
        let pings = self.state == State::Up && !self.ping_after.is_zero() && !link.fin;
        let ping = pings.then(|| self.written.saturating_add(self.ping_after));
        [read, acks, ping, self.resend_at].into_iter().flatten().min()
    }
}
