//! The weirmq broker and its command-line tools.

fn main() -> std::process::ExitCode {
    weirmq::cli::run()
}
