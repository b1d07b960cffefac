//! A job's rows into a bridge: natural keys become durable ones, and it must be a whole: every member
//! known, no pair twice, the shares of each member together 1.

use super::fact_sql::{equal, list, quoted};
use super::{Loaded, Loading, stage};
use crate::engine::Streamed;
use crate::error::{Error, Result, counted};
use crate::etl::fit::{Fitting, Wanted};
use crate::etl::job::BridgeLoad;
use crate::etl::{rows, transform};
use crate::model::{Bridge, Column, ColumnType, Dimension, Model, arrow_schema};
use crate::store::TableSpec;
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int32Array};
use arrow::datatypes::{Float64Type, Int32Type};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The rows on their way.
const ROWS: &str = "pairs_to_load";
/// Durable keys beside the natural ones.
const FROM: &str = "__from";
const TO: &str = "__to";
/// How far the shares of a member may be from 1, for all that doubles do.
const NEAR: f64 = 1e-9;
/// Rows at fault that are shown.
const EXAMPLES: usize = 3;

/// Loads a job's rows into a bridge.
///
/// # Errors
/// User errors where the transformation does not yield its columns, data errors for members that
/// nobody knows, pairs that come twice and shares that are not the whole.
pub(super) async fn load(loading: &mut Loading<'_>, spec: &BridgeLoad) -> Result<Loaded> {
    let model = Arc::clone(loading.engine.model());
    let unknown = || Error::internal("the job's bridge is not in the model");
    let bridge = model.bridge(&spec.bridge).ok_or_else(unknown)?;
    let named = |error: Error| error.with("bridge", &bridge.name);
    let [from, to] = [&bridge.from, &bridge.to].map(|name| model.dimension(name));
    let (from, to) = (from.ok_or_else(unknown)?, to.ok_or_else(unknown)?);
    for dimension in [from, to] {
        check_loaded(loading, dimension).map_err(named)?;
    }
    let keyed = keyed(loading, spec, bridge, &model).await?;
    let table = whole(bridge, from, to, &keyed).map_err(named)?;
    let table_spec = TableSpec {
        name: bridge.table(),
        description: bridge.description.clone(),
        columns: bridge.table_columns(),
        partition_by: None,
        sort_by: vec![bridge.from_column(), bridge.to_column()],
    };
    let before = loading.load.preview().tables.get(&table_spec.name).map_or(0, |t| t.rows());
    if table.num_rows() == 0 && before > 0 && !spec.may_be_empty {
        let message = format!("{} would be replaced by none", counted(before, "row", "rows"));
        return Err(named(Error::data(message)).hint(
            "look whether the sources are complete; `may_be_empty: true` in the job allows it",
        ));
    }
    let rows = rows::in_batches(&table, &table_spec.columns)?;
    let files = loading.load.write(&table_spec, rows).await?;
    let changed = stage::replace(loading.load, table_spec, files)?;
    Ok(Loaded {
        rows_in: keyed.num_rows() as u64,
        rows_written: if changed { table.num_rows() as u64 } else { 0 },
        ..Loaded::default()
    })
}

fn check_loaded(loading: &Loading<'_>, dimension: &Dimension) -> Result<()> {
    if loading.load.preview().tables.contains_key(&dimension.table()) {
        return Ok(());
    }
    Err(Error::user(format!("the dimension `{}` was never loaded", dimension.name))
        .hint("run the job that loads it first, or all jobs"))
}

/// A natural key's column among the rows.
fn key_name(end: &str, position: usize) -> String {
    format!("__{end}_{position}")
}

fn key_names(end: &str, dimension: &Dimension) -> Vec<String> {
    (0..dimension.natural_key.len()).map(|position| key_name(end, position)).collect()
}

/// The rows with the durable keys of their members: NULL where nobody knows them.
async fn keyed(
    loading: &Loading<'_>,
    spec: &BridgeLoad,
    bridge: &Bridge,
    model: &Model,
) -> Result<RecordBatch> {
    let query = transform::plan(&loading.session(&[]), loading.job, &[], None).await?;
    let mut wanted = Vec::new();
    let mut joins = Vec::new();
    for (end, name, columns) in [("from", &bridge.from, &spec.from), ("to", &bridge.to, &spec.to)] {
        let Some(dimension) = model.dimension(name) else { continue };
        for (position, (key, from)) in dimension.natural_key.iter().zip(columns).enumerate() {
            let column = Column::new(key_name(end, position), key.ty, true);
            wanted.push(Wanted::of(from.clone(), column));
        }
        joins.push(members(end, dimension));
    }
    wanted.extend(bridge.weight.iter().map(|weight| {
        Wanted::of(weight.name.clone(), Column { nullable: true, ..weight.clone() })
    }));
    let fitting = Fitting::new(&query.schema(), &wanted)?;
    let fitted = fitting.columns().to_vec();
    let rows = rows::fitted_views(&query, fitting).await?;
    let sources = loading.sources.iter().map(|(_, table)| table.rows()).max();
    let about_rows = sources.unwrap_or(1_000_000);
    let session = loading.session_over(Streamed::new(ROWS, fitted.clone(), about_rows, rows));
    let found = [FROM, TO].map(|name| Column::new(name, ColumnType::Int32, true));
    let columns: Vec<Column> = fitted.into_iter().chain(found).collect();
    let sql = format!(
        "SELECT r.*, f.durable AS {FROM}, t.durable AS {TO} FROM {ROWS} AS r {}",
        joins.join(" ")
    );
    rows::collect(rows::stream_sql(&session, &sql, &columns).await?, &columns).await
}

/// The join that finds a member's durable key.
fn members(end: &str, dimension: &Dimension) -> String {
    let alias = if end == "from" { "f" } else { "t" };
    let natural: Vec<String> = dimension.natural_key.iter().map(|key| key.name.clone()).collect();
    let own = key_names(end, dimension);
    let renamed = natural.iter().zip(&own);
    let renamed = renamed.map(|(key, own)| format!("{} AS {}", quoted(key), quoted(own)));
    format!(
        "LEFT JOIN (SELECT {}, max({}) AS durable FROM warehouse.{} WHERE {} > 0 GROUP BY {}) \
         AS {alias} ON {}",
        renamed.collect::<Vec<_>>().join(", "),
        quoted(&dimension.durable_key_column()),
        quoted(&dimension.table()),
        quoted(&dimension.key_column()),
        list("", &natural),
        equal("r", alias, &own),
    )
}

/// The bridge's table, if the rows are a whole bridge.
fn whole(
    bridge: &Bridge,
    from: &Dimension,
    to: &Dimension,
    keyed: &RecordBatch,
) -> Result<RecordBatch> {
    let column = |name: &str| {
        let missing = || Error::internal("a row lost a column").with("column", name);
        keyed.column_by_name(name).ok_or_else(missing)
    };
    for (end, found, dimension) in [("from", FROM, from), ("to", TO, to)] {
        let keys = column(found)?;
        let unknown: Vec<usize> = (0..keyed.num_rows()).filter(|row| keys.is_null(*row)).collect();
        if !unknown.is_empty() {
            let names = key_names(end, dimension);
            let shown = examples(keyed, &names, &unknown)?;
            let message = format!(
                "{} of {} rows name members that `{}` does not have, such as {shown}",
                unknown.len(),
                keyed.num_rows(),
                dimension.name
            );
            return Err(Error::data(message)
                .hint("load those members first, or leave such rows out in the transformation"));
        }
    }
    let [starts, ends] = [column(FROM)?, column(TO)?].map(|keys| keys.as_primitive::<Int32Type>());
    let weights = match &bridge.weight {
        Some(weight) => Some((weight, column(&weight.name)?.as_primitive::<Float64Type>())),
        None => None,
    };
    let mut pairs: BTreeMap<(i32, i32), usize> = BTreeMap::new();
    let told = [key_names("from", from), key_names("to", to)].concat();
    for row in 0..keyed.num_rows() {
        if let Some(first) = pairs.insert((starts.value(row), ends.value(row)), row) {
            let shown = examples(keyed, &told, &[first])?;
            return Err(Error::data(format!("the pair {shown} comes twice"))
                .hint("`deduplicate` in the source, or GROUP BY in the transformation"));
        }
    }
    if let Some((weight, weights)) = weights {
        check_weights(weight, weights, starts, keyed, &key_names("from", from))?;
    }
    let key = |pick: fn(&(i32, i32)) -> i32| -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(pairs.keys().map(pick)))
    };
    let shares = weights.map(|(_, weights)| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(pairs.values().map(|row| weights.value(*row))))
    });
    let arrays: Vec<ArrayRef> =
        [key(|pair| pair.0), key(|pair| pair.1)].into_iter().chain(shares).collect();
    RecordBatch::try_new(arrow_schema(&bridge.table_columns()), arrays)
        .map_err(|error| Error::internal("a bridge's rows are no table").caused_by(error))
}

/// Shares are positive, and those of each member together 1.
fn check_weights(
    weight: &Column,
    weights: &Float64Array,
    starts: &Int32Array,
    keyed: &RecordBatch,
    names: &[String],
) -> Result<()> {
    let mut sums: BTreeMap<i32, (f64, usize)> = BTreeMap::new();
    for row in 0..keyed.num_rows() {
        let share = if weights.is_null(row) { 0.0 } else { weights.value(row) };
        if !(share > 0.0 && share.is_finite()) {
            let shown = examples(keyed, names, &[row])?;
            let found = array_value_to_string(weights, row).unwrap_or_default();
            let found = if found.is_empty() { "NULL".to_owned() } else { found };
            let message =
                format!("`{}` of {shown} is {found}, expected a share above 0", weight.name);
            return Err(Error::data(message).hint("leave members without a share out"));
        }
        let sum = sums.entry(starts.value(row)).or_insert((0.0, row));
        sum.0 += share;
    }
    let wrong: Vec<&(f64, usize)> =
        sums.values().filter(|(sum, _)| (sum - 1.0).abs() > NEAR).collect();
    let Some((sum, row)) = wrong.first() else { return Ok(()) };
    let shown = examples(keyed, names, &[*row])?;
    let message = format!(
        "the shares `{}` of {} of {} members do not add up to 1; those of {shown} to {sum}",
        weight.name,
        wrong.len(),
        sums.len()
    );
    Err(Error::data(message).hint(format!(
        "mend them, or divide each by their sum: {0} / sum({0}) OVER (PARTITION BY ...)",
        weight.name
    )))
}

/// Some of the keys of rows, for people, each once.
fn examples(keyed: &RecordBatch, names: &[String], rows: &[usize]) -> Result<String> {
    let mut shown: Vec<String> = Vec::new();
    for row in rows {
        let mut cells = Vec::new();
        for name in names {
            let missing = || Error::internal("a row lost a column").with("column", name);
            let column = keyed.column_by_name(name).ok_or_else(missing)?;
            let cell = array_value_to_string(column, *row).unwrap_or_default();
            cells.push(if column.is_null(*row) { "NULL".to_owned() } else { cell });
        }
        let cells = format!("({})", cells.join(", "));
        if !shown.contains(&cells) {
            shown.push(cells);
        }
        if shown.len() == EXAMPLES {
            break;
        }
    }
    Ok(shown.join(", "))
}
