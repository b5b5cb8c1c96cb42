//! Placeholder until the runtimes are merged.
use crate::socket::Address;
use std::io;
use weirmq_core::{Config, Stats};
#[derive(Clone, Copy, Debug)]
pub enum Runtime {
    Mio,
    Tokio,
    Smol,
}
pub struct RunningServer;
impl RunningServer {
    pub fn start(_: Runtime, _: &Config, _: &[Address]) -> io::Result<Self> {
        Err(io::Error::other("no"))
    }
    pub fn on_loopback(_: Runtime, _: &Config) -> io::Result<Self> {
        Err(io::Error::other("no"))
    }
    pub fn addresses(&self) -> &[Address] {
        &[]
    }
    pub fn stats(&self) -> Stats {
        Stats::default()
    }
    pub fn shutdown(&self) {}
    pub fn join(self) -> io::Result<()> {
        Ok(())
    }
}
impl std::fmt::Display for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}
