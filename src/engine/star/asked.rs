//! What is aggregated over a star: groups and measures.

use super::expr::Over;
use arrow::datatypes::SchemaRef;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use std::sync::Arc;

/// What is aggregated, over wide columns.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The group expressions.
    pub(super) groups: Vec<Over>,
    pub(super) measures: Vec<Measure>,
    /// Group columns, then the states of each measure: those of DataFusion's partial aggregation.
    pub(super) schema: SchemaRef,
}

/// An aggregate function and what it is given.
#[derive(Debug, Clone)]
pub(super) struct Measure {
    pub(super) function: Arc<AggregateFunctionExpr>,
    pub(super) arguments: Vec<Over>,
    pub(super) filter: Option<Over>,
}
