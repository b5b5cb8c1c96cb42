//! Runs: a publisher in a hurry writes many PUBLISH packets to one topic in one piece.
//!
//! Packets at QoS 0 that lie one behind the other and differ in nothing but their payloads are checked and routed once, and
//! go as one piece of bytes to every receiver that gets them as they came, or as all receivers of the other version do. To a
//! receiver that needs more, such as an alias, a place in a queue or a decision whether there is room, they go one by one.
//! Everybody is sent and every counter counts what it would if the packets had come one by one.

use super::Broker;
use super::clients::Clients;
use super::deliver::{Arrival, Target};
use super::encode::{Content, Head, Received};
use super::route::{Scratch, deliver_targets, target_of};
use crate::connection::is_shared;
use crate::packet::varint::{read_varint, varint_len};
use crate::peer::{PeerBatch, PeerRun};
use crate::session::NO_CONNECTION;
use crate::topic::FilterId;

/// Bytes of a run at most. An output's buffer that grows evenly has room for so many at any time, also where each packet is
/// somewhat longer in the other version; and what waits for another shard comes no further beyond its bound by a run than by
/// one message of that size.
const RUN_BYTES_MAX: usize = 16 * 1024;

const _: () = assert!(RUN_BYTES_MAX <= u16::MAX as usize, "what another shard is told of a run");
const _: () = assert!(RUN_BYTES_MAX <= PeerBatch::SHARED_BYTES_MIN, "a payload that shards share is in no run");

/// The first byte of a PUBLISH at QoS 0 that is not retained.
const FIRST_BYTE: u8 = 0x30;

/// How far a run reaches; nothing when a packet is alone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    /// Its bytes, from the first packet on.
    bytes: u32,
    packets: u32,
    /// Bytes between the fixed header and the payload, which are the same in each.
    head: u32,
    /// Bytes of the largest payload.
    largest: u32,
}

/// Two or more PUBLISH packets at QoS 0 that differ in nothing but their payloads, and may go on as they are: one behind the
/// other, each with its Remaining Length in the shortest form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<'a> {
    bytes: &'a [u8],
    extent: Extent,
}

/// Where a run has to end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    packets_max: u32,
    /// No packet may be larger.
    packet_bytes_max: usize,
    /// Whether several deliveries are to be expected, which large payloads are shared by.
    fan_out: bool,
}

/// Where the packet in front has its variable header, and where it ends.
#[inline]
fn measure(bytes: &[u8]) -> Option<(usize, usize)> {
    let (length, length_size) = read_varint(bytes.get(1..)?, false).ok()??;
    Some((1 + length_size, 1 + length_size + length as usize))
}

/// Whether the packet at `first` begins like the one in front of it, which has a payload of `payload` bytes: a quick look, which
/// is all that most publishers of many topics pay for runs.
#[inline]
pub(super) fn is_alike(rest: &[u8], first: usize, payload: usize) -> bool {
    // Packets with a longer Remaining Length are larger than a run.
    let header = |length: u8| if length < 0x80 { 2 } else { 3 };
    let [FIRST_BYTE, length, ..] = rest[first..] else { return false };
    let head = rest.get(header(rest[1])..first - payload);
    let at = first + header(length);
    head.is_some_and(|head| rest.get(at..at + head.len()) == Some(head))
}

impl Extent {
    /// Of the run at the front of `rest`. Its first packet is of `first` bytes with its payload of `payload`.
    pub(super) fn find(rest: &[u8], first: usize, payload: usize, bounds: Bounds) -> Self {
        let Some((at, _)) = measure(rest) else { return Self::default() };
        if is_shared(payload, bounds.fan_out) {
            return Self::default();
        }
        let (begin, head) = (&rest[..first - payload], &rest[at..first - payload]);
        let bytes_max = rest.len().min(RUN_BYTES_MAX);
        let (mut end, mut packets, mut largest) = (first, 1, payload);
        while packets < bounds.packets_max {
            // Most often they are of one length, and then they begin alike to the last byte.
            if end + first <= bytes_max && rest[end..end + begin.len()] == *begin {
                packets += 1;
                end += first;
                continue;
            }
            let Some((at, size)) = measure(&rest[end..]) else { break };
            let payload_at = at + head.len();
            let is_next = rest[end] == FIRST_BYTE
                && size <= bounds.packet_bytes_max
                && end + size <= bytes_max
                && payload_at <= size
                && varint_len((size - at) as u32) + 1 == at
                && rest[end + at..end + payload_at] == *head
                && !is_shared(size - payload_at, bounds.fan_out);
            if !is_next {
                break;
            }
            largest = largest.max(size - payload_at);
            packets += 1;
            end += size;
        }
        if packets == 1 {
            return Self::default();
        }
        Self { bytes: end as u32, packets, head: head.len() as u32, largest: largest as u32 }
    }

    /// What another shard is told of it.
    pub(super) fn known(self) -> PeerRun {
        PeerRun { packets: self.packets as u16, largest: self.largest as u16 }
    }

    /// Of the run that these bytes are, as another shard knows it. The payload of the first packet begins at `payload_at`.
    pub(super) fn of_known(run: PeerRun, bytes: &[u8], payload_at: usize) -> Self {
        if run.packets == 0 {
            return Self::default();
        }
        let at = measure(bytes).map_or(0, |(at, _)| at);
        Self {
            bytes: bytes.len() as u32,
            packets: run.packets.into(),
            head: (payload_at - at) as u32,
            largest: run.largest.into(),
        }
    }

    /// Bytes from the first packet on; 0 when it is alone.
    pub(super) fn bytes(self) -> usize {
        self.bytes as usize
    }

    #[inline]
    pub(super) fn is_run(self) -> bool {
        self.packets > 1
    }

    #[inline]
    pub(super) fn of(self, rest: &[u8]) -> Option<Run<'_>> {
        self.is_run().then(|| Run { bytes: &rest[..self.bytes as usize], extent: self })
    }
}

impl<'a> Run<'a> {
    /// Each packet with its payload.
    pub(super) fn packets(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let (mut rest, head) = (self.bytes, self.extent.head as usize);
        core::iter::from_fn(move || {
            let (at, size) = measure(rest)?;
            let (packet, behind) = rest.split_at_checked(size)?;
            rest = behind;
            Some((packet, packet.get(at + head..)?))
        })
    }
}

impl<'a> Arrival<'a> {
    /// Whether it stands for several messages.
    #[inline]
    pub(super) fn is_run(&self) -> bool {
        self.received.as_ref().is_some_and(Received::is_run)
    }

    /// How many messages it stands for.
    #[inline]
    pub(super) fn messages(&self) -> u32 {
        self.run().map_or(1, |run| run.extent.packets)
    }

    fn run(&self) -> Option<Run<'a>> {
        self.received.as_ref().and_then(Received::run)
    }

    /// Whether it is likely that what came behind it goes with it.
    #[inline]
    pub(super) fn may_extend(&self) -> bool {
        !self.retain && self.received.as_ref().is_some_and(|received| received.may_extend(self.payload.len()))
    }
}

impl Broker {
    /// Looks for packets behind the one that is being routed, which go with it from here on. It is known where they go to, and
    /// that no shared group is among that, for which each message would have to be looked at.
    pub(super) fn begin_run(&mut self, arrival: &mut Arrival<'_>, scratch: &Scratch) {
        let Some(received) = &mut arrival.received else { return };
        let (limits, first) = (&self.clients.config.limits, received.size());
        let filters = scratch.filters();
        let receivers: usize = filters.iter().map(|&filter| self.router.subscriptions(filter).len()).sum();
        // What each message counts as, or somewhat more: then the turn's share ends where it would.
        let merging = if filters.len() > 1 { filters.len() + receivers } else { 0 };
        let deliveries = Clients::deliveries_of_steps(merging).saturating_add(receivers as u32).max(1);
        let deliveries_left = limits.deliveries_per_turn.saturating_sub(self.clients.deliveries);
        let packets_left = limits.packets_per_turn.saturating_sub(self.clients.packets);
        let bounds = Bounds {
            packets_max: deliveries_left.div_ceil(deliveries).min(packets_left + 1),
            packet_bytes_max: self.clients.config.mqtt.packet_bytes_max as usize,
            fan_out: receivers > 1,
        };
        received.extend(arrival.payload.len(), bounds);
        if let Some(run) = received.run() {
            let others = run.extent.packets - 1;
            self.clients.packets += others;
            self.clients.taken += run.bytes.len() - first;
            self.clients.stats.packets_received += u64::from(others);
            self.clients.stats.publishes_received += u64::from(others);
        }
    }

    /// Serves the ordinary subscriptions of the only filter that matches. Whether there were any is the answer.
    pub(super) fn deliver_run(&mut self, filter: FilterId, arrival: &Arrival<'_>, scratch: &mut Scratch) -> bool {
        scratch.targets.clear();
        scratch.identifiers.clear();
        let subscriptions = self.router.subscriptions(filter);
        for subscription in subscriptions {
            if subscription.no_local() && subscription.session == arrival.publisher {
                continue;
            }
            let target = target_of(subscription, arrival, None);
            if !self.clients.append_run(arrival, &target) {
                scratch.targets.push(target);
            }
        }
        let interested = !subscriptions.is_empty();
        self.deliver_singly(arrival, scratch);
        interested
    }

    /// Serves the targets that were gathered.
    pub(super) fn deliver_run_overlapping(&mut self, arrival: &Arrival<'_>, scratch: &mut Scratch) {
        for target in &mut scratch.targets {
            if self.clients.append_run(arrival, target) {
                target.set_served();
            }
        }
        self.deliver_singly(arrival, scratch);
    }

    /// Delivers the packets one by one to the targets that are not served.
    fn deliver_singly(&mut self, arrival: &Arrival<'_>, scratch: &mut Scratch) {
        if scratch.targets.iter().all(Target::is_served) {
            return;
        }
        let Some(run) = arrival.run() else { return };
        for (packet, payload) in run.packets() {
            let mut single = arrival.single(packet, payload);
            self.clients.images.clear();
            deliver_targets(&mut self.clients, &mut single, scratch);
            if let Some(message) = single.message.take() {
                self.clients.release(message);
            }
        }
    }
}

impl Clients {
    /// Appends a run to the output of a receiver. `false`: nothing was done, its packets have to be delivered one by one.
    fn append_run(&mut self, arrival: &Arrival<'_>, target: &Target) -> bool {
        let Some(received) = &arrival.received else { return false };
        let Some(run) = received.run() else { return false };
        let Extent { packets, largest, .. } = run.extent;
        let session = &self.sessions[target.session];
        if session.connection == NO_CONNECTION || session.queue.has_qos0() || !target.identifiers.is_none() {
            return false;
        }
        let (index, conn) = (session.connection, &mut self.conns[session.connection]);
        if conn.resumes || conn.aliases_out.is_some() || is_shared(largest as usize, arrival.fan_out) {
            return false;
        }
        let (head, content) = (Head::plain(conn.is_v5()), arrival.content());
        // Sizes are asked for, and any payload of that many bytes has the same.
        let largest = Content { payload: &run.bytes[..largest as usize], ..content };
        let bytes = if received.is_like(&head) { run.bytes } else { self.images.of_run(&head, &content, &run) };
        if conn.output.len() + bytes.len() > self.config.limits.output_bytes_max as usize
            || (conn.packet_bytes_max < u32::MAX && head.packet_size(&largest) > conn.packet_bytes_max as usize)
        {
            return false;
        }
        conn.output.buffer(&mut self.pool).extend_from_slice(bytes);
        self.deliveries += packets;
        self.stats.packets_sent += u64::from(packets);
        self.stats.publishes_sent += u64::from(packets);
        self.mark_message(index);
        true
    }
}

#[cfg(test)]
mod tests;
