//! The three runtimes behind one face: what is bound, how to stop it, how to run it.

use std::future::pending;
use std::io;
use std::sync::Arc;

use weirmq_core::record::{RecordOptions, RecordSink};

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

/// Binds by one runtime crate; they have the same API and no common trait.
macro_rules! bind {
    ($runtime:ident, $settings:expr, $log:expr, $record:expr, |$server:ident| $run:expr) => {{
        let log = $log;
        let mut deployment = $runtime::Deployment::new()
            .config($settings.core())
            .drain_timeout($settings.shutdown.drain_timeout)
            .observer(move |shard, event| log.observe(shard, event));
        if let Some((options, sink)) = $record {
            deployment = deployment.recorder(options, sink);
        }
        for listener in &$settings.listeners {
            let address = match &listener.address {
                Address::Tcp(addr) => $runtime::ListenAddr::Tcp(*addr),
                Address::Unix(path) => $runtime::ListenAddr::Unix(path.clone()),
            };
            deployment = deployment.listen(address, listener.core());
        }
        let $server = $runtime::Server::bind(deployment)?;
        let handle = $server.handle();
        Server {
            addresses: $server.local_addrs().iter().map(ToString::to_string).collect(),
            shutdown: Arc::new(move || handle.shutdown()),
            run: Box::new(move || $run),
        }
    }};
}

/// Binds every address on the runtime that the settings name.
///
/// # Errors
/// What the system said, with the address in the message.
pub(crate) fn bind(
    settings: &Settings,
    log: Arc<EventLog>,
    record: Option<(RecordOptions, RecordSink)>,
) -> io::Result<Server> {
    Ok(match settings.runtime {
        Runtime::Mio => bind!(weirmq_mio, settings, log, record, |server| server.run()),
        Runtime::Tokio => bind!(weirmq_tokio, settings, log, record, |server| {
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(server.run(pending()))
        }),
        Runtime::Smol => bind!(weirmq_smol, settings, log, record, |server| smol::block_on(server.run(pending()))),
    })
}
