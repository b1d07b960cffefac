//! Integration tests: one binary, a module a subject.

mod demo_project;
mod etl;
mod etl_project;
mod model;
mod store;
mod store_crash;
mod store_outside;
mod store_retention;
mod store_support;
mod store_write;
