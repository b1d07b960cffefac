//! `fill_expression`: the value of a SQL expression over the columns.

use super::super::row::{evaluated, may_become};
use super::Typed;
use crate::engine::RowExpression;
use crate::error::{Error, Result};
use crate::model::ColumnType;
use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::Schema;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::sync::Arc;

pub(super) struct Expression {
    expression: RowExpression,
    ty: ColumnType,
}

impl Expression {
    pub(super) fn new(sql: &str, ty: ColumnType, schema: &Schema) -> Result<Self> {
        let expression = RowExpression::new(sql, schema)?;
        if !may_become(expression.data_type(), &ty.arrow()) {
            let is = expression.data_type();
            let message = format!("`{sql}` is {is}, which does not become {ty} by itself");
            return Err(Error::user(message));
        }
        Ok(Self { expression, ty })
    }

    /// Its value in each row; only those of empty cells are wrong where it fails.
    pub(super) fn values(
        &self,
        typed: &Typed<'_>,
        empty: &BooleanArray,
        wrong: &mut dyn FnMut(usize, String),
    ) -> Result<ArrayRef> {
        let options = RecordBatchOptions::new().with_row_count(Some(empty.len()));
        let schema = Arc::new(typed.schema.clone());
        let rows = RecordBatch::try_new_with_options(schema, typed.arrays.clone(), &options)
            .map_err(|error| Error::internal("columns do not fit together").caused_by(error))?;
        evaluated(&self.expression, &rows, &self.ty.arrow(), |row, reason| {
            if empty.value(row) {
                wrong(row, format!("it cannot be filled in: {reason}"));
            }
        })
    }
}
