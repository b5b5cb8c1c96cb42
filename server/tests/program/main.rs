//! The built program, run as a user runs it: command line, broker, tools.

mod bench;
mod cli;
mod probe;
mod record;
mod support;
mod tools;
