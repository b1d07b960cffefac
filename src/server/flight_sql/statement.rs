//! Statements: planned when their schema is promised, executed when they are fetched.

use super::{Answers, FlightSql};
use crate::engine::{Query, error_of};
use crate::error::{Error, Result};
use crate::policy::Principal;
use crate::server::status;
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::sql::{ProstMessageExt, TicketStatementQuery};
use arrow_flight::{
    FlightData, FlightDescriptor, FlightEndpoint, FlightInfo, IpcMessage, SchemaAsIpc, Ticket,
};
use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use prost::Message;
use std::time::Instant;
use tonic::Status;

/// What was promised to a client: one schema, and the queries whose rows follow one another.
#[derive(Clone)]
pub(super) struct Planned {
    schema: SchemaRef,
    queries: Vec<Query>,
}

impl Planned {
    /// Several queries where a prepared statement is run for several rows of parameters; none
    /// where it is run for no row.
    ///
    /// # Errors
    /// Where the answers differ in schema.
    pub(super) fn new(schema: SchemaRef, queries: Vec<Query>) -> Result<Self> {
        if queries.iter().any(|query| query.schema() != schema) {
            return Err(Error::user("rows of parameters give answers of different types")
                .hint("give all values of a parameter the same type"));
        }
        Ok(Self { schema, queries })
    }

    /// The schema, exactly as the batches will have it.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Runs the first query, so that what fails at once fails here, and the others in their turn.
    async fn execute(self) -> Result<Answers<FlightData>> {
        let mut queries = self.queries.into_iter();
        let first = match queries.next() {
            Some(query) => Some(query.execute().await?),
            None => None,
        };
        let rest = stream::iter(queries).then(|query| async move { query.execute().await });
        let batches = stream::iter(first.map(Ok))
            .chain(rest)
            .map_ok(|batches| batches.map_err(error_of))
            .try_flatten();
        Ok(encode(self.schema, batches))
    }
}

impl FlightSql {
    /// Plans a statement on the latest release.
    pub(super) async fn plan(&self, principal: &Principal, sql: &str) -> Result<Planned> {
        let query = self.session(principal).await?.plan_sql(sql).await?;
        if !query.parameters()?.fields().is_empty() {
            return Err(Error::user("the statement has parameters but no values for them")
                .hint("prepare it and bind values"));
        }
        Planned::new(query.schema(), vec![query])
    }

    /// Keeps a plan until it is fetched, and gives the ticket for it.
    pub(super) fn keep(&self, principal: &Principal, planned: Planned) -> Ticket {
        let statement_handle = self.waiting.insert(principal, planned, Instant::now());
        let ticket = TicketStatementQuery { statement_handle };
        Ticket::new(ticket.as_any().encode_to_vec())
    }

    /// Runs a kept plan; it can be fetched once.
    pub(super) async fn fetch(
        &self,
        principal: &Principal,
        handle: &Bytes,
    ) -> Result<Answers<FlightData>> {
        // From here on a cancel finds it, wherever it is.
        let mut watch = self.running.watch(principal, handle.clone())?;
        let planned = self.waiting.take(principal, handle, Instant::now())?;
        let answers = watch.unless_stopped(planned.execute()).await?;
        Ok(watch.over(answers))
    }
}

/// How to fetch an answer: one endpoint without a location, so from where it was asked.
pub(super) fn flight_info(
    schema: &Schema,
    ticket: Ticket,
    descriptor: FlightDescriptor,
) -> Result<FlightInfo> {
    let info = FlightInfo::new()
        .try_with_schema(schema)
        .map_err(status::encoding)?
        .with_endpoint(FlightEndpoint::new().with_ticket(ticket))
        .with_descriptor(descriptor);
    Ok(info)
}

/// A schema as an IPC message.
pub(super) fn schema_bytes(schema: &Schema) -> Result<Bytes> {
    let options = IpcWriteOptions::default();
    let message = IpcMessage::try_from(SchemaAsIpc::new(schema, &options));
    message.map(|IpcMessage(bytes)| bytes).map_err(status::encoding)
}

/// One batch as an answer.
pub(super) fn encode_batch(batch: RecordBatch) -> Answers<FlightData> {
    encode(batch.schema(), stream::iter([Ok(batch)]))
}

/// Batches of the promised schema as an answer. The schema goes first, even if no row follows;
/// batches are asked for only as the client takes them.
fn encode(
    schema: SchemaRef,
    batches: impl Stream<Item = Result<RecordBatch>> + Send + 'static,
) -> Answers<FlightData> {
    FlightDataEncoderBuilder::new()
        .with_schema(schema)
        .build(batches.map_err(|error| FlightError::from(Status::from(error))))
        .map_err(|error| match error {
            FlightError::Tonic(status) => *status,
            other => status::flight(other).into(),
        })
        .boxed()
}
