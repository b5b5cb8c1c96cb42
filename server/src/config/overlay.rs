//! Environment variables laid over the file: `WEIRMQ__MQTT__PACKET_BYTES_MAX=2MiB`, `WEIRMQ__LISTENERS__0__ADDRESS=…`.
//!
//! A double underscore separates levels, case does not matter, lists go by index. What is laid over is checked later
//! together with the file, so an unknown key is an error here as it is there.

use super::error::Problem;
use super::node::{Key, Node, Origin, Value};

/// What every variable that is meant begins with.
const PREFIX: &str = "weirmq__";

/// Lays all variables that begin with `WEIRMQ__` over `root`.
pub(crate) fn apply(root: &mut Node, variables: impl IntoIterator<Item = (String, String)>) -> Vec<Problem> {
    let mut found: Vec<(Vec<String>, String, String)> = variables
        .into_iter()
        .filter_map(|(name, text)| {
            let path = name.to_lowercase().strip_prefix(PREFIX)?.split("__").map(str::to_owned).collect();
            Some((path, name, text))
        })
        .collect();
    // Indices in numeric order, so that a list can be made longer one by one; parents before children.
    found.sort_by_cached_key(|(path, name, _)| {
        let path: Vec<_> = path.iter().map(|part| (part.parse::<u32>().unwrap_or(u32::MAX), part.clone())).collect();
        (path, name.clone())
    });
    let mut problems = Vec::new();
    for pair in found.windows(2) {
        if pair[0].0 == pair[1].0 {
            let message = format!("says the same as {}, in another case", pair[0].1);
            problems.push(Problem::new(message).at(Some(Origin::Variable(pair[1].1.clone()))));
        }
    }
    for (path, name, text) in found {
        if let Err(problem) = set(root, &path, &name, &text) {
            problems.push(problem.at(Some(Origin::Variable(name))));
        }
    }
    problems
}

fn set(root: &mut Node, path: &[String], name: &str, text: &str) -> Result<(), Problem> {
    let mut node = root;
    for (depth, part) in path.iter().enumerate() {
        if part.is_empty() {
            return Err(Problem::new("has an empty level: use exactly two underscores between levels"));
        }
        node = match part.parse::<usize>() {
            Ok(index) => item(node, index, name)?,
            Err(_) => entry(node, part, name)
                .ok_or_else(|| Problem::new(format!("`{}` is not a section", path[..depth].join("."))))?,
        };
    }
    *node = Node::from_variable(name, text);
    Ok(())
}

fn entry<'a>(node: &'a mut Node, part: &str, name: &str) -> Option<&'a mut Node> {
    if matches!(node.value, Value::Null) {
        *node = Node { value: Value::Map(Vec::new()), origin: Origin::Variable(name.to_owned()), raw: None };
    }
    let Value::Map(entries) = &mut node.value else { return None };
    let index = match entries.iter().position(|(key, _)| key.name == part) {
        Some(index) => index,
        None => {
            let origin = Origin::Variable(name.to_owned());
            let key = Key { name: part.to_owned(), origin: origin.clone() };
            entries.push((key, Node { value: Value::Null, origin, raw: None }));
            entries.len() - 1
        }
    };
    Some(&mut entries[index].1)
}

fn item<'a>(node: &'a mut Node, index: usize, name: &str) -> Result<&'a mut Node, Problem> {
    let origin = Origin::Variable(name.to_owned());
    if matches!(node.value, Value::Null) {
        *node = Node { value: Value::List(Vec::new()), origin: origin.clone(), raw: None };
    }
    let Value::List(items) = &mut node.value else { return Err(Problem::new(format!("{index} is not in a list"))) };
    let count = items.len();
    if index > count {
        return Err(Problem::new(format!(
            "index {index} leaves a gap: the list has {count} entries, the next is {count}"
        )));
    }
    if index == count {
        items.push(Node { value: Value::Null, origin, raw: None });
    }
    Ok(&mut items[index])
}
