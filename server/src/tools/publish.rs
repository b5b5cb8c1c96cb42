//! `weirmq pub`: publishes what the command line, a file or standard input has, and ends when the broker has taken it.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Read};
use std::time::{Duration, Instant as Clock};

use weirmq_core::client::{ClientError, ClientEvent, PublishRequest};

use super::args::PubArgs;
use super::outcome::{Failure, describe};
use super::session::{Session, Step, may_reconnect};
use super::setup::Setup;

/// Runs the tool to its end.
pub(crate) fn run(args: &PubArgs) -> Result<(), Failure> {
    let setup = Setup::new(&args.connect, "pub")?;
    let Some(topic) = args.topic.clone().or_else(|| setup.topic.clone()) else {
        return Err(Failure::Usage(String::from("a topic is missing: -t TOPIC")));
    };
    let payload = payload(args)?;
    let mut config = setup.config.clone();
    // All messages have one topic, so one alias saves it from the second on.
    config.topic_aliases_used_max = u16::from(args.stdin_line || args.repeat > 1);
    let mut session = Session::open(config, setup.target.clone(), args.connect.debug)?;
    if args.stdin_line {
        session.read_lines()?;
    }
    let mut publisher = Publisher {
        topic,
        retain: args.retain,
        lines: VecDeque::new(),
        repeat: payload.map(|payload| Repeat { payload, left: args.repeat, delay: args.repeat_delay, due: None }),
        lines_end: !args.stdin_line,
        quiet: args.connect.quiet,
        denied: false,
    };
    while !publisher.is_done(&session) {
        publisher.turn(&mut session, &setup)?;
    }
    session.close(setup.disconnect_expiry_s())?;
    if publisher.denied { Err(Failure::Denied) } else { Ok(()) }
}

/// The payload of the one message; `None` with -l.
fn payload(args: &PubArgs) -> Result<Option<Vec<u8>>, Failure> {
    if let Some(message) = &args.message {
        return Ok(Some(message.clone().into_bytes()));
    }
    if let Some(path) = &args.file {
        let bytes = fs::read(path);
        return bytes.map(Some).map_err(|error| Failure::Io(format!("cannot read {}", path.display()), error));
    }
    if args.stdin_file {
        let mut bytes = Vec::new();
        let result = io::stdin().lock().read_to_end(&mut bytes);
        return match result {
            Ok(_) => Ok(Some(bytes)),
            Err(error) => Err(Failure::Io(String::from("cannot read standard input"), error)),
        };
    }
    Ok(args.null_message.then(Vec::new))
}

/// One message, some times.
struct Repeat {
    payload: Vec<u8>,
    left: u64,
    delay: Duration,
    /// When the next is due; at once before the first.
    due: Option<Clock>,
}

struct Publisher {
    topic: String,
    retain: bool,
    /// Lines that wait for room.
    lines: VecDeque<Vec<u8>>,
    repeat: Option<Repeat>,
    lines_end: bool,
    quiet: bool,
    denied: bool,
}

impl Publisher {
    fn is_done(&self, session: &Session) -> bool {
        let client = &session.client;
        self.lines_end
            && self.lines.is_empty()
            && self.repeat.as_ref().is_none_or(|repeat| repeat.left == 0)
            && client.inflight() == 0
            && client.queued() == 0
            && client.tx().is_empty()
    }

    /// Publishes what there is, waits for what comes, and deals with it.
    fn turn(&mut self, session: &mut Session, setup: &Setup) -> Result<(), Failure> {
        let is_full = if session.client.is_connected() { self.publish(session, setup)? } else { true };
        session.flush();
        if self.is_done(session) {
            return Ok(());
        }
        // With room left, the only thing to wait for by the clock is the next repetition.
        let due = self.repeat.as_ref().filter(|repeat| repeat.left > 0).and_then(|repeat| repeat.due);
        match session.step(if is_full { None } else { due })? {
            Step::Line(line) => self.lines.push_back(line),
            Step::LinesEnd => self.lines_end = true,
            Step::Events | Step::Deadline => {}
        }
        while let Some(event) = session.client.poll_event() {
            self.handle(session, event)?;
        }
        Ok(())
    }

    /// Hands the machine what it takes; `true` when it is full.
    fn publish(&mut self, session: &mut Session, setup: &Setup) -> Result<bool, Failure> {
        while let Some(line) = self.lines.front() {
            if !send(session, setup, &self.topic, line, self.retain)? {
                return Ok(true);
            }
            self.lines.pop_front();
            session.permit_line();
        }
        let Some(repeat) = &mut self.repeat else { return Ok(false) };
        while repeat.left > 0 && repeat.due.is_none_or(|due| due <= Clock::now()) {
            if !send(session, setup, &self.topic, &repeat.payload, self.retain)? {
                return Ok(true);
            }
            repeat.left -= 1;
            repeat.due = (!repeat.delay.is_zero()).then(|| Clock::now() + repeat.delay);
        }
        Ok(false)
    }

    fn handle(&mut self, session: &mut Session, event: ClientEvent) -> Result<(), Failure> {
        match event {
            ClientEvent::Connected { session_present, .. } => {
                session.debug(|| {
                    format!("connected as {:?}, session present: {session_present}", session.client.client_id())
                });
            }
            ClientEvent::Acknowledged { code, packet_id, .. } => {
                session.debug(|| format!("message {packet_id} acknowledged: {}", code.name()));
                if code.is_failure() {
                    self.deny(&format!("the broker refused the message: {}", describe(code, &Default::default())));
                }
            }
            ClientEvent::PublishFailed { error, .. } => self.deny(&error.to_string()),
            ClientEvent::Refused { .. } | ClientEvent::Disconnected { .. } => {
                may_reconnect(event.clone(), session)?;
                // A stream of lines goes on; for one message the caller wants an answer.
                let is_stream = !self.lines_end || !self.lines.is_empty();
                match event {
                    ClientEvent::Disconnected { reason } if !is_stream => return Err(Failure::Disconnected(reason)),
                    _ => {
                        session.debug(|| String::from("the connection was lost"));
                        session.reconnect(None)?;
                    }
                }
            }
            ClientEvent::Message(_)
            | ClientEvent::Subscribed { .. }
            | ClientEvent::Unsubscribed { .. }
            | ClientEvent::Unanswered { .. }
            | ClientEvent::Auth { .. } => {}
        }
        Ok(())
    }

    fn deny(&mut self, text: &str) {
        self.denied = true;
        if !self.quiet {
            super::say(&format!("error: {text}"));
        }
    }
}

/// Publishes one message; `false` when the machine has no room for it now.
fn send(session: &mut Session, setup: &Setup, topic: &str, payload: &[u8], retain: bool) -> Result<bool, Failure> {
    let properties = setup.properties.publish.as_properties();
    let request = PublishRequest { topic, payload, qos: setup.qos, retain, properties };
    match session.client.publish(session.now(), &request) {
        Ok(_) => {
            session.debug(|| format!("publishing {} bytes to {topic:?}", payload.len()));
            Ok(true)
        }
        Err(ClientError::Full) => {
            session.flush();
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}
