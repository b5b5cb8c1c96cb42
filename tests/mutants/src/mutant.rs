//! What a mutant is, and which ones make a sample.

use std::ops::Range;

/// How the text of a mutant's span is changed, or the text before it when the span is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// Another expression in the place of the one that is there.
    Expression(String),
    /// A condition that is always true.
    True,
    /// A condition that is always false.
    False,
    /// A statement that is not run.
    Skip,
    /// A function that does nothing but return this.
    Return(String),
    /// An arm of a match that has no guard and is never taken.
    Arm,
}

/// One deliberate fault.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    /// From 1. What `WEIRMQ_MUTANT` names.
    pub(crate) id: u32,
    /// The file, from the root of the repository.
    pub(crate) file: String,
    /// The folder of `core/src` that it belongs to.
    pub(crate) folder: String,
    /// Where it is, from 1.
    pub(crate) line: usize,
    /// The function that it is in.
    pub(crate) function: String,
    /// What it changes.
    pub(crate) what: String,
    /// Tells it from others of the same words in the same function.
    pub(crate) occurrence: usize,
    /// The bytes of the file that it changes.
    pub(crate) span: Range<usize>,
    /// How.
    pub(crate) edit: Edit,
}

impl Mutant {
    /// A name that stays when other functions change.
    pub(crate) fn name(&self) -> String {
        let number = if self.occurrence > 0 { format!(" #{}", self.occurrence + 1) } else { String::new() };
        format!("{}: {}: {}{number}", self.file, self.function, self.what)
    }

    /// Whether it skips a `return`, `break` or `continue`.
    pub(crate) fn is_jump(&self) -> bool {
        let jumps = ["without `return", "without `break", "without `continue"];
        self.edit == Edit::Skip && jumps.iter().any(|jump| self.what.starts_with(jump))
    }

    /// Its place in the random order of a seed. It depends on nothing but the seed and its name, so a change of the core
    /// changes the sample only there.
    pub(crate) fn rank(&self, seed: u64) -> u64 {
        // FNV-1a, and the finalizer of SplitMix64, because names differ in few bits.
        let start = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = self.name().bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        let hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^ hash >> 31
    }
}

/// Chooses `size` mutants: from each folder in proportion to what it has, but at least `least`.
pub(crate) fn sample(all: &[Mutant], folders: &[&str], seed: u64, size: usize, least: usize) -> Vec<Mutant> {
    let mut chosen = Vec::new();
    for folder in folders {
        let mut here: Vec<&Mutant> = all.iter().filter(|mutant| mutant.folder == *folder).collect();
        here.sort_by_key(|mutant| mutant.rank(seed));
        let share = (here.len() * size).div_ceil(all.len().max(1)).max(least);
        chosen.extend(here.into_iter().take(share).cloned());
    }
    chosen.sort_by_key(|mutant| mutant.id);
    chosen
}
