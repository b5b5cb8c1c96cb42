//! Which member of a Shared Subscription is sent a message (MQTT 5.0, 4.8.2).
//!
//! The shard that a message was published to chooses the shard, in proportion to connected members; the shard that was
//! chosen chooses the member, in turn. Both are round robins without chance, so a run can be repeated. Nothing is sent
//! here, and what is done for a member that does not answer is the broker's business (MQTT-4.8.2-4 to MQTT-4.8.2-6).

use super::Subscription;
use super::group::Group;

/// How well a member can take a message now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberState {
    /// Connected, and there is room to send.
    Ready,
    /// Connected, but the message would have to wait.
    Busy,
    /// Not connected: the message would wait for the session to be resumed.
    Offline,
    /// Its queue is at a bound: the message would be dropped.
    Full,
}

/// Where a message for a group goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// To the member at this position of this shard.
    Local(u32),
    /// To a member that this other shard chooses.
    Remote(u16),
    /// The group has no members.
    Nobody,
}

impl Group {
    /// How many members in this shard are connected and can take a message, busy ones included.
    pub fn connected(&self, mut state: impl FnMut(&Subscription) -> MemberState) -> u32 {
        let is_connected = |state| matches!(state, MemberState::Ready | MemberState::Busy);
        self.members().iter().filter(|member| is_connected(state(member))).count() as u32
    }

    /// Chooses a member for a message that was published in this shard.
    ///
    /// While anybody is connected anywhere, every shard has its turn as often as it has connected members; otherwise as
    /// often as it has members. Local members at a bound count for neither; how full those elsewhere are is not known here.
    /// It looks at all local members when there are members elsewhere too.
    pub fn pick(&mut self, mut state: impl FnMut(&Subscription) -> MemberState) -> Pick {
        if self.remote().is_empty() {
            return self.pick_local(state).map_or(Pick::Nobody, Pick::Local);
        }
        let here = u64::from(self.connected(&mut state));
        let elsewhere: u64 = self.remote().iter().map(|remote| u64::from(remote.connected)).sum();
        let by_connected = here + elsewhere > 0;
        let has_room = |member: &&Subscription| state(member) != MemberState::Full;
        let here = if by_connected { here } else { self.members().iter().filter(has_room).count() as u64 };
        let elsewhere =
            if by_connected { elsewhere } else { self.remote().iter().map(|remote| u64::from(remote.total)).sum() };
        // There is somebody: without connected members the totals count, and a remote entry has at least one.
        let mut turn = u64::from(self.remote_cursor) % (here + elsewhere).max(1);
        self.remote_cursor = u32::try_from(turn + 1).unwrap_or(0);
        if turn < here {
            return self.pick_local(state).map_or(Pick::Nobody, Pick::Local);
        }
        turn -= here;
        for remote in self.remote() {
            let weight = u64::from(if by_connected { remote.connected } else { remote.total });
            if turn < weight {
                return Pick::Remote(remote.shard);
            }
            turn -= weight;
        }
        Pick::Nobody
    }

    /// Chooses the position of a member in this shard, for a message that another shard sent here too: the next that is
    /// [`Ready`](MemberState::Ready), else the next that is [`Busy`](MemberState::Busy), else the next that is
    /// [`Offline`](MemberState::Offline), else the next at all. None when the shard has no member.
    pub fn pick_local(&mut self, mut state: impl FnMut(&Subscription) -> MemberState) -> Option<u32> {
        let count = self.members().len() as u32;
        if count == 0 {
            return None;
        }
        let first = self.cursor % count;
        let (mut busy, mut offline, mut full) = (None, None, None);
        let mut ready = None;
        for position in (first..count).chain(0..first) {
            match state(&self.members()[position as usize]) {
                MemberState::Ready => {
                    ready = Some(position);
                    break;
                }
                MemberState::Busy => busy = busy.or(Some(position)),
                MemberState::Offline => offline = offline.or(Some(position)),
                MemberState::Full => full = full.or(Some(position)),
            }
        }
        let chosen = ready.or(busy).or(offline).or(full)?;
        self.cursor = chosen + 1;
        Some(chosen)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::topic::{FilterId, GroupId, SubscriptionTree};
    use MemberState::{Busy, Full, Offline, Ready};
    use std::vec::Vec;

    fn group_of(sessions: u32) -> (SubscriptionTree, FilterId, GroupId) {
        let mut tree = SubscriptionTree::new(1);
        let id = tree.insert("t");
        let mut group = None;
        for session in 0..sessions {
            group = Some(tree.join(id, "g", Subscription { session, ..Subscription::default() }).0);
        }
        let group = group.expect("at least one session");
        (tree, id, group)
    }

    fn picks(group: &mut Group, count: usize, states: &[MemberState]) -> Vec<u32> {
        let mut pick = || group.pick_local(|member| states[member.session as usize]);
        (0..count).map(|_| pick().expect("there are members")).collect()
    }

    #[test]
    fn ready_members_take_turns() {
        let (mut tree, _, group) = group_of(3);
        let group = tree.group_mut(group);
        assert_eq!(picks(group, 6, &[Ready; 3]), [0, 1, 2, 0, 1, 2]);
        assert_eq!(picks(group, 4, &[Ready, Busy, Ready]), [0, 2, 0, 2]);
        assert_eq!(picks(group, 4, &[Offline, Busy, Busy]), [1, 2, 1, 2]);
        assert_eq!(picks(group, 4, &[Offline; 3]), [0, 1, 2, 0]);
        assert_eq!(picks(group, 2, &[Offline, Busy, Ready]), [2, 2]);
    }

    #[test]
    fn the_turn_survives_leaving_members() {
        let (mut tree, _, id) = group_of(5);
        picks(tree.group_mut(id), 5, &[Ready; 5]);
        tree.leave(id, 4);
        tree.leave(id, 0);
        assert_eq!(picks(tree.group_mut(id), 3, &[Ready; 5]), [2, 0, 1]);
    }

    #[test]
    fn shards_take_turns_in_proportion_to_connected_members() {
        let (mut tree, id, group) = group_of(3);
        tree.set_remote_members(id, "g", 2, 4, 10);
        tree.set_remote_members(id, "g", 1, 1, 1);
        tree.set_remote_members(id, "g", 5, 0, 9);
        let states = [Ready, Offline, Ready];
        let (mut local, mut one, mut two) = ([0; 3], 0, 0);
        for _ in 0..70 {
            match tree.group_mut(group).pick(|member| states[member.session as usize]) {
                Pick::Local(position) => local[position as usize] += 1,
                Pick::Remote(1) => one += 1,
                Pick::Remote(2) => two += 1,
                Pick::Remote(shard) => panic!("shard {shard} has nobody connected"),
                Pick::Nobody => panic!("there are members"),
            }
        }
        assert_eq!((local, one, two), ([10, 0, 10], 10, 40));
    }

    #[test]
    fn without_connected_members_the_totals_count() {
        let (mut tree, id, group) = group_of(2);
        tree.set_remote_members(id, "g", 1, 0, 3);
        let all: Vec<_> = (0..10).map(|_| tree.group_mut(group).pick(|_| Offline)).collect();
        assert_eq!(all.iter().filter(|&&pick| pick == Pick::Remote(1)).count(), 6);
        assert_eq!(all.iter().filter(|&&pick| pick == Pick::Local(1)).count(), 2);
        assert!((0..4).all(|_| tree.group_mut(group).pick(|_| Full) == Pick::Remote(1)));
        for position in [1, 0] {
            tree.leave(group, position);
        }
        assert_eq!(tree.group_mut(group).pick(|_| Ready), Pick::Remote(1));
        assert_eq!(Group::default().pick(|_| Ready), Pick::Nobody);
    }
}
