//! From a seed to a list of steps: what clients like to do, and what the world does to them.

use super::options::Options;
use super::oracle::matching::{FILTERS, SHARED, TOPICS};
use super::rng::Rng;
use super::scenario::Salted;
use super::step::Step;

/// The steps of a run with these options.
pub(super) fn steps(rng: &mut Rng, options: &Options) -> Vec<Salted> {
    let mut list = Vec::new();
    arrive(&mut list, rng, options);
    add(&mut list, Step::Wait { ms: rng.pick(&[0, 1_000]) }, rng);
    // Each run has a mood, or everything would be reset before anything can fill up.
    let rage = rng.pick(&[3, 10, 30]);
    for _ in 0..rng.between(20, 200) {
        let step = step(rng, options, rage);
        add(&mut list, step, rng);
    }
    // A durable broker is never made anew: nothing can give it what its stores kept, yet.
    if options.durable == 0 && rng.percent(15) {
        for _ in 0..rng.between(1, 3) {
            restart(&mut list, rng, options);
        }
    }
    list
}

fn add(list: &mut Vec<Salted>, step: Step, rng: &mut Rng) {
    list.push(Salted { step, salt: rng.next() >> 40 });
}

/// Most clients connect and subscribe.
fn arrive(list: &mut Vec<Salted>, rng: &mut Rng, options: &Options) {
    for client in 0..options.clients {
        if rng.percent(80) {
            add(list, connect(rng, options, client), rng);
        }
    }
    add(list, Step::Wait { ms: 1 }, rng);
    for client in 0..options.clients {
        for _ in 0..rng.below(3) {
            add(list, subscribe(rng, options, client), rng);
        }
    }
}

/// The broker restarts anywhere, and mostly everybody comes back, at once or later: or nothing would happen for long.
fn restart(list: &mut Vec<Salted>, rng: &mut Rng, options: &Options) {
    let mut part = Vec::new();
    add(&mut part, Step::Restart {}, rng);
    if rng.percent(80) {
        add(&mut part, Step::Wait { ms: rng.pick(&[0, 0, 20, 5_000]) }, rng);
        arrive(&mut part, rng, options);
    }
    let place = rng.below(list.len() as u64 + 1) as usize;
    list.splice(place..place, part);
}

fn step(rng: &mut Rng, options: &Options, rage: u64) -> Step {
    let client = rng.below(options.clients);
    if rng.percent(rage) {
        return fault(rng, options, client);
    }
    match rng.below(20) {
        0..=11 => publish(rng, options, client),
        12 => connect(rng, options, client),
        13 => subscribe(rng, options, client),
        14 => Step::Unsubscribe { client, filter: filter(rng, options, client) },
        15 if rng.percent(30) => Step::Unretain { client, topic: rng.below(TOPICS.len() as u64), qos: rng.below(3) },
        15 if options.auth > 0 && rng.percent(60) => Step::Again { client, wrong: u64::from(rng.percent(30)) },
        15 => Step::Ping { client },
        _ => Step::Wait { ms: rng.pick(&[0, 1, 1, 1, 30, 300, 3_000, 31_000]) },
    }
}

fn fault(rng: &mut Rng, options: &Options, client: u64) -> Step {
    match rng.below(20) {
        0..=3 => Step::Reset { client },
        4 => Step::HalfClose { client },
        5..=6 => Step::Disconnect { client, code: rng.pick(&[0, 0, 4]), expiry: rng.pick(&[0, 0, 1, 3, 61]) },
        7..=9 => Step::Acks { client, mode: rng.below(3) },
        10..=12 => Step::Reads { client, mode: rng.below(3) },
        13 => Step::Stall { client, ms: rng.pick(&[5, 500, 8_000]) },
        14 if options.sessions_max < 1_000 => {
            Step::Stranger { number: rng.below(3), shard: rng.below(options.shards), expiry_s: rng.pick(&[0, 5, 20]) }
        }
        14..=16 => {
            Step::Rogue { kind: rng.below(200), shard: rng.below(options.shards), stubborn: u64::from(rng.percent(30)) }
        }
        17 if options.durable > 0 && rng.percent(20) => Step::StoreFails {},
        _ => connect(rng, options, client),
    }
}

fn connect(rng: &mut Rng, options: &Options, client: u64) -> Step {
    let has_will = rng.percent(30);
    let will = |rng: &mut Rng, value| if has_will { value } else { rng.below(1) };
    let topic = rng.between(1, TOPICS.len() as u64);
    Step::Connect {
        client,
        clean: u64::from(rng.percent(20)),
        expiry_s: rng.pick(&[0, 2, 60, 3_600, 3_600, u64::from(u32::MAX)]),
        keep_alive_s: rng.pick(&[0, 0, 2, 10]),
        silent: u64::from(rng.percent(20)),
        shard: rng.below(options.shards),
        receive_maximum: rng.pick(&[0, 0, 1, 2, 5]),
        packet_bytes: if rng.percent(10) { 300 } else { 0 },
        alias_max: rng.pick(&[0, 1, 10]),
        will: will(rng, topic),
        will_qos: rng.below(3),
        will_retain: u64::from(rng.percent(20)),
        will_delay_s: rng.pick(&[0, 0, 1, 5, 100]),
        method: if options.auth > 0 { rng.below(2) } else { 0 },
        wrong: u64::from(options.auth > 0 && rng.percent(15)),
    }
}

fn publish(rng: &mut Rng, options: &Options, client: u64) -> Step {
    let (qos, bytes) =
        (rng.pick(&[0, 1, 1, 2, 2]), rng.pick(&[0, 20, 100, 100, 700, 1_200, options.payload_bytes_max()]));
    Step::Publish {
        client,
        topic: rng.below(TOPICS.len() as u64),
        qos,
        retain: u64::from(rng.percent(15)),
        bytes,
        expiry_s: if rng.percent(20) { rng.pick(&[1, 5, 100]) } else { 0 },
        alias: u64::from(rng.percent(30)),
        // No more than gets through a thin pipe.
        more: match (qos, bytes) {
            (0, 0..=100) => rng.pick(&[0, 1, 4, 20]),
            (0, 101..=1_200) => rng.pick(&[0, 1, 3]),
            _ => 0,
        },
    }
}

fn filter(rng: &mut Rng, options: &Options, client: u64) -> u64 {
    let count = if options.is_worker(client as usize) { SHARED.len() } else { FILTERS.len() };
    rng.below(count as u64)
}

fn subscribe(rng: &mut Rng, options: &Options, client: u64) -> Step {
    Step::Subscribe {
        client,
        filter: filter(rng, options, client),
        qos: rng.pick(&[0, 1, 1, 2, 2]),
        no_local: u64::from(rng.percent(15)),
        as_published: u64::from(rng.percent(15)),
        handling: rng.pick(&[0, 0, 0, 1, 2]),
        identifier: rng.pick(&[0, 0, 1, 2, 300]),
    }
}
