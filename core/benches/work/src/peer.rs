//! From one shard to another: publishers on the one, their subscribers on the other, batches carried by hand.

use weirmq_core::Config;
use weirmq_core::packet::{QoS, Version};

use crate::{ClientOptions, Work, World, packets};

/// 100 pairs; `batch` messages come in one read, and all that come in one turn cross in one batch.
pub(crate) fn pairs(version: Version, qos: QoS, batch: usize, payload: usize) -> Work {
    const PAIRS: usize = 100;
    let mut world = World::new(&Config { shards: 2, ..Config::default() });
    let payload = packets::payload(payload);
    let here = ClientOptions::new(version, qos);
    let there = ClientOptions { shard: 1, ..here };
    for pair in 0..PAIRS {
        let topic = packets::topic(pair);
        let subscriber = world.connect(&format!("subscriber-{pair}"), there);
        world.subscribe(subscriber, &topic);
        let publisher = world.connect(&format!("publisher-{pair}"), here);
        world.script(publisher, packets::publishes(version, &topic, qos, batch, &payload));
    }
    let mut world = world.checked(PAIRS * batch);
    Work::new(PAIRS * batch, move |around| world.round(around))
}
