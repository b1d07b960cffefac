//! `starhouse sql`: one question, or a prompt.

use super::failure::Failure;
use super::output::{self, OutputArgs};
use super::project::{At, Project};
use super::prompt;
use super::statements;
use crate::error::{Error, ErrorKind, Result};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Ask in SQL; without a QUERY, at a prompt
///
/// Schemas: warehouse (dim_* and fact_* tables; the default), cubes (one table a cube, with
/// MEASURE(name) for its measures), system (releases, runs, rejects ...), information_schema.
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
}

const EXAMPLES: &str = "\
Examples:
  starhouse sql
  starhouse sql 'SELECT year, MEASURE(revenue) FROM cubes.sales GROUP BY year ORDER BY year'
  starhouse sql --format csv 'SELECT * FROM dim_store' > stores.csv
  starhouse sql --format parquet --output sales.parquet 'SELECT * FROM fact_sales'
  starhouse sql --release 1 'SELECT count(*) FROM fact_sales'
  starhouse sql --as-of 2025-03-31 -f report.sql";

impl Args {
    /// Whether it will be a prompt.
    pub(super) fn is_prompt(&self) -> bool {
        self.query.is_none() && self.file.is_none()
    }
}

/// Answers.
pub(super) async fn run(project: &Path, args: Args) -> std::result::Result<(), Failure> {
    let query = match (args.query, &args.file) {
        (Some(query), _) => Some(query),
        (None, Some(file)) => Some(text(file)?),
        (None, None) => None,
    };
    let project = Project::open(project).await?;
    let session = project.session(&args.at).await?;
    match query {
        Some(text) => {
            let statements = statements::split(&text);
            if statements.is_empty() {
                return Err(Error::new(ErrorKind::Usage, "there is no statement to run").into());
            }
            if statements.len() > 1 && !args.output.takes_several() {
                return Err(Error::new(ErrorKind::Usage, "only one answer fits there")
                    .hint("ask one statement, or write tables to stdout")
                    .into());
            }
            for statement in statements {
                let query = session.plan_sql(statement).await?;
                output::answer(&query, &args.output).await?;
            }
            Ok(())
        }
        None => prompt::run(project, session, args.output).await,
    }
}

/// The text of a file, or of stdin for `-`.
pub(super) fn text(file: &Path) -> Result<String> {
    let read = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    read.map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::InvalidData => ErrorKind::Data,
            _ => ErrorKind::Unavailable,
        };
        Error::new(kind, "cannot read").with("file", file.display()).caused_by(error)
    })
}
