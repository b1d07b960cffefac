//! The `starhouse` program.

fn main() {}
