//! Everything that was ever said, as one batch: stored rows, the change log, incoming rows.

use super::Members;
use super::intern::number_rows;
use super::table::{given, placeholders};
use crate::error::{Error, Result};
use crate::model::{Dimension, History};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{concat, concat_batches, filter_record_batch};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use std::ops::Range;

/// A version as it is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored {
    pub(super) member: u32,
    pub(super) row: u32,
    pub(super) key: i32,
    pub(super) durable: i32,
    pub(super) from_us: i64,
    pub(super) to_us: i64,
    pub(super) is_inferred: bool,
}

/// A row of the change log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Logged {
    pub(super) row: u32,
    pub(super) at_us: i64,
    pub(super) deleted: bool,
}

/// Natural keys and attributes of all rows, with tuples numbered.
#[derive(Debug)]
pub(super) struct Pool {
    /// The columns that sources give, of every row; those of the stored versions come first.
    pub(super) rows: RecordBatch,
    /// The stored versions of real members as they are stored.
    pub(super) current: Option<RecordBatch>,
    /// How many of them, from the first, are the natural key.
    pub(super) keys: usize,
    /// The member that each row is about.
    pub(super) member: Vec<u32>,
    /// The number of each row's values with history.
    pub(super) tracked_value: Vec<u32>,
    /// The number of each row's overwritten values.
    pub(super) overwritten_value: Vec<u32>,
    /// The stored versions of real members.
    pub(super) stored: Vec<Stored>,
    /// The change log.
    pub(super) logged: Vec<Logged>,
    /// Which rows came in.
    pub(super) incoming: Range<u32>,
}

impl Pool {
    pub(super) fn new(members: &Members<'_>) -> Result<Self> {
        let dimension = members.dimension;
        let current = members.current.map(real_members).transpose()?;
        let parts = current.iter().chain(members.log).chain([members.incoming]);
        let parts: Vec<RecordBatch> =
            parts.map(|batch| given(dimension, batch)).collect::<Result<_>>()?;
        let rows = concat_batches(&parts[0].schema(), &parts).map_err(broken)?;
        let total = u32::try_from(rows.num_rows())
            .map_err(|_| Error::internal("too many members for one load"))?;
        let count = rows.num_rows();
        let keys = dimension.natural_key.len();
        refuse_reserved(members, keys)?;
        let member = number_rows(&rows.columns()[..keys], count)?;
        let stored = match &current {
            Some(batch) => stored_versions(dimension, batch, &member)?,
            None => Vec::new(),
        };
        let logged = members.log.map(|log| logged(log, stored.len())).transpose()?;
        Ok(Self {
            tracked_value: number_rows(
                &with_history(dimension, &rows, &History::NewVersion)?,
                count,
            )?,
            overwritten_value: number_rows(
                &with_history(dimension, &rows, &History::Overwrite)?,
                count,
            )?,
            incoming: total - members.incoming.num_rows() as u32..total,
            logged: logged.unwrap_or_default(),
            keys,
            current,
            stored,
            member,
            rows,
        })
    }
}

/// Refuses rows under the natural key of the members "unknown" and "not applicable".
fn refuse_reserved(members: &Members<'_>, keys: usize) -> Result<()> {
    let with_reserved = |column: &ArrayRef| {
        let reserved = placeholders(column, true)?;
        concat(&[reserved.as_ref(), column.as_ref()]).map_err(broken)
    };
    let columns = members.incoming.columns()[..keys].iter().map(with_reserved);
    let numbers =
        number_rows(&columns.collect::<Result<Vec<_>>>()?, members.incoming.num_rows() + 2)?;
    let (reserved, incoming) = numbers.split_at(2);
    match incoming.iter().position(|number| reserved.contains(number)) {
        None => Ok(()),
        Some(row) => {
            let shown = members.incoming.columns()[..keys]
                .iter()
                .map(|column| array_value_to_string(column, row).unwrap_or_default());
            let shown = shown.collect::<Vec<_>>().join(", ");
            Err(Error::data(format!("the natural key ({shown}) stands for no real member"))
                .hint("leave such rows out in the transformation: facts find that member anyway"))
        }
    }
}

/// The attribute columns of one history type.
fn with_history(
    dimension: &Dimension,
    rows: &RecordBatch,
    history: &History,
) -> Result<Vec<ArrayRef>> {
    let wanted = dimension.attributes.iter().filter(|attribute| attribute.history == *history);
    wanted.map(|attribute| named(rows, &attribute.column.name).cloned()).collect()
}

/// The stored rows without those that stand for unknown and not applicable.
fn real_members(current: &RecordBatch) -> Result<RecordBatch> {
    let keys = current.column(0).as_primitive::<Int32Type>();
    let real = keys.iter().map(|key| Some(key.is_some_and(|key| key > 0))).collect();
    filter_record_batch(current, &real).map_err(broken)
}

fn stored_versions(
    dimension: &Dimension,
    batch: &RecordBatch,
    member: &[u32],
) -> Result<Vec<Stored>> {
    let numbers = |name: &str| Ok::<_, Error>(named(batch, name)?.as_primitive::<Int32Type>());
    let times =
        |name: &str| Ok::<_, Error>(named(batch, name)?.as_primitive::<TimestampMicrosecondType>());
    let key = numbers(&dimension.key_column())?;
    let durable = numbers(&dimension.durable_key_column())?;
    let (from, to) = (times("valid_from")?, times("valid_to")?);
    let inferred = batch.column_by_name("is_inferred").map(|column| column.as_boolean());
    let version = |row: usize| Stored {
        member: member[row],
        row: row as u32,
        key: key.value(row),
        durable: durable.value(row),
        from_us: from.value(row),
        to_us: to.value(row),
        is_inferred: inferred.is_some_and(|inferred| inferred.is_valid(row) && inferred.value(row)),
    };
    Ok((0..batch.num_rows()).map(version).collect())
}

fn logged(log: &RecordBatch, first_row: usize) -> Result<Vec<Logged>> {
    let at = named(log, "effective_at")?.as_primitive::<TimestampMicrosecondType>();
    let deleted = named(log, "is_deleted")?.as_boolean();
    let entry = |index: usize| Logged {
        row: (first_row + index) as u32,
        at_us: at.value(index),
        deleted: deleted.value(index),
    };
    Ok((0..log.num_rows()).map(entry).collect())
}

pub(super) fn named<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    let missing = || Error::internal("a stored dimension lacks a column").with("column", name);
    batch.column_by_name(name).ok_or_else(missing)
}

fn broken(error: ArrowError) -> Error {
    Error::internal("members cannot be put together").caused_by(error)
}
