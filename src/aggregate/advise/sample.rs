//! A sample of a fact's rows, joined to what the dimensions say of them.
//!
//! Rows are taken by a hash of their key: the same rows whenever the fact is the same, in whatever
//! order it is read.

use super::estimate::Seen;
use crate::engine::{Session, error_of, quoted};
use crate::error::{Error, Result};
use crate::model::{Aggregate, Cube, CubeColumn, Fact, Model};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use futures::TryStreamExt;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Begins every hash, so that advice is the same whenever it is taken of the same rows.
pub(super) const SEED: u64 = 0x5eed_0000_cafe_2026;

/// Rows of a fact, each with the place of its members.
#[derive(Debug)]
pub(super) struct Sample {
    /// How many rows the fact has.
    pub(super) rows: u64,
    taken: usize,
    pub(super) roles: BTreeMap<String, Role>,
    /// Degenerate dimensions: each row's value as a number.
    pub(super) degenerate: BTreeMap<String, Vec<u32>>,
}

/// A role of the fact.
#[derive(Debug)]
pub(super) struct Role {
    /// The place of each row's member.
    places: Vec<u32>,
    pub(super) members: Members,
}

/// The members of a dimension.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Their places by key.
    by_key: HashMap<i32, u32>,
    /// What columns say of them, in the order of their places: each different value a number.
    columns: BTreeMap<String, Vec<u32>>,
}

impl Sample {
    /// Takes a sample of about so many of a fact's rows, all where it has no more, with the columns of a cube by which any of the aggregates go.
    ///
    /// # Errors
    /// What stops the questions for them.
    pub(super) async fn take(
        session: &Session,
        cube: &Cube,
        fact: &Fact,
        aggregates: &[Aggregate],
        model: &Model,
        most_rows: u64,
    ) -> Result<Self> {
        let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut degenerate: BTreeSet<&str> = BTreeSet::new();
        for aggregate in aggregates {
            for role in &aggregate.roles {
                wanted.entry(role).or_default();
            }
            for column in aggregate.columns.iter().filter_map(|name| cube.column(name)) {
                match column.dimension {
                    Some(_) => {
                        let role = wanted.entry(cube.fact_role(&column.role)).or_default();
                        role.insert(&column.column.name);
                    }
                    None => {
                        degenerate.insert(&column.column.name);
                    }
                }
            }
        }
        let mut roles = BTreeMap::new();
        for (name, columns) in wanted {
            let played = fact.role(name).and_then(|role| model.dimension(&role.dimension));
            let dimension = played.ok_or_else(|| {
                Error::internal("an aggregate keeps a role that its fact does not have")
            })?;
            let (table, key) = (dimension.table(), dimension.key_column());
            let members = Members::read(session, &table, &key, &columns).await?;
            roles.insert(name.to_owned(), Role { places: Vec::new(), members });
        }
        let rows = session.release().tables.get(&fact.table()).map_or(0, |table| table.rows());
        let degenerate: BTreeMap<String, Vec<u32>> =
            degenerate.into_iter().map(|name| (name.to_owned(), Vec::new())).collect();
        let mut sample = Self { rows, taken: 0, roles, degenerate };
        sample.read(session, fact, most_rows).await?;
        Ok(sample)
    }

    async fn read(&mut self, session: &Session, fact: &Fact, most_rows: u64) -> Result<()> {
        let keys = self.roles.keys().filter_map(|role| fact.key_of(role));
        let own: Vec<String> = keys.chain(self.degenerate.keys().cloned()).collect();
        let is_whole = self.rows <= most_rows;
        let of_key: &[String] = if is_whole { &[] } else { &fact.key };
        // A column may be of both.
        let of_key = of_key.iter().enumerate();
        let of_key = of_key.map(|(place, name)| format!("{} AS k{place}", quoted(name)));
        let names = own.iter().map(|name| quoted(name)).chain(of_key);
        let names: Vec<String> = names.collect();
        let names = if names.is_empty() { "1".to_owned() } else { names.join(", ") };
        let sql = format!("SELECT {names} FROM warehouse.{}", quoted(&fact.table()));
        let mut answer = session.plan_sql(&sql).await?.execute().await?;
        let mut codes = vec![Codes::default(); self.degenerate.len()];
        let fence = (most_rows as f64 / self.rows.max(1) as f64 * u64::MAX as f64) as u64;
        while let Some(batch) = answer.try_next().await.map_err(error_of)? {
            let batch = match is_whole {
                true => batch,
                false => chosen(&batch, own.len(), fence)?,
            };
            self.add(&batch, &mut codes)?;
        }
        Ok(())
    }

    fn add(&mut self, batch: &RecordBatch, codes: &mut [Codes]) -> Result<()> {
        self.taken += batch.num_rows();
        let mut columns = batch.columns().iter();
        for role in self.roles.values_mut() {
            let Some(column) = columns.next() else { continue };
            let keys = cast(column, &DataType::Int32).map_err(unreadable)?;
            for key in keys.as_primitive::<Int32Type>() {
                let next = role.members.by_key.len() as u32;
                role.places.push(*role.members.by_key.entry(key.unwrap_or(-1)).or_insert(next));
            }
        }
        for (values, codes) in self.degenerate.values_mut().zip(codes) {
            let Some(column) = columns.next() else { continue };
            codes.of(column, values)?;
        }
        Ok(())
    }

    /// About how many rows an aggregate of the fact would have.
    pub(super) fn rows_of(&self, aggregate: &Aggregate, cube: &Cube) -> Rows {
        let mut combinations = vec![SEED; self.taken];
        let mut cells = 1.0;
        for (name, role) in &self.roles {
            if aggregate.roles.contains(name) {
                mixed(&mut combinations, role.places.iter().copied());
                cells *= role.members.by_key.len() as f64;
                continue;
            }
            let columns = aggregate.columns.iter().filter_map(|name| cube.column(name));
            let Some(of_members) = role.members.told(columns, name, cube) else { continue };
            let places = role.places.iter().map(|place| *place as usize);
            for (combination, place) in combinations.iter_mut().zip(places) {
                *combination = mix(*combination, of_members.get(place).copied().unwrap_or(0));
            }
            cells *= Seen::count(of_members).distinct as f64;
        }
        for name in &aggregate.columns {
            let column = cube.column(name).filter(|column| column.dimension.is_none());
            let Some(values) = column.and_then(|c| self.degenerate.get(&c.column.name)) else {
                continue;
            };
            mixed(&mut combinations, values.iter().copied());
            // How many there are nobody knows.
            cells = f64::MAX;
        }
        let seen = Seen::count(combinations);
        let is_exact = self.taken as u64 >= self.rows;
        Rows { count: seen.of_all(self.rows, cells), is_exact, is_sure: is_exact || seen.is_sure() }
    }
}

/// About how many rows an aggregate would have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) count: u64,
    /// Whether all rows of the fact were looked at.
    pub(super) is_exact: bool,
    /// Whether it is off by a few percent at most.
    pub(super) is_sure: bool,
}

impl Members {
    async fn read(
        session: &Session,
        table: &str,
        key: &str,
        columns: &BTreeSet<&str>,
    ) -> Result<Self> {
        let names = [key].into_iter().chain(columns.iter().copied()).map(quoted);
        let names = names.collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {names} FROM warehouse.{}", quoted(table));
        let mut answer = session.plan_sql(&sql).await?.execute().await?;
        let mut codes = vec![Codes::default(); columns.len()];
        let mut values = vec![Vec::new(); columns.len()];
        let mut by_key = HashMap::new();
        while let Some(batch) = answer.try_next().await.map_err(error_of)? {
            let keys = cast(batch.column(0), &DataType::Int32).map_err(unreadable)?;
            for key in keys.as_primitive::<Int32Type>() {
                let next = by_key.len() as u32;
                by_key.insert(key.unwrap_or(-1), next);
            }
            let columns = batch.columns().iter().skip(1);
            for ((column, codes), values) in columns.zip(&mut codes).zip(&mut values) {
                codes.of(column, values)?;
            }
        }
        let columns = columns.iter().map(|name| (*name).to_owned()).zip(values).collect();
        Ok(Self { by_key, columns })
    }

    /// The place of a member; beyond all others where it is unknown.
    pub(super) fn place(&self, key: i32) -> u64 {
        self.by_key.get(&key).map_or(u64::MAX, |place| u64::from(*place))
    }

    /// What those of some columns that are of a role say of each member together, as a number; `None`
    /// where none of them is.
    pub(super) fn told<'a>(
        &self,
        columns: impl Iterator<Item = &'a CubeColumn>,
        role: &str,
        cube: &Cube,
    ) -> Option<Vec<u64>> {
        let own = columns.filter(|c| c.dimension.is_some() && cube.fact_role(&c.role) == role);
        let own = own.filter_map(|column| self.columns.get(&column.column.name));
        let own: Vec<&Vec<u32>> = own.collect();
        (!own.is_empty()).then(|| self.combined(&own))
    }

    /// What columns say of each member together, as a number.
    fn combined(&self, columns: &[&Vec<u32>]) -> Vec<u64> {
        let mut combined = vec![SEED; columns.first().map_or(0, |column| column.len())];
        for column in columns {
            mixed(&mut combined, column.iter().copied());
        }
        combined
    }
}

/// A number for each different value.
#[derive(Debug, Clone, Default)]
struct Codes(HashMap<Box<[u8]>, u32>);

impl Codes {
    /// Adds the numbers of an array's values.
    fn of(&mut self, column: &ArrayRef, into: &mut Vec<u32>) -> Result<()> {
        let converter = RowConverter::new(vec![SortField::new(column.data_type().clone())]);
        let rows = converter.and_then(|c| c.convert_columns(&[ArrayRef::clone(column)]));
        for row in &rows.map_err(unreadable)? {
            let next = self.0.len() as u32;
            let known = self.0.get(row.as_ref()).copied();
            into.push(known.unwrap_or_else(|| {
                self.0.insert(row.as_ref().into(), next);
                next
            }));
        }
        Ok(())
    }
}

/// The rows whose key's hash lies below a fence, without the columns of the key alone.
fn chosen(batch: &RecordBatch, own: usize, fence: u64) -> Result<RecordBatch> {
    let of_key = &batch.columns()[own..];
    let fields = of_key.iter().map(|column| SortField::new(column.data_type().clone()));
    let converter = RowConverter::new(fields.collect());
    let rows = converter.and_then(|c| c.convert_columns(of_key)).map_err(unreadable)?;
    let kept: arrow::array::BooleanArray =
        rows.iter().map(|row| Some(hash(row.as_ref()) < fence)).collect();
    arrow::compute::filter_record_batch(batch, &kept).map_err(unreadable)
}

/// A hash of bytes.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let words = bytes
        .chunks(8)
        .map(|chunk| chunk.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte)));
    words.fold(SEED, mix)
}

fn mixed(combinations: &mut [u64], values: impl Iterator<Item = u32>) {
    for (combination, value) in combinations.iter_mut().zip(values) {
        *combination = mix(*combination, u64::from(value));
    }
}

/// A hash with one value more: the finaliser of splitmix64.
pub(super) fn mix(hash: u64, value: u64) -> u64 {
    let mut mixed = (hash ^ value).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

pub(super) fn unreadable(error: ArrowError) -> Error {
    Error::internal("rows of a fact cannot be told apart").caused_by(error)
}
