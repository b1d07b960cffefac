//! `starhouse query`: a cube query from a file.

use super::failure::Failure;
use super::output::{self, Format, OutputArgs};
use super::project::{At, Project};
use super::sql;
use crate::engine::About;
use crate::error::Result;
use crate::query::CubeQuery;
use crate::yaml;
use std::path::{Path, PathBuf};

/// Answer a cube query, written in YAML or JSON
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The file with the query; `-` is stdin
    file: PathBuf,
    /// Show for each part which aggregate answers, or why none does, and what is read
    #[arg(long)]
    explain: bool,
    /// Say also from what the answer comes, the release and the aggregates used: in JSON as an object
    /// around the rows, of tables and CSV on stderr. Arrow and Parquet always have it in their metadata
    #[arg(long)]
    about: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    at: At,
}

const EXAMPLES: &str = "\
Examples:
  starhouse query top_stores.yaml
  echo '{cube: sales, rows: [store.region], measures: [revenue]}' | starhouse query -

A query in full:
  cube: sales
  rows: [store.region, product.category]
  columns: [date.quarter]              # members across, in place of rows
  measures: [revenue, margin_rate]
  slice: {date.year: 2025}
  dice: {store.country: [DE, FR], date.month: {from: 2025-01, to: 2025-06}, channel: {except: [Web]},
         region: {set: home}}            # a named set of the cube; in rows it stands as `home`
  calculated_members: [south]          # named sets, each shown as one member beside those of its column
  computed_members:                    # members computed of the values of others
    - {name: Growth, of: date.year, terms: {now: 2025, before: 2024}, value: now / before - 1}
  totals: rollup                       # none, grand, rollup, cube, or {sets: [[store.region], []]}
  identify: true                       # with totals: their level and grouping id
  having: {revenue: {from: 1000}}
  non_empty: true
  top: {n: 3, by: revenue, per: [store.region], with_ties: false, bottom: false, others: true}
  order: [{by: revenue, of: [store.region], descending: true}, {by: revenue, descending: true}]
  limit: 20
  offset: 40

In place of rows, columns and totals any number of axes, and members with all below them:
  axes: [{name: side, of: [store.region], totals: grand}, {name: page, of: [channel]}]
  descendants: {store.country: {of: [DE, FR], down_to: city}}     # levels: last shows towns alone

Beside all that:
  visual: true                         # totals also of the rows shown alone, as <measure>_visible
  compare_release: 41                  # the same at another release, or as of \"2025-03-31\"
  formatted: true                      # values also as text
  currency: USD                        # of measures that let it be chosen
  language: de                         # headings and members by the cube's captions
  properties: [store.city]             # said beside single members

And with `date.month` among the rows:
  dense: date.month                    # every month from the first sale to the last, also those without any
  compare: {date.year: 2024}           # the same measures there, and the change

The fact rows behind a value, with the run and the sources they come from, a page at a time:
  {cube: sales, drill_through: revenue, slice: {receipt_no: T1000017}, limit: 20, offset: 0}";

/// Answers.
pub(super) async fn run(project: &Path, args: Args) -> std::result::Result<(), Failure> {
    let query = read(&args.file).await?;
    let project = Project::open(project).await?;
    let session = project.session(&args.at).await?;
    let planned = session.plan_cube_query(&query).await?;
    if args.explain {
        for sentence in planned.in_words()? {
            tell(&sentence)?;
        }
    }
    let about = About::of(&planned.schema()).filter(|_| args.about);
    if let (Some(about), Format::Table | Format::Csv) = (&about, args.output.format) {
        tell(&format!("release {}", about.release))?;
        if let Some(other) = about.compared_release {
            tell(&format!("compared with release {other}"))?;
        }
        tell(&match about.aggregates.as_slice() {
            [] => "no aggregates".to_owned(),
            names => format!("aggregates: {}", names.join(", ")),
        })?;
    }
    output::answer(&planned, &OutputArgs { about, ..args.output }).await?;
    for told in project.engine.shadow_told().await {
        tell(&format!("warning: {told}"))?;
    }
    Ok(())
}

/// JSON is YAML as well.
async fn read(file: &Path) -> Result<CubeQuery> {
    let name = if file == Path::new("-") { "stdin".into() } else { file.to_string_lossy() };
    Ok(yaml::parse(&name, &sql::text(file.to_owned()).await?)?)
}

fn tell(sentence: &str) -> std::io::Result<()> {
    use std::io::Write;
    writeln!(std::io::stderr(), "{sentence}")
}
