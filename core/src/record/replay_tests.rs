//! Recordings that no broker made: a replay refuses them and says where.

extern crate std;

use super::*;
use crate::config::Config;
use crate::record::RecordOptions;
use crate::record::codec::put_number;
use proptest::prelude::*;

fn record(since: u64, input: &Input<'_>, out: &mut Vec<u8>) {
    let mut body = Vec::new();
    put_number(since, &mut body);
    input.encode(&mut body);
    put_number(body.len() as u64, out);
    out.extend_from_slice(&body);
}

fn begin(shards: u16) -> Input<'static> {
    let config = Config { shards, ..Config::default() };
    let options = RecordOptions::default();
    Input::Begin(Box::new(Begin { software: "x".into(), options, config, shard: ShardId(0), seed: [1; 32] }))
}

fn fault(inputs: &[Input<'_>]) -> Option<(u64, Fault)> {
    let mut records = Vec::new();
    inputs.iter().for_each(|input| record(1, input, &mut records));
    let mut replay = Replay::new();
    replay.feed(ShardId(0), &records, &mut |_, _, _| {}).err().map(|error| (error.record, error.fault))
}

#[test]
fn a_shard_begins_once_and_first() {
    assert_eq!(fault(&[Input::Timeout]), Some((1, Fault::Begin)));
    assert_eq!(fault(&[begin(1), begin(1)]), Some((2, Fault::Begin)));
    assert!(matches!(fault(&[begin(65)]), Some((1, Fault::Config(_)))));
    assert_eq!(fault(&[begin(1), Input::Timeout]), None);
}

#[test]
fn what_was_not_sent_is_not_received() {
    let from = ShardId(1);
    assert_eq!(fault(&[begin(2), Input::Peer { from, number: 1, handled: 0 }]), Some((2, Fault::Peer { from })));
    assert_eq!(fault(&[begin(2), Input::Handoff { from, number: 1 }]), Some((2, Fault::Handoff { from })));
    let conn = crate::ConnId::from_bits(0);
    assert_eq!(fault(&[begin(1), Input::Sent { conn, count: 1 }]), Some((2, Fault::Sent)));
}

#[test]
fn other_outputs_are_told_with_both_hashes() {
    let Some((2, Fault::Output { recorded: 5, replayed })) = fault(&[begin(1), Input::End { hash: 5 }]) else {
        panic!("the hash cannot be 5");
    };
    assert_eq!(fault(&[begin(1), Input::End { hash: replayed }]), None);
}

#[test]
fn a_record_may_come_in_pieces_and_must_be_whole() {
    let mut records = Vec::new();
    record(3, &begin(1), &mut records);
    record(4, &Input::Shutdown, &mut records);
    let mut replay = Replay::new();
    for piece in records[..records.len() - 1].chunks(1) {
        replay.feed(ShardId(0), piece, &mut |_, _, _| {}).expect("no fault so far");
    }
    assert_eq!(replay.finish().map_err(|error| (error.record, error.fault)), Err((2, Fault::CutOff)));
    replay.feed(ShardId(0), &records[records.len() - 1..], &mut |_, _, _| {}).expect("no fault");
    assert_eq!(replay.finish(), Ok(()));
    assert_eq!(replay.shards().next().map(|(_, shard)| shard.elapsed()), Some(Duration::from_micros(4)));
}

proptest! {
    #[test]
    fn no_bytes_panic(noise: Vec<u8>, kinds in proptest::collection::vec((1..17_u8, 0..4_u8, 0..4_u8, 0..4_u8), 0..20)) {
        let mut records = Vec::new();
        record(1, &begin(2), &mut records);
        for (kind, a, b, c) in kinds {
            records.extend_from_slice(&[5, 1, kind, a, b, c]);
        }
        records.extend_from_slice(&noise);
        let _either = Replay::new().feed(ShardId(0), &records, &mut |_, _, _| {});
    }
}
