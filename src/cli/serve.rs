//! `starhouse serve`: Flight SQL and the project's schedules, until Ctrl-C.

use super::failure::Failure;
use super::interrupt::asked_to_stop;
use super::project::{Project, jobs, schedules};
use super::table::seconds;
use crate::error::Result;
use crate::etl::run::RunSummary;
use crate::etl::schedule::due::Due;
use crate::etl::schedule::run::{Hears, Scheduler, run as run_schedules};
use crate::server::{Server, ServerOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// Serve the warehouse over Arrow Flight SQL, and run its schedules, until Ctrl-C
///
/// Schedules are the YAML documents in `schedules/`. A server that is started again goes on where
/// it was; of several servers of one warehouse, one runs the schedules.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Listen here instead of where the settings say; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<SocketAddr>,
    /// Serve only, and leave schedules alone
    #[arg(long)]
    no_schedules: bool,
}

const EXAMPLES: &str = "\
Examples:
  starhouse serve
  starhouse serve --address 127.0.0.1:0
  starhouse serve --no-schedules

Clients: Python `adbc_driver_flightsql.dbapi.connect(\"grpc://127.0.0.1:31337\")`,
JDBC `jdbc:arrow-flight-sql://127.0.0.1:31337/?useEncryption=false`.";

/// Serves.
pub(super) async fn run(project: &Path, args: Args) -> Result<(), Failure> {
    let project = Project::open(project).await?;
    let jobs = jobs(&project.declared)?;
    let schedules = match args.no_schedules {
        true => Vec::new(),
        false => schedules(&project.declared, &jobs)?,
    };
    let address = args.address.unwrap_or(project.declared.config.flight_address);
    let options = ServerOptions { address, ..ServerOptions::default() };
    let grace = options.shutdown_grace;
    let server = Server::bind(project.engine.clone(), options).await?;
    let mut out = io::stdout();
    writeln!(out, "serving Flight SQL on {}; Ctrl-C stops", server.uri())?;
    out.flush()?;
    if schedules.is_empty() {
        server.run(asked_to_stop()).await?;
        return Ok(());
    }
    writeln!(out, "running {} schedules", schedules.len())?;
    out.flush()?;
    let scheduler = Scheduler {
        project: &project.declared.root,
        engine: &project.engine,
        jobs: &jobs,
        schedules: &schedules,
        clock: Arc::clone(&project.clock),
        grace,
    };
    // Schedules that cannot be run any more end the server: nobody would notice otherwise.
    tokio::try_join!(
        server.run(asked_to_stop()),
        run_schedules(&scheduler, &OnStderr, asked_to_stop())
    )?;
    Ok(())
}

/// Tells of scheduled runs on stderr.
struct OnStderr;

impl Hears for OnStderr {
    fn began(&self, due: &Due) {
        eprintln!("schedule {} begins, due since {}", due.schedule, due.planned_at);
    }

    fn ended(&self, due: &Due, outcome: &Result<RunSummary>) {
        match outcome {
            Ok(summary) => {
                let published = match summary.release {
                    Some(release) => format!("published release {release}"),
                    None => "nothing new".to_owned(),
                };
                let took = seconds(summary.elapsed_ms);
                eprintln!("schedule {}: {published} in {took} s", due.schedule);
            }
            Err(error) => eprintln!("schedule {} failed: {error}", due.schedule),
        }
    }
}
