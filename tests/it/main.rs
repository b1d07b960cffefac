//! Integration tests: one binary, a module a subject.

// In a test, to break down is to fail: that is how its helpers report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::clone_on_ref_ptr)]

mod aggregates;
mod backup;
mod clean;
mod cli;
mod clients;
mod clients_drivers;
mod clients_flight;
mod clients_guarded;
mod clients_metadata;
mod clients_prepared;
mod clients_sandbox;
mod compact;
mod complete_journey;
mod crash;
mod cube_support;
mod cubes;
mod demo;
mod demo_project;
mod engine;
mod engine_fixture;
mod engine_operations;
mod etl;
mod etl_project;
mod etl_traps;
mod extract;
mod guide;
mod job_tests;
mod kinds;
mod late_changes;
mod matching;
mod model;
mod project_tests;
mod quality;
mod reference;
mod sandbox;
mod schedules;
mod slt;
mod star;
mod store;
mod store_crash;
mod store_outside;
mod store_races;
mod store_retention;
mod store_support;
mod store_write;
mod support;
mod truth;
