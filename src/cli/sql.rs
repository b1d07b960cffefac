//! `starhouse sql`: one question, or a prompt.

use super::asked::Asked;
use super::failure::Failure;
use super::output::OutputArgs;
use super::project::{At, Project};
use super::prompt;
use super::remote::ConnectArgs;
use super::statements;
use crate::error::{Error, ErrorKind, Result};
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

/// Ask in SQL; without a QUERY, at a prompt or from stdin
///
/// Schemas: warehouse (dim_* and fact_* tables; the default), cubes (one table a cube, with
/// MEASURE(name) for its measures), sandbox (tables of your own: CREATE TABLE, INSERT, UPDATE,
/// DELETE, DROP TABLE), system (releases, runs, rejects ...), information_schema.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The question
    query: Option<String>,
    /// Read the question from a file; `-` is stdin
    #[arg(long, short, value_name = "FILE", conflicts_with = "query")]
    file: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    connect: ConnectArgs,
}

const EXAMPLES: &str = "\
Examples:
  starhouse sql
  starhouse sql 'SELECT year, MEASURE(revenue) FROM cubes.sales GROUP BY year ORDER BY year'
  starhouse sql --format csv 'SELECT * FROM dim_store' > stores.csv
  starhouse sql --format parquet --output sales.parquet 'SELECT * FROM fact_sales'
  starhouse sql --release 1 'SELECT count(*) FROM fact_sales'
  starhouse sql 'CREATE TABLE sandbox.best AS SELECT * FROM dim_store LIMIT 3'
  starhouse sql --as-of 2025-03-31 -f report.sql
  starhouse sql --connect localhost:31337
  starhouse sql --connect dwh.example.com --ca server.crt 'SHOW ALL'";

impl Args {
    /// Whether it will be a prompt.
    pub(super) fn is_prompt(&self) -> bool {
        self.query.is_none() && self.file.is_none() && io::stdin().is_terminal()
    }
}

/// Answers.
pub(super) async fn run(project: &Path, args: Args) -> std::result::Result<(), Failure> {
    let query = match (args.is_prompt(), args.query, args.file) {
        (true, ..) => None,
        (_, Some(query), _) => Some(query),
        (_, None, file) => Some(text(file.unwrap_or_else(|| PathBuf::from("-"))).await?),
    };
    let statements = query.as_deref().map(statements::split);
    if let Some(statements) = &statements {
        if statements.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "there is no statement to run").into());
        }
        if statements.len() > 1 && !args.output.takes_several() {
            return Err(Error::new(ErrorKind::Usage, "only one answer fits there")
                .hint("ask one statement, or write tables to stdout")
                .into());
        }
    }
    let mut asked = match args.connect.server() {
        Some(server) => Asked::There(Box::new(args.connect.connect(project, server).await?)),
        None => Asked::here(&Project::open(project).await?, &args.at).await?,
    };
    let Some(statements) = statements else { return prompt::run(asked, args.output).await };
    for statement in statements {
        asked.run(statement, &args.output).await?;
        asked.warn().await?;
    }
    Ok(())
}

/// The text of a file, or of stdin for `-`. Read on a thread of its own: whoever waits for stdin
/// can be interrupted.
pub(super) async fn text(file: PathBuf) -> Result<String> {
    let reading = tokio::task::spawn_blocking(move || read(&file));
    reading.await.map_err(|error| Error::internal("reading stopped").caused_by(error))?
}

fn read(file: &Path) -> Result<String> {
    let read = if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    read.map_err(|error| {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::InvalidData => ErrorKind::Data,
            _ => ErrorKind::Unavailable,
        };
        Error::new(kind, "cannot read").with("file", file.display()).caused_by(error)
    })
}
