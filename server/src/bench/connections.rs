//! Many connections: how fast they come, what each costs, whether they stay, and what they cost when they only stay.

use std::time::{Duration, Instant};

use super::Failure;
use super::args::BenchArgs;
use super::net::{Handler, Net};
use super::progress::Progress;
use super::report::{Counts, Meter, Report};
use super::scan::Heard;
use super::setup;

/// Connects, subscribes each connection to a topic of its own, and holds them.
pub(crate) fn run(net: &mut Net, args: &BenchArgs, progress: &mut Progress) -> Result<Report, Failure> {
    let count = args.count();
    let meter = Meter::start(args);
    setup::connect(net, args, count, progress)?;
    let connect = meter.stop("connect", "connection", count as u64, true);
    let meter = Meter::start(args);
    setup::subscribe(net, args, (0..count).map(|index| (index, format!("bench/own/{index}"))), progress)?;
    let subscribe = meter.stop("subscribe", "filter", count as u64, true);

    let meter = Meter::start(args);
    let mut holding = Holding { closed: 0 };
    let until = Instant::now() + args.seconds;
    progress.timed("holding", "closed", args.seconds, 0);
    while Instant::now() < until {
        net.turn(Duration::from_millis(100), &mut holding)?;
        progress.show(holding.closed as u64);
    }
    let held = (count - holding.closed) as u64;
    let hold = meter.stop("hold", "connection", held, false);
    let count = count as u64;
    let counts = Counts { sent: count, expected: count, delivered: held, late: Some(0), ..Counts::default() };
    if held < count {
        return Err(Failure::Broker(format!("it closed {} of {count} idle connections", count - held)));
    }
    Ok(Report::new(args, vec![connect, subscribe, hold], counts))
}

struct Holding {
    closed: usize,
}

impl Handler for Holding {
    fn heard(&mut self, _link: usize, heard: Heard<'_>, _out: &mut Vec<u8>) -> Result<(), Failure> {
        match heard {
            // It is about to close, which is counted when it does.
            Heard::Disconnect(_) => Ok(()),
            heard => Err(Failure::unexpected(&heard)),
        }
    }

    fn closed(&mut self, _link: usize) -> Result<(), Failure> {
        self.closed += 1;
        Ok(())
    }
}
