//! The Application Messages that one broker holds, each of them once.
//!
//! A message may wait for thousands of subscribers, be retained and be in flight at the same time. All of these name it
//! by a [`MessageId`] and count as one reference each; the message goes with its last reference. The counts are plain
//! numbers: messages never leave their broker, another one gets a copy, or names the same bytes.
//!
//! A message is stored as the bytes that every onward PUBLISH contains: topic, properties and payload, in one buffer
//! that is used again for later messages. What every shard has to keep is in a buffer that they share. This module does not
//! know who refers to a message or why.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;

use crate::id::LogPosition;
use crate::packet::QoS;
use crate::time::Instant;
use body::Body;

mod body;

pub(crate) use body::{Owner, SharedBody};

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
        self.push(message)
    }

    /// Takes a message into the slab that is retained in another shard too. The caller has the one reference to it.
    pub(crate) fn insert_shared(&mut self, body: SharedBody, qos: QoS, expires: Option<Instant>) -> MessageId {
        let message = Message {
            bytes: Body::Shared(body.bytes),
            shared: None,
            qos,
            retain: true,
            topic_len: body.topic_len,
            gap: body.gap,
            properties_len: body.properties_len,
            references: 1,
            does_expire: expires.is_some(),
            deadline: expires.unwrap_or(Instant::MAX),
            position: LogPosition(0),
        };
        self.bytes_held += cost(&message.bytes, &None);
        match self.free.pop() {
            Some(index) => {
                self.records[index as usize] = message;
                MessageId(index)
            }
            None => self.push(message),
        }
    }

    fn push(&mut self, message: Message) -> MessageId {
        let index = u32::try_from(self.records.len()).expect("memory is full before there are u32::MAX messages");
        self.records.push(message);
        MessageId(index)
    }

    /// The bytes of a new message, and those behind its topic that mean nothing.
    #[inline]
    fn body(&mut self, new: &NewMessage<'_>) -> (Body, u8) {
        match (&new.owner, new.joined, &new.shared) {
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
mod tests;
