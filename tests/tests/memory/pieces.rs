//! Packets that come in pieces: the last piece may hold what follows, and a large payload stays where it was read.

use weirmq_core::Config;
use weirmq_tests::Talk;
use weirmq_tests::wire::*;

use crate::{net, sharded};

/// 3,000 bytes more than a whole number of pieces of 64 KiB, none of them like its neighbours.
fn payload(seed: usize) -> Vec<u8> {
    (0..3 * 64 * 1024 + 3_000).map(|index| ((index * 31 + seed) % 251) as u8).collect()
}

sharded! {
    /// Whatever the pieces, the same packets come of them.
    fn large_and_small_messages_in_pieces(shards) {
        let mut n = net(shards, Config::default());
        let subscriber = n.connect(connect("subscriber"));
        n.subscribed(subscriber, [("t/#", 1)]);
        let publisher = n.connect(connect("publisher"));
        let messages = [
            publish("t/1", payload(1)),
            publish("t/2", "small").qos(1).id(1),
            publish("t/3", payload(3)).qos(1).id(2),
            publish("t/4", payload(4)).retain(),
            publish("t/5", "last"),
        ];
        let stream: Vec<u8> = messages.iter().flat_map(|message| message.clone().to_wire(Version::V311)).collect();
        for size in [1_000, 65_536, 65_543, 200_000, 250_000, stream.len()] {
            for piece in stream.chunks(size) {
                n.send(publisher, piece.to_vec());
                n.settle();
            }
            n.expect(publisher, puback(1));
            n.expect(publisher, puback(2));
            let mut got: Vec<_> = messages.iter().map(|_| n.recv_publish(subscriber)).collect();
            for id in got.iter().filter_map(|publish| publish.id) {
                n.send(subscriber, puback(id));
            }
            n.expect_nothing(subscriber);
            // QoS 1 may be overtaken by QoS 0.
            got.sort_by(|one, other| one.topic.cmp(&other.topic));
            for (got, message) in got.iter().zip(&messages) {
                assert_eq!(got.topic, message.topic, "in pieces of {size}");
                assert!(got.payload == message.payload, "{} in pieces of {size}", got.topic);
            }
        }
        let late = n.connect(connect("late"));
        n.subscribed(late, [("t/4", 0)]);
        assert!(n.recv_publish(late).payload == payload(4));
        n.expect_nothing(late);
    }
}
