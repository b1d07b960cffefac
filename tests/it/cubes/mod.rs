//! Questions to cubes: by chance against the reference, and one by one the traps that warehouses
//! fall into.

mod at;
mod chance;
mod links;
mod metamorphic;
mod model;
mod properties;
mod questions;
mod shares;
mod sql;
mod sql_text;
mod time;
pub(crate) mod traps;
mod world;
