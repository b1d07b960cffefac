//! What runs before have left: numbers, weights, pairs, and what people have decided since.

use super::records::{Together, find, keys};
use super::tables::{self, pairs_table, weights_table};
use crate::error::{Error, Result};
use crate::etl::job::matching::MatchLoad;
use crate::etl::load::Loading;
use crate::etl::matching::{Before, Decision, Pair, Weights};
use crate::etl::rows;
use crate::model::{Column, ColumnType};
use crate::store::TableSpec;
use arrow::array::{Array, AsArray, StringArray};
use arrow::datatypes::{Float64Type, Int64Type};
use arrow::record_batch::RecordBatch;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// What makes weights and pairs of runs before useless when it changes.
pub(super) fn definition(spec: &MatchLoad) -> String {
    let what = (&spec.record, &spec.compare, &spec.block, &spec.thresholds);
    let how = (spec.duplicates_within_sources, spec.largest_block);
    let digest = Sha256::digest(format!("{what:?}{how:?}").as_bytes());
    digest.iter().take(16).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The numbers that records had.
pub(super) fn numbers(
    all: &Together,
    known: Option<&RecordBatch>,
    column: &str,
) -> Vec<Option<i64>> {
    let column = known.and_then(|known| known.column_by_name(column));
    let Some(numbers) = column.and_then(|column| column.as_primitive_opt::<Int64Type>()) else {
        return Vec::new();
    };
    let had = |before: &Option<usize>| {
        before.filter(|at| numbers.is_valid(*at)).map(|at| numbers.value(at))
    };
    all.known.iter().map(had).collect()
}

/// What people have decided, into what is known before; and what of it concerns nobody.
pub(super) async fn decisions(
    loading: &Loading<'_>,
    spec: &MatchLoad,
    all: &Together,
    before: &mut Before,
) -> Result<Vec<String>> {
    let Some(source) = &spec.decisions else { return Ok(Vec::new()) };
    let side = |prefix: &str| {
        let column =
            |name: &String| Column::new(format!("{prefix}_{name}"), ColumnType::Text, false);
        spec.record.iter().map(column).collect::<Vec<_>>()
    };
    let mut columns = side("a");
    columns.extend(side("b"));
    columns.push(Column::new("same", ColumnType::Boolean, false));
    let sql = format!("SELECT * FROM \"{source}\"");
    let session = loading.session(&[]);
    let batch = rows::collect(rows::stream_sql(&session, &sql, &columns).await?, &columns).await?;
    let same = batch.columns().last().and_then(|column| column.as_boolean_opt());
    let mut unknown = 0;
    for (row, pair) in pairs_of(&batch, spec, all).into_iter().enumerate() {
        match (pair, same.is_some_and(|same| same.value(row))) {
            (None, _) => unknown += 1,
            (Some(pair), true) => before.same.push(pair),
            (Some(pair), false) => drop(before.apart.insert(pair)),
        }
    }
    before.same.sort_unstable();
    before.same.dedup();
    if let Some((a, b)) = before.same.iter().find(|pair| before.apart.contains(*pair)) {
        let keys = keys(&all.batch, spec.record.len());
        let name = |record: &u32| {
            let parts: Vec<&str> = keys.iter().map(|key| key.value(*record as usize)).collect();
            parts.join(", ")
        };
        return Err(Error::data(
            "it is decided both that two records are the same and that they are not",
        )
        .with("source", source)
        .with("one", name(a))
        .with("other", name(b)));
    }
    let note = format!("{unknown} decisions of `{source}` name records that there are not");
    Ok(if unknown > 0 { vec![note] } else { Vec::new() })
}

/// The pairs that the first columns of a batch name, the smaller record first; none where a record
/// is not there.
fn pairs_of(batch: &RecordBatch, spec: &MatchLoad, all: &Together) -> Vec<Option<(u32, u32)>> {
    let count = spec.record.len();
    let (records, named) = (keys(&all.batch, count), keys(batch, 2 * count));
    let record = |side: &[&StringArray], row: usize| {
        let key: Vec<&str> = side.iter().map(|part| part.value(row)).collect();
        find(&records, &key)
    };
    let pair = |row: usize| {
        let (a, b) = (record(&named[..count], row)?, record(&named[count..], row)?);
        (a != b).then_some((a.min(b), a.max(b)))
    };
    (0..batch.num_rows()).map(pair).collect()
}

pub(super) async fn stored_weights(
    loading: &Loading<'_>,
    spec: &MatchLoad,
) -> Result<Option<Weights>> {
    let rows = stored(loading, &weights_table(spec), "position").await?;
    Ok(rows.and_then(|rows| tables::weights_of(spec, &rows)))
}

/// The pairs of records that are as they were.
pub(super) async fn stored_pairs(
    loading: &Loading<'_>,
    spec: &MatchLoad,
    all: &Together,
) -> Result<Vec<Pair>> {
    let table = pairs_table(spec);
    let Some(rows) = stored(loading, &table, &table.sort_by.join(", ")).await? else {
        return Ok(Vec::new());
    };
    let at = 2 * spec.record.len();
    let odds = rows.column(at).as_primitive::<Float64Type>();
    let decided = rows.column(at + 2).as_string::<i32>();
    let reasons = rows.column(at + 3).as_string::<i32>();
    let is_kept = |row: &usize| {
        [Decision::Match, Decision::Review].iter().any(|kept| kept.word() == decided.value(*row))
    };
    let is_old = |(a, b): &(u32, u32)| !all.fresh[*a as usize] && !all.fresh[*b as usize];
    let pairs = pairs_of(&rows, spec, all).into_iter().enumerate();
    let pairs = pairs.filter(|(row, _)| is_kept(row)).filter_map(|(row, pair)| {
        let (a, b) = pair.filter(is_old)?;
        let reason = reasons.value(row).to_owned();
        Some(Pair { a, b, odds: odds.value(row), decision: Decision::Review, reason })
    });
    Ok(pairs.collect())
}

/// A table as runs before left it; none where it has other columns or is not there.
pub(super) async fn stored(
    loading: &Loading<'_>,
    table: &TableSpec,
    order: &str,
) -> Result<Option<RecordBatch>> {
    let preview = loading.load.preview();
    let Some(state) = preview.tables.get(&table.name) else { return Ok(None) };
    if state.columns != table.columns {
        return Ok(None);
    }
    let sql = format!("SELECT * FROM warehouse.{} ORDER BY {order}", table.name);
    let session = loading.session(&[]);
    let rows = rows::stream_sql(&session, &sql, &table.columns).await?;
    Ok(Some(rows::collect(rows, &table.columns).await?))
}
