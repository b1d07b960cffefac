//! Database servers of the machine, started for the tests: a temporary folder, a free port of the
//! loopback address, one server for all tests that run at the time, a database a test.

use starhouse::error::Result;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

/// The user `nobody` of Debian: servers refuse to run as root.
const NOBODY: u32 = 65_534;
/// The password of the tests' user.
pub(crate) const PASSWORD: &str = "s3cr3t-of-the-tests";
/// How long a server may take to begin.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server, stopped when the last test that uses it ends.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) folder: tempfile::TempDir,
    child: Mutex<Child>,
}

impl Server {
    /// The server that other tests use at this moment, or a new one.
    pub(crate) fn shared(
        slot: &Mutex<Weak<Server>>,
        start: impl FnOnce(&Path, u16) -> Child,
    ) -> Arc<Server> {
        let mut slot = slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(server) = slot.upgrade() {
            return server;
        }
        let folder = tempfile::tempdir().unwrap();
        if is_root(folder.path()) {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let port = free_port();
        let child = Mutex::new(start(folder.path(), port));
        let server = Arc::new(Self { port, folder, child });
        *slot = Arc::downgrade(&server);
        server
    }

    /// Waits until a first connection succeeds.
    pub(crate) fn await_ready(&self, connect: impl Fn() -> bool) {
        let began = Instant::now();
        while !connect() {
            let ended = self.child.lock().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the server ended: {}", self.log());
            assert!(began.elapsed() < PATIENCE, "the server does not answer: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        // at once, but in order: what it shares with its children is given back
        let _ = Command::new("kill").args(["-QUIT", &child.id().to_string()]).status();
        let began = Instant::now();
        while child.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// A name for a database that no other test has.
pub(crate) fn fresh_name() -> String {
    static DATABASES: AtomicUsize = AtomicUsize::new(0);
    format!("t{}", DATABASES.fetch_add(1, Ordering::Relaxed))
}

/// A program, run as another user where the tests run as root; its output goes to `log`.
pub(crate) fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    if is_root(Path::new("/proc/self")) {
        command.uid(NOBODY).gid(NOBODY);
    }
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log"));
    let log = log.unwrap();
    let same = log.try_clone().unwrap();
    command.current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", folder);
    command.stdin(Stdio::null()).stdout(log).stderr(same);
    command
}

/// The first of these programs that there is; some are not in the path.
pub(crate) fn program(candidates: &[PathBuf], install: &str) -> PathBuf {
    let found = candidates.iter().find(|path| path.is_file());
    let found = found.unwrap_or_else(|| panic!("not installed: run `. {install}`"));
    found.clone()
}

/// Runs something on a thread of its own, with a runtime of its own.
pub(crate) fn apart<T: Send>(work: impl AsyncFnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                let mut runtime = tokio::runtime::Builder::new_current_thread();
                runtime.enable_all().build().unwrap().block_on(work())
            })
            .join()
            .unwrap()
    })
}

fn is_root(path: &Path) -> bool {
    std::fs::metadata(path).unwrap().uid() == 0
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The error of what must not succeed.
pub(crate) fn error_of<T>(outcome: Result<T>) -> starhouse::error::Error {
    outcome.err().expect("an error")
}
