//! One filter against one topic, from the filter's last level to its first: no walk, and no other filter is looked at.

use super::{Node, ROOT, SubscriptionTree};
use crate::topic::{FilterId, name};

impl SubscriptionTree {
    /// Whether [`matches`](Self::matches) would find this filter for the topic name `topic`.
    pub fn is_match(&self, id: FilterId, topic: &str) -> bool {
        if self.is_vacant(id) {
            return false;
        }
        let mut node = &self.nodes[id.0];
        // The levels that are still to be matched. None are left where there is not even an empty one.
        let mut rest = Some(topic.as_bytes());
        if node.text.as_bytes() == b"#" {
            let above = node.parent;
            let Some(levels) = first_levels(topic, self.depth(above)) else { return false };
            // MQTT-4.7.2-1: a leading wildcard does not see names that begin with `$`.
            if above == ROOT {
                return !name::is_dollar(topic);
            }
            (node, rest) = (&self.nodes[above], Some(levels));
        }
        loop {
            let Some(levels) = rest else { return false };
            let text = node.text.as_bytes();
            let is_plus = text == b"+";
            let at = if is_plus {
                levels.iter().rposition(|&byte| byte == b'/').map_or(0, |separator| separator + 1)
            } else if levels.ends_with(text) {
                levels.len() - text.len()
            } else {
                return false;
            };
            rest = match at.checked_sub(1) {
                None => None,
                Some(separator) if levels[separator] == b'/' => Some(&levels[..separator]),
                Some(_) => return false,
            };
            if node.parent == ROOT {
                return rest.is_none() && !(is_plus && name::is_dollar(topic));
            }
            node = &self.nodes[node.parent];
        }
    }

    /// Levels down to a node, itself included.
    fn depth(&self, mut node: u32) -> usize {
        let mut depth = 0;
        while node != ROOT {
            depth += 1;
            let Node { parent, .. } = self.nodes[node];
            node = parent;
        }
        depth
    }
}

/// The first `count` levels of a topic, if it has so many.
fn first_levels(topic: &str, count: usize) -> Option<&[u8]> {
    let bytes = topic.as_bytes();
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let end = match count.checked_sub(1) {
        None => 0,
        Some(before) => ends.chain([bytes.len()]).nth(before)?,
    };
    Some(&bytes[..end])
}
