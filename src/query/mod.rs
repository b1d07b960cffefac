//! Questions: pure planning from a cube query or cube SQL to a logical plan.
//!
//! No I/O and no session: tables come in through [`StarTables`], plans go out. Both kinds of
//! question become one typed node, `Ask` (`ask.rs`): group columns, predicates, grouping sets
//! and measures of one cube. From there the path is the same:
//!
//! ```text
//! CubeQuery --+                        +- one sub-plan a context (context.rs: fact, time, place):
//!             +-> Ask -> measures -----+    route.rs  an aggregate that answers, or
//! cube SQL ---+   (into atoms)         |    star.rs   the fact joined to the roles it needs
//!                                      +- those of the row's own place combined (combine.rs),
//!                                      |  those of others looked up (frame.rs, look_up.rs)
//!                                      +- formulas on top
//! ```
//!
//! What is aggregated is in `atom.rs`, which measures are made of it in `leaf.rs` and `measure.rs`. Semi-additive
//! measures are in `ends.rs` and `by_set.rs`, windows of days in `running.rs`, ranks in `rank.rs`, money in one currency in `rates.rs` and `refusal.rs`, events
//! that are followed by others in `followed.rs`, roles of which a row has
//! several members in `linked.rs` and `link_members.rs`.
//!
//! Aggregates: which answer for what in `lattice.rs`, what they keep in `state.rs` and `sketch.rs`, how they are
//! computed in `cuboid.rs`; what they answer a part of in `split.rs` and
//! `earlier.rs`; what a question needs of one in `demand.rs`.
//!
//! Hand-written star SQL on stored tables becomes an Ask in `star_sql.rs`, where an aggregate answers it.
//!
//! SQL over a cube comes through `sql.rs`, `AT` through `at.rs`; what SQL must not do is in `safe.rs`.
//!
//! Where a verb lives: slice and dice in `slice.rs`, sets of members in `named_set.rs`, shown as one member in `calculated.rs`, members computed of values in `computed.rs`, roll up (totals) in `roll_up.rs`, pivot in
//! `pivot.rs`, top and order in `top.rs`, others in `others.rs`, having and paging in `having.rs`,
//! skipped levels in `ragged.rs`, dense answers in `dense.rs`, rows without facts in `padded.rs`, totals of what is shown in `visual.rs`, what is said beside members in
//! `beside.rs`, the order of members by another column in `ordered.rs`, and as people read it in `formatted.rs`, comparing in
//! `wanted.rs`, with another release in `other_release.rs`; drilling is asking for a finer column in
//! `rows`, or down several levels at once (`layout.rs`, where axes beyond two are as well); the fact rows behind a value are in `drill_through.rs`.

mod among;
mod ask;
mod at;
mod atom;
mod axes;
mod beside;
mod by_set;
mod calculated;
mod combine;
mod computed;
mod context;
mod cube_input;
mod cube_query;
mod cube_table;
mod cuboid;
mod demand;
mod dense;
mod drill_through;
mod earlier;
mod ends;
mod followed;
mod formatted;
mod frame;
mod having;
mod lattice;
mod layout;
mod leaf;
mod link_members;
mod linked;
mod look_up;
mod marker;
mod measure;
mod month_before;
mod named_set;
mod names;
mod ordered;
mod other_release;
mod others;
mod padded;
mod pivot;
mod plan;
mod preview;
mod ragged;
mod rank;
mod rates;
mod refusal;
mod roll_up;
mod route;
mod running;
mod safe;
mod scalar_sql;
mod shifted;
mod sketch;
mod slice;
mod split;
mod sql;
mod star;
mod star_sql;
mod state;
mod subquery;
mod sum;
mod top;
mod visual;
mod wanted;

pub use at::{AT_ALL, AT_SET, AT_VISIBLE, AT_WHERE, modifier_functions};
pub use cube_query::{
    Axis, CalculatedMembers, ComputedMember, CubeQuery, Descendants, Except, Levels, MemberRange,
    OfSet, OnlyCalculated, OrderBy, OtherRelease, Slice, Term, Top, Totals,
};
pub use cube_table::CubeTable;
pub use cuboid::{
    AGGREGATE_BESIDE, AGGREGATE_DEFINITION, AGGREGATE_LEFT_OUT, Building, Kept, aggregate_columns,
    aggregate_order, aggregate_plan, aggregate_sources, looked_into, parents, with_measures_named,
};
pub use demand::Demand;
pub use drill_through::{FactPart, drilled_table, plan_drill_through};
pub use lattice::Lattice;
pub use layout::laid_out;
pub use marker::measure_function;
pub(crate) use month_before::told_apart;
pub use named_set::without_sets;
pub use others::best_members;
pub use pivot::{Members, pivot_members};
pub use plan::plan_cube_query;
pub use route::Routing;
pub(crate) use sketch::is_too_large;
pub use sql::resolve_cubes;
pub use sum::{sum, sum_function};
pub use visual::visible_members;

use crate::error::Error;
use crate::model::Model;
use datafusion::common::DataFusionError;
use datafusion::logical_expr::{LogicalPlan, TableSource};
use std::sync::Arc;

/// The stored tables a plan may scan: dimensions, facts and aggregates.
pub trait StarTables {
    /// The table of that name (`dim_customer`, `fact_sales`, `agg_sales_by_month`), if the
    /// release has it. `catalog` is the SQL catalog that the cube was named in, where it was
    /// named in another than the session's own (another release).
    fn table(&self, catalog: Option<&str>, name: &str) -> Option<Arc<dyn TableSource>>;

    /// The fingerprint of the definition that an aggregate's table was built by, if the release
    /// says so (see [`Lattice::fingerprint`]).
    fn built_by(&self, catalog: Option<&str>, name: &str) -> Option<&str>;

    /// Why the release does without an aggregate's table, if it could not be computed of its rows.
    fn left_out(&self, _catalog: Option<&str>, _name: &str) -> Option<&str> {
        None
    }

    /// Whether the aggregate's table gave another answer than base rows, and is to answer no more.
    fn is_distrusted(&self, _catalog: Option<&str>, _name: &str) -> bool {
        false
    }

    /// The largest whole number that a column of a table holds, where that is known exactly.
    fn largest(&self, _catalog: Option<&str>, _table: &str, _column: &str) -> Option<i64> {
        None
    }

    /// How many rows the table has, where that is known.
    fn rows(&self, _catalog: Option<&str>, _name: &str) -> Option<u64> {
        None
    }
}

/// What planning needs to know.
pub struct PlanContext<'a> {
    /// The model.
    pub model: &'a Model,
    /// The release's tables.
    pub tables: &'a dyn StarTables,
    /// The model's aggregates.
    pub lattice: &'a Lattice,
    /// Whether aggregates may answer.
    pub use_aggregates: bool,
    /// The currency of measures that let a question choose it, where it does.
    pub currency: Option<&'a str>,
}

/// A plan, and for each part of it which aggregate answers it, or why none does.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The plan over stored tables only.
    pub plan: LogicalPlan,
    /// How its parts are answered, and what they need.
    pub routing: Routing,
}

/// A plan could not be built from parts that were checked before: our defect.
fn defect(error: DataFusionError) -> Error {
    Error::internal("a cube question could not be planned").caused_by(error)
}
