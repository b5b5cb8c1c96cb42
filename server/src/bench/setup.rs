//! Connects and subscribes, many connections at once, and says how long it took.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use weirmq_core::packet::{
    Connect, PacketId, Properties, QoS, Subscribe, SubscribeBuffer, SubscriptionOptions, Version,
};

use super::Failure;
use super::args::BenchArgs;
use super::net::{Handler, Net};
use super::progress::Progress;
use super::scan::Heard;

/// How long a broker may take for an answer before the run is given up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Filters in one SUBSCRIBE.
const FILTERS_PER_PACKET: usize = 50;
/// Unanswered SUBSCRIBEs of one connection.
const SUBSCRIBES_MAX: usize = 4;

/// Opens connections until there are `count`, each with a session that ends with it.
pub(crate) fn connect(net: &mut Net, args: &BenchArgs, count: usize, progress: &mut Progress) -> Result<(), Failure> {
    let mut connecting = Connecting { version: args.version(), keep_alive_s: args.keep_alive, done: net.len() };
    let mut last = (connecting.done, Instant::now());
    progress.counted("connecting", count as u64);
    while connecting.done < count {
        while net.len() < count && net.len() - connecting.done < args.dial as usize {
            net.dial().map_err(|error| Failure::Io("connect", error))?;
        }
        net.turn(Duration::from_millis(100), &mut connecting)?;
        check_answers(&mut last, connecting.done, "CONNACK")?;
        progress.show(connecting.done as u64);
    }
    Ok(())
}

/// Fails when nothing has come for too long.
fn check_answers(last: &mut (usize, Instant), done: usize, awaited: &str) -> Result<(), Failure> {
    if last.0 != done {
        *last = (done, Instant::now());
    } else if last.1.elapsed() > ANSWER_TIMEOUT {
        return Err(Failure::Broker(format!("no {awaited} came for {} s", ANSWER_TIMEOUT.as_secs())));
    }
    Ok(())
}

struct Connecting {
    version: Version,
    keep_alive_s: u16,
    done: usize,
}

impl Handler for Connecting {
    fn connected(&mut self, link: usize, out: &mut Vec<u8>) -> Result<(), Failure> {
        let client_id = format!("bench{}-{link}", std::process::id());
        let connect = Connect {
            version: self.version,
            clean_start: true,
            keep_alive_s: self.keep_alive_s,
            properties: Properties::EMPTY,
            client_id: &client_id,
            will: None,
            user_name: None,
            password: None,
        };
        connect.encode(out);
        Ok(())
    }

    fn heard(&mut self, _link: usize, heard: Heard<'_>, _out: &mut Vec<u8>) -> Result<(), Failure> {
        match heard {
            Heard::ConnAck(0) => {
                self.done += 1;
                Ok(())
            }
            Heard::ConnAck(code) => Err(Failure::Broker(format!("it refused a connection with 0x{code:02x}"))),
            heard => Err(Failure::unexpected(&heard)),
        }
    }
}

/// Subscribes connections to the filters given as pairs of connection and filter.
pub(crate) fn subscribe(
    net: &mut Net,
    args: &BenchArgs,
    filters: impl IntoIterator<Item = (usize, String)>,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let mut subscribing = Subscribing::new(net.len(), args.version(), args.qos(), filters);
    let mut out = Vec::new();
    for link in 0..subscribing.waiting.len() {
        out.clear();
        (0..SUBSCRIBES_MAX).for_each(|_| subscribing.next(link, &mut out));
        if !out.is_empty() {
            net.send(link, &out)?;
        }
    }
    let mut last = (0, Instant::now());
    progress.counted("subscribing", subscribing.count as u64);
    while subscribing.done < subscribing.count {
        net.turn(Duration::from_millis(100), &mut subscribing)?;
        check_answers(&mut last, subscribing.done, "SUBACK")?;
        progress.show(subscribing.done as u64);
    }
    Ok(())
}

struct Subscribing {
    version: Version,
    options: SubscriptionOptions,
    /// What is not sent yet, by connection.
    waiting: Vec<VecDeque<String>>,
    packet_ids: Vec<u16>,
    buffer: SubscribeBuffer,
    count: usize,
    done: usize,
}

impl Subscribing {
    fn new(links: usize, version: Version, qos: QoS, filters: impl IntoIterator<Item = (usize, String)>) -> Self {
        let mut waiting = vec![VecDeque::new(); links];
        let mut count = 0;
        for (link, filter) in filters {
            waiting[link].push_back(filter);
            count += 1;
        }
        let options = SubscriptionOptions::with_qos(qos);
        let (packet_ids, buffer) = (vec![0; links], SubscribeBuffer::new());
        Self { version, options, waiting, packet_ids, buffer, count, done: 0 }
    }

    /// Appends the next SUBSCRIBE of a connection, if it has filters left.
    fn next(&mut self, link: usize, out: &mut Vec<u8>) {
        let waiting = &mut self.waiting[link];
        let count = waiting.len().min(FILTERS_PER_PACKET);
        self.buffer.clear();
        waiting.drain(..count).for_each(|filter| self.buffer.push(&filter, self.options));
        self.packet_ids[link] = self.packet_ids[link].checked_add(1).unwrap_or(1);
        if let Some(packet_id) = PacketId::new(self.packet_ids[link]).filter(|_| count > 0) {
            Subscribe::new(packet_id, Properties::EMPTY, &self.buffer).encode(self.version, out);
        }
    }
}

impl Handler for Subscribing {
    fn heard(&mut self, link: usize, heard: Heard<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
        let Heard::SubAck(codes) = heard else { return Err(Failure::unexpected(&heard)) };
        if let Some(code) = codes.iter().find(|&&code| code != self.options.qos as u8) {
            return Err(Failure::Broker(format!("it answered a subscription with 0x{code:02x}")));
        }
        self.done += codes.len();
        self.next(link, out);
        Ok(())
    }
}
