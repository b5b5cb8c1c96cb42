//! Groups: the members of one Shared Subscription, `$share/NAME/FILTER`, in this shard and in others (MQTT 5.0, 4.8.2).
//!
//! A group hangs on its filter in the [`SubscriptionTree`]. It lives while it has a member anywhere, which for other
//! shards means: while one of them says so. Who is served is decided in [`shared`](super::shared).

use alloc::boxed::Box;
use alloc::vec::Vec;

use hashbrown::HashTable;
use smallvec::SmallVec;

use super::slab::Slab;
use super::subscription::{self, FilterId, Moved, Subscription};
use super::tree::{NONE, SubscriptionTree, spread};

/// One Shared Subscription of a tree. It stays the same while the group has members, and may name another afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub(super) u32);

impl GroupId {
    /// The place of the group in the tree's table, from 0, used again after the group has gone.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The group at this place, for owners that keep plain numbers. A place without a group reads as one without members.
    pub(crate) const fn from_index(index: u32) -> Self {
        Self(index)
    }
}

/// The members that a group has in another shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The shard.
    pub shard: u16,
    /// Its members whose session is connected.
    pub connected: u32,
    /// All its members; at least one, and at least `connected`.
    pub total: u32,
}

/// One Shared Subscription: its members here, and how many there are elsewhere.
#[derive(Default)]
pub struct Group {
    name: Box<str>,
    filter: u32,
    name_hash: u32,
    previous: u32,
    next: u32,
    members: Vec<Subscription>,
    remote: SmallVec<[Remote; 2]>,
    pub(super) cursor: u32,
    pub(super) remote_cursor: u32,
}

const _: () = assert!(size_of::<Group>() <= 112, "a shared group beside its members");

impl Group {
    /// The share name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The filter that the group hangs on.
    pub fn filter(&self) -> FilterId {
        FilterId(self.filter)
    }

    /// The members in this shard, dense and in no particular order.
    pub fn members(&self) -> &[Subscription] {
        &self.members
    }

    /// The member at `position`, to change its identifier, options or slot.
    pub fn member_mut(&mut self, position: u32) -> Option<&mut Subscription> {
        self.members.get_mut(position as usize)
    }

    /// The members in other shards, in ascending order of shards.
    pub fn remote(&self) -> &[Remote] {
        &self.remote
    }

    /// Where the member of `session` stands, by looking at all of them.
    pub fn position_of(&self, session: u32) -> Option<u32> {
        self.members.iter().position(|member| member.session == session).map(|position| position as u32)
    }

    fn set_remote(&mut self, remote: Remote) {
        match self.remote.binary_search_by_key(&remote.shard, |known| known.shard) {
            Ok(index) if remote.total == 0 => {
                self.remote.remove(index);
            }
            Ok(index) => self.remote[index] = remote,
            Err(_) if remote.total == 0 => {}
            Err(index) => self.remote.insert(index, remote),
        }
    }
}

/// All groups of a tree, found by filter and share name.
#[derive(Default)]
pub(super) struct Groups {
    slab: Slab<Group>,
    by_name: HashTable<u32>,
}

impl Groups {
    /// The groups chained from `first` on.
    pub(super) fn chain(&self, first: u32) -> impl Iterator<Item = GroupId> {
        let id = |group: u32| (group != NONE).then_some(GroupId(group));
        core::iter::successors(id(first), move |group| id(self.slab[group.0].next))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let heap = |group: &Group| {
            let remote = if group.remote.spilled() { group.remote.capacity() * size_of::<Remote>() } else { 0 };
            group.name.len() + remote + subscription::heap_bytes(&group.members)
        };
        let beside: usize = self.slab.places().map(heap).sum();
        beside + self.slab.memory_bytes() + self.by_name.allocation_size()
    }
}

/// Shared Subscriptions.
impl SubscriptionTree {
    /// Adds a member to the group `share` of a filter, and answers the group and the member's position in it. The group is
    /// made if need be. A session must not join a group twice; [`Group::member_mut`] replaces.
    pub fn join(&mut self, id: FilterId, share: &str, subscription: Subscription) -> (GroupId, u32) {
        let group = self.group_or_new(id, share);
        (group, subscription::push(&mut self.groups.slab[group.0].members, subscription))
    }

    /// Removes the member at `position`, and answers which one stands there now if another had to move. With its last
    /// member, here and elsewhere, the group goes.
    pub fn leave(&mut self, group: GroupId, position: u32) -> Option<Moved> {
        let moved = subscription::remove(&mut self.groups.slab[group.0].members, position);
        self.drop_if_unused(group);
        moved
    }

    /// A group by its identifier. One that has gone has no name and no members.
    pub fn group(&self, group: GroupId) -> &Group {
        &self.groups.slab[group.0]
    }

    /// A group, to change a member or to choose one.
    pub fn group_mut(&mut self, group: GroupId) -> &mut Group {
        &mut self.groups.slab[group.0]
    }

    /// The group `share` of a filter.
    pub fn group_find(&self, id: FilterId, share: &str) -> Option<GroupId> {
        let hash = self.hash(id.0, share.as_bytes());
        let is_it = |&index: &u32| {
            let group = &self.groups.slab[index];
            group.name_hash == hash && group.filter == id.0 && *group.name == *share
        };
        self.groups.by_name.find(spread(hash), is_it).map(|&index| GroupId(index))
    }

    /// Notes how many members another shard has in the group `share` of a filter. The group is made for the first and goes
    /// with the last. `connected` counts for no more than `total`. Answers the group if it is here afterwards.
    pub fn set_remote_members(
        &mut self,
        id: FilterId,
        share: &str,
        shard: u16,
        connected: u32,
        total: u32,
    ) -> Option<GroupId> {
        let group = match self.group_find(id, share) {
            Some(group) => group,
            None if total == 0 => return None,
            None => self.group_or_new(id, share),
        };
        self.groups.slab[group.0].set_remote(Remote { shard, connected: connected.min(total), total });
        (!self.drop_if_unused(group)).then_some(group)
    }

    fn group_or_new(&mut self, id: FilterId, share: &str) -> GroupId {
        if let Some(group) = self.group_find(id, share) {
            return group;
        }
        let name_hash = self.hash(id.0, share.as_bytes());
        let next = self.group_first(id);
        let group = Group { name: share.into(), filter: id.0, name_hash, previous: NONE, next, ..Group::default() };
        let Groups { slab, by_name } = &mut self.groups;
        let index = slab.insert(group);
        if next != NONE {
            slab[next].previous = index;
        }
        by_name.insert_unique(spread(name_hash), index, |&other| spread(slab[other].name_hash));
        self.set_group_first(id, index);
        GroupId(index)
    }

    fn drop_if_unused(&mut self, group: GroupId) -> bool {
        let Groups { slab, by_name } = &mut self.groups;
        let unused = slab[group.0].members.is_empty() && slab[group.0].remote.is_empty();
        let entry = by_name.find_entry(spread(slab[group.0].name_hash), |&index| index == group.0);
        let Ok(entry) = entry else { return true };
        if !unused {
            return false;
        }
        entry.remove();
        let Group { filter, previous, next, .. } = slab.remove(group.0);
        if next != NONE {
            slab[next].previous = previous;
        }
        if previous == NONE {
            self.set_group_first(FilterId(filter), next);
        } else {
            slab[previous].next = next;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    fn member(session: u32) -> Subscription {
        Subscription { session, ..Subscription::default() }
    }

    #[test]
    fn a_group_lives_while_it_has_a_member_anywhere() {
        let mut tree = SubscriptionTree::new(1);
        let id = tree.insert("a/#");
        let (group, position) = tree.join(id, "g", member(7));
        assert_eq!((position, tree.group_find(id, "g")), (0, Some(group)));
        assert_eq!(tree.set_remote_members(id, "g", 3, 5, 2), Some(group));
        assert_eq!(tree.group(group).remote(), [Remote { shard: 3, connected: 2, total: 2 }]);
        assert_eq!(tree.leave(group, 0), None);
        assert!(!tree.is_vacant(id));
        assert_eq!(tree.set_remote_members(id, "g", 3, 0, 0), None);
        assert!(tree.is_vacant(id) && tree.group_find(id, "g").is_none());
        assert_eq!(tree.set_remote_members(id, "g", 3, 0, 0), None);
        assert_eq!(tree.groups(id).count(), 0);
    }

    #[test]
    fn groups_of_one_filter_are_chained() {
        let mut tree = SubscriptionTree::new(1);
        let (id, other) = (tree.insert("a"), tree.insert("b"));
        let ids: Vec<_> = (0..5).map(|n| tree.join(id, &std::format!("g{n}"), member(n)).0).collect();
        let (elsewhere, _) = tree.join(other, "g1", member(9));
        for remove in [2, 0, 4] {
            tree.leave(ids[remove], 0);
        }
        let mut left: Vec<_> = tree.groups(id).collect();
        left.sort();
        assert_eq!(left, [ids[1], ids[3]]);
        assert_eq!(tree.group_find(other, "g1"), Some(elsewhere));
        assert_eq!((tree.group(ids[1]).name(), tree.group(ids[1]).filter()), ("g1", id));
        tree.leave(ids[1], 0);
        tree.leave(ids[3], 0);
        tree.release(id);
        assert_eq!((tree.find("a"), tree.find("b")), (None, Some(other)));
    }

    #[test]
    fn leaving_tells_who_moved() {
        let mut tree = SubscriptionTree::new(1);
        let id = tree.insert("a");
        let (group, _) = tree.join(id, "g", member(1));
        tree.join(id, "g", Subscription { session: 2, slot: 5, ..Subscription::default() });
        assert_eq!(tree.group(group).position_of(2), Some(1));
        assert_eq!(tree.leave(group, 0), Some(Moved { session: 2, slot: 5, position: 0 }));
        tree.group_mut(group).member_mut(0).expect("one is left").options = 1;
        assert_eq!(tree.group(group).members()[0].qos(), 1);
    }
}
