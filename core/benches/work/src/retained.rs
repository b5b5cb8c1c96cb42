//! Retained messages: kept, and sent to a new subscription.

use weirmq_core::Config;
use weirmq_core::packet::{QoS, Version};

use crate::{ClientOptions, PAYLOAD, Work, World, packets};

const TOPICS: usize = 1_000;
const OPTIONS: ClientOptions = ClientOptions::new(Version::V3_1_1, QoS::AtMostOnce);

fn kept() -> Vec<u8> {
    packets::retained((0..TOPICS).map(packets::topic), &packets::payload(PAYLOAD))
}

/// 1,000 topics have a message, and each gets another, in each of so many shards.
pub(crate) fn replace(shards: u16) -> Work {
    let mut world = World::new(&Config { shards, ..Config::default() });
    let publisher = world.connect("publisher", OPTIONS);
    world.script(publisher, kept());
    let mut world = world.checked(0);
    Work::new(TOPICS, move |around| world.round(around))
}

/// 1,000 messages go to a subscription that is made again.
pub(crate) fn replay() -> Work {
    let mut world = World::new(&Config::default());
    let publisher = world.connect("publisher", OPTIONS);
    world.script(publisher, kept());
    world.round(|work| work());
    world.script(publisher, Vec::new());
    let subscriber = world.connect("subscriber", OPTIONS);
    world.script(subscriber, packets::subscribe(OPTIONS.version, "site/+/line/#", OPTIONS.qos));
    let mut world = world.checked(TOPICS);
    Work::new(TOPICS, move |around| world.round(around))
}
