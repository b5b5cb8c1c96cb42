//! The output against a naive one, and what it keeps and gives back of memory.

extern crate std;

use super::*;
use crate::id::LogPosition;
use crate::message::NewMessage;
use crate::packet::QoS;
use proptest::collection::vec;
use proptest::prelude::*;

fn message(messages: &mut Messages, payload: &[u8]) -> MessageId {
    messages.insert(NewMessage {
        topic: "t",
        properties: b"",
        payload,
        joined: None,
        owner: crate::message::Owner::Own,
        shared: None,
        qos: QoS::AtMostOnce,
        retain: false,
        expires: None,
        position: LogPosition(0),
    })
}

/// An output, and what it has to write.
#[derive(Default)]
struct Pair {
    output: Output,
    pool: BufferPool,
    expected: Vec<u8>,
    /// How many of these were there when it was drained.
    drained: usize,
    released: Vec<MessageId>,
}

impl Pair {
    fn push(&mut self, bytes: &[u8]) {
        self.output.buffer(&mut self.pool).extend_from_slice(bytes);
        self.expected.extend_from_slice(bytes);
    }

    fn push_shared(&mut self, messages: &Messages, message: MessageId) {
        let payload = messages.get(message).payload();
        self.output.push_shared(message, payload.len());
        self.expected.extend_from_slice(payload);
    }

    fn consume(&mut self, count: usize) {
        self.output.consume(count, &mut self.pool, |message| self.released.push(message));
        self.expected.drain(..count);
        self.drained = self.drained.saturating_sub(count);
    }

    fn drain(&mut self) {
        self.output.drain();
        self.drained = self.expected.len();
    }
}

#[derive(Clone, Debug)]
enum Step {
    Bytes(usize),
    Shared(usize),
    Consume(usize),
    Drain,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop_oneof![1..20usize, 1..10_000usize].prop_map(Step::Bytes),
        1 => (1..3_000usize).prop_map(Step::Shared),
        3 => prop_oneof![1..100usize, 1..12_000usize, Just(usize::MAX)].prop_map(Step::Consume),
        1 => Just(Step::Drain),
    ]
}

proptest! {
    #[test]
    fn agrees_with_a_vector(steps in vec(step(), 1..80)) {
        let mut messages = Messages::new();
        let mut pair = Pair::default();
        let mut pushed = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            let bytes = |size: usize| (0..size).map(|at| (at * 7 + number) as u8).collect::<Vec<_>>();
            match step {
                Step::Bytes(size) => pair.push(&bytes(size)),
                Step::Shared(size) => {
                    let message = message(&mut messages, &bytes(size));
                    pushed.push(message);
                    pair.push_shared(&messages, message);
                }
                Step::Consume(count) => pair.consume(count.min(pair.expected.len())),
                Step::Drain => pair.drain(),
            }
            prop_assert_eq!(pair.output.fresh(), pair.expected.len() - pair.drained);
            let slices: Vec<_> = pair.output.slices(&messages).collect();
            prop_assert!(slices.iter().all(|slice| !slice.is_empty()));
            prop_assert_eq!(slices.concat(), &pair.expected[..]);
            prop_assert_eq!((pair.output.len(), pair.output.is_empty()), (pair.expected.len(), pair.expected.is_empty()));
            // Of what was written no more is kept than is left, or a piece.
            prop_assert!(pair.output.written < 4096 || pair.output.written <= pair.output.bytes.len() / 2);
            // One without output owns no buffer.
            prop_assert!(pair.output.bytes.capacity() == 0 || !pair.output.is_empty());
            // Messages are given up in order.
            prop_assert!(pushed.starts_with(&pair.released));
        }
        pair.consume(pair.expected.len());
        pair.output.clear(&mut pair.pool, |message| pair.released.push(message));
        prop_assert_eq!(pair.released, pushed);
    }
}

#[test]
fn slices_are_whole_pieces() {
    let mut messages = Messages::new();
    let mut pair = Pair::default();
    let (one, two) = (message(&mut messages, b"one"), message(&mut messages, b"two"));
    pair.push(b"ab");
    pair.push_shared(&messages, one);
    pair.push_shared(&messages, two);
    pair.push(b"cd");
    assert!(pair.output.slices(&messages).eq([&b"ab"[..], b"one", b"two", b"cd"]));
    pair.consume(3);
    assert!(pair.output.slices(&messages).eq([&b"ne"[..], b"two", b"cd"]));
}

#[test]
fn what_goes_on_being_written_is_given_up_from_4_kib_and_half_on() {
    let mut pair = Pair::default();
    pair.push(&[1; 8192]);
    pair.consume(4096);
    assert_eq!((pair.output.written, pair.output.bytes.len()), (4096, 8192), "a half is not yet more than the rest");
    pair.consume(1);
    assert_eq!((pair.output.written, pair.output.bytes.len()), (0, 4095));
    pair.consume(4094);
    assert_eq!(pair.output.written, 4094, "less than 4 KiB is not worth it");
    pair.push(&[2; 4095]);
    pair.consume(2);
    assert_eq!(pair.output.written, 0, "4096 is");
}

#[test]
fn many_names_give_their_memory_back() {
    let mut messages = Messages::new();
    let one = message(&mut messages, b"one");
    for (count, kept) in [(64, true), (65, false)] {
        let mut pair = Pair::default();
        (0..count).for_each(|_| pair.push_shared(&messages, one));
        pair.consume(3 * count);
        assert_eq!(pair.output.shared.capacity() > 0, kept, "{count}");
    }
}

#[test]
fn a_large_buffer_grows_evenly() {
    let mut pool = BufferPool::default();
    let mut output = Output::default();
    let mut grown = 0;
    while output.bytes.len() < 1024 * 1024 {
        let before = output.bytes.capacity();
        output.buffer(&mut pool).extend_from_slice(&[0; 1000]);
        let capacity = output.bytes.capacity();
        grown += usize::from(capacity > before);
        assert!(capacity <= output.bytes.len() + (64 * 1024).max(EVEN_BYTES), "{capacity} for {}", output.bytes.len());
    }
    // Twice as much until 64 KiB or more; then by 40 KiB, as soon as less than half of that is left.
    assert!((40..=60).contains(&grown), "{grown}");
}

#[test]
fn a_payload_is_shared_from_its_size_on() {
    for (size, fan_out) in [(1024, true), (16 * 1024, false)] {
        assert!(is_shared(size, fan_out));
        assert!(!is_shared(size - 1, fan_out));
    }
}

#[test]
fn the_pool_lends_what_it_was_given_empty() {
    let mut pool = BufferPool::default();
    assert_eq!(pool.take().capacity(), 0);
    let mut buffer = Vec::with_capacity(BufferPool::BUFFER_BYTES_MAX);
    buffer.push(1);
    let place = buffer.as_ptr();
    pool.put(buffer);
    assert_eq!(pool.bytes, BufferPool::BUFFER_BYTES_MAX);
    pool.put(Vec::new());
    pool.put(Vec::with_capacity(BufferPool::BUFFER_BYTES_MAX + 1));
    assert_eq!(pool.buffers.len(), 1, "nothing is worth nothing, and too much is too much");
    let buffer = pool.take();
    assert_eq!((buffer.as_ptr(), buffer.len(), pool.bytes), (place, 0, 0));
}

#[test]
fn the_pool_is_bounded() {
    let mut pool = BufferPool::default();
    let most = BufferPool::BYTES_MAX / BufferPool::BUFFER_BYTES_MAX;
    for count in 1..=most + 2 {
        pool.put(Vec::with_capacity(BufferPool::BUFFER_BYTES_MAX));
        assert_eq!(pool.buffers.len(), count.min(most));
    }
    assert_eq!(pool.bytes, BufferPool::BYTES_MAX);
}

#[test]
fn what_is_given_up_goes_back() {
    let mut messages = Messages::new();
    let one = message(&mut messages, b"one");
    let mut pair = Pair::default();
    pair.push(b"ab");
    pair.push_shared(&messages, one);
    pair.output.clear(&mut pair.pool, |message| pair.released.push(message));
    assert_eq!((pair.output.len(), pair.released, pair.pool.buffers.len()), (0, Vec::from([one]), 1));
}
