//! Rollup dimensions: the members of a level, made of the members that were loaded.
//!
//! A member of a level is told apart by its keys and those above it, and stays once it was seen: facts
//! may refer to it. What is shown of it is what the present versions of its members say.

use super::dimension::{open_columns, put, stored};
use super::fact_sql::{list, quoted};
use super::scd::{encode, placeholders};
use super::{Loading, combined};
use crate::error::{Error, Result};
use crate::etl::rows;
use crate::ids::SurrogateKey;
use crate::model::{Column, Dimension, Model, arrow_schema};
use arrow::array::{ArrayRef, AsArray, BooleanArray, Int32Array};
use arrow::compute::{concat, filter_record_batch, interleave};
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Brings the dimensions of a dimension's levels up to date.
///
/// # Errors
/// What stops reading or writing them.
pub(super) async fn refresh(
    loading: &mut Loading<'_>,
    model: &Model,
    base: &Dimension,
) -> Result<()> {
    for level in model.levels_of(&base.name) {
        let met = met(loading, base, level).await?;
        let preview = loading.load.preview();
        let before = match preview.tables.get(&level.table()) {
            Some(table) => Some(stored(loading, table, &open_columns(level), "level").await?),
            None => None,
        };
        let table = merged(level, before.as_ref(), &met)?;
        put(loading, combined::spec(level), &table).await?;
    }
    Ok(())
}

/// The members of a level among the versions of the dimension, as far as they say all of its keys.
async fn met(loading: &Loading<'_>, base: &Dimension, level: &Dimension) -> Result<RecordBatch> {
    let keys = list("", level.natural_key.iter().map(|key| &key.name));
    let shown = level.attributes.iter().map(|attribute| quoted(&attribute.column.name));
    // Members of one member of the level should say the same; where they do not, the last in order counts.
    let shown = shown.map(|name| {
        format!("coalesce(max(CASE WHEN is_current THEN {name} END), max({name})) AS {name}")
    });
    let columns: Vec<String> = std::iter::once(keys.clone()).chain(shown).collect();
    let known = level.natural_key.iter().map(|key| format!("{} IS NOT NULL", quoted(&key.name)));
    let sql = format!(
        "SELECT {} FROM warehouse.{} WHERE {} > 0 AND {} GROUP BY {keys} ORDER BY {keys}",
        columns.join(", "),
        quoted(&base.table()),
        quoted(&base.key_column()),
        known.collect::<Vec<_>>().join(" AND "),
    );
    let columns: Vec<Column> = level.described_columns().cloned().collect();
    let session = loading.session(&[]);
    rows::collect(rows::stream_sql(&session, &sql, &columns).await?, &columns).await
}

/// The table of a level: the members that were there keep their keys, new ones get the next in order.
fn merged(
    level: &Dimension,
    before: Option<&RecordBatch>,
    met: &RecordBatch,
) -> Result<RecordBatch> {
    let before = match before {
        Some(table) => real_rows(table)?,
        None => RecordBatch::new_empty(arrow_schema(&open_columns(level))),
    };
    let keys: Vec<i32> = before.column(0).as_primitive::<Int32Type>().values().to_vec();
    let identity = level.natural_key.len();
    let old = encode(&before.columns()[1..=identity])?;
    let new = encode(&met.columns()[..identity])?;
    let known: HashMap<&[u8], usize> =
        old.iter().enumerate().map(|(row, key)| (key.data(), row)).collect();
    // Where each row comes from: as it was, unless it was met again.
    let mut places: Vec<(usize, usize)> = (0..keys.len()).map(|row| (0, row)).collect();
    let mut added: BTreeMap<&[u8], usize> = BTreeMap::new();
    for (row, key) in new.iter().enumerate() {
        match known.get(key.data()) {
            Some(place) => places[*place] = (1, row),
            None => {
                added.insert(key.data(), row);
            }
        }
    }
    places.extend(added.values().map(|row| (1, *row)));
    let first = keys.iter().copied().fold(SurrogateKey::FIRST.0 - 1, i32::max) + 1;
    let specials = [SurrogateKey::NOT_APPLICABLE.0, SurrogateKey::UNKNOWN.0];
    let all = specials.into_iter().chain(keys).chain((first..).take(added.len()));
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(Int32Array::from_iter_values(all))];
    for (column, (old, new)) in before.columns()[1..].iter().zip(met.columns()).enumerate() {
        let special = placeholders(new, column < identity)?;
        let real = interleave(&[old.as_ref(), new.as_ref()], &places).map_err(broken)?;
        arrays.push(concat(&[special.as_ref(), real.as_ref()]).map_err(broken)?);
    }
    RecordBatch::try_new(arrow_schema(&open_columns(level)), arrays).map_err(broken)
}

fn real_rows(table: &RecordBatch) -> Result<RecordBatch> {
    let keys = table.column(0).as_primitive::<Int32Type>().values();
    let real: BooleanArray = keys.iter().map(|key| Some(*key > 0)).collect();
    filter_record_batch(table, &real).map_err(broken)
}

fn broken(error: ArrowError) -> Error {
    Error::internal("the members of a level are no table").caused_by(error)
}
