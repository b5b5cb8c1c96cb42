//! The names by which a runtime and the core speak of the same thing.

use core::fmt;
use core::net::SocketAddr;

/// A listener of the deployment: an index into [`Config::listeners`](crate::Config::listeners).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u16);

/// One broker of several that act as one: `0..Config::shards`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

/// One Network Connection of one broker.
///
/// It is an index and a generation, so an identifier that outlived its connection names nothing and is ignored. The
/// index is small and dense: a runtime may use it to index a table of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId {
    index: u32,
    generation: u32,
}

impl ConnId {
    pub(crate) const fn new(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    /// The place of the connection in the broker's table, from 0, re-used after the connection has gone.
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// How often that place had been used before.
    pub const fn generation(self) -> u32 {
        self.generation
    }

    /// Index and generation as one number, for reactors that carry a `u64` token.
    pub const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// The identifier that [`to_bits`](Self::to_bits) made this number of.
    pub const fn from_bits(bits: u64) -> Self {
        Self { index: bits as u32, generation: (bits >> 32) as u32 }
    }
}

impl fmt::Debug for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnId({}v{})", self.index, self.generation)
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}v{}", self.index, self.generation)
    }
}

/// A question of the broker to the deployment's authentication, see [`AuthRequest`](crate::AuthRequest).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthId(pub u64);

/// A place in the stream of operations that must survive a crash. Positions only grow; 0 is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPosition(pub u64);

/// Where a connection comes from, as far as the runtime knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeerAddr {
    /// A TCP peer.
    Ip(SocketAddr),
    /// A peer on a Unix domain socket, which has no address worth naming.
    Unix,
    /// A peer in the same process: a test, the simulator or an embedding program.
    Memory,
}

impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(addr) => addr.fmt(f),
            Self::Unix => f.write_str("unix"),
            Self::Memory => f.write_str("memory"),
        }
    }
}
