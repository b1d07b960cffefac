//! Sample warehouses: what `starhouse demo` builds.
//!
//! [`retail`] makes a retail group's true history in memory, writes the messy source systems that
//! such a group would have, and asks the questions its analysts ask. Because the generator knows
//! the truth, tests check that cleaning recovers it, row for row.

//!
//! [`complete_journey`] brings a real retailer's published year, which is loaded the same way.

pub mod complete_journey;
pub mod project;
pub mod questions;
pub mod retail;
