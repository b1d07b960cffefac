//! Expressions over a few of the columns that there are.

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use std::sync::Arc;

/// An expression, and the columns that it needs of a wide schema.
#[derive(Debug, Clone)]
pub(super) struct Over {
    /// Over exactly those columns, in that order.
    expr: Arc<dyn PhysicalExpr>,
    /// Their indexes in the wide schema.
    pub(super) columns: Vec<usize>,
    schema: SchemaRef,
}

impl Over {
    pub(super) fn new(expr: &Arc<dyn PhysicalExpr>, wide: &Schema) -> Result<Self> {
        let mut columns: Vec<usize> =
            collect_columns(expr).iter().map(|column| column.index()).collect();
        columns.sort_unstable();
        columns.dedup();
        let schema = Arc::new(wide.project(&columns)?);
        let expr = map_columns(expr, |index| {
            let place = columns.iter().position(|column| *column == index).unwrap_or(index);
            Arc::new(Column::new(wide.field(index).name(), place))
        })?;
        Ok(Self { expr, columns, schema })
    }

    /// The expression, over its own columns.
    pub(super) fn expr(&self) -> &Arc<dyn PhysicalExpr> {
        &self.expr
    }

    /// Its own columns.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The column that it is, if it is nothing but that.
    pub(super) fn column(&self) -> Option<usize> {
        self.expr.is::<Column>().then(|| self.columns.first().copied()).flatten()
    }

    /// Whether each evaluation may give something else.
    pub(super) fn is_volatile(&self) -> bool {
        is_volatile(&self.expr)
    }

    /// Its values, given those of its columns in so many rows.
    pub(super) fn evaluate(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<ArrayRef> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = SchemaRef::clone(&self.schema);
        let batch = RecordBatch::try_new_with_options(schema, columns, &options)?;
        self.expr.evaluate(&batch)?.into_array(rows)
    }
}

/// The expression with each column, by its index, replaced.
pub(super) fn map_columns(
    expr: &Arc<dyn PhysicalExpr>,
    replaced: impl Fn(usize) -> Arc<dyn PhysicalExpr>,
) -> Result<Arc<dyn PhysicalExpr>> {
    let mapped = Arc::clone(expr).transform_down(|expr| {
        Ok(match expr.downcast_ref::<Column>() {
            // What takes its place is over other columns: it is not looked into.
            Some(column) => Transformed::new(
                replaced(column.index()),
                true,
                datafusion::common::tree_node::TreeNodeRecursion::Jump,
            ),
            None => Transformed::no(expr),
        })
    })?;
    Ok(mapped.data)
}
