//! Updates and ingestion: what clients write into the sandbox.

use super::arriving::Arriving;
use super::written::{Written, outside_transactions};
use super::{Answers, FlightSql};
use crate::engine::Setting;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::sandbox::{Change, IfExists, IfMissing, Statement, Target};
use crate::server::sign_in::Client;
use arrow_flight::sql::{
    CommandStatementIngest, DoPutUpdateResult, TableDefinitionOptions, TableExistsOption,
    TableNotExistOption,
};
use arrow_flight::{FlightData, PutResult};
use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use prost::Message;
use tonic::Status;

impl FlightSql {
    /// Runs a statement that changes a table and says how many rows it changed.
    pub(super) async fn update(
        &self,
        client: &Client,
        written: Written,
        transaction: Option<&Bytes>,
    ) -> Result<Answers<PutResult>> {
        outside_transactions(transaction)?;
        match self.statement(client, written).await? {
            Statement::Change(change) => self.change(client, &change).await,
            Statement::Setting(setting) => self.setting(client, &setting).await,
            Statement::Question(_) => Err(no_update()),
        }
    }

    /// Runs a prepared statement that changes a table, with the rows of values bound to it.
    pub(super) async fn update_prepared(
        &self,
        client: &Client,
        handle: &Bytes,
    ) -> Result<Answers<PutResult>> {
        match self.prepared_update(client, handle)? {
            Statement::Change(change) => self.change(client, &change).await,
            Statement::Setting(setting) => self.setting(client, &setting).await,
            Statement::Question(_) => Err(no_update()),
        }
    }

    async fn setting(&self, client: &Client, setting: &Setting) -> Result<Answers<PutResult>> {
        if !setting.is_change() {
            return Err(no_update());
        }
        self.set(client, setting).await?;
        Ok(counted(0))
    }

    async fn change(&self, client: &Client, change: &Change) -> Result<Answers<PutResult>> {
        Ok(counted(self.run_change(client, change).await?))
    }

    /// Takes in the rows that a client sends; all of them or none.
    pub(super) async fn ingest(
        &self,
        client: &Client,
        command: CommandStatementIngest,
        data: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
    ) -> Result<Answers<PutResult>> {
        self.only_latest(client)?;
        let target = target(&command)?;
        let session = self.session(client).await?;
        if target.temporary {
            self.sessions.hold(client, session.temporary());
        }
        let mut batches = Arriving::new(data, None);
        // The schema comes before any row, and may be all that comes.
        let first = batches.next().await.transpose()?;
        let schema =
            batches.schema().cloned().or_else(|| first.as_ref().map(|batch| batch.schema()));
        let missing = || Error::new(ErrorKind::Usage, "the rows sent have no schema");
        let schema = schema.ok_or_else(missing)?;
        let rows = stream::iter(first.map(Ok)).chain(batches.stream()).boxed();
        self.sandbox.ingest(&session, &target, &schema, rows).await.map(counted)
    }

    /// A session that asks the past changes nothing: it would not see what it did.
    pub(super) fn only_latest(&self, client: &Client) -> Result<()> {
        match self.sessions.of(client).release {
            None => Ok(()),
            Some(release) => Err(Error::user("a session on a release of its own changes nothing")
                .with("release", release)
                .hint("set the session option release to `latest`")),
        }
    }
}

fn target(command: &CommandStatementIngest) -> Result<Target> {
    outside_transactions(command.transaction_id.as_ref())?;
    if command
        .catalog
        .as_deref()
        .is_some_and(|catalog| !catalog.is_empty() && catalog != "starhouse")
    {
        return Err(Error::not_found("there is one catalog, `starhouse`"));
    }
    let options = command.table_definition_options.unwrap_or(TableDefinitionOptions {
        if_not_exist: TableNotExistOption::Create as i32,
        if_exists: TableExistsOption::Append as i32,
    });
    Ok(Target {
        schema: command.schema.clone().filter(|schema| !schema.is_empty()),
        table: command.table.clone(),
        temporary: command.temporary,
        if_missing: match options.if_not_exist() {
            TableNotExistOption::Create => IfMissing::Create,
            TableNotExistOption::Fail | TableNotExistOption::Unspecified => IfMissing::Fail,
        },
        if_exists: match options.if_exists() {
            TableExistsOption::Append => IfExists::Append,
            TableExistsOption::Replace => IfExists::Replace,
            TableExistsOption::Fail | TableExistsOption::Unspecified => IfExists::Fail,
        },
    })
}

fn no_update() -> Error {
    Error::user("a question is no update")
        .hint("run it as a query: execute it, or executeQuery in JDBC")
}

fn counted(rows: u64) -> Answers<PutResult> {
    let record_count = i64::try_from(rows).unwrap_or(i64::MAX);
    let app_metadata = DoPutUpdateResult { record_count }.encode_to_vec().into();
    stream::iter([Ok(PutResult { app_metadata })]).boxed()
}
