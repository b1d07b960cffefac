//! `starhouse serve`: Flight SQL until Ctrl-C.

use super::failure::Failure;
use super::interrupt::asked_to_stop;
use super::project::Project;
use crate::config::Config;
use crate::error::Error;
use crate::server::{Password, Server, ServerOptions, TlsFiles};
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
    /// Let other machines connect even without TLS or without a password
    #[arg(long)]
    insecure: bool,
}

/// The environment variable that holds the password.
const PASSWORD: &str = "STARHOUSE_PASSWORD";

const EXAMPLES: &str = "\
Examples:
  starhouse serve
  starhouse serve --address 127.0.0.1:0

To let other machines connect, set in starhouse.yaml (or as STARHOUSE_TLS_CERTIFICATE ...):
  flight_address: 0.0.0.0:31337
  tls_certificate: server.crt
  tls_key: server.key
  password_file: server.password       # or the environment variable STARHOUSE_PASSWORD

Clients: Python `adbc_driver_flightsql.dbapi.connect(\"grpc://127.0.0.1:31337\")`,
JDBC `jdbc:arrow-flight-sql://127.0.0.1:31337/?useEncryption=false`.";

/// Serves.
pub(super) async fn run(folder: &Path, args: Args) -> Result<(), Failure> {
    let project = Project::open(folder).await?;
    let config = &project.declared.config;
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
    let server = Server::bind(project.engine, options).await?;
    let mut out = io::stdout();
    writeln!(out, "serving Flight SQL on {}; Ctrl-C stops", server.uri())?;
    out.flush()?;
    server.run(asked_to_stop()).await?;
    Ok(())
}

fn tls(config: &Config, folder: &Path) -> crate::error::Result<Option<TlsFiles>> {
    match (&config.tls_certificate, &config.tls_key) {
        (Some(certificate), Some(key)) => {
            Ok(Some(TlsFiles { certificate: folder.join(certificate), key: folder.join(key) }))
        }
        (None, None) => Ok(None),
        (Some(_), None) => Err(Error::user("tls_certificate is set, but not tls_key")),
        (None, Some(_)) => Err(Error::user("tls_key is set, but not tls_certificate")),
    }
}

/// The password of the environment, else that of the file.
fn password(config: &Config, folder: &Path) -> crate::error::Result<Option<Password>> {
    if let Ok(text) = std::env::var(PASSWORD) {
        return Password::new(&text).map(Some).map_err(|error| error.with("variable", PASSWORD));
    }
    let Some(file) = &config.password_file else { return Ok(None) };
    let file = folder.join(file);
    let text = std::fs::read_to_string(&file).map_err(|error| {
        Error::user("the password file cannot be read")
            .with("file", file.display())
            .caused_by(error)
    })?;
    Password::new(&text).map(Some).map_err(|error| error.with("file", file.display()))
}
