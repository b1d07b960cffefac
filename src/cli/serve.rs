//! `starhouse serve`: Flight SQL until Ctrl-C.

use super::failure::Failure;
use super::interrupt::asked_to_stop;
use super::project::Project;
use crate::server::{Server, ServerOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

/// Serve the warehouse over Arrow Flight SQL until Ctrl-C
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Listen here instead of where the settings say; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<SocketAddr>,
}

const EXAMPLES: &str = "\
Examples:
  starhouse serve
  starhouse serve --address 127.0.0.1:0

Clients: Python `adbc_driver_flightsql.dbapi.connect(\"grpc://127.0.0.1:31337\")`,
JDBC `jdbc:arrow-flight-sql://127.0.0.1:31337/?useEncryption=false`.";

/// Serves.
pub(super) async fn run(project: &Path, args: Args) -> Result<(), Failure> {
    let project = Project::open(project).await?;
    let address = args.address.unwrap_or(project.declared.config.flight_address);
    let options = ServerOptions { address, ..ServerOptions::default() };
    let server = Server::bind(project.engine, options).await?;
    let mut out = io::stdout();
    writeln!(out, "serving Flight SQL on {}; Ctrl-C stops", server.uri())?;
    out.flush()?;
    server.run(asked_to_stop()).await?;
    Ok(())
}
