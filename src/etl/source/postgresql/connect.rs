//! Connections to a server, and what it says when something is wrong.

use super::tls::Connector;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::job::{PostgresqlPlace, Setting, Tls};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::{self, Runtime};
use tokio::sync::watch;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::{Client, Config, NoTls};

/// How long to wait for a server that does not answer, where the URL does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long to wait for a server to take note that a query is not wanted any more.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);
/// The oldest version that reads a table by ranges of its pages.
const OLDEST_VERSION: i32 = 140_000;
/// How values that are asked for as text are written, whatever the server's or the user's defaults.
const SETTINGS: &str = "SET datestyle = 'ISO, YMD'; SET intervalstyle = 'iso_8601'; \
    SET timezone = 'UTC'; SET extra_float_digits = 1; SET bytea_output = 'hex'; \
    SET synchronize_seqscans = off; SET idle_in_transaction_session_timeout = 0";

/// Has the server see soon that nobody is there any more. Not every system can.
const WATCHFUL: &str = "SET client_connection_check_interval = '2s'";

/// Whom to ask, and as whom.
#[derive(Clone)]
pub(super) struct Server {
    config: Config,
    connector: Option<Connector>,
}

/// Says that work is to stop: all of it does when the sender is dropped.
pub(super) type Stop = watch::Receiver<()>;

/// A connection, and the thread's own runtime that it lives in.
pub(super) struct Connection {
    runtime: Runtime,
    client: Client,
    server: Server,
}

/// Checks what can be checked of a place without looking at secrets.
///
/// # Errors
/// User where the URL is none, or holds what belongs elsewhere.
pub(super) fn check(place: &PostgresqlPlace) -> Result<()> {
    let Setting::Here(url) = &place.url else { return Ok(()) };
    let config = parse(url)?;
    if config.get_password().is_some() {
        return Err(Error::user("a password is not written into a job")
            .hint("take it out of `url` and say `password: {env: NAME}` or `{file: PATH}`"));
    }
    Ok(())
}

/// A URL's parts. What is wrong with it is not repeated: it may hold a password.
fn parse(url: &str) -> Result<Config> {
    let example = "expected postgresql://user@host:5432/database";
    if !url.starts_with("postgresql://") && !url.starts_with("postgres://") {
        return Err(Error::user("`url` is no PostgreSQL URL").hint(example));
    }
    if url.contains("sslmode=") {
        return Err(Error::user("`url` says `sslmode`").hint("say `tls: verify` or `tls: off`"));
    }
    let config: Config =
        url.parse().map_err(|_| Error::user("`url` is no PostgreSQL URL").hint(example))?;
    match (config.get_user(), config.get_dbname()) {
        _ if config.get_hosts().is_empty() => Err(Error::user("`url` names no host").hint(example)),
        (None, _) => Err(Error::user("`url` names no user").hint(example)),
        (_, None) => Err(Error::user("`url` names no database").hint(example)),
        _ => Ok(config),
    }
}

impl Server {
    /// # Errors
    /// Those of secrets, of the URL and of certificates.
    pub(super) fn new(project: &Path, place: &PostgresqlPlace) -> Result<Self> {
        let mut config = parse(&place.url.read(project)?)?;
        if let Some(secret) = &place.password {
            config.password(secret.read(project)?);
        }
        config.application_name("starhouse");
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        let connector = match place.tls.unwrap_or_else(|| usual(&config)) {
            Tls::Off => None,
            Tls::Verify => {
                let ca: Option<PathBuf> = place.ca.as_ref().map(|path| project.join(path));
                Some(Connector::new(ca.as_deref())?)
            }
        };
        config.ssl_mode(if connector.is_some() { SslMode::Require } else { SslMode::Disable });
        Ok(Self { config, connector })
    }

    /// Host, port and database: what tells it from others, without user and password.
    pub(super) fn name(&self) -> String {
        let ports = self.config.get_ports();
        let host = |(at, host): (usize, &Host)| {
            let host = match host {
                Host::Tcp(name) => name.clone(),
                #[cfg(unix)]
                Host::Unix(path) => path.display().to_string(),
            };
            format!("{host}:{}", ports.get(at).or(ports.first()).unwrap_or(&5432))
        };
        let hosts: Vec<String> = self.config.get_hosts().iter().enumerate().map(host).collect();
        let database = self.config.get_dbname().unwrap_or_default();
        format!("postgresql://{}/{database}", hosts.join(","))
    }

    /// A new connection.
    ///
    /// # Errors
    /// Unavailable where the server does not answer; user where it does not let us in.
    pub(super) fn connect(&self) -> Result<Connection> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::internal("cannot start a runtime").caused_by(error))?;
        let client = runtime.block_on(self.client()).map_err(|error| self.refused(&error))?;
        let connection = Connection { runtime, client, server: self.clone() };
        connection
            .run(None, async |client| {
                client.batch_execute(SETTINGS).await?;
                let _ = client.batch_execute(WATCHFUL).await;
                let version: i32 = client
                    .query_one("SELECT current_setting('server_version_num')::int4", &[])
                    .await?
                    .get(0);
                Ok(version)
            })
            .and_then(|version| match version {
                OLDEST_VERSION.. => Ok(connection),
                old => Err(Error::unsupported(format!(
                    "the server is PostgreSQL {}, which has no scans by range",
                    old / 10_000
                ))
                .hint("PostgreSQL 14 and newer are read")),
            })
    }

    async fn client(&self) -> Result<Client, tokio_postgres::Error> {
        match &self.connector {
            Some(connector) => {
                let (client, connection) = self.config.connect(connector.clone()).await?;
                tokio::spawn(connection);
                Ok(client)
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                tokio::spawn(connection);
                Ok(client)
            }
        }
    }

    fn refused(&self, error: &tokio_postgres::Error) -> Error {
        let refused = match error.as_db_error() {
            Some(said) if said.code().code().starts_with("28") => {
                Error::user("the server does not let the user in")
                    .caused_by(words(said))
                    .hint("check the user in `url`, `password`, and the server's pg_hba.conf")
            }
            Some(said) if *said.code() == SqlState::INVALID_CATALOG_NAME => {
                Error::not_found("the server has no such database").caused_by(words(said))
            }
            Some(_) => broken(error),
            None => Error::new(ErrorKind::Unavailable, "cannot connect to the server")
                .caused_by(chain(error))
                .hint(match self.connector {
                    Some(_) => {
                        "is it there, and does it do TLS with a certificate for this name? `ca` \
                         names the authority's file; in a network you trust say `tls: off`"
                    }
                    None => "is it there, and does it listen on that port?",
                }),
        };
        refused.with("server", self.name())
    }

    /// Asks the server to stop what a connection is doing.
    async fn cancel(&self, client: &Client) {
        let token = client.cancel_token();
        let cancelled = async {
            match &self.connector {
                Some(connector) => token.cancel_query(connector.clone()).await,
                None => token.cancel_query(NoTls).await,
            }
        };
        // Whether it listens or not, the connection is closed next.
        let _ = tokio::time::timeout(CANCEL_TIMEOUT, cancelled).await;
    }
}

impl Connection {
    /// Does some work on the connection; when it is to stop, the server is told.
    ///
    /// # Errors
    /// Those of the work; cancelled where it was stopped.
    pub(super) fn run<T>(
        &self,
        stop: Option<&Stop>,
        work: impl AsyncFnOnce(&Client) -> Result<T, Failure>,
    ) -> Result<T> {
        self.runtime.block_on(async {
            let stopped = async {
                match stop.cloned() {
                    // There is never news, only the sender's end.
                    Some(mut stop) => while stop.changed().await.is_ok() {},
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                done = work(&self.client) => done.map_err(|failure| match failure {
                    Failure::Server(error) => broken(&error),
                    Failure::Other(error) => error,
                }),
                () = stopped => {
                    self.server.cancel(&self.client).await;
                    Err(Error::new(ErrorKind::Cancelled, "the reading was stopped"))
                }
            }
        })
    }
}

/// What went wrong while a connection was used.
pub(super) enum Failure {
    /// The server or the way there.
    Server(tokio_postgres::Error),
    /// Something else.
    Other(Error),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// What is usual between us and the hosts.
fn usual(config: &Config) -> Tls {
    let usual = |host: &Host| match host {
        Host::Tcp(name) => Tls::usual(name),
        #[cfg(unix)]
        Host::Unix(_) => Tls::Off,
    };
    let all_off = config.get_hosts().iter().all(|host| usual(host) == Tls::Off);
    if all_off { Tls::Off } else { Tls::Verify }
}

/// The error for what the server, or the way there, did not do.
fn broken(error: &tokio_postgres::Error) -> Error {
    let Some(said) = error.as_db_error() else {
        return Error::new(ErrorKind::Unavailable, "the connection to the server was lost")
            .caused_by(chain(error))
            .hint("nothing of this run was loaded; run again when the server is back");
    };
    let code = said.code();
    let class = code.code().get(..2).unwrap_or_default();
    let unavailable = |message: &str| Error::new(ErrorKind::Unavailable, message);
    let error = match class {
        _ if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            Error::user("the user may not read this").hint("grant SELECT on it to the user")
        }
        _ if *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
            Error::user("the query of a source only reads")
        }
        _ if *code == SqlState::TOO_MANY_CONNECTIONS => {
            unavailable("the server takes no more connections")
                .hint("fewer `connections`, or a larger max_connections at the server")
        }
        _ if *code == SqlState::QUERY_CANCELED => unavailable("the server stopped the query")
            .hint("is there a statement_timeout for this user?"),
        "42" | "0A" => Error::user("the query of the source is wrong"),
        "22" => Error::data("the server cannot compute a value"),
        _ => unavailable("the server stopped"),
    };
    error.caused_by(words(said))
}

/// What the server said.
fn words(said: &DbError) -> String {
    let more = [said.detail(), said.hint()].into_iter().flatten();
    std::iter::once(said.message()).chain(more).collect::<Vec<_>>().join("; ")
}

/// An error and those beneath it.
fn chain(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut beneath = std::error::Error::source(error);
    while let Some(error) = beneath {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        beneath = error.source();
    }
    text
}
