//! A child process, its time and its memory.

use super::Outcome;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a process took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    /// The most memory it held at once.
    pub(crate) peak_bytes: u64,
    /// What it gave the system to write to disk; 0 where the system does not say.
    #[serde(default)]
    pub(crate) written_bytes: u64,
}

/// Runs a command to its end, which must be good.
pub(crate) fn run(command: &mut Command) -> Outcome<Cost> {
    let started = Instant::now();
    let mut child = command.spawn()?;
    let (mut peak_bytes, mut written_bytes) = (0, 0);
    let status = loop {
        // What an ended process has written is known until it is waited for.
        let ended = state(&child);
        peak_bytes = peak_bytes.max(peak(&child));
        written_bytes = written_bytes.max(written(&child));
        match ended {
            Some('Z') => break child.wait()?,
            Some(_) => {}
            None => {
                if let Some(status) = child.try_wait()? {
                    break status;
                }
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if !status.success() {
        return Err(format!("{command:?}: {status}").into());
    }
    Ok(Cost { seconds: started.elapsed().as_secs_f64(), peak_bytes, written_bytes })
}

/// What a command prints, as JSON.
pub(crate) fn printed<T: DeserializeOwned>(command: &mut Command) -> Outcome<T> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The most memory this process has held so far; 0 where the system does not say.
pub(crate) fn own_peak() -> u64 {
    peak_of("self")
}

/// The most memory a child has held so far.
pub(crate) fn peak(child: &Child) -> u64 {
    peak_of(&child.id().to_string())
}

/// What a child has given the system to write to disk so far.
fn written(child: &Child) -> u64 {
    let io = std::fs::read_to_string(format!("/proc/{}/io", child.id())).unwrap_or_default();
    let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok());
    written.unwrap_or_default()
}

/// Whether a child runs, sleeps or has ended, in the system's letters, where it tells.
fn state(child: &Child) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    // The name before it, in brackets, may hold anything.
    stat.rsplit_once(") ")?.1.chars().next()
}

fn peak_of(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or_default() * 1024
}
