//! From a failing scenario to a small one that fails by the same rule.

use super::options::Options;
use super::run::run_twice;
use super::scenario::Scenario;

/// Takes steps and options away as long as the same rule stays broken, in at most `runs_max` runs.
pub fn shrink(scenario: &Scenario, rule: &str, runs_max: usize) -> Scenario {
    let mut best = scenario.clone();
    let mut runs = 0;
    let mut fails = |candidate: &Scenario| {
        runs += 1;
        runs <= runs_max && run_twice(candidate).failure.is_some_and(|failure| failure.rule == rule)
    };
    loop {
        let before = best.clone();
        fewer_steps(&mut best, &mut fails);
        plainer_options(&mut best, &mut fails);
        if best == before {
            return best;
        }
    }
}

/// Leaves out ever smaller parts of the list.
fn fewer_steps(best: &mut Scenario, fails: &mut impl FnMut(&Scenario) -> bool) {
    let mut size = best.steps.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < best.steps.len() {
            let mut candidate = best.clone();
            candidate.steps.drain(at..(at + size).min(best.steps.len()));
            if fails(&candidate) {
                *best = candidate;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
}

/// Sets each option to its default, where that makes no difference.
fn plainer_options(best: &mut Scenario, fails: &mut impl FnMut(&Scenario) -> bool) {
    for (name, value) in Options::each() {
        let mut candidate = best.clone();
        let changed = candidate.options.set(name, value).is_ok() && candidate != *best;
        if changed && fails(&candidate) {
            *best = candidate;
        }
    }
}
