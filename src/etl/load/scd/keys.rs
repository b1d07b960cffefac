//! Surrogate keys: dense, immutable, given in a deterministic order.

use super::history::{BEGINNING_US, GivenKeys, Observation, Version};
use super::intern::encode;
use super::pool::{Pool, named};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::SurrogateKey;
use crate::model::{Dimension, History};
use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take;
use std::collections::HashMap;

/// The keys of stored versions, by the moment each began. A first version is stored as valid
/// since the beginning of time; it began when its member was first seen.
pub(super) fn given(pool: &Pool, before: &[Observation]) -> GivenKeys {
    let mut first_seen: HashMap<u32, i64> = HashMap::new();
    for seen in before.iter().filter(|seen| seen.row.is_some()) {
        first_seen.entry(seen.member).or_insert(seen.at_us);
    }
    let began = |member: u32, from_us: i64| match first_seen.get(&member) {
        Some(first) if from_us == BEGINNING_US => *first,
        _ => from_us,
    };
    pool.stored.iter().map(|v| ((v.member, began(v.member, v.from_us)), v.key)).collect()
}

/// Gives keys to versions that have none, after the largest that there was: in the order of the first
/// hierarchy, then of the natural key, then of time, so that what is near in the hierarchy is
/// near in keys. Leaves the versions in order of key.
pub(super) fn assign(
    dimension: &Dimension,
    pool: &Pool,
    last_key: i32,
    versions: &mut [Version],
) -> Result<()> {
    let largest = pool.stored.iter().map(|stored| stored.key).max().unwrap_or(0).max(last_key);
    let new: Vec<usize> = (0..versions.len()).filter(|i| versions[*i].key.is_none()).collect();
    let order = encode(&order_columns(dimension, pool, versions, &new)?)?;
    let mut by_order: Vec<usize> = (0..new.len()).collect();
    by_order.sort_by(|a, b| {
        let moment = |position: usize| versions[new[position]].from_us;
        order.row(*a).cmp(&order.row(*b)).then(moment(*a).cmp(&moment(*b)))
    });
    let mut next = largest.max(SurrogateKey::FIRST.0 - 1);
    for position in by_order {
        let full = || {
            Error::new(ErrorKind::Limit, "a dimension has no surrogate keys left")
                .with("dimension", &dimension.name)
        };
        next = next.checked_add(1).ok_or_else(full)?;
        versions[new[position]].key = Some(next);
    }
    versions.sort_by_key(|version| version.key);
    Ok(())
}

/// The durable key of every member: given before, else the key of its first version.
pub(super) fn durable_keys(pool: &Pool, versions: &[Version]) -> HashMap<u32, i32> {
    let mut durable: HashMap<u32, i32> =
        pool.stored.iter().map(|stored| (stored.member, stored.durable)).collect();
    for version in versions.iter().filter(|version| version.from_us == BEGINNING_US) {
        durable.entry(version.member).or_insert(version.key.unwrap_or_default());
    }
    durable
}

/// The values that order the new versions: the levels of the first hierarchy from the coarsest
/// to the finest, then the natural key.
fn order_columns(
    dimension: &Dimension,
    pool: &Pool,
    versions: &[Version],
    new: &[usize],
) -> Result<Vec<ArrayRef>> {
    let levels = dimension.hierarchies.first().map(|first| first.levels.as_slice());
    let names = levels.unwrap_or_default().iter();
    let names = names.map(|level| &level.attribute);
    let keys = dimension.natural_key.iter().map(|column| &column.name);
    let pick = |name: &String| {
        let attribute = dimension.attributes.iter().find(|a| a.column.name == *name);
        let history = attribute.map(|attribute| &attribute.history);
        let rows: UInt32Array = new.iter().map(|i| versions[*i].row_of(history)).collect();
        // What is derived from an attribute orders as that does.
        let name = history.and_then(History::derived_from).unwrap_or(name);
        take(named(&pool.rows, name)?, &rows, None)
            .map_err(|error| Error::internal("members cannot be ordered").caused_by(error))
    };
    names.chain(keys).map(pick).collect()
}
