//! The ring of exchanges: one behaviour per test, and a naive model.

extern crate std;

use super::*;
use crate::session::delivery::tests_support::delivery;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::vec::Vec;

fn id(number: u16) -> PacketId {
    PacketId::new(number).expect("not 0")
}

fn qos1(number: u32) -> Delivery {
    delivery(number, QoS::AtLeastOnce)
}

fn qos2(number: u32) -> Delivery {
    delivery(number, QoS::ExactlyOnce)
}

#[test]
fn a_qos_1_exchange_ends_with_its_puback() {
    let mut inflight = Inflight::new();
    assert_eq!(inflight.push(qos1(7)), id(1));
    assert_eq!(inflight.receive(id(1)), Err(AcknowledgeError::WrongState));
    assert_eq!(inflight.reject(id(1)), Err(AcknowledgeError::WrongState));
    assert_eq!(inflight.complete(id(1)), Err(AcknowledgeError::WrongState));
    assert_eq!((inflight.used(), inflight.len()), (1, 1));
    assert_eq!(inflight.acknowledge(id(1)), Ok(qos1(7)));
    assert_eq!((inflight.used(), inflight.len(), inflight.is_empty()), (0, 0, true));
    assert_eq!(inflight.acknowledge(id(1)), Err(AcknowledgeError::Unknown));
}

#[test]
fn a_qos_2_exchange_takes_pubrec_and_pubcomp_and_holds_its_unit_until_then() {
    let mut inflight = Inflight::new();
    inflight.push(qos2(7));
    assert_eq!(inflight.acknowledge(id(1)), Err(AcknowledgeError::WrongState));
    assert_eq!(inflight.complete(id(1)), Err(AcknowledgeError::WrongState));
    assert_eq!(inflight.receive(id(1)), Ok(Some(qos2(7))));
    assert_eq!(inflight.receive(id(1)), Ok(None));
    assert_eq!(inflight.reject(id(1)), Err(AcknowledgeError::WrongState));
    assert_eq!((inflight.used(), inflight.len()), (1, 1));
    assert_eq!(inflight.complete(id(1)), Ok(()));
    assert_eq!((inflight.used(), inflight.len()), (0, 0));
    assert_eq!(inflight.complete(id(1)), Err(AcknowledgeError::Unknown));
}

#[test]
fn what_is_under_way_because_of_a_group_that_was_left_is_the_sessions_own() {
    let mut inflight = Inflight::new();
    [1, 2, 1, 0].into_iter().for_each(|group| {
        inflight.push(Delivery { group, ..qos1(group) });
    });
    inflight.leave_group(1);
    let mut groups = Vec::new();
    inflight.drain(|_, kind| {
        let (ResendKind::First(delivery) | ResendKind::Publish(delivery)) = kind else { panic!("{kind:?}") };
        groups.push(delivery.group);
    });
    assert_eq!(groups, [0, 2, 0, 0]);
}

#[test]
fn what_is_sent_again_on_the_same_connection_makes_no_room() {
    let mut inflight = Inflight::new();
    inflight.push(qos2(7));
    inflight.push(qos1(8));
    assert_eq!(inflight.receive(id(1)), Ok(Some(qos2(7))));
    inflight.send_again();
    assert_eq!(inflight.used(), 2);
    assert_eq!(inflight.next_resend(2), Some((id(1), ResendKind::Release)));
    assert_eq!(inflight.next_resend(2), Some((id(2), ResendKind::Publish(qos1(8)))));
    assert_eq!((inflight.next_resend(2), inflight.used(), inflight.can_send(2)), (None, 2, false));
    assert_eq!(inflight.complete(id(1)), Ok(()));
    assert_eq!((inflight.used(), inflight.can_send(2)), (1, true));
}

#[test]
fn a_refusing_pubrec_ends_the_exchange() {
    let mut inflight = Inflight::new();
    inflight.push(qos2(7));
    assert_eq!(inflight.reject(id(1)), Ok(qos2(7)));
    assert_eq!((inflight.used(), inflight.len()), (0, 0));
    assert_eq!(inflight.receive(id(1)), Err(AcknowledgeError::Unknown));
}

#[test]
fn an_exchange_that_ended_inside_the_ring_is_unknown() {
    let mut inflight = Inflight::new();
    (0..3).for_each(|number| assert_eq!(inflight.push(qos1(number)).get(), number as u16 + 1));
    assert!(inflight.acknowledge(id(2)).is_ok());
    assert_eq!(inflight.acknowledge(id(2)), Err(AcknowledgeError::Unknown));
    assert!(inflight.acknowledge(id(1)).is_ok());
    assert_eq!((inflight.entries.len(), inflight.first), (1, 3));
}

#[test]
fn identifiers_wrap_from_65535_to_1() {
    let mut inflight = Inflight::new();
    for round in 0..140_000u32 {
        let expected = (round % 65_535 + 1) as u16;
        assert_eq!(inflight.push(qos1(round)), id(expected));
        assert_eq!(inflight.acknowledge(id(expected)), Ok(qos1(round)));
    }
}

#[test]
fn a_full_ring_never_has_an_identifier_twice() {
    let mut inflight = Inflight { first: 60_000, ..Inflight::new() };
    let mut ids = BTreeSet::new();
    while inflight.can_send(u16::MAX) {
        assert!(ids.insert(inflight.push(qos1(0))));
    }
    assert_eq!((ids.len(), inflight.used()), (65_534, 65_534));
    assert!(!ids.contains(&id(59_999)));
}

#[test]
fn an_old_exchange_bounds_the_ring() {
    let mut inflight = Inflight::new();
    inflight.push(qos1(0));
    let mut begun = 1;
    while inflight.can_send(2) {
        let id = inflight.push(qos1(begun));
        assert!(inflight.acknowledge(id).is_ok());
        begun += 1;
    }
    assert_eq!((begun, inflight.used()), (2 + 8_000, 1));
    assert!(inflight.acknowledge(id(1)).is_ok());
    assert!(inflight.can_send(2));
    assert_eq!(inflight.entries.len(), 0);
}

#[test]
fn a_resent_pubrel_takes_no_unit_and_gives_none() {
    let mut inflight = Inflight::new();
    inflight.push(qos2(0));
    inflight.push(qos1(1));
    assert!(inflight.receive(id(1)).is_ok());
    inflight.begin_connection();
    assert!(inflight.needs_resend() && !inflight.can_send(5));
    assert_eq!(inflight.next_resend(5), Some((id(1), ResendKind::Release)));
    assert_eq!(inflight.used(), 0);
    assert_eq!(inflight.next_resend(5), Some((id(2), ResendKind::Publish(qos1(1)))));
    assert_eq!((inflight.used(), inflight.next_resend(5), inflight.needs_resend()), (1, None, false));
    assert_eq!(inflight.complete(id(1)), Ok(()));
    assert_eq!(inflight.used(), 1);
    assert!(inflight.can_send(5));
}

/// MQTT-4.6.0-4, on a new connection too.
#[test]
fn pubrels_are_sent_again_in_the_order_of_their_pubrecs() {
    let mut inflight = Inflight { received: u32::MAX - 1, ..Inflight::new() };
    (0..5).for_each(|number| assert_eq!(inflight.push(qos2(number)).get(), number as u16 + 1));
    for number in [4, 2, 5, 1] {
        assert!(inflight.receive(id(number)).is_ok());
    }
    // One that comes again changes nothing.
    assert_eq!(inflight.receive(id(4)), Ok(None));
    assert_eq!(inflight.complete(id(2)), Ok(()));
    inflight.begin_connection();
    let resent: Vec<_> = core::iter::from_fn(|| inflight.next_resend(5)).map(|(id, _)| id.get()).collect();
    assert_eq!(resent, [4, 5, 1, 3]);
}

#[test]
fn a_pubrel_does_not_wait_behind_a_publish_that_waits() {
    let mut inflight = Inflight::new();
    (0..5).for_each(|number| assert_eq!(inflight.push(qos2(number)).get(), number as u16 + 1));
    assert!(inflight.receive(id(3)).is_ok());
    assert!(inflight.receive(id(5)).is_ok());
    inflight.begin_connection();
    assert_eq!(inflight.next_resend(1), Some((id(3), ResendKind::Release)));
    assert_eq!(inflight.next_resend(1), Some((id(5), ResendKind::Release)));
    assert_eq!(inflight.next_resend(1), Some((id(1), ResendKind::Publish(qos2(0)))));
    assert_eq!((inflight.next_resend(1), inflight.needs_resend()), (None, true));
    assert_eq!(inflight.reject(id(1)), Ok(qos2(0)));
    assert_eq!(inflight.next_resend(1), Some((id(2), ResendKind::Publish(qos2(1)))));
    assert_eq!(inflight.next_resend(2), Some((id(4), ResendKind::Publish(qos2(3)))));
    assert!(!inflight.needs_resend());
}

#[test]
fn what_is_staged_is_sent_first_without_dup_and_then_with() {
    let mut inflight = Inflight::new();
    inflight.push(qos1(0));
    assert!(inflight.can_stage(3));
    assert_eq!((inflight.stage(qos2(1)), inflight.stage(qos1(2))), (id(2), id(3)));
    assert_eq!((inflight.can_stage(3), inflight.can_stage(4)), (false, true));
    assert!(inflight.needs_resend() && !inflight.can_send(5));
    assert_eq!((inflight.used(), inflight.len()), (1, 3));
    assert_eq!(inflight.next_resend(3), Some((id(2), ResendKind::First(qos2(1)))));
    inflight.begin_connection();
    assert_eq!(inflight.next_resend(3), Some((id(1), ResendKind::Publish(qos1(0)))));
    assert_eq!(inflight.next_resend(3), Some((id(2), ResendKind::Publish(qos2(1)))));
    assert_eq!(inflight.next_resend(3), Some((id(3), ResendKind::First(qos1(2)))));
    assert_eq!((inflight.used(), inflight.needs_resend()), (3, false));
}

#[test]
fn an_acknowledgement_that_precedes_the_resend_replaces_it() {
    let mut inflight = Inflight::new();
    inflight.push(qos1(0));
    inflight.push(qos2(1));
    inflight.begin_connection();
    assert_eq!(inflight.receive(id(2)), Ok(Some(qos2(1))));
    assert_eq!(inflight.acknowledge(id(1)), Ok(qos1(0)));
    assert_eq!((inflight.needs_resend(), inflight.next_resend(5), inflight.used()), (false, None, 0));
    assert_eq!(inflight.complete(id(2)), Ok(()));
}

#[test]
fn the_end_of_a_session_hands_everything_out() {
    let mut inflight = Inflight::new();
    inflight.push(qos1(0));
    inflight.push(qos2(1));
    inflight.push(qos2(2));
    assert!(inflight.receive(id(2)).is_ok());
    let mut drained = Vec::new();
    inflight.drain(|id, kind| drained.push((id.get(), kind)));
    assert_eq!(
        drained,
        [(1, ResendKind::Publish(qos1(0))), (2, ResendKind::Release), (3, ResendKind::Publish(qos2(2)))]
    );
    assert_eq!((inflight.len(), inflight.used(), inflight.needs_resend()), (0, 0, false));
    assert_eq!(inflight.push(qos1(3)), id(4));
}

#[test]
fn memory_comes_back() {
    let mut inflight = Inflight::new();
    for count in [1_000u16, 3] {
        let ids: Vec<_> = (0..count).map(|number| inflight.push(qos1(number.into()))).collect();
        ids.into_iter().for_each(|id| assert!(inflight.acknowledge(id).is_ok()));
        assert_eq!(inflight.entries.capacity() == 0, count > 3);
    }
    inflight.release_memory();
    assert_eq!(inflight.entries.capacity(), 0);
}

/// What an exchange of the model waits for: PUBACK, PUBREC or PUBCOMP.
#[derive(Clone, Copy, PartialEq)]
enum Awaits {
    Ack,
    Rec,
    Comp,
}

/// The naive model: the order of the exchanges, and everything else by identifier.
#[derive(Default)]
struct Model {
    order: Vec<PacketId>,
    state: BTreeMap<PacketId, (Awaits, Delivery)>,
    /// Those whose PUBREC has come, in that order.
    released: Vec<PacketId>,
    counted: BTreeSet<PacketId>,
    unsent: BTreeSet<PacketId>,
}

impl Model {
    fn end(&mut self, id: PacketId) -> Delivery {
        self.order.retain(|&other| other != id);
        self.released.retain(|&other| other != id);
        self.counted.remove(&id);
        self.unsent.remove(&id);
        self.state.remove(&id).expect("checked").1
    }

    fn end_in(&mut self, id: PacketId, state: Awaits) -> Result<Delivery, AcknowledgeError> {
        match self.state.get(&id) {
            None => Err(AcknowledgeError::Unknown),
            Some(&(actual, _)) if actual == state => Ok(self.end(id)),
            Some(_) => Err(AcknowledgeError::WrongState),
        }
    }

    fn receive(&mut self, id: PacketId) -> Result<Option<Delivery>, AcknowledgeError> {
        match self.state.get_mut(&id) {
            None => Err(AcknowledgeError::Unknown),
            Some((Awaits::Ack, _)) => Err(AcknowledgeError::WrongState),
            Some((state, delivery)) => {
                self.unsent.remove(&id);
                let first = *state == Awaits::Rec;
                *state = Awaits::Comp;
                if first {
                    self.released.push(id);
                }
                Ok(first.then_some(*delivery))
            }
        }
    }

    fn next_resend(&mut self, window: u16) -> Option<(PacketId, ResendKind)> {
        let full = self.counted.len() >= usize::from(window);
        let publishes = self.order.iter().filter(|id| self.state[id].0 != Awaits::Comp);
        let id = *self.released.iter().chain(publishes).find(|&id| self.unsent.contains(id))?;
        if self.state[&id].0 == Awaits::Comp {
            self.unsent.remove(&id);
            return Some((id, ResendKind::Release));
        }
        if full && !self.counted.contains(&id) {
            return None;
        }
        self.unsent.remove(&id);
        self.counted.insert(id);
        Some((id, ResendKind::Publish(self.state[&id].1)))
    }
}

#[derive(Clone, Debug)]
enum Step {
    Push(bool),
    Acknowledge(usize),
    Receive(usize),
    Reject(usize),
    Complete(usize),
    Resend,
    Retry,
    Connect(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let place = 0..12usize;
    prop_oneof![
        8 => any::<bool>().prop_map(Step::Push),
        4 => place.clone().prop_map(Step::Acknowledge),
        4 => place.clone().prop_map(Step::Receive),
        1 => place.clone().prop_map(Step::Reject),
        3 => place.prop_map(Step::Complete),
        6 => Just(Step::Resend),
        1 => Just(Step::Retry),
        1 => (1..8u16).prop_map(Step::Connect),
    ]
}

/// One step on both, which must answer the same.
fn apply(step: &Step, number: u32, window: &mut u16, inflight: &mut Inflight, model: &mut Model) {
    // Mostly an identifier of the model, by its place in the order, and sometimes an unknown one.
    let chosen = |model: &Model, place: usize| model.order.get(place).copied().unwrap_or(id(30_000));
    match *step {
        Step::Push(exactly_once) if inflight.can_send(*window) => {
            let (pushed, state) = if exactly_once { (qos2(number), Awaits::Rec) } else { (qos1(number), Awaits::Ack) };
            let id = inflight.push(pushed);
            assert!(model.state.insert(id, (state, pushed)).is_none(), "identifier in use");
            model.order.push(id);
            model.counted.insert(id);
        }
        Step::Push(_) => {
            let span_limit = inflight.entries.len() >= 4 * usize::from(*window) + 64;
            assert!(!model.unsent.is_empty() || model.counted.len() >= usize::from(*window) || span_limit);
        }
        Step::Acknowledge(place) => {
            let id = chosen(model, place);
            assert_eq!(inflight.acknowledge(id), model.end_in(id, Awaits::Ack));
        }
        Step::Receive(place) => {
            let id = chosen(model, place);
            assert_eq!(inflight.receive(id), model.receive(id));
        }
        Step::Reject(place) => {
            let id = chosen(model, place);
            assert_eq!(inflight.reject(id), model.end_in(id, Awaits::Rec));
        }
        Step::Complete(place) => {
            let id = chosen(model, place);
            assert_eq!(inflight.complete(id), model.end_in(id, Awaits::Comp).map(|_| ()));
        }
        Step::Resend => assert_eq!(inflight.next_resend(*window), model.next_resend(*window)),
        Step::Retry => {
            inflight.send_again();
            model.unsent = model.order.iter().copied().collect();
        }
        Step::Connect(new) => {
            *window = new;
            inflight.begin_connection();
            model.counted.clear();
            model.unsent = model.order.iter().copied().collect();
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_the_model(
        first in prop_oneof![Just(1u16), 65_500..=u16::MAX],
        mut window in 1..8u16,
        steps in vec(step(), 1..400),
    ) {
        let mut inflight = Inflight { first, ..Inflight::new() };
        let mut model = Model::default();
        for (number, step) in steps.iter().enumerate() {
            apply(step, number as u32, &mut window, &mut inflight, &mut model);
            prop_assert!(inflight.used() <= window);
            prop_assert_eq!(usize::from(inflight.used()), model.counted.len());
            prop_assert_eq!(inflight.len(), model.order.len());
            prop_assert_eq!(inflight.needs_resend(), !model.unsent.is_empty());
            prop_assert!(inflight.iter().map(|(id, _)| id).eq(model.order.iter().copied()));
            prop_assert!(inflight.entries.front().is_none_or(|entry| !entry.is_done()));
        }
    }

    #[test]
    fn everything_is_sent_again_once_and_in_order(exactly_once in vec(any::<bool>(), 0..50), window in 1..8u16) {
        let mut inflight = Inflight { first: 65_520, ..Inflight::new() };
        let begun: Vec<_> = exactly_once.iter().enumerate().map(|(number, &exactly_once)| {
            inflight.push(if exactly_once { qos2(number as u32) } else { qos1(number as u32) })
        }).collect();
        inflight.begin_connection();
        let mut resent = Vec::new();
        while inflight.needs_resend() {
            let open = resent.len();
            while let Some((id, _)) = inflight.next_resend(window) {
                resent.push(id);
            }
            prop_assert!(resent.len() > open && inflight.used() <= window);
            for &id in &resent[open..] {
                prop_assert!(inflight.acknowledge(id).is_ok() || inflight.reject(id).is_ok());
            }
        }
        prop_assert_eq!(resent, begun);
        prop_assert!(inflight.is_empty() && inflight.can_send(window));
    }
}
