//! Prepared statements: planned once, bound and run as often as the client likes.

use super::statement::{Planned, schema_bytes};
use super::{FlightSql, parameters};
use crate::engine::Query;
use crate::error::{Error, Result};
use crate::ids::ReleaseId;
use crate::policy::Principal;
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
    sql: Arc<str>,
    release: ReleaseId,
    query: Query,
    /// Rows of values, as last bound; `None` before anything was.
    rows: Option<Arc<Vec<Vec<ScalarValue>>>>,
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
        principal: &Principal,
        sql: &str,
    ) -> Result<CreatePreparedStatementResult> {
        let session = self.session(principal).await?;
        let query = session.plan_sql(sql).await?;
        let dataset_schema = schema_bytes(&query.schema())?;
        let parameter_schema = schema_bytes(&query.parameters()?)?;
        let release = session.release().id;
        let prepared = Prepared { sql: sql.into(), release, query, rows: None };
        Ok(CreatePreparedStatementResult {
            prepared_statement_handle: self.prepared.insert(principal, prepared, Instant::now()),
            dataset_schema,
            parameter_schema,
            is_update: Some(false),
        })
    }

    /// Binds rows of values, in place of those bound before.
    pub(super) async fn bind(
        &self,
        principal: &Principal,
        handle: &Bytes,
        data: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
    ) -> Result<()> {
        let mut prepared = self.prepared.get(principal, handle, Instant::now())?;
        let rows = parameters::read(data, &prepared.query.parameters()?).await?;
        prepared.rows = Some(Arc::new(rows));
        self.prepared.replace(principal, handle, prepared, Instant::now())
    }

    /// Plans one run: on the latest release, with the values bound.
    pub(super) async fn plan_prepared(
        &self,
        principal: &Principal,
        handle: &Bytes,
    ) -> Result<Planned> {
        let mut prepared = self.prepared.get(principal, handle, Instant::now())?;
        let session = self.session(principal).await?;
        if session.release().id != prepared.release {
            let query = session.plan_sql(&prepared.sql).await?;
            unchanged(&prepared, &query, session.release().id)?;
            prepared.query = query;
            prepared.release = session.release().id;
            self.prepared.replace(principal, handle, prepared.clone(), Instant::now())?;
        }
        prepared.planned()
    }

    /// Forgets a prepared statement; one that has expired already is as good as closed.
    pub(super) fn close(&self, principal: &Principal, handle: &Bytes) {
        let _ = self.prepared.take(principal, handle, Instant::now());
    }
}

impl Prepared {
    fn planned(&self) -> Result<Planned> {
        let Some(rows) = &self.rows else {
            let expected = self.query.parameters()?.fields().len();
            if expected > 0 {
                return Err(Error::user(format!(
                    "the statement has {expected} parameter(s) and no value was bound"
                )));
            }
            return Planned::new(self.query.schema(), vec![self.query.asked_again()?]);
        };
        let queries: Vec<Query> =
            rows.iter().map(|row| self.query.bind(row.clone())).collect::<Result<_>>()?;
        // The values may decide the types of the answer, so its schema is theirs.
        let schema = queries.first().map_or_else(|| self.query.schema(), Query::schema);
        Planned::new(schema, queries)
    }
}

/// A client remembers the schemas it was told when it prepared, so they may not change under it.
fn unchanged(prepared: &Prepared, query: &Query, release: ReleaseId) -> Result<()> {
    let same = query.schema() == prepared.query.schema()
        && query.parameters()? == prepared.query.parameters()?;
    if same {
        return Ok(());
    }
    Err(Error::user("the columns of a prepared statement have changed")
        .with("prepared on release", prepared.release)
        .with("latest release", release)
        .hint("prepare it again"))
}
