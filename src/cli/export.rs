//! `starhouse export`: one row a customer, of one release, the same to the byte every time.

mod file;

use super::failure::Failure;
use super::project::{At, Project};
use super::{sql, statements, table};
use crate::error::{Error, ErrorKind, Result};
use chrono::NaiveDate;
use file::{Exported, Provenance};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Write what a question answers into a file that is the same to the byte every time
///
/// For tools that mine: one row a customer, or whatever the key is, with features by SQL. The rows come
/// in the order of the key, of which each has one; the question may ask only what a release holds, so
/// that the same release and date give the same file on any machine. A Parquet file says its release,
/// date, key and question in its metadata, a CSV file in a file of its own beside it
/// (customers.csv.json).
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The file with the question, in SQL; `-` is stdin
    question: PathBuf,
    /// The file to write: .parquet or .csv
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Ask this release instead of the latest
    #[arg(long, value_name = "N")]
    release: Option<u64>,
    /// The date that the question calls `$as_of`
    #[arg(long, value_name = "DATE", value_parser = date)]
    as_of: Option<NaiveDate>,
    /// The columns that tell rows apart; the first column where left out
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    key: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  starhouse export customers.sql --release 12 --as-of 2025-06-30 --to customers.parquet
  starhouse export basket.sql --key store_id,week --to baskets.csv

customers.sql:
  SELECT c.customer_id, count(*) AS orders, sum(f.net_amount) AS spent,
         $as_of - max(d.date) AS days_since_last
  FROM fact_sales f JOIN dim_customer c USING (customer_key) JOIN dim_date d USING (date_key)
  WHERE d.date <= $as_of
  GROUP BY c.customer_id";

fn date(text: &str) -> std::result::Result<NaiveDate, String> {
    text.parse().map_err(|_| "expected a date such as 2025-06-30".to_owned())
}

/// Exports.
pub(super) async fn run(project: &Path, args: Args) -> std::result::Result<(), Failure> {
    let form = file::Form::of(&args.to)?;
    let text = sql::text(args.question.clone()).await?;
    let question = one_statement(&text)?;
    let project = Project::open(project).await?;
    let session = project.session(&At::numbered(args.release)).await?;
    let repeatable = session.plan_repeatable(question, args.as_of, &args.key).await?;
    let provenance = Provenance {
        release: session.release().id,
        as_of: args.as_of,
        key: repeatable.key.clone(),
        question: question.to_owned(),
    };
    let exported = file::write(&repeatable.query, &provenance, form, &args.to).await?;
    Ok(tell(&args.to, &provenance, &exported)?)
}

fn one_statement(text: &str) -> Result<&str> {
    match statements::split(text).as_slice() {
        [one] => Ok(one),
        [] => Err(Error::new(ErrorKind::Usage, "the file holds no question")),
        several => {
            let message = format!("the file holds {} statements, not one question", several.len());
            Err(Error::new(ErrorKind::Usage, message))
        }
    }
}

fn tell(to: &Path, provenance: &Provenance, exported: &Exported) -> std::io::Result<()> {
    let date = provenance.as_of.map(|date| format!(", as of {date}")).unwrap_or_default();
    writeln!(
        std::io::stderr(),
        "{}: {} by {}, of release {}{date}\nsha256 {}",
        to.display(),
        table::rows(exported.rows),
        provenance.key.join(", "),
        provenance.release,
        exported.sha256,
    )
}
