//! The stored form of a dimension: its table and its change log.

use super::history::{BEGINNING_US, OPEN_END_US, Observation, Version};
use super::intern::encode;
use super::keys::durable_keys;
use super::observe::Seen;
use super::pool::{Pool, named};
use super::previous;
use crate::error::{Error, Result};
use crate::etl::columns::declared_type;
use crate::ids::SurrogateKey;
use crate::model::{Column, ColumnType, Dimension, History, arrow_schema};
use arrow::array::{
    Array, ArrayRef, BooleanArray, Int32Array, StringArray, TimestampMicrosecondArray, UInt32Array,
    new_null_array,
};
use arrow::compute::{cast, concat, take};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The columns of the stored table. Columns for which the unknown member has no value may be
/// NULL, whatever the model says of real members.
pub(crate) fn stored_columns(dimension: &Dimension) -> Vec<Column> {
    let keys = dimension.natural_key.iter().map(|column| (&column.name, true));
    let attributes = dimension.attributes.iter().map(|attribute| (&attribute.column.name, false));
    let described: HashMap<&String, bool> = keys.chain(attributes).collect();
    let mut columns = dimension.table_columns();
    for column in &mut columns {
        if let Some(is_key) = described.get(&column.name) {
            column.nullable |= !has_placeholder(column.ty, *is_key);
        }
    }
    columns
}

/// The columns of the change log: natural key, attributes, since when they hold, and whether the
/// member was deleted then (its attributes are NULL in that case).
pub(crate) fn log_columns(dimension: &Dimension) -> Vec<Column> {
    let keys = dimension.natural_key.iter().cloned();
    let attributes = dimension.source_columns().skip(dimension.natural_key.len()).cloned();
    let attributes = attributes.map(|column| Column { nullable: true, ..column });
    let own = [
        Column::new("effective_at", ColumnType::Timestamp, false)
            .described("since when the source says that these values hold"),
        Column::new("is_deleted", ColumnType::Boolean, false)
            .described("whether the member was deleted at that moment"),
    ];
    keys.chain(attributes).chain(own).collect()
}

/// The columns of a batch that sources give, by name; any of them may be NULL.
pub(super) fn given(dimension: &Dimension, batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = dimension.source_columns().cloned();
    let columns: Vec<Column> = columns.map(|column| Column { nullable: true, ..column }).collect();
    let pick = |column: &Column| {
        let missing =
            || Error::internal("rows of a dimension lack a column").with("column", &column.name);
        batch.column_by_name(&column.name).cloned().ok_or_else(missing)
    };
    let arrays = columns.iter().map(pick).collect::<Result<_>>()?;
    RecordBatch::try_new(arrow_schema(&columns), arrays).map_err(broken)
}

/// The dimension's table: not applicable, unknown, then the versions in order of key.
pub(super) fn table(
    dimension: &Dimension,
    pool: &Pool,
    seen: &Seen,
    versions: &[Version],
) -> Result<RecordBatch> {
    let durable = durable_keys(pool, versions);
    let specials = [SurrogateKey::NOT_APPLICABLE.0, SurrogateKey::UNKNOWN.0];
    let with_specials = |of: fn(&Version) -> i32| -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(specials.into_iter().chain(versions.iter().map(of))))
    };
    let moments = |special: i64, of: fn(&Version) -> i64| -> ArrayRef {
        let all = [special; 2].into_iter().chain(versions.iter().map(of));
        Arc::new(TimestampMicrosecondArray::from_iter_values(all).with_timezone("UTC"))
    };
    let mut arrays = vec![with_specials(|version| version.key.unwrap_or_default())];
    let attributes = dimension.attributes.iter().map(|a| (&a.column, Some(&a.history)));
    let columns = dimension.natural_key.iter().map(|column| (column, None)).chain(attributes);
    for (column, history) in columns {
        let real = match history {
            Some(History::PreviousOf(of)) => previous::previous(pool, seen, of, versions)?,
            _ => {
                let source = history.and_then(History::derived_from).unwrap_or(&column.name);
                let rows: UInt32Array = versions.iter().map(|v| v.row_of(history)).collect();
                take(named(&pool.rows, source)?, &rows, None).map_err(broken)?
            }
        };
        let special = placeholders(&real, history.is_none())?;
        arrays.push(concat(&[special.as_ref(), real.as_ref()]).map_err(broken)?);
    }
    let key_of = |version: &Version| durable.get(&version.member).copied().unwrap_or_default();
    arrays.push(Arc::new(Int32Array::from_iter_values(
        specials.into_iter().chain(versions.iter().map(key_of)),
    )));
    arrays.push(moments(BEGINNING_US, |version| version.from_us));
    arrays.push(moments(OPEN_END_US, |version| version.to_us));
    let current = [true; 2].into_iter().chain(versions.iter().map(Version::is_current));
    arrays.push(Arc::new(current.map(Some).collect::<BooleanArray>()));
    if dimension.infers_members {
        let inferred = [false; 2].into_iter().chain(versions.iter().map(Version::is_inferred));
        arrays.push(Arc::new(inferred.map(Some).collect::<BooleanArray>()));
    }
    RecordBatch::try_new(arrow_schema(&stored_columns(dimension)), arrays).map_err(broken)
}

/// The change log, in order of natural key and time.
pub(super) fn log(
    dimension: &Dimension,
    pool: &Pool,
    settled: &[Observation],
) -> Result<RecordBatch> {
    // What only facts told of is in the table alone.
    let settled: Vec<&Observation> = settled.iter().filter(|seen| !seen.is_inferred()).collect();
    let mut any_row: HashMap<u32, u32> = HashMap::new();
    for (row, member) in pool.member.iter().enumerate() {
        any_row.entry(*member).or_insert(row as u32);
    }
    let key_rows: UInt32Array = settled
        .iter()
        .map(|seen| seen.row.or_else(|| any_row.get(&seen.member).copied()))
        .collect();
    let value_rows: UInt32Array = settled.iter().map(|seen| seen.row).collect();
    let mut arrays = Vec::new();
    for (index, column) in pool.rows.columns().iter().enumerate() {
        let is_key = index < dimension.natural_key.len();
        let rows = if is_key { &key_rows } else { &value_rows };
        arrays.push(take(column, rows, None).map_err(broken)?);
    }
    let at = TimestampMicrosecondArray::from_iter_values(settled.iter().map(|seen| seen.at_us));
    let deleted: BooleanArray = settled.iter().map(|seen| Some(seen.row.is_none())).collect();
    arrays.push(Arc::new(at.with_timezone("UTC")));
    arrays.push(Arc::new(deleted));
    let batch =
        RecordBatch::try_new(arrow_schema(&log_columns(dimension)), arrays).map_err(broken)?;
    sorted(dimension, &batch)
}

/// Orders a log by natural key and time.
fn sorted(dimension: &Dimension, log: &RecordBatch) -> Result<RecordBatch> {
    let mut by: Vec<ArrayRef> = log.columns()[..dimension.natural_key.len()].to_vec();
    by.extend(log.column_by_name("effective_at").cloned());
    let encoded = encode(&by)?;
    let mut rows: Vec<u32> = (0..log.num_rows() as u32).collect();
    rows.sort_unstable_by(|a, b| encoded.row(*a as usize).cmp(&encoded.row(*b as usize)));
    arrow::compute::take_record_batch(log, &UInt32Array::from(rows)).map_err(broken)
}

/// How many rows of a table were not in it before, exactly as they are.
pub(super) fn rows_changed(before: Option<&RecordBatch>, after: &RecordBatch) -> Result<u64> {
    let Some(before) = before else {
        return Ok(after.num_rows() as u64);
    };
    let same_types = before.num_columns() == after.num_columns()
        && before
            .columns()
            .iter()
            .zip(after.columns())
            .all(|(a, b)| a.data_type() == b.data_type());
    if !same_types {
        return Ok(after.num_rows() as u64);
    }
    let (before, after) = (encode(before.columns())?, encode(after.columns())?);
    let before: HashSet<_> = before.iter().collect();
    Ok(after.iter().filter(|row| !before.contains(row)).count() as u64)
}

/// What a column holds for the members "not applicable" and "unknown".
pub(crate) fn placeholders(column: &ArrayRef, is_key: bool) -> Result<ArrayRef> {
    let ty = column.data_type();
    if !declared_type(ty).is_some_and(|ty| has_placeholder(ty, is_key)) {
        return Ok(new_null_array(ty, 2));
    }
    if ty.is_integer() {
        let keys = [SurrogateKey::NOT_APPLICABLE.0, SurrogateKey::UNKNOWN.0];
        return cast(&Int32Array::from_iter_values(keys), ty).map_err(broken);
    }
    cast(&StringArray::from_iter_values(["Not applicable", "Unknown"]), ty).map_err(broken)
}

fn has_placeholder(ty: ColumnType, is_key: bool) -> bool {
    match ty {
        ColumnType::Text => true,
        ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64 => is_key,
        _ => false,
    }
}

fn broken(error: ArrowError) -> Error {
    Error::internal("a dimension's table cannot be built").caused_by(error)
}
