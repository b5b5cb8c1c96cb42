//! Bytes from clients: cut into packets, handed to the chapter that each belongs to, held back when it has to be.

use core::mem;

use bytes::Bytes;

use super::Broker;
use crate::connection::Phase;
use crate::event::{CloseReason, Limit};
use crate::id::ConnId;
use crate::packet::{Ack, Frame, Packet, PacketType, Publish, ReasonCode, Version, Violation, peek_size, split};
use crate::peer::PeerLink;
use crate::time::Instant;

/// Input from this size on that is little else than one message is given to it, and not copied.
const LENT_BYTES_MIN: usize = 64 * 1024;
/// Packets in which the next topics are looked for.
pub(super) const AHEAD_PACKETS_MAX: usize = 32;

/// Whether a part of so many bytes is worth keeping the whole input for.
fn is_large(part: usize, input: &[u8]) -> bool {
    input.len() >= LENT_BYTES_MIN && part > input.len() / 8 * 7
}

/// What a connection's packets led to.
enum Step {
    /// The packet was handled.
    Handled,
    /// It has to wait; it stays in the input.
    Wait,
}

/// Answers that may wait until something has left for another shard before SUBSCRIBE and UNSUBSCRIBE are not handled any more.
const GATED_MAX: usize = 1_024;
/// A longer topic is not remembered as that of the last PUBLISH.
pub(super) const KNOWN_BYTES_MAX: usize = 1_024;

impl Broker {
    /// Bytes arrived on a connection. They are read where they lie, and only what has to wait is copied.
    pub fn handle_receive(&mut self, now: Instant, conn: ConnId, bytes: &[u8]) {
        self.advance(now);
        if let Some(recorder) = &mut self.recorder {
            recorder.receive(self.clients.now, conn, bytes);
        }
        if self.clients.index_of(conn).is_some() {
            self.clients.stats.bytes_received += bytes.len() as u64;
        }
        self.receive(conn, bytes);
    }

    /// Looks at bytes that have arrived, here or at the shard that handed the connection over. A packet that had come in part
    /// is made whole and handled first: what comes behind it is read where it lies.
    pub(super) fn receive(&mut self, conn: ConnId, bytes: &[u8]) {
        self.begin_share();
        let Some(index) = self.clients.index_of(conn) else { return };
        let state = &self.clients.conns[index];
        let missing = state.needed.saturating_sub(state.input.len());
        if missing == 0 || missing > bytes.len() || state.waiting || state.held || state.phase == Phase::Closing {
            return self.receive_at(index, conn, bytes);
        }
        let (end, behind) = bytes.split_at(missing);
        self.append_input(index, end);
        self.serve_input(conn);
        if let Some(index) = self.clients.index_of(conn) {
            self.receive_at(index, conn, behind);
        }
    }

    /// Another connection's packets are handled from here on.
    fn begin_share(&mut self) {
        self.end_batches();
        self.clients.begin_share();
    }

    #[inline]
    fn receive_at(&mut self, index: u32, conn: ConnId, bytes: &[u8]) {
        let state = &mut self.clients.conns[index];
        if state.phase == Phase::Closing {
            // A connection that has been handed over takes along what comes before the runtime knows.
            if let Some(handoff) = self.clients.out.handoff.iter_mut().find(|handoff| handoff.conn == conn) {
                handoff.moved.received.extend_from_slice(bytes);
            }
            return;
        }
        if state.input.is_empty() && !state.waiting && !state.held {
            let used = self.process(index, bytes);
            self.keep_rest(conn, &bytes[used..]);
        } else {
            self.append_input(index, bytes);
            let state = &self.clients.conns[index];
            // A piece of a packet is not looked at again before the packet can be whole.
            if !state.waiting && !state.held && state.input.len() >= state.needed {
                self.serve_input(conn);
            }
        }
        if let Some(index) = self.clients.index_of(conn) {
            self.clients.update_reading(index);
        }
    }

    /// The buffer grows by doubling, but not beyond the packet that it is for.
    fn append_input(&mut self, index: u32, bytes: &[u8]) {
        let state = &mut self.clients.conns[index];
        if state.input.capacity() == 0 {
            state.input = self.clients.pool.take();
        }
        let len = state.input.len() + bytes.len();
        if len > state.input.capacity() && len <= state.needed {
            state.input.reserve_exact((2 * len).min(state.needed) - state.input.len());
        }
        state.input.extend_from_slice(bytes);
    }

    fn keep_rest(&mut self, conn: ConnId, rest: &[u8]) {
        let Some(index) = self.clients.index_of(conn) else { return };
        if self.clients.conns[index].phase == Phase::Closing || rest.is_empty() {
            return;
        }
        self.append_input(index, rest);
        self.clients.conns[index].needed = peek_size(rest).unwrap_or(0);
    }

    /// Handles what waits in the input of a connection, as its share of a turn.
    pub(super) fn serve(&mut self, conn: ConnId) {
        self.begin_share();
        self.serve_input(conn);
    }

    fn serve_input(&mut self, conn: ConnId) {
        let Some(index) = self.clients.index_of(conn) else { return };
        let mut input = mem::take(&mut self.clients.conns[index].input);
        self.clients.conns[index].needed = 0;
        if is_large(peek_size(&input).unwrap_or(0), &input) {
            let lent = Bytes::from(input);
            self.lent = lent.clone();
            let used = self.process(index, &lent);
            self.lent = Bytes::new();
            self.keep_rest(conn, &lent[used..]);
        } else {
            let used = self.process(index, &input);
            let Some(index) = self.clients.index_of(conn) else { return self.clients.pool.put(input) };
            if used == input.len() || self.clients.conns[index].phase == Phase::Closing {
                self.clients.pool.put(input);
            } else {
                input.drain(..used);
                let state = &mut self.clients.conns[index];
                state.needed = peek_size(&input).unwrap_or(0);
                state.input = input;
            }
        }
        let Some(index) = self.clients.index_of(conn) else { return };
        self.close_drained(index, false);
        self.clients.update_reading(index);
    }

    /// The payload as a part of the input, if that is lent and little else is in it.
    pub(super) fn lent(&self, payload: &[u8]) -> Option<Bytes> {
        is_large(payload.len(), &self.lent).then(|| self.lent.slice_ref(payload))
    }

    /// Handles the packets at the front of `bytes` and says how many bytes they were.
    fn process(&mut self, index: u32, bytes: &[u8]) -> usize {
        let generation = self.clients.conns.generation(index);
        let packets_max = self.clients.config.limits.packets_per_turn;
        let deliveries_max = self.clients.config.limits.deliveries_per_turn;
        let mut used = 0;
        while used < bytes.len() {
            let Some(conn) = self.clients.conns.current_mut(index, generation) else { return bytes.len() };
            match conn.phase {
                Phase::Closing => return bytes.len(),
                Phase::Authenticating => break,
                Phase::Connected if conn.resumes || (conn.refused.is_some() && !conn.drains) => break,
                Phase::Handshake | Phase::Challenged | Phase::Connected => {}
            }
            let (phase, version) = (conn.phase, conn.version);
            match split(&bytes[used..], version, self.input_size_max(phase)) {
                Ok(None) => break,
                Ok(Some(_)) if self.clients.packets >= packets_max || self.clients.deliveries >= deliveries_max => {
                    self.clients.queue_work(index);
                    break;
                }
                Ok(Some(frame)) => {
                    self.clients.packets += 1;
                    match self.step(index, &frame, &bytes[used..]) {
                        Step::Handled => used += frame.size + mem::take(&mut self.clients.taken),
                        Step::Wait => break,
                    }
                }
                Err(violation) => {
                    self.violate(index, violation);
                    return bytes.len();
                }
            }
        }
        if self.clients.conns.is_current(index, generation) && self.clients.is_overrun(index) {
            self.close(index, Some(ReasonCode::QuotaExceeded), CloseReason::LimitReached(Limit::Output));
        }
        used
    }

    fn input_size_max(&self, phase: Phase) -> usize {
        let mqtt = &self.clients.config.mqtt;
        match phase {
            Phase::Handshake => mqtt.connect_bytes_max as usize,
            Phase::Authenticating | Phase::Challenged | Phase::Connected | Phase::Closing => {
                mqtt.packet_bytes_max as usize
            }
        }
    }

    fn step(&mut self, index: u32, frame: &Frame<'_>, rest: &[u8]) -> Step {
        self.clients.stats.packets_received += 1;
        self.clients.mark = self.clients.recorded;
        let conn = &mut self.clients.conns[index];
        conn.heard = self.clients.now;
        match conn.phase {
            Phase::Handshake => self.handle_first(index, frame, rest),
            Phase::Challenged => self.handle_challenged(index, frame),
            Phase::Connected => {
                let version = conn.version.expect("a connected client has a version");
                if conn.drains {
                    self.handle_draining(index, version, frame);
                    return Step::Handled;
                }
                return self.handle_connected(index, version, frame, rest);
            }
            Phase::Authenticating | Phase::Closing => {}
        }
        Step::Handled
    }

    /// The first packet has to be CONNECT (MQTT-3.1.0-1).
    fn handle_first(&mut self, index: u32, frame: &Frame<'_>, rest: &[u8]) {
        if frame.packet_type == PacketType::Connect {
            self.handle_connect(index, frame, rest);
        } else {
            self.violate(index, Violation::NotConnect);
        }
    }

    /// Between CONNECT and CONNACK only AUTH and DISCONNECT may come (MQTT-3.1.2-30).
    fn handle_challenged(&mut self, index: u32, frame: &Frame<'_>) {
        match Packet::decode(Version::V5, frame) {
            Ok(Packet::Auth(auth)) => self.handle_auth_packet(index, &auth),
            Ok(Packet::Disconnect(disconnect)) => {
                self.finish(index, CloseReason::ClientDisconnect(disconnect.code));
            }
            Ok(_) => self.violate(index, Violation::UnexpectedPacket),
            Err(violation) => self.violate(index, violation),
        }
    }

    fn handle_connected(&mut self, index: u32, version: Version, frame: &Frame<'_>, rest: &[u8]) -> Step {
        if self.must_hold(frame.packet_type, frame.flags) {
            self.hold(index);
            self.clients.stats.packets_received -= 1;
            return Step::Wait;
        }
        let handled = match frame.packet_type {
            // Most packets are these two, and this way they are not moved through the enum of all.
            PacketType::Publish => self.receive_publish(index, version, frame, rest),
            PacketType::PubAck => {
                Ack::decode(frame.packet_type, version, frame.body).map(|puback| self.handle_puback(index, &puback))
            }
            // Whatever is in it: what is wrong with a first CONNECT has codes that DISCONNECT has not (MQTT-3.1.0-2).
            PacketType::Connect => Err(Violation::SecondConnect),
            _ => Packet::decode(version, frame).map(|packet| self.dispatch(index, &packet)),
        };
        if let Err(violation) = handled {
            self.violate(index, violation);
        }
        Step::Handled
    }

    /// Tells the router to which topics the packets at the front of `bytes` are published.
    #[cold]
    fn look_ahead(&mut self, version: Version, mut bytes: &[u8]) {
        let size_max = self.input_size_max(Phase::Connected);
        let frames = core::iter::from_fn(|| {
            let frame = split(bytes, Some(version), size_max).ok()??;
            bytes = &bytes[frame.size..];
            Some(frame)
        });
        let publishes = frames.take(AHEAD_PACKETS_MAX).filter(|frame| frame.packet_type == PacketType::Publish);
        // One that has an alias instead is not looked up.
        let topics = publishes.filter_map(|frame| Publish::peek_topic(frame.body)).filter(|topic| !topic.is_empty());
        self.router.look_ahead(topics, true);
    }

    /// A PUBLISH. Its topic is not checked again when the last one had the same.
    fn receive_publish(
        &mut self,
        index: u32,
        version: Version,
        frame: &Frame<'_>,
        rest: &[u8],
    ) -> Result<(), Violation> {
        if self.router.wants_ahead() && frame.size < rest.len() {
            self.look_ahead(version, rest);
        }
        // What came with a longer Remaining Length than it needs is not sent on as it is.
        let size = if frame.is_shortest() { frame.size } else { 0 };
        let mut known = core::mem::take(&mut self.known_topic);
        let handled = if !known.is_empty() && Publish::has_topic(frame.body, &known) {
            self.router.expect_same();
            Publish::decode_known(version, frame.flags, frame.body, &known)
                .map(|publish| self.handle_publish(index, &publish, rest, size))
        } else {
            Publish::decode(version, frame.flags, frame.body).map(|publish| {
                self.handle_publish(index, &publish, rest, size);
                if publish.topic.len() <= KNOWN_BYTES_MAX {
                    known.clear();
                    known.push_str(publish.topic);
                }
            })
        };
        self.known_topic = known;
        handled
    }

    /// What a refused client acknowledges is taken, and what it wants beyond that is not: it is closed without an answer.
    fn handle_draining(&mut self, index: u32, version: Version, frame: &Frame<'_>) {
        let is_taken = matches!(
            frame.packet_type,
            PacketType::PubAck
                | PacketType::PubRec
                | PacketType::PubRel
                | PacketType::PubComp
                | PacketType::PingReq
                | PacketType::Disconnect
        );
        if is_taken {
            match Packet::decode(version, frame) {
                Ok(packet) => self.dispatch(index, &packet),
                Err(violation) => self.violate(index, violation),
            }
        }
    }

    fn dispatch(&mut self, index: u32, packet: &Packet<'_>) {
        match packet {
            Packet::Publish(publish) => self.handle_publish(index, publish, &[], 0),
            Packet::PubAck(ack) => self.handle_puback(index, ack),
            Packet::PubRec(ack) => self.handle_pubrec(index, ack),
            Packet::PubRel(ack) => self.handle_pubrel(index, ack),
            Packet::PubComp(ack) => self.handle_pubcomp(index, ack),
            Packet::Subscribe(subscribe) => self.handle_subscribe(index, subscribe),
            Packet::Unsubscribe(unsubscribe) => self.handle_unsubscribe(index, unsubscribe),
            Packet::PingReq => {
                self.clients.write(index, |_, out| out.extend_from_slice(&[0xD0, 0]));
            }
            Packet::Disconnect(disconnect) => self.handle_disconnect(index, disconnect),
            Packet::Auth(auth) => self.handle_auth_packet(index, auth),
            Packet::Connect(_) => self.violate(index, Violation::SecondConnect),
            Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => {
                self.violate(index, Violation::UnexpectedPacket);
            }
        }
    }

    /// Whether a packet of this type and with these flags has to wait, because what it leads to has no room.
    #[inline]
    fn must_hold(&self, packet_type: PacketType, flags: u8) -> bool {
        match packet_type {
            PacketType::Publish => self.must_hold_publish(flags),
            PacketType::Subscribe | PacketType::Unsubscribe => self.must_hold_subscribe(),
            _ => false,
        }
    }

    /// Else what another shard is told, and the answers that wait until that has left, would be without bound.
    fn must_hold_subscribe(&self) -> bool {
        let is_full = |peer: &PeerLink| peer.is_blocked() && (self.gate.len() >= GATED_MAX || peer.is_over());
        self.peers.iter().any(is_full)
    }

    #[inline]
    fn must_hold_publish(&self, flags: u8) -> bool {
        let limits = &self.clients.config.limits;
        if self.peers_full {
            return true;
        }
        let qos = flags >> 1 & 3;
        qos > 0
            && (self.clients.held_bytes() >= limits.message_bytes_max
                || self.clients.unstored_bytes > limits.store_bytes_max as usize)
    }

    /// Stops reading a client until [`Broker::run`] finds that there is room again.
    fn hold(&mut self, index: u32) {
        let id = self.clients.conn_id(index);
        self.clients.conns[index].held = true;
        self.held.push(id);
    }

    /// Whether there are clients that were held back and need not be any more.
    pub(super) fn can_release_held(&self) -> bool {
        !self.held.is_empty() && !self.must_hold_publish(0b0010) && !self.must_hold_subscribe()
    }

    /// Lets the clients go on that were held back.
    pub(super) fn release_held(&mut self) {
        // What may not go on is not let go on to be held again.
        if !self.can_release_held() {
            return;
        }
        for conn in core::mem::take(&mut self.held) {
            if let Some(index) = self.clients.index_of(conn) {
                self.clients.conns[index].held = false;
                self.clients.queue_work(index);
            }
        }
    }

    /// The client broke the protocol: it is told why, where its version allows, and closed (MQTT-4.13.1-1).
    pub(super) fn violate(&mut self, index: u32, violation: Violation) {
        self.clients.stats.violations += 1;
        self.close(index, Some(violation.reason_code()), CloseReason::Violation(violation));
    }
}
