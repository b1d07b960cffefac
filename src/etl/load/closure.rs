//! Parent-child dimensions: every pair of ancestor and descendant, so that a total over whatever is
//! below a member is one join.
//!
//! The tree is the present one. Each version of a descendant stands under the present version of
//! each ancestor, itself included; so each fact is once below each of its ancestors, and once below
//! the root of its tree. The members "unknown" and "not applicable" are their own roots.

use super::scd::encode;
use crate::error::{Error, Result};
use crate::model::{Dimension, arrow_schema};
use arrow::array::{Array, ArrayRef, AsArray, Int32Array};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The closure of a dimension's table; none where members are not one another's parents. A parent
/// whom nobody knows is none.
///
/// # Errors
/// Data errors name members that are each other's ancestors.
pub(super) fn closure(dimension: &Dimension, table: &RecordBatch) -> Result<Option<RecordBatch>> {
    let Some(parents) = &dimension.parent_child else { return Ok(None) };
    let named = |name: &String| {
        let missing = || Error::internal("a dimension lacks a column").with("column", name);
        table.column_by_name(name).ok_or_else(missing)
    };
    let natural = dimension.natural_key.iter().map(|column| named(&column.name).cloned());
    let natural = natural.collect::<Result<Vec<ArrayRef>>>()?;
    let parent = parents.parent.iter().map(|name| named(name).cloned());
    let parent = parent.collect::<Result<Vec<ArrayRef>>>()?;
    let keys = table.column(0).as_primitive::<Int32Type>();
    let durable = named(&dimension.durable_key_column())?.as_primitive::<Int32Type>();
    let to = named(&"valid_to".to_owned())?.as_primitive::<TimestampMicrosecondType>();

    // Of each member the row that shows it as it is: its last.
    let mut last: BTreeMap<i32, usize> = BTreeMap::new();
    for row in 0..table.num_rows() {
        let shown = last.entry(durable.value(row)).or_insert(row);
        if to.value(row) > to.value(*shown) {
            *shown = row;
        }
    }
    let (own, above) = (encode(&natural)?, encode(&parent)?);
    let by_key: HashMap<&[u8], i32> =
        last.iter().map(|(member, row)| (own.row(*row).data(), *member)).collect();
    let parent_of = |member: i32| {
        let row = *last.get(&member)?;
        let known = member > 0 && parent.iter().all(|column| column.is_valid(row));
        let found = by_key.get(above.row(row).data()).copied();
        found.filter(|parent| known && *parent > 0)
    };
    let lines: BTreeMap<i32, Vec<i32>> =
        last.keys().map(|member| (*member, line(*member, parent_of))).collect();
    if let Some((member, _)) = lines.iter().find(|(_, line)| line.is_empty()) {
        return Err(circle(dimension, *member, parent_of, |member| {
            let row = last.get(&member).copied().unwrap_or_default();
            let cells = natural.iter().map(|c| array_value_to_string(c, row).unwrap_or_default());
            cells.collect::<Vec<_>>().join(", ")
        }));
    }
    let mut pairs = Vec::new();
    for row in 0..table.num_rows() {
        let line = lines.get(&durable.value(row)).map(Vec::as_slice).unwrap_or_default();
        for (distance, ancestor) in line.iter().enumerate() {
            let shown = last.get(ancestor).map_or(0, |row| keys.value(*row));
            let depth = line.len() - 1 - distance;
            pairs.push([shown, keys.value(row), number(distance), number(depth)]);
        }
    }
    pairs.sort_unstable();
    let column = |index: usize| -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(pairs.iter().map(|pair| pair[index])))
    };
    RecordBatch::try_new(arrow_schema(&dimension.closure_columns()), (0..4).map(column).collect())
        .map(Some)
        .map_err(|error| Error::internal("ancestors are no table").caused_by(error))
}

/// A member, its parent, and so on up to the root; empty where that comes to no end.
fn line(member: i32, parent_of: impl Fn(i32) -> Option<i32>) -> Vec<i32> {
    let mut line = vec![member];
    let mut here = member;
    // Twice as fast behind it: where both meet there is a circle.
    let mut ahead = Some(member);
    while let Some(parent) = parent_of(here) {
        line.push(parent);
        here = parent;
        ahead = ahead.and_then(&parent_of).and_then(&parent_of);
        if ahead == Some(here) {
            return Vec::new();
        }
    }
    line
}

fn circle(
    dimension: &Dimension,
    member: i32,
    parent_of: impl Fn(i32) -> Option<i32>,
    show: impl Fn(i32) -> String,
) -> Error {
    let mut seen = vec![member];
    let mut here = member;
    while let Some(parent) = parent_of(here) {
        let first = seen.iter().position(|member| *member == parent);
        seen.push(parent);
        if let Some(first) = first {
            seen.drain(..first);
            break;
        }
        here = parent;
    }
    let names: Vec<String> = seen.into_iter().map(|member| format!("({})", show(member))).collect();
    Error::data(format!("members are each other's ancestors: {}", names.join(" is below ")))
        .with("dimension", &dimension.name)
        .hint("mend the parents in the source or the transformation")
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests;
