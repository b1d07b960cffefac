//! A table or query of a MySQL or MariaDB database.
//!
//! Rows come by the binary protocol, one after the other, in a transaction that sees one moment;
//! it is held from the first reading until the source is [closed](Source::close), so that a second
//! reading sees the same rows. (These servers have no snapshot that several connections could
//! share, so there is one.) Moments come in UTC; a zero date reads `0000-00-00`, bits as a number,
//! bytes as `\x` and hexadecimal digits.
//!
//! Its manifest is a sum of hashes that the server computes over the wanted columns, in that
//! transaction, without sending a row.

mod connect;
mod relation;
mod values;

use super::batch::rendered_as_json;
use super::files::hexadecimal;
use super::headings::Wanted;
use super::{
    Alive, BatchBuilder, Bound, Found, Piece, Position, RawBatch, Sink, Source, Unreadable,
    headings,
};
use crate::error::{Error, Result};
use crate::etl::job::MysqlPlace;
use crate::store::Input;
use connect::{Connection, Server, broken};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, Value};
use relation::{Content, Failure, Relation};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long nothing may come before the caller hears that all is well.
const SIGN_OF_LIFE: Duration = Duration::from_millis(500);

/// A table or query.
pub(super) struct Mysql {
    project: PathBuf,
    place: MysqlPlace,
    content: Content,
    columns: Wanted,
    since: Option<Bound>,
    reading: Mutex<Option<Reading>>,
}

/// A reading under way.
struct Reading {
    server: Server,
    connection: Connection,
    relation: Relation,
    /// What is read, once the server has hashed it.
    input: Option<Input>,
    /// A hash of the rows in the order in which they came first.
    order: Option<String>,
}

impl Mysql {
    pub(super) fn new(project: &Path, place: &MysqlPlace, columns: Wanted) -> Result<Self> {
        let content = match (&place.table, &place.query) {
            (Some(table), None) => Content::Table(table.clone()),
            (None, Some(query)) => Content::Query(query.clone()),
            _ => return Err(Error::user("a MySQL source has either `table` or `query`")),
        };
        connect::check(place)?;
        let (project, place) = (project.to_owned(), place.clone());
        let (since, reading) = (None, Mutex::default());
        Ok(Self { project, place, content, columns, since, reading })
    }

    /// What a release calls it: no user, no password.
    fn name(&self, server: &Server) -> String {
        let (Content::Table(what) | Content::Query(what)) = &self.content;
        let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{}: {what}", server.name())
    }

    /// Connects and looks for what is to be read; none where there is no such table.
    fn start(&self) -> Result<(Server, Connection, Option<Relation>)> {
        let server = Server::new(&self.project, &self.place)?;
        let mut connection = server.connect()?;
        let relation = run(&mut connection, async |conn| {
            Relation::find(conn, &self.content, &self.columns, self.since.as_ref()).await
        })?;
        Ok((server, connection, relation))
    }

    fn reading(&self) -> Result<Reading> {
        match self.start()? {
            (server, connection, Some(relation)) => {
                Ok(Reading { server, connection, relation, input: None, order: None })
            }
            _ => Err(self.nothing_found()),
        }
    }

    fn read_rows(&self, reading: &mut Reading, name: &str, sink: &mut Sink<'_>) -> Result<Input> {
        let input = match &reading.input {
            Some(input) => input.clone(),
            None => reading.look(name, &mut || sink(self.nothing(name).into()))?,
        };
        sink(Piece::Headings(reading.relation.have.clone()))?;
        let mut rows = Rows {
            columns: &self.columns,
            batch: BatchBuilder::with_headings(name, headings::headings(&self.columns).into()),
            hasher: Sha256::new(),
            bytes: 0,
            line: 0,
        };
        let Reading { server, connection, relation, order, .. } = reading;
        let (runtime, conn) = connection.parts()?;
        let id = conn.id();
        let read = runtime.block_on(async {
            let mut result = conn.exec_iter(relation.query.as_str(), ()).await.map_err(broken)?;
            while let Some(row) = next(&mut result, &mut || sink(self.nothing(name).into())).await?
            {
                rows.push(&row);
                if rows.batch.is_full() {
                    sink(rows.batch.take(rows.bytes).into())?;
                }
            }
            Ok(())
        });
        if let Err(error) = read {
            runtime.block_on(server.cancel(id));
            return Err(error);
        }
        if !rows.batch.is_empty() {
            sink(rows.batch.take(rows.bytes).into())?;
        }
        let now = hexadecimal(&rows.hasher.finalize());
        match order {
            Some(before) if *before != now => {
                return Err(Error::user("the rows come in another order each time").hint(
                    "to tell which of several rows is the last, say `query` with an ORDER BY",
                ));
            }
            _ => *order = Some(now),
        }
        reading.input = Some(input.clone());
        Ok(input)
    }

    /// A batch without rows: a sign of life.
    fn nothing(&self, name: &str) -> RawBatch {
        RawBatch::nothing(name, self.columns.len())
    }
}

impl Reading {
    /// Has the server hash what is to be read; `alive` is told now and then while it does.
    fn look(&mut self, name: &str, alive: &mut dyn FnMut() -> Result<()>) -> Result<Input> {
        let Self { server, connection, relation, .. } = self;
        let (runtime, conn) = connection.parts()?;
        let id = conn.id();
        let looked = runtime.block_on(async {
            let digest = relation.digest(conn);
            awaited(digest, alive).await?.map_err(other)
        });
        if looked.is_err() {
            runtime.block_on(server.cancel(id));
        }
        let sha256 = hexadecimal(&Sha256::digest(format!("{}\n{}", looked?, relation.signature)));
        Ok(Input { name: name.to_owned(), size_bytes: relation.size_bytes, sha256 })
    }
}

/// Rows on their way into a batch.
struct Rows<'c> {
    columns: &'c Wanted,
    batch: BatchBuilder,
    hasher: Sha256,
    bytes: u64,
    line: u64,
}

impl Rows<'_> {
    fn push(&mut self, row: &Row) {
        self.line += 1;
        let position = Position { line: self.line, offset: None };
        let value = |at: usize| row.as_ref(at).unwrap_or(&Value::NULL);
        let cells = row.columns_ref().iter().zip(self.columns.iter()).enumerate();
        let texts: Vec<_> = cells
            .map(|(at, (column, wanted))| values::text(value(at), column, wanted.ty))
            .collect();
        for text in &texts {
            let text = text.as_ref().ok().and_then(|(text, _)| text.as_deref());
            let length = text.map_or(u64::MAX, |text| text.len() as u64);
            self.hasher.update(length.to_le_bytes());
            self.hasher.update(text.unwrap_or_default());
            self.bytes += text.map_or(0, |text| text.len() as u64);
        }
        if let Some(at) = texts.iter().position(Result::is_err) {
            let cells = row.columns_ref().iter().zip(self.columns.iter()).enumerate();
            let raw = rendered_as_json(cells.map(|(at, (column, wanted))| {
                (headings::heading(wanted), values::render(value(at), column))
            }));
            let reason = format!("`{}` holds bytes that are not text", self.columns[at].name);
            self.batch.push_unreadable(Unreadable { position, rule: "encoding", reason, raw });
            return;
        }
        let texts = texts.iter().map(|cell| match cell {
            Ok((text, native)) => (text.as_deref(), *native),
            Err(()) => (None, false),
        });
        self.batch.push(position, "", texts);
    }
}

impl Source for Mysql {
    fn inputs(&self, alive: &mut Alive<'_>) -> Result<Vec<Found>> {
        let (server, connection, relation) = self.start()?;
        let name = self.name(&server);
        let Some(relation) = relation else { return Ok(Vec::new()) };
        let mut reading = Reading { server, connection, relation, input: None, order: None };
        let input = reading.look(&name, alive).map_err(|error| error.with("from", &name))?;
        Ok(vec![Found { input, modified: None }])
    }

    fn nothing_found(&self) -> Error {
        let Content::Table(table) = &self.content else {
            return Error::not_found("the query gives nothing");
        };
        let error = self.start().and_then(|(_, mut connection, _)| {
            run(&mut connection, async |conn| relation::no_such_table(conn, table).await)
        });
        error.unwrap_or_else(|error| error)
    }

    fn read(&self, found: &Found, sink: &mut Sink<'_>) -> Result<Input> {
        let name = &found.input.name;
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let current = match reading.take() {
            Some(current) => Ok(current),
            None => self.reading(),
        };
        let read = current.and_then(|mut current| {
            let input = self.read_rows(&mut current, name, sink)?;
            *reading = Some(current);
            Ok(input)
        });
        read.map_err(|error| error.with("from", name))
    }

    fn since(&mut self, bound: Bound) -> Result<()> {
        self.since = Some(bound);
        Ok(())
    }

    fn close(&self) {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Does some work on a connection.
fn run<T>(
    connection: &mut Connection,
    work: impl AsyncFnOnce(&mut Conn) -> Result<T, Failure>,
) -> Result<T> {
    let (runtime, conn) = connection.parts()?;
    runtime.block_on(work(conn)).map_err(other)
}

fn other(failure: Failure) -> Error {
    match failure {
        Failure::Server(error) => broken(error),
        Failure::Other(error) => error,
    }
}

/// The next row.
async fn next(
    result: &mut mysql_async::QueryResult<'_, '_, mysql_async::BinaryProtocol>,
    alive: &mut dyn FnMut() -> Result<()>,
) -> Result<Option<Row>> {
    awaited(result.next(), alive).await?.map_err(broken)
}

/// Waits for something; `alive` is told now and then meanwhile, and its error ends the waiting.
async fn awaited<T>(
    work: impl Future<Output = T>,
    alive: &mut dyn FnMut() -> Result<()>,
) -> Result<T> {
    let mut work = pin!(work);
    loop {
        match tokio::time::timeout(SIGN_OF_LIFE, work.as_mut()).await {
            Ok(done) => return Ok(done),
            Err(_) => alive()?,
        }
    }
}
