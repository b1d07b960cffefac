//! A PostgreSQL server for the tests, and a database of it.

use crate::extract::servers::{PASSWORD, Server, apart, command, fresh_name, program};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, Weak};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

const INSTALL: &str = ".ci/install/servers.sh";

/// A database of the tests' server.
#[derive(Clone)]
pub(crate) struct Database {
    server: Arc<Server>,
    pub(crate) name: String,
}

impl Database {
    /// A new database; its password lies in a project's folder.
    pub(crate) fn new(project: &Path) -> Self {
        static SERVER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let server = Server::shared(&SERVER, start);
        std::fs::write(project.join("password"), format!("{PASSWORD}\n")).unwrap();
        let postgres = Self { server, name: "postgres".to_owned() };
        postgres.server.await_ready(|| apart(async || postgres.connect().await.is_ok()));
        let name = fresh_name();
        postgres.execute(&format!("CREATE DATABASE {name}"));
        Self { server: postgres.server, name }
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.port
    }

    /// Its URL, without the password.
    pub(crate) fn url(&self) -> String {
        format!("postgresql://test@127.0.0.1:{}/{}", self.server.port, self.name)
    }

    /// `from:` in a job.
    pub(crate) fn from(&self, what: &str) -> String {
        format!("{{postgresql: {{url: \"{}\", password: {{file: password}}, {what}}}}}", self.url())
    }

    /// Runs statements.
    pub(crate) fn execute(&self, sql: &str) {
        apart(async || self.connect().await.unwrap().batch_execute(sql).await.unwrap());
    }

    /// The one number that a query gives.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        apart(async || self.connect().await.unwrap().query_one(sql, &[]).await.unwrap().get(0))
    }

    /// The rows that a query gives, each value as text.
    pub(crate) fn texts(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, String> {
        let told = |error: tokio_postgres::Error| {
            error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string)
        };
        let messages = apart(async || self.connect().await?.simple_query(sql).await);
        let rows = messages.map_err(told)?.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|cell| row.get(cell).map(str::to_owned)).collect())
            }
            _ => None,
        });
        Ok(rows.collect())
    }

    /// Makes the table `t` anew, of text.
    pub(crate) fn write(&self, headings: &[&str], rows: &[Vec<Option<String>>]) {
        let names: Vec<String> = headings.iter().map(|name| format!("\"{name}\" text")).collect();
        let mut sql = format!("DROP TABLE IF EXISTS t; CREATE TABLE t ({});", names.join(", "));
        for some in rows.chunks(1_000) {
            let row = |row: &Vec<Option<String>>| {
                let cells = row.iter().map(|cell| match cell {
                    Some(text) => format!("'{}'", text.replace('\'', "''")),
                    None => "NULL".to_owned(),
                });
                format!("({})", cells.collect::<Vec<_>>().join(", "))
            };
            let rows: Vec<String> = some.iter().map(row).collect();
            write!(sql, "INSERT INTO t VALUES {};", rows.join(", ")).unwrap();
        }
        self.execute(&sql);
    }

    async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let mut config: tokio_postgres::Config = self.url().parse().unwrap();
        let (client, connection) = config.password(PASSWORD).connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

fn installed(name: &str) -> PathBuf {
    let versions = (14..=30).rev();
    let mut candidates: Vec<PathBuf> = versions
        .map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin/{name}")))
        .collect();
    candidates.extend(["/usr/local/bin", "/usr/bin"].map(|folder| Path::new(folder).join(name)));
    program(&candidates, INSTALL)
}

fn start(folder: &Path, port: u16) -> Child {
    std::fs::write(folder.join("password"), PASSWORD).unwrap();
    let made = command(&installed("initdb"), folder)
        .args(["-D", "data", "-U", "test", "-E", "UTF8", "--locale=C.UTF-8"])
        .args(["--auth=scram-sha-256", "--pwfile=password", "--no-sync"])
        .status()
        .unwrap();
    assert!(made.success(), "{}", std::fs::read_to_string(folder.join("log")).unwrap());
    let mut server = command(&installed("postgres"), folder);
    server.args(["-D", "data", "-k", "", "-p", &port.to_string()]);
    for setting in [
        "listen_addresses=127.0.0.1",
        "fsync=off",
        // what it writes by itself is no change of ours
        "autovacuum=off",
        "max_wal_size=4GB",
    ] {
        server.args(["-c", setting]);
    }
    server.spawn().unwrap()
}

/// Gives the server a certificate for `localhost`, and returns its authority's file.
pub(super) fn tls_folder(database: &Database) -> PathBuf {
    let folder = database.server.folder.path();
    let made = command(&program(&[PathBuf::from("/usr/bin/openssl")], INSTALL), folder)
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"])
        .args(["/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "data/server.key", "-out", "data/server.crt"])
        .status()
        .unwrap();
    assert!(made.success());
    let chmod = Command::new("chmod").arg("600").arg(folder.join("data/server.key")).status();
    assert!(chmod.unwrap().success());
    database.execute("ALTER SYSTEM SET ssl = on");
    database.execute("SELECT pg_reload_conf()");
    let began = std::time::Instant::now();
    while database.number("SELECT count(*) FROM pg_settings WHERE name = 'ssl' AND setting = 'on'")
        == 0
    {
        assert!(began.elapsed().as_secs() < 10, "the server does not take its certificate");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    folder.join("data/server.crt")
}
