//! Exact column statistics, from a Parquet footer and what it leaves out.

use super::release::ColumnStatistics;
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, RecordBatch};
use arrow::compute;
use arrow::datatypes::{
    ArrowNumericType, DataType, Date32Type, Decimal128Type, Float64Type, Int16Type, Int32Type,
    Int64Type, Schema, TimestampMicrosecondType,
};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use std::collections::{BTreeMap, BTreeSet};

/// What is written to a file and its footer does not say.
#[derive(Debug, Default)]
pub(crate) struct Unsaid {
    /// Columns that hold a NaN, which Parquet's bounds leave out.
    with_nan: BTreeSet<String>,
    /// How many NULLs columns of text hold, which have no bounds.
    nulls: BTreeMap<String, u64>,
}

impl Unsaid {
    /// Looks at rows that are written.
    pub(crate) fn note(&mut self, batch: &RecordBatch) {
        for (field, values) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let name = field.name();
            if let Some(floats) = values.as_primitive_opt::<Float64Type>() {
                if !self.with_nan.contains(name) && floats.iter().flatten().any(f64::is_nan) {
                    self.with_nan.insert(name.clone());
                }
            } else if values.data_type().is_string() && values.null_count() > 0 {
                *self.nulls.entry(name.clone()).or_default() += values.null_count() as u64;
            }
        }
    }
}

/// The statistics of every column of a file. A column that holds a NaN has no bounds here.
pub(crate) fn of_file(
    schema: &Schema,
    metadata: &ParquetMetaData,
    unsaid: &Unsaid,
) -> Result<BTreeMap<String, ColumnStatistics>> {
    let mut statistics = BTreeMap::new();
    for field in schema.fields() {
        if field.data_type().is_string() {
            let nulls = unsaid.nulls.get(field.name()).copied().unwrap_or_default();
            statistics
                .insert(field.name().clone(), ColumnStatistics { nulls, min: None, max: None });
            continue;
        }
        let column = of_column(schema, field.name(), metadata).map_err(|error| {
            Error::internal("cannot read the statistics of a Parquet footer")
                .with("column", field.name())
                .caused_by(error)
        })?;
        let column = if unsaid.with_nan.contains(field.name()) {
            ColumnStatistics { min: None, max: None, ..column }
        } else {
            column
        };
        statistics.insert(field.name().clone(), column);
    }
    Ok(statistics)
}

fn of_column(
    schema: &Schema,
    name: &str,
    metadata: &ParquetMetaData,
) -> Result<ColumnStatistics, ParquetError> {
    let parquet_schema = metadata.file_metadata().schema_descr();
    let converter = StatisticsConverter::try_new(name, schema, parquet_schema)?;
    let groups = metadata.row_groups();
    let null_counts = converter.row_group_null_counts(groups)?;
    let nulls: u64 = null_counts.iter().map(|count| count.unwrap_or(0)).sum();
    // A row group that holds values must bound them, exactly, or the file has no bounds.
    let with_values = |index: usize| {
        let rows = groups.get(index).map_or(0, |group| group.num_rows());
        u64::try_from(rows).is_ok_and(|rows| rows > null_counts.value(index))
    };
    let whole = |bounds: &ArrayRef, exact: &BooleanArray| {
        (0..bounds.len())
            .filter(|index| with_values(*index))
            .all(|index| bounds.is_valid(index) && exact.is_valid(index) && exact.value(index))
    };
    let mins = converter.row_group_mins(groups)?;
    let maxes = converter.row_group_maxes(groups)?;
    let min = whole(&mins, &converter.row_group_is_min_value_exact(groups)?)
        .then(|| extreme(&mins, Side::Min));
    let max = whole(&maxes, &converter.row_group_is_max_value_exact(groups)?)
        .then(|| extreme(&maxes, Side::Max));
    Ok(ColumnStatistics { nulls, min: min.flatten(), max: max.flatten() })
}

#[derive(Clone, Copy)]
enum Side {
    Min,
    Max,
}

/// The least or greatest of the row groups' bounds, as text.
fn extreme(bounds: &ArrayRef, side: Side) -> Option<String> {
    match bounds.data_type() {
        DataType::Boolean => {
            let bounds = bounds.as_boolean();
            let value = match side {
                Side::Min => compute::min_boolean(bounds),
                Side::Max => compute::max_boolean(bounds),
            };
            value.map(|value| value.to_string())
        }
        DataType::Int16 => number::<Int16Type>(bounds, side).map(|value| value.to_string()),
        DataType::Int32 => number::<Int32Type>(bounds, side).map(|value| value.to_string()),
        DataType::Int64 => number::<Int64Type>(bounds, side).map(|value| value.to_string()),
        DataType::Float64 => number::<Float64Type>(bounds, side).map(|value| value.to_string()),
        DataType::Decimal128(precision, scale) => {
            let value = number::<Decimal128Type>(bounds, side)?;
            let one = PrimitiveArray::<Decimal128Type>::from_value(value, 1);
            Some(one.with_precision_and_scale(*precision, *scale).ok()?.value_as_string(0))
        }
        DataType::Date32 => {
            let days = number::<Date32Type>(bounds, side)?;
            Date32Type::to_naive_date_opt(days).map(|date| date.to_string())
        }
        DataType::Timestamp(_, _) => {
            number::<TimestampMicrosecondType>(bounds, side).map(|value| value.to_string())
        }
        _ => None,
    }
}

fn number<T: ArrowNumericType>(bounds: &ArrayRef, side: Side) -> Option<T::Native> {
    let bounds = bounds.as_primitive_opt::<T>()?;
    match side {
        Side::Min => compute::min(bounds),
        Side::Max => compute::max(bounds),
    }
}
