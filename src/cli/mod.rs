//! The command line: one file a command, and the composition root in `project`.
//!
//! Only here is the machine's clock read, and are the engine, the loads and the server put
//! together. Commands print answers on stdout and everything else on stderr.

mod aggregates;
mod asked;
mod backup;
mod check;
mod compact;
mod demo;
mod dictionary;
mod erase;
mod etl;
mod export;
mod failure;
mod files;
mod init;
mod interrupt;
mod lineage;
mod machine;
mod output;
mod pager;
mod profile;
mod project;
mod prompt;
mod query;
mod releases;
mod remote;
mod schedules;
mod schema;
mod serve;
mod sql;
mod statements;
mod table;
mod telemetry;
mod template;
mod test;
mod vacuum;

use crate::error::{Error, ErrorKind};
use clap::{Parser, Subcommand};
use failure::Failure;
use std::path::PathBuf;
use std::process::ExitCode;

/// An OLAP cube and data-warehouse server in one binary.
#[derive(Debug, Parser)]
#[command(name = "starhouse", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    /// The project's folder; the current one where left out
    #[arg(long, global = true, value_name = "D")]
    project: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  starhouse demo                                     the sample warehouse, built and served
  starhouse init shop                                a new project in the folder shop
  starhouse check --project shop                     are its models and jobs right?
  starhouse profile customers.csv                    what does this file hold?
  starhouse etl run --project shop                   load what is new
  starhouse sql --project shop                       a prompt
  starhouse sql 'SELECT * FROM system.releases'      one question
  starhouse serve                                    for BI tools, over Flight SQL

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Check(check::Args),
    Demo(demo::Args),
    Etl(etl::Args),
    Profile(profile::Args),
    Dictionary(dictionary::Args),
    Lineage(lineage::Args),
    Sql(sql::Args),
    Query(query::Args),
    Export(export::Args),
    Releases(releases::Args),
    Aggregates(aggregates::Args),
    Template(template::Args),
    Compact(compact::Args),
    Test(test::Args),
    Vacuum(vacuum::Args),
    Erase(erase::Args),
    Backup(backup::Args),
    Restore(backup::RestoreArgs),
    Schedules(schedules::Args),
    Schema(schema::Args),
    Serve(serve::Args),
}

impl Command {
    /// Whether it deals with Ctrl-C itself.
    fn owns_interrupt(&self) -> bool {
        match self {
            Self::Demo(_) | Self::Serve(_) => true,
            Self::Sql(args) => args.is_prompt(),
            _ => false,
        }
    }

    async fn run(self, project: Option<PathBuf>) -> Result<(), Failure> {
        if let (Self::Init(_) | Self::Demo(_), Some(folder)) = (&self, &project) {
            let error = Error::new(ErrorKind::Usage, "--project is for projects that are there");
            return Err(error
                .with("folder", folder.display())
                .hint("`starhouse init D` and `starhouse demo --dir D` name the folder they make")
                .into());
        }
        let project = project.unwrap_or_else(|| PathBuf::from("."));
        match self {
            Self::Init(args) => init::run(&args),
            Self::Check(args) => check::run(&project, &args).await,
            Self::Demo(args) => demo::run(args).await,
            Self::Etl(args) => etl::run(&project, args).await,
            Self::Profile(args) => profile::run(&project, args).await,
            Self::Dictionary(args) => dictionary::run(&project, &args),
            Self::Lineage(args) => lineage::run(&project, args).await,
            Self::Sql(args) => sql::run(&project, args).await,
            Self::Query(args) => query::run(&project, args).await,
            Self::Export(args) => export::run(&project, args).await,
            Self::Releases(args) => releases::run(&project, args).await,
            Self::Aggregates(args) => aggregates::run(&project, args).await,
            Self::Template(args) => template::run(&project, &args),
            Self::Compact(args) => compact::run(&project, &args).await,
            Self::Test(args) => test::run(&project, args).await,
            Self::Vacuum(args) => vacuum::run(&project, &args).await,
            Self::Erase(args) => erase::run(&project, args).await,
            Self::Backup(args) => backup::run(&project, args).await,
            Self::Restore(args) => backup::restore(&project, args).await,
            Self::Schema(args) => schema::run(&args),
            Self::Schedules(_) => schedules::run(&project).await,
            Self::Serve(args) => serve::run(&project, args).await,
        }
    }
}

/// Parses the command line, runs the command and says how it ended.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            // Help and version come this way as well, and are no errors.
            let code = if usage.use_stderr() { 2 } else { 0 };
            let _ = usage.print();
            return ExitCode::from(code);
        }
    };
    let owns_interrupt = cli.command.owns_interrupt();
    interrupt::run(cli.command.run(cli.project), owns_interrupt)
        .map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
