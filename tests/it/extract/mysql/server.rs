//! A MariaDB server for the tests, and a database of it.

use crate::extract::servers::{PASSWORD, Server, apart, command, fresh_name, program};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex, Weak};

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
        let mysql = Self { server, name: "mysql".to_owned() };
        mysql.server.await_ready(|| apart(async || mysql.connect().await.is_ok()));
        let name = fresh_name();
        mysql.execute(&[&format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")]);
        Self { server: mysql.server, name }
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.port
    }

    /// Its URL, without the password.
    pub(crate) fn url(&self) -> String {
        format!("mysql://test@127.0.0.1:{}/{}", self.server.port, self.name)
    }

    /// `from:` in a job.
    pub(crate) fn from(&self, what: &str) -> String {
        format!("{{mysql: {{url: \"{}\", password: {{file: password}}, {what}}}}}", self.url())
    }

    /// Runs statements.
    pub(crate) fn execute(&self, statements: &[&str]) {
        apart(async || {
            let mut conn = self.connect().await.unwrap();
            for sql in statements {
                conn.query_drop(*sql).await.unwrap();
            }
            conn.disconnect().await.unwrap();
        });
    }

    /// The ids of other connections that run such a statement.
    pub(crate) fn running(&self, like: &str) -> Vec<u64> {
        let sql = format!(
            "SELECT id FROM information_schema.processlist WHERE db = DATABASE() \
             AND id <> CONNECTION_ID() AND info LIKE '{like}'"
        );
        apart(async || {
            let mut conn = self.connect().await.unwrap();
            let ids = conn.query(sql).await.unwrap();
            conn.disconnect().await.unwrap();
            ids
        })
    }

    /// Makes the table `t` anew, of text.
    pub(crate) fn write(&self, headings: &[&str], rows: &[Vec<Option<String>>]) {
        let names: Vec<String> = headings.iter().map(|name| format!("`{name}` TEXT")).collect();
        let mut sql = vec![
            "DROP TABLE IF EXISTS t".to_owned(),
            format!("CREATE TABLE t (n INT AUTO_INCREMENT PRIMARY KEY, {})", names.join(", ")),
        ];
        let columns: Vec<String> = headings.iter().map(|name| format!("`{name}`")).collect();
        for some in rows.chunks(1_000) {
            let row = |row: &Vec<Option<String>>| {
                let cells = row.iter().map(|cell| match cell {
                    Some(text) => format!("'{}'", text.replace('\'', "''")),
                    None => "NULL".to_owned(),
                });
                format!("({})", cells.collect::<Vec<_>>().join(", "))
            };
            let rows: Vec<String> = some.iter().map(row).collect();
            sql.push(format!("INSERT INTO t ({}) VALUES {}", columns.join(", "), rows.join(", ")));
        }
        let sql: Vec<&str> = sql.iter().map(String::as_str).collect();
        self.execute(&sql);
    }

    async fn connect(&self) -> Result<Conn, mysql_async::Error> {
        let opts = mysql_async::Opts::from_url(&self.url()).unwrap();
        let opts = OptsBuilder::from_opts(opts).pass(Some(PASSWORD)).prefer_socket(false);
        Conn::new(opts).await
    }
}

fn installed(names: [&str; 2]) -> PathBuf {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/bin"];
    let candidates: Vec<PathBuf> =
        names.iter().flat_map(|name| folders.map(|folder| Path::new(folder).join(name))).collect();
    program(&candidates, INSTALL)
}

fn start(folder: &Path, port: u16) -> Child {
    let data = format!("--datadir={}", folder.join("data").display());
    let made = command(&installed(["mariadb-install-db", "mysql_install_db"]), folder)
        .args(["--no-defaults", "--basedir=/usr", &data, "--skip-test-db"])
        .args(["--auth-root-authentication-method=normal", "--skip-log-bin"])
        .status()
        .unwrap();
    assert!(made.success(), "{}", std::fs::read_to_string(folder.join("log")).unwrap());
    let users = format!(
        "CREATE USER IF NOT EXISTS 'test'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n\
         GRANT ALL ON *.* TO 'test'@'127.0.0.1' WITH GRANT OPTION;\n"
    );
    std::fs::write(folder.join("users.sql"), users).unwrap();
    command(&installed(["mariadbd", "mysqld"]), folder)
        .args(["--no-defaults", "--basedir=/usr", &data, "--bind-address=127.0.0.1"])
        .arg(format!("--port={port}"))
        .arg(format!("--socket={}", folder.join("socket").display()))
        .arg(format!("--pid-file={}", folder.join("pid").display()))
        .arg(format!("--init-file={}", folder.join("users.sql").display()))
        .args([
            "--innodb-flush-log-at-trx-commit=0",
            "--skip-name-resolve",
            "--max-allowed-packet=64M",
        ])
        .args(["--character-set-server=utf8mb4", "--sql-mode="])
        .spawn()
        .unwrap()
}
