//! The invariants of a dimension, checked on the finished table before anything is staged.

use super::history::{BEGINNING_US, OPEN_END_US};
use super::intern::number_rows;
use crate::error::{Error, Result};
use crate::model::Dimension;
use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;

/// A row as the check sees it.
struct Row {
    member: u32,
    key: i32,
    durable: i32,
    from_us: i64,
    to_us: i64,
    is_current: bool,
}

/// Checks a dimension's table: keys unique and ascending from -2; a member's versions half-open,
/// without overlap, the first since the beginning of time, all under one durable key; one present
/// version for each of the `live` members, none for others.
///
/// # Errors
/// Internal errors that name the row: the kernel is wrong, so nothing may be loaded.
pub(super) fn check(dimension: &Dimension, table: &RecordBatch, live: u64) -> Result<()> {
    let rows = rows(dimension, table)?;
    let broken = |what: &str, row: &Row| {
        Err(Error::internal(format!("a dimension would be loaded with {what}"))
            .with("dimension", &dimension.name)
            .with("key", row.key))
    };
    for pair in rows.windows(2) {
        if pair[0].key >= pair[1].key {
            return broken("a surrogate key given twice", &pair[1]);
        }
    }
    let mut in_time: Vec<&Row> = rows.iter().filter(|row| row.key > 0).collect();
    in_time.sort_by_key(|row| (row.member, row.from_us));
    for versions in in_time.chunk_by(|a, b| a.member == b.member) {
        if versions[0].from_us != BEGINNING_US {
            return broken("a member that has no beginning", versions[0]);
        }
        for row in versions {
            if row.from_us >= row.to_us {
                return broken("an empty interval", row);
            }
            if row.is_current != (row.to_us == OPEN_END_US) {
                return broken("a wrong mark of the present version", row);
            }
            if row.durable != versions[0].durable {
                return broken("two durable keys for one member", row);
            }
        }
        for pair in versions.windows(2) {
            if pair[0].to_us > pair[1].from_us {
                return broken("versions that overlap", pair[1]);
            }
        }
    }
    let present = rows.iter().filter(|row| row.key > 0 && row.is_current).count() as u64;
    if present != live {
        let message = format!("{live} members are live, but {present} have a present version");
        return Err(Error::internal(message).with("dimension", &dimension.name));
    }
    Ok(())
}

fn rows(dimension: &Dimension, table: &RecordBatch) -> Result<Vec<Row>> {
    let count = table.num_rows();
    let keys = 1..1 + dimension.natural_key.len();
    let member = number_rows(&table.columns()[keys], count)?;
    let named = |name: &str| -> Result<&ArrayRef> {
        let missing = || Error::internal("a dimension's table lacks a column").with("column", name);
        table.column_by_name(name).ok_or_else(missing)
    };
    let key = table.column(0).as_primitive::<Int32Type>();
    let durable = named(&dimension.durable_key_column())?.as_primitive::<Int32Type>();
    let from = named("valid_from")?.as_primitive::<TimestampMicrosecondType>();
    let to = named("valid_to")?.as_primitive::<TimestampMicrosecondType>();
    let is_current = named("is_current")?.as_boolean();
    let row = |index: usize| Row {
        member: member[index],
        key: key.value(index),
        durable: durable.value(index),
        from_us: from.value(index),
        to_us: to.value(index),
        is_current: is_current.value(index),
    };
    Ok((0..count).map(row).collect())
}
