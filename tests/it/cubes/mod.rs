//! Questions to cubes: by chance against the reference, and one by one the traps that warehouses
//! fall into.

mod at;
mod axes;
mod budgets;
mod calculated;
mod calendars;
mod chance;
mod conversions;
mod currency;
mod earlier;
mod kept;
mod languages;
mod links;
mod members;
mod metamorphic;
mod model;
mod moments;
mod nulls;
mod orders;
mod properties;
mod questions;
mod ranks;
mod refresh;
mod releases;
mod shadow;
mod shares;
mod spans;
mod sql;
mod sql_text;
mod star_sql;
mod templates;
mod time;
pub(crate) mod traps;
mod world;

pub(crate) use model::finer_model;
pub(crate) use traps::data;
pub(crate) use world::{change, load};
