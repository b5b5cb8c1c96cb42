//! Session State (MQTT 5.0, 4.1): what outlives a Network Connection.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::{Incoming, Inflight, Queue, Will};
use crate::id::LogPosition;
use crate::timer::TimerId;
use crate::topic::{FilterId, GroupId, Scan};

/// Not connected.
pub(crate) const NO_CONNECTION: u32 = u32::MAX;

/// A session that never ends by time (MQTT 5.0, 3.1.2.11.2).
pub(crate) const EXPIRY_NEVER: u32 = u32::MAX;

/// One client's session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client_id: Box<str>,
    /// Who opened it: nobody else may take it over.
    pub(crate) user_name: Option<Box<str>>,
    /// The index of its connection, or [`NO_CONNECTION`].
    pub(crate) connection: u32,
    /// Session Expiry Interval in seconds.
    pub(crate) expiry_s: u32,
    /// The stamp of the last publish that chose this session, and its place among that publish's targets.
    pub(crate) stamp: u64,
    pub(crate) target: u32,
    pub(crate) queue: Queue,
    pub(crate) inflight: Inflight,
    pub(crate) incoming: Incoming,
    /// Where its subscriptions stand in the tree.
    pub(crate) subscriptions: Vec<Subscribed>,
    pub(crate) will: Option<Box<Will>>,
    /// Retained messages that its subscriptions still have to be sent.
    pub(crate) scans: VecDeque<RetainedScan>,
    /// Whether it stands in the list of sessions whose scans go on.
    pub(crate) scanning: bool,
    /// What has to be stored before it is sent what was given an identifier and not sent yet.
    pub(crate) sends_after: LogPosition,
    /// Whether it stands in the list of sessions that wait for the store.
    pub(crate) awaits_store: bool,
    /// Whether its queue is at a bound.
    pub(crate) full: bool,
    /// Whether it is half full or more.
    pub(crate) crowded: bool,
    pub(crate) expiry_timer: Option<TimerId>,
    pub(crate) will_timer: Option<TimerId>,
    pub(crate) retry_timer: Option<TimerId>,
}

const _: () = assert!(size_of::<Session>() <= 336, "what a session costs, connected or not");

/// One subscription of a session, as the tree knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscribed {
    pub(crate) filter: FilterId,
    pub(crate) group: Option<GroupId>,
    /// Its place in the filter's or the group's list.
    pub(crate) position: u32,
}

const _: () = assert!(size_of::<Subscribed>() <= 16, "a subscription in its session");

/// The retained messages of one new subscription, and of those that took its place before all were sent: every SUBSCRIBE is
/// owed them (MQTT-3.8.4-4).
#[derive(Debug)]
pub(crate) struct RetainedScan {
    pub(crate) filter: FilterId,
    pub(crate) scan: Scan,
    /// What the SUBSCRIBEs asked for, the one that is served now in front.
    asked: SmallVec<[Asked; 1]>,
}

/// What one SUBSCRIBE asked for, or several in a row that asked for the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) qos: u8,
    pub(crate) identifier: u32,
    /// The retained clock at the SUBSCRIBE: what came later was delivered as it came.
    pub(crate) clock: u64,
    times: u32,
}

impl RetainedScan {
    /// How many SUBSCRIBEs for one filter are told apart while they wait. What further ones ask for holds for the last.
    const ASKED_MAX: usize = 16;

    pub(crate) fn new(filter: FilterId, qos: u8, identifier: u32, clock: u64, scan: Scan) -> Self {
        let asked = Asked { qos, identifier, clock, times: 1 };
        Self { filter, scan, asked: SmallVec::from_buf([asked]) }
    }

    /// What is served now.
    pub(crate) fn asked(&self) -> Asked {
        self.asked[0]
    }

    /// A newer subscription to the same filter is served after this one.
    pub(crate) fn follow(&mut self, newer: &Self) {
        let newer = newer.asked();
        let is_full = self.asked.len() >= Self::ASKED_MAX;
        // The one in front is being served.
        match self.asked[1..].last_mut() {
            Some(last) if is_full || (last.qos, last.identifier) == (newer.qos, newer.identifier) => {
                *last = Asked { times: last.times.saturating_add(1), ..newer };
            }
            Some(_) | None => self.asked.push(newer),
        }
    }

    /// Begins again, if another SUBSCRIBE waits for it.
    pub(crate) fn restart(&mut self) -> bool {
        self.asked[0].times -= 1;
        if self.asked[0].times == 0 {
            self.asked.remove(0);
        }
        if !self.asked.is_empty() {
            self.scan = Scan::new(self.scan.filter());
        }
        !self.asked.is_empty()
    }
}

impl Session {
    pub(crate) fn new(client_id: Box<str>, user_name: Option<Box<str>>) -> Self {
        Self {
            client_id,
            user_name,
            connection: NO_CONNECTION,
            expiry_s: 0,
            stamp: 0,
            target: 0,
            queue: Queue::new(),
            inflight: Inflight::new(),
            incoming: Incoming::new(),
            subscriptions: Vec::new(),
            will: None,
            scans: VecDeque::new(),
            scanning: false,
            sends_after: LogPosition(0),
            awaits_store: false,
            full: false,
            crowded: false,
            expiry_timer: None,
            will_timer: None,
            retry_timer: None,
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connection != NO_CONNECTION
    }

    /// Whether nothing waits to be sent to it: neither a message nor one again, and its queue is not known as full.
    #[inline]
    pub(crate) fn is_owed_nothing(&self) -> bool {
        self.queue.is_empty() && !self.full && self.scans.is_empty() && !self.inflight.needs_resend()
    }

    /// Whether it outlives its connection, and is therefore worth storing.
    pub(crate) fn is_persistent(&self) -> bool {
        self.expiry_s > 0
    }
}
