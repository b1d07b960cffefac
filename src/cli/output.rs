//! Answers on their way out: as a table to read, or in a format for programs.

use super::failure::Failure;
use super::pager::Pager;
use super::table::AnswerTable;
use crate::engine::{About, Query};
use crate::error::{Error, ErrorKind, Result};
use arrow::csv::WriterBuilder;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamWriter;
use arrow::json::ArrayWriter;
use arrow::json::writer::{JsonArray, WriterBuilder as JsonBuilder};
use arrow::record_batch::RecordBatch;
use clap::ValueEnum;
use datafusion::error::DataFusionError;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use parquet::arrow::ArrowWriter;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table for people
    Table,
    /// Comma-separated values with a heading; NULL is empty
    Csv,
    /// One JSON array of objects
    Json,
    /// An Arrow IPC stream
    Arrow,
    /// A Parquet file
    Parquet,
}

/// How and where an answer is written.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct OutputArgs {
    /// How to write the answer
    #[arg(long, short = 'F', value_enum, default_value = "table")]
    pub(super) format: Format,
    /// Write into this file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Show at most so many rows of a table; 0 shows all
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(super) rows: usize,
    /// Whether tables that are longer than the screen are shown page by page.
    #[arg(skip)]
    pub(super) paged: bool,
    /// From what the answer comes, where JSON is to say so around its rows.
    #[arg(skip)]
    pub(super) about: Option<About>,
}

impl OutputArgs {
    /// Whether several answers can be written one after another.
    pub(super) fn takes_several(&self) -> bool {
        self.output.is_none() && self.format == Format::Table
    }
}

/// The rows of an answer on their way.
pub(super) type Rows = BoxStream<'static, Result<RecordBatch>>;

/// Runs a query and writes its answer.
pub(super) async fn answer(query: &Query, args: &OutputArgs) -> std::result::Result<(), Failure> {
    writable(args)?;
    let rows = query.execute().await?.map_err(failed).boxed();
    write(query.schema(), rows, args).await
}

/// Refuses what cannot be written before anything is asked.
pub(super) fn writable(args: &OutputArgs) -> std::result::Result<(), Failure> {
    let binary = matches!(args.format, Format::Arrow | Format::Parquet);
    if binary && args.output.is_none() && io::stdout().is_terminal() {
        return Err(Error::new(ErrorKind::Usage, "a terminal cannot show that format")
            .hint("name a file with --output")
            .into());
    }
    Ok(())
}

/// Writes an answer.
pub(super) async fn write(
    schema: SchemaRef,
    mut rows: Rows,
    args: &OutputArgs,
) -> std::result::Result<(), Failure> {
    // Planning succeeded before the file is touched; a refused query destroys nothing.
    let sink: Box<dyn Write + Send> = match &args.output {
        Some(path) => Box::new(create(path)?),
        None => match Pager::start(args) {
            Some(pager) => Box::new(pager),
            None => Box::new(io::stdout()),
        },
    };
    let mut writer = Writer::new(args, BufWriter::new(sink), schema)?;
    while let Some(batch) = rows.try_next().await? {
        writer.write(&batch)?;
    }
    writer.finish()
}

fn create(path: &Path) -> Result<File> {
    File::create(path).map_err(|error| {
        Error::new(ErrorKind::Unavailable, "cannot write")
            .with("file", path.display())
            .caused_by(error)
    })
}

/// An error that arose while a query ran.
pub(super) fn failed(error: DataFusionError) -> Error {
    crate::engine::error_of(error)
}

type Sink = BufWriter<Box<dyn Write + Send>>;

enum Writer {
    Table(Sink, Box<AnswerTable>),
    Csv(Box<arrow::csv::Writer<Sink>>),
    /// The rows, and what closes the object around them.
    Json(Box<arrow::json::Writer<Sink, JsonArray>>, &'static str),
    Arrow(Box<StreamWriter<Sink>>),
    Parquet(Box<ArrowWriter<Sink>>),
}

impl Writer {
    fn new(
        args: &OutputArgs,
        mut sink: Sink,
        schema: SchemaRef,
    ) -> std::result::Result<Self, Failure> {
        Ok(match args.format {
            Format::Table => Self::Table(sink, Box::new(AnswerTable::new(&schema, args.rows))),
            Format::Csv => {
                let mut writer = WriterBuilder::new().with_header(true).build(sink);
                // An answer without rows still has its heading.
                writer.write(&RecordBatch::new_empty(schema)).map_err(unwritten)?;
                Self::Csv(Box::new(writer))
            }
            Format::Json => {
                let end = match &args.about {
                    Some(about) => {
                        let text = serde_json::to_string(about).map_err(unwritten)?;
                        let open = text.strip_suffix('}').unwrap_or(&text);
                        write!(sink, "{open},\"rows\":")?;
                        "}"
                    }
                    None => "",
                };
                let builder = JsonBuilder::new().with_explicit_nulls(true);
                let writer: ArrayWriter<Sink> = builder.build(sink);
                Self::Json(Box::new(writer), end)
            }
            Format::Arrow => {
                Self::Arrow(Box::new(StreamWriter::try_new(sink, &schema).map_err(unwritten)?))
            }
            Format::Parquet => {
                let writer = ArrowWriter::try_new(sink, schema, None).map_err(unwritten)?;
                Self::Parquet(Box::new(writer))
            }
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> std::result::Result<(), Failure> {
        match self {
            Self::Table(_, table) => table.add(batch)?,
            Self::Csv(writer) => writer.write(batch).map_err(unwritten)?,
            Self::Json(writer, _) => writer.write(batch).map_err(unwritten)?,
            Self::Arrow(writer) => writer.write(batch).map_err(unwritten)?,
            Self::Parquet(writer) => writer.write(batch).map_err(unwritten)?,
        }
        Ok(())
    }

    fn finish(self) -> std::result::Result<(), Failure> {
        match self {
            Self::Table(mut sink, table) => {
                writeln!(sink, "{}", table.render())?;
                sink.flush()?;
            }
            Self::Csv(writer) => writer.into_inner().flush()?,
            Self::Json(mut writer, end) => {
                writer.finish().map_err(unwritten)?;
                let mut sink = writer.into_inner();
                writeln!(sink, "{end}")?;
                sink.flush()?;
            }
            Self::Arrow(writer) => writer.into_inner().map_err(unwritten)?.flush()?,
            Self::Parquet(writer) => {
                writer.into_inner().map_err(unwritten)?.flush()?;
            }
        }
        Ok(())
    }
}

/// A writer's error; whatever it wraps, a closed pipe stays one.
fn unwritten<E: std::error::Error + Send + Sync + 'static>(error: E) -> Failure {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::BrokenPipe
        {
            return Failure::OutputClosed;
        }
        cause = inner.source();
    }
    if error.to_string().contains("Broken pipe") {
        return Failure::OutputClosed;
    }
    Error::data("the answer cannot be written in that format").caused_by(error).into()
}
