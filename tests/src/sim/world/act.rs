//! Doing the steps.

use std::time::Duration;

use super::World;
use crate::malformed;
use crate::sim::client::State;
use crate::sim::link::Owner;
use crate::sim::step::Step;
use crate::wire::{ToWire, Version, connect, disconnect};

impl World {
    /// Does a step; one that makes no sense now is left out. Whether it was done is the answer.
    pub(in crate::sim) fn act(&mut self, step: &Step) -> bool {
        self.trace.note(|| format!("-- {step}"));
        let client = step.client().map_or(0, |client| client as usize);
        if client >= self.clients.len() {
            return false;
        }
        match *step {
            Step::Connect { shard, .. } => self.connect(client, shard, step),
            Step::Publish { .. } | Step::Unretain { .. } => {
                self.with_client(client, |client, around| client.publish(step, around));
            }
            Step::Subscribe { .. } => self.with_client(client, |client, around| client.subscribe(step, around)),
            Step::Unsubscribe { filter, .. } => {
                self.with_client(client, |client, around| client.unsubscribe(filter, around));
            }
            Step::Ping { .. } => self.with_client(client, |client, around| client.ping(around)),
            Step::Disconnect { code, expiry, .. } => {
                self.with_client(client, |client, around| client.disconnect(code, expiry, around));
            }
            Step::Again { wrong, .. } => self.with_client(client, |client, around| client.again(wrong > 0, around)),
            Step::Stranger { number, shard, expiry_s } => self.stranger(number, shard, expiry_s),
            Step::Reset { .. } => self.with_client(client, |_, around| around.link.reset()),
            Step::HalfClose { .. } => self.with_client(client, |_, around| around.link.fin = true),
            Step::Acks { mode, .. } => self.clients[client].acks_mode = mode % 3,
            Step::Reads { mode, .. } => self.clients[client].reads_mode = mode % 3,
            Step::Stall { ms, .. } => {
                let until = self.now.saturating_add(Duration::from_millis(ms));
                self.with_client(client, |_, around| around.link.stalled_until = until);
            }
            Step::Rogue { kind, shard, stubborn } => self.rogue(kind, shard, stubborn > 0),
            Step::StoreFails {} => {
                if self.options.durable == 0 {
                    return false;
                }
                self.fail_stores();
            }
            Step::Restart {} => return self.restart(),
            Step::Wait { ms } => self.advance(Duration::from_millis(ms)),
        }
        true
    }

    /// A client opens another connection; the older one is nobody's from here on.
    fn connect(&mut self, client: usize, shard: u64, step: &Step) {
        if let Some(older) = self.clients[client].link.take() {
            self.links[older].owner = Owner::Nobody;
            self.links[older].fin |= self.calm && self.options.connections_max < 1_000;
        }
        self.clients[client].state = State::Away;
        let link = self.open(shard, Owner::Client(client));
        self.clients[client].link = Some(link);
        self.with_client(client, |client, around| client.connect(link, step, around));
    }

    fn stranger(&mut self, number: u64, shard: u64, expiry_s: u64) {
        let link = self.open(shard, Owner::Nobody);
        let hello = connect(&format!("s{number}")).v5().session_expiry(expiry_s as u32);
        self.links[link].write(&hello.to_wire(Version::V5));
        self.links[link].write(&disconnect().to_wire(Version::V5));
    }

    fn rogue(&mut self, kind: u64, shard: u64, stubborn: bool) {
        let table = malformed::table();
        let link = self.open(shard, Owner::Nobody);
        self.links[link].stubborn = stubborn;
        if kind as usize >= table.len() {
            let noise: Vec<u8> = (0..self.rng.between(1, 60)).map(|_| self.rng.next() as u8).collect();
            return self.links[link].write(&noise);
        }
        let bad = &table[kind as usize];
        if bad.connected {
            let hello = connect("rogue").version(bad.version).to_wire(bad.version);
            self.links[link].write(&hello);
        }
        self.links[link].write(&bad.bytes);
    }

    /// From here on the world does nobody harm: everything flows, everybody reads and acknowledges and says that it is there.
    pub(in crate::sim) fn calm_down(&mut self) {
        self.calm = true;
        for link in &mut self.links {
            link.capacity = usize::MAX;
            link.stalled_until = self.now;
            // Where places are few, those who left make room.
            link.fin |= link.owner == Owner::Nobody && self.options.connections_max < 1_000;
        }
        for client in &mut self.clients {
            client.acks_mode = 0;
            client.reads_mode = 0;
            client.break_silence();
        }
    }
}
