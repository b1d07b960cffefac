//! Integration tests: one binary, a module a subject.

// In a test, to break down is to fail: that is how its helpers report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::clone_on_ref_ptr)]

// The fuzz targets, compiled in `hostile/fuzz.rs`, take their macro for the fuzzer's.
extern crate self as libfuzzer_sys;

mod aggregates;
mod aggregates_left_out;
mod answers;
mod automatic_aggregates;
mod backup;
mod bridges;
mod clean;
mod clean_functions;
mod cli;
mod clients;
mod clients_drivers;
mod clients_endpoints;
mod clients_flight;
mod clients_guarded;
mod clients_metadata;
mod clients_prepared;
mod clients_sandbox;
mod clients_sessions;
mod clients_temporary;
mod combined;
mod compact;
mod complete_journey;
mod crash;
mod crash_random;
mod cube_support;
mod cubes;
mod demo;
mod demo_project;
mod disk_full;
mod drill_through;
mod engine;
mod engine_fixture;
mod engine_operations;
mod erase;
mod etl;
mod etl_project;
mod etl_traps;
mod extract;
mod feeds;
mod guide;
mod hostile;
mod job_tests;
mod kinds;
mod late_changes;
mod level_names;
mod levels;
mod lineage;
mod lookups;
mod matching;
mod metrics;
mod mining;
mod model;
mod overflow;
mod power;
mod project_tests;
mod quality;
mod reference;
mod replayed;
mod resume;
mod runs;
mod sandbox;
mod schedules;
mod slt;
mod slt_postgresql;
mod slt_sqlite;
mod star;
mod store;
mod store_crash;
mod store_crowd;
mod store_outside;
mod store_races;
mod store_retention;
mod store_support;
mod store_write;
#[cfg(feature = "substrait")]
mod substrait;
mod support;
mod survivors;
mod touched;
mod traces;
mod truth;
