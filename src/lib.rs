//! Starhouse
pub mod aggregate;
pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod error;
pub mod etl;
pub mod ids;
pub mod model;
pub mod policy;
pub mod query;
pub mod sample;
pub mod server;
pub mod store;
pub mod yaml;
