//! A broker without a socket: two clients talk through memory, in a time that is a number.

use weirmq_core::client::{Client, ClientConfig, ClientEvent, PublishRequest, SubscribeRequest};
use weirmq_core::packet::{Properties, QoS, SubscriptionOptions, Version};
use weirmq_core::{Broker, Budget, Config, ConnId, Instant, ListenerId, Outbox, PeerAddr, ShardId};

/// Carries bytes both ways until nobody has any.
fn carry(broker: &mut Broker, now: Instant, clients: &mut [(Client, ConnId)], outbox: &mut Outbox) {
    while clients.iter().any(|(client, _)| !client.tx().is_empty())
        || broker.poll_timeout().is_some_and(|at| at.0 <= now)
    {
        for (client, conn) in &mut *clients {
            broker.handle_receive(now, *conn, client.tx());
            client.handle_sent(client.tx().len());
        }
        broker.run(now, Budget::default());
        broker.drain(outbox);
        for (client, conn) in &mut *clients {
            let bytes: Vec<u8> = broker.tx_slices(*conn).flatten().copied().collect();
            broker.handle_sent(now, *conn, bytes.len());
            client.handle_receive(now, &bytes);
        }
    }
}

fn main() {
    let (now, mut outbox) = (Instant::from_secs(1), Outbox::new());
    let mut broker = Broker::new(Config::default(), ShardId(0), [7; 32], now);
    let mut clients = ["reader", "writer"].map(|id| {
        let mut client = Client::new(ClientConfig::new(Version::V5, id)).expect("a valid configuration");
        client.connect(now).expect("a new client can connect");
        (client, broker.handle_accept(now, ListenerId(0), PeerAddr::Memory).expect("there is room"))
    });
    carry(&mut broker, now, &mut clients, &mut outbox);
    let all = SubscribeRequest { filter: "river/#", options: SubscriptionOptions::with_qos(QoS::ExactlyOnce) };
    clients[0].0.subscribe(now, &[all], Properties::default()).expect("connected");
    carry(&mut broker, now, &mut clients, &mut outbox);
    let level =
        PublishRequest { topic: "river/level", payload: b"2.31 m", qos: QoS::ExactlyOnce, ..Default::default() };
    clients[1].0.publish(now, &level).expect("connected");
    carry(&mut broker, now, &mut clients, &mut outbox);
    while let Some(event) = clients[0].0.poll_event() {
        let ClientEvent::Message(message) = event else { continue };
        println!("{} = {}", message.topic, String::from_utf8_lossy(&message.payload));
    }
}
