//! A run as data, and as a text that a human can read and keep: options in one line, each step in one more.

use std::fmt;

use super::options::Options;
use super::rng::Rng;
use super::step::Step;

/// A step, and what chance around it is seeded with: taking one step away changes nothing about the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salted {
    /// The step.
    pub step: Step,
    /// The seed of what follows until the next step.
    pub salt: u64,
}

/// Everything that decides a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The options.
    pub options: Options,
    /// The steps, in order.
    pub steps: Vec<Salted>,
}

/// `name=value`.
pub(super) fn assignment(text: &str) -> Result<(&str, u64), String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("{text:?} is not name=value; write a name, = and a number"))?;
    Ok((name, value.parse().map_err(|error| format!("{text}: {error}"))?))
}

impl Scenario {
    /// The scenario of a seed.
    pub fn generate(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let options = Options::generate(&mut rng);
        let steps = super::generate::steps(&mut rng, &options);
        Self { options, steps }
    }

    /// Reads what `Display` wrote. Lines that begin with `#` are for humans.
    ///
    /// # Errors
    /// With the line that is not understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut scenario = Self { options: Options::default(), steps: Vec::new() };
        for (place, line) in text.lines().map(str::trim).enumerate() {
            if !line.is_empty() && !line.starts_with('#') {
                scenario.read(line).map_err(|error| format!("line {}: {error}", place + 1))?;
            }
        }
        Ok(scenario)
    }

    fn read(&mut self, line: &str) -> Result<(), String> {
        if let Some(options) = line.strip_prefix("options") {
            for part in options.split_whitespace() {
                let (name, value) = assignment(part)?;
                self.options.set(name, value)?;
            }
            return Ok(());
        }
        let (step, salt) = line.rsplit_once('~').unwrap_or((line, "0"));
        let salt = salt.trim().parse().map_err(|error| format!("{line}: {error}"))?;
        self.steps.push(Salted { step: Step::parse(step)?, salt });
        Ok(())
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.options)?;
        for Salted { step, salt } in &self.steps {
            writeln!(f, "{step} ~{salt}")?;
        }
        Ok(())
    }
}
