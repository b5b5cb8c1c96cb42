//! Bytes of a few connections, as they come.

use std::time::Duration;

use arbitrary::Unstructured;
use weirmq_core::packet::{Packet, Version, split};
use weirmq_core::{Broker, Budget, CloseReason, Config, ConnId, Event, Instant, ListenerId, Outbox, PeerAddr, ShardId};

use crate::choice;
use crate::world::World;

/// Any bytes from up to four connections, cut and mixed in any way, with time passing in between: the broker never
/// panics, what it writes to a client that it let in are packets of that client's version, and nothing is left of it all
/// in the end. The bytes of one connection lead to the same output however they are cut.
pub fn broker_stream(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(config) = choice::config(&mut u) else { return };
    let rest = u.take_rest();
    cut_differently(rest);
    several_connections(&config, rest);
}

/// Each step is a byte that says whose bytes follow and how many, or what else happens.
fn several_connections(config: &Config, mut rest: &[u8]) {
    let mut world = World::new(config, 5);
    let mut outputs: Vec<Vec<u8>> = Vec::new();
    let mut slots: [Option<usize>; 4] = [None; 4];
    while let Some((&step, after)) = rest.split_first() {
        let slot = usize::from(step & 3);
        let count = usize::from(step >> 2 & 31);
        rest = after;
        if step & 0x80 == 0 {
            let (bytes, after) = rest.split_at((count * 4 + 1).min(rest.len()));
            rest = after;
            let wire = match slots[slot].filter(|&wire| world.wires[wire].is_open()) {
                Some(wire) => wire,
                None => {
                    let Some(wire) = world.open(count) else { continue };
                    outputs.resize(wire + 1, Vec::new());
                    slots[slot] = Some(wire);
                    wire
                }
            };
            world.wires[wire].to_broker.extend(bytes);
            while world.arrive(wire, count + 1) {}
            continue;
        }
        match count {
            0 => world.pass(Duration::from_millis(500)),
            1 => world.pass(Duration::from_secs(20)),
            2 => world.settle_shards(),
            3 => slots[slot].into_iter().for_each(|wire| world.cut(wire)),
            4..=15 => drop((world.store(slot, count as u64 - 3), world.cross(slot, count))),
            16..=31 => {
                if let Some(wire) = slots[slot] {
                    outputs[wire].extend(world.take(wire, count * count));
                }
            }
            _ => unreachable!("count has five bits"),
        }
    }
    world.settle_shards();
    for (wire, output) in outputs.iter_mut().enumerate() {
        output.extend(world.take(wire, usize::MAX));
    }
    for (shard, event) in &world.events {
        if let Event::Connected { conn, version, .. } = event
            && let Some(wire) = world.wire_of(*shard, *conn)
        {
            check_output(&outputs[wire], *version);
        }
    }
    world.assert_at_rest();
}

/// What the broker wrote is packets that a server may send.
fn check_output(mut output: &[u8], version: Version) {
    let mut first = true;
    while let Some(frame) = split(output, Some(version), usize::MAX).expect("the broker writes valid headers") {
        crate::trace(format_args!("written: {frame:?}"));
        let packet = Packet::decode(version, &frame).expect("the broker writes valid packets");
        let is_connack = matches!(packet, Packet::ConnAck(_));
        let is_auth = matches!(packet, Packet::Auth(_) | Packet::Disconnect(_));
        assert!(is_connack == first || is_auth, "CONNACK comes first and once: {packet:?}");
        first &= !is_connack;
        output = &output[frame.size..];
    }
}

/// The bytes of one connection, in one piece and in pieces.
fn cut_differently(data: &[u8]) {
    let Some((&size, bytes)) = data.split_first() else { return };
    let size = usize::from(size % 16) + 1;
    let whole = run_pieces(bytes, bytes.len().max(1));
    let pieces = run_pieces(bytes, size);
    assert_eq!(whole, pieces, "pieces of {size} bytes");
}

type Outcome = (Vec<u8>, Option<CloseReason>, Vec<Event>);

fn run_pieces(bytes: &[u8], size: usize) -> Outcome {
    let now = Instant::from_secs(1);
    let mut config = Config::default();
    // Nothing waits its turn, so that input is one step however it is cut. Retained messages wait for `run`.
    config.limits.packets_per_turn = u32::from(u16::MAX);
    config.limits.deliveries_per_turn = u32::MAX;
    config.limits.output_bytes_max = 1 << 24;
    let mut broker = Broker::new(config, ShardId(0), [3; 32], now);
    let conn = broker.handle_accept(now, ListenerId(0), PeerAddr::Memory).expect("there is room");
    for piece in bytes.chunks(size) {
        broker.handle_receive(now, conn, piece);
    }
    run_out(&mut broker, conn, now)
}

fn run_out(broker: &mut Broker, conn: ConnId, now: Instant) -> Outcome {
    let mut outbox = Outbox::new();
    let mut outcome: Outcome = (Vec::new(), None, Vec::new());
    while broker.poll_timeout().is_some_and(|(at, _)| at <= now) {
        broker.run(now, Budget::default());
        broker.drain(&mut outbox);
        let before = outcome.0.len();
        broker.tx_slices(conn).for_each(|slice| outcome.0.extend_from_slice(slice));
        broker.handle_sent(now, conn, outcome.0.len() - before);
        outcome.1 = outcome.1.or(outbox.close.first().map(|close| close.reason));
        outcome.2.append(&mut outbox.events);
    }
    outcome
}
