//! `starhouse serve`: Flight SQL and the project's schedules, until Ctrl-C.

use super::failure::Failure;
use super::interrupt::asked_to_stop;
use super::project::{Project, jobs, schedules};
use super::table::seconds;
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::run::RunSummary;
use crate::etl::schedule::Schedule;
use crate::etl::schedule::due::Due;
use crate::etl::schedule::run::{Hears, Scheduler, run as run_schedules};
use crate::server::{Metrics, Password, Server, ServerOptions, TlsFiles};
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
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
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    address: Option<SocketAddr>,
    /// Let other machines connect even without TLS or without a password, and ask for metrics
    #[arg(long)]
    insecure: bool,
    /// Serve only, and leave schedules alone
    #[arg(long)]
    no_schedules: bool,
}

/// The environment variable that holds the password.
const PASSWORD: &str = "STARHOUSE_PASSWORD";

const EXAMPLES: &str = "\
Examples:
  starhouse serve
  starhouse serve --address localhost:0
  starhouse serve --no-schedules

To let other machines connect, set in starhouse.yaml (or as STARHOUSE_TLS_CERTIFICATE ...):
  flight_address: 0.0.0.0:31337
  tls_certificate: server.crt
  tls_key: server.key
  password_file: server.password       # or the environment variable STARHOUSE_PASSWORD

Clients: Python `adbc_driver_flightsql.dbapi.connect(\"grpc://127.0.0.1:31337\")`,
JDBC `jdbc:arrow-flight-sql://127.0.0.1:31337/?useEncryption=false`.";

/// An address as it is written, or the first of a host's.
fn address(text: &str) -> std::result::Result<SocketAddr, String> {
    let mut found = text.to_socket_addrs().map_err(|error| error.to_string())?;
    found.next().ok_or_else(|| "the host has no address".to_owned())
}

/// Serves.
pub(super) async fn run(folder: &Path, args: Args) -> std::result::Result<(), Failure> {
    let project = Project::open(folder).await?;
    let jobs = jobs(&project.declared)?;
    let schedules = match args.no_schedules {
        true => Vec::new(),
        false => schedules(&project.declared, &jobs)?,
    };
    let config = &project.declared.config;
    if !args.insecure {
        guarded_metrics(config)?;
    }
    let options = ServerOptions {
        address: args.address.unwrap_or(config.flight_address),
        tls: tls(config, folder)?,
        password: password(config, folder)?,
        insecure: args.insecure,
        threads: config.threads,
        max_queries: config.max_queries.unwrap_or(4 * config.threads),
        max_waiting_queries: config.max_waiting_queries,
        ..ServerOptions::default()
    };
    let grace = options.shutdown_grace;
    let server = Server::bind(project.engine.clone(), options).await?;
    let mut out = io::stdout();
    writeln!(out, "serving Flight SQL on {}; Ctrl-C stops", server.uri())?;
    out.flush()?;
    let metrics = metrics(&project, &schedules).await?;
    if let Some(address) = metrics.as_ref().and_then(Metrics::address) {
        writeln!(out, "serving metrics on http://{address}/metrics")?;
    }
    let watched = async {
        match metrics {
            Some(metrics) => metrics.run(asked_to_stop()).await,
            None => Ok(()),
        }
    };
    if !schedules.is_empty() {
        writeln!(out, "running {} schedules", schedules.len())?;
    }
    out.flush()?;
    let scheduler = Scheduler {
        project: &project.declared.root,
        engine: &project.engine,
        jobs: &jobs,
        schedules: &schedules,
        clock: Arc::clone(&project.clock),
        at_once: config.parallel_jobs,
        grace,
    };
    let scheduled = async {
        match schedules.is_empty() {
            true => Ok(()),
            false => run_schedules(&scheduler, &OnStderr, asked_to_stop()).await,
        }
    };
    // Schedules that cannot be run any more end the server: nobody would notice otherwise.
    tokio::try_join!(server.run(asked_to_stop()), scheduled, watched)?;
    Ok(())
}

/// Metrics go over plain HTTP without a password, so to this machine only.
fn guarded_metrics(config: &Config) -> Result<()> {
    match config.metrics_address.filter(|address| !address.ip().is_loopback()) {
        None => Ok(()),
        Some(address) => {
            let text = format!("refusing to tell metrics on {address}: other machines could ask");
            Err(Error::new(ErrorKind::Usage, text).hint(
                "let metrics_address be of 127.0.0.1 or [::1], or say --insecure where the \
                 network itself keeps others out",
            ))
        }
    }
}

async fn metrics(project: &Project, schedules: &[Schedule]) -> Result<Option<Metrics>> {
    let Some(address) = project.declared.config.metrics_address else { return Ok(None) };
    Metrics::bind(project.engine.clone(), schedules.to_vec(), address).await.map(Some)
}

fn tls(config: &Config, folder: &Path) -> Result<Option<TlsFiles>> {
    match (&config.tls_certificate, &config.tls_key) {
        (Some(certificate), Some(key)) => {
            Ok(Some(TlsFiles { certificate: folder.join(certificate), key: folder.join(key) }))
        }
        (None, None) => Ok(None),
        (Some(_), None) => Err(Error::user("tls_certificate is set, but not tls_key")),
        (None, Some(_)) => Err(Error::user("tls_key is set, but not tls_certificate")),
    }
}

fn password(config: &Config, folder: &Path) -> Result<Option<Password>> {
    let Some(text) = password_text(config, folder)? else { return Ok(None) };
    let password = Password::new(&text).map(Some);
    password.map_err(|error| match (std::env::var_os(PASSWORD), &config.password_file) {
        (None, Some(file)) => error.with("file", folder.join(file).display()),
        _ => error.with("variable", PASSWORD),
    })
}

/// The password of the environment, else that of the file.
pub(super) fn password_text(config: &Config, folder: &Path) -> Result<Option<String>> {
    if let Ok(text) = std::env::var(PASSWORD) {
        return Ok(Some(text));
    }
    let Some(file) = &config.password_file else { return Ok(None) };
    let file = folder.join(file);
    let text = std::fs::read_to_string(&file).map_err(|error| {
        Error::user("the password file cannot be read")
            .with("file", file.display())
            .caused_by(error)
    })?;
    Ok(Some(text))
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
