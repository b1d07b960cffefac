//! The Flight SQL service: every call comes in by [`service`], is dispatched here, and answered by
//! the file of its subject.
//!
//! We implement gRPC's `FlightService` ourselves over `arrow_flight::sql`'s messages. arrow-flight's
//! own `FlightSqlService` trait answers `GetSchema` and `PollFlightInfo` with "unimplemented",
//! turns malformed requests into internal errors, and wants two methods for each of the twelve
//! metadata commands, which here are one function: a command in, a batch out.
//!
//! Deliberately absent until later issues: updates and ingestion (only jobs write the warehouse),
//! transactions (a statement sees one release as it is), session options, Substrait.

mod actions;
mod cancel;
mod handles;
mod metadata;
mod parameters;
mod prepared;
mod service;
mod statement;

use self::cancel::Running;
use self::handles::Handles;
use self::prepared::Prepared;
use self::statement::Planned;
use crate::engine::{Engine, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::policy::Principal;
use arrow_flight::sql::{Any, Command, DoPutPreparedStatementResult};
use arrow_flight::{FlightData, FlightDescriptor, FlightInfo, PutResult, SchemaResult, Ticket};
use futures::stream::{self, BoxStream, StreamExt};
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
    running: Arc<Running>,
}

impl FlightSql {
    pub(super) fn new(engine: Engine) -> Result<Self> {
        Ok(Self {
            engine,
            facts: metadata::ServerFacts::new()?,
            waiting: Handles::new("query", MAX_WAITING, MAX_WAITING_AGE),
            prepared: Handles::new("prepared statement", MAX_PREPARED, MAX_PREPARED_AGE),
            running: Arc::default(),
        })
    }

    /// A session on the release that is the latest now.
    async fn session(&self, principal: &Principal) -> Result<Session> {
        let release = self.engine.warehouse().latest().await?;
        Ok(self.engine.session(principal.clone(), release))
    }

    /// Plans what a descriptor asks and says how to fetch it.
    async fn flight_info(
        &self,
        principal: &Principal,
        descriptor: FlightDescriptor,
    ) -> Result<FlightInfo> {
        let planned = match command(&descriptor.cmd)? {
            Command::CommandStatementQuery(query) => self.plan(principal, &query.query).await?,
            Command::CommandPreparedStatementQuery(query) => {
                self.plan_prepared(principal, &query.prepared_statement_handle).await?
            }
            metadata => {
                let batch = self.metadata(principal, metadata).await?;
                return statement::flight_info(
                    &batch.schema(),
                    Ticket::new(descriptor.cmd.clone()),
                    descriptor,
                );
            }
        };
        let schema = Arc::clone(planned.schema());
        let ticket = self.keep(principal, planned);
        statement::flight_info(&schema, ticket, descriptor)
    }

    /// The schema of what a descriptor asks; nothing is kept.
    async fn schema(
        &self,
        principal: &Principal,
        descriptor: &FlightDescriptor,
    ) -> Result<SchemaResult> {
        let schema = match command(&descriptor.cmd)? {
            Command::CommandStatementQuery(query) => {
                Arc::clone(self.plan(principal, &query.query).await?.schema())
            }
            Command::CommandPreparedStatementQuery(query) => {
                let handle = &query.prepared_statement_handle;
                Arc::clone(self.plan_prepared(principal, handle).await?.schema())
            }
            metadata => self.metadata(principal, metadata).await?.schema(),
        };
        Ok(SchemaResult { schema: statement::schema_bytes(&schema)? })
    }

    async fn get(&self, principal: &Principal, ticket: &Ticket) -> Result<Answers<FlightData>> {
        match command(&ticket.ticket)? {
            Command::TicketStatementQuery(query) => {
                self.fetch(principal, &query.statement_handle).await
            }
            metadata => Ok(statement::encode_batch(self.metadata(principal, metadata).await?)),
        }
    }

    async fn put(
        &self,
        principal: &Principal,
        data: Streaming<FlightData>,
    ) -> Result<Answers<PutResult>, Status> {
        let mut data = Box::pin(data.peekable());
        let descriptor = match data.as_mut().peek().await {
            Some(Ok(first)) => first.flight_descriptor.clone(),
            Some(Err(status)) => return Err(status.clone()),
            None => None,
        };
        let missing = || Error::new(ErrorKind::Usage, "the data sent has no flight descriptor");
        match command(&descriptor.ok_or_else(missing)?.cmd)? {
            Command::CommandPreparedStatementQuery(query) => {
                let handle = query.prepared_statement_handle;
                self.bind(principal, &handle, data).await?;
                let result =
                    DoPutPreparedStatementResult { prepared_statement_handle: Some(handle) };
                let result = PutResult { app_metadata: result.encode_to_vec().into() };
                Ok(stream::iter([Ok(result)]).boxed())
            }
            Command::CommandStatementUpdate(_)
            | Command::CommandPreparedStatementUpdate(_)
            | Command::CommandStatementIngest(_) => {
                Err(Error::unsupported("clients cannot write to the warehouse")
                    .hint("it is loaded by the jobs of the project: see `starhouse etl run`")
                    .into())
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
