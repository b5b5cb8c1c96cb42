//! When a shard has to take a turn although nothing happens, and when it has gone down.

use core::time::Duration;

use crate::broker::Broker;
use crate::time::Instant;

/// What a runtime has to see to between two turns of a shard: what the [broker](Broker::poll_timeout) has to do, counters that others
/// see, and its end.
#[derive(Debug)]
pub struct Agenda {
    /// When to leave whatever is left, once the server goes down.
    leave: Option<Instant>,
    /// When counters are published next, and whether anything happened since the last time.
    publish: Instant,
    unpublished: bool,
}

impl Agenda {
    /// How old published counters may be.
    const STATS_AGE: Duration = Duration::from_millis(100);

    /// That of a shard which begins.
    pub fn new(now: Instant) -> Self {
        Self { leave: None, publish: now, unpublished: true }
    }

    /// The server goes down: connections that are left by then are left.
    pub fn leave_at(&mut self, at: Instant) {
        self.leave = Some(at);
    }

    /// A turn is over. Whether the broker's counters are to be published now.
    #[must_use = "others see the counters that were published last"]
    pub fn end_turn(&mut self, now: Instant) -> bool {
        self.unpublished = now < self.publish && self.leave.is_none();
        if !self.unpublished {
            self.publish = now.saturating_add(Self::STATS_AGE);
        }
        !self.unpublished
    }

    /// Whether the shard has gone down.
    pub fn is_down(&self, now: Instant, broker: &Broker) -> bool {
        self.leave.is_some_and(|leave| leave <= now || broker.connections() == 0)
    }

    /// When the next turn is due if nothing happens; [`Instant::MAX`] is never.
    pub fn due(&self, now: Instant, broker: &Broker) -> Instant {
        if self.is_down(now, broker) {
            return Instant::ZERO;
        }
        let timer = broker.poll_timeout().map(|(due, _)| due);
        let dues = [timer, self.unpublished.then_some(self.publish), self.leave];
        dues.into_iter().flatten().min().unwrap_or(Instant::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::id::{ListenerId, ShardId};
    use crate::outbox::Outbox;
    use crate::{CloseCause, PeerAddr};

    const START: Instant = Instant::from_secs(1);

    fn after(millis: u64) -> Instant {
        START.saturating_add(Duration::from_millis(millis))
    }

    fn broker() -> Broker {
        Broker::new(
            Config { listeners: alloc::vec![Default::default()], ..Config::default() },
            ShardId(0),
            [0; 32],
            START,
        )
    }

    #[test]
    fn counters_are_published_at_once_after_silence_and_else_when_they_are_old() {
        let (mut agenda, broker) = (Agenda::new(START), broker());
        assert!(agenda.end_turn(START));
        assert_eq!(agenda.due(START, &broker), Instant::MAX);
        assert!(!agenda.end_turn(after(99)));
        assert_eq!(agenda.due(after(99), &broker), after(100));
        assert!(agenda.end_turn(after(100)));
        assert_eq!(agenda.due(after(100), &broker), Instant::MAX);
    }

    #[test]
    fn what_the_broker_has_to_do_is_due() {
        let (mut agenda, mut broker) = (Agenda::new(START), broker());
        assert!(agenda.end_turn(START));
        _ = broker.handle_accept(START, ListenerId(0), PeerAddr::Unix).expect("there is room");
        assert_eq!(agenda.due(after(1), &broker), START, "its effects are to be carried out");
        broker.drain(&mut Outbox::new());
        let (timer, _) = broker.poll_timeout().expect("CONNECT is waited for");
        assert_eq!(agenda.due(START, &broker), timer);
    }

    #[test]
    fn it_is_down_when_its_connections_are_or_its_time_is_over() {
        let (mut agenda, mut broker) = (Agenda::new(START), broker());
        let conn = broker.handle_accept(START, ListenerId(0), PeerAddr::Unix).expect("there is room");
        broker.drain(&mut Outbox::new());
        assert!(agenda.end_turn(START));
        agenda.leave_at(after(50));
        assert!(agenda.end_turn(START), "who looks at the end sees the end");
        assert!(!agenda.is_down(after(49), &broker));
        assert_eq!(agenda.due(after(49), &broker), after(50));
        assert!(agenda.is_down(after(50), &broker));
        assert_eq!(agenda.due(after(50), &broker), Instant::ZERO);
        broker.handle_closed(START, conn, CloseCause::PeerClosed);
        broker.drain(&mut Outbox::new());
        assert!(agenda.is_down(START, &broker));
    }
}
