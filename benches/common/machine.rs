//! Where, when and of which versions something was measured.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::Path;
use std::process::Command;

/// A run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) machine: Machine,
    /// None of figures from before this was written down.
    #[serde(flatten)]
    pub(crate) moment: Option<Moment>,
    /// By name.
    #[serde(default)]
    pub(crate) versions: BTreeMap<String, String>,
}

/// What something ran on; what the system does not tell is empty.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    memory_bytes: u64,
    kernel: String,
}

/// When something was measured, and of which state of the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moment {
    date: String,
    commit: String,
}

impl Run {
    /// What runs here and now.
    pub(crate) fn now() -> Self {
        let versions = [
            ("Starhouse", env!("CARGO_PKG_VERSION")),
            ("DataFusion", datafusion::DATAFUSION_VERSION),
        ];
        let versions = versions.map(|(name, version)| (name.to_owned(), version.to_owned()));
        Self {
            machine: Machine::this(),
            moment: Some(Moment::now()),
            versions: BTreeMap::from(versions),
        }
    }
}

impl Machine {
    /// The one this runs on.
    pub(crate) fn this() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let (processors, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
        let value = |text: &str, name| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'));
            line.map(|(_, value)| value.trim().to_owned())
        };
        let kibibytes = value(&memory, "MemTotal");
        let kibibytes = kibibytes.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
        Self {
            processor: value(&processors, "model name").unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_bytes: kibibytes.unwrap_or_default() * 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

impl Moment {
    /// Today, and the commit that is checked out.
    #[allow(clippy::disallowed_methods, reason = "a benchmark says when it ran")]
    pub(crate) fn now() -> Self {
        let date = chrono::Utc::now().date_naive().to_string();
        let git = |args: &[&str]| {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            let output = Command::new("git").arg("-C").arg(root).args(args).output().ok()?;
            let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            output.status.success().then_some(said)
        };
        // What benchmarks themselves write is no change.
        let changed = git(&[
            "status",
            "--porcelain",
            "--untracked-files=no",
            "--",
            ".",
            ":(exclude)benches/results",
            ":(exclude)docs",
            ":(exclude)README.md",
        ]);
        let mut commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_default();
        if changed.is_some_and(|files| !files.is_empty()) {
            commit += ", changed";
        }
        Self { date, commit }
    }
}

impl Display for Machine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, memory_bytes, kernel } = self;
        match processor.as_str() {
            "" => write!(f, "an unknown processor")?,
            processor => write!(f, "{processor}")?,
        }
        if *cores > 0 {
            write!(f, ", {cores} cores")?;
        }
        if *memory_bytes > 0 {
            write!(f, ", {:.0} GB of memory", *memory_bytes as f64 / 1e9)?;
        }
        if !kernel.is_empty() {
            write!(f, ", kernel {kernel}")?;
        }
        Ok(())
    }
}

impl Display for Moment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.commit.as_str() {
            "" => write!(f, "{}", self.date),
            commit => write!(f, "{} (commit {commit})", self.date),
        }
    }
}

impl Display for Run {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.machine)?;
        for (name, version) in &self.versions {
            write!(f, "; {name} {version}")?;
        }
        self.moment.as_ref().map_or(Ok(()), |moment| write!(f, "; {moment}"))
    }
}
