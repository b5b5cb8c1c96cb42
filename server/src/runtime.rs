//! The three runtimes behind one face: what is bound, how to stop it, how to run it.

use std::future::pending;
use std::io;
use std::sync::Arc;

use crate::config::{Address, Runtime, Settings};
use crate::logs::EventLog;

/// A bound broker on some runtime.
pub(crate) struct Server {
    addresses: Vec<String>,
    shutdown: Arc<dyn Fn() + Send + Sync>,
    run: Box<dyn FnOnce() -> io::Result<()>>,
}

impl Server {
    /// Where it listens, in the order of the settings, with the ports that the system chose.
    pub(crate) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// What shuts it down gracefully, from any thread.
    pub(crate) fn shutdown(&self) -> impl Fn() + Send + 'static {
        let shutdown = Arc::clone(&self.shutdown);
        move || shutdown()
    }

    /// Serves until it is shut down.
    pub(crate) fn run(self) -> io::Result<()> {
        (self.run)()
    }
}

pub(crate) fn bind(settings: &Settings, log: Arc<EventLog>) -> io::Result<Server> {
    let _ = (settings, log, Address::is_local, Runtime::Mio, pending::<()>());
    Err(io::Error::other("no"))
}
