//! What happens to those who break the protocol, and to the others.

use weirmq_core::Config;

use crate::malformed::{Answer, Bad, table};
use crate::wire::*;
use crate::{Received, Start, Talk, World};

/// Each malformed packet is answered by its code, closes its own connection, and disturbs nobody.
pub fn malformed_packets_close_one_connection(start: Start<'_>) {
    let mut w = start(Config::default());
    let innocent = w.connect(connect("innocent").v5());
    w.subscribed(innocent, [("innocent/#", 1)]);
    let mut faults = Vec::new();
    for (index, bad) in table().iter().enumerate() {
        if let Err(fault) = meet(&mut *w, bad) {
            faults.push(format!("{} ({:?}, {:02X?}): {fault}", bad.name, bad.version, bad.bytes));
        }
        let payload = index.to_string();
        w.send(innocent, publish("innocent/ping", &payload).qos(1).id(1));
        let (mut acknowledged, mut delivered) = (false, false);
        while !(acknowledged && delivered) {
            match w.recv(innocent) {
                Packet::PubAck(ack) if ack.id == 1 && ack.code == 0 => acknowledged = true,
                Packet::Publish(got) => {
                    assert_eq!(got.payload, payload.as_bytes(), "after {}", bad.name);
                    w.send(innocent, puback(got.id.expect("QoS 1")));
                    delivered = true;
                }
                other => panic!("the innocent gets {other:?} after {}", bad.name),
            }
        }
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), table().len(), faults.join("\n"));
}

fn meet(w: &mut dyn World, bad: &Bad) -> Result<(), String> {
    let client = w.open();
    w.set_version(client, bad.version);
    if bad.connected {
        w.send(client, connect("rogue").version(bad.version));
        let Received::Packet(Packet::ConnAck(ConnAck { code: 0, .. })) = w.read(client) else {
            return Err("not let in".into());
        };
    }
    w.send(client, &bad.bytes);
    let (mut told, mut seen) = (None, w.read(client));
    if let Received::Packet(packet) = &seen {
        told = Some(packet.clone().without_properties());
        seen = w.read(client);
    }
    let right = match (&bad.answer, &told) {
        (Answer::Close, None) => true,
        (Answer::ConnAck(code), Some(Packet::ConnAck(it))) => code == &it.code && !it.session_present,
        (Answer::Disconnect(codes), Some(Packet::Disconnect(it))) => codes.contains(&it.code),
        (Answer::Close | Answer::ConnAck(_) | Answer::Disconnect(_), _) => false,
    };
    match (right, seen) {
        (true, Received::Closed) => Ok(()),
        (true, seen) => Err(format!("after {told:?} it should close, but {seen:?}")),
        (false, seen) => Err(format!("{:02X?} is due, and comes {told:02X?}, then {seen:?}", bad.answer)),
    }
}
