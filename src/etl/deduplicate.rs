//! Of several rows with the same key, the latest stays.
//!
//! Rows are seen twice: first every row is [observed](Deduplicator::observe), then those that
//! lost are [dropped](Losers::drop_from). Keys are compared as tuples of values, never as joined
//! text. A row with NULL in its key has no key, and so no duplicate. Memory holds a key and a
//! latest value for each distinct key during the first pass, and a bit a row during the second; with
//! survivors, the best value of each of their columns as well.

use super::survivors::{Best, Survivors, Taken};
use crate::error::{Error, Result, did_you_mean};
use crate::etl::job::Deduplicate;
use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Finds out which rows lose.
pub(crate) struct Deduplicator {
    key: Vec<usize>,
    latest: Option<usize>,
    key_rows: RowConverter,
    latest_rows: Option<RowConverter>,
    winners: HashMap<Box<[u8]>, Winner>,
    survivors: Survivors,
    losers: Losers,
    rows: u64,
}

/// The best row of a key so far.
struct Winner {
    row: u64,
    latest: Box<[u8]>,
    best: Best,
    is_alone: bool,
}

/// Rows that lost against another with the same key, by number among all rows observed; and what
/// those that won take from them.
#[derive(Default)]
pub(crate) struct Losers {
    bits: Vec<u64>,
    next_row: u64,
    survivors: Option<(Survivors, Taken)>,
}

impl Deduplicator {
    /// # Errors
    /// User where a column is not one of the source's, or the key is empty.
    pub(crate) fn new(spec: &Deduplicate, schema: &Schema) -> Result<Self> {
        if spec.key.is_empty() {
            return Err(Error::user("deduplicate needs at least one key column"));
        }
        let key =
            spec.key.iter().map(|name| column(name, schema)).collect::<Result<Vec<usize>>>()?;
        let latest = spec.latest_by.as_deref().map(|name| column(name, schema)).transpose()?;
        let converter = |columns: &[usize]| {
            let field = |at: &usize| SortField::new(schema.field(*at).data_type().clone());
            RowConverter::new(columns.iter().map(field).collect()).map_err(internal)
        };
        Ok(Self {
            key_rows: converter(&key)?,
            latest_rows: latest.map(|at| converter(&[at])).transpose()?,
            key,
            latest,
            survivors: Survivors::new(spec, schema)?,
            winners: HashMap::new(),
            losers: Losers::default(),
            rows: 0,
        })
    }

    /// Sees the next rows.
    pub(crate) fn observe(&mut self, batch: &RecordBatch) -> Result<()> {
        let keys: Vec<ArrayRef> = self.key.iter().map(|at| Arc::clone(batch.column(*at))).collect();
        let key_rows = self.key_rows.convert_columns(&keys).map_err(internal)?;
        let latest_rows = match (&self.latest_rows, self.latest) {
            (Some(converter), Some(at)) => {
                Some(converter.convert_columns(&[Arc::clone(batch.column(at))]).map_err(internal)?)
            }
            _ => None,
        };
        let seen = match self.survivors.is_empty() {
            true => None,
            false => Some(self.survivors.look(batch)?),
        };
        for index in 0..batch.num_rows() {
            let row = self.rows;
            self.rows += 1;
            if keys.iter().any(|key| key.is_null(index)) {
                continue;
            }
            // NULL sorts first, so any value is later than none
            let latest = latest_rows.as_ref().map(|rows| rows.row(index));
            let latest: Box<[u8]> = latest.map_or_else(Box::default, |row| row.data().into());
            match self.winners.entry(key_rows.row(index).data().into()) {
                Entry::Vacant(entry) => {
                    let mut best = Best::default();
                    seen.iter().for_each(|seen| best.take(seen, index, &latest, row));
                    entry.insert(Winner { row, latest, best, is_alone: true });
                }
                Entry::Occupied(mut entry) => {
                    let winner = entry.get_mut();
                    winner.is_alone = false;
                    seen.iter().for_each(|seen| winner.best.take(seen, index, &latest, row));
                    if latest >= winner.latest {
                        self.losers.add(winner.row);
                        (winner.row, winner.latest) = (row, latest);
                    } else {
                        self.losers.add(row);
                    }
                }
            }
        }
        Ok(())
    }

    /// The rows that lost, once all were observed.
    pub(crate) fn finish(self) -> Losers {
        let mut losers = self.losers;
        if !self.survivors.is_empty() {
            let mut taken = Taken::default();
            let several = self.winners.into_values().filter(|winner| !winner.is_alone);
            several.for_each(|winner| taken.put(winner.row, winner.best));
            losers.survivors = Some((self.survivors, taken));
        }
        losers
    }
}

impl Losers {
    fn add(&mut self, row: u64) {
        let word = (row / 64) as usize;
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        self.bits[word] |= 1 << (row % 64);
    }

    fn contains(&self, row: u64) -> bool {
        self.bits.get((row / 64) as usize).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// The next rows, in the order they were observed, without those that lost.
    pub(crate) fn drop_from(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let first = self.next_row;
        self.next_row += batch.num_rows() as u64;
        if self.bits.is_empty() {
            return Ok(batch.clone());
        }
        let batch = match &self.survivors {
            Some((survivors, taken)) => &survivors.apply(batch, first, taken)?,
            None => batch,
        };
        let stays = |row: usize| !self.contains(first + row as u64);
        let mask: BooleanArray = (0..batch.num_rows()).map(|row| Some(stays(row))).collect();
        filter_record_batch(batch, &mask).map_err(internal)
    }
}

fn column(name: &str, schema: &Schema) -> Result<usize> {
    schema.index_of(name).map_err(|_| {
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let near = did_you_mean(name, names.iter().copied());
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        Error::user(format!("deduplicate names `{name}`, which the source does not have"))
            .hint(format!("{near}it has {}", names.join(", ")))
    })
}

fn internal(error: ArrowError) -> Error {
    Error::internal("cannot compare keys").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int32Array, RecordBatch, StringArray};
    use arrow::datatypes::Int32Type;

    #[test]
    fn the_best_value_of_each_column_survives() {
        use crate::etl::job::{Priority, Survivor};
        let text =
            |values: [Option<&str>; 5]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("id", text([Some("1"), Some("2"), Some("1"), Some("1"), None]), true),
            ("at", Arc::new(Int32Array::from(vec![3, 1, 2, 1, 9])) as ArrayRef, true),
            ("system", text([Some("shop"), Some("shop"), Some("crm"), Some("shop"), None]), true),
            ("name", text([Some("A. Lee"), Some("Bo"), Some("Ann Lee"), None, None]), true),
            ("phone", text([None, None, Some("22"), Some("333"), None]), true),
            ("town", text([Some("York"), None, Some("Hull"), Some("Bath"), None]), true),
        ]);
        let batch = batch.unwrap();
        let order = vec!["crm".to_owned(), "shop".to_owned()];
        let priority = Priority { column: "system".to_owned(), order };
        let spec = Deduplicate {
            key: vec!["id".to_owned()],
            latest_by: Some("at".to_owned()),
            survivors: [
                ("name".to_owned(), Survivor::MostComplete),
                ("phone".to_owned(), Survivor::MostRecent),
                ("town".to_owned(), Survivor::Priority(priority)),
            ]
            .into(),
        };
        // however the rows are cut into batches
        for cut in 1..=5 {
            let batches: Vec<_> =
                (0..5).step_by(cut).map(|at| batch.slice(at, cut.min(5 - at))).collect();
            let mut seen = Deduplicator::new(&spec, &batch.schema()).unwrap();
            batches.iter().for_each(|batch| seen.observe(batch).unwrap());
            let mut losers = seen.finish();
            let kept: Vec<_> = batches.iter().map(|b| losers.drop_from(b).unwrap()).collect();
            let kept = arrow::compute::concat_batches(&batch.schema(), &kept).unwrap();
            let column = |at: usize| {
                kept.column(at)
                    .as_string::<i32>()
                    .iter()
                    .map(|v| v.map(str::to_owned))
                    .collect::<Vec<_>>()
            };
            let some = |text: &str| Some(text.to_owned());
            assert_eq!(column(0), vec![some("1"), some("2"), None]);
            assert_eq!(column(2), vec![some("shop"), some("shop"), None]);
            assert_eq!(column(3), vec![some("Ann Lee"), some("Bo"), None]);
            assert_eq!(column(4), vec![some("22"), None, None]);
            assert_eq!(column(5), vec![some("Hull"), None, None]);
        }
    }

    type Row = (Option<&'static str>, Option<&'static str>, Option<i32>, i32);

    fn batch(rows: &[Row]) -> RecordBatch {
        let a: StringArray = rows.iter().map(|row| row.0).collect();
        let b: StringArray = rows.iter().map(|row| row.1).collect();
        let at: Int32Array = rows.iter().map(|row| row.2).collect();
        let id: Int32Array = rows.iter().map(|row| Some(row.3)).collect();
        RecordBatch::try_from_iter_with_nullable([
            ("a", Arc::new(a) as ArrayRef, true),
            ("b", Arc::new(b), true),
            ("at", Arc::new(at), true),
            ("id", Arc::new(id), true),
        ])
        .unwrap()
    }

    fn kept(latest_by: Option<&str>, batches: &[RecordBatch]) -> Vec<i32> {
        let spec = Deduplicate {
            key: vec!["a".to_owned(), "b".to_owned()],
            latest_by: latest_by.map(str::to_owned),
            survivors: Default::default(),
        };
        let mut seen = Deduplicator::new(&spec, &batches[0].schema()).unwrap();
        batches.iter().for_each(|batch| seen.observe(batch).unwrap());
        let mut losers = seen.finish();
        batches
            .iter()
            .map(|batch| losers.drop_from(batch).unwrap())
            .flat_map(|batch| batch.column(3).as_primitive::<Int32Type>().values().to_vec())
            .collect()
    }

    #[test]
    fn the_latest_stays_the_last_on_ties_and_null_is_no_key() {
        let batches = [
            batch(&[
                (Some("a"), Some("bc"), Some(5), 1),
                (Some("ab"), Some("c"), Some(1), 2),
                (None, Some("c"), Some(1), 3),
                (Some("x"), Some("y"), Some(2), 4),
            ]),
            batch(&[
                (Some("a"), Some("bc"), Some(4), 5),
                (None, Some("c"), Some(1), 6),
                (Some("x"), Some("y"), Some(2), 7),
                (Some("ab"), Some("c"), None, 8),
            ]),
        ];
        assert_eq!(kept(Some("at"), &batches), vec![1, 2, 3, 6, 7]);
        assert_eq!(kept(None, &batches), vec![3, 5, 6, 7, 8]);
    }

    #[test]
    fn unknown_columns_are_refused() {
        let spec = Deduplicate {
            key: vec!["idd".to_owned()],
            latest_by: None,
            survivors: Default::default(),
        };
        let error = Deduplicator::new(&spec, &batch(&[]).schema()).err().unwrap();
        assert!(error.to_string().contains("did you mean `id`"), "{error}");
    }
}
