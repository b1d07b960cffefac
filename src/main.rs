//! The `starhouse` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    starhouse::cli::main()
}
