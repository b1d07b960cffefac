//! A SQL expression over the columns of rows, without a session: what cleaning derives and checks.
//!
//! It sees one row at a time and nothing else: no table, no aggregate, nothing that differs from
//! one evaluation to the next.

use super::errors::from_datafusion;
use super::{arithmetic, mended, state};
use crate::error::{Error, Result};
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::DFSchema;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use std::sync::Arc;

/// An expression, ready to be evaluated.
#[derive(Debug, Clone)]
pub struct RowExpression {
    physical: Arc<dyn PhysicalExpr>,
    ty: DataType,
}

impl RowExpression {
    /// Plans an expression over columns.
    ///
    /// # Errors
    /// User errors where it is no expression over these columns, or not the same every time.
    pub fn new(sql: &str, schema: &Schema) -> Result<Self> {
        let wrong = |error| {
            let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            Error::user(format!("`{sql}` is no expression over the columns"))
                .hint(format!("the columns are {}", names.join(", ")))
                .caused_by(from_datafusion(error))
        };
        let state = state::for_rows();
        let columns = DFSchema::try_from(schema.clone()).map_err(wrong)?;
        let logical = state.create_logical_expr(sql, &columns).map_err(wrong)?;
        if logical.is_volatile() {
            return Err(Error::user(format!("`{sql}` is not the same every time")));
        }
        // some functions (`coalesce`) only exist until they are simplified
        let context = SimplifyContext::builder()
            .with_schema(Arc::new(columns.clone()))
            .with_config_options(Arc::clone(state.config_options()))
            .build();
        let simplifier = ExprSimplifier::new(context);
        let logical = simplifier.coerce(logical, &columns).map_err(wrong)?;
        let logical = arithmetic::checked(logical, &columns).map_err(wrong)?;
        let logical = mended::apart(logical).map_err(wrong)?.data;
        let logical = simplifier.simplify(logical).map_err(wrong)?;
        let logical = mended::as_before(logical).map_err(wrong)?.data;
        let physical = state.create_physical_expr(logical, &columns).map_err(wrong)?;
        let ty = physical.data_type(schema).map_err(wrong)?;
        Ok(Self { physical, ty })
    }

    /// The type of its values.
    pub fn data_type(&self) -> &DataType {
        &self.ty
    }

    /// Its value for each row.
    ///
    /// # Errors
    /// Data errors where it fails for a row: an overflow, a division by zero, a wrong cast.
    pub fn evaluate(&self, rows: &RecordBatch) -> Result<ArrayRef> {
        let value = self.physical.evaluate(rows).map_err(from_datafusion)?;
        value.into_array(rows.num_rows()).map_err(from_datafusion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int32Array, StringArray};
    use arrow::datatypes::Int64Type;

    fn rows() -> RecordBatch {
        let n = Int32Array::from(vec![Some(1), None, Some(3)]);
        let phone = StringArray::from(vec!["030 901820", "12", "138 0013 8000"]);
        RecordBatch::try_from_iter_with_nullable([
            ("n", Arc::new(n) as ArrayRef, true),
            ("phone", Arc::new(phone) as ArrayRef, true),
        ])
        .unwrap()
    }

    #[test]
    fn expressions_see_one_row() {
        let rows = rows();
        let doubled = RowExpression::new("coalesce(n, 0) * 2", &rows.schema()).unwrap();
        let values = doubled.evaluate(&rows).unwrap();
        let values = values.as_primitive::<Int64Type>().values().to_vec();
        assert_eq!(values, vec![2, 0, 6]);
        let one = RowExpression::new("1", &rows.schema()).unwrap();
        assert_eq!(one.evaluate(&rows).unwrap().len(), 3);
    }

    #[test]
    fn what_is_no_expression_over_rows_is_refused() {
        for sql in ["m + 1", "n +", "sum(n)", "random()", "(SELECT 1)", "n; n"] {
            assert!(RowExpression::new(sql, &rows().schema()).is_err(), "{sql}");
        }
    }
}
