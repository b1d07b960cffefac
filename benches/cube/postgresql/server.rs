//! A PostgreSQL server of the machine's, in a temporary folder, on a socket there.

use super::super::common::Outcome;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio_postgres::{Client, NoTls};

/// The user `nobody` of Debian: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;

/// How long it may take to begin.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server; it ends with this.
pub(super) struct Server {
    child: Child,
    folder: tempfile::TempDir,
}

impl Server {
    /// Makes a cluster and serves it, to as many workers a query as there are threads.
    pub(super) fn start(threads: usize) -> Outcome<Self> {
        let programs = programs()?;
        let folder = tempfile::tempdir()?;
        if is_root()? {
            chown(folder.path(), Some(NOBODY), Some(NOBODY))?;
        }
        let made = command(&programs.join("initdb"), folder.path())?
            .args(["-D", "data", "-U", "bench", "-E", "UTF8", "--locale=C"])
            .args(["--auth=trust", "--no-sync"])
            .status()?;
        if !made.success() {
            return Err(format!("initdb failed: {}", log(folder.path())).into());
        }
        let mut server = command(&programs.join("postgres"), folder.path())?;
        server.args(["-D", "data", "-k"]).arg(folder.path());
        let workers = format!("max_parallel_workers_per_gather={threads}");
        for setting in [
            "listen_addresses=",
            "fsync=off",
            "max_wal_size=8GB",
            "shared_buffers=2GB",
            "effective_cache_size=6GB",
            "maintenance_work_mem=512MB",
            "work_mem=256MB",
            "random_page_cost=1.1",
            "jit=off",
            &workers,
        ] {
            server.args(["-c", setting]);
        }
        Ok(Self { child: server.spawn()?, folder })
    }

    /// Connects, as soon as it listens.
    pub(super) async fn connect(&self) -> Outcome<Client> {
        let began = Instant::now();
        let mut config = tokio_postgres::Config::new();
        config.host_path(self.folder.path()).user("bench").dbname("postgres");
        loop {
            match config.connect(NoTls).await {
                Ok((client, connection)) => {
                    tokio::spawn(connection);
                    return Ok(client);
                }
                Err(error) if began.elapsed() > PATIENCE => {
                    let log = log(self.folder.path());
                    return Err(format!("PostgreSQL does not answer: {error}: {log}").into());
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // At once, but in order: what it shares with its children is given back.
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the newest PostgreSQL's programs are.
fn programs() -> Outcome<PathBuf> {
    let versions = (14..=30).rev();
    let debian =
        versions.map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")));
    let others = ["/usr/local/bin", "/usr/bin"].map(PathBuf::from);
    let mut all = debian.chain(others);
    let found = all.find(|folder| folder.join("postgres").is_file());
    found.ok_or_else(|| "PostgreSQL is not installed: run `. .ci/install/servers.sh`".into())
}

/// A program that writes to a log in the folder, as another user where this is root.
fn command(program: &Path, folder: &Path) -> Outcome<Command> {
    let mut command = Command::new(program);
    if is_root()? {
        command.uid(NOBODY).gid(NOBODY);
    }
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log"))?;
    let same = log.try_clone()?;
    command.current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", folder);
    command.stdin(Stdio::null()).stdout(log).stderr(same);
    Ok(command)
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

fn is_root() -> std::io::Result<bool> {
    Ok(std::fs::metadata("/proc/self")?.uid() == 0)
}
