//! What descriptors ask: a Flight SQL command (SQL, a Substrait plan, metadata), a cube query as JSON, or, in plain Flight, the path
//! of a table or cube.

use super::statement::{self, Planned};
use super::written::{Written, outside_transactions};
use super::{FlightSql, columns, command};
use crate::engine::quoted;
use crate::error::{Error, ErrorKind, Result};
use crate::query::CubeQuery;
use crate::server::sign_in::Client;
use crate::yaml;
use arrow::array::RecordBatch;
use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::sql::Command;
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, SchemaResult, Ticket};
use std::sync::Arc;
use tonic::Status;

/// What a descriptor asks, planned or answered.
pub(super) enum Asked {
    /// To be fetched once.
    Planned(Planned),
    /// Answered from what is known; the command is its own ticket.
    Known(RecordBatch),
}

impl FlightSql {
    /// Plans what a descriptor asks and says how to fetch it.
    pub(super) async fn flight_info(
        &self,
        client: &Client,
        descriptor: FlightDescriptor,
    ) -> Result<FlightInfo, Status> {
        match self.asked(client, &descriptor).await? {
            Asked::Planned(planned)
                if planned.is_question() && self.sessions.of(client).endpoints > 1 =>
            {
                self.in_parts(client, planned, descriptor).await
            }
            asked => Ok(self.info_of(client, asked, descriptor)?),
        }
    }

    /// How to fetch it: from one endpoint without a location, so from where it was asked.
    pub(super) fn info_of(
        &self,
        client: &Client,
        asked: Asked,
        descriptor: FlightDescriptor,
    ) -> Result<FlightInfo> {
        let (schema, ticket) = match asked {
            Asked::Planned(planned) => (Arc::clone(planned.schema()), self.keep(client, planned)),
            Asked::Known(batch) => (batch.schema(), Ticket::new(descriptor.cmd.clone())),
        };
        let endpoint = FlightEndpoint::new().with_ticket(ticket);
        Ok(statement::flight_info(&schema, descriptor)?.with_endpoint(endpoint))
    }

    /// The schema of what a descriptor asks; nothing is kept.
    pub(super) async fn schema(
        &self,
        client: &Client,
        descriptor: &FlightDescriptor,
    ) -> Result<SchemaResult> {
        let schema = match self.asked(client, descriptor).await? {
            Asked::Planned(planned) => Arc::clone(planned.schema()),
            Asked::Known(batch) => batch.schema(),
        };
        Ok(SchemaResult { schema: statement::schema_bytes(&schema)? })
    }

    pub(super) async fn asked(
        &self,
        client: &Client,
        descriptor: &FlightDescriptor,
    ) -> Result<Asked> {
        if descriptor.r#type() == DescriptorType::Path {
            let everything = Written::sql(&everything(&descriptor.path)?);
            return self.plan(client, everything).await.map(Asked::Planned);
        }
        if let Some(text) = cube_query(&descriptor.cmd) {
            let query: CubeQuery = yaml::parse("the cube query", text)?;
            let session = self.session(client).await?;
            let planning = async move { session.plan_cube_query(&query).await };
            let query = self.apart(client, text.len(), planning).await?;
            return Planned::new(query.schema(), vec![query]).map(Asked::Planned);
        }
        Ok(match command(&descriptor.cmd)? {
            Command::CommandStatementQuery(query) => {
                outside_transactions(query.transaction_id.as_ref())?;
                Asked::Planned(self.plan(client, Written::sql(&query.query)).await?)
            }
            Command::CommandStatementSubstraitPlan(query) => {
                outside_transactions(query.transaction_id.as_ref())?;
                Asked::Planned(self.plan(client, Written::substrait(query.plan)?).await?)
            }
            Command::CommandPreparedStatementQuery(query) => {
                let handle = &query.prepared_statement_handle;
                Asked::Planned(self.plan_prepared(client, handle).await?)
            }
            metadata => Asked::Known(self.metadata(client, metadata).await?),
        })
    }

    /// The tables and cubes that a client may read, as flights to ask for by their path; those
    /// whose path contains a text, if one is given.
    pub(super) async fn list(&self, client: &Client, criteria: &[u8]) -> Result<Vec<FlightInfo>> {
        let criteria = std::str::from_utf8(criteria).map_err(|error| {
            Error::new(ErrorKind::Usage, "the criteria are no text").caused_by(error)
        })?;
        let session = self.session(client).await?;
        let tables = self.tables_as_sent(client, session).await?;
        let paths = tables.iter().map(|table| ([&table.schema_name, &table.name], table));
        let wanted =
            paths.filter(|(path, _)| path.map(String::as_str).join(".").contains(criteria));
        wanted
            .map(|(path, table)| {
                let path = path.map(String::clone).to_vec();
                let schema = columns::of_answer(&table.schema);
                statement::flight_info(&schema, FlightDescriptor::new_path(path))
            })
            .collect()
    }
}

/// The text of a cube query: JSON, whose first character no protobuf message of ours begins with.
fn cube_query(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.trim_start().starts_with('{').then_some(text)
}

/// The question that a path asks.
fn everything(path: &[String]) -> Result<String> {
    let path = match path {
        [catalog, rest @ ..] if catalog == "starhouse" && !rest.is_empty() => rest,
        path => path,
    };
    if path.is_empty() || path.len() > 2 {
        let text = format!("`{}` is no path of a table", path.join("/"));
        return Err(
            Error::not_found(text).hint("give schema and table, as in warehouse, dim_store")
        );
    }
    let names: Vec<String> = path.iter().map(|name| quoted(name)).collect();
    Ok(format!("SELECT * FROM {}", names.join(".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_questions() {
        let path = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let asked = |names: &[&str]| everything(&path(names));
        assert_eq!(asked(&["cubes", "sales"]).unwrap(), "SELECT * FROM \"cubes\".\"sales\"");
        assert_eq!(asked(&["dim_store"]).unwrap(), "SELECT * FROM \"dim_store\"");
        let whole = asked(&["starhouse", "sandbox", "a\"b"]).unwrap();
        assert_eq!(whole, "SELECT * FROM \"sandbox\".\"a\"\"b\"");
        assert!(asked(&[]).is_err() && asked(&["a", "b", "c"]).is_err());
    }

    #[test]
    fn cube_queries_are_told_from_commands() {
        assert_eq!(cube_query(b" {\"cube\": 1}"), Some(" {\"cube\": 1}"));
        assert_eq!(cube_query(b"\n\x0ctype.googleapis.com/{"), None);
    }
}
