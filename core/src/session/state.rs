//! Session State (MQTT 5.0, 4.1): what outlives a Network Connection.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::{Incoming, Inflight, Queue, Will};
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
    /// Whether it stands in the list of sessions that wait for the store.
    pub(crate) awaits_store: bool,
    /// Whether its queue is at a bound.
    pub(crate) full: bool,
    pub(crate) expiry_timer: Option<TimerId>,
    pub(crate) will_timer: Option<TimerId>,
    pub(crate) retry_timer: Option<TimerId>,
}

const _: () = assert!(size_of::<Session>() <= 296, "what a session costs, connected or not");

/// One subscription of a session, as the tree knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscribed {
    pub(crate) filter: FilterId,
    pub(crate) group: Option<GroupId>,
    /// Its place in the filter's or the group's list.
    pub(crate) position: u32,
}

const _: () = assert!(size_of::<Subscribed>() <= 16, "a subscription in its session");

/// The retained messages of one new subscription.
#[derive(Debug)]
pub(crate) struct RetainedScan {
    pub(crate) filter: FilterId,
    pub(crate) qos: u8,
    pub(crate) identifier: u32,
    /// The retained clock at the SUBSCRIBE: what came later was delivered as it came.
    pub(crate) clock: u64,
    pub(crate) scan: Scan,
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
            awaits_store: false,
            full: false,
            expiry_timer: None,
            will_timer: None,
            retry_timer: None,
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connection != NO_CONNECTION
    }

    /// Whether it outlives its connection, and is therefore worth storing.
    pub(crate) fn is_persistent(&self) -> bool {
        self.expiry_s > 0
    }
}
