//! From a PUBLISH to its subscribers, in one shard.

use weirmq_core::Config;
use weirmq_core::packet::{QoS, Version};

use crate::{ClientOptions, PAYLOAD, Work, World, packets};

const PAIRS: usize = 100;
const SUBSCRIBERS: usize = 1_000;

fn work(world: World, deliveries: usize) -> Work {
    let mut world = world.checked(deliveries);
    Work::new(deliveries, move |around| world.round(around))
}

/// 100 publishers with a subscriber each; `batch` messages come in one read, and at QoS 0 they are a run.
pub(crate) fn pairs(version: Version, qos: QoS, batch: usize, payload: usize) -> Work {
    let mut world = World::new(&Config::default());
    let payload = packets::payload(payload);
    let options = ClientOptions::new(version, qos);
    for pair in 0..PAIRS {
        let topic = packets::topic(pair);
        let subscriber = world.connect(&format!("subscriber-{pair}"), options);
        world.subscribe(subscriber, [topic.as_str()]);
        let publisher = world.connect(&format!("publisher-{pair}"), options);
        world.script(publisher, packets::publishes(version, &topic, qos, batch, &payload));
    }
    work(world, PAIRS * batch)
}

/// The same with messages to two topics in turn, so that none is like the one before.
pub(crate) fn alternating(version: Version, batch: usize) -> Work {
    let mut world = World::new(&Config::default());
    let payload = packets::payload(PAYLOAD);
    let options = ClientOptions::new(version, QoS::AtMostOnce);
    for pair in 0..PAIRS {
        let topics = [packets::topic(pair), packets::topic(PAIRS + pair)];
        let subscriber = world.connect(&format!("subscriber-{pair}"), options);
        world.subscribe(subscriber, topics.iter().map(String::as_str));
        let publisher = world.connect(&format!("publisher-{pair}"), options);
        let both = topics.map(|topic| packets::publishes(version, &topic, options.qos, 1, &payload)).concat();
        world.script(publisher, both.repeat(batch / 2));
    }
    work(world, PAIRS * batch)
}

/// The same as [`pairs`] with Topic Aliases on both ways.
pub(crate) fn pairs_by_alias(qos: QoS) -> Work {
    const BATCH: usize = 16;
    let mut world = World::new(&Config::default());
    let payload = packets::payload(PAYLOAD);
    let options = ClientOptions { topic_alias_maximum: 16, ..ClientOptions::new(Version::V5, qos) };
    for pair in 0..PAIRS {
        let topic = packets::topic(pair);
        let subscriber = world.connect(&format!("subscriber-{pair}"), options);
        world.subscribe(subscriber, [topic.as_str()]);
        let publisher = world.connect(&format!("publisher-{pair}"), options);
        world.script(publisher, packets::publishes_by_alias(&topic, qos, BATCH, &payload));
    }
    work(world, PAIRS * BATCH)
}

/// One publisher and 1,000 subscribers; `batch` messages come in one read, and at QoS 0 they are a run.
pub(crate) fn fan_out(version: Version, qos: QoS, batch: usize, payload: usize) -> Work {
    let mut world = World::new(&Config::default());
    let options = ClientOptions::new(version, qos);
    for subscriber in 0..SUBSCRIBERS {
        let subscriber = world.connect(&format!("subscriber-{subscriber}"), options);
        world.subscribe(subscriber, ["site/+/line/17/#"]);
    }
    let publisher = world.connect("publisher", options);
    let messages = packets::publishes(version, &packets::topic(17), qos, batch, &packets::payload(payload));
    world.script(publisher, messages);
    work(world, SUBSCRIBERS * batch)
}

/// 16 publishers and one subscriber, whose window takes all that they send, 256 messages, for which a session keeps the room;
/// 16 messages come in one read, at QoS 0 as a run.
pub(crate) fn fan_in(version: Version, qos: QoS) -> Work {
    const PUBLISHERS: usize = 16;
    const BATCH: usize = 16;
    let mut config = Config::default();
    config.mqtt.inflight_max = u16::MAX;
    let mut world = World::new(&config);
    let options = ClientOptions::new(version, qos);
    let subscriber = world.connect("subscriber", options);
    world.subscribe(subscriber, ["site/+/line/#"]);
    for publisher in 0..PUBLISHERS {
        let topic = packets::topic(publisher);
        let publisher = world.connect(&format!("publisher-{publisher}"), options);
        world.script(publisher, packets::publishes(version, &topic, qos, BATCH, &packets::payload(PAYLOAD)));
    }
    work(world, PUBLISHERS * BATCH)
}

/// A subscriber that has more to get than its window of 128 takes: the rest waits in its queue and is pulled as
/// acknowledgements come.
pub(crate) fn queued(version: Version, qos: QoS) -> Work {
    // 256 of them wait, for which a session keeps the room.
    const MESSAGES: usize = 384;
    let mut world = World::new(&Config::default());
    let options = ClientOptions::new(version, qos);
    let topic = packets::topic(17);
    let subscriber = world.connect("subscriber", options);
    world.subscribe(subscriber, [topic.as_str()]);
    let publisher = world.connect("publisher", options);
    world.script(publisher, packets::publishes(version, &topic, qos, MESSAGES, &packets::payload(PAYLOAD)));
    work(world, MESSAGES)
}
