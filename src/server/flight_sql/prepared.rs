//! Prepared statements: planned once, bound and run as often as the client likes.

use super::statement::{Planned, schema_bytes};
use super::written::Written;
use super::{FlightSql, columns, parameters};
use crate::engine::Query;
use crate::error::{Error, Result};
use crate::etl::sandbox::{Change, Statement};
use crate::ids::ReleaseId;
use crate::server::sign_in::Client;
use arrow::datatypes::Schema;
use arrow_flight::FlightData;
use bytes::Bytes;
use datafusion::scalar::ScalarValue;
use futures::stream::Stream;
use prost::Message;
use std::sync::Arc;
use std::time::Instant;
use tonic::Status;

/// A statement as it was prepared, and the values bound to it.
#[derive(Clone)]
pub(super) struct Prepared {
    written: Written,
    release: ReleaseId,
    statement: Statement,
    /// Rows of values, as last bound; `None` before anything was.
    rows: Option<Arc<Values>>,
}

/// Flight SQL's `ActionCreatePreparedStatementResult` with the field that arrow-flight lacks.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct CreatePreparedStatementResult {
    /// Handle for the calls that follow.
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) prepared_statement_handle: Bytes,
    /// Schema of the answer, as an IPC message.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) dataset_schema: Bytes,
    /// Schema of the parameters, as an IPC message.
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) parameter_schema: Bytes,
    /// Whether to run it as an update; drivers guess from the schema where this is missing.
    #[prost(bool, optional, tag = "4")]
    pub(super) is_update: Option<bool>,
}

impl FlightSql {
    /// Plans a statement on the latest release and keeps it.
    pub(super) async fn prepare(
        &self,
        client: &Client,
        written: Written,
    ) -> Result<CreatePreparedStatementResult> {
        let session = self.session(client).await?;
        let statement = self.plan_in(client, session.clone(), written.clone()).await?;
        let (answer, is_update) = match &statement {
            Statement::Question(query) => (columns::of_answer(&query.schema()), false),
            Statement::Change(_) => (Arc::new(Schema::empty()), true),
            Statement::Setting(setting) => (setting.schema(), setting.is_change()),
        };
        let dataset_schema = schema_bytes(&answer)?;
        let parameter_schema = schema_bytes(&statement.parameters()?)?;
        let release = session.release().id;
        let prepared = Prepared { written, release, statement, rows: None };
        Ok(CreatePreparedStatementResult {
            prepared_statement_handle: self.prepared.insert(
                &client.principal,
                prepared,
                Instant::now(),
            ),
            dataset_schema,
            parameter_schema,
            is_update: Some(is_update),
        })
    }

    /// Binds rows of values, in place of those bound before.
    pub(super) async fn bind(
        &self,
        client: &Client,
        handle: &Bytes,
        data: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
    ) -> Result<()> {
        let mut prepared = self.prepared(client, handle)?;
        let rows = parameters::read(data, &prepared.statement.parameters()?).await?;
        // A client that runs an update may have sent its values before, and none along with it.
        let sent_before = rows.is_empty() && matches!(prepared.statement, Statement::Change(_));
        if !sent_before {
            prepared.rows = Some(Arc::new(rows));
        }
        self.prepared.replace(&client.principal, handle, prepared, Instant::now())
    }

    fn prepared(&self, client: &Client, handle: &Bytes) -> Result<Prepared> {
        self.prepared.get(&client.principal, handle, Instant::now())
    }

    /// A prepared statement, with the values bound. A change is planned anew when it is made.
    pub(super) fn prepared_update(&self, client: &Client, handle: &Bytes) -> Result<Statement> {
        let prepared = self.prepared(client, handle)?;
        Ok(match prepared.statement {
            Statement::Change(change) => Statement::Change(bound(change, prepared.rows.as_deref())),
            other => other,
        })
    }

    /// Plans one run: on the latest release, with the values bound.
    pub(super) async fn plan_prepared(&self, client: &Client, handle: &Bytes) -> Result<Planned> {
        let mut prepared = self.prepared(client, handle)?;
        let query = match &prepared.statement {
            Statement::Question(query) => query,
            Statement::Change(change) => {
                self.only_latest(client)?;
                return Ok(Planned::change(bound(change.clone(), prepared.rows.as_deref())));
            }
            Statement::Setting(setting) => return self.plan_setting(client, setting.clone()).await,
        };
        let session = self.session(client).await?;
        // A plan reads temporary tables as they were when it was made.
        let same = session.release().id == prepared.release && session.temporary().is_empty();
        if same {
            let (query, rows) = (query.clone(), prepared.rows.clone());
            let bytes = prepared.written.bytes();
            return self
                .apart(client, bytes, async move { planned(&query, rows.as_deref()) })
                .await;
        }
        let (asking, written, rows) =
            (session.clone(), prepared.written.clone(), prepared.rows.clone());
        let planning = async move {
            let again = written.question(&asking).await?;
            let planned = planned(&again, rows.as_deref());
            Ok((again, planned))
        };
        let (again, planned) = self.apart(client, prepared.written.bytes(), planning).await?;
        unchanged(&prepared, query, &again, session.release().id)?;
        prepared.statement = Statement::Question(again);
        prepared.release = session.release().id;
        self.prepared.replace(&client.principal, handle, prepared, Instant::now())?;
        planned
    }

    /// Forgets a prepared statement; one that has expired already is as good as closed.
    pub(super) fn close(&self, client: &Client, handle: &Bytes) {
        let _ = self.prepared.take(&client.principal, handle, Instant::now());
    }
}

type Values = Vec<Vec<ScalarValue>>;

fn bound(change: Change, rows: Option<&Values>) -> Change {
    match rows {
        Some(rows) => change.bind(rows.clone()),
        None => change,
    }
}

fn planned(query: &Query, rows: Option<&Values>) -> Result<Planned> {
    let Some(rows) = rows else {
        let expected = query.parameters()?.fields().len();
        if expected > 0 {
            return Err(Error::user(format!(
                "the statement has {expected} parameter(s) and no value was bound"
            )));
        }
        return Planned::new(query.schema(), vec![query.asked_again()?]);
    };
    let queries: Vec<Query> =
        rows.iter().map(|row| query.bind(row.clone())).collect::<Result<_>>()?;
    // The values may decide the types of the answer, so its schema is theirs.
    let schema = queries.first().map_or_else(|| query.schema(), Query::schema);
    Planned::new(schema, queries)
}

/// A client remembers the schemas it was told when it prepared, so they may not change under it.
fn unchanged(prepared: &Prepared, before: &Query, query: &Query, release: ReleaseId) -> Result<()> {
    let same = query.schema() == before.schema() && query.parameters()? == before.parameters()?;
    if same {
        return Ok(());
    }
    Err(Error::user("the columns of a prepared statement have changed")
        .with("prepared on release", prepared.release)
        .with("latest release", release)
        .hint("prepare it again"))
}
