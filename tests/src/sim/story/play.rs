//! Telling a story: line by line, with everything at rest behind each, and to the end where nothing may be left.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use weirmq_core::Config;

use super::fields::{Spec, Variables};
use super::line::{Action, Gets, Guard, Line};
use super::packet::{build, describe, version};
use super::{Story, StoryError, Variant};
use crate::sim::authenticator::SECRET;
use crate::sim::link::Owner;
use crate::sim::options::Options;
use crate::sim::rng::Rng;
use crate::sim::world::World;
use crate::wire::{Packet, Property, ToWire, Version, connect, decode, disconnect, frame_len, publish};

/// Lines of what happened that a failure shows.
const LINES: usize = 30;

/// One who was given lines, and the connection that is in hand.
struct Actor {
    link: usize,
    version: Version,
    client_id: String,
    rx: Vec<u8>,
    unread: VecDeque<Packet>,
    aliases: BTreeMap<u16, String>,
    reads: bool,
}

struct Play<'a> {
    variant: &'a Variant,
    world: World,
    actors: BTreeMap<String, Actor>,
    variables: Variables,
    /// Whose sessions have to be gone in the end, each with the user name of who came first, and what must not be retained.
    client_ids: BTreeMap<String, Option<String>>,
    topics: BTreeSet<String>,
    shut_down: bool,
}

/// Tells the story once; the hash of what happened.
pub(super) fn play(story: &Story, variant: &Variant) -> Result<u64, StoryError> {
    let Variant { shards, chunk_bytes, seed, .. } = *variant;
    let options = Options { shards, chunk_bytes, seed, ..story.options.clone() };
    let mut play = Play {
        variant,
        world: World::with(&Config { access: story.rules.clone(), ..options.config() }, &options, LINES),
        actors: BTreeMap::new(),
        variables: Variables::new(),
        client_ids: BTreeMap::new(),
        topics: BTreeSet::new(),
        shut_down: false,
    };
    let mut at = 0;
    let told = catch_unwind(AssertUnwindSafe(|| {
        for line in &story.lines {
            at = line.number;
            play.tell(line)?;
        }
        play.end()
    }));
    let told = told.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("a panic: {}", text.unwrap_or("without words")))
    });
    let (failure, hash, happened) = play.world.trace.finish();
    let error = told.err().or(failure.map(|failure| format!("{}: {}", failure.rule, failure.text)));
    match error {
        Some(text) => Err(StoryError { line: at, text, happened }),
        None => Ok(hash),
    }
}

impl Guard {
    fn holds(self, variant: &Variant) -> bool {
        match self {
            Self::Version(version) => version == variant.version,
            Self::Three => variant.version != Version::V5,
            Self::One => variant.shards == 1,
            Self::Many => variant.shards > 1,
        }
    }
}

impl Play<'_> {
    fn tell(&mut self, line: &Line) -> Result<(), String> {
        if !line.guards.iter().all(|guard| guard.holds(self.variant)) {
            return Ok(());
        }
        self.world.rng = Rng::new(self.variant.seed << 20 | line.number as u64);
        self.world.trace.note(|| format!("-- {}", line.text));
        self.act(line)?;
        if line.at_once {
            return Ok(());
        }
        self.settle()
    }

    /// Until nothing is left to do at this instant, and everybody who reads has read.
    fn settle(&mut self) -> Result<(), String> {
        loop {
            self.world.settle();
            if self.world.trace.failed() {
                return Err("a rule of the simulation was broken, see below".into());
            }
            if !self.read()? {
                return Ok(());
            }
        }
    }

    /// Takes what has arrived. Whether anything had.
    fn read(&mut self) -> Result<bool, String> {
        let mut news = false;
        for (name, actor) in self.actors.iter_mut().filter(|(_, actor)| actor.reads) {
            let link = &mut self.world.links[actor.link];
            news |= !link.from_broker.is_empty();
            actor.rx.append(&mut link.from_broker);
            while let Some(len) = frame_len(&actor.rx)? {
                let frame: Vec<u8> = actor.rx.drain(..len).collect();
                let packet = decode(&frame, actor.version).map_err(|error| format!("{name} gets garbage: {error}"))?;
                self.world.trace.note(|| format!("{name} < {packet:?}"));
                actor.unread.push_back(packet);
            }
        }
        Ok(news)
    }

    fn act(&mut self, line: &Line) -> Result<(), String> {
        let name = line.name.as_str();
        match &line.action {
            Action::Connects(spec) => {
                self.open(name)?;
                self.send(name, spec)?;
            }
            Action::Opens => self.open(name)?,
            Action::Sends(spec) => self.send(name, spec)?,
            Action::SendsRaw(bytes) => self.write(name, bytes)?,
            Action::Gets(gets) => {
                self.settle()?;
                self.gets(name, gets).map_err(|error| format!("{name}: {error}"))?;
            }
            Action::Resets => {
                let link = self.actor(name)?.link;
                self.world.links[link].reset();
            }
            Action::Closes => {
                let link = self.actor(name)?.link;
                self.world.links[link].fin = true;
            }
            Action::Lingers => {
                let link = self.actor(name)?.link;
                self.world.links[link].stubborn = true;
            }
            Action::StopsReading | Action::ReadsOn => {
                let reads = line.action == Action::ReadsOn;
                let actor = self.actor(name)?;
                actor.reads = reads;
                let link = actor.link;
                self.world.links[link].capacity = if reads { usize::MAX } else { 0 };
            }
            Action::Skips => self.actor(name)?.unread.clear(),
            Action::IsRemoved => {
                let link = self.actor(name)?.link;
                self.world.remove(link);
            }
            Action::Differ(names) => self.differ(names)?,
            action => self.act_world(action)?,
        }
        Ok(())
    }

    fn act_world(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::Wait(duration) => self.world.advance(*duration),
            Action::StoreHolds => self.durable()?.hold_stores(true),
            Action::StoreAnswers => self.durable()?.hold_stores(false),
            Action::StoreFails => self.durable()?.fail_stores(),
            Action::PeersHold => self.world.peers_held = true,
            Action::PeersFlow => self.world.peers_held = false,
            Action::AuthHolds => self.world.authenticator.held = true,
            Action::AuthAnswers => self.world.authenticator.held = false,
            Action::AuthRefuses(client_id, code) => self.world.authenticator.refuse(client_id, *code)?,
            Action::ShutsDown => {
                self.shut_down = true;
                self.world.shut_down();
            }
            Action::Restarts => {
                if !self.world.restart() {
                    return Err("a broker with a store cannot be made anew; take `durable=1` away at the top".into());
                }
                self.shut_down = false;
            }
            Action::Counts(name, wanted) => {
                let found = self.world.stats().iter().find(|counter| counter.0 == name).map_or(0, |counter| counter.1);
                if found != *wanted {
                    return Err(format!("the broker counts {name}={found}, not {wanted}"));
                }
            }
            other => return Err(format!("{other:?} is nobody's")),
        }
        Ok(())
    }

    fn durable(&mut self) -> Result<&mut World, String> {
        if self.world.options.durable == 0 {
            return Err("there is no store; write `options durable=1` at the top".into());
        }
        Ok(&mut self.world)
    }

    fn actor(&mut self, name: &str) -> Result<&mut Actor, String> {
        self.actors.get_mut(name).ok_or_else(|| format!("{name} has no connection; write `{name} connects` before"))
    }

    fn open(&mut self, name: &str) -> Result<(), String> {
        if let Some(actor) = self.actors.get(name) {
            let link = &self.world.links[actor.link];
            if !(link.gone || link.eof || link.fin) {
                return Err(format!("{name} is still connected; let it go before, or use another name with as={name}"));
            }
            if let Some(packet) = actor.unread.front() {
                return Err(format!("{name} has not looked at {packet:?}; write `{name} < …` before"));
            }
        }
        let shard = self.world.links.len() as u64;
        let link = self.world.open(shard, Owner::Script);
        let actor = Actor {
            link,
            version: self.variant.version,
            client_id: String::new(),
            rx: Vec::new(),
            unread: VecDeque::new(),
            aliases: BTreeMap::new(),
            reads: true,
        };
        self.actors.insert(name.into(), actor);
        Ok(())
    }

    fn send(&mut self, name: &str, spec: &Spec) -> Result<(), String> {
        if spec.word == "CONNECT" {
            let version = spec.text("version").map_or(Ok(self.variant.version), version)?;
            let client_id = spec.text("as").unwrap_or(name).to_owned();
            let actor = self.actor(name)?;
            actor.version = version;
            actor.client_id.clone_from(&client_id);
            self.client_ids.entry(client_id).or_insert_with(|| spec.text("user").map(String::from));
            self.topics.extend(spec.text("will").map(String::from));
        }
        let version = self.actor(name)?.version;
        let packet = build(spec, name, version, &self.variables)?;
        if let Packet::Publish(publish) = &packet {
            self.topics.insert(publish.topic.clone());
        }
        self.world.trace.note(|| format!("{name} > {packet:?}"));
        self.write(name, &packet.to_wire(version))
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let link = self.actor(name)?.link;
        let link = &mut self.world.links[link];
        if link.gone || link.fin || link.eof {
            return Err(format!("{name} is not connected any more; write `{name} connects` before"));
        }
        link.write(bytes);
        Ok(())
    }

    fn gets(&mut self, name: &str, gets: &Gets) -> Result<(), String> {
        match gets {
            Gets::Next(spec) => self.gets_packet(name, spec, 1),
            Gets::Among(spec) => self.gets_packet(name, spec, usize::MAX),
            Gets::Nothing if self.is_quiet_and_closed(name)? => {
                Err("the connection is closed, and should be open".into())
            }
            Gets::Nothing => Ok(()),
            Gets::Closed(code) => {
                if let (Some(code), Version::V5) = (code, self.actor(name)?.version) {
                    let disconnect = Spec::parse("DISCONNECT", &[&format!("code={code}")])?;
                    self.gets_packet(name, &disconnect, 1)?;
                }
                let closed = self.is_quiet_and_closed(name)?;
                if closed { Ok(()) } else { Err("the connection is open, and should be closed".into()) }
            }
        }
    }

    /// Nothing more has come; whether the connection is closed.
    fn is_quiet_and_closed(&mut self, name: &str) -> Result<bool, String> {
        let actor = self.actor(name)?;
        let link = actor.link;
        match actor.unread.front() {
            Some(packet) => Err(format!("{packet:?} came, and nothing should have")),
            None => Ok(self.world.links[link].eof),
        }
    }

    /// The packet is among the first `among` that came.
    fn gets_packet(&mut self, name: &str, wanted: &Spec, among: usize) -> Result<(), String> {
        let mut variables = std::mem::take(&mut self.variables);
        let actor = self.actor(name)?;
        let mut error = String::from("nothing came");
        let mut found = None;
        for (place, packet) in actor.unread.iter().enumerate().take(among) {
            let topic = topic_of(packet, &mut actor.aliases)?;
            match wanted.agrees(&describe(packet, &topic), &mut variables) {
                Ok(()) => {
                    found = Some(place);
                    break;
                }
                Err(difference) => error = format!("{difference}: {packet:?}"),
            }
        }
        if let Some(place) = found {
            actor.unread.remove(place);
        }
        self.variables = variables;
        found.map(|_| ()).ok_or(error)
    }

    fn differ(&self, names: &[String]) -> Result<(), String> {
        let mut numbers = BTreeMap::new();
        for name in names {
            let number = self.variables.get(name).ok_or_else(|| format!("${name} stands for nothing yet"))?;
            if let Some(other) = numbers.insert(number, name) {
                return Err(format!("${name} and ${other} are both {number}"));
            }
        }
        Ok(())
    }
}

/// The topic of a PUBLISH, by name or alias.
fn topic_of(packet: &Packet, aliases: &mut BTreeMap<u16, String>) -> Result<String, String> {
    let Packet::Publish(publish) = packet else { return Ok(String::new()) };
    let alias = publish.properties.iter().find_map(|property| match property {
        Property::TopicAlias(alias) => Some(*alias),
        _ => None,
    });
    let Some(alias) = alias else { return Ok(publish.topic.clone()) };
    if publish.topic.is_empty() {
        return aliases.get(&alias).cloned().ok_or_else(|| format!("alias {alias} was not defined: {publish:?}"));
    }
    aliases.insert(alias, publish.topic.clone());
    Ok(publish.topic.clone())
}

impl Play<'_> {
    /// Everything that came was looked at; then everybody leaves for good, and nothing is left.
    fn end(&mut self) -> Result<(), String> {
        self.settle()?;
        if self.world.trace.failed() {
            return Ok(());
        }
        for (name, actor) in &self.actors {
            if let Some(packet) = actor.unread.front() {
                return Err(format!("the story ends and {name} has not looked at {packet:?}; write `{name} < …`"));
            }
            self.world.links[actor.link].reset();
        }
        if self.world.store_failed {
            return Ok(());
        }
        self.actors.clear();
        self.world.peers_held = false;
        self.world.authenticator.let_everybody_in();
        self.world.hold_stores(false);
        self.world.advance(Duration::from_secs(1));
        if !self.shut_down {
            for (client_id, user_name) in std::mem::take(&mut self.client_ids) {
                self.visit(&client_id, user_name, Vec::new());
            }
            let empty = |topic: &String| publish(topic, []).retain();
            let removals = self.topics.iter().filter(|topic| !topic.is_empty()).map(empty).collect();
            self.visit("end", None, removals);
        }
        self.world.advance(Duration::from_secs(200));
        self.world.judge_given_back(self.shut_down);
        Ok(())
    }

    /// A client comes without its old session, says this and leaves.
    fn visit(&mut self, client_id: &str, user_name: Option<String>, packets: Vec<crate::wire::Publish>) {
        let link = self.world.open(0, Owner::Nobody);
        let mut hello = connect(client_id).v5();
        if let Some(user_name) = user_name {
            hello = hello.user_name(&user_name).password(SECRET);
        }
        let mut bytes = hello.to_wire(Version::V5);
        packets.iter().for_each(|packet| bytes.extend(packet.to_wire(Version::V5)));
        bytes.extend(disconnect().to_wire(Version::V5));
        self.world.links[link].write(&bytes);
        self.world.advance(Duration::from_secs(1));
    }
}
