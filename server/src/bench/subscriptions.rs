//! Many topic filters of all kinds, and what it then costs to find the four that match a topic.

use super::Failure;
use super::args::BenchArgs;
use super::flow::{Numbers, Publisher};
use super::image::{Image, numbered_topic};
use super::net::Net;
use super::progress::Progress;
use super::report::{Meter, Report};
use super::setup;
use super::stream::{at_full_speed, rules};
use super::traffic::{Shape, Traffic};

/// Clients that share the filters.
const SUBSCRIBERS: usize = 100;
/// Filters for each topic, and so deliveries for each publish.
const KINDS: usize = 4;
const PREFIX: &str = "bench/match";

/// Subscribes, and then publishes to topics that match four filters each.
pub(crate) fn run(net: &mut Net, args: &BenchArgs, progress: &mut Progress) -> Result<Report, Failure> {
    let topics = (args.count() / KINDS).max(1);
    setup::connect(net, args, SUBSCRIBERS + args.publishers as usize, progress)?;
    let filters = (0..topics * KINDS).map(|index| (index % SUBSCRIBERS, filter(index / KINDS, index % KINDS)));
    let filters: Vec<(usize, String)> = filters.collect();
    let meter = Meter::start(args);
    setup::subscribe(net, args, filters, progress)?;
    let subscribe = meter.stop("subscribe", "filter", (topics * KINDS) as u64, true);

    // Where nobody looks at deliveries they are counted together, and not for each message.
    let receivers = if args.discard { 1 } else { KINDS };
    let rules = rules(args, receivers, Numbers::Spread(topics));
    let publishers = (0..args.publishers)
        .map(|index| {
            let image = Image::numbered(args.version(), args.qos(), false, PREFIX, args.payload as usize);
            Publisher::new(index, image, rules)
        })
        .collect();
    let mut traffic = Traffic::new(Shape::Matched, SUBSCRIBERS, publishers, KINDS as u32);
    let deliver = at_full_speed(net, args, &mut traffic, progress)?;
    Ok(Report::new(args, vec![subscribe, deliver], traffic.final_counts()))
}

/// The filter of one kind that matches a topic and no other: the topic itself, `+` last, `#` last, `+` in the middle.
fn filter(topic: usize, kind: usize) -> String {
    let name = numbered_topic(PREFIX, topic);
    match kind {
        0 => name,
        1 | 2 => format!("{}{}", &name[..name.len() - 1], if kind == 1 { '+' } else { '#' }),
        _ => format!("{PREFIX}/+{}", &name[PREFIX.len() + 5..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_kinds_of_filters() {
        let filters: Vec<String> = (0..KINDS).map(|kind| filter(12_345, kind)).collect();
        assert_eq!(
            filters,
            [
                "bench/match/0012/0012345/v",
                "bench/match/0012/0012345/+",
                "bench/match/0012/0012345/#",
                "bench/match/+/0012345/v"
            ]
        );
    }
}
