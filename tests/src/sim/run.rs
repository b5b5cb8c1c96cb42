//! A run from the first step to the last thing given back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::client::State;
use super::oracle::matching::TOPICS;
use super::rng::Rng;
use super::scenario::Scenario;
use super::step::Step;
use super::trace::Failure;
use super::world::World;

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The first rule that was broken.
    pub failure: Option<Failure>,
    /// A hash of every byte written, every event and every stored operation.
    pub hash: u64,
    /// The last things that happened, if they were asked for.
    pub lines: Vec<String>,
    /// Virtual time.
    pub simulated: Duration,
    /// Application Messages sent by clients.
    pub messages: u64,
    /// First deliveries to clients.
    pub delivered: u64,
    /// Deliveries that repeated one.
    pub repeated: u64,
    /// Faults of the world.
    pub faults: u64,
}

/// Runs a scenario once and keeps this many lines of what happened.
pub fn run(scenario: &Scenario, lines_max: usize) -> Outcome {
    let mut world = World::new(&scenario.options, lines_max);
    let mut faults = 0;
    let done = catch_unwind(AssertUnwindSafe(|| play(&mut world, scenario, &mut faults)));
    if let Err(panic) = done {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words");
        world.trace.fail("a panic", text.into());
    }
    let simulated = world.elapsed();
    let (failure, hash, lines) = world.trace.finish();
    let messages = world.book.messages.iter().filter(|message| !message.sent.is_empty()).count() as u64;
    let (delivered, repeated) = (world.book.delivered, world.book.repeated);
    Outcome { failure, hash, lines, simulated, messages, delivered, repeated, faults }
}

/// Runs a scenario twice; if both runs are not the same to the last bit, that is a failure too.
pub fn run_twice(scenario: &Scenario) -> Outcome {
    let first = run(scenario, 0);
    if first.failure.is_some() {
        return first;
    }
    let second = run(scenario, 0);
    if first.hash == second.hash {
        return first;
    }
    let text = format!("{:016x} and {:016x}", first.hash, second.hash);
    Outcome { failure: Some(Failure { rule: "two runs differ", text }), ..first }
}

fn play(world: &mut World, scenario: &Scenario, faults: &mut u64) {
    for salted in &scenario.steps {
        world.rng = Rng::new(salted.salt);
        let done = world.act(&salted.step);
        *faults += u64::from(done && salted.step.is_fault());
        world.stir();
        if world.trace.failed() {
            return;
        }
    }
    world.rng = Rng::new(scenario.options.seed);
    let phases: &[fn(&mut World)] = if scenario.options.shutdown > 0 { &[go_down] } else { &[heal, judge, leave] };
    for phase in phases {
        phase(world);
        if world.trace.failed() {
            return;
        }
    }
}

fn connect(client: usize, clean: u64, expiry_s: u64) -> Step {
    Step::Connect {
        client: client as u64,
        clean,
        expiry_s,
        keep_alive_s: 0,
        silent: 0,
        shard: client as u64,
        receive_maximum: 0,
        packet_bytes: 0,
        alias_max: 0,
        will: 0,
        will_qos: 0,
        will_retain: 0,
        will_delay_s: 0,
        method: 0,
        wrong: 0,
    }
}

fn do_and_wait(world: &mut World, step: &Step, ms: u64) {
    world.act(step);
    world.advance(Duration::from_millis(ms));
}

/// The broker goes down: soon nobody is connected any more, and nobody was forgotten.
fn go_down(world: &mut World) {
    world.shut_down();
    world.advance(Duration::from_secs(5));
    for client in 0..world.clients.len() {
        world.act(&connect(client, 0, 3_600));
    }
    world.advance(Duration::from_secs(5));
    for client in 0..world.clients.len() {
        if world.clients[client].state == State::Up {
            world.trace.fail("let in by a broker that goes down", world.clients[client].name());
        }
    }
    world.book.judge_wills(&mut world.trace);
    world.judge_given_back(true);
}

/// How often everybody tries to come back before an exchange is said never to end.
const ROUNDS_MAX: u64 = 60;

/// Everybody comes back and stays, until every exchange has ended.
fn heal(world: &mut World) {
    world.calm_down();
    let last = world.clients.len() - 1;
    do_and_wait(world, &connect(last, 1, 0), 2_000);
    for round in 0..ROUNDS_MAX {
        for client in 0..last {
            if world.clients[client].state == State::Away {
                world.act(&connect(client, 0, 3_600));
            }
        }
        if world.clients[last].state == State::Away {
            world.act(&connect(last, 1, 0));
        }
        world.advance(Duration::from_secs(2));
        let settled = (0..=last).all(|client| world.clients[client].is_settled());
        if world.trace.failed() || (round >= 3 && settled) || (round >= 5 && world.store_failed) {
            return;
        }
        if round % 5 == 4 && world.options.retained_messages_max < TOPICS.len() as u64 {
            // A 3.x client whose retained message finds no room tries for ever: room is made.
            for topic in 0..TOPICS.len() as u64 {
                do_and_wait(world, &Step::Unretain { client: last as u64, topic, qos: 0 }, 1_000);
            }
        }
    }
    let state = format!("{:#?}", world.clients.iter().filter(|client| !client.is_settled()).collect::<Vec<_>>());
    world.trace.fail("an exchange never ends", state);
}

/// What must have arrived has, and what is retained is the latest.
fn judge(world: &mut World) {
    if world.store_failed {
        return;
    }
    let last = world.clients.len() - 1;
    let all = Step::Subscribe {
        client: last as u64,
        filter: 4,
        qos: 1,
        no_local: 0,
        as_published: 0,
        handling: 0,
        identifier: 0,
    };
    do_and_wait(world, &all, 5_000);
    let dropped = world.dropped();
    world.book.judge_liveness(dropped, &mut world.trace);
    let link = world.clients[last].link.map(|link| &world.links[link]);
    match link.and_then(|link| link.session) {
        Some((session, _)) => world.book.judge_all_retained(session, &mut world.trace),
        None => world.trace.fail("the last client is not let in", String::new()),
    }
}

/// Everybody leaves for good, the retained messages are removed, and nothing is left.
fn leave(world: &mut World) {
    let last = world.clients.len() - 1;
    for client in 0..last {
        world.act(&connect(client, 1, 0));
    }
    world.advance(Duration::from_secs(3));
    for _ in 0..ROUNDS_MAX {
        // Where places are few, not everybody finds one at once.
        let away: Vec<usize> = (0..last).filter(|&client| world.clients[client].state == State::Away).collect();
        if away.is_empty() {
            break;
        }
        for client in away {
            world.act(&connect(client, 1, 0));
        }
        world.advance(Duration::from_secs(3));
    }
    for client in 0..last {
        world.act(&Step::Disconnect { client: client as u64, code: 0, expiry: 0 });
    }
    world.advance(Duration::from_secs(200));
    if world.clients[last].state == State::Away {
        // There was no place for it before.
        do_and_wait(world, &connect(last, 1, 0), 2_000);
    }
    for topic in 0..TOPICS.len() as u64 {
        do_and_wait(world, &Step::Unretain { client: last as u64, topic, qos: 0 }, 1_000);
    }
    do_and_wait(world, &Step::Disconnect { client: last as u64, code: 0, expiry: 0 }, 100_000);
    world.judge_given_back(false);
}
