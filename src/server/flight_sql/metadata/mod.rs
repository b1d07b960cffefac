//! Metadata commands: what there is, what the server can do. Each is answered by one batch.

mod catalog;
mod keys;
mod sql_info;
mod type_info;

use super::{FlightSql, unsupported};
use crate::engine::{Session, TableInfo};
use crate::error::Result;
use crate::server::sign_in::Client;
use crate::server::status;
use arrow::array::RecordBatch;
use arrow_flight::sql::Command;
use arrow_flight::sql::metadata::{SqlInfoData, XdbcTypeInfoData};

/// The one catalog.
pub(super) const CATALOG: &str = "starhouse";
/// The schema of stored tables.
const WAREHOUSE: &str = "warehouse";

/// What the server says of itself; the same for everybody.
pub(super) struct ServerFacts {
    sql_info: SqlInfoData,
    type_info: XdbcTypeInfoData,
}

impl ServerFacts {
    pub(super) fn new() -> Result<Self> {
        Ok(Self { sql_info: sql_info::data()?, type_info: type_info::data()? })
    }
}

impl FlightSql {
    /// The tables that a session may read, each with the schema that it comes with.
    pub(super) async fn tables_as_sent(
        &self,
        client: &Client,
        session: Session,
    ) -> Result<Vec<TableInfo>> {
        let named = async move { session.tables_as_sent().await };
        // Names are no text to plan: their number is the model's.
        self.apart(client, 0, named).await
    }

    /// The answer to a metadata command, as the client may see it on the latest release.
    pub(super) async fn metadata(&self, client: &Client, command: Command) -> Result<RecordBatch> {
        let session = self.session(client).await?;
        let model = self.engine.model();
        match command {
            Command::CommandGetCatalogs(command) => catalog::catalogs(command),
            Command::CommandGetDbSchemas(command) => catalog::schemas(command, &session),
            Command::CommandGetTables(command) => {
                let tables = match command.include_schema {
                    true => self.tables_as_sent(client, session).await?,
                    false => session.tables()?,
                };
                catalog::tables(command, &tables)
            }
            Command::CommandGetTableTypes(_) => catalog::table_types(),
            Command::CommandGetPrimaryKeys(command) => keys::primary(&command, model, &session),
            Command::CommandGetImportedKeys(command) => keys::imported(&command, model, &session),
            Command::CommandGetExportedKeys(command) => keys::exported(&command, model, &session),
            Command::CommandGetCrossReference(command) => {
                keys::cross_reference(&command, model, &session)
            }
            Command::CommandGetSqlInfo(command) => {
                command.into_builder(&self.facts.sql_info).build().map_err(status::flight)
            }
            Command::CommandGetXdbcTypeInfo(command) => {
                command.into_builder(&self.facts.type_info).build().map_err(status::flight)
            }
            other => Err(unsupported(&other)),
        }
    }
}
