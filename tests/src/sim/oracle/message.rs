//! Application Messages: who sent which when, and what was said of it.

use weirmq_core::Instant;

use super::Book;
use super::matching::TOPICS;

#[derive(Clone, Debug)]
pub(in crate::sim) struct Message {
    pub(in crate::sim) publisher: usize,
    pub(in crate::sim) topic: &'static str,
    pub(in crate::sim) qos: u8,
    pub(in crate::sim) retain: bool,
    pub(in crate::sim) will: bool,
    pub(in crate::sim) payload: Vec<u8>,
    pub(in crate::sim) expiry_s: u32,
    /// When it was sent, repetitions included; of a will, when it was published.
    pub(in crate::sim) sent: Vec<u64>,
    /// When its publisher learnt that it was taken over.
    pub(in crate::sim) acknowledged: Option<(u64, Instant)>,
    pub(in crate::sim) refused: bool,
}

impl Message {
    /// The tick at which it was first sent.
    pub(in crate::sim) fn first_sent(&self) -> u64 {
        self.sent.first().copied().unwrap_or(u64::MAX)
    }
}

impl Book {
    /// How often a message may arrive at one subscriber: at QoS 1 once for each time it was sent.
    ///
    /// At QoS 2 it is once, with two known exceptions: where several shards refuse what has no room, one may have delivered
    /// what another refuses, and the publisher sends it again; so it may what was delivered and could not be stored.
    pub(in crate::sim) fn copies_max(&self, message: &Message) -> u64 {
        let partly_refused = self.options.queue_full == 0 && self.options.shards > 1;
        match message.qos {
            0 => 1,
            2 if !partly_refused && !self.store_failed => 1,
            _ => message.sent.len() as u64,
        }
    }

    /// A new message; its payload names it. `bytes` of `None` is the empty payload, which names nothing.
    pub(in crate::sim) fn message(
        &mut self,
        publisher: usize,
        topic: u64,
        qos: u64,
        retain: bool,
        bytes: Option<u64>,
    ) -> usize {
        let number = self.messages.len();
        let payload = bytes.map_or_else(Vec::new, |bytes| {
            let mut payload = format!("{number}:").into_bytes();
            payload.resize(payload.len().max(bytes as usize), b'x');
            payload
        });
        self.messages.push(Message {
            publisher,
            topic: TOPICS[topic as usize % TOPICS.len()],
            qos: (qos % 3) as u8,
            retain,
            will: false,
            payload,
            expiry_s: 0,
            sent: Vec::new(),
            acknowledged: None,
            refused: false,
        });
        number
    }

    /// The number of the message with this payload.
    pub(in crate::sim) fn message_of(&self, payload: &[u8]) -> Option<usize> {
        let end = payload.iter().position(|&byte| byte == b':')?;
        let number: usize = std::str::from_utf8(&payload[..end]).ok()?.parse().ok()?;
        (number < self.messages.len()).then_some(number)
    }

    /// It was sent, once more perhaps.
    pub(in crate::sim) fn sent(&mut self, message: usize) {
        let tick = self.tick();
        self.messages[message].sent.push(tick);
    }

    /// Its publisher was told that it was taken over, or that it was not.
    pub(in crate::sim) fn acknowledged(&mut self, message: usize, code: u8, now: Instant) {
        let tick = self.tick();
        let message = &mut self.messages[message];
        if code >= 0x80 {
            message.refused = true;
        } else {
            message.acknowledged.get_or_insert((tick, now));
        }
    }
}
