//! Subscribers that count what they receive by its length: where every delivery to one has the same length, bytes divided by
//! it are deliveries, exactly, and the kernel need not even copy them to the generator.
//!
//! Nothing tells when something has arrived. All subscribers are looked at every now and then instead, and what has come by
//! then is dropped in one call for each; so the generator costs little beside the broker, and may share its cores. Which
//! message it was, and whether it came in order, is not known.

use std::time::{Duration, Instant};

use weirmq_core::packet::varint::read_varint;

use super::Failure;
use super::net::Net;

/// What a delivery begins with: a PUBLISH with QoS 0, not retained and for the first time.
const PUBLISH: u8 = 0x30;
/// As many bytes as are looked at: the first and the longest length. No delivery is shorter.
const FRONT_BYTES: usize = 5;
/// The shortest and the longest time between two looks.
const PAUSES: (Duration, Duration) = (Duration::from_micros(50), Duration::from_millis(4));

/// One subscriber.
struct Receiver {
    /// The length of a delivery.
    packet_bytes: u64,
    /// What has come.
    bytes: u64,
    /// Deliveries that were given up, and do not count.
    skipped: u64,
}

impl Receiver {
    const fn deliveries(&self) -> u64 {
        self.bytes / self.packet_bytes
    }
}

/// What subscribers have received.
pub(crate) struct Discard {
    receivers: Vec<Receiver>,
    /// How many deliveries can be under way.
    window: u64,
    pause: Duration,
    due: Instant,
}

impl Discard {
    /// Nothing received yet. Each subscriber has a length of its own.
    pub(crate) fn new(packet_bytes: impl Iterator<Item = usize>, window: u64) -> Self {
        let receiver = |bytes: usize| Receiver { packet_bytes: bytes as u64, bytes: 0, skipped: 0 };
        let receivers = packet_bytes.map(receiver).collect();
        Self { receivers, window, pause: PAUSES.0, due: Instant::now() }
    }

    /// Whether it is time to look, after waiting for it if that is wanted.
    pub(crate) fn is_due(&self, wait: bool) -> bool {
        let rest = self.due.saturating_duration_since(Instant::now());
        if wait {
            std::thread::sleep(rest);
        }
        wait || rest.is_zero()
    }

    /// Looks at all subscribers, and tells of each that has more: its index, and the numbers of its first new delivery and of
    /// the one behind its last.
    pub(crate) fn look(&mut self, net: &mut Net, mut tell: impl FnMut(usize, u64, u64)) -> Result<(), Failure> {
        let mut sum = 0;
        for index in 0..self.receivers.len() {
            if self.receivers[index].bytes == 0 && !self.check_first(net, index)? {
                continue;
            }
            let receiver = &mut self.receivers[index];
            let before = receiver.deliveries();
            receiver.bytes += net.discard(index)?;
            let now = receiver.deliveries();
            if now != before {
                sum += now - before;
                tell(index, before + receiver.skipped, now + receiver.skipped);
            }
        }
        // A fourth to a half of what can be under way comes at a time: publishers never wait for a look, and looks are few.
        if sum > self.window / 2 {
            self.pause = (self.pause * 3 / 4).max(PAUSES.0);
        } else if sum < self.window / 4 {
            self.pause = (self.pause * 5 / 4).min(PAUSES.1);
        }
        self.due = Instant::now() + self.pause;
        Ok(())
    }

    /// Whether the first delivery has begun to come; fails if it is not what all deliveries have to be. It stays where it is.
    fn check_first(&self, net: &Net, index: usize) -> Result<bool, Failure> {
        let (expected, mut front) = (self.receivers[index].packet_bytes, [0; FRONT_BYTES]);
        if net.peek(index, &mut front)? < FRONT_BYTES {
            return Ok(false);
        }
        let [first, length @ ..] = front;
        match read_varint(&length, false) {
            Ok(Some((length, size))) if first == PUBLISH && 1 + size as u64 + u64::from(length) == expected => Ok(true),
            _ => Err(Failure::Broker(format!("it sent {front:02x?}… and not a PUBLISH of {expected} bytes"))),
        }
    }

    /// Gives up what has not come of the deliveries before number `next`.
    pub(crate) fn skip_to(&mut self, next: u64) {
        for receiver in &mut self.receivers {
            receiver.skipped = next.saturating_sub(receiver.deliveries());
        }
    }

    /// Fails if some subscriber has no whole number of packets; to be asked for when nothing more is to come.
    pub(crate) fn check_rest(&self) -> Result<(), Failure> {
        let broken = self.receivers.iter().find(|receiver| !receiver.bytes.is_multiple_of(receiver.packet_bytes));
        broken.map_or(Ok(()), |Receiver { packet_bytes, bytes, .. }| {
            Err(Failure::Broker(format!(
                "a subscriber got {bytes} bytes, which are no whole packets of {packet_bytes}"
            )))
        })
    }
}
