//! Integration tests: one binary, a module a subject.

mod cli;
mod demo;
mod demo_project;
mod engine;
mod engine_fixture;
mod engine_operations;
mod etl;
mod etl_project;
mod extract;
mod model;
mod slt;
mod store;
mod store_crash;
mod store_outside;
mod store_retention;
mod store_support;
mod store_write;
mod truth;
