//! A child process, its time and its memory.

use super::Outcome;
use serde::de::DeserializeOwned;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a process took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    /// The most memory it held at once.
    pub(crate) peak_bytes: u64,
}

/// Runs a command to its end, which must be good.
pub(crate) fn run(command: &mut Command) -> Outcome<Cost> {
    let started = Instant::now();
    let mut child = command.spawn()?;
    let mut peak_bytes = 0;
    let status = loop {
        peak_bytes = peak_bytes.max(peak(&child));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if !status.success() {
        return Err(format!("{command:?}: {status}").into());
    }
    Ok(Cost { seconds: started.elapsed().as_secs_f64(), peak_bytes })
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

fn peak_of(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or_default() * 1024
}
