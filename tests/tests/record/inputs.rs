//! Every kind of input is recorded where it happens, and replayed.

use std::time::Duration;

use weirmq_core::config::Authentication;
use weirmq_core::record::file::{BlockKind, FileReader};
use weirmq_core::record::{Input, RecordOptions, Replay};
use weirmq_core::{AuthOutcome, Config, ShardId};
use weirmq_tests::memory::{Net, StoreMode};
use weirmq_tests::wire::*;
use weirmq_tests::{Client, Talk, World};

/// The kinds of records in a file, by their place in the format.
fn kinds(file: &[u8]) -> Vec<u8> {
    let mut reader = FileReader::new();
    reader.push(file);
    let mut found = Vec::new();
    while let Some(block) = reader.next_block().expect("it is whole") {
        let BlockKind::Records(_) = block.kind else { continue };
        let mut rest = &block.bytes[..];
        while !rest.is_empty() {
            let record = varint(&mut rest);
            let (mut record, after) = rest.split_at(record);
            rest = after;
            varint(&mut record);
            Input::decode(record).expect("a known input");
            found.push(record[0]);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn varint(bytes: &mut &[u8]) -> usize {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

/// Time passes, the store is late and fails, answers come late, a client is idle for too long.
#[test]
fn every_kind_is_recorded_and_replayed() {
    let authentication = Authentication::External { methods: Vec::new() };
    let mut config = Config { shards: 2, durable: true, authentication, ..Config::default() };
    config.limits.packets_per_turn = 2;
    let mut n = Net::new(config).recorded(RecordOptions::default());
    n.authenticate(|request| (&*request.client_id != "late").then_some(AuthOutcome::Accept { data: None }));
    let late = n.open();
    n.send(late, connect("late"));
    let (shard, request) = n.asked().expect("a question");
    n.answer(shard, request.id, AuthOutcome::Accept { data: None });
    n.expect(late, connack(false, 0));
    let homes: Vec<Client> = (0..6).map(|number| n.connect(connect(&format!("c{number}")).keep_alive(10))).collect();
    let idle = homes[0];
    homes.iter().for_each(|client| n.subscribed(*client, [("t", 1)]));
    n.store(StoreMode::Late);
    for number in 1..=9 {
        n.send(late, publish("t", "x").qos(1).id(number));
    }
    n.settle();
    n.stored();
    (1..=9).for_each(|id| n.expect(late, puback(id)));
    n.disconnect(late);
    n.expect_closed(late);
    n.advance(Duration::from_secs(16));
    assert!(n.is_closed(idle), "keep alive is over");
    assert!(n.stats().keep_alive_timeouts > 0);
    n.store(StoreMode::AtOnce);
    let last = n.connect(connect("last").v5().session_expiry(60));
    n.subscribed(last, [("t", 1)]);
    n.store(StoreMode::Fails);
    n.send(last, publish("t", "x").qos(1).id(1));
    n.settle();
    n.shutdown();
    n.advance(Duration::from_secs(5));
    let file = n.end_recording().expect("it is recorded");
    assert_eq!(kinds(&file), (1..=16).collect::<Vec<u8>>());
    let mut replay = Replay::new();
    let mut reader = FileReader::new();
    reader.push(&file);
    while let Some(block) = reader.next_block().expect("it is whole") {
        if let BlockKind::Records(shard) = block.kind {
            replay.feed(shard, &block.bytes, &mut |_, _, _| {}).expect("it is as recorded");
        }
    }
    for shard in 0..2 {
        let replayed = replay.shards().find(|(id, _)| *id == ShardId(shard)).expect("the shard").1;
        assert!(replayed.ended());
        assert_eq!(replayed.broker().stats(), n.stats_of(ShardId(shard)));
    }
}
