//! Retained messages: what it costs to store many, and to send them all to a new subscriber.

use std::time::Duration;

use weirmq_core::packet::{PacketId, PacketType, Properties, QoS, Subscribe, SubscribeBuffer, SubscriptionOptions};

use super::Failure;
use super::args::BenchArgs;
use super::flow::{Numbers, Publisher, Rules};
use super::image::Image;
use super::net::{Handler, Net};
use super::progress::Progress;
use super::report::{Counts, Meter, Report};
use super::scan::Heard;
use super::setup;
use super::stream::Watch;
use super::traffic::{Shape, Traffic};

const PREFIX: &str = "bench/retained";
/// Connections by their index.
const SUBSCRIBER: usize = 0;

/// Stores and replays. Stores are QoS 1 at least: without acknowledgements nobody knows when they are done.
pub(crate) fn run(net: &mut Net, args: &BenchArgs, progress: &mut Progress) -> Result<Report, Failure> {
    let count = args.count();
    let qos = if args.qos() == QoS::AtMostOnce { QoS::AtLeastOnce } else { args.qos() };
    setup::connect(net, args, 2, progress)?;
    let image = Image::numbered(args.version(), qos, true, PREFIX, args.payload as usize);
    let rules = Rules { acknowledged: true, window: args.window, backlog: 1, receivers: 0, numbers: Numbers::InOrder };
    let mut traffic = Traffic::new(Shape::Single, 1, vec![Publisher::new(0, image, rules)], 0);
    traffic.limit = count as u32;
    traffic.queue_all();
    progress.counted("storing", count as u64);
    let meter = Meter::start(args);
    let mut watch = Watch::new(args.patience);
    while traffic.counts.sent < count as u64 || traffic.is_waiting() {
        traffic.pump(net)?;
        net.turn(Duration::from_millis(if traffic.has_work() { 0 } else { 20 }), &mut traffic)?;
        if watch.is_stalled(traffic.signs_of_life) {
            return Err(Failure::Broker(String::from("it does not acknowledge retained messages any more")));
        }
        progress.show(traffic.counts.sent);
    }
    let store = meter.stop("store", "message", count as u64, true);

    progress.counted("replaying", count as u64);
    let (meter, mut replay) = (Meter::start(args), Replay::new(count));
    subscribe(net, args)?;
    let mut watch = Watch::new(args.patience);
    while replay.delivered < count && !watch.is_stalled(replay.signs_of_life) {
        net.turn(Duration::from_millis(20), &mut replay)?;
        progress.show(replay.delivered as u64);
    }
    let stage = meter.stop("replay", "delivery", replay.delivered as u64, false);
    let (delivered, refused) = (replay.delivered as u64, traffic.counts.refused);
    let expected = count as u64 - refused;
    let lost = expected.saturating_sub(delivered);
    let counts = Counts { sent: count as u64, expected, delivered, late: Some(replay.repeated), lost, refused };
    Ok(Report::new(args, vec![store, stage], counts))
}

fn subscribe(net: &mut Net, args: &BenchArgs) -> Result<(), Failure> {
    let (mut filters, mut out) = (SubscribeBuffer::new(), Vec::new());
    filters.push(&format!("{PREFIX}/#"), SubscriptionOptions::with_qos(args.qos()));
    let Some(packet_id) = PacketId::new(1) else { return Ok(()) };
    Subscribe::new(packet_id, Properties::EMPTY, &filters).encode(args.version(), &mut out);
    net.send(SUBSCRIBER, &out)
}

/// What a subscriber has of the retained messages, whose order is the broker's own.
struct Replay {
    seen: Vec<bool>,
    delivered: usize,
    repeated: u64,
    signs_of_life: u64,
}

impl Replay {
    fn new(count: usize) -> Self {
        Self { seen: vec![false; count], delivered: 0, repeated: 0, signs_of_life: 0 }
    }
}

impl Handler for Replay {
    fn heard(&mut self, _link: usize, heard: Heard<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
        self.signs_of_life += 1;
        match heard {
            Heard::Publish { qos, packet_id, stamp } => {
                if let Some([high, low]) = packet_id {
                    out.extend_from_slice(&[if qos == 1 { 0x40 } else { 0x50 }, 2, high, low]);
                }
                match self.seen.get_mut(stamp.sequence as usize) {
                    Some(seen) if !*seen => {
                        *seen = true;
                        self.delivered += 1;
                    }
                    Some(_) | None => self.repeated += 1,
                }
                Ok(())
            }
            Heard::Ack { packet_type: PacketType::PubRel, packet_id: [high, low], .. } => {
                out.extend_from_slice(&[0x70, 2, high, low]);
                Ok(())
            }
            Heard::SubAck(codes) if codes.iter().all(|&code| code < 0x80) => Ok(()),
            heard => Err(Failure::unexpected(&heard)),
        }
    }
}
