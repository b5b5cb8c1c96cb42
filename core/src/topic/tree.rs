//! The subscription tree: all topic filters of one shard, level by level, with what is attached to each.
//!
//! It answers which filters match a topic name at the cost of the levels that can match, however many filters there are.
//! At a million filters that cost is cache lines, so a node is one line and holds the only subscription of its filter,
//! which most filters have; what else hangs on a filter lies in a slab of its own. A node names its first child itself,
//! and the edges of all nodes with more are one hash table, so below a device's own level nothing is hashed.
//!
//! The tree does not check filters ([`Filter`](super::Filter) does), does not route ([`Router`](super::Router) remembers
//! answers and notices when they change) and chooses no group member ([`shared`](super::shared) does).

use alloc::string::String;
use alloc::vec::Vec;
use core::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use super::group::Groups;
use super::level::LevelText;
use super::slab::Slab;
use super::subscription::{self, FilterId, Moved, Subscription};
use super::{GroupId, name};

pub(super) mod ahead;

/// No node, no content, no group.
pub(super) const NONE: u32 = u32::MAX;
/// The node above all first levels.
const ROOT: u32 = 0;

/// One level of one or more filters.
#[repr(align(64))]
pub(super) struct Node {
    text: LevelText,
    parent: u32,
    /// The child `+`.
    plus: u32,
    /// The child `#`.
    hash: u32,
    /// Children but `+` and `#`.
    children: u32,
    /// The only one of them, if it is not in the edge table. Once there were two, both stay in the table.
    child: u32,
    /// Whether a filter ends here, and where all that hangs on it is.
    content: u32,
    /// The filter's only subscription, with [`ALONE`].
    only: Subscription,
}

const _: () = assert!(size_of::<Node>() == 64);

/// No filter ends at this node.
const NO_FILTER: u32 = NONE;
/// A filter without anything attached.
const VACANT: u32 = NONE - 1;
/// A filter with one subscription, which is in the node.
const ALONE: u32 = NONE - 2;

/// What hangs on one filter, when that is not one subscription alone.
#[derive(Default)]
pub(super) struct Content {
    subscriptions: Vec<Subscription>,
    /// The first of the filter's groups, which are chained, plus one.
    group_first: u32,
}

impl Content {
    fn is_vacant(&self) -> bool {
        self.subscriptions.is_empty() && self.group_first == 0
    }
}

impl Default for Node {
    fn default() -> Self {
        Self {
            text: LevelText::default(),
            parent: NONE,
            plus: NONE,
            hash: NONE,
            children: 0,
            child: NONE,
            content: NO_FILTER,
            only: Subscription::default(),
        }
    }
}

/// An edge of the tree as the table of all edges knows it: enough to reject others without a look at their nodes.
#[derive(Clone, Copy, Debug)]
struct Edge {
    hash: u32,
    child: u32,
}

/// All topic filters of one shard. See the [module](self).
pub struct SubscriptionTree {
    nodes: Slab<Node>,
    edges: HashTable<Edge>,
    contents: Slab<Content>,
    pub(super) groups: Groups,
    filters: usize,
    hasher: FixedState,
}

impl SubscriptionTree {
    /// An empty tree. `seed` keeps clients from choosing levels that collide; it changes no answer.
    pub fn new(seed: u64) -> Self {
        let mut nodes = Slab::default();
        nodes.insert(Node::default());
        Self {
            nodes,
            edges: HashTable::new(),
            contents: Slab::default(),
            groups: Groups::default(),
            filters: 0,
            hasher: FixedState::with_seed(seed),
        }
    }

    /// The filter `filter`, made if need be. It is to be [released](Self::release) when nothing is attached to it.
    ///
    /// `filter` is a valid filter without `$share/NAME/`, see [`Filter::filter`](super::Filter::filter).
    pub fn insert(&mut self, filter: &str) -> FilterId {
        let mut node = ROOT;
        for level in name::levels(filter) {
            node = self.child_or_new(node, level);
        }
        if self.nodes[node].content == NO_FILTER {
            self.nodes[node].content = VACANT;
            self.filters += 1;
        }
        FilterId(node)
    }

    /// The filter `filter`, if it is here.
    pub fn find(&self, filter: &str) -> Option<FilterId> {
        let mut node = ROOT;
        for level in name::levels(filter) {
            node = match level {
                "+" => self.nodes[node].plus,
                "#" => self.nodes[node].hash,
                _ => self.child(node, level.as_bytes()),
            };
            if node == NONE {
                return None;
            }
        }
        (self.nodes[node].content != NO_FILTER).then_some(FilterId(node))
    }

    /// Forgets a filter, and every level that led to it alone. While anything is attached to it this does nothing.
    pub fn release(&mut self, id: FilterId) {
        let mut node = id.0;
        if self.nodes[node].content != VACANT {
            return;
        }
        self.nodes[node].content = NO_FILTER;
        self.filters -= 1;
        while node != ROOT {
            let Node { parent, plus, hash, children, content, .. } = self.nodes[node];
            if children > 0 || plus != NONE || hash != NONE || content != NO_FILTER {
                return;
            }
            self.unlink(parent, node);
            self.nodes.remove(node);
            node = parent;
        }
    }

    /// Appends the text of a filter to `text`, without `$share/NAME/`. A filter that was released has none.
    pub fn filter_text(&self, id: FilterId, text: &mut String) {
        let mut path = SmallVec::<[u32; 16]>::new();
        let mut node = id.0;
        if self.nodes[node].content == NO_FILTER {
            return;
        }
        while node != ROOT {
            path.push(node);
            node = self.nodes[node].parent;
        }
        for (depth, &node) in path.iter().rev().enumerate() {
            if depth > 0 {
                text.push('/');
            }
            text.push_str(self.nodes[node].text.as_str());
        }
    }

    /// Appends to `out` every filter that matches the topic name `topic` and has a subscription or a group, each once,
    /// in an order that depends only on the filters.
    ///
    /// Each node is visited at most once, so the cost is bounded by the filters that share leading levels with the topic.
    /// It allocates only if more than 32 levels of one topic fork at once, and never recurses.
    pub fn matches(&self, topic: &str, out: &mut Vec<FilterId>) {
        let bytes = topic.as_bytes();
        let mut forks = SmallVec::<[(u32, u32); 32]>::new();
        let (mut node, mut at) = (ROOT, 0);
        loop {
            let here = &self.nodes[node];
            // MQTT-4.7.2-1: a leading wildcard does not see names that begin with `$`.
            let wildcards = node != ROOT || !name::is_dollar(topic);
            if wildcards && here.hash != NONE {
                self.emit(here.hash, out);
            }
            let (mut plus, mut exact) = (NONE, NONE);
            if at > bytes.len() {
                self.emit(node, out);
            } else {
                let rest = &bytes[at..];
                let level = &rest[..memchr::memchr(b'/', rest).unwrap_or(rest.len())];
                at += level.len() + 1;
                if wildcards {
                    plus = here.plus;
                }
                exact = self.child(node, level);
            }
            if exact != NONE {
                if plus != NONE {
                    forks.push((plus, at as u32));
                }
                node = exact;
            } else if plus != NONE {
                node = plus;
            } else if let Some((fork, fork_at)) = forks.pop() {
                (node, at) = (fork, fork_at as usize);
            } else {
                return;
            }
        }
    }

    /// Whether nothing is attached to the filter: no subscription, no group. [`matches`](Self::matches) passes
    /// such filters over.
    pub fn is_vacant(&self, id: FilterId) -> bool {
        matches!(self.nodes[id.0].content, VACANT | NO_FILTER)
    }

    /// How many filters there are, vacant ones included.
    pub fn len(&self) -> usize {
        self.filters
    }

    /// Whether there is no filter.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the tree has allocated, spare room included. It looks at every node, so it is for reports and tests.
    pub fn memory_bytes(&self) -> usize {
        let texts: usize = self.nodes.places().map(|node| node.text.heap_bytes()).sum();
        let lists: usize = self.contents.places().map(|content| subscription::heap_bytes(&content.subscriptions)).sum();
        let tables = self.nodes.memory_bytes() + self.contents.memory_bytes() + self.edges.allocation_size();
        texts + lists + tables + self.groups.memory_bytes()
    }

    fn emit(&self, node: u32, out: &mut Vec<FilterId>) {
        if !self.is_vacant(FilterId(node)) {
            out.push(FilterId(node));
        }
    }

    pub(super) fn hash(&self, number: u32, text: &[u8]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u32(number);
        hasher.write(text);
        (hasher.finish() >> 32) as u32
    }

    fn child(&self, parent: u32, level: &[u8]) -> u32 {
        let Node { children, child, .. } = self.nodes[parent];
        if children == 0 {
            return NONE;
        }
        if child != NONE {
            return if self.nodes[child].text.as_bytes() == level { child } else { NONE };
        }
        let hash = self.hash(parent, level);
        let is_it = |edge: &Edge| {
            edge.hash == hash && {
                let node = &self.nodes[edge.child];
                node.parent == parent && node.text.as_bytes() == level
            }
        };
        self.edges.find(spread(hash), is_it).map_or(NONE, |edge| edge.child)
    }

    fn child_or_new(&mut self, parent: u32, level: &str) -> u32 {
        let existing = match level {
            "+" => self.nodes[parent].plus,
            "#" => self.nodes[parent].hash,
            _ => self.child(parent, level.as_bytes()),
        };
        if existing != NONE {
            return existing;
        }
        let child = self.nodes.insert(Node { text: LevelText::new(level), parent, ..Node::default() });
        match level {
            "+" => self.nodes[parent].plus = child,
            "#" => self.nodes[parent].hash = child,
            _ => self.link(parent, child),
        }
        child
    }

    fn link(&mut self, parent: u32, child: u32) {
        let above = &mut self.nodes[parent];
        above.children += 1;
        if above.children == 1 {
            above.child = child;
            return;
        }
        let first = core::mem::replace(&mut above.child, NONE);
        for child in [first, child] {
            if child != NONE {
                let hash = self.hash(parent, self.nodes[child].text.as_bytes());
                self.edges.insert_unique(spread(hash), Edge { hash, child }, |edge| spread(edge.hash));
            }
        }
    }

    fn unlink(&mut self, parent: u32, child: u32) {
        let above = &mut self.nodes[parent];
        if above.plus == child {
            above.plus = NONE;
            return;
        }
        if above.hash == child {
            above.hash = NONE;
            return;
        }
        above.children -= 1;
        if above.child == child {
            above.child = NONE;
            return;
        }
        let hash = self.hash(parent, self.nodes[child].text.as_bytes());
        let edge = self.edges.find_entry(spread(hash), |edge| edge.child == child);
        edge.expect("a child that has or had a sibling is in the edge table").remove();
    }
}

/// What is attached to a filter.
impl SubscriptionTree {
    /// Adds a subscription and answers its position in the filter's list. A session must not subscribe a filter twice;
    /// [`subscription_mut`](Self::subscription_mut) replaces (MQTT-3.8.4-3).
    pub fn subscribe(&mut self, id: FilterId, subscription: Subscription) -> u32 {
        if self.nodes[id.0].content == VACANT {
            let node = &mut self.nodes[id.0];
            (node.content, node.only) = (ALONE, subscription);
            return 0;
        }
        self.change_content(id, |content| subscription::push(&mut content.subscriptions, subscription))
    }

    /// The subscriptions of a filter without its groups, dense and in no particular order.
    pub fn subscriptions(&self, id: FilterId) -> &[Subscription] {
        let node = &self.nodes[id.0];
        match node.content {
            NO_FILTER | VACANT => &[],
            ALONE => core::slice::from_ref(&node.only),
            content => &self.contents[content].subscriptions,
        }
    }

    /// The subscription at `position`, to change its identifier, options or slot.
    pub fn subscription_mut(&mut self, id: FilterId, position: u32) -> Option<&mut Subscription> {
        let node = &mut self.nodes[id.0];
        match node.content {
            NO_FILTER | VACANT => None,
            ALONE => (position == 0).then_some(&mut node.only),
            content => self.contents[content].subscriptions.get_mut(position as usize),
        }
    }

    /// Removes the subscription at `position`, and answers which one stands there now if another had to move.
    pub fn unsubscribe(&mut self, id: FilterId, position: u32) -> Option<Moved> {
        let node = &mut self.nodes[id.0];
        if node.content == ALONE {
            debug_assert_eq!(position, 0, "a session knows the position of its subscription");
            if position == 0 {
                node.content = VACANT;
            }
            return None;
        }
        self.change_content(id, |content| subscription::remove(&mut content.subscriptions, position))
    }

    /// Where the subscription of `session` stands, by looking at all of them.
    pub fn position_of(&self, id: FilterId, session: u32) -> Option<u32> {
        let position = self.subscriptions(id).iter().position(|subscription| subscription.session == session);
        position.map(|position| position as u32)
    }

    /// The groups of a filter, in no particular order.
    pub fn groups(&self, id: FilterId) -> impl Iterator<Item = GroupId> {
        self.groups.chain(self.group_first(id))
    }

    /// The first of a filter's groups, or [`NONE`].
    pub(super) fn group_first(&self, id: FilterId) -> u32 {
        self.content(id).map_or(NONE, |content| content.group_first.wrapping_sub(1))
    }

    /// Makes `group` the first of a filter's groups; [`NONE`]: it has none any more.
    pub(super) fn set_group_first(&mut self, id: FilterId, group: u32) {
        self.change_content(id, |content| content.group_first = group.wrapping_add(1));
    }

    fn content(&self, id: FilterId) -> Option<&Content> {
        match self.nodes[id.0].content {
            NO_FILTER | VACANT | ALONE => None,
            content => Some(&self.contents[content]),
        }
    }

    /// Changes what hangs on a filter beyond one subscription. It is made for that if need be, and goes when nothing is left.
    fn change_content<T>(&mut self, id: FilterId, change: impl FnOnce(&mut Content) -> T) -> T {
        let node = &mut self.nodes[id.0];
        let index = match node.content {
            NO_FILTER | VACANT => self.contents.insert(Content::default()),
            ALONE => self.contents.insert(Content { subscriptions: [node.only].into(), ..Content::default() }),
            content => content,
        };
        let answer = change(&mut self.contents[index]);
        if !self.contents[index].is_vacant() {
            node.content = index;
        } else {
            self.contents.remove(index);
            if node.content != NO_FILTER {
                node.content = VACANT;
            }
        }
        answer
    }
}

/// A 32-bit hash on all 64 bits, because the hash table takes its place from the low and its tag from the high ones.
pub(super) const fn spread(hash: u32) -> u64 {
    (hash as u64) << 32 | hash as u64
}

#[cfg(test)]
mod tests;
