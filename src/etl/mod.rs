//! Loading: extract, clean, transform, load dimensions then facts, summarise, publish.
//!
//! * what people write: [`job`]; all jobs of a project, checked and in order: [`jobs`]
//! * a run: [`run`]; what it would do: [`plan`]; what it tells meanwhile: [`progress`]
//! * files put in order again: [`compact`]; empty files for people to fill in: [`template`]
//! * its steps: [`extract`] (with [`quarantine`]), `transform`, `load`

mod clean;
mod columns;
pub mod compact;
mod deduplicate;
pub mod extract;
mod fit;
pub mod job;
pub mod jobs;
mod load;
mod parallel;
pub mod plan;
pub mod progress;
pub mod quarantine;
mod rows;
pub mod run;
mod source;
pub mod template;
mod transform;
mod upstream;
