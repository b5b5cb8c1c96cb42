//! What is wrong with a configuration, said so that it can be mended: where, what was expected, and the nearest known key.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de;

use super::node::Origin;

/// A configuration that cannot be used: one or more problems. The program answers with exit code 3.
#[derive(Debug)]
pub struct ConfigError {
    file: Option<PathBuf>,
    text: String,
    problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug)]
pub(crate) struct Problem {
    message: String,
    hint: Option<String>,
    origin: Option<Origin>,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, origin: None }
    }

    /// Adds the place unless a nearer one is known already.
    pub(crate) fn at(mut self, origin: Option<Origin>) -> Self {
        self.origin = self.origin.or(origin);
        self
    }

    /// Adds what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl ConfigError {
    /// `file` and `text` are what the places in the problems refer to.
    pub(crate) fn new(file: Option<&Path>, text: &str, problems: Vec<Problem>) -> Self {
        Self { file: file.map(Path::to_path_buf), text: text.to_owned(), problems }
    }

    fn fmt_problem(&self, f: &mut fmt::Formatter<'_>, problem: &Problem) -> fmt::Result {
        match (&problem.origin, &self.file) {
            (Some(Origin::Variable(name)), _) => write!(f, "environment variable {name}: ")?,
            (Some(Origin::File { line, column }), Some(file)) => write!(f, "{}:{line}:{column}: ", file.display())?,
            (Some(Origin::File { line, column }), None) => write!(f, "line {line}, column {column}: ")?,
            (None, Some(file)) => write!(f, "{}: ", file.display())?,
            (Some(Origin::CommandLine), _) | (None, None) => {}
        }
        f.write_str(&problem.message)?;
        if let Some(Origin::File { line, column }) = problem.origin {
            self.fmt_snippet(f, line, column)?;
        }
        if let Some(hint) = &problem.hint {
            write!(f, "\n  {hint}")?;
        }
        Ok(())
    }

    fn fmt_snippet(&self, f: &mut fmt::Formatter<'_>, line: u64, column: u64) -> fmt::Result {
        let Some(text) = usize::try_from(line).ok().and_then(|line| self.text.lines().nth(line.checked_sub(1)?)) else {
            return Ok(());
        };
        // A line longer than a screen, or one with control characters, would hide what it should show.
        if text.chars().count() > 160 || text.chars().any(char::is_control) {
            return Ok(());
        }
        let width = line.to_string().len();
        let indent = usize::try_from(column).unwrap_or(1).saturating_sub(1);
        write!(f, "\n  {:width$} |\n  {line} | {text}\n  {:width$} | {:indent$}^", "", "", "")
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            self.fmt_problem(f, problem)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("expected {}", in_words(&expected.to_string())))
    }

    fn invalid_value(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let found = match unexpected {
            de::Unexpected::Unsigned(value) => value.to_string(),
            de::Unexpected::Signed(value) => value.to_string(),
            de::Unexpected::Str(value) => format!("{value:?}"),
            other => other.to_string(),
        };
        Self::new(format!("expected {}, found {found}", in_words(&expected.to_string())))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let problem = Self::new(format!("unknown key `{field}`"));
        match (nearest(field, expected), super::file::section_of(field)) {
            (Some(known), _) => problem.hint(format!("did you mean `{known}`?")),
            (None, Some(section)) => problem.hint(format!("`{field}` belongs under `{section}:`")),
            (None, None) => problem.hint(format!("known keys here: {}", expected.join(", "))),
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let problem = Self::new(format!("expected one of {}, found {variant:?}", expected.join(", ")));
        match nearest(variant, expected) {
            Some(known) => problem.hint(format!("did you mean `{known}`?")),
            None => problem,
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is missing"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is there twice"))
    }
}

/// What serde calls a type, in a user's words.
fn in_words(expected: &str) -> String {
    match expected {
        "u16" => format!("a whole number from 0 to {}", u16::MAX),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" => format!("a whole number from 0 to {}", u64::MAX),
        "a boolean" => String::from("true or false"),
        "a string" | "string" => String::from("text"),
        "a sequence" => String::from("a list"),
        other if other.starts_with("struct ") => String::from("a section of keys"),
        other => other.to_owned(),
    }
}

/// The known name that `name` was probably meant to be.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    let name = plain(name);
    let most = (name.chars().count() / 3).clamp(1, 4);
    known
        .iter()
        .map(|candidate| (distance(&name, &plain(candidate)), *candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= most)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put in, left out, changed or swapped with their neighbour to make one of the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    let mut previous = None;
    for (row, letter) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let change = last[column] + usize::from(letter != *other);
            let mut best = change.min(last[column + 1] + 1).min(current[column] + 1);
            if column > 0 && previous == Some(*other) && letter == right[column - 1] {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
        previous = Some(letter);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_only_when_it_is_near() {
        let known = ["packet_bytes_max", "receive_maximum", "versions"];
        assert_eq!(nearest("packet_byte_max", &known), Some("packet_bytes_max"));
        assert_eq!(nearest("Receive-Maximum", &known), Some("receive_maximum"));
        assert_eq!(nearest("verisons", &known), Some("versions"));
        assert_eq!(nearest("port", &known), None);
    }

    #[test]
    fn distance_counts_edits() {
        for (left, right, expected) in
            [("", "", 0), ("", "ab", 2), ("ab", "", 2), ("abc", "acb", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(left, right), expected, "{left} {right}");
        }
    }
}
