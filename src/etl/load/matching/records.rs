//! The records of a matching: those that come, those that are known, and both together.

use super::tables::{internal, records_table};
use crate::engine::Session;
use crate::error::{Error, Result};
use crate::etl::columns::declared_type;
use crate::etl::fit::{Fitting, Wanted};
use crate::etl::job::matching::MatchLoad;
use crate::etl::load::Loading;
use crate::etl::{rows, transform};
use crate::model::{Column, ColumnType, arrow_schema};
use arrow::array::{Array, ArrayRef, AsArray, StringArray, UInt32Array};
use arrow::compute::{cast, interleave, take_record_batch};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use std::cmp::Ordering;
use std::sync::Arc;

/// The records that the job yields, in the order of their keys, all columns as text: the record's
/// own, then what is compared.
pub(super) async fn incoming(loading: &Loading<'_>, spec: &MatchLoad) -> Result<RecordBatch> {
    let session = loading.session(&[]);
    let query = transform::plan(&session, loading.job, &[], None).await?;
    let yielded = query.schema();
    let typed = |name: &str, nullable| {
        let field = yielded.field_with_name(name).ok();
        let ty = field.and_then(|field| declared_type(field.data_type()));
        Wanted::same(&Column::new(name, ty.unwrap_or(ColumnType::Text), nullable))
    };
    let mut wanted: Vec<Wanted> = spec.record.iter().map(|name| typed(name, false)).collect();
    wanted.extend(spec.compared_columns().into_iter().map(|name| typed(name, true)));
    let fitting = Fitting::new(&yielded, &wanted)?;
    let columns = fitting.columns().to_vec();
    let batch = rows::collect(rows::fitted(&query, fitting).await?, &columns).await?;
    let texts = batch.columns().iter().map(|column| cast(column, &DataType::Utf8));
    let texts: Vec<ArrayRef> = texts.collect::<Result<_, _>>().map_err(internal)?;
    let columns: Vec<Column> =
        columns.into_iter().map(|column| Column { ty: ColumnType::Text, ..column }).collect();
    let batch = RecordBatch::try_new(arrow_schema(&columns), texts).map_err(internal)?;
    in_order(&batch, spec)
}

/// Puts records in the order of their keys.
///
/// # Errors
/// Data errors that show a key which several records have.
fn in_order(batch: &RecordBatch, spec: &MatchLoad) -> Result<RecordBatch> {
    let keys = keys(batch, spec.record.len());
    let mut order: Vec<u32> = (0..u32::try_from(batch.num_rows()).unwrap_or(u32::MAX)).collect();
    order.sort_unstable_by(|a, b| compare(&keys, *a as usize, &keys, *b as usize));
    let twice = order
        .windows(2)
        .find(|pair| compare(&keys, pair[0] as usize, &keys, pair[1] as usize) == Ordering::Equal);
    if let Some(pair) = twice {
        let values: Vec<&str> = keys.iter().map(|key| key.value(pair[0] as usize)).collect();
        return Err(Error::data("two records have the same key")
            .with("columns", spec.record.join(", "))
            .with("key", values.join(", "))
            .hint("`deduplicate` in the source says which of several stays"));
    }
    take_record_batch(batch, &UInt32Array::from(order)).map_err(internal)
}

/// The record columns of a batch, which come first.
pub(super) fn keys(batch: &RecordBatch, count: usize) -> Vec<&StringArray> {
    batch.columns().iter().take(count).filter_map(|key| key.as_string_opt::<i32>()).collect()
}

fn compare(ours: &[&StringArray], a: usize, theirs: &[&StringArray], b: usize) -> Ordering {
    let ordered = ours.iter().zip(theirs).map(|(one, other)| one.value(a).cmp(other.value(b)));
    ordered.fold(Ordering::Equal, Ordering::then)
}

/// The record with a key, in a batch in the order of keys.
pub(super) fn find(keys: &[&StringArray], key: &[&str]) -> Option<u32> {
    let (mut low, mut high) = (0, keys.first().map_or(0, |array| array.len()));
    while low < high {
        let middle = low.midpoint(high);
        let parts = keys.iter().zip(key).map(|(array, part)| array.value(middle).cmp(part));
        match parts.fold(Ordering::Equal, Ordering::then) {
            Ordering::Equal => return u32::try_from(middle).ok(),
            Ordering::Less => low = middle + 1,
            Ordering::Greater => high = middle,
        }
    }
    None
}

/// The records known from runs before, in the order of their keys: the columns that a table of
/// records has now; a column that it did not have is NULL.
pub(super) async fn known(
    session: &Session,
    spec: &MatchLoad,
    has: &[Column],
) -> Result<RecordBatch> {
    let columns = records_table(spec).columns;
    let picked = columns.iter().map(|column| {
        let name = &column.name;
        if has.iter().any(|stored| stored.name == *name) {
            return format!("\"{name}\"");
        }
        let ty = if column.ty == ColumnType::Text { "VARCHAR" } else { "BIGINT" };
        format!("CAST(NULL AS {ty}) AS \"{name}\"")
    });
    let keys: Vec<String> = spec.record.iter().map(|name| format!("\"{name}\"")).collect();
    let sql = format!(
        "SELECT {} FROM warehouse.{} ORDER BY {}",
        picked.collect::<Vec<_>>().join(", "),
        spec.table(),
        keys.join(", ")
    );
    let open: Vec<Column> = columns.into_iter().map(|c| Column { nullable: true, ..c }).collect();
    rows::collect(rows::stream_sql(session, &sql, &open).await?, &open).await
}

/// All records of a run.
pub(super) struct Together {
    /// Their key columns and what is compared, as [`incoming`] yields them.
    pub(super) batch: RecordBatch,
    /// For each the record known before, by its place.
    pub(super) known: Vec<Option<usize>>,
    /// Whether it is new or has changed.
    pub(super) fresh: Vec<bool>,
    /// How many known records are gone.
    pub(super) gone: u64,
}

/// Puts the records that come over those that are known; with `close`, who does not come is gone.
pub(super) fn together(
    spec: &MatchLoad,
    incoming: &RecordBatch,
    known: Option<&RecordBatch>,
    close: bool,
) -> Result<Together> {
    let count = spec.record.len();
    let Some(known) = known else {
        let rows = incoming.num_rows();
        let (known, fresh) = (vec![None; rows], vec![true; rows]);
        return Ok(Together { batch: incoming.clone(), known, fresh, gone: 0 });
    };
    let same_columns = known_as_incoming(spec, known);
    let (ours, theirs) = (keys(incoming, count), keys(known, count));
    let (mut at, mut before) = (0, 0);
    let mut picks: Vec<(usize, usize)> = Vec::new();
    let mut all =
        Together { batch: incoming.clone(), known: Vec::new(), fresh: Vec::new(), gone: 0 };
    while at < incoming.num_rows() || before < known.num_rows() {
        let order = match (at < incoming.num_rows(), before < known.num_rows()) {
            (true, true) => compare(&ours, at, &theirs, before),
            (true, false) => Ordering::Less,
            _ => Ordering::Greater,
        };
        if order == Ordering::Greater {
            if close {
                all.gone += 1;
            } else {
                picks.push((1, before));
                all.known.push(Some(before));
                all.fresh.push(false);
            }
            before += 1;
            continue;
        }
        let is_known = order == Ordering::Equal;
        let changed = || {
            let pairs = incoming.columns().iter().zip(&same_columns).skip(count);
            pairs.into_iter().any(|(new, old)| !same(new, at, old, before))
        };
        all.fresh.push(!is_known || changed());
        all.known.push(is_known.then_some(before));
        picks.push((0, at));
        at += 1;
        before += usize::from(is_known);
    }
    let columns = incoming
        .columns()
        .iter()
        .zip(&same_columns)
        .map(|(new, old)| interleave(&[new.as_ref(), old.as_ref()], &picks).map_err(internal));
    all.batch = RecordBatch::try_new(incoming.schema(), columns.collect::<Result<_>>()?)
        .map_err(internal)?;
    Ok(all)
}

/// The known records' columns as those that come have them: without the numbers.
fn known_as_incoming(spec: &MatchLoad, known: &RecordBatch) -> Vec<ArrayRef> {
    let names = spec.record.iter().map(String::as_str).chain(spec.compared_columns());
    names.filter_map(|name| known.column_by_name(name)).map(Arc::clone).collect()
}

fn same(new: &ArrayRef, at: usize, old: &ArrayRef, before: usize) -> bool {
    match (new.as_string_opt::<i32>(), old.as_string_opt::<i32>()) {
        (Some(new), Some(old)) => match (new.is_null(at), old.is_null(before)) {
            (false, false) => new.value(at) == old.value(before),
            (new, old) => new == old,
        },
        _ => false,
    }
}
