//! The `starhouse` program.

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// Keeps what a query gives back for the next one. The system's allocator returned it, and a third of a short
/// query's time went to asking for the same pages again.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    starhouse::cli::main()
}
