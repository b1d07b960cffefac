//! Loading: extract, clean, transform, load dimensions then facts, summarise, publish.
//!
//! * what people write: [`job`]; all jobs of a project, checked and in order: [`jobs`]
//! * a run: [`run`]; what it would do: [`plan`]; what it tells meanwhile: [`progress`]
//! * tests of jobs, as people write them: [`fixtures`]
//! * runs by themselves, by the clock: [`schedule`]
//! * what is expected of tables before they are published: `quality`
//! * a person erased: [`erase`]; which column comes from which: [`lineage`]
//! * files put in order again: [`compact`]; empty files for people to fill in: [`template`]
//! * its steps: [`extract`] (with [`quarantine`]), `transform`, `load`
//! * which records are of one person: [`matching`]; refused rows mended: [`replay`]
//! * what a source holds before anybody writes rules for it: [`profile`]

mod clean;
mod columns;
pub mod compact;
mod contract;
mod deduplicate;
pub mod erase;
pub mod extract;
mod fit;
pub mod fixtures;
pub mod job;
pub mod jobs;
pub mod lineage;
mod listed;
mod load;
pub mod matching;
mod parallel;
pub mod plan;
pub mod profile;
pub mod progress;
pub(crate) mod quality;
pub mod quarantine;
mod references;
pub mod replay;
mod room;
mod rows;
pub mod run;
pub mod sandbox;
pub mod schedule;
mod source;
mod survivors;
pub mod template;
mod transform;
mod upstream;
