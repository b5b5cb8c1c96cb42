//! What can be done to a broker, as data.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::choice::pick;

/// The clients, by number.
pub(super) const CLIENTS: usize = 4;
/// Topics that are published to.
pub(super) const TOPICS: [&str; 4] = ["a", "a/b", "a/c", "b/$x"];
/// Filters that are subscribed, the shared ones included. All are valid.
pub(super) const FILTERS: [&str; 8] = ["a", "a/+", "#", "a/b", "$share/g/a", "$share/g/a/+", "$share/h/#", "+/b"];

/// How a client answers what it is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The oldest packet that wants one.
    Oldest,
    /// The newest.
    Newest,
    /// The oldest, by a Reason Code that refuses, where the version has one.
    Refuse,
    /// All of them, in order.
    All,
}

/// One thing that happens. Numbers are taken modulo of what there is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    Connect {
        client: usize,
        shard: usize,
        /// Whether a client that has a connection opens another one.
        take_over: bool,
        version: u8,
        clean: bool,
        expiry_s: u32,
        flow: u8,
        will: Option<u8>,
    },
    Subscribe {
        client: usize,
        filter: usize,
        qos: u8,
        options: u8,
    },
    Unsubscribe {
        client: usize,
        filter: usize,
    },
    Publish {
        client: usize,
        topic: usize,
        qos: u8,
        retain: bool,
        size: usize,
        expiry: bool,
    },
    /// A message whose acknowledgement is missing is sent again with DUP, where the client reconnected.
    Repeat {
        client: usize,
    },
    Answer {
        client: usize,
        how: Answer,
    },
    /// Up to so many bytes of the client's arrive.
    Arrive {
        client: usize,
        count: usize,
    },
    /// The client reads up to so many bytes.
    Read {
        client: usize,
        count: usize,
    },
    Ping {
        client: usize,
    },
    Disconnect {
        client: usize,
        code: u8,
        expiry: bool,
    },
    /// The transport breaks.
    Cut {
        client: usize,
    },
    /// A batch crosses from one shard to another.
    Cross {
        from: usize,
        to: usize,
    },
    Store {
        shard: usize,
        count: u64,
    },
    Pass {
        millis: u64,
    },
    /// Everything that is under way between shards and to the stores arrives.
    Settle,
}

impl<'a> Arbitrary<'a> for Operation {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let kind: u8 = u.arbitrary()?;
        let client = usize::from(kind >> 6) % CLIENTS;
        let byte = |u: &mut Unstructured<'a>| u.arbitrary::<u8>();
        Ok(match kind & 31 {
            0 | 1 => Self::connect(u, client, kind & 1 == 1)?,
            2 | 3 => {
                let bits = byte(u)?;
                Self::Subscribe { client, filter: usize::from(bits & 7), qos: bits >> 3 & 3, options: bits >> 5 & 7 }
            }
            4 => Self::Unsubscribe { client, filter: usize::from(byte(u)?) },
            5..=11 => {
                let bits = byte(u)?;
                Self::Publish {
                    client,
                    topic: usize::from(bits & 3),
                    qos: bits >> 2 & 3,
                    retain: bits >> 4 & 3 == 3,
                    size: match (kind & 31, bits >> 6) {
                        // Around the Maximum Packet Size of a client that has one.
                        (11, 0) => 160 + usize::from(byte(u)? & 31),
                        (11, 1) => 0,
                        (11, 2) => 1100,
                        (11, _) => 3000,
                        (_, size) => usize::from(size),
                    },
                    expiry: kind & 31 == 10,
                }
            }
            12 => Self::Repeat { client },
            13..=17 => {
                let how = pick(u, &[Answer::Oldest, Answer::All, Answer::Newest, Answer::Refuse])?;
                Self::Answer { client, how }
            }
            18..=20 => Self::Arrive { client, count: usize::from(byte(u)?).pow(2) / 8 + 1 },
            21..=23 => Self::Read { client, count: usize::from(byte(u)?).pow(2) / 8 + 1 },
            24 => Self::Ping { client },
            25 => {
                let bits = byte(u)?;
                Self::Disconnect { client, code: if bits & 1 == 0 { 0 } else { 4 }, expiry: bits & 2 != 0 }
            }
            26 => Self::Cut { client },
            27 => {
                let bits = byte(u)?;
                Self::Cross { from: usize::from(bits & 15), to: usize::from(bits >> 4) }
            }
            28 => Self::Store { shard: client, count: u64::from(byte(u)?) },
            29 => Self::Pass { millis: u64::from(byte(u)?).pow(2) },
            30 => Self::Settle,
            _ => Self::Cross { from: client, to: client + 1 },
        })
    }
}

impl Operation {
    /// A client connects, in a way that two bytes say.
    pub(super) fn connect(u: &mut Unstructured<'_>, client: usize, take_over: bool) -> Result<Self> {
        let [bits, more]: [u8; 2] = u.arbitrary()?;
        Ok(Self::Connect {
            client,
            shard: usize::from(bits & 3),
            take_over,
            version: bits >> 2 & 3,
            clean: bits >> 4 & 1 == 1,
            expiry_s: [0, 3, 50, u32::MAX][usize::from(bits >> 5 & 3)],
            flow: more & 15,
            will: (bits >> 7 == 1).then_some(more >> 4),
        })
    }
}
