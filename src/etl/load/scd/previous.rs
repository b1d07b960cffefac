//! What an attribute of type 3 was before it was what it is: its value before the last change among
//! all that was said of the member.

use super::history::Version;
use super::intern::number_rows;
use super::observe::Seen;
use super::pool::{Pool, named};
use crate::error::{Error, Result};
use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::{concat, take};
use std::collections::HashMap;
use std::slice;

/// The values of an attribute before its present one, version by version.
pub(super) fn previous(
    pool: &Pool,
    seen: &Seen,
    of: &str,
    versions: &[Version],
) -> Result<ArrayRef> {
    let broken = |error| Error::internal("previous values do not fit").caused_by(error);
    let values = named(&pool.rows, of)?;
    let numbers = number_rows(slice::from_ref(values), values.len())?;
    let mut before: HashMap<u32, Option<u32>> = HashMap::new();
    for of_member in seen.all.chunk_by(|a, b| a.member == b.member) {
        let told = of_member.iter().filter(|seen| !seen.is_inferred());
        let rows: Vec<u32> = told.filter_map(|seen| seen.row).collect();
        let changes = |pair: &&[u32]| numbers[pair[0] as usize] != numbers[pair[1] as usize];
        let last = rows.windows(2).rev().find(changes).map(|pair| pair[0]);
        before.insert(of_member[0].member, last);
    }
    // Without a change log, overwritten values are known from the table alone, and so is what was
    // before them.
    let stored = pool.current.as_ref().filter(|_| !seen.is_logged);
    let stored = stored.and_then(|batch| batch.column_by_name(&format!("previous_{of}")));
    let first_stored: HashMap<u32, u32> = match stored {
        Some(_) => pool.stored.iter().map(|stored| (stored.member, stored.row)).collect(),
        None => HashMap::new(),
    };
    let offset = u32::try_from(values.len()).unwrap_or(u32::MAX);
    let row = |version: &Version| {
        let told = before.get(&version.member).copied().flatten();
        told.or_else(|| first_stored.get(&version.member).map(|row| offset + row))
    };
    let rows: UInt32Array = versions.iter().map(row).collect();
    let both = match stored {
        Some(stored) => &concat(&[values.as_ref(), stored.as_ref()]).map_err(broken)?,
        None => values,
    };
    take(both, &rows, None).map_err(broken)
}
