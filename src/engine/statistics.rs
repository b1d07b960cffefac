//! A file's recorded statistics as DataFusion reads them.

use crate::model::{Column, ColumnType, Dimension, Model, plan_schema};
use crate::store::{ColumnStatistics as Recorded, DataFile, Release, TableState};
use arrow::datatypes::DataType;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many bytes a text value is taken to need, where nobody knows.
pub(super) const TEXT_BYTES: usize = 24;

/// The statistics of a file's own columns (the partition column is not in the file).
pub(crate) fn of_file(file: &DataFile, columns: &[Column]) -> Statistics {
    let rows = usize::try_from(file.rows).unwrap_or(usize::MAX);
    let columns: Vec<ColumnStatistics> = columns
        .iter()
        .map(|column| of_column(column, file.statistics.get(&column.name), rows))
        .collect();
    Statistics {
        num_rows: Precision::Exact(rows),
        // DataFusion would take a scan of any text for as many bytes as all columns have, however few
        // it reads, and build hash tables of the larger side. Not knowing, it compares rows.
        total_byte_size: Precision::Absent,
        column_statistics: columns,
    }
}

fn of_column(column: &Column, recorded: Option<&Recorded>, rows: usize) -> ColumnStatistics {
    let width = column.ty.plan_type().primitive_width();
    let byte_size = match width {
        Some(width) => Precision::Exact(rows.saturating_mul(width)),
        None => Precision::Inexact(rows.saturating_mul(TEXT_BYTES)),
    };
    let mut statistics = ColumnStatistics { byte_size, ..ColumnStatistics::new_unknown() };
    let Some(recorded) = recorded else {
        return statistics;
    };
    if let Ok(nulls) = usize::try_from(recorded.nulls) {
        statistics.null_count = Precision::Exact(nulls);
    }
    statistics.min_value = bound(recorded.min.as_deref(), column.ty);
    statistics.max_value = bound(recorded.max.as_deref(), column.ty);
    statistics
}

/// A bound as the store wrote it. Bounds of floats leave NaN out, so they are not exact.
fn bound(text: Option<&str>, ty: ColumnType) -> Precision<ScalarValue> {
    match (text.and_then(|text| parse(text, ty)), ty) {
        (None, _) => Precision::Absent,
        (Some(value), ColumnType::Float64) => Precision::Inexact(value),
        (Some(value), _) => Precision::Exact(value),
    }
}

fn parse(text: &str, ty: ColumnType) -> Option<ScalarValue> {
    match ty {
        ColumnType::Text | ColumnType::Binary => None,
        ColumnType::Int16 => text.parse().ok().map(|value| ScalarValue::Int16(Some(value))),
        ColumnType::Int32 => text.parse().ok().map(|value| ScalarValue::Int32(Some(value))),
        ColumnType::Int64 => text.parse().ok().map(|value| ScalarValue::Int64(Some(value))),
        ColumnType::Timestamp => {
            let DataType::Timestamp(_, zone) = ty.plan_type() else {
                return None;
            };
            let micros = text.parse().ok()?;
            Some(ScalarValue::TimestampMicrosecond(Some(micros), zone))
        }
        ColumnType::Boolean
        | ColumnType::Float64
        | ColumnType::Decimal { .. }
        | ColumnType::Date => ScalarValue::try_from_string(text.to_owned(), &ty.plan_type()).ok(),
    }
}

/// The statistics of a whole table, the partition column included.
pub(crate) fn of_table(state: &TableState, files: &[Arc<Statistics>], keys: &Keys) -> Statistics {
    let schema = plan_schema(&state.columns);
    let mut statistics = Statistics::try_merge_iter(files.iter().map(AsRef::as_ref), &schema)
        .unwrap_or_else(|_| Statistics::new_unknown(&schema));
    for (column, known) in state.columns.iter().zip(&mut statistics.column_statistics) {
        if let Some(members) = keys.get(&column.name) {
            let members = usize::try_from((*members).min(state.rows())).unwrap_or(usize::MAX);
            known.distinct_count = Precision::Inexact(members);
        }
    }
    statistics
}

/// How many different values surrogate key columns have at most: the rows of their dimensions.
///
/// Without that DataFusion takes a key for as many values as lie between its smallest and its
/// largest. The keys of days are `yyyymmdd`, so that it took the join of a fact with its calendar
/// for next to nothing, and built hash tables of the fact.
pub(crate) type Keys = BTreeMap<String, u64>;

/// The surrogate keys in a stored table of a release.
pub(crate) fn keys(model: &Model, release: &Release, table: &str) -> Keys {
    let members =
        |dimension: &Dimension| release.tables.get(&dimension.table()).map(TableState::rows);
    if let Some(dimension) = model.dimensions.iter().find(|d| d.table() == table) {
        return members(dimension).map(|rows| (dimension.key_column(), rows)).into_iter().collect();
    }
    let fact = model.facts.iter().find(|fact| fact.table() == table);
    let roles = fact.into_iter().flat_map(|fact| &fact.roles);
    let keys = roles
        .filter_map(|role| Some((role.key_column(), members(model.dimension(&role.dimension)?)?)));
    keys.collect()
}
