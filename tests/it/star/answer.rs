//! Answers as rows of text, compared whatever their order.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::TryStreamExt;
use starhouse::engine::{Query, Session, error_of};

/// The rows of an answer, sorted; NULL is `None`.
pub(super) type Rows = Vec<Vec<Cell>>;

#[derive(Debug, Clone)]
pub(super) enum Cell {
    Null,
    Float(f64),
    Text(String),
}

impl Cell {
    fn exact(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Float(_) => String::new(),
            Self::Text(text) => format!("'{text}'"),
        }
    }

    fn rounded(&self) -> Option<String> {
        match self {
            Self::Float(value) => Some(format!("{value:.6e}")),
            _ => None,
        }
    }
}

/// Asks, and asks again; the error is text.
pub(super) async fn ask(session: &Session, sql: &str) -> Result<Rows, String> {
    let query = session.plan_sql(sql).await.map_err(|error| error.to_string())?;
    let answer = run(&query).await?;
    if !query.is_explained() {
        // The same operators answer again, and for two at once.
        for again in <[_; 2]>::from(futures::join!(run(&query), run(&query))) {
            assert_eq!(difference(&answer, &again?), None, "{sql}, asked again");
        }
    }
    Ok(answer)
}

/// Asks what need not have the same answer each time.
pub(super) async fn ask_once(session: &Session, sql: &str) -> Result<Rows, String> {
    run(&session.plan_sql(sql).await.map_err(|error| error.to_string())?).await
}

async fn run(query: &Query) -> Result<Rows, String> {
    let stream = query.execute().await.map_err(|error| error.to_string())?;
    let batches: Vec<RecordBatch> =
        stream.try_collect().await.map_err(|error| error_of(error).to_string())?;
    Ok(rows(&batches))
}

/// The rows of batches, sorted.
pub(super) fn rows(batches: &[RecordBatch]) -> Rows {
    sorted(batches.iter().flat_map(rows_of).collect())
}

/// The rows in an order that does not depend on the digits in which floats may differ.
pub(super) fn sorted(mut rows: Rows) -> Rows {
    rows.sort_by_cached_key(|row| {
        let exact: Vec<String> = row.iter().map(Cell::exact).collect();
        // Floats decide last.
        let floats: Vec<String> = row.iter().filter_map(Cell::rounded).collect();
        (exact, floats)
    });
    rows
}

fn rows_of(batch: &RecordBatch) -> Rows {
    let options = FormatOptions::default();
    let formatters: Vec<ArrayFormatter<'_>> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
        .collect();
    let cell = |column: usize, row: usize| {
        let values = batch.column(column);
        match values.data_type() {
            _ if values.is_null(row) => Cell::Null,
            DataType::Float64 => Cell::Float(values.as_primitive::<Float64Type>().value(row)),
            _ => Cell::Text(formatters[column].value(row).to_string()),
        }
    };
    let row = |row| (0..batch.num_columns()).map(|column| cell(column, row)).collect();
    (0..batch.num_rows()).map(row).collect()
}

/// The first difference of two answers.
pub(super) fn difference(expected: &Rows, found: &Rows) -> Option<String> {
    if expected.len() != found.len() {
        return Some(format!("{} rows, not {}", found.len(), expected.len()));
    }
    let mut pairs = expected.iter().zip(found);
    let (expected, found) = pairs.find(|(expected, found)| {
        expected.len() != found.len()
            || !expected.iter().zip(found.iter()).all(|(expected, found)| same(expected, found))
    })?;
    Some(format!("expected {expected:?}\nfound    {found:?}"))
}

fn same(expected: &Cell, found: &Cell) -> bool {
    match (expected, found) {
        (Cell::Null, Cell::Null) => true,
        (Cell::Float(expected), Cell::Float(found)) => {
            (expected - found).abs() <= 1e-9 * expected.abs().max(1.0)
                || expected.is_nan() && found.is_nan()
        }
        (Cell::Text(expected), Cell::Text(found)) => expected == found,
        _ => false,
    }
}
