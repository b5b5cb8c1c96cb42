extern crate std;

use super::*;
use core::time::Duration;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::string::String;

fn new<'a>(topic: &'a str, properties: &'a [u8], payload: &'a [u8]) -> NewMessage<'a> {
    NewMessage {
        topic,
        properties,
        payload,
        joined: None,
        shared: None,
        owner: Owner::Own,
        qos: QoS::AtLeastOnce,
        retain: true,
        expires: None,
        position: LogPosition(9),
    }
}

#[test]
fn a_message_is_what_was_inserted() {
    let mut messages = Messages::new();
    let id = messages.insert(new("a/ä", b"\x01\x01", b"payload"));
    messages.set_position(id, LogPosition(10));
    let message = messages.get(id);
    assert_eq!((message.topic(), message.topic_bytes()), ("a/ä", "a/ä".as_bytes()));
    assert_eq!((message.properties(), message.payload()), (&b"\x01\x01"[..], &b"payload"[..]));
    assert_eq!((message.bytes(), message.size()), ("a/ä\x01\x01payload".as_bytes(), 13));
    assert_eq!((message.qos, message.retain), (QoS::AtLeastOnce, true));
    assert_eq!((message.position, message.references()), (LogPosition(10), 1));
}

#[test]
fn what_lies_joined_is_the_same_message() {
    for (shared, kept) in [(None, 19), (Some(Bytes::from_static(b"payload")), 6)] {
        let mut messages = Messages::new();
        let mut message = new("a/ä", b"\x01\x01", b"payload");
        message.joined = Some(("a/ä......\x01\x01payload".as_bytes(), 6));
        message.shared = shared;
        let id = messages.insert(message);
        let message = messages.get(id);
        assert_eq!((message.topic(), message.properties()), ("a/ä", &b"\x01\x01"[..]));
        assert_eq!((message.payload(), message.size()), (&b"payload"[..], 13));
        assert_eq!(message.bytes().len(), kept, "the gap is not copied beside a shared payload");
    }
}

#[test]
fn what_all_shards_keep_is_there_once() {
    let (mut own, mut other) = (Messages::new(), Messages::new());
    for joined in [None, Some(("a/ä......\x01\x01payload".as_bytes(), 6))] {
        let mut message = new("a/ä", b"\x01\x01", b"payload");
        (message.joined, message.owner) = (joined, Owner::Everyone);
        let id = own.insert(message);
        let body = own.shared_body(id).expect("it is for everyone");
        assert_eq!((body.properties(), body.payload()), (&b"\x01\x01"[..], &b"payload"[..]));
        let copy = other.insert_shared(body, QoS::ExactlyOnce, Some(Instant::from_secs(7)));
        assert_eq!(own.get(id).bytes().as_ptr(), other.get(copy).bytes().as_ptr());
        own.release(id);
        let message = other.get(copy);
        assert_eq!(
            (message.topic(), message.properties(), message.payload()),
            ("a/ä", &b"\x01\x01"[..], &b"payload"[..])
        );
        assert_eq!((message.size(), message.qos, message.retain), (13, QoS::ExactlyOnce, true));
        assert_eq!(message.expires(), Some(Instant::from_secs(7)));
        other.release(copy);
        assert_eq!((other.len(), other.bytes_held()), (0, 0));
    }
    let id = own.insert(new("t", b"", b""));
    assert!(own.shared_body(id).is_none(), "most messages are of one shard");
}

#[test]
fn a_message_goes_with_its_last_reference() {
    let mut messages = Messages::new();
    let id = messages.insert(new("t", b"", b""));
    messages.share(id);
    assert!(!messages.release(id));
    assert!(messages.release(id));
    assert_eq!((messages.len(), messages.bytes_held()), (0, 0));
}

#[test]
#[should_panic(expected = "has not been released")]
fn a_released_message_cannot_be_read() {
    let mut messages = Messages::new();
    let id = messages.insert(new("t", b"", b""));
    messages.release(id);
    messages.get(id);
}

#[test]
fn small_buffers_are_used_again_and_large_ones_are_freed() {
    let mut messages = Messages::new();
    let first = messages.insert(new("t", b"", &[1; 100]));
    let buffer = messages.get(first).bytes().as_ptr();
    messages.release(first);
    let second = messages.insert(new("topic", b"", &[2; 120]));
    assert_eq!((messages.get(second).bytes().as_ptr(), messages.get(second).payload()), (buffer, &[2; 120][..]));
    let large = messages.insert(new("t", b"", &[3; 65_536]));
    messages.release(large);
    messages.release(second);
    assert_eq!(messages.pool.iter().map(Vec::len).collect::<Vec<_>>(), [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn the_pool_is_bounded_and_a_large_slab_gives_its_memory_back() {
    let mut messages = Messages::new();
    let small = RECORDS_KEPT + 1;
    for (count, size) in [(small, 10), (3_000, 60_000)] {
        let ids: Vec<_> = (0..count).map(|_| messages.insert(new("t", b"", &std::vec![0; size]))).collect();
        assert!(messages.bytes_held() >= (count * size) as u64);
        ids.into_iter().for_each(|id| assert!(messages.release(id)));
        assert_eq!((messages.len(), messages.bytes_held()), (0, 0));
        assert_eq!(messages.records.capacity() > 0, count < small, "{count} records");
    }
    // The small ones take 64 bytes each; the large ones have the rest.
    assert_eq!((messages.pool[0].len(), messages.pool[CLASSES - 1].len()), (small, 111));
    assert!(messages.pool_bytes <= POOL_BYTES_MAX);
}

#[test]
fn classes_cover_all_sizes_up_to_the_largest() {
    for (size, class) in [(0, Some(0)), (1, Some(0)), (64, Some(0)), (65, Some(1)), (4_096, Some(6)), (65_537, None)] {
        assert_eq!(class_of(size), class, "{size}");
    }
}

#[test]
fn the_expiry_interval_counts_down_by_whole_seconds_waited() {
    let arrival = Instant::from_micros(1_234_567);
    let mut messages = Messages::new();
    let mut message = new("t", b"", b"");
    message.expires = Some(arrival.saturating_add(Duration::from_secs(10)));
    let id = messages.insert(message);
    let after = |micros| arrival.saturating_add(Duration::from_micros(micros));
    for (waited, left) in [(0, 10), (1, 10), (999_999, 10), (1_000_000, 9), (9_999_999, 1), (10_000_000, 0)] {
        assert_eq!(messages.get(id).remaining_expiry_s(after(waited)), Some(left), "{waited}");
        assert_eq!(messages.get(id).is_expired(after(waited)), left == 0, "{waited}");
    }
    assert_eq!(messages.get(id).remaining_expiry_s(Instant::MAX), Some(0));
}

#[test]
fn a_message_without_an_interval_never_expires() {
    let mut messages = Messages::new();
    let id = messages.insert(new("t", b"", b""));
    assert!(!messages.get(id).is_expired(Instant::MAX));
    assert_eq!(messages.get(id).remaining_expiry_s(Instant::MAX), None);
}

#[derive(Clone, Debug)]
enum Step {
    Insert(String, usize, usize),
    Share(usize),
    Release(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let payload = prop_oneof![0..200usize, 0..10_000usize];
    prop_oneof![
        ("[a-zä/]{1,20}", 0..40usize, payload)
            .prop_map(|(topic, properties, payload)| { Step::Insert(topic, properties, payload) }),
        any::<usize>().prop_map(Step::Share),
        any::<usize>().prop_map(Step::Release),
    ]
}

proptest! {
    #[test]
    fn agrees_with_a_map(steps in vec(step(), 1..200)) {
        let mut messages = Messages::new();
        let mut model: BTreeMap<MessageId, (String, Vec<u8>, Vec<u8>, u32)> = BTreeMap::new();
        for (number, step) in steps.into_iter().enumerate() {
            let chosen = |choice: usize| model.keys().nth(choice % model.len().max(1)).copied();
            match step {
                Step::Insert(topic, properties, payload) => {
                    let properties = std::vec![number as u8; properties];
                    let payload = std::vec![!number as u8; payload];
                    let id = messages.insert(new(&topic, &properties, &payload));
                    prop_assert!(model.insert(id, (topic, properties, payload, 1)).is_none());
                }
                Step::Share(choice) => if let Some(id) = chosen(choice) {
                    messages.share(id);
                    model.get_mut(&id).expect("chosen").3 += 1;
                }
                Step::Release(choice) => if let Some(id) = chosen(choice) {
                    let references = &mut model.get_mut(&id).expect("chosen").3;
                    *references -= 1;
                    let last = *references == 0;
                    prop_assert_eq!(messages.release(id), last);
                    if last {
                        model.remove(&id);
                    }
                }
            }
            let sizes: usize = model.values().map(|(topic, properties, payload, _)| {
                topic.len() + properties.len() + payload.len() + size_of::<Message>()
            }).sum();
            prop_assert_eq!(messages.len(), model.len());
            prop_assert!(messages.bytes_held() >= sizes as u64);
            prop_assert!(messages.bytes_held() <= 2 * sizes as u64 + 64 * model.len() as u64);
        }
        for (&id, (topic, properties, payload, references)) in &model {
            let message = messages.get(id);
            prop_assert_eq!(message.topic(), topic);
            prop_assert_eq!(message.properties(), &properties[..]);
            prop_assert_eq!(message.payload(), &payload[..]);
            prop_assert_eq!(message.references(), *references);
        }
    }
}
