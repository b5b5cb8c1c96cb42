//! Stories: what a human wrote of clients and a broker, packet by packet, with everything that must come of it.
//!
//! The world is that of the simulator, so a story is told in every order of turns that the seed brings, to one, two and
//! three shards, with its bytes whole and one by one. `docs/simulation.md` describes the format.

mod fields;
mod line;
mod packet;
mod parse;
mod play;

use std::fmt;

use line::Line;
use weirmq_core::access::Rule;

use super::options::Options;
use crate::wire::Version;

/// A story, ready to be told.
#[derive(Clone, Debug)]
pub struct Story {
    options: Options,
    versions: Vec<Version>,
    shards: Vec<u64>,
    /// Rules of access.
    rules: Vec<Rule>,
    lines: Vec<Line>,
}

/// One way of telling a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// What clients speak unless their CONNECT says otherwise.
    pub version: Version,
    /// How many shards the broker has.
    pub shards: u64,
    /// Most bytes that arrive at once; 0 is no limit.
    pub chunk_bytes: u64,
    /// Decides where sessions live and in which order turns are taken.
    pub seed: u64,
}

/// A line that cannot be read, or that did not come true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it, and what to do about it.
    pub text: String,
    /// What happened last, the newest line at the end.
    pub happened: Vec<String>,
}

impl StoryError {
    fn new(line: usize, text: impl Into<String>) -> Self {
        Self { line, text: text.into(), happened: Vec::new() }
    }
}

impl fmt::Display for StoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.text)?;
        for line in &self.happened {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, shards, chunk_bytes, seed } = self;
        write!(f, "{version:?}, {shards} shards, chunk_bytes={chunk_bytes}, seed {seed}")
    }
}

impl Story {
    /// Every way in which it has to be told.
    pub fn variants(&self) -> Vec<Variant> {
        let mut variants = Vec::new();
        for &version in &self.versions {
            for &shards in &self.shards {
                for chunk_bytes in [0, 1] {
                    for seed in 1..=2 {
                        variants.push(Variant { version, shards, chunk_bytes, seed });
                    }
                }
            }
        }
        variants
    }

    /// Tells it once; the hash of everything that happened.
    ///
    /// # Errors
    /// With the line that did not come true.
    pub fn run(&self, variant: &Variant) -> Result<u64, StoryError> {
        play::play(self, variant)
    }

    /// Tells it in every way, each twice.
    ///
    /// # Errors
    /// With the first way in which it failed, and the line; or when two runs of one way differ.
    pub fn run_all(&self) -> Result<usize, (Variant, StoryError)> {
        let variants = self.variants();
        for variant in &variants {
            let run = || self.run(variant).map_err(|error| (*variant, error));
            let (first, second) = (run()?, run()?);
            if first != second {
                let text = format!("two runs differ: {first:016x} and {second:016x}");
                return Err((*variant, StoryError::new(0, text)));
            }
        }
        Ok(variants.len())
    }
}
