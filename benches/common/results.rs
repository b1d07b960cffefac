//! `benches/results/`: figures as JSON for programs, and what is drawn from them: the plots and
//! the table in the document that shows it.

use super::load::Load;
use super::measured::{Column, Measured};
use super::peers::Loaded;
use super::{Args, Benchmark, Outcome, document, plot};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The figures of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    benchmark: String,
    scale: Number,
    threads: usize,
    memory_gib: usize,
    machine: String,
    rows: u64,
    bytes: u64,
    text_bytes: u64,
    load_seconds: Option<f64>,
    load_peak_bytes: Option<u64>,
    peers_load_seconds: Option<f64>,
    engines: Vec<EngineFigures>,
}

#[derive(Debug, Serialize, Deserialize)]
struct EngineFigures {
    engine: String,
    /// By query, in their order.
    times_ms: Map<String, Value>,
    /// Why queries have no answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    failed: BTreeMap<String, String>,
    load_seconds: Option<f64>,
    peak_bytes: Option<u64>,
}

impl Figures {
    pub(crate) fn new(
        benchmark: &Benchmark,
        args: &Args,
        load: &Load,
        peers_load: Option<&Loaded>,
        columns: &[Column],
    ) -> Self {
        let whole = args.scale.fract() == 0.0;
        let scale = if whole { None } else { Number::from_f64(args.scale) };
        Self {
            benchmark: benchmark.name.to_owned(),
            scale: scale.unwrap_or_else(|| Number::from(args.scale as u64)),
            threads: args.threads,
            memory_gib: args.memory_gib,
            machine: document::machine(),
            rows: load.rows,
            bytes: load.bytes,
            text_bytes: load.text_bytes,
            load_seconds: load.cost.map(|cost| cost.seconds),
            load_peak_bytes: load.cost.map(|cost| cost.peak_bytes),
            peers_load_seconds: peers_load.map(|load| load.seconds),
            engines: columns.iter().map(EngineFigures::of).collect(),
        }
    }

    /// The name of its files, without an ending.
    fn file(&self) -> String {
        format!("{}-{}", self.benchmark, self.scale)
    }

    /// Puts the figures into a folder of results.
    pub(crate) fn write(&self, folder: &Path) -> Outcome<PathBuf> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(format!("{}.json", self.file()));
        std::fs::write(&path, serde_json::to_string_pretty(self)? + "\n")?;
        Ok(path)
    }

    /// The figures of the last run of a benchmark's scale.
    #[allow(dead_code, reason = "not every benchmark makes claims of its figures")]
    pub(crate) fn last(benchmark: &str, scale: f64, folder: &Path) -> Outcome<Self> {
        let path = folder.join(format!("{benchmark}-{scale}.json"));
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    /// What each engine took, without its answers.
    pub(crate) fn columns(&self) -> Outcome<Vec<Column>> {
        self.engines.iter().map(EngineFigures::column).collect()
    }

    /// Sums and means.
    fn table(&self) -> Outcome<String> {
        let columns = self.columns()?;
        let queries = columns.iter().map(|column| column.measured.len()).max().unwrap_or_default();
        let mut table = format!(
            "\n| scale {}, {} facts | sum of {queries} queries, ms | geometric mean, ms |\n|---|---:|---:|\n",
            self.scale,
            millions(self.rows)
        );
        for column in &columns {
            let (sum, mean) = (column.sum_ms(), column.geometric_mean_ms());
            let without = column.without();
            writeln!(table, "| {} | {sum:.0}{without} | {mean:.1} |", column.title)?;
        }
        table.push('\n');
        Ok(table)
    }
}

impl EngineFigures {
    fn of(column: &Column) -> Self {
        let times = column.answered().map(|one| (one.query.clone(), one.times_ms.clone().into()));
        let failed = column.measured.iter();
        let failed = failed.filter_map(|one| Some((one.query.clone(), one.failed.clone()?)));
        Self {
            engine: column.title.clone(),
            times_ms: times.collect(),
            failed: failed.collect(),
            load_seconds: column.load_seconds,
            peak_bytes: column.peak_bytes,
        }
    }

    fn column(&self) -> Outcome<Column> {
        let mut measured = Vec::new();
        for (query, times) in &self.times_ms {
            let times_ms = serde_json::from_value(times.clone())?;
            measured.push(Measured { query: query.clone(), times_ms, rows: vec![], failed: None });
        }
        for (query, why) in &self.failed {
            let (query, failed) = (query.clone(), Some(why.clone()));
            measured.push(Measured { query, times_ms: vec![], rows: vec![], failed });
        }
        let (title, peak_bytes) = (self.engine.clone(), self.peak_bytes);
        Ok(Column { title, measured, load_seconds: self.load_seconds, peak_bytes })
    }
}

/// Draws all plots of a benchmark again, and the table of its largest scale in its document.
pub(crate) fn redraw(benchmark: &Benchmark, root: &Path) -> Outcome<()> {
    let mut largest: Option<Figures> = None;
    for entry in std::fs::read_dir(root.join("benches/results"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !(name.starts_with(&format!("{}-", benchmark.name)) && name.ends_with(".json")) {
            continue;
        }
        let figures: Figures = serde_json::from_slice(&std::fs::read(&path)?)?;
        let columns = figures.columns()?;
        let plot = plot::draw(benchmark.title, &figures.scale.to_string(), &columns)?;
        std::fs::write(path.with_extension("svg"), plot)?;
        if largest.as_ref().is_none_or(|other| other.scale.as_f64() < figures.scale.as_f64()) {
            largest = Some(figures);
        }
    }
    let Some(figures) = largest else { return Ok(()) };
    document::put(root, benchmark.name, &figures.table()?)
}

/// How many, in millions.
fn millions(rows: u64) -> String {
    let millions = rows as f64 / 1e6;
    if millions < 10.0 {
        format!("{millions:.1} million")
    } else {
        format!("{millions:.0} million")
    }
}
