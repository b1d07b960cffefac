//! A server of Starhouse, asked over Flight SQL.

mod dial;

use super::asked::changed;
use super::failure::Failure;
use super::files;
use super::machine;
use super::output::{self, OutputArgs};
use super::serve::password_text;
use crate::config::{self, Config};
use crate::engine::{TableInfo, UpdateKind, update_of};
use crate::error::{Error, ErrorKind, Result};
use arrow::array::{AsArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use arrow_flight::IpcMessage;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::CommandGetTables;
use arrow_flight::sql::client::FlightSqlServiceClient;
use futures::stream::{StreamExt, TryStreamExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tonic::transport::Channel;
use tonic::{Code, Status};
use uuid::Uuid;

/// The port where nothing is said.
const PORT: u16 = 31337;
/// Field metadata that says what a column means.
const REMARKS: &str = "ARROW:FLIGHT:SQL:REMARKS";
/// ... and of a schema that is a table's.
const DESCRIPTION: &str = "starhouse.description";

/// Which server, and how it is known.
#[derive(Debug, clap::Args)]
pub(super) struct ConnectArgs {
    /// Ask a server instead of the project here: HOST[:PORT]. Its password is that of the settings
    /// here or of the environment variable STARHOUSE_PASSWORD; grpc+tls:// before it, --ca, or
    /// tls_certificate in the settings here make it TLS
    #[arg(long, value_name = "HOST[:PORT]", conflicts_with_all = ["release", "as_of"])]
    connect: Option<String>,
    /// Trust a server whose certificate is in this PEM file, or was signed with one of it
    #[arg(long, value_name = "FILE", requires = "connect")]
    ca: Option<PathBuf>,
}

impl ConnectArgs {
    /// The server's address, if a server is to be asked.
    pub(super) fn server(&self) -> Option<&str> {
        self.connect.as_deref()
    }

    /// Connects and signs in.
    ///
    /// # Errors
    /// Usage where the address is none, unavailable where nobody listens there, unauthenticated
    /// where the password is not right.
    pub(super) async fn connect(&self, folder: &Path, address: &str) -> Result<Remote> {
        let settings = files::text(folder, config::FILE)?;
        let environment = |name: &str| std::env::var(name).ok();
        let config = Config::read(settings.as_deref(), environment, machine::this())?;
        let target = Target::parse(address)?;
        let own = config.tls_certificate.as_ref().map(|file| folder.join(file));
        let ca = self.ca.clone().or(own.filter(|_| target.tls != Some(false)));
        let tls = target.tls.unwrap_or(ca.is_some());
        let channel = dial::channel(&target.host, target.port, tls, ca.as_deref()).await?;
        let service = FlightServiceClient::new(channel).max_decoding_message_size(usize::MAX);
        let mut client = FlightSqlServiceClient::new_from_inner(service);
        match password_text(&config, folder)? {
            Some(password) => {
                client.handshake("starhouse", password.trim_end()).await.map_err(told)?;
            }
            // Whoever has no password is known by this: one session, also where the connection ends.
            None => client.set_token(Uuid::new_v4().to_string()),
        }
        let scheme = if tls { "grpc+tls" } else { "grpc" };
        let address = format!("{scheme}://{}:{}", target.host, target.port);
        let mut remote = Remote { client, address };
        // Told now rather than after the first statement.
        remote.rows("SHOW release").await?;
        Ok(remote)
    }
}

/// Where a server is.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    host: String,
    port: u16,
    /// Whether it speaks TLS, where that is said.
    tls: Option<bool>,
}

impl Target {
    fn parse(text: &str) -> Result<Self> {
        let unknown = || {
            Error::new(ErrorKind::Usage, format!("`{text}` is no server's address"))
                .hint("give HOST or HOST:PORT, as in localhost:31337")
        };
        let (tls, rest) = match text.split_once("://") {
            None => (None, text),
            Some(("grpc" | "grpc+tcp" | "http", rest)) => (Some(false), rest),
            Some(("grpc+tls" | "https", rest)) => (Some(true), rest),
            Some(_) => return Err(unknown()),
        };
        // An address of IPv6 has colons of its own, and brackets around them.
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                (host, port.parse().map_err(|_| unknown())?)
            }
            _ => (rest, PORT),
        };
        let fits = !host.is_empty() && !host.contains(['/', ' ', '@']);
        let bare = host.contains(':') && !host.starts_with('[');
        if !fits || bare {
            return Err(unknown());
        }
        Ok(Self { host: host.to_owned(), port, tls })
    }
}

/// A server's client.
#[derive(Clone)]
pub(super) struct Remote {
    client: FlightSqlServiceClient<Channel>,
    address: String,
}

impl Remote {
    /// Where it is.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Runs a statement, as [`Asked::run`](super::asked::Asked::run) says.
    pub(super) async fn run(
        &mut self,
        statement: &str,
        output: &OutputArgs,
    ) -> std::result::Result<(), Failure> {
        if let Some(kind) = update_of(statement) {
            let rows = self.update(statement).await?;
            if kind == UpdateKind::Table {
                changed(rows)?;
            }
            return Ok(());
        }
        let info = self.client.execute(statement.to_owned(), None).await.map_err(told)?;
        let schema = own(&info.clone().try_decode_schema().map_err(unreadable)?);
        let written = Arc::clone(&schema);
        let rows = self.stream(&info).await?.map(move |batch| {
            let batch = batch?;
            let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let (schema, columns) = (Arc::clone(&written), batch.columns().to_vec());
            RecordBatch::try_new_with_options(schema, columns, &rows).map_err(unreadable)
        });
        output::write(schema, rows.boxed(), output).await
    }

    /// Runs a statement that changes something; gives how many rows it changed.
    pub(super) async fn update(&mut self, statement: &str) -> std::result::Result<u64, Failure> {
        let rows = self.client.execute_update(statement.to_owned(), None).await.map_err(told)?;
        Ok(u64::try_from(rows).unwrap_or(0))
    }

    /// The tables there are, with their columns.
    pub(super) async fn tables(&mut self) -> Result<Vec<TableInfo>> {
        let wanted = CommandGetTables { include_schema: true, ..CommandGetTables::default() };
        let info = self.client.get_tables(wanted).await.map_err(told)?;
        let mut tables = Vec::new();
        for batch in self.fetch(&info).await? {
            tables.extend(listed(&batch)?);
        }
        let described = "SELECT schema_name, table_name, description FROM system.catalog \
                         WHERE kind IN ('table', 'cube')";
        for batch in self.rows(described).await? {
            let text =
                |column: usize, row: usize| batch.column(column).as_string::<i32>().value(row);
            for row in 0..batch.num_rows() {
                let of =
                    |t: &&mut TableInfo| t.schema_name == text(0, row) && t.name == text(1, row);
                if let Some(table) = tables.iter_mut().find(of) {
                    table.description = text(2, row).to_owned();
                }
            }
        }
        Ok(tables)
    }

    async fn rows(&mut self, sql: &str) -> Result<Vec<RecordBatch>> {
        let info = self.client.execute(sql.to_owned(), None).await.map_err(told)?;
        self.fetch(&info).await
    }

    async fn fetch(&mut self, info: &arrow_flight::FlightInfo) -> Result<Vec<RecordBatch>> {
        self.stream(info).await?.try_collect().await
    }

    async fn stream(&mut self, info: &arrow_flight::FlightInfo) -> Result<output::Rows> {
        let tickets = info.endpoint.iter().filter_map(|endpoint| endpoint.ticket.clone());
        let mut parts = Vec::new();
        for ticket in tickets {
            parts.push(self.client.do_get(ticket).await.map_err(told)?);
        }
        Ok(futures::stream::iter(parts).flatten().map_err(told).boxed())
    }
}

fn listed(batch: &RecordBatch) -> Result<Vec<TableInfo>> {
    let missing = || Error::internal("the server's list of tables is not as Flight SQL has it");
    let text = |name: &str| {
        batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>()).ok_or_else(missing)
    };
    let (schemas, names, types) =
        (text("db_schema_name")?, text("table_name")?, text("table_type")?);
    let columns = batch.column_by_name("table_schema").and_then(|c| c.as_binary_opt::<i32>());
    let columns = columns.ok_or_else(missing)?;
    (0..batch.num_rows())
        .map(|row| {
            let message = IpcMessage(columns.value(row).to_vec().into());
            let schema = Schema::try_from(message).map_err(unreadable)?;
            let remark = |field: &Arc<arrow::datatypes::Field>| {
                field.metadata().get(REMARKS).cloned().unwrap_or_default()
            };
            let description = schema.metadata().get(DESCRIPTION).cloned().unwrap_or_default();
            Ok(TableInfo {
                schema_name: schemas.value(row).to_owned(),
                name: names.value(row).to_owned(),
                table_type: match types.value(row) {
                    "VIEW" => "VIEW",
                    "LOCAL TEMPORARY" => "LOCAL TEMPORARY",
                    "SYSTEM TABLE" => "SYSTEM TABLE",
                    _ => "TABLE",
                },
                remarks: schema.fields().iter().map(remark).collect(),
                // They stand behind the remarks.
                units: vec![None; schema.fields().len()],
                schema: Arc::new(schema),
                description,
            })
        })
        .collect()
}

fn unreadable(error: arrow::error::ArrowError) -> Error {
    Error::internal("the server's answer cannot be read").caused_by(error)
}

/// What a server's refusal means: its own words, and whose fault it is.
fn told(error: FlightError) -> Error {
    match error {
        FlightError::Tonic(status) => refused(&status),
        other => Error::new(ErrorKind::Unavailable, "the server cannot be understood")
            .caused_by(other)
            .hint("is it a Flight SQL server, and does it speak TLS?"),
    }
}

fn refused(status: &Status) -> Error {
    let kind = match status.code() {
        Code::InvalidArgument => ErrorKind::User,
        Code::NotFound => ErrorKind::NotFound,
        Code::PermissionDenied => ErrorKind::Denied,
        Code::Unauthenticated => ErrorKind::Unauthenticated,
        Code::Unimplemented => ErrorKind::Unsupported,
        Code::ResourceExhausted => ErrorKind::Limit,
        Code::Cancelled => ErrorKind::Cancelled,
        Code::DeadlineExceeded => ErrorKind::TimedOut,
        Code::Aborted => ErrorKind::Conflict,
        Code::Unavailable | Code::Unknown => ErrorKind::Unavailable,
        _ => ErrorKind::Internal,
    };
    Error::new(kind, status.message())
}

/// The schema of an answer, without what Flight SQL says of its columns to drivers: a file has the
/// same as one written beside the warehouse.
fn own(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let mut metadata = field.metadata().clone();
        metadata.retain(|name, _| !name.starts_with("ARROW:FLIGHT:SQL:"));
        field.as_ref().clone().with_metadata(metadata)
    });
    let fields = fields.collect::<Vec<_>>();
    Arc::new(Schema::new(fields).with_metadata(schema.metadata().clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_as_people_name_them() {
        let target = |host: &str, port, tls| Target { host: host.to_owned(), port, tls };
        for (text, expected) in [
            ("warehouse", target("warehouse", 31337, None)),
            ("localhost:5000", target("localhost", 5000, None)),
            ("[::1]:5000", target("[::1]", 5000, None)),
            ("[::1]", target("[::1]", 31337, None)),
            ("grpc+tls://dwh.example.com", target("dwh.example.com", 31337, Some(true))),
            ("grpc://10.0.0.1:1", target("10.0.0.1", 1, Some(false))),
        ] {
            assert_eq!(Target::parse(text).unwrap(), expected, "{text}");
        }
        for text in ["", ":5000", "host:port", "ftp://host", "::1", "host/path", "ann@host"] {
            assert_eq!(Target::parse(text).unwrap_err().kind(), ErrorKind::Usage, "{text}");
        }
    }
}
