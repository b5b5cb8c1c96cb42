//! Reading ahead: the nodes that walks will come to, brought into the processor's caches together.
//!
//! Among a million filters a walk waits for memory at every level, because only a node says where the next one is. Walks
//! for different topics do not wait for each other: when they go level by level, side by side, the processor has many of
//! their lines under way at once. Nothing comes out of it but that the walks that follow find what they read nearby.

use super::{FilterId, NONE, Node, ROOT, SubscriptionTree, spread};

/// Topics that are read ahead together.
pub(in crate::topic) const TOGETHER: usize = 16;
/// Nodes of one depth; what finds no room is not read ahead.
pub(super) const LANES: usize = 4 * TOGETHER;
/// Deeper nodes are not read ahead.
pub(super) const LEVELS_MAX: usize = 16;

/// A node that a topic leads to.
struct Lane {
    topic: u32,
    /// Where the topic's next level begins, as far as it has one.
    at: u32,
    node: u32,
}

/// An edge to such a node, which is still to be looked up.
struct Edge {
    topic: u32,
    at: u32,
    hash: u32,
}

type Lanes<T> = heapless::Vec<T, LANES>;

impl SubscriptionTree {
    /// Gives `read` the nodes that [`matches`](Self::matches) will come to for these topics, [`TOGETHER`] at most, and a few
    /// others: levels are compared by their hashes at best. Topics need not be valid names.
    pub(in crate::topic) fn read_ahead(&self, topics: &[&[u8]], mut read: impl FnMut(u32, &Node)) {
        let lane = |topic: usize| Lane { topic: topic as u32, at: 0, node: ROOT };
        let mut lanes: Lanes<Lane> = (0..topics.len().min(TOGETHER)).map(lane).collect();
        for _ in 0..LEVELS_MAX {
            let mut edges = Lanes::new();
            lanes = self.children(topics, &lanes, &mut edges, &mut read);
            for Edge { topic, at, hash } in edges {
                if let Some(edge) = self.edges.iter_hash(spread(hash)).find(|edge| edge.hash == hash) {
                    let _ = lanes.push(Lane { topic, at, node: edge.child });
                }
            }
            if lanes.is_empty() {
                return;
            }
            // A short loop in which nothing waits for what it reads, so that all of it is under way at once.
            lanes.iter().for_each(|lane| read(lane.node, &self.nodes[lane.node]));
        }
    }

    /// Reads the nodes of these filters and those above them, and answers anything.
    pub(in crate::topic) fn read_ahead_of(&self, filters: &[FilterId]) -> u32 {
        let above = |node: u32| if node == ROOT { ROOT } else { self.nodes[node].parent };
        filters.iter().fold(0, |read, filter| read ^ above(filter.0))
    }

    /// Something of a filter's node, or of what is in its place since.
    pub(in crate::topic) fn peek(&self, filter: FilterId) -> u32 {
        self.nodes[filter.0].peek()
    }

    /// The children of `lanes` that their nodes name, and the `edges` to those that they do not. `#` ends there and then.
    #[inline]
    fn children(
        &self,
        topics: &[&[u8]],
        lanes: &[Lane],
        edges: &mut Lanes<Edge>,
        read: &mut impl FnMut(u32, &Node),
    ) -> Lanes<Lane> {
        let mut below = Lanes::new();
        for &Lane { topic, at, node } in lanes {
            let here = &self.nodes[node];
            if here.hash != NONE {
                read(here.hash, &self.nodes[here.hash]);
            }
            let Some(rest) = topics[topic as usize].get(at as usize..) else { continue };
            let level = &rest[..memchr::memchr(b'/', rest).unwrap_or(rest.len())];
            let at = at + level.len() as u32 + 1;
            if here.plus != NONE {
                let _ = below.push(Lane { topic, at, node: here.plus });
            }
            if here.child != NONE {
                let _ = below.push(Lane { topic, at, node: here.child });
            } else if here.children > 0 {
                let _ = edges.push(Edge { topic, at, hash: self.hash(node, level) });
            }
        }
        below
    }
}

impl Node {
    /// Something of its line.
    pub(in crate::topic) fn peek(&self) -> u32 {
        self.content
    }
}
