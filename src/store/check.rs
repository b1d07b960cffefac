//! What rows must be before they are written: of the declared types, complete, in range, in order.

use crate::error::{Error, Result};
use crate::model::{Column, ColumnType, plan_schema};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{SortOptions, cast};
use arrow::datatypes::{DataType, Decimal128Type, SchemaRef};
use arrow::error::ArrowError;
use arrow::row::{OwnedRow, RowConverter, SortField};

/// Checks the batches of one table.
#[derive(Debug)]
pub(crate) struct BatchCheck {
    table: String,
    columns: Vec<Column>,
    schema: SchemaRef,
}

impl BatchCheck {
    pub(crate) fn new(table: &str, columns: &[Column]) -> Self {
        let schema = plan_schema(columns);
        Self { table: table.to_owned(), columns: columns.to_vec(), schema }
    }

    /// The declared schema, texts as views: those are put in order without being copied.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The batch with exactly that schema.
    ///
    /// # Errors
    /// Internal where names or types differ (any layout of text is text), data where a value is NULL or too large.
    pub(crate) fn checked(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        self.check_shape(batch)?;
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (column, values) in self.columns.iter().zip(batch.columns()) {
            self.check_values(column, values.as_ref())?;
            // Text is text in any layout, and a view of it refers to it.
            let values = cast(values, &column.ty.plan_type()).map_err(|error| self.unfit(error))?;
            arrays.push(values);
        }
        RecordBatch::try_new(SchemaRef::clone(&self.schema), arrays)
            .map_err(|error| self.unfit(error))
    }

    fn unfit(&self, error: ArrowError) -> Error {
        Error::internal("rows do not fit the table's schema")
            .with("table", &self.table)
            .caused_by(error)
    }

    fn check_shape(&self, batch: &RecordBatch) -> Result<()> {
        let given = batch.schema();
        let wrong = |fault: String| Err(Error::internal(fault).with("table", &self.table));
        if given.fields().len() != self.columns.len() {
            let (given, expected) = (given.fields().len(), self.columns.len());
            return wrong(format!("rows have {given} columns, the table has {expected}"));
        }
        for (given, expected) in given.fields().iter().zip(self.schema.fields()) {
            if given.name() != expected.name() {
                let (given, expected) = (given.name(), expected.name());
                return wrong(format!("rows have column {given} where {expected} is expected"));
            }
            let same = match expected.data_type() {
                DataType::Utf8View => given.data_type().is_string(),
                other => given.data_type() == other,
            };
            if !same {
                return wrong(format!(
                    "rows have type {} in column {}, expected {}",
                    given.data_type(),
                    expected.name(),
                    expected.data_type()
                ));
            }
        }
        Ok(())
    }

    fn check_values(&self, column: &Column, values: &dyn Array) -> Result<()> {
        let nulls = values.null_count();
        if !column.nullable && nulls > 0 {
            return Err(Error::data("a column that must not be NULL has NULLs")
                .with("table", &self.table)
                .with("column", &column.name)
                .with("rows", nulls));
        }
        // Arrow does not check, and Parquet would cut a value of too many digits.
        if let (ColumnType::Decimal { precision, .. }, Some(decimals)) =
            (column.ty, values.as_primitive_opt::<Decimal128Type>())
        {
            decimals.validate_decimal_precision(precision).map_err(|error| {
                Error::data("a decimal has more digits than its column holds")
                    .with("table", &self.table)
                    .with("column", &column.name)
                    .caused_by(error)
            })?;
        }
        Ok(())
    }
}

/// Checks that rows come sorted: ascending, NULL last. A scan that declares an order which does
/// not hold gives wrong answers.
#[derive(Debug)]
pub(crate) struct SortCheck {
    table: String,
    columns: Vec<usize>,
    converter: RowConverter,
    last: Option<OwnedRow>,
}

impl SortCheck {
    /// A check of a table's declared order; none where it declares none.
    pub(crate) fn new(table: &str, sort_by: &[String], schema: &SchemaRef) -> Result<Option<Self>> {
        let mut columns = Vec::new();
        for name in sort_by {
            columns.push(schema.index_of(name).map_err(|error| {
                Error::internal("a table is sorted by a column it does not have")
                    .with("table", table)
                    .caused_by(error)
            })?);
        }
        if columns.is_empty() {
            return Ok(None);
        }
        let options = SortOptions { descending: false, nulls_first: false };
        let field = |index: &usize| {
            SortField::new_with_options(schema.field(*index).data_type().clone(), options)
        };
        let converter =
            RowConverter::new(columns.iter().map(field).collect()).map_err(|error| {
                Error::internal("cannot compare rows").with("table", table).caused_by(error)
            })?;
        Ok(Some(Self { table: table.to_owned(), columns, converter, last: None }))
    }

    /// Forgets the rows so far: another file or partition begins.
    pub(crate) fn restart(&mut self) {
        self.last = None;
    }

    /// Checks the next rows against each other and the last one before.
    pub(crate) fn check(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = self.columns.iter().map(|index| std::sync::Arc::clone(batch.column(*index)));
        let rows =
            self.converter.convert_columns(&columns.collect::<Vec<_>>()).map_err(|error| {
                Error::internal("cannot compare rows").with("table", &self.table).caused_by(error)
            })?;
        let count = rows.num_rows();
        if count == 0 {
            return Ok(());
        }
        let first_in_order = self.last.as_ref().is_none_or(|last| last.row() <= rows.row(0));
        if !first_in_order || !(1..count).all(|index| rows.row(index - 1) <= rows.row(index)) {
            return Err(Error::internal("rows do not come in the table's declared order")
                .with("table", &self.table));
        }
        self.last = Some(rows.row(count - 1).owned());
        Ok(())
    }
}
