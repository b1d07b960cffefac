//! The dimensional model: what the warehouse holds and what its numbers mean.
//!
//! Pure: no I/O, no async, no DataFusion. People write YAML documents ([`document`]); [`load`]
//! turns a set of them into a [`Model`], reporting every fault with its place. What is in a
//! [`Model`] holds: names are unique, references resolve, types fit.
//!
//! Terms are Kimball's (dimension, fact, grain, role, surrogate and natural key, history type)
//! and the OLAP literature's (cube, hierarchy, level, measure, aggregate).

mod additivity;
mod aggregate;
mod arrow_types;
mod automatic;
mod bridge;
mod calendar;
mod column;
mod conversion;
mod cube;
mod dictionary;
mod dimension;
pub mod document;
mod expectation;
mod fact;
mod followed;
mod format;
mod level;
mod load;
mod measure;
mod mini;
mod period;
mod time_of_day;

pub use additivity::Additivity;
pub use arrow_types::{arrow_schema, plan_schema};
pub use automatic::{AUTOMATIC_AGGREGATES, AutomaticAggregate};
pub use bridge::Bridge;
pub use calendar::{CalendarDay, RetailDay, RetailYear, YearEnd};
pub use column::{Column, ColumnType};
pub use conversion::{Conversion, RateAt};
pub use cube::{Aggregate, Cube, CubeColumn, CubeDimension, Link, LinkedBy, View};
pub use cube::{Captions, DefaultMember, NamedSet, SetMembers};
pub use dictionary::markdown as dictionary;
pub use dimension::{
    Attribute, Calendar, Dimension, DimensionKind, Hierarchy, History, Level, ParentChild,
};
pub use expectation::{Check, Expectation, OnFail};
pub(crate) use fact::MONTH_PARTITION;
pub use fact::{Coarse, Fact, FactKind, FactRole, Lag};
pub use followed::{Counted, Followed, Named};
pub use format::{Format, Separators};
pub use load::load;
pub use measure::{Compared, End, Measure, MeasureKind, OverTime, Ties, Whole, Window};
pub use period::{Period, Unit};
pub use time_of_day::{Time, TimeOfDay};

use std::collections::BTreeMap;

/// Everything a project declares in `schemas/`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    /// Conformed dimensions, by name.
    pub dimensions: Vec<Dimension>,
    /// Bridges between dimensions, by name.
    pub bridges: Vec<Bridge>,
    /// Facts, by name.
    pub facts: Vec<Fact>,
    /// Cubes, by name.
    pub cubes: Vec<Cube>,
    /// What must be true of tables before they are published, by table.
    pub expectations: BTreeMap<String, Vec<Expectation>>,
}

impl Model {
    /// The dimension of that name.
    pub fn dimension(&self, name: &str) -> Option<&Dimension> {
        self.dimensions.iter().find(|dimension| dimension.name == name)
    }

    /// The bridge of that name.
    pub fn bridge(&self, name: &str) -> Option<&Bridge> {
        self.bridges.iter().find(|bridge| bridge.name == name)
    }

    /// The fact of that name.
    pub fn fact(&self, name: &str) -> Option<&Fact> {
        self.facts.iter().find(|fact| fact.name == name)
    }

    /// The cube of that name.
    pub fn cube(&self, name: &str) -> Option<&Cube> {
        self.cubes.iter().find(|cube| cube.name == name)
    }
}
