//! Which statement of the specifications has which test: the tables in `tests/spec`, the tests in
//! `tests/tests/conformance_3` and `_5` by their names, and what does not fit together.
//!
//! A name says its statement: `mqtt_3_3_1_2_24_zero_is_never` is MQTT-3.1.2-24 of 3.1.1, `u5_07_late` is U5-07. Nothing here
//! runs a test; [`page`] writes what is known down.

pub mod page;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// A statement of a specification, or a case that has none of its own number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// `3.1.1` or `5.0`.
    pub version: &'static str,
    /// `MQTT-3.1.2-24`, or `U5-07`.
    pub id: String,
    /// What it says, in other words than the specification's.
    pub text: String,
    /// The names of its tests.
    pub tests: Vec<String>,
    /// Why no test of a server can show it.
    pub reason: Option<String>,
}

/// A test by its name, and the statement that the name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// The name of the function.
    pub name: String,
    /// `3.1.1` or `5.0`.
    pub version: &'static str,
    /// The statement.
    pub id: String,
    /// Whether it is among the tests of its file, and not only a function.
    pub runs: bool,
}

/// All statements with their tests, and everything that is wrong about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The statements, in the order of the tables.
    pub statements: Vec<Statement>,
    /// What does not fit together, a line each.
    pub faults: Vec<String>,
}

/// The tables: version, file, and the column of the text.
const TABLES: [(&str, &str); 3] =
    [("3.1.1", "mqtt-3.1.1.tsv"), ("5.0", "mqtt-5.0.tsv"), ("5.0", "mqtt-5.0-unnumbered.tsv")];

impl Coverage {
    /// Reads tables and tests below `tests`, the folder of this package.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(tests: &Path) -> io::Result<Self> {
        let mut statements = Vec::new();
        for (version, file) in TABLES {
            statements.extend(parse_table(version, &fs::read_to_string(tests.join("spec").join(file))?));
        }
        let reasons = fs::read_to_string(tests.join("spec/untestable.tsv"))?;
        let mut found = Vec::new();
        for folder in ["tests/conformance_3", "tests/conformance_5"] {
            for entry in fs::read_dir(tests.join(folder))? {
                found.extend(parse_tests(&fs::read_to_string(entry?.path())?));
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self::join(statements, &reasons, &found))
    }

    fn join(mut statements: Vec<Statement>, reasons: &str, tests: &[Test]) -> Self {
        let mut faults = Vec::new();
        let places: BTreeMap<(&str, String), usize> =
            statements.iter().enumerate().map(|(place, it)| ((it.version, it.id.clone()), place)).collect();
        for line in reasons.lines().skip(1) {
            let columns: Vec<&str> = line.split('\t').collect();
            match columns[..] {
                [version, id, reason] if !reason.is_empty() => match places.get(&(version, id.into())) {
                    Some(&place) => statements[place].reason = Some(reason.into()),
                    None => faults.push(format!("untestable.tsv: {version} has no statement {id}")),
                },
                _ => faults.push(format!("untestable.tsv: not version, id and reason: {line}")),
            }
        }
        for test in tests {
            match places.get(&(test.version, test.id.clone())) {
                Some(&place) => statements[place].tests.push(test.name.clone()),
                None => faults.push(format!("{}: {} has no statement {}", test.name, test.version, test.id)),
            }
            if !test.runs {
                faults.push(format!("{}: a function and in no list of tests", test.name));
            }
        }
        for pair in tests.windows(2).filter(|pair| pair[0].name == pair[1].name) {
            faults.push(format!("{}: two tests of this name", pair[0].name));
        }
        for it in &statements {
            match (&it.reason, it.tests.is_empty()) {
                (None, true) => faults.push(format!("{} {}: neither a test nor a reason", it.version, it.id)),
                (Some(_), false) => faults.push(format!("{} {}: both a test and a reason", it.version, it.id)),
                (None, false) | (Some(_), true) => {}
            }
        }
        Self { statements, faults }
    }
}

/// The statements of one table. Its columns are named in its first line; the case and the reaction of an unnumbered one are
/// in two.
fn parse_table(version: &'static str, table: &str) -> Vec<Statement> {
    let mut lines = table.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let head = lines.next().unwrap_or_default();
    let column = |name: &str| head.iter().position(|column| *column == name);
    let texts: Vec<usize> = ["paraphrase", "condition", "expected"].into_iter().filter_map(column).collect();
    let parse = |line: Vec<&str>| {
        let text: Vec<&str> = texts.iter().filter_map(|&column| line.get(column).copied()).collect();
        Statement { version, id: line[0].into(), text: text.join(": "), tests: Vec::new(), reason: None }
    };
    lines.map(parse).collect()
}

/// The tests of a source file: functions of such a name. They run if the name stands in a list as well, or under `#[test]`.
fn parse_tests(source: &str) -> Vec<Test> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let code = source.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    let (mut tests, mut listed, mut is_marked) = (Vec::<Test>::new(), Vec::new(), false);
    for line in code {
        if let Some(rest) = line.strip_prefix("fn ") {
            let name = rest.split(|c| !is_word(c)).next().unwrap_or_default();
            if let Some((version, id)) = statement_of(name) {
                tests.push(Test { name: name.into(), version, id, runs: is_marked });
            }
        } else {
            listed.extend(line.split(|c| !is_word(c)).filter(|word| statement_of(word).is_some()));
        }
        is_marked = line == "#[test]" || (is_marked && line.starts_with("#["));
    }
    for test in &mut tests {
        test.runs |= listed.contains(&&*test.name);
    }
    tests
}

/// The version and statement that a test's name says, if it is such a name.
fn statement_of(name: &str) -> Option<(&'static str, String)> {
    let mut words = name.split('_');
    let (kind, version) = (words.next()?, words.next()?);
    if kind == "u5" && version.len() == 2 && version.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(("5.0", format!("U5-{version}")));
    }
    let version = match (kind, version) {
        ("mqtt", "3") => "3.1.1",
        ("mqtt", "5") => "5.0",
        _ => return None,
    };
    let numbers: Vec<&str> = words.take_while(|word| word.bytes().all(|byte| byte.is_ascii_digit())).collect();
    match numbers[..] {
        // MQTT-4.2-1 of 5.0 is printed with two numbers in front, and with three (4.2.0-1) in its Appendix B.
        ["4", "2", "0", "1"] | ["4", "2", "1"] if version == "5.0" => Some((version, "MQTT-4.2-1".into())),
        [chapter, section, part, number] => Some((version, format!("MQTT-{chapter}.{section}.{part}-{number}"))),
        _ => Some((version, format!("of the name {name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "id\tsection\tviolator\twire\tparaphrase\tpackets\nMQTT-1.5.3-1\t1\tboth\tyes\tSays.\tall\n";

    fn coverage(reasons: &str, source: &str) -> Coverage {
        Coverage::join(parse_table("3.1.1", TABLE), &format!("version\tid\treason\n{reasons}"), &parse_tests(source))
    }

    #[test]
    fn names_say_their_statement() {
        let of = |name| statement_of(name).map(|(version, id)| format!("{version} {id}"));
        assert_eq!(of("mqtt_3_3_10_4_6").as_deref(), Some("3.1.1 MQTT-3.10.4-6"));
        assert_eq!(of("mqtt_5_3_1_2_24_with_a_will").as_deref(), Some("5.0 MQTT-3.1.2-24"));
        assert_eq!(of("mqtt_5_4_2_1_x").as_deref(), Some("5.0 MQTT-4.2-1"));
        assert_eq!(of("u5_07_late").as_deref(), Some("5.0 U5-07"));
        assert_eq!(of("mqtt_3_3_10_4").as_deref(), Some("3.1.1 of the name mqtt_3_3_10_4"));
        assert_eq!(of("mqtt"), None);
        assert_eq!(of("publishes"), None);
    }

    #[test]
    fn a_test_or_a_reason_is_enough() {
        let tested = coverage("", "cases! { mqtt_3_1_5_3_1 }\nfn mqtt_3_1_5_3_1() {}\n");
        assert_eq!((tested.faults, tested.statements[0].tests.len()), (vec![], 1));
        assert_eq!(coverage("", "#[test]\nfn mqtt_3_1_5_3_1_too() {}\n").faults, [""; 0]);
        assert_eq!(coverage("3.1.1\tMQTT-1.5.3-1\tBecause.", "").faults, [""; 0]);
    }

    #[test]
    fn what_does_not_fit_is_a_fault() {
        assert_eq!(coverage("", "").faults, ["3.1.1 MQTT-1.5.3-1: neither a test nor a reason"]);
        let listed = "cases! { mqtt_3_1_5_3_1 mqtt_3_1_5_3_2 }\nfn mqtt_3_1_5_3_1() {}\n";
        assert_eq!(
            coverage("3.1.1\tMQTT-1.5.3-1\tBecause.", listed).faults,
            ["3.1.1 MQTT-1.5.3-1: both a test and a reason"]
        );
        let unknown = format!("{listed}fn mqtt_3_1_5_3_2() {{}}\n");
        assert_eq!(coverage("", &unknown).faults, ["mqtt_3_1_5_3_2: 3.1.1 has no statement MQTT-1.5.3-2"]);
        let unlisted = "fn mqtt_3_1_5_3_1() {}\n// mqtt_3_1_5_3_1\n";
        assert_eq!(coverage("", unlisted).faults, ["mqtt_3_1_5_3_1: a function and in no list of tests"]);
        let twice = format!("{listed}fn mqtt_3_1_5_3_1() {{}}\n");
        assert_eq!(coverage("", &twice).faults, ["mqtt_3_1_5_3_1: two tests of this name"]);
        let wrong = coverage("3.1.1\tMQTT-1.5.3-9\tBecause.\n5.0\tMQTT-1.5.3-1\n", listed);
        assert_eq!(wrong.faults.len(), 2, "{:?}", wrong.faults);
    }
}
