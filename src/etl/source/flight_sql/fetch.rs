//! Rows out of the server, into a temporary file.

use super::connect::{Client, Server, failed};
use super::quoted;
use crate::error::{Error, Result, did_you_mean};
use crate::etl::source::alive::Waiter;
use crate::etl::source::spool::{Spool, Spooled};
use crate::etl::source::{Alive, Bound};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::row::{RowConverter, SortField};
use arrow_flight::FlightInfo;
use arrow_flight::sql::CommandGetTables;
use futures::TryStreamExt;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Tables told where one is not found.
const TABLES_SHOWN: usize = 12;

/// Rows that are here.
pub(super) struct Fetched {
    /// An Arrow stream.
    pub(super) spooled: Spooled,
    /// Its columns' names.
    pub(super) have: Vec<String>,
    /// A checksum of the rows, in whatever order.
    pub(super) digest: Vec<u8>,
}

/// Fetches all rows, or those from a bound on.
pub(super) fn fetch(
    server: &Server,
    all: &str,
    since: Option<&Bound>,
    alive: &mut Alive<'_>,
) -> Result<Fetched> {
    Waiter::new()?.wait(alive, async {
        let mut client = server.connect().await?;
        let mut info = ask(&mut client, all).await?;
        let schema = schema_of(&info)?;
        if let Some(filter) = since.map(|since| filter(since, &schema)).transpose()?.flatten() {
            info =
                ask(&mut client, &format!("SELECT * FROM (\n{all}\n) AS f WHERE {filter}")).await?;
        }
        let schema = plain(&schema_of(&info)?);
        let mut rows = Rows::new(&schema)?;
        for endpoint in info.endpoint {
            let elsewhere = endpoint.location.iter().find(|location| {
                !location.uri.is_empty()
                    && !location.uri.starts_with("arrow-flight-reuse-connection:")
            });
            if let Some(location) = elsewhere {
                return Err(Error::unsupported(
                    "the server keeps rows at another, which is not asked",
                )
                .with("at", &location.uri));
            }
            let ticket = endpoint.ticket.ok_or_else(|| Error::data("rows without a ticket"))?;
            let mut batches = client.do_get(ticket).await.map_err(failed)?;
            while let Some(batch) = batches.try_next().await.map_err(failed)? {
                rows.write(&batch)?;
            }
        }
        rows.finish()
    })
}

async fn ask(client: &mut Client, sql: &str) -> Result<FlightInfo> {
    client.execute(sql.to_owned(), None).await.map_err(failed)
}

fn schema_of(info: &FlightInfo) -> Result<Schema> {
    info.clone().try_decode_schema().map_err(|error| {
        Error::data("the server does not say what columns there are").caused_by(error)
    })
}

/// The schema with values in place of dictionaries, which may differ from batch to batch.
fn plain(schema: &Schema) -> SchemaRef {
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Dictionary(_, values) => {
            Arc::new(field.as_ref().clone().with_data_type(values.as_ref().clone()))
        }
        _ => Arc::clone(field),
    };
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

/// The condition that a row is new, or its column is empty; none where all are wanted.
fn filter(since: &Bound, schema: &Schema) -> Result<Option<String>> {
    use DataType::{
        Date32, Decimal128, Int8, Int16, Int32, Int64, Timestamp, UInt8, UInt16, UInt32, UInt64,
    };
    let heading = since.heading.trim();
    let field = schema.fields().iter().find(|field| field.name().trim() == heading);
    let (Some(field), Some(value)) = (field, &since.at_least) else { return Ok(None) };
    let name = quoted(field.name());
    // the bound is ours: digits, signs, `T` and `Z`
    let bound = match field.data_type() {
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Decimal128(..) => {
            value.clone()
        }
        Date32 => format!("DATE '{}'", value.get(..10).unwrap_or(value)),
        Timestamp(..) => {
            format!("TIMESTAMP '{}'", value.replace('T', " ").trim_end_matches('Z'))
        }
        other => {
            return Err(Error::user(format!("the watermark {name} is {other} at the server"))
                .hint("a watermark is a number, a date or a timestamp there, too"));
        }
    };
    Ok(Some(format!("{name} >= {bound} OR {name} IS NULL")))
}

/// Rows on their way into the file.
struct Rows {
    schema: SchemaRef,
    writer: StreamWriter<Spool>,
    converter: RowConverter,
    rows: u64,
    sum: u128,
}

impl Rows {
    fn new(schema: &SchemaRef) -> Result<Self> {
        let fields = schema.fields().iter().map(|field| SortField::new(field.data_type().clone()));
        Ok(Self {
            schema: Arc::clone(schema),
            writer: StreamWriter::try_new(Spool::new("rows")?, schema).map_err(broken)?,
            converter: RowConverter::new(fields.collect()).map_err(broken)?,
            rows: 0,
            sum: 0,
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = batch.columns().iter().map(|column| match column.data_type() {
            DataType::Dictionary(..) => {
                let dictionary = column.as_any_dictionary();
                arrow::compute::take(dictionary.values(), dictionary.keys(), None)
            }
            _ => Ok(Arc::clone(column)),
        });
        let columns = columns.collect::<Result<Vec<_>, _>>().map_err(broken)?;
        for row in &self.converter.convert_columns(&columns).map_err(broken)? {
            let hash: [u8; 32] = Sha256::digest(row).into();
            let mut half = [0; 16];
            half.copy_from_slice(&hash[..16]);
            self.sum = self.sum.wrapping_add(u128::from_le_bytes(half));
        }
        self.rows += batch.num_rows() as u64;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(broken)?;
        self.writer.write(&batch).map_err(broken)
    }

    fn finish(mut self) -> Result<Fetched> {
        self.writer.finish().map_err(broken)?;
        let spool = self.writer.into_inner().map_err(broken)?;
        let names = self.schema.fields().iter().map(|field| field.name().clone());
        let types = self.schema.fields().iter();
        let types: Vec<String> =
            types.map(|field| format!("{} {}", field.name(), field.data_type())).collect();
        let all = format!("{} {} {}", self.rows, self.sum, types.join("\n"));
        Ok(Fetched {
            spooled: spool.finish()?,
            have: names.collect(),
            digest: Sha256::digest(all).to_vec(),
        })
    }
}

fn broken(error: ArrowError) -> Error {
    match error {
        ArrowError::IoError(_, error) => Error::new(
            crate::error::ErrorKind::Unavailable,
            "cannot keep what was fetched in a temporary file",
        )
        .caused_by(error),
        error => Error::data("the server sends rows that are none").caused_by(error),
    }
}

/// The server's tables, with their schemas.
pub(super) fn tables(server: &Server, alive: &mut Alive<'_>) -> Result<Vec<String>> {
    Waiter::new()?.wait(alive, async {
        let mut client = server.connect().await?;
        let every = CommandGetTables {
            catalog: None,
            db_schema_filter_pattern: None,
            table_name_filter_pattern: None,
            table_types: Vec::new(),
            include_schema: false,
        };
        let info = client.get_tables(every).await.map_err(failed)?;
        let mut names = Vec::new();
        for ticket in info.endpoint.into_iter().filter_map(|endpoint| endpoint.ticket) {
            let mut batches = client.do_get(ticket).await.map_err(failed)?;
            while let Some(batch) = batches.try_next().await.map_err(failed)? {
                let text = |name| batch.column_by_name(name)?.as_string_opt::<i32>();
                let (Some(schemas), Some(tables)) = (text("db_schema_name"), text("table_name"))
                else {
                    continue;
                };
                names.extend((0..batch.num_rows()).map(|row| match schemas.is_null(row) {
                    true => tables.value(row).to_owned(),
                    false => format!("{}.{}", schemas.value(row), tables.value(row)),
                }));
            }
        }
        Ok(names)
    })
}

/// An error with the tables that there are.
pub(super) fn near(error: Error, wanted: &str, known: &[String]) -> Error {
    match did_you_mean(wanted, known.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if known.is_empty() => error,
        None => {
            let some: Vec<&str> = known.iter().take(TABLES_SHOWN).map(String::as_str).collect();
            error.hint(format!("it has {}", some.join(", ")))
        }
    }
}
