//! A table or query of another Flight SQL server.
//!
//! Rows come typed, as Arrow batches, into a temporary file; they are read from there, as often as it
//! takes. Such a server keeps no snapshot for us and has no checksum of its own: the manifest is one
//! of the rows that came, whatever their order and however they were cut into batches.

mod connect;
mod fetch;

use super::batch::{Places, Raw};
use super::files::hexadecimal;
use super::headings::{self, Wanted};
use super::{Alive, Bound, Cells, Found, Piece, RawBatch, Sink, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::etl::job::FlightSqlPlace;
use crate::store::Input;
use arrow::array::StringArray;
use arrow::ipc::reader::StreamReader;
use connect::Server;
use fetch::Fetched;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A table or query.
pub(super) struct FlightSql {
    project: PathBuf,
    place: FlightSqlPlace,
    content: Content,
    columns: Wanted,
    since: Option<Bound>,
    fetched: Mutex<Option<Fetched>>,
}

/// What a job asks for.
enum Content {
    /// A table, by name.
    Table(String),
    /// The rows of a query.
    Query(String),
}

impl FlightSql {
    pub(super) fn new(project: &Path, place: &FlightSqlPlace, columns: Wanted) -> Result<Self> {
        let content = match (&place.table, &place.query) {
            (Some(table), None) => Content::Table(table.clone()),
            (None, Some(query)) => Content::Query(query.clone()),
            _ => return Err(Error::user("a Flight SQL source has either `table` or `query`")),
        };
        connect::check(place)?;
        let (project, place) = (project.to_owned(), place.clone());
        Ok(Self { project, place, content, columns, since: None, fetched: Mutex::default() })
    }

    /// What a release calls it: no user, no password.
    fn name(&self, server: &Server) -> String {
        let (Content::Table(what) | Content::Query(what)) = &self.content;
        let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{}: {what}", server.name())
    }

    /// All rows, as SQL.
    fn sql(&self) -> String {
        match &self.content {
            Content::Table(name) if name.contains('"') => format!("SELECT * FROM {name}"),
            Content::Table(name) => {
                let parts: Vec<String> = name.split('.').map(quoted).collect();
                format!("SELECT * FROM {}", parts.join("."))
            }
            // a line of its own, for a comment may end the query
            Content::Query(query) => {
                format!("SELECT * FROM (\n{}\n) AS q", query.trim_end().trim_end_matches(';'))
            }
        }
    }

    fn read_rows(&self, fetched: &Fetched, found: &Found, sink: &mut Sink<'_>) -> Result<()> {
        let lost = |error: std::io::Error| {
            Error::new(ErrorKind::Unavailable, "cannot read back what was fetched").caused_by(error)
        };
        let broken =
            |error| Error::internal("what was fetched is no Arrow stream").caused_by(error);
        sink(Piece::Headings(fetched.have.clone()))?;
        let wanted = headings::positions(&fetched.have, &self.columns)?;
        let file = BufReader::new(File::open(&fetched.spooled.path).map_err(lost)?);
        let names: Arc<[String]> = headings::headings(&self.columns).into();
        let (mut rows, mut bytes) = (0, 0);
        for batch in StreamReader::try_new(file, None).map_err(broken)? {
            let batch = batch.map_err(broken)?;
            let cells = |at: &Option<usize>| match at {
                Some(at) => Cells::Typed(Arc::clone(batch.column(*at))),
                None => {
                    let values = StringArray::new_null(batch.num_rows());
                    Cells::Text { values, native: None }
                }
            };
            let first = rows + 1;
            rows += batch.num_rows() as u64;
            bytes += batch.get_array_memory_size() as u64;
            let raw = RawBatch {
                file: found.input.name.as_str().into(),
                columns: wanted.iter().map(cells).collect(),
                rows: batch.num_rows(),
                places: Places::From(first),
                raw: Raw::Cells(Arc::clone(&names)),
                unreadable: Vec::new(),
                bytes_read: bytes.min(found.input.size_bytes),
            };
            sink(raw.into())?;
        }
        Ok(())
    }
}

impl Source for FlightSql {
    fn inputs(&self, alive: &mut Alive<'_>) -> Result<Vec<Found>> {
        let server = Server::new(&self.project, &self.place)?;
        let name = self.name(&server);
        let place = |error: Error| error.with("from", &name);
        let fetched = match fetch::fetch(&server, &self.sql(), self.since.as_ref(), alive) {
            Err(error) if self.is_missing(&error) => return Ok(Vec::new()),
            fetched => fetched.map_err(place)?,
        };
        if !self.columns.may_lack {
            headings::positions(&fetched.have, &self.columns).map_err(place)?;
        }
        let input = Input {
            name,
            size_bytes: fetched.spooled.size_bytes,
            sha256: hexadecimal(&fetched.digest),
        };
        *self.fetched.lock().unwrap_or_else(PoisonError::into_inner) = Some(fetched);
        Ok(vec![Found { input, modified: None }])
    }

    fn nothing_found(&self) -> Error {
        let error = match &self.content {
            Content::Table(table) => Error::not_found(format!("the server has no table `{table}`")),
            Content::Query(_) => Error::not_found("the query gives nothing"),
        };
        match Server::new(&self.project, &self.place) {
            Ok(server) => {
                let known = fetch::tables(&server, &mut || Ok(())).unwrap_or_default();
                let (Content::Table(what) | Content::Query(what)) = &self.content;
                fetch::near(error.with("server", server.name()), what, &known)
            }
            Err(_) => error,
        }
    }

    fn read(&self, found: &Found, sink: &mut Sink<'_>) -> Result<Input> {
        let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        let fetched = fetched.as_ref();
        let fetched =
            fetched.ok_or_else(|| Error::internal("a table is read before it is fetched"))?;
        let read = self.read_rows(fetched, found, sink);
        read.map_err(|error| error.with("from", &found.input.name))?;
        Ok(found.input.clone())
    }

    fn since(&mut self, bound: Bound) -> Result<()> {
        self.since = Some(bound);
        Ok(())
    }
}

impl FlightSql {
    /// Whether the table is what is not there.
    fn is_missing(&self, error: &Error) -> bool {
        error.kind() == ErrorKind::NotFound && matches!(self.content, Content::Table(_))
    }
}

/// A name as SQL quotes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
