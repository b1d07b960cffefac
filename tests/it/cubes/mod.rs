//! Questions to cubes: by chance against the reference, and one by one the traps that warehouses
//! fall into.

mod chance;
mod metamorphic;
mod model;
mod properties;
mod sql;
mod sql_text;
mod traps;
mod world;
