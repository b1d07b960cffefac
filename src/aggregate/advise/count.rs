//! How many rows an aggregate would have, counted over all rows of the fact: for those that are chosen
//! by an estimate that is not sure.
//!
//! Combinations are counted by adaptive sampling (Wegman; Flajolet, "On Adaptive Sampling", 1990): those
//! are remembered whose hash lies below a fence, which is lowered whenever there are too many. Few are
//! counted exactly, many within about a percent.

use super::sample::{Members, SEED, Sample, hash, mix, unreadable};
use crate::engine::{Session, error_of, quoted};
use crate::error::Result;
use crate::model::{Aggregate, Cube, Fact};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use futures::TryStreamExt;
use std::collections::HashSet;

/// So many combinations are remembered at most.
const REMEMBERED: usize = 1 << 14;

/// Different combinations, given by their hashes.
#[derive(Debug)]
pub(super) struct Different {
    fence: u64,
    seen: HashSet<u64>,
}

impl Default for Different {
    fn default() -> Self {
        Self { fence: u64::MAX, seen: HashSet::new() }
    }
}

impl Different {
    pub(super) fn add(&mut self, hash: u64) {
        if hash > self.fence {
            return;
        }
        self.seen.insert(hash);
        while self.seen.len() > REMEMBERED {
            self.fence /= 2;
            self.seen.retain(|hash| *hash <= self.fence);
        }
    }

    pub(super) fn count(&self) -> u64 {
        let times = u64::MAX as f64 / self.fence as f64;
        (self.seen.len() as f64 * times).round() as u64
    }
}

/// What an aggregate tells apart by one column that is read.
enum Told {
    /// Each value.
    Each,
    /// What the members of a role say: each a number, by their places.
    Members(Vec<u64>),
}

/// A column of the fact, and what the members say that its keys stand for.
enum Read<'a> {
    Role(String, &'a Members),
    Degenerate(String),
}

/// An aggregate that is counted: what it tells apart by each column that it looks at.
struct Counting {
    told: Vec<(usize, Told)>,
    different: Different,
}

impl Sample {
    /// How many rows aggregates of the fact would have.
    ///
    /// # Errors
    /// What stops the question for all rows.
    pub(super) async fn count(
        &self,
        session: &Session,
        cube: &Cube,
        fact: &Fact,
        aggregates: &[&Aggregate],
    ) -> Result<Vec<u64>> {
        let roles = self.roles.iter();
        let reads = roles.map(|(name, role)| Read::Role(name.clone(), &role.members));
        let reads = reads.chain(self.degenerate.keys().cloned().map(Read::Degenerate));
        let reads: Vec<Read<'_>> = reads.collect();
        let told = |aggregate: &&Aggregate| {
            let told = reads.iter().enumerate();
            let told = told.filter_map(|(place, read)| Some((place, read.told(aggregate, cube)?)));
            Counting { told: told.collect(), different: Different::default() }
        };
        let mut counting: Vec<Counting> = aggregates.iter().map(told).collect();
        let is_read = |place: &usize| {
            counting.iter().any(|one| one.told.iter().any(|(looked_at, _)| looked_at == place))
        };
        let columns: Vec<usize> = (0..reads.len()).filter(is_read).collect();
        let names = columns.iter().map(|place| match &reads[*place] {
            Read::Role(role, _) => quoted(&fact.key_of(role).unwrap_or_default()),
            Read::Degenerate(name) => quoted(name),
        });
        let names: Vec<String> = names.collect();
        let names = if names.is_empty() { "1".to_owned() } else { names.join(", ") };
        let sql = format!("SELECT {names} FROM warehouse.{}", quoted(&fact.table()));
        let mut answer = session.plan_sql(&sql).await?.execute().await?;
        while let Some(batch) = answer.try_next().await.map_err(error_of)? {
            let mut values: Vec<Vec<u64>> = vec![Vec::new(); reads.len()];
            for (place, column) in columns.iter().zip(batch.columns()) {
                values[*place] = reads[*place].values(column)?;
            }
            counting.iter_mut().for_each(|one| one.add(&batch, &values));
        }
        Ok(counting.iter().map(|one| one.different.count()).collect())
    }
}

impl Read<'_> {
    /// What an aggregate tells apart by it, if it does.
    fn told(&self, aggregate: &Aggregate, cube: &Cube) -> Option<Told> {
        let mut columns = aggregate.columns.iter().filter_map(|name| cube.column(name));
        match self {
            Self::Role(role, _) if aggregate.roles.contains(role) => Some(Told::Each),
            Self::Role(role, members) => members.told(columns, role, cube).map(Told::Members),
            Self::Degenerate(name) => {
                let is_own = columns.any(|c| c.dimension.is_none() && c.column.name == *name);
                is_own.then_some(Told::Each)
            }
        }
    }

    /// Each row's value: the place of its member, or a hash.
    fn values(&self, column: &ArrayRef) -> Result<Vec<u64>> {
        match self {
            Self::Role(_, members) => {
                let keys = cast(column, &DataType::Int32).map_err(unreadable)?;
                let keys = keys.as_primitive::<Int32Type>();
                Ok(keys.iter().map(|key| members.place(key.unwrap_or(-1))).collect())
            }
            Self::Degenerate(_) => {
                let converter = RowConverter::new(vec![SortField::new(column.data_type().clone())]);
                let rows = converter.and_then(|c| c.convert_columns(&[ArrayRef::clone(column)]));
                Ok(rows.map_err(unreadable)?.iter().map(|row| hash(row.as_ref())).collect())
            }
        }
    }
}

impl Counting {
    fn add(&mut self, batch: &RecordBatch, values: &[Vec<u64>]) {
        let mut hashes = vec![SEED; batch.num_rows()];
        for (place, told) in &self.told {
            for (hash, value) in hashes.iter_mut().zip(&values[*place]) {
                let value = match told {
                    Told::Each => *value,
                    Told::Members(said) => said.get(*value as usize).copied().unwrap_or_default(),
                };
                *hash = mix(*hash, value);
            }
        }
        hashes.into_iter().for_each(|hash| self.different.add(hash));
    }
}
