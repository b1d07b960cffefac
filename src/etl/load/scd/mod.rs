//! Slowly changing dimensions: members and their history, as a pure function.
//!
//! ```text
//! stored table, change log, incoming rows
//!     -> pool.rs      all of them as one batch, tuples numbered (intern.rs)
//!     -> observe.rs   what was said of whom, since when
//!     -> history.rs   versions
//!     -> keys.rs      surrogate and durable keys
//!     -> table.rs     the new table and change log
//!     -> check.rs     the invariants, on the finished table
//!     -> lost.rs      which time versions have lost to others: facts there must follow
//! ```
//!
//! Plain rows in, plain rows out: no session, no I/O. Type 1 attributes are overwritten in every
//! version of a member, type 2 attributes open a version; intervals are half-open; the first
//! version of a member is valid since the beginning of time. Sources that say since when a row
//! holds may say so late: their rows are kept in a change log (`changes_<dimension>`), so that
//! the outcome does not depend on the order of arrival. A version once loaded keeps its
//! surrogate key for ever; a late change can shorten its interval, never take it away: facts in the
//! time that it lost are given the version that is valid there (`repoint.rs`).

mod check;
mod history;
mod intern;
mod keys;
mod lost;
mod observe;
mod pool;
mod previous;
mod table;

pub(crate) use history::{BEGINNING_US, OPEN_END_US};
pub(crate) use intern::encode;
pub(crate) use lost::Lost;
pub(crate) use table::{log_columns, placeholders, stored_columns};

use crate::error::Result;
use crate::etl::job::Missing;
use crate::model::Dimension;
use arrow::record_batch::RecordBatch;
use pool::Pool;
use std::collections::HashSet;

/// What the kernel works on. Batches hold the columns that [`stored_columns`] and [`log_columns`]
/// name, in that order.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    /// The dimension.
    pub(crate) dimension: &'a Dimension,
    /// The table as it stands; none before the first load.
    pub(crate) current: Option<&'a RecordBatch>,
    /// The change log as it stands, where the dimension has one.
    pub(crate) log: Option<&'a RecordBatch>,
    /// The rows to load: natural key, attributes.
    pub(crate) incoming: &'a RecordBatch,
    /// Since when each incoming row holds, in microseconds since 1970; the run's time if `None`.
    pub(crate) effective_us: Option<&'a [i64]>,
    /// Which incoming rows say that their member was deleted; none if `None`.
    pub(crate) deleted: Option<&'a [bool]>,
    /// Whether the rows are natural keys that only facts know of.
    pub(crate) inferred: bool,
    /// Whether a deletion takes with it what its member was until then.
    pub(crate) forgets: bool,
    /// The largest surrogate key ever given: it is not given again.
    pub(crate) last_key: i32,
    /// The run's business time, in microseconds since 1970.
    pub(crate) as_of_us: i64,
    /// What a member missing from the incoming rows means.
    pub(crate) missing: Missing,
    /// Who was in the source all the same.
    pub(crate) refused: &'a Refused,
    /// Whether the dimension keeps a change log from now on.
    pub(crate) keep_log: bool,
}

impl Members<'_> {
    /// Whether an incoming row, by position, says that its member was deleted.
    fn is_deleted(&self, row: u32) -> bool {
        self.deleted.is_some_and(|deleted| deleted[row as usize])
    }
}

/// Members whose rows were refused: they are not missing.
#[derive(Debug, Clone, Default)]
pub(crate) enum Refused {
    /// There are none.
    #[default]
    Nobody,
    /// These, by the columns of their natural key.
    These(RecordBatch),
    /// Nobody can tell who they are: it may be anyone. Why, in words.
    Anybody(String),
}

/// A dimension after a load.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The table, ordered by surrogate key.
    pub(crate) table: RecordBatch,
    /// The change log, where the dimension keeps one.
    pub(crate) log: Option<RecordBatch>,
    /// Rows of the table that are new or differ from before.
    pub(crate) rows_changed: u64,
    /// Members closed because they are missing.
    pub(crate) closed: u64,
    /// Members that were live before and are not now, those closed included.
    pub(crate) deleted: u64,
    /// The largest surrogate key ever given.
    pub(crate) last_key: i32,
    /// Members that had a present version before.
    pub(crate) live_before: u64,
    /// Incoming rows that say other things than a row of the same member and moment.
    pub(crate) contradictions: u64,
    /// Versions loaded before whose interval in the past was moved by a late change.
    pub(crate) moved: u64,
    /// The time that versions have lost: facts in it are another version's now.
    pub(crate) lost: Vec<Lost>,
}

/// Loads incoming rows into a dimension.
///
/// # Errors
/// Data errors name the rows that cannot be loaded; a broken invariant is an internal error.
pub(crate) fn load(members: &Members<'_>) -> Result<Loaded> {
    let pool = Pool::new(members)?;
    let seen = observe::observe(members, &pool)?;
    let given = keys::given(&pool, &seen.before);
    let mut versions = history::versions(&seen.all, &pool.tracked_value, &given);
    let gone = deleted(&seen.all);
    keys::assign(members.dimension, &pool, members.last_key, &mut versions)?;
    let moved = pool.stored.iter().filter(|stored| moved(stored, &versions)).count() as u64;
    let table = table::table(members.dimension, &pool, &seen, &versions)?;
    let log = if members.keep_log {
        Some(table::log(members.dimension, &pool, &seen.all)?)
    } else {
        None
    };
    check::check(members.dimension, &table, live(&seen.all))?;
    Ok(Loaded {
        rows_changed: table::rows_changed(members.current, &table)?,
        table,
        log,
        closed: seen.closed,
        deleted: lost_members(&seen.before, &gone),
        last_key: last_key(members.last_key, &pool.stored, &versions),
        contradictions: seen.contradictions,
        live_before: live(&seen.before),
        moved,
        lost: lost::lost(&pool.stored, &versions),
    })
}

/// Members that are not there any more.
fn deleted(settled: &[history::Observation]) -> HashSet<u32> {
    let members = settled.chunk_by(|a, b| a.member == b.member);
    members.filter(|seen| !history::is_live(seen)).map(|seen| seen[0].member).collect()
}

/// How many of those gone were there before.
fn lost_members(before: &[history::Observation], gone: &HashSet<u32>) -> u64 {
    let members = before.chunk_by(|a, b| a.member == b.member);
    let there = members.filter(|seen| history::is_live(seen));
    there.filter(|seen| gone.contains(&seen[0].member)).count() as u64
}

/// The largest key that was ever given.
fn last_key(before: i32, stored: &[pool::Stored], versions: &[history::Version]) -> i32 {
    let now = versions.iter().filter_map(|version| version.key);
    stored.iter().map(|stored| stored.key).chain(now).fold(before, i32::max)
}

/// How many members are there.
fn live(settled: &[history::Observation]) -> u64 {
    let members = settled.chunk_by(|a, b| a.member == b.member);
    members.filter(|seen| history::is_live(seen)).count() as u64
}

/// Whether a version that is stored has another past now: it began or ended at another moment.
fn moved(stored: &pool::Stored, versions: &[history::Version]) -> bool {
    let now = versions.binary_search_by_key(&stored.key, |version| version.key.unwrap_or(0));
    now.is_ok_and(|index| {
        let version = &versions[index];
        let ended = stored.to_us != OPEN_END_US && stored.to_us != version.to_us;
        ended || stored.from_us != version.from_us
    })
}

#[cfg(test)]
mod tests;
