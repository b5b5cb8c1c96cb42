use weirmq_core::PeerBatch;

use super::*;
use crate::mail::Mail;
use crate::{Config, Deployment, ListenAddr, Listener, Server};

/// Shards without threads.
fn crew(shards: u16) -> (Crew, Arc<Shared>) {
    let any = ListenAddr::from(std::net::SocketAddr::from(([127, 0, 0, 1], 0)));
    let config = Config { shards, ..Config::default() };
    let server = Server::bind(Deployment::new().config(config).listen(any, Listener::default())).unwrap();
    let (crew, _polls) = Crew::new(&server.shared, server.shards).unwrap();
    (crew, server.shared)
}

impl Crew {
    fn with<T>(&self, shard: usize, act: impl FnOnce(&mut Shard) -> T) -> T {
        act(self.0[shard].lock().unwrap().as_mut().unwrap())
    }
}

#[test]
fn a_thread_has_to_wake_for_what_is_due_earlier_than_it_knows() {
    let (crew, _shared) = crew(2);
    let sleeps_until = |until| crew.with(1, |shard| shard.sleeps_until = until);
    sleeps_until(Instant::MAX);
    let id = ShardId(1);
    assert_eq!(crew.stand_in(id), Some(true), "nothing is due");
    let published_later = (0..1_000).any(|_| crew.stand_in(id) == Some(false));
    assert!(published_later, "its counters are to be published, not at once");
    crew.with(1, |shard| shard.link().post(Mail::Stop));
    assert_eq!(crew.stand_in(id), Some(false), "it has gone down");
    sleeps_until(Instant::ZERO);
    assert_eq!(crew.stand_in(id), Some(true), "it wakes anyway");
}

#[test]
fn nobody_stands_in_for_a_shard_that_is_served_or_gone() {
    let (crew, _shared) = crew(2);
    let slot = crew.0[1].lock().unwrap();
    assert_eq!(crew.stand_in(ShardId(1)), None);
    drop(slot);
    crew.dismiss(ShardId(1));
    assert_eq!(crew.stand_in(ShardId(1)), None);
}

#[test]
fn who_stands_in_wakes_those_that_the_shard_has_letters_for() {
    let (crew, shared) = crew(3);
    assert!(shared.links[2].bell.fall_asleep());
    crew.with(1, |shard| shard.calls.add(ShardId(2)));
    crew.stand_in(ShardId(1));
    assert!(shared.links[2].bell.is_rung() && !shared.links[2].bell.is_asleep());
}

#[test]
fn who_is_about_to_sleep_stands_in_for_those_that_do_and_who_is_not_wakes_them() {
    let (crew, shared) = crew(2);
    let bell = &shared.links[1].bell;
    while shared.now() < Instant::from_millis(1) {}
    // `busy` is whether the second look found something too. The answer: whether shard 1 has still to look, and whether it sleeps.
    let calls = |letter: Mail, asleep: bool, busy: bool| {
        crew.with(1, |shard| shard.sleeps_until = Instant::from_millis(1));
        if asleep {
            assert!(bell.fall_asleep())
        } else {
            bell.get_up()
        }
        shared.links[1].post(letter);
        crew.with(0, |shard| {
            shard.calls.add(ShardId(1));
            assert_eq!(crew.rest(shard, Instant::ZERO, true), Some(Duration::ZERO));
            crew.rest(shard, Instant::ZERO, busy);
            // And it finds nothing more, and sleeps.
            crew.rest(shard, Instant::ZERO, false);
        });
        let found = (bell.is_rung(), bell.is_asleep());
        bell.silence();
        found
    };
    let letter = || Mail::Peer(ShardId(0), PeerBatch::default());
    assert_eq!(calls(letter(), true, false), (false, true), "somebody stood in");
    assert_eq!(calls(letter(), false, false), (true, false), "it is awake, and looks by itself");
    assert_eq!(calls(letter(), true, true), (true, false), "it was woken, for the other is in traffic");
    assert_eq!(
        calls(Mail::Stop, true, false),
        (true, false),
        "somebody stood in, and its thread has to wake all the same"
    );
    assert!(crew.with(1, |shard| shard.is_down(shared.now())));
}
