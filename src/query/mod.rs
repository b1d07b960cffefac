//! Questions: pure planning from a cube query or cube SQL to a logical plan.
//!
//! No I/O and no session: tables come in through [`StarTables`], plans go out.

mod cube_query;

pub use cube_query::{CubeQuery, MemberRange, OrderBy, Slice, Top, Totals};

use crate::error::Result;
use crate::model::Model;
use datafusion::logical_expr::{LogicalPlan, TableSource};
use std::sync::Arc;

/// The stored tables a plan may scan: dimensions, facts and aggregates of a release.
pub trait StarTables {
    /// The table of that name (`dim_customer`, `fact_sales`, `agg_sales_by_month`), if the
    /// release has it.
    ///
    /// `catalog` is that of the cube's scan: a cube asked for with `VERSION AS OF 2` is scanned as
    /// `release_2.cubes.sales`, and its tables are those of `release_2`; `None` is the session's
    /// own release.
    fn table(&self, catalog: Option<&str>, name: &str) -> Option<Arc<dyn TableSource>>;
}

/// What planning needs to know.
pub struct PlanContext<'a> {
    /// The model.
    pub model: &'a Model,
    /// The release's tables.
    pub tables: &'a dyn StarTables,
    /// Whether aggregates may answer.
    pub use_aggregates: bool,
}

/// A plan, and for each part of it which aggregate answers it, or why none does.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The plan over stored tables only.
    pub plan: LogicalPlan,
    /// Sentences for EXPLAIN and the query log.
    pub routing: Vec<String>,
}

/// Plans a cube query.
///
/// # Errors
/// User errors name what is unknown (with the nearest name) or cannot be asked.
pub fn plan_cube_query(_query: &CubeQuery, _context: &PlanContext<'_>) -> Result<Planned> {
    todo!()
}

/// Replaces every scan of a cube, and every `MEASURE(...)` over it, by plans over stored tables.
/// A plan without cubes comes back unchanged.
///
/// # Errors
/// User errors where a measure is asked in a way that has no right answer.
pub fn resolve_cubes(_plan: LogicalPlan, _context: &PlanContext<'_>) -> Result<Planned> {
    todo!()
}
