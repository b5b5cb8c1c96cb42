//! Runs the broker from a checked configuration to its end.

use std::io;
use std::net::{Ipv6Addr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::unistd::close;
use tracing::{error, info, warn};
use weirmq_core::record::RecordSink;

use crate::config::{Address, Loaded, Settings};
use crate::logs::EventLog;
use crate::record::{RecordTo, Recording};
use crate::{cli, log_output, runtime, signals};

/// Serves until a signal ends it. `screen` says whether a newcomer should be told what to do next.
pub(crate) fn serve(loaded: Loaded, record: Option<RecordTo>, screen: bool) -> ExitCode {
    if let Err(error) = log_output::start(loaded.settings.log) {
        cli::complain(&format!("cannot start logging: {error}"));
        return ExitCode::FAILURE;
    }
    let result = run(loaded, record, screen);
    if let Err(error) = &result {
        error!(event = "server_failed", error = &*error.to_string());
    }
    log_output::flush();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(mut loaded: Loaded, record: Option<RecordTo>, screen: bool) -> io::Result<()> {
    raise_file_limit();
    if loaded.default_listeners {
        drop_ipv6_if_absent(&mut loaded.settings);
    }
    let settings = loaded.settings;
    let names = settings.listeners.iter().map(|listener| listener.name.clone()).collect();
    let log = Arc::new(EventLog::new(settings.log.format, settings.core.shards, names));
    let recording = record.as_ref().map(|to| Recording::create(&to.path, to.bytes_max).map(Arc::new)).transpose()?;
    let sink = record.zip(recording.clone()).map(|(to, recording)| {
        let sink: RecordSink = Box::new(move |shard, records| recording.write(shard, records));
        (to.options, sink)
    });
    let server = runtime::bind(&settings, Arc::clone(&log), sink)
        .inspect_err(|_| recording.iter().for_each(|recording| recording.discard()))?;
    for (listener, address) in settings.listeners.iter().zip(server.addresses()) {
        info!(
            event = "listener_started",
            listener = listener.name,
            address,
            allow_anonymous = listener.allow_anonymous,
        );
        if listener.allow_anonymous && !listener.address.is_local() {
            warn!(event = "listener_open", listener = listener.name, "any client that reaches this address is let in");
        }
    }
    signals::watch(server.shutdown())?;
    info!(
        event = "server_started",
        version = env!("CARGO_PKG_VERSION"),
        runtime = settings.runtime.name(),
        shards = settings.core.shards,
        storage = settings.storage.name(),
    );
    if screen {
        cli::print(&welcome(&settings, server.addresses()));
    }
    let result = server.run();
    log.finish();
    recording.iter().for_each(|recording| recording.finish());
    if result.is_ok() {
        info!(event = "server_stopped");
    }
    result
}

/// Each connection is a file to the operating system, and the usual soft limit of 1,024 is too few.
fn raise_file_limit() {
    let before = rlimit::Resource::NOFILE.get_soft().unwrap_or(0);
    let raised = rlimit::increase_nofile_limit(u64::MAX);
    match &raised {
        Ok(files_max) => info!(event = "file_limit", files_max, files_max_before = before),
        Err(error) => warn!(
            event = "file_limit",
            files_max = before,
            error = &*error.to_string(),
            "the limit could not be raised"
        ),
    }
    widen_file_table(raised.unwrap_or(before));
}

/// Linux doubles a process's table of files as it fills, and where there are threads whoever opens a file waits some milliseconds
/// for that: a shard that accepts, and all its clients. So it is made large at once, which takes half a MiB of the system's memory at
/// most; more files than that still double it.
fn widen_file_table(files_max: u64) {
    const FILES: u64 = 65_536;
    let last = files_max.min(FILES).saturating_sub(1);
    // The file is closed again, and the table keeps its size. Where this fails only the time of waiting is lost.
    if let Ok(file) = fcntl(io::stderr(), FcntlArg::F_DUPFD_CLOEXEC(last as i32)) {
        _ = close(file);
    }
}

/// A host without IPv6 is no reason not to start, as long as nobody asked for IPv6.
fn drop_ipv6_if_absent(settings: &mut Settings) {
    let Err(error) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else { return };
    if !matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        && error.raw_os_error() != Some(Errno::EAFNOSUPPORT as i32)
    {
        return;
    }
    warn!(event = "ipv6_absent", error = &*error.to_string(), "this host has no IPv6: listening on IPv4 only");
    settings.listeners.retain(|listener| !matches!(&listener.address, Address::Tcp(addr) if addr.is_ipv6()));
}

/// What is running and what to try, on one screen.
fn welcome(settings: &Settings, addresses: &[String]) -> String {
    let port = addresses.iter().find_map(|address| address.rsplit_once(':')).map_or("1883", |(_, port)| port);
    format!(
        "weirmq {version} is running. Stop it with Ctrl-C.\n\
         \n\
         \x20 listening on  {addresses}\n\
         \x20 clients       from this machine, without a password\n\
         \x20 runtime       {runtime}, {shards} shard(s); storage = {storage} (a restart forgets everything)\n\
         \n\
         Try it, in two other terminals:\n\
         \x20 mosquitto_sub -p {port} -t 'demo/#' -v\n\
         \x20 mosquitto_pub -p {port} -t demo/hello -m 'hello, weir'\n",
        version = env!("CARGO_PKG_VERSION"),
        addresses = addresses.join(" and "),
        runtime = settings.runtime.name(),
        shards = settings.core.shards,
        storage = settings.storage.name(),
    )
}
