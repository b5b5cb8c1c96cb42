//! Messages from publishers to subscribers: sent as windows or a rate allow, counted, and checked for order.

use std::time::Instant;

use weirmq_core::packet::PacketType;

use super::Failure;
use super::discard::Discard;
use super::flow::{Publisher, Stream};
use super::histogram::Histogram;
use super::net::{Handler, Net};
use super::report::Counts;
use super::scan::{Heard, Stamp};

/// Who gets whose messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Each message has one receiver: the subscriber of the publisher's number, or the only one.
    Single,
    /// Every subscriber gets every message of the only publisher.
    FanOut,
    /// Some subscribers get some messages of each publisher.
    Matched,
}

/// Subscribers come first among the connections, publishers after them.
pub(crate) struct Traffic {
    pub(crate) shape: Shape,
    subscribers: usize,
    pub(crate) publishers: Vec<Publisher>,
    /// What was received last of each publisher by each subscriber; see [`Traffic::stream`].
    streams: Vec<Stream>,
    receivers: u32,
    /// Publishers that may have something to send.
    queue: Vec<usize>,
    /// Up to which sequence number publishers refill themselves.
    pub(crate) limit: u32,
    pub(crate) counts: Counts,
    /// Acknowledgements and deliveries: it grows as long as the broker does something.
    pub(crate) signs_of_life: u64,
    /// Of all deliveries, if anybody asks for it.
    pub(crate) latency: Option<Histogram>,
    /// When each of them was due, in ns since the run began, and how long it took, if anybody asks for that.
    pub(crate) samples: Option<Vec<(u64, u64)>>,
    /// If subscribers are not to look at what they receive.
    pub(crate) discard: Option<Discard>,
    /// Deliveries of which nobody knows the publisher, and that are not yet counted as somebody's.
    anybodys: u64,
    epoch: Instant,
    out: Vec<u8>,
}

impl Traffic {
    /// Nothing sent yet.
    pub(crate) fn new(shape: Shape, subscribers: usize, publishers: Vec<Publisher>, receivers: u32) -> Self {
        let streams = match shape {
            Shape::Single => publishers.len(),
            Shape::FanOut => subscribers,
            Shape::Matched => subscribers * publishers.len(),
        };
        Self {
            shape,
            subscribers,
            streams: vec![Stream::default(); streams],
            receivers,
            queue: Vec::with_capacity(publishers.len()),
            publishers,
            limit: 0,
            counts: Counts { late: Some(0), ..Counts::default() },
            signs_of_life: 0,
            latency: None,
            samples: None,
            discard: None,
            anybodys: 0,
            epoch: Instant::now(),
            out: Vec::new(),
        }
    }

    /// Time since the run began, in ns: what goes into the payload when latency is measured.
    pub(crate) fn clock_ns(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Whether anything is still to come back.
    pub(crate) fn is_waiting(&self) -> bool {
        self.publishers.iter().any(Publisher::is_waiting)
    }

    /// Lets every publisher send.
    pub(crate) fn queue_all(&mut self) {
        (0..self.publishers.len()).for_each(|index| self.enqueue(index));
    }

    pub(crate) fn enqueue(&mut self, publisher: usize) {
        if !std::mem::replace(&mut self.publishers[publisher].queued, true) {
            self.queue.push(publisher);
        }
    }

    /// Sends what publishers have to send, a write for each.
    pub(crate) fn pump(&mut self, net: &mut Net) -> Result<(), Failure> {
        let mut out = std::mem::take(&mut self.out);
        let mut queue = std::mem::take(&mut self.queue);
        for index in queue.drain(..) {
            let publisher = &mut self.publishers[index];
            publisher.queued = false;
            let link = self.subscribers + index;
            // It comes again when its output has drained.
            if net.is_blocked(link) {
                continue;
            }
            out.clear();
            out.append(&mut publisher.reply);
            let before = publisher.sent();
            let more = publisher.refill(self.limit, &mut out);
            self.counts.sent += u64::from(publisher.sent() - before);
            if !out.is_empty() {
                net.send(link, &out)?;
            }
            if more && !net.is_blocked(link) {
                self.enqueue(index);
            }
        }
        // What was queued anew is in the new list; the old one keeps its memory unless that is in use.
        if self.queue.is_empty() {
            self.queue = queue;
        }
        self.out = out;
        Ok(())
    }

    /// Whether some publisher could send more at once.
    pub(crate) const fn has_work(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Publishes one message now, whatever the windows say, with the time at which it was due.
    pub(crate) fn publish(&mut self, publisher: usize, due_ns: u64) {
        let sender = &mut self.publishers[publisher];
        let mut reply = std::mem::take(&mut sender.reply);
        sender.publish(due_ns, &mut reply);
        sender.reply = reply;
        self.counts.sent += 1;
        self.enqueue(publisher);
    }

    /// From now on subscribers do not look at what they receive.
    pub(crate) fn begin_discard(&mut self, net: &mut Net) -> Result<(), Failure> {
        // At QoS 0 a delivery is as long as the PUBLISH. A pair has a topic of its own, and so a length of its own.
        let publishers = &self.publishers;
        let lengths = (0..self.subscribers).map(|index| publishers[index % publishers.len()].packet_bytes());
        let window: u64 = publishers.iter().map(|publisher| u64::from(publisher.backlog())).sum();
        self.discard = Some(Discard::new(lengths, window * u64::from(self.receivers)));
        self.counts.late = None;
        net.mute(self.subscribers)
    }

    /// Counts what subscribers have received, if they do not look at it and it is time for that; `wait` is to wait for it.
    pub(crate) fn look(&mut self, net: &mut Net, wait: bool) -> Result<(), Failure> {
        let Some(mut discard) = self.discard.take_if(|discard| discard.is_due(wait)) else { return Ok(()) };
        discard.look(net, |subscriber, before, now| self.counted(subscriber, before, now))?;
        self.discard = Some(discard);
        self.share_out();
        Ok(())
    }

    /// A subscriber has got the deliveries from one number up to another.
    fn counted(&mut self, subscriber: usize, before: u64, now: u64) {
        self.signs_of_life += now - before;
        self.counts.delivered += now - before;
        let publisher = match self.shape {
            Shape::Single if self.subscribers == self.publishers.len() => subscriber,
            Shape::FanOut => 0,
            Shape::Single | Shape::Matched => {
                self.anybodys += now - before;
                return;
            }
        };
        let sender = &mut self.publishers[publisher];
        if self.shape == Shape::FanOut {
            (before..now).for_each(|sequence| sender.delivered(sequence as u32));
        } else {
            sender.all_delivered(now - before);
        }
        self.enqueue(publisher);
    }

    /// Counts deliveries that may be anybody's in equal parts as those of publishers that wait for some.
    fn share_out(&mut self) {
        let receivers = u64::from(self.receivers).max(1);
        let (mut left, mut found) = (self.anybodys / receivers, true);
        self.anybodys %= receivers;
        while left > 0 && found {
            found = false;
            let part = left.div_ceil(self.publishers.len() as u64);
            for index in 0..self.publishers.len() {
                let taken = self.publishers[index].all_delivered(part.min(left));
                if taken > 0 {
                    (left, found) = (left - taken, true);
                    self.enqueue(index);
                }
            }
        }
    }

    /// Gives up what has not come back, so that publishers can go on.
    pub(crate) fn give_up(&mut self) {
        for index in 0..self.publishers.len() {
            let sent = self.publishers[index].sent();
            self.publishers[index].give_up();
            if let (Some(discard), Shape::FanOut) = (&mut self.discard, self.shape) {
                discard.skip_to(u64::from(sent));
            }
            match self.shape {
                Shape::Single => self.streams[index].skip_to(sent),
                Shape::FanOut => self.streams.iter_mut().for_each(|stream| stream.skip_to(sent)),
                Shape::Matched => {
                    let publishers = self.publishers.len();
                    self.streams.iter_mut().skip(index).step_by(publishers).for_each(|stream| stream.skip_to(sent));
                }
            }
            self.enqueue(index);
        }
    }

    /// The counts with what follows from them; to be asked for when nothing more is to come.
    pub(crate) fn final_counts(&self) -> Counts {
        let mut counts = self.counts;
        let accepted = counts.sent.saturating_sub(counts.refused);
        counts.expected = accepted * u64::from(self.receivers);
        counts.lost = counts.expected.saturating_sub(counts.delivered + counts.late.unwrap_or(0));
        counts
    }

    /// Where a subscriber's progress with a publisher is kept.
    fn stream(&self, subscriber: usize, publisher: usize) -> usize {
        match self.shape {
            Shape::Single => publisher,
            Shape::FanOut => subscriber,
            Shape::Matched => subscriber * self.publishers.len() + publisher,
        }
    }

    #[inline]
    fn delivered(&mut self, subscriber: usize, stamp: Stamp) -> Result<(), Failure> {
        self.signs_of_life += 1;
        let publisher = stamp.publisher as usize;
        let stream = self.stream(subscriber, publisher);
        let Some(sender) = self.publishers.get_mut(publisher).filter(|sender| stamp.sequence < sender.sent()) else {
            return Err(Failure::Broker(String::from("it delivered a message that was never sent")));
        };
        let Some(skipped) = self.streams[stream].take(stamp.sequence) else {
            *self.counts.late.get_or_insert(0) += 1;
            return Ok(());
        };
        if self.shape != Shape::Matched {
            (stamp.sequence - skipped..stamp.sequence).for_each(|sequence| sender.delivered(sequence));
        }
        sender.delivered(stamp.sequence);
        self.counts.delivered += 1;
        if self.limit > 0 {
            self.enqueue(publisher);
        }
        if let Some(latency) = &mut self.latency {
            let now_ns = u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let taken_ns = now_ns.saturating_sub(stamp.sent_ns);
            latency.record(taken_ns);
            if let Some(samples) = &mut self.samples {
                samples.push((stamp.sent_ns, taken_ns));
            }
        }
        Ok(())
    }

    /// An acknowledgement for a publisher.
    fn acknowledged(&mut self, publisher: usize, packet_type: PacketType, packet_id: [u8; 2], code: u8) {
        self.signs_of_life += 1;
        let sender = &mut self.publishers[publisher];
        let refused = code >= 0x80;
        if packet_type == PacketType::PubRec && !refused {
            sender.reply.extend_from_slice(&[0x62, 2, packet_id[0], packet_id[1]]);
        } else {
            self.counts.refused += u64::from(refused);
            sender.acknowledged();
        }
        self.enqueue(publisher);
    }
}

impl Handler for Traffic {
    #[inline]
    fn heard(&mut self, link: usize, heard: Heard<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
        match (heard, link.checked_sub(self.subscribers)) {
            (Heard::Publish { qos, packet_id, stamp }, None) => {
                if let Some([high, low]) = packet_id {
                    out.extend_from_slice(&[if qos == 1 { 0x40 } else { 0x50 }, 2, high, low]);
                }
                self.delivered(link, stamp)
            }
            (Heard::Ack { packet_type: PacketType::PubRel, packet_id: [high, low], .. }, None) => {
                out.extend_from_slice(&[0x70, 2, high, low]);
                Ok(())
            }
            (Heard::Ack { packet_type, packet_id, code }, Some(publisher)) => {
                self.acknowledged(publisher, packet_type, packet_id, code);
                Ok(())
            }
            (heard, _) => Err(Failure::unexpected(&heard)),
        }
    }

    fn drained(&mut self, link: usize) {
        if let Some(publisher) = link.checked_sub(self.subscribers) {
            self.enqueue(publisher);
        }
    }
}
