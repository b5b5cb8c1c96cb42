//! The floor: what the kernel and the bytes alone cost, for comparison with brokers that do their work.
//!
//! One thread, batched reads, one write for each connection and round. It answers CONNECT, SUBSCRIBE, PINGREQ and QoS 1, and
//! carries a PUBLISH to those who subscribed to exactly its topic. It has no sessions, no QoS 2, no retained messages,
//! no checks and no bounds: whoever writes without reading makes it grow. It is no broker to use.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(usize::MAX);
const READ_BYTES: usize = 64 * 1024;
/// More than this in an output is written at once instead of at the end of the round.
const OUTPUT_BYTES: usize = 128 * 1024;

struct Connection {
    stream: TcpStream,
    version: u8,
    partial: Vec<u8>,
    out: Vec<u8>,
    blocked: bool,
    queued: bool,
    next_id: u16,
}

/// Subscribers and their QoS by topic.
type Topics = HashMap<Vec<u8>, Vec<(usize, u8)>>;

struct Floor {
    poll: Poll,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    topics: Topics,
    buffer: Vec<u8>,
    /// Connections with output.
    dirty: Vec<usize>,
    more: Vec<usize>,
}

fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse::<u16>().ok());
    let port = port.ok_or_else(|| io::Error::other("usage: floor PORT"))?;
    let poll = Poll::new()?;
    let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)))?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut floor = Floor {
        poll,
        connections: Vec::new(),
        free: Vec::new(),
        topics: HashMap::new(),
        buffer: vec![0; READ_BYTES],
        dirty: Vec::new(),
        more: Vec::new(),
    };
    let mut events = Events::with_capacity(1_024);
    loop {
        let timeout = (!floor.more.is_empty()).then_some(std::time::Duration::ZERO);
        match floor.poll.poll(&mut events, timeout) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        for index in std::mem::take(&mut floor.more) {
            floor.read(index);
        }
        for event in &events {
            let index = event.token().0;
            if event.token() == LISTENER {
                floor.accept(&listener)?;
                continue;
            }
            if event.is_writable() {
                floor.unblock(index);
            }
            if event.is_readable() {
                floor.read(index);
            }
        }
        for index in std::mem::take(&mut floor.dirty) {
            floor.flush(index);
        }
    }
}

impl Floor {
    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        loop {
            let (mut stream, _) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let index = self.free.pop().unwrap_or(self.connections.len());
            self.poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
            let connection = Connection {
                stream,
                version: 4,
                partial: Vec::new(),
                out: Vec::new(),
                blocked: false,
                queued: false,
                next_id: 0,
            };
            match self.connections.get_mut(index) {
                Some(slot) => *slot = Some(connection),
                None => self.connections.push(Some(connection)),
            }
        }
    }

    fn unblock(&mut self, index: usize) {
        if let Some(Some(connection)) = self.connections.get_mut(index)
            && std::mem::take(&mut connection.blocked)
        {
            self.flush(index);
        }
    }

    fn read(&mut self, index: usize) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let Some(Some(connection)) = self.connections.get_mut(index) else {
            self.buffer = buffer;
            return;
        };
        let held = connection.partial.len();
        if buffer.len() < held + READ_BYTES {
            buffer.resize(held * 2 + READ_BYTES, 0);
        }
        buffer[..held].copy_from_slice(&connection.partial);
        let count = match connection.stream.read(&mut buffer[held..]) {
            Ok(0) => None,
            Ok(count) => Some(count),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Some(0),
            Err(_) => None,
        };
        let rest = count.and_then(|count| {
            if held + count == buffer.len() {
                self.more.push(index);
            }
            self.take_packets(index, &buffer[..held + count])
        });
        match (rest, &mut self.connections[index]) {
            (Some(rest), Some(connection)) => {
                connection.partial.clear();
                connection.partial.extend_from_slice(rest);
            }
            _ => self.close(index),
        }
        self.buffer = buffer;
    }

    fn close(&mut self, index: usize) {
        if self.connections[index].take().is_some() {
            self.topics.values_mut().for_each(|entries| entries.retain(|&(subscriber, _)| subscriber != index));
            self.free.push(index);
        }
    }

    /// Handles whole packets and answers with what is left; `None` for what makes no sense, and for DISCONNECT.
    fn take_packets<'a>(&mut self, index: usize, mut rest: &'a [u8]) -> Option<&'a [u8]> {
        loop {
            let (mut length, mut at) = (0, 1);
            loop {
                let Some(&byte) = rest.get(at) else { return Some(rest) };
                length |= usize::from(byte & 0x7f) << (7 * (at - 1));
                at += 1;
                if byte & 0x80 == 0 {
                    break;
                }
                if at == 5 {
                    return None;
                }
            }
            let Some(body) = rest.get(at..at + length) else { return Some(rest) };
            self.take_packet(index, rest[0], &rest[..at + length], body)?;
            rest = &rest[at + length..];
        }
    }

    fn take_packet(&mut self, index: usize, first: u8, packet: &[u8], body: &[u8]) -> Option<()> {
        match first >> 4 {
            1 => {
                let version = *body.get(6)?;
                self.connections[index].as_mut()?.version = version;
                self.send(index, if version == 5 { &[0x20, 3, 0, 0, 0] } else { &[0x20, 2, 0, 0] });
            }
            3 => self.publish(index, first >> 1 & 3, packet, body)?,
            8 => self.subscribe(index, body)?,
            12 => self.send(index, &[0xd0, 0]),
            14 => return None,
            // PUBACK ends a delivery of which nothing was kept.
            _ => {}
        }
        Some(())
    }

    fn publish(&mut self, index: usize, qos: u8, packet: &[u8], body: &[u8]) -> Option<()> {
        let topic_bytes = usize::from(u16::from_be_bytes(*body.first_chunk()?));
        let topic = body.get(2..2 + topic_bytes)?;
        if qos > 0 {
            let packet_id = body.get(2 + topic_bytes..4 + topic_bytes)?;
            self.send(index, &[0x40, 2, packet_id[0], packet_id[1]]);
        }
        let (start, id_at) = (packet.len() - body.len(), packet.len() - body.len() + 2 + topic_bytes);
        let topics = std::mem::take(&mut self.topics);
        for &(subscriber, granted) in topics.get(topic).map_or(&[][..], Vec::as_slice) {
            let Some(Some(connection)) = self.connections.get_mut(subscriber) else { continue };
            let at = connection.out.len();
            if granted.min(qos) > 0 {
                connection.out.extend_from_slice(packet);
                connection.next_id = connection.next_id.checked_add(1).unwrap_or(1);
                connection.out[at + id_at..at + id_at + 2].copy_from_slice(&connection.next_id.to_be_bytes());
            } else if qos == 0 {
                connection.out.extend_from_slice(packet);
            } else {
                connection.out.push(0x30);
                write_length(body.len() - 2, &mut connection.out);
                connection.out.extend_from_slice(&packet[start..id_at]);
                connection.out.extend_from_slice(&packet[id_at + 2..]);
            }
            let full = connection.out.len() > OUTPUT_BYTES;
            self.touch(subscriber, full);
        }
        self.topics = topics;
        Some(())
    }

    fn subscribe(&mut self, index: usize, body: &[u8]) -> Option<()> {
        let version = self.connections[index].as_ref()?.version;
        let (packet_id, mut rest) = body.split_first_chunk::<2>()?;
        let mut codes = Vec::new();
        if version == 5 {
            // Properties of a SUBSCRIBE are short here: their length is one byte.
            let (&length, after) = rest.split_first()?;
            rest = after.get(usize::from(length)..)?;
            codes.push(0);
        }
        while let Some((filter_bytes, after)) = rest.split_first_chunk() {
            let filter_bytes = usize::from(u16::from_be_bytes(*filter_bytes));
            let (filter, options) = (after.get(..filter_bytes)?, *after.get(filter_bytes)?);
            let qos = (options & 3).min(1);
            self.topics.entry(filter.to_vec()).or_default().push((index, qos));
            codes.push(qos);
            rest = &after[filter_bytes + 1..];
        }
        let mut answer = vec![0x90];
        write_length(2 + codes.len(), &mut answer);
        answer.extend_from_slice(packet_id);
        answer.append(&mut codes);
        self.send(index, &answer);
        Some(())
    }

    fn send(&mut self, index: usize, bytes: &[u8]) {
        if let Some(connection) = &mut self.connections[index] {
            connection.out.extend_from_slice(bytes);
            self.touch(index, false);
        }
    }

    fn touch(&mut self, index: usize, now: bool) {
        let Some(connection) = &mut self.connections[index] else { return };
        if !std::mem::replace(&mut connection.queued, true) {
            self.dirty.push(index);
        }
        if now {
            self.flush(index);
        }
    }

    fn flush(&mut self, index: usize) {
        let Some(Some(connection)) = self.connections.get_mut(index) else { return };
        connection.queued = false;
        let mut written = 0;
        while written < connection.out.len() && !connection.blocked {
            match connection.stream.write(&connection.out[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A failure other than a full socket shows at the next read.
                Err(_) => connection.blocked = true,
            }
        }
        connection.out.drain(..written);
    }
}

/// Appends a Remaining Length.
fn write_length(mut length: usize, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}
