//! SUBSCRIBE and UNSUBSCRIBE.

use weirmq_core::Config;
use weirmq_core::packet::{QoS, Version};

use crate::{ClientOptions, Work, World, packets};

const FILTERS: usize = 1_000;

/// A fourth each without a wildcard, with `+` in the middle, with `+` last and with `#` last. Neighbours begin alike, as most
/// filters of a client do.
fn filter(number: usize) -> String {
    let (site, kind) = (number / 100, number * 4 / FILTERS);
    match kind {
        0 => format!("site/{site}/line/{number}/temperature"),
        1 => format!("site/+/line/{number}/temperature"),
        2 => format!("site/{site}/line/{number}/+"),
        _ => format!("site/{site}/line/{number}/#"),
    }
}

/// One client subscribes to filters that are new to all of so many shards, a few in a packet, and gives them up again.
pub(crate) fn filters(shards: u16) -> Work {
    const TOGETHER: usize = 8;
    let mut world = World::new(&Config { shards, ..Config::default() });
    let options = ClientOptions::new(Version::V3_1_1, QoS::AtLeastOnce);
    let client = world.connect("subscriber", options);
    let filters: Vec<String> = (0..FILTERS).map(filter).collect();
    let mut script = Vec::new();
    for filters in filters.chunks(TOGETHER) {
        let filters = filters.iter().map(String::as_str);
        script.extend(packets::subscribe_all(options.version, filters, options.qos));
    }
    for filters in filters.chunks(TOGETHER) {
        script.extend(packets::unsubscribe_all(options.version, filters.iter().map(String::as_str)));
    }
    world.script(client, script);
    let mut world = world.checked(0);
    Work::new(FILTERS, move |around| world.round(around))
}
