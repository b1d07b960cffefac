//! A table or query of a PostgreSQL database.
//!
//! Rows come by binary COPY, exact and typed. A table is read by several connections at once, each
//! a range of its pages, under one exported snapshot: what is read is of one moment, whatever is
//! written meanwhile. The snapshot is held from the first reading until the source is
//! [closed](Source::close), so that a second reading sees the same rows in the same order.
//!
//! Its manifest is no file's checksum but a hash that the server computes without sending a row:
//! which transaction wrote which row where; for views and queries, over the rows' text. It is
//! computed in the snapshot that is read.
//!
//! | file | what it knows |
//! |---|---|
//! | `connect` | servers, secrets, and what errors of the server mean |
//! | `tls` | encryption |
//! | `relation` | tables, partitions, columns: which queries give all rows |
//! | `read` | several connections at once, and in order |
//! | `copy` | blocks of whole rows out of a COPY |
//! | `decode`, `values`, `numeric` | rows into columns |

mod connect;
mod copy;
mod decode;
mod numeric;
mod read;
mod relation;
mod tls;
mod values;

use super::files::hexadecimal;
use super::headings::Wanted;
use super::{Alive, Bound, Found, Piece, Sink, Source};
use crate::error::{Error, Result};
use crate::etl::job::PostgresqlPlace;
use crate::store::{Input, lanes};
use connect::{Connection, Server};
use decode::{Block, Layout};
use read::Snapshot;
use relation::{Content, Relation, Selection};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A table or query.
pub(super) struct Postgresql {
    project: PathBuf,
    place: PostgresqlPlace,
    content: Content,
    columns: Wanted,
    since: Option<Bound>,
    /// What was last found to be there, and when: the server's own name for the moment.
    looked: Mutex<Option<(String, Input)>>,
    reading: Mutex<Option<Reading>>,
}

/// A reading under way: its connection keeps the snapshot alive.
struct Reading {
    server: Server,
    connection: Connection,
    snapshot: Snapshot,
    relation: Relation,
    selection: Selection,
    layout: Arc<Layout>,
    /// What was read, once it has been.
    input: Option<Input>,
    /// The rows' hash in the order in which they came first, where they might come in another.
    order: Option<String>,
}

impl Postgresql {
    pub(super) fn new(project: &Path, place: &PostgresqlPlace, columns: Wanted) -> Result<Self> {
        let content = match (&place.table, &place.query) {
            (Some(table), None) => Content::Table(table.clone()),
            (None, Some(query)) => Content::Query(query.clone()),
            _ => return Err(Error::user("a PostgreSQL source has either `table` or `query`")),
        };
        if place.connections == Some(0) {
            return Err(Error::user("`connections` counts from 1"));
        }
        connect::check(place)?;
        Ok(Self {
            project: project.to_owned(),
            place: place.clone(),
            content,
            columns,
            since: None,
            looked: Mutex::default(),
            reading: Mutex::default(),
        })
    }

    /// What a release calls it: no user, no password.
    fn name(&self, server: &Server) -> String {
        let (Content::Table(what) | Content::Query(what)) = &self.content;
        let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{}: {what}", server.name())
    }

    /// A connection in a transaction, which sees one moment.
    fn begin(&self) -> Result<(Server, Connection)> {
        let server = Server::new(&self.project, &self.place)?;
        let connection = server.connect()?;
        connection.run(None, async |client| {
            const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
            Ok(client.batch_execute(BEGIN).await?)
        })?;
        Ok((server, connection))
    }

    /// Looks for the relation and its columns.
    fn find(&self, connection: &Connection) -> Result<Option<(Relation, Selection)>> {
        connection.run(None, async |client| {
            let Some(relation) = Relation::find(client, &self.content).await? else {
                return Ok(None);
            };
            let selection = relation.select(client, &self.columns, self.since.as_ref()).await?;
            Ok(Some((relation, selection)))
        })
    }

    fn input(&self, name: &str, digest: &str, found: (&Relation, &Selection)) -> Input {
        let (relation, selection) = found;
        let text = format!("{digest}\n{}", selection.signature);
        let sha256 = hexadecimal(&Sha256::digest(text));
        Input { name: name.to_owned(), size_bytes: relation.size_bytes, sha256 }
    }

    fn start(&self, name: &str) -> Result<Reading> {
        let (server, connection) = self.begin()?;
        let Some((relation, selection)) = self.find(&connection)? else {
            return Err(self.nothing_found());
        };
        const EXPORT: &str = "SELECT pg_export_snapshot(), pg_current_snapshot()::text";
        let (snapshot, moment): (String, String) = connection.run(None, async |client| {
            let row = client.query_one(EXPORT, &[]).await?;
            Ok((row.get(0), row.get(1)))
        })?;
        let layout = Arc::new(Layout::new(name, &selection.wires, &self.columns));
        let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let same_moment = looked.as_ref().filter(|(then, _)| *then == moment);
        let input = same_moment.map(|(_, input)| input.clone());
        let snapshot = Snapshot(snapshot);
        let order = None;
        Ok(Reading { server, connection, snapshot, relation, selection, layout, input, order })
    }

    fn read_rows(&self, reading: &mut Reading, name: &str, sink: &mut Sink<'_>) -> Result<Input> {
        sink(Piece::Headings(reading.selection.have.clone()))?;
        let queries = reading.relation.queries(&reading.selection);
        let mut order = (!reading.relation.is_ordered(&reading.selection)).then(Sha256::new);
        let (mut rows, mut bytes) = (0, 0);
        let layout = &reading.layout;
        let mut give = |block: Option<Block>| {
            let Some(block) = block else { return sink(layout.nothing(bytes).into()) };
            if let Some(hasher) = &mut order {
                hasher.update(&block.bytes);
            }
            let first = rows + 1;
            rows += block.rows as u64;
            bytes += block.bytes.len() as u64;
            let layout = Arc::clone(layout);
            sink(Piece::Work(Box::new(move || layout.decode(&block, first, bytes))))
        };
        let (relation, selection) = (&reading.relation, &reading.selection);
        let (connection, known) = (&reading.connection, reading.input.is_some());
        let digest = |stop: &connect::Stop| match known {
            true => Ok(None),
            false => connection
                .run(Some(stop), async |client| relation.digest(client, selection).await)
                .map(Some),
        };
        let connections = self.place.connections.unwrap_or_else(lanes);
        let (server, snapshot) = (&reading.server, &reading.snapshot);
        let digest = read::read(server, snapshot, &queries, connections, &mut give, digest)?;
        let order = order.map(|hasher| hexadecimal(&hasher.finalize()));
        if reading.order.is_some() && reading.order != order {
            return Err(Error::user("the query gives its rows in another order each time")
                .hint("to tell which of several rows is the last, it needs an ORDER BY"));
        }
        reading.order = order;
        if let Some(digest) = digest {
            let found = (&reading.relation, &reading.selection);
            reading.input = Some(self.input(name, &digest, found));
        }
        reading.input.clone().ok_or_else(|| Error::internal("a table was read without its hash"))
    }
}

impl Source for Postgresql {
    fn inputs(&self, _alive: &mut Alive<'_>) -> Result<Vec<Found>> {
        let (server, connection) = self.begin()?;
        let name = self.name(&server);
        let place = |error: Error| error.with("from", &name);
        let Some((relation, selection)) = self.find(&connection).map_err(place)? else {
            return Ok(Vec::new());
        };
        let looked = connection.run(None, async |client| {
            const MOMENT: &str = "SELECT pg_current_snapshot()::text";
            let moment: String = client.query_one(MOMENT, &[]).await?.get(0);
            Ok((moment, relation.digest(client, &selection).await?))
        });
        let (moment, digest) = looked.map_err(place)?;
        let input = self.input(&name, &digest, (&relation, &selection));
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some((moment, input.clone()));
        Ok(vec![Found { input, modified: None }])
    }

    fn nothing_found(&self) -> Error {
        let Content::Table(table) = &self.content else {
            return Error::not_found("the query gives nothing");
        };
        let error = self.begin().and_then(|(_, connection)| {
            connection.run(None, async |client| relation::no_such_table(client, table).await)
        });
        error.unwrap_or_else(|error| error)
    }

    fn read(&self, found: &Found, sink: &mut Sink<'_>) -> Result<Input> {
        let name = &found.input.name;
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let mut current = match reading.take() {
            Some(current) => current,
            None => self.start(name).map_err(|error| error.with("from", name))?,
        };
        let read = self.read_rows(&mut current, name, sink);
        if read.is_ok() {
            *reading = Some(current);
        }
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
