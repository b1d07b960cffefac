//! `starhouse demo`: the sample warehouse, from messy sources to answers and a server.

mod answers;
mod build;
mod connect;

use super::failure::Failure;
use super::interrupt::{asked_to_stop, interrupted};
use super::project::Project;
use super::releases;
use crate::sample::project::Sample;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Build the sample warehouse from messy sources, answer ten questions, serve it
///
/// The folder it makes is a project like any other: `starhouse sql --project starhouse-demo`.
/// Stopped or killed anywhere, it goes on where it was when it is started again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The folder to make the project in
    #[arg(long, default_value = "starhouse-demo", value_name = "D")]
    dir: PathBuf,
    /// Stop after the answers
    #[arg(long)]
    no_serve: bool,
    /// Listen here instead of where the settings say; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "no_serve")]
    address: Option<SocketAddr>,
}

const EXAMPLES: &str = "\
Examples:
  starhouse demo
  starhouse demo --dir /tmp/shop --no-serve";

/// Builds, answers and serves.
pub(super) async fn run(args: Args) -> Result<(), Failure> {
    let project = tokio::select! {
        project = build_and_answer(&args) => project?,
        () = asked_to_stop() => return Err(interrupted().into()),
    };
    if args.no_serve {
        return Ok(());
    }
    connect::serve(project, args.address).await
}

async fn build_and_answer(args: &Args) -> Result<Project, Failure> {
    Sample::Retail.write(&args.dir)?;
    let project = Project::open(&args.dir).await?;
    let mut out = io::stdout();
    writeln!(out, "The sample warehouse in {}\n", args.dir.display())?;
    build::missing_days(&project, &mut out).await?;
    writeln!(out, "{}\n", releases::list(&project).await?)?;
    answers::all(&project, &mut out).await?;
    Ok(project)
}
