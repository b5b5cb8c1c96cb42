//! Record and replay: everything that a broker was told, written down, so that a run can be had again, bit for bit.
//!
//! A broker is a function of its inputs. [`Broker::recording`](crate::Broker::recording) makes it note each of them with
//! its time; [`Broker::drain_record`](crate::Broker::drain_record) hands the notes out; [`file`](mod@file) frames them for a disk;
//! [`Replay`] feeds them to brokers of its own and compares a hash of everything that comes out. The format is described
//! for readers in `docs/replay.md`, and each part beside its code: [`Input`], [`file`](mod@file).
//!
//! What clients keep secret is not written: passwords and Authentication Data never, payloads not when
//! [`RecordOptions::redact_payloads`] says so. Their bytes are replaced and their lengths kept, and nothing that a broker
//! does depends on more than the lengths.
//!
//! Nothing here opens a file or decides how much is recorded: that is the deployment's.

mod codec;
mod config;
pub mod file;
mod hash;
mod input;
mod recorder;
mod redact;
mod replay;

use alloc::boxed::Box;

use crate::id::ShardId;

pub use codec::Malformed;
pub use input::{Begin, Input};
pub(crate) use recorder::Recorder;
pub use replay::{Fault, Replay, ReplayError, ReplayedShard};

/// The version of the format, of records and of files. A reader reads this one only.
pub const FORMAT_VERSION: u16 = 1;

/// Where a shard's records go, see [`Broker::drain_record`](crate::Broker::drain_record). It answers whether it wants more.
pub type RecordSink = Box<dyn Fn(ShardId, &[u8]) -> bool + Send + Sync>;

/// What is written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordOptions {
    /// Whether the bytes of payloads are replaced, those of wills too. Topics, Client Identifiers, user names, properties
    /// and addresses stay. Default false.
    pub redact_payloads: bool,
}
