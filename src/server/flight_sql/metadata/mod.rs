//! Metadata commands: what there is, what the server can do. Each is answered by one batch.

mod catalog;
mod keys;
mod sql_info;
mod type_info;

use super::{FlightSql, unsupported};
use crate::error::Result;
use crate::server::sign_in::Client;
use crate::server::status;
use arrow::array::RecordBatch;
use arrow_flight::sql::Command;
use arrow_flight::sql::metadata::{SqlInfoData, XdbcTypeInfoData};

/// The one catalog.
const CATALOG: &str = "starhouse";
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
    /// The answer to a metadata command, as the client may see it on the latest release.
    pub(super) async fn metadata(&self, client: &Client, command: Command) -> Result<RecordBatch> {
        let session = self.session(client).await?;
        let model = self.engine.model();
        match command {
            Command::CommandGetCatalogs(command) => catalog::catalogs(command),
            Command::CommandGetDbSchemas(command) => catalog::schemas(command, &session),
            Command::CommandGetTables(command) => catalog::tables(command, &session),
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
