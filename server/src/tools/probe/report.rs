//! What came of a probe: answers, and what is wrong with them.

use serde_json::{Value, json};

/// One thing that is wrong.
#[derive(Debug)]
struct Fault {
    statement: &'static str,
    text: String,
}

/// One question and its answer.
#[derive(Debug)]
struct Row {
    section: &'static str,
    name: &'static str,
    answer: String,
    faults: Vec<Fault>,
}

/// All answers, in the order of the questions.
#[derive(Debug, Default)]
pub(super) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Takes an answer.
    pub(super) fn tell(&mut self, section: &'static str, name: &'static str, answer: impl Into<String>) {
        self.rows.push(Row { section, name, answer: answer.into(), faults: Vec::new() });
    }

    /// Says what is wrong with the last answer.
    pub(super) fn blame(&mut self, statement: &'static str, text: impl Into<String>) {
        if let Some(row) = self.rows.last_mut() {
            row.faults.push(Fault { statement, text: text.into() });
        }
    }

    /// Takes the answer to a question that the specification answers: `yes`, or `no` and what is wrong.
    pub(super) fn check(
        &mut self,
        section: &'static str,
        name: &'static str,
        right: bool,
        statement: &'static str,
        text: impl Into<String>,
    ) {
        self.tell(section, name, if right { "yes" } else { "no" });
        if !right {
            self.blame(statement, text);
        }
    }

    pub(super) fn has_faults(&self) -> bool {
        self.rows.iter().any(|row| !row.faults.is_empty())
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let width = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        let mut text = String::new();
        let mut sections: Vec<&str> = Vec::new();
        for row in &self.rows {
            if !sections.contains(&row.section) {
                sections.push(row.section);
            }
        }
        for section in sections {
            text.push_str(&format!("{section}\n"));
            for row in self.rows.iter().filter(|row| row.section == section) {
                text.push_str(&format!("  {:width$}  {}\n", row.name, row.answer.escape_debug()));
                for fault in &row.faults {
                    let Fault { statement, text: what } = fault;
                    text.push_str(&format!("  {:width$}  WRONG {statement}: {}\n", "", what.escape_debug()));
                }
            }
        }
        let faults: usize = self.rows.iter().map(|row| row.faults.len()).sum();
        text.push_str(&format!("{} answers, {faults} wrong\n", self.rows.len()));
        text
    }

    /// For programs.
    pub(super) fn json(&self, broker: &str) -> String {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let faults: Vec<Value> = row
                    .faults
                    .iter()
                    .map(|fault| json!({ "statement": fault.statement, "text": fault.text }))
                    .collect();
                json!({ "section": row.section, "name": row.name, "answer": row.answer, "faults": faults })
            })
            .collect();
        format!("{}\n", json!({ "broker": broker, "answers": rows }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_shown_beside_their_answer() {
        let mut report = Report::default();
        report.tell("limits", "maximum QoS", "2");
        assert!(!report.has_faults());
        report.check("limits", "kept", false, "MQTT-3.3.4-9", "3 came");
        assert!(report.has_faults());
        let table = report.table();
        assert!(table.starts_with("limits\n  maximum QoS  2\n  kept         no\n"), "{table}");
        assert!(table.contains("WRONG MQTT-3.3.4-9: 3 came\n2 answers, 1 wrong\n"), "{table}");
        let value: Value = serde_json::from_str(&report.json("b:1")).expect("JSON");
        assert_eq!(value["answers"][1]["faults"][0]["statement"], "MQTT-3.3.4-9");
        assert_eq!(value["broker"], "b:1");
    }
}
