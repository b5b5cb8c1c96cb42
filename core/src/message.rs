//! The Application Messages that one broker holds, each of them once.
//!
//! A message may wait for thousands of subscribers, be retained and be in flight at the same time. All of these name it
//! by a [`MessageId`] and count as one reference each; the message goes with its last reference. The counts are plain
//! numbers: messages never leave their broker, another one gets a copy, or names the same bytes.
//!
//! A message is stored as the bytes that every onward PUBLISH contains: topic, properties and payload, in one buffer
//! that is used again for later messages. What every shard has to keep is in a buffer that they share. This module does not know who refers to a message or why.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::ops::Deref;

use bytes::Bytes;

use crate::id::LogPosition;
use crate::packet::QoS;
use crate::time::Instant;

/// The smallest buffer, as a power of two: a short topic and a number.
const CLASS_FIRST: u32 = 6;
/// The largest buffer that is kept for later messages: 64 KiB.
const CLASS_LAST: u32 = 16;
const CLASSES: usize = (CLASS_LAST - CLASS_FIRST + 1) as usize;
/// Bytes of all buffers kept for later messages.
const POOL_BYTES_MAX: usize = 8 * 1024 * 1024;
/// An empty slab with room for more records than this gives its memory back. They are 1 MiB, less than what is kept
/// of buffers: a slab that fills and becomes empty at every turn is not to allocate each time.
const RECORDS_KEPT: usize = 16_384;

/// Places for shared payloads that are kept, which are 32 KiB.
const PLACES_KEPT: usize = 1_024;

/// A message of this broker, as long as somebody holds a reference to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MessageId(u32);

impl MessageId {
    /// The place in the slab: dense, from 0, used again after the message has gone.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    /// The message at this place, for owners that keep plain numbers.
    pub(crate) const fn from_index(index: u32) -> Self {
        Self(index)
    }
}

/// What [`Messages::insert`] makes a message of.
#[derive(Clone, Debug)]
pub(crate) struct NewMessage<'a> {
    /// The Topic Name, at most 65535 bytes (1.5.4); a Topic Alias is already replaced.
    pub(crate) topic: &'a str,
    /// The properties that are forwarded, in wire form and without their length. Not among them are those that are
    /// another's for each receiver: Message Expiry Interval, Topic Alias and Subscription Identifier.
    pub(crate) properties: &'a [u8],
    pub(crate) payload: &'a [u8],
    /// Topic, properties and payload again, if they lie one behind the other but for so many bytes behind the topic: then one
    /// copy is made and not three.
    pub(crate) joined: Option<(&'a [u8], u8)>,
    /// The payload again, when other shards hold it too: then it is not copied.
    pub(crate) shared: Option<Bytes>,
    /// Whose the bytes are.
    pub(crate) owner: Owner,
    /// The QoS of the PUBLISH that brought it.
    pub(crate) qos: QoS,
    /// The RETAIN flag of the PUBLISH that brought it.
    pub(crate) retain: bool,
    /// When its Message Expiry Interval ends: the time of arrival and the interval. `None`: never.
    pub(crate) expires: Option<Instant>,
    /// Where it is in the log; 0 when it is not.
    pub(crate) position: LogPosition,
}

/// Who holds the bytes of a new message.
#[derive(Clone, Debug, Default)]
pub(crate) enum Owner {
    /// This shard alone.
    #[default]
    Own,
    /// This shard, and all others will.
    Everyone,
    /// Another shard has them already.
    Other(SharedBody),
}

/// The bytes of a message that several shards hold, and what is where among them.
#[derive(Clone, Debug)]
pub(crate) struct SharedBody {
    bytes: Arc<[u8]>,
    topic_len: u16,
    gap: u8,
    properties_len: u32,
}

impl SharedBody {
    fn properties_at(&self) -> usize {
        usize::from(self.topic_len) + usize::from(self.gap)
    }

    pub(crate) fn properties(&self) -> &[u8] {
        let start = self.properties_at();
        &self.bytes[start..start + self.properties_len as usize]
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.bytes[self.properties_at() + self.properties_len as usize..]
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// The bytes of a message.
#[derive(Debug)]
enum Body {
    /// In a buffer that is used again.
    Own(Vec<u8>),
    Shared(Arc<[u8]>),
}

impl Default for Body {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl Deref for Body {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

/// One Application Message. It is one cache line, for with many in flight each of them is one that has gone from the cache.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Message {
    /// Topic, a gap, properties and, unless it is shared, payload.
    bytes: Body,
    /// The payload, when other shards hold it too.
    shared: Option<Box<Bytes>>,
    /// The QoS of the PUBLISH that brought it.
    pub(crate) qos: QoS,
    /// The RETAIN flag of the PUBLISH that brought it.
    pub(crate) retain: bool,
    topic_len: u16,
    /// Bytes behind the topic that mean nothing.
    gap: u8,
    properties_len: u32,
    references: u32,
    /// Whether it has a Message Expiry Interval, and when that ends.
    does_expire: bool,
    deadline: Instant,
    /// Where it is in the log; 0 when it is not.
    pub(crate) position: LogPosition,
}

const _: () = assert!(size_of::<Message>() == 64, "a message beside its bytes");

impl Message {
    /// The Topic Name, checked when the message came.
    pub(crate) fn topic(&self) -> &str {
        core::str::from_utf8(self.topic_bytes()).expect("the topic was a str when it was inserted")
    }

    /// The Topic Name without the cost of another check.
    pub(crate) fn topic_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.topic_len)]
    }

    /// The properties that every receiver gets, in wire form, without their length.
    pub(crate) fn properties(&self) -> &[u8] {
        let start = self.properties_at();
        &self.bytes[start..start + self.properties_len as usize]
    }

    fn properties_at(&self) -> usize {
        usize::from(self.topic_len) + usize::from(self.gap)
    }

    /// The Payload.
    pub(crate) fn payload(&self) -> &[u8] {
        match &self.shared {
            Some(payload) => payload,
            None => &self.bytes[self.properties_at() + self.properties_len as usize..],
        }
    }

    /// Topic, properties and payload, one behind the other.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of topic, properties and payload together.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() - usize::from(self.gap) + self.shared.as_ref().map_or(0, |shared| shared.len())
    }

    /// When its Message Expiry Interval ends; `None`: never.
    #[inline]
    pub(crate) fn expires(&self) -> Option<Instant> {
        self.does_expire.then_some(self.deadline)
    }

    /// Whether more than one owner holds it.
    pub(crate) fn is_shared(&self) -> bool {
        self.references > 1
    }

    /// How many references there are, at least 1.
    #[cfg(test)]
    pub(crate) fn references(&self) -> u32 {
        self.references
    }

    /// Whether the Message Expiry Interval has passed, so that no delivery may begin any more ([MQTT-3.3.2-5]).
    ///
    /// True from the deadline on, so that a timer armed for the deadline finds the message expired.
    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        self.expires().is_some_and(|deadline| deadline <= now)
    }

    /// The Message Expiry Interval to forward, in seconds: the one received minus the whole seconds that the message has
    /// waited ([MQTT-3.3.2-6]). `None` when it had none.
    ///
    /// The time left is rounded up, which is the same number: `interval - floor(waited) = ceil(interval - waited)`. It is
    /// 0 for an expired message, which is still sent when its QoS 2 exchange had begun.
    pub(crate) fn remaining_expiry_s(&self, now: Instant) -> Option<u32> {
        self.expires().map(|deadline| seconds_left(deadline, now))
    }
}

/// The seconds from now until then, rounded up.
pub(crate) fn seconds_left(deadline: Instant, now: Instant) -> u32 {
    let left = deadline.saturating_since(now);
    u32::try_from(left.as_secs() + u64::from(left.subsec_nanos() > 0)).unwrap_or(u32::MAX)
}

/// The messages of one broker.
#[derive(Debug)]
pub(crate) struct Messages {
    records: Vec<Message>,
    /// Records that are not in use.
    free: Vec<u32>,
    /// Empty buffers by class: those of class `n` have room for `1 << (CLASS_FIRST + n)` bytes.
    pool: [Vec<Vec<u8>>; CLASSES],
    pool_bytes: usize,
    bytes_held: u64,
    /// Places for shared payloads, empty.
    #[expect(clippy::vec_box, reason = "the boxes are what is kept")]
    places: Vec<Box<Bytes>>,
}

impl Messages {
    /// No messages; allocates nothing.
    pub(crate) fn new() -> Self {
        Self {
            records: Vec::new(),
            free: Vec::new(),
            pool: [const { Vec::new() }; CLASSES],
            pool_bytes: 0,
            bytes_held: 0,
            places: Vec::new(),
        }
    }

    /// Messages held.
    pub(crate) fn len(&self) -> usize {
        self.records.len() - self.free.len()
    }

    /// Bytes of memory of all messages held: their buffers and their records. The pool, which is bounded by
    /// 8 MiB, is not counted.
    pub(crate) fn bytes_held(&self) -> u64 {
        self.bytes_held
    }

    /// Copies a message into the slab. The caller has the one reference to it.
    pub(crate) fn insert(&mut self, new: NewMessage<'_>) -> MessageId {
        let topic_len = u16::try_from(new.topic.len()).expect("a UTF-8 Encoded String has at most 65535 bytes");
        let properties_len = u32::try_from(new.properties.len()).expect("a packet has less than 256 MiB");
        let (bytes, gap) = self.body(&new);
        let shared = new.shared.map(|payload| self.place(payload));
        self.bytes_held += cost(&bytes, &shared);
        if let Some(index) = self.free.pop() {
            // Field by field: a whole one would be put together elsewhere first.
            let message = &mut self.records[index as usize];
            message.bytes = bytes;
            message.shared = shared;
            message.qos = new.qos;
            message.retain = new.retain;
            message.topic_len = topic_len;
            message.gap = gap;
            message.properties_len = properties_len;
            message.references = 1;
            message.does_expire = new.expires.is_some();
            message.deadline = new.expires.unwrap_or(Instant::MAX);
            message.position = new.position;
            return MessageId(index);
        }
        let message = Message {
            bytes,
            shared,
            qos: new.qos,
            retain: new.retain,
            topic_len,
            gap,
            properties_len,
            references: 1,
            does_expire: new.expires.is_some(),
            deadline: new.expires.unwrap_or(Instant::MAX),
            position: new.position,
        };
        let index = u32::try_from(self.records.len()).expect("memory is full before there are u32::MAX messages");
        self.records.push(message);
        MessageId(index)
    }

    /// The bytes of a new message, and those behind its topic that mean nothing.
    #[inline]
    fn body(&mut self, new: &NewMessage<'_>) -> (Body, u8) {
        match (&new.owner, new.joined, &new.shared) {
            (Owner::Other(body), ..) => (Body::Shared(body.bytes.clone()), body.gap),
            (Owner::Everyone, Some((joined, gap)), None) => (Body::Shared(joined.into()), gap),
            (Owner::Own, Some((joined, gap)), None) => {
                debug_assert!(joined.starts_with(new.topic.as_bytes()) && joined.ends_with(new.payload));
                let mut bytes = self.buffer(joined.len());
                bytes.extend_from_slice(joined);
                (Body::Own(bytes), gap)
            }
            (owner, _, shared) => {
                let copied = if shared.is_some() { &[][..] } else { new.payload };
                let mut bytes = self.buffer(new.topic.len() + new.properties.len() + copied.len());
                bytes.extend_from_slice(new.topic.as_bytes());
                bytes.extend_from_slice(new.properties);
                bytes.extend_from_slice(copied);
                if matches!(owner, Owner::Own) {
                    return (Body::Own(bytes), 0);
                }
                let body = Body::Shared(bytes.as_slice().into());
                self.recycle(bytes);
                (body, 0)
            }
        }
    }

    /// The bytes of a message for other shards, if they are such as can be shared.
    pub(crate) fn shared_body(&self, id: MessageId) -> Option<SharedBody> {
        let message = self.get(id);
        let Body::Shared(bytes) = &message.bytes else { return None };
        let &Message { topic_len, gap, properties_len, .. } = message;
        Some(SharedBody { bytes: bytes.clone(), topic_len, gap, properties_len })
    }

    /// The message, to which the caller has a reference.
    pub(crate) fn get(&self, id: MessageId) -> &Message {
        let message = self.records.get(id.index()).expect("a message that is referred to exists");
        assert!(message.references > 0, "a message that is referred to has not been released");
        message
    }

    /// Tells where in the log a message has come to be.
    pub(crate) fn set_position(&mut self, id: MessageId, position: LogPosition) {
        self.held(id).position = position;
    }

    /// One more reference.
    pub(crate) fn share(&mut self, id: MessageId) {
        let message = self.held(id);
        message.references = message.references.checked_add(1).expect("memory is full before u32::MAX references");
    }

    /// One reference less. True when it was the last, and the message has gone.
    pub(crate) fn release(&mut self, id: MessageId) -> bool {
        let message = self.held(id);
        message.references -= 1;
        if message.references > 0 {
            return false;
        }
        let bytes = mem::take(&mut message.bytes);
        let shared = message.shared.take();
        self.bytes_held -= cost(&bytes, &shared);
        if let Body::Own(bytes) = bytes {
            self.recycle(bytes);
        }
        if let Some(mut place) = shared
            && self.places.len() < PLACES_KEPT
        {
            *place = Bytes::new();
            self.places.push(place);
        }
        self.free.push(id.0);
        if self.free.len() == self.records.len() && self.records.len() > RECORDS_KEPT {
            self.records = Vec::new();
            self.free = Vec::new();
        }
        true
    }

    fn held(&mut self, id: MessageId) -> &mut Message {
        let message = self.records.get_mut(id.index()).expect("a message that is referred to exists");
        assert!(message.references > 0, "a message that is referred to has not been released");
        message
    }

    /// A place for a shared payload.
    fn place(&mut self, payload: Bytes) -> Box<Bytes> {
        let mut place = self.places.pop().unwrap_or_default();
        *place = payload;
        place
    }

    /// An empty buffer with room for `size` bytes.
    ///
    /// Small ones come in classes, so that a used one always fits and is at most half empty.
    fn buffer(&mut self, size: usize) -> Vec<u8> {
        let Some(class) = class_of(size) else {
            return Vec::with_capacity(size);
        };
        let Some(buffer) = self.pool[class].pop() else {
            return Vec::with_capacity(1 << (CLASS_FIRST as usize + class));
        };
        self.pool_bytes -= buffer.capacity();
        buffer
    }

    /// Keeps a small buffer for a later message, unless there are enough.
    fn recycle(&mut self, mut bytes: Vec<u8>) {
        let Some(class) = class_of(bytes.capacity()) else {
            return;
        };
        let size = 1 << (CLASS_FIRST as usize + class);
        if bytes.capacity() == size && self.pool_bytes + size <= POOL_BYTES_MAX {
            bytes.clear();
            self.pool_bytes += size;
            self.pool[class].push(bytes);
        }
    }
}

/// What a message with these bytes costs in memory. What several shards hold counts in each of them.
fn cost(bytes: &Body, shared: &Option<Box<Bytes>>) -> u64 {
    let beside = match bytes {
        Body::Own(bytes) => bytes.capacity(),
        Body::Shared(bytes) => bytes.len(),
    };
    (beside + shared.as_ref().map_or(0, |shared| shared.len()) + size_of::<Message>()) as u64
}

/// The class of buffers for `size` bytes; `None` for more than the largest holds.
fn class_of(size: usize) -> Option<usize> {
    let bits = usize::BITS - size.saturating_sub(1).leading_zeros();
    (bits <= CLASS_LAST).then(|| bits.saturating_sub(CLASS_FIRST) as usize)
}

#[cfg(test)]
mod tests {
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
            let mut message = new("a/ä", body.properties(), body.payload());
            message.owner = Owner::Other(body.clone());
            let copy = other.insert(message);
            assert_eq!(own.get(id).bytes().as_ptr(), other.get(copy).bytes().as_ptr());
            own.release(id);
            let copy = other.get(copy);
            assert_eq!((copy.topic(), copy.properties(), copy.payload()), ("a/ä", &b"\x01\x01"[..], &b"payload"[..]));
            assert_eq!(copy.size(), 13);
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
        for (size, class) in
            [(0, Some(0)), (1, Some(0)), (64, Some(0)), (65, Some(1)), (4_096, Some(6)), (65_537, None)]
        {
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
}
