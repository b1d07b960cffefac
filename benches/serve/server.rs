//! The server under measurement: the real program, a process of its own.

use super::Outcome;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A server; ended when dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: String,
}

/// Makes a project without models, unless it is there.
pub(crate) fn project(folder: &Path) -> Outcome<()> {
    std::fs::create_dir_all(folder)?;
    let settings = folder.join("starhouse.yaml");
    if !settings.exists() {
        std::fs::write(settings, "# the benchmark of serving\nlog_level: error\n")?;
    }
    Ok(())
}

/// Runs a statement with the command line.
pub(crate) fn sql(folder: &Path, statement: &str) -> Outcome<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_starhouse"))
        .args(["sql", "--format", "csv", "--project"])
        .args([folder.as_os_str(), statement.as_ref()])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

impl Server {
    /// Starts it with settings of the environment, and waits until it listens.
    pub(crate) fn start(folder: &Path, settings: &[(&str, &str)]) -> Outcome<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_starhouse"))
            .args(["serve", "--address", "127.0.0.1:0", "--project"])
            .arg(folder)
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("no standard output")?;
        for line in BufReader::new(output).lines() {
            let line = line?;
            let rest = line.split_once("://").map(|(_, rest)| rest);
            if let Some((address, _)) = rest.and_then(|rest| rest.split_once(';')) {
                let address = address.to_owned();
                return Ok(Self { child, address });
            }
        }
        Err("the server said nothing of listening".into())
    }

    /// What it has had in memory at most, in MiB, where the system tells.
    pub(crate) fn highest_mib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
