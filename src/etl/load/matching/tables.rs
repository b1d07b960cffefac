//! The tables of a matching: their columns, and what came of a run as rows of them.

use crate::error::{Error, Result};
use crate::etl::job::matching::MatchLoad;
use crate::etl::matching::{Event, Level, Pair, Weights};
use crate::model::{Column, ColumnType, arrow_schema};
use crate::store::TableSpec;
use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::take;
use arrow::datatypes::Float64Type;
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// The person's number.
pub(super) const PERSON: &str = "person_id";
/// The household's number.
pub(super) const HOUSEHOLD: &str = "household_id";
/// The names under which the prior and the duplicates stand among the weights.
const PRIOR: (&str, &str) = ("(any two records)", "match");
const RELATED: (&str, &str) = ("(any two records)", "match, not household");
const DUPLICATES: (&str, &str) = ("(any record)", "others of the same person");

/// Columns of records, persons and what was compared.
pub(super) fn records_table(spec: &MatchLoad) -> TableSpec {
    let mut columns: Vec<Column> = spec.record.iter().map(|name| text(name, false)).collect();
    columns.push(number(PERSON, "the person; stays the same from run to run"));
    if !spec.household.is_empty() {
        columns.push(number(HOUSEHOLD, "the household of the person"));
    }
    columns.extend(spec.compared_columns().into_iter().map(|name| text(name, true)));
    TableSpec {
        name: spec.table(),
        description: format!("records of {} and the person each is of", spec.name),
        columns,
        partition_by: None,
        sort_by: spec.record.clone(),
    }
}

/// Columns of pairs.
pub(super) fn pairs_table(spec: &MatchLoad) -> TableSpec {
    let side = |prefix: &str| -> Vec<Column> {
        spec.record.iter().map(|name| text(&format!("{prefix}_{name}"), false)).collect()
    };
    let mut columns = side("a");
    columns.extend(side("b"));
    let sort_by = columns.iter().map(|column| column.name.clone()).collect();
    columns.push(float("weight", false, "what speaks for a match, in bits"));
    columns.push(float("probability", false, "how likely it is a match"));
    let decision = "match, review (somebody should look), same or apart (somebody has decided)";
    columns.push(Column { description: decision.to_owned(), ..text("decision", false) });
    let reason = "what the columns say for it and against it, the weightiest first";
    columns.push(Column { description: reason.to_owned(), ..text("reason", false) });
    TableSpec {
        name: format!("{}_pairs", spec.table()),
        description: format!("pairs of records of {} that match or want a look", spec.name),
        columns,
        partition_by: None,
        sort_by,
    }
}

/// Columns of the history.
pub(super) fn history_table(spec: &MatchLoad) -> TableSpec {
    let mut at = Column::new("at", ColumnType::Timestamp, false);
    at.description = "the business time of the run".to_owned();
    let event = "new; merged: a number became part of another; split: records left a number";
    let columns = vec![
        at,
        Column { description: event.to_owned(), ..text("event", false) },
        number(PERSON, "the number before"),
        number("into_person_id", "the number after"),
        number("records", "how many records are concerned"),
    ];
    TableSpec {
        name: format!("{}_history", spec.table()),
        description: format!("what happened to the persons of {}", spec.name),
        columns,
        partition_by: None,
        sort_by: Vec::new(),
    }
}

/// Columns of the weights.
pub(super) fn weights_table(spec: &MatchLoad) -> TableSpec {
    let mut position = Column::new("position", ColumnType::Int32, false);
    position.description = "the order".to_owned();
    let columns = vec![
        position,
        Column { description: "the comparison".to_owned(), ..text("comparison", false) },
        Column { description: "the level of agreement".to_owned(), ..text("level", false) },
        float("m", true, "how often matches reach it; none where the weight is declared"),
        float("u", true, "how often unrelated pairs do; none where the weight is declared"),
        float("r", true, "how often members of a household do; none where it is declared"),
        float("weight", true, "log2(m / u); of duplicates, how many; none: no households"),
    ];
    TableSpec {
        name: format!("{}_weights", spec.table()),
        description: format!("what agreements of {} weigh", spec.name),
        columns,
        partition_by: None,
        sort_by: vec!["position".to_owned()],
    }
}

fn text(name: &str, nullable: bool) -> Column {
    Column::new(name, ColumnType::Text, nullable)
}

fn number(name: &str, description: &str) -> Column {
    let column = Column::new(name, ColumnType::Int64, false);
    Column { description: description.to_owned(), ..column }
}

fn float(name: &str, nullable: bool, description: &str) -> Column {
    let column = Column::new(name, ColumnType::Float64, nullable);
    Column { description: description.to_owned(), ..column }
}

/// Pairs as rows; `keys` are the record columns of the records they name.
pub(super) fn pairs(spec: &TableSpec, keys: &[ArrayRef], pairs: &[Pair]) -> Result<RecordBatch> {
    let side = |of: fn(&Pair) -> u32| -> Result<Vec<ArrayRef>> {
        let rows = UInt32Array::from_iter_values(pairs.iter().map(of));
        keys.iter().map(|key| take(key, &rows, None).map_err(internal)).collect()
    };
    let mut arrays = side(|pair| pair.a)?;
    arrays.extend(side(|pair| pair.b)?);
    arrays.push(Arc::new(Float64Array::from_iter_values(pairs.iter().map(|pair| pair.odds))));
    let probabilities = pairs.iter().map(Pair::probability);
    arrays.push(Arc::new(Float64Array::from_iter_values(probabilities)));
    let decisions = pairs.iter().map(|pair| pair.decision.word());
    arrays.push(Arc::new(StringArray::from_iter_values(decisions)));
    arrays.push(Arc::new(StringArray::from_iter_values(pairs.iter().map(|pair| &pair.reason))));
    batch(spec, arrays)
}

/// What happened in a run.
pub(super) fn history(spec: &TableSpec, at_us: i64, events: &[Event]) -> Result<RecordBatch> {
    let numbers = |of: fn(&Event) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(events.iter().map(of)))
    };
    let at = TimestampMicrosecondArray::from(vec![at_us; events.len()]).with_timezone("UTC");
    let words = events.iter().map(|event| event.what.word());
    batch(
        spec,
        vec![
            arrow::compute::cast(&at, &ColumnType::Timestamp.arrow()).map_err(internal)?,
            Arc::new(StringArray::from_iter_values(words)),
            numbers(|event| event.from),
            numbers(|event| event.to),
            numbers(|event| event.records),
        ],
    )
}

/// Weights as rows.
pub(super) fn weights(
    table: &TableSpec,
    spec: &MatchLoad,
    weights: &Weights,
) -> Result<RecordBatch> {
    let mut rows: Vec<(&str, &str, Level)> = Vec::new();
    for (compare, levels) in spec.compare.iter().zip(&weights.fields) {
        let words = compare.kind.levels().iter();
        rows.extend(words.zip(levels).map(|(word, level)| (compare.name(), *word, *level)));
    }
    rows.push((PRIOR.0, PRIOR.1, Level::declared(weights.prior)));
    rows.push((RELATED.0, RELATED.1, Level::declared(weights.prior_related)));
    rows.push((DUPLICATES.0, DUPLICATES.1, Level::declared(weights.duplicates)));
    let known = |of: fn(&Level) -> f64| -> ArrayRef {
        let values = rows.iter().map(|(_, _, level)| Some(of(level)).filter(|p| p.is_finite()));
        Arc::new(values.collect::<Float64Array>())
    };
    let positions = 0..i32::try_from(rows.len()).unwrap_or(i32::MAX);
    batch(
        table,
        vec![
            Arc::new(Int32Array::from_iter_values(positions)),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0))),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1))),
            known(|level| level.m),
            known(|level| level.u),
            known(|level| level.r),
            known(|level| level.weight),
        ],
    )
}

/// Weights out of their rows; none where those are of other comparisons.
pub(super) fn weights_of(spec: &MatchLoad, rows: &RecordBatch) -> Option<Weights> {
    let text = |at: usize| rows.column(at).as_string_opt::<i32>();
    let number = |at: usize| rows.column(at).as_primitive_opt::<Float64Type>();
    let (names, words) = (text(1)?, text(2)?);
    let (m, u, r, weight) = (number(3)?, number(4)?, number(5)?, number(6)?);
    let known = |array: &Float64Array, row: usize, none| {
        if array.is_null(row) { none } else { array.value(row) }
    };
    let mut row = 0;
    let mut next = |name: &str, word: &str| {
        let is_next = row < rows.num_rows() && names.value(row) == name && words.value(row) == word;
        row += 1;
        let at = row - 1;
        is_next.then(|| Level {
            m: known(m, at, f64::NAN),
            u: known(u, at, f64::NAN),
            r: known(r, at, f64::NAN),
            weight: known(weight, at, f64::INFINITY),
        })
    };
    let mut fields = Vec::new();
    for compare in &spec.compare {
        let levels = compare.kind.levels().iter().map(|word| next(compare.name(), word));
        fields.push(levels.collect::<Option<Vec<_>>>()?);
    }
    let prior = next(PRIOR.0, PRIOR.1)?.weight;
    let prior_related = next(RELATED.0, RELATED.1)?.weight;
    let duplicates = next(DUPLICATES.0, DUPLICATES.1)?.weight;
    Some(Weights { prior, prior_related, fields, duplicates })
}

pub(super) fn batch(spec: &TableSpec, arrays: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(arrow_schema(&spec.columns), arrays).map_err(internal)
}

pub(super) fn internal(error: arrow::error::ArrowError) -> Error {
    Error::internal("the rows of a matching do not hold together").caused_by(error)
}
