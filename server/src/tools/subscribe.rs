//! `weirmq sub`: prints the messages of its subscriptions.
//!
//! A message is acknowledged when it has been printed, so that nothing is lost to a reader that goes away in between.

use std::io::{self, BufWriter, Stdout, Write};
use std::time::{Instant as Clock, SystemTime};

use weirmq_core::client::{ClientEvent, Message, SubscribeRequest};
use weirmq_core::packet::{PropertyBuffer, ReasonCode, RetainHandling, SubscriptionOptions};
use weirmq_core::topic::Filter;

use super::args::SubArgs;
use super::format::{self, Format};
use super::outcome::{Failure, describe};
use super::session::{Session, Step, may_reconnect};
use super::setup::Setup;

/// Runs the tool to its end.
pub(crate) fn run(args: &SubArgs) -> Result<(), Failure> {
    let setup = Setup::new(&args.connect, "sub")?;
    let mut filters = args.topic.clone();
    filters.extend(setup.topic.clone());
    for filter in &args.filter_out {
        if Filter::parse(filter, u16::MAX).is_err() {
            return Err(Failure::Usage(format!("-T {filter} is no topic filter")));
        }
    }
    let mut config = setup.config.clone();
    config.automatic_acknowledgement = false;
    let mut subscriber = Subscriber {
        args,
        setup: &setup,
        filters,
        format: output(args)?,
        out: BufWriter::new(io::stdout()),
        printed: 0,
        is_over: false,
        answers: 0,
        denied: false,
    };
    let deadline = args.timeout.map(|timeout| Clock::now() + timeout);
    let mut session = Session::open(config, setup.target.clone(), args.connect.debug)?;
    while !subscriber.is_over {
        if matches!(session.step(deadline)?, Step::Deadline) {
            // The broker must not take this for a broken client and publish its will.
            session.close(setup.disconnect_expiry_s())?;
            return Err(Failure::TimedOut);
        }
        subscriber.handle_events(&mut session, deadline)?;
    }
    session.close(setup.disconnect_expiry_s())?;
    if subscriber.denied { Err(Failure::Denied) } else { Ok(()) }
}

fn output(args: &SubArgs) -> Result<Format, Failure> {
    match &args.format {
        Some(format) => Format::parse(format, !args.no_eol).map_err(|error| Failure::Usage(format!("-F: {error}"))),
        None if args.json => Ok(Format::json()),
        None => Ok(Format::plain(args.verbose, !args.no_eol)),
    }
}

struct Subscriber<'a> {
    args: &'a SubArgs,
    setup: &'a Setup,
    filters: Vec<String>,
    format: Format,
    out: BufWriter<Stdout>,
    printed: u64,
    is_over: bool,
    /// SUBACK and UNSUBACK still to come.
    answers: u8,
    denied: bool,
}

impl Subscriber<'_> {
    fn handle_events(&mut self, session: &mut Session, deadline: Option<Clock>) -> Result<(), Failure> {
        while let Some(event) = session.client.poll_event() {
            if self.is_over {
                // What is not printed is not acknowledged, and a kept session has it again next time.
                return Ok(());
            }
            self.handle(session, event, deadline)?;
        }
        self.out.flush().map_err(output_failed)
    }

    fn handle(&mut self, session: &mut Session, event: ClientEvent, deadline: Option<Clock>) -> Result<(), Failure> {
        match event {
            ClientEvent::Connected { session_present, .. } => self.connected(session, session_present)?,
            ClientEvent::Message(message) => self.message(session, &message)?,
            ClientEvent::Subscribed { codes, properties, .. } => {
                self.subscribed(session, &codes, &properties);
                self.answered();
            }
            ClientEvent::Unsubscribed { codes, .. } => {
                let codes: Vec<&str> = codes.iter().map(|code| code.name()).collect();
                session.debug(|| format!("unsubscribed: {}", codes.join(", ")));
                self.answered();
            }
            ClientEvent::Refused { .. } | ClientEvent::Disconnected { .. } => {
                self.out.flush().map_err(output_failed)?;
                may_reconnect(event, session)?;
                session.debug(|| String::from("the connection was lost"));
                session.reconnect(deadline)?;
            }
            ClientEvent::Acknowledged { .. }
            | ClientEvent::PublishFailed { .. }
            | ClientEvent::Unanswered { .. }
            | ClientEvent::Auth { .. } => {}
        }
        Ok(())
    }

    fn connected(&mut self, session: &mut Session, session_present: bool) -> Result<(), Failure> {
        session.debug(|| format!("connected as {:?}, session present: {session_present}", session.client.client_id()));
        let now = session.now();
        self.answers = 0;
        if !self.args.unsubscribe.is_empty() {
            let filters: Vec<&str> = self.args.unsubscribe.iter().map(String::as_str).collect();
            session.client.unsubscribe(now, &filters, self.setup.properties.unsubscribe.as_properties())?;
            self.answers += 1;
        }
        if !self.filters.is_empty() {
            let options = SubscriptionOptions {
                qos: self.setup.qos,
                no_local: self.args.no_local,
                retain_as_published: self.args.retain_as_published,
                retain_handling: match self.args.retain_handling {
                    1 => RetainHandling::SendIfNew,
                    2 => RetainHandling::DoNotSend,
                    _ => RetainHandling::SendAtSubscribe,
                },
            };
            let filters: Vec<_> = self.filters.iter().map(|filter| SubscribeRequest { filter, options }).collect();
            session.client.subscribe(now, &filters, self.setup.properties.subscribe.as_properties())?;
            self.answers += 1;
        }
        Ok(())
    }

    fn subscribed(&mut self, session: &Session, codes: &[ReasonCode], properties: &PropertyBuffer) {
        for (filter, code) in self.filters.iter().zip(codes) {
            session.debug(|| format!("subscribed to {filter:?}: {}", code.name()));
            if code.is_failure() {
                self.denied = true;
                if !self.args.connect.quiet {
                    super::say(&format!("error: the broker refused {filter:?}: {}", describe(*code, properties)));
                }
            }
        }
        // Nothing will ever come.
        self.is_over |= codes.iter().all(|code| code.is_failure());
    }

    /// One of SUBACK and UNSUBACK came. After the last, -E is done, and so is who only wanted to unsubscribe.
    fn answered(&mut self) {
        self.answers = self.answers.saturating_sub(1);
        self.is_over |= self.answers == 0 && (self.args.exit_after_subscribe || self.filters.is_empty());
    }

    fn message(&mut self, session: &mut Session, message: &Message) -> Result<(), Failure> {
        if self.args.retained_only && !message.retain {
            self.is_over = true;
            return Ok(());
        }
        let is_filtered = self
            .args
            .filter_out
            .iter()
            .any(|filter| Filter::parse(filter, u16::MAX).is_ok_and(|filter| filter.matches(&message.topic)));
        let is_hidden = is_filtered || (self.args.no_retained && message.retain);
        if !is_hidden {
            let view = format::Message {
                topic: &message.topic,
                payload: &message.payload,
                qos: message.qos,
                retain: message.retain,
                packet_id: message.packet_id.map(Into::into),
                properties: message.properties.as_properties(),
            };
            self.format.write(&mut self.out, &view, SystemTime::now()).map_err(output_failed)?;
            self.printed += 1;
            self.is_over = self.args.count == Some(self.printed);
        }
        if let Some(packet_id) = message.packet_id {
            self.out.flush().map_err(output_failed)?;
            session.client.acknowledge(session.now(), packet_id, ReasonCode::Success)?;
        } else if self.is_over {
            self.out.flush().map_err(output_failed)?;
        }
        Ok(())
    }
}

fn output_failed(error: io::Error) -> Failure {
    Failure::Io(String::from("cannot write to standard output"), error)
}
