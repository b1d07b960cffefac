//! Of several rows with the same key, the best value of each column stays.
//!
//! The row that stays takes the values that survive from the others: the newest, the longest, or
//! that of the source that is trusted most. A NULL never survives a value. Of values that are as
//! good, that of the later row stays, rows being as late as `latest_by` says and then as they were
//! read.

use super::job::{Deduplicate, Survivor};
use crate::error::{Error, Result, did_you_mean};
use arrow::array::{Array, ArrayRef};
use arrow::compute::interleave;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::{OwnedRow, RowConverter, SortField};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::collections::HashMap;
use std::sync::Arc;

/// The columns whose values survive by a rule of their own.
pub(super) struct Survivors {
    columns: Vec<Surviving>,
}

struct Surviving {
    column: usize,
    rule: Rule,
    converter: RowConverter,
}

enum Rule {
    MostRecent,
    MostComplete,
    /// The column that names the source, and the sources, the most trusted first.
    Priority(usize, Vec<String>),
}

/// The best values of a key so far.
#[derive(Default)]
pub(super) struct Best(Vec<Option<(Rank, OwnedRow)>>);

/// How good a value is: by its rule, then by how late its row is.
type Rank = (u64, Box<[u8]>, u64);

/// For rows that stay, by number among all rows observed, the values they take.
#[derive(Default)]
pub(super) struct Taken(HashMap<u64, Vec<Option<OwnedRow>>>);

impl Survivors {
    /// # Errors
    /// User where a column is not one of the source's, or is part of the key.
    pub(super) fn new(spec: &Deduplicate, schema: &Schema) -> Result<Self> {
        let find = |name: &str| {
            schema.index_of(name).map_err(|_| {
                let names = schema.fields().iter().map(|field| field.name().as_str());
                let near = did_you_mean(name, names);
                let near = near.map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
                Error::user(format!("survivors name `{name}`, which the source does not have"))
                    .hint(near)
            })
        };
        let mut columns = Vec::new();
        for (name, survivor) in &spec.survivors {
            if spec.key.contains(name) {
                let message = format!("`{name}` is part of the key, and the same in all rows");
                return Err(Error::user(message));
            }
            let column = find(name)?;
            let rule = match survivor {
                Survivor::MostRecent => Rule::MostRecent,
                Survivor::MostComplete => Rule::MostComplete,
                Survivor::Priority(priority) => {
                    Rule::Priority(find(&priority.column)?, priority.order.clone())
                }
            };
            let field = SortField::new(schema.field(column).data_type().clone());
            let converter = RowConverter::new(vec![field]).map_err(internal)?;
            columns.push(Surviving { column, rule, converter });
        }
        Ok(Self { columns })
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Looks at a batch: for each column the values of each row, NULL being none.
    pub(super) fn look(&self, batch: &RecordBatch) -> Result<Seen> {
        let columns = self.columns.iter().map(|surviving| {
            let values = batch.column(surviving.column);
            let rows = surviving.converter.convert_columns(&[Arc::clone(values)]);
            let rows = rows.map_err(internal)?;
            let worth = (0..values.len()).map(|row| match &surviving.rule {
                _ if values.is_null(row) => Ok(None),
                Rule::MostRecent => Ok(Some(0)),
                Rule::MostComplete => Ok(Some(text(values, row)?.chars().count() as u64)),
                Rule::Priority(column, order) => {
                    let source = text(batch.column(*column), row)?;
                    let place = order.iter().position(|name| *name == source);
                    Ok(Some(place.map_or(0, |place| (order.len() - place) as u64)))
                }
            });
            let worth = worth.collect::<Result<Vec<Option<u64>>>>()?;
            Ok((worth, (0..values.len()).map(|row| rows.row(row).owned()).collect()))
        });
        Ok(Seen(columns.collect::<Result<_>>()?))
    }

    /// A batch whose rows have taken the values that survive; the first of them has this number.
    pub(super) fn apply(
        &self,
        batch: &RecordBatch,
        first: u64,
        taken: &Taken,
    ) -> Result<RecordBatch> {
        if taken.0.is_empty() {
            return Ok(batch.clone());
        }
        let mut arrays = batch.columns().to_vec();
        for (at, surviving) in self.columns.iter().enumerate() {
            let taker = |row: usize| {
                let values = taken.0.get(&(first + row as u64))?;
                values.get(at)?.as_ref().map(|value| (row, value))
            };
            let takers: Vec<(usize, &OwnedRow)> = (0..batch.num_rows()).filter_map(taker).collect();
            if takers.is_empty() {
                continue;
            }
            let rows = takers.iter().map(|(_, value)| value.row());
            let values = surviving.converter.convert_rows(rows).map_err(internal)?;
            let [values] = values.as_slice() else { continue };
            let mut picks: Vec<(usize, usize)> =
                (0..batch.num_rows()).map(|row| (0, row)).collect();
            takers.iter().enumerate().for_each(|(value, (row, _))| picks[*row] = (1, value));
            let column: &ArrayRef = batch.column(surviving.column);
            let mixed = interleave(&[column.as_ref(), values.as_ref()], &picks);
            arrays[surviving.column] = mixed.map_err(internal)?;
        }
        RecordBatch::try_new(batch.schema(), arrays).map_err(internal)
    }
}

/// For each column, how much each row's value is worth and the value.
pub(super) struct Seen(Vec<(Vec<Option<u64>>, Vec<OwnedRow>)>);

impl Best {
    /// Takes the better values of a row.
    pub(super) fn take(&mut self, seen: &Seen, row: usize, latest: &[u8], number: u64) {
        self.0.resize_with(seen.0.len(), || None);
        for (best, (worth, values)) in self.0.iter_mut().zip(&seen.0) {
            let Some(worth) = worth[row] else { continue };
            let rank: Rank = (worth, latest.into(), number);
            if best.as_ref().is_none_or(|(best, _)| rank > *best) {
                *best = Some((rank, values[row].clone()));
            }
        }
    }
}

impl Taken {
    /// The row of this number stays, and takes the best values.
    pub(super) fn put(&mut self, row: u64, best: Best) {
        self.0.insert(row, best.0.into_iter().map(|best| best.map(|(_, value)| value)).collect());
    }
}

fn text(values: &ArrayRef, row: usize) -> Result<String> {
    const OPTIONS: FormatOptions<'static> = FormatOptions::new();
    let formatter = ArrayFormatter::try_new(values.as_ref(), &OPTIONS).map_err(internal)?;
    Ok(formatter.value(row).to_string())
}

fn internal(error: ArrowError) -> Error {
    Error::internal("values cannot survive").caused_by(error)
}
