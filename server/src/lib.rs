//! The weirmq program as a library, so that its parts can be tested and its configuration loaded elsewhere.
//!
//! What reads a file, a flag or an environment variable is here; what a broker does is in `weirmq-core`, and what moves
//! bytes in one of the runtimes.
#![forbid(unsafe_code)]

pub mod bench;
pub mod cli;
pub mod config;
pub mod log_output;
pub mod logs;
mod rate;
mod record;
mod replay;
mod runtime;
mod serve;
mod signals;
pub mod tools;
