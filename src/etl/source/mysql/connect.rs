//! Connections to a server, and what it says when something is wrong.

use crate::error::{Error, ErrorKind, Result};
use crate::etl::job::{MysqlPlace, Setting, Tls};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, ServerError, SslOpts};
use std::path::Path;
use std::time::Duration;
use tokio::runtime::{self, Runtime};

/// How long to wait for a server that does not answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long to wait for a server to take note that a query is not wanted any more.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);
/// Moments are sent in UTC; a reader that is slow for a while is not cut off.
const SETTINGS: [&str; 3] =
    ["SET NAMES utf8mb4", "SET time_zone = '+00:00'", "SET SESSION net_write_timeout = 3600"];
/// All that is read afterwards is of this moment, as far as tables know of transactions.
const BEGIN: [&str; 2] = [
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
];

/// Whom to ask, and as whom.
#[derive(Clone)]
pub(super) struct Server {
    opts: Opts,
}

/// A connection in a transaction, and the runtime that it lives in.
pub(super) struct Connection {
    runtime: Runtime,
    /// There until it is dropped.
    conn: Option<Conn>,
}

impl Connection {
    /// Its runtime, and itself.
    ///
    /// # Errors
    /// None in effect.
    pub(super) fn parts(&mut self) -> Result<(&Runtime, &mut Conn)> {
        let conn = self.conn.as_mut().ok_or_else(|| Error::internal("the connection is closed"))?;
        Ok((&self.runtime, conn))
    }
}

impl Drop for Connection {
    /// Ends the transaction now: while it lasts, nobody can alter the tables that were read. Left
    /// to itself, the driver would do it on whatever runtime it finds here, where nothing moves
    /// this connection.
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        let runtime = &self.runtime;
        let end = || {
            let ended = async { tokio::time::timeout(CANCEL_TIMEOUT, conn.disconnect()).await };
            let _ = runtime.block_on(ended);
        };
        // on a thread that belongs to no runtime
        std::thread::scope(|scope| scope.spawn(end).join().unwrap_or_default());
    }
}

/// Checks what can be checked of a place without looking at secrets.
///
/// # Errors
/// User where the URL is none, or holds what belongs elsewhere.
pub(super) fn check(place: &MysqlPlace) -> Result<()> {
    let Setting::Here(url) = &place.url else { return Ok(()) };
    if parse(url)?.pass().is_some() {
        return Err(Error::user("a password is not written into a job")
            .hint("take it out of `url` and say `password: {env: NAME}` or `{file: PATH}`"));
    }
    Ok(())
}

/// A URL's parts. What is wrong with it is not repeated: it may hold a password.
fn parse(url: &str) -> Result<Opts> {
    let example = "expected mysql://user@host:3306/database";
    let wrong = |message: &str| Error::user(message).hint(example);
    // Debian and others write it so
    let url =
        url.strip_prefix("mariadb://").map_or(url.to_owned(), |rest| format!("mysql://{rest}"));
    if url.contains('?') {
        return Err(wrong("`url` has parameters, which are not understood"));
    }
    let opts = Opts::from_url(&url).map_err(|_| wrong("`url` is no MySQL URL"))?;
    match (opts.user(), opts.db_name()) {
        (None | Some(""), _) => Err(wrong("`url` names no user")),
        (_, None | Some("")) => Err(wrong("`url` names no database")),
        _ => Ok(opts),
    }
}

impl Server {
    /// # Errors
    /// Those of secrets and of the URL.
    pub(super) fn new(project: &Path, place: &MysqlPlace) -> Result<Self> {
        let opts = parse(&place.url.read(project)?)?;
        let tls = match place.tls.unwrap_or_else(|| Tls::usual(opts.ip_or_hostname())) {
            Tls::Off => None,
            Tls::Verify => {
                // Two are linked in, and the driver takes the process's.
                let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
                let ca = place.ca.iter().map(|path| project.join(path).into()).collect();
                Some(SslOpts::default().with_root_certs(ca))
            }
        };
        let mut builder = OptsBuilder::from_opts(opts).prefer_socket(false).ssl_opts(tls);
        if let Some(secret) = &place.password {
            builder = builder.pass(Some(secret.read(project)?));
        }
        Ok(Self { opts: builder.into() })
    }

    /// Host, port and database: what tells it from others, without user and password.
    pub(super) fn name(&self) -> String {
        let database = self.opts.db_name().unwrap_or_default();
        format!("mysql://{}:{}/{database}", self.opts.ip_or_hostname(), self.opts.tcp_port())
    }

    /// A new connection, in a transaction that sees one moment.
    ///
    /// # Errors
    /// Unavailable where the server does not answer; user where it does not let us in.
    pub(super) fn connect(&self) -> Result<Connection> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::internal("cannot start a runtime").caused_by(error))?;
        let begun =
            runtime.block_on(async { tokio::time::timeout(CONNECT_TIMEOUT, self.begin()).await });
        match begun {
            Ok(Ok(conn)) => Ok(Connection { runtime, conn: Some(conn) }),
            Ok(Err(error)) => Err(self.refused(error)),
            Err(_) => Err(Error::new(ErrorKind::Unavailable, "the server does not answer")
                .with("server", self.name())),
        }
    }

    async fn begin(&self) -> Result<Conn, mysql_async::Error> {
        let mut conn = Conn::new(self.opts.clone()).await?;
        for sql in SETTINGS.into_iter().chain(BEGIN) {
            conn.query_drop(sql).await?;
        }
        Ok(conn)
    }

    fn refused(&self, error: mysql_async::Error) -> Error {
        let refused = match error {
            mysql_async::Error::Server(said) => failed(said),
            other => Error::new(ErrorKind::Unavailable, "cannot connect to the server")
                .caused_by(other)
                .hint(match self.opts.ssl_opts() {
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
    pub(super) async fn cancel(&self, connection_id: u32) {
        let kill = async {
            let mut conn = Conn::new(self.opts.clone()).await?;
            conn.query_drop(format!("KILL QUERY {connection_id}")).await
        };
        // Whether it listens or not, the connection is closed next.
        let _ = tokio::time::timeout(CANCEL_TIMEOUT, kill).await;
    }
}

/// The error for what the server, or the way there, did not do.
pub(super) fn broken(error: mysql_async::Error) -> Error {
    match error {
        mysql_async::Error::Server(said) => failed(said),
        other => Error::new(ErrorKind::Unavailable, "the connection to the server was lost")
            .caused_by(other)
            .hint("nothing of this run was loaded; run again when the server is back"),
    }
}

/// Whether the server has no such table.
pub(super) fn is_no_such_table(error: &mysql_async::Error) -> bool {
    matches!(error, mysql_async::Error::Server(said) if said.code == 1146)
}

fn failed(said: ServerError) -> Error {
    let unavailable = |message: &str| Error::new(ErrorKind::Unavailable, message);
    let error = match (said.code, said.state.get(..2).unwrap_or_default()) {
        (1045 | 1698 | 1130, _) => Error::user("the server does not let the user in")
            .hint("check the user in `url`, and `password`"),
        (1049, _) => Error::not_found("the server has no such database"),
        (1044 | 1142 | 1143 | 1370, _) => {
            Error::user("the user may not read this").hint("grant SELECT on it to the user")
        }
        (1792, _) => Error::user("the query of a source only reads"),
        (1317 | 1969 | 3024, _) => unavailable("the server stopped the query")
            .hint("is there a limit on the time of a statement?"),
        (1040 | 1203 | 1226, _) => unavailable("the server takes no more connections"),
        (_, "42" | "HY") if (1051..1900).contains(&said.code) => {
            Error::user("the query of the source is wrong")
        }
        (_, "42") => Error::user("the query of the source is wrong"),
        (_, "22") => Error::data("the server cannot compute a value"),
        _ => unavailable("the server stopped"),
    };
    error.caused_by(said.message)
}
