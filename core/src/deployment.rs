//! What a deployment chooses, whatever runtime serves it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use crate::access::{AuthOutcome, AuthReply, AuthRequest};
use crate::broker::Broker;
use crate::config::{Config, ConfigError, Listener};
use crate::event::Event;
use crate::id::ShardId;
use crate::record::{RecordOptions, RecordSink};
use crate::time::Instant;

type Observer = Box<dyn Fn(ShardId, &Event) + Send + Sync>;
type Authenticator = Box<dyn Fn(AuthRequest, AuthReply) + Send + Sync>;

/// What a deployment chooses, for the `bind` of whichever runtime; `A` is the kind of address that the runtime listens on.
///
/// Observer, recorder and authenticator are called by the thread that serves the shard: not always the same one, since on
/// `weirmq-mio` threads stand in for each other, but one at a time. All of the shard waits for them, and so may another.
pub struct Deployment<A> {
    /// The broker's configuration. Its listeners are those of [`listeners`](Self::listeners) once it [fits](Self::fit). Default
    /// [`Config::default`].
    pub config: Config,
    /// Where to listen, and what holds there; the first is [`ListenerId`](crate::ListenerId) 0. Default nowhere, which does not
    /// [fit](Self::fit).
    pub listeners: Vec<(A, Listener)>,
    /// The longest that a graceful shutdown waits for connections to end. Default 5 s.
    pub drain_timeout: Duration,
    seed: Option<[u8; 32]>,
    observer: Option<Observer>,
    recorder: Option<(RecordOptions, RecordSink)>,
    authenticator: Option<Authenticator>,
}

impl<A> Default for Deployment<A> {
    fn default() -> Self {
        Self::new()
    }
}

/// What is chosen.
impl<A> Deployment<A> {
    /// Every default, and no address: at least one is to be [listened](Self::listen) on.
    pub fn new() -> Self {
        Self {
            config: Config::default(),
            listeners: Vec::new(),
            drain_timeout: Duration::from_secs(5),
            seed: None,
            observer: None,
            recorder: None,
            authenticator: None,
        }
    }

    /// The broker's configuration; `config.shards` is the number of threads. Its listeners are replaced by those of
    /// [`listen`](Self::listen). Default [`Config::default`].
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// What decides everything random in the broker: hashing and assigned client identifiers. Default: the runtime draws it from
    /// std's `RandomState`, which keeps strangers from choosing keys that collide; it is no source for secrets.
    pub fn seed(mut self, seed: [u8; 32]) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Listens on an address. Each call adds a listener; the first is [`ListenerId`](crate::ListenerId) 0. Default none.
    pub fn listen(mut self, addr: impl Into<A>, listener: Listener) -> Self {
        self.listeners.push((addr.into(), listener));
        self
    }

    /// Is told what happens, after the output that goes with it. Default none.
    pub fn observer(mut self, observer: impl Fn(ShardId, &Event) + Send + Sync + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Is given the [record](crate::record) of each shard, before another shard hears of it, until it answers `false`. It must not
    /// block for long. Default none.
    pub fn recorder(mut self, options: RecordOptions, recorder: RecordSink) -> Self {
        self.recorder = Some((options, recorder));
        self
    }

    /// Answers for clients' credentials: it is given each question, must not block, and answers by [`AuthReply`] then or later.
    /// What it means for the configuration [`Config::fit`] says. Default none.
    pub fn authenticator(mut self, authenticator: impl Fn(AuthRequest, AuthReply) + Send + Sync + 'static) -> Self {
        self.authenticator = Some(Box::new(authenticator));
        self
    }

    /// The longest that a graceful shutdown waits for connections to end. Default 5 s.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }
}

/// What a runtime does with it.
impl<A> Deployment<A> {
    /// Makes the configuration [fit](Config::fit) a runtime, which has drawn this seed in case that none was chosen.
    ///
    /// # Errors
    /// Those of [`Config::fit`].
    pub fn fit(&mut self, drawn: [u8; 32]) -> Result<(), ConfigError> {
        self.seed.get_or_insert(drawn);
        self.config.listeners = self.listeners.iter().map(|(_, listener)| listener.clone()).collect();
        self.config.fit(self.authenticator.is_some())
    }

    /// The broker of a shard.
    ///
    /// # Panics
    /// Before it was made to [fit](Self::fit), and when there is no such shard.
    pub fn broker(&self, shard: ShardId, now: Instant) -> Broker {
        let seed = self.seed.expect("a seed was drawn if none was chosen");
        let options = self.recorder.as_ref().map(|(options, _)| *options);
        Broker::new(self.config.clone(), shard, seed, now).recording(options)
    }

    /// Hands on what a shard's broker has recorded: after each [drain](Broker::drain), before that is carried out.
    pub fn drain_record(&self, shard: ShardId, broker: &mut Broker) {
        if let Some((_, recorder)) = &self.recorder {
            broker.drain_record(|records| recorder(shard, records));
        }
    }

    /// Hands on the end of what a shard's broker has recorded.
    pub fn finish_record(&self, shard: ShardId, broker: &mut Broker) {
        if let Some((_, recorder)) = &self.recorder {
            broker.finish_record(|records| recorder(shard, records));
        }
    }

    /// Tells what has happened in a shard.
    pub fn observe(&self, shard: ShardId, events: &mut Vec<Event>) {
        if let Some(observer) = &self.observer {
            events.drain(..).for_each(|event| observer(shard, &event));
        }
    }

    /// Asks about a client. The answer goes to `deliver`, now or later, on any thread.
    pub fn ask(&self, request: AuthRequest, deliver: impl FnOnce(AuthOutcome) + Send + 'static) {
        let reply = AuthReply::new(deliver);
        if let Some(authenticator) = &self.authenticator {
            authenticator(request, reply);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::sync::Arc;
    use core::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::config::Authentication;
    use crate::id::{AuthId, ConnId, ListenerId, PeerAddr};
    use crate::outbox::Outbox;
    use crate::packet::ReasonCode;

    fn listener(name: &str) -> Listener {
        Listener { name: String::from(name), ..Listener::default() }
    }

    const SEED: [u8; 32] = [9; 32];

    /// One that fits unless something is wrong with what is chosen further.
    fn deployment() -> Deployment<u8> {
        Deployment::new().listen(0, listener("only"))
    }

    /// A number, and what counts it up.
    fn counter() -> (Arc<AtomicUsize>, impl Fn() + Clone) {
        let number = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&number);
        (number, move || _ = counted.fetch_add(1, Ordering::Relaxed))
    }

    fn count(number: &Arc<AtomicUsize>) -> usize {
        number.load(Ordering::Relaxed)
    }

    #[test]
    fn listeners_are_those_that_were_listened_on_whatever_configuration_comes_between() {
        let deployment = Deployment::<u16>::new().listen(1_u8, listener("first"));
        let config = Config { shards: 7, listeners: alloc::vec![listener("of no address")], ..Config::default() };
        let mut deployment = deployment.config(config).listen(2_u8, listener("second"));
        deployment.fit(SEED).unwrap();
        assert_eq!(deployment.config.shards, 7);
        assert_eq!(deployment.listeners, [(1, listener("first")), (2, listener("second"))]);
        assert_eq!(deployment.config.listeners, [listener("first"), listener("second")]);
    }

    #[test]
    fn a_shutdown_waits_for_five_seconds_or_what_was_chosen() {
        assert_eq!(deployment().drain_timeout, Duration::from_secs(5));
        assert_eq!(deployment().drain_timeout(Duration::from_millis(1)).drain_timeout, Duration::from_millis(1));
    }

    #[test]
    fn a_seed_is_drawn_where_none_was_chosen() {
        for (mut deployment, seed) in [(deployment(), SEED), (deployment().seed([2; 32]), [2; 32])] {
            deployment.fit(SEED).unwrap();
            assert_eq!(deployment.seed, Some(seed));
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert_eq!(Deployment::<u8>::default().fit(SEED).unwrap_err().field, "listeners");
        let external = || Authentication::External { methods: Vec::new() };
        let mut asks_nobody = deployment().config(Config { authentication: external(), ..Config::default() });
        assert_eq!(asks_nobody.fit(SEED).unwrap_err().field, "authentication");
        let mut asks = deployment().authenticator(|_, _| {});
        asks.fit(SEED).unwrap();
        assert_eq!(asks.config.authentication, external());
    }

    /// The broker of the second of two shards, in which a connection was accepted, and what it wants.
    fn accepting(mut deployment: Deployment<u8>) -> (Deployment<u8>, Broker, Outbox) {
        deployment = deployment.config(Config { shards: 2, ..Config::default() });
        deployment.fit(SEED).unwrap();
        let (mut broker, mut outbox) = (deployment.broker(ShardId(1), Instant::ZERO), Outbox::new());
        _ = broker.handle_accept(Instant::ZERO, ListenerId(0), PeerAddr::Unix).expect("there is room");
        broker.drain(&mut outbox);
        (deployment, broker, outbox)
    }

    #[test]
    fn what_happens_is_told_with_its_shard() {
        let (told, tell) = counter();
        let deployment = deployment().observer(move |shard, event| {
            assert!(shard == ShardId(1) && matches!(event, Event::Accepted { .. }));
            tell();
        });
        let (deployment, _, mut outbox) = accepting(deployment);
        deployment.observe(ShardId(1), &mut outbox.events);
        assert_eq!(count(&told), 1);
        assert!(outbox.is_empty());
    }

    #[test]
    fn what_is_recorded_is_handed_on_with_its_shard_and_to_its_end() {
        let ((handed_on, hand_on), (seeds, seed)) = (counter(), counter());
        let recorder = move |shard, records: &[u8]| {
            assert_eq!(shard, ShardId(1));
            hand_on();
            records.windows(SEED.len()).any(|bytes| *bytes == SEED).then(&seed);
            true
        };
        let (deployment, mut broker, _) =
            accepting(deployment().recorder(RecordOptions::default(), Box::new(recorder)));
        deployment.drain_record(ShardId(1), &mut broker);
        assert_eq!([&handed_on, &seeds].map(count), [1, 1]);
        deployment.finish_record(ShardId(1), &mut broker);
        assert_eq!([&handed_on, &seeds].map(count), [2, 1]);
    }

    #[test]
    fn the_authenticator_answers_and_where_there_is_none_a_client_is_refused() {
        let accept = || AuthOutcome::Accept { data: None };
        let accepting = deployment().authenticator(move |request, reply| {
            assert_eq!(request.id, AuthId(7));
            reply.answer(accept());
        });
        let refused = AuthOutcome::Refuse(ReasonCode::ServerUnavailable);
        for (deployment, expected) in [(accepting, accept()), (deployment(), refused)] {
            let (delivered, deliver) = counter();
            let request = AuthRequest {
                id: AuthId(7),
                conn: ConnId::new(0, 0),
                listener: ListenerId(0),
                peer: PeerAddr::Unix,
                client_id: "client".into(),
                user_name: None,
                password: None,
                exchange: None,
            };
            deployment.ask(request, move |outcome| {
                assert_eq!(outcome, expected);
                deliver();
            });
            assert_eq!(count(&delivered), 1);
        }
    }
}
