//! Sources: reading raw rows out of files and databases, one file a format.
//!
//! A [`Source`] knows two things: what there is to read ([`Source::inputs`], with a checksum, so
//! that a run can tell whether anything is new) and how to read it ([`Source::read`], in bounded
//! batches of raw cells). It neither cleans nor types values: that is `clean`'s work, the same
//! for every format. Sources run on a blocking thread and push batches into a sink; a sink that
//! refuses a batch stops the source, which is how a run is cancelled; a source that has nothing to say
//! for a while pushes an empty batch now and then, to hear of it. What a source can leave for
//! later, such as taking lines apart, it may push as [`Piece::Work`], which other threads do. What an
//! input has for columns it says by [`Piece::Headings`], before its rows where it has headings.
//!
//! # How do I add a source?
//!
//! 1. Add its place to [`crate::etl::job::From`].
//! 2. Copy `json.rs`, the smallest: it finds its files with [`Files`](files::Files), wherever
//!    they lie, is a [`TextFormat`](text::TextFormat) (what is no text is a [`Source`] by itself),
//!    turns each row into cells with a [`BatchBuilder`], and says which rows it could not read, and
//!    which columns there were. One that has rows come over a network keeps them in a
//!    [`Spool`](spool::Spool) first, as `api` does, and waits with a [`Waiter`](alive::Waiter).
//! 3. Add it to [`open`] below, and to the conformance suite in `tests/it/extract/conformance.rs`,
//!    which every source passes.
//! 4. `STARHOUSE_WRITE_REFERENCE=1 cargo test --test job_reference` writes what people read of it.

mod alive;
mod api;
mod batch;
mod blocks;
mod csv;
mod excel;
mod files;
mod flight_sql;
mod headings;
mod http;
mod json;
mod json_lines;
mod lines;
mod mysql;
mod number;
mod packed;
mod parquet;
mod postgresql;
mod spool;
mod sqlite;
mod text;
mod tls;

pub(crate) use alive::Alive;
pub(crate) use batch::{Cells, Piece, Position, RawBatch};
pub(crate) use csv::{dialect_of_file, heading_line};
pub(crate) use files::lies_at;
pub(crate) use number::number_text;
pub(crate) use packed::unpacked;

use crate::error::{Error, Result};
use crate::etl::job::{From, SourceSpec};
use crate::store::Input;
use batch::{BatchBuilder, Unreadable};
use std::collections::HashSet;
use std::path::Path;
use std::time::SystemTime;

/// Rows a batch of text cells holds at most.
const BATCH_ROWS: usize = 8_192;
/// Raw text a batch holds at most, give or take a row.
const BATCH_BYTES: usize = 8 << 20;

/// Takes the batches of a source; an error stops the source.
pub(crate) type Sink<'a> = dyn FnMut(Piece) -> Result<()> + 'a;

/// Something there is to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its name, size and checksum: what a release remembers. The checksum is empty where reading will
    /// tell it.
    pub(crate) input: Input,
    /// When the file was last written, before it was hashed: tells whether it changed meanwhile.
    pub(crate) modified: Option<SystemTime>,
}

/// Where reading begins: at a value of a column that grows with every change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bound {
    /// The column's heading.
    pub(crate) heading: String,
    /// The smallest value wanted, as text; all are where there is none.
    pub(crate) at_least: Option<String>,
}

/// A place that rows are read from.
pub(crate) trait Source: Send + Sync {
    /// What there is to read, sorted by name; none where there is nothing. Who looks for long tells
    /// `alive` now and then, and stops where that is an error.
    ///
    /// # Errors
    /// Not found where the place itself cannot be; unavailable where it cannot be read.
    fn inputs(&self, alive: &mut Alive<'_>) -> Result<Vec<Found>>;

    /// The error for a place that holds nothing: says what there is instead.
    fn nothing_found(&self) -> Error;

    /// Reads one input, batch by batch, and returns what was read.
    ///
    /// # Errors
    /// User where a wanted column is missing, data where the input is not of its format at all.
    /// A single bad row is no error: it is in [`RawBatch::unreadable`].
    fn read(&self, found: &Found, sink: &mut Sink<'_>) -> Result<Input>;

    /// From now on only rows from a bound on are wanted, and those without a value there.
    ///
    /// # Errors
    /// User where the source cannot tell which rows those are.
    fn since(&mut self, _bound: Bound) -> Result<()> {
        Err(Error::user("`watermark` goes with databases and APIs")
            .hint("files that come one after the other have `strategy: new_files`"))
    }

    /// Published runs have read inputs of these names. Any other is new whatever it holds, and need
    /// not be hashed before it is read.
    fn read_before(&mut self, _names: HashSet<String>) {}

    /// Ends what reading has left open, once nothing is read again: a database's snapshot.
    fn close(&self) {}
}

/// The source that a job's `from` describes.
///
/// # Errors
/// User where the place is described wrongly (an unknown encoding, a bad pattern ...).
pub(crate) fn open(project: &Path, spec: &SourceSpec) -> Result<Box<dyn Source>> {
    let columns = headings::Wanted::new(spec);
    Ok(match &spec.from {
        From::Csv(place) => Box::new(csv::Csv::new(project, place, columns)?),
        From::JsonLines(place) => Box::new(json_lines::JsonLines::new(project, place, columns)?),
        From::Json(place) => Box::new(json::Json::new(project, place, columns)?),
        From::Parquet(place) => Box::new(parquet::Parquet::new(project, place, columns)?),
        From::Excel(place) => Box::new(excel::Excel::new(project, place, columns)?),
        From::Sqlite(place) => Box::new(sqlite::Sqlite::new(project, place, columns)?),
        From::Mysql(place) => Box::new(mysql::Mysql::new(project, place, columns)?),
        From::FlightSql(place) => Box::new(flight_sql::FlightSql::new(project, place, columns)?),
        From::Api(place) => Box::new(api::Api::new(project, place, columns)?),
        From::Postgresql(place) => Box::new(postgresql::Postgresql::new(project, place, columns)?),
    })
}
