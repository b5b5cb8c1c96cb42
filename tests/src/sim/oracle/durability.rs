//! No acknowledgement before what it promises is durable: held against the logs that the stores were given.

use weirmq_core::store::Operation;

use super::{Book, Message};
use crate::sim::store::Store;
use crate::sim::trace::Trace;

impl Book {
    /// PUBACK or PUBREC leaves the broker: the message is stored for every session that must get it, wherever that is.
    pub(in crate::sim) fn judge_stored(&self, number: usize, stores: &[&Store], dropped: u64, trace: &mut Trace) {
        let message = &self.messages[number];
        if self.options.durable == 0 || message.qos == 0 || message.payload.is_empty() {
            return;
        }
        if message.retain && !stores.iter().any(|store| has_message(store, message)) {
            trace.fail("acknowledged and not durable", format!("retained {message:?}"));
        }
        let mut missing = 0;
        for life in self.lives.iter().flatten().filter(|life| life.expiry_s > 0 && life.since < message.first_sent()) {
            let session = &self.sessions[life.session];
            let own = message.publisher == session.client;
            let must = session.subscriptions.iter().any(|it| {
                it.qos > 0
                    && !it.is_shared()
                    && !(own && it.no_local)
                    && it.matches(message)
                    && it.replaced.is_none()
                    && it.granted.is_some_and(|granted| granted < message.first_sent())
            });
            let client_id = format!("c{}", session.client);
            if must && !stores.iter().any(|store| has_queued(store, message, &client_id)) {
                missing += 1;
            }
        }
        if missing > dropped {
            trace.fail("acknowledged and not durable", format!("for {missing} sessions: {message:?}"));
        }
    }

    /// SUBACK leaves the broker.
    pub(in crate::sim) fn judge_subscribed(&self, session: usize, filter: &str, stores: &[&Store], trace: &mut Trace) {
        let client = self.sessions[session].client;
        let Some(life) = self.lives[client].as_ref().filter(|life| life.session == session) else { return };
        let name = format!("c{client}");
        let is_it = |operation: &Operation| {
            matches!(operation, Operation::Subscribed { client_id, filter: of, .. }
                if **client_id == *name && **of == *filter)
        };
        if self.options.durable > 0 && life.expiry_s > 0 && !stores.iter().any(|it| it.durable().iter().any(is_it)) {
            trace.fail("SUBACK and not durable", format!("{name} {filter}"));
        }
    }

    /// A PUBLISH of QoS 2 leaves the broker for a session that lasts: that it has this identifier is stored.
    pub(in crate::sim) fn judge_sent(&self, client: usize, link: usize, id: u16, stores: &[&Store], trace: &mut Trace) {
        let Some(life) = &self.lives[client] else { return };
        if life.expiry_s == 0 || life.link != link {
            return;
        }
        let name = format!("c{client}");
        let is_it = |op: &&Operation| matches!(op, Operation::Sent { client_id, packet_id, .. } if **client_id == *name && packet_id.get() == id);
        let count = |log: &[Operation]| log.iter().filter(is_it).count();
        let unstored = |store: &&&Store| count(store.durable()) < count(store.handed());
        if !stores.iter().any(|store| count(store.durable()) > 0) || stores.iter().find(unstored).is_some() {
            trace.fail("PUBLISH of QoS 2 and not durable", format!("{name} {id}"));
        }
    }

    /// CONNACK of a session that lasts leaves the broker: its last `SessionConnected` is stored.
    pub(in crate::sim) fn judge_connected(&self, client: usize, link: usize, stores: &[&Store], trace: &mut Trace) {
        let Some(life) = &self.lives[client] else { return };
        if self.options.durable == 0 || life.expiry_s == 0 || life.link != link {
            return;
        }
        let name = format!("c{client}");
        let is_it =
            |op: &Operation| matches!(op, Operation::SessionConnected { client_id, .. } if **client_id == *name);
        let count = |log: &[Operation]| log.iter().filter(|operation| is_it(operation)).count();
        if stores.iter().any(|store| count(store.durable()) != count(store.handed())) {
            trace.fail("CONNACK and not durable", name);
        }
    }
}

fn has_message(store: &Store, message: &Message) -> bool {
    store.durable().iter().any(|op| matches!(op, Operation::Message(it) if *it.payload == *message.payload))
}

fn has_queued(store: &Store, message: &Message, name: &str) -> bool {
    let log = store.durable();
    log.iter().any(|operation| match operation {
        Operation::Queued { client_id, message: position, .. } if **client_id == *name => {
            let place = position.0.checked_sub(1).and_then(|place| log.get(place as usize));
            matches!(place, Some(Operation::Message(it)) if *it.payload == *message.payload)
        }
        _ => false,
    })
}
