//! Loading: extract, clean, transform, load dimensions then facts, summarise, publish.

mod clean;
mod deduplicate;
pub mod extract;
pub mod job;
pub mod quarantine;
mod source;
