//! Integration tests: one binary, a module a subject.

mod demo_project;
mod etl;
mod etl_project;
mod model;
