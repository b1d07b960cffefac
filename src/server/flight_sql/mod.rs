//! The Flight SQL service: every call comes in by [`service`], is dispatched here, and answered by
//! the file of its subject.
//!
//! We implement gRPC's `FlightService` ourselves over `arrow_flight::sql`'s messages. arrow-flight's
//! own `FlightSqlService` trait answers `GetSchema` and `PollFlightInfo` with "unimplemented",
//! turns malformed requests into internal errors, and wants two methods for each of the twelve
//! metadata commands, which here are one function: a command in, a batch out.
//!
//! Deliberately absent: transactions (a statement sees one release as it is, a change is one
//! release).

mod actions;
mod arriving;
mod cancel;
mod columns;
mod descriptor;
mod endpoints;
mod kept;
mod metadata;
mod parameters;
mod prepared;
mod quiet;
mod service;
mod sessions;
mod statement;
pub(super) mod understand;
mod updates;
mod written;

pub(super) use self::sessions::Sessions;

use self::cancel::Running;
use self::kept::Kept;
use self::prepared::Prepared;
use self::statement::Planned;
use self::written::Written;
use super::ServerOptions;
use super::admission::{Planning, Queries};
use super::handles::Handles;
use super::sign_in::{Client, SignIn};
use super::threads::QueryThreads;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::sandbox::Sandbox;
use arrow_flight::sql::{Any, Command, DoPutPreparedStatementResult};
use arrow_flight::{FlightData, PutResult, Ticket};
use futures::future::ready;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tonic::{Status, Streaming};

type Answers<T> = BoxStream<'static, Result<T, Status>>;

/// Statements planned but not fetched: how many, and for how long.
const MAX_WAITING: usize = 1024;
const MAX_WAITING_AGE: Duration = Duration::from_secs(10 * 60);
/// Prepared statements: how many, and how long after their last use.
const MAX_PREPARED: usize = 4096;
pub(super) const MAX_PREPARED_AGE: Duration = Duration::from_secs(60 * 60);

/// Flight SQL over one engine; what it keeps between calls is bounded in number and age.
pub(super) struct FlightSql {
    engine: Engine,
    facts: metadata::ServerFacts,
    waiting: Handles<Planned>,
    prepared: Handles<Prepared>,
    /// Answers on disk, to be fetched in parts.
    kept: Arc<Handles<Arc<Kept>>>,
    /// How long one that is polled is worked out without a poll.
    poll_patience: Duration,
    running: Arc<Running>,
    sandbox: Sandbox,
    sign_in: SignIn,
    sessions: Arc<Sessions>,
    queries: Queries,
    planning: Planning,
    threads: QueryThreads,
    /// Those of long queries.
    long_threads: QueryThreads,
}

impl FlightSql {
    pub(super) fn new(engine: Engine, options: &ServerOptions) -> Result<Self> {
        Ok(Self {
            sandbox: Sandbox::new(engine.clone()),
            engine,
            facts: metadata::ServerFacts::new()?,
            waiting: Handles::new("query", MAX_WAITING, MAX_WAITING_AGE),
            prepared: Handles::new("prepared statement", MAX_PREPARED, MAX_PREPARED_AGE),
            kept: endpoints::kept_answers(options.poll_patience),
            poll_patience: options.poll_patience,
            running: Arc::default(),
            sign_in: SignIn::new(options.password.clone()),
            sessions: Arc::default(),
            queries: Queries::new(options.max_queries, options.max_waiting_queries),
            planning: Planning::default(),
            threads: QueryThreads::new("query", options.threads)?,
            long_threads: QueryThreads::new("long-query", options.threads)?,
        })
    }

    /// The sessions, to forget those whose connection is closed.
    pub(super) fn sessions(&self) -> Arc<Sessions> {
        Arc::clone(&self.sessions)
    }

    async fn get(&self, client: &Client, ticket: &Ticket) -> Result<Answers<FlightData>> {
        match command(&ticket.ticket)? {
            Command::TicketStatementQuery(query) => {
                self.fetch(client, &query.statement_handle).await
            }
            metadata => Ok(statement::encode_batch(self.metadata(client, metadata).await?)),
        }
    }

    async fn put(
        &self,
        client: &Client,
        data: Streaming<FlightData>,
    ) -> Result<Answers<PutResult>, Status> {
        let mut data = Box::pin(data.peekable());
        let descriptor = match data.as_mut().peek().await {
            Some(Ok(first)) => first.flight_descriptor.clone(),
            Some(Err(status)) => return Err(status.clone()),
            None => None,
        };
        let missing = || {
            Error::new(ErrorKind::Usage, "neither rows nor a schema came")
                .hint("who has no rows sends a batch without any: it says which columns there are")
        };
        match command(&descriptor.ok_or_else(missing)?.cmd)? {
            Command::CommandPreparedStatementQuery(query) => {
                let handle = query.prepared_statement_handle;
                self.bind(client, &handle, data).await?;
                let result =
                    DoPutPreparedStatementResult { prepared_statement_handle: Some(handle) };
                let result = PutResult { app_metadata: result.encode_to_vec().into() };
                Ok(stream::iter([Ok(result)]).boxed())
            }
            Command::CommandStatementUpdate(update) => {
                let transaction = update.transaction_id.as_ref();
                Ok(self.update(client, Written::sql(&update.query), transaction).await?)
            }
            Command::CommandStatementSubstraitPlan(update) => {
                let written = Written::substrait(update.plan)?;
                Ok(self.update(client, written, update.transaction_id.as_ref()).await?)
            }
            Command::CommandPreparedStatementUpdate(update) => {
                let handle = update.prepared_statement_handle;
                // Values may come along, or have been bound before: then the descriptor is alone.
                let values = data.try_filter(|message| ready(!message.data_header.is_empty()));
                self.bind(client, &handle, values).await?;
                Ok(self.update_prepared(client, &handle).await?)
            }
            Command::CommandStatementIngest(ingest) => {
                Ok(self.ingest(client, ingest, data).await?)
            }
            other => Err(unsupported(&other).into()),
        }
    }
}

/// The Flight SQL command in a descriptor or ticket.
fn command(bytes: &[u8]) -> Result<Command> {
    let malformed = || Error::new(ErrorKind::Usage, "not a Flight SQL command");
    let any = Any::decode(bytes).map_err(|error| malformed().caused_by(error))?;
    Command::try_from(any).map_err(|error| malformed().caused_by(error))
}

fn unsupported(command: &Command) -> Error {
    let name = command.type_url().rsplit('.').next().unwrap_or_default().to_owned();
    Error::unsupported(format!("the Flight SQL command `{name}` is not supported"))
}
