//! What runs before have left: numbers, weights, pairs, and what people have decided since.

use super::records::{Together, find, keys};
use super::tables::{self, pairs_table, weights_table};
use crate::error::{Error, Result};
use crate::etl::job::matching::MatchLoad;
use crate::etl::load::{Loading, quoted};
use crate::etl::matching::{Before, Decision, Edge, Pair, Pairs, Weights};
use crate::etl::rows;
use crate::model::{Column, ColumnType};
use crate::store::{Rows, TableSpec};
use arrow::array::{Array, AsArray, StringArray};
use arrow::datatypes::{Float64Type, Int64Type};
use arrow::record_batch::RecordBatch;
use futures::StreamExt;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use tokio::sync::mpsc;

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
    for (row, pair) in pairs_of(&batch, spec.record.len(), &all.batch).into_iter().enumerate() {
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
/// is not among these.
fn pairs_of(batch: &RecordBatch, count: usize, all: &RecordBatch) -> Vec<Option<(u32, u32)>> {
    let (records, named) = (keys(all, count), keys(batch, 2 * count));
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
    let table = weights_table(spec);
    if !is_there(loading, &table) {
        return Ok(None);
    }
    let sql = format!("SELECT * FROM warehouse.{} ORDER BY position", table.name);
    let session = loading.session(&[]);
    let rows = rows::stream_sql(&session, &sql, &table.columns).await?;
    let rows = rows::collect(rows, &table.columns).await?;
    Ok(tables::weights_of(spec, &rows))
}

/// The pairs that runs before have kept, as far as their records are as they were.
pub(super) struct Old {
    /// The columns that name records, first.
    all: RecordBatch,
    count: usize,
    fresh: Vec<bool>,
}

impl Old {
    pub(super) fn new(spec: &MatchLoad, all: &Together) -> Self {
        Self { all: all.batch.clone(), count: spec.record.len(), fresh: all.fresh.clone() }
    }

    /// Of some rows of the table.
    pub(super) fn pairs(&self, rows: &RecordBatch) -> Vec<Pair> {
        let at = 2 * self.count;
        let odds = rows.column(at).as_primitive::<Float64Type>();
        let reasons = rows.column(at + 1).as_string::<i32>();
        let is_old = |(a, b): &(u32, u32)| !self.fresh[*a as usize] && !self.fresh[*b as usize];
        let pairs = pairs_of(rows, self.count, &self.all).into_iter().enumerate();
        let pairs = pairs.filter_map(|(row, pair)| {
            let (a, b) = pair.filter(is_old)?;
            let reason = reasons.value(row).to_owned();
            Some(Pair { a, b, odds: odds.value(row), decision: Decision::Review, reason })
        });
        pairs.collect()
    }

    /// Those that match: they are held.
    ///
    /// # Errors
    /// Those of reading them.
    pub(super) async fn edges(&self, mut rows: Rows, least: f64) -> Result<Vec<Edge>> {
        let mut edges = Vec::new();
        while let Some(rows) = rows.next().await {
            let pairs = self.pairs(&rows?).into_iter().filter(|pair| pair.odds >= least);
            edges.extend(pairs.map(|pair| Edge { a: pair.a, b: pair.b, odds: pair.odds }));
        }
        Ok(edges)
    }

    /// All of them, as rows of the table come in.
    pub(super) fn coming_in(self, mut rows: mpsc::Receiver<Result<RecordBatch>>) -> Pairs {
        let mut last: Option<(u32, u32)> = None;
        let batches = std::iter::from_fn(move || rows.blocking_recv());
        let pairs = batches.flat_map(move |rows| -> Vec<Result<Pair>> {
            match rows {
                Ok(rows) => self.pairs(&rows).into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            }
        });
        Box::new(pairs.map(move |pair| {
            let pair = pair?;
            let place = Some((pair.a, pair.b));
            match last.replace((pair.a, pair.b)) >= place {
                true => Err(Error::internal("pairs of a matching are not in order")),
                false => Ok(pair),
            }
        }))
    }
}

/// What of the table of pairs is read again, in the order of records; none where there is no such
/// table. `reasons`: with the reasons of the pairs, in place of empty ones.
///
/// # Errors
/// Those of reading it.
pub(super) async fn stored_pairs(
    loading: &Loading<'_>,
    spec: &MatchLoad,
    reasons: bool,
) -> Result<Option<Rows>> {
    let table = pairs_table(spec);
    if !is_there(loading, &table) {
        return Ok(None);
    }
    let named = &table.sort_by;
    let is_read = |column: &&Column| {
        named.contains(&column.name) || ["weight", "reason"].contains(&column.name.as_str())
    };
    let columns: Vec<Column> = table.columns.iter().filter(is_read).cloned().collect();
    let reason = if reasons { "reason" } else { "'' AS reason" };
    let kept = [Decision::Match, Decision::Review].map(|kept| format!("'{}'", kept.word()));
    let sql = format!(
        "SELECT {names}, weight, {reason} FROM warehouse.{} WHERE decision IN ({}) ORDER BY {names}",
        table.name,
        kept.join(", "),
        names = quoted_names(named),
    );
    let session = loading.session(&[]);
    Ok(Some(rows::stream_sql(&session, &sql, &columns).await?))
}

fn quoted_names(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

/// Whether a table is as this run would write it.
fn is_there(loading: &Loading<'_>, table: &TableSpec) -> bool {
    let preview = loading.load.preview();
    preview.tables.get(&table.name).is_some_and(|state| state.columns == table.columns)
}
