//! How the columns that a query yields become the columns that a table declares.
//!
//! By name, and never with loss: types of one family are widened freely and narrowed only where
//! every value proves to fit; anything else (text to number, float to decimal, moment to day)
//! wants a `CAST` in the transformation, where it can be seen.

use super::columns::declared_type;
use crate::error::{Error, Result, did_you_mean};
use crate::model::{Column, ColumnType, arrow_schema, plan_schema};
use arrow::array::{Array, ArrayRef, ArrowNativeTypeOp, AsArray, BooleanArray, Date32Array};
use arrow::compute::kernels::cmp::not_distinct;
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType,
};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use arrow::util::display::array_value_to_string;
use std::sync::Arc;

/// A column wanted, and which of the query's columns it comes from.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// The column of the query.
    pub(crate) from: String,
    /// The column it becomes.
    pub(crate) column: Column,
    /// The time zone in which a moment becomes its day; it becomes none where there is no zone.
    pub(crate) day_in: Option<String>,
}

impl Wanted {
    /// A column of the same name.
    pub(crate) fn same(column: &Column) -> Self {
        Self::of(column.name.clone(), column.clone())
    }

    /// A column from that one of the query.
    pub(crate) fn of(from: String, column: Column) -> Self {
        Self { from, column, day_in: None }
    }

    /// Whether a type may become that of the column: `Some(true)` where each value must be checked.
    fn fits(&self, from: &DataType) -> Option<bool> {
        match (from, self.column.ty, &self.day_in) {
            (DataType::Timestamp(..), ColumnType::Date, Some(_)) => Some(false),
            _ => fits(from, self.column.ty),
        }
    }
}

/// Turns a query's batches into batches of the wanted columns.
#[derive(Debug, Clone)]
pub(crate) struct Fitting {
    picks: Vec<(usize, bool)>,
    wanted: Vec<Wanted>,
    columns: Vec<Column>,
    /// The schema of its batches.
    schema: SchemaRef,
}

impl Fitting {
    /// Finds every wanted column in what a query yields.
    ///
    /// # Errors
    /// One user error that lists all columns that are missing or of a type that cannot become the
    /// declared one, and what the query yields.
    pub(crate) fn new(yielded: &Schema, wanted: &[Wanted]) -> Result<Self> {
        let mut picks = Vec::new();
        let mut wrong = Vec::new();
        for own in wanted {
            let Wanted { from, column, .. } = own;
            match yielded.index_of(from) {
                Err(_) => wrong.push(missing(yielded, from)),
                Ok(index) => match own.fits(yielded.field(index).data_type()) {
                    Some(checked) => picks.push((index, checked)),
                    None => wrong.push(unfit(from, yielded.field(index).data_type(), column.ty)),
                },
            }
        }
        if wrong.is_empty() {
            let columns: Vec<Column> = wanted.iter().map(|wanted| wanted.column.clone()).collect();
            let schema = arrow_schema(&columns);
            return Ok(Self { picks, wanted: wanted.to_vec(), columns, schema });
        }
        let fields = yielded.fields().iter();
        let yields: Vec<String> =
            fields.map(|f| format!("{} {}", f.name(), type_name(f.data_type()))).collect();
        Err(Error::user(wrong.join(", ")).hint(format!("the query yields {}", yields.join(", "))))
    }

    /// The same, whose texts are views: for rows that go on into a plan or a file.
    #[must_use]
    pub(crate) fn in_views(self) -> Self {
        Self { schema: plan_schema(&self.columns), ..self }
    }

    /// The wanted columns.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// A batch of the wanted columns.
    ///
    /// # Errors
    /// Data errors that show the value which does not fit its column.
    pub(crate) fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let pairs = self.picks.iter().zip(&self.wanted).zip(self.schema.fields());
        let arrays = pairs
            .map(|(((index, checked), Wanted { column, day_in, .. }), field)| {
                let array = batch.column(*index);
                no_nulls(array, column, batch)?;
                match (array.data_type(), day_in) {
                    (DataType::Timestamp(..), Some(zone)) => day_in_zone(array, zone, column),
                    _ => convert(array, *checked, column, field.data_type()),
                }
            })
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .map_err(|error| Error::internal("fitted rows do not fit").caused_by(error))
    }
}

fn missing(yielded: &Schema, name: &str) -> String {
    let names = yielded.fields().iter().map(|field| field.name().as_str());
    match did_you_mean(name, names) {
        Some(near) => format!("the column `{name}` is missing, did you mean `{near}`?"),
        None => format!("the column `{name}` is missing"),
    }
}

fn unfit(name: &str, from: &DataType, to: ColumnType) -> String {
    let refused = format!("`{name}` is {}, which does not become {to} by itself", type_name(from));
    match (from, to) {
        (DataType::Timestamp(..), ColumnType::Date) => format!(
            "{refused} (cast it, or say in the calendar's `time_zone` where it is to be a day)"
        ),
        _ => refused,
    }
}

fn type_name(ty: &DataType) -> String {
    declared_type(ty).map_or_else(|| ty.to_string(), |ty| ty.to_string())
}

/// Whether a type may become a declared one: `Some(true)` where each value must be checked.
fn fits(from: &DataType, to: ColumnType) -> Option<bool> {
    use ColumnType::{Date, Decimal, Float64, Int16, Int32, Int64, Timestamp};
    if *from == DataType::Null {
        return Some(false);
    }
    if matches!((from, to), (DataType::Timestamp(TimeUnit::Nanosecond, _), Timestamp)) {
        return Some(true);
    }
    let from = declared_type(from)?;
    if from == to {
        return Some(false);
    }
    Some(match (from, to) {
        (Int16, Int32 | Int64 | Float64) | (Int32, Int64 | Float64) | (Date, Timestamp) => false,
        (Int16 | Int32 | Int64, Int16 | Int32 | Int64 | Float64 | Decimal { .. })
        | (Decimal { .. }, Int16 | Int32 | Int64) => true,
        (Decimal { precision: p, scale: s }, Decimal { precision, scale }) => {
            scale < s || precision - scale < p - s
        }
        _ => return None,
    })
}

/// Refuses NULL in a column that may not hold it, and shows a row that has it.
fn no_nulls(array: &ArrayRef, column: &Column, batch: &RecordBatch) -> Result<()> {
    /// Columns shown of the row.
    const SHOWN: usize = 5;
    let Some(nulls) = array.logical_nulls().filter(|nulls| nulls.null_count() > 0) else {
        return Ok(());
    };
    if column.nullable {
        return Ok(());
    }
    let row = (0..nulls.len()).find(|row| nulls.is_null(*row)).unwrap_or_default();
    let schema = batch.schema();
    let cells = schema.fields().iter().zip(batch.columns()).filter(|(_, cell)| cell.is_valid(row));
    let cells = cells.take(SHOWN).map(|(field, cell)| {
        let value = array_value_to_string(cell, row).unwrap_or_default();
        format!("{} = {value}", field.name())
    });
    Err(Error::data(format!("`{}` may not be NULL, but is", column.name))
        .with("rows of this batch", nulls.null_count())
        .with("one of them", cells.collect::<Vec<_>>().join(", "))
        .hint("fill or reject it in the source's rules, or handle it in the transformation"))
}

/// The days that moments are of in a time zone, whatever their length there.
fn day_in_zone(array: &ArrayRef, zone: &str, column: &Column) -> Result<ArrayRef> {
    let moments = Column::new(&column.name, ColumnType::Timestamp, true);
    let moments = convert(array, false, &moments, &moments.ty.arrow())?;
    let local = DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into()));
    let days = cast(&moments, &local).and_then(|local| cast(&local, &DataType::Date32));
    days.map_err(|error| {
        Error::data("a moment has no day in the time zone")
            .with("column", &column.name)
            .with("time zone", zone)
            .caused_by(error)
    })
}

/// The moments at which days begin in UTC. Arrow's cast asks a zone's rules about every value.
fn midnights(days: &Date32Array) -> Result<ArrayRef, ArrowError> {
    const MICROSECONDS_A_DAY: i64 = 24 * 60 * 60 * 1_000_000;
    let midnight = |day| i64::from(day).mul_checked(MICROSECONDS_A_DAY);
    let moments = days.try_unary::<_, TimestampMicrosecondType, _>(midnight)?;
    Ok(Arc::new(moments.with_timezone("UTC")))
}

fn convert(
    array: &ArrayRef,
    checked: bool,
    column: &Column,
    target: &DataType,
) -> Result<ArrayRef> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let unfit = |error: ArrowError| {
        Error::data(format!("a value does not fit {}", column.ty))
            .with("column", &column.name)
            .caused_by(error)
    };
    let converted = match (array.as_primitive_opt::<Date32Type>(), column.ty) {
        (Some(days), ColumnType::Timestamp) => midnights(days),
        _ => cast_with_options(array, target, &strict),
    }
    .map_err(unfit)?;
    if checked {
        let back = cast(&converted, array.data_type()).map_err(unfit)?;
        let same: BooleanArray = not_distinct(&back, array).map_err(unfit)?;
        if let Some(row) = (0..same.len()).find(|row| !same.value(*row)) {
            let value = array_value_to_string(array, row).unwrap_or_default();
            return Err(Error::data(format!("the value {value} does not fit {}", column.ty))
                .with("column", &column.name)
                .hint("round or cast it in the transformation"));
        }
    }
    Ok(converted)
}

#[cfg(test)]
mod tests;
