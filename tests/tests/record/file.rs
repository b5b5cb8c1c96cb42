//! A recording that is cut off, damaged or tampered with says so, and where; one that is stopped early is replayed so far.

use std::time::Duration;

use weirmq_core::Config;
use weirmq_core::record::file::{BlockKind, Ending, FileReader, write_end, write_header, write_records};
use weirmq_core::record::{RecordOptions, Replay};
use weirmq_core::{InflightState, ShardId};
use weirmq_tests::memory::Net;
use weirmq_tests::recording::{Recording, replay};
use weirmq_tests::wire::*;
use weirmq_tests::{Client, Talk, World};

/// A run of some seconds: a session with a bit of everything, a publisher.
fn story(shards: u16) -> Vec<u8> {
    let mut n = Net::new(Config { shards, ..Config::default() }).recorded(RecordOptions::default());
    let session = connect("session").v5().clean(false).session_expiry(3_600).will("will", b"gone", 1);
    let client = n.connect(session);
    n.subscribed(client, [("t/#", 2), ("$share/group/s", 1)]);
    let publisher: Client = n.connect(connect("publisher"));
    n.advance(Duration::from_secs(5));
    n.published(publisher, publish("t/1", "one").qos(1).id(1));
    n.published(publisher, publish("t/2", "two").qos(2).id(2));
    n.send(client, publish("elsewhere", "half").qos(2).id(77));
    n.advance(Duration::from_secs(5));
    n.reset(client);
    n.settle();
    n.recording().expect("it is recorded").file()
}

fn fails(file: &[u8]) -> String {
    replay(file, &mut Vec::new()).err().expect("the file is not as it was written")
}

#[test]
fn a_file_that_is_cut_off_says_where() {
    let file = story(2);
    assert!(replay(&file, &mut Vec::new()).is_ok());
    for cut in (0..file.len()).step_by(7) {
        let error = fails(&file[..cut]);
        let wanted = if cut < 24 { "this is no recording of weirmq" } else { "the recording is cut off" };
        assert!(error.starts_with(wanted), "cut at {cut}: {error}");
    }
}

#[test]
fn a_damaged_byte_is_found() {
    let file = story(2);
    for place in (0..file.len()).step_by(3).filter(|place| !(10..24).contains(place)) {
        let mut damaged = file.clone();
        damaged[place] ^= 0x10;
        fails(&damaged);
    }
}

/// Bytes that are changed together with their checksum are another run: its outputs are not those of the recording.
#[test]
fn another_input_has_other_outputs() {
    let file = story(1);
    let mut reader = FileReader::new();
    reader.push(&file);
    let mut other = Vec::new();
    write_header(0, &mut other);
    let mut changed = 0;
    while let Some(mut block) = reader.next_block().expect("it is whole") {
        let BlockKind::Records(shard) = block.kind else { continue };
        for place in 0..block.bytes.len().saturating_sub(3) {
            if &block.bytes[place..place + 3] == b"two" {
                block.bytes[place] = b'T';
                changed += 1;
            }
        }
        write_records(shard, &block.bytes, &mut other);
    }
    write_end(Ending::Complete, &mut other);
    assert_eq!(changed, 1);
    let error = fails(&other);
    assert!(error.contains("the outputs differ"), "{error}");
    assert!(error.contains("shard 0") && error.contains("at 5.0"), "{error}");
}

#[test]
fn the_state_of_a_client_is_shown_at_any_time() {
    for shards in 1..=3 {
        let file = story(shards);
        let at = |until: Duration| {
            let mut replay = Replay::new().until(until);
            let mut reader = FileReader::new();
            reader.push(&file);
            while let Some(block) = reader.next_block().expect("it is whole") {
                if let BlockKind::Records(shard) = block.kind {
                    replay.feed(shard, &block.bytes, &mut |_, _, _| {}).expect("it is as recorded");
                }
            }
            replay.inspect("session").map(|(_, view)| view)
        };
        let early = at(Duration::from_secs(1)).expect("a session");
        assert_eq!(early.connection.expect("connected").version, weirmq_core::packet::Version::V5);
        assert_eq!((early.inflight.len(), early.incoming.len(), early.expiry_s), (0, 0, 3_600));
        let mut filters: Vec<_> = early.subscriptions.iter().map(|s| (&*s.filter, s.qos as u8)).collect();
        filters.sort_unstable();
        assert_eq!(filters, [("$share/group/s", 1), ("t/#", 2)]);
        assert_eq!(early.will.as_ref().map(|will| (&*will.topic, will.payload_bytes)), Some(("will", 4)));
        let later = at(Duration::from_secs(6)).expect("a session");
        let awaits: Vec<_> = later.inflight.iter().map(|delivery| delivery.awaits).collect();
        assert_eq!(awaits, [InflightState::PubAck, InflightState::PubRec]);
        assert_eq!(later.incoming.iter().map(|id| id.get()).collect::<Vec<_>>(), [77]);
        let end = at(Duration::from_secs(100)).expect("a session");
        assert_eq!((end.connection, end.will), (None, None));
        assert_eq!(end.inflight.len(), 2);
    }
}

/// What a shard does when a panic or a full file ends its record: the rest is a recording all the same.
#[test]
fn a_recording_that_stops_early_is_replayed_so_far() {
    let file = story(1);
    let mut reader = FileReader::new();
    reader.push(&file);
    let short = Recording::new();
    for _ in 0..4 {
        let block = reader.next_block().expect("it is whole").expect("a block");
        assert_eq!(block.kind, BlockKind::Records(ShardId(0)));
        short.add(ShardId(0), &block.bytes);
    }
    let replay = replay(&short.file(), &mut Vec::new()).expect("it is as recorded");
    assert!(replay.shards().all(|(_, shard)| !shard.ended() && shard.compared() > 0));
}
