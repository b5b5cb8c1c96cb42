//! What a durable broker hands to its store: every change of a session that lasts and of what is retained, once and in order.

use std::time::Duration;

use weirmq_core::packet::PacketId;
use weirmq_core::store::Operation;
use weirmq_core::{
    Broker, Budget, CloseCause, Config, ConnId, Instant, ListenerId, Outbox, PeerAddr, Progress, ShardId,
};
use weirmq_tests::wire::*;

/// One shard, whose store is as fast as it is asked.
struct Durable {
    broker: Broker,
    now: Instant,
    operations: Vec<String>,
}

impl Durable {
    fn new() -> Self {
        let now = Instant::from_secs(1_000);
        let broker = Broker::new(Config { durable: true, ..Config::default() }, ShardId(0), [7; 32], now);
        Self { broker, now, operations: Vec::new() }
    }

    fn client(&mut self, connect: Connect) -> ConnId {
        let conn = self.broker.handle_accept(self.now, ListenerId(0), PeerAddr::Memory).expect("there is room");
        self.send(conn, connect);
        conn
    }

    /// A packet of 5.0.
    fn send(&mut self, conn: ConnId, packet: impl ToWire) {
        self.broker.handle_receive(self.now, conn, &packet.to_wire(Version::V5));
        self.turn();
    }

    fn lose(&mut self, conn: ConnId) {
        self.broker.handle_closed(self.now, conn, CloseCause::Error);
        self.turn();
    }

    fn wait(&mut self, duration: Duration) {
        self.now = self.now.saturating_add(duration);
        self.broker.handle_timeout(self.now);
        self.turn();
    }

    fn turn(&mut self) {
        let mut outbox = Outbox::new();
        loop {
            let progress = self.broker.run(self.now, Budget::default());
            self.broker.drain(&mut outbox);
            if outbox.is_empty() && progress == Progress::Idle {
                return;
            }
            self.operations.extend(outbox.store.operations.iter().map(text));
            if !outbox.store.is_empty() {
                self.broker.handle_stored(self.now, outbox.store.upto);
            }
            for &conn in &outbox.flush {
                let count = self.broker.tx_slices(conn).map(<[u8]>::len).sum();
                self.broker.handle_sent(self.now, conn, count);
            }
            for close in &outbox.close {
                self.broker.handle_closed(self.now, close.conn, CloseCause::PeerClosed);
            }
        }
    }

    /// What was stored since the last time.
    #[track_caller]
    fn stored(&mut self, expected: &[&str]) {
        assert_eq!(std::mem::take(&mut self.operations), expected);
    }
}

fn text(operation: &Operation) -> String {
    let id = |packet_id: &PacketId| packet_id.get();
    match operation {
        Operation::Message(message) => format!("message {}", message.topic),
        Operation::MessageGone { message } => format!("gone {}", message.0),
        Operation::SessionConnected { client_id, user_name, expiry_s } => {
            format!("{client_id} connected {user_name:?} {expiry_s} s")
        }
        Operation::SessionDisconnected { client_id, expiry_s } => format!("{client_id} disconnected {expiry_s} s"),
        Operation::SessionEnded { client_id } => format!("{client_id} ended"),
        Operation::Subscribed { client_id, filter, options, identifier } => {
            format!("{client_id} subscribed {filter} {options:#04x} {identifier}")
        }
        Operation::Unsubscribed { client_id, filter } => format!("{client_id} unsubscribed {filter}"),
        Operation::Queued { client_id, message, qos } => format!("{client_id} is owed {} {}", message.0, *qos as u8),
        Operation::Sent { client_id, message, packet_id } => {
            format!("{client_id} sent {} as {}", message.0, id(packet_id))
        }
        Operation::Received { client_id, packet_id } => format!("{client_id} received {}", id(packet_id)),
        Operation::Settled { client_id, packet_id } => format!("{client_id} settled {}", id(packet_id)),
        Operation::Dropped { client_id, message } => format!("{client_id} dropped {}", message.0),
        Operation::Incoming { client_id, packet_id } => format!("{client_id} sends {}", id(packet_id)),
        Operation::IncomingReleased { client_id, packet_id } => format!("{client_id} released {}", id(packet_id)),
        Operation::Retained { message } => format!("retained {}", message.0),
        Operation::RetainedRemoved { topic } => format!("nothing retained for {topic}"),
        Operation::WillSet { client_id, will, delay_s } => format!("{client_id} will {} after {delay_s} s", will.topic),
        Operation::WillRemoved { client_id } => format!("{client_id} no will"),
    }
}

fn lasting() -> Connect {
    connect("one").v5().clean(false).session_expiry(100)
}

#[test]
fn of_a_session_from_its_beginning_to_its_end() {
    let mut n = Durable::new();
    let will = Property::WillDelayInterval(3);
    let one = n.client(lasting().user_name("ann").will("w", b"bye", 1).will_property(will.clone()));
    n.stored(&["one connected Some(\"ann\") 100 s", "one will w after 3 s"]);
    n.send(one, subscribe(1, [("t", 2)]).no_local().identifier(7));
    n.stored(&["one subscribed t 0x06 7"]);
    n.send(one, unsubscribe(2, ["t", "u"]));
    n.stored(&["one unsubscribed t"]);
    n.send(one, disconnect());
    n.stored(&["one no will", "one disconnected 100 s"]);
    let one = n.client(lasting().user_name("ann").will("w", b"bye", 1).will_property(will));
    n.stored(&["one connected Some(\"ann\") 100 s", "one will w after 3 s"]);
    n.lose(one);
    n.stored(&["one disconnected 100 s"]);
    n.wait(Duration::from_secs(3));
    n.stored(&["one no will"]);
    n.wait(Duration::from_secs(97));
    n.stored(&["one ended"]);
    let one = n.client(lasting());
    n.send(one, disconnect().property(Property::SessionExpiryInterval(0)));
    n.stored(&["one connected None 100 s", "one ended"]);
    let one = n.client(connect("one").v5());
    n.send(one, subscribe(1, [("t", 2)]));
    n.send(one, publish("t", "x").qos(1).id(1));
    n.lose(one);
    n.stored(&[]);
}

#[test]
fn of_messages_to_a_session() {
    let mut n = Durable::new();
    let one = n.client(lasting().property(Property::MaximumPacketSize(100)));
    n.send(one, subscribe(1, [("t", 2)]));
    let publisher = n.client(connect("publisher").v5());
    n.operations.clear();
    n.send(publisher, publish("t", "x").qos(1).id(1));
    n.stored(&["message t", "one is owed 3 1", "one sent 3 as 1"]);
    n.send(one, puback(1));
    n.stored(&["one settled 1", "gone 3"]);
    n.send(publisher, publish("t", "x").qos(2).id(1));
    n.stored(&["message t", "one is owed 8 2", "one sent 8 as 2"]);
    n.send(one, pubrec(2));
    n.stored(&["one received 2", "gone 8"]);
    n.send(one, pubcomp(2));
    n.stored(&["one settled 2"]);
    n.send(publisher, publish("t", "refused").qos(2).id(2));
    n.send(one, pubrec(3).with_code(0x80));
    n.stored(&["message t", "one is owed 14 2", "one sent 14 as 3", "one settled 3", "gone 14"]);
    n.send(publisher, publish("t", [0; 100]).qos(1).id(3));
    n.stored(&["message t", "one is owed 19 1", "one dropped 19", "gone 19"]);
    n.send(publisher, publish("t", "x"));
    n.send(publisher, publish("nobody", "x").qos(1).id(4));
    n.stored(&[]);
}

#[test]
fn of_messages_from_a_session() {
    let mut n = Durable::new();
    let one = n.client(lasting());
    n.operations.clear();
    n.send(one, publish("t", "x").qos(1).id(1));
    n.stored(&[]);
    n.send(one, publish("t", "x").qos(2).id(5));
    n.send(one, publish("t", "x").qos(2).id(5).dup());
    n.stored(&["one sends 5"]);
    n.send(one, pubrel(5));
    n.send(one, pubrel(5));
    n.stored(&["one released 5"]);
}

#[test]
fn of_what_is_retained() {
    let mut n = Durable::new();
    let publisher = n.client(connect("publisher").v5());
    n.send(publisher, publish("r", "1").qos(1).id(1).retain());
    n.stored(&["message r", "retained 1"]);
    n.send(publisher, publish("r", "2").retain());
    n.stored(&["gone 1", "message r", "retained 4"]);
    n.send(publisher, publish("r", "").retain());
    n.send(publisher, publish("r", "").retain());
    n.stored(&["gone 4", "nothing retained for r"]);
    n.send(publisher, publish("r", "3").retain().property(Property::MessageExpiryInterval(10)));
    n.stored(&["message r", "retained 8"]);
    n.wait(Duration::from_secs(10));
    n.stored(&["gone 8", "nothing retained for r"]);
}
