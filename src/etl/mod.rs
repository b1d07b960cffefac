//! Loading: extract, clean, transform, load dimensions then facts, summarise, publish.

pub mod job;
