//! The scenarios in which messages flow for a while: pairs, fan-in, fan-out, latency, and matching after subscriptions.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fs, io};

use weirmq_core::packet::QoS;

use super::Failure;
use super::args::{BenchArgs, Scenario};
use super::flow::{Numbers, Publisher, Rules};
use super::histogram::Histogram;
use super::image::Image;
use super::net::Net;
use super::progress::Progress;
use super::report::{Latency, Meter, Report, Stage};
use super::setup;
use super::traffic::{Shape, Traffic};

/// The longest sleep of a turn, which bounds how late a stage ends.
const TURN: Duration = Duration::from_millis(20);
/// Below this a poll, which counts in milliseconds, would sleep too long.
const SPIN: Duration = Duration::from_millis(2);

/// Runs pairs, fan-in, fan-out or latency.
pub(crate) fn run(net: &mut Net, args: &BenchArgs, progress: &mut Progress) -> Result<Report, Failure> {
    let count = args.count();
    let (shape, subscribers, publishers) = match args.scenario {
        Scenario::FanIn => (Shape::Single, 1, count),
        Scenario::FanOut => (Shape::FanOut, count, 1),
        Scenario::Pairs | Scenario::Latency | Scenario::Connections | Scenario::Subscriptions | Scenario::Retained => {
            (Shape::Single, count, count)
        }
    };
    let is_shared = subscribers != publishers;
    let topic = |index: usize| if is_shared { String::from("bench/all") } else { format!("bench/pair/{index}") };
    setup::connect(net, args, subscribers + publishers, progress)?;
    setup::subscribe(net, args, (0..subscribers).map(|index| (index, topic(index))), progress)?;
    let receivers = if shape == Shape::FanOut { subscribers } else { 1 };
    let rules = rules(args, receivers, Numbers::One);
    let publishers = (0..publishers)
        .map(|index| {
            let image = Image::new(args.version(), args.qos(), false, &topic(index), args.payload as usize);
            Publisher::new(index as u32, image, rules)
        })
        .collect();
    let mut traffic = Traffic::new(shape, subscribers, publishers, rules.receivers);
    let stage = if args.scenario == Scenario::Latency {
        traffic.latency = Some(Histogram::new());
        let seconds = (args.warmup + args.seconds).as_secs_f64();
        traffic.samples = args.samples.as_ref().map(|_| Vec::with_capacity((seconds * f64::from(args.rate)) as usize));
        let stage = at_rate(net, args, &mut traffic, progress)?;
        if let Some(path) = &args.samples {
            write_samples(path, &traffic).map_err(|error| Failure::Io("samples", error))?;
        }
        stage
    } else {
        at_full_speed(net, args, &mut traffic, progress)?
    };
    Ok(Report::new(args, vec![stage], traffic.final_counts()))
}

/// The rules for publishers of a run.
pub(crate) fn rules(args: &BenchArgs, receivers: usize, numbers: Numbers) -> Rules {
    Rules {
        acknowledged: args.qos() != QoS::AtMostOnce,
        window: args.window,
        backlog: args.backlog(),
        receivers: receivers as u32,
        numbers,
    }
}

/// Keeps every window full, measures for a while, and waits for the rest.
pub(crate) fn at_full_speed(
    net: &mut Net,
    args: &BenchArgs,
    traffic: &mut Traffic,
    progress: &mut Progress,
) -> Result<Stage, Failure> {
    if args.discard {
        traffic.begin_discard(net)?;
    }
    traffic.limit = u32::MAX;
    traffic.queue_all();
    let mut watch = Watch::new(args.patience);
    let mut go_on = |duration: Duration, what: &'static str, traffic: &mut Traffic| -> Result<(), Failure> {
        progress.timed(what, "delivered", duration, traffic.counts.delivered);
        let until = Instant::now() + duration;
        while Instant::now() < until {
            turn(net, traffic)?;
            if watch.is_stalled(traffic.signs_of_life) {
                traffic.give_up();
            }
            progress.show(traffic.counts.delivered);
        }
        Ok(())
    };
    go_on(args.warmup, "warming up", traffic)?;
    let (meter, before) = (Meter::start(args), traffic.counts.delivered);
    go_on(args.seconds, "measuring", traffic)?;
    let stage = meter.stop("deliver", "delivery", traffic.counts.delivered - before, false);
    traffic.limit = 0;
    drain(net, args, traffic, progress)?;
    Ok(stage)
}

/// Publishes at a fixed rate whatever comes back. Each message carries the time at which it was due, so that a broker
/// that stops the generator cannot hide behind that.
fn at_rate(net: &mut Net, args: &BenchArgs, traffic: &mut Traffic, progress: &mut Progress) -> Result<Stage, Failure> {
    let interval_ns = 1_000_000_000 / u64::from(args.rate);
    let start_ns = traffic.clock_ns();
    let warm_ns = start_ns + args.warmup.as_nanos() as u64;
    let end_ns = warm_ns + args.seconds.as_nanos() as u64;
    let (mut meter, mut before) = (None, 0);
    progress.timed("warming up", "delivered", args.warmup, 0);
    let (mut due_ns, mut number) = (start_ns, 0);
    loop {
        let now_ns = traffic.clock_ns();
        if meter.is_none() && now_ns >= warm_ns {
            (meter, before) = (Some(Meter::start(args)), traffic.counts.delivered);
            progress.timed("measuring", "delivered", args.seconds, before);
            if let Some(latency) = &mut traffic.latency {
                latency.clear();
            }
            if let Some(samples) = &mut traffic.samples {
                samples.clear();
            }
        }
        if now_ns >= end_ns {
            break;
        }
        while due_ns <= now_ns {
            traffic.publish(number, due_ns);
            number = (number + 1) % traffic.publishers.len();
            due_ns += interval_ns;
        }
        traffic.pump(net)?;
        let pause = Duration::from_nanos(due_ns.saturating_sub(traffic.clock_ns()));
        net.turn(if pause < SPIN { Duration::ZERO } else { (pause - SPIN).min(TURN) }, traffic)?;
        progress.show(traffic.counts.delivered);
    }
    let meter = meter.unwrap_or_else(|| Meter::start(args));
    let mut stage = meter.stop("deliver", "delivery", traffic.counts.delivered - before, false);
    // What is late counts as much as what is early.
    drain(net, args, traffic, progress)?;
    stage.latency = traffic.latency.as_ref().and_then(Latency::of);
    Ok(stage)
}

/// Writes what was measured, in the time of the system, so that it can be held against what others saw then.
fn write_samples(path: &Path, traffic: &Traffic) -> io::Result<()> {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let begun_ns = (since_epoch.as_nanos() as u64).saturating_sub(traffic.clock_ns());
    let samples = traffic.samples.iter().flatten();
    let bytes: Vec<u8> = samples.flat_map(|&(due, taken)| [begun_ns + due, taken]).flat_map(u64::to_le_bytes).collect();
    fs::write(path, bytes)
}

/// Waits until everything has come back, or nothing has come for too long.
pub(crate) fn drain(
    net: &mut Net,
    args: &BenchArgs,
    traffic: &mut Traffic,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let mut watch = Watch::new(args.patience);
    progress.counted("the rest", traffic.final_counts().expected);
    while traffic.is_waiting() && !watch.is_stalled(traffic.signs_of_life) {
        turn(net, traffic)?;
        progress.show(traffic.counts.delivered);
    }
    // What comes although nothing is awaited has come twice.
    net.turn(TURN, traffic)?;
    traffic.look(net, true)?;
    let Some(discard) = &traffic.discard else { return Ok(()) };
    discard.check_rest()?;
    let counts = traffic.final_counts();
    if counts.delivered > counts.expected {
        return Err(Failure::Broker(format!(
            "it delivered {} messages in place of {}",
            counts.delivered, counts.expected
        )));
    }
    Ok(())
}

/// Sends what may be sent, and takes what has come.
fn turn(net: &mut Net, traffic: &mut Traffic) -> Result<(), Failure> {
    traffic.pump(net)?;
    let has_work = traffic.has_work();
    if traffic.discard.is_none() {
        return net.turn(if has_work { Duration::ZERO } else { TURN }, traffic);
    }
    net.turn(Duration::ZERO, traffic)?;
    traffic.look(net, !has_work)
}

/// Notices when nothing comes back any more.
pub(crate) struct Watch {
    patience: Duration,
    seen: u64,
    since: Instant,
}

impl Watch {
    /// From now on.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, seen: 0, since: Instant::now() }
    }

    /// Whether nothing has come for longer than the options allow; says so once for each time.
    pub(crate) fn is_stalled(&mut self, signs_of_life: u64) -> bool {
        if self.seen != signs_of_life {
            (self.seen, self.since) = (signs_of_life, Instant::now());
            return false;
        }
        let stalled = self.since.elapsed() > self.patience;
        if stalled {
            self.since = Instant::now();
        }
        stalled
    }
}
