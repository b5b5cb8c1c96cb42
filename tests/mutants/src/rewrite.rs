//! Writes mutants into a file so that each is compiled in and chosen at run time (mutant schemata).

use std::ops::Range;

use crate::mutant::{Edit, Mutant};

/// The module that answers whether a mutant is on. It becomes a part of the core.
pub(crate) const SWITCH: &str = r#"//! Which mutant is on.
extern crate std;

/// Whether `WEIRMQ_MUTANT` names this one.
#[inline]
pub(crate) fn on(id: u32) -> bool {
    static ON: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    id == *ON.get_or_init(|| std::env::var("WEIRMQ_MUTANT").ok().and_then(|id| id.parse().ok()).unwrap_or(0))
}
"#;

/// Lints that a mutant may break and is no less a program for it.
const ALLOWED: &str = "#![allow(warnings, unused_must_use, arithmetic_overflow, unconditional_panic, clippy::all)]\n";

/// The root of the core with [`SWITCH`] in it.
pub(crate) fn root(text: &str) -> String {
    text.replacen("#![no_std]", &format!("{ALLOWED}#![no_std]"), 1) + "\nmod mutant;\n"
}

/// The text with all these mutants in it and without `const` at `consts`.
pub(crate) fn rewrite(text: &str, mutants: &[&Mutant], consts: &[Range<usize>]) -> String {
    let mut spots: Vec<(Range<usize>, Option<&Mutant>)> =
        mutants.iter().map(|mutant| (mutant.span.clone(), Some(*mutant))).collect();
    spots.extend(consts.iter().map(|span| (span.clone(), None)));
    // Outer before inner.
    spots.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
    render(text, 0..text.len(), &mut &spots[..])
}

type Spot<'a> = (Range<usize>, Option<&'a Mutant>);

/// Renders `range`, and takes the spots inside of it off the front.
fn render(text: &str, range: Range<usize>, spots: &mut &[Spot<'_>]) -> String {
    let mut out = String::new();
    let mut position = range.start;
    while let Some((span, _)) = spots.first().filter(|(span, _)| span.start >= position && span.end <= range.end) {
        let span = span.clone();
        let count = spots.iter().take_while(|(other, _)| *other == span).count();
        let (same, rest) = spots.split_at(count);
        *spots = rest;
        out.push_str(&text[position..span.start]);
        let inner = if span.is_empty() { String::new() } else { render(text, span.clone(), spots) };
        let inner =
            same.iter().fold(inner, |inner, (_, mutant)| mutant.map_or(String::new(), |mutant| mark(mutant, &inner)));
        out.push_str(&inner);
        position = span.end;
    }
    out.push_str(&text[position..range.end]);
    out
}

fn mark(mutant: &Mutant, inner: &str) -> String {
    let id = mutant.id;
    let on = format!("crate::mutant::on({id})");
    let text = match &mutant.edit {
        Edit::Expression(other) => format!("(if {on} {{ {other} }} else {{ ({inner}) }})"),
        Edit::True => format!("({on} || ({inner}))"),
        Edit::False => format!("(!{on} && ({inner}))"),
        Edit::Skip => format!("if !{on} {{ {inner} }}"),
        Edit::Return(value) => format!("{inner} if {on} {{ return {value}; }}"),
        Edit::Arm => format!("{inner} if !{on}"),
    };
    format!("/*[{id}*/{text}/*]{id}*/")
}

/// The mutants whose text is at this byte, the innermost last.
pub(crate) fn marks_at(text: &str, byte: usize) -> Vec<u32> {
    let mut open = Vec::new();
    for (_, is_open, id) in marks(text).take_while(|(at, ..)| *at < byte) {
        if is_open {
            open.push(id);
        } else {
            open.pop();
        }
    }
    open
}

/// The mutants that begin in this range.
pub(crate) fn marks_in(text: &str, range: Range<usize>) -> Vec<u32> {
    marks(text).filter(|(at, is_open, _)| *is_open && range.contains(at)).map(|(.., id)| id).collect()
}

fn marks(text: &str) -> impl Iterator<Item = (usize, bool, u32)> {
    text.match_indices("/*").filter_map(|(at, _)| {
        let mark = &text[at + 2..];
        let is_open = mark.starts_with('[');
        let id = mark.strip_prefix(['[', ']'])?.split("*/").next()?.parse().ok()?;
        Some((at, is_open, id))
    })
}
