//! `starhouse aggregates`: the summaries kept beside the facts.

use super::failure::Failure;
use super::project::{At, Project};
use super::table::{self, headed, number};
use comfy_table::Cell;
use std::io::{self, Write};
use std::path::Path;

/// The summaries that cubes declare
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  starhouse aggregates list\n  starhouse aggregates list --release 1"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// What is declared, and what the release holds of it
    List {
        #[command(flatten)]
        at: At,
    },
}

/// Lists.
pub(super) async fn run(project: &Path, args: Args) -> Result<(), Failure> {
    let Command::List { at } = args.command;
    let project = Project::open(project).await?;
    let release = project.release(&at).await?;
    let mut list = headed(["cube", "aggregate", "keeps", "by", "rows", "size"]);
    for cube in &project.declared.model.cubes {
        for aggregate in &cube.aggregates {
            let table = cube.aggregate_table(aggregate);
            let stored = release.tables.get(&table);
            let (rows, size) = match stored {
                Some(table) => (table::count(table.rows()), table::bytes(table.size_bytes())),
                None => ("not built".to_owned(), String::new()),
            };
            list.add_row([
                Cell::new(&cube.name),
                Cell::new(&aggregate.name),
                Cell::new(aggregate.measures.join(", ")),
                Cell::new(aggregate.columns.join(", ")),
                number(rows),
                number(size),
            ]);
        }
    }
    let mut out = io::stdout();
    if list.is_empty() {
        writeln!(out, "no cube declares an aggregate")?;
        return Ok(());
    }
    writeln!(out, "{list}\nrelease {}", release.id)?;
    Ok(())
}
