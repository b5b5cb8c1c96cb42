//! The subscription tree: all topic filters of one shard, level by level, with what is attached to each.
//!
//! It answers which filters match a topic name at the cost of the levels that can match, however many filters there are.
//! A node is 48 bytes in a slab; the edges of all nodes are one hash table of child numbers, so a node without children
//! pays nothing for them. What hangs on a filter lies in a slab of its own, because most nodes only lead somewhere.
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

/// No node, no content, no group.
pub(super) const NONE: u32 = u32::MAX;
/// The node above all first levels.
const ROOT: u32 = 0;

/// One level of one or more filters.
struct Node {
    text: LevelText,
    /// Of the edge that leads here, so that the table grows without reading any text.
    edge_hash: u32,
    parent: u32,
    /// The child `+`.
    plus: u32,
    /// The child `#`.
    hash: u32,
    /// Children that are in the edge table, which are all but `+` and `#`.
    children: u32,
    /// What hangs on the filter that ends here.
    content: u32,
}

const _: () = assert!(size_of::<Node>() <= 48);

/// What hangs on one filter.
pub(super) struct Content {
    subscriptions: SmallVec<[Subscription; 1]>,
    peers: u64,
    node: u32,
    /// The first of the filter's groups, which are chained.
    pub(super) group_first: u32,
}

const _: () = assert!(size_of::<Content>() <= 48);

impl Default for Content {
    fn default() -> Self {
        Self { subscriptions: SmallVec::new(), peers: 0, node: NONE, group_first: NONE }
    }
}

impl Content {
    fn is_vacant(&self) -> bool {
        self.subscriptions.is_empty() && self.peers == 0 && self.group_first == NONE
    }
}

impl Default for Node {
    fn default() -> Self {
        Self {
            text: LevelText::default(),
            edge_hash: 0,
            parent: NONE,
            plus: NONE,
            hash: NONE,
            children: 0,
            content: NONE,
        }
    }
}

/// All topic filters of one shard. See the [module](self).
pub struct SubscriptionTree {
    nodes: Slab<Node>,
    edges: HashTable<u32>,
    pub(super) contents: Slab<Content>,
    pub(super) groups: Groups,
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
        if self.nodes[node].content == NONE {
            self.nodes[node].content = self.contents.insert(Content { node, ..Content::default() });
        }
        FilterId(self.nodes[node].content)
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
        let content = self.nodes[node].content;
        (content != NONE).then_some(FilterId(content))
    }

    /// Forgets a filter, and every level that led to it alone. While anything is attached to it this does nothing.
    pub fn release(&mut self, id: FilterId) {
        let mut node = self.contents[id.0].node;
        if node == NONE || !self.contents[id.0].is_vacant() {
            return;
        }
        self.contents.remove(id.0);
        self.nodes[node].content = NONE;
        while node != ROOT {
            let Node { parent, plus, hash, children, content, .. } = self.nodes[node];
            if children > 0 || plus != NONE || hash != NONE || content != NONE {
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
        let mut node = self.contents[id.0].node;
        while node != ROOT && node != NONE {
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

    /// Appends to `out` every filter that matches the topic name `topic` and has a subscription, a peer or a group, each
    /// once, in an order that depends only on the filters.
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
                if here.children > 0 {
                    exact = self.child(node, level);
                }
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

    /// Whether nothing is attached to the filter: no subscription, no peer, no group. [`matches`](Self::matches) passes
    /// such filters over.
    pub fn is_vacant(&self, id: FilterId) -> bool {
        self.contents[id.0].is_vacant()
    }

    /// How many filters there are, vacant ones included.
    pub fn len(&self) -> usize {
        self.contents.used()
    }

    /// Whether there is no filter.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the tree has allocated, spare room included. It looks at every node, so it is for reports and tests.
    pub fn memory_bytes(&self) -> usize {
        let texts: usize = self.nodes.places().iter().map(|node| node.text.heap_bytes()).sum();
        let lists: usize =
            self.contents.places().iter().map(|content| subscription::heap_bytes(&content.subscriptions)).sum();
        let tables = self.nodes.memory_bytes() + self.contents.memory_bytes() + self.edges.allocation_size();
        texts + lists + tables + self.groups.memory_bytes()
    }

    fn emit(&self, node: u32, out: &mut Vec<FilterId>) {
        let content = self.nodes[node].content;
        if content != NONE && !self.contents[content].is_vacant() {
            out.push(FilterId(content));
        }
    }

    pub(super) fn hash(&self, number: u32, text: &[u8]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u32(number);
        hasher.write(text);
        (hasher.finish() >> 32) as u32
    }

    fn child(&self, parent: u32, level: &[u8]) -> u32 {
        let hash = self.hash(parent, level);
        let is_it = |&child: &u32| {
            let node = &self.nodes[child];
            node.edge_hash == hash && node.parent == parent && node.text.as_bytes() == level
        };
        self.edges.find(spread(hash), is_it).copied().unwrap_or(NONE)
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
        let edge_hash = self.hash(parent, level.as_bytes());
        let child = self.nodes.insert(Node { text: LevelText::new(level), edge_hash, parent, ..Node::default() });
        match level {
            "+" => self.nodes[parent].plus = child,
            "#" => self.nodes[parent].hash = child,
            _ => {
                self.nodes[parent].children += 1;
                let nodes = &self.nodes;
                self.edges.insert_unique(spread(edge_hash), child, |&child| spread(nodes[child].edge_hash));
            }
        }
        child
    }

    fn unlink(&mut self, parent: u32, child: u32) {
        let edge_hash = self.nodes[child].edge_hash;
        let above = &mut self.nodes[parent];
        if above.plus == child {
            above.plus = NONE;
        } else if above.hash == child {
            above.hash = NONE;
        } else {
            above.children -= 1;
            let edge = self.edges.find_entry(spread(edge_hash), |&other| other == child);
            edge.expect("a child that is no wildcard is in the edge table").remove();
        }
    }
}

/// What is attached to a filter by sessions of this shard, and by other shards.
impl SubscriptionTree {
    /// Adds a subscription and answers its position in the filter's list. A session must not subscribe a filter twice;
    /// [`subscription_mut`](Self::subscription_mut) replaces (MQTT-3.8.4-3).
    pub fn subscribe(&mut self, id: FilterId, subscription: Subscription) -> u32 {
        subscription::push(&mut self.contents[id.0].subscriptions, subscription)
    }

    /// The subscriptions of a filter without its groups, dense and in no particular order.
    pub fn subscriptions(&self, id: FilterId) -> &[Subscription] {
        &self.contents[id.0].subscriptions
    }

    /// The subscription at `position`, to change its identifier, options or slot.
    pub fn subscription_mut(&mut self, id: FilterId, position: u32) -> Option<&mut Subscription> {
        self.contents[id.0].subscriptions.get_mut(position as usize)
    }

    /// Removes the subscription at `position`, and answers which one stands there now if another had to move.
    pub fn unsubscribe(&mut self, id: FilterId, position: u32) -> Option<Moved> {
        subscription::remove(&mut self.contents[id.0].subscriptions, position)
    }

    /// Where the subscription of `session` stands, by looking at all of them.
    pub fn position_of(&self, id: FilterId, session: u32) -> Option<u32> {
        let position = self.subscriptions(id).iter().position(|subscription| subscription.session == session);
        position.map(|position| position as u32)
    }

    /// Notes whether another shard, 0..=63, has subscribers of its own for this very filter. Answers whether that is news.
    /// Shards beyond 63 cannot be noted.
    pub fn set_peer(&mut self, id: FilterId, shard: u16, interested: bool) -> bool {
        debug_assert!(shard < 64, "a broker has at most 64 shards");
        let bit = 1_u64.checked_shl(u32::from(shard)).unwrap_or(0);
        let content = &mut self.contents[id.0];
        let before = content.peers;
        content.peers = if interested { before | bit } else { before & !bit };
        content.peers != before
    }

    /// The other shards that have subscribers for this very filter, one bit each.
    pub fn peers(&self, id: FilterId) -> u64 {
        self.contents[id.0].peers
    }

    /// The groups of a filter, in no particular order.
    pub fn groups(&self, id: FilterId) -> impl Iterator<Item = GroupId> {
        self.groups.chain(self.contents[id.0].group_first)
    }
}

/// A 32-bit hash on all 64 bits, because the hash table takes its place from the low and its tag from the high ones.
pub(super) const fn spread(hash: u32) -> u64 {
    (hash as u64) << 32 | hash as u64
}

#[cfg(test)]
mod tests;
