//! One input of a broker as a record.
//!
//! A record is its length and as many bytes: the microseconds since the shard's last record, a byte that says which input
//! it is, and the input's fields. All numbers are varints, see [`super::codec`].

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use super::codec::{Fields, Malformed, put_bytes, put_number, put_option};
use super::config::{put_config, read_config};
use super::{FORMAT_VERSION, RecordOptions};
use crate::access::AuthOutcome;
use crate::broker::{Budget, CloseCause};
use crate::config::Config;
use crate::id::{AuthId, ConnId, ListenerId, LogPosition, PeerAddr, ShardId};
use crate::packet::ReasonCode;

/// What a broker is told, one for each of its inputs, and where its outputs are compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Input<'a> {
    /// The first record of a shard: what it was made with.
    Begin(Box<Begin>),
    /// [`Broker::handle_accept`](crate::Broker::handle_accept).
    Accept {
        /// The listener.
        listener: ListenerId,
        /// Who it is.
        peer: PeerAddr,
    },
    /// [`Broker::handle_handoff`](crate::Broker::handle_handoff) with a connection that another shard handed over.
    Handoff {
        /// The shard that did.
        from: ShardId,
        /// Which of its connections: they count from 1.
        number: u64,
    },
    /// [`Broker::handle_receive`](crate::Broker::handle_receive).
    Receive {
        /// The connection.
        conn: ConnId,
        /// What came, secrets replaced.
        bytes: &'a [u8],
    },
    /// [`Broker::handle_sent`](crate::Broker::handle_sent).
    Sent {
        /// The connection.
        conn: ConnId,
        /// Bytes that were written.
        count: u64,
    },
    /// [`Broker::handle_half_closed`](crate::Broker::handle_half_closed).
    HalfClosed {
        /// The connection.
        conn: ConnId,
    },
    /// [`Broker::handle_closed`](crate::Broker::handle_closed).
    Closed {
        /// The connection.
        conn: ConnId,
        /// How the runtime saw its end.
        cause: CloseCause,
    },
    /// [`Broker::handle_peer`](crate::Broker::handle_peer) with the oldest batch that is under way from that shard.
    Peer {
        /// The shard that it comes from.
        from: ShardId,
        /// The number of the batch; 0 for one that only acknowledges.
        number: u64,
        /// What it acknowledges.
        handled: u64,
    },
    /// [`Broker::handle_stored`](crate::Broker::handle_stored).
    Stored {
        /// The position.
        upto: LogPosition,
    },
    /// [`Broker::handle_store_failed`](crate::Broker::handle_store_failed).
    StoreFailed,
    /// [`Broker::handle_auth`](crate::Broker::handle_auth).
    Auth {
        /// The question.
        request: AuthId,
        /// The answer, its Authentication Data replaced.
        outcome: AuthOutcome,
    },
    /// [`Broker::handle_timeout`](crate::Broker::handle_timeout).
    Timeout,
    /// [`Broker::run`](crate::Broker::run), unless there was nothing to do.
    Run {
        /// The budget.
        budget: Budget,
    },
    /// [`Broker::disconnect`](crate::Broker::disconnect).
    Disconnect {
        /// The connection.
        conn: ConnId,
    },
    /// [`Broker::shutdown`](crate::Broker::shutdown).
    Shutdown,
    /// [`Broker::drain`](crate::Broker::drain), unless there was nothing to drain.
    Drain {
        /// The hash of all outputs of the shard so far, those of this drain included.
        hash: u64,
    },
    /// The last record of a shard whose broker went down in order.
    End {
        /// The hash of all its outputs.
        hash: u64,
    },
}

/// What a shard was made with.
#[derive(Clone, Debug, PartialEq)]
pub struct Begin {
    /// The version of weirmq that recorded; another one may behave otherwise.
    pub software: String,
    /// What is left out.
    pub options: RecordOptions,
    /// The configuration.
    pub config: Config,
    /// The shard.
    pub shard: ShardId,
    /// The seed.
    pub seed: [u8; 32],
}

/// The byte that says which input a record is. Never re-used for another.
mod tag {
    pub(super) const BEGIN: u8 = 1;
    pub(super) const ACCEPT: u8 = 2;
    pub(super) const HANDOFF: u8 = 3;
    pub(super) const RECEIVE: u8 = 4;
    pub(super) const SENT: u8 = 5;
    pub(super) const CLOSED: u8 = 6;
    pub(super) const PEER: u8 = 7;
    pub(super) const STORED: u8 = 8;
    pub(super) const STORE_FAILED: u8 = 9;
    pub(super) const AUTH: u8 = 10;
    pub(super) const TIMEOUT: u8 = 11;
    pub(super) const RUN: u8 = 12;
    pub(super) const DISCONNECT: u8 = 13;
    pub(super) const SHUTDOWN: u8 = 14;
    pub(super) const DRAIN: u8 = 15;
    pub(super) const END: u8 = 16;
    pub(super) const HALF_CLOSED: u8 = 17;
}

impl<'a> Input<'a> {
    /// Appends the kind and the fields: a record without its length and its time.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Begin(begin) => begin.encode(out),
            Self::Accept { listener, peer } => {
                put(tag::ACCEPT, &[u64::from(listener.0)], out);
                put_peer(peer, out);
            }
            Self::Handoff { from, number } => put(tag::HANDOFF, &[u64::from(from.0), *number], out),
            Self::Receive { conn, bytes } => {
                encode_receive(*conn, out);
                out.extend_from_slice(bytes);
            }
            Self::Sent { conn, count } => put(tag::SENT, &[index(conn), generation(conn), *count], out),
            Self::HalfClosed { conn } => put(tag::HALF_CLOSED, &[index(conn), generation(conn)], out),
            Self::Closed { conn, cause } => {
                let cause = match cause {
                    CloseCause::PeerClosed => 0,
                    CloseCause::Error => 1,
                    CloseCause::Done => 2,
                };
                put(tag::CLOSED, &[index(conn), generation(conn), cause], out);
            }
            Self::Peer { from, number, handled } => put(tag::PEER, &[u64::from(from.0), *number, *handled], out),
            Self::Stored { upto } => put(tag::STORED, &[upto.0], out),
            Self::StoreFailed => out.push(tag::STORE_FAILED),
            Self::Auth { request, outcome } => {
                put(tag::AUTH, &[request.0], out);
                put_outcome(outcome, out);
            }
            Self::Timeout => out.push(tag::TIMEOUT),
            Self::Run { budget } => put(tag::RUN, &[budget.connections as u64, budget.retained as u64], out),
            Self::Disconnect { conn } => put(tag::DISCONNECT, &[index(conn), generation(conn)], out),
            Self::Shutdown => out.push(tag::SHUTDOWN),
            Self::Drain { hash } => put_hash(tag::DRAIN, *hash, out),
            Self::End { hash } => put_hash(tag::END, *hash, out),
        }
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// When the bytes are anything else.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Fields(bytes);
        let input = match fields.byte()? {
            tag::BEGIN => Self::Begin(Box::new(Begin::decode(&mut fields)?)),
            tag::ACCEPT => Self::Accept { listener: ListenerId(fields.small()?), peer: read_peer(&mut fields)? },
            tag::HANDOFF => Self::Handoff { from: ShardId(fields.small()?), number: fields.number()? },
            tag::RECEIVE => Self::Receive { conn: read_conn(&mut fields)?, bytes: fields.rest() },
            tag::SENT => Self::Sent { conn: read_conn(&mut fields)?, count: fields.number()? },
            tag::HALF_CLOSED => Self::HalfClosed { conn: read_conn(&mut fields)? },
            tag::CLOSED => Self::Closed { conn: read_conn(&mut fields)?, cause: read_cause(&mut fields)? },
            tag::PEER => {
                let from = ShardId(fields.small()?);
                Self::Peer { from, number: fields.number()?, handled: fields.number()? }
            }
            tag::STORED => Self::Stored { upto: LogPosition(fields.number()?) },
            tag::STORE_FAILED => Self::StoreFailed,
            tag::AUTH => Self::Auth { request: AuthId(fields.number()?), outcome: read_outcome(&mut fields)? },
            tag::TIMEOUT => Self::Timeout,
            tag::RUN => Self::Run { budget: Budget { connections: fields.small()?, retained: fields.small()? } },
            tag::DISCONNECT => Self::Disconnect { conn: read_conn(&mut fields)? },
            tag::SHUTDOWN => Self::Shutdown,
            tag::DRAIN => Self::Drain { hash: u64::from_le_bytes(fields.array()?) },
            tag::END => Self::End { hash: u64::from_le_bytes(fields.array()?) },
            _ => return Err(Malformed("a known input")),
        };
        fields.finish()?;
        Ok(input)
    }
}

impl Begin {
    fn encode(&self, out: &mut Vec<u8>) {
        put(tag::BEGIN, &[u64::from(FORMAT_VERSION)], out);
        put_bytes(self.software.as_bytes(), out);
        out.push(u8::from(self.options.redact_payloads));
        put_number(u64::from(self.shard.0), out);
        out.extend_from_slice(&self.seed);
        put_config(&self.config, out);
    }

    fn decode(fields: &mut Fields<'_>) -> Result<Self, Malformed> {
        if fields.number()? != u64::from(FORMAT_VERSION) {
            return Err(Malformed("this version of the format"));
        }
        Ok(Self {
            software: String::from(fields.text()?),
            options: RecordOptions { redact_payloads: fields.bool()? },
            shard: ShardId(fields.small()?),
            seed: fields.array()?,
            config: read_config(fields)?,
        })
    }
}

/// Everything of [`Input::Receive`] but the bytes that came, which follow to the end of the record.
pub(super) fn encode_receive(conn: ConnId, out: &mut Vec<u8>) {
    put(tag::RECEIVE, &[index(&conn), generation(&conn)], out);
}

fn put(tag: u8, numbers: &[u64], out: &mut Vec<u8>) {
    out.push(tag);
    numbers.iter().for_each(|&number| put_number(number, out));
}

fn put_hash(tag: u8, hash: u64, out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&hash.to_le_bytes());
}

fn index(conn: &ConnId) -> u64 {
    conn.index() as u64
}

fn generation(conn: &ConnId) -> u64 {
    u64::from(conn.generation())
}

fn read_conn(fields: &mut Fields<'_>) -> Result<ConnId, Malformed> {
    Ok(ConnId::new(fields.small()?, fields.small()?))
}

fn read_cause(fields: &mut Fields<'_>) -> Result<CloseCause, Malformed> {
    Ok(match fields.byte()? {
        0 => CloseCause::PeerClosed,
        1 => CloseCause::Error,
        2 => CloseCause::Done,
        _ => return Err(Malformed("a cause of a close")),
    })
}

fn put_peer(peer: &PeerAddr, out: &mut Vec<u8>) {
    match peer {
        PeerAddr::Ip(addr) => {
            match addr.ip() {
                IpAddr::V4(ip) => {
                    out.push(4);
                    out.extend_from_slice(&ip.octets());
                }
                IpAddr::V6(ip) => {
                    out.push(6);
                    out.extend_from_slice(&ip.octets());
                }
            }
            put_number(u64::from(addr.port()), out);
        }
        PeerAddr::Unix => out.push(0),
        PeerAddr::Memory => out.push(1),
    }
}

fn read_peer(fields: &mut Fields<'_>) -> Result<PeerAddr, Malformed> {
    let ip = match fields.byte()? {
        0 => return Ok(PeerAddr::Unix),
        1 => return Ok(PeerAddr::Memory),
        4 => IpAddr::from(fields.array::<4>()?),
        6 => IpAddr::from(fields.array::<16>()?),
        _ => return Err(Malformed("a kind of address")),
    };
    Ok(PeerAddr::Ip(SocketAddr::new(ip, fields.small()?)))
}

fn put_outcome(outcome: &AuthOutcome, out: &mut Vec<u8>) {
    match outcome {
        AuthOutcome::Accept { data } => {
            out.push(0);
            put_option(data.as_ref(), out, |data, out| put_bytes(data, out));
        }
        AuthOutcome::Continue { data } => {
            out.push(1);
            put_option(data.as_ref(), out, |data, out| put_bytes(data, out));
        }
        AuthOutcome::Refuse(code) => out.extend_from_slice(&[2, code.as_u8()]),
    }
}

fn read_outcome(fields: &mut Fields<'_>) -> Result<AuthOutcome, Malformed> {
    let data = |fields: &mut Fields<'_>| fields.option(|fields| fields.bytes().map(<[u8]>::to_vec));
    Ok(match fields.byte()? {
        0 => AuthOutcome::Accept { data: data(fields)? },
        1 => AuthOutcome::Continue { data: data(fields)? },
        2 => AuthOutcome::Refuse(ReasonCode::from_u8(fields.byte()?).ok_or(Malformed("a Reason Code"))?),
        _ => return Err(Malformed("an answer of the authentication")),
    })
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
