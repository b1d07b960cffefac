//! `starhouse aggregates`: the summaries kept beside the facts.

mod advise;

use super::etl::{bars::Bars, in_words};
use super::failure::Failure;
use super::project::{At, Project};
use super::table::{self, headed, number};
use crate::aggregate::{Stale, left_out};
use crate::engine::automatic_aggregates;
use crate::etl::progress::{Progress, Quiet};
use crate::etl::run::Summarising;
use comfy_table::Cell;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

/// The summaries that cubes declare: list them, build them, be advised which to keep
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  starhouse aggregates list
  starhouse aggregates list --release 1
  starhouse aggregates advise
  starhouse aggregates advise --budget 512MB --write schemas/advised.yaml
  starhouse aggregates advise --budget 50% --apply";

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// What is declared, and what the release holds of it
    List {
        #[command(flatten)]
        at: At,
    },
    /// Build what is declared and missing, or of another definition, as a release
    ///
    /// Reads no source. What is not declared any more is dropped. A load does the same by the way.
    Build,
    /// Say which aggregates are worth their bytes, by what was asked
    Advise(advise::Args),
}

/// Lists, builds or advises.
pub(super) async fn run(project: &Path, args: Args) -> Result<(), Failure> {
    let project = Project::open(project).await?;
    match args.command {
        Command::List { at } => list(&project, &at).await,
        Command::Build => build(&project).await,
        Command::Advise(args) => advise::run(&project, &args).await,
    }
}

async fn build(project: &Project) -> Result<(), Failure> {
    let progress: Arc<dyn Progress> = match io::stderr().is_terminal() {
        true => Arc::new(Bars::default()),
        false => Arc::new(Quiet),
    };
    let Project { engine, clock, .. } = project;
    let summary = Summarising { engine, clock, progress: &progress }.run().await?;
    write!(io::stdout(), "{}", in_words(&summary))?;
    Ok(())
}

async fn list(project: &Project, at: &At) -> Result<(), Failure> {
    let release = project.release(at).await?;
    let engine = project.engine.of(&release);
    let by_itself = automatic_aggregates(&release)?;
    let mut list = headed(["cube", "aggregate", "keeps", "by", "rows", "size", "declared"]);
    for cube in &engine.model().cubes {
        for aggregate in &cube.aggregates {
            let own = by_itself
                .iter()
                .filter(|_| aggregate.is_automatic)
                .find(|one| one.cube == cube.name && one.aggregate.name == aggregate.name);
            let declared =
                own.map_or_else(|| "in a file".to_owned(), |one| format!("by itself: {}", one.why));
            let table = cube.aggregate_table(aggregate);
            let stored = release.tables.get(&table);
            let (rows, size) = match stored {
                Some(table) => (table::count(table.rows()), table::bytes(table.size_bytes())),
                None => {
                    let one = Stale { cube, aggregate };
                    let why = left_out(&release, &one, engine.lattice());
                    let why = why.map_or("not built".to_owned(), |why| format!("left out: {why}"));
                    (why, String::new())
                }
            };
            let by = aggregate.roles.iter().chain(&aggregate.columns);
            list.add_row([
                Cell::new(&cube.name),
                Cell::new(&aggregate.name),
                Cell::new(aggregate.measures.join(", ")),
                Cell::new(by.map(String::as_str).collect::<Vec<_>>().join(", ")),
                number(rows),
                number(size),
                Cell::new(declared),
            ]);
        }
    }
    let mut out = io::stdout();
    if list.is_empty() {
        writeln!(out, "no cube declares an aggregate, and the release keeps none by itself")?;
        return Ok(());
    }
    writeln!(out, "{list}\nrelease {}", release.id)?;
    Ok(())
}
