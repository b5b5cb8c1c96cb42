//! Every statement has a test or a reason, every test has a statement, and `docs/conformance.md` says so.

use std::fs;
use std::path::Path;

use weirmq_tests::conformance::Coverage;
use weirmq_tests::conformance::page::{Results, render};

fn coverage() -> Coverage {
    Coverage::read(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("tables and tests can be read")
}

#[test]
fn statements_and_tests_fit_together() {
    let faults = coverage().faults;
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_page_is_up_to_date() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
    let old = fs::read_to_string(page).expect("docs/conformance.md is there");
    let is_fresh = render(&old, &coverage(), &Results::Passing) == old;
    assert!(is_fresh, "docs/conformance.md is out of date: cargo run -p weirmq-tests --bin conformance");
}
