//! A shadow of answers from aggregates: of some questions the answer is computed again, from base
//! rows, in the background, and any difference is told.
//!
//! One question at a time is looked at again, after its own answer is under way; those that come
//! meanwhile pass. Floating point sums may differ in their last digits, for they depend on order.

use super::Query;
use super::errors::from_datafusion;
use crate::error::{Error, Result};
use crate::query::CubeQuery;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type};
use arrow::row::{RowConverter, SortField};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;
use futures::TryStreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;

/// Answers of more rows are not compared: both would have to be held.
const MOST_ROWS: usize = 100_000;

/// How far floating point numbers may be apart, as a part of the larger one.
const TOLERANCE: f64 = 1e-9;

/// Which questions are looked at again, and what came of it.
#[derive(Debug)]
pub(crate) struct Shadow {
    /// One of so many; none where it is 0.
    every: u64,
    answered: AtomicU64,
    compared: AtomicU64,
    different: AtomicU64,
    one: Arc<Semaphore>,
}

impl Shadow {
    /// For one of so many questions that aggregates answer; for none where that is 0.
    pub(crate) fn new(every: u64) -> Self {
        let none = || AtomicU64::new(0);
        let one = Arc::new(Semaphore::new(1));
        Self { every, answered: none(), compared: none(), different: none(), one }
    }

    /// How many answers were compared, and how many of them were others than base rows give.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.compared.load(Ordering::Relaxed), self.different.load(Ordering::Relaxed))
    }

    /// Whether it is this question's turn.
    fn is_next(&self) -> bool {
        let before = self.answered.fetch_add(1, Ordering::Relaxed);
        before.checked_rem(self.every) == Some(0)
    }
}

/// Looks at an answer again if it is its turn.
pub(super) fn look_again(query: &Query) {
    let shadow = Arc::clone(query.session().engine().shadow());
    let ready = query.ready();
    if shadow.every == 0 || !ready.repeats || !ready.routing.uses_aggregates() {
        return;
    }
    let place = Arc::clone(&shadow.one).try_acquire_owned();
    let (true, Ok(place)) = (shadow.is_next(), place) else { return };
    let query = query.clone();
    tokio::spawn(async move {
        match compare(&query).await {
            Ok(None) => {}
            Ok(Some(outcome)) => {
                shadow.compared.fetch_add(1, Ordering::Relaxed);
                if let Err(difference) = outcome {
                    shadow.different.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(question = query.text(), %difference, "an aggregate is wrong");
                    let mut log = query.session().log(query.text(), std::time::Duration::ZERO);
                    if let Some(log) = &mut log {
                        log.routed(query.routing());
                        log.end(Some(difference));
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "an answer was not looked at again"),
        }
        drop(place);
    });
}

/// Compares the answer with what base rows give: `Err` says how they differ, nothing means that
/// they cannot be compared.
async fn compare(query: &Query) -> Result<Option<std::result::Result<(), String>>> {
    let is_cube_query = serde_json::from_str::<CubeQuery>(query.text());
    let again = match &is_cube_query {
        Ok(cube_query) => {
            query.session().with_aggregates(false).plan_cube_query(cube_query).await?
        }
        Err(_) => query.without_aggregates()?,
    };
    // Which of equal rows SQL's LIMIT takes is anybody's guess; a cube query's order is total.
    if again.ready().unbound || (is_cube_query.is_err() && is_cut(&again.ready().plan)?) {
        return Ok(None);
    }
    let answers = (rows(query).await?, rows(&again).await?);
    let (Some(answer), Some(expected)) = answers else { return Ok(None) };
    Ok(Some(match difference(&answer, &expected) {
        None => Ok(()),
        Some(how) => Err(format!("an answer from aggregates is not what base rows give: {how}")),
    }))
}

fn is_cut(plan: &LogicalPlan) -> Result<bool> {
    let mut is_cut = false;
    plan.apply_with_subqueries(|node| {
        is_cut |= match node {
            LogicalPlan::Limit(_) => true,
            LogicalPlan::Sort(sort) => sort.fetch.is_some(),
            _ => false,
        };
        Ok(if is_cut { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })
    .map_err(from_datafusion)?;
    Ok(is_cut)
}

/// A row: what must be the same to the bit, and floating point numbers.
type Row = (Vec<u8>, Vec<Option<f64>>);

/// The rows of an answer, sorted; nothing if there are too many.
async fn rows(query: &Query) -> Result<Option<Vec<Row>>> {
    let mut batches = Vec::new();
    let mut count = 0;
    let mut stream = query.unwatched().await?;
    while let Some(batch) = stream.try_next().await.map_err(from_datafusion)? {
        count += batch.num_rows();
        if count > MOST_ROWS {
            return Ok(None);
        }
        batches.push(batch);
    }
    let mut rows = Vec::with_capacity(count);
    for batch in &batches {
        rows.extend(of_batch(batch)?);
    }
    rows.sort_by(|a, b| {
        let floats = || a.1.partial_cmp(&b.1).unwrap_or(std::cmp::Ordering::Equal);
        a.0.cmp(&b.0).then_with(floats)
    });
    Ok(Some(rows))
}

fn of_batch(batch: &RecordBatch) -> Result<Vec<Row>> {
    let is_float = |array: &&Arc<dyn Array>| *array.data_type() == DataType::Float64;
    let (floats, exact): (Vec<_>, Vec<_>) = batch.columns().iter().partition(is_float);
    let exact: Vec<_> = exact.into_iter().cloned().collect();
    let fields = exact.iter().map(|array| SortField::new(array.data_type().clone())).collect();
    let failed = |error| Error::internal("answers cannot be compared").caused_by(error);
    let converter = RowConverter::new(fields).map_err(failed)?;
    let exact = match exact.is_empty() {
        true => None,
        false => Some(converter.convert_columns(&exact).map_err(failed)?),
    };
    let row = |place: usize| {
        let bytes = exact.as_ref().map(|rows| rows.row(place).as_ref().to_vec());
        let value = |array: &&Arc<dyn Array>| {
            let array = array.as_primitive::<Float64Type>();
            array.is_valid(place).then(|| array.value(place))
        };
        (bytes.unwrap_or_default(), floats.iter().map(value).collect())
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

/// How answers differ, if they do.
fn difference(answer: &[Row], expected: &[Row]) -> Option<String> {
    if answer.len() != expected.len() {
        return Some(format!("{} rows beside {}", answer.len(), expected.len()));
    }
    let near = |a: &Option<f64>, b: &Option<f64>| match (a, b) {
        (Some(a), Some(b)) => {
            a.to_bits() == b.to_bits() || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
        }
        (a, b) => a.is_none() && b.is_none(),
    };
    let same = |(a, b): &(&Row, &Row)| a.0 == b.0 && a.1.iter().zip(&b.1).all(|(a, b)| near(a, b));
    let others = answer.iter().zip(expected).filter(|pair| !same(pair)).count();
    (others > 0).then(|| format!("{others} of {} rows are others", answer.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_so_many_is_taken() {
        let taken = |every: u64| {
            let shadow = Shadow::new(every);
            (0..1000).filter(|_| shadow.is_next()).count()
        };
        assert_eq!([taken(0), taken(100), taken(4), taken(1)], [0, 10, 250, 1000]);
    }

    #[test]
    fn last_digits_of_floats_may_differ() {
        let row = |bytes: &[u8], float: f64| (bytes.to_vec(), vec![Some(float), None]);
        let answer = [row(b"a", 1.0), row(b"b", 1e9)];
        assert_eq!(difference(&answer, &[row(b"a", 1.0 + 1e-12), row(b"b", 1e9 - 0.1)]), None);
        for expected in [[row(b"a", 1.001), row(b"b", 1e9)], [row(b"a", 1.0), row(b"c", 1e9)]] {
            assert_eq!(difference(&answer, &expected).as_deref(), Some("1 of 2 rows are others"));
        }
        assert_eq!(difference(&answer, &answer[..1]).as_deref(), Some("2 rows beside 1"));
    }
}
