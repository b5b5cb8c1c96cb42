//! The results as text: a line for each mutant, and tables.

use std::collections::BTreeMap;

use crate::mutant::Mutant;
use crate::suite::End;

/// What became of a mutant: the suite that noticed it and how, or `None`.
pub(crate) type Outcome = Option<(&'static str, End)>;

/// A line of the file of results: suite, how, place and name, with tabs in between.
pub(crate) fn line(mutant: &Mutant, outcome: &Outcome) -> String {
    let (suite, how) = match outcome {
        None => ("-", "survived".to_owned()),
        Some((suite, End::Failed(test))) => (*suite, test.clone()),
        Some((suite, end)) => (*suite, format!("{end:?}").to_lowercase()),
    };
    format!("{suite}\t{how}\t{}\t{}", mutant.line, mutant.name())
}

/// The names of those that survived, from a file of results.
pub(crate) fn survivors(results: &str) -> Vec<&str> {
    results.lines().filter(|line| line.starts_with("-\t")).filter_map(|line| line.split('\t').nth(3)).collect()
}

/// How many there are and who notices them, for each folder.
pub(crate) fn table(
    results: &[(Mutant, Outcome)],
    found: &[Mutant],
    viable: &[Mutant],
    folders: &[&str],
    suites: &[&str],
) -> String {
    let mut text = format!("| folder | found | viable | sample | caught | by {} |\n", suites.join(" | "));
    text += &"|---".repeat(5 + suites.len());
    text += "|\n";
    for folder in folders.iter().map(Some).chain([None]) {
        let is_here = |mutant: &&Mutant| folder.is_none_or(|folder| mutant.folder == *folder);
        let here: Vec<_> = results.iter().filter(|(mutant, _)| is_here(&mutant)).collect();
        let mut by: BTreeMap<&str, usize> = BTreeMap::new();
        here.iter()
            .filter_map(|(_, outcome)| outcome.as_ref())
            .for_each(|(suite, _)| *by.entry(suite).or_default() += 1);
        let caught: usize = by.values().sum();
        let percent = 100.0 * caught as f64 / here.len().max(1) as f64;
        let columns = suites.iter().map(|suite| by.get(suite).copied().unwrap_or(0).to_string()).collect::<Vec<_>>();
        text += &format!(
            "| {} | {} | {} | {} | {caught} ({percent:.1} %) | {} |\n",
            folder.map_or("all", |folder| folder),
            found.iter().filter(is_here).count(),
            viable.iter().filter(is_here).count(),
            here.len(),
            columns.join(" | "),
        );
    }
    text
}
