extern crate std;

use std::vec;

use super::*;

const BYTES_MAX: u32 = 1 << 20;
const MOST: usize = PeerBatch::WITH_MESSAGES_MAX as usize;

/// A message of so many bytes, and 1 for its topic.
fn add(link: &mut PeerLink, payload: usize) {
    let batch = link.batch();
    batch.push_content(b"t", b"", &vec![0; payload]);
    batch.push(PeerMessage::Refused { ticket: 0 });
}

/// Adds so many batches that are whole.
fn add_whole(link: &mut PeerLink, count: usize, spare: &mut SpareBatches) {
    for _ in 0..count {
        add(link, 99);
        assert!(link.is_whole(100) && !link.is_whole(101));
        link.end_batch(spare);
    }
}

fn drain(link: &mut PeerLink, spare: &mut SpareBatches) -> Vec<PeerBatch> {
    core::iter::from_fn(|| link.drain(false, spare)).collect()
}

fn numbers(batches: &[PeerBatch]) -> Vec<u64> {
    batches.iter().map(|batch| batch.number).collect()
}

#[test]
fn whole_batches_leave_in_order_and_what_came_last_behind_them() {
    let (mut link, mut spare) = (link(), SpareBatches::default());
    assert_eq!((link.last_number(), link.bytes(), link.is_idle()), (0, 0, true));
    add_whole(&mut link, 1, &mut spare);
    add(&mut link, 149);
    link.end_batch(&mut spare);
    assert_eq!((link.last_number(), link.left()), (2, 0));
    add(&mut link, 7);
    assert_eq!((link.last_number(), link.is_blocked(), link.is_idle()), (3, false, false));
    let bytes = link.bytes();
    let batches = drain(&mut link, &mut spare);
    assert_eq!(numbers(&batches), [1, 2, 3]);
    assert_eq!(batches.iter().map(|batch| batch.bytes.len()).collect::<Vec<_>>(), [100, 150, 8]);
    assert_eq!((link.last_number(), link.left(), link.bytes()), (3, 3, bytes));
    link.acknowledged(2);
    assert_eq!((link.handled(), link.bytes() > 0), (2, true));
    link.acknowledged(3);
    assert_eq!((link.bytes(), link.is_idle()), (0, true));
}

/// The last batch that may leave is one of those that may be under way, and what is behind it waits.
#[test]
fn there_are_only_so_many_under_way() {
    let (mut link, mut spare) = (link(), SpareBatches::default());
    add_whole(&mut link, MOST - 1, &mut spare);
    assert!(!link.is_full(), "what is added now leaves with the next drain");
    add_whole(&mut link, 1, &mut spare);
    assert!(link.is_full() && !link.is_blocked(), "all of it leaves, and nothing more would");
    add_whole(&mut link, 1, &mut spare);
    assert!(link.is_blocked() && link.wants_drain());
    let batches = drain(&mut link, &mut spare);
    assert_eq!(numbers(&batches), (1..=MOST as u64).collect::<Vec<_>>());
    assert!(!batches[MOST / 2 - 2].prompt && batches[MOST / 2 - 1].prompt, "half of them are under way");
    assert!(link.is_blocked() && !link.wants_drain());
    assert_eq!((link.left(), link.last_number()), (MOST as u64, MOST as u64 + 1));
    link.acknowledged(1);
    assert!(link.is_full() && !link.is_blocked());
    assert_eq!(numbers(&drain(&mut link, &mut spare)), [MOST as u64 + 1]);
}

#[test]
fn what_may_not_be_refused_counts_until_its_batch_is_acknowledged() {
    let limits = Limits { queue_full: QueueFull::Refuse, queue_messages_max: 8, ..Limits::default() };
    let allowance = Allowance::new(&limits, 2);
    let (mut link, mut spare) = (link(), SpareBatches::default());
    for _ in 0..2 {
        link.note_unasked();
        link.note_unasked();
        add_whole(&mut link, 1, &mut spare);
    }
    assert!(link.must_ask(allowance), "half a queue");
    drain(&mut link, &mut spare);
    link.acknowledged(1);
    assert!(!link.must_ask(allowance));
    link.note_unasked();
    link.note_unasked();
    assert!(link.must_ask(allowance));
    link.acknowledged(2);
    assert!(!link.must_ask(allowance));
}

/// What was only to be retained wakes the other shard once that turns out to have a subscriber, also where it has not left.
#[test]
fn what_is_quiet_wakes_a_shard_that_has_a_subscriber() {
    let (mut link, mut spare) = (link(), SpareBatches::default());
    add_whole(&mut link, MOST, &mut spare);
    drain(&mut link, &mut spare);
    for _ in 0..2 {
        link.note_quiet();
        add_whole(&mut link, 1, &mut spare);
    }
    link.note_subscriber();
    let wakes = drain(&mut link, &mut spare);
    assert_eq!((numbers(&wakes), wakes[0].wakes()), (vec![0], true));
    link.acknowledged(MOST as u64);
    let batches = drain(&mut link, &mut spare);
    assert_eq!(numbers(&batches), [MOST as u64 + 1, MOST as u64 + 2]);
    assert!(batches.iter().all(PeerBatch::wakes));
}

/// Who sends gets its batches back from who does not, all but a few.
#[test]
fn batches_come_back() {
    let [mut here, mut there] = [(); 2].map(|()| (link(), SpareBatches::default()));
    add_whole(&mut here.0, MOST, &mut here.1);
    for mut batch in drain(&mut here.0, &mut here.1) {
        there.0.received(batch.number, LogPosition(0), batch.prompt);
        there.0.recycle(&mut batch, &mut there.1);
    }
    there.0.stored(LogPosition(0));
    let [mut answer] = drain(&mut there.0, &mut there.1).try_into().expect("one acknowledges all");
    assert_eq!((answer.number, answer.handled, answer.spare.len()), (0, MOST as u64, MOST - 1 - KEPT_MAX as usize));
    here.0.recycle(&mut answer, &mut here.1);
    assert_eq!((here.0.owed, there.0.owed), (-KEPT_MAX, KEPT_MAX), "what is kept there is not made up for");
    let kept = core::iter::repeat_with(|| here.1.take()).take_while(|batch| batch.capacity_bytes() > 0);
    assert_eq!(kept.count(), MOST - KEPT_MAX as usize);
}

/// One to another shard of two.
fn link() -> PeerLink {
    of_shards(2, BYTES_MAX)
}

fn of_shards(shards: usize, peer_bytes_max: u32) -> PeerLink {
    PeerLink::new(&Limits { peer_bytes_max, ..Limits::default() }, shards)
}

#[test]
fn the_bytes_on_their_way_are_shared_by_all_other_shards_and_never_more_than_all() {
    const MIB: u32 = 1024 * 1024;
    let part = |all: u32, shards: usize| of_shards(shards, all).bytes_max as u32;
    assert_eq!([2, 3, 5, 17, 64].map(|shards| part(16 * MIB, shards)), [16, 8, 4, 1, 1].map(|part| part * MIB));
    assert_eq!([2, 3, 64].map(|shards| part(65_536, shards)), [65_536; 3]);
}

/// From half of its part on a shard is asked to acknowledge, or publishers would wait for what nobody tells.
#[test]
fn a_link_is_over_beyond_its_part_and_asks_from_half_of_it_on() {
    let (mut link, mut spare) = (of_shards(3, 2 * BYTES_MAX), SpareBatches::default());
    let mut prompt = Vec::new();
    for _ in 0..4 {
        assert!(!link.is_over());
        add(&mut link, BYTES_MAX as usize / 4);
        prompt.extend(drain(&mut link, &mut spare).iter().map(|batch| batch.prompt));
    }
    assert_eq!((prompt, link.is_over()), (vec![false, true, true, true], true), "a message has more than its payload");
    link.acknowledged(1);
    assert!(!link.is_over());
}
