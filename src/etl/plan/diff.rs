//! What would be other rows: two states of a table, compared by the key of its rows.
//!
//! Only files that one state has and the other has not are read: those of both hold the same rows.

use crate::engine::{Engine, Session};
use crate::error::Result;
use crate::etl::load::quoted;
use crate::etl::rows;
use crate::model::Model;
use crate::policy::Principal;
use crate::store::{DataFile, Release, TableState};
use arrow::array::Array;
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The rows of files that leave, and of those that join.
const BEFORE: &str = "rows_before";
const AFTER: &str = "rows_after";

/// How the rows of a table would change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TableDiff {
    /// The table.
    pub table: String,
    /// Its rows in the latest release.
    pub rows_before: u64,
    /// Its rows as they would be.
    pub rows_after: u64,
    /// Rows that would be new.
    pub added: u64,
    /// Rows of the same key with another value; where rows have no key, they leave and join.
    pub changed: u64,
    /// Rows that would not be there any more.
    pub removed: u64,
    /// Partitions with files that would leave or join; empty for a table without.
    pub partitions: Vec<i32>,
    /// Some of those rows.
    pub samples: Vec<RowDiff>,
}

/// A row that would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowDiff {
    /// What would become of it.
    pub what: RowChange,
    /// Its columns: the key's and those that differ, or all of a row that leaves or joins.
    pub columns: Vec<Cell>,
}

/// What would become of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowChange {
    /// It would be new.
    Added,
    /// It would have other values.
    Changed,
    /// It would leave.
    Removed,
}

/// A value before and after; NULL is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The column.
    pub column: String,
    /// Before.
    pub before: Option<String>,
    /// After.
    pub after: Option<String>,
}

/// Compares the tables of dimensions, facts and matchings in two releases; those that are the same
/// are left out. Shows so many rows of each kind.
///
/// # Errors
/// What stops a query.
pub(crate) async fn tables(
    engine: &Engine,
    before: &Arc<Release>,
    after: &Arc<Release>,
    samples: usize,
) -> Result<Vec<TableDiff>> {
    let names: BTreeSet<&String> = before.tables.keys().chain(after.tables.keys()).collect();
    let mut diffs = Vec::new();
    for name in names.into_iter().filter(|name| is_told(name, engine.model())) {
        let (old, new) = (before.tables.get(name), after.tables.get(name));
        if old.map(|table| &table.files) == new.map(|table| &table.files) {
            continue;
        }
        let Some(some) = new.or(old) else { continue };
        let (leave, join) = (without(old, new), without(new, old));
        let table = |state: Option<&TableState>, files: &[DataFile]| TableState {
            files: files.to_vec(),
            ..state.unwrap_or(some).clone()
        };
        let staged =
            vec![(BEFORE.to_owned(), table(old, &leave)), (AFTER.to_owned(), table(new, &join))];
        let compared = Compared {
            session: engine.load_session(Principal::pipeline(), Arc::clone(after), staged, None),
            key: key(name, engine.model()),
            columns: common(old.unwrap_or(some), new.unwrap_or(some)),
        };
        let mut diff = compared.diff(samples).await.map_err(|error| error.with("table", name))?;
        let partitions = leave.iter().chain(&join).filter_map(|file| file.partition);
        diff.partitions = partitions.collect::<BTreeSet<_>>().into_iter().collect();
        diff.table.clone_from(name);
        diff.rows_before = old.map_or(0, TableState::rows);
        diff.rows_after = new.map_or(0, TableState::rows);
        diffs.push(diff);
    }
    Ok(diffs)
}

/// Aggregates, closures and logs follow from what is told.
fn is_told(table: &str, model: &Model) -> bool {
    let derived = |d: &crate::model::Dimension| d.closure_table() == table;
    !table.starts_with("agg_")
        && !table.starts_with("changes_")
        && !model.dimensions.iter().any(derived)
}

/// What tells the rows of a table apart; nothing where the model does not say.
fn key(table: &str, model: &Model) -> Vec<String> {
    let dimension = model.dimensions.iter().find(|dimension| dimension.table() == table);
    let fact = model.facts.iter().find(|fact| fact.table() == table);
    match (dimension, fact) {
        (Some(dimension), _) => vec![dimension.key_column()],
        (None, Some(fact)) => fact.key.clone(),
        (None, None) => Vec::new(),
    }
}

fn without(table: Option<&TableState>, other: Option<&TableState>) -> Vec<DataFile> {
    let files = table.map_or(&[][..], |table| &table.files);
    let others: BTreeSet<&str> =
        other.iter().flat_map(|other| &other.files).map(|file| file.path.as_str()).collect();
    files.iter().filter(|file| !others.contains(file.path.as_str())).cloned().collect()
}

/// The columns that both have, of the same type.
fn common(old: &TableState, new: &TableState) -> Vec<String> {
    let stays = |name: &str, ty| old.columns.iter().any(|c| c.name == name && c.ty == ty);
    let columns = new.columns.iter().filter(|column| stays(&column.name, column.ty));
    columns.map(|column| column.name.clone()).collect()
}

/// That two rows have the same values, NULL or not.
fn equal(columns: &[String]) -> String {
    let pairs =
        columns.iter().map(|name| format!("(b.{0} IS NOT DISTINCT FROM a.{0})", quoted(name)));
    pairs.collect::<Vec<_>>().join(" AND ")
}

/// Two states of a table, and how their rows are told apart.
struct Compared {
    session: Session,
    key: Vec<String>,
    columns: Vec<String>,
}

/// A question for rows that would change.
struct Asked {
    what: RowChange,
    /// The rows.
    rows: String,
    /// How many they are, as an aggregate over them.
    count: &'static str,
}

impl Compared {
    async fn diff(&self, samples: usize) -> Result<TableDiff> {
        let keyed = !self.key.is_empty() && self.key.iter().all(|key| self.columns.contains(key));
        let queries = if keyed { self.by_key() } else { self.by_row() };
        let mut diff = TableDiff::default();
        for Asked { what, rows, count } in queries {
            let sql = format!("SELECT {count} FROM ({rows}) AS r");
            let count = rows::counts(&self.session, &sql).await?.first().copied().unwrap_or(0);
            match what {
                RowChange::Added => diff.added = count,
                RowChange::Changed => diff.changed = count,
                RowChange::Removed => diff.removed = count,
            }
            if count > 0 && samples > 0 {
                let sql = format!("{rows} ORDER BY 1, 2 LIMIT {samples}");
                let shown = rows::answer(&self.session, &sql).await?;
                diff.samples.extend((0..shown.num_rows()).map(|row| self.row(what, &shown, row)));
            }
        }
        Ok(diff)
    }

    /// Rows are told apart by their key: the columns of an answer are those before, then those
    /// after, of a row that has both.
    fn by_key(&self) -> Vec<Asked> {
        let (same_key, same_row) = (equal(&self.key), equal(&self.columns));
        let (before, after) = (self.list("b"), self.list("a"));
        let asked = |what, rows| Asked { what, rows, count: "count(*)" };
        vec![
            asked(
                RowChange::Changed,
                format!(
                    "SELECT {before}, {after} FROM {BEFORE} AS b JOIN {AFTER} AS a ON {same_key} \
                     WHERE NOT ({same_row})"
                ),
            ),
            asked(
                RowChange::Added,
                format!(
                    "SELECT {after} FROM {AFTER} AS a LEFT ANTI JOIN {BEFORE} AS b ON {same_key}"
                ),
            ),
            asked(
                RowChange::Removed,
                format!(
                    "SELECT {before} FROM {BEFORE} AS b LEFT ANTI JOIN {AFTER} AS a ON {same_key}"
                ),
            ),
        ]
    }

    /// Without a key, equal rows are counted on both sides.
    fn by_row(&self) -> Vec<Asked> {
        let columns: Vec<String> = self.columns.iter().map(|column| quoted(column)).collect();
        let (columns, named) = (columns.join(", "), self.list("r"));
        let more = |sign: &str| {
            format!(
                "SELECT {named}, abs(r.more) AS more FROM (SELECT {columns}, sum(w) AS more FROM \
                 (SELECT {columns}, 1 AS w FROM {AFTER} UNION ALL SELECT {columns}, -1 AS w \
                 FROM {BEFORE}) AS u GROUP BY {columns}) AS r WHERE r.more {sign} 0"
            )
        };
        let asked = |what, rows| Asked { what, rows, count: "sum(r.more)" };
        vec![asked(RowChange::Added, more(">")), asked(RowChange::Removed, more("<"))]
    }

    /// The columns of a side, under names that tell them from the other's.
    fn list(&self, alias: &str) -> String {
        let columns = self.columns.iter().enumerate();
        let column = columns.map(|(i, name)| format!("{alias}.{} AS {alias}{i}", quoted(name)));
        column.collect::<Vec<_>>().join(", ")
    }

    fn row(&self, what: RowChange, rows: &RecordBatch, row: usize) -> RowDiff {
        let value = |column: usize| {
            let column = rows.columns().get(column).filter(|column| column.is_valid(row))?;
            array_value_to_string(column, row).ok()
        };
        let width = self.columns.len();
        let cells = self.columns.iter().enumerate().map(|(i, column)| {
            let (before, after) = match what {
                RowChange::Added => (None, value(i)),
                RowChange::Removed => (value(i), None),
                RowChange::Changed => (value(i), value(width + i)),
            };
            Cell { column: column.clone(), before, after }
        });
        let tells = |cell: &Cell| {
            what != RowChange::Changed
                || cell.before != cell.after
                || self.key.contains(&cell.column)
        };
        RowDiff { what, columns: cells.filter(tells).collect() }
    }
}
