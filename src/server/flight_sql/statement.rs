//! Statements: planned when their schema is promised, executed when they are fetched.

use super::cancel::Watch;
use super::sessions::encoding;
use super::written::Written;
use super::{Answers, FlightSql, columns};
use crate::engine::{Progress, Query, Session, Setting, error_of};
use crate::error::{Error, ErrorKind, Result};
use crate::etl::sandbox::{Change, Sandbox, Statement};
use crate::server::admission::Length;
use crate::server::sign_in::Client;
use crate::server::status;
use crate::server::threads::QueryThreads;
use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::sql::{ProstMessageExt, TicketStatementQuery};
use arrow_flight::{FlightData, FlightDescriptor, FlightInfo, IpcMessage, SchemaAsIpc, Ticket};
use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use prost::Message;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tonic::Status;
use uuid::Uuid;

/// How long planning may take where the session sets no shorter time.
const MAX_PLANNING: Duration = Duration::from_secs(60);

/// What was promised to a client: one schema, and what gives its rows.
#[derive(Clone)]
pub(super) struct Planned {
    schema: SchemaRef,
    work: Work,
}

#[derive(Clone)]
enum Work {
    /// The queries' rows follow one another.
    Ask(Vec<Query>),
    /// One row says how many a change inserted, changed or deleted.
    Change(Change),
    /// An option of the session is set, and one row says that no row was changed.
    Set(Setting),
    /// What is known already.
    Known(RecordBatch),
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
        Ok(Self { schema: columns::of_answer(&schema), work: Work::Ask(queries) })
    }

    /// A change, made once its count is fetched. Programs that do not tell changes from questions
    /// (Python's `execute`) send both this way.
    pub(super) fn change(change: Change) -> Self {
        Self { schema: counted(), work: Work::Change(change) }
    }

    /// An option, set once its answer is fetched.
    fn set(setting: Setting) -> Self {
        Self { schema: counted(), work: Work::Set(setting) }
    }

    /// What is known already.
    fn known(answer: RecordBatch) -> Self {
        Self { schema: answer.schema(), work: Work::Known(answer) }
    }

    /// The schema, exactly as the batches will have it.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Whether queries give its rows.
    pub(super) fn is_question(&self) -> bool {
        matches!(self.work, Work::Ask(_))
    }

    /// Whether its answer is known, or is that an option was set: then nobody waits for it.
    fn is_known(&self) -> bool {
        matches!(self.work, Work::Set(_) | Work::Known(_))
    }

    /// How much it asks for. What changes tables is not made to stand back.
    fn length(&self) -> Length {
        match &self.work {
            Work::Ask(queries) if queries.iter().all(Query::is_inward) => Length::Inward,
            Work::Ask(queries) if queries.iter().any(Query::is_long) => Length::Long,
            _ => Length::Short,
        }
    }

    /// Whether its rows come in an order that was asked for.
    pub(super) fn is_ordered(&self) -> bool {
        matches!(&self.work, Work::Ask(queries) if queries.iter().any(Query::is_ordered))
    }

    /// Whether to begin its answer is hardly any work.
    fn begins_at_once(&self) -> bool {
        matches!(&self.work, Work::Ask(queries) if queries.iter().all(Query::begins_at_once))
    }

    /// Runs the first query, so that what fails at once fails here, and the others in their turn.
    /// How far it is can be told where there is one.
    async fn execute(
        self,
        sandbox: Sandbox,
        options: IpcWriteOptions,
    ) -> Result<(Answers<FlightData>, Option<Progress>)> {
        let queries = match self.work {
            Work::Ask(queries) => queries,
            Work::Change(change) => {
                return Ok((count(sandbox.run(&change).await?)?, None));
            }
            Work::Set(_) => return Ok((count(0)?, None)),
            Work::Known(batch) => return Ok((encode_batch(batch), None)),
        };
        let several = queries.len() > 1;
        let mut queries = queries.into_iter();
        let (first, progress) = match queries.next() {
            Some(query) => {
                let (rows, progress) = query.begin().await?;
                (Some(rows), Some(progress).filter(|_| !several))
            }
            None => (None, None),
        };
        let rest = stream::iter(queries).then(|query| async move { query.execute().await });
        let batches = stream::iter(first.map(Ok))
            .chain(rest)
            .map_ok(|batches| batches.map_err(error_of))
            .try_flatten();
        Ok((encode(self.schema, options, batches), progress))
    }
}

impl FlightSql {
    /// Plans a statement in a client's session.
    pub(super) async fn statement(&self, client: &Client, written: Written) -> Result<Statement> {
        let session = self.session(client).await?;
        self.plan_in(client, session, written).await
    }

    /// Plans a statement in a session.
    pub(super) async fn plan_in(
        &self,
        client: &Client,
        session: Session,
        written: Written,
    ) -> Result<Statement> {
        if let Written::Sql(sql) = &written
            && let Some(query) = session.planned_before(sql)
        {
            return Ok(Statement::Question(query));
        }
        let (sandbox, bytes) = (self.sandbox.clone(), written.bytes());
        let planning = async move {
            match &written {
                Written::Sql(sql) => sandbox.plan(&session, sql).await,
                Written::Substrait(_) => written.question(&session).await.map(Statement::Question),
            }
        };
        let planned = self.apart(client, bytes, planning).await?;
        if let Statement::Change(change) = &planned
            && let Some(tables) = change.temporary()
        {
            self.sessions.hold(client, tables);
        }
        Ok(planned)
    }

    /// Plans a text of so many bytes on a thread of its own, in the session's turn and for as long
    /// as it allows: planning is work too, and who speaks with clients must not wait for it.
    pub(super) async fn apart<T: Send + 'static>(
        &self,
        client: &Client,
        bytes: usize,
        planning: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let limit = self.sessions.of(client).statement_timeout;
        let limit = limit.map_or(MAX_PLANNING, |limit| limit.min(MAX_PLANNING));
        let planning = async {
            let place = self.planning.admit(client.session_key(), bytes).await?;
            // The place is held to the end of the work, which comes even if nobody waits for it.
            let planning = async move {
                let planned = planning.await;
                drop(place);
                planned
            };
            self.threads.run_apart(planning).await
        };
        match tokio::time::timeout(limit, planning).await {
            Ok(planned) => planned,
            Err(_) => Err(Error::new(ErrorKind::TimedOut, "the statement takes too long to plan")
                .with("limit", format!("{} s", limit.as_secs_f64()))
                .hint("ask for less in one statement")),
        }
    }

    /// Does a change, in its session's turn and within its time.
    pub(super) async fn run_change(&self, client: &Client, change: &Change) -> Result<u64> {
        self.only_latest(client)?;
        let limit = self.sessions.of(client).statement_timeout;
        let handle = Bytes::from(Uuid::new_v4().to_string());
        let mut watch = self.running.watch(&client.principal, handle)?.within(limit);
        let _place =
            watch.unless_stopped(self.queries.admit(client.session_key(), Length::Short)).await?;
        let (sandbox, change) = (self.sandbox.clone(), change.clone());
        let work = self.threads.run(async move { sandbox.run(&change).await });
        watch.unless_stopped(work).await
    }

    /// Plans a statement without parameters.
    pub(super) async fn plan(&self, client: &Client, written: Written) -> Result<Planned> {
        let query = match self.statement(client, written).await? {
            Statement::Question(query) => query,
            Statement::Change(change) => {
                self.only_latest(client)?;
                return Ok(Planned::change(change));
            }
            Statement::Setting(setting) => return self.plan_setting(client, setting).await,
        };
        if !query.parameters()?.fields().is_empty() {
            return Err(Error::user("the statement has parameters but no values for them")
                .hint("prepare it and bind values"));
        }
        Planned::new(query.schema(), vec![query])
    }

    /// Plans a statement about the session's options.
    pub(super) async fn plan_setting(&self, client: &Client, setting: Setting) -> Result<Planned> {
        if setting.is_change() {
            return Ok(Planned::set(setting));
        }
        let session = self.session(client).await?;
        setting.answer(&self.sessions.of(client), &session).map(Planned::known)
    }

    /// Keeps a plan until it is fetched, and gives the ticket for it.
    pub(super) fn keep(&self, client: &Client, planned: Planned) -> Ticket {
        let statement_handle = self.waiting.insert(&client.principal, planned, Instant::now());
        let ticket = TicketStatementQuery { statement_handle };
        Ticket::new(ticket.as_any().encode_to_vec())
    }

    /// Runs a kept plan, which can be fetched once; or reads a part of a kept answer.
    pub(super) async fn fetch(
        &self,
        client: &Client,
        handle: &Bytes,
    ) -> Result<Answers<FlightData>> {
        if let Some(part) = self.fetch_part(client, handle) {
            return part;
        }
        // From here on a cancel finds it, wherever it is.
        let watch = self.running.watch(&client.principal, handle.clone())?;
        let planned = self.waiting.take(&client.principal, handle, Instant::now())?;
        if let Work::Set(setting) = &planned.work {
            self.set(client, setting).await?;
        }
        if planned.is_known() {
            let options = encoding(&self.sessions.of(client))?;
            return Ok(planned.execute(self.sandbox.clone(), options).await?.0);
        }
        if planned.begins_at_once() {
            return self.begin_at_once(client, watch, planned).await;
        }
        Ok(self.begin(client, watch, planned).await?.0)
    }

    /// Begins to work out what is hardly any work to begin, where its rows are worked out: nobody waits
    /// for another thread.
    async fn begin_at_once(
        &self,
        client: &Client,
        watch: Watch,
        planned: Planned,
    ) -> Result<Answers<FlightData>> {
        let options = self.sessions.of(client);
        let mut watch = watch.within(options.statement_timeout);
        let length = planned.length();
        let turn = self.queries.admit(client.session_key(), length);
        let place = watch.unless_stopped(turn).await?;
        let work = planned.execute(self.sandbox.clone(), encoding(&options)?);
        let answers = stream::once(work).map_ok(|(answers, _)| answers).map_err(Status::from);
        let answers = self.threads_of(length).stream(answers.try_flatten(), place);
        let mut answers = watch.over(answers).fuse();
        // What comes first goes with the head of the reply, so that the client wakes up once for both.
        let first = answers.next().await;
        Ok(stream::iter(first).chain(answers).boxed())
    }

    /// Begins to work an answer out, in its session's turn and within its time.
    pub(super) async fn begin(
        &self,
        client: &Client,
        watch: Watch,
        planned: Planned,
    ) -> Result<(Answers<FlightData>, Option<Progress>)> {
        let options = self.sessions.of(client);
        let mut watch = watch.within(options.statement_timeout);
        let length = planned.length();
        let turn = self.queries.admit(client.session_key(), length);
        let place = watch.unless_stopped(turn).await?;
        let work = planned.execute(self.sandbox.clone(), encoding(&options)?);
        let threads = self.threads_of(length);
        // To begin an answer is to plan its operators: that too keeps a thread, and its place.
        let work = async move { Ok((work.await?, place)) };
        let ((answers, progress), place) = watch.unless_stopped(threads.run_apart(work)).await?;
        Ok((watch.over(threads.stream(answers, place)), progress))
    }

    fn threads_of(&self, length: Length) -> &QueryThreads {
        match length {
            Length::Long => &self.long_threads,
            Length::Short | Length::Inward => &self.threads,
        }
    }
}

/// The schema of how many rows were changed.
fn counted() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("rows", DataType::Int64, false)]))
}

fn count(rows: u64) -> Result<Answers<FlightData>> {
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let rows: ArrayRef = Arc::new(Int64Array::from(vec![rows]));
    let batch = RecordBatch::try_new(counted(), vec![rows]).map_err(status::encoding)?;
    Ok(encode_batch(batch))
}

/// An answer of a schema, without a word on how to fetch it.
pub(super) fn flight_info(schema: &Schema, descriptor: FlightDescriptor) -> Result<FlightInfo> {
    let info = FlightInfo::new().try_with_schema(schema).map_err(status::encoding)?;
    Ok(info.with_descriptor(descriptor))
}

/// A schema as an IPC message.
pub(super) fn schema_bytes(schema: &Schema) -> Result<Bytes> {
    let options = IpcWriteOptions::default();
    let message = IpcMessage::try_from(SchemaAsIpc::new(schema, &options));
    message.map(|IpcMessage(bytes)| bytes).map_err(status::encoding)
}

/// One batch as an answer.
pub(super) fn encode_batch(batch: RecordBatch) -> Answers<FlightData> {
    encode(batch.schema(), IpcWriteOptions::default(), stream::iter([Ok(batch)]))
}

/// Batches of the promised schema as an answer. The schema goes first, even if no row follows;
/// batches are asked for only as the client takes them.
fn encode(
    schema: SchemaRef,
    options: IpcWriteOptions,
    batches: impl Stream<Item = Result<RecordBatch>> + Send + 'static,
) -> Answers<FlightData> {
    FlightDataEncoderBuilder::new()
        .with_schema(schema)
        .with_options(options)
        .build(batches.map_err(|error| FlightError::from(Status::from(error))))
        .map_err(|error| match error {
            FlightError::Tonic(status) => *status,
            other => status::flight(other).into(),
        })
        .boxed()
}
