//! Rows of junk and mini-dimensions: every combination of values that was met, once, under a key that
//! stays. Pure, but for where the table is read.
//!
//! Combinations are never changed and never leave, so a key once given means the same in every
//! release after. Those met in one load get their keys in the order of their values: the same rows in
//! whatever order, and cut into whatever batches, give the same table.

use super::scd::{encode, placeholders};
use super::{Loading, dimension};
use crate::error::{Error, Result};
use crate::ids::SurrogateKey;
use crate::model::{Dimension, arrow_schema};
use crate::store::TableSpec;
use arrow::array::{ArrayRef, AsArray, BooleanArray, Int32Array, UInt32Array};
use arrow::compute::{concat, filter_record_batch, take};
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// More than these are no flags and no bands.
pub(super) const MOST_COMBINATIONS: usize = 100_000;

/// A dimension of combinations after some more were met.
#[derive(Debug)]
pub(super) struct Combined {
    /// The table, in order of key.
    pub(super) table: RecordBatch,
    /// The keys of those met, one for one.
    pub(super) keys: Vec<i32>,
    /// How many of them are new.
    pub(super) new: usize,
}

/// The table as it is to be written.
pub(crate) fn spec(dimension: &Dimension) -> TableSpec {
    TableSpec {
        name: dimension.table(),
        description: dimension.description.clone(),
        columns: dimension::open_columns(dimension),
        partition_by: None,
        sort_by: vec![dimension.key_column()],
    }
}

/// The table as it stands; none before there was any.
pub(super) async fn stored(
    loading: &Loading<'_>,
    dimension: &Dimension,
) -> Result<Option<RecordBatch>> {
    let preview = loading.load.preview();
    let Some(table) = preview.tables.get(&dimension.table()) else { return Ok(None) };
    dimension::stored(loading, table, &dimension::open_columns(dimension), "combined")
        .await
        .map(Some)
}

/// Adds the combinations among some rows to a dimension, and finds the key of each row.
///
/// # Errors
/// Data errors where they are too many to be combinations of flags or bands.
pub(super) fn combine(
    dimension: &Dimension,
    before: Option<&RecordBatch>,
    met: &[ArrayRef],
) -> Result<Combined> {
    let before = before.map(real_rows).transpose()?;
    let rows_before = before.as_ref().map_or(0, RecordBatch::num_rows);
    let values = met.iter().enumerate().map(|(position, met)| match &before {
        Some(before) => {
            concat(&[before.column(position + 1).as_ref(), met.as_ref()]).map_err(broken)
        }
        None => Ok(Arc::clone(met)),
    });
    let values = values.collect::<Result<Vec<ArrayRef>>>()?;
    let encoded = encode(&values)?;
    let mut keys: HashMap<&[u8], i32> = HashMap::new();
    let old_keys: Vec<i32> = before.iter().flat_map(|rows| keys_of(rows).to_vec()).collect();
    for (row, key) in old_keys.iter().enumerate() {
        // Where a column has left the model several rows are alike: the first goes on.
        keys.entry(encoded.row(row).data()).or_insert(*key);
    }
    let mut new: BTreeMap<&[u8], u32> = BTreeMap::new();
    for row in rows_before..encoded.num_rows() {
        let combination = encoded.row(row).data();
        if !keys.contains_key(combination) {
            new.entry(combination).or_insert(u32::try_from(row).unwrap_or(u32::MAX));
        }
    }
    if old_keys.len() + new.len() > MOST_COMBINATIONS {
        return Err(too_many(dimension, &values)?);
    }
    let first = old_keys.iter().copied().fold(SurrogateKey::FIRST.0 - 1, i32::max) + 1;
    keys.extend(new.keys().copied().zip(first..));
    let met = (rows_before..encoded.num_rows())
        .map(|row| keys.get(encoded.row(row).data()).copied().unwrap_or(SurrogateKey::UNKNOWN.0));
    let met: Vec<i32> = met.collect();

    let specials = [SurrogateKey::NOT_APPLICABLE.0, SurrogateKey::UNKNOWN.0];
    let new_keys = (first..).take(new.len());
    let all = specials.into_iter().chain(old_keys.iter().copied()).chain(new_keys);
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(Int32Array::from_iter_values(all))];
    let rows: UInt32Array = (0..rows_before as u32).chain(new.values().copied()).collect();
    for values in &values {
        let special = placeholders(values, false)?;
        let real = take(values, &rows, None).map_err(broken)?;
        arrays.push(concat(&[special.as_ref(), real.as_ref()]).map_err(broken)?);
    }
    let table = RecordBatch::try_new(arrow_schema(&dimension::open_columns(dimension)), arrays)
        .map_err(broken)?;
    Ok(Combined { table, keys: met, new: new.len() })
}

fn keys_of(rows: &RecordBatch) -> &[i32] {
    rows.column(0).as_primitive::<Int32Type>().values()
}

fn real_rows(table: &RecordBatch) -> Result<RecordBatch> {
    let real: BooleanArray = keys_of(table).iter().map(|key| Some(*key > 0)).collect();
    filter_record_batch(table, &real).map_err(broken)
}

/// Says which column is no flag and no band: that with the most values.
fn too_many(dimension: &Dimension, values: &[ArrayRef]) -> Result<Error> {
    let mut most = ("", 0);
    for (attribute, values) in dimension.attributes.iter().zip(values) {
        let encoded = encode(std::slice::from_ref(values))?;
        let count = encoded.iter().map(|row| row.data().to_vec()).collect::<HashSet<_>>().len();
        if count > most.1 {
            most = (&attribute.column.name, count);
        }
    }
    let message = format!(
        "`{}` would have more than {MOST_COMBINATIONS} combinations; `{}` alone has {} values",
        dimension.name, most.0, most.1
    );
    let hint = match dimension.kind {
        crate::model::DimensionKind::MiniOf(_) => "put its values into bands in the transformation",
        _ => "a junk dimension holds flags: keep a number or a name in `degenerate` of the fact",
    };
    Ok(Error::data(message).with("dimension", &dimension.name).hint(hint))
}

fn broken(error: ArrowError) -> Error {
    Error::internal("combinations are no table").caused_by(error)
}

#[cfg(test)]
mod tests;
