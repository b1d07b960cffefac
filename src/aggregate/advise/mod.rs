//! Advice: which aggregates are worth their bytes.
//!
//! ```text
//!  workload.rs    the query log planned again, or the cubes' hierarchies: what is asked how often
//!    -> candidates.rs   what would answer each, and several that are near each other
//!    -> weighed.rs      rows and bytes of each, from one sample of each fact (sample.rs, estimate.rs,
//!                       size.rs)
//!    -> choose.rs       the best within a budget, beside those that are declared: advice.rs
//!    -> count.rs        where estimates are not sure, the rows of what was chosen; and again
//!    -> written.rs      as the YAML of schemas
//! ```
//!
//! Only `workload.rs`, `sample.rs` and `count.rs` ask questions, through the engine's sessions; they are not logged.

mod advice;
mod candidates;
mod choose;
mod count;
mod estimate;
mod sample;
mod size;
#[cfg(test)]
mod tests;
mod weighed;
mod workload;
mod written;

pub use advice::{Advice, Advised, Present, Request, SAMPLE_ROWS, Unused, advise};
pub use workload::{Source, Unplanned, Workload};
pub use written::written;
