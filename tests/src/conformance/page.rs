//! The page about conformance: what people wrote about it, and below a mark what is known from tables, tests and a run.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Coverage, Statement};

/// Where the generated part begins.
pub const MARK: &str = "<!-- Below: written by `cargo run -p weirmq-tests --bin conformance`. Do not edit. -->\n";

/// What a page begins with that nobody has written yet.
const OPENING: &str = "# Conformance\n\n";

/// How the tests of a run ended, by name; a test that runs in several worlds passes if it does in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Results {
    /// Nothing was run: all are taken to pass, as they do wherever the page is checked in.
    Passing,
    /// What the test programs printed.
    Of(BTreeMap<String, bool>),
}

impl Results {
    /// Reads `test path::name ... ok` lines.
    pub fn parse(output: &str) -> Self {
        let mut all = BTreeMap::new();
        for line in output.lines() {
            let Some((path, result)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) else {
                continue;
            };
            let name = path.rsplit("::").next().unwrap_or(path);
            *all.entry(name.to_string()).or_insert(true) &= result == "ok";
        }
        Self::Of(all)
    }

    /// Whether it passes; `None` when it was not run.
    fn of(&self, test: &str) -> Option<bool> {
        match self {
            Self::Passing => Some(true),
            Self::Of(all) => all.get(test).copied(),
        }
    }

    /// How a statement fares by its tests.
    fn word(&self, statement: &Statement) -> &'static str {
        let all: Vec<_> = statement.tests.iter().map(|test| self.of(test)).collect();
        match (&statement.reason, &all[..]) {
            (Some(_), []) => "no test",
            (None, []) => "**missing**",
            (_, all) if all.contains(&Some(false)) => "**fails**",
            (_, all) if all.contains(&None) => "**not run**",
            (_, _) => "passes",
        }
    }
}

/// The page anew: of `old` everything above the mark, and below it what is known now.
pub fn render(old: &str, coverage: &Coverage, results: &Results) -> String {
    let written = old.split_once(MARK).map_or(OPENING, |(written, _)| written);
    let mut page = format!("{written}{MARK}\n");
    totals(&mut page, coverage, results);
    for (title, version, is_unnumbered) in CHAPTERS {
        let _ = write!(page, "\n## {title}\n\n| statement | in other words | tests | result |\n|---|---|---|---|\n");
        for it in coverage.statements.iter().filter(|it| belongs(it, version, is_unnumbered)) {
            let tests = match &it.reason {
                Some(reason) if it.tests.is_empty() => cell(reason),
                Some(_) | None => it.tests.iter().map(|test| format!("`{test}`")).collect::<Vec<_>>().join(" "),
            };
            let _ = writeln!(page, "| {} | {} | {tests} | {} |", it.id, cell(&it.text), results.word(it));
        }
    }
    page
}

const CHAPTERS: [(&str, &str, bool); 3] = [
    ("MQTT 3.1.1", "3.1.1", false),
    ("MQTT 5.0", "5.0", false),
    ("MQTT 5.0: required behaviour without a number", "5.0", true),
];

fn belongs(it: &Statement, version: &str, is_unnumbered: bool) -> bool {
    it.version == version && it.id.starts_with("U5-") == is_unnumbered
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn totals(page: &mut String, coverage: &Coverage, results: &Results) {
    page.push_str("| | statements | pass | fail | without a test, with a reason | missing | tests |\n");
    page.push_str("|---|---|---|---|---|---|---|\n");
    for (title, version, is_unnumbered) in CHAPTERS {
        let all: Vec<_> = coverage.statements.iter().filter(|it| belongs(it, version, is_unnumbered)).collect();
        let count = |words: &[&str]| all.iter().filter(|it| words.contains(&results.word(it))).count();
        let tests: usize = all.iter().map(|it| it.tests.len()).sum();
        let (pass, fail) = (count(&["passes"]), count(&["**fails**", "**not run**"]));
        let (reason, missing) = (count(&["no test"]), count(&["**missing**"]));
        let _ = writeln!(page, "| {title} | {} | {pass} | {fail} | {reason} | {missing} | {tests} |", all.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coverage() -> Coverage {
        let statement = |id: &str, tests: &[&str], reason: Option<&str>| Statement {
            version: "3.1.1",
            id: id.into(),
            text: "a | b".into(),
            tests: tests.iter().map(|test| (*test).into()).collect(),
            reason: reason.map(Into::into),
        };
        let statements = vec![
            statement("A", &["one", "two"], None),
            statement("B", &["three"], None),
            statement("C", &[], Some("because")),
            statement("D", &[], None),
        ];
        Coverage { statements, faults: vec![] }
    }

    #[test]
    fn what_was_written_stays() {
        let first = render("", &coverage(), &Results::Passing);
        assert!(first.starts_with("# Conformance\n\n<!--"));
        let second = render(&first.replace("# Conformance", "# Ours"), &coverage(), &Results::Passing);
        assert_eq!(second, first.replace("# Conformance", "# Ours"));
    }

    #[test]
    fn results_are_told() {
        let output = "test a::one ... ok\ntest b::one ... FAILED\ntest a::two ... ok\nrunning 3 tests\n";
        let page = render("", &coverage(), &Results::parse(output));
        assert!(page.contains("| A | a \\| b | `one` `two` | **fails** |"), "{page}");
        assert!(page.contains("| B | a \\| b | `three` | **not run** |"), "{page}");
        assert!(page.contains("| C | a \\| b | because | no test |"), "{page}");
        assert!(page.contains("| D | a \\| b |  | **missing** |"), "{page}");
        assert!(page.contains("| MQTT 3.1.1 | 4 | 0 | 2 | 1 | 1 | 3 |"), "{page}");
        assert!(render("", &coverage(), &Results::Passing).contains("| MQTT 3.1.1 | 4 | 2 | 0 | 1 | 1 | 3 |"));
    }
}
