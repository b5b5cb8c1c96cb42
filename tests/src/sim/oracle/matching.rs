//! Topics and filters of the simulation, and whether one matches the other: level by level, as MQTT 5.0, 4.7 says it.

/// The topics that clients publish to.
pub(in crate::sim) const TOPICS: [&str; 6] = ["a", "a/b", "a/c", "b", "b/b", "a/b/c"];

/// The filters that ordinary clients subscribe to.
pub(in crate::sim) const FILTERS: [&str; 10] = ["a", "a/b", "a/+", "a/#", "#", "+/b", "+", "b/#", "b", "+/+/c"];

/// The filters that workers subscribe to.
pub(in crate::sim) const SHARED: [&str; 4] = ["$share/g/a/#", "$share/g/+/b", "$share/h/a/b", "$share/h/#"];

/// Whether a filter, shared or not, matches a topic.
pub(in crate::sim) fn matches(filter: &str, topic: &str) -> bool {
    let filter = if filter.starts_with("$share/") { filter.splitn(3, '/').nth(2).unwrap_or("") } else { filter };
    let filter: Vec<&str> = filter.split('/').collect();
    let topic: Vec<&str> = topic.split('/').collect();
    let mut at = 0;
    for level in &filter {
        if *level == "#" {
            return true;
        }
        if at >= topic.len() || (*level != "+" && *level != topic[at]) {
            return false;
        }
        at += 1;
    }
    at == topic.len()
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn as_the_specification_says() {
        for (filter, topic) in
            [("#", "a/b"), ("a/#", "a"), ("a/+", "a/"), ("+/b", "/b"), ("$share/g/a/#", "a/b/c"), ("+", "x")]
        {
            assert!(matches(filter, topic), "{filter} {topic}");
        }
        for (filter, topic) in [("a", "a/b"), ("a/+", "a"), ("a/+", "a/b/c"), ("+", "/a"), ("$share/g/b", "a")] {
            assert!(!matches(filter, topic), "{filter} {topic}");
        }
    }
}
