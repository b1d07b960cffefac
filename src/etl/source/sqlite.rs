//! A table or query of a SQLite database.
//!
//! Its manifest is a checksum of the rows, not of the file: a live database keeps fresh rows
//! beside the file (in its write-ahead log) and rewrites the file without changing a row. So the
//! rows are read once to see whether anything is new; what is remembered is the checksum of the
//! rows that were loaded, taken while loading them. Other tables may change without a reload.

use super::batch::rendered_as_json;
use super::files::{Files, hexadecimal};
use super::headings::Wanted;
use super::{
    Alive, BatchBuilder, Bound, Found, Piece, Position, Sink, Source, Unreadable, headings, lines,
    number_text,
};
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::etl::job::SqlitePlace;
use crate::model::ColumnType;
use crate::store::Input;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait for a writer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Rows looked at before the caller hears that all is well.
const ROWS_A_SIGN: u64 = 8_192;

/// What days and moments begin with.
const DAY: &str = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*";

/// A table or query.
pub(super) struct Sqlite {
    files: Files,
    path: PathBuf,
    name: String,
    content: Content,
    columns: Wanted,
    since: Option<Bound>,
}

enum Content {
    Table(String),
    Query(String),
}

impl Sqlite {
    pub(super) fn new(project: &Path, place: &SqlitePlace, columns: Wanted) -> Result<Self> {
        let content = match (&place.table, &place.query) {
            (Some(table), None) => Content::Table(table.clone()),
            (None, Some(query)) => Content::Query(query.clone()),
            _ => return Err(Error::user("a SQLite source has either `table` or `query`")),
        };
        if place.path.contains('*') {
            return Err(Error::user("a SQLite source is one database: its path holds no `*`"));
        }
        let (Content::Table(what) | Content::Query(what)) = &content;
        Ok(Self {
            files: Files::new(project, &place.path, None)?,
            path: project.join(&place.path),
            name: format!(
                "{}: {}",
                place.path,
                what.split_whitespace().collect::<Vec<_>>().join(" ")
            ),
            content,
            columns,
            since: None,
        })
    }

    fn connect(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(broken)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(broken)?;
        Ok(connection)
    }

    fn sql(&self, connection: &Connection) -> Result<String> {
        match &self.content {
            Content::Query(query) => Ok(query.clone()),
            Content::Table(table) => {
                let names = tables(connection)?;
                if !names.iter().any(|name| name.eq_ignore_ascii_case(table)) {
                    return Err(no_table(table, &names));
                }
                Ok(format!("SELECT * FROM \"{}\"", table.replace('"', "\"\"")))
            }
        }
    }

    /// The condition that a row is new, or that nobody can tell; none where all are wanted.
    ///
    /// A value of SQLite has a type of its own, and days and moments are text in whatever form:
    /// those that begin with a day like 2024-12-31 are compared, any other is read each time.
    fn filter(&self) -> Option<String> {
        let Some(Bound { heading, at_least: Some(value) }) = &self.since else { return None };
        let name = format!("\"{}\"", heading.trim().replace('"', "\"\""));
        let column = self.columns.iter().find(|column| headings::heading(column) == heading);
        // the bound is ours: digits, signs, `T` and `Z`
        Some(match column.map(|column| column.ty) {
            Some(ColumnType::Date | ColumnType::Timestamp) => {
                let moment = |of: &str| format!("strftime('%Y-%m-%d %H:%M:%f', {of})");
                let (is, at_least) = (moment(&name), moment(&format!("'{value}'")));
                let day = format!("substr({name}, 1, 10)");
                format!(
                    "{name} IS NULL OR {name} NOT GLOB '{DAY}' OR {is} IS NULL \
                     OR date({day}) <> {day} OR {is} >= {at_least}"
                )
            }
            _ => format!(
                "{name} IS NULL OR typeof({name}) NOT IN ('integer', 'real') OR {name} >= {value}"
            ),
        })
    }

    /// Gives the columns' names to `begin`, then every row's number and wanted cells to `each`.
    fn scan(
        &self,
        begin: impl FnOnce(Vec<String>) -> Result<()>,
        each: &mut dyn FnMut(u64, &[ValueRef<'_>]) -> Result<()>,
    ) -> Result<()> {
        let connection = self.connect()?;
        let sql = self.sql(&connection)?;
        let sql = match self.filter() {
            Some(filter) => {
                let inner = sql.trim_end().trim_end_matches(';');
                format!("SELECT * FROM (\n{inner}\n) WHERE {filter}")
            }
            None => sql,
        };
        let mut statement = connection.prepare(&sql).map_err(query_error)?;
        if !statement.readonly() {
            return Err(Error::user("the query of a source only reads"));
        }
        let have: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let wanted = headings::positions(&have, &self.columns)?;
        begin(have)?;
        let mut rows = statement.query([]).map_err(query_error)?;
        let mut line = 0;
        while let Some(row) = rows.next().map_err(broken)? {
            line += 1;
            each(line, &cells(row, &wanted)?)?;
        }
        Ok(())
    }
}

impl Source for Sqlite {
    fn inputs(&self, alive: &mut Alive<'_>) -> Result<Vec<Found>> {
        if !self.path.is_file() {
            return Ok(Vec::new());
        }
        let mut checksum = Checksum::default();
        let place = |error: Error| error.with("source", &self.name);
        self.scan(|_| Ok(()), &mut |line, cells| {
            checksum.add(cells);
            if line % ROWS_A_SIGN == 0 { alive() } else { Ok(()) }
        })
        .map_err(place)?;
        Ok(vec![Found { input: checksum.input(&self.name), modified: None }])
    }

    fn nothing_found(&self) -> Error {
        self.files.nothing_found()
    }

    fn read(&self, _found: &Found, sink: &mut Sink<'_>) -> Result<Input> {
        let mut checksum = Checksum::default();
        let names = headings::headings(&self.columns).into();
        let mut batch = BatchBuilder::with_headings(&self.name, names);
        let place = |error: Error| error.with("source", &self.name);
        let sink = std::cell::RefCell::new(sink);
        let give = |piece| (sink.borrow_mut())(piece);
        self.scan(|have| give(Piece::Headings(have)), &mut |line, cells| {
            checksum.add(cells);
            self.push(Position { line, offset: None }, cells, &mut batch);
            if batch.is_full() { give(batch.take(checksum.size_bytes).into()) } else { Ok(()) }
        })
        .map_err(place)?;
        if !batch.is_empty() {
            give(batch.take(checksum.size_bytes).into())?;
        }
        Ok(checksum.input(&self.name))
    }

    fn since(&mut self, bound: Bound) -> Result<()> {
        self.since = Some(bound);
        Ok(())
    }
}

impl Sqlite {
    fn push(&self, position: Position, cells: &[ValueRef<'_>], batch: &mut BatchBuilder) {
        let texts: Vec<_> = cells
            .iter()
            .zip(self.columns.iter())
            .map(|(cell, column)| text(cell, column.ty))
            .collect();
        let undecodable = texts.iter().position(Result::is_err);
        if let Some(at) = undecodable {
            let names = self.columns.iter().map(headings::heading);
            let raw = rendered_as_json(names.zip(cells.iter().map(render)));
            let reason = format!("`{}` holds bytes that are not text", self.columns[at].name);
            batch.push_unreadable(Unreadable { position, rule: "encoding", reason, raw });
            return;
        }
        let texts = texts.iter().map(|cell| match cell {
            Ok((text, native)) => (text.as_deref(), *native),
            Err(()) => (None, false),
        });
        batch.push(position, "", texts);
    }
}

/// A checksum over cells, each told from the next by its type and length.
#[derive(Default)]
struct Checksum {
    hasher: Sha256,
    size_bytes: u64,
}

impl Checksum {
    fn add(&mut self, cells: &[ValueRef<'_>]) {
        for cell in cells {
            match cell {
                ValueRef::Null => self.part(0, &[]),
                ValueRef::Integer(value) => self.part(1, &value.to_le_bytes()),
                ValueRef::Real(value) => self.part(2, &value.to_le_bytes()),
                ValueRef::Text(bytes) => self.part(3, bytes),
                ValueRef::Blob(bytes) => self.part(4, bytes),
            }
        }
    }

    fn part(&mut self, tag: u8, bytes: &[u8]) {
        let mut head = [tag; 9];
        head[1..].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.hasher.update(head);
        self.hasher.update(bytes);
        self.size_bytes += bytes.len() as u64;
    }

    fn input(self, name: &str) -> Input {
        let sha256 = hexadecimal(&self.hasher.finalize());
        Input { name: name.to_owned(), size_bytes: self.size_bytes, sha256 }
    }
}

fn cells<'r>(row: &'r Row<'_>, wanted: &[Option<usize>]) -> Result<Vec<ValueRef<'r>>> {
    let cell = |at: &Option<usize>| match at {
        Some(at) => row.get_ref(*at).map_err(broken),
        None => Ok(ValueRef::Null),
    };
    wanted.iter().map(cell).collect()
}

/// A value's text and whether it is a number; an error if it is bytes that are no text.
fn text<'v>(value: &ValueRef<'v>, ty: ColumnType) -> Result<(Option<Cow<'v, str>>, bool), ()> {
    Ok(match value {
        ValueRef::Null => (None, false),
        ValueRef::Integer(value) => (Some(Cow::Owned(value.to_string())), true),
        ValueRef::Real(value) => (Some(Cow::Owned(number_text(*value, ty))), true),
        ValueRef::Text(bytes) => {
            (Some(Cow::Borrowed(std::str::from_utf8(bytes).map_err(|_| ())?)), false)
        }
        ValueRef::Blob(bytes) => (Some(Cow::Owned(format!("\\x{}", hexadecimal(bytes)))), false),
    })
}

fn render(value: &ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Text(bytes) => Some(lines::escape_utf8(bytes)),
        other => text(other, ColumnType::Text).ok()?.0.map(Cow::into_owned),
    }
}

fn tables(connection: &Connection) -> Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name";
    let mut statement = connection.prepare(sql).map_err(broken)?;
    let names = statement.query_map([], |row| row.get(0)).map_err(broken)?;
    names.collect::<rusqlite::Result<_>>().map_err(broken)
}

fn no_table(name: &str, names: &[String]) -> Error {
    let near = did_you_mean(name, names.iter().map(String::as_str));
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    Error::not_found(format!("no table `{name}` in the database"))
        .hint(format!("{near}it has {}", names.join(", ")))
}

fn query_error(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::Unknown) | None => {
            Error::user("the query of the source is wrong").caused_by(error)
        }
        Some(_) => broken(error),
    }
}

fn broken(error: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked};
    let kind = match error.sqlite_error_code() {
        Some(DatabaseBusy | DatabaseLocked | CannotOpen) => ErrorKind::Unavailable,
        _ => ErrorKind::Data,
    };
    Error::new(kind, "cannot read the database").caused_by(error)
}
