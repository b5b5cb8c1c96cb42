//! From one shard to another: publishers on the one, their subscribers on the other, batches carried by hand.

use weirmq_core::Config;
use weirmq_core::packet::{QoS, Version};

use crate::{ClientOptions, PAYLOAD, Work, World, packets};

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
        world.subscribe(subscriber, [topic.as_str()]);
        let publisher = world.connect(&format!("publisher-{pair}"), here);
        world.script(publisher, packets::publishes(version, &topic, qos, batch, &payload));
    }
    let mut world = world.checked(PAIRS * batch);
    Work::new(PAIRS * batch, move |around| world.round(around))
}

/// Topics that are new each time, among many filters: each message is for a filter here and one there. A message counts once.
pub(crate) fn matched(filters: usize) -> Work {
    const PUBLISHERS: usize = 128;
    const BATCH: usize = 16;
    let mut config = Config { shards: 2, ..Config::default() };
    // So few are remembered that every topic has been forgotten when it comes again.
    config.limits.route_cache_max = 16;
    let mut world = World::new(&config);
    let (version, qos) = (Version::V3_1_1, QoS::AtMostOnce);
    let topics: Vec<String> = (0..filters).map(packets::topic).collect();
    for shard in 0..2 {
        for (number, topics) in topics.chunks(1_000).enumerate() {
            let options = ClientOptions { shard, ..ClientOptions::new(version, qos) };
            let subscriber = world.connect(&format!("subscriber-{shard}-{number}"), options);
            world.subscribe(subscriber, topics.iter().map(String::as_str));
        }
    }
    let payload = packets::payload(PAYLOAD);
    for publisher in 0..PUBLISHERS {
        let client = world.connect(&format!("publisher-{publisher}"), ClientOptions::new(version, qos));
        // All over the tree, and in no order that a cache would like.
        let topic = |message: usize| topics[(publisher * BATCH + message) * 7_919 % filters].as_str();
        let message = |message| packets::publishes(version, topic(message), qos, 1, &payload);
        world.script(client, (0..BATCH).flat_map(message).collect());
    }
    let mut world = world.checked(2 * PUBLISHERS * BATCH);
    Work::new(PUBLISHERS * BATCH, move |around| world.round(around))
}
