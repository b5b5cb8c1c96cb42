//! Fuzz targets of weirmq's core, as ordinary functions of bytes.
//!
//! `cargo fuzz run NAME` looks for bytes that make one of them panic; `cargo test` runs each over its committed corpus,
//! without a sanitizer and on a stable toolchain. What each target holds the core to is said at its function, and
//! `docs/fuzzing.md` says how to run them.

mod choice;
mod client;
mod operations;
mod packet;
mod stream;
mod topics;
mod world;

pub use client::client_broker;
pub use operations::broker_operations;
pub use packet::{packet_decode, packet_round_trip};
pub use stream::broker_stream;
pub use topics::topic_tree;

/// Tells what happens, when the variable `TRACE` is set: for looking at a finding.
fn trace(what: std::fmt::Arguments<'_>) {
    static IS_ON: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    if *IS_ON.get_or_init(|| std::env::var_os("TRACE").is_some()) {
        eprintln!("{what}");
    }
}

/// A target: whatever the bytes are, it has to return.
pub type Target = fn(&[u8]);

/// All targets by their names, which are also those of their folders in `corpus/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("packet_decode", packet_decode),
    ("packet_round_trip", packet_round_trip),
    ("broker_stream", broker_stream),
    ("broker_operations", broker_operations),
    ("topic_tree", topic_tree),
    ("client_broker", client_broker),
];

/// Runs a target over the files and folders named as arguments of the program; what the fuzzer's own program does too.
pub fn replay_arguments(target: Target) {
    for path in std::env::args_os().skip(1) {
        replay(std::path::Path::new(&path), target);
    }
}

/// Runs a target over a file, or over all files of a folder in the order of their names; answers how many they were.
///
/// # Panics
/// When a file cannot be read, and wherever the target does.
pub fn replay(path: &std::path::Path, target: Target) -> usize {
    if !path.is_dir() {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        println!("{}", path.display());
        target(&bytes);
        return 1;
    }
    let entries = std::fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a folder can be listed").path()).collect();
    files.sort();
    files.iter().map(|file| replay(file, target)).sum()
}

/// The whole program of one target.
#[macro_export]
macro_rules! main {
    ($target:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::$target(data));

        #[cfg(not(fuzzing))]
        fn main() {
            $crate::replay_arguments($crate::$target);
        }
    };
}
