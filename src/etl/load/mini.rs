//! Mini-dimensions: which bands members went through, and the combinations of them that there are.
//!
//! What a job says of bands goes through the same kernel as what it says of members, into a table of
//! its own (`dim_<mini>_history`: natural key, bands, half-open validity, and the row of the
//! mini-dimension that these bands are). So late changes, deletions and whatever order rows come in
//! are right here as they are there; and facts find the row of a moment by the member's natural key.

use super::Loading;
use super::arrived::Arrived;
use super::combined::{self, Combined};
use super::dimension::{self, kernel, put, save_as, tables};
use super::fact_sql::{list, quoted};
use super::scd::{BEGINNING_US, Lost, OPEN_END_US, encode};
use crate::error::{Error, Result};
use crate::etl::job::DimensionLoad;
use crate::etl::rows;
use crate::ids::SurrogateKey;
use crate::model::{Column, ColumnType, Dimension, arrow_schema};
use crate::store::TableSpec;
use arrow::array::{Array, ArrayRef, AsArray, Int32Array};
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The dimension that a mini-dimension is of, in a load.
pub(super) struct Members<'a> {
    pub(super) dimension: &'a Dimension,
    /// Its table before the load.
    pub(super) before: Option<&'a RecordBatch>,
    /// Its table after the load.
    pub(super) after: &'a RecordBatch,
}

/// Loads the bands of a job's rows. Returns the time in which members have others than before.
///
/// # Errors
/// As loading a dimension; data errors where values are no bands.
pub(super) async fn load(
    loading: &mut Loading<'_>,
    spec: &DimensionLoad,
    mini: &Dimension,
    members: &Members<'_>,
    arrived: &Arc<Arrived>,
) -> Result<Vec<Lost>> {
    let model = Arc::clone(loading.engine.model());
    let unknown = || Error::internal("a mini-dimension is of no dimension of the model");
    let history = model.band_history(mini).ok_or_else(unknown)?;
    let before = tables(loading, &history).await?;
    let loaded = kernel(loading, spec, &history, arrived, before.clone()).await?;
    let bands: Vec<ArrayRef> = mini
        .described_columns()
        .map(|band| Ok(named(&loaded.table, &band.name)?.slice(2, loaded.table.num_rows() - 2)))
        .collect::<Result<_>>()?;
    let stored = combined::stored(loading, mini).await?;
    let Combined { table, keys, .. } = combined::combine(mini, stored.as_ref(), &bands)?;
    put(loading, combined::spec(mini), &table).await?;
    let specials = [SurrogateKey::NOT_APPLICABLE.0, SurrogateKey::UNKNOWN.0];
    let keys = Int32Array::from_iter_values(specials.into_iter().chain(keys));
    let spec = history_spec(&history, mini);
    let table = with_column(&loaded.table, &spec.columns, Arc::new(keys))?;
    save_as(loading, &history, spec, &table, &loaded).await?;
    lost(&history, before.table.as_ref(), &loaded.lost, members)
}

/// The table that says when members had which row of a mini-dimension.
pub(crate) fn history_spec(history: &Dimension, mini: &Dimension) -> TableSpec {
    let mut spec = dimension::spec(history);
    let description = format!("the row of {} that these are", mini.table());
    let key = Column::new(mini.key_column(), ColumnType::Int32, false).described(description);
    spec.columns.push(key);
    spec
}

/// A dimension's table with the keys of the rows that its members have now in mini-dimensions.
///
/// # Errors
/// What stops reading the mini-dimensions' history.
pub(super) async fn with_present(
    loading: &Loading<'_>,
    dimension: &Dimension,
    table: &RecordBatch,
) -> Result<RecordBatch> {
    let model = Arc::clone(loading.engine.model());
    let mut table = table.clone();
    let columns = dimension::spec(dimension).columns;
    for name in &dimension.outriggers {
        let mini = model.dimension(name);
        let pair = mini.and_then(|mini| Some((mini, model.band_history(mini)?)));
        let unknown = || Error::internal("a mini-dimension is not in the model");
        let (mini, history) = pair.ok_or_else(unknown)?;
        let present = present(loading, mini, &history).await?;
        let members = encode(&natural(&table, &history)?)?;
        let own = table.column(0).as_primitive::<Int32Type>().values();
        let keys = own.iter().enumerate().map(|(row, key)| match *key > 0 {
            true => present.get(members.row(row).data()).copied(),
            false => Some(*key),
        });
        let keys = keys.map(|key| key.unwrap_or(SurrogateKey::UNKNOWN.0));
        let keys: ArrayRef = Arc::new(Int32Array::from_iter_values(keys));
        let columns = &columns[..=table.num_columns()];
        table = with_column(&table, columns, keys)?;
    }
    Ok(table)
}

/// The row that each member has now, or had last, by its encoded natural key.
async fn present(
    loading: &Loading<'_>,
    mini: &Dimension,
    history: &Dimension,
) -> Result<HashMap<Vec<u8>, i32>> {
    if !loading.load.preview().tables.contains_key(&history.table()) {
        return Ok(HashMap::new());
    }
    let key = Column::new(mini.key_column(), ColumnType::Int32, false);
    let columns: Vec<Column> = history.natural_key.iter().cloned().chain([key]).collect();
    let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    let sql = format!(
        "SELECT {} FROM warehouse.{} WHERE {} > 0 ORDER BY valid_from",
        list("", &names),
        quoted(&history.table()),
        quoted(&history.key_column()),
    );
    let session = loading.session(&[]);
    let read = rows::stream_sql(&session, &sql, &columns).await?;
    let versions = rows::collect(read, &columns).await?;
    let members = encode(&natural(&versions, history)?)?;
    let keys = named(&versions, &mini.key_column())?.as_primitive::<Int32Type>().values();
    // The last of a member stays.
    Ok(members.iter().zip(keys).map(|(member, key)| (member.data().to_vec(), *key)).collect())
}

/// The time in which members of the dimension have other bands than before the load, for every key
/// under which facts may know them: what versions have lost to others, and all of it for members
/// that only facts knew of.
fn lost(
    history: &Dimension,
    before: Option<&RecordBatch>,
    lost: &[Lost],
    members: &Members<'_>,
) -> Result<Vec<Lost>> {
    let mut spans: HashMap<Vec<u8>, Vec<(i64, i64)>> = HashMap::new();
    let mut of_version: HashMap<i32, Vec<(i64, i64)>> = HashMap::new();
    for Lost { key, from_us, to_us } in lost {
        of_version.entry(*key).or_default().push((*from_us, *to_us));
    }
    // What lost time was there before. One load may take from several versions of a member: facts
    // follow in all that these have lost.
    if let Some(before) = before.filter(|_| !of_version.is_empty()) {
        let member = encode(&natural(before, history)?)?;
        for (row, key) in before.column(0).as_primitive::<Int32Type>().values().iter().enumerate() {
            if let Some(lost) = of_version.get(key) {
                spans.entry(member.row(row).data().to_vec()).or_default().extend(lost);
            }
        }
    }
    for member in completed(history, members)? {
        spans.insert(member, vec![(BEGINNING_US, OPEN_END_US)]);
    }
    if spans.is_empty() {
        return Ok(Vec::new());
    }
    let member = encode(&natural(members.after, history)?)?;
    let keys = members.after.column(0).as_primitive::<Int32Type>().values();
    let lost = keys.iter().enumerate().flat_map(|(row, key)| {
        let spans = spans.get(member.row(row).data()).filter(|_| *key > 0);
        let spans = spans.into_iter().flatten();
        spans.map(|(from_us, to_us)| Lost { key: *key, from_us: *from_us, to_us: *to_us })
    });
    Ok(lost.collect())
}

/// The members that were inferred before the load, and are not any more.
fn completed(history: &Dimension, members: &Members<'_>) -> Result<HashSet<Vec<u8>>> {
    let inferred = |table: &RecordBatch| -> Result<HashSet<Vec<u8>>> {
        let Some(inferred) = table.column_by_name("is_inferred") else { return Ok(HashSet::new()) };
        let member = encode(&natural(table, history)?)?;
        let rows = inferred.as_boolean().iter().enumerate();
        let rows = rows.filter(|(_, inferred)| inferred.unwrap_or(false));
        Ok(rows.map(|(row, _)| member.row(row).data().to_vec()).collect())
    };
    let Some(before) = members.before.filter(|_| members.dimension.infers_members) else {
        return Ok(HashSet::new());
    };
    let (before, after) = (inferred(before)?, inferred(members.after)?);
    Ok(before.difference(&after).cloned().collect())
}

/// The natural key columns of the history's members.
fn natural(table: &RecordBatch, history: &Dimension) -> Result<Vec<ArrayRef>> {
    history.natural_key.iter().map(|key| named(table, &key.name).cloned()).collect()
}

fn named<'a>(table: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    let missing = || Error::internal("a table of members lacks a column").with("column", name);
    table.column_by_name(name).ok_or_else(missing)
}

fn with_column(table: &RecordBatch, columns: &[Column], column: ArrayRef) -> Result<RecordBatch> {
    let arrays = table.columns().iter().cloned().chain([column]).collect();
    let broken =
        |error: ArrowError| Error::internal("members and bands are no table").caused_by(error);
    RecordBatch::try_new(arrow_schema(columns), arrays).map_err(broken)
}
