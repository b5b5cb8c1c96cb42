//! Drives the core's client machine over a blocking socket, for one command-line tool.
//!
//! One thread owns the machine. Others only read, the socket and standard input, and send what they read through one bounded
//! channel; so the machine waits for everything in one place, at most until its own deadline.

use std::io::{self, BufRead, Read};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::{Duration, Instant as Clock};

use weirmq_core::Instant;
use weirmq_core::client::{Client, ClientConfig, ClientEvent, DisconnectReason};
use weirmq_core::packet::ReasonCode;

use super::connection::Connection;
use super::outcome::Failure;

/// Chunks that may wait between the readers and the machine.
const INBOX_MAX: usize = 64;

/// Lines of standard input that may wait to be published.
pub(crate) const LINES_MAX: usize = 64;

/// Bytes read from the socket at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// The longest line of standard input, which is the largest payload that a packet can have.
const LINE_BYTES_MAX: u64 = 268_435_455;

/// How long to wait for the broker's end of a connection after DISCONNECT.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The first and the longest pause before a lost connection is made again.
const RECONNECT_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Where the broker is.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Tcp(String, u16),
    Unix(PathBuf),
}

impl Target {
    fn connect(&self) -> Result<Connection, Failure> {
        let (result, name) = match self {
            Self::Tcp(host, port) => (Connection::tcp(host, *port), format!("{host}:{port}")),
            Self::Unix(path) => (Connection::unix(path), path.display().to_string()),
        };
        result.map_err(|error| Failure::Io(format!("cannot connect to {name}"), error))
    }
}

/// What another thread read.
enum Input {
    /// Bytes of the connection with this number.
    Bytes(u64, Vec<u8>),
    /// The end of the connection with this number.
    Closed(u64),
    /// A line of standard input, without its end.
    Line(Vec<u8>),
    /// The end of standard input, or what went wrong.
    LinesEnd(io::Result<()>),
}

/// What happened while the session waited.
pub(crate) enum Step {
    /// The machine may have events.
    Events,
    /// A line of standard input.
    Line(Vec<u8>),
    /// Standard input is at its end.
    LinesEnd,
    /// The caller's time is over.
    Deadline,
}

/// A client and its connection.
pub(crate) struct Session {
    pub(crate) client: Client,
    target: Target,
    connection: Option<Connection>,
    /// How many connections there were: input of earlier ones is ignored.
    number: u64,
    inbox: Receiver<Input>,
    sender: SyncSender<Input>,
    /// Gives the reader of standard input leave to send one more line.
    permits: Option<SyncSender<()>>,
    origin: Clock,
    debug: bool,
}

impl Session {
    /// Connects for the first time; CONNACK comes as an event.
    pub(crate) fn open(config: ClientConfig, target: Target, debug: bool) -> Result<Self, Failure> {
        let (sender, inbox) = mpsc::sync_channel(INBOX_MAX);
        let mut session = Self {
            client: Client::new(config)?,
            target,
            connection: None,
            number: 0,
            inbox,
            sender,
            permits: None,
            origin: Clock::now(),
            debug,
        };
        session.connect()?;
        Ok(session)
    }

    /// The time as the machine sees it.
    pub(crate) fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// Says something with -d.
    pub(crate) fn debug(&self, text: impl FnOnce() -> String) {
        if self.debug {
            super::say(&text());
        }
    }

    fn connect(&mut self) -> Result<(), Failure> {
        let connection = self.target.connect()?;
        let reader = connection.try_clone().map_err(|error| Failure::Io(String::from("cannot connect"), error))?;
        self.number += 1;
        let (number, sender) = (self.number, self.sender.clone());
        thread::Builder::new()
            .name(String::from("weirmq-socket"))
            .spawn(move || read_socket(reader, number, &sender))
            .map_err(|error| Failure::Io(String::from("cannot start a thread"), error))?;
        self.client.connect(self.now())?;
        self.connection = Some(connection);
        self.debug(|| format!("connection {number} is open, sending CONNECT"));
        Ok(())
    }

    /// Makes a lost connection again, after a pause that grows with each attempt that fails. The deadline ends the waiting.
    pub(crate) fn reconnect(&mut self, deadline: Option<Clock>) -> Result<(), Failure> {
        if let Some(connection) = self.connection.take() {
            // A broker that said good-bye may not have closed yet.
            connection.shutdown();
            self.client.handle_closed(self.now());
        }
        let (mut pause, longest) = RECONNECT_PAUSE;
        loop {
            let rest = deadline.map(|deadline| deadline.saturating_duration_since(Clock::now()));
            if rest.is_some_and(|rest| rest <= pause) {
                thread::sleep(rest.unwrap_or_default());
                return Err(Failure::TimedOut);
            }
            thread::sleep(pause);
            match self.connect() {
                Err(error @ Failure::Io(..)) => self.debug(|| error.to_string()),
                result => return result,
            }
            pause = (pause * 2).min(longest);
        }
    }

    /// Begins to read lines of standard input.
    pub(crate) fn read_lines(&mut self) -> Result<(), Failure> {
        let (permits, permitted) = mpsc::sync_channel(LINES_MAX);
        let sender = self.sender.clone();
        thread::Builder::new()
            .name(String::from("weirmq-stdin"))
            .spawn(move || read_lines(&permitted, &sender))
            .map_err(|error| Failure::Io(String::from("cannot start a thread"), error))?;
        self.permits = Some(permits);
        for _ in 0..LINES_MAX {
            self.permit_line();
        }
        Ok(())
    }

    /// A line was dealt with, so another may come.
    pub(crate) fn permit_line(&self) {
        if let Some(permits) = &self.permits {
            // Never more permits than fit, and a reader that has ended needs none.
            let _ = permits.try_send(());
        }
    }

    /// Writes what the machine has to send, then waits for something to happen, until `deadline` at most.
    pub(crate) fn step(&mut self, deadline: Option<Clock>) -> Result<Step, Failure> {
        // First, because a broker that never stops sending would else keep both from ever being due.
        self.client.handle_timeout(self.now());
        self.flush();
        if deadline.is_some_and(|deadline| deadline <= Clock::now()) {
            return Ok(Step::Deadline);
        }
        let timeout = self.client.poll_timeout().map(|due| due.saturating_since(self.now()));
        let rest = deadline.map(|deadline| deadline.saturating_duration_since(Clock::now()));
        let wait = match (timeout, rest) {
            (Some(timeout), Some(rest)) => Some(timeout.min(rest)),
            (timeout, rest) => timeout.or(rest),
        };
        let input = match wait {
            Some(wait) => self.inbox.recv_timeout(wait).ok(),
            None => self.inbox.recv().ok(),
        };
        match input {
            Some(input) => self.take(input),
            None => Ok(Step::Events),
        }
    }

    fn take(&mut self, input: Input) -> Result<Step, Failure> {
        let now = self.now();
        match input {
            Input::Bytes(number, bytes) if number == self.number => self.client.handle_receive(now, &bytes),
            Input::Closed(number) if number == self.number => {
                self.connection = None;
                self.client.handle_closed(now);
            }
            Input::Bytes(..) | Input::Closed(_) => {}
            Input::Line(line) => return Ok(Step::Line(line)),
            Input::LinesEnd(Ok(())) => return Ok(Step::LinesEnd),
            Input::LinesEnd(Err(error)) => return Err(Failure::Io(String::from("cannot read standard input"), error)),
        }
        Ok(Step::Events)
    }

    /// Writes all that the machine has to send.
    pub(crate) fn flush(&mut self) {
        while !self.client.tx().is_empty() {
            let count = self.client.tx().len();
            if let Some(connection) = &mut self.connection
                && connection.write_all(self.client.tx()).is_err()
            {
                // What the broker still had to say comes from the reader, and then the end.
                connection.shutdown_write();
            }
            self.client.handle_sent(count);
        }
        if self.client.wants_close()
            && let Some(connection) = &self.connection
        {
            connection.shutdown_write();
        }
    }

    /// Sends DISCONNECT and waits, not long, until the broker has closed: then it has read everything.
    pub(crate) fn close(mut self, session_expiry_s: Option<u32>) -> Result<(), Failure> {
        if self.client.is_connected() {
            self.client.disconnect(self.now(), ReasonCode::NormalDisconnection, session_expiry_s)?;
        }
        let deadline = Clock::now() + CLOSE_TIMEOUT;
        while self.connection.is_some() {
            if matches!(self.step(Some(deadline))?, Step::Deadline) {
                break;
            }
        }
        Ok(())
    }
}

/// What an ended connection means: `Ok` that it may be made again, or why not.
pub(crate) fn may_reconnect(event: ClientEvent, session: &Session) -> Result<(), Failure> {
    match event {
        ClientEvent::Refused { code, properties } => Err(Failure::Refused(session.client.version(), code, properties)),
        ClientEvent::Disconnected { reason } => match &reason {
            DisconnectReason::Server { code, .. } => match *code {
                ReasonCode::ServerShuttingDown | ReasonCode::ServerBusy | ReasonCode::KeepAliveTimeout => Ok(()),
                _ => Err(Failure::Disconnected(reason)),
            },
            DisconnectReason::Closed | DisconnectReason::PingTimeout => Ok(()),
            DisconnectReason::Requested | DisconnectReason::Violation(_) | DisconnectReason::ConnectTimeout => {
                Err(Failure::Disconnected(reason))
            }
        },
        ClientEvent::Connected { .. }
        | ClientEvent::Message(_)
        | ClientEvent::Acknowledged { .. }
        | ClientEvent::PublishFailed { .. }
        | ClientEvent::Subscribed { .. }
        | ClientEvent::Unsubscribed { .. }
        | ClientEvent::Unanswered { .. }
        | ClientEvent::Auth { .. } => Ok(()),
    }
}

fn read_socket(mut connection: Connection, number: u64, sender: &SyncSender<Input>) {
    let mut buffer = vec![0; CHUNK_BYTES];
    while let Ok(count @ 1..) = connection.read(&mut buffer) {
        if sender.send(Input::Bytes(number, buffer[..count].to_vec())).is_err() {
            return;
        }
    }
    drop(sender.send(Input::Closed(number)));
}

fn read_lines(permitted: &Receiver<()>, sender: &SyncSender<Input>) {
    let mut stdin = io::stdin().lock();
    while permitted.recv().is_ok() {
        let mut line = Vec::new();
        let input = match (&mut stdin).take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(0) => Input::LinesEnd(Ok(())),
            Ok(_) => {
                line.pop_if(|last| *last == b'\n');
                Input::Line(line)
            }
            Err(error) => Input::LinesEnd(Err(error)),
        };
        let is_end = matches!(input, Input::LinesEnd(_));
        if sender.send(input).is_err() || is_end {
            return;
        }
    }
}
